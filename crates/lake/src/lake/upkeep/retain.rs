//! Records that are older than their pool keeps them go.

use std::sync::{Arc, Weak};
use std::time::Duration;

use model::fields::{ColumnType, FieldType, ScalarType};
use model::filters::Constraint;
use model::names::FieldPath;
use model::permit::{Permit, Upkeep};
use model::pools::Pool;
use model::time::Timestamp;

use super::publish::has_passed;
use super::{Lake, Writing};
use crate::error::{LakeError, Result};
use crate::journal::Position;
use crate::manifest::{ManifestChange, Removal};
use crate::operation::encode_removal;
use crate::predicate::admitted;
use crate::reading::{Hints, Reading, TimeHint};
use crate::snapshot::Snapshot;
use crate::store::{Operation, Outcome, Why, Written};
use crate::tables::{FileEntry, FileList};

/// The border moves in steps of an hour: each step is an operation of the journal.
const STEP_MICROSECONDS: i64 = 3_600_000_000;
/// The share of its retention that a record may stay on the disk after it: so a file is written
/// anew that often at most while the border moves through it.
const SHARE_ON_DISK: u32 = 20;
/// How long new records of a pool are not looked through again.
const PAUSE: Duration = Duration::from_secs(5 * 60);

/// Since when records of a file are removed, and how long they may stay in it after that, when a
/// removal takes them for nothing but that the pool keeps them no longer; `None` when they are to go
/// as any deleted record.
pub(super) fn may_stay(
    pool: &Pool,
    removal: &Removal,
    file: &FileEntry,
    now: Timestamp,
) -> Option<(Timestamp, Duration)> {
    let (field, border) = removal.border()?;
    let days = u64::from(pool.draft.retention_days?);
    if *field != time_column(pool) || border > self::border(pool, now)? {
        return None;
    }
    let kept = Duration::from_secs(days * 86_400);
    // A removal is as old as the first whose place it took, and a file that cannot be read keeps it
    // for as long as it lies there: in the others, what is removed is as old as they say.
    let times = file.time.filter(|_| file.sorted_by.time == *field);
    let oldest = times.and_then(|times| Timestamp::from_microsecond(times.min));
    let too_old = oldest.and_then(|oldest| oldest.checked_add(kept));
    // What was removed before it was written is not in it, however late its records came.
    let since = [Some(removal.at), too_old, Some(file.id.0.made_at())];
    let since = since.into_iter().flatten().max()?;
    Some((since, kept / SHARE_ON_DISK))
}

/// What was looked through of a pool.
#[derive(Debug)]
pub(super) struct Retained {
    border: Timestamp,
    files: Weak<FileList>,
    at: Timestamp,
}

/// The instant before which records of a pool go at a time; none when it keeps all.
fn border(pool: &Pool, now: Timestamp) -> Option<Timestamp> {
    let days = i64::from(pool.draft.retention_days?);
    let border = now.as_microsecond() - days * 86_400_000_000;
    Timestamp::from_microsecond(border - border.rem_euclid(STEP_MICROSECONDS))
}

/// The column by whose time records are kept.
fn time_column(pool: &Pool) -> FieldPath {
    pool.draft.schema.column_path(&pool.time_field())
}

impl Lake {
    /// Removes the records of these pools, as they are defined now, that are
    /// older than `retention_days`: at once for every reader, and from the disk
    /// in the time of any removal, or in a twentieth of that retention and half
    /// of that time if that is longer. Answers from how many pools some went. A
    /// pool is looked through when the border has moved by an hour or it has
    /// new records, and then at most every five minutes. Blocks while it works.
    ///
    /// Answers that are kept end when the border has moved, and what was made of
    /// times before it is made anew, whether or not something went, and not when records go that came later: from their age
    /// nobody learns what there is (see [`Lake::took_away`]).
    ///
    /// # Errors
    /// Nothing is lost; it may be tried again. Other pools have had their turn.
    pub fn retain(&self, _: &Permit<Upkeep>, pools: &[Arc<Pool>]) -> Result<usize> {
        let mut memory = self.upkeep.tending();
        let now = self.clock.now();
        let (mut count, mut failed) = (0, Ok(()));
        for pool in pools {
            let Some(border) = border(pool, now) else {
                memory.retained.remove(&pool.id);
                continue;
            };
            if self.is_stopping() {
                break;
            }
            let snapshot = self.pools.snapshot(pool);
            let files = Arc::downgrade(&snapshot.stored.files);
            let known = memory.retained.get(&pool.id);
            if memory.failures.rests(Writing::Retain(pool.id), now)
                || known.is_some_and(|known| known.covers(border, &files, &snapshot, now))
            {
                continue;
            }
            let has_moved = known.is_none_or(|known| known.border != border);
            let done = self.retain_pool(pool, snapshot, border);
            if has_moved {
                self.pools.border_moved(pool, border);
            }
            match done {
                Ok(is_less) => {
                    count += usize::from(is_less);
                    let at = now;
                    let done = Retained { border, files, at };
                    memory.retained.insert(pool.id, done);
                }
                Err(error) => {
                    memory.failures.note(Writing::Retain(pool.id), &error, now);
                    failed = Err(error);
                }
            }
        }
        failed.map(|()| count)
    }

