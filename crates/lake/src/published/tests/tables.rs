//! Whole tables of all field types, with what a Delta reader should find in them.
//!
//! The step `delta` of `cargo xtask ci` runs this with `TIDEGATE_DELTA_TABLES` naming an empty
//! directory, has a reader that is not ours open every table there, and compares.

use std::fs;
use std::sync::Arc;

use arrow_array::types::{Date32Type, TimestampMicrosecondType};
use arrow_array::{
    Array, ArrayRef, BinaryArray, BooleanArray, Decimal128Array, Float32Array, Float64Array,
    Int8Array, Int16Array, Int32Array, Int64Array, ListArray, PrimitiveArray, RecordBatch,
    StringArray,
};
use arrow_buffer::{NullBuffer, OffsetBuffer};
use arrow_schema::{Field, Schema};
use model::fields::ScalarType;
use model::time::Date;
use parquet::arrow::ArrowWriter;
use serde_json::{Map, Value, json};

use super::reader::newest;
use super::*;
use crate::disk::RealDisk;

const DAY: i64 = 24 * 60 * 60 * 1_000_000;
/// The pool's time field, whose range the files tell.
const TIME: &str = "event.time";

/// A value of a type as our JSON has it; every fifth is missing, two are the ends of the range.
fn sample(scalar: ScalarType, turn: u64) -> Value {
    let choose = |least: Value, greatest: Value, other: Value| match turn % 5 {
        0 => Value::Null,
        1 => least,
        2 => greatest,
        _ => other,
    };
    if let Some((least, greatest)) = scalar.integer_range() {
        let whole = |number: i128| match i64::try_from(number) {
            Ok(number) => json!(number),
            Err(_) => json!(u64::try_from(number).unwrap()),
        };
        return choose(whole(least), whole(greatest), json!(turn % 100));
    }
    match scalar {
        ScalarType::Float32 => choose(
            json!(f64::from(f32::MIN)),
            json!(f64::from(f32::MIN_POSITIVE)),
            json!(turn as f64 + 0.25),
        ),
        ScalarType::Float64 => choose(json!(f64::MIN), json!(5e-324), json!(turn as f64 / 10.0)),
        ScalarType::String => choose(json!(""), json!("𝄞 \"ä\" \\ \n"), json!(format!("s{turn}"))),
        ScalarType::Boolean => choose(json!(false), json!(true), json!(turn.is_multiple_of(2))),
        ScalarType::Date => choose(
            json!("0001-01-01"),
            json!("9999-12-31"),
            json!("2026-02-28"),
        ),
        ScalarType::DateTime => choose(
            json!("0001-01-01T00:00:00Z"),
            json!("9999-12-31T23:59:59.999999Z"),
            json!(at(turn).to_string()),
        ),
        _ => choose(
            json!("00000000-0000-0000-0000-000000000000"),
            json!("ffffffff-ffff-ffff-ffff-ffffffffffff"),
            json!(format!("01234567-89ab-cdef-0123-{turn:012x}")),
        ),
    }
}

fn micros(text: &str) -> i64 {
    Timestamp::parse(text).unwrap().as_microsecond()
}

