//! What upkeep does beside keeping records.

mod cuts;
mod layout;
mod publish;
mod scrub;
pub(super) mod staged;
