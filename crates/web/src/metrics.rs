//! Counters of requests, and the text that Prometheus reads.

mod tables;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};

use http::{Method, StatusCode};
use model::answers::PlaneMetrics;

use crate::cells::CellCounts;

/// Upper ends of the latency buckets, in microseconds.
const BUCKETS: [u64; 12] = [
    500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 1_000_000, 5_000_000,
    30_000_000,
];

/// What is counted of the requests to one route by one method. Labels are
/// patterns and classes, never names, keys or addresses.
#[derive(Debug, Default)]
struct Series {
    /// Answers by class: 1xx to 5xx.
    classes: [u64; 5],
    /// Answers by the first bucket that they fit in.
    buckets: [u64; BUCKETS.len()],
    count: u64,
    micros: u64,
}

/// The counters of requests since the process started.
#[derive(Debug, Default)]
pub(crate) struct Registry(Mutex<BTreeMap<(String, &'static str), Series>>);

impl Registry {
    /// Counts one answer.
    pub(crate) fn count(&self, route: &str, method: &Method, status: StatusCode, micros: u64) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let series = all
            .entry((route.to_owned(), method_label(method)))
            .or_default();
        let class = usize::from(status.as_u16() / 100).clamp(1, 5);
        series.classes[class - 1] += 1;
        if let Some(bucket) = BUCKETS.iter().position(|end| micros <= *end) {
            series.buckets[bucket] += 1;
        }
        series.count += 1;
        series.micros += micros;
    }

    /// All counters in Prometheus' text format.
    ///
    /// `kept` says how many answers of cached queries were given from memory,
    /// and how many were made; `cells` the like of datasets.
    pub(crate) fn text(
        &self,
        plane: &PlaneMetrics,
        version: &str,
        kept: (u64, u64),
        cells: CellCounts,
    ) -> String {
        let mut out = String::new();
        head(&mut out, "tidegate_build_info", "gauge", "The build.");
        line(
            &mut out,
            "tidegate_build_info",
            &format!("version=\"{version}\""),
            "1",
        );
        self.requests(&mut out);
        for (name, kind, help, value) in plane_lines(plane) {
            head(&mut out, name, kind, help);
            line(&mut out, name, "", &value.to_string());
        }
        tables::lines(&mut out, &plane.tables);
        for (name, kind, help, value) in answer_lines(kept, cells) {
            head(&mut out, name, kind, help);
            line(&mut out, name, "", &value.to_string());
        }
        out
    }

    fn requests(&self, out: &mut String) {
        const REQUESTS: &str = "tidegate_http_requests_total";
        const SECONDS: &str = "tidegate_http_request_seconds";
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        head(out, REQUESTS, "counter", "Answers by status class.");
        for ((route, method), series) in all.iter() {
            for (class, count) in (1..).zip(series.classes).filter(|(_, count)| *count > 0) {
                let labels = format!("route=\"{route}\",method=\"{method}\",status=\"{class}xx\"");
                line(out, REQUESTS, &labels, &count.to_string());
            }
        }
        head(out, SECONDS, "histogram", "Time to the answer's headers.");
        for ((route, method), series) in all.iter() {
            let labels = format!("route=\"{route}\",method=\"{method}\"");
            let mut below = 0;
            for (end, count) in BUCKETS.iter().zip(series.buckets) {
                below += count;
                let labels = format!("{labels},le=\"{}\"", seconds(*end));
                line(
                    out,
                    &format!("{SECONDS}_bucket"),
                    &labels,
                    &below.to_string(),
                );
            }
            let all_labels = format!("{labels},le=\"+Inf\"");
            let count = series.count.to_string();
            line(out, &format!("{SECONDS}_bucket"), &all_labels, &count);
            line(
                out,
                &format!("{SECONDS}_sum"),
                &labels,
                &seconds(series.micros),
            );
            line(out, &format!("{SECONDS}_count"), &labels, &count);
        }
    }
}

/// A metric's name, its kind, what it means, and its value.
type Line = (&'static str, &'static str, &'static str, u64);

fn answer_lines(kept: (u64, u64), cells: CellCounts) -> [Line; 7] {
    [
        (
            "tidegate_cached_answers_served_total",
            "counter",
            "Answers of cached queries that were given from memory.",
            kept.0,
        ),
        (
            "tidegate_cached_answers_made_total",
            "counter",
            "Answers of cached queries that were made.",
            kept.1,
        ),
        (
            "tidegate_dataset_answers_served_total",
            "counter",
            "Readings of datasets that were answered from memory.",
            cells.served,
        ),
        (
            "tidegate_dataset_answers_refreshed_total",
            "counter",
            "Readings of datasets for which cells were made anew.",
            cells.refreshed,
        ),
        (
            "tidegate_dataset_cells_made_total",
            "counter",
            "Cells of datasets that were made.",
            cells.made,
        ),
        (
            "tidegate_dataset_series_evicted_total",
            "counter",
            "Series of datasets that were forgotten to make room.",
            cells.evicted,
        ),
        (
            "tidegate_dataset_cells_bytes",
            "gauge",
            "Bytes of cells and of texts made of them.",
            cells.bytes,
        ),
    ]
}

fn plane_lines(plane: &PlaneMetrics) -> [Line; 10] {
    [
        (
            "tidegate_records_stored_total",
            "counter",
            "Records stored.",
            plane.records_stored,
        ),
        (
            "tidegate_queries_answered_total",
            "counter",
            "Questions answered.",
            plane.queries_answered,
        ),
        (
            "tidegate_plans_refused_total",
            "counter",
            "Questions refused by the plan check; anything but 0 is an alarm.",
            plane.plans_refused,
        ),
        (
            "tidegate_constraints_unresolved_total",
            "counter",
            "Constraints that could not be resolved and admitted no row; anything but 0 is an alarm.",
            plane.constraints_unresolved,
        ),
        (
            "tidegate_journal_entries_total",
            "counter",
            "Entries written to the journal.",
            plane.journal_entries,
        ),
        (
            "tidegate_journal_bytes_total",
            "counter",
            "Bytes written to the journal.",
            plane.journal_bytes,
        ),
        (
            "tidegate_journal_syncs_total",
            "counter",
            "Syncs of the journal.",
            plane.journal_syncs,
        ),
        (
            "tidegate_journal_queue",
            "gauge",
            "Operations waiting for the journal.",
            plane.journal_queue,
        ),
        (
            "tidegate_buffer_bytes",
            "gauge",
            "Bytes of records held in memory.",
            plane.buffer_bytes,
        ),
        (
            "tidegate_buffer_records",
            "gauge",
            "Records held in memory.",
            plane.buffer_records,
        ),
    ]
}

/// One of a closed set: a client must not be able to make series.
fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        _ => "other",
    }
}

