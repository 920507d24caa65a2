//! A second meaning of every question: one record after another, with
//! nothing but the model's values. Slow and plain.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use model::filters::{Predicate, RowView};
use model::names::{FieldPath, ID};
use model::pools::Pool;
use model::queries::{
    Aggregate, AggregateQuery, Direction, Measure, OrderBy, Query, RecordQuery, Row, TimeBound,
};
use model::records::Record;
use model::value::{Value, compare};

fn key(value: &Value) -> Vec<u8> {
    model::canonical::to_bytes(value)
}

fn cell(record: &Record, path: &FieldPath) -> Value {
    record.get(path.as_str()).cloned().unwrap_or(Value::Null)
}

/// The records that a question is about, among those given.
pub(crate) fn matching<'a>(query: &Query, pool: &Pool, records: &[&'a Record]) -> Vec<&'a Record> {
    let (filter, range) = match query {
        Query::Records(query) => (&query.filter, &query.range),
        Query::Aggregate(query) => (&query.filter, &query.range),
        Query::Actors(_) => unreachable!("no view asks for actors"),
    };
    let predicate = filter
        .as_ref()
        .map(|filter| pool.draft.schema.resolve(filter).unwrap());
    let fits = |record: &Record| {
        predicate
            .as_ref()
            .is_none_or(|predicate| predicate.admits(record))
            && range.as_ref().is_none_or(|range| in_range(range, record))
    };
    records
        .iter()
        .copied()
        .filter(|record| fits(record))
        .collect()
}

fn in_range(range: &TimeBound, record: &Record) -> bool {
    let Some(Value::DateTime(at)) = record.get(range.field.as_str()) else {
        return false;
    };
    range.from.is_none_or(|from| from <= *at) && range.to.is_none_or(|to| *at < to)
}

/// Values in order, missing ones last whichever way.
fn ordered(a: &Value, b: &Value, direction: Direction) -> Ordering {
    match (a.is_null(), b.is_null()) {
        (true, true) => Ordering::Equal,
        (true, false) => Ordering::Greater,
        (false, true) => Ordering::Less,
        _ => {
            let order = compare(a, b).unwrap_or_else(|| key(a).cmp(&key(b)));
            if direction == Direction::Descending {
                order.reverse()
            } else {
                order
            }
        }
    }
}

/// All rows of a question for records, its order values behind them when asked for.
pub(crate) fn record_rows(query: &RecordQuery, mut records: Vec<&Record>) -> Vec<Row> {
    records.sort_by(|a, b| {
        let each = query
            .order
            .iter()
            .map(|by| ordered(&cell(a, &by.field), &cell(b, &by.field), by.direction));
        each.fold(Ordering::Equal, Ordering::then)
    });
    let row = |record: &&Record| {
        let columns = query
            .columns
            .iter()
            .map(|column| cell(record, &column.field));
        let order = query.order.iter().filter(|_| query.with_order_values);
        columns
            .chain(order.map(|by| cell(record, &by.field)))
            .collect()
    };
    records.iter().map(row).collect()
}

/// The pages of a client that turns them to the end, or at most `most`, and back.
pub(crate) fn turned(all: &[Row], size: usize, most: usize) -> Vec<Vec<Row>> {
    let mut forwards: Vec<Vec<Row>> = all.chunks(size).take(most).map(<[Row]>::to_vec).collect();
    if forwards.is_empty() {
        return vec![Vec::new()];
    }
    let mut back: Vec<Vec<Row>> = forwards[..forwards.len() - 1].to_vec();
    back.reverse();
    if back.is_empty() {
        back.push(Vec::new());
    }
    forwards.extend(back);
    forwards
}

/// A group: the number of its interval, its values, and its records.
pub(crate) type Groups<'a> = BTreeMap<(Option<u32>, Vec<u8>), (Vec<Value>, Vec<&'a Record>)>;

/// The groups that records fall into.
pub(crate) fn groups<'a>(query: &AggregateQuery, records: &[&'a Record]) -> Groups<'a> {
    let mut groups = Groups::new();
    if query.series.is_none() && query.groups.is_empty() {
        groups.insert(
            (None, key(&Value::Array(Vec::new()))),
            (Vec::new(), Vec::new()),
        );
    }
    for record in records {
        let bucket = match &query.series {
            None => None,
            Some(series) => match record.get(series.field.as_str()) {
                Some(Value::DateTime(at)) => series.buckets.index_of(*at),
                _ => continue,
            },
        };
        let values: Vec<Value> = query
            .groups
            .iter()
            .map(|g| cell(record, &g.field))
            .collect();
        let at = (bucket, key(&Value::Array(values.clone())));
        groups
            .entry(at)
            .or_insert_with(|| (values, Vec::new()))
            .1
            .push(record);
    }
    groups
}

