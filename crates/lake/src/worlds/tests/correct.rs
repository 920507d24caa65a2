//! Answers against the plain interpreter, on the same cases.

use std::collections::BTreeSet;
use std::sync::Arc;

use model::answers::{Columnar, SeenField, SeenType};
use model::fields::{ColumnType, FieldType, ScalarType};
use model::filters::{Constraint, Filter};
use model::grants::Target;
use model::names::{FieldPath, ID};
use model::permit::ConstrainedQuery;
use model::pools::Pool;
use model::queries::{
    AggregateQuery, Direction, OrderBy, OutputColumn, OutputField, OutputType, Query, RecordQuery,
    Row,
};
use model::records::Record;
use model::value::Value;
use model::views::{Delivery, ViewRequest};

use super::case::{Case, Question};
use super::naive;
use super::project::noon;
use super::proof::describe;
use super::respond::{PAGES_MAX, Response};
use super::worlds::{Responses, Worlds};
use crate::lake::Lake;
use crate::output::output_columns;
use crate::plan::plan;
use crate::run::{groups, record_rows};

/// The case's question as a query, and the page's rows where there are pages.
fn asked(case: &Case) -> Option<(ConstrainedQuery, Option<usize>)> {
    let reader = case.reader(&case.key);
    let constrain =
        |request: &ViewRequest, delivery| reader.constrain(request, delivery, noon()).ok();
    match &case.question {
        Question::Pages(request) => {
            let size = usize::try_from(request.limit.unwrap_or(100)).unwrap();
            Some((constrain(request, Delivery::Pages)?, Some(size)))
        }
        Question::Stream(request) | Question::Export(request, _) => {
            Some((constrain(request, Delivery::Stream)?, None))
        }
        Question::CountView => Some((reader.count(), None)),
        Question::CountPool => Some((
            case.on_pool::<model::permit::AskPool>(&case.key).count(),
            None,
        )),
        Question::Fields | Question::Delete(_) => None,
    }
}

/// Holds the answers against what the records say.
///
/// # Panics
/// With the case in words when they differ.
pub(crate) async fn check(worlds: &Worlds, case: &Case, answers: &Responses) {
    let wrong = |what: &str| panic!("{what}\n{}", describe(case, answers));
    let alive = case
        .rows
        .iter()
        .map(|row| &row.record)
        .filter(|record| !case.is_gone(record));
    let alive: Vec<&Record> = alive.collect();
    let seen: Vec<&Record> = alive
        .iter()
        .copied()
        .filter(|record| case.sees(record))
        .collect();
    if answers.all.is_refused() {
        return;
    }
    if let Some((query, size)) = asked(case) {
        let pool = query.pool();
        let records = naive::matching(query.query(), pool, &seen);
        let (rows, paged) = match query.query() {
            Query::Records(records_query) => {
                (naive::record_rows(records_query, records), size.is_some())
            }
            Query::Actors(_) => unreachable!("no view asks for actors"),
            Query::Aggregate(aggregate) => {
                let checked = checked_groups(worlds, case, &query, aggregate, &records).await;
                (checked.unwrap_or_else(|what| wrong(&what)), false)
            }
        };
        let columns = output_columns(query.query(), &pool.draft.schema).unwrap();
        if let Err(what) = compare(
            &answers.all,
            query.query(),
            &columns,
            rows,
            size.filter(|_| paged),
        ) {
            wrong(&what);
        }
    }
    if let (Question::Fields, Response::Fields(fields)) = (&case.question, &answers.all)
        && *fields != expected_fields(case, &seen)
    {
        wrong("the fields are others than those of the visible records");
    }
    if let (Question::Delete(filter), Response::Deleted(count)) = (&case.question, &answers.all) {
        let goes = goes(case, filter.as_ref());
        let gone: Vec<&Record> = seen.into_iter().filter(|record| goes(record)).collect();
        if *count != gone.len() as u64 {
            wrong("another number was deleted");
        }
        let id = |record: &Record| record.get(ID).cloned().unwrap();
        let gone: BTreeSet<Vec<u8>> = gone.into_iter().map(id).map(key).collect();
        let stays = alive
            .into_iter()
            .map(id)
            .map(key)
            .filter(|id| !gone.contains(id));
        if ids(worlds, &worlds.all, &case.project.pool).await != stays.collect::<BTreeSet<_>>() {
            wrong("other records were deleted than the visible ones that match");
        }
    }
}

