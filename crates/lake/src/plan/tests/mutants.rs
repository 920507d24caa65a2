//! Plans that are wrong in the ways that engines are, built by hand from the
//! same operators, for the tests that must notice.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arrow_array::cast::AsArray;
use arrow_array::types::UInt32Type;
use arrow_array::{Array, BooleanArray, RecordBatch, UInt32Array};
use arrow_buffer::BooleanBuffer;
use arrow_select::filter::filter_record_batch;
use datafusion_common::Result as EngineResult;
use datafusion_physical_plan::{ExecutionPlan, PlanProperties};

use super::super::*;
use crate::plan::node::{one_input_node, plain_properties};
use crate::predicate::evaluate;
use crate::reading::ADDRESS;

/// What a planner may get wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mutant {
    /// There is no barrier.
    NoBarrier,
    /// The constraint is one more condition of the caller's.
    Fused,
    /// What is not definitely false is admitted.
    UnknownAdmits,
    /// A constraint that means nothing admits every row.
    UnresolvedAdmitsAll,
    /// The limit is applied below the barrier.
    LimitBelow,
    /// There is no barrier where all rows come from files.
    NoBarrierForFiles,
    /// The rows of a page are fetched from the places behind their own.
    Next,
    /// The rows of a page are fetched by their places among the admitted rows.
    AmongAdmitted,
    /// The same, and there is no barrier above what is fetched.
    AmongAdmittedUnguarded,
}

/// Passes batches on and counts the rows that the operators above it see.
#[derive(Debug)]
struct Gauge {
    input: Arc<dyn ExecutionPlan>,
    seen: Arc<AtomicUsize>,
    properties: Arc<PlanProperties>,
}

#[derive(Debug)]
struct Counting(Arc<AtomicUsize>);

impl Counting {
    fn batch(&self, batch: RecordBatch) -> EngineResult<Option<RecordBatch>> {
        self.0.fetch_add(batch.num_rows(), Ordering::Relaxed);
        Ok(Some(batch))
    }
}

impl Gauge {
    fn work(&self) -> Counting {
        Counting(self.seen.clone())
    }
}

one_input_node!(Gauge);

/// A barrier for which unknown is true.
#[derive(Debug)]
struct Lenient {
    input: Arc<dyn ExecutionPlan>,
    predicate: Arc<Predicate>,
    properties: Arc<PlanProperties>,
}

#[derive(Debug)]
struct Leniency(Arc<Predicate>);

impl Leniency {
    fn batch(&self, batch: RecordBatch) -> EngineResult<Option<RecordBatch>> {
        let truth = evaluate(&self.0, &batch).unwrap();
        let admits = |row| truth.is_null(row) || truth.value(row);
        let admitted = BooleanBuffer::collect_bool(truth.len(), admits);
        Ok(Some(filter_record_batch(
            &batch,
            &BooleanArray::new(admitted, None),
        )?))
    }
}

impl Lenient {
    fn work(&self) -> Leniency {
        Leniency(self.predicate.clone())
    }
}

one_input_node!(Lenient);

/// Gives rows the addresses of others.
#[derive(Debug)]
struct Misplaced {
    input: Arc<dyn ExecutionPlan>,
    mutant: Mutant,
    properties: Arc<PlanProperties>,
}

#[derive(Debug)]
struct Misplacing(Mutant);

impl Misplacing {
    fn batch(&self, batch: RecordBatch) -> EngineResult<Option<RecordBatch>> {
        let Ok(at) = batch.schema_ref().index_of(ADDRESS[1]) else {
            return Ok(Some(batch));
        };
        let (schema, mut columns, _) = batch.into_parts();
        let rows = columns[at].as_primitive::<UInt32Type>().values().iter();
        let rows = rows.enumerate().map(|(at, row)| match self.0 {
            Mutant::Next => row + 1,
            _ => at as u32,
        });
        columns[at] = Arc::new(UInt32Array::from_iter_values(rows));
        Ok(Some(RecordBatch::try_new(schema, columns)?))
    }
}

impl Misplaced {
    fn work(&self) -> Misplacing {
        Misplacing(self.mutant)
    }
}

one_input_node!(Misplaced);

