//! A disk that is full of what the journal keeps for later has room all the same.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use model::permit::Permit;
use model::pools::Pool;
use model::time::ManualClock;

use crate::disk::Disk;
use crate::lake::tests::fixtures::*;
use crate::lake::{Lake, LakeOptions};
use crate::simulation::SimulatedDisk;
use crate::store::Operation;

/// Segments that a few batches fill, and a buffer that upkeep empties only
/// when it is told that time passed.
fn options() -> LakeOptions {
    let mut options = roomy();
    options.journal.segment_bytes = 64 << 10;
    options.journal.max_record_bytes = 48 << 10;
    options.journal.max_group_bytes = 48 << 10;
    options.journal.spare_segments = 4;
    options.upkeep.flush_after = Duration::from_secs(1);
    options
}

/// Appends one record of some kilobytes.
fn add(lake: &Lake, pool: &Arc<Pool>, n: usize) {
    let text: String = (0..8_000_u64)
        .map(|at| char::from(b'a' + ((at * at + n as u64) % 23) as u8))
        .collect();
    let request = Request::new(pool, &format!(r#"[{{"n":{n},"text":"{text}"}}]"#));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(lake.append(request.admit())).unwrap();
}

/// Waits until the journal touches the disk no more.
fn settle(lake: &Lake) {
    lake.journal.submit_all_blocking([Operation::Wait]);
}

/// The bytes of the files in the journal's directory whose names begin so.
fn journal_bytes(disk: &SimulatedDisk, prefix: &str) -> u64 {
    let journal = Path::new(SimulatedDisk::ROOT).join("journal");
    let names = disk.list(&journal).unwrap();
    let found = names.iter().filter(|name| name.starts_with(prefix));
    found
        .map(|name| disk.open(&journal.join(name)).unwrap().length().unwrap())
        .sum()
}

#[test]
fn d7_records_go_to_files_where_spare_segments_hold_the_room() {
    let (disk, pool) = (SimulatedDisk::new(1), open_pool(1));
    let clock = Arc::new(ManualClock::new(noon()));
    let lake = open_at(&disk, &[&pool], options(), clock.clone()).unwrap();
    for n in 0..30 {
        add(&lake, &pool, n);
    }
    lake.flush(&Permit::ours()).unwrap();
    settle(&lake);
    add(&lake, &pool, 30);
    // From now on it is known how long the record waits.
    while lake.upkeep(&Permit::ours()).unwrap() {}
    settle(&lake);
    let spares = journal_bytes(&disk, "spare-");
    assert!(spares >= 3 * (64 << 10), "{spares}");
    // Something else takes what is left.
    disk.set_capacity(Some(disk.used()));
    clock.advance(Duration::from_secs(1));
    assert!(lake.upkeep(&Permit::ours()).unwrap(), "it finds room");
    assert_eq!(lake.metrics().buffer_records, 0);
    assert!(journal_bytes(&disk, "spare-") <= 64 << 10);
    assert_eq!(numbers(&lake, &pool).len(), 31);
    drop(lake);
    let lake = open_at(&disk.crash(), &[&pool], options(), clock).unwrap();
    assert_eq!(numbers(&lake, &pool).len(), 31);
}
