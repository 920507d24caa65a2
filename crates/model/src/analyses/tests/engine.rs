//! A lake in a few lines: it answers constrained questions over plain records.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::naive;
use crate::analyses::{Answer, Function, Metric};
use crate::canonical;
use crate::filters::Constraint;
use crate::names::FieldPath;
use crate::permit::{ConstrainedAnalysis, ConstrainedQuery};
use crate::pools::Pool;
use crate::queries::{
    ActorQuery, Aggregate, AggregateQuery, Direction, Query, RecordQuery, Row, TimeBound,
};
use crate::records::Record;
use crate::value::{Object, Value};

/// Pools with their records.
pub(super) type Pools = Vec<(Arc<Pool>, Vec<Record>)>;

/// The records that a constraint admits.
pub(super) fn visible<'r>(
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
pub(super) fn answer(analysis: &ConstrainedAnalysis, pools: &Pools) -> Answer {
    let parts = analysis.parts().iter();
    let parts = parts.map(|part| run(part, part.rows(), pools));
    analysis.answer(parts.collect()).unwrap()
}

/// The rows of a question over those that `rows` admits.
pub(super) fn run(query: &ConstrainedQuery, rows_seen: &Constraint, pools: &Pools) -> Vec<Row> {
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
    filter: Option<&crate::filters::Filter>,
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

fn rows(query: &RecordQuery, pool: &Pool, records: &[&Record]) -> Vec<Row> {
    let mut records = records.to_vec();
    records.retain(|r| matches(query.filter.as_ref(), query.range.as_ref(), pool, r));
    for by in query.order.iter().rev() {
        records.sort_by(|a, b| {
            let (a, b) = (get(a, &by.field), get(b, &by.field));
            let order = canonical::to_bytes(&a).cmp(&canonical::to_bytes(&b));
            let turned = match by.direction {
                Direction::Ascending => order,
                Direction::Descending => order.reverse(),
            };
            a.is_null().cmp(&b.is_null()).then(turned)
        });
    }
    records.truncate(query.limit.map_or(usize::MAX, |limit| limit as usize));
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
