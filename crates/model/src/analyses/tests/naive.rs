//! What every question of analytics means, said as plainly as possible: one
//! record after another, with nothing but values. Slow, exact to the bit, and
//! the oracle for whatever answers questions fast.
//!
//! Other crates' tests include this file, so it names the model from outside
//! and shares no code with what it judges, but for filters and the calendar,
//! which have oracles of their own.

#[path = "naive/exact.rs"]
mod exact;

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use model::analyses::{
    Aggregation, Analysis, Bins, Extraction, Function, Funnel, GroupBy, Metric, Metrics, Period,
    Selection, Source, Step,
};
use model::fields::{ColumnType, FieldType, ScalarType};
use model::names::FieldPath;
use model::pools::Pool;
use model::queries::{Direction, OrderBy};
use model::records::Record;
use model::time::{BUCKETS_MAX, TimeRange, TimeZone, Timestamp, buckets};
use model::value::{Object, Value, compare};

use exact::Exact;

/// A pool, and the records of it that the asker sees.
pub(crate) struct Seen<'a> {
    pub(crate) pool: &'a Pool,
    pub(crate) records: Vec<&'a Record>,
}

/// The members of the answer to a legal question by someone who sees these
/// records and all their fields. Times are shown in `zone`.
pub(crate) fn answer(
    analysis: &Analysis,
    seen: &[Seen<'_>],
    now: Timestamp,
    zone: &TimeZone,
) -> Object {
    let naive = Naive { seen, now, zone };
    match analysis {
        Analysis::Aggregation(asked) => Object::new().with("result", naive.aggregation(asked)),
        Analysis::Extraction(asked) => Object::new().with("result", naive.extraction(asked)),
        Analysis::Funnel(asked) => naive.funnel(asked),
    }
}

struct Naive<'a> {
    seen: &'a [Seen<'a>],
    now: Timestamp,
    zone: &'a TimeZone,
}

/// Bytes that sort as values do.
fn bytes(value: &Value) -> Vec<u8> {
    model::canonical::to_bytes(value)
}

fn get(record: &Record, path: &FieldPath) -> Value {
    record.get(path.as_str()).cloned().unwrap_or(Value::Null)
}

/// Values in order, missing ones last whichever way.
fn ordered(a: &Value, b: &Value, direction: Direction) -> Ordering {
    match (a.is_null(), b.is_null()) {
        (true, true) => Ordering::Equal,
        (true, false) => Ordering::Greater,
        (false, true) => Ordering::Less,
        (false, false) if direction == Direction::Descending => bytes(b).cmp(&bytes(a)),
        (false, false) => bytes(a).cmp(&bytes(b)),
    }
}

impl<'a> Naive<'a> {
    fn pool(&self, source: &Source) -> &'a Seen<'a> {
        let named = |seen: &&Seen<'_>| seen.pool.draft.name == source.pool;
        self.seen.iter().find(named).expect("a pool that is there")
    }

    fn sides(&self, source: &Source) -> (Option<Timestamp>, Option<Timestamp>) {
        match source.period {
            None => (None, None),
            Some(Period::Absolute { from, to }) => (from, to),
            Some(Period::Relative(timeframe)) => {
                let timeframe = timeframe.with_weeks_from(source.calendar.week_start);
                let range = timeframe.resolve(self.now, &source.calendar.zone).unwrap();
                (Some(range.from()), Some(range.to()))
            }
        }
    }

