//! What the journal says of files may be more than one record of it holds.

use std::sync::Arc;

use model::permit::Permit;
use model::pools::Pool;
use model::time::ManualClock;

use crate::disk::Disk;
use crate::lake::tests::fixtures::*;
use crate::lake::{Inspection, Lake};
use crate::simulation::{Fault, SimulatedDisk};

const CUSTOMERS: u64 = 60;

fn small_files() -> crate::lake::LakeOptions {
    let mut options = small();
    (options.upkeep.file_bytes, options.upkeep.block_rows) = (1, 1);
    options
}

fn sales() -> Arc<Pool> {
    pool(
        1,
        r#"{"name":"sales","schema":"strict","isolation_field":"c","layout":"file_per_customer","unique":["n"],
        "fields":[{"name":"c","type":"String"},{"name":"n","type":"Int64"}]}"#,
    )
}

fn put_all(lake: &Lake, pool: &Arc<Pool>) {
    let record = |n| format!(r#"{{"c":"c{n}","n":{n}}}"#);
    let records: Vec<_> = (0..CUSTOMERS).map(record).collect();
    put(lake, pool, &format!("[{}]", records.join(",")));
}

fn put(lake: &Lake, pool: &Arc<Pool>, records: &str) {
    let request = Request::new(pool, records);
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.build().unwrap();
    runtime.block_on(lake.append(request.admit())).unwrap();
}

fn found(lake: &Lake, pool: &Arc<Pool>) -> Vec<i128> {
    let mut found = numbers(lake, pool);
    found.sort_unstable();
    found
}

/// Records go to a file for each customer, and a second time, so that as many files are told of what was replaced;
/// and the journal is freed, for which all is said once more.
fn work(lake: &Lake, pool: &Arc<Pool>) -> crate::error::Result<()> {
    lake.flush(&Permit::ours())?;
    put_all(lake, pool);
    lake.flush(&Permit::ours())?;
    lake.free_journal(&Permit::ours())
}

#[test]
fn what_the_journal_says_of_many_files_is_said_in_parts_and_found_again() {
    let (disk, pool) = (SimulatedDisk::new(1), sales());
    let lake = open(&disk, &[&pool], small_files());
    put_all(&lake, &pool);
    work(&lake, &pool).unwrap();
    let all: Vec<i128> = (0..i128::from(CUSTOMERS)).collect();
    let files = lake.pools.manifest(pool.id).files.len();
    let mut payload = Vec::new();
    crate::operation::encode_state(pool.id, &lake.pools.manifest(pool.id), &mut payload);
    assert!(payload.len() > 2 * small().journal.max_record_bytes);
    assert_eq!(found(&lake, &pool), all);
    lake.close();
    let lake = open(&disk.crash(), &[&pool], small_files());
    assert_eq!(found(&lake, &pool), all);
    assert_eq!(lake.pools.manifest(pool.id).files.len(), files);
    lake.compact(&Permit::ours()).unwrap();
    assert_eq!(lake.pools.manifest(pool.id).files.len(), files / 2);
    assert_eq!(found(&lake, &pool), all);
}

#[test]
fn a_damaged_journal_still_tells_which_files_there_are() {
    let (disk, pool) = (SimulatedDisk::new(2), sales());
    let clock = Arc::new(ManualClock::new(noon()));
    let lake = open_at(&disk, &[&pool], small_files(), clock.clone()).unwrap();
    put_all(&lake, &pool);
    work(&lake, &pool).unwrap();
    let files = lake.pools.manifest(pool.id).files.len();
    // Behind what was said in parts; the last of them is not taken for what a power cut tore off.
    for customer in ["needle", "thread"] {
        put(&lake, &pool, &format!(r#"[{{"c":"{customer}","n":1000}}]"#));
    }
    lake.close();
    let damaged = disk.list(&directory()).unwrap().into_iter().filter(|name| {
        let file = disk.open(&directory().join(name)).unwrap();
        let mut bytes = vec![0; usize::try_from(file.length().unwrap()).unwrap()];
        file.read_at(0, &mut bytes).unwrap();
        let Some(at) = bytes.windows(6).position(|bytes| bytes == b"needle") else {
            return false;
        };
        file.write_at(at as u64, b"N").unwrap();
        true
    });
    assert_eq!(damaged.count(), 1);
    let world = environment(Arc::new(disk.clone()), clock);
    let inspection = Inspection::open(world, vec![pool.clone()], Vec::new()).unwrap();
    assert!(inspection.journal_damage.is_some());
    let [found] = &inspection.pools[..] else {
        panic!("{:?}", inspection.pools);
    };
    assert_eq!((found.id, found.files.len()), (pool.id, files));
    for file in &found.files {
        inspection.verify(file, &mut |_| {}).unwrap();
    }
}

#[test]
fn a_power_cut_between_the_parts_loses_and_doubles_nothing() {
    let all: Vec<i128> = (0..i128::from(CUSTOMERS)).collect();
    let pool = sales();
    let step = cases(37, 3);
    for operation in (1..).step_by(usize::try_from(step).unwrap()) {
        let disk = SimulatedDisk::new(operation);
        let lake = open(&disk, &[&pool], small_files());
        put_all(&lake, &pool);
        disk.plan(Some(Fault::CutAtOperation(disk.operations() + operation)));
        let worked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| work(&lake, &pool)));
        if !disk.fault_happened() {
            worked.unwrap().unwrap();
            assert!(operation > 500, "{operation}");
            return;
        }
        drop(lake);
        let disk = disk.crash();
        let clock = Arc::new(ManualClock::new(noon()));
        let lake = open_at(&disk, &[&pool], small_files(), clock).unwrap();
        assert_eq!(found(&lake, &pool), all, "operation {operation}");
        lake.compact(&Permit::ours()).unwrap();
        assert_eq!(found(&lake, &pool), all, "operation {operation}");
    }
}
