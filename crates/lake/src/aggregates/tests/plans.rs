//! Rows through real tables and back.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Float64Type, Int64Type};
use arrow_array::{Array, ArrayRef, Int64Array, RecordBatch, StringArray, new_empty_array};
use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};
use datafusion_common::ScalarValue;
use model::canonical;
use model::names::FieldPath;
use model::queries::{Aggregate, Measure};
use model::time::{Date, Timestamp};
use model::value::Value;

use super::naive::Row;
use super::roomy;
use crate::aggregates::{Called, GroupBy, Plan, Table, called, result_type};
use crate::columns::encoded_type;

/// The functions that have a meaning for a type.
pub(super) fn functions(data_type: &DataType) -> Vec<Aggregate> {
    let numeric = data_type.is_numeric() || *data_type == DataType::Binary;
    let list = matches!(data_type, DataType::List(_));
    let mut all = vec![
        Aggregate::Count,
        Aggregate::CountUnique,
        Aggregate::SelectUnique,
        Aggregate::First,
        Aggregate::Last,
    ];
    if !list {
        all.extend([Aggregate::Minimum, Aggregate::Maximum]);
        all.extend([0, 1, 2_500, 5_000, 9_500, 10_000].map(Aggregate::Percentile));
    }
    if numeric {
        all.extend([
            Aggregate::Sum,
            Aggregate::Average,
            Aggregate::StandardDeviation,
        ]);
    }
    all
}

/// Values as a column of a type.
pub(super) fn column<'a>(
    values: impl Iterator<Item = &'a Value>,
    data_type: &DataType,
) -> ArrayRef {
    let scalars: Vec<_> = values.map(|value| scalar(value, data_type)).collect();
    if scalars.is_empty() {
        return new_empty_array(data_type);
    }
    ScalarValue::iter_to_array(scalars).expect("they are of one type")
}

fn scalar(value: &Value, data_type: &DataType) -> ScalarValue {
    match (value, data_type) {
        (Value::Null, _) => ScalarValue::try_from(data_type).expect("a field's type has nulls"),
        (value, DataType::Binary) => ScalarValue::Binary(Some(canonical::to_bytes(value))),
        (Value::Integer(integer), _) => {
            ScalarValue::try_from_string(integer.to_string(), data_type)
                .expect("an integer of the type")
        }
        (Value::Float(float), DataType::Float32) => ScalarValue::Float32(Some(*float as f32)),
        (Value::Float(float), _) => ScalarValue::Float64(Some(*float)),
        (Value::Boolean(truth), _) => ScalarValue::Boolean(Some(*truth)),
        (Value::String(text), _) => ScalarValue::Utf8(Some(text.clone())),
        (Value::Date(date), _) => ScalarValue::Date32(Some(date.as_days())),
        (Value::DateTime(time), _) => {
            ScalarValue::TimestampMicrosecond(Some(time.as_microsecond()), None)
        }
        (Value::Uuid(uuid), _) => ScalarValue::FixedSizeBinary(16, Some(uuid.as_bytes().to_vec())),
        (Value::Array(elements), DataType::List(item)) => {
            let item = item.data_type();
            let scalars: Vec<_> = elements
                .iter()
                .map(|element| scalar(element, item))
                .collect();
            ScalarValue::List(ScalarValue::new_list_nullable(&scalars, item))
        }
        other => panic!("not a value of the type: {other:?}"),
    }
}

fn value(column: &dyn Array, row: usize) -> Value {
    if column.is_null(row) {
        return Value::Null;
    }
    match column.data_type() {
        DataType::Float32 => float(column.as_primitive::<Float32Type>().value(row).into()),
        DataType::Float64 => float(column.as_primitive::<Float64Type>().value(row)),
        DataType::Boolean => Value::Boolean(column.as_boolean().value(row)),
        DataType::Utf8 => Value::text(column.as_string::<i32>().value(row)),
        DataType::FixedSizeBinary(_) => Value::Uuid(
            uuid::Uuid::from_slice(column.as_fixed_size_binary().value(row)).expect("16 bytes"),
        ),
        DataType::Binary => canonical::decode(column.as_binary::<i32>().value(row))
            .expect("a result is a canonical value"),
        DataType::List(_) => {
            let elements = column.as_list::<i32>().value(row);
            Value::Array((0..elements.len()).map(|i| value(&elements, i)).collect())
        }
        _ => match ScalarValue::try_from_array(column, row).expect("a value") {
            ScalarValue::Decimal128(Some(wide), 38, 0) => Value::Integer(wide),
            ScalarValue::Date32(Some(days)) => {
                Value::Date(Date::from_days(days).expect("a stored date"))
            }
            ScalarValue::TimestampMicrosecond(Some(micros), None) => {
                Value::DateTime(Timestamp::from_microsecond(micros).expect("a stored time"))
            }
            integer => Value::Integer(integer.to_string().parse().expect("an integer")),
        },
    }
}

fn float(number: f64) -> Value {
    assert!(number.is_finite() && (number != 0.0 || number.is_sign_positive()));
    Value::Float(number)
}

/// Rows to aggregate, and how.
#[derive(Clone, Debug)]
pub(super) struct Case {
    pub(super) data_type: DataType,
    /// Whether the time is an undeclared field.
    pub(super) undeclared_time: bool,
    pub(super) rows: Vec<Row>,
}

/// Which batches have texts and undeclared values as codes, where there can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Codes {
    Nowhere,
    /// Every second of a reader, as where row groups of both kinds meet.
    Alternately,
    Everywhere,
}

