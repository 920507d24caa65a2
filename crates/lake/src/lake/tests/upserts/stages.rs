//! One older and one newer record, with everything between them that can be.

use model::permit::Permit;

use super::*;
use crate::disk::Disk;
use crate::lake::Lake;
use crate::simulation::SimulatedDisk;
use crate::store::Written;

/// What happens to the lake between two writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    Nothing,
    /// Records are set apart to be written to files, and the writing fails.
    Frozen,
    Flush,
    Compact,
    Restart,
    FlushAndRestart,
}

const ALL: [Then; 6] = [
    Then::Nothing,
    Then::Frozen,
    Then::Flush,
    Then::Compact,
    Then::Restart,
    Then::FlushAndRestart,
];

struct World {
    disk: SimulatedDisk,
    pool: Arc<Pool>,
    lake: Lake,
}

impl World {
    fn new() -> Self {
        let (disk, pool) = (SimulatedDisk::new(1), unique_pool());
        let lake = open(&disk, &[&pool], roomy());
        Self { disk, pool, lake }
    }

    fn append(&self, records: &str) {
        self.append_by(access(1), records);
    }

    fn append_by(&self, access: model::permit::Access, records: &str) {
        let batch = Request::new(&self.pool, records).by(access).admit();
        let records = batch.records().len() as u64;
        assert!(batch.faults().is_empty(), "{:?}", batch.faults());
        let receipt = wait(self.lake.append(batch)).unwrap();
        assert_eq!(receipt.accepted, records, "all of them are accepted");
    }

    fn delete(&self, text: &str) -> u64 {
        let delete = deleting(&access(1), &self.pool, Some(filter(text)));
        wait(self.lake.delete(delete)).unwrap()
    }

    fn then(&mut self, then: Then) {
        let permit = Permit::ours();
        match then {
            Then::Nothing => {}
            Then::Frozen => {
                self.lake.pools.freeze(self.pool.id);
                self.lake.pools.give_up(self.pool.id, Written::Frozen);
            }
            Then::Flush => self.lake.flush(&permit).unwrap(),
            Then::Compact => self.lake.compact(&permit).unwrap(),
            Then::Restart => self.restart(),
            Then::FlushAndRestart => {
                self.lake.flush(&permit).unwrap();
                self.restart();
            }
        }
    }

    fn restart(&mut self) {
        self.lake.close();
        self.disk = self.disk.crash();
        self.lake = open(&self.disk, &[&self.pool], roomy());
    }

    fn shown(&self) -> Vec<String> {
        shown(held(&self.lake, &self.pool))
    }
}

