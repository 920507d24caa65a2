//! Rows through real plans and back.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Float64Type, Int64Type};
use arrow_array::{Array, ArrayRef, Int64Array, RecordBatch, StringArray, new_empty_array};
use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};
use datafusion_common::ScalarValue;
use datafusion_execution::TaskContext;
use datafusion_execution::config::SessionConfig;
use datafusion_physical_expr::PhysicalExpr;
use datafusion_physical_expr::aggregate::AggregateFunctionExpr;
use datafusion_physical_expr::expressions::col;
use datafusion_physical_plan::aggregates::{AggregateExec, AggregateMode, PhysicalGroupBy};
use datafusion_physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion_physical_plan::test::TestMemoryExec;
use datafusion_physical_plan::{ExecutionPlan, collect};
use model::canonical;
use model::names::FieldPath;
use model::queries::{Aggregate, Measure};
use model::time::{Date, Timestamp};
use model::value::Value;

use super::naive::Row;
use crate::aggregates::{expression, result_type};

/// The functions that have a meaning for a type.
pub(super) fn functions(data_type: &DataType) -> Vec<Aggregate> {
    let numeric = data_type.is_numeric() || *data_type == DataType::Binary;
    let list = matches!(data_type, DataType::List(_));
    let mut all = vec![
        Aggregate::Count,
        Aggregate::CountUnique,
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

/// How the rows of a case are dealt out.
#[derive(Clone, Debug)]
pub(super) enum Road {
    /// One aggregation of batches of so many rows.
    Whole(usize),
    /// So many partitions of batches of so many rows, each aggregated; then
    /// their states, merged.
    Parts {
        partitions: usize,
        batch: usize,
        aggregate_parts: bool,
    },
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

    fn source(&self, rows: &[Row], partitions: usize, batch: usize) -> Arc<dyn ExecutionPlan> {
        let whole = self.batch(rows);
        let mut parts = vec![Vec::new(); partitions];
        for (index, start) in (0..rows.len()).step_by(batch).enumerate() {
            let slice = whole.slice(start, batch.min(rows.len() - start));
            parts[index % partitions].push(slice);
        }
        TestMemoryExec::try_new_exec(&parts, self.schema(), None).expect("a source")
    }

    /// The results of each function, by group; without groups, that of all
    /// rows stands under `None`.
    pub(super) fn run(&self, grouped: bool, road: &Road) -> BTreeMap<Option<i64>, Vec<Value>> {
        let plan = self.plan(grouped, road);
        // Batches of 3, and no patience: what the partial step does not
        // reduce goes on as it is.
        let mut config = SessionConfig::new().with_batch_size(3);
        let execution = &mut config.options_mut().execution;
        if let Road::Parts {
            aggregate_parts: false,
            ..
        } = road
        {
            execution.skip_partial_aggregation_probe_rows_threshold = 0;
            execution.skip_partial_aggregation_probe_ratio_threshold = 0.0;
        }
        let context = Arc::new(TaskContext::default().with_session_config(config));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .expect("a runtime to run on");
        let batches = runtime
            .block_on(collect(plan, context))
            .expect("no value makes it fail");
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

    fn plan(&self, grouped: bool, road: &Road) -> Arc<dyn ExecutionPlan> {
        let schema = self.schema();
        let by = |name: &str| col(name, &schema).expect("a column of the schema");
        let groups = if grouped {
            vec![(by("group"), "group".to_owned())]
        } else {
            vec![]
        };
        let groups = PhysicalGroupBy::new_single(groups);
        let functions: Vec<_> = functions(&self.data_type)
            .into_iter()
            .map(|function| aggregate(function, Some(by("value")), &schema))
            .collect();
        let aggregation = |mode, groups: PhysicalGroupBy, input: Arc<dyn ExecutionPlan>| {
            let filters = vec![None; functions.len()];
            let schema = Arc::clone(&schema);
            AggregateExec::try_new(mode, groups, functions.clone(), filters, input, schema)
                .expect("an aggregation")
        };
        match road {
            Road::Whole(batch) => {
                let source = self.source(&self.rows, 1, *batch);
                Arc::new(aggregation(AggregateMode::Single, groups, source))
            }
            Road::Parts {
                partitions, batch, ..
            } => {
                let source = self.source(&self.rows, *partitions, *batch);
                let partial = aggregation(AggregateMode::Partial, groups.clone(), source);
                let merged = Arc::new(CoalescePartitionsExec::new(Arc::new(partial)));
                Arc::new(aggregation(AggregateMode::Final, groups.as_final(), merged))
            }
        }
    }
}

/// The function of a column, ordered by `time` and `_id`.
pub(super) fn aggregate(
    function: Aggregate,
    column: Option<Arc<dyn PhysicalExpr>>,
    schema: &SchemaRef,
) -> Arc<AggregateFunctionExpr> {
    let by = |name: &str| col(name, schema).expect("a column of the schema");
    let measure = Measure {
        name: format!("{function:?}"),
        aggregate: function,
        field: column.is_some().then(FieldPath::id),
    };
    expression(&measure, column, &[by("time"), by("_id")], schema).expect("a meaningful function")
}
