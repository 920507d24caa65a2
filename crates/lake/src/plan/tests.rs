//! The plan check, the barrier, and what the engine may ask of it.

mod answers;
mod checks;
mod hooks;
mod memory;
pub(crate) mod mutants;

use std::sync::Arc;

use datafusion_physical_plan::ExecutionPlan;
use model::filters::{Constraint, parse_filter};
use model::names::FieldPath;
use model::pools::{Pool, PoolDraft};
use model::records::Record;
use model::value::Value;

use super::asked::Columns;
use super::barrier::BarrierExec;
use super::constraint_predicate;
use super::fetch::{Chosen, FetchExec};
use super::late::LateExec;
use super::matching::{Conditions, MatchExec};
use super::scan::ScanExec;
use super::top::TopExec;
use crate::buffer::{PoolBuffer, Segment};
use crate::columns::Form;
use crate::columns::Layout;
use crate::reading::{Hints, Reading};
use crate::snapshot::{FileView, Snapshot};

fn json(text: &str) -> Value {
    model::json::parse(text.as_bytes()).unwrap()
}

fn path(text: &str) -> FieldPath {
    FieldPath::parse_readable(text).unwrap()
}

fn pool() -> Pool {
    let definition = r#"{"name":"p","schema":"strict","isolation_field":"tenant","fields":[
        {"name":"tenant","type":"String"},{"name":"n","type":"Int64"},{"name":"x","type":"Int64"}]}"#;
    Pool {
        id: model::ids::PoolId::from_bytes([1; 16]),
        draft: PoolDraft::parse(&json(definition)).unwrap(),
        created_at: model::time::Timestamp::MIN,
        revision: 1,
    }
}

fn rows(text: &str) -> Constraint {
    Constraint::Rows(parse_filter(&json(text)).unwrap())
}

/// The rows of the tenant `acme`.
fn acme() -> Constraint {
    rows(r#"{"field":"tenant","operator":"eq","value":"acme"}"#)
}

/// Three rows of `acme`, and one of another tenant for which 1/(x-42) fails.
fn snapshot(pool: &Pool) -> Snapshot {
    let record = |(at, tenant, x): (i64, &str, i64)| {
        Record::restore(vec![
            (path("_id"), Value::from(format!("{at:026}"))),
            (path("n"), Value::from(at)),
            (path("tenant"), Value::from(tenant)),
            (path("x"), Value::from(x)),
        ])
        .unwrap()
    };
    let records: Vec<Record> = [
        (1, "acme", 1),
        (2, "acme", 2),
        (3, "other", 42),
        (4, "acme", 3),
    ]
    .map(record)
    .into();
    let schema = &pool.draft.schema;
    let mut buffer = PoolBuffer::new(schema, pool.draft.isolation_field.clone());
    buffer
        .push(Segment::of_records(&Layout::of(schema), &records).unwrap())
        .unwrap();
    buffer.snapshot(FileView::default())
}

/// So many rows numbered from 0, every fourth of another tenant than `acme`.
fn many(pool: &Pool, count: i64) -> Snapshot {
    let record = |at: i64| {
        let tenant = if at % 4 == 3 { "other" } else { "acme" };
        Record::restore(vec![
            (path("_id"), Value::from(format!("{at:026}"))),
            (path("n"), Value::from(at)),
            (path("tenant"), Value::from(tenant)),
        ])
        .unwrap()
    };
    let records: Vec<Record> = (0..count).map(record).collect();
    let schema = &pool.draft.schema;
    let isolation = pool.draft.isolation_field.clone();
    let segment = Segment::of_records(&Layout::of(schema), &records).unwrap();
    let mut buffer = PoolBuffer::new(schema, isolation.clone());
    buffer.push(segment.indexed(isolation.as_ref())).unwrap();
    buffer.snapshot(FileView::default())
}

/// A scan of `tenant`, `n` and `x`.
fn scan(pool: &Pool) -> Arc<dyn ExecutionPlan> {
    let mut columns = Columns::default();
    for name in ["tenant", "n", "x"] {
        columns.add(&path(name), &pool.draft.schema).unwrap();
    }
    Arc::new(ScanExec::new(
        snapshot(pool),
        columns.0,
        None,
        Hints::default(),
        Form::Plain,
    ))
}

/// The parts of a plan in two steps.
struct Steps {
    /// A scan of `n` and `tenant`, with addresses.
    scan: Arc<dyn ExecutionPlan>,
    reading: Reading,
    /// A reading of `tenant`, `n` and `x` of the rows that are chosen.
    fetch: Arc<dyn ExecutionPlan>,
    chosen: Chosen,
}

fn steps(pool: &Pool) -> Steps {
    let columns = |names: &[&str]| {
        let mut columns = Columns::default();
        for name in names {
            columns.add(&path(name), &pool.draft.schema).unwrap();
        }
        columns.0
    };
    let later = columns(&["tenant", "n", "x"]);
    let scan = ScanExec::new(
        snapshot(pool),
        columns(&["n", "tenant"]),
        Some(later.clone()),
        Hints::default(),
        Form::Plain,
    );
    let (reading, chosen) = (scan.reading().clone(), Chosen::default());
    let fetch = FetchExec::new(reading.clone(), &later, chosen.clone());
    Steps {
        scan: Arc::new(scan),
        reading,
        fetch: Arc::new(fetch),
        chosen,
    }
}

impl Steps {
    /// The two rows with the greatest `n`, among those of an input with the columns of the scan.
    fn first(&self, input: Arc<dyn ExecutionPlan>) -> Arc<dyn ExecutionPlan> {
        let options = arrow_schema::SortOptions::default().desc();
        let reading = self.reading.clone();
        Arc::new(TopExec::new(input, vec![(0, options)], 2, None, reading))
    }

    fn late(
        &self,
        first: Arc<dyn ExecutionPlan>,
        rows: Arc<dyn ExecutionPlan>,
    ) -> Arc<dyn ExecutionPlan> {
        Arc::new(LateExec::new(first, rows, self.chosen.clone()))
    }
}

/// The barrier of a constraint over something.
fn barrier(
    pool: &Pool,
    rows: &Constraint,
    input: Arc<dyn ExecutionPlan>,
) -> Arc<dyn ExecutionPlan> {
    let (predicate, _) = constraint_predicate(rows, &pool.draft.schema);
    let all = (0..input.schema().fields().len()).collect();
    Arc::new(BarrierExec::new(input, predicate, all))
}

/// The caller's conditions, none of them, over something.
fn matched(input: Arc<dyn ExecutionPlan>) -> Arc<dyn ExecutionPlan> {
    Arc::new(MatchExec::new(
        input,
        Conditions {
            filter: None,
            range: None,
            place: None,
        },
    ))
}
