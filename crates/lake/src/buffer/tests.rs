//! Merging, deleting and finding change no answer, and what is held is counted.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use arrow_array::Array;
use arrow_array::cast::AsArray;
use model::fields::{ColumnType, FieldType, ScalarType};
use model::filters::{Filter, Predicate};
use model::pools::{Pool, SchemaMode};
use model::records::Record;
use model::value::Value;

use super::*;
use crate::lake::tests::fixtures::{
    Stored, access, admit, cases, filter, json, noon, pool, stored,
};
use crate::predicate::admitted;
use crate::reading::Hints;
use crate::simulation::Random;
use crate::snapshot::FileView;

static POOL: LazyLock<Arc<Pool>> = LazyLock::new(|| {
    pool(
        1,
        r#"{"name":"p","schema":"open","isolation_field":"c","fields":[
        {"name":"c","type":"String"},{"name":"n","type":"Int64"}]}"#,
    )
});

impl PoolBuffer {
    /// For mutants: forgets what younger records replace in files.
    pub(crate) fn forget_keys(&mut self) {
        self.keys = Arc::default();
    }

    /// For mutants: the same of the records that are being written.
    pub(crate) fn forget_frozen_keys(&mut self) {
        self.frozen_keys.clear();
    }
}

fn empty(pool: &Pool) -> PoolBuffer {
    PoolBuffer::new(&pool.draft.schema, pool.draft.isolation_field.clone())
}

fn records(pool: &Arc<Pool>, values: Vec<Value>) -> Vec<Record> {
    let batch = admit(&access(1), pool, &Value::Array(values), None, noon());
    assert!(batch.faults().is_empty(), "{:?}", batch.faults());
    batch.into_records()
}

fn segment(pool: &Arc<Pool>, values: Vec<Value>) -> Segment {
    let layout = Layout::of(&pool.draft.schema);
    Segment::of_records(&layout, &records(pool, values)).unwrap()
}

fn record(n: u64) -> Value {
    json(&format!(
        r#"{{"c":"c{}","n":{n},"extra":{}}}"#,
        n % 7,
        n % 11
    ))
}

fn resolve(pool: &Pool, filter: &Filter) -> Predicate {
    pool.draft.schema.resolve(filter).unwrap()
}

fn numbers(snapshot: &Snapshot) -> Vec<u64> {
    let number = |record: Stored| match record["n"] {
        Value::Integer(n) => u64::try_from(n).unwrap(),
        ref other => panic!("{other:?}"),
    };
    stored(snapshot).into_iter().map(number).collect()
}

#[test]
fn a_hundred_thousand_single_records_make_few_segments_with_few_copies() {
    const RECORDS: usize = 100_000;
    let mut buffer = empty(&POOL);
    let (mut most, mut copied) = (0, 0);
    for n in 0..RECORDS {
        // The last segments stay, or one of a merge takes their place.
        let before = buffer.segments.len();
        buffer.push(segment_of_one(n as u64)).unwrap();
        if buffer.segments.len() <= before {
            copied += buffer.segments.last().unwrap().rows();
        }
        most = most.max(buffer.segments.len());
    }
    assert_eq!(buffer.records(), RECORDS as u64);
    // Full ones, and up to 15 of each of the three classes below.
    assert!(most <= RECORDS / SEALED_ROWS + 1 + 3 * FAN_IN, "{most}");
    assert!(copied <= 5 * RECORDS, "{copied}");
    assert!(buffer.bytes() < 200 * RECORDS as u64, "{}", buffer.bytes());
}

/// One of sixteen one-record segments: making them is not what is tested.
fn segment_of_one(n: u64) -> Segment {
    static ONES: LazyLock<Vec<Segment>> =
        LazyLock::new(|| (0..16).map(|n| segment(&POOL, vec![record(n)])).collect());
    ONES[n as usize % 16].clone()
}

#[test]
fn the_worst_order_of_sizes_keeps_segments_and_copies_bounded() {
    // Just what makes a run of the next class again and again.
    let (mut buffer, mut copied, mut pushed) = (empty(&POOL), 0, 0);
    let sixteen = segment(&POOL, (0..16).map(record).collect());
    for _ in 0..600 {
        for at in 0..16 {
            let next = if at < 15 {
                segment_of_one(at)
            } else {
                sixteen.clone()
            };
            pushed += next.rows();
            let before = buffer.segments.len();
            buffer.push(next).unwrap();
            if buffer.segments.len() <= before {
                copied += buffer.segments.last().unwrap().rows();
            }
            assert!(buffer.segments.len() <= pushed / SEALED_ROWS + 1 + 4 * FAN_IN);
        }
    }
    assert_eq!(buffer.records(), pushed as u64);
    assert!(copied <= 4 * FAN_IN * pushed, "{copied} of {pushed}");
}

