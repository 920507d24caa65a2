//! What the tests of the lake share: pools, keys made the one way there is, and what is stored.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use arrow_array::cast::AsArray;
use model::filters::{Constraint, Filter, parse_filter};
use model::grants::{Action, Grant, Selector, Target, VisibleFields};
use model::ids::{GrantId, KeyId, PoolId, ProjectId};
use model::isolation::Carried;
use model::keys::{
    Circumstances, KeyDraft, KeyKind, KeyLimits, KeyParts, KeyRecord, Restrictions, SecretRecord,
};
use model::names::FieldPath;
use model::permit::{
    Access, AdmittedBatch, ConstrainedDelete, Delete, Idempotency, Ingest, On, Permit,
};
use model::pools::{Pool, PoolDraft};
use model::random::SeededRandom;
use model::records::{Injections, OnConflict};
use model::secrets::{Pepper, Secret};
use model::time::{Clock, ManualClock, Timestamp};
use model::value::Value;

use crate::columns::{Layout, rest_fields, value_at};
use crate::disk::Disk;
use crate::error::Result;
use crate::journal;
use crate::lake::{Environment, Lake, LakeOptions, UpkeepOptions};
use crate::reading::{Hints, Reading};
use crate::run::RunOptions;
use crate::simulation::SimulatedDisk;
use crate::snapshot::Snapshot;
use crate::uniqueness::{MemoryTokens, TokenOptions};

pub(crate) fn json(text: &str) -> Value {
    model::json::parse(text.as_bytes()).unwrap_or_else(|fault| panic!("{fault}: {text}"))
}

pub(crate) fn noon() -> Timestamp {
    Timestamp::parse("2026-03-01T12:00:00Z").unwrap()
}

pub(crate) fn path(text: &str) -> FieldPath {
    FieldPath::parse_readable(text).unwrap()
}

pub(crate) fn filter(text: &str) -> Filter {
    parse_filter(&json(text)).unwrap_or_else(|fault| panic!("{fault}: {text}"))
}

fn sixteen(kind: u8, number: u32) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[0] = kind;
    bytes[12..].copy_from_slice(&number.to_be_bytes());
    bytes
}

/// A pool of this number, open and without declared fields.
pub(crate) fn open_pool(number: u32) -> Arc<Pool> {
    pool(number, r#"{"name":"open","schema":"open"}"#)
}

pub(crate) fn pool(number: u32, definition: &str) -> Arc<Pool> {
    Arc::new(Pool {
        id: PoolId::from_bytes(sixteen(1, number)),
        draft: PoolDraft::parse(&json(definition)).unwrap(),
        created_at: noon(),
        revision: 1,
    })
}

fn grant(number: u32, rows: Constraint, injections: Vec<(FieldPath, Value)>) -> Grant {
    Grant {
        id: GrantId::from_bytes(sixteen(3, number)),
        on: Target::Pool(Selector::everything()),
        actions: BTreeSet::from([Action::Ingest, Action::Delete, Action::Query]),
        rows: Some(rows),
        windows: Vec::new(),
        fields: VisibleFields::All,
        injections: Injections {
            values: injections,
            on_conflict: OnConflict::Override,
        },
    }
}

/// A caller with these grants.
pub(crate) fn access_of(number: u32, grants: Vec<Grant>) -> Access {
    let pepper = Pepper::from_bytes([7; 32]);
    let secret = Secret::generate(KeyKind::Secret, &SeededRandom::new(u64::from(number)));
    let record = SecretRecord::fresh(&secret, &pepper, noon());
    let parts = KeyParts {
        id: KeyId::from_bytes(sixteen(4, number)),
        project: ProjectId::from_bytes(sixteen(5, 1)),
        draft: KeyDraft {
            name: "a key".to_owned(),
            description: String::new(),
            kind: KeyKind::Secret,
            grants,
            expires_at: None,
            restrictions: Restrictions::NONE,
            limits: KeyLimits::NONE,
            rotate_after: None,
            derived_tokens: false,
            issued_by: None,
            dialect: None,
        },
        disabled: false,
        secrets: vec![record],
        within: None,
        created_by: "server".to_owned(),
        created_at: noon(),
        revision: 1,
    };
    KeyRecord::restore(parts)
        .verify(&secret, &pepper, &Circumstances::unknown(), noon())
        .expect("the right secret")
}

/// The caller of this number, who may write to, ask and delete from every pool.
pub(crate) fn access(number: u32) -> Access {
    // Making a secret is slow in a build without optimisation.
    static MADE: Mutex<BTreeMap<u32, Access>> = Mutex::new(BTreeMap::new());
    let make = || access_of(number, vec![grant(1, Constraint::AllRows, Vec::new())]);
    MADE.lock()
        .unwrap()
        .entry(number)
        .or_insert_with(make)
        .clone()
}

/// A caller with one grant for each constraint.
pub(crate) fn constrained(number: u32, rows: Vec<Constraint>) -> Access {
    let grants = rows
        .into_iter()
        .zip(1..)
        .map(|(rows, id)| grant(id, rows, Vec::new()));
    access_of(number, grants.collect())
}

/// A caller whose records get these values.
pub(crate) fn injecting(number: u32, values: Vec<(FieldPath, Value)>) -> Access {
    access_of(number, vec![grant(1, Constraint::AllRows, values)])
}

/// What keys of a pool carry that stamp these fields on records, each field
/// with as many values as it is named.
pub(crate) fn carrying(pool: &Pool, fields: &[&str]) -> Vec<(PoolId, Carried)> {
    let stamps = |(field, n): (&&str, u32)| vec![(path(field), Value::from(i64::from(n)))];
    let keys = fields.iter().zip(1..);
    let keys = keys.map(|key| [grant(1, Constraint::AllRows, stamps(key))]);
    let keys: Vec<_> = keys.collect();
    vec![(pool.id, Carried::of(&pool.draft.schema, &keys))]
}

/// A request: who writes what, when, under which idempotency key.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) access: Access,
    pub(crate) pool: Arc<Pool>,
    pub(crate) records: Value,
    pub(crate) key: Option<&'static str>,
    pub(crate) at: Timestamp,
}

