//! Files of records against a naive list of the same records.

mod bytes;
mod customers;
mod footers;
mod hints;
mod kinds;
pub(crate) mod mutants;
mod pages;
mod sizes;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{RecordBatch, UInt32Array};
use model::fields::ColumnType;
use model::ids::{PoolId, RawId};
use model::names::FieldPath;
use model::pools::Pool;
use model::records::Record;
use model::value::Value;

use super::*;
use crate::buffer::Segment;
use crate::columns::{Form, Layout, plain, rest_fields, value_at};
use crate::disk::Disk;
use crate::journal::Position;
use crate::lake::tests::fixtures::{cases, path};
use crate::simulation::SimulatedDisk;
use crate::worlds::tests::dice::Dice;
use crate::worlds::tests::project::{NAMES, Project};
use crate::worlds::tests::records;

/// A file on a disk in memory.
pub(super) struct Written {
    pub(super) disk: SimulatedDisk,
    pub(super) tables: Arc<Tables>,
    pub(super) pool: PoolId,
    pub(super) entry: Arc<FileEntry>,
}

impl Written {
    pub(super) fn open(&self) -> Arc<TableFile> {
        self.tables.open(self.pool, &self.entry).unwrap()
    }

    pub(super) fn directory(&self) -> std::path::PathBuf {
        self.tables.directory(self.pool)
    }
}

pub(super) fn plan(pool: &Pool, shredded: Vec<FieldPath>, block_rows: usize) -> Plan {
    Plan {
        layout: Arc::new(Layout::of(&pool.draft.schema)),
        sorted_by: SortedBy {
            isolation: pool.draft.isolation_field.clone(),
            time: pool.time_field(),
        },
        shredded: shredded.into(),
        apart: false,
        filter: true,
        block_rows,
        dictionary_bytes: DICTIONARY_BYTES,
    }
}

/// Writes batches, which come in order.
pub(super) fn write(pool: PoolId, plan: Plan, batches: Batches) -> Written {
    let disk = SimulatedDisk::new(1);
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    let root = Path::new(SimulatedDisk::ROOT).join("tables");
    let tables = Arc::new(Tables::new(shared.clone(), &root, 2 << 20));
    let directory = tables.directory(pool);
    shared.create_directory(&root).unwrap();
    shared.create_directory(&directory).unwrap();
    let id = FileId(RawId::from_bytes([7; 16]));
    let mut writer = TableWriter::create(&shared, &directory, id, plan).unwrap();
    for batch in batches {
        writer.write(&batch.unwrap()).unwrap();
    }
    let entry = writer.finish(3, 5, Position::new(11)).unwrap().unwrap();
    commit_names(shared.as_ref(), &directory, id).unwrap();
    Written {
        disk,
        tables,
        pool,
        entry: Arc::new(entry),
    }
}

pub(super) fn batch(layout: &Layout, records: &[Record]) -> RecordBatch {
    let segment = Segment::of_records(layout, records).unwrap();
    segment.alive_batch().unwrap()
}

/// Records cut into batches of random sizes.
pub(super) fn batches(dice: &mut Dice, layout: &Layout, records: &[Record]) -> Vec<RecordBatch> {
    let (mut all, mut rest) = (Vec::new(), records);
    while !rest.is_empty() {
        let (part, later) = rest.split_at(dice.between(1, 9).min(rest.len()));
        all.push(batch(layout, part));
        rest = later;
    }
    all
}

fn canonical(value: Option<&Value>) -> Vec<u8> {
    model::canonical::to_bytes(value.unwrap_or(&Value::Null))
}

/// The isolation value of a record in canonical form.
pub(super) fn isolation_of(pool: &Pool, record: &Record) -> Vec<u8> {
    let field = pool.draft.isolation_field.as_ref();
    canonical(field.and_then(|field| record.get(field.as_str())))
}

pub(super) fn time_of(pool: &Pool, record: &Record) -> Option<i64> {
    match record.get(pool.time_field().as_str()) {
        Some(Value::DateTime(at)) => Some(at.as_microsecond()),
        None => None,
        other => panic!("a time is {other:?}"),
    }
}

