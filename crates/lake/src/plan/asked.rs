//! The columns and conditions of a question.

use model::fields::ColumnType;
use model::filters::{Filter, Predicate};
use model::names::FieldPath;
use model::pools::{Pool, Schema};
use model::queries::{ActorQuery, Aggregate, AggregateQuery, RecordQuery, Side, TimeBound};

use super::matching::{Conditions, Place};
use super::{page, sort_options};
use crate::error::{LakeError, Result};

/// The columns that a question touches, each once.
#[derive(Debug, Default)]
pub(super) struct Columns(pub(super) Vec<(FieldPath, ColumnType)>);

impl Columns {
    pub(super) fn add(&mut self, path: &FieldPath, schema: &Schema) -> Result<()> {
        if self.has(path) {
            return Ok(());
        }
        let column = schema.column(path).ok_or_else(|| {
            LakeError::Internal(format!(
                "the question names {path}, which the pool does not have"
            ))
        })?;
        self.0.push((path.clone(), column));
        Ok(())
    }

    /// The columns that a predicate tests.
    pub(super) fn add_leaves(&mut self, predicate: &Predicate, schema: &Schema) -> Result<()> {
        let mut added = Ok(());
        predicate.for_each_leaf(&mut |leaf| {
            if added.is_ok() {
                added = self.add(&leaf.field, schema);
            }
        });
        added
    }

    fn has(&self, path: &FieldPath) -> bool {
        self.0.iter().any(|(field, _)| field == path)
    }

    fn add_filter(&mut self, filter: Option<&Filter>, schema: &Schema) -> Result<()> {
        filter.map_or(Ok(()), |filter| {
            filter
                .fields()
                .into_iter()
                .try_for_each(|path| self.add(path, schema))
        })
    }
}

/// The columns of a question for records that its conditions and its order touch.
pub(super) fn record_columns(
    query: &RecordQuery,
    schema: &Schema,
    above: &mut Columns,
) -> Result<Conditions> {
    query
        .order
        .iter()
        .try_for_each(|by| above.add(&by.field, schema))?;
    let place = query.seek.clone().map(|seek| {
        let columns = query.order.iter().filter_map(|by| {
            let column = schema.column(&by.field)?;
            Some((
                by.field.clone(),
                column,
                sort_options(by.direction, Side::After),
            ))
        });
        Place {
            columns: columns.collect(),
            seek,
        }
    });
    conditions(
        query.filter.as_ref(),
        query.range.as_ref(),
        place,
        schema,
        above,
    )
}

/// The columns of the answer to a question for records.
pub(super) fn output_columns(
    query: &RecordQuery,
    schema: &Schema,
    output: &mut Columns,
) -> Result<()> {
    let mut columns = query.columns.iter();
    columns.try_for_each(|column| output.add(&column.field, schema))?;
    if query.rest.is_some() {
        let rest = (FieldPath::rest(), ColumnType::Undeclared);
        output.0.push(rest);
    }
    let mut order = query.order.iter().filter(|_| query.with_order_values);
    order.try_for_each(|by| output.add(&by.field, schema))
}

/// The columns that are read of the first rows of an order alone, once it is
/// known which these are: those of the answer, and those that the barrier
/// tests. None where the rows are not few, or all is read to find them.
pub(super) fn later_columns(
    query: &RecordQuery,
    below: &Columns,
    predicate: &Predicate,
    schema: &Schema,
) -> Result<Option<Later>> {
    if page(query).is_none() {
        return Ok(None);
    }
    let mut columns = Columns::default();
    output_columns(query, schema, &mut columns)?;
    if columns.0.iter().all(|(path, _)| below.has(path)) {
        return Ok(None);
    }
    let shown = columns.0.len();
    columns.add_leaves(predicate, schema)?;
    Ok(Some(Later { columns, shown }))
}

/// What is read later.
#[derive(Debug)]
pub(super) struct Later {
    /// The columns.
    pub(super) columns: Columns,
    /// How many of them, from the first, are of the answer.
    pub(super) shown: usize,
}

/// The columns of a question for groups.
pub(super) fn aggregate_columns(
    query: &AggregateQuery,
    pool: &Pool,
    above: &mut Columns,
) -> Result<Conditions> {
    let schema = &pool.draft.schema;
    if let Some(series) = &query.series {
        above.add(&series.field, schema)?;
    }
    query
        .groups
        .iter()
        .try_for_each(|group| above.add(&group.field, schema))?;
    for measure in &query.measures {
        if let Some(field) = &measure.field {
            above.add(field, schema)?;
        }
        if needs_row_order(measure.aggregate) {
            above.add(&pool.time_field(), schema)?;
            above.add(&FieldPath::id(), schema)?;
        }
    }
    conditions(
        query.filter.as_ref(),
        query.range.as_ref(),
        None,
        schema,
        above,
    )
}

/// The columns of all steps of a funnel; which rows are of which is told apart above.
pub(super) fn actor_columns(
    query: &ActorQuery,
    schema: &Schema,
    above: &mut Columns,
) -> Result<Conditions> {
    above.add(&query.actor, schema)?;
    for step in &query.steps {
        let (filter, range) = (step.filter.as_ref(), step.range.as_ref());
        conditions(filter, range, None, schema, above)?;
    }
    conditions(None, None, None, schema, above)
}

fn conditions(
    filter: Option<&Filter>,
    range: Option<&TimeBound>,
    place: Option<Place>,
    schema: &Schema,
    above: &mut Columns,
) -> Result<Conditions> {
    above.add_filter(filter, schema)?;
    if let Some(range) = range {
        above.add(&range.field, schema)?;
    }
    let filter = filter
        .map(|filter| schema.resolve(filter))
        .transpose()
        .map_err(|unresolved| LakeError::Internal(unresolved.to_string()))?;
    Ok(Conditions {
        filter,
        range: range.cloned(),
        place,
    })
}

/// Whether the function goes by the order of rows in time.
fn needs_row_order(aggregate: Aggregate) -> bool {
    matches!(aggregate, Aggregate::First | Aggregate::Last)
}
