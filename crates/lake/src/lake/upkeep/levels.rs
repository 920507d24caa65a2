//! Which files are merged next.
//!
//! A customer's records are in at most `k` runs once merging has caught up.
//! When there is one more, the newest is merged with all runs that were merged
//! as often as the `k`-th, and the result counts as merged once more. So runs
//! that were merged `w` times each are few and young ones many, and `k` runs
//! hold as many as `(k + w)! / (k! w!)` flushes of which no record was merged
//! more than `w` times: 1,287 for 8 runs and 5 times.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::ids::PoolId;
use model::isolation::Isolation;
use model::permit::{Permit, Upkeep};
use model::pools::FileLayout;

use super::Lake;
use crate::manifest::Manifest;
use crate::store::PoolState;
use crate::tables::{FileEntry, FileId, SortedBy};

/// Runs that are merged at once, at most: of each some blocks are in memory. Where there are more, it takes
/// several merges.
pub(super) const INPUTS_MAX: usize = 16;

/// Bytes of the files of one customer up to which they become one when the pool is at rest and the
/// younger are worth it.
const GATHERED_BYTES: u64 = 4 << 20;

/// Files that are to become one run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Choice {
    pub(super) files: BTreeSet<FileId>,
    pub(super) level: u8,
    /// The run in which the new files take the place of these; `None` where they are a run of their own.
    pub(super) within: Option<u64>,
}

impl Choice {
    /// Files that become a run of their own.
    pub(super) fn of<'a>(files: impl Iterator<Item = &'a Arc<FileEntry>>, level: u8) -> Self {
        Self {
            files: files.map(|file| file.id).collect(),
            level,
            within: None,
        }
    }
}

/// A run: how often it was merged, and how many rows it has.
type Run = (u8, u64, u64);

/// The runs of files, those that were merged most often first.
fn runs<'a>(files: impl Iterator<Item = &'a FileEntry>) -> Vec<Run> {
    let mut found: BTreeMap<u64, (u8, u64)> = BTreeMap::new();
    for file in files {
        let run = found.entry(file.run).or_default();
        *run = (run.0.max(file.level), run.1 + file.rows);
    }
    let runs = found.into_iter();
    let mut runs: Vec<Run> = runs
        .map(|(run, (level, rows))| (level, rows, run))
        .collect();
    runs.sort_unstable_by(|a, b| b.cmp(a));
    runs
}

/// Which of these runs are merged, and how often they count as merged then. Of more than can be read at once
/// those that were merged least often.
fn due(runs: &[Run], most: usize) -> Option<(BTreeSet<u64>, u8)> {
    let most = most.max(1);
    let (last, ..) = *runs.get(most - 1).filter(|_| runs.len() > most)?;
    let first = runs.partition_point(|(level, ..)| *level > last);
    let chosen = &runs[first.max(runs.len().saturating_sub(INPUTS_MAX))..];
    let (level, ..) = *chosen.first()?;
    Some((
        chosen.iter().map(|(.., run)| *run).collect(),
        level.saturating_add(1),
    ))
}

/// The files to merge next; `None` when all is in order.
pub(super) fn choose(manifest: &Manifest, layout: FileLayout, most: usize) -> Option<Choice> {
    match layout {
        FileLayout::Shared => {
            let files = || manifest.files.iter();
            let (runs, level) = due(&runs(files().map(|file| &**file)), most)?;
            let files = files().filter(|file| runs.contains(&file.run));
            Some(Choice::of(files, level))
        }
        FileLayout::FilePerCustomer => mixed(manifest).or_else(|| apart(manifest, most, |_| true)),
    }
}

/// The files to merge in a pool at rest, where each customer has files of their own: those of
/// customers who have few records in several. How many files these are follows from how often
/// records were written to files, and so from how many others sent, and a question takes longer
/// for each of them. Those of up to so many bytes are, whatever there is of them: a pool is at rest a few
/// times an hour at most, and so much is written soon. Larger ones only once the younger have half as many rows as
/// the oldest: a customer who sends a record an hour has each written anew a few times, and not every hour.
pub(super) fn gathered(manifest: &Manifest, layout: FileLayout, always: u64) -> Option<Choice> {
    let is_little = |files: &[&FileEntry]| {
        let bytes: u64 = files.iter().map(|file| file.bytes).sum();
        if bytes <= always {
            return true;
        }
        let rows: u64 = files.iter().map(|file| file.rows).sum();
        let most = files.iter().map(|file| file.rows).max().unwrap_or(0);
        bytes <= GATHERED_BYTES && (rows - most).saturating_mul(2) >= most
    };
    let apart = || apart(manifest, 1, is_little);
    let choice = (layout == FileLayout::FilePerCustomer).then(apart)?;
    // It is no merge of those that are counted.
    choice.map(|choice| Choice {
        level: choice.level.saturating_sub(1),
        ..choice
    })
}

