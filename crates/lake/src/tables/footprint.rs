//! How many bytes of memory it takes to know how a file is built.

use std::sync::Arc;

use quick_cache::Weighter;

use super::entry::FileId;
use super::index::Block;
use super::latest::Latest;
use super::read::TableFile;
use super::verified::CHUNK;

/// The bytes of open files, for the cache that holds them.
#[derive(Clone, Debug)]
pub(super) struct Footprint;

impl Weighter<FileId, Arc<TableFile>> for Footprint {
    fn weight(&self, _: &FileId, file: &Arc<TableFile>) -> u64 {
        // The cache weighs while others wait for it.
        file.footprint
    }
}

impl TableFile {
    /// About how many bytes it takes in memory: its footer and its index, and what is found out of
    /// them later, as if it had been. So it is always the same of the same file.
    pub(super) fn measured(&self) -> u64 {
        /// What is the same for all: the manifest's entry, paths, locks.
        const FILE: usize = 1 << 10;
        /// Of a column in each set of types: its name, its types, and where it stands.
        const COLUMN: usize = 512;
        /// Of a block: its number in each order of time.
        const ORDERS: usize = 4 * size_of::<u32>();
        let blocks = self.described().iter();
        let blocks = blocks.map(|block| {
            let range = block.min.len() + block.max.len();
            size_of::<Block>() + range + ORDERS
        });
        let chunks = usize::try_from(self.entry.bytes.div_ceil(CHUNK)).unwrap_or(usize::MAX);
        // The index has the checksums, and so has who reads the file.
        let checksums = chunks.saturating_mul(2 * size_of::<u32>());
        let parts = [
            FILE,
            self.metadata.metadata().memory_size(),
            self.columns.len() * self.metadata.kinds().max(1) * COLUMN,
            blocks.sum::<usize>(),
            checksums,
            Latest::bytes_at_most(self.blocks()),
            self.filter_bytes(),
        ];
        parts.into_iter().fold(0, usize::saturating_add) as u64
    }
}
