//! Unfinished files of records: whose they are, and what becomes of them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use model::ids::RawId;
use model::permit::Permit;
use model::pools::Pool;
use model::time::ManualClock;

use super::publish::{append, files_of};
use crate::disk::Disk;
use crate::lake::tests::fixtures::*;
use crate::lake::{Inspection, LakeOptions, Strays};
use crate::simulation::SimulatedDisk;
use crate::tables::{FileId, Part, path_of};

/// Of a start that does not know whether the journal is the right one.
fn unsure() -> LakeOptions {
    let mut options = small();
    options.journal.is_known = false;
    options
}

/// Leaves an unfinished file that no journal names.
fn leave(disk: &SimulatedDisk, directory: &Path, id: u8) -> String {
    let id = FileId(RawId::from_bytes([id; 16]));
    let path = path_of(directory, id, Part::UnfinishedRecords);
    disk.create(&path).unwrap().write_at(0, b"records").unwrap();
    path.file_name().unwrap().to_str().unwrap().to_owned()
}

fn strays_of(disk: &SimulatedDisk, pool: &Arc<Pool>) -> Strays {
    let clock = Arc::new(ManualClock::new(noon()));
    let world = environment(Arc::new(disk.clone()), clock);
    let inspection = Inspection::open(world, vec![pool.clone()], Vec::new());
    inspection.unwrap().strays().unwrap()
}

#[test]
fn what_is_unfinished_at_an_unsure_opening_is_set_aside_and_listed_and_later_work_is_not() {
    let (disk, pool) = (SimulatedDisk::new(1), open_pool(1));
    let directory = files_of(&pool);
    let lake = open(&disk, &[&pool], small());
    append(&lake, &pool, 0..10);
    lake.flush(&Permit::ours()).unwrap();
    drop(lake);
    let found = leave(&disk, &directory, 7);
    let aside = format!("{found}.aside");

    let lake = open(&disk, &[&pool], unsure());
    let names = disk.list(&directory).unwrap();
    assert!(
        names.contains(&aside) && !names.contains(&found),
        "{names:?}"
    );
    // Behind the opening it is this process that left it.
    let own = leave(&disk, &directory, 8);
    lake.compact(&Permit::ours()).unwrap();
    let names = disk.list(&directory).unwrap();
    let left: Vec<_> = names.iter().filter(|name| name.starts_with(&own)).collect();
    assert!(left.is_empty(), "{left:?}");
    drop(lake);

    // Whoever knows the journal leaves it, too, and tells of it.
    drop(open(&disk, &[&pool], small()));
    let strays = strays_of(&disk, &pool);
    assert_eq!(strays.aside, [directory.join(&aside)]);
    assert_eq!(strays.aside_needed, Vec::<PathBuf>::new());
    assert_eq!((strays.foreign, strays.unknown), (Vec::new(), Vec::new()));
}

/// One that a start with another journal set aside, and this journal names.
#[test]
fn what_is_set_aside_and_named_is_told_apart_and_read_again_under_its_name() {
    let (disk, pool) = (SimulatedDisk::new(1), open_pool(1));
    let directory = files_of(&pool);
    let lake = open(&disk, &[&pool], small());
    append(&lake, &pool, 0..10);
    lake.flush(&Permit::ours()).unwrap();
    let id = lake.pools.manifest(pool.id).files.iter().next().unwrap().id;
    drop(lake);
    let finished = path_of(&directory, id, Part::Records);
    let unfinished = path_of(&directory, id, Part::UnfinishedRecords);
    let mut aside = unfinished.as_os_str().to_owned();
    aside.push(".aside");
    let aside = PathBuf::from(aside);
    disk.rename(&finished, &aside).unwrap();
    let strays = strays_of(&disk, &pool);
    assert_eq!(strays.aside_needed, std::slice::from_ref(&aside));
    assert_eq!((strays.aside, strays.foreign), (Vec::new(), Vec::new()));
    // What `tidegate check` says to do.
    disk.rename(&aside, &unfinished).unwrap();
    let lake = open(&disk, &[&pool], small());
    assert_eq!(numbers(&lake, &pool).len(), 10);
    drop(lake);
    // Beside the file itself it is one that nobody needs.
    disk.create(&aside)
        .unwrap()
        .write_at(0, b"records")
        .unwrap();
    let strays = strays_of(&disk, &pool);
    assert_eq!(strays.aside, [aside]);
    assert_eq!(strays.aside_needed, Vec::<PathBuf>::new());
}