    /// The records that a question is about.
    fn records(&self, source: &Source) -> Vec<&'a Record> {
        let seen = self.pool(source);
        let time = seen.pool.time_field();
        let schema = &seen.pool.draft.schema;
        let filter = source.filters.as_ref();
        let filter = filter.map(|filter| schema.resolve(filter).unwrap());
        let (from, to) = self.sides(source);
        let is_in_time = |record: &Record| match record.get(time.as_str()) {
            Some(Value::DateTime(at)) => {
                from.is_none_or(|from| from <= *at) && to.is_none_or(|to| *at < to)
            }
            _ => source.period.is_none(),
        };
        let records = seen.records.iter().copied();
        let records = records.filter(|record| {
            filter.as_ref().is_none_or(|filter| filter.admits(*record)) && is_in_time(record)
        });
        records.collect()
    }

    fn aggregation(&self, asked: &Aggregation) -> Value {
        let records = self.records(&asked.source);
        let Some(interval) = asked.interval else {
            return self.results(asked, &records, &records);
        };
        let (from, to) = self.sides(&asked.source);
        let range = TimeRange::new(from.unwrap(), to.unwrap()).unwrap();
        let calendar = &asked.source.calendar;
        let interval = interval.with_weeks_from(calendar.week_start);
        let cut = buckets(range, interval, &calendar.zone, BUCKETS_MAX).unwrap();
        let mut ends: Vec<Timestamp> = cut.starts()[1..].to_vec();
        ends.push(range.to());
        let time = self.pool(&asked.source).pool.time_field();
        let mut start = range.from();
        let mut answers = Vec::new();
        for end in ends {
            let inside = records.iter().copied().filter(|record| {
                matches!(record.get(time.as_str()), Some(Value::DateTime(at)) if start <= *at && *at < end)
            });
            let inside: Vec<&Record> = inside.collect();
            let timeframe = Object::new()
                .with("start", start.in_zone(self.zone).to_string())
                .with("end", end.in_zone(self.zone).to_string());
            answers.push(
                Object::new()
                    .with("timeframe", timeframe)
                    .with("value", self.results(asked, &records, &inside)),
            );
            start = end;
        }
        answers.into()
    }

    /// The result or the groups of some records, among all that are asked about.
    fn results(&self, asked: &Aggregation, all: &[&Record], records: &[&Record]) -> Value {
        if asked.group_by.is_empty() {
            let results = self.metrics(asked, records);
            return match asked.metrics {
                Metrics::One(_) => self.shown(&results[0].1),
                Metrics::Labelled(_) => self.object(&[], &results).into(),
            };
        }
        // Every group that there is among all, in the order of its values.
        let mut groups: Vec<Vec<Value>> = Vec::new();
        for record in all {
            let keys = keys(&asked.group_by, record);
            if !groups.contains(&keys) {
                groups.push(keys);
            }
        }
        groups.sort_by(|a, b| {
            let pairs = a.iter().zip(b);
            let each = pairs.map(|(a, b)| ordered(a, b, Direction::Ascending));
            each.fold(Ordering::Equal, Ordering::then)
        });
        let mut rows = Vec::new();
        for group in groups {
            let of_group = records.iter().copied();
            let of_group = of_group.filter(|record| keys(&asked.group_by, record) == group);
            let of_group: Vec<&Record> = of_group.collect();
            rows.push((group, self.metrics(asked, &of_group)));
        }
        // Least significant first; the sort keeps what it finds equal in order.
        for by in asked.order_by.iter().rev() {
            let place = |row: &(Vec<Value>, Vec<(String, Value)>)| {
                let group = asked
                    .group_by
                    .iter()
                    .position(|group| group.name == by.field);
                let result = row.1.iter().find(|(name, _)| *name == by.field);
                group.map_or_else(|| result.unwrap().1.clone(), |at| row.0[at].clone())
            };
            rows.sort_by(|a, b| ordered(&place(a), &place(b), by.direction));
        }
        rows.truncate(asked.limit.map_or(usize::MAX, |limit| limit as usize));
        let rows = rows.into_iter().map(|(group, results)| {
            let labels = asked.group_by.iter().zip(&group);
            let labels = labels.map(|(by, key)| (by.name.clone(), label(by, key)));
            self.object(&labels.collect::<Vec<_>>(), &results)
        });
        rows.collect::<Vec<_>>().into()
    }

    fn object(&self, keys: &[(String, Value)], results: &[(String, Value)]) -> Object {
        let mut object = Object::new();
        for (name, value) in keys.iter().chain(results) {
            assert!(
                object.insert(name.as_str(), self.shown(value)),
                "{name} twice"
            );
        }
        object
    }

    fn metrics(&self, asked: &Aggregation, records: &[&Record]) -> Vec<(String, Value)> {
        let pool = self.pool(&asked.source).pool;
        let one =
            |(name, metric): (&str, &Metric)| (name.to_owned(), result(metric, pool, records));
        match &asked.metrics {
            Metrics::One(metric) => vec![one(("result", metric))],
            Metrics::Labelled(metrics) => {
                metrics.iter().map(|(l, m)| one((l.as_str(), m))).collect()
            }
        }
    }

    /// A value as it stands in an answer.
    fn shown(&self, value: &Value) -> Value {
        match value {
            Value::DateTime(instant) => instant.in_zone(self.zone).to_string().into(),
            Value::Array(values) => Value::Array(values.iter().map(|v| self.shown(v)).collect()),
            other => other.clone(),
        }
    }

    fn extraction(&self, asked: &Extraction) -> Value {
        let pool = self.pool(&asked.source).pool;
        let mut records = self.records(&asked.source);
        let by = |field: FieldPath, direction| OrderBy { field, direction };
        let (mut order, limit) = match &asked.selection {
            Selection::Latest(latest) => (
                vec![by(pool.time_field(), Direction::Descending)],
                Some(*latest),
            ),
            Selection::Ordered {
                order_by, limit, ..
            } if order_by.is_empty() => (vec![by(pool.time_field(), Direction::Ascending)], *limit),
            Selection::Ordered {
                order_by, limit, ..
            } => (order_by.clone(), *limit),
        };
        let direction = order.last().unwrap().direction;
        order.push(by(FieldPath::id(), direction));
        for by in order.iter().rev() {
            records.sort_by(|a, b| ordered(&get(a, &by.field), &get(b, &by.field), by.direction));
        }
        records.truncate(limit.map_or(usize::MAX, |limit| limit as usize));
        let trees = records.iter().map(|record| match &asked.fields {
            None => self.whole(pool, record),
            Some(fields) => {
                let mut tree = Object::new();
                for path in fields {
                    let below = record
                        .fields()
                        .filter(|(field, _)| field.is_at_or_below(path));
                    let below: Vec<_> = below.collect();
                    if below.is_empty() {
                        tree = put(tree, path.as_str(), Value::Null);
                    }
                    for (field, value) in by_declaration(pool, below) {
                        tree = put(tree, field.as_str(), self.shown(value));
                    }
                }
                tree
            }
        });
        trees.collect::<Vec<_>>().into()
    }

    fn whole(&self, pool: &Pool, record: &Record) -> Object {
        let mut tree = Object::new();
        for (field, value) in by_declaration(pool, record.fields().collect()) {
            tree = put(tree, field.as_str(), self.shown(value));
        }
        tree
    }

    fn funnel(&self, asked: &Funnel) -> Object {
        let mut so_far: Option<BTreeSet<Vec<u8>>> = None;
        let (mut counts, mut lists) = (Vec::new(), Vec::new());
        for step in &asked.steps {
            let here = self.actors(step);
            let through: BTreeSet<Vec<u8>> = match &so_far {
                None => here,
                Some(before) => {
                    let stays = |actor: &&Vec<u8>| here.contains(*actor) != step.inverted;
                    before.iter().filter(stays).cloned().collect()
                }
            };
            counts.push(through.len() as u64);
            lists.push(step.with_actors.then(|| {
                let actors = through
                    .iter()
                    .map(|actor| model::canonical::decode(actor).unwrap());
                actors
                    .map(|actor| self.shown(&actor))
                    .collect::<Vec<Value>>()
            }));
            if !step.optional {
                so_far = Some(through);
            }
        }
        let object = Object::new().with("result", counts);
        if lists.iter().all(Option::is_none) {
            return object;
        }
        object.with(
            "actors",
            lists.into_iter().map(Value::from).collect::<Vec<_>>(),
        )
    }

    /// Those who are seen in a step.
    fn actors(&self, step: &Step) -> BTreeSet<Vec<u8>> {
        let values = self.records(&step.source).into_iter();
        let values = values.map(|record| get(record, &step.actor));
        values
            .filter(|value| !value.is_null())
            .map(|value| bytes(&value))
            .collect()
    }
}

