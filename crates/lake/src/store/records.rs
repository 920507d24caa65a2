//! The records of one pool: those in memory, and which files hold the others.

use std::sync::Arc;

use model::isolation::{Carried, Isolation};
use model::names::FieldPath;
use model::pools::Pool;

use super::touches::{Touches, Why, customers_of, isolation};
use crate::buffer::{Foreseen, PoolBuffer, Segment};
use crate::error::Result;
use crate::journal::Position;
use crate::manifest::{Manifest, ManifestChange, Removal};
use crate::snapshot::{FileView, Snapshot};
use crate::tables::PoolFiles;
use crate::upserts::{Hidden, Ledger, unique_columns};

/// The column by whose times records of a pool are ordered.
pub(super) fn time_column(pool: &Pool) -> FieldPath {
    pool.draft.schema.column_path(&pool.time_field())
}

/// The records of one pool.
#[derive(Debug)]
pub(crate) struct Records {
    /// The pool as the last of its writers knew it.
    pool: Arc<Pool>,
    /// What its records lie by. The buffer has the same column.
    isolation: Isolation,
    pub(super) buffer: PoolBuffer,
    pub(super) manifest: Manifest,
    home: Arc<PoolFiles>,
    /// The last operation on the pool.
    applied: Option<Position>,
    /// The first operation whose records are in memory alone.
    oldest: Option<Position>,
    /// The same of the records that are being written to files.
    oldest_frozen: Option<Position>,
    /// Up to where the files that are being written carry out removals.
    writing: Writing,
    /// The keys of records that went to files since files are being written
    /// anew: files that were not there could not be told of them.
    flushed: Vec<Arc<Ledger>>,
    /// Which times changes touched.
    touches: Touches,
}

/// Up to where files that are being written carry out removals.
#[derive(Debug, Default)]
struct Writing {
    /// Those for records that are in memory.
    frozen: Option<Position>,
    /// Those that take the place of others.
    anew: Option<Position>,
}

impl Writing {
    /// Up to where all of them do.
    fn least(&self) -> Option<Position> {
        self.frozen.into_iter().chain(self.anew).min()
    }
}

/// What is being written to files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Written {
    /// Records that were in memory; see [`Pools::freeze`](super::Pools::freeze).
    Frozen,
    /// Records of other files; see [`Pools::rewrite`](super::Pools::rewrite).
    Anew,
}

/// The operations that brought records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    /// The first.
    pub(super) first: Position,
    /// The last.
    pub(super) last: Position,
}

impl Span {
    /// One operation.
    pub(super) fn of(position: Position) -> Self {
        Self {
            first: position,
            last: position,
        }
    }
}

/// Records that are to be written to files.
#[derive(Debug)]
pub(crate) struct Frozen {
    /// The pool.
    pub(crate) pool: Arc<Pool>,
    /// The records, in the pool's layout, and the files that there are, in
    /// which these records replace others.
    pub(crate) snapshot: Snapshot,
    /// They are those of the operations up to here, which the files do not
    /// hold yet; what was removed up to here is not among them.
    pub(crate) mark: Position,
}

impl Records {
    pub(super) fn new(pool: &Arc<Pool>, home: Arc<PoolFiles>) -> Self {
        let draft = &pool.draft;
        let isolation = Isolation::of(draft);
        Self {
            pool: pool.clone(),
            buffer: PoolBuffer::new(&draft.schema, isolation.column().cloned())
                .with_unique(unique_columns(pool)),
            isolation,
            manifest: Manifest::default(),
            home,
            applied: None,
            oldest: None,
            oldest_frozen: None,
            writing: Writing::default(),
            flushed: Vec::new(),
            touches: Touches::new(time_column(pool)),
        }
    }

    /// Which times changes touched.
    pub(super) fn touches(&self) -> &Touches {
        &self.touches
    }

    /// The pool as the last of its writers knew it.
    pub(super) fn pool(&self) -> &Arc<Pool> {
        &self.pool
    }

