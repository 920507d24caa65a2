//! Groups within the memory of one question.

use datafusion_common::DataFusionError;
use datafusion_execution::TaskContext;
use datafusion_execution::memory_pool::GreedyMemoryPool;
use datafusion_execution::runtime_env::RuntimeEnvBuilder;
use futures::TryStreamExt;
use model::queries::{Aggregate, AggregateQuery, GroupField, Measure, Query};

use super::*;
use crate::plan::plan;

/// Eight rows of one text of this length.
fn texts(pool: &Pool, bytes: usize) -> Snapshot {
    let record = |at: i64| {
        Record::restore(vec![
            (path("_id"), Value::from(format!("{at:026}"))),
            (path("n"), Value::from(at)),
            (path("tenant"), Value::from("x".repeat(bytes))),
        ])
        .unwrap()
    };
    let records: Vec<Record> = (0..8).map(record).collect();
    let schema = &pool.draft.schema;
    let mut buffer = PoolBuffer::new(schema, None);
    let segment = Segment::of_records(&Layout::of(schema), &records).unwrap();
    buffer.push(segment).unwrap();
    buffer.snapshot(FileView::default())
}

/// Lists the texts of each number, with so much memory.
fn listed(bytes: usize, memory: usize) -> Result<usize, DataFusionError> {
    let pool = pool();
    let query = Query::Aggregate(AggregateQuery {
        columns: vec!["n".to_owned(), "texts".to_owned()],
        series: None,
        groups: vec![GroupField {
            name: "n".to_owned(),
            field: path("n"),
            bins: None,
        }],
        measures: vec![Measure {
            name: "texts".to_owned(),
            aggregate: Aggregate::SelectUnique,
            field: Some(path("tenant")),
        }],
        filter: None,
        range: None,
        having: None,
        order: Vec::new(),
        limit: None,
    });
    let plan = plan(&pool, &Constraint::AllRows, &query, &texts(&pool, bytes)).unwrap();
    let memory = Arc::new(GreedyMemoryPool::new(memory));
    let environment = RuntimeEnvBuilder::new()
        .with_memory_pool(memory)
        .build_arc();
    let context = TaskContext::default().with_runtime(environment.unwrap());
    let batches = plan.root.execute(0, Arc::new(context)).unwrap();
    let batches: Vec<_> = futures::executor::block_on(batches.try_collect())?;
    Ok(batches.iter().map(arrow_array::RecordBatch::num_rows).sum())
}

#[test]
fn the_results_of_groups_are_held_within_the_memory_of_their_question() {
    assert_eq!(listed(1 << 10, 4 << 20).unwrap(), 8);
    // What is read fits; what is listed does not.
    let refused = listed(1 << 20, 4 << 20).unwrap_err();
    let refused = refused.find_root();
    assert!(
        matches!(refused, DataFusionError::ResourcesExhausted(_)),
        "{refused}"
    );
}