/// A plan under observation.
#[derive(Debug)]
pub(crate) struct Observed {
    pub(crate) root: Arc<dyn ExecutionPlan>,
    /// The rows that the caller's own conditions were evaluated on.
    pub(crate) seen: Arc<AtomicUsize>,
}

/// The plan of a question: the product's own without a mutant.
pub(crate) fn observed(
    mutant: Option<Mutant>,
    pool: &Pool,
    rows: &Constraint,
    query: &Query,
    snapshot: &Snapshot,
) -> Result<Observed> {
    let (predicate, unresolved) = constraint_predicate(rows, &pool.draft.schema);
    let (asked, mut conditions) = asked(pool, &predicate, query)?;
    let scan = Arc::new(asked.scan(snapshot, Hints::default(), form(query)));
    let reading = scan.reading().clone();
    let scan: Arc<dyn ExecutionPlan> = scan;
    let properties = plain_properties(scan.schema());
    let keep = asked.keep();
    // Who lets a row through once does so a second time.
    let again = match mutant {
        None | Some(Mutant::LimitBelow | Mutant::Next | Mutant::AmongAdmitted) => predicate.clone(),
        Some(_) => Predicate::All(Vec::new()),
    };
    let input: Arc<dyn ExecutionPlan> = match mutant {
        None => Arc::new(BarrierExec::new(scan, predicate, keep)),
        Some(mutant @ (Mutant::Next | Mutant::AmongAdmitted | Mutant::AmongAdmittedUnguarded)) => {
            let input = Arc::new(BarrierExec::new(scan, predicate, keep));
            let properties = plain_properties(input.schema());
            Arc::new(Misplaced {
                input,
                mutant,
                properties,
            })
        }
        Some(Mutant::NoBarrier) => scan,
        Some(Mutant::Fused) => {
            let caller = conditions
                .filter
                .take()
                .unwrap_or(Predicate::All(Vec::new()));
            conditions.filter = Some(Predicate::All(vec![caller, predicate]));
            scan
        }
        Some(Mutant::UnknownAdmits) => {
            let predicate = Arc::new(predicate);
            Arc::new(Lenient {
                input: scan,
                predicate,
                properties,
            })
        }
        Some(Mutant::UnresolvedAdmitsAll) if unresolved.is_some() => scan,
        Some(Mutant::UnresolvedAdmitsAll) => Arc::new(BarrierExec::new(scan, predicate, keep)),
        Some(Mutant::NoBarrierForFiles) if snapshot.segments.is_empty() => scan,
        Some(Mutant::NoBarrierForFiles) => Arc::new(BarrierExec::new(scan, predicate, keep)),
        Some(Mutant::LimitBelow) => {
            let scan = match query {
                Query::Records(records) => limited(records, pool, scan, reading.clone())?,
                Query::Aggregate(_) | Query::Actors(_) => scan,
            };
            Arc::new(BarrierExec::new(scan, predicate, keep))
        }
    };
    let seen = Arc::new(AtomicUsize::new(0));
    let properties = plain_properties(input.schema());
    let gauge = Arc::new(Gauge {
        input,
        seen: seen.clone(),
        properties,
    });
    let matched = Arc::new(MatchExec::new(gauge, conditions));
    let root = match query {
        Query::Records(records) => sorted(records, pool, matched, reading.clone())?,
        Query::Aggregate(aggregate) => aggregated(aggregate, pool, matched, reading.clone())?,
        Query::Actors(actors) => {
            let steps = step_rows(query, &pool.draft.schema)?;
            seen_in_steps(actors, steps, matched, reading.clone())?
        }
    };
    let root = match &asked.later {
        Some(later) => late(root, later, &again, &reading),
        None => root,
    };
    Ok(Observed { root, seen })
}

/// The question's own order and limit, over rows of anybody.
fn limited(
    query: &RecordQuery,
    pool: &Pool,
    scan: Arc<dyn ExecutionPlan>,
    reading: Reading,
) -> Result<Arc<dyn ExecutionPlan>> {
    let nothing = Conditions {
        filter: None,
        range: None,
        place: None,
    };
    let matched = Arc::new(MatchExec::new(scan, nothing));
    sorted(query, pool, matched, reading)
}
