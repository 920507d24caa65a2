//! What is read of files, and which are made, counted.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use model::pools::Pool;
use model::time::ManualClock;
use model::value::Value;

use crate::disk::{Disk, DiskError, DiskFile, DiskLock};
use crate::lake::tests::fixtures::*;
use crate::lake::{Lake, LakeOptions};
use crate::reading::{Hints, Reading};
use crate::simulation::SimulatedDisk;

/// A disk that counts the files of records that are made and opened, and what
/// is read of them.
#[derive(Debug)]
pub(in crate::lake::upkeep) struct Counting {
    disk: SimulatedDisk,
    pub(in crate::lake::upkeep) clock: Arc<ManualClock>,
    made: AtomicU64,
    opened: AtomicU64,
    read: Arc<AtomicU64>,
    /// Unfinished files of records that are there, and the most that there were.
    unfinished: Mutex<(BTreeSet<String>, usize)>,
}

fn is_records(path: &Path) -> bool {
    path.extension().is_some_and(|e| e == "parquet")
}

fn unfinished(path: &Path) -> Option<String> {
    let name = path.file_name()?.to_str()?;
    name.ends_with(".parquet.tmp").then(|| name.to_owned())
}

impl Counting {
    pub(in crate::lake::upkeep) fn over(disk: &SimulatedDisk) -> Arc<Self> {
        Arc::new(Self {
            disk: disk.clone(),
            clock: Arc::new(ManualClock::new(noon())),
            made: AtomicU64::new(0),
            opened: AtomicU64::new(0),
            read: Arc::default(),
            unfinished: Mutex::default(),
        })
    }

    /// A lake of one pool on this disk.
    pub(in crate::lake::upkeep) fn open(
        self: &Arc<Self>,
        pool: &Arc<Pool>,
        options: LakeOptions,
    ) -> Lake {
        let environment = environment(self.clone(), self.clock.clone());
        Lake::open(environment, vec![pool.clone()], options).unwrap()
    }

    pub(in crate::lake::upkeep) fn made(&self) -> u64 {
        self.made.load(Ordering::Relaxed)
    }

    pub(in crate::lake::upkeep) fn opened(&self) -> u64 {
        self.opened.load(Ordering::Relaxed)
    }

    /// Bytes of files of records that were read since this was last asked.
    pub(in crate::lake::upkeep) fn read(&self) -> u64 {
        self.read.swap(0, Ordering::Relaxed)
    }

    /// The unfinished files that there are, and the most that there were.
    pub(in crate::lake::upkeep) fn unfinished(&self) -> (usize, usize) {
        let unfinished = self.unfinished.lock().unwrap();
        (unfinished.0.len(), unfinished.1)
    }
}

#[derive(Debug)]
struct CountingFile(Arc<dyn DiskFile>, Arc<AtomicU64>);

impl Disk for Counting {
    fn create(&self, path: &Path) -> Result<Arc<dyn DiskFile>, DiskError> {
        if let Some(name) = unfinished(path) {
            self.made.fetch_add(1, Ordering::Relaxed);
            let mut unfinished = self.unfinished.lock().unwrap();
            unfinished.0.insert(name);
            unfinished.1 = unfinished.1.max(unfinished.0.len());
        }
        self.disk.create(path)
    }

    fn open(&self, path: &Path) -> Result<Arc<dyn DiskFile>, DiskError> {
        let file = self.disk.open(path)?;
        if is_records(path) || unfinished(path).is_some() {
            self.opened.fetch_add(1, Ordering::Relaxed);
            return Ok(Arc::new(CountingFile(file, self.read.clone())));
        }
        Ok(file)
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<(), DiskError> {
        if let Some(name) = unfinished(from) {
            self.unfinished.lock().unwrap().0.remove(&name);
        }
        self.disk.rename(from, to)
    }

    fn rename_new(&self, from: &Path, to: &Path) -> Result<(), DiskError> {
        self.disk.rename_new(from, to)
    }

    fn remove(&self, path: &Path) -> Result<(), DiskError> {
        if let Some(name) = unfinished(path) {
            self.unfinished.lock().unwrap().0.remove(&name);
        }
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

impl DiskFile for CountingFile {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, DiskError> {
        self.1.fetch_add(buffer.len() as u64, Ordering::Relaxed);
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

/// The values of `n` in the rows that may be of a customer, as a question that
/// is held to the customer reads them: what no hint leaves out.
pub(in crate::lake::upkeep) fn read_of_customer(
    lake: &Lake,
    pool: &Arc<Pool>,
    customer: &str,
) -> Vec<Value> {
    let snapshot = lake.pools.snapshot(pool);
    let schema = &pool.draft.schema;
    let rows = filter(&format!(
        r#"{{"field":"c","operator":"eq","value":"{customer}"}}"#
    ));
    let hints = Hints {
        customers: snapshot.customers(&schema.resolve(&rows).unwrap(), None),
        time: None,
    };
    let columns = [path("n")].map(|field| (field.clone(), schema.column(&field).unwrap()));
    let reading = Reading::new(snapshot, Arc::new(columns), hints);
    let mut found = Vec::new();
    while let Some(batch) = reading.step() {
        if let Some(batch) = batch.unwrap() {
            let values =
                (0..batch.num_rows()).map(|row| crate::columns::value_at(batch.column(0), row));
            found.extend(values);
        }
    }
    found
}
