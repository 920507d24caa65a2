//! What upkeep does beside keeping records.

mod publish;
mod scrub;
