//! The central proof: what a key is answered over all records is what it is
//! answered over its own records alone, and what a key without a constraint is
//! answered over those.

pub(crate) mod tests;
