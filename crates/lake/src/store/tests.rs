//! The state machine and its broken twins.

pub(crate) mod mutants;
