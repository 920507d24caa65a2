//! What is written anew when records are deleted: the files that may hold some
//! of them, and no others.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use model::permit::Permit;
use model::pools::Pool;
use model::time::{Clock, ManualClock};

use super::publish::files_of;
use crate::disk::Disk;
use crate::lake::tests::fixtures::*;
use crate::lake::{Lake, LakeOptions};
use crate::simulation::{Random, SimulatedDisk};
use crate::tables::{FileId, KeyRange, Part, parse_name, path_of};

fn wait<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build();
    runtime.unwrap().block_on(future)
}

fn options() -> LakeOptions {
    let mut options = roomy();
    (options.upkeep.file_bytes, options.upkeep.block_rows) = (1, 2);
    options
}

struct World {
    disk: SimulatedDisk,
    clock: Arc<ManualClock>,
    pool: Arc<Pool>,
    lake: Lake,
}

impl World {
    /// A pool of customers `c` whose records are told apart by `n`.
    fn new(layout: &str) -> Self {
        let pool = pool(
            1,
            &format!(
                r#"{{"name":"p","schema":"open","isolation_field":"c","time_field":"at","unique":["n"],"layout":"{layout}",
                "fields":[{{"name":"c","type":"String"}},{{"name":"at","type":"DateTime"}},{{"name":"n","type":"Int64"}}]}}"#
            ),
        );
        let (disk, clock) = (SimulatedDisk::new(3), Arc::new(ManualClock::new(noon())));
        let lake = open_at(&disk, &[&pool], options(), clock.clone()).unwrap();
        Self {
            disk,
            clock,
            pool,
            lake,
        }
    }

    fn put(&self, records: &[String]) {
        let request = Request::new(&self.pool, &format!("[{}]", records.join(",")));
        wait(self.lake.append(request.admit())).unwrap();
    }

    fn flush(&self) {
        self.lake.flush(&Permit::ours()).unwrap();
    }

    fn delete(&self, asked: &str) {
        let delete = deleting(&access(1), &self.pool, Some(filter(asked)));
        wait(self.lake.delete(delete)).unwrap();
    }

    fn upkeep(&self) {
        while self.lake.upkeep(&Permit::ours()).unwrap() {}
    }

    /// The files, each with its rows and its run, and whether it may hold rows of a customer.
    fn files(&self, customer: &str) -> BTreeMap<FileId, (u64, u64, bool)> {
        let mut key = Vec::new();
        model::canonical::encode_text(customer, &mut key);
        let files = self.lake.pools.manifest(self.pool.id).files;
        let files = files.iter().map(|file| {
            let range = file.isolation.as_ref().unwrap();
            let holds = *range.min <= *key && *key <= *range.max;
            (file.id, (file.rows, file.run, holds))
        });
        files.collect()
    }

    /// The files of records on the disk, those included that no manifest names.
    fn on_disk(&self) -> BTreeSet<FileId> {
        let names = self.disk.list(&files_of(&self.pool)).unwrap();
        let files = names.iter().filter_map(|name| parse_name(name));
        let records = files.filter(|(_, part)| *part == Part::Records);
        records.map(|(id, _)| id).collect()
    }

    fn removals(&self) -> usize {
        self.lake.pools.manifest(self.pool.id).removals.len()
    }

    /// Spoils a file, which a server that starts then finds so; answers what was there.
    fn rot(&mut self, id: FileId) -> [u8; 40] {
        let mut whole = [0; 40];
        let path = path_of(&files_of(&self.pool), id, Part::Records);
        let file = self.disk.open(&path).unwrap();
        file.read_at(4, &mut whole).unwrap();
        file.write_at(4, &[0xff; 40]).unwrap();
        drop(file);
        self.lake.close();
        self.disk = self.disk.copy();
        let clock = self.clock.clone();
        self.lake = open_at(&self.disk, &[&self.pool], options(), clock).unwrap();
        whole
    }

    fn mend(&self, id: FileId, whole: [u8; 40]) {
        let path = path_of(&files_of(&self.pool), id, Part::Records);
        self.disk.open(&path).unwrap().write_at(4, &whole).unwrap();
    }

    /// Does all upkeep that there is in an hour and a half; answers how often it failed of a file.
    fn tended(&self) -> usize {
        let mut failed = 0;
        for _ in 0..9 {
            loop {
                match self.lake.upkeep(&Permit::ours()) {
                    Ok(true) => {}
                    Ok(false) => break,
                    Err(error) => {
                        assert!(error.is_of_a_file(), "{error}");
                        failed += 1;
                        assert!(failed < 100, "{error}");
                    }
                }
            }
            self.clock.advance(Duration::from_secs(601));
        }
        failed
    }

    /// The files of each run, in their order; no two of one run hold the same customers but for
    /// those at which one ends and the next begins.
    fn runs(&self) -> BTreeMap<u64, Vec<FileId>> {
        let mut runs = BTreeMap::<u64, Vec<_>>::new();
        for file in self.lake.pools.manifest(self.pool.id).files.iter() {
            let range = file.isolation.clone().unwrap();
            runs.entry(file.run).or_default().push((range, file.id));
        }
        let in_order = |(run, mut files): (u64, Vec<(KeyRange, FileId)>)| {
            files.sort_by(|(a, _), (b, _)| (&a.min, &a.max).cmp(&(&b.min, &b.max)));
            for pair in files.windows(2) {
                assert!(pair[0].0.max <= pair[1].0.min, "run {run}: {pair:?}");
            }
            (run, files.into_iter().map(|(_, id)| id).collect())
        };
        runs.into_iter().map(in_order).collect()
    }

    fn restart(&mut self) {
        self.lake.close();
        self.disk = self.disk.crash();
        let clock = self.clock.clone();
        self.lake = open_at(&self.disk, &[&self.pool], options(), clock).unwrap();
    }
}

