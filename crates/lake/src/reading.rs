//! Reading the records of a snapshot, hidden ones among them: for the barrier,
//! for the count of what a delete takes away, and for upkeep.
//!
//! Hints may leave out rows that whoever reads would refuse anyway; they are
//! never the check.

mod at_hand;
mod blocks;
mod files;
mod hints;
mod in_order;
mod later;
mod pieces;
mod places;
mod replaced;

pub(crate) use hints::{CustomersHint, Hints, TimeHint, TimeOrder};
pub(crate) use later::{ADDRESS, Fetching, address_fields, joined, numbers};
#[cfg(test)]
pub(crate) use places::may_hold;
pub(crate) use replaced::newly_replaced;

use std::collections::VecDeque;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arrow_array::{Array, RecordBatch, RecordBatchOptions};
use arrow_schema::{Field, Schema as ArrowSchema};
use model::fields::ColumnType;
use model::names::FieldPath;

use crate::columns::Form;
use crate::error::{LakeError, Result};
use crate::snapshot::Snapshot;
use crate::tables::{Cached, batch_of};
use hints::Wanted;
use in_order::InOrder;
use later::{Addresses, Later, Source};
use pieces::Piece;
use places::asked_for;

/// The columns of a question, each with what is known of its type.
pub(crate) type Columns = [(FieldPath, ColumnType)];

/// Bytes of a file that a question reads at once.
pub(crate) const BYTES_AT_ONCE: usize = 64 << 20;

/// Files of which it is found out before reading how many rows matter: what is
/// known of each is held until it is read. So many rows are worth all readers.
const LOOKED_INTO_MAX: usize = 64;

/// What all readers of one reading have in common.
#[derive(Debug)]
struct Shared {
    snapshot: Snapshot,
    /// What is read, by the names of columns.
    columns: Vec<(FieldPath, ColumnType)>,
    /// What it is called by whoever asks, where that is something else.
    shown: Option<Arc<Columns>>,
    /// What is read later of some rows, which have addresses for that.
    later: Option<Later>,
    hints: Hints,
    cached: Cached,
    form: Form,
    /// Bytes that are read of a file at once, roughly, unless one block has more.
    bytes_at_once: usize,
    /// Whether all of it was found to be little and in memory.
    at_hand: AtomicBool,
    left: Mutex<Left>,
}

/// What is still to be read, and what was read and not handed on.
#[derive(Debug, Default)]
struct Left {
    ready: VecDeque<RecordBatch>,
    pieces: VecDeque<Piece>,
    /// The pieces instead, when they are read in an order of time.
    in_order: Option<InOrder>,
    /// Where the rows with addresses came from.
    sources: Vec<Source>,
}

/// The records of a snapshot, batch by batch. Clones share the work: each row
/// is read by one of them.
#[derive(Clone, Debug)]
pub(crate) struct Reading(Arc<Shared>);

impl Reading {
    /// Reads these fields of a snapshot, called as whoever asks calls them,
    /// each in its own type.
    pub(crate) fn new(snapshot: Snapshot, columns: Arc<Columns>, hints: Hints) -> Self {
        let how = (Cached::Yes, Form::Plain, BYTES_AT_ONCE);
        Self::with(snapshot, columns, None, hints, how)
    }

    /// The same in another form. With columns for `later`, each row has an
    /// address behind its columns, by which a [`Fetching`] finds it again.
    pub(crate) fn in_form(
        snapshot: Snapshot,
        columns: Arc<Columns>,
        later: Option<Arc<Columns>>,
        hints: Hints,
        form: Form,
    ) -> Self {
        let how = (Cached::Yes, form, BYTES_AT_ONCE);
        Self::with(snapshot, columns, later, hints, how)
    }

    /// Whether both are one, and so of one snapshot.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Reads everything once, so many bytes at a time, and leaves nothing of it for others.
    pub(crate) fn once(snapshot: Snapshot, columns: Arc<Columns>, bytes: usize) -> Self {
        let hints = Hints::default();
        let how = (Cached::No, Form::Plain, bytes);
        Self::with(snapshot, columns, None, hints, how)
    }

    fn with(
        snapshot: Snapshot,
        asked: Arc<Columns>,
        later: Option<Arc<Columns>>,
        hints: Hints,
        (cached, form, bytes_at_once): (Cached, Form, usize),
    ) -> Self {
        let schema = &snapshot.schema;
        let column = |(path, kind): &(FieldPath, ColumnType)| (schema.column_path(path), *kind);
        let columns: Vec<_> = asked.iter().map(column).collect();
        let shown = (columns[..] != asked[..]).then_some(asked);
        let later = later.map(|asked| Later::new(asked.iter().map(column).collect(), asked));
        let files = snapshot.stored.files.that_may_hold(&asked_for(&hints));
        let shared = Shared {
            snapshot,
            columns,
            shown,
            later,
            hints,
            cached,
            form,
            bytes_at_once,
            at_hand: AtomicBool::new(false),
            left: Mutex::default(),
        };
        let memory = shared.snapshot.segments.iter().cloned();
        let pieces = memory.map(Piece::Memory).chain(shared.pieces_of(files));
        shared.left().pieces = pieces.collect();
        Self(Arc::new(shared))
    }

