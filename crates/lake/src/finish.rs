//! From the groups of an aggregation to the rows of its answer: intervals
//! without data filled in, conditions on results, order, limit.
//!
//! All of this works on groups of visible rows, a few values each.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use model::fields::{ColumnType, FieldType, ScalarType};
use model::filters::{Predicate, RowView};
use model::names::FieldPath;
use model::pools::Schema;
use model::queries::{
    Aggregate, AggregateQuery, Direction, Measure, OrderBy, ResultSize, Row, TooManyResults,
};
use model::value::Value;

use crate::error::{LakeError, Result};

/// A group as the engine gives it.
#[derive(Debug)]
pub(crate) struct Group {
    /// The number of its interval, in a time series.
    pub(crate) bucket: Option<u32>,
    /// The values that make the group.
    pub(crate) keys: Vec<Value>,
    /// The functions' results.
    pub(crate) results: Vec<Value>,
}

/// The rows of the answer: the interval's start where there is one, then the
/// columns in the order of [`AggregateQuery::columns`].
///
/// # Errors
/// [`LakeError::LimitExceeded`] for a larger answer than may be, known before it is made.
pub(crate) fn finish(
    query: &AggregateQuery,
    schema: &Schema,
    groups: Vec<Group>,
) -> Result<Vec<Row>> {
    let mut groups = match &query.series {
        Some(series) if series.filled => {
            fill(groups, query, schema, series.buckets.starts().len())?
        }
        _ => groups,
    };
    let names = names(query);
    let order = order_of(&names, &query.order);
    let having = having(query, schema)?;
    let ranked = groups.drain(..).filter_map(|group| {
        let natural = natural_place(&group);
        let row = to_row(query, group);
        let view = Named {
            names: &names,
            row: &row,
        };
        let is_wanted = having.as_ref().is_none_or(|having| having.admits(&view));
        is_wanted.then(|| (asked_place(&order, &row), natural, row))
    });
    let mut ranked: Vec<Ranked> = ranked.collect();
    let limit = query.limit.map_or(usize::MAX, |limit| {
        usize::try_from(limit).unwrap_or(usize::MAX)
    });
    // No two groups have the same place.
    if limit < ranked.len() {
        ranked.select_nth_unstable_by(limit, |a, b| (&a.0, &a.1).cmp(&(&b.0, &b.1)));
        ranked.truncate(limit);
    }
    ranked.sort_by(|a, b| (&a.0, &a.1).cmp(&(&b.0, &b.1)));
    Ok(ranked.into_iter().map(|(.., row)| row).collect())
}

/// A row, where the asked order has it, and where the order of intervals and groups has it.
type Ranked = (Vec<Place>, (Option<u32>, Vec<Place>), Row);

/// A value's place among others of its column: its own order, or that turned
/// round; missing ones last in both.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Rising(Vec<u8>),
    Falling(Reverse<Vec<u8>>),
    Missing,
}

fn place_of(value: &Value, direction: Direction) -> Place {
    if value.is_null() {
        return Place::Missing;
    }
    let bytes = model::canonical::to_bytes(value);
    match direction {
        Direction::Ascending => Place::Rising(bytes),
        Direction::Descending => Place::Falling(Reverse(bytes)),
    }
}

fn natural_place(group: &Group) -> (Option<u32>, Vec<Place>) {
    let keys = group.keys.iter();
    let keys = keys.map(|key| place_of(key, Direction::Ascending));
    (group.bucket, keys.collect())
}

/// The places in a row of the columns of an order.
fn order_of(names: &[&str], order: &[OrderBy<String>]) -> Vec<(usize, Direction)> {
    let columns = order.iter().filter_map(|by| {
        let at = names.iter().position(|name| *name == by.field)?;
        Some((at, by.direction))
    });
    columns.collect()
}

fn asked_place(order: &[(usize, Direction)], row: &[Value]) -> Vec<Place> {
    let cells = order.iter();
    cells
        .map(|(at, direction)| place_of(&row[*at], *direction))
        .collect()
}

