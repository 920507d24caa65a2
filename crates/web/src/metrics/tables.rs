//! The files of records and their upkeep, as Prometheus reads them.

use model::answers::TableMetrics;

use super::{head, line, seconds};

/// Adds the lines.
pub(super) fn lines(out: &mut String, tables: &TableMetrics) {
    for (name, help, value) in gauges(tables) {
        head(out, name, "gauge", help);
        line(out, name, "", &value.to_string());
    }
    for (name, help, value) in counters(tables) {
        head(out, name, "counter", help);
        line(out, name, "", &value.to_string());
    }
    for (name, help, micros) in durations(tables) {
        head(out, name, "gauge", help);
        line(out, name, "", &seconds(micros));
    }
}

type Line = (&'static str, &'static str, u64);

fn gauges(tables: &TableMetrics) -> [Line; 7] {
    [
        (
            "tidegate_table_files",
            "Files that hold records.",
            tables.files,
        ),
        (
            "tidegate_table_bytes",
            "Bytes of these files.",
            tables.file_bytes,
        ),
        (
            "tidegate_table_records",
            "Records in files, deleted ones included that are still on the disk.",
            tables.file_records,
        ),
        (
            "tidegate_table_obsolete_files",
            "Files that nobody needs and that are still on the disk.",
            tables.obsolete_files,
        ),
        (
            "tidegate_removals_waiting",
            "Deletes that some file does not carry out itself yet.",
            tables.removals_waiting,
        ),
        (
            "tidegate_cache_bytes",
            "Bytes of columns kept in memory as they were read from files, and of how files are built.",
            tables.cache_bytes,
        ),
        (
            "tidegate_damaged_files",
            "Files that are not what was written, or cannot be read; anything but 0 is an alarm.",
            tables.damaged_files,
        ),
    ]
}

fn counters(tables: &TableMetrics) -> [Line; 9] {
    [
        (
            "tidegate_flushes_total",
            "Times that a pool's records went from memory to files.",
            tables.flushes,
        ),
        (
            "tidegate_records_flushed_total",
            "Records that went to files for the first time.",
            tables.records_flushed,
        ),
        (
            "tidegate_merges_total",
            "Times that files of a pool were merged or written anew.",
            tables.merges,
        ),
        (
            "tidegate_records_rewritten_total",
            "Records written once more by merges.",
            tables.records_rewritten,
        ),
        (
            "tidegate_publishes_total",
            "Times that a pool's Delta log was brought up to its files.",
            tables.publishes,
        ),
        (
            "tidegate_publish_failures_total",
            "Times that this failed; the pool itself is not touched then.",
            tables.publish_failures,
        ),
        (
            "tidegate_upkeep_failures_total",
            "Pieces of upkeep that failed and are tried again.",
            tables.failures,
        ),
        (
            "tidegate_scrubbed_bytes_total",
            "Bytes of files read again and compared with their digests.",
            tables.scrubbed_bytes,
        ),
        (
            "tidegate_scrubs_total",
            "Times that all files were read again.",
            tables.scrubs,
        ),
    ]
}

fn durations(tables: &TableMetrics) -> [Line; 3] {
    [
        (
            "tidegate_last_flush_seconds",
            "How long the last flush took.",
            tables.last_flush_micros,
        ),
        (
            "tidegate_last_merge_seconds",
            "How long the last merge took.",
            tables.last_merge_micros,
        ),
        (
            "tidegate_last_publish_seconds",
            "How long the last publishing took.",
            tables.last_publish_micros,
        ),
    ]
}