    /// The next batch, or that the work on the next piece led to none.
    pub(crate) fn step(&self) -> Option<Result<Option<RecordBatch>>> {
        let (piece, wanted) = {
            let mut left = self.0.left();
            if let Some(batch) = left.ready.pop_front() {
                return Some(Ok(Some(batch)));
            }
            match &mut left.in_order {
                None => (left.pieces.pop_front()?, None),
                Some(in_order) => {
                    let (next, wanted) = (in_order.next(&self.0), in_order.wanted());
                    let piece = match next.transpose()? {
                        Ok(piece) => piece,
                        Err(error) => return Some(Err(error)),
                    };
                    (piece, wanted)
                }
            }
        };
        Some(self.0.read(piece, wanted.as_ref()))
    }

    /// Looks into the files that are not left out, the first of them: others
    /// are looked into when their turn comes. Answers how many rows are to be
    /// looked at, hidden ones among them: it tells how many readers are worth
    /// it, and nothing else.
    pub(crate) fn open(&self) -> Result<usize> {
        let pieces = std::mem::take(&mut self.0.left().pieces);
        let mut opened = VecDeque::with_capacity(pieces.len());
        let mut files = 0;
        for piece in pieces {
            match piece {
                Piece::File(entry) if files < LOOKED_INTO_MAX => {
                    files += 1;
                    opened.extend(self.0.file(&entry)?);
                }
                other => opened.push_back(other),
            }
        }
        self.0.left().pieces = opened;
        Ok(self.rows_left())
    }

    /// For a single reader that wants rows in an order of time: what may hold
    /// the first of them comes first, and is opened when its turn comes.
    pub(crate) fn put_in_order(&self, order: &TimeOrder) {
        let mut left = self.0.left();
        let pieces = std::mem::take(&mut left.pieces);
        left.in_order = Some(InOrder::new(order.clone(), pieces));
    }

    /// After [`Reading::put_in_order`]: no row that comes after this time in the
    /// order is wanted any more. Answers whether none is left to be read. Some
    /// may be read all the same.
    pub(crate) fn end_at(&self, time: i64) -> Result<bool> {
        let mut left = self.0.left();
        if !left.ready.is_empty() {
            return Ok(false);
        }
        match &mut left.in_order {
            Some(in_order) => in_order.end_at(time, &self.0),
            None => Ok(left.pieces.is_empty()),
        }
    }
}

impl Shared {
    fn left(&self) -> MutexGuard<'_, Left> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads a piece; answers its first batch, the others are ready.
    fn read(&self, piece: Piece, wanted: Option<&Wanted>) -> Result<Option<RecordBatch>> {
        match piece {
            Piece::Memory(segment) => {
                if self.later.is_none() {
                    let batch = segment.scan(&self.columns, &self.hints)?;
                    return self.show(batch, None).map(Some);
                }
                let (batch, rows) = segment.scan_numbered(&self.columns, &self.hints)?;
                let addresses = self.addresses(Source::Memory(segment), rows)?;
                self.show(batch, Some(addresses)).map(Some)
            }
            Piece::File(entry) => {
                let parts = self.file(&entry)?;
                let mut left = self.left();
                parts
                    .into_iter()
                    .rev()
                    .for_each(|part| left.pieces.push_front(part));
                Ok(None)
            }
            Piece::Blocks(opened, blocks) => {
                let batches = self.blocks(&opened, blocks, wanted)?.into_iter();
                let batches = batches.map(|(batch, addresses)| self.show(batch, addresses));
                let mut batches = batches.collect::<Result<VecDeque<_>>>()?;
                let first = batches.pop_front();
                self.left().ready.append(&mut batches);
                Ok(first)
            }
            Piece::Rows(rows) => batch_of(&[], Vec::new(), rows).map(Some),
        }
    }

    /// The columns under the names of whoever asks, and behind them the addresses.
    fn show(&self, batch: RecordBatch, addresses: Option<Addresses>) -> Result<RecordBatch> {
        if self.shown.is_none() && addresses.is_none() {
            return Ok(batch);
        }
        let rows = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        let (_, mut columns, _) = batch.into_parts();
        let names = self.shown.as_deref().unwrap_or(&self.columns);
        let named = names.iter().zip(&columns);
        let fields = named
            .map(|((path, _), column)| Field::new(path.as_str(), column.data_type().clone(), true));
        let named = ADDRESS.iter().zip(addresses.iter().flatten());
        let address =
            named.map(|(name, column)| Field::new(*name, column.data_type().clone(), false));
        let schema = Arc::new(ArrowSchema::new(fields.chain(address).collect::<Vec<_>>()));
        columns.extend(addresses.into_iter().flatten());
        Ok(RecordBatch::try_new_with_options(schema, columns, &rows)?)
    }
}

fn homeless() -> LakeError {
    LakeError::Internal("a pool has files and no place for them".to_owned())
}
