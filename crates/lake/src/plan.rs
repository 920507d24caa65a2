//! From a constrained question to physical operators, by hand.
//!
//! No logical plan is made and no optimizer rule runs, so nothing can be moved
//! across the constraint. A plan always has this form, read from below:
//!
//! ```text
//! ScanExec      the pool's columns; hints may leave out rows the barrier would refuse anyway
//! BarrierExec   evaluates the key's constraint itself and drops every row not definitely admitted
//! MatchExec     the caller's filter, range and place in the order, over visible rows alone
//! GroupExec or SortExec
//! ```

pub(crate) mod barrier;
pub(crate) mod check;
mod effort;
pub(crate) mod group;
pub(crate) mod matching;
mod node;
pub(crate) mod scan;
mod times;
pub(crate) mod top;

use std::sync::Arc;

use arrow_schema::{SchemaRef, SortOptions};
use datafusion_physical_expr::expressions::Column;
use datafusion_physical_expr::{LexOrdering, PhysicalExpr, PhysicalSortExpr};
use datafusion_physical_plan::ExecutionPlan;
use datafusion_physical_plan::sorts::sort::SortExec;
use model::fields::ColumnType;
use model::filters::{Constraint, Filter, Predicate};
use model::limits::PAGE_ROWS_MAX;
use model::names::FieldPath;
use model::pools::{Pool, Schema};
use model::queries::{Aggregate, AggregateQuery, Direction, Query, RecordQuery, Side, TimeBound};

use crate::aggregates::{self, GroupBy};
use crate::columns::Form;
use crate::error::{LakeError, Result};
use crate::reading::{Hints, Reading, TimeOrder};
use crate::snapshot::Snapshot;
use barrier::BarrierExec;
use effort::Effort;
use group::GroupExec;
use matching::{Conditions, MatchExec, Place};
use scan::ScanExec;
use times::{page_hint, time_hint};
use top::TopExec;

/// A plan that passed the check, with what the check held it against.
#[derive(Debug)]
pub(crate) struct Plan {
    /// The operators.
    pub(crate) root: Arc<dyn ExecutionPlan>,
    /// What they read.
    pub(crate) reading: Reading,
    /// What they do for each row of it.
    pub(crate) effort: Effort,
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
        customers: snapshot.customers(&predicate),
        time: match query {
            Query::Records(records) => page_hint(records, pool),
            Query::Aggregate(_) => {
                let range = conditions.range.as_ref();
                range.map(|range| time_hint(range, schema))
            }
        },
    };
    let asked = conditions.filter.as_ref();
    let effort = Effort::of(above.0.len(), asked.into_iter().chain([&predicate]));
    let (barrier, reading) = barrier(snapshot, schema, &predicate, &above, hints, form(query))?;
    let matched = Arc::new(MatchExec::new(barrier, conditions));
    let root = match query {
        Query::Records(records) => sorted(records, pool, matched, reading.clone())?,
        Query::Aggregate(aggregate) => aggregated(aggregate, pool, matched, reading.clone())?,
    };
    check::check(&root, rows, schema).map_err(LakeError::PlanRefused)?;
    Ok(Plan {
        root,
        reading,
        effort,
        unresolved,
    })
}

/// The visible rows of a pool: the scan under its barrier; and what is read.
fn barrier(
    snapshot: &Snapshot,
    schema: &Schema,
    predicate: &Predicate,
    above: &Columns,
    hints: Hints,
    form: Form,
) -> Result<(Arc<dyn ExecutionPlan>, Reading)> {
    let mut below = Columns(above.0.clone());
    let mut added = Ok(());
    predicate.for_each_leaf(&mut |leaf| {
        if added.is_ok() {
            added = below.add(&leaf.field, schema);
        }
    });
    added?;
    let scan = Arc::new(ScanExec::new(snapshot.clone(), below.0, hints, form));
    let reading = scan.reading().clone();
    let keep = (0..above.0.len()).collect();
    let barrier = BarrierExec::new(scan, predicate.clone(), keep);
    Ok((Arc::new(barrier), reading))
}

/// The form in which the operators above the barrier take columns.
fn form(query: &Query) -> Form {
    match query {
        // The engine's sort wants every column in its own type.
        Query::Records(records) if page(records).is_none() => Form::Plain,
        _ => Form::Encoded,
    }
}

/// The rows of a page, when a question asks for one.
fn page(query: &RecordQuery) -> Option<usize> {
    let limit = query.limit.filter(|limit| *limit <= PAGE_ROWS_MAX + 1)?;
    usize::try_from(limit).ok()
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

fn sorted(
    query: &RecordQuery,
    pool: &Pool,
    input: Arc<MatchExec>,
    reading: Reading,
) -> Result<Arc<dyn ExecutionPlan>> {
    let side = query.seek.as_ref().map_or(Side::After, |seek| seek.side);
    let schema = input.schema();
    if let Some(limit) = page(query) {
        let order = query.order.iter().map(|by| {
            let at = schema.index_of(by.field.as_str())?;
            Ok((at, sort_options(by.direction, side)))
        });
        let first = query.order.first();
        let time = first.filter(|by| by.field == pool.time_field());
        let time = time.map(|by| {
            let options = sort_options(by.direction, side);
            TimeOrder {
                field: pool.draft.schema.column_path(&by.field),
                descending: options.descending,
                missing_first: options.nulls_first,
            }
        });
        let order = order.collect::<Result<Vec<_>>>()?;
        return Ok(Arc::new(TopExec::new(input, order, limit, time, reading)));
    }
    let orders = query.order.iter().map(|by| {
        let options = sort_options(by.direction, side);
        let column = column(by.field.as_str(), &schema)?;
        Ok(PhysicalSortExpr::new(column, options))
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
    reading: Reading,
) -> Result<Arc<dyn ExecutionPlan>> {
    let schema = input.schema();
    let mut groups = Vec::new();
    if let Some(series) = &query.series {
        let at = schema.index_of(series.field.as_str())?;
        let interval = GroupBy::Interval(at, Arc::new(series.buckets.clone()));
        groups.push((BUCKET.to_owned(), interval));
    }
    for group in &query.groups {
        let at = schema.index_of(group.field.as_str())?;
        let value = GroupBy::Value(at, schema.field(at).data_type().clone());
        groups.push((group.name.clone(), value));
    }
    let time = pool.time_field();
    let order = [time.as_str(), model::names::ID];
    let mut functions = Vec::new();
    for measure in &query.measures {
        let called = aggregates::called(measure, &order, &schema)?;
        functions.push((measure.name.clone(), called));
    }
    let plan = aggregates::Plan::new(groups, functions);
    Ok(Arc::new(GroupExec::new(input, plan, reading)))
}

#[cfg(test)]
pub(crate) mod tests;