/// The condition on results, ready to be tested.
fn having(query: &AggregateQuery, schema: &Schema) -> Result<Option<Predicate>> {
    let column = |name: &FieldPath| query.output_column(name.as_str(), &|path| schema.column(path));
    let having = query.having.as_ref();
    having
        .map(|having| Predicate::resolve(having, &column))
        .transpose()
        .map_err(|unresolved| LakeError::Internal(unresolved.to_string()))
}

impl From<TooManyResults> for LakeError {
    fn from(limit: TooManyResults) -> Self {
        Self::LimitExceeded(limit.to_string())
    }
}

/// Every interval for every group seen in the range. Without group fields
/// there is one group, seen or not.
fn fill(
    groups: Vec<Group>,
    query: &AggregateQuery,
    schema: &Schema,
    buckets: usize,
) -> Result<Vec<Group>> {
    let mut seen: BTreeMap<Vec<u8>, Vec<Value>> = BTreeMap::new();
    let mut present: BTreeSet<(Vec<u8>, u32)> = BTreeSet::new();
    for group in &groups {
        let key = encode(&group.keys);
        if let Some(bucket) = group.bucket {
            present.insert((key.clone(), bucket));
        }
        seen.entry(key).or_insert_with(|| group.keys.clone());
    }
    if query.groups.is_empty() {
        seen.entry(encode(&[])).or_default();
    }
    let empty: Vec<Value> = query
        .measures
        .iter()
        .map(|measure| result_of_nothing(measure, schema))
        .collect();
    let size = ResultSize::filled(
        seen.values().map(|keys| &keys[..]),
        buckets,
        groups.iter().map(|group| &group.results[..]),
        &empty,
    );
    size.check()?;
    let mut filled = groups;
    filled.retain(|group| group.bucket.is_some());
    let buckets = u32::try_from(buckets).unwrap_or(u32::MAX);
    for (key, keys) in seen {
        for bucket in 0..buckets {
            if !present.contains(&(key.clone(), bucket)) {
                let keys = keys.clone();
                filled.push(Group {
                    bucket: Some(bucket),
                    keys,
                    results: empty.clone(),
                });
            }
        }
    }
    Ok(filled)
}

fn result_of_nothing(measure: &Measure, schema: &Schema) -> Value {
    let column = measure.field.as_ref().and_then(|path| schema.column(path));
    match (measure.aggregate, column) {
        // Nothing in a column of doubles is a double too.
        (
            Aggregate::Sum,
            Some(ColumnType::Declared(FieldType::Scalar(
                ScalarType::Float32 | ScalarType::Float64,
            ))),
        ) => Value::Float(0.0),
        (aggregate, _) if aggregate.is_zero_when_empty() => Value::Integer(0),
        (Aggregate::SelectUnique, _) => Value::Array(Vec::new()),
        _ => Value::Null,
    }
}

fn encode(keys: &[Value]) -> Vec<u8> {
    model::canonical::to_bytes(&Value::Array(keys.to_vec()))
}

fn names(query: &AggregateQuery) -> Vec<&str> {
    let series = query.series.iter().map(|series| series.name.as_str());
    series
        .chain(query.columns.iter().map(String::as_str))
        .collect()
}

fn to_row(query: &AggregateQuery, group: Group) -> Row {
    let start = query
        .series
        .as_ref()
        .zip(group.bucket)
        .map(|(series, bucket)| {
            let start = series.buckets.starts().get(bucket as usize);
            start.map_or(Value::Null, |start| Value::DateTime(*start))
        });
    let column = |name: &String| {
        let key = query.groups.iter().position(|group| group.name == *name);
        let result = || {
            query
                .measures
                .iter()
                .position(|measure| measure.name == *name)
        };
        match key {
            Some(at) => group.keys.get(at).cloned(),
            None => result().and_then(|at| group.results.get(at).cloned()),
        }
        .unwrap_or(Value::Null)
    };
    start
        .into_iter()
        .chain(query.columns.iter().map(column))
        .collect()
}

struct Named<'a> {
    names: &'a [&'a str],
    row: &'a [Value],
}

impl RowView for Named<'_> {
    fn field(&self, path: &FieldPath) -> Option<&Value> {
        let at = self.names.iter().position(|name| *name == path.as_str())?;
        self.row.get(at).filter(|value| !value.is_null())
    }
}

#[cfg(test)]
mod tests;
