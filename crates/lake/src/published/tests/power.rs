//! Power cuts and failing disks at every operation: the log stays readable, keeps what was
//! acknowledged, and the next call continues.

use std::sync::Arc;

use super::reader::{Seen, newest};
use super::*;
use crate::disk::{DiskError, DiskFile, DiskLock};
use crate::lake::tests::fixtures::cases;
use crate::simulation::Fault;

/// Calls `publish` for the live sets that end with these numbers, until one fails; answers how
/// many were done.
fn publish_all(disk: &dyn Disk, ends: &[u64]) -> (usize, Option<PublishError>) {
    for (done, end) in ends.iter().enumerate() {
        let live = files(*end / 2..*end);
        if let Err(error) = publish(disk, &pool(), &table(&[]), &live, at(*end)) {
            return (done, Some(error));
        }
    }
    (ends.len(), None)
}

fn names(numbers: std::ops::Range<u64>) -> Vec<String> {
    files(numbers).into_iter().map(|file| file.name).collect()
}

fn live_names(seen: &Seen) -> Vec<String> {
    seen.files.keys().cloned().collect()
}

/// What is found after a fault: what was acknowledged, or that and what was under way; then the
/// next calls go on from there.
fn check_after(
    disk: &dyn Disk,
    before: Option<&Seen>,
    ends: &[u64],
    done: usize,
) -> Result<(), String> {
    let found = newest(disk, &log())?;
    verify(disk, &pool(), table(&[]).id).map_err(|error| error.to_string())?;
    let of = |end: u64| names(end / 2..end);
    let allowed: Vec<Option<Vec<String>>> = [
        match done.checked_sub(1) {
            Some(last) => Some(of(ends[last])),
            None => before.map(live_names),
        },
        ends.get(done).map(|end| of(*end)),
    ]
    .into();
    let live = found.as_ref().map(live_names);
    if !allowed.contains(&live) {
        return Err(format!("found {live:?} after {done} of {ends:?}"));
    }
    let next: Vec<u64> = ends[done..].iter().copied().chain([200, 202]).collect();
    let (_, error) = publish_all(disk, &next);
    if let Some(error) = error {
        return Err(error.to_string());
    }
    let seen = newest(disk, &log())?.ok_or("no log")?;
    super::reader::check_last(disk, &log());
    if live_names(&seen) != of(202) {
        return Err(format!("found {:?} at last", live_names(&seen)));
    }
    Ok(())
}

/// A log before which nothing was, and one shortly before a checkpoint and the cleaning after it.
fn starts(seed: u64) -> [(SimulatedDisk, Vec<u64>); 2] {
    [
        (disk(seed), vec![100, 102, 103]),
        (published(seed, 28), vec![100, 102, 103]),
    ]
}

/// How many operations the calls need when nothing goes wrong.
fn operations(disk: &SimulatedDisk, ends: &[u64]) -> u64 {
    let disk = disk.copy();
    let (done, error) = publish_all(&disk, ends);
    assert!(error.is_none() && done == ends.len(), "{error:?}");
    disk.operations()
}

#[test]
fn a_power_cut_at_any_operation_loses_nothing_acknowledged() {
    for seed in 0..3 {
        for (start, ends) in starts(seed) {
            let before = newest(&start, &log()).unwrap();
            for turn in 1..=operations(&start, &ends) {
                let disk = start.copy();
                disk.plan(Some(Fault::CutAtOperation(turn)));
                let (done, error) = publish_all(&disk, &ends);
                assert!(matches!(error, Some(PublishError::Disk(_))), "{error:?}");
                let after = disk.crash();
                check_after(&after, before.as_ref(), &ends, done)
                    .unwrap_or_else(|wrong| panic!("seed {seed}, operation {turn}: {wrong}"));
            }
        }
    }
}

#[test]
fn a_second_power_cut_while_continuing_does_no_harm() {
    let (start, ends) = (published(11, 28), vec![100, 102]);
    let before = newest(&start, &log()).unwrap();
    for turn in (1..=operations(&start, &ends)).step_by(3) {
        let disk = start.copy();
        disk.plan(Some(Fault::CutAtOperation(turn)));
        let (done, _) = publish_all(&disk, &ends);
        let again = disk.crash();
        again.plan(Some(Fault::CutAtOperation(turn / 2 + 3)));
        let (more, error) = publish_all(&again, &ends[done..]);
        assert!(
            error.is_none() || matches!(error, Some(PublishError::Disk(_))),
            "{error:?}"
        );
        let after = again.crash();
        check_after(&after, before.as_ref(), &ends, done + more)
            .unwrap_or_else(|wrong| panic!("operation {turn}: {wrong}"));
    }
}

#[test]
fn a_disk_that_fails_once_at_any_operation_is_told_and_survived() {
    for (start, ends) in starts(21) {
        let before = newest(&start, &log()).unwrap();
        for turn in 1..=operations(&start, &ends) {
            let disk = start.copy();
            disk.plan(Some(Fault::FailOperation(turn)));
            let (done, error) = publish_all(&disk, &ends);
            assert!(matches!(error, Some(PublishError::Disk(_))), "{error:?}");
            check_after(&disk, before.as_ref(), &ends, done)
                .unwrap_or_else(|wrong| panic!("operation {turn}: {wrong}"));
            check_after(&disk.crash(), None, &[202], 1).unwrap();
        }
    }
}

