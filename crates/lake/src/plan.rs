//! From a constrained question to physical operators, by hand.
//!
//! No logical plan is made and no optimizer rule runs, so nothing can be moved
//! across the constraint. A plan always has this form, read from below:
//!
//! ```text
//! ScanExec      the pool's columns; hints may leave out rows the barrier would refuse anyway
//! BarrierExec   evaluates the key's constraint itself and drops every row not definitely admitted
//! MatchExec     the caller's filter, range and place in the order, over visible rows alone
//! AggregateExec or SortExec
//! ```

pub(crate) mod barrier;
pub(crate) mod bucket;
pub(crate) mod check;
pub(crate) mod matching;
mod node;
pub(crate) mod scan;

use std::sync::Arc;

use arrow_schema::{SchemaRef, SortOptions};
use datafusion_physical_expr::expressions::Column;
use datafusion_physical_expr::{LexOrdering, PhysicalExpr, PhysicalSortExpr};
use datafusion_physical_plan::ExecutionPlan;
use datafusion_physical_plan::aggregates::{AggregateExec, AggregateMode, PhysicalGroupBy};
use datafusion_physical_plan::sorts::sort::SortExec;
use model::fields::ColumnType;
use model::filters::{Constraint, Filter, Predicate};
use model::names::FieldPath;
use model::pools::{Pool, Schema};
use model::queries::{
    Aggregate, AggregateQuery, Direction, Measure, Query, RecordQuery, Side, TimeBound,
};

use crate::aggregates;
use crate::buffer::hint;
use crate::error::{LakeError, Result};
use crate::reading::{Hints, TimeHint};
use crate::snapshot::Snapshot;
use barrier::BarrierExec;
use bucket::BucketExpr;
use matching::{Conditions, MatchExec, Place};
use scan::ScanExec;

/// A plan that passed the check, with what the check held it against.
#[derive(Debug)]
pub(crate) struct Plan {
    /// The operators.
    pub(crate) root: Arc<dyn ExecutionPlan>,
    /// Whether the constraint could not be resolved, so that no row is admitted.
    pub(crate) unresolved: Option<String>,
}

/// The columns that a question touches, each once.
#[derive(Debug, Default)]
struct Columns(Vec<(FieldPath, ColumnType)>);

