//! Which files are merged next.
//!
//! A customer's records are in at most `k` runs once merging has caught up.
//! When there is one more, the newest is merged with all runs that were merged
//! as often as the `k`-th, and the result counts as merged once more. So runs
//! that were merged `w` times each are few and young ones many, and `k` runs
//! hold as many as `(k + w)! / (k! w!)` flushes of which no record was merged
//! more than `w` times: 1,287 for 8 runs and 5 times.

use std::collections::{BTreeMap, BTreeSet};

use model::ids::PoolId;
use model::isolation::Isolation;
use model::permit::{Permit, Upkeep};
use model::pools::FileLayout;

use super::Lake;
use crate::manifest::Manifest;
use crate::store::PoolState;
use crate::tables::{FileEntry, FileId, SortedBy};

/// Runs that are read at once when files of many customers are merged.
const INPUTS_MAX: usize = 64;

/// Bytes of the files of one customer up to which they become one when the pool is at rest.
const GATHERED_BYTES: u64 = 4 << 20;

/// Files that are to become one run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Choice {
    pub(super) files: BTreeSet<FileId>,
    pub(super) level: u8,
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

/// Which of these runs are merged, and how often they count as merged then.
fn due(runs: &[Run], most: usize) -> Option<(BTreeSet<u64>, u8)> {
    let most = most.max(1);
    let (last, ..) = *runs.get(most - 1).filter(|_| runs.len() > most)?;
    let chosen = runs.iter().filter(|(level, ..)| *level <= last);
    Some((
        chosen.map(|(.., run)| *run).collect(),
        last.saturating_add(1),
    ))
}

/// The files to merge next; `None` when all is in order.
pub(super) fn choose(manifest: &Manifest, layout: FileLayout, most: usize) -> Option<Choice> {
    let files = || manifest.files.iter().map(|file| &**file);
    match layout {
        FileLayout::Shared => {
            let (runs, level) = due(&runs(files()), most)?;
            let files = files().filter(|file| runs.contains(&file.run));
            Some(Choice {
                files: files.map(|file| file.id).collect(),
                level,
            })
        }
        FileLayout::FilePerCustomer => mixed(manifest).or_else(|| apart(manifest, most, |_| true)),
    }
}

/// The files to merge in a pool at rest, where each customer has files of their own: those of
/// customers who have few records in several. How many files these are follows from how often
/// records were written to files, and so from how many others sent, and a question takes longer
/// for each of them. Only small ones: what is written anew for that stays little.
pub(super) fn gathered(manifest: &Manifest, layout: FileLayout) -> Option<Choice> {
    let is_little =
        |files: &[&FileEntry]| files.iter().map(|file| file.bytes).sum::<u64>() <= GATHERED_BYTES;
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
    let mixed = |file: &&FileEntry| customer_of(file).is_none();
    let files = || manifest.files.iter().map(|file| &**file);
    let first = files().find(mixed)?;
    let files = files().filter(|file| file.run == first.run).filter(mixed);
    Some(Choice {
        files: files.map(|file| file.id).collect(),
        level: first.level,
    })
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
        let choice = chosen.get_or_insert_with(|| Choice {
            files: BTreeSet::new(),
            level,
        });
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

/// All files, when they are of more than one run, or of one for each customer,
/// or when something else `is_due`.
pub(super) fn whole(manifest: &Manifest, layout: FileLayout, is_due: bool) -> Option<Choice> {
    let level = manifest.files.iter().map(|file| file.level).max()?;
    let runs: BTreeSet<u64> = manifest.files.iter().map(|file| file.run).collect();
    let is_mixed = layout == FileLayout::FilePerCustomer && mixed(manifest).is_some();
    (runs.len() > 1 || is_due || is_mixed).then(|| Choice {
        files: manifest.files.iter().map(|file| file.id).collect(),
        level,
    })
}

/// The largest run that does not lie in this order.
pub(super) fn misplaced(manifest: &Manifest, order: &SortedBy) -> Option<Choice> {
    let misplaced = |file: &&FileEntry| file.sorted_by != *order;
    let files = || manifest.files.iter().map(|file| &**file).filter(misplaced);
    let runs = runs(files());
    let (level, _, run) = *runs.iter().max_by_key(|(_, rows, run)| (*rows, *run))?;
    let files = files().filter(|file| file.run == run);
    Some(Choice {
        files: files.map(|file| file.id).collect(),
        level,
    })
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
    /// In how many runs of files the records of one customer are at most. A
    /// customer with more records than a file holds has several files in a run.
    pub files_per_customer: u64,
    /// How often a record was written anew by merging, on average over the
    /// records; those are counted as often as any record of their file.
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
        Self {
            isolation: pool.map_or(Isolation::Nothing, |pool| {
                state.isolation.called(&pool.draft.schema)
            }),
            files: files().count() as u64,
            files_otherwise: otherwise.count() as u64,
            bytes: files().map(|file| file.bytes).sum(),
            rows,
            files_per_customer: most_runs(manifest),
            rewrites_per_record,
        }
    }
}

/// The most runs whose ranges of customers have one in common. Files that are
/// not sorted by customers may hold any.
fn most_runs(manifest: &Manifest) -> u64 {
    let anybody = manifest.files.iter().filter(|f| f.isolation.is_none());
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
    let mut most = 0;
    for (_, is_end, run) in ends {
        if is_end {
            if let Some(count) = open.get_mut(&run) {
                *count -= 1;
                if *count == 0 {
                    open.remove(&run);
                }
            }
        } else {
            *open.entry(run).or_default() += 1;
            most = most.max(open.len());
        }
    }
    (most + anybody.len()) as u64
}

#[cfg(test)]
mod tests;