/// The customer whose records alone a file holds.
fn customer_of(file: &FileEntry) -> Option<&[u8]> {
    let range = file.isolation.as_ref()?;
    (range.min == range.max).then_some(&*range.min)
}

/// A run of which files hold records of several customers, as those do that
/// were written before the pool asked for files of their own.
fn mixed(manifest: &Manifest) -> Option<Choice> {
    let mixed = |file: &&Arc<FileEntry>| customer_of(file).is_none();
    let files = || manifest.files.iter();
    let first = files().find(mixed)?;
    let files = files().filter(|file| file.run == first.run).filter(mixed);
    Some(Choice::of(files, first.level))
}

/// The files of customers who have too many, of those who are alike in how
/// often they were merged: others are left where they are.
fn apart(
    manifest: &Manifest,
    most: usize,
    concerns: impl Fn(&[&FileEntry]) -> bool,
) -> Option<Choice> {
    let mut customers: BTreeMap<&[u8], Vec<&FileEntry>> = BTreeMap::new();
    for file in manifest.files.iter() {
        if let Some(customer) = customer_of(file) {
            customers.entry(customer).or_default().push(file);
        }
    }
    let mut chosen: Option<Choice> = None;
    let mut inputs = BTreeSet::new();
    let too_many = customers.values().filter(|files| files.len() > most);
    for files in too_many.filter(|files| concerns(files)) {
        let Some((runs, level)) = due(&runs(files.iter().copied()), most) else {
            continue;
        };
        let choice = chosen.get_or_insert_with(|| Choice::of(std::iter::empty(), level));
        let all = inputs.union(&runs).count();
        if choice.level != level || (all > INPUTS_MAX && !choice.files.is_empty()) {
            continue;
        }
        inputs.extend(&runs);
        let merged = files.iter().filter(|file| runs.contains(&file.run));
        choice.files.extend(merged.map(|file| file.id));
    }
    chosen
}

/// How often the records of these runs were merged on average, as a whole number. What is done
/// because somebody asked for it is no merging that counts: by the oldest run, which may be the
/// smallest, the records of all would count as merged as often as those.
fn mean_level(runs: &[Run]) -> u8 {
    let sum = |of: fn(&Run) -> u64| runs.iter().map(of).fold(0, u64::saturating_add);
    let rows = sum(|(_, rows, _)| *rows);
    let written = sum(|(level, rows, _)| rows.saturating_mul((*level).into()));
    let mean = written.saturating_add(rows / 2) / rows.max(1);
    u8::try_from(mean).unwrap_or(u8::MAX)
}

/// All files, when they are of more than one run, or of one for each customer,
/// or when something else `is_due`. Of more runs than can be read at once the smallest.
pub(super) fn whole(manifest: &Manifest, layout: FileLayout, is_due: bool) -> Option<Choice> {
    let mut all = runs(manifest.files.iter().map(|file| &**file));
    let is_mixed = layout == FileLayout::FilePerCustomer && mixed(manifest).is_some();
    if all.is_empty() || !(all.len() > 1 || is_due || is_mixed) {
        return None;
    }
    all.sort_by_key(|(_, rows, run)| (*rows, *run));
    all.truncate(INPUTS_MAX);
    let level = mean_level(&all);
    let chosen: BTreeSet<u64> = all.into_iter().map(|(.., run)| run).collect();
    let files = manifest
        .files
        .iter()
        .filter(|file| chosen.contains(&file.run));
    Some(Choice::of(files, level))
}

