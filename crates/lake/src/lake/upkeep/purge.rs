//! When removed and replaced rows leave the files that hold them, and which files are written anew for it.
//!
//! A file is written anew alone, or with those beside it that are due as well, and the new ones stand in its
//! place in its run: what one customer deletes concerns the files that hold that customer's rows.

use std::collections::BTreeSet;
use std::sync::Arc;

use model::pools::Pool;

use super::Lake;
use super::levels::Choice;
use super::merge::place_in_run;
use super::retain::may_stay;
use crate::manifest::Manifest;
use crate::tables::{FileEntry, FileId, SortedBy};

/// Removals that readers of a file heed, at most.
const REMOVALS_MAX: usize = 64;
/// Removals of a pool, at most: all of them are looked through for every file.
const REMOVALS_MAX_IN_ALL: usize = 256;

/// Files that are written anew at once, at most: what is written before a restart is lost.
const FILES_MAX: usize = 8;

/// The share of the time that deleted rows may stay on the disk after which a purge that was due takes what it
/// can of the disk: it was to be done after half of that time, and the rest is for the last readers.
const SHARE_IN_PEACE: u32 = 8;

impl Lake {
    /// Whether removals wait too long, or are too many for readers to heed, in files that do not rest.
    pub(super) fn must_purge(
        &self,
        pool: Option<&Pool>,
        manifest: &Manifest,
        resting: &BTreeSet<FileId>,
    ) -> bool {
        let files = manifest.files.iter();
        let mut files = files.filter(|file| !resting.contains(&file.id));
        files.any(|file| self.purges(pool, manifest, file).is_some())
    }

    /// Whether some wait so long that nothing may be spared.
    pub(super) fn is_late(&self, pool: &Pool, manifest: &Manifest) -> bool {
        let peace = self.upkeep.options.purge_after / SHARE_IN_PEACE;
        let now = self.clock.now().as_microsecond();
        let late = now.saturating_sub(i64::try_from(peace.as_micros()).unwrap_or(i64::MAX));
        let files = manifest.files.iter();
        let mut ends = files.filter_map(|file| self.must_leave(Some(pool), manifest, file));
        ends.any(|end| end <= late)
    }

    /// When what a file holds of removed or replaced rows is to leave it, if it is to be written anew for it
    /// now; those of which readers have to heed too much come first.
    fn purges(&self, pool: Option<&Pool>, manifest: &Manifest, file: &FileEntry) -> Option<i64> {
        let removals = &manifest.removals;
        let has_too_many = removals.len() > REMOVALS_MAX
            && removals.iter().filter(|one| one.is_due(file)).count() > REMOVALS_MAX;
        let end = self.must_leave(pool, manifest, file)?;
        if has_too_many {
            return Some(i64::MIN);
        }
        let now = self.clock.now().as_microsecond();
        (end <= now || removals.len() > REMOVALS_MAX_IN_ALL).then_some(end)
    }

    /// The files to write anew next without what was removed or replaced. One that could not be read comes
    /// last, and alone: what was removed leaves the others all the same. Those that rest are not read yet, but
    /// what lies on both sides of one in its run does not become one file.
    pub(super) fn next_purge(
        &self,
        pool: &Pool,
        manifest: &Manifest,
        order: &SortedBy,
        resting: &BTreeSet<FileId>,
    ) -> Option<Choice> {
        let purges = |file: &FileEntry| self.purges(Some(pool), manifest, file);
        let unreadable = self.upkeep.unreadable();
        let is_unreadable = |file: &FileEntry| unreadable.contains_key(&file.id);
        let due = manifest.files.iter();
        let due = due.filter(|file| !resting.contains(&file.id));
        let due = due.filter_map(|file| Some((purges(file)?, file)));
        let order_of = |file: &FileEntry, end| (is_unreadable(file), end, file.level, file.run);
        let (_, first) = due.min_by_key(|(end, file)| order_of(file, *end))?;
        if is_unreadable(first) {
            let within = (first.sorted_by == *order).then_some(first.run);
            return Some(Choice {
                within,
                ..Choice::of(std::iter::once(first), first.level)
            });
        }
        let mut run: Vec<_> = manifest.files.iter().collect();
        run.retain(|file| file.run == first.run);
        if first.sorted_by != *order {
            // Sorted in another order, its rows stand nowhere in this run.
            let otherwise =
                |file: &&Arc<FileEntry>| file.sorted_by != *order && !is_unreadable(file);
            let otherwise = run.into_iter().filter(otherwise);
            return Some(Choice::of(otherwise, first.level));
        }
        run.sort_by_cached_key(|file| place_in_run(file));
        let at = run.iter().position(|file| file.id == first.id)?;
        let is_next = |file: &&Arc<FileEntry>| {
            file.sorted_by == *order && purges(file).is_some() && !is_unreadable(file)
        };
        let next = run.into_iter().skip(at).take_while(is_next);
        Some(Choice {
            within: Some(first.run),
            ..Choice::of(next.take(FILES_MAX), first.level)
        })
    }

    /// When what a file holds of removed or replaced rows is to leave it, in
    /// microseconds; `None` when it holds none.
    fn must_leave(
        &self,
        pool: Option<&Pool>,
        manifest: &Manifest,
        file: &FileEntry,
    ) -> Option<i64> {
        // The file still has to be left by its last reader.
        let soon = self.upkeep.options.purge_after / 2;
        let now = self.clock.now();
        let removals = manifest.removals.iter().filter(|one| one.is_due(file));
        let removed = removals.map(|removal| {
            let too_old = pool.and_then(|pool| may_stay(pool, removal, file, now));
            let (since, stays) = too_old.unwrap_or((removal.at, soon));
            (since, stays.max(soon))
        });
        let replaced = file.replaced.as_ref();
        let replaced = replaced.map(|replaced| (replaced.since, soon));
        let ends = removed.chain(replaced).map(|(since, stays)| {
            let stays = i64::try_from(stays.as_micros()).unwrap_or(i64::MAX);
            since.as_microsecond().saturating_add(stays)
        });
        ends.min()
    }
}
