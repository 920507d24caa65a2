//! The records held in memory: for each pool, segments of Arrow columns with
//! the rows that are gone marked, and for each larger segment the positions of
//! each isolation value's rows.
//!
//! Segments are immutable; a snapshot is a list of them, and a query sees
//! exactly the records that were applied before it began.

mod foreseen;
mod segment;

pub(crate) use foreseen::Foreseen;
pub(crate) use segment::{Segment, hint, leaf_columns};

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_select::concat::concat_batches;
use model::filters::Predicate;
use model::names::FieldPath;
use model::pools::Schema;

use crate::columns::Layout;
use crate::error::{LakeError, Result};
use crate::snapshot::{FileView, Snapshot};
use crate::upserts::{Hidden, Ledger, Replacement, Sameness};

/// Rows from which on a segment is left as it is.
const SEALED_ROWS: usize = 4_096;
/// Bytes from which on a segment is left as it is. Together with the number
/// of segments that can be merged at once this keeps every column far below
/// the 2 GiB that its offsets reach.
const SEALED_BYTES: u64 = 4 << 20;
/// How many segments of one size class are gathered before they are merged:
/// each record is then copied about `log16(4096)`, that is 3 times.
const FAN_IN: usize = 16;

/// The records of one pool.
#[derive(Debug)]
pub(crate) struct PoolBuffer {
    schema: Schema,
    /// The same fields under the names of their columns.
    by_columns: Schema,
    layout: Arc<Layout>,
    /// The column that tells customers apart.
    isolation: Option<FieldPath>,
    /// Records that are being written to files, older than the others.
    frozen: Vec<Arc<Segment>>,
    segments: Vec<Arc<Segment>>,
    /// The fields that tell records apart, in a pool whose records replace others.
    unique: Vec<FieldPath>,
    /// The keys of the records of `frozen`, also of those that are gone since.
    frozen_keys: Vec<Arc<Ledger>>,
    /// The same of `segments`.
    keys: Arc<Ledger>,
}

impl PoolBuffer {
    /// An empty buffer for a pool with this schema, whose customers this
    /// column tells apart.
    pub(crate) fn new(schema: &Schema, isolation: Option<FieldPath>) -> Self {
        Self {
            schema: schema.clone(),
            by_columns: schema.by_columns(),
            layout: Arc::new(Layout::of(schema)),
            isolation,
            frozen: Vec::new(),
            segments: Vec::new(),
            unique: Vec::new(),
            frozen_keys: Vec::new(),
            keys: Arc::default(),
        }
    }

    /// The same for a pool whose records are told apart by these columns, if by any.
    pub(crate) fn with_unique(self, unique: Vec<FieldPath>) -> Self {
        Self { unique, ..self }
    }

    /// Goes over to what the pool has become. Records that are there stay as
    /// they are: they are told by their columns.
    pub(crate) fn follow(&mut self, schema: &Schema) {
        self.schema = schema.clone();
        self.by_columns = schema.by_columns();
        self.layout = Arc::new(Layout::of(schema));
    }

    /// From now on this column tells customers apart. What is there stays as
    /// it is, and is found more slowly.
    pub(crate) fn isolate_by(&mut self, column: Option<FieldPath>) {
        self.isolation = column;
    }

    /// Adds records behind those that are there, and takes those away that
    /// they replace.
    ///
    /// # Errors
    /// [`LakeError::Internal`] for columns of other types than the pool's, or
    /// for records of which it is not known what they replace; nothing is added.
    pub(crate) fn push(&mut self, mut segment: Segment) -> Result<()> {
        if !segment.fits(&self.layout) {
            return Err(LakeError::Internal(
                "the columns of records have other types than the pool's".to_owned(),
            ));
        }
        if segment.rows() > 0 {
            self.replace(segment.take_replaced())?;
            self.segments.push(Arc::new(segment));
            if let Err(error) = self.merge_small() {
                // The records are there, only in more pieces than is good for speed.
                tracing::error!(%error, "segments could not be merged");
            }
        }
        Ok(())
    }

    /// Takes the records away that others replace, and remembers the keys for
    /// those in files.
    fn replace(&mut self, replacement: Option<Replacement>) -> Result<()> {
        let Some(replacement) = replacement else {
            return if self.unique.is_empty() {
                Ok(())
            } else {
                let what = "records came without their keys to a pool of unique records";
                Err(LakeError::Internal(what.to_owned()))
            };
        };
        let sameness = &replacement.sameness;
        let in_memory = |key: &[u8]| {
            let mut ledgers = self.frozen_keys.iter().chain([&self.keys]);
            ledgers.any(|keys| keys.may_have(sameness, key))
        };
        let keys = replacement.keys.iter();
        let keys: Vec<_> = keys.filter(|(_, key)| in_memory(key)).collect();
        let frozen = self.without_replaced(&self.frozen, sameness, &keys)?;
        let segments = self.without_replaced(&self.segments, sameness, &keys)?;
        self.frozen = frozen;
        self.segments = segments;
        self.keys.add(replacement);
        Ok(())
    }

    fn without_replaced(
        &self,
        segments: &[Arc<Segment>],
        sameness: &Sameness,
        keys: &[&(u64, Box<[u8]>)],
    ) -> Result<Vec<Arc<Segment>>> {
        let mut left = Vec::with_capacity(segments.len());
        for segment in segments {
            left.push(
                match segment.without_replaced(&self.layout, sameness, keys)? {
                    None => segment.clone(),
                    Some(changed) => Arc::new(self.tidied(changed)?),
                },
            );
        }
        left.retain(|segment| segment.alive_rows() > 0);
        Ok(left)
    }

