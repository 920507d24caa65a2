//! Columns of blocks as they were read, kept while there is room. They are
//! immutable, lie below the barrier, and only a scan reaches them.

mod living;

use std::collections::HashSet;
use std::sync::Arc;
#[cfg(test)]
use std::sync::atomic::{AtomicU64, Ordering};

use arrow_array::{Array, ArrayRef, NullArray};
use model::names::FieldPath;
use parquet::column::page::Page;
use quick_cache::Weighter;
use quick_cache::sync::Cache;

use super::ROW_GROUP_BLOCKS;
use super::entry::FileId;
use crate::columns::Encoded;
use living::Living;

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

/// What is kept of a file.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Part {
    /// The cells of a block.
    Cells(usize, CellSource),
    /// What the codes of a column stand for in a row group.
    Dictionary(usize, usize),
    /// The same as the file holds it.
    Page(usize, usize),
    /// How often some rows of a block were asked for.
    Asked(usize),
}

type Key = (FileId, Part);

/// The form in which it is.
#[derive(Clone)]
enum Form {
    Array(ArrayRef),
    Page(Arc<Page>),
}

/// What is kept, measured before it is: the cache weighs what it keeps while others wait for it.
#[derive(Clone)]
struct Kept {
    form: Form,
    bytes: u64,
}

impl Kept {
    fn of(form: Form) -> Self {
        const ENTRY: usize = 128;
        let bytes = match &form {
            Form::Page(page) => page.buffer().len(),
            // What codes stand for is kept, and counted, on its own.
            Form::Array(array) => match Encoded::of(array.as_ref()) {
                Some(encoded) => encoded.codes().get_array_memory_size(),
                None => array.get_array_memory_size(),
            },
        };
        let bytes = (bytes + ENTRY) as u64;
        Self { form, bytes }
    }

    fn array(self) -> Option<ArrayRef> {
        match self.form {
            Form::Array(array) => Some(array),
            Form::Page(_) => None,
        }
    }
}

#[derive(Clone, Debug)]
struct Bytes;

impl Weighter<Key, Kept> for Bytes {
    fn weight(&self, _: &Key, kept: &Kept) -> u64 {
        kept.bytes
    }
}

/// What a cache that is wrong does not tell apart, for the proof that it would be noticed.
#[cfg(test)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Confuses {
    Nothing,
    Files,
    Columns,
    Orders,
}

/// Columns of blocks, bounded in bytes.
pub(crate) struct BlockCache {
    cache: Cache<Key, Kept, Bytes>,
    /// What codes of kept cells stand for.
    living: Living,
    #[cfg(test)]
    pub(super) confuses: Confuses,
    /// How often something that is kept was looked at to find what goes.
    #[cfg(test)]
    looked_at: AtomicU64,
}

impl std::fmt::Debug for BlockCache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BlockCache").finish_non_exhaustive()
    }
}

impl BlockCache {
    /// A cache of at most so many bytes.
    pub(super) fn new(bytes: u64) -> Self {
        const USUAL_BYTES: u64 = 64 << 10;
        let items = usize::try_from(bytes / USUAL_BYTES).unwrap_or(usize::MAX);
        Self {
            cache: Cache::with_weighter(items.max(16), bytes, Bytes),
            living: Living::default(),
            #[cfg(test)]
            confuses: Confuses::Nothing,
            #[cfg(test)]
            looked_at: AtomicU64::new(0),
        }
    }

    /// What cells are found by: what differs is never mistaken for another.
    fn cells(&self, file: FileId, block: usize, source: &CellSource) -> Key {
        #[cfg(test)]
        match self.confuses {
            Confuses::Nothing | Confuses::Orders => {}
            Confuses::Files => {
                let one = FileId(model::ids::RawId::from_bytes([1; 16]));
                return (one, Part::Cells(block, source.clone()));
            }
            Confuses::Columns => return (file, Part::Cells(block, CellSource::Missing)),
        }
        (file, Part::Cells(block, source.clone()))
    }

    /// The order that an order is taken for.
    #[cfg(test)]
    pub(super) fn confused(&self, by: super::ByTime) -> super::ByTime {
        let one = super::ByTime {
            descending: false,
            missing_first: false,
        };
        match self.confuses {
            Confuses::Orders => one,
            _ => by,
        }
    }

    /// Bytes that are held.
    pub(super) fn bytes(&self) -> u64 {
        self.cache.weight()
    }

