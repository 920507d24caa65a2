//! The lake: where records become durable, and where questions over them are
//! answered under a key's constraint.
//!
//! It accepts only what a permit can make: [`AdmittedBatch`](model::permit::AdmittedBatch),
//! [`ConstrainedQuery`](model::permit::ConstrainedQuery), [`ConstrainedDelete`](model::permit::ConstrainedDelete), [`ConstrainedSchema`](model::permit::ConstrainedSchema). It does
//! not know HTTP, and it does not know the control plane.
//!
//! The road of a datum: [`Lake::append`] → `operation` (bytes) → [`journal`]
//! (durable) → `store` and `buffer` (visible). The road of a question:
//! [`Lake::query`] → `plan` (operators, barrier, check) → `run` → `finish`.

pub mod disk;
pub mod journal;
pub mod simulation;

mod aggregates;
mod buffer;
mod columnar;
mod columns;
mod error;
mod finish;
mod lake;
mod manifest;
mod operation;
mod output;
mod plan;
mod predicate;
mod published;
mod reading;
mod run;
mod seen;
mod snapshot;
mod store;
mod tables;
mod uniqueness;
mod upserts;
#[cfg(test)]
mod worlds;

pub use columnar::{ByteStream, RecordFile};
pub use error::{LakeError, Result};
pub use lake::{
    Answer, Environment, InspectedFile, InspectedPart, InspectedPool, Inspection, Lake,
    LakeOptions, Page, PageCell, PageColumn, PageRows, PoolLayout, Scrubbed, Strays, UpkeepOptions,
};
pub use run::{RowStream, RunOptions};
pub use uniqueness::{MemoryTokens, TokenOptions, TokenStore, TokenStoreError};