/// Declared fields as they are declared, then the others, then those of the system.
fn by_declaration<'r>(
    pool: &Pool,
    mut fields: Vec<(&'r FieldPath, &'r Value)>,
) -> Vec<(&'r FieldPath, &'r Value)> {
    let system = ["_id", "_ingested_at", "_key"];
    let declared = pool.draft.schema.declared();
    fields.sort_by_key(|(path, _)| {
        let declared = declared.iter().position(|field| field.path == **path);
        let system = system.iter().position(|name| *name == path.as_str());
        match (declared, system) {
            (Some(at), _) => (0, at),
            (None, None) => (1, 0),
            (None, Some(at)) => (2, at),
        }
    });
    fields
}

fn put(tree: Object, path: &str, value: Value) -> Object {
    match path.split_once('.') {
        None => tree.with(path, value),
        Some((first, rest)) => {
            let mut members = tree.into_members();
            let at = members.iter().position(|(name, _)| name == first);
            let at = at.unwrap_or_else(|| {
                members.push((first.to_owned(), Object::new().into()));
                members.len() - 1
            });
            let Value::Object(inner) = &mut members[at].1 else {
                panic!("a value stands above another");
            };
            *inner = put(inner.clone(), rest, value);
            Object::from_members(members).unwrap()
        }
    }
}

fn keys(groups: &[GroupBy], record: &Record) -> Vec<Value> {
    let keys = groups.iter();
    keys.map(|by| key(by, &get(record, &by.field))).collect()
}