/// How the rows of a case are dealt out.
#[derive(Clone, Copy, Debug)]
pub(super) struct Road {
    /// To so many readers.
    pub(super) readers: usize,
    /// In batches of so many rows.
    pub(super) batch: usize,
    pub(super) codes: Codes,
}

impl Road {
    /// One reader of one batch.
    pub(super) const PLAIN: Self = Self {
        readers: 1,
        batch: usize::MAX >> 1,
        codes: Codes::Nowhere,
    };
}

impl Case {
    fn schema(&self) -> SchemaRef {
        Arc::new(Schema::new(vec![
            Field::new("group", DataType::Int64, true),
            Field::new("value", self.data_type.clone(), true),
            Field::new("time", self.time_type(), true),
            Field::new("_id", DataType::Utf8, true),
        ]))
    }

    fn time_type(&self) -> DataType {
        if self.undeclared_time {
            DataType::Binary
        } else {
            DataType::Timestamp(TimeUnit::Microsecond, None)
        }
    }

    fn batch(&self, rows: &[Row]) -> RecordBatch {
        let time = |row: &Row| {
            row.time.map_or(Value::Null, |micros| {
                Value::DateTime(Timestamp::from_microsecond(micros).expect("a small time"))
            })
        };
        let times: Vec<Value> = rows.iter().map(time).collect();
        let columns: Vec<ArrayRef> = vec![
            Arc::new(Int64Array::from_iter_values(
                rows.iter().map(|row| row.group),
            )),
            column(rows.iter().map(|row| &row.value), &self.data_type),
            column(times.iter(), &self.time_type()),
            Arc::new(StringArray::from_iter_values(
                rows.iter().map(|row| &row.id),
            )),
        ];
        RecordBatch::try_new(self.schema(), columns).expect("columns of the schema")
    }

    /// The batches of each reader.
    fn dealt(&self, road: &Road) -> Vec<Vec<RecordBatch>> {
        let whole = self.batch(&self.rows);
        let mut parts = vec![Vec::new(); road.readers];
        for (index, start) in (0..self.rows.len()).step_by(road.batch).enumerate() {
            let slice = whole.slice(start, road.batch.min(self.rows.len() - start));
            let is_encoded = match road.codes {
                Codes::Nowhere => false,
                Codes::Alternately => (index / road.readers).is_multiple_of(2),
                Codes::Everywhere => true,
            };
            let slice = if is_encoded { encoded(&slice) } else { slice };
            parts[index % road.readers].push(slice);
        }
        parts
    }

    /// The results of each function, by group; without groups, that of all
    /// rows stands under `None`.
    pub(super) fn run(&self, grouped: bool, road: &Road) -> BTreeMap<Option<i64>, Vec<Value>> {
        let plan = Arc::new(self.plan(grouped));
        let tables = self.dealt(road).into_iter().map(|batches| {
            let mut table = Table::new(&plan).expect("meaningful functions");
            for batch in batches {
                table
                    .update(&batch, &mut roomy)
                    .expect("no value makes it fail");
            }
            table
        });
        let all = tables.reduce(|mut all, table| {
            all.absorb(table).expect("tables of one plan");
            all
        });
        let batches = [all.expect("a reader").finish(&mut roomy).expect("results")];
        let functions = functions(&self.data_type);
        let mut results = BTreeMap::new();
        for batch in batches {
            for row in 0..batch.num_rows() {
                let group = grouped.then(|| batch.column(0).as_primitive::<Int64Type>().value(row));
                let columns = &batch.columns()[usize::from(grouped)..];
                for (function, column) in functions.iter().zip(columns) {
                    let expected = result_type(*function, Some(&self.data_type));
                    assert_eq!(*column.data_type(), expected, "{function:?}");
                }
                let values = columns.iter().map(|column| value(column, row)).collect();
                assert!(
                    results.insert(group, values).is_none(),
                    "one row for each group"
                );
            }
        }
        results
    }

    fn plan(&self, grouped: bool) -> Plan {
        let schema = self.schema();
        let group = ("group".to_owned(), GroupBy::Value(0, DataType::Int64));
        let functions = functions(&self.data_type).into_iter();
        let functions = functions.map(|function| {
            let called = function_of(function, Some("value"), &schema);
            (format!("{function:?}"), called)
        });
        Plan::new(
            grouped.then_some(group).into_iter().collect(),
            functions.collect(),
        )
    }
}

/// The same batch with every text and every undeclared value as a code.
fn encoded(batch: &RecordBatch) -> RecordBatch {
    let columns = batch.columns().iter().map(|column| {
        let values = column.data_type();
        match values {
            DataType::Utf8 | DataType::Binary => {
                arrow_cast::cast(column, &encoded_type(values)).expect("texts can be encoded")
            }
            _ => column.clone(),
        }
    });
    let columns: Vec<ArrayRef> = columns.collect();
    let fields = batch.schema_ref().fields().iter().zip(&columns);
    let fields =
        fields.map(|(field, column)| Field::new(field.name(), column.data_type().clone(), true));
    let schema = Schema::new(fields.collect::<Vec<_>>());
    RecordBatch::try_new(Arc::new(schema), columns).expect("columns of the schema")
}

/// The function of a field, ordered by `time` and `_id`.
pub(super) fn function_of(function: Aggregate, field: Option<&str>, schema: &SchemaRef) -> Called {
    let measure = Measure {
        name: format!("{function:?}"),
        aggregate: function,
        field: field.map(|field| FieldPath::parse(field).expect("a path")),
    };
    called(&measure, &["time", "_id"], schema).expect("a meaningful function")
}