    /// A segment of these rows, indexed as those of this pool are.
    fn segment(&self, batch: RecordBatch) -> Result<Segment> {
        let segment = Segment::new(batch, None).found_by(&self.unique)?;
        Ok(segment.indexed(self.isolation.as_ref()))
    }

    /// Gives the room of rows that are gone back once they are the most.
    fn tidied(&self, segment: Segment) -> Result<Segment> {
        if segment.is_mostly_gone() {
            self.segment(segment.alive_batch()?)
        } else {
            Ok(segment)
        }
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
            let merged = &self.segments[first..];
            // What dropped fields held is kept: a delete from before, which
            // is being replayed, may still ask for it.
            let holds = |column: &FieldPath| merged.iter().any(|s| s.has(column));
            let layout = Layout::by_columns(&self.schema, holds);
            let alive = merged
                .iter()
                .map(|segment| segment.in_layout(&layout))
                .collect::<Result<Vec<_>>>()?;
            let merged = self.segment(concat_batches(&layout.arrow, &alive)?)?;
            self.segments.truncate(first);
            if merged.rows() > 0 {
                self.segments.push(Arc::new(merged));
            }
        }
        Ok(())
    }

    /// The fields of the pool under the names of their columns.
    pub(crate) fn by_columns(&self) -> &Schema {
        &self.by_columns
    }

    /// Whether a delete is to find out more before it takes rows away.
    pub(crate) fn is_unforeseen(&self, foreseen: &Foreseen) -> bool {
        foreseen.lacks_much(&self.by_columns, self.all())
    }

    /// Takes away the rows that the predicate, which names columns, admits; answers how many went.
    /// What was `foreseen` of it need not be found out. When that fails, nothing is gone.
    pub(crate) fn delete(
        &mut self,
        predicate: &Predicate,
        foreseen: Option<&Foreseen>,
    ) -> Result<u64> {
        let foreseen = foreseen.filter(|foreseen| foreseen.is_for(&self.by_columns));
        let (frozen, deleted) = self.without(&self.frozen, predicate, foreseen)?;
        let (segments, more) = self.without(&self.segments, predicate, foreseen)?;
        self.frozen = frozen;
        self.segments = segments;
        Ok(deleted + more)
    }

    fn without(
        &self,
        segments: &[Arc<Segment>],
        predicate: &Predicate,
        foreseen: Option<&Foreseen>,
    ) -> Result<(Vec<Arc<Segment>>, u64)> {
        let mut deleted = 0;
        let mut left = Vec::with_capacity(segments.len());
        for segment in segments {
            let known = foreseen.and_then(|foreseen| foreseen.of(segment));
            let less = match known {
                Some(gone) => segment.less(gone),
                None => segment.less(&segment.admitted(predicate)?),
            };
            left.push(match less {
                None => segment.clone(),
                Some((changed, count)) => {
                    deleted += count;
                    Arc::new(self.tidied(changed)?)
                }
            });
        }
        left.retain(|segment| segment.alive_rows() > 0);
        Ok((left, deleted))
    }

    /// Sets the records that are there apart, to be written to files; answers
    /// them all. Those set apart before are among them.
    pub(crate) fn freeze(&mut self) -> &[Arc<Segment>] {
        self.frozen.append(&mut self.segments);
        if !self.keys.is_empty() {
            self.frozen_keys.push(std::mem::take(&mut self.keys));
        }
        &self.frozen
    }

    /// Forgets the records that were set apart: they are in files now. Answers
    /// their keys.
    pub(crate) fn forget_frozen(&mut self) -> Vec<Arc<Ledger>> {
        self.frozen.clear();
        std::mem::take(&mut self.frozen_keys)
    }

    /// The keys whose rows in files are replaced by records that no file was
    /// told of.
    pub(crate) fn hidden(&self) -> Hidden {
        let keys = self.frozen_keys.iter().chain([&self.keys]);
        keys.map(Ledger::now).collect()
    }

    /// The records in memory and those in files as they are now, for whoever
    /// names columns.
    pub(crate) fn snapshot(&self, stored: FileView) -> Snapshot {
        Snapshot {
            schema: self.by_columns.clone(),
            by_columns: self.by_columns.clone(),
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
        let keys = self.frozen_keys.iter().chain([&self.keys]);
        let keys: u64 = keys.map(|keys| keys.bytes()).sum();
        keys + self.segment_bytes()
    }

    /// Bytes held of the records themselves.
    pub(crate) fn segment_bytes(&self) -> u64 {
        self.all().map(|segment| segment.bytes()).sum()
    }

    /// Records held.
    pub(crate) fn alive_rows(&self) -> usize {
        self.all().map(|segment| segment.alive_rows()).sum()
    }

    /// The same.
    #[cfg(test)]
    pub(crate) fn records(&self) -> u64 {
        self.alive_rows() as u64
    }
}

/// The power of 16 below a segment's number of rows; `None` for segments left as they are.
fn size_class(segment: &Segment) -> Option<u32> {
    let sealed = segment.rows() >= SEALED_ROWS || segment.bytes() >= SEALED_BYTES;
    (!sealed).then(|| segment.rows().max(1).ilog2() / 4)
}

#[cfg(test)]
mod tests;