fn key(value: Value) -> Vec<u8> {
    model::canonical::to_bytes(&value)
}

fn goes(case: &Case, filter: Option<&Filter>) -> impl Fn(&Record) -> bool {
    let predicate = filter.map(|filter| case.project.schema().resolve(filter).unwrap());
    move |record| {
        predicate
            .as_ref()
            .is_none_or(|predicate| predicate.admits(record))
    }
}

/// The ids of a pool's records.
async fn ids(worlds: &Worlds, lake: &Lake, pool: &Arc<Pool>) -> BTreeSet<Vec<u8>> {
    let query = RecordQuery {
        columns: vec![OutputField {
            name: ID.to_owned(),
            field: FieldPath::id(),
        }],

        rest: None,
        filter: None,
        range: None,
        order: vec![OrderBy {
            field: FieldPath::id(),
            direction: Direction::Ascending,
        }],
        seek: None,
        limit: None,
        with_order_values: false,
    };
    let snapshot = lake.snapshot(pool);
    let planned = plan(
        pool,
        &Constraint::AllRows,
        &Query::Records(query.clone()),
        &snapshot,
    );
    let batches = worlds.runner.collect(planned.unwrap().root).await.unwrap();
    let rows = batches
        .iter()
        .flat_map(|batch| record_rows(&query, &pool.draft.schema, batch).unwrap());
    rows.map(|mut row| key(row.remove(0))).collect()
}

/// The rows of an aggregation, from the engine's own groups after each was
/// held against its records: floats may differ in their last digits alone.
async fn checked_groups(
    worlds: &Worlds,
    case: &Case,
    query: &ConstrainedQuery,
    aggregate: &AggregateQuery,
    records: &[&Record],
) -> Result<Vec<Row>, String> {
    let pool = query.pool();
    let snapshot = worlds.all.snapshot(pool);
    let planned = plan(pool, query.rows(), query.query(), &snapshot).unwrap();
    let batches = worlds.runner.collect(planned.root).await.unwrap();
    let answered = groups(aggregate, &batches).unwrap();
    let mut expected = naive::groups(aggregate, records);
    let mut checked = Vec::new();
    for group in answered {
        let at = (group.bucket, key(Value::Array(group.keys.clone())));
        let Some((keys, records)) = expected.remove(&at) else {
            return Err(format!("there is a group {:?} of no record", group.keys));
        };
        for (measure, answered) in aggregate.measures.iter().zip(&group.results) {
            let (wanted, slack) = naive::result(measure, &case.project.pool, &records);
            if !naive::agrees(answered, &wanted, slack) {
                return Err(format!(
                    "{measure:?} of {keys:?} is {wanted:?}, not {answered:?}"
                ));
            }
        }
        checked.push((group.bucket, keys, group.results));
    }
    if let Some(missing) = expected.keys().next() {
        return Err(format!("the group {missing:?} is missing"));
    }
    Ok(naive::finished(aggregate, pool, checked))
}