impl Columns {
    fn add(&mut self, path: &FieldPath, schema: &Schema) -> Result<()> {
        if self.0.iter().any(|(field, _)| field == path) {
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

    fn add_filter(&mut self, filter: Option<&Filter>, schema: &Schema) -> Result<()> {
        filter.map_or(Ok(()), |filter| {
            filter
                .fields()
                .into_iter()
                .try_for_each(|path| self.add(path, schema))
        })
    }
}

/// The predicate of a constraint, and why it could not be resolved if so. A
/// constraint that means nothing for the pool's fields admits no row.
pub(crate) fn constraint_predicate(
    rows: &Constraint,
    schema: &Schema,
) -> (Predicate, Option<String>) {
    match rows {
        Constraint::AllRows => (Predicate::All(Vec::new()), None),
        Constraint::Rows(filter) => match schema.resolve(filter) {
            Ok(predicate) => (predicate, None),
            Err(unresolved) => (Predicate::Nothing, Some(unresolved.to_string())),
        },
    }
}

/// The plan of a constrained question over one snapshot of its pool.
///
/// # Errors
/// Depends on the question and the definitions alone, never on a row.
pub(crate) fn plan(
    pool: &Pool,
    rows: &Constraint,
    query: &Query,
    snapshot: &Snapshot,
) -> Result<Plan> {
    let schema = &pool.draft.schema;
    let mut above = Columns::default();
    let conditions = match query {
        Query::Records(records) => record_columns(records, schema, &mut above)?,
        Query::Aggregate(aggregate) => aggregate_columns(aggregate, pool, &mut above)?,
    };
    let (predicate, unresolved) = constraint_predicate(rows, schema);
    let hints = Hints {
        isolation: hint(&predicate, snapshot.isolation.as_ref()).map(Into::into),
        time: conditions.range.as_ref().map(time_hint),
    };
    let barrier = barrier(snapshot, schema, &predicate, &above, hints)?;
    let matched = Arc::new(MatchExec::new(barrier, conditions));
    let root = match query {
        Query::Records(records) => sorted(records, matched)?,
        Query::Aggregate(aggregate) => aggregated(aggregate, pool, matched)?,
    };
    check::check(&root, rows, schema).map_err(LakeError::PlanRefused)?;
    Ok(Plan { root, unresolved })
}

/// The visible rows of a pool: the scan under its barrier.
fn barrier(
    snapshot: &Snapshot,
    schema: &Schema,
    predicate: &Predicate,
    above: &Columns,
    hints: Hints,
) -> Result<Arc<dyn ExecutionPlan>> {
    let mut below = Columns(above.0.clone());
    let mut added = Ok(());
    predicate.for_each_leaf(&mut |leaf| {
        if added.is_ok() {
            added = below.add(&leaf.field, schema);
        }
    });
    added?;
    let scan = Arc::new(ScanExec::new(snapshot.clone(), below.0, hints));
    let keep = (0..above.0.len()).collect();
    Ok(Arc::new(BarrierExec::new(scan, predicate.clone(), keep)))
}

/// A range of time that the caller asks for. It tests a column for its own
/// type and can neither fail nor be asked of a row, only of many at once.
fn time_hint(range: &TimeBound) -> TimeHint {
    TimeHint {
        field: range.field.clone(),
        from: range.from.map(|from| from.as_microsecond()),
        to: range.to.map(|to| to.as_microsecond()),
    }
}

fn record_columns(query: &RecordQuery, schema: &Schema, above: &mut Columns) -> Result<Conditions> {
    query
        .columns
        .iter()
        .try_for_each(|output| above.add(&output.field, schema))?;
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

fn aggregate_columns(
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

/// Missing values come last in both directions; reading backwards turns all round.
fn sort_options(direction: Direction, side: Side) -> SortOptions {
    let descending = direction == Direction::Descending;
    match side {
        Side::After => SortOptions {
            descending,
            nulls_first: false,
        },
        Side::Before => SortOptions {
            descending: !descending,
            nulls_first: true,
        },
    }
}

fn sorted(query: &RecordQuery, input: Arc<MatchExec>) -> Result<Arc<dyn ExecutionPlan>> {
    let side = query.seek.as_ref().map_or(Side::After, |seek| seek.side);
    let schema = input.schema();
    let orders = query.order.iter().map(|by| {
        let options = sort_options(by.direction, side);
        Ok(PhysicalSortExpr::new(
            column(by.field.as_str(), &schema)?,
            options,
        ))
    });
    let ordering = LexOrdering::new(orders.collect::<Result<Vec<_>>>()?)
        .ok_or_else(|| LakeError::Internal("a record question has no order".to_owned()))?;
    let fetch = query
        .limit
        .map(|limit| usize::try_from(limit).unwrap_or(usize::MAX));
    Ok(Arc::new(SortExec::new(ordering, input).with_fetch(fetch)))
}

fn column(name: &str, schema: &SchemaRef) -> Result<Arc<dyn PhysicalExpr>> {
    Ok(Arc::new(Column::new_with_schema(name, schema)?))
}

/// Whether the function goes by the order of rows in time.
fn needs_row_order(aggregate: Aggregate) -> bool {
    matches!(aggregate, Aggregate::First | Aggregate::Last)
}

/// The name of the column of bucket numbers in an aggregation's output.
pub(crate) const BUCKET: &str = "_bucket";

fn aggregated(
    query: &AggregateQuery,
    pool: &Pool,
    input: Arc<MatchExec>,
) -> Result<Arc<dyn ExecutionPlan>> {
    let schema = input.schema();
    let mut groups: Vec<(Arc<dyn PhysicalExpr>, String)> = Vec::new();
    if let Some(series) = &query.series {
        let time = column(series.field.as_str(), &schema)?;
        groups.push((
            Arc::new(BucketExpr::new(time, series.buckets.clone())),
            BUCKET.to_owned(),
        ));
    }
    for group in &query.groups {
        groups.push((column(group.field.as_str(), &schema)?, group.name.clone()));
    }
    let mut measures = Vec::new();
    for measure in &query.measures {
        let argument = measure
            .field
            .as_ref()
            .map(|f| column(f.as_str(), &schema))
            .transpose()?;
        let order = if needs_row_order(measure.aggregate) {
            let time = pool.time_field();
            vec![
                column(time.as_str(), &schema)?,
                column(model::names::ID, &schema)?,
            ]
        } else {
            Vec::new()
        };
        measures.push(aggregates::expression(measure, argument, &order, &schema)?);
    }
    if groups.is_empty() && measures.is_empty() {
        // The key sees none of the fields. The engine needs a column to say that there is one row.
        measures.push(aggregates::expression(&row_count(), None, &[], &schema)?);
    }
    let filters = vec![None; measures.len()];
    Ok(Arc::new(AggregateExec::try_new(
        AggregateMode::Single,
        PhysicalGroupBy::new_single(groups),
        measures,
        filters,
        input,
        schema,
    )?))
}

fn row_count() -> Measure {
    Measure {
        name: "_rows".to_owned(),
        aggregate: Aggregate::Count,
        field: None,
    }
}

#[cfg(test)]
pub(crate) mod tests;
