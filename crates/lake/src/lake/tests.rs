//! Durability and state of the whole lake.

mod answers;
mod behaviour;
mod deletes;
mod deletion;
pub(crate) mod fixtures;
mod growth;
mod power;
mod receipts;
mod retention;
pub(crate) mod tokens;
mod touched;
mod uniqueness;
mod upkeep;
mod upserts;
