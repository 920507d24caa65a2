//! The audit: who changed what, from what to what, in a chain of hashes that
//! an old signed checkpoint holds fast.
//!
//! Each project has a log of its own, so that whoever may see one project can
//! verify its log alone. Three things bind an entry (`docs/adr/024-audit-chain.md`):
//!
//! - its **leaf**, SHA-256 over a canonical form of all that it says ([`AuditEntry::leaf`]);
//! - its **link**, SHA-256 over the link before and the leaf ([`Log::append`]), stored beside it:
//!   it says *which* entry was changed;
//! - the **root** of the tree over all leaves ([`Tree`]), which a checkpoint signs:
//!   it says that nothing before the checkpoint was changed, be the links made anew or not.

mod checkpoint;
mod entry;
mod exported;
mod log;
mod tree;
mod verify;

pub use checkpoint::{Checkpoint, CheckpointError, CheckpointKey, VerifierKey};
pub use entry::{AuditEntry, ChainedEntry, Digest};
pub use exported::UnreadableLine;
pub use log::{Head, Log};
pub use tree::Tree;
pub use verify::{Finding, Verified, Verifier};

#[cfg(test)]
mod tests;
