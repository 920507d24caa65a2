//! What upkeep counts for operators.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};

use model::answers::TableMetrics;
use model::time::Timestamp;

use crate::lake::Lake;

/// A number that upkeep changes and others read.
#[derive(Debug, Default)]
pub(super) struct Counter(AtomicU64);

impl Counter {
    pub(super) fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    fn set(&self, number: u64) {
        self.0.store(number, Ordering::Relaxed);
    }

    pub(super) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// How often something was done, of how many records, and how long the last time took.
#[derive(Debug, Default)]
pub(super) struct Deed {
    times: Counter,
    records: Counter,
    last_micros: Counter,
}

impl Deed {
    pub(super) fn done(&self, records: u64, since: Timestamp, now: Timestamp) {
        let took = now.as_microsecond() - since.as_microsecond();
        self.times.add(1);
        self.records.add(records);
        self.last_micros.set(u64::try_from(took).unwrap_or(0));
    }
}

/// What upkeep did since the lake was opened.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) flushes: Deed,
    pub(super) merges: Deed,
    pub(super) publishes: Deed,
    pub(super) publish_failures: Counter,
    pub(super) failures: Counter,
    /// Records that went to files, of files that are not whole yet as well.
    pub(super) written: Counter,
    pub(super) scrubs: Counter,
    pub(super) scrubbed_bytes: Counter,
}

impl Lake {
    /// What is in files, and what upkeep did to them.
    pub(in crate::lake) fn table_metrics(&self) -> TableMetrics {
        let Counters {
            flushes,
            merges,
            publishes,
            publish_failures,
            failures,
            scrubs,
            scrubbed_bytes,
            ..
        } = &self.upkeep.counters;
        let mut metrics = TableMetrics {
            cache_bytes: self.tables.cache_bytes(),
            flushes: flushes.times.get(),
            records_flushed: flushes.records.get(),
            last_flush_micros: flushes.last_micros.get(),
            merges: merges.times.get(),
            records_rewritten: merges.records.get(),
            last_merge_micros: merges.last_micros.get(),
            publishes: publishes.times.get(),
            publish_failures: publish_failures.get(),
            last_publish_micros: publishes.last_micros.get(),
            failures: failures.get(),
            scrubs: scrubs.get(),
            scrubbed_bytes: scrubbed_bytes.get(),
            ..TableMetrics::default()
        };
        let states = self.pools.states();
        let unreadable: BTreeSet<_> = self.upkeep.unreadable().keys().copied().collect();
        metrics.damaged_files = self.upkeep.scrub.damaged(&states, &unreadable);
        for state in states {
            let manifest = &state.manifest;
            metrics.files += manifest.files.len() as u64;
            for file in manifest.files.iter() {
                metrics.file_bytes += file.bytes + file.index.bytes;
                metrics.file_records += file.rows;
            }
            metrics.obsolete_files += manifest.obsolete.len() as u64;
            metrics.removals_waiting += manifest.removals.len() as u64;
        }
        metrics
    }
}
