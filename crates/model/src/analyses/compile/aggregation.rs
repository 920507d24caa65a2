//! Functions over groups: one question, so one scan, however many functions.

use super::{Scope, out_of_range};
use crate::analyses::answer::{MeasuredForm, Ordered, Reading};
use crate::analyses::{Aggregation, Function, GroupBy, Metric, Metrics, Typing};
use crate::fault::{Fault, FaultCode, step};
use crate::fields::{ColumnType, FieldType, ScalarType};
use crate::names::FieldPath;
use crate::queries::{Aggregate, AggregateQuery, GroupField, Measure, Series};
use crate::time::{BUCKETS_MAX, Buckets, buckets};
use crate::value::Value;

/// The question, over names that only the form reads, and the form.
pub(crate) fn aggregation(
    asked: &Aggregation,
    scope: Scope<'_>,
) -> Result<(AggregateQuery, MeasuredForm), Fault> {
    let filter = scope.filter(&asked.source)?;
    let range = scope.range(&asked.source)?;
    let buckets = intervals(asked, scope)?;
    let typing = asked.source.typing;
    let (mut groups, mut keys) = (Vec::new(), Vec::new());
    for (index, group) in asked.group_by.iter().enumerate() {
        match check_group(group, scope) {
            Err(_) if typing == Typing::Loose => keys.push(Reading::Absent(Value::Null)),
            Err(fault) => return Err(fault.under(&format!("/group_by/{index}"))),
            Ok(()) => {
                keys.push(Reading::Given);
                groups.push(GroupField {
                    name: format!("g{index}"),
                    field: group.field.clone(),
                    bins: group.bins.clone(),
                });
            }
        }
    }
    let (mut measures, mut empty, mut readings) = (Vec::new(), Vec::new(), Vec::new());
    for (index, (label, metric)) in asked.metrics.named().enumerate() {
        let place = match asked.metrics {
            Metrics::One(_) => String::new(),
            Metrics::Labelled(_) => format!("/analyses{}", step(label)),
        };
        let column = metric.field.as_ref().map(|path| scope.known(path));
        let column = column.transpose().and_then(|column| {
            check_metric(metric, column, typing)?;
            Ok(column)
        });
        let (column, reading) = match column {
            Ok(column) => (column, reading(metric.function, column, typing)),
            Err(_) if typing == Typing::Loose => (None, Reading::Absent(of_missing(metric))),
            Err(fault) => return Err(fault.under(&format!("{place}/field"))),
        };
        empty.push(over_nothing(metric.function, column));
        measures.push(match reading {
            Reading::Absent(_) => count_of_rows(format!("r{index}")),
            _ => Measure {
                name: format!("r{index}"),
                aggregate: metric.function.aggregate(),
                field: metric.field.clone(),
            },
        });
        readings.push(reading);
    }
    // Without any group an engine answers of no rows too.
    let is_counted = groups.is_empty() && !keys.is_empty();
    if is_counted {
        measures.push(count_of_rows("rows".to_owned()));
    }
    let names = groups.iter().map(|group| group.name.clone());
    let names = names.chain(measures.iter().map(|measure| measure.name.clone()));
    let query = AggregateQuery {
        columns: names.collect(),
        series: buckets.as_ref().map(|buckets| Series {
            name: "interval".to_owned(),
            field: scope.pool.time_field(),
            buckets: buckets.clone(),
            filled: false,
        }),
        groups,
        measures,
        filter,
        range,
        having: None,
        order: Vec::new(),
        limit: None,
    };
    let form = MeasuredForm {
        keys,
        readings,
        is_counted,
        ..form(asked, buckets, empty)
    };
    Ok((query, form))
}

fn count_of_rows(name: String) -> Measure {
    Measure {
        name,
        aggregate: Aggregate::Count,
        field: None,
    }
}

/// What the function answers over rows that all lack the field.
fn of_missing(metric: &Metric) -> Value {
    match metric.function {
        Function::SelectUnique => Value::Array(vec![Value::Null]),
        function => over_nothing(function, None),
    }
}

/// How the result of the function is read.
fn reading(function: Function, column: Option<ColumnType>, typing: Typing) -> Reading {
    match (function, column, typing) {
        (
            Function::Minimum | Function::Maximum,
            Some(ColumnType::Undeclared),
            // An engine answers of numbers before all others, so that what is none stands for no number.
            Typing::Loose,
        ) => Reading::Number,
        _ => Reading::Given,
    }
}

