//! Durability and state of the whole lake.

mod behaviour;
pub(crate) mod fixtures;
mod growth;
mod power;
pub(crate) mod tokens;
mod upkeep;
mod upserts;