#[test]
fn a_newer_record_replaces_the_older_one_wherever_it_is() {
    for first in ALL {
        for second in ALL {
            let mut world = World::new();
            let older = r#"[{"c":"a","id":1,"n":1},{"c":"a","id":2,"n":1},{"c":"b","id":1,"n":1}]"#;
            world.append(older);
            world.then(first);
            world.append(r#"[{"c":"a","id":1,"n":2}]"#);
            let left = ["a 1 2", "a 2 1", "b 1 1"];
            assert_eq!(world.shown(), left, "{first:?}");
            world.then(second);
            assert_eq!(world.shown(), left, "{first:?} {second:?}");
            world.append(r#"[{"c":"b","id":1,"n":3}]"#);
            assert_eq!(world.shown(), ["a 1 2", "a 2 1", "b 1 3"]);
        }
    }
}

#[test]
fn the_older_record_does_not_come_back_when_the_newer_one_is_deleted() {
    for first in ALL {
        for second in ALL {
            for third in ALL {
                let mut world = World::new();
                world.append(r#"[{"c":"a","id":1,"n":1}]"#);
                world.then(first);
                world.append(r#"[{"c":"a","id":1,"n":2}]"#);
                world.then(second);
                let gone = world.delete(r#"{"field":"n","operator":"lte","value":2}"#);
                assert_eq!(gone, 1, "one was visible: {first:?} {second:?}");
                world.then(third);
                let context = format!("{first:?} {second:?} {third:?}");
                assert!(world.shown().is_empty(), "{context}");
            }
        }
    }
}

#[test]
fn the_last_of_one_batch_wins() {
    let mut world = World::new();
    let batch = r#"[{"c":"a","id":1,"n":1},{"c":"a","id":2,"n":2},{"c":"a","id":1,"n":3},
        {"c":"b","id":1,"n":4},{"c":"a","id":1,"n":5}]"#;
    world.append(batch);
    for then in ALL {
        world.then(then);
        assert_eq!(world.shown(), ["a 1 5", "a 2 2", "b 1 4"], "{then:?}");
    }
}

#[test]
fn a_record_that_holds_another_injected_value_is_untouched() {
    let by = |number, region: &str| {
        let region = Value::from(region);
        injecting(number, vec![(path("r"), region), (path("c"), "a".into())])
    };
    let (north, south) = (by(2, "north"), by(3, "south"));
    for first in ALL {
        for second in ALL {
            let mut world = World::new();
            let record = |n| format!(r#"[{{"id":1,"n":{n}}}]"#);
            world.append_by(north.clone(), &record(1));
            world.then(first);
            world.append_by(south.clone(), &record(2));
            world.then(second);
            let both = ["a 1 1 north", "a 1 2 south"];
            assert_eq!(world.shown(), both, "{first:?} {second:?}");
            world.append_by(north.clone(), &record(3));
            assert_eq!(world.shown(), ["a 1 2 south", "a 1 3 north"]);
            world.then(first);
            // Who injects nothing replaces both.
            world.append(r#"[{"c":"a","id":1,"n":4}]"#);
            assert_eq!(world.shown(), ["a 1 4"], "{first:?} {second:?}");
            world.then(second);
            assert_eq!(world.shown(), ["a 1 4"], "{first:?} {second:?}");
        }
    }
}

#[test]
fn rows_are_found_in_every_block_of_a_file() {
    let mut world = World::new();
    let batch = |ids: &mut dyn Iterator<Item = u32>, n: u32| {
        let records = ids.map(|id| format!(r#"{{"c":"c{}","id":{id},"n":{n}}}"#, id % 7));
        format!("[{}]", records.collect::<Vec<_>>().join(","))
    };
    for from in [0, 8_000, 16_000] {
        world.append(&batch(&mut (from..from + 8_000), 1));
    }
    world.then(Then::Flush);
    world.append(&batch(&mut (0..24_000).step_by(97), 2));
    let newer = |id: u32| 1 + u32::from(id.is_multiple_of(97));
    let mut expected: Vec<_> = (0..24_000)
        .map(|id| format!("c{} {id} {}", id % 7, newer(id)))
        .collect();
    expected.sort();
    for then in ALL {
        world.then(then);
        assert!(world.shown() == expected, "{then:?}");
    }
    let files = world.lake.pools.snapshot(&world.pool).stored.files;
    assert!(files.iter().all(|file| file.replaced.is_none()));
    let rows: u64 = files.iter().map(|file| file.rows).sum();
    assert_eq!(rows, 24_000, "what was replaced is in no file any more");
}

#[test]
fn files_of_other_customers_are_not_looked_at() {
    let mut world = World::new();
    world.append(r#"[{"c":"a","id":1,"n":1}]"#);
    world.then(Then::Flush);
    world.append(r#"[{"c":"b","id":1,"n":1}]"#);
    world.then(Then::Flush);
    world.append(r#"[{"c":"b","id":1,"n":2}]"#);
    let files = world.lake.pools.snapshot(&world.pool).stored.files;
    let of = |name: &str| {
        let name = model::canonical::to_bytes(&Value::from(name));
        let mut files = files.iter();
        let file = files.find(|file| file.isolation.as_ref().is_some_and(|r| *r.min == name));
        file.unwrap().id
    };
    let directory = world.lake.tables.directory(world.pool.id);
    let file = directory.join(format!("{}.parquet", of("a")));
    world.disk.remove(&file).unwrap();
    world.lake.flush(&Permit::ours()).unwrap();
    let files = world.lake.pools.snapshot(&world.pool).stored.files;
    let replaced = files.iter().filter(|file| file.replaced.is_some());
    assert_eq!(replaced.map(|f| f.id).collect::<Vec<_>>(), [of("b")]);
}

#[test]
fn what_is_replaced_in_memory_gives_its_room_back() {
    let world = World::new();
    for n in 0..2_000 {
        world.append(&format!(r#"[{{"c":"a","id":{},"n":{n}}}]"#, n % 3));
    }
    let metrics = world.lake.metrics();
    assert_eq!(metrics.buffer_records, 3);
    assert!(metrics.buffer_bytes < 64 << 10, "{}", metrics.buffer_bytes);
}
