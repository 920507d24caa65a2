//! What upkeep does beside keeping records.

mod aside;
pub(super) mod counting;
mod cuts;
mod full_disk;
mod layout;
mod learned;
mod pace;
mod parts;
mod publish;
mod purging;
mod rotten;
mod scrub;
pub(in crate::lake) mod staged;
