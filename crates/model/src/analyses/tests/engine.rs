//! A lake in a few lines: it answers constrained questions over plain records.
//!
//! Other crates' tests include this file, so it names the model from outside.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::naive;
use model::analyses::{Answer, Function, Metric};
use model::canonical;
use model::filters::Constraint;
use model::names::FieldPath;
use model::permit::{ConstrainedAnalysis, ConstrainedQuery};
use model::pools::Pool;
use model::queries::{
    ActorQuery, Aggregate, AggregateQuery, Direction, Query, RecordQuery, Row, Side, TimeBound,
};
use model::records::Record;
use model::value::{Object, Value};

/// Pools with their records.
pub(crate) type Pools = Vec<(Arc<Pool>, Vec<Record>)>;

/// The records that a constraint admits.
pub(crate) fn visible<'r>(
    rows: &Constraint,
    pool: &Pool,
    records: &'r [Record],
) -> Vec<&'r Record> {
    let predicate = match rows {
        Constraint::AllRows => None,
        Constraint::Rows(filter) => Some(pool.draft.schema.resolve(filter).unwrap()),
    };
    let admits = |record: &&Record| predicate.as_ref().is_none_or(|p| p.admits(*record));
    records.iter().filter(admits).collect()
}

/// The answer by way of the constrained questions.
pub(crate) fn answer(analysis: &ConstrainedAnalysis, pools: &Pools) -> Answer {
    let parts = analysis.parts().iter();
    let parts = parts.map(|part| run(part, part.rows(), pools));
    analysis.answer(parts.collect()).unwrap()
}

/// The rows of a question over those that `rows` admits.
pub(crate) fn run(query: &ConstrainedQuery, rows_seen: &Constraint, pools: &Pools) -> Vec<Row> {
    let pool = query.pool();
    let (_, records) = pools.iter().find(|(other, _)| other.id == pool.id).unwrap();
    let records = visible(rows_seen, pool, records);
    match query.query() {
        Query::Records(query) => rows(query, pool, &records),
        Query::Aggregate(query) => groups(query, pool, &records),
        Query::Actors(query) => actors(query, pool, &records),
    }
}

fn get(record: &Record, path: &FieldPath) -> Value {
    record.get(path.as_str()).cloned().unwrap_or(Value::Null)
}

fn matches(
    filter: Option<&model::filters::Filter>,
    range: Option<&TimeBound>,
    pool: &Pool,
    record: &Record,
) -> bool {
    let admits = |filter| pool.draft.schema.resolve(filter).unwrap().admits(record);
    let is_in = |range: &TimeBound| match record.get(range.field.as_str()) {
        Some(Value::DateTime(at)) => {
            range.from.is_none_or(|from| from <= *at) && range.to.is_none_or(|to| *at < to)
        }
        _ => false,
    };
    filter.is_none_or(admits) && range.is_none_or(is_in)
}

/// How values of an order compare, missing ones last in both directions.
fn in_order(query: &RecordQuery, a: &[Value], b: &[Value]) -> Ordering {
    let pairs = query.order.iter().zip(a.iter().zip(b));
    pairs.fold(Ordering::Equal, |so_far, (by, (a, b))| {
        let order = canonical::to_bytes(a).cmp(&canonical::to_bytes(b));
        let turned = match by.direction {
            Direction::Ascending => order,
            Direction::Descending => order.reverse(),
        };
        so_far.then(a.is_null().cmp(&b.is_null()).then(turned))
    })
}