/// The largest run that does not lie in this order.
pub(super) fn misplaced(manifest: &Manifest, order: &SortedBy) -> Option<Choice> {
    let misplaced = |file: &&Arc<FileEntry>| file.sorted_by != *order;
    let files = || manifest.files.iter().filter(misplaced);
    let runs = runs(files().map(|file| &**file));
    let (level, _, run) = *runs.iter().max_by_key(|(_, rows, run)| (*rows, *run))?;
    Some(Choice::of(files().filter(|file| file.run == run), level))
}

/// How the records of a pool lie in files.
#[derive(Clone, Debug, PartialEq)]
pub struct PoolLayout {
    /// What new files lie by, called as the pool calls the field.
    pub isolation: Isolation,
    /// Files.
    pub files: u64,
    /// Those of them that do not lie by it yet.
    pub files_otherwise: u64,
    /// Bytes of the files.
    pub bytes: u64,
    /// Records in files, those that are gone and not yet taken away included.
    pub rows: u64,
    /// In how many files the records of one customer may be at most.
    pub files_per_customer: u64,
    /// In how many runs of files they are at most. A customer with more
    /// records than a file holds has several files in a run.
    pub runs_per_customer: u64,
    /// How often a record was written anew by merging runs, on average over
    /// the records; those are counted as often as any record of their file.
    /// What is written for removals, sorting and gathering, or because
    /// somebody asked for it, is not counted.
    pub rewrites_per_record: f64,
}

impl Lake {
    /// How the records of each known pool lie in files now.
    pub fn layout(&self, _: &Permit<Upkeep>) -> Vec<(PoolId, PoolLayout)> {
        let states = self.pools.states();
        let known = states.iter().filter(|state| state.pool.is_some());
        known
            .map(|state| (state.id, PoolLayout::of(state)))
            .collect()
    }
}

impl PoolLayout {
    pub(in crate::lake) fn of(state: &PoolState) -> Self {
        let manifest = &state.manifest;
        let files = || manifest.files.iter();
        let rows = files().map(|file| file.rows).sum();
        let written: u64 = files().map(|f| f.rows * u64::from(f.level)).sum();
        #[expect(clippy::cast_precision_loss, reason = "a ratio for people to read")]
        let rewrites_per_record = if rows == 0 {
            0.0
        } else {
            written as f64 / rows as f64
        };
        let order = state.sorted_by();
        let otherwise = files().filter(|file| order.as_ref().is_some_and(|o| file.sorted_by != *o));
        let pool = state.pool.as_ref();
        let (files_per_customer, runs_per_customer) = most_of_a_customer(manifest);
        Self {
            isolation: pool.map_or(Isolation::Nothing, |pool| {
                state.isolation.called(&pool.draft.schema)
            }),
            files: files().count() as u64,
            files_otherwise: otherwise.count() as u64,
            bytes: files().map(|file| file.bytes).sum(),
            rows,
            files_per_customer,
            runs_per_customer,
            rewrites_per_record,
        }
    }
}

/// The most files, and the most runs, whose ranges of customers have one in
/// common. Files that are not sorted by customers may hold any.
fn most_of_a_customer(manifest: &Manifest) -> (u64, u64) {
    let anybody = manifest.files.iter().filter(|f| f.isolation.is_none());
    let anybody_files = anybody.clone().count();
    let anybody: BTreeSet<u64> = anybody.map(|file| file.run).collect();
    // At the same customer a range begins before others end.
    let mut ends: Vec<(&[u8], bool, u64)> = Vec::with_capacity(2 * manifest.files.len());
    for file in manifest.files.iter() {
        if let Some(range) = &file.isolation {
            ends.push((&range.min, false, file.run));
            ends.push((&range.max, true, file.run));
        }
    }
    ends.sort_unstable();
    let mut open: BTreeMap<u64, usize> = BTreeMap::new();
    let (mut files, mut most_files, mut most_runs) = (0, 0, 0);
    for (_, is_end, run) in ends {
        if is_end {
            files -= 1;
            if let Some(count) = open.get_mut(&run) {
                *count -= 1;
                if *count == 0 {
                    open.remove(&run);
                }
            }
        } else {
            files += 1;
            *open.entry(run).or_default() += 1;
            most_runs = most_runs.max(open.len());
            most_files = most_files.max(files);
        }
    }
    let runs = most_runs + anybody.len();
    ((most_files + anybody_files) as u64, runs as u64)
}

#[cfg(test)]
mod tests;
