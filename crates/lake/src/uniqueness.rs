//! Which tokens of uniqueness are known: the younger ones are in the journal
//! and in memory, the older ones in a store of their own.
//!
//! A record and its token are one operation of the journal, so neither is
//! durable without the other. Upkeep moves tags to the store before the journal
//! lets go of them, and memory lets go of them only when the store has them on
//! stable storage. Whoever looks into the store before a record is submitted
//! says how often tags had been moved by then; when some were moved since, it
//! has to look again.

mod memory;
mod recent;

pub use memory::MemoryTokens;
pub(crate) use recent::{Judgement, RecentTokens};

use std::fmt::Debug;

use futures::future::BoxFuture;
use model::time::Timestamp;
use model::uniqueness::TokenTag;

/// Why a store of tokens did not do what was asked; for the log alone.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenStoreError {
    /// The disk is full.
    #[error("the disk is full")]
    Full,
    /// Anything else.
    #[error("{0}")]
    Other(String),
}

/// Where the tags of tokens are that the journal has let go of.
pub trait TokenStore: Debug + Send + Sync {
    /// Whether it never held a tag, or holds none any more; then nobody asks it.
    fn is_empty(&self) -> bool;

    /// Which of the tags it knows that end after `now`, in their order. What an
    /// [`TokenStore::insert`] brought that had returned before is known.
    fn known<'a>(
        &'a self,
        tags: &'a [TokenTag],
        now: Timestamp,
    ) -> BoxFuture<'a, Result<Vec<bool>, TokenStoreError>>;

    /// Takes tags, each with the time at which it ends; of those that it knows,
    /// the later end holds. When it returns, they are on stable storage. Blocks.
    ///
    /// # Errors
    /// Some of the tags may be known all the same.
    fn insert(&self, tags: &[(TokenTag, Timestamp)]) -> Result<(), TokenStoreError>;

    /// Forgets tags that ended, so many at most; answers how many. Blocks.
    ///
    /// # Errors
    /// It is tried again.
    fn forget(&self, now: Timestamp, most: usize) -> Result<usize, TokenStoreError>;
}

/// Bounds of the tags in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenOptions {
    /// Tags that are in memory at most; records that come with more tokens are
    /// put off until some were moved.
    pub held: usize,
    /// Tags in memory from which on they are moved to the store.
    pub moved_at: usize,
}

impl Default for TokenOptions {
    fn default() -> Self {
        Self {
            held: 1 << 18,
            moved_at: 1 << 15,
        }
    }
}

/// The tokens of a batch that is submitted.
#[derive(Clone, Debug)]
pub(crate) struct NewTokens {
    /// Each tag, behind the place of its record; no tag twice.
    pub(crate) tags: Vec<(usize, TokenTag)>,
    /// When all of them end.
    pub(crate) ends: Timestamp,
    /// How often tags had been moved when the store was asked for them.
    pub(crate) looked: u64,
}