#[test]
fn large_records_are_left_where_they_are() {
    let wide = "x".repeat(600_000);
    let one = segment(
        &POOL,
        vec![json(&format!(r#"{{"c":"a","n":1,"wide":"{wide}"}}"#))],
    );
    let mut buffer = empty(&POOL);
    for _ in 0..100 {
        buffer.push(one.clone()).unwrap();
    }
    assert_eq!(buffer.records(), 100);
    for segment in &buffer.segments {
        assert!(
            segment.bytes() < 2 * FAN_IN as u64 * SEALED_BYTES,
            "{}",
            segment.bytes()
        );
    }
}

/// Random pushes and deletes against a plain list; snapshots stay what they were.
#[test]
fn merging_and_deleting_keep_order_and_content() {
    for seed in 0..cases(12, 500) {
        let mut random = Random::new(seed);
        let (mut buffer, mut list, mut next) = (empty(&POOL), Vec::new(), 0);
        let mut kept: Vec<(Snapshot, Vec<u64>)> = Vec::new();
        for _ in 0..60 {
            match random.below(6) {
                0 => {
                    let (at, class) = (random.below(next + 1), random.below(7));
                    let gone = filter(&format!(
                        r#"{{"any":[{{"all":[{{"field":"n","operator":"gte","value":{at}}},
                            {{"field":"c","operator":"eq","value":"c{class}"}}]}},
                            {{"field":"extra","operator":"eq","value":{class}}}]}}"#
                    ));
                    let goes = |n: &u64| (*n >= at && n % 7 == class) || n % 11 == class;
                    list.retain(|n| !goes(n));
                    let gone = resolve(&POOL, &gone);
                    let mut foreseen = Foreseen::new(gone.clone(), buffer.by_columns().clone());
                    let looked = random.below(3);
                    for _ in 0..looked {
                        let segments = buffer.snapshot(FileView::default()).segments;
                        foreseen.look(&segments, || Ok(())).unwrap();
                        // What comes behind it, and is merged with what was looked at.
                        for _ in 0..random.below(30) {
                            buffer.push(segment(&POOL, vec![record(next)])).unwrap();
                            list.extend([next].iter().filter(|n| !goes(n)));
                            next += 1;
                        }
                    }
                    let before = usize::try_from(buffer.records()).unwrap();
                    let foreseen = (looked > 0).then_some(&foreseen);
                    let deleted = buffer.delete(&gone, foreseen).unwrap();
                    assert_eq!(deleted, (before - list.len()) as u64);
                }
                1 if random.one_in(3) => {
                    kept.push((buffer.snapshot(FileView::default()), list.clone()))
                }
                _ => {
                    let count = [1, 1, 1, 3, 20, 300][random.below(6) as usize];
                    let batch: Vec<u64> = (next..next + count).collect();
                    next += count;
                    buffer
                        .push(segment(&POOL, batch.iter().map(|n| record(*n)).collect()))
                        .unwrap();
                    list.extend(batch);
                }
            }
            assert_eq!(buffer.records(), list.len() as u64);
        }
        assert_eq!(
            numbers(&buffer.snapshot(FileView::default())),
            list,
            "seed {seed}"
        );
        for found in stored(&buffer.snapshot(FileView::default())) {
            let Value::Integer(n) = found["n"] else {
                panic!("{found:?}")
            };
            let n = u64::try_from(n).unwrap();
            let expected: BTreeMap<String, Value> = [
                ("c".to_owned(), Value::from(format!("c{}", n % 7))),
                ("n".to_owned(), Value::from(n)),
                ("extra".to_owned(), Value::from(n % 11)),
            ]
            .into();
            assert_eq!(found, expected);
        }
        for (snapshot, numbers_then) in kept {
            assert_eq!(numbers(&snapshot), numbers_then, "seed {seed}");
        }
    }
}