/// The result of a function, and by how much a rounding may differ.
pub(crate) fn result(measure: &Measure, pool: &Pool, records: &[&Record]) -> (Value, f64) {
    let exact = |value: Value| (value, 0.0);
    let Some(field) = &measure.field else {
        return exact(Value::from(records.len() as u64));
    };
    let values: Vec<Value> = records
        .iter()
        .map(|record| cell(record, field))
        .filter(|v| !v.is_null())
        .collect();
    match measure.aggregate {
        Aggregate::Count => exact(Value::from(values.len() as u64)),
        Aggregate::CountUnique => {
            let distinct: BTreeSet<Vec<u8>> = values.iter().map(key).collect();
            exact(Value::from(distinct.len() as u64))
        }
        Aggregate::SelectUnique => unreachable!("no view asks for lists"),
        Aggregate::Minimum => exact(extreme(values, Ordering::Less)),
        Aggregate::Maximum => exact(extreme(values, Ordering::Greater)),
        Aggregate::First => exact(edge(records, pool, field, Ordering::Less)),
        Aggregate::Last => exact(edge(records, pool, field, Ordering::Greater)),
        Aggregate::Percentile(hundredths) => {
            let mut numbers: Vec<Value> = values
                .into_iter()
                .filter(|v| v.as_number().is_some())
                .collect();
            numbers.sort_by(|a, b| compare(a, b).unwrap());
            let rank = (numbers.len() * hundredths as usize).div_ceil(10_000);
            exact(
                numbers
                    .get(rank.saturating_sub(1))
                    .cloned()
                    .unwrap_or(Value::Null),
            )
        }
        Aggregate::Sum | Aggregate::Average | Aggregate::StandardDeviation => {
            total(measure.aggregate, &values)
        }
    }
}

/// Numbers before texts before the rest, and among them the one beyond all others.
fn extreme(values: Vec<Value>, wanted: Ordering) -> Value {
    let rank = |value: &Value| match value {
        Value::Integer(_) | Value::Float(_) => 0,
        Value::String(_) => 1,
        Value::Boolean(_) => 2,
        Value::Array(_) | Value::Object(_) => 9,
        _ => 3,
    };
    let values = values.into_iter().filter(|value| rank(value) < 9);
    let best = values.reduce(|best, value| match rank(&value).cmp(&rank(&best)) {
        Ordering::Less => value,
        Ordering::Greater => best,
        Ordering::Equal if compare(&value, &best) == Some(wanted) => value,
        Ordering::Equal => best,
    });
    best.unwrap_or(Value::Null)
}

fn edge(records: &[&Record], pool: &Pool, field: &FieldPath, wanted: Ordering) -> Value {
    let time = pool.time_field();
    let timed: Vec<&Record> = records
        .iter()
        .copied()
        .filter(|r| r.get(time.as_str()).is_some())
        .collect();
    let among = if timed.is_empty() {
        records.to_vec()
    } else {
        timed
    };
    let place = |record: &Record| (key(&cell(record, &time)), key(record.get(ID).unwrap()));
    let best = among.into_iter().reduce(|best, record| {
        if place(record).cmp(&place(best)) == wanted {
            record
        } else {
            best
        }
    });
    best.map_or(Value::Null, |record| cell(record, field))
}

fn total(aggregate: Aggregate, values: &[Value]) -> (Value, f64) {
    let integers: Option<Vec<i128>> = values
        .iter()
        .filter(|v| v.as_number().is_some())
        .map(|v| match v {
            Value::Integer(n) => Some(*n),
            _ => None,
        })
        .collect();
    let numbers: Vec<f64> = values
        .iter()
        .filter_map(Value::as_number)
        .map(|n| n.to_f64())
        .collect();
    if aggregate == Aggregate::Sum
        && let Some(integers) = integers
    {
        return (Value::Integer(integers.iter().sum()), 0.0);
    }
    let count = numbers.len() as f64;
    if numbers.is_empty() {
        return (Value::Null, 0.0);
    }
    let greatest = numbers.iter().fold(0.0_f64, |most, n| most.max(n.abs()));
    if greatest > 1e100 {
        // What doubles would make of it says nothing; the exact functions have their own tests.
        return (Value::Null, f64::INFINITY);
    }
    let sum: f64 = numbers.iter().sum();
    let slack = greatest * count * 1e-12;
    let number = match aggregate {
        Aggregate::Sum => sum,
        Aggregate::Average => sum / count,
        _ => {
            let mean = sum / count;
            let squares: f64 = numbers.iter().map(|n| (n - mean) * (n - mean)).sum();
            return (
                Value::float((squares / count).sqrt()).unwrap(),
                greatest * 1e-6,
            );
        }
    };
    (Value::float(number).unwrap(), slack)
}