    /// Goes over to what the pool has become, unless that is known already.
    pub(super) fn follow(&mut self, pool: &Arc<Pool>) {
        if pool.revision > self.pool.revision {
            self.buffer.follow(&pool.draft.schema);
            self.lie_by(self.isolation.following(&pool.draft));
            self.pool = pool.clone();
        }
    }

    /// What its records lie by from now on.
    pub(super) fn isolation(&self) -> &Isolation {
        &self.isolation
    }

    fn lie_by(&mut self, isolation: Isolation) {
        self.buffer.isolate_by(isolation.column().cloned());
        self.isolation = isolation;
    }

    /// Goes over to what the pool's keys tell; answers whether that is
    /// something else than before. Records that are there stay where they are.
    pub(super) fn learn(&mut self, carried: &Carried) -> bool {
        let learned = self.isolation.learning(carried);
        let is_new = learned != self.isolation;
        if is_new {
            self.lie_by(learned);
        }
        is_new
    }

    /// Takes over what a restart found of the files. What was learned before
    /// it is told by the newest of them.
    pub(super) fn restore(&mut self, manifest: Manifest) {
        let newest = manifest.files.iter().max_by_key(|file| file.id);
        let column = newest.and_then(|file| file.sorted_by.isolation.as_ref());
        if let Some(column) = column {
            self.lie_by(Isolation::lying_by(&self.pool.draft, column));
        }
        self.manifest = manifest;
    }

    /// The records as they are now.
    pub(super) fn snapshot(&self) -> Snapshot {
        self.buffer.snapshot(self.stored())
    }

    fn stored(&self) -> FileView {
        FileView {
            files: self.manifest.files.clone(),
            removals: self.manifest.removals.clone(),
            hidden: self.buffer.hidden(),
            home: Some(self.home.clone()),
        }
    }

    /// Adds records.
    pub(super) fn push(&mut self, span: Span, segment: Segment) -> Result<()> {
        self.applied = self.applied.max(Some(span.last));
        let column = time_column(&self.pool);
        let replaces = !self.tells_apart_by(&column);
        let (arriving, rows) = (segment.arriving(&column), segment.alive_rows());
        let alive = replaces.then(|| self.buffer.alive_rows() + rows);
        let customers = replaces.then(|| segment.replaces_of()).flatten();
        self.buffer.push(segment)?;
        // What is replaced in files is found out by whoever reads.
        let is_less = alive.is_some_and(|alive| {
            self.buffer.alive_rows() < alive || self.manifest.files.iter().next().is_some()
        });
        let before = self.touches.count();
        self.touches.arrived(&column, arriving.filter(|_| !is_less));
        if let Some(customers) = customers.filter(|_| is_less) {
            self.touches.took_only_of(before, customers);
        }
        self.oldest = self.oldest.or(Some(span.first));
        Ok(())
    }

    /// Whether a record replaces none of another time than its own.
    fn tells_apart_by(&self, time: &FieldPath) -> bool {
        let unique = unique_columns(&self.pool);
        unique.is_empty() || unique.contains(time)
    }

    /// Takes records away: those in memory at once, those in files by a note
    /// that every reader heeds. Answers how many went from memory, and the
    /// files as they were before.
    pub(super) fn delete(
        &mut self,
        removal: Removal,
        foreseen: Option<&Foreseen>,
        why: Why,
    ) -> Result<(u64, FileView)> {
        self.applied = self.applied.max(Some(removal.position));
        let columns = self.buffer.by_columns();
        let known = foreseen.and_then(|foreseen| foreseen.predicate_for(columns));
        let predicate = known.unwrap_or_else(|| Arc::new(removal.predicate(columns)));
        let before = self.stored();
        let deleted = self.buffer.delete(&predicate, foreseen)?;
        if deleted > 0 || self.manifest.files.iter().next().is_some() {
            let count = self.touches.count();
            self.touches.went(&predicate, why);
            let column = isolation(&self.pool).map(|path| self.pool.draft.schema.column_path(path));
            if let Some(customers) = column.and_then(|column| customers_of(&predicate, &column)) {
                self.touches.took_only_of(count, customers);
            }
        }
        self.manifest.remove(removal);
        // Where nothing is in files, there is nothing to heed it.
        self.manifest.forget_carried_out(self.writing.least());
        Ok((deleted, before))
    }