/// The value that makes the group: of ranges the position.
fn key(by: &GroupBy, value: &Value) -> Value {
    let Some(bins) = &by.bins else {
        return value.clone();
    };
    let Some(number) = value.as_number() else {
        return Value::Null;
    };
    match bins {
        Bins::Size(size) => size.floor(number).unwrap_or(Value::Null),
        Bins::Ranges(bands) => {
            let is_in = |side: &Option<Value>, wanted: &[Ordering]| {
                side.as_ref()
                    .is_none_or(|side| wanted.contains(&compare(side, value).unwrap()))
            };
            let holds = |band: &model::analyses::Band| {
                is_in(&band.from, &[Ordering::Less, Ordering::Equal])
                    && is_in(&band.to, &[Ordering::Greater])
            };
            let at = bands.iter().position(holds);
            at.map_or(Value::Null, |at| Value::from(at as u64))
        }
    }
}

fn label(by: &GroupBy, key: &Value) -> Value {
    match (&by.bins, key) {
        (Some(Bins::Ranges(bands)), Value::Integer(at)) => {
            bands[*at as usize].label.as_str().into()
        }
        _ => key.clone(),
    }
}

/// The result of a function over the records of a group.
pub(crate) fn result(metric: &Metric, pool: &Pool, records: &[&Record]) -> Value {
    let Some(field) = &metric.field else {
        return Value::from(records.len() as u64);
    };
    let column = pool
        .draft
        .schema
        .column(field)
        .expect("a field of the pool");
    let all: Vec<Value> = records.iter().map(|record| get(record, field)).collect();
    let values: Vec<&Value> = all.iter().filter(|value| !value.is_null()).collect();
    let mut numbers: Vec<&Value> = values.clone();
    numbers.retain(|value| value.as_number().is_some());
    match metric.function {
        Function::Count => Value::from(values.len() as u64),
        Function::CountUnique => {
            let distinct: BTreeSet<Vec<u8>> = values.into_iter().map(bytes).collect();
            Value::from(distinct.len() as u64)
        }
        Function::SelectUnique => {
            let distinct: BTreeMap<Vec<u8>, &Value> =
                values.iter().map(|value| (bytes(value), *value)).collect();
            let mut list: Vec<Value> = distinct.into_values().cloned().collect();
            if values.len() < all.len() {
                list.push(Value::Null);
            }
            Value::Array(list)
        }
        Function::Minimum => extreme(&values, Ordering::Less),
        Function::Maximum => extreme(&values, Ordering::Greater),
        Function::Percentile(hundredths) => {
            numbers.sort_by(|a, b| compare(a, b).unwrap());
            let rank = (numbers.len() * hundredths as usize).div_ceil(10_000);
            let value = rank.checked_sub(1).map(|at| numbers[at].clone());
            value.unwrap_or(Value::Null)
        }
        Function::Sum => sum(&numbers, column),
        Function::Average if numbers.is_empty() => Value::Null,
        Function::StandardDeviation if numbers.is_empty() => Value::Null,
        Function::Average => float(Exact::sum(&numbers).divided(numbers.len() as u64)),
        Function::StandardDeviation => float(exact::deviation(&numbers)),
    }
}

/// A number that fits no double is none.
fn float(number: Option<f64>) -> Value {
    number.map_or(Value::Null, |number| Value::float(number).unwrap())
}

fn sum(numbers: &[&Value], column: ColumnType) -> Value {
    let integers = numbers.iter().map(|number| match number {
        Value::Integer(integer) => Some(*integer),
        _ => None,
    });
    let is_of_doubles = matches!(
        column,
        ColumnType::Declared(FieldType::Scalar(ScalarType::Float32 | ScalarType::Float64))
    );
    if is_of_doubles {
        return float(Exact::sum(numbers).divided(1));
    }
    if let Some(integers) = integers.collect::<Option<Vec<i128>>>() {
        return Value::Integer(integers.iter().sum());
    }
    // Without a declared type, a number that is whole is a whole number.
    let sum = float(Exact::sum(numbers).divided(1));
    model::canonical::decode(&bytes(&sum)).unwrap()
}

/// Numbers before texts before booleans before the rest, and among them the
/// one that is less or greater than all others.
fn extreme(values: &[&Value], wanted: Ordering) -> Value {
    let rank = |value: &Value| match value {
        Value::Integer(_) | Value::Float(_) => 0,
        Value::String(_) => 1,
        Value::Boolean(_) => 2,
        Value::Array(_) | Value::Object(_) | Value::Null => 9,
        _ => 3,
    };
    let mut best: Option<&Value> = None;
    for value in values.iter().filter(|value| rank(value) < 9) {
        let is_better = best.is_none_or(|best| match rank(value).cmp(&rank(best)) {
            Ordering::Equal => compare(value, best) == Some(wanted),
            other => other == Ordering::Less,
        });
        if is_better {
            best = Some(value);
        }
    }
    best.cloned().unwrap_or(Value::Null)
}
