//! What the server itself writes into every record.

use std::sync::Arc;

use super::Record;
use crate::names::{FieldPath, ID};
use crate::value::Value;

/// Puts the system fields into records.
#[derive(Debug)]
pub(crate) struct Stamp {
    system: [FieldPath; 3],
    last: Option<Last>,
}

/// The paths of the last record.
#[derive(Debug)]
struct Last {
    without: Arc<[FieldPath]>,
    with: Arc<[FieldPath]>,
    /// Where the system fields stand.
    at: usize,
}

impl Stamp {
    pub(crate) fn new() -> Self {
        Self {
            system: [FieldPath::id(), FieldPath::ingested_at(), FieldPath::key()],
            last: None,
        }
    }

    /// Stamps a record that has no system field yet. No client's field lies
    /// between them, so they go in together.
    pub(crate) fn put(&mut self, record: &mut Record, id: Value, ingested_at: Value, key: Value) {
        let last = self.last.take();
        let last = last.filter(|last| Arc::ptr_eq(&last.without, &record.paths));
        let last = last.unwrap_or_else(|| self.behind(&record.paths));
        record
            .values
            .splice(last.at..last.at, [id, ingested_at, key]);
        record.paths = last.with.clone();
        self.last = Some(last);
    }

    fn behind(&self, paths: &Arc<[FieldPath]>) -> Last {
        let at = paths.partition_point(|path| path.as_str() < ID);
        let (before, behind) = paths.split_at(at);
        let with = before.iter().chain(&self.system).chain(behind);
        Last {
            without: paths.clone(),
            with: with.cloned().collect(),
            at,
        }
    }
}
