//! From a constrained question to physical operators, by hand.
//!
//! No logical plan is made and no optimizer rule runs, so nothing can be moved
//! across the constraint. A plan always has this form, read from below:
//!
//! ```text
//! ScanExec      the pool's columns; hints may leave out rows that the barrier would refuse anyway, and
//!               those of other customers or times than the caller asks for, by whole blocks
//! BarrierExec   evaluates the key's constraint itself and drops every row not definitely admitted
//! MatchExec     the caller's filter, range and place in the order, over visible rows alone
//! DerivedExec   bins of numbers, and the steps of a funnel, where they are asked for
//! GroupExec, SortExec or TopExec
//! ```
//!
//! A page is read in two steps: the plan above finds its rows by the columns of
//! the order and the conditions, and these rows alone are read again, with all
//! columns, under a barrier of their own:
//!
//! ```text
//! LateExec      takes the addresses of the rows from the first to the second
//! ├ TopExec over MatchExec over BarrierExec over ScanExec, as above
//! └ BarrierExec over FetchExec
//! ```

mod asked;
pub(crate) mod barrier;
pub(crate) mod check;
pub(crate) mod derived;
mod effort;
pub(crate) mod fetch;
pub(crate) mod group;
mod grouped;
pub(crate) mod late;
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
use model::filters::{Constraint, Predicate};
use model::limits::PAGE_ROWS_MAX;
use model::pools::{Pool, Schema};
use model::queries::{Direction, Query, RecordQuery, Side};

use crate::columns::Form;
use crate::error::{LakeError, Result};
use crate::reading::{ADDRESS, Hints, Reading, TimeOrder};
use crate::snapshot::Snapshot;
use crate::tables::ByTime;
use asked::{
    Columns, Later, actor_columns, aggregate_columns, later_columns, output_columns, record_columns,
};
use barrier::BarrierExec;
use effort::Effort;
use fetch::{Chosen, FetchExec};
pub(crate) use grouped::BUCKET;
use grouped::{aggregated, seen_in_steps, step_rows};
use late::LateExec;
use matching::{Conditions, MatchExec};
use scan::ScanExec;
use times::{page_hint, steps_hint, time_hint};
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
    let (predicate, unresolved) = constraint_predicate(rows, schema);
    let (asked, conditions) = asked(pool, &predicate, query)?;
    let hints = Hints {
        customers: snapshot.customers(&predicate, conditions.filter.as_ref()),
        time: match query {
            Query::Records(records) => page_hint(records, pool),
            Query::Aggregate(_) => {
                let range = conditions.range.as_ref();
                range.map(|range| time_hint(range, schema))
            }
            Query::Actors(actors) => steps_hint(actors, schema),
        },
    };
    let steps = step_rows(query, schema)?;
    let filters = conditions.filter.as_ref().into_iter();
    let filters = filters.chain(steps.iter().map(|(_, rows)| rows));
    let effort = Effort::of(asked.above, query, filters.chain([&predicate]));
    let scan = Arc::new(asked.scan(snapshot, hints, form(query)));
    let reading = scan.reading().clone();
    let barrier = Arc::new(BarrierExec::new(scan, predicate.clone(), asked.keep()));
    let matched = Arc::new(MatchExec::new(barrier, conditions));
    let root = match query {
        Query::Records(records) => sorted(records, pool, matched, reading.clone())?,
        Query::Aggregate(aggregate) => aggregated(aggregate, pool, matched, reading.clone())?,
        Query::Actors(actors) => seen_in_steps(actors, steps, matched, reading.clone())?,
    };
    let root = match &asked.later {
        Some(later) => late(root, later, &predicate, &reading),
        None => root,
    };
    check::check(&root, rows, schema).map_err(LakeError::PlanRefused)?;
    Ok(Plan {
        root,
        reading,
        effort,
        unresolved,
    })
}

/// What a question has read.
#[derive(Debug)]
struct Asked {
    /// What is read of all rows.
    below: Columns,
    /// How many of these columns, from the first, are handed on by the barrier.
    above: usize,
    /// What is read of the first rows of an order.
    later: Option<Later>,
}

fn asked(pool: &Pool, predicate: &Predicate, query: &Query) -> Result<(Asked, Conditions)> {
    let schema = &pool.draft.schema;
    let mut below = Columns::default();
    let conditions = match query {
        Query::Records(records) => record_columns(records, schema, &mut below)?,
        Query::Aggregate(aggregate) => aggregate_columns(aggregate, pool, &mut below)?,
        Query::Actors(actors) => actor_columns(actors, schema, &mut below)?,
    };
    let mut later = None;
    if let Query::Records(records) = query {
        later = later_columns(records, &below, predicate, schema)?;
        if later.is_none() {
            output_columns(records, schema, &mut below)?;
        }
    }
    let above = below.0.len();
    below.add_leaves(predicate, schema)?;
    let asked = Asked {
        below,
        above,
        later,
    };
    Ok((asked, conditions))
}

impl Asked {
    fn scan(&self, snapshot: &Snapshot, hints: Hints, form: Form) -> ScanExec {
        let later = self.later.as_ref().map(|later| later.columns.0.clone());
        ScanExec::new(snapshot.clone(), self.below.0.clone(), later, hints, form)
    }

    /// What the barrier hands on: behind the columns are the addresses.
    fn keep(&self) -> Vec<usize> {
        let behind = self.below.0.len();
        let address = self
            .later
            .is_some()
            .then_some(behind..behind + ADDRESS.len());
        (0..self.above)
            .chain(address.into_iter().flatten())
            .collect()
    }
}

/// The rows that `first` finds, read again under a barrier of their own.
fn late(
    first: Arc<dyn ExecutionPlan>,
    later: &Later,
    predicate: &Predicate,
    reading: &Reading,
) -> Arc<dyn ExecutionPlan> {
    let chosen = Chosen::default();
    let columns = &later.columns.0;
    let fetch = Arc::new(FetchExec::new(reading.clone(), columns, chosen.clone()));
    let keep = (0..later.shown).collect();
    let barrier = Arc::new(BarrierExec::new(fetch, predicate.clone(), keep));
    Arc::new(LateExec::new(first, barrier, chosen))
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
                by: ByTime {
                    descending: options.descending,
                    missing_first: options.nulls_first,
                },
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

#[cfg(test)]
pub(crate) mod tests;
