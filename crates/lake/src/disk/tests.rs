//! One suite of promises, kept by the real disk and by the simulated one alike.

use super::*;
use crate::simulation::SimulatedDisk;

fn check_promises(disk: &dyn Disk, root: &Path) {
    let directory = root.join("journal");
    disk.create_directory(&directory).unwrap();
    disk.create_directory(&directory).unwrap();
    disk.sync_directory(root).unwrap();

    let one = directory.join("one");
    let file = disk.create(&one).unwrap();
    assert_eq!(
        disk.create(&one).unwrap_err().source.kind(),
        io::ErrorKind::AlreadyExists
    );
    file.zero_fill(0, 10_000).unwrap();
    assert_eq!(file.length().unwrap(), 10_000);
    file.write_at(9_998, b"tide").unwrap();
    file.sync_data().unwrap();
    file.sync_all().unwrap();
    assert_eq!(file.length().unwrap(), 10_002);
    let mut bytes = [7; 16];
    assert_eq!(file.read_at(9_996, &mut bytes).unwrap(), 6);
    assert_eq!(&bytes[..7], b"\0\0tide\x07");
    assert_eq!(file.read_at(20_000, &mut bytes).unwrap(), 0);

    let two = directory.join("two");
    disk.create(&two).unwrap().write_at(0, b"old").unwrap();
    disk.rename(&one, &two).unwrap();
    assert_eq!(disk.list(&directory).unwrap(), ["two"]);
    assert_eq!(disk.open(&two).unwrap().length().unwrap(), 10_002);
    file.write_at(0, b"still the same file").unwrap();
    let missing = disk.open(&one).unwrap_err();
    assert!(missing.is_not_found() && !missing.is_full());
    assert_eq!(missing.path, one);
    assert_eq!(missing.operation, DiskOperation::Open);

    let three = directory.join("three");
    let third = disk.create(&three).unwrap();
    third.write_at(0, b"third").unwrap();
    let taken = disk.rename_new(&three, &two).unwrap_err();
    assert!(taken.is_taken() && !taken.is_not_found(), "{taken}");
    assert_eq!(disk.list(&directory).unwrap(), ["three", "two"]);
    assert_eq!(disk.open(&two).unwrap().length().unwrap(), 10_002);
    disk.remove(&two).unwrap();
    disk.rename_new(&three, &two).unwrap();
    assert_eq!(disk.list(&directory).unwrap(), ["two"]);
    assert_eq!(disk.open(&two).unwrap().length().unwrap(), 5);
    let missing = disk.rename_new(&three, &one).unwrap_err();
    assert!(missing.is_not_found() && !missing.is_taken(), "{missing}");

    disk.remove(&two).unwrap();
    disk.sync_directory(&directory).unwrap();
    assert!(disk.remove(&two).unwrap_err().is_not_found());
    assert!(disk.rename(&two, &one).unwrap_err().is_not_found());
    assert!(disk.list(&directory).unwrap().is_empty());
    assert!(disk.list(&root.join("nowhere")).unwrap_err().is_not_found());
    assert!(
        disk.create_directory(&root.join("no/where"))
            .unwrap_err()
            .is_not_found()
    );
    assert!(
        disk.create(&root.join("no/where"))
            .unwrap_err()
            .is_not_found()
    );

    let lock = disk.lock(&directory.join("lock")).unwrap();
    assert!(disk.lock(&directory.join("lock")).unwrap_err().is_locked());
    drop(lock);
    drop(disk.lock(&directory.join("lock")).unwrap());
    assert_eq!(disk.list(&directory).unwrap(), ["lock"]);
}

#[test]
fn the_real_disk_keeps_its_promises() {
    let directory = tempfile::tempdir().unwrap();
    check_promises(&RealDisk, directory.path());
}

#[test]
fn the_simulated_disk_keeps_the_same_promises() {
    check_promises(&SimulatedDisk::new(1), Path::new("/data"));
}

#[test]
fn an_error_names_the_operation_the_path_and_the_cause() {
    let error = RealDisk.open(Path::new("/nowhere/at/all")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot open /nowhere/at/all: No such file or directory (os error 2)"
    );
}

#[test]
fn a_full_disk_and_a_full_quota_are_told_apart_from_the_rest() {
    for (kind, full) in [
        (io::ErrorKind::StorageFull, true),
        (io::ErrorKind::QuotaExceeded, true),
        (io::ErrorKind::PermissionDenied, false),
    ] {
        let error = DiskError::new(DiskOperation::Write, Path::new("x"), kind.into());
        assert_eq!(error.is_full(), full, "{kind:?}");
    }
}
