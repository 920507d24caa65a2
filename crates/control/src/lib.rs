//! The control plane: who may do what. Organizations, projects, pools, views,
//! keys and the audit, on SQLite.
//!
//! - Everything is served from memory; the database is read at the start and
//!   written by changes. [`Control`] says what a change promises.
//! - A change and its audit entry are one transaction. What is in memory was
//!   always read back from what was written, so a restart changes nothing.
//! - A token is in the answer of the call that makes it and nowhere else: the
//!   database holds its HMAC under a pepper that is kept outside of it. The one
//!   exception, which is sealed under that pepper: `scoped.rs`.
//! - Resources of another project do not exist for a caller.
//!
//! This crate knows nothing of HTTP and of how records are stored. To add a
//! noun: its stored form in `store/rows.rs`, its texts in `store/text.rs`, a
//! migration, what a change does to it in `change.rs`, and its calls in a
//! file of its own.

mod audit;
mod callers;
mod change;
mod clock;
mod closing;
mod control;
mod datasets;
mod definitions;
mod derived;
mod dropping;
mod ending;
mod error;
mod fatal;
mod grants;
mod inspect;
mod isolation;
mod issuing;
mod keen;
mod keys;
mod last_use;
mod leaks;
mod ledger;
mod meters;
mod networks;
mod nonces;
mod notices;
mod once;
mod organization;
mod people;
mod pools;
mod projects;
mod pulse;
mod reading;
mod rolling;
mod saved_queries;
mod scoped;
mod signing;
mod sorted;
mod store;
mod totals;
mod usage;
mod uses;
mod views;
mod writer;

#[cfg(test)]
mod tests;

pub use audit::{AuditPage, AuditSearch};
pub use callers::UsedFrom;
pub use clock::{AcceptedKey, ClockAccepted, is_far_ahead};
pub use control::{Control, ControlOptions};
pub use definitions::{Definitions, ProjectRecord};
pub use derived::{DerivedUse, SliceSpent};
pub use ending::Ending;
pub use error::{ControlError, Ended, InternalError, Refusal};
pub use inspect::{Inspected, VerifiedProject, copy, inspect, integrity, verify_audit};
pub use isolation::Learning;
pub use keen::KeenKeys;
pub use leaks::{LeakReport, Leaked, ReportError};
pub use ledger::{CreditsLeft, CreditsSpent, Reservation, SavedBatch, Spent};
pub use meters::{Entered, LimitsLeft, OverLimit};
pub use networks::{UsageFrom, Whence};
pub use nonces::SignedError;
pub use notices::{Notice, NoticeKind};
pub use once::{Carried, Made, Once};
pub use people::{
    NewPerson, OpenSession, OwnSession, Proof, SecondFactor, SharedAccount, Shown, SignIn, SignedIn,
};
pub use pulse::{Beat, PULSE_SECONDS};
pub use scoped::Scoping;
pub use store::TokenFile;
pub use totals::Unpublished;
pub use usage::{Did, UsageAsked, UsageBy, UsageCounts, UsageOf, UsagePart};