impl Request {
    /// Key 1 writes an array of records at noon.
    pub(crate) fn new(pool: &Arc<Pool>, records: &str) -> Self {
        Self {
            access: access(1),
            pool: pool.clone(),
            records: json(records),
            key: None,
            at: noon(),
        }
    }

    pub(crate) fn key(self, key: &'static str) -> Self {
        Self {
            key: Some(key),
            ..self
        }
    }

    pub(crate) fn at(self, at: Timestamp) -> Self {
        Self { at, ..self }
    }

    pub(crate) fn by(self, access: Access) -> Self {
        Self { access, ..self }
    }

    pub(crate) fn admit(&self) -> AdmittedBatch {
        let text = model::json::to_text(&self.records);
        let mut fingerprint = [0; 32];
        fingerprint[..4].copy_from_slice(&crc32fast::hash(text.as_bytes()).to_le_bytes());
        let key = self.key.map(str::to_owned);
        let idempotency = key.map(|key| Idempotency { key, fingerprint });
        admit(
            &self.access,
            &self.pool,
            &self.records,
            idempotency,
            self.at,
        )
    }
}

/// The admitted batch of an array of records.
pub(crate) fn admit(
    access: &Access,
    pool: &Arc<Pool>,
    records: &Value,
    idempotency: Option<Idempotency>,
    at: Timestamp,
) -> AdmittedBatch {
    let permit: Permit<Ingest> = access.permit(On::Pool(Some(pool))).unwrap();
    let records = records.as_array().unwrap().iter().cloned().map(Ok);
    permit.admit(records, idempotency, at, &SeededRandom::new(9))
}

/// The delete of the rows that the caller sees and the filter admits.
pub(crate) fn deleting(
    access: &Access,
    pool: &Arc<Pool>,
    filter: Option<Filter>,
) -> ConstrainedDelete {
    let permit: Permit<Delete> = access.permit(On::Pool(Some(pool))).unwrap();
    permit
        .constrain(filter)
        .unwrap_or_else(|fault| panic!("{fault}"))
}

/// One stored record.
pub(crate) type Stored = BTreeMap<String, Value>;

/// Every record of a snapshot in its order, the system fields left out.
pub(crate) fn stored(snapshot: &Snapshot) -> Vec<Stored> {
    readable(snapshot).unwrap()
}

