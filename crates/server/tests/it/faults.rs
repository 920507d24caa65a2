//! What a server promises when the machine under it fails, proven from
//! outside: failing system calls, power cuts, rotten bytes, directories of
//! other releases. `docs/durability.md` says what is proven and how it is run.

mod calls;
mod control;
pub(crate) mod flips;
mod golden;
mod ledger;
mod power;
pub(crate) mod sample;
mod starts;