    /// Whether some went.
    fn retain_pool(&self, pool: &Arc<Pool>, snapshot: Snapshot, border: Timestamp) -> Result<bool> {
        let filter = Removal::before(time_column(pool), border);
        let removal = Removal::new(Position::FIRST, border, Constraint::AllRows, Some(filter));
        match holds_some(snapshot, &removal) {
            Ok(false) => return Ok(false),
            // A file that cannot be read keeps nothing in others from being too old.
            Err(error) if error.is_of_a_file() => {
                tracing::warn!(pool = %pool.id, %error, "what is too old is removed unlooked for");
            }
            Err(error) => return Err(error),
            Ok(true) => {}
        }
        let mut payload = Vec::new();
        let (rows, filter) = (removal.rows, removal.filter);
        encode_removal(pool.id, &rows, filter.as_ref(), &mut payload);
        let done = self.submit_upkeep(Operation::Delete {
            pool: pool.clone(),
            payload,
            rows,
            filter,
            foreseen: None,
            why: Why::TooOld,
        })?;
        match done {
            Outcome::Deleted(done) => drop(done?),
            _ => {
                return Err(LakeError::Internal(
                    "a removal was answered otherwise".into(),
                ));
            }
        }
        self.drop_expired(pool, border)?;
        Ok(true)
    }

    /// Gives up the files that lie before the border as a whole.
    fn drop_expired(&self, pool: &Arc<Pool>, border: Timestamp) -> Result<()> {
        let field = time_column(pool);
        let files = self.pools.manifest(pool.id).files;
        let expired = files.iter().filter(|file| {
            let times = file.time.filter(|_| file.sorted_by.time == field);
            times.is_some_and(|times| !times.missing && times.max < border.as_microsecond())
        });
        let removed: Vec<_> = expired.map(|file| file.id).collect();
        if removed.is_empty() {
            return Ok(());
        }
        self.commit(pool.id, Written::Anew, Ok(Vec::new()), |added| {
            Ok(ManifestChange {
                mark: None,
                removed,
                added,
            })
        })
    }
}

impl Retained {
    /// Whether there is nothing to look for that was not looked for.
    fn covers(
        &self,
        border: Timestamp,
        files: &Weak<FileList>,
        snapshot: &Snapshot,
        now: Timestamp,
    ) -> bool {
        let is_same = Weak::ptr_eq(&self.files, files) && snapshot.segments.is_empty();
        self.border == border && (is_same || !has_passed(self.at, now, PAUSE))
    }
}

/// Whether a visible row would go.
fn holds_some(snapshot: Snapshot, removal: &Removal) -> Result<bool> {
    let Some((field, border)) = removal.border() else {
        return Ok(false);
    };
    let snapshot = snapshot.asked_by_columns();
    let predicate = removal.predicate(&snapshot.by_columns);
    let hints = Hints {
        customers: Vec::new(),
        time: Some(TimeHint {
            field: field.clone(),
            from: None,
            to: Some(border.as_microsecond()),
            missing: false,
        }),
    };
    let column = ColumnType::Declared(FieldType::Scalar(ScalarType::DateTime));
    let columns = vec![(field.clone(), column)];
    let reading = Reading::new(snapshot, columns.into(), hints);
    while let Some(batch) = reading.step() {
        if let Some(batch) = batch?
            && admitted(&predicate, &batch)?.true_count() > 0
        {
            return Ok(true);
        }
    }
    Ok(false)
}
