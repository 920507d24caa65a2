//! The nouns and decisions of Tidegate: names, values, filters, grants, keys
//! and the sealed chain of types from a presented token to a question that
//! the lake accepts.
//!
//! This crate does no IO and knows nothing of HTTP, SQL or Arrow. Time and
//! randomness come in through [`time::Clock`] and [`random::RandomSource`].
//!
//! The chain that closes the doors, in reading order:
//!
//! ```text
//! Secret → KeyRecord::verify → Access → Access::permit::<Action>() → Permit
//!        Permit<Read>::constrain(query)   → ConstrainedQuery
//!        Permit<Ingest>::admit(batch)     → AdmittedBatch
//!        Permit<Delete>::constrain(filter)→ ConstrainedDelete
//!        Permit<Schema>::constrain()      → ConstrainedSchema
//! ```

#[cfg(test)]
extern crate self as model;

pub mod analyses;
pub mod answers;
pub mod audit;
pub mod canonical;
pub mod credits;
pub mod datasets;
pub mod document;
pub mod fault;
pub mod fields;
pub mod filters;
#[cfg(test)]
mod fixtures;
pub mod grants;
pub mod ids;
pub mod isolation;
pub mod json;
pub mod keys;
pub mod limits;
pub mod names;
pub mod origins;
pub mod people;
pub mod permit;
pub mod pools;
pub mod queries;
pub mod random;
pub mod rate;
pub mod records;
pub mod saved_queries;
pub mod sealed;
pub mod secrets;
pub mod tickets;
pub mod time;
pub mod uniqueness;
pub mod usage;
pub mod value;
pub mod views;
