//! Columns of blocks as they were read, kept while there is room. They are
//! immutable, lie below the barrier, and only a scan reaches them.

use arrow_array::{Array, ArrayRef};
use model::names::FieldPath;
use quick_cache::Weighter;
use quick_cache::sync::Cache;

use super::entry::FileId;

/// Whether a reader leaves what it read for others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cached {
    /// Questions do.
    Yes,
    /// Upkeep reads everything once.
    No,
}

/// Where the cells of a field of a file come from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum CellSource {
    /// The column of this number.
    Stored(usize),
    /// The column of undeclared fields.
    Extracted(FieldPath),
    /// The file has no such column.
    Missing,
}

type Key = (FileId, usize, CellSource);

#[derive(Clone, Debug)]
struct Bytes;

impl Weighter<Key, ArrayRef> for Bytes {
    fn weight(&self, _: &Key, array: &ArrayRef) -> u64 {
        const ENTRY: usize = 128;
        (array.get_array_memory_size() + ENTRY) as u64
    }
}

/// Columns of blocks, bounded in bytes.
#[derive(Debug)]
pub(crate) struct BlockCache(Cache<Key, ArrayRef, Bytes>);

impl BlockCache {
    /// A cache of at most so many bytes.
    pub(super) fn new(bytes: u64) -> Self {
        const USUAL_BYTES: u64 = 64 << 10;
        let items = usize::try_from(bytes / USUAL_BYTES).unwrap_or(usize::MAX);
        Self(Cache::with_weighter(items.max(16), bytes, Bytes))
    }

    /// Bytes that are held.
    pub(super) fn bytes(&self) -> u64 {
        self.0.weight()
    }

    pub(super) fn get(
        &self,
        cached: Cached,
        file: FileId,
        block: usize,
        source: &CellSource,
    ) -> Option<ArrayRef> {
        match cached {
            Cached::Yes => self.0.get(&(file, block, source.clone())),
            Cached::No => None,
        }
    }

    pub(super) fn put(
        &self,
        cached: Cached,
        file: FileId,
        block: usize,
        source: &CellSource,
        array: &ArrayRef,
    ) {
        if cached == Cached::Yes {
            self.0.insert((file, block, source.clone()), array.clone());
        }
    }

    /// Forgets what is known of a file that is gone.
    pub(super) fn forget(&self, file: FileId) {
        self.0.retain(|(id, ..), _| *id != file);
    }
}