#[test]
fn d8_a_log_survives_a_change_whose_outcome_is_unknown() {
    for seed in 0..cases(4, 1_000) {
        for (start, ends) in starts(seed) {
            let before = newest(&start, &log()).unwrap();
            let operations = operations(&start, &ends);
            // Every operation in the short form, and of many seeds one each.
            let turns: Vec<u64> = match seed {
                0..4 => (1..=operations).collect(),
                _ => vec![1 + seed % operations],
            };
            for turn in turns {
                // A change that takes effect later still is told to whoever asks meanwhile, and is
                // no part of this: a file system on this machine does either at once.
                let fault = Fault::FailAfterwards(turn);
                let disk = start.copy();
                disk.plan(Some(fault));
                let (done, error) = publish_all(&disk, &ends);
                // Where no change came from that operation on, none fails later.
                disk.plan(None);
                assert!(
                    matches!(error, None | Some(PublishError::Disk(_))),
                    "{error:?}"
                );
                check_after(&disk, before.as_ref(), &ends, done)
                    .unwrap_or_else(|wrong| panic!("seed {seed}, {fault:?}: {wrong}"));
                check_after(&disk.crash(), None, &[202], 1)
                    .unwrap_or_else(|wrong| panic!("seed {seed}, {fault:?}, cut: {wrong}"));
            }
        }
    }
}

#[test]
fn a_full_disk_is_told_and_survived() {
    let start = published(31, 28);
    let before = newest(&start, &log()).unwrap();
    let ends = [100, 102];
    let mut refused = 0;
    for free in (0..6_000).step_by(500) {
        let disk = start.copy();
        let used: usize = disk
            .list(&log())
            .unwrap()
            .iter()
            .map(|name| reader::bytes_of(&disk, &log().join(name)).len())
            .sum();
        disk.set_capacity(Some(used as u64 + free));
        let (done, error) = publish_all(&disk, &ends);
        if let Some(error) = error {
            assert!(
                matches!(&error, PublishError::Disk(disk) if disk.is_full()),
                "{error}"
            );
            refused += 1;
        }
        disk.set_capacity(None);
        check_after(&disk, before.as_ref(), &ends, done).unwrap();
    }
    assert!(refused > 3, "the disk was never full");
}

/// A disk on which some syncs do nothing.
#[derive(Debug)]
struct Lying {
    disk: SimulatedDisk,
    files: bool,
    directories: bool,
}

#[derive(Debug)]
struct LyingFile(Arc<dyn DiskFile>);

impl DiskFile for LyingFile {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, DiskError> {
        self.0.read_at(offset, buffer)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<(), DiskError> {
        self.0.write_at(offset, bytes)
    }

    fn length(&self) -> Result<u64, DiskError> {
        self.0.length()
    }

    fn sync_data(&self) -> Result<(), DiskError> {
        Ok(())
    }

    fn sync_all(&self) -> Result<(), DiskError> {
        Ok(())
    }
}

impl Disk for Lying {
    fn create(&self, path: &Path) -> Result<Arc<dyn DiskFile>, DiskError> {
        let file = self.disk.create(path)?;
        Ok(if self.files {
            Arc::new(LyingFile(file))
        } else {
            file
        })
    }

    fn open(&self, path: &Path) -> Result<Arc<dyn DiskFile>, DiskError> {
        self.disk.open(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<(), DiskError> {
        self.disk.rename(from, to)
    }

    fn rename_new(&self, from: &Path, to: &Path) -> Result<(), DiskError> {
        self.disk.rename_new(from, to)
    }

    fn remove(&self, path: &Path) -> Result<(), DiskError> {
        self.disk.remove(path)
    }

    fn list(&self, directory: &Path) -> Result<Vec<String>, DiskError> {
        self.disk.list(directory)
    }

    fn create_directory(&self, path: &Path) -> Result<(), DiskError> {
        self.disk.create_directory(path)
    }

    fn sync_directory(&self, path: &Path) -> Result<(), DiskError> {
        if self.directories {
            return Ok(());
        }
        self.disk.sync_directory(path)
    }

    fn lock(&self, path: &Path) -> Result<Box<dyn DiskLock>, DiskError> {
        self.disk.lock(path)
    }
}

/// The mutants: a writer that does not sync its files, and one that does not sync their names.
#[test]
fn a_writer_that_does_not_sync_is_found_out() {
    for (files, directories) in [(true, false), (false, true)] {
        let found_out = (0..20).any(|seed| {
            let start = published(seed, 8);
            let before = newest(&start, &log()).unwrap();
            let disk = start.copy();
            let lying = Lying {
                disk: disk.clone(),
                files,
                directories,
            };
            let ends = [100, 102, 103];
            let (done, error) = publish_all(&lying, &ends);
            assert!(error.is_none(), "{error:?}");
            check_after(&disk.crash(), before.as_ref(), &ends, done).is_err()
        });
        assert!(
            found_out,
            "no syncs of files {files}, of directories {directories}"
        );
    }
}
