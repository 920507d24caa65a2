//! Any sequence of live sets and schemas: readers find exactly the newest.

use std::collections::{BTreeMap, BTreeSet};

use super::reader::{Seen, bytes_of, check_last, newest, read_commit, versions};
use super::*;
use crate::disk::RealDisk;

/// What a reader should see of a file.
fn facts(file: &PublishedFile) -> (String, (i64, i64, String)) {
    let mut stats = format!("{{\"numRecords\":{}", file.rows);
    if let Some((name, range)) = &file.times {
        let text = |micros| Timestamp::from_microsecond(micros).unwrap().to_string();
        let (min, max) = (text(range.min), text(range.max));
        stats += &format!(
            ",\"minValues\":{{\"{name}\":\"{min}\"}},\"maxValues\":{{\"{name}\":\"{max}\"}}"
        );
        if !range.missing {
            stats += &format!(",\"nullCount\":{{\"{name}\":0}}");
        }
    }
    let modified = file.modified.as_microsecond() / 1_000;
    let facts = (file.bytes as i64, modified, stats + "}");
    (file.name.clone(), facts)
}

/// Checks that readers find exactly these files, from the newest checkpoint and from the very
/// first commit on; `commits` are all that were ever seen.
pub(super) fn check(
    disk: &dyn Disk,
    directory: &Path,
    live: &[PublishedFile],
    commits: &mut BTreeMap<u64, Vec<u8>>,
) -> Seen {
    let log = directory.join("_delta_log");
    for version in versions(disk, &log, ".json") {
        let bytes = bytes_of(disk, &log.join(format!("{version:020}.json")));
        let before = commits.insert(version, bytes.clone());
        assert!(
            before.is_none_or(|before| before == bytes),
            "{version} was changed"
        );
    }
    let mut replayed = Seen::default();
    for (expected, (version, bytes)) in commits.iter().enumerate() {
        assert_eq!(*version, expected as u64, "a gap");
        read_commit(bytes, *version, &mut replayed).unwrap();
    }
    let mut found = newest(disk, &log).unwrap().unwrap();
    assert_eq!(found.files, live.iter().map(facts).collect());
    // A checkpoint may forget removals; it never makes up any.
    for (path, time) in std::mem::take(&mut found.tombstones) {
        assert_eq!(replayed.tombstones.get(&path), Some(&time));
    }
    replayed.tombstones.clear();
    assert_eq!(found, replayed);
    check_last(disk, &log);
    found
}

fn run(disk: &dyn Disk, directory: &Path, seed: u64, steps: u64) {
    let mut random = Random::new(seed);
    let mut commits = BTreeMap::new();
    let mut live = BTreeSet::new();
    let mut columns = Vec::new();
    let mut last: Option<(Vec<PublishedFile>, PublishedTable<'_>, u64)> = None;
    for step in 0..steps {
        for _ in 0..random.below(4) {
            live.insert(random.below(40));
        }
        live.retain(|_| !random.one_in(6));
        if random.one_in(8) {
            columns.push(column(&format!("a.b{step}"), "Array(UInt64)"));
        }
        let (wanted, table) = (files(live.iter().copied()), table(&columns));
        let written = publish(disk, directory, &table, &wanted, at(step)).unwrap();
        let expected = match &last {
            None => Some(0),
            Some((files, before, version)) => {
                (*files != wanted || *before != table).then_some(version + 1)
            }
        };
        assert_eq!(written, expected);
        let seen = check(disk, directory, &wanted, &mut commits);
        let newest = written.or(last.map(|(_, _, version)| version));
        assert_eq!(Some(seen.version), newest);
        assert_eq!(seen.name, table.name);
        let names = table.columns.iter();
        let positions: Vec<_> = names
            .map(|(name, _)| seen.schema.find(&format!("{{\"name\":\"{name}\"")))
            .collect();
        assert!(positions.iter().all(Option::is_some) && positions.is_sorted());
        let again = publish(disk, directory, &table, &wanted, at(step + 1)).unwrap();
        assert_eq!(again, None);
        last = Some((wanted, table, seen.version));
    }
}

#[test]
fn readers_find_exactly_the_live_files_on_the_simulated_disk() {
    for seed in 0..6 {
        run(&disk(seed), &pool(), seed, 60);
    }
}

#[test]
fn readers_find_exactly_the_live_files_on_the_real_disk() {
    let directory = tempfile::tempdir().unwrap();
    run(&RealDisk, directory.path(), 99, 60);
}

#[test]
fn a_commit_holds_only_the_differences() {
    let disk = disk(1);
    publish(&disk, &pool(), &table(&[]), &files(0..1_000), at(0)).unwrap();
    publish(&disk, &pool(), &table(&[]), &files(1..1_001), at(1)).unwrap();
    let commit = bytes_of(&disk, &log().join("00000000000000000001.json"));
    assert_eq!(commit.iter().filter(|byte| **byte == b'\n').count(), 3);
    assert!(commit.len() < 1_000, "{} bytes", commit.len());
}

#[test]
fn what_is_newly_known_of_a_file_is_told_once() {
    let disk = disk(1);
    let mut live = files(0..3);
    publish(&disk, &pool(), &table(&[]), &live, at(0)).unwrap();
    live[1].times = None;
    for expected in [Some(1), None] {
        let written = publish(&disk, &pool(), &table(&[]), &live, at(1)).unwrap();
        assert_eq!(written, expected);
        check(&disk, &pool(), &live, &mut BTreeMap::new());
    }
}

#[test]
fn the_log_does_not_grow_for_ever() {
    let disk = published(3, 95);
    let checkpoints = versions(&disk, &log(), ".checkpoint.parquet");
    assert_eq!(checkpoints, [80, 90]);
    let commits = versions(&disk, &log(), ".json");
    assert_eq!(commits, (80..=95).collect::<Vec<_>>());
    assert_eq!(disk.list(&log()).unwrap().len(), 16 + 2 + 1);
}

#[test]
fn a_checkpoint_remembers_removals_for_a_week() {
    let day = 24 * 60 * 60;
    for (days, remembered) in [(6, true), (7, false)] {
        let disk = published(4, 8);
        publish(&disk, &pool(), &table(&[]), &files(1..9), at(8)).unwrap();
        let later = at(8 + days * day);
        publish(&disk, &pool(), &table(&[]), &files(1..10), later).unwrap();
        let seen = newest(&disk, &log()).unwrap().unwrap();
        let name = file(0).name;
        assert_eq!(seen.version, 10);
        assert_eq!(seen.tombstones.contains_key(&name), remembered);
        assert!(!seen.files.contains_key(&name));
    }
}

#[test]
fn a_renamed_pool_is_told_under_its_new_name() {
    let disk = published(5, 0);
    let mut renamed = table(&[]);
    renamed.name = "measurements";
    let written = publish(&disk, &pool(), &renamed, &files(0..1), at(1)).unwrap();
    assert_eq!(written, Some(1));
    let seen = newest(&disk, &log()).unwrap().unwrap();
    assert_eq!(seen.name, "measurements");
    assert_eq!(seen.id, "07070707-0707-0707-0707-070707070707");
}
