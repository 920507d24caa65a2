//! The records held in memory: for each pool, segments of Arrow columns with
//! the rows that are gone marked, and for each larger segment the positions of
//! each isolation value's rows.
//!
//! Segments are immutable; a snapshot is a list of them, and a query sees
//! exactly the records that were applied before it began.

mod segment;

pub(crate) use segment::{Segment, hint};

use std::sync::Arc;

use arrow_select::concat::concat_batches;
use model::filters::Predicate;
use model::names::FieldPath;
use model::pools::Schema;

use crate::columns::Layout;
use crate::error::Result;

/// Rows from which on a segment is left as it is.
const SEALED_ROWS: usize = 8_192;
/// How many segments of one size class are gathered before they are merged:
/// each record is then copied about `log16(8192)`, that is 4 times.
const FAN_IN: usize = 16;

/// The records of one pool.
#[derive(Debug)]
pub(crate) struct PoolBuffer {
    layout: Arc<Layout>,
    isolation: Option<FieldPath>,
    segments: Vec<Arc<Segment>>,
}

/// The records of one pool at one moment.
#[derive(Clone, Debug)]
pub(crate) struct Snapshot {
    pub(crate) layout: Arc<Layout>,
    pub(crate) isolation: Option<FieldPath>,
    pub(crate) segments: Vec<Arc<Segment>>,
}

impl PoolBuffer {
    /// An empty buffer for a pool with this schema.
    pub(crate) fn new(schema: &Schema, isolation: Option<FieldPath>) -> Self {
        Self {
            layout: Arc::new(Layout::of(schema)),
            isolation,
            segments: Vec::new(),
        }
    }

    /// The columns in which the records are held.
    pub(crate) fn layout(&self) -> &Arc<Layout> {
        &self.layout
    }

    /// Adds records behind those that are there.
    pub(crate) fn push(&mut self, segment: Segment) -> Result<()> {
        if segment.rows() > 0 {
            self.segments.push(Arc::new(segment));
            self.merge_small()?;
        }
        Ok(())
    }

    /// Merges the last segments while [`FAN_IN`] of them are of one size class.
    fn merge_small(&mut self) -> Result<()> {
        loop {
            let Some(class) = self
                .segments
                .last()
                .and_then(|last| size_class(last.rows()))
            else {
                return Ok(());
            };
            let run = self.segments.iter().rev();
            let run = run
                .take_while(|s| size_class(s.rows()).is_some_and(|c| c <= class))
                .count();
            if run < FAN_IN {
                return Ok(());
            }
            let merged = self.segments.split_off(self.segments.len() - run);
            let alive = merged
                .iter()
                .map(|s| s.alive_batch())
                .collect::<Result<Vec<_>>>()?;
            let batch = concat_batches(&self.layout.arrow, &alive)?;
            if batch.num_rows() > 0 {
                let index = self
                    .isolation
                    .as_ref()
                    .filter(|_| batch.num_rows() >= SEALED_ROWS / 2);
                self.segments.push(Arc::new(Segment::new(batch, index)));
            }
        }
    }

    /// Marks the rows that the predicate admits as gone; answers how many went.
    pub(crate) fn delete(&mut self, predicate: &Predicate) -> Result<u64> {
        let mut deleted = 0;
        for segment in &mut self.segments {
            let (changed, count) = segment.without(&self.layout, predicate)?;
            deleted += count;
            if let Some(changed) = changed {
                *segment = Arc::new(changed);
            }
        }
        self.segments.retain(|segment| segment.alive_rows() > 0);
        Ok(deleted)
    }

    /// The records as they are now.
    pub(crate) fn snapshot(&self) -> Snapshot {
        Snapshot {
            layout: self.layout.clone(),
            isolation: self.isolation.clone(),
            segments: self.segments.clone(),
        }
    }

    /// Bytes held.
    pub(crate) fn bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.bytes()).sum()
    }

    /// Records held.
    pub(crate) fn records(&self) -> u64 {
        self.segments
            .iter()
            .map(|segment| segment.alive_rows() as u64)
            .sum()
    }
}

/// The power of 16 below a segment's size; `None` for segments left as they are.
fn size_class(rows: usize) -> Option<u32> {
    (rows < SEALED_ROWS).then(|| rows.max(1).ilog2() / 4)
}

#[cfg(test)]
mod tests;
