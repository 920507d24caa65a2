//! Which records replace which, in pools with unique fields.
//!
//! A record replaces every older one that has the same values in all unique
//! fields, the isolation field among them, and in all fields that the newer
//! one's key injects. What was replaced never comes back, also when the newer
//! record is deleted: keys outlive their records until the flush that turns
//! them into places of rows in files.

mod index;
mod keys;
mod ledger;

pub(crate) use index::UniqueIndex;
pub(crate) use keys::{Replacement, RowKeys, Sameness, unique_columns};
pub(crate) use ledger::{Hidden, Ledger};

#[cfg(test)]
mod tests;
