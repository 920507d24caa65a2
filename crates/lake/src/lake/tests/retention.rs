//! Records that are older than their pool keeps them go, from memory and from
//! files, and no work is done that is not needed.

use std::sync::Arc;
use std::time::Duration;

use model::permit::Permit;
use model::pools::{Pool, PoolDraft};
use model::time::{Clock, ManualClock, Timestamp};

use super::fixtures::*;
use crate::disk::Disk;
use crate::lake::{Lake, LakeOptions};
use crate::simulation::SimulatedDisk;
use crate::tables::{FileId, Part, path_of, records_name};

const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);

/// A pool of which records are kept for so many days.
fn keeping(days: u32) -> Arc<Pool> {
    let definition = r#"{"name":"p","schema":"open","isolation_field":"c","time_field":"at",
        "retention_days":DAYS,"fields":[{"name":"c","type":"String"},{"name":"at","type":"DateTime"},
        {"name":"n","type":"Int64"}]}"#;
    pool(1, &definition.replace("DAYS", &days.to_string()))
}

struct World {
    disk: SimulatedDisk,
    clock: Arc<ManualClock>,
    pool: Arc<Pool>,
    lake: Lake,
}

impl World {
    fn new(pool: Arc<Pool>) -> Self {
        let (disk, clock) = (SimulatedDisk::new(1), Arc::new(ManualClock::new(noon())));
        let lake = open_at(&disk, &[&pool], options(), clock.clone()).unwrap();
        Self {
            disk,
            clock,
            pool,
            lake,
        }
    }

