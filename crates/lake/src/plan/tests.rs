//! The plan check, the barrier, and what the engine may ask of it.

pub(crate) mod mutants;