/// Whether an answered value is the expected one, up to the stated slack.
pub(crate) fn agrees(answered: &Value, expected: &Value, slack: f64) -> bool {
    if slack.is_infinite() {
        return true;
    }
    match (answered.as_number(), expected.as_number()) {
        (Some(a), Some(b)) if slack > 0.0 => (a.to_f64() - b.to_f64()).abs() <= slack,
        _ => key(answered) == key(expected),
    }
}

struct Named<'a>(&'a [String], &'a Row);

impl RowView for Named<'_> {
    fn field(&self, path: &FieldPath) -> Option<&Value> {
        let at = self.0.iter().position(|name| name == path.as_str())?;
        Some(&self.1[at]).filter(|value| !value.is_null())
    }
}

fn is_float(measure: &Measure, pool: &Pool) -> bool {
    use model::fields::{ColumnType, FieldType, ScalarType};
    let column = measure
        .field
        .as_ref()
        .and_then(|path| pool.draft.schema.column(path));
    let Some(ColumnType::Declared(FieldType::Scalar(scalar))) = column else {
        return false;
    };
    matches!(scalar, ScalarType::Float32 | ScalarType::Float64)
}

/// The values and the results of each group.
type Results = BTreeMap<(Option<u32>, Vec<u8>), (Vec<Value>, Vec<Value>)>;

/// The rows of an answer from its groups with their results.
pub(crate) fn finished(
    query: &AggregateQuery,
    pool: &Pool,
    groups: Vec<(Option<u32>, Vec<Value>, Vec<Value>)>,
) -> Vec<Row> {
    let mut whole = Results::new();
    let zero = |measure: &Measure| match measure.aggregate {
        Aggregate::Sum if is_float(measure, pool) => Value::Float(0.0),
        Aggregate::Count | Aggregate::CountUnique | Aggregate::Sum => Value::Integer(0),
        _ => Value::Null,
    };
    let zeros: Vec<Value> = query.measures.iter().map(zero).collect();
    let buckets = query
        .series
        .as_ref()
        .map_or(0, |series| series.buckets.starts().len());
    if query.series.is_some() && query.groups.is_empty() {
        for bucket in 0..buckets {
            let at = (
                Some(u32::try_from(bucket).unwrap()),
                key(&Value::Array(Vec::new())),
            );
            whole.insert(at, (Vec::new(), zeros.clone()));
        }
    }
    for (_, values, _) in &groups {
        for bucket in 0..buckets {
            let at = (
                Some(u32::try_from(bucket).unwrap()),
                key(&Value::Array(values.clone())),
            );
            whole.insert(at, (values.clone(), zeros.clone()));
        }
    }
    for (bucket, values, results) in groups {
        whole.insert(
            (bucket, key(&Value::Array(values.clone()))),
            (values, results),
        );
    }
    let mut entries: Vec<_> = whole
        .into_iter()
        .map(|((b, _), (v, r))| (b, v, r))
        .collect();
    entries.sort_by(|a, b| {
        let values =
            a.1.iter()
                .zip(&b.1)
                .map(|(a, b)| ordered(a, b, Direction::Ascending));
        a.0.cmp(&b.0)
            .then(values.fold(Ordering::Equal, Ordering::then))
    });
    let mut names: Vec<String> = query.series.iter().map(|s| s.name.clone()).collect();
    names.extend(query.columns.iter().cloned());
    let mut rows: Vec<Row> = entries
        .iter()
        .map(|(bucket, values, results)| row(query, &names, *bucket, values, results))
        .collect();
    if let Some(having) = &query.having {
        let schema = &pool.draft.schema;
        let column = |name: &FieldPath| query.output_column(name.as_str(), &|p| schema.column(p));
        let predicate = Predicate::resolve(having, &column).unwrap();
        rows.retain(|row| predicate.admits(&Named(&names, row)));
    }
    sort(&mut rows, &names, &query.order);
    rows.truncate(query.limit.map_or(usize::MAX, |limit| limit as usize));
    rows
}

fn row(
    query: &AggregateQuery,
    names: &[String],
    bucket: Option<u32>,
    values: &[Value],
    results: &[Value],
) -> Row {
    let one = |name: &String| {
        if let Some(series) = query.series.as_ref().filter(|series| series.name == *name) {
            return Value::DateTime(series.buckets.starts()[bucket.unwrap() as usize]);
        }
        let group = query.groups.iter().position(|group| group.name == *name);
        let measure = query
            .measures
            .iter()
            .position(|measure| measure.name == *name);
        group.map_or_else(
            || results[measure.unwrap()].clone(),
            |at| values[at].clone(),
        )
    };
    names.iter().map(one).collect()
}

fn sort(rows: &mut [Row], names: &[String], order: &[OrderBy<String>]) {
    // Stable, least significant order first.
    for by in order.iter().rev() {
        let at = names.iter().position(|name| *name == by.field).unwrap();
        rows.sort_by(|a, b| ordered(&a[at], &b[at], by.direction));
    }
}