/// The values in the Parquet type of a field type.
fn scalars(scalar: ScalarType, values: &[Value]) -> ArrayRef {
    fn whole<T: TryFrom<i64>>(value: &Value) -> Option<T> {
        value.as_i64().and_then(|number| T::try_from(number).ok())
    }
    let texts = || values.iter().map(Value::as_str);
    let rows = values.iter();
    match scalar {
        ScalarType::Int8 => Arc::new(rows.map(whole).collect::<Int8Array>()),
        ScalarType::Int16 | ScalarType::UInt8 => Arc::new(rows.map(whole).collect::<Int16Array>()),
        ScalarType::Int32 | ScalarType::UInt16 => Arc::new(rows.map(whole).collect::<Int32Array>()),
        ScalarType::Int64 | ScalarType::UInt32 => {
            Arc::new(rows.map(Value::as_i64).collect::<Int64Array>())
        }
        ScalarType::UInt64 => {
            let numbers = rows.map(|value| value.as_u64().map(i128::from));
            let array = numbers.collect::<Decimal128Array>();
            Arc::new(array.with_precision_and_scale(20, 0).unwrap())
        }
        ScalarType::Float32 => {
            let numbers = rows.map(|value| value.as_f64().map(|number| number as f32));
            Arc::new(numbers.collect::<Float32Array>())
        }
        ScalarType::Float64 => Arc::new(rows.map(Value::as_f64).collect::<Float64Array>()),
        ScalarType::Boolean => Arc::new(rows.map(Value::as_bool).collect::<BooleanArray>()),
        ScalarType::String | ScalarType::Uuid => Arc::new(texts().collect::<StringArray>()),
        ScalarType::Date => {
            let day = |text| Date::parse(text).unwrap().midnight().as_microsecond() / DAY;
            let days = texts().map(|text| text.map(|text| day(text) as i32));
            Arc::new(days.collect::<PrimitiveArray<Date32Type>>())
        }
        ScalarType::DateTime => {
            let instants = texts().map(|text| text.map(micros));
            let array = instants.collect::<PrimitiveArray<TimestampMicrosecondType>>();
            Arc::new(array.with_timezone("UTC"))
        }
    }
}

fn lists(element: ScalarType, values: &[Value]) -> ArrayRef {
    let elements: Vec<&[Value]> = values
        .iter()
        .map(|value| value.as_array().map_or(&[][..], Vec::as_slice))
        .collect();
    let lengths = OffsetBuffer::from_lengths(elements.iter().map(|list| list.len()));
    let items = scalars(element, &elements.concat());
    let item = Field::new("item", items.data_type().clone(), true);
    let nulls: NullBuffer = values.iter().map(|value| !value.is_null()).collect();
    Arc::new(ListArray::new(Arc::new(item), lengths, items, Some(nulls)))
}

/// A value of a column in the row of this number.
fn value(name: &str, published: PublishedType, row: u64) -> Value {
    match (name, published) {
        ("_id", _) => json!(format!("{row:026}")),
        ("_ingested_at", _) => json!(at(row).to_string()),
        ("_key", _) => json!(format!("{:026}", row % 3)),
        (TIME, _) if !row.is_multiple_of(7) => {
            let time = at(row * 60).as_microsecond() + row as i64;
            json!(Timestamp::from_microsecond(time).unwrap().to_string())
        }
        (TIME, _) => Value::Null,
        (_, PublishedType::Field(FieldType::Scalar(scalar))) => sample(scalar, row),
        (_, PublishedType::Field(FieldType::Array(element))) => match row % 4 {
            0 => Value::Null,
            1 => json!([]),
            // No element is null: model::fields::FieldType::Array.
            _ => (row..row + 3)
                .map(|turn| sample(element, turn))
                .filter(|value| !value.is_null())
                .collect(),
        },
        (_, PublishedType::Rest) if row.is_multiple_of(2) => json!(format!("{row:04x}00ff")),
        (_, PublishedType::Rest) => Value::Null,
    }
}

fn array(published: PublishedType, values: &[Value]) -> ArrayRef {
    match published {
        PublishedType::Field(FieldType::Scalar(scalar)) => scalars(scalar, values),
        PublishedType::Field(FieldType::Array(element)) => lists(element, values),
        PublishedType::Rest => {
            let bytes = |text: &str| -> Vec<u8> {
                let pairs = text.as_bytes().chunks(2);
                let digits = pairs.map(|pair| std::str::from_utf8(pair).unwrap());
                digits
                    .map(|pair| u8::from_str_radix(pair, 16).unwrap())
                    .collect()
            };
            let rows: Vec<_> = values
                .iter()
                .map(|value| value.as_str().map(bytes))
                .collect();
            Arc::new(rows.iter().map(Option::as_deref).collect::<BinaryArray>())
        }
    }
}

/// A pool's directory on the machine and what should be found in it.
struct Pool {
    directory: PathBuf,
    table: PublishedTable<'static>,
    files: Vec<PublishedFile>,
    /// Each file's rows as they should come back.
    rows: std::collections::BTreeMap<String, Vec<Map<String, Value>>>,
    version: Option<u64>,
    clock: u64,
}

