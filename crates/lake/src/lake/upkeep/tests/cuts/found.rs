//! What is on a disk after a power cut, against what must be there.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow_array::ArrayRef;
use arrow_array::cast::AsArray;
use model::answers::AppendReceipt;
use model::names::FieldPath;
use model::permit::Permit;
use model::time::ManualClock;

use super::life::{Moment, PURGE_AFTER, open};
use super::story::{AGED, Book, Deed, Row, columns, pools};
use crate::columns::value_at;
use crate::disk::Disk;
use crate::error::Result as LakeResult;
use crate::journal::JournalError;
use crate::lake::Lake;
use crate::lake::tests::fixtures::{Stored, path};
use crate::published;
use crate::reading::{Hints, Reading};
use crate::simulation::SimulatedDisk;
use crate::store::{Operation, Outcome};
use crate::tables::{Part, parse_name};

/// What the answers to deeds must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answered {
    /// They were never sent before.
    First,
    /// They were acknowledged before.
    Before,
    /// Nobody knows.
    Perhaps,
}

type Submitted = (Operation, Option<AppendReceipt>);

/// Deeds that are sent together, one such part after the other: batches, whose
/// order is theirs. What changes a pool otherwise may be overtaken by batches
/// of other pools.
pub(super) fn parts(deeds: &[Deed]) -> impl Iterator<Item = &[Deed]> {
    deeds.chunk_by(|one, next| one.appends_to().is_some() && next.appends_to().is_some())
}

/// Sends deeds. Whether all are acknowledged; else the journal has stopped.
///
/// # Errors
/// An answer is not what it must be.
pub(super) fn send(lake: &Lake, deeds: &[Deed], answered: Answered) -> Result<bool, String> {
    for part in parts(deeds) {
        let submitted: Option<Vec<Submitted>> = part.iter().map(Deed::operation).collect();
        let going = match submitted {
            Some(together) => submit(lake, together, answered)?,
            None => {
                let aged = std::slice::from_ref(&pools()[AGED]);
                lake.retain(&Permit::ours(), aged).is_ok()
            }
        };
        if !going {
            return Ok(false);
        }
    }
    Ok(true)
}

fn submit(lake: &Lake, together: Vec<Submitted>, answered: Answered) -> Result<bool, String> {
    let (operations, receipts): (Vec<_>, Vec<_>) = together.into_iter().unzip();
    let outcomes = lake.journal.submit_all_blocking(operations);
    let mut all = true;
    for (outcome, receipt) in outcomes.into_iter().zip(receipts) {
        all &= judge(outcome, receipt, answered)?;
    }
    // What the journal does after an answer is done when this returns.
    Ok(all && lake.settle_journal().is_ok())
}

fn judge(
    outcome: Result<Outcome, JournalError>,
    receipt: Option<AppendReceipt>,
    answered: Answered,
) -> Result<bool, String> {
    match (outcome, receipt) {
        (Err(JournalError::Stopped), _) => Ok(false),
        (Ok(Outcome::Done(Ok(rows))), Some(receipt)) => {
            // Fewer where records of one batch replace each other, or the pool is gone.
            let is_right = answered != Answered::Before && rows <= receipt.accepted;
            match is_right {
                true => Ok(true),
                false => Err(format!("a batch was stored {answered:?}: {rows} rows")),
            }
        }
        (Ok(Outcome::Repeated(saved)), Some(receipt)) => {
            let known = (saved.accepted, saved.rejected, saved.faults);
            let is_right = answered != Answered::First
                && known == (receipt.accepted, receipt.rejected, receipt.faults);
            match is_right {
                true => Ok(true),
                false => Err("a repetition was answered otherwise".to_owned()),
            }
        }
        (Ok(Outcome::Done(Ok(0)) | Outcome::Deleted(Ok(_))), None) => Ok(true),
        (other, _) => Err(format!("{other:?}")),
    }
}

/// Every record of every pool, in order.
fn rows(lake: &Lake) -> Result<Vec<Row>, String> {
    let mut rows = Vec::new();
    for at in 0..pools().len() {
        let stored = stored(lake, at);
        for record in stored.map_err(|error| format!("what is stored cannot be read: {error}"))? {
            rows.push(Row::of(at, &record)?);
        }
    }
    rows.sort();
    Ok(rows)
}

/// What clients wrote of the records of a pool.
fn stored(lake: &Lake, at: usize) -> LakeResult<Vec<Stored>> {
    let pool = &pools()[at];
    let fields: Vec<_> = columns(at).iter().map(|(name, _)| path(name)).collect();
    let schema = &pool.draft.schema;
    let column = |field: &FieldPath| (field.clone(), schema.column(field).unwrap());
    let columns: Vec<_> = fields.iter().map(column).collect();
    let snapshot = lake.pools.snapshot(pool);
    let reading = Reading::new(snapshot, columns.into(), Hints::default());
    let mut all = Vec::new();
    while let Some(batch) = reading.step() {
        let Some(batch) = batch? else {
            continue;
        };
        all.extend((0..batch.num_rows()).map(|row| {
            let named = fields.iter().zip(batch.columns());
            let value = |column: &ArrayRef| match column.as_binary_opt::<i32>() {
                // A field that is not declared.
                Some(column) => model::canonical::decode(column.value(row)).unwrap(),
                None => value_at(column, row),
            };
            named
                .map(|(field, column)| (field.as_str().to_owned(), value(column)))
                .collect()
        }));
    }
    Ok(all)
}