/// Three flushes of a few records of each of 30 customers.
fn with_customers(layout: &str) -> World {
    let world = World::new(layout);
    for flush in 0..3 {
        let text = "x".repeat(60);
        let record = |n: u64| format!(r#"{{"c":"c{:02}","n":{n},"x":"{text}"}}"#, n % 30);
        let records: Vec<_> = (flush * 120..flush * 120 + 120).map(record).collect();
        world.put(&records);
        world.flush();
    }
    world.upkeep();
    // Customers with files of their own have them gathered once the pool is at rest.
    world.clock.advance(Duration::from_secs(3_600));
    world.upkeep();
    world
}

#[test]
fn what_a_customer_deletes_has_the_files_of_that_customer_alone_written_anew() {
    for layout in ["shared", "file_per_customer"] {
        let world = with_customers(layout);
        let before = world.files("c07");
        assert!(before.len() > 60, "{layout}: {}", before.len());
        let (merges, rewritten) = {
            let tables = world.lake.metrics().tables;
            (tables.merges, tables.records_rewritten)
        };
        world.delete(
            r#"{"all":[{"field":"c","operator":"eq","value":"c07"},{"field":"n","operator":"eq","value":7}]}"#,
        );
        let manifest = world.lake.pools.manifest(world.pool.id);
        let due: BTreeSet<FileId> = manifest
            .files
            .iter()
            .filter(|file| manifest.unclean_since(file).is_some())
            .map(|file| file.id)
            .collect();
        let theirs = || before.iter().filter(|(_, (.., holds))| *holds);
        assert_eq!(
            due,
            theirs().map(|(id, _)| *id).collect::<BTreeSet<_>>(),
            "{layout}"
        );
        world.clock.advance(Duration::from_secs(13 * 3_600));
        world.upkeep();
        assert_eq!(world.removals(), 0, "{layout}");
        let after = world.files("c07");
        for (id, file) in &before {
            assert_eq!(after.contains_key(id), !file.2, "{layout}: {file:?}");
        }
        let runs = |files: &BTreeMap<FileId, (u64, u64, bool)>| -> BTreeSet<u64> {
            files.values().map(|(_, run, _)| *run).collect()
        };
        assert_eq!(
            runs(&after),
            runs(&before),
            "{layout}: they are in their runs"
        );
        let rows = |files: &BTreeMap<FileId, (u64, u64, bool)>| -> u64 {
            files.values().map(|(rows, ..)| *rows).sum()
        };
        assert_eq!(rows(&after), 359);
        let tables = world.lake.metrics().tables;
        let theirs: u64 = theirs().map(|(_, (rows, ..))| *rows).sum();
        assert_eq!(tables.records_rewritten - rewritten, theirs - 1, "{layout}");
        assert!(tables.merges - merges <= 3, "one in each run at most");
    }
}

#[test]
fn a_customer_who_deletes_again_and_again_has_no_files_of_others_written_anew() {
    let world = with_customers("shared");
    let before = world.files("c07");
    let delete = |n: u64| {
        world.delete(&format!(
            r#"{{"all":[{{"field":"c","operator":"eq","value":"c07"}},{{"field":"n","operator":"eq","value":{n}}}]}}"#
        ));
    };
    (0..64).for_each(delete);
    world.upkeep();
    assert_eq!(world.removals(), 64, "readers heed so many");
    (64..80).for_each(delete);
    world.upkeep();
    assert_eq!(world.removals(), 0, "and no more");
    let after = world.files("c07");
    for (id, file) in &before {
        assert_eq!(after.contains_key(id), !file.2, "{file:?}");
    }
    // One delete by each of many leads to nothing before its time.
    for n in 0..100 {
        world.delete(&format!(
            r#"{{"all":[{{"field":"c","operator":"eq","value":"c{:02}"}},{{"field":"n","operator":"eq","value":{n}}}]}}"#,
            n % 30
        ));
    }
    world.upkeep();
    assert_eq!(world.files("c07"), after);
    // Until they are too many to be looked through for every file.
    for n in 100..400 {
        world.delete(&format!(
            r#"{{"all":[{{"field":"c","operator":"eq","value":"c{:02}"}},{{"field":"n","operator":"eq","value":{n}}}]}}"#,
            n % 30
        ));
    }
    world.upkeep();
    assert!(world.removals() <= 256, "{}", world.removals());
}

/// A file that rots keeps what was deleted until it is put back; those beside it do not.
#[test]
fn a_file_that_cannot_be_read_keeps_no_other_from_losing_what_was_deleted() {
    let mut world = World::new("shared");
    for flush in 0..3 {
        let record = |n: u64| format!(r#"{{"c":"a","n":{n}}}"#);
        let records: Vec<_> = (flush * 20..flush * 20 + 20).map(record).collect();
        world.put(&records);
        world.flush();
    }
    let before = world.files("a");
    assert!(before.len() > 3, "some runs have several: {before:?}");
    let even: Vec<_> = (0..60).step_by(2).map(|n| n.to_string()).collect();
    world.delete(&format!(
        r#"{{"all":[{{"field":"c","operator":"eq","value":"a"}},{{"field":"n","operator":"in","value":[{}]}}]}}"#,
        even.join(",")
    ));
    // The one that is the next to be written anew.
    let files = world.lake.pools.manifest(world.pool.id).files;
    let rotten = files.iter().min_by_key(|file| (file.level, file.run));
    let rotten = rotten.unwrap().id;
    drop(files);
    let whole = world.rot(rotten);
    world.clock.advance(Duration::from_secs(13 * 3_600));
    assert!(world.tended() > 1, "it is tried again and again");
    let manifest = world.lake.pools.manifest(world.pool.id);
    let unclean = manifest.files.iter();
    let unclean = unclean.filter(|file| manifest.unclean_since(file).is_some());
    let unclean: Vec<_> = unclean.map(|file| file.id).collect();
    assert_eq!(unclean, [rotten]);
    let after = world.files("a");
    let left: Vec<_> = before.keys().filter(|id| after.contains_key(*id)).collect();
    assert_eq!(left, [&rotten]);

    world.mend(rotten, whole);
    assert_eq!(world.tended(), 0);
    assert_eq!(world.removals(), 0);
    let rows: u64 = world.files("a").values().map(|(rows, ..)| *rows).sum();
    assert_eq!(rows, 30);
}

/// However often it was read in vain: the time in which what was deleted is to leave the disk ends for it, too.
#[test]
fn a_file_that_is_put_back_is_found_so_before_the_time_of_a_delete_ends() {
    let mut world = World::new("shared");
    let records: Vec<_> = (0..4).map(|n| format!(r#"{{"c":"a","n":{n}}}"#)).collect();
    world.put(&records);
    world.flush();
    world.delete(r#"{"field":"n","operator":"eq","value":1}"#);
    let rotten = *world.files("a").keys().next().unwrap();
    let whole = world.rot(rotten);
    let removed = world.clock.now();
    world.clock.advance(Duration::from_secs(13 * 3_600));
    let failed: usize = (0..5).map(|_| world.tended()).sum();
    assert!(
        (4..10).contains(&failed),
        "it rests longer and longer: {failed}"
    );
    world.mend(rotten, whole);
    world.tended();
    assert_eq!(world.removals(), 0);
    assert!(world.clock.now().since(removed) < options().upkeep.purge_after);
}

/// The Delta log says what it said for as long as what was deleted lies in a file that cannot be read: the
/// files that it names do not wait for it.
#[test]
fn what_was_deleted_leaves_the_disk_although_a_log_that_cannot_be_made_anew_names_it() {
    for compacts in [true, false] {
        let mut world = World::new("shared");
        for flush in 0..3 {
            let record = |n: u64| format!(r#"{{"c":"a","n":{n}}}"#);
            let records: Vec<_> = (flush * 20..flush * 20 + 20).map(record).collect();
            world.put(&records);
            world.flush();
        }
        world.upkeep();
        let before: BTreeSet<_> = world.files("a").into_keys().collect();
        assert_eq!(world.on_disk(), before);
        world.delete(r#"{"field":"c","operator":"eq","value":"a"}"#);
        let rotten = *before.first().unwrap();
        let whole = world.rot(rotten);
        if compacts {
            let error = world.lake.compact(&Permit::ours()).unwrap_err();
            assert!(error.is_of_a_file(), "{error}");
        } else {
            world.clock.advance(Duration::from_secs(13 * 3_600));
            assert!(world.tended() > 0);
        }
        assert_eq!(world.on_disk(), BTreeSet::from([rotten]), "{compacts}");
        world.mend(rotten, whole);
        world.clock.advance(Duration::from_secs(13 * 3_600));
        assert_eq!(world.tended(), 0);
        assert_eq!(world.on_disk(), BTreeSet::new(), "{compacts}");
    }
}

/// What lies on both sides of a file that cannot be read does not become one file of its run.
#[test]
fn nothing_is_written_across_a_file_that_cannot_be_read() {
    let mut world = World::new("shared");
    let record = |n: u64| format!(r#"{{"c":"c{:02}","n":{n}}}"#, n / 4);
    let records: Vec<_> = (0..80).map(record).collect();
    world.put(&records);
    world.flush();
    let runs = world.runs();
    let files = runs.values().next().unwrap();
    assert!(runs.len() == 1 && files.len() > 4, "{runs:?}");
    let rotten = files[files.len() / 2];
    let delete = |world: &World, is_meant: fn(&u64) -> bool| {
        let numbers = (0..80).filter(is_meant).map(|n| n.to_string());
        let numbers = numbers.collect::<Vec<_>>().join(",");
        world.delete(&format!(
            r#"{{"field":"n","operator":"in","value":[{numbers}]}}"#
        ));
    };
    delete(&world, |n| n % 4 == 0);
    let whole = world.rot(rotten);
    world.clock.advance(Duration::from_secs(13 * 3_600));
    assert!(world.tended() > 0, "it was not read");
    assert!(world.runs().values().flatten().any(|id| *id == rotten));

    world.mend(rotten, whole);
    world.clock.advance(Duration::from_secs(13 * 3_600));
    assert_eq!(world.tended(), 0);
    world.runs();
    delete(&world, |n| n % 4 == 1);
    world.clock.advance(Duration::from_secs(13 * 3_600));
    assert_eq!(world.tended(), 0);
    world.runs();
    assert_eq!(world.removals(), 0);
    assert_eq!(numbers(&world.lake, &world.pool).len(), 40);
}

/// What a filter asks for need not be of the type that its column has.
#[test]
fn a_delete_that_writes_a_customer_otherwise_finds_its_files() {
    let definition = r#"{"name":"p","schema":"open","isolation_field":"c","fields":[
        {"name":"c","type":"TYPE"},{"name":"n","type":"Int64"}]}"#;
    let cases = [
        (
            "UUID",
            r#""01234567-89ab-cdef-0123-456789abcdef""#,
            r#""01234567-89AB-CDEF-0123-456789ABCDEF""#,
        ),
        (
            "DateTime",
            r#""2026-01-01T00:00:00Z""#,
            r#""2026-01-01T01:00:00+01:00""#,
        ),
        ("Date", r#""2026-01-01""#, r#""2026-01-01""#),
        ("Float64", "2", "2.0"),
        ("Int64", "2.0", "2"),
        ("Float32", "0.5", "0.5"),
        ("Boolean", "true", "true"),
        ("String", r#""a""#, r#""a""#),
    ];
    for (kind, sent, asked) in cases {
        let pool = pool(1, &definition.replace("TYPE", kind));
        let lake = open(&SimulatedDisk::new(1), &[&pool], options());
        let request = Request::new(&pool, &format!(r#"[{{"c":{sent},"n":1}},{{"n":2}}]"#));
        let batch = request.admit();
        assert!(batch.faults().is_empty(), "{kind}: {:?}", batch.faults());
        wait(lake.append(batch)).unwrap();
        lake.flush(&Permit::ours()).unwrap();
        let filter = filter(&format!(
            r#"{{"field":"c","operator":"in","value":[{asked}]}}"#
        ));
        let delete = deleting(&access(1), &pool, Some(filter));
        assert_eq!(wait(lake.delete(delete)).unwrap(), 1, "{kind}");
        assert_eq!(numbers(&lake, &pool), [2], "{kind}");
        lake.compact(&Permit::ours()).unwrap();
        assert_eq!(numbers(&lake, &pool), [2], "{kind}");
        let files = lake.pools.manifest(pool.id).files;
        assert_eq!(files.iter().map(|file| file.rows).sum::<u64>(), 1, "{kind}");
    }
}

/// Random records, deletes and purges of parts of runs, against a list; what is wrong with the order of a run
/// is found by merging it.
#[test]
fn runs_of_which_parts_were_written_anew_hold_the_right_rows_in_their_order() {
    for seed in 0..cases(30, 1_000) {
        let mut random = Random::new(seed);
        let layout = ["shared", "file_per_customer"][random.below(2) as usize];
        let mut world = World::new(layout);
        let mut expected: BTreeMap<u64, (u64, u64)> = BTreeMap::new();
        for step in 0..24 {
            match random.below(10) {
                0..4 => {
                    let mut records = Vec::new();
                    for _ in 0..1 + random.below(30) {
                        let (n, hour) = (random.below(80), random.below(3));
                        let customer = n % 5;
                        expected.insert(n, (customer, hour));
                        let at = match hour {
                            0 => String::new(),
                            hour => format!(r#""at":"2026-01-01T0{hour}:00:00Z","#),
                        };
                        let text = "x".repeat(random.below(90) as usize);
                        records.push(format!(r#"{{"c":"c{customer}",{at}"n":{n},"x":"{text}"}}"#));
                    }
                    world.put(&records);
                    if random.one_in(2) {
                        world.flush();
                    }
                }
                4..7 => {
                    let (customer, hour) = (random.below(5), 1 + random.below(2));
                    let is_all = random.one_in(3);
                    let of_customer =
                        format!(r#"{{"field":"c","operator":"eq","value":"c{customer}"}}"#);
                    let of_time = format!(
                        r#"{{"field":"at","operator":"eq","value":"2026-01-01T0{hour}:00:00Z"}}"#
                    );
                    world.delete(&match is_all {
                        true => of_time,
                        false => format!(r#"{{"all":[{of_customer},{of_time}]}}"#),
                    });
                    expected.retain(|_, (c, h)| *h != hour || (!is_all && *c != customer));
                }
                7 => {
                    world.clock.advance(Duration::from_secs(13 * 3_600));
                    world.upkeep();
                }
                8 => world.lake.compact(&Permit::ours()).unwrap(),
                _ => world.restart(),
            }
            let mut found = numbers(&world.lake, &world.pool);
            found.sort_unstable();
            let expected: Vec<_> = expected.keys().map(|n| i128::from(*n)).collect();
            assert_eq!(found, expected, "seed {seed}, step {step}");
        }
        world.lake.compact(&Permit::ours()).unwrap();
        let files = world.lake.pools.manifest(world.pool.id).files;
        let rows: u64 = files.iter().map(|file| file.rows).sum();
        assert_eq!(rows, expected.len() as u64, "seed {seed}");
    }
}