    /// The border of its retention has moved, and what is older went; see
    /// [`Touches::border_moved`].
    pub(super) fn border_moved(&mut self, column: &FieldPath, border: i64) {
        self.touches.border_moved(column, border);
    }

    /// Sets the records in memory apart, to be written to files. `None` when
    /// there are none. Before the next call comes [`Records::commit`] or
    /// [`Records::give_up`].
    pub(super) fn freeze(&mut self) -> Option<Frozen> {
        self.oldest_frozen = self.oldest_frozen.or(self.oldest.take());
        let mark = self.applied.filter(|_| self.oldest_frozen.is_some())?;
        self.writing.frozen = Some(mark);
        let segments = self.buffer.freeze().to_vec();
        let snapshot = Snapshot {
            segments,
            ..self.buffer.snapshot(self.stored())
        };
        Some(Frozen {
            pool: self.pool.clone(),
            snapshot,
            mark,
        })
    }

    /// The files as they are now, to be written anew without what was removed
    /// up to the position that is answered; as [`Records::freeze`].
    pub(super) fn rewrite(&mut self) -> (Arc<Pool>, Snapshot, Position) {
        let removed = self.manifest.removals.last().map(|last| last.position);
        let cleaned = self.applied.max(self.manifest.mark).max(removed);
        let cleaned = cleaned.unwrap_or(Position::FIRST);
        self.writing.anew = Some(cleaned);
        self.flushed.clear();
        let mut snapshot = self.snapshot();
        snapshot.segments.clear();
        (self.pool.clone(), snapshot, cleaned)
    }

    /// What was being written is not any more.
    pub(super) fn give_up(&mut self, written: Written) {
        match written {
            Written::Frozen => self.writing.frozen = None,
            Written::Anew => {
                self.writing.anew = None;
                self.flushed.clear();
            }
        }
        self.manifest.forget_carried_out(self.writing.least());
    }

    /// The keys of the records that went to files since [`Records::rewrite`],
    /// but for so many flushes that are known, and how many there are: they
    /// replace rows of the files that are being written anew.
    pub(super) fn flushed(&self, known: usize) -> (Hidden, usize) {
        let new = self.flushed.iter().skip(known);
        (new.map(Ledger::now).collect(), self.flushed.len())
    }

    /// Gives up all records; answers which files held them.
    pub(super) fn clear(&mut self) -> Manifest {
        let empty = Self::new(&self.pool, self.home.clone());
        std::mem::replace(self, empty).manifest
    }

    /// Bytes held in memory.
    pub(super) fn bytes(&self) -> u64 {
        let flushed = self.flushed.iter().map(|keys| keys.bytes());
        self.buffer.bytes() + flushed.sum::<u64>()
    }

    /// Carries out a change of the files. Records that are in files now leave
    /// the memory in the same moment.
    pub(super) fn commit(&mut self, change: ManifestChange) {
        let written = match change.mark {
            Some(_) => Written::Frozen,
            None => Written::Anew,
        };
        if written == Written::Frozen && self.oldest_frozen.is_some() {
            let keys = self.buffer.forget_frozen();
            if self.writing.anew.is_some() {
                self.flushed.extend(keys);
            }
            self.oldest_frozen = None;
        }
        self.manifest.change(change);
        self.give_up(written);
    }

    /// For tests: a change that may have touched any record.
    #[cfg(test)]
    pub(super) fn forget_times(&mut self) {
        self.touches.everything();
    }

    /// For mutants: what is noted of changes.
    #[cfg(test)]
    pub(crate) fn touches_mut(&mut self) -> &mut Touches {
        &mut self.touches
    }

    /// The first operation whose records are in memory alone.
    pub(super) fn oldest(&self) -> Option<Position> {
        self.oldest_frozen.or(self.oldest)
    }
}
