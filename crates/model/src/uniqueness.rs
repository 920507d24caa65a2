//! Tokens of uniqueness: of the records that come with one token, a pool keeps
//! the first.
//!
//! A token means something within its scope alone: the pool, what the key
//! stamps on its records, and the record's value in the pool's isolation field.
//! So no customer can keep out the records of another one by their tokens, nor
//! find out which tokens they used.

use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::limits::{UNIQUENESS_SECONDS, UNIQUENESS_TOKEN_CHARS_MAX};
use crate::names::FieldPath;
use crate::pools::Pool;
use crate::records::{Record, Sent, SentRecord};
use crate::time::Timestamp;
use crate::value::Value;

/// What a client says once of a record, however often it sends it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct UniquenessToken(String);

impl UniquenessToken {
    /// The token of this text; `None` when it is empty or has more than
    /// [`UNIQUENESS_TOKEN_CHARS_MAX`] characters.
    pub fn parse(text: &str) -> Option<Self> {
        let is_short = text.chars().nth(UNIQUENESS_TOKEN_CHARS_MAX).is_none();
        (is_short && !text.is_empty()).then(|| Self(text.to_owned()))
    }
}

/// A client's text may say whatever it likes, so no log shows it.
impl std::fmt::Debug for UniquenessToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("UniquenessToken")
    }
}

/// A record on its way in, and the token that came with it.
#[derive(Clone, Debug, PartialEq)]
pub struct WithToken {
    /// The record.
    pub record: Value,
    /// Its token, if it has one.
    pub token: Option<UniquenessToken>,
}

impl Sent for WithToken {
    fn json(&self) -> Option<&[u8]> {
        None
    }

    fn token(&self) -> Option<&UniquenessToken> {
        self.token.as_ref()
    }

    fn read(self) -> SentRecord {
        Ok(self.record)
    }
}

/// A token within its scope, as it is stored: 128 bits of SHA-256.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TokenTag([u8; 16]);

impl TokenTag {
    /// The tag of these bytes, as [`TokenTag::to_bytes`] gave them.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    pub fn to_bytes(self) -> [u8; 16] {
        self.0
    }
}

/// When a token that came at this time is free again.
pub fn ends(at: Timestamp) -> Timestamp {
    let kept = Duration::from_secs(UNIQUENESS_SECONDS.unsigned_abs());
    at.checked_add(kept).unwrap_or(Timestamp::MAX)
}

/// Stored tags hold for as long as tokens are known: what is hashed stays as it is.
const LABEL: &[u8] = b"tidegate uniqueness 1";

/// What the tokens of a batch are told apart by from those of others.
#[derive(Debug)]
pub(crate) struct Scope<'p> {
    /// The isolation field, and the name of its column.
    isolation: Option<(&'p FieldPath, FieldPath)>,
    begun: Sha256,
}

impl<'p> Scope<'p> {
    /// That of a key that stamps these values, in their stored form, on what it
    /// writes to a pool. Fields go by their columns, which no renaming changes.
    pub(crate) fn of(pool: &'p Pool, injected: &[(FieldPath, Value)]) -> Self {
        let schema = &pool.draft.schema;
        let mut begun = Sha256::new();
        begun.update(LABEL);
        begun.update(pool.id.to_bytes());
        begun.update((injected.len() as u64).to_le_bytes());
        for (path, value) in injected {
            put_field(&mut begun, &schema.column_path(path), value);
        }
        let isolation = pool.draft.isolation_field.as_ref();
        let isolation = isolation.map(|path| (path, schema.column_path(path)));
        Self { isolation, begun }
    }

    /// The tag of a record, as it will be stored, and its token.
    pub(crate) fn tag(&self, record: &Record, token: &UniquenessToken) -> TokenTag {
        let mut hash = self.begun.clone();
        match &self.isolation {
            None => hash.update([0]),
            Some((path, column)) => match record.get(path.as_str()) {
                None => hash.update([1]),
                Some(value) => {
                    hash.update([2]);
                    put_field(&mut hash, column, value);
                }
            },
        }
        put(&mut hash, token.0.as_bytes());
        let digest: [u8; 32] = hash.finalize().into();
        let mut tag = [0; 16];
        tag.copy_from_slice(&digest[..16]);
        TokenTag(tag)
    }
}

fn put_field(hash: &mut Sha256, column: &FieldPath, value: &Value) {
    put(hash, column.as_str().as_bytes());
    put(hash, &crate::canonical::to_bytes(value));
}

/// Behind its length, so that no two lists of parts are the same bytes.
fn put(hash: &mut Sha256, part: &[u8]) {
    hash.update((part.len() as u64).to_le_bytes());
    hash.update(part);
}

#[cfg(test)]
mod tests;