fn compare(
    answer: &Response,
    query: &Query,
    columns: &[OutputColumn],
    mut rows: Vec<Row>,
    size: Option<usize>,
) -> Result<(), String> {
    let limit = match query {
        Query::Records(records) if size.is_none() => records.limit,
        _ => None,
    };
    rows.truncate(limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap()));
    match answer {
        Response::Rows {
            columns: answered, ..
        } if answered != columns => Err(format!("the columns are {columns:?}")),
        Response::Rows { pages, .. } => {
            let expected = size.map_or_else(
                || vec![rows.clone()],
                |size| naive::turned(&rows, size, PAGES_MAX),
            );
            if *pages == expected {
                Ok(())
            } else {
                Err(format!("the rows are {expected:?}"))
            }
        }
        Response::File(bytes) => compare_file(bytes, columns, &rows),
        _ => Ok(()),
    }
}

/// Reads a file back and holds its records against the rows.
fn compare_file(bytes: &[u8], columns: &[OutputColumn], rows: &[Row]) -> Result<(), String> {
    let format = if bytes.starts_with(b"PAR1") {
        Columnar::Parquet
    } else {
        Columnar::ArrowStream
    };
    let read =
        crate::columnar::decode(format, bytes.to_vec().into()).map_err(|f| format!("{f:?}"))?;
    let expected = rows.iter().map(|row| {
        let members = columns.iter().zip(row);
        let members = members.map(|(c, v)| (c.name.clone(), in_file(v, c.output_type)));
        Value::Object(model::value::Object::from_members(members.collect()).unwrap())
    });
    if columns.is_empty() && format == Columnar::Parquet {
        // Its rows are counted by column, of which there is none.
        return if read.is_empty() {
            Ok(())
        } else {
            Err("the file holds rows".to_owned())
        };
    }
    let read: Vec<Value> = read.into_iter().map(|record| record.unwrap()).collect();
    let expected: Vec<Value> = expected.collect();
    if read == expected {
        Ok(())
    } else {
        Err(format!("the file holds {read:?}, not {expected:?}"))
    }
}

/// A value as a file holds it.
fn in_file(value: &Value, output: OutputType) -> Value {
    match (output, value) {
        (_, Value::Null) => Value::Null,
        (OutputType::Mixed, Value::String(text)) => Value::from(text.as_str()),
        (OutputType::Mixed, other) => Value::from(model::json::to_text(other)),
        (OutputType::Field(FieldType::Scalar(ScalarType::Uuid)), Value::Uuid(uuid)) => {
            Value::from(uuid.to_string())
        }
        (_, other) => other.clone(),
    }
}

fn expected_fields(case: &Case, seen: &[&Record]) -> Vec<SeenField> {
    let schema = case.project.schema();
    let of_pool = |on: &Target| matches!(on, Target::Pool(_));
    let grant = case
        .key
        .grants()
        .iter()
        .find(|grant| of_pool(&grant.on))
        .unwrap();
    let declared = schema.declared().iter().map(|field| SeenField {
        path: field.path.clone(),
        seen: SeenType::Declared(field.field_type),
        required: field.required,
    });
    let paths: BTreeSet<&FieldPath> = seen
        .iter()
        .flat_map(|r| r.fields())
        .map(|(p, _)| p)
        .collect();
    let others = paths
        .into_iter()
        .filter(|path| schema.column(path) == Some(ColumnType::Undeclared));
    let others = others.map(|path| {
        let values = || seen.iter().filter_map(|record| record.get(path.as_str()));
        let has = |fits: fn(&Value) -> bool| values().any(fits);
        let kinds = [
            ("number", has(|value| value.as_number().is_some())),
            ("string", has(|value| value.as_str().is_some())),
            ("boolean", has(|value| matches!(value, Value::Boolean(_)))),
            ("array", has(|value| value.as_array().is_some())),
            ("object", has(|value| value.as_object().is_some())),
        ];
        let kinds = kinds
            .into_iter()
            .filter(|(_, held)| *held)
            .map(|(kind, _)| kind);
        SeenField {
            path: path.clone(),
            seen: SeenType::Mixed(kinds.collect()),
            required: false,
        }
    });
    declared
        .chain(others)
        .filter(|field| grant.fields.shows(&field.path))
        .collect()
}
