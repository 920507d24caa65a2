//! What the journal remembers: the operations on records, as bytes.
//!
//! Every payload starts with the version of this format. A version that is
//! read once is read for ever.

mod bytes;
mod decode;
mod encode;
mod manifest;
mod parts;

pub(crate) use decode::{decode, is_of_records};
pub(crate) use encode::{encode_append, encode_delete, encode_drop, encode_removal, encode_tokens};
pub(crate) use manifest::{encode_answers, encode_commit, encode_dropped, encode_state};
pub(crate) use parts::{Joining, encode_parts};

use model::filters::{Constraint, Filter};
use model::ids::{KeyId, PoolId};
use model::names::FieldPath;
use model::records::{Record, RecordFault};
use model::time::Timestamp;
use model::uniqueness::TokenTag;
use model::value::Value;

use crate::manifest::{Manifest, ManifestChange};

/// The version in which operations on records are written; those on files are of version 2.
const VERSION: u8 = 1;

/// As [`VERSION`]; behind the records of a batch, the fields that its key
/// injects. It is written where they say what the records replace.
const REPLACING: u8 = 3;

/// As [`REPLACING`]; behind that, the tags of the tokens of uniqueness that the
/// records came with, and with a saved answer, how many records it accepted:
/// those that were known already are not among them. It is written where
/// records came with tokens, and for tags that are carried on.
const WITH_TOKENS: u8 = 4;

/// The bytes that a record takes in columns, roughly and rather too many.
pub(crate) fn weight(record: &Record) -> usize {
    let fields = record.fields();
    fields
        .map(|(path, value)| path.as_str().len() + value_weight(value))
        .sum()
}

fn value_weight(value: &Value) -> usize {
    24 + match value {
        Value::String(text) => text.len(),
        Value::Array(values) => values.iter().map(value_weight).sum(),
        Value::Object(object) => object
            .iter()
            .map(|(name, value)| name.len() + value_weight(value))
            .sum(),
        _ => 0,
    }
}

/// What a saved answer is found by.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct IdempotencyTag {
    /// The pool written to.
    pub(crate) pool: PoolId,
    /// The key that wrote.
    pub(crate) key: KeyId,
    /// The client's text.
    pub(crate) text: String,
}

/// What is saved of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SavedAnswer {
    /// SHA-256 of what was sent.
    pub(crate) fingerprint: [u8; 32],
    /// When.
    pub(crate) at: Timestamp,
    /// Records stored.
    pub(crate) accepted: u64,
    /// Records rejected.
    pub(crate) rejected: u64,
    /// The first of them.
    pub(crate) faults: Vec<RecordFault>,
}

/// An operation as it was read back.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Stored {
    /// Records were added.
    Append {
        /// The pool.
        pool: PoolId,
        /// The records, system fields included, by the names of columns.
        records: Vec<Record>,
        /// The fields that the key injects and that must agree for a record to
        /// replace an older one; none in pools without unique fields.
        injected: Vec<FieldPath>,
        /// The answer, when it was saved under an idempotency key.
        saved: Option<(IdempotencyTag, SavedAnswer)>,
        /// When they came.
        at: Timestamp,
        /// The tags of the tokens that they came with.
        tokens: Vec<TokenTag>,
    },
    /// Records were deleted: those that both admit.
    Delete {
        /// The pool.
        pool: PoolId,
        /// What the key saw, by the names of columns.
        rows: Constraint,
        /// What it asked for, by the names of columns.
        filter: Option<Filter>,
    },
    /// A pool was forgotten.
    Drop {
        /// The pool.
        pool: PoolId,
    },
    /// The files of a pool changed.
    Commit {
        /// The pool.
        pool: PoolId,
        /// How.
        change: ManifestChange,
    },
    /// All there is to know of a pool's files, whatever came before.
    State {
        /// The pool.
        pool: PoolId,
        /// The files.
        manifest: Manifest,
    },
    /// Saved answers, carried on from earlier operations.
    Answers(Vec<(IdempotencyTag, SavedAnswer)>),
    /// Pools that were dropped once, carried on: they never come back.
    Dropped(Vec<PoolId>),
    /// Tags of tokens, each with the time at which it ends, carried on from
    /// earlier operations.
    Tokens(Vec<(TokenTag, Timestamp)>),
    /// A part of an operation that is too large for one record.
    Part(Part),
}

/// A part of an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    /// Which, from 0.
    pub(crate) number: usize,
    /// Of how many.
    pub(crate) of: usize,
    /// What it says of the payload.
    pub(crate) bytes: Vec<u8>,
}

/// Bytes that are no operation of a known version.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DecodeError {
    /// A later version wrote it.
    #[error("an operation of format version {0} was written by a later version of the server")]
    Newer(u8),
    /// The bytes end early or say what cannot be.
    #[error("an operation cannot be read back: {0}")]
    Malformed(&'static str),
}

#[cfg(test)]
mod tests;
