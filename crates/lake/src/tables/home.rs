//! Where the files of all pools are, and which of them are open.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use model::ids::PoolId;
use quick_cache::sync::Cache;

use super::cache::BlockCache;
use super::entry::{FileEntry, FileId, Lease};
use super::footprint::Footprint;
use super::handles::Handles;
use super::read::TableFile;
use crate::disk::Disk;
use crate::error::Result;

/// Files of records that are open at once; others are opened again.
pub(crate) const OPEN_MAX: usize = 512;

/// Of how many files it is kept how they are built, for the cache's own lists. So few that the
/// cache has one part, in which there is room for any file: each part has its own bound.
const BUILT_USUALLY: usize = 32;

/// Of the bytes of the cache, those for how files are built: an eighth, but of a small cache more,
/// since a file whose footer finds no room is looked into again by each question.
fn bytes_for_footers(cache_bytes: u64) -> u64 {
    const LEAST: u64 = 1 << 20;
    (cache_bytes / 8).max(LEAST).min(cache_bytes / 2)
}

/// The files of all pools.
#[derive(Debug)]
pub(crate) struct Tables {
    disk: Arc<dyn Disk>,
    root: PathBuf,
    blocks: Arc<BlockCache>,
    handles: Arc<Handles>,
    open: Cache<FileId, Arc<TableFile>, Footprint>,
}

impl Tables {
    /// The files below `root`, with a cache of so many bytes for their columns and for how they
    /// are built.
    pub(crate) fn new(disk: Arc<dyn Disk>, root: &Path, cache_bytes: u64) -> Self {
        let footers = bytes_for_footers(cache_bytes);
        Self {
            handles: Arc::new(Handles::new(disk.clone(), OPEN_MAX)),
            disk,
            root: root.to_owned(),
            blocks: Arc::new(BlockCache::new(cache_bytes - footers)),
            open: Cache::with_weighter(BUILT_USUALLY, footers, Footprint),
        }
    }

    /// The same, with at most so many files open.
    pub(crate) fn with_open_files(self, max: usize) -> Self {
        let handles = Arc::new(Handles::new(self.disk.clone(), max.min(OPEN_MAX)));
        Self { handles, ..self }
    }

    /// The same files, read through a cache that is wrong.
    #[cfg(test)]
    pub(crate) fn confusing(&self, confuses: super::cache::Confuses) -> Self {
        let mut blocks = BlockCache::new(1 << 20);
        blocks.confuses = confuses;
        Self {
            blocks: Arc::new(blocks),
            ..Self::new(self.disk.clone(), &self.root, 2 << 20)
        }
    }

    /// The disk.
    pub(crate) fn disk(&self) -> &Arc<dyn Disk> {
        &self.disk
    }

    /// The directory of all pools.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The directory of a pool.
    pub(crate) fn directory(&self, pool: PoolId) -> PathBuf {
        self.root.join(pool.to_string())
    }

    /// Opens a file, if it is not open. That it stays open keeps it from
    /// nobody: whoever reads it holds its lease.
    pub(crate) fn open(&self, pool: PoolId, entry: &Arc<FileEntry>) -> Result<Arc<TableFile>> {
        self.open.get_or_insert_with(&entry.id, || {
            let directory = self.directory(pool);
            let unleased = FileEntry {
                lease: Lease::default(),
                ..FileEntry::clone(entry)
            };
            let file = TableFile::open(
                &self.handles,
                &directory,
                Arc::new(unleased),
                self.blocks.clone(),
            );
            file.map(Arc::new)
        })
    }

    /// A file, if it is open.
    pub(crate) fn known(&self, entry: &FileEntry) -> Option<Arc<TableFile>> {
        self.open.get(&entry.id)
    }

    /// Bytes of columns that are kept as they were read, and of how files are built.
    pub(crate) fn cache_bytes(&self) -> u64 {
        self.blocks.bytes() + self.open.weight()
    }

    /// Forgets what is known of files that go.
    pub(crate) fn forget(&self, files: &[FileId]) {
        if files.is_empty() {
            return;
        }
        for file in files {
            self.open.remove(file);
            self.handles.forget(*file);
        }
        self.blocks.forget(&files.iter().copied().collect());
    }
}

/// The files of one pool.
#[derive(Clone, Debug)]
pub(crate) struct PoolFiles {
    tables: Arc<Tables>,
    pool: PoolId,
}

impl PoolFiles {
    /// The files of a pool.
    pub(crate) fn new(tables: Arc<Tables>, pool: PoolId) -> Self {
        Self { tables, pool }
    }

    /// Opens a file, if it is not open.
    pub(crate) fn open(&self, entry: &Arc<FileEntry>) -> Result<Arc<TableFile>> {
        self.tables.open(self.pool, entry)
    }

    /// A file, if it is open.
    pub(crate) fn known(&self, entry: &FileEntry) -> Option<Arc<TableFile>> {
        self.tables.known(entry)
    }
}