impl Pool {
    fn new(home: &Path, name: &str, columns: &[(String, PublishedType)]) -> Self {
        let directory = home.join(name);
        fs::create_dir(&directory).unwrap();
        Self {
            directory,
            table: table(columns),
            files: Vec::new(),
            rows: Default::default(),
            version: None,
            clock: 0,
        }
    }

    /// Writes the file of these rows.
    fn add(&mut self, rows: std::ops::Range<u64>) {
        let name = format!("01JGFILE{:08}.parquet", rows.start);
        let columns = &self.table.columns;
        let arrays: Vec<ArrayRef> = columns
            .iter()
            .map(|(name, published)| {
                let values: Vec<_> = rows
                    .clone()
                    .map(|row| value(name, *published, row))
                    .collect();
                array(*published, &values)
            })
            .collect();
        let fields: Vec<Field> = columns
            .iter()
            .zip(&arrays)
            .map(|((name, _), array)| Field::new(name, array.data_type().clone(), true))
            .collect();
        let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).unwrap();
        let path = self.directory.join(&name);
        let mut writer =
            ArrowWriter::try_new(fs::File::create(&path).unwrap(), batch.schema(), None).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        let row_of = |row| {
            let cells = columns.iter();
            cells
                .map(|(name, published)| (name.clone(), value(name, *published, row)))
                .collect()
        };
        self.files.push(PublishedFile {
            name: name.clone(),
            bytes: fs::metadata(&path).unwrap().len(),
            rows: rows.end - rows.start,
            modified: at(self.clock),
            times: self.times(rows.clone()),
        });
        self.rows.insert(name, rows.map(row_of).collect());
    }

    fn times(&self, rows: std::ops::Range<u64>) -> Option<(String, TimeRange)> {
        let (_, published) = self.table.columns.iter().find(|(name, _)| name == TIME)?;
        let values: Vec<_> = rows.map(|row| value(TIME, *published, row)).collect();
        let times: Vec<i64> = values
            .iter()
            .filter_map(Value::as_str)
            .map(micros)
            .collect();
        let range = TimeRange {
            min: *times.iter().min()?,
            max: *times.iter().max()?,
            missing: times.len() < values.len(),
        };
        Some((TIME.to_owned(), range))
    }

    /// Publishes, then deletes the files that are no longer live, as upkeep does.
    fn publish(&mut self) {
        self.clock += 1;
        let now = at(self.clock);
        let written = publish(&RealDisk, &self.directory, &self.table, &self.files, now).unwrap();
        self.version = written.or(self.version);
        for entry in fs::read_dir(&self.directory).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            let live = self.files.iter().any(|file| file.name == name);
            if !live && name.ends_with(".parquet") {
                fs::remove_file(entry.path()).unwrap();
            }
        }
    }

    /// Writes what a reader with these arguments should find, the rows that `keep` keeps; and
    /// checks that our own reader finds the same files.
    fn expect(&self, case: &str, arguments: &[&str], keep: impl Fn(&Map<String, Value>) -> bool) {
        let seen = newest(&RealDisk, &self.directory.join("_delta_log"))
            .unwrap()
            .unwrap();
        assert_eq!(Some(seen.version), self.version);
        let names: Vec<_> = self.files.iter().map(|file| &file.name).collect();
        assert_eq!(seen.files.keys().collect::<Vec<_>>(), names);
        let schema: Value = serde_json::from_str(&seen.schema).unwrap();
        let columns: Vec<Value> = schema["fields"]
            .as_array()
            .unwrap()
            .iter()
            .map(|field| json!({"name": field["name"], "type": field["type"]}))
            .collect();
        let files = self.files.iter();
        let files: Vec<Value> = files
            .map(|file| json!({"path": file.name, "bytes": file.bytes, "rows": file.rows}))
            .collect();
        let rows: Vec<Value> = self
            .files
            .iter()
            .flat_map(|file| &self.rows[&file.name])
            .filter(|row| keep(row))
            .map(|row| {
                let cell = |column: &Value| column["name"].as_str().unwrap().to_owned();
                let cells = columns.iter().map(cell);
                let cells = cells.map(|name| (name.clone(), row.get(&name).cloned()));
                cells
                    .map(|(name, value)| (name, value.unwrap_or(Value::Null)))
                    .collect()
            })
            .collect();
        assert!(
            self.files.is_empty() || !rows.is_empty(),
            "a case that proves nothing"
        );
        let expected = json!({
            "table": self.directory.file_name().unwrap().to_str(),
            "arguments": arguments,
            "answer": {"version": seen.version, "id": seen.id, "name": seen.name,
                "columns": columns, "files": files, "rows": rows}});
        let path = self.directory.with_file_name(format!("{case}.json"));
        fs::write(path, expected.to_string()).unwrap();
    }
}