    pub(super) fn get(
        &self,
        cached: Cached,
        file: FileId,
        block: usize,
        source: &CellSource,
    ) -> Option<ArrayRef> {
        match cached {
            Cached::Yes => {
                let array = self.array(&self.cells(file, block, source))?;
                self.keep_dictionary(file, block, source, &array);
                Some(array)
            }
            Cached::No => None,
        }
    }

    /// What the codes of cells stand for is asked for as often as the cells. It would go before
    /// them else, and stay in memory as long as they do without being counted.
    fn keep_dictionary(&self, file: FileId, block: usize, source: &CellSource, cells: &ArrayRef) {
        if let CellSource::Stored(column) = source
            && let Some(encoded) = Encoded::of(cells.as_ref())
        {
            let key = (file, Part::Dictionary(block / ROW_GROUP_BLOCKS, *column));
            if self.cache.get(&key).is_none() {
                let values = encoded.values().clone();
                self.cache.insert(key, Kept::of(Form::Array(values)));
            }
        }
    }

    /// Whether cells are kept.
    pub(super) fn holds(&self, file: FileId, block: usize, source: &CellSource) -> bool {
        self.cache.contains_key(&self.cells(file, block, source))
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
            let kept = Kept::of(Form::Array(array.clone()));
            self.cache.insert(self.cells(file, block, source), kept);
        }
    }

    /// How often some rows of a block were asked for before, as far as that is
    /// remembered; from now on once more.
    pub(super) fn asked(&self, cached: Cached, file: FileId, block: usize) -> usize {
        if cached == Cached::No {
            return 0;
        }
        let key = (file, Part::Asked(block));
        let times = self.array(&key).map_or(0, |times| times.len());
        let once_more = Kept::of(Form::Array(Arc::new(NullArray::new(times + 1))));
        self.cache.insert(key, once_more);
        times
    }

    /// What the codes of a column stand for, as one array for all blocks of a
    /// row group that are kept.
    pub(super) fn shared_dictionary(
        &self,
        cached: Cached,
        file: FileId,
        (group, column): (usize, usize),
        values: &ArrayRef,
    ) -> ArrayRef {
        if cached == Cached::No {
            return values.clone();
        }
        let key = (file, Part::Dictionary(group, column));
        let is_same = |known: &ArrayRef| known.as_ref() == values.as_ref();
        if let Some(known) = self.array(&key).filter(is_same) {
            return known;
        }
        // It may not be kept for itself any more, and still be what kept cells refer to.
        let living = self.living.find(file, (group, column)).filter(is_same);
        let shared = living.unwrap_or_else(|| values.clone());
        self.living.note(file, (group, column), &shared);
        let kept = Kept::of(Form::Array(shared.clone()));
        self.cache.insert(key, kept);
        shared
    }

    /// The dictionary of a column of a row group as the file holds it, if it is kept.
    pub(super) fn dictionary(
        &self,
        cached: Cached,
        file: FileId,
        (group, column): (usize, usize),
    ) -> Option<Page> {
        if cached == Cached::No {
            return None;
        }
        match self.cache.get(&(file, Part::Page(group, column)))?.form {
            Form::Page(page) => Some(Page::clone(&page)),
            Form::Array(_) => None,
        }
    }

    /// Keeps it for the other blocks of the row group, unless it is as long as many of them.
    pub(super) fn put_dictionary(
        &self,
        cached: Cached,
        file: FileId,
        (group, column): (usize, usize),
        page: &Page,
    ) {
        const BYTES_MAX: usize = 512 << 10;
        if cached == Cached::Yes && page.buffer().len() <= BYTES_MAX {
            let key = (file, Part::Page(group, column));
            let kept = Kept::of(Form::Page(Arc::new(page.clone())));
            self.cache.insert(key, kept);
        }
    }

    fn array(&self, key: &Key) -> Option<ArrayRef> {
        self.cache.get(key)?.array()
    }

    /// Forgets what is known of files that are gone, in one look at all that is kept: there
    /// may be thousands of them.
    pub(super) fn forget(&self, files: &HashSet<FileId>) {
        self.cache.retain(|(id, ..), _| {
            #[cfg(test)]
            self.looked_at.fetch_add(1, Ordering::Relaxed);
            !files.contains(id)
        });
        self.living.forget(files);
    }
}

#[cfg(test)]
mod tests;
