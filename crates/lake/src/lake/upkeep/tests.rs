//! What upkeep does beside keeping records.

mod layout;
mod publish;
mod scrub;