fn expect(lake: &Lake, book: &Book, deeds: usize, when: &str) -> Result<(), String> {
    let (found, expected) = (rows(lake)?, book.rows(deeds));
    if found == expected {
        return Ok(());
    }
    Err(format!("{when}: {}", difference(&found, &expected)))
}

/// What is there and must not be, and what is not there and must be.
fn difference(found: &[Row], expected: &[Row]) -> String {
    let less = |all: &[Row], known: &[Row]| {
        let mut known = known.to_vec();
        let mut all = all.to_vec();
        all.retain(|row| match known.iter().position(|k| k == row) {
            Some(at) => {
                known.remove(at);
                false
            }
            None => true,
        });
        all
    };
    format!(
        "lost {:?}, and too much is {:?}",
        less(expected, found),
        less(found, expected)
    )
}

/// Starts the lake on what a power cut left, and compares. Answers how many
/// deeds are there. When `on` says so, all that was not answered is sent
/// again, all upkeep is done, and the power goes once more.
///
/// # Errors
/// The promise that is not kept.
pub(super) fn check(
    disk: &SimulatedDisk,
    book: &Book,
    moment: &Moment,
    on: bool,
) -> Result<usize, String> {
    let clock = Arc::new(ManualClock::new(moment.now));
    let start = |disk: &SimulatedDisk| {
        let lake = open(Arc::new(disk.clone()), clock.clone());
        lake.map_err(|error| format!("the lake does not start: {error}"))
    };
    let lake = start(disk)?;
    let all = rows(&lake)?;
    let mut possible = moment.done..=moment.sent;
    let found = possible.find(|deeds| all == book.rows(*deeds));
    let found = found.ok_or_else(|| difference(&all, &book.rows(moment.done)))?;
    repeat(&lake, book, moment.done, 3)?;
    if !on {
        return Ok(found);
    }
    if !send(&lake, book.deeds(found..moment.sent), Answered::Perhaps)? {
        return Err("the journal stopped without a cause".to_owned());
    }
    expect(&lake, book, moment.sent, "sent again")?;
    send(&lake, &book.late(moment.sent), Answered::First)?;
    expect(&lake, book, moment.sent, "sent to pools that are dropped")?;
    clock.advance(PURGE_AFTER);
    for _ in 0..200 {
        match lake.upkeep(&Permit::ours()) {
            Ok(true) => {}
            Ok(false) => break,
            Err(error) => return Err(format!("upkeep fails: {error}")),
        }
    }
    expect(&lake, book, moment.sent, "after upkeep")?;
    let compacted = lake.compact(&Permit::ours());
    compacted.map_err(|error| format!("compaction fails: {error}"))?;
    expect(&lake, book, moment.sent, "after compaction")?;
    is_tidy(disk, &lake)?;
    let disk = disk.crash();
    drop(lake);
    let lake = start(&disk)?;
    expect(&lake, book, moment.sent, "after another cut")?;
    repeat(&lake, book, moment.sent, 20)?;
    expect(&lake, book, moment.sent, "after repetitions")?;
    Ok(found)
}

/// Some of the batches that were acknowledged are sent again, the last ones and
/// others: they are known.
fn repeat(lake: &Lake, book: &Book, done: usize, some: usize) -> Result<(), String> {
    let step = (done / some).max(1);
    let mut chosen: BTreeSet<usize> = (0..done).step_by(step).collect();
    chosen.extend(done.saturating_sub(2)..done);
    for deed in chosen {
        let one = book.deeds(deed..deed + 1);
        let pool = one[0].appends_to();
        // What came to a pool that was gone was not stored, and so not noted.
        let is_noted = pool.is_some_and(|pool| !book.is_dropped(pool, done));
        if is_noted && !send(lake, one, Answered::Before)? {
            return Err("the journal stopped without a cause".to_owned());
        }
    }
    Ok(())
}

/// After compaction nothing is on the disk but what the pools need.
fn is_tidy(disk: &SimulatedDisk, lake: &Lake) -> Result<(), String> {
    for pool in pools() {
        let directory = lake.tables.directory(pool.id);
        let live: BTreeSet<String> = lake
            .pools
            .manifest(pool.id)
            .files
            .iter()
            .map(|file| file.id.to_string())
            .collect();
        let (mut records, mut indexes) = (BTreeSet::new(), BTreeSet::new());
        for name in disk.list(&directory).unwrap_or_default() {
            match parse_name(&name) {
                Some((id, Part::Records)) => drop(records.insert(id.to_string())),
                Some((id, Part::Index)) => drop(indexes.insert(id.to_string())),
                None if name == published::DIRECTORY => {}
                _ => return Err(format!("{name} stays on the disk")),
            }
        }
        let named = published::named(disk, &directory, pool.id);
        let named = named.map_err(|error| format!("the Delta log: {error}"))?;
        let named: BTreeSet<String> = named
            .into_iter()
            .flatten()
            .map(|name| name.trim_end_matches(".parquet").to_owned())
            .collect();
        if records != live || indexes != live || named != live {
            return Err(format!(
                "the files are {live:?}, and there are {records:?} with indexes {indexes:?}, \
                 of which the Delta log names {named:?}"
            ));
        }
    }
    Ok(())
}
