//! What the log promises, found by a reader of its own (`reader`).

mod damage;
mod machine;
mod power;
mod race;
mod reader;
mod rot;
mod schema;
mod tables;

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use model::fields::FieldType;
use model::ids::PoolId;
use model::time::Timestamp;

use super::table::PublishedType;
use super::*;
use crate::simulation::{Random, SimulatedDisk};
use crate::tables::TimeRange;

/// 2026-01-01T00:00:00Z.
const NEW_YEAR: i64 = 1_767_225_600_000_000;

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_microsecond(NEW_YEAR + seconds as i64 * 1_000_000).unwrap()
}

fn column(name: &str, field: &str) -> (String, PublishedType) {
    let field = FieldType::parse(field).unwrap();
    (name.to_owned(), PublishedType::Field(field))
}

fn table(extra: &[(String, PublishedType)]) -> PublishedTable<'static> {
    let mut columns = vec![
        column("_id", "String"),
        column("_ingested_at", "DateTime"),
        column("_key", "String"),
    ];
    columns.extend_from_slice(extra);
    PublishedTable {
        id: PoolId::from_bytes([7; 16]),
        name: "readings",
        columns,
        called: HashMap::new(),
        deleted: BTreeMap::new(),
        created_at: at(0),
    }
}

/// The file of this number; equal numbers give equal files.
fn file(number: u64) -> PublishedFile {
    let time = at(number).as_microsecond();
    PublishedFile {
        name: format!("FILE{number:08}.parquet"),
        bytes: 1_000 + number,
        rows: 10 + number,
        modified: at(number),
        times: (!number.is_multiple_of(3)).then(|| {
            let range = TimeRange {
                min: time,
                max: time + 1_500,
                missing: number % 3 == 1,
            };
            ("_ingested_at".to_owned(), range)
        }),
    }
}

fn files(numbers: impl IntoIterator<Item = u64>) -> Vec<PublishedFile> {
    numbers.into_iter().map(file).collect()
}

/// The pool's directory on a simulated disk.
fn pool() -> PathBuf {
    Path::new(SimulatedDisk::ROOT).join("pool")
}

fn log() -> PathBuf {
    pool().join("_delta_log")
}

/// A simulated disk with an empty directory of a pool, durable.
fn disk(seed: u64) -> SimulatedDisk {
    let disk = SimulatedDisk::new(seed);
    disk.create_directory(&pool()).unwrap();
    disk.sync_directory(Path::new(SimulatedDisk::ROOT)).unwrap();
    disk
}

/// A simulated disk with a log of versions 0 to `last`; version n adds file n.
fn published(seed: u64, last: u64) -> SimulatedDisk {
    let disk = disk(seed);
    for version in 0..=last {
        let live = files(0..=version);
        let written = publish(&disk, &pool(), &table(&[]), &live, at(version)).unwrap();
        assert_eq!(written, Some(version));
    }
    disk
}