pub(super) fn naively_sorted(pool: &Pool, records: &[Record]) -> Vec<Record> {
    let mut sorted = records.to_vec();
    sorted.sort_by_cached_key(|record| {
        let id = record.get("_id").unwrap().as_str().unwrap().to_owned();
        (isolation_of(pool, record), time_of(pool, record), id)
    });
    sorted
}

/// Every column that can be asked for: declared, undeclared, the rest, unheard of.
fn columns_of(pool: &Pool) -> Vec<(FieldPath, ColumnType)> {
    let schema = &pool.draft.schema;
    let names = NAMES.iter().copied();
    let asked = names.chain(["_id", "_ingested_at", "_key", "newcomer", "no.such"]);
    let mut columns: Vec<_> = asked
        .map(path)
        .filter_map(|path| schema.column(&path).map(|column| (path, column)))
        .collect();
    if Layout::of(schema).open {
        columns.push((FieldPath::rest(), ColumnType::Undeclared));
    }
    columns
}

fn undeclared_of(pool: &Pool, record: &Record) -> BTreeMap<String, Vec<u8>> {
    let layout = Layout::of(&pool.draft.schema);
    let fields = record.fields();
    fields
        .filter(|(path, _)| layout.position(path).is_none())
        .map(|(path, value)| (path.as_str().to_owned(), canonical(Some(value))))
        .collect()
}

/// Holds rows against what they must be.
pub(super) fn check_rows(
    pool: &Pool,
    columns: &[(FieldPath, ColumnType)],
    batch: &RecordBatch,
    expected: &[Record],
) {
    assert_eq!(batch.num_rows(), expected.len());
    for ((path, column), array) in columns.iter().zip(batch.columns()) {
        let array = plain(array).unwrap();
        assert_eq!(*array.data_type(), crate::columns::column_type(*column));
        for (row, record) in expected.iter().enumerate() {
            if *path == FieldPath::rest() {
                let cells = array.as_binary::<i32>();
                let cell = arrow_array::Array::is_valid(cells, row).then(|| cells.value(row));
                let fields = cell.into_iter().flat_map(rest_fields);
                let found: BTreeMap<String, Vec<u8>> = fields
                    .map(|(path, value)| (path.to_owned(), value.to_vec()))
                    .collect();
                assert_eq!(found, undeclared_of(pool, record), "row {row}");
                continue;
            }
            let found = value_at(array.as_ref(), row);
            let expected = record.get(path.as_str());
            assert_eq!(
                canonical(Some(&found)),
                canonical(expected),
                "{path} of row {row}: {found:?} is not {expected:?}"
            );
        }
    }
}

/// Blocks in ranges that may be read at once.
fn ranges(dice: &mut Dice, file: &TableFile) -> Vec<std::ops::Range<usize>> {
    let (mut ranges, mut from) = (Vec::new(), 0);
    while from < file.blocks() {
        let group_end = (from / ROW_GROUP_BLOCKS + 1) * ROW_GROUP_BLOCKS;
        let most = group_end.min(file.blocks());
        let to = dice.between(from + 1, most);
        ranges.push(from..to);
        from = to;
    }
    ranges
}

fn check_file(dice: &mut Dice, pool: &Pool, written: &Written, sorted: &[Record]) {
    let file = written.open();
    let mut columns = columns_of(pool);
    for cached in [Cached::No, Cached::Yes, Cached::Yes] {
        let form = *dice.pick(&[Form::Plain, Form::Encoded]);
        dice.shuffle(&mut columns);
        let some = &columns[..dice.between(0, columns.len())];
        let mut row = 0;
        for range in ranges(dice, &file) {
            for batch in file.read(range, some, cached, form).unwrap() {
                let rows = batch.num_rows();
                check_rows(pool, some, &batch, &sorted[row..row + rows]);
                row += rows;
            }
        }
        assert_eq!(row, sorted.len());
    }
}

