//! What metrics tell of the cells of datasets.

use std::sync::atomic::{AtomicU64, Ordering};

/// What is counted of readings since the process started.
#[derive(Debug, Default)]
pub(super) struct Counters {
    served: AtomicU64,
    refreshed: AtomicU64,
    made: AtomicU64,
    evicted: AtomicU64,
}

/// What metrics tell of the cells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct CellCounts {
    /// Readings that were answered by a kept text.
    pub(crate) served: u64,
    /// Readings that made some cells anew.
    pub(crate) refreshed: u64,
    /// Cells that were made.
    pub(crate) made: u64,
    /// Series that were forgotten to make room.
    pub(crate) evicted: u64,
    /// Bytes that are held.
    pub(crate) bytes: u64,
}

impl Counters {
    /// A reading, of which it is known whether all cells were as they had to
    /// be, and whether its text was kept.
    pub(super) fn note_reading(&self, is_fresh: bool, is_kept: bool) {
        match (is_fresh, is_kept) {
            (true, true) => add(&self.served, 1),
            (true, false) => {}
            (false, _) => add(&self.refreshed, 1),
        }
    }

    /// Cells that were made.
    pub(super) fn note_made(&self, cells: usize) {
        add(&self.made, cells);
    }

    /// Series that made room.
    pub(super) fn note_evicted(&self, series: usize) {
        add(&self.evicted, series);
    }

    /// All of it, and how many bytes are held now.
    pub(super) fn told(&self, bytes: usize) -> CellCounts {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        CellCounts {
            served: of(&self.served),
            refreshed: of(&self.refreshed),
            made: of(&self.made),
            evicted: of(&self.evicted),
            bytes: bytes as u64,
        }
    }
}

fn add(counter: &AtomicU64, count: usize) {
    counter.fetch_add(count as u64, Ordering::Relaxed);
}
