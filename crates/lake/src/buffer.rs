//! The records held in memory: for each pool, segments of Arrow columns with
//! the rows that are gone marked, and for each larger segment the positions of
//! each isolation value's rows.
//!
//! Segments are immutable; a snapshot is a list of them, and a query sees
//! exactly the records that were applied before it began.

mod segment;

pub(crate) use segment::{Segment, hint, leaf_columns};

use std::sync::Arc;

use arrow_select::concat::concat_batches;
use model::filters::Predicate;
use model::names::FieldPath;
use model::pools::Schema;

use crate::columns::Layout;
use crate::error::{LakeError, Result};
use crate::snapshot::{FileView, Snapshot};

/// Rows from which on a segment is left as it is.
const SEALED_ROWS: usize = 8_192;
/// Bytes from which on a segment is left as it is. Together with the number
/// of segments that can be merged at once this keeps every column far below
/// the 2 GiB that its offsets reach.
const SEALED_BYTES: u64 = 4 << 20;
/// How many segments of one size class are gathered before they are merged:
/// each record is then copied about `log16(8192)`, that is 4 times.
const FAN_IN: usize = 16;

/// The records of one pool.
#[derive(Debug)]
pub(crate) struct PoolBuffer {
    schema: Schema,
    layout: Arc<Layout>,
    isolation: Option<FieldPath>,
    /// Records that are being written to files, older than the others.
    frozen: Vec<Arc<Segment>>,
    segments: Vec<Arc<Segment>>,
}

impl PoolBuffer {
    /// An empty buffer for a pool with this schema.
    pub(crate) fn new(schema: &Schema, isolation: Option<FieldPath>) -> Self {
        Self {
            schema: schema.clone(),
            layout: Arc::new(Layout::of(schema)),
            isolation,
            frozen: Vec::new(),
            segments: Vec::new(),
        }
    }

    /// Adds records behind those that are there.
    ///
    /// # Errors
    /// [`LakeError::Internal`] for records in another layout; nothing is added.
    pub(crate) fn push(&mut self, segment: Segment) -> Result<()> {
        if !segment.fits(&self.layout) {
            return Err(LakeError::Internal(
                "records in one layout meet a pool in another".to_owned(),
            ));
        }
        if segment.rows() > 0 {
            self.segments.push(Arc::new(segment));
            if let Err(error) = self.merge_small() {
                // The records are there, only in more pieces than is good for speed.
                tracing::error!(%error, "segments could not be merged");
            }
        }
        Ok(())
    }

    /// Merges the last segments while [`FAN_IN`] of them are of one size
    /// class. When that fails, every record is still there.
    fn merge_small(&mut self) -> Result<()> {
        while let Some(class) = self.segments.last().and_then(|last| size_class(last)) {
            let run = self.segments.iter().rev();
            let run = run
                .take_while(|segment| size_class(segment).is_some_and(|c| c <= class))
                .count();
            if run < FAN_IN {
                break;
            }
            let first = self.segments.len() - run;
            let alive = self.segments[first..]
                .iter()
                .map(|segment| segment.alive_batch())
                .collect::<Result<Vec<_>>>()?;
            let batch = concat_batches(&self.layout.arrow, &alive)?;
            self.segments.truncate(first);
            if batch.num_rows() > 0 {
                let merged = Segment::new(batch, None).indexed(self.isolation.as_ref());
                self.segments.push(Arc::new(merged));
            }
        }
        Ok(())
    }

    /// Takes away the rows that the predicate admits; answers how many went.
    /// When that fails, nothing is gone.
    pub(crate) fn delete(&mut self, predicate: &Predicate) -> Result<u64> {
        let (frozen, deleted) = self.without(&self.frozen, predicate)?;
        let (segments, more) = self.without(&self.segments, predicate)?;
        self.frozen = frozen;
        self.segments = segments;
        Ok(deleted + more)
    }

    fn without(
        &self,
        segments: &[Arc<Segment>],
        predicate: &Predicate,
    ) -> Result<(Vec<Arc<Segment>>, u64)> {
        let mut deleted = 0;
        let mut left = Vec::with_capacity(segments.len());
        for segment in segments {
            let (changed, count) =
                segment.without(&self.layout, self.isolation.as_ref(), predicate)?;
            deleted += count;
            left.push(changed.map_or_else(|| segment.clone(), Arc::new));
        }
        left.retain(|segment| segment.alive_rows() > 0);
        Ok((left, deleted))
    }

    /// Sets the records that are there apart, to be written to files; answers
    /// them all. Those set apart before are among them.
    pub(crate) fn freeze(&mut self) -> &[Arc<Segment>] {
        self.frozen.append(&mut self.segments);
        &self.frozen
    }

    /// Forgets the records that were set apart: they are in files now.
    pub(crate) fn forget_frozen(&mut self) {
        self.frozen.clear();
    }

    /// The records in memory and those in files as they are now.
    pub(crate) fn snapshot(&self, stored: FileView) -> Snapshot {
        Snapshot {
            schema: self.schema.clone(),
            layout: self.layout.clone(),
            isolation: self.isolation.clone(),
            segments: self.all().cloned().collect(),
            stored,
        }
    }

    fn all(&self) -> impl Iterator<Item = &Arc<Segment>> {
        self.frozen.iter().chain(&self.segments)
    }

    /// Bytes held.
    pub(crate) fn bytes(&self) -> u64 {
        self.all().map(|segment| segment.bytes()).sum()
    }

    /// Bytes held that are not being written to files.
    pub(crate) fn bytes_to_write(&self) -> u64 {
        self.segments.iter().map(|segment| segment.bytes()).sum()
    }

    /// Records held.
    #[cfg(test)]
    pub(crate) fn records(&self) -> u64 {
        self.all().map(|segment| segment.alive_rows() as u64).sum()
    }
}

/// The power of 16 below a segment's number of rows; `None` for segments left as they are.
fn size_class(segment: &Segment) -> Option<u32> {
    let sealed = segment.rows() >= SEALED_ROWS || segment.bytes() >= SEALED_BYTES;
    (!sealed).then(|| segment.rows().max(1).ilog2() / 4)
}

#[cfg(test)]
mod tests;