/// Some rows of a block, again and again: read alone at first, and then as kept.
fn check_some_rows(dice: &mut Dice, pool: &Pool, written: &Written, sorted: &[Record]) {
    let file = written.open();
    let mut columns = columns_of(pool);
    for cached in [Cached::No, Cached::Yes, Cached::Yes, Cached::Yes] {
        dice.shuffle(&mut columns);
        let some = &columns[..dice.between(1, columns.len())];
        let block = dice.below(file.blocks());
        let (first, held) = (file.rows_before(block), file.block_rows(block));
        let asked: Vec<usize> = (0..dice.between(1, 9)).map(|_| dice.below(held)).collect();
        let rows = UInt32Array::from_iter_values(asked.iter().map(|row| *row as u32));
        let cells = file.rows(block, &rows, some, cached).unwrap();
        let arrays = cells.iter().map(|cells| cells.plain(&rows).unwrap());
        let arrays = arrays.collect();
        let batch = super::types::batch_of(some, arrays, asked.len()).unwrap();
        let expected = asked.iter().map(|row| sorted[first + row].clone());
        check_rows(pool, some, &batch, &expected.collect::<Vec<_>>());
        let beyond = UInt32Array::from(vec![held as u32]);
        assert!(file.rows(block, &beyond, some, cached).is_err());
    }
}

fn check_entry(pool: &Pool, entry: &FileEntry, sorted: &[Record]) {
    assert_eq!((entry.level, entry.run), (3, 5));
    assert_eq!(entry.cleaned, Position::new(11));
    assert_eq!(entry.rows, sorted.len() as u64);
    let isolations = sorted.iter().map(|record| isolation_of(pool, record));
    let range = pool.draft.isolation_field.as_ref().map(|_| KeyRange {
        min: isolations.clone().min().unwrap().into(),
        max: isolations.max().unwrap().into(),
    });
    assert_eq!(entry.isolation, range);
    let times: Vec<_> = sorted.iter().map(|record| time_of(pool, record)).collect();
    let known = times.iter().flatten();
    let time = known.clone().min().map(|min| TimeRange {
        min: *min,
        max: *known.max().unwrap(),
        missing: times.contains(&None),
    });
    assert_eq!(entry.time, time);
}

/// What the index says of blocks, and that pruning leaves out no block that holds something.
fn check_index(dice: &mut Dice, pool: &Pool, file: &TableFile, sorted: &[Record]) {
    let mut blocks = Vec::new();
    let mut row = 0;
    for block in 0..file.blocks() {
        let records = &sorted[row..row + file.block_rows(block)];
        row += records.len();
        let times = records.iter().filter_map(|record| time_of(pool, record));
        let time = file.block_time(block);
        assert_eq!(time.map(|time| time.min), times.clone().min());
        assert_eq!(time.map(|time| time.max), times.max());
        let keys: Vec<_> = records.iter().map(|r| isolation_of(pool, r)).collect();
        if pool.draft.isolation_field.is_some() {
            let (min, max) = file.block_isolation(block);
            assert_eq!((min, max), (&*keys[0], &**keys.last().unwrap()));
        }
        blocks.push(keys);
    }
    assert_eq!(row, sorted.len());
    let all = file
        .candidates(None, Look::OnDisk)
        .unwrap()
        .into_iter()
        .flatten();
    assert!(all.eq(0..file.blocks()));
    if pool.draft.isolation_field.is_none() {
        return;
    }
    let mut keys: Vec<Vec<u8>> = blocks.concat();
    keys.extend([Value::from("zz"), Value::from(0)].map(|value| canonical(Some(&value))));
    dice.shuffle(&mut keys);
    keys.truncate(dice.between(0, 4));
    let asked: Vec<Box<[u8]>> = keys.iter().map(|key| key.as_slice().into()).collect();
    let found: Vec<usize> = file
        .candidates(Some(&asked), Look::OnDisk)
        .unwrap()
        .into_iter()
        .flatten()
        .collect();
    for (block, held) in blocks.iter().enumerate() {
        let is_array = |key: &Vec<u8>| ARRAYS.contains(&key.as_slice());
        let holds = held.iter().any(|key| keys.contains(key) || is_array(key));
        let (min, max) = (&held[0], held.last().unwrap());
        let within = |low: &[u8], high: &[u8]| &**min <= high && low <= &**max;
        let may = keys.iter().any(|key| within(key, key))
            || (min.as_slice() < ARRAYS.end && ARRAYS.start <= max.as_slice());
        // Filters tell of some that are not there.
        let is_found = found.contains(&block);
        let told = format!("block {block} of {held:?} for {keys:?}");
        assert!(is_found || !holds, "{told}");
        assert!(may || !is_found, "{told}");
        let at_once = file.candidates(Some(&asked), Look::InMemory).unwrap();
        assert!(at_once.into_iter().flatten().eq(found.iter().copied()));
    }
    assert!(
        found.is_sorted_by(|a, b| a < b),
        "a block is read twice: {found:?}"
    );
}

