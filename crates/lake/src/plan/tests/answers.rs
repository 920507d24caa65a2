//! Small questions whose answers are known.

use std::sync::Arc;

use arrow_array::RecordBatch;
use datafusion_execution::TaskContext;
use datafusion_execution::memory_pool::{GreedyMemoryPool, MemoryPool};
use datafusion_execution::runtime_env::RuntimeEnvBuilder;
use datafusion_physical_plan::collect;
use model::filters::{Constraint, parse_filter};
use model::queries::{
    Aggregate, AggregateQuery, Direction, Measure, OrderBy, OutputField, Query, RecordQuery, Seek,
    Side,
};
use model::value::Value;

use super::{acme, json, many, path, pool, rows, snapshot};
use crate::finish::finish;
use crate::plan::{Plan, plan};
use crate::run::{RunOptions, Runner, groups, record_rows};

fn planned(constraint: &Constraint, query: &Query) -> Plan {
    let pool = pool();
    plan(&pool, constraint, query, &snapshot(&pool)).unwrap()
}

fn run(constraint: &Constraint, query: &Query) -> Vec<RecordBatch> {
    collected(planned(constraint, query))
}

fn collected(plan: Plan) -> Vec<RecordBatch> {
    let runner = Runner::new(RunOptions::default()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    runtime.block_on(runner.collect(plan.root)).unwrap()
}

/// The aggregation of these measures over no groups.
fn over_all(measures: Vec<Measure>) -> AggregateQuery {
    AggregateQuery {
        columns: measures
            .iter()
            .map(|measure| measure.name.clone())
            .collect(),
        series: None,
        groups: Vec::new(),
        measures,
        filter: None,
        range: None,
        having: None,
        order: Vec::new(),
        limit: None,
    }
}

fn aggregated(constraint: &Constraint, query: &AggregateQuery) -> Vec<Vec<Value>> {
    let batches = run(constraint, &Query::Aggregate(query.clone()));
    finish(
        query,
        &pool().draft.schema,
        groups(query, &batches).unwrap(),
    )
    .unwrap()
}

fn count() -> AggregateQuery {
    let count = Measure {
        name: "count".to_owned(),
        aggregate: Aggregate::Count,
        field: None,
    };
    over_all(vec![count])
}

#[test]
fn rows_are_counted_without_any_column() {
    assert_eq!(
        aggregated(&Constraint::AllRows, &count()),
        [[Value::Integer(4)]]
    );
    assert_eq!(aggregated(&acme(), &count()), [[Value::Integer(3)]]);
}

#[test]
fn customers_that_are_not_asked_for_are_not_read_with_a_constraint_and_without() {
    let of = |tenant: &str| {
        let filter = format!(r#"{{"field":"tenant","operator":"eq","value":"{tenant}"}}"#);
        AggregateQuery {
            filter: Some(parse_filter(&json(&filter)).unwrap()),
            ..count()
        }
    };
    let lies_below_three = rows(r#"{"field":"n","operator":"lt","value":3}"#);
    let pool = pool();
    // As many rows as have an index in memory: every fourth is of another tenant.
    let many = many(&pool, 8_000);
    // The constraint, who is asked for, how many rows are read, and how many counted.
    let cases = [
        (&Constraint::AllRows, "other", 2_000, 2_000),
        (&Constraint::AllRows, "acme", 6_000, 6_000),
        (&Constraint::AllRows, "nobody", 0, 0),
        // Somebody else's rows are none, whether there are some or not.
        (&lies_below_three, "other", 2_000, 0),
        (&lies_below_three, "nobody", 0, 0),
        (&lies_below_three, "acme", 6_000, 3),
        // Where the constraint says who matters, it alone says it.
        (&acme(), "other", 6_000, 0),
        (&acme(), "acme", 6_000, 6_000),
    ];
    for (constraint, tenant, read, counted) in cases {
        let query = of(tenant);
        let asked = Query::Aggregate(query.clone());
        let planned = || plan(&pool, constraint, &asked, &many).unwrap();
        let reading = planned().reading;
        let batches = std::iter::from_fn(|| reading.step());
        let rows = batches.map(|batch| batch.unwrap().map_or(0, |batch| batch.num_rows()));
        assert_eq!(rows.sum::<usize>(), read, "{constraint:?} {tenant}");
        let groups = groups(&query, &collected(planned())).unwrap();
        let answer = finish(&query, &pool.draft.schema, groups).unwrap();
        assert_eq!(answer, [[Value::Integer(counted)]], "{tenant}");
    }
}

#[test]
fn a_key_that_sees_none_of_the_fields_is_answered_a_row_of_nothing() {
    let nothing: Vec<Value> = Vec::new();
    assert_eq!(aggregated(&acme(), &over_all(Vec::new())), [nothing]);
}

#[test]
fn a_constraint_that_means_nothing_admits_nothing_and_says_why() {
    for gone in [
        r#"{"field":"gone","operator":"eq","value":1}"#,
        r#"{"field":"gone","operator":"exists","value":false}"#,
        r#"{"not":{"field":"n","operator":"eq","value":"text"}}"#,
        r#"{"any":[{"field":"tenant","operator":"eq","value":"acme"},
            {"field":"n","operator":"starts_with","value":"a"}]}"#,
    ] {
        let gone = rows(gone);
        assert_eq!(aggregated(&gone, &count()), [[Value::Integer(0)]]);
        assert!(
            planned(&gone, &Query::Aggregate(count()))
                .unresolved
                .is_some()
        );
    }
    let empty = Constraint::Rows(model::filters::Filter::All(Vec::new()));
    assert_eq!(aggregated(&empty, &count()), [[Value::Integer(0)]]);
    assert!(
        planned(&acme(), &Query::Aggregate(count()))
            .unresolved
            .is_none()
    );
}

/// The values of `n` in the order of `x`, then of `_id`.
fn page(constraint: &Constraint, direction: Direction, seek: Option<Seek>) -> Vec<i128> {
    let by = |name: &str| OrderBy {
        field: path(name),
        direction,
    };
    let query = RecordQuery {
        columns: vec![OutputField {
            name: "n".to_owned(),
            field: path("n"),
        }],

        rest: None,
        filter: None,
        range: None,
        order: vec![by("x"), by("_id")],
        seek,
        limit: Some(2),
        with_order_values: false,
    };
    let batches = run(constraint, &Query::Records(query.clone()));
    let rows = batches
        .iter()
        .flat_map(|batch| record_rows(&query, &pool().draft.schema, batch).unwrap());
    rows.map(|row| match row[0] {
        Value::Integer(number) => number,
        ref other => panic!("{other:?}"),
    })
    .collect()
}

#[test]
fn a_page_starts_beside_a_row_that_the_key_may_not_even_see() {
    use Direction::{Ascending, Descending};
    let seek = |x: i64, at: i64, side| {
        Some(Seek {
            values: vec![Value::from(x), Value::from(format!("{at:026}"))],
            side,
        })
    };
    assert_eq!(page(&acme(), Ascending, None), [1, 2]);
    assert_eq!(page(&acme(), Ascending, seek(2, 2, Side::After)), [4]);
    assert_eq!(page(&acme(), Descending, None), [4, 2]);
    // Beside x = 42, which is hidden, and beside a row that never was.
    assert_eq!(page(&acme(), Descending, seek(42, 3, Side::After)), [4, 2]);
    assert_eq!(page(&acme(), Ascending, seek(42, 3, Side::Before)), [4, 2]);
    assert_eq!(
        page(&acme(), Ascending, seek(43, 9, Side::After)),
        Vec::<i128>::new()
    );
}

/// A question with so many bytes of memory, and what is still reserved of them after it.
fn within(plan: &Plan, bytes: usize) -> (Result<usize, String>, usize) {
    let memory: Arc<dyn MemoryPool> = Arc::new(GreedyMemoryPool::new(bytes));
    let environment = RuntimeEnvBuilder::new().with_memory_pool(memory.clone());
    let environment = environment.build_arc().unwrap();
    let context = Arc::new(TaskContext::default().with_runtime(environment));
    let rows = futures::executor::block_on(collect(plan.root.clone(), context));
    let rows = rows.map(|batches| batches.iter().map(RecordBatch::num_rows).sum());
    (rows.map_err(|error| error.to_string()), memory.reserved())
}

#[test]
fn the_rows_of_a_page_are_read_within_the_memory_of_the_question() {
    let by = |name: &str| OrderBy {
        field: path(name),
        direction: Direction::Ascending,
    };
    let query = Query::Records(RecordQuery {
        columns: vec![OutputField {
            name: "tenant".to_owned(),
            field: path("tenant"),
        }],
        rest: None,
        filter: None,
        range: None,
        order: vec![by("x"), by("_id")],
        seek: None,
        limit: Some(3),
        with_order_values: false,
    });
    let (rows, left) = within(&planned(&acme(), &query), 1 << 10);
    assert_eq!((rows, left), (Ok(3), 0));
    let (rows, left) = within(&planned(&acme(), &query), 16);
    assert!(
        rows.is_err_and(|error| error.contains("page")),
        "there is no room"
    );
    assert_eq!(left, 0);
}