/// The same, unless a file cannot be read.
pub(crate) fn readable(snapshot: &Snapshot) -> Result<Vec<Stored>> {
    let (layout, mut all) = (Layout::of(&snapshot.schema), Vec::new());
    let rest = layout.open.then(FieldPath::rest);
    let paths = layout.paths().iter().cloned().chain(rest);
    let columns = paths.zip(layout.columns());
    let columns: Vec<_> = columns.map(|(path, (_, column))| (path, column)).collect();
    let reading = Reading::new(snapshot.clone(), columns.into(), Hints::default());
    while let Some(batch) = reading.step() {
        let Some(batch) = batch? else {
            continue;
        };
        let rest = layout.open.then(|| batch.columns().last().unwrap().clone());
        for row in 0..batch.num_rows() {
            let columns = layout.paths().iter().zip(batch.columns());
            let mut record: Stored = columns
                .filter(|(path, _)| !path.is_system())
                .map(|(path, column)| (path.as_str().to_owned(), value_at(column, row)))
                .filter(|(_, value)| !value.is_null())
                .collect();
            if let Some(rest) = &rest
                && !rest.is_null(row)
            {
                for (column, value) in rest_fields(rest.as_binary::<i32>().value(row)) {
                    let value = model::canonical::decode(value).unwrap();
                    if let Some(path) = snapshot.schema.undeclared_path(column) {
                        record.insert(path.to_string(), value);
                    }
                }
            }
            all.push(record);
        }
    }
    Ok(all)
}

/// What the lake holds of a pool.
pub(crate) fn held(lake: &Lake, pool: &Arc<Pool>) -> Vec<Stored> {
    stored(&lake.pools.snapshot(pool))
}

/// The values of the field `n` of every record, in order.
pub(crate) fn numbers(lake: &Lake, pool: &Arc<Pool>) -> Vec<i128> {
    let number = |record: Stored| match record.get("n") {
        Some(Value::Integer(number)) => *number,
        other => panic!("n is {other:?}"),
    };
    held(lake, pool).into_iter().map(number).collect()
}

pub(crate) fn directory() -> PathBuf {
    Path::new(SimulatedDisk::ROOT).join("journal")
}

/// Small segments, so that a short run fills several; no limit on memory.
pub(crate) fn small() -> LakeOptions {
    LakeOptions {
        journal: journal::Options {
            segment_bytes: 12 * 1024,
            max_record_bytes: 7 * 1024,
            max_group_records: 6,
            max_group_bytes: 4 * 1024,
            spare_segments: 2,
            fatal: Arc::new(|_| {}),
            ..journal::Options::new(7)
        },
        run: RunOptions::default(),
        buffer_bytes: u64::MAX,
        cache_bytes: 2 << 20,
        tokens: TokenOptions::default(),
        upkeep: UpkeepOptions::default(),
    }
}

/// As [`small`], with segments for larger batches.
pub(crate) fn roomy() -> LakeOptions {
    let mut options = small();
    options.journal.segment_bytes = 4 << 20;
    options.journal.max_record_bytes = 2 << 20;
    options.journal.max_group_records = 4096;
    options.journal.max_group_bytes = 1 << 20;
    options
}

/// A lake of these pools with a clock that stands at noon.
pub(crate) fn open(disk: &SimulatedDisk, pools: &[&Arc<Pool>], options: LakeOptions) -> Lake {
    open_at(disk, pools, options, Arc::new(ManualClock::new(noon()))).unwrap()
}

pub(crate) fn open_at(
    disk: &SimulatedDisk,
    pools: &[&Arc<Pool>],
    options: LakeOptions,
    clock: Arc<dyn Clock>,
) -> Result<Lake> {
    let known = pools.iter().map(|pool| (*pool).clone()).collect();
    Lake::open(environment(Arc::new(disk.clone()), clock), known, options)
}

/// What a restart finds, as a number: no two starts draw the same randomness.
fn seed_of(disk: &dyn Disk) -> u64 {
    let mut hash = crc32fast::Hasher::new();
    for name in disk.list(&directory()).unwrap_or_default() {
        if let Ok(file) = disk.open(&directory().join(name)) {
            let mut bytes = vec![0; file.length().unwrap_or(0) as usize];
            let _ = file.read_at(0, &mut bytes);
            hash.update(&bytes);
        }
    }
    u64::from(hash.finalize())
}

/// A world with this disk and clock.
pub(crate) fn environment(disk: Arc<dyn Disk>, clock: Arc<dyn Clock>) -> Environment {
    let random = Arc::new(SeededRandom::new(seed_of(disk.as_ref())));
    Environment {
        disk,
        journal: directory(),
        tables: Path::new(SimulatedDisk::ROOT).join("tables"),
        clock,
        random,
        tokens: Arc::new(MemoryTokens::default()),
    }
}

/// How many cases a proof tries: `xtask prove` asks for the long number.
pub(crate) fn cases(short: u64, long: u64) -> u64 {
    if std::env::var("TIDEGATE_PROOF").as_deref() == Ok("long") {
        long
    } else {
        short
    }
}