fn rows(query: &RecordQuery, pool: &Pool, records: &[&Record]) -> Vec<Row> {
    let place = |record: &Record| -> Vec<Value> {
        query
            .order
            .iter()
            .map(|by| get(record, &by.field))
            .collect()
    };
    let mut records = records.to_vec();
    records.retain(|r| matches(query.filter.as_ref(), query.range.as_ref(), pool, r));
    records.sort_by(|a, b| in_order(query, &place(a), &place(b)));
    let limit = query.limit.map_or(usize::MAX, |limit| limit as usize);
    if let Some(seek) = &query.seek {
        let wanted = match seek.side {
            Side::After => Ordering::Greater,
            Side::Before => Ordering::Less,
        };
        records.retain(|record| in_order(query, &place(record), &seek.values) == wanted);
        if seek.side == Side::Before {
            records.drain(..records.len().saturating_sub(limit));
        }
    }
    records.truncate(limit);
    let row = |record: &&Record| {
        let mut row: Row = query
            .columns
            .iter()
            .map(|c| get(record, &c.field))
            .collect();
        if let Some(shown) = &query.rest {
            let mut rest = Object::new();
            for (path, value) in record.fields() {
                let is_declared =
                    path.is_system() || pool.draft.schema.field(path.as_str()).is_some();
                if !is_declared && shown.shows(path) {
                    rest.insert(path.as_str(), value.clone());
                }
            }
            row.push(rest.into());
        }
        if query.with_order_values {
            row.extend(place(record));
        }
        row
    };
    records.iter().map(row).collect()
}

fn groups(query: &AggregateQuery, pool: &Pool, records: &[&Record]) -> Vec<Row> {
    let mut groups: BTreeMap<Vec<u8>, (Row, Vec<&Record>)> = BTreeMap::new();
    if query.series.is_none() && query.groups.is_empty() {
        groups.insert(Vec::new(), (Vec::new(), Vec::new()));
    }
    for record in records {
        if !matches(query.filter.as_ref(), query.range.as_ref(), pool, record) {
            continue;
        }
        let mut row = Row::new();
        if let Some(series) = &query.series {
            let Some(Value::DateTime(at)) = record.get(series.field.as_str()) else {
                continue;
            };
            let Some(bucket) = series.buckets.index_of(*at) else {
                continue;
            };
            row.push(Value::DateTime(series.buckets.starts()[bucket as usize]));
        }
        for group in &query.groups {
            let value = get(record, &group.field);
            row.push(
                group
                    .bins
                    .as_ref()
                    .map_or(value.clone(), |bins| bins.key(&value)),
            );
        }
        let key = if row.is_empty() {
            Vec::new()
        } else {
            canonical::to_bytes(&Value::Array(row.clone()))
        };
        groups
            .entry(key)
            .or_insert((row, Vec::new()))
            .1
            .push(record);
    }
    let rows = groups.into_values().map(|(mut row, records)| {
        for measure in &query.measures {
            let metric = Metric {
                function: function(measure.aggregate),
                field: measure.field.clone(),
            };
            row.push(naive::result(&metric, pool, &records));
        }
        row
    });
    rows.collect()
}

fn function(aggregate: Aggregate) -> Function {
    match aggregate {
        Aggregate::Count => Function::Count,
        Aggregate::CountUnique => Function::CountUnique,
        Aggregate::Sum => Function::Sum,
        Aggregate::Average => Function::Average,
        Aggregate::Minimum => Function::Minimum,
        Aggregate::Maximum => Function::Maximum,
        Aggregate::Percentile(hundredths) => Function::Percentile(hundredths),
        Aggregate::StandardDeviation => Function::StandardDeviation,
        Aggregate::SelectUnique => Function::SelectUnique,
        Aggregate::First | Aggregate::Last => panic!("no question asks for it"),
    }
}

fn actors(query: &ActorQuery, pool: &Pool, records: &[&Record]) -> Vec<Row> {
    let mut seen: BTreeMap<Vec<u8>, (Value, i64)> = BTreeMap::new();
    for record in records {
        let actor = get(record, &query.actor);
        for step in &query.steps {
            if matches(step.filter.as_ref(), step.range.as_ref(), pool, record) {
                let entry = seen.entry(canonical::to_bytes(&actor));
                entry.or_insert((actor.clone(), 0)).1 |= 1 << step.bit;
            }
        }
    }
    let rows = seen.into_values();
    if query.counted {
        let rows = rows.filter(|(actor, _)| !actor.is_null());
        return rows
            .map(|(_, bits)| vec![bits.into(), 1_i64.into()])
            .collect();
    }
    rows.map(|(actor, bits)| vec![actor, bits.into()]).collect()
}