#[test]
fn what_was_foreseen_of_a_delete_is_not_looked_at_again() {
    let mut buffer = empty(&POOL);
    let values = |range: std::ops::Range<u64>| segment(&POOL, range.map(record).collect());
    buffer.push(values(0..10)).unwrap();
    // It says of these that none goes.
    let mut foreseen = Foreseen::new(Predicate::Nothing, buffer.by_columns().clone());
    let segments = buffer.snapshot(FileView::default()).segments;
    foreseen.look(&segments, || Ok(())).unwrap();
    buffer.push(values(10..13)).unwrap();
    let all = Predicate::All(Vec::new());
    assert_eq!(buffer.delete(&all, Some(&foreseen)).unwrap(), 3);
    assert_eq!(
        numbers(&buffer.snapshot(FileView::default())),
        (0..10).collect::<Vec<_>>()
    );
    // What was found out for other columns counts for nothing.
    let other = crate::lake::tests::fixtures::open_pool(1)
        .draft
        .schema
        .clone();
    let mut foreseen = Foreseen::new(Predicate::Nothing, other);
    foreseen.look(&segments, || Ok(())).unwrap();
    assert_eq!(buffer.delete(&all, Some(&foreseen)).unwrap(), 10);
}

#[test]
fn a_delete_of_most_rows_gives_their_room_back_and_of_all_everything() {
    let mut buffer = empty(&POOL);
    let values = |from: u64| (from..from + 10_000).map(record).collect();
    for from in [0, 10_000] {
        let indexed = segment(&POOL, values(from)).indexed(POOL.draft.isolation_field.as_ref());
        buffer.push(indexed).unwrap();
    }
    let full = buffer.bytes();
    let some = |text: &str| resolve(&POOL, &filter(text));
    assert_eq!(
        buffer
            .delete(
                &some(r#"{"field":"n","operator":"gte","value":19000}"#),
                None
            )
            .unwrap(),
        1_000
    );
    assert_eq!(buffer.bytes(), full);
    assert_eq!(
        buffer
            .delete(
                &some(r#"{"field":"n","operator":"gte","value":1000}"#),
                None
            )
            .unwrap(),
        18_000
    );
    assert!(buffer.bytes() < full / 10, "{} of {full}", buffer.bytes());
    assert_eq!(
        numbers(&buffer.snapshot(FileView::default())),
        (0..1_000).collect::<Vec<_>>()
    );
    assert_eq!(
        buffer
            .delete(
                &some(r#"{"field":"n","operator":"gte","value":1000}"#),
                None
            )
            .unwrap(),
        0
    );
    assert_eq!(
        buffer.delete(&Predicate::All(Vec::new()), None).unwrap(),
        1_000
    );
    assert_eq!(
        (buffer.bytes(), buffer.records(), buffer.segments.len()),
        (0, 0, 0)
    );
    assert_eq!(buffer.delete(&Predicate::Nothing, None).unwrap(), 0);
}

/// What a buffer says that it holds is at least what its records are, and not twice what they
/// and their index must take.
#[test]
fn bytes_are_counted_honestly() {
    let isolation = POOL.draft.isolation_field.as_ref();
    for (label, wide, distinct) in [("narrow", 8, 50), ("wide", 400, 50), ("many", 8, 10_000)] {
        let values: Vec<Value> = (0..10_000_u64)
            .map(|n| {
                let text = "x".repeat(wide);
                json(&format!(
                    r#"{{"c":"customer {:05}","n":{n},"t":"{text}"}}"#,
                    n % distinct
                ))
            })
            .collect();
        // Id 26, time 8, key 26, c 14, n 8, rest 4 + 1 + 4 + 1 + wide, offsets 4 x 4; index.
        let columns = 10_000 * (26 + 8 + 26 + 14 + 8 + 10 + wide as u64 + 16);
        let index = 10_000 * 4 + distinct * (15 + 40);
        let plain = segment(&POOL, values);
        let bytes = plain.bytes();
        assert!(
            (columns..2 * columns).contains(&bytes),
            "{label}: {bytes} for {columns}"
        );
        let with_index = plain.indexed(isolation).bytes() - bytes;
        assert!(
            (index..4 * index).contains(&with_index),
            "{label}: {with_index} for {index}"
        );
    }
}

#[test]
fn records_in_columns_of_other_types_are_refused() {
    let other = r#"{"name":"q","schema":"strict","fields":[{"name":"n","type":"String"}]}"#;
    let other = pool(2, other);
    let mut buffer = empty(&POOL);
    buffer.push(segment(&POOL, vec![record(1)])).unwrap();
    let refused = buffer
        .push(segment(&other, vec![json(r#"{"n":"1"}"#)]))
        .unwrap_err();
    assert!(matches!(refused, LakeError::Internal(_)), "{refused}");
    assert_eq!(numbers(&buffer.snapshot(FileView::default())), [1]);
}

/// A pool whose isolation field is of this type, or undeclared.
fn isolated_by(field_type: Option<&str>) -> Arc<Pool> {
    let fields = field_type.map_or(String::new(), |field_type| {
        format!(r#"{{"name":"c","type":"{field_type}"}}"#)
    });
    pool(
        3,
        &format!(r#"{{"name":"p","schema":"open","isolation_field":"c","fields":[{fields}]}}"#),
    )
}

/// Texts of values that are of the type, near and equal ones among them.
fn values_of(field_type: Option<&str>) -> Vec<&'static str> {
    let numbers = ["0", "1", "2", "-1", "127", "100"];
    match field_type {
        Some("Int8") => numbers.to_vec(),
        Some("Int64") => [
            &numbers[..],
            &[
                "9007199254740993",
                "9007199254740992",
                "-9223372036854775808",
            ],
        ]
        .concat(),
        Some("UInt64") => vec!["0", "1", "18446744073709551615", "18446744073709551614"],
        Some("Float64") => [
            &numbers[..],
            &[
                "0.1",
                "-0.0",
                "0.30000000000000004",
                "9007199254740992",
                "1e300",
            ],
        ]
        .concat(),
        Some("Float32") => [&numbers[..], &["0.1", "0.5", "-0.0", "16777216"]].concat(),
        Some("String") => vec![r#""""#, r#""a""#, r#""A""#, r#""1""#, r#""ä""#],
        Some("Boolean") => vec!["true", "false"],
        Some("Date") => vec![r#""2026-03-01""#, r#""1969-12-31""#],
        Some("DateTime") => vec![
            r#""2026-03-01T00:00:00Z""#,
            r#""2026-03-01T00:00:00.000001Z""#,
        ],
        Some("UUID") => vec![
            r#""018f3c5e-7b7a-7cc2-9d5b-1f2a3b4c5d6e""#,
            r#""018f3c5e-7b7a-7cc2-9d5b-1f2a3b4c5d6f""#,
        ],
        _ => vec![
            "0",
            "1",
            "1.0",
            "-1",
            "0.5",
            r#""1""#,
            r#""a""#,
            "true",
            "[1]",
            r#"["a",1]"#,
            "[[1]]",
            r#"{"x":1}"#,
            "9007199254740993",
            "9007199254740992.0",
            r#""2026-03-01""#,
        ],
    }
}

/// The literals that filters compare with: of the type, and others that mean the same or nearly.
const LITERALS: [&str; 19] = [
    "0",
    "1",
    "1.0",
    "-1",
    "0.1",
    "0.5",
    "9007199254740993",
    "9007199254740992.0",
    "127",
    "128",
    "18446744073709551615",
    "1e300",
    r#""a""#,
    r#""1""#,
    "true",
    r#""2026-03-01""#,
    r#""2026-03-01T00:00:00Z""#,
    r#""018F3C5E-7B7A-7CC2-9D5B-1F2A3B4C5D6E""#,
    r#""""#,
];

/// A random constraint, most of which say which values the isolation field may have.
fn any_constraint(random: &mut Random) -> String {
    let mut literal = || LITERALS[random.below(LITERALS.len() as u64) as usize];
    let (a, b) = (literal(), literal());
    let equal = format!(r#"{{"field":"c","operator":"eq","value":{a}}}"#);
    let one_of = format!(r#"{{"field":"c","operator":"in","value":[{a},{b}]}}"#);
    let small = r#"{"field":"n","operator":"lt","value":3000}"#;
    match random.below(9) {
        0 | 1 => equal,
        2 => one_of,
        3 => format!(r#"{{"all":[{small},{equal}]}}"#),
        4 => format!(r#"{{"all":[{one_of},{small},{equal}]}}"#),
        5 => format!(r#"{{"any":[{equal},{small}]}}"#),
        6 => format!(r#"{{"not":{equal}}}"#),
        7 => format!(r#"{{"field":"c","operator":"ne","value":{a}}}"#),
        _ => format!(
            r#"{{"all":[{{"not":{one_of}}},{{"field":"c","operator":"exists","value":true}}]}}"#
        ),
    }
}

const TYPES: [Option<&str>; 11] = [
    None,
    Some("Int8"),
    Some("Int64"),
    Some("UInt64"),
    Some("Float32"),
    Some("Float64"),
    Some("String"),
    Some("Boolean"),
    Some("Date"),
    Some("DateTime"),
    Some("UUID"),
];

/// The rows of a snapshot that the predicate admits, found with the hint or without.
fn admitted_rows(snapshot: &Snapshot, predicate: &Predicate, hinted: bool) -> Vec<String> {
    let mut columns = snapshot.layout.fields.clone();
    predicate.for_each_leaf(&mut |leaf| {
        if !columns.iter().any(|(path, _)| *path == leaf.field) {
            columns.push((leaf.field.clone(), leaf.column));
        }
    });
    let mut hints = Hints::default();
    if hinted {
        hints.customers = snapshot.customers(predicate, None);
    }
    let mut ids = Vec::new();
    for segment in &snapshot.segments {
        let batch = segment.scan(&columns, &hints).unwrap();
        let admits = admitted(predicate, &batch).unwrap();
        let id = batch.column_by_name("_id").unwrap().as_string::<i32>();
        ids.extend(
            (0..batch.num_rows())
                .filter(|row| admits.value(*row))
                .map(|row| id.value(row).to_owned()),
        );
    }
    ids
}

#[test]
fn the_index_of_the_isolation_field_never_changes_an_answer() {
    let (mut found, mut hinted) = (0, 0);
    for (field_type, seed) in TYPES.into_iter().zip(0..) {
        let pool = isolated_by(field_type);
        let (mut random, values) = (Random::new(seed), values_of(field_type));
        let all: Vec<Value> = (0..4_500)
            .map(|n| match random.below(12) {
                0 => json(&format!(r#"{{"n":{n}}}"#)),
                1 => json(&format!(r#"{{"n":{n},"c":null}}"#)),
                _ => {
                    let value = values[random.below(values.len() as u64) as usize];
                    json(&format!(r#"{{"n":{n},"c":{value}}}"#))
                }
            })
            .collect();
        let all = records(&pool, all);
        let mut buffer = empty(&pool);
        let layout = buffer.layout.clone();
        for part in [&all[..4_200], &all[4_200..]] {
            let part = Segment::of_records(&layout, part).unwrap();
            buffer
                .push(part.indexed(pool.draft.isolation_field.as_ref()))
                .unwrap();
        }
        let mut gone = resolve(
            &pool,
            &filter(r#"{"field":"n","operator":"gte","value":4190}"#),
        );
        for _ in 0..2 {
            for _ in 0..cases(25, 1_000) {
                let text = any_constraint(&mut random);
                // A literal that the field's type cannot be compared with admits no row at all.
                let Ok(predicate) = pool.draft.schema.resolve(&filter(&text)) else {
                    continue;
                };
                let snapshot = buffer.snapshot(FileView::default());
                let expected = admitted_rows(&snapshot, &predicate, false);
                let rows = admitted_rows(&snapshot, &predicate, true);
                assert_eq!(rows, expected, "{field_type:?} {text}");
                hinted += snapshot.customers(&predicate, None).len();
                found += rows.len();
            }
            // Again with some rows gone, as marks; and with most of them gone, written anew.
            buffer.delete(&gone, None).unwrap();
            gone = resolve(
                &pool,
                &filter(r#"{"field":"n","operator":"lt","value":100}"#),
            );
        }
        assert_eq!(pool.draft.schema.mode(), SchemaMode::Open);
    }
    assert!(
        found > 10_000 && hinted > 100,
        "{found} rows, {hinted} hints"
    );
}

/// A field may be newer than all records in memory.
#[test]
fn rows_have_as_many_cells_of_a_column_that_no_record_has() {
    let strict = pool(
        1,
        r#"{"name":"p","schema":"strict","fields":[{"name":"n","type":"Int64"}]}"#,
    );
    let records = json(r#"[{"n":1},{"n":2}]"#);
    let batch = admit(&access(1), &strict, &records, None, noon());
    let layout = Layout::of(&strict.draft.schema);
    let segment = Segment::of_records(&layout, batch.records()).unwrap();
    let later = model::names::FieldPath::parse("later").unwrap();
    let kind = ColumnType::Declared(FieldType::Scalar(ScalarType::Int64));
    let cells = segment.rows_at(&[(later, kind)], &vec![1, 0].into());
    let cells = cells.unwrap();
    assert_eq!((cells.len(), cells[0].len()), (1, 2));
    assert_eq!(cells[0].null_count(), 2);
}
