use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};

use model::ids::RawId;

use super::*;
use crate::disk::{DiskLock, DiskOperation};
use crate::simulation::SimulatedDisk;

/// A disk of which so many files may be open at once.
#[derive(Debug)]
struct Limited {
    disk: SimulatedDisk,
    open: Arc<AtomicUsize>,
    max: AtomicUsize,
}

#[derive(Debug)]
struct Counted(Arc<dyn DiskFile>, Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.1.fetch_sub(1, Ordering::Relaxed);
    }
}

impl DiskFile for Counted {
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
        self.0.sync_data()
    }

    fn sync_all(&self) -> Result<(), DiskError> {
        self.0.sync_all()
    }
}

impl Disk for Limited {
    fn create(&self, path: &Path) -> Result<Arc<dyn DiskFile>, DiskError> {
        self.disk.create(path)
    }

    fn open(&self, path: &Path) -> Result<Arc<dyn DiskFile>, DiskError> {
        if self.open.load(Ordering::Relaxed) >= self.max.load(Ordering::Relaxed) {
            let refused = io::Error::from_raw_os_error(24);
            return Err(DiskError::new(DiskOperation::Open, path, refused));
        }
        let file = self.disk.open(path)?;
        self.open.fetch_add(1, Ordering::Relaxed);
        Ok(Arc::new(Counted(file, self.open.clone())))
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
        self.disk.sync_directory(path)
    }

    fn lock(&self, path: &Path) -> Result<Box<dyn DiskLock>, DiskError> {
        self.disk.lock(path)
    }
}

/// A disk with a hundred files of records.
fn hundred(max: usize) -> (Arc<Limited>, Vec<FileId>) {
    let disk = SimulatedDisk::new(1);
    let ids: Vec<_> = (0..100)
        .map(|n| FileId(RawId::from_bytes([n; 16])))
        .collect();
    for id in &ids {
        let path = path_of(Path::new(SimulatedDisk::ROOT), *id, Part::Records);
        disk.create(&path).unwrap();
    }
    let limited = Limited {
        disk,
        open: Arc::default(),
        max: AtomicUsize::new(max),
    };
    (Arc::new(limited), ids)
}

#[test]
fn files_that_are_read_one_after_the_other_are_never_open_all_at_once() {
    let root = Path::new(SimulatedDisk::ROOT);
    let (disk, ids) = hundred(usize::MAX);
    let handles = Handles::new(disk.clone(), 8);
    for id in &ids {
        drop(handles.records(root, *id).unwrap());
        assert!(disk.open.load(Ordering::Relaxed) <= 8);
    }
    // One that stays open is not opened again.
    let last = ids[99];
    let before = disk.open.load(Ordering::Relaxed);
    let (one, two) = (handles.records(root, last), handles.records(root, last));
    assert!(Arc::ptr_eq(&one.unwrap(), &two.unwrap()));
    assert_eq!(disk.open.load(Ordering::Relaxed), before);
    handles.forget(last);
    assert_eq!(disk.open.load(Ordering::Relaxed), before - 1);
}

#[test]
fn files_that_are_merely_kept_open_are_closed_before_one_is_refused() {
    let root = Path::new(SimulatedDisk::ROOT);
    let (disk, ids) = hundred(5);
    let handles = Handles::new(disk.clone(), 64);
    for id in &ids {
        drop(handles.records(root, *id).unwrap());
    }
    // Where others have all, that is said, and not that the file is damaged.
    disk.max.store(0, Ordering::Relaxed);
    let refused = handles.records(root, ids[0]).unwrap_err();
    assert!(matches!(refused, LakeError::OutOfFiles), "{refused}");
}