/// Answers whether row groups of the file differ in the columns of which they hold codes.
fn check_case(seed: u64) -> bool {
    let mut dice = Dice::new(seed ^ 0x7ab1e5);
    let project = Project::random(&mut dice, seed);
    let pool = &project.pool;
    let rows = records::random(&mut dice, &project, true);
    let mut records: Vec<Record> = rows.into_iter().map(|row| row.record).collect();
    if records.is_empty() {
        return false;
    }
    dice.shuffle(&mut records);
    let sorted = naively_sorted(pool, &records);
    let layout = Arc::new(Layout::of(&pool.draft.schema));
    let held = batches(&mut dice, &layout, &records);
    let shredded = if layout.open && dice.percent(70) {
        frequent_fields(&held)
    } else {
        Vec::new()
    };
    let rows_of_block = dice.between(1, 8);
    let plan = Plan {
        dictionary_bytes: *dice.pick(&[24, DICTIONARY_BYTES]),
        ..plan(pool, shredded, rows_of_block)
    };
    let ordered = sort(held, &layout, &plan.sorted_by, plan.block_rows).unwrap();
    let written = write(pool.id, plan.clone(), ordered);
    check_entry(pool, &written.entry, &sorted);
    check_index(&mut dice, pool, &written.open(), &sorted);
    check_file(&mut dice, pool, &written, &sorted);
    check_some_rows(&mut dice, pool, &written, &sorted);
    // The same records from several sorted inputs are the same file.
    let runs = dice.between(1, 5);
    let inputs = (0..runs).map(|run| {
        let part: Vec<Record> = records.iter().skip(run).step_by(runs).cloned().collect();
        let held = batches(&mut dice, &layout, &part);
        let sorted = sort(held, &layout, &plan.sorted_by, plan.block_rows).unwrap();
        // In small pieces, some of them empty.
        let pieces: Vec<_> = sorted
            .flat_map(|batch| {
                let batch = batch.unwrap();
                let rows = batch.num_rows();
                let cut = rows / 2;
                [
                    batch.slice(0, 0),
                    batch.slice(0, cut),
                    batch.slice(cut, rows - cut),
                ]
            })
            .collect();
        Box::new(pieces.into_iter().map(Ok)) as Batches
    });
    let inputs = inputs.collect();
    let merged = merge(inputs, &layout, &plan.sorted_by, plan.block_rows).unwrap();
    let again = write(pool.id, plan, merged);
    assert_eq!(again.entry.digest, written.entry.digest);
    assert_eq!(again.entry.index, written.entry.index);
    written.open().metadata.kinds() > 1
}

#[test]
fn what_is_written_is_read_back_in_its_order_of_every_type_and_found_by_its_index() {
    let mut of_both_kinds = 0;
    for seed in 0..cases(400, 8_000) {
        let check = std::panic::AssertUnwindSafe(|| check_case(seed));
        match std::panic::catch_unwind(check) {
            Ok(differ) => of_both_kinds += usize::from(differ),
            Err(panic) => {
                println!("the file of seed {seed} fails");
                std::panic::resume_unwind(panic);
            }
        }
    }
    assert!(of_both_kinds > 0, "dictionaries are never full");
}