fn head(out: &mut String, name: &str, kind: &str, help: &str) {
    // Writing to a string cannot fail.
    let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

fn line(out: &mut String, name: &str, labels: &str, value: &str) {
    let _ = match labels {
        "" => writeln!(out, "{name} {value}"),
        labels => writeln!(out, "{name}{{{labels}}} {value}"),
    };
}

fn seconds(micros: u64) -> String {
    format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_cumulative_and_methods_are_a_closed_set() {
        let registry = Registry::default();
        let odd = Method::from_bytes(b"PWNED").expect("a token");
        for (method, status, micros) in [
            (&Method::GET, StatusCode::OK, 400),
            (&Method::GET, StatusCode::NOT_FOUND, 900),
            (&Method::GET, StatusCode::OK, 60_000_000),
            (&odd, StatusCode::METHOD_NOT_ALLOWED, 1),
        ] {
            registry.count("/v1/pools", method, status, micros);
        }
        let cells = CellCounts {
            served: 4,
            bytes: 99,
            ..CellCounts::default()
        };
        let text = registry.text(&PlaneMetrics::default(), "1.2.3", (3, 2), cells);
        let request = "tidegate_http_requests_total{route=\"/v1/pools\",method=\"GET\"";
        let bucket = "tidegate_http_request_seconds_bucket{route=\"/v1/pools\",method=\"GET\"";
        for line in [
            format!("{request},status=\"2xx\"}} 2\n"),
            format!("{request},status=\"4xx\"}} 1\n"),
            format!("{bucket},le=\"0.000500\"}} 1\n"),
            format!("{bucket},le=\"0.001000\"}} 2\n"),
            format!("{bucket},le=\"30.000000\"}} 2\n"),
            format!("{bucket},le=\"+Inf\"}} 3\n"),
            "method=\"other\",status=\"4xx\"} 1\n".to_owned(),
            "tidegate_build_info{version=\"1.2.3\"} 1\n".to_owned(),
            "tidegate_plans_refused_total 0\n".to_owned(),
            "tidegate_cached_answers_made_total 2\n".to_owned(),
            "tidegate_dataset_answers_served_total 4\n".to_owned(),
            "# TYPE tidegate_dataset_cells_bytes gauge\ntidegate_dataset_cells_bytes 99\n"
                .to_owned(),
        ] {
            assert!(text.contains(&line), "{line} is missing from\n{text}");
        }
        assert!(!text.contains("PWNED"), "{text}");
    }
}