    /// Writes records that are so many hours old, numbered by that.
    fn append(&self, ages: &[u64]) {
        let records = ages.iter().map(|age| {
            let at = self.ago(HOUR * u32::try_from(*age).unwrap());
            format!(r#"{{"c":"c{}","n":{age},"at":"{at}"}}"#, age % 3)
        });
        let records = format!("[{}]", records.collect::<Vec<_>>().join(","));
        self.send(&records);
    }

    fn send(&self, records: &str) {
        let batch = Request::new(&self.pool, records)
            .at(self.clock.now())
            .admit();
        assert!(batch.faults().is_empty(), "{:?}", batch.faults());
        wait(self.lake.append(batch)).unwrap();
    }

    fn ago(&self, age: Duration) -> Timestamp {
        self.clock.now().checked_sub(age).unwrap()
    }

    fn flush(&self) {
        self.lake.flush(&Permit::ours()).unwrap();
    }

    fn retain(&self) -> usize {
        self.lake
            .retain(&Permit::ours(), std::slice::from_ref(&self.pool))
            .unwrap()
    }

    fn upkeep(&self) {
        while self.lake.upkeep(&Permit::ours()).unwrap() {}
    }

    /// Does all upkeep that there is, but for files that cannot be read.
    fn upkeep_despite_files(&self) {
        loop {
            match self.lake.upkeep(&Permit::ours()) {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => assert!(error.is_of_a_file(), "{error}"),
            }
        }
    }

    /// Spoils a file, which a server that starts then finds so.
    fn rot(&mut self, id: FileId) {
        let path = path_of(&self.lake.tables.directory(self.pool.id), id, Part::Records);
        let file = self.disk.open(&path).unwrap();
        file.write_at(4, &[0xff; 40]).unwrap();
        drop(file);
        self.restart_with(self.disk.copy());
    }

    fn restart(&mut self) {
        self.restart_with(self.disk.crash());
    }

    fn restart_with(&mut self, disk: SimulatedDisk) {
        self.lake.close();
        self.disk = disk;
        let clock = self.clock.clone();
        self.lake = open_at(&self.disk, &[&self.pool], options(), clock).unwrap();
    }

    fn ages(&self) -> Vec<i128> {
        let mut ages = numbers(&self.lake, &self.pool);
        ages.sort_unstable();
        ages
    }

    /// Rows in files, those that are too old or deleted included.
    fn rows(&self) -> usize {
        let rows: u64 = self.files().iter().map(|(_, rows)| rows).sum();
        usize::try_from(rows).unwrap()
    }

    fn delete(&self, age: u64) {
        let one = filter(&format!(r#"{{"field":"n","operator":"eq","value":{age}}}"#));
        let delete = deleting(&access(1), &self.pool, Some(one));
        assert_eq!(wait(self.lake.delete(delete)).unwrap(), 1);
    }

    /// Whether the newest version of the Delta log names the files that there are.
    fn is_published(&self) -> bool {
        let directory = self.lake.tables.directory(self.pool.id);
        let named = crate::published::named(&self.disk, &directory, self.pool.id);
        let files = self.files();
        let mut files: Vec<_> = files.iter().map(|(id, _)| records_name(*id)).collect();
        files.sort();
        named.unwrap() == Some(files)
    }

    fn files(&self) -> Vec<(FileId, u64)> {
        let files = self.lake.pools.manifest(self.pool.id).files;
        files.iter().map(|file| (file.id, file.rows)).collect()
    }

    fn written(&self) -> u64 {
        self.lake.metrics().journal_entries
    }
}

fn options() -> LakeOptions {
    let mut options = small();
    options.journal.segment_bytes = 48 << 10;
    options.journal.max_record_bytes = 24 << 10;
    options
}

/// Waits for what the lake does; upkeep wants a thread without a runtime.
fn wait<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build();
    runtime.unwrap().block_on(future)
}

#[test]
fn what_is_too_old_goes_from_memory_and_files_and_stays_away() {
    for (first, second) in [(true, true), (true, false), (false, true), (false, false)] {
        let mut world = World::new(keeping(2));
        world.append(&[0, 1, 47, 49, 100]);
        world.send(r#"[{"c":"c0","n":1000}]"#);
        if first {
            world.flush();
        }
        world.append(&[2, 60]);
        if second {
            world.flush();
        }
        assert_eq!(world.retain(), 1);
        let left = [0, 1, 2, 47, 1000];
        assert_eq!(world.ages(), left, "one without a time is not old");
        world.restart();
        assert_eq!(world.ages(), left);
        world.clock.advance(DAY);
        world.upkeep();
        assert_eq!(world.ages(), left, "nothing goes by itself");
        assert_eq!(world.retain(), 1);
        assert_eq!(world.ages(), [0, 1, 2, 1000]);
        world.lake.compact(&Permit::ours()).unwrap();
        let rows: u64 = world.files().iter().map(|(_, rows)| rows).sum();
        assert_eq!(rows, 4, "and the disk holds no others");
    }
}

#[test]
fn the_border_moves_by_the_hour_and_nothing_is_done_without_need() {
    let world = World::new(keeping(1));
    let ages: Vec<u64> = (0..48).collect();
    world.append(&ages);
    world.flush();
    assert_eq!(world.retain(), 1);
    assert_eq!(world.ages().len(), 25, "the record on the border is kept");
    let written = world.written();
    for _ in 0..10 {
        assert_eq!(world.retain(), 0);
        world.clock.advance(Duration::from_secs(300));
    }
    assert_eq!(world.written(), written);
    world.clock.advance(Duration::from_secs(600));
    assert_eq!(world.retain(), 1);
    assert_eq!(world.ages().len(), 24);
    for _ in 0..10 {
        world.clock.advance(HOUR);
        assert_eq!(world.retain(), 1);
        let removals = world.lake.pools.manifest(world.pool.id).removals;
        assert_eq!(removals.len(), 1, "the last says what the others said");
    }
    assert_eq!(world.ages().len(), 14);
    // Half of the time in which they must leave the disk is over.
    world.clock.advance(HOUR * 2);
    world.upkeep();
    assert_eq!(world.files().iter().map(|(_, rows)| rows).sum::<u64>(), 14);
    assert!(world.lake.pools.manifest(world.pool.id).removals.is_empty());
}

#[test]
fn files_before_the_border_go_unread_and_those_behind_it_stay() {
    let world = World::new(keeping(2));
    world.append(&[50, 60, 70]);
    world.flush();
    world.append(&[40, 49]);
    world.flush();
    world.append(&[1, 2]);
    world.flush();
    let before = world.files();
    assert_eq!(world.retain(), 1);
    assert_eq!(world.files(), before[1..], "the first is given up");
    world.clock.advance(HOUR * 13);
    world.upkeep();
    let after = world.files();
    assert_eq!(after.len(), 2);
    assert!(after.contains(&before[2]), "it holds nothing to take away");
    assert!(!after.contains(&before[1]), "the other was written anew");
    assert_eq!(world.ages(), [1, 2, 40]);
    let names = crate::disk::Disk::list(&world.disk, &world.lake.tables.directory(world.pool.id));
    let name = format!("{}.parquet", before[0].0);
    assert!(!names.unwrap().contains(&name), "the disk forgets it");
}

#[test]
fn a_file_of_records_without_a_time_is_never_written_anew() {
    let world = World::new(keeping(2));
    world.send(r#"[{"c":"c0","n":1000},{"c":"c1","n":1001}]"#);
    world.flush();
    let timeless = world.files()[0];
    world.append(&[1, 49]);
    world.flush();
    assert_eq!(world.retain(), 1);
    let manifest = world.lake.pools.manifest(world.pool.id);
    let files = manifest.files.iter();
    let clean: Vec<bool> = files
        .map(|file| manifest.unclean_since(file).is_none())
        .collect();
    assert_eq!(clean, [true, false], "its rows are counted unread");
    world.clock.advance(HOUR * 13);
    world.upkeep();
    assert!(world.files().contains(&timeless));
    assert_eq!(world.rows(), 3, "what is too old is gone from the other");
    assert_eq!(world.ages(), [1, 1000, 1001]);
}

#[test]
fn a_file_on_the_border_is_seldom_written_anew_and_holds_nothing_for_longer_than_is_stated() {
    const DAYS: u64 = 40;
    let world = World::new(keeping(40));
    let ages: Vec<u64> = (0..DAYS * 24).step_by(12).collect();
    world.append(&ages);
    world.flush();
    let before = world.lake.metrics().tables.merges;
    for hour in 1..=20 * 24 {
        world.clock.advance(HOUR);
        world.retain();
        world.upkeep();
        let kept = ages.iter().filter(|age| **age + hour <= DAYS * 24).count();
        assert_eq!(world.ages().len(), kept, "they go by the hour");
        // A twentieth of 40 days: of each of these days there are two records.
        assert!(
            world.rows() - kept <= 4,
            "hour {hour}: {} rows",
            world.rows()
        );
    }
    let merges = world.lake.metrics().tables.merges - before;
    assert!((6..=10).contains(&merges), "in 20 days: {merges}");
}

/// A file that rots keeps the removal of what is too old for as long as it lies there.
#[test]
fn beside_a_file_that_cannot_be_read_others_are_written_anew_no_more_often() {
    const DAYS: u64 = 40;
    let mut world = World::new(keeping(40));
    world.append(&[DAYS * 24 - 2, 1]);
    world.flush();
    let rotten = world.files()[0];
    let ages: Vec<u64> = (0..DAYS * 24).step_by(12).collect();
    world.append(&ages);
    world.flush();
    world.rot(rotten.0);
    let before = world.lake.metrics().tables.merges;
    for hour in 1..=20 * 24 {
        world.clock.advance(HOUR);
        world.retain();
        world.upkeep_despite_files();
        let kept = ages.iter().filter(|age| **age + hour <= DAYS * 24).count();
        let rows = world.rows() - 2;
        assert!(kept <= rows && rows <= kept + 4, "hour {hour}: {rows}");
    }
    assert!(
        world.files().contains(&rotten),
        "nobody knows what it holds"
    );
    let merges = world.lake.metrics().tables.merges - before;
    assert!((6..=10).contains(&merges), "in 20 days: {merges}");
}

/// Those that come late have the time that others have, from when their file was written.
#[test]
fn beside_a_file_that_cannot_be_read_records_that_come_late_have_their_time() {
    let mut world = World::new(keeping(40));
    world.append(&[40 * 24 - 2, 1]);
    world.flush();
    let rotten = world.files()[0].0;
    world.append(&[1]);
    world.flush();
    world.rot(rotten);
    for passed in [HOUR * 3, DAY * 5] {
        world.clock.advance(passed);
        world.retain();
    }
    world.upkeep_despite_files();
    world.append(&[1, 45 * 24]);
    world.flush();
    let late = world.files();
    world.clock.advance(HOUR);
    assert_eq!(world.retain(), 1);
    world.upkeep_despite_files();
    assert_eq!(world.files(), late, "nothing is written anew at once");
    world.clock.advance(DAY * 2);
    world.upkeep_despite_files();
    assert_eq!(world.rows(), 4, "what came late has gone");
}

#[test]
fn a_deleted_record_waits_for_no_retention() {
    let world = World::new(keeping(40));
    world.append(&[1, 2, 40 * 24 - 1]);
    world.flush();
    world.clock.advance(HOUR * 2);
    assert_eq!(world.retain(), 1);
    world.clock.advance(HOUR * 13);
    world.upkeep();
    assert_eq!(world.rows(), 3, "what is too old has time");
    world.delete(1);
    world.clock.advance(HOUR * 11);
    world.upkeep();
    assert_eq!(world.rows(), 3);
    world.clock.advance(HOUR);
    world.upkeep();
    assert_eq!(world.rows(), 1);
    assert_eq!(world.ages(), [2]);
}

#[test]
fn the_delta_log_waits_for_deletes_and_not_for_retention() {
    let world = World::new(keeping(40));
    world.append(&[1, 2, 40 * 24 - 1]);
    world.flush();
    world.clock.advance(HOUR * 2);
    assert_eq!(world.retain(), 1);
    world.append(&[0]);
    world.flush();
    world.upkeep();
    assert!(world.is_published());
    world.delete(1);
    world.append(&[5]);
    world.flush();
    world.upkeep();
    assert!(!world.is_published(), "no version shows a deleted record");
    world.clock.advance(HOUR * 12);
    world.upkeep();
    assert!(world.is_published());
}

#[test]
fn another_number_of_days_takes_effect_at_once() {
    let mut world = World::new(keeping(30));
    world.append(&[1, 30, 24 * 29]);
    world.flush();
    assert_eq!(world.retain(), 0);
    let patched = |text: &str, pool: &Pool| {
        Arc::new(Pool {
            draft: pool.draft.patched(&json(text)).unwrap(),
            revision: pool.revision + 1,
            ..pool.clone()
        })
    };
    world.pool = patched(r#"{"retention_days":1}"#, &world.pool);
    assert_eq!(world.retain(), 1);
    assert_eq!(world.ages(), [1]);
    world.pool = patched(r#"{"retention_days":null}"#, &world.pool);
    world.clock.advance(DAY * 400);
    assert_eq!(world.retain(), 0);
    assert_eq!(world.ages(), [1]);
}

#[test]
fn records_that_come_late_go_soon() {
    let world = World::new(keeping(1));
    world.append(&[1]);
    assert_eq!(world.retain(), 0);
    world.append(&[100]);
    assert_eq!(world.retain(), 0, "not so soon");
    world.clock.advance(Duration::from_secs(5 * 60));
    assert_eq!(world.retain(), 1);
    assert_eq!(world.ages(), [1]);
}

#[test]
fn without_a_time_field_the_time_of_ingestion_counts() {
    let definition = r#"{"name":"p","schema":"open","retention_days":2}"#;
    let draft = PoolDraft::parse(&json(definition)).unwrap();
    let world = World::new(Arc::new(Pool {
        draft,
        ..Pool::clone(&open_pool(1))
    }));
    world.send(r#"[{"n":1}]"#);
    world.flush();
    world.clock.advance(DAY);
    world.send(r#"[{"n":2}]"#);
    world.clock.advance(DAY + HOUR);
    assert_eq!(world.retain(), 1);
    assert_eq!(world.ages(), [2]);
}