/// A column of every type, all but one under dotted names.
fn all_columns() -> Vec<(String, PublishedType)> {
    let scalars = ScalarType::ALL.map(|scalar| {
        let published = PublishedType::Field(FieldType::Scalar(scalar));
        (format!("one.{scalar}"), published)
    });
    let arrays = ScalarType::ALL.map(|scalar| {
        let published = PublishedType::Field(FieldType::Array(scalar));
        (format!("many.of.{scalar}"), published)
    });
    let mut columns = vec![
        column(TIME, "DateTime"),
        column("Größe in cm, ca.", "Int32"),
    ];
    columns.extend(scalars.into_iter().chain(arrays));
    columns.push(("_rest".to_owned(), PublishedType::Rest));
    columns
}

/// The tables, from one file to many versions.
fn make(home: &Path) {
    let all = |_: &Map<String, Value>| true;
    let mut pool = Pool::new(home, "pool", &all_columns());
    pool.add(0..20);
    pool.publish();
    pool.expect("one_file", &[], all);

    let mut pool = Pool::new(home, "grown", &all_columns());
    for start in [0, 20, 40] {
        pool.add(start..start + 20);
        pool.publish();
    }
    pool.expect("adds", &[], all);
    let (later, bound) = (at(45 * 60).as_microsecond(), at(45 * 60).to_string());
    let after = |row: &Map<String, Value>| row[TIME].as_str().is_some_and(|t| micros(t) >= later);
    pool.expect("adds_after", &["--after", TIME, &bound], after);

    let mut pool = Pool::new(home, "shrunk", &all_columns());
    for start in [0, 20, 40] {
        pool.add(start..start + 20);
    }
    pool.publish();
    pool.files.remove(1);
    pool.publish();
    pool.expect("removes", &[], all);

    let mut pool = Pool::new(home, "evolved", &[column(TIME, "DateTime")]);
    pool.add(0..20);
    pool.publish();
    pool.table.columns = table(&all_columns()).columns;
    pool.table.name = "renamed";
    pool.add(20..40);
    pool.publish();
    pool.expect("new_columns", &[], all);

    let mut pool = Pool::new(home, "long", &all_columns());
    for round in 0..26 {
        pool.add(round * 4..round * 4 + 4);
        if pool.files.len() > 5 {
            pool.files.remove(round as usize % 5);
        }
        pool.publish();
    }
    pool.expect("many_versions", &[], all);

    let mut pool = Pool::new(home, "checkpointed", &all_columns());
    for round in 0..21 {
        pool.add(round * 4..round * 4 + 4);
        pool.publish();
    }
    pool.expect("at_a_checkpoint", &[], all);

    let mut pool = Pool::new(home, "unpointed", &all_columns());
    for round in 0..12 {
        pool.add(round * 4..round * 4 + 4);
        pool.publish();
    }
    fs::remove_file(pool.directory.join("_delta_log/_last_checkpoint")).unwrap();
    pool.expect("no_pointer", &[], all);

    let mut pool = Pool::new(home, "empty", &all_columns());
    pool.publish();
    pool.expect("no_rows", &[], all);
}

#[test]
fn tables_of_all_types_are_published() {
    let own = tempfile::tempdir().unwrap();
    let given = std::env::var_os("TIDEGATE_DELTA_TABLES").map(PathBuf::from);
    let home = given.as_deref().unwrap_or(own.path());
    make(home);
    let cases = fs::read_dir(home).unwrap();
    let is_case = |name: &std::ffi::OsStr| name.to_string_lossy().ends_with(".json");
    let count = cases
        .filter(|entry| is_case(&entry.as_ref().unwrap().file_name()))
        .count();
    assert_eq!(count, 9);
}