fn form(asked: &Aggregation, buckets: Option<Buckets>, empty: Vec<Value>) -> MeasuredForm {
    let groups = asked.group_by.iter();
    let labels = match &asked.metrics {
        Metrics::One(_) => None,
        Metrics::Labelled(metrics) => Some(metrics.iter().map(|(label, _)| label.clone())),
    };
    let order = asked.order_by.iter().filter_map(|by| {
        let key = asked
            .group_by
            .iter()
            .position(|group| group.name == by.field);
        let result = || asked.metrics.named().position(|(name, _)| name == by.field);
        let ordered = key
            .map(Ordered::Key)
            .or_else(|| result().map(Ordered::Result));
        Some((ordered?, by.direction))
    });
    MeasuredForm {
        groups: groups
            .map(|group| (group.name.clone(), group.bins.clone()))
            .collect(),
        keys: Vec::new(),
        readings: Vec::new(),
        is_counted: false,
        labels: labels.map(Iterator::collect),
        empty,
        buckets,
        order: order.collect(),
        limit: asked.limit,
    }
}

/// The intervals of a series.
fn intervals(asked: &Aggregation, scope: Scope<'_>) -> Result<Option<Buckets>, Fault> {
    let (Some(interval), Some(period)) = (asked.interval, asked.source.period) else {
        return Ok(None);
    };
    let calendar = &asked.source.calendar;
    let Some(range) = period.range(scope.now, calendar).map_err(out_of_range)? else {
        return Ok(None);
    };
    let interval = interval.with_weeks_from(calendar.week_start);
    let buckets = buckets(range, interval, &calendar.zone, BUCKETS_MAX);
    buckets
        .map(Some)
        .map_err(|error| Fault::new(FaultCode::LimitExceeded, error.to_string()).at("/interval"))
}

fn wrong_type(path: &FieldPath, detail: String) -> Fault {
    Fault::new(FaultCode::WrongType, detail).on_field(path)
}

fn check_group(group: &GroupBy, scope: Scope<'_>) -> Result<(), Fault> {
    let at = if group.bins.is_some() { "/field" } else { "" };
    let column = scope.known(&group.field).map_err(|f| f.at(at))?;
    match column {
        ColumnType::Declared(found) if group.bins.is_some() && !found.is_numeric() => {
            let detail = format!("bins are of numbers, and this field is of type {found}");
            Err(wrong_type(&group.field, detail).at("/field"))
        }
        _ => Ok(()),
    }
}

/// Whether the function means something for the field's type.
fn check_metric(metric: &Metric, column: Option<ColumnType>, typing: Typing) -> Result<(), Fault> {
    use Function as F;
    let (Some(path), Some(ColumnType::Declared(found))) = (&metric.field, column) else {
        return Ok(());
    };
    let fits = match metric.function {
        F::Count | F::CountUnique | F::SelectUnique => true,
        F::Minimum | F::Maximum if typing == Typing::Loose => found.is_numeric(),
        F::Minimum | F::Maximum => !matches!(found, FieldType::Array(_)),
        F::Sum | F::Average | F::Percentile(_) | F::StandardDeviation => found.is_numeric(),
    };
    if fits {
        return Ok(());
    }
    let name = metric.function.name();
    let detail = format!("{name} cannot be taken of a field of type {found}");
    Err(wrong_type(path, detail))
}

/// What the function answers over no rows.
fn over_nothing(function: Function, column: Option<ColumnType>) -> Value {
    use ScalarType as S;
    match (function, column) {
        // Nothing in a column of doubles is a double too.
        (Function::Sum, Some(ColumnType::Declared(FieldType::Scalar(S::Float32 | S::Float64)))) => {
            Value::Float(0.0)
        }
        (Function::Count | Function::CountUnique | Function::Sum, _) => Value::Integer(0),
        (Function::SelectUnique, _) => Value::Array(Vec::new()),
        _ => Value::Null,
    }
}

impl Function {
    /// The function as the lake knows it.
    fn aggregate(self) -> Aggregate {
        match self {
            Self::Count => Aggregate::Count,
            Self::CountUnique => Aggregate::CountUnique,
            Self::Minimum => Aggregate::Minimum,
            Self::Maximum => Aggregate::Maximum,
            Self::Sum => Aggregate::Sum,
            Self::Average => Aggregate::Average,
            Self::Percentile(hundredths) => Aggregate::Percentile(hundredths),
            Self::StandardDeviation => Aggregate::StandardDeviation,
            Self::SelectUnique => Aggregate::SelectUnique,
        }
    }
}
