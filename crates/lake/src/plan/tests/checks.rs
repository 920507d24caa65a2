//! Good plans pass the check, and bad ones do not.

use std::fmt;
use std::sync::Arc;

use arrow_schema::SortOptions;
use datafusion_common::tree_node::TreeNodeRecursion;
use datafusion_common::{Result as EngineResult, internal_err};
use datafusion_execution::{SendableRecordBatchStream, TaskContext};
use datafusion_physical_expr::expressions::{Column, lit};
use datafusion_physical_expr::{LexOrdering, PhysicalExpr, PhysicalSortExpr};
use datafusion_physical_plan::buffer::BufferExec;
use datafusion_physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion_physical_plan::coop::CooperativeExec;
use datafusion_physical_plan::empty::EmptyExec;
use datafusion_physical_plan::filter::FilterExec;
use datafusion_physical_plan::limit::{GlobalLimitExec, LocalLimitExec};
use datafusion_physical_plan::projection::{ProjectionExec, ProjectionExpr};
use datafusion_physical_plan::repartition::RepartitionExec;
use datafusion_physical_plan::sorts::sort::SortExec;
use datafusion_physical_plan::sorts::sort_preserving_merge::SortPreservingMergeExec;
use datafusion_physical_plan::union::UnionExec;
use datafusion_physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PlanProperties,
    ReplaceChildrenOptions,
};
use model::analyses::{BinSize, Bins};
use model::filters::Constraint;
use model::pools::Pool;
use model::queries::{
    ActorQuery, Aggregate, AggregateQuery, Direction, GroupField, Measure, OrderBy, OutputField,
    Query, RecordQuery, StepRows,
};
use model::value::Number;

use super::{Steps, acme, barrier, matched, path, pool, rows, scan, snapshot, steps};
use crate::plan::check::check;
use crate::plan::plan;

type Node = Arc<dyn ExecutionPlan>;

/// Shows another operator to those who ask what it is.
#[derive(Debug)]
struct Disguised {
    shown: Node,
    input: Vec<Node>,
}

impl DisplayAs for Disguised {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Disguised")
    }
}

impl ExecutionPlan for Disguised {
    fn name(&self) -> &'static str {
        "Disguised"
    }

    fn downcast_delegate(&self) -> Option<&dyn ExecutionPlan> {
        Some(self.shown.as_ref())
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.shown.properties()
    }

    fn children(&self) -> Vec<&Node> {
        self.input.iter().collect()
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> EngineResult<TreeNodeRecursion>,
    ) -> EngineResult<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        _: Vec<Node>,
        _: ReplaceChildrenOptions,
    ) -> EngineResult<Node> {
        internal_err!("it keeps its input")
    }

    fn with_new_children(self: Arc<Self>, _: Vec<Node>) -> EngineResult<Node> {
        internal_err!("it keeps its input")
    }

    fn execute(&self, _: usize, _: Arc<TaskContext>) -> EngineResult<SendableRecordBatchStream> {
        internal_err!("it is never run")
    }
}

fn disguised(shown: Node, input: Option<Node>) -> Node {
    Arc::new(Disguised {
        shown,
        input: input.into_iter().collect(),
    })
}

fn ordering() -> LexOrdering {
    let column: Arc<dyn PhysicalExpr> = Arc::new(Column::new("n", 1));
    LexOrdering::new([PhysicalSortExpr::new(column, SortOptions::default())]).unwrap()
}

fn top(input: Node) -> Node {
    Arc::new(SortExec::new(ordering(), input).with_fetch(Some(1)))
}

fn filter(input: Node) -> Node {
    Arc::new(FilterExec::try_new(lit(true), input).unwrap())
}

fn projection(input: Node) -> Node {
    let column = ProjectionExpr::new(Arc::new(Column::new("n", 1)), "n".to_owned());
    Arc::new(ProjectionExec::try_new([column], input).unwrap())
}

fn repartition(input: Node) -> Node {
    Arc::new(RepartitionExec::try_new(input, Partitioning::RoundRobinBatch(4)).unwrap())
}

#[expect(
    deprecated,
    reason = "the engine still has it, so the check must refuse it"
)]
fn coalesce(input: Node) -> Node {
    use datafusion_physical_plan::coalesce_batches::CoalesceBatchesExec;
    Arc::new(CoalesceBatchesExec::new(input, 10))
}

/// Bad plans for the constraint [`acme`].
fn bad(pool: &Pool) -> Vec<(&'static str, Node)> {
    let scan = || scan(pool);
    let secure = |input| barrier(pool, &acme(), input);
    let zed = rows(r#"{"field":"tenant","operator":"eq","value":"zed"}"#);
    let both = rows(
        r#"{"any":[{"field":"tenant","operator":"eq","value":"acme"},
            {"field":"tenant","operator":"eq","value":"zed"}]}"#,
    );
    let number = rows(r#"{"field":"n","operator":"eq","value":1}"#);
    let union = |a, b| UnionExec::try_new(vec![a, b]).unwrap();
    let empty = || -> Node { Arc::new(EmptyExec::new(scan().schema())) };
    vec![
        ("a bare scan", scan()),
        ("no barrier", matched(scan())),
        ("no barrier under a sort", top(matched(scan()))),
        ("two barriers", secure(secure(scan()))),
        (
            "the barrier of another",
            matched(barrier(pool, &zed, scan())),
        ),
        ("the barrier of two", matched(barrier(pool, &both, scan()))),
        (
            "a barrier on another field",
            matched(barrier(pool, &number, scan())),
        ),
        (
            "a barrier that admits all",
            matched(barrier(pool, &Constraint::AllRows, scan())),
        ),
        ("conditions below", secure(matched(scan()))),
        ("a limit by order below", matched(secure(top(scan())))),
        (
            "a limit below",
            matched(secure(Arc::new(GlobalLimitExec::new(scan(), 0, Some(1))))),
        ),
        (
            "a local limit below",
            matched(secure(Arc::new(LocalLimitExec::new(scan(), 1)))),
        ),
        ("a filter below", matched(secure(filter(scan())))),
        ("a projection below", secure(projected_wide(scan()))),
        ("gathering below", secure(coalesce(scan()))),
        ("partitions below", secure(repartition(scan()))),
        (
            "a buffer below",
            secure(Arc::new(BufferExec::new(scan(), 1))),
        ),
        (
            "a yielding operator below",
            secure(Arc::new(CooperativeExec::new(scan()))),
        ),
        ("two scans below", secure(union(scan(), scan()))),
        ("nothing below", secure(empty())),
        ("a filter above", filter(matched(secure(scan())))),
        ("a filter directly above", matched(filter(secure(scan())))),
        (
            "a limit above",
            Arc::new(GlobalLimitExec::new(matched(secure(scan())), 0, Some(1))),
        ),
        ("a projection above", projection(matched(secure(scan())))),
        ("gathering above", coalesce(matched(secure(scan())))),
        ("partitions above", repartition(matched(secure(scan())))),
        (
            "one partition above",
            Arc::new(CoalescePartitionsExec::new(secure(scan()))),
        ),
        (
            "a merge above",
            Arc::new(SortPreservingMergeExec::new(ordering(), secure(scan()))),
        ),
        (
            "a yielding operator above",
            Arc::new(CooperativeExec::new(secure(scan()))),
        ),
        ("two secured scans", union(secure(scan()), secure(scan()))),
        ("one of two secured", matched(union(secure(scan()), scan()))),
        ("nothing", empty()),
        (
            "a disguised condition",
            disguised(matched(secure(scan())), Some(secure(scan()))),
        ),
        (
            "a disguised barrier",
            matched(disguised(secure(scan()), Some(scan()))),
        ),
        ("a disguised scan", matched(secure(disguised(scan(), None)))),
        (
            "a disguised scan with input",
            secure(disguised(scan(), Some(scan()))),
        ),
    ]
}

/// Bad plans in two steps for the constraint [`acme`].
fn bad_in_two_steps(pool: &Pool) -> Vec<(&'static str, Node)> {
    type Build = fn(&Pool, &Steps) -> Node;
    let all: Vec<(&'static str, Build)> = vec![
        ("no barrier above what is fetched", |pool, steps| {
            steps.late(first(pool, steps), steps.fetch.clone())
        }),
        (
            "the barrier of another above what is fetched",
            |pool, steps| {
                let zed = rows(r#"{"field":"tenant","operator":"eq","value":"zed"}"#);
                steps.late(first(pool, steps), barrier(pool, &zed, steps.fetch.clone()))
            },
        ),
        ("what is fetched is all admitted", |pool, steps| {
            let all = Constraint::AllRows;
            steps.late(first(pool, steps), barrier(pool, &all, steps.fetch.clone()))
        }),
        ("conditions above what is fetched", |pool, steps| {
            steps.late(first(pool, steps), matched(again(pool, steps)))
        }),
        ("conditions below the second barrier", |pool, steps| {
            let rows = barrier(pool, &acme(), matched(steps.fetch.clone()));
            steps.late(first(pool, steps), rows)
        }),
        ("another snapshot is fetched from", |pool, steps| {
            let other = super::steps(pool);
            steps.late(first(pool, steps), again(pool, &other))
        }),
        ("a whole scan for what is fetched", |pool, steps| {
            steps.late(first(pool, steps), barrier(pool, &acme(), scan(pool)))
        }),
        ("the second step is the first", |pool, steps| {
            steps.late(first(pool, steps), first(pool, steps))
        }),
        ("rows are chosen below the barrier", |pool, steps| {
            let first = steps.first(matched(steps.scan.clone()));
            steps.late(first, again(pool, steps))
        }),
        (
            "rows are chosen behind the barrier of another",
            |pool, steps| {
                let zed = rows(r#"{"field":"tenant","operator":"eq","value":"zed"}"#);
                let first = steps.first(barrier(pool, &zed, steps.scan.clone()));
                steps.late(first, again(pool, steps))
            },
        ),
        ("rows are chosen by conditions alone", |pool, steps| {
            let first = matched(barrier(pool, &acme(), steps.scan.clone()));
            steps.late(first, again(pool, steps))
        }),
        ("something above both steps", |pool, steps| {
            matched(steps.late(first(pool, steps), again(pool, steps)))
        }),
        ("two steps in the first", |pool, steps| {
            let both = steps.late(first(pool, steps), again(pool, steps));
            steps.late(steps.first(both), again(pool, steps))
        }),
        ("what is fetched without a first step", again),
        (
            "a condition on what is fetched without a first step",
            |pool, steps| matched(again(pool, steps)),
        ),
        ("a disguised second barrier", |pool, steps| {
            let rows = disguised(again(pool, steps), Some(steps.fetch.clone()));
            steps.late(first(pool, steps), rows)
        }),
        ("a disguised fetch", |pool, steps| {
            let fetch = disguised(steps.fetch.clone(), None);
            steps.late(first(pool, steps), barrier(pool, &acme(), fetch))
        }),
        ("disguised steps", |pool, steps| {
            let both = steps.late(first(pool, steps), again(pool, steps));
            disguised(both, Some(steps.fetch.clone()))
        }),
    ];
    let built = all.into_iter();
    built
        .map(|(what, build)| (what, build(pool, &steps(pool))))
        .collect()
}

/// The good first step, and the good second.
fn first(pool: &Pool, steps: &Steps) -> Node {
    steps.first(matched(barrier(pool, &acme(), steps.scan.clone())))
}

fn again(pool: &Pool, steps: &Steps) -> Node {
    barrier(pool, &acme(), steps.fetch.clone())
}

/// A projection that leaves the columns where the barrier expects them.
fn projected_wide(input: Node) -> Node {
    let columns = ["tenant", "n", "x"]
        .into_iter()
        .enumerate()
        .map(|(at, name)| ProjectionExpr::new(Arc::new(Column::new(name, at)), name.to_owned()));
    Arc::new(ProjectionExec::try_new(columns.collect::<Vec<_>>(), input).unwrap())
}

#[test]
fn every_bad_plan_is_refused() {
    let pool = pool();
    let plans = bad(&pool);
    assert!(plans.len() > 30);
    for (what, plan) in plans.into_iter().chain(bad_in_two_steps(&pool)) {
        assert!(
            check(&plan, &acme(), &pool.draft.schema).is_err(),
            "{what} passes"
        );
    }
}

#[test]
fn a_refusal_names_the_operator_and_no_value() {
    let pool = pool();
    let zed = rows(r#"{"field":"tenant","operator":"eq","value":"zed"}"#);
    let plan = matched(barrier(&pool, &zed, scan(&pool)));
    let refusal = check(&plan, &acme(), &pool.draft.schema).unwrap_err();
    assert_eq!(refusal, "the barrier holds another constraint");
    let plan = matched(barrier(&pool, &acme(), filter(scan(&pool))));
    let refusal = check(&plan, &acme(), &pool.draft.schema).unwrap_err();
    assert_eq!(refusal, "FilterExec stands below the barrier");
}

#[test]
fn a_barrier_that_admits_nothing_is_held_against_a_constraint_that_means_nothing() {
    let pool = pool();
    let gone = rows(r#"{"field":"gone","operator":"eq","value":1}"#);
    let schema = &pool.draft.schema;
    assert_eq!(
        check(&matched(barrier(&pool, &gone, scan(&pool))), &gone, schema),
        Ok(())
    );
    let open = matched(barrier(&pool, &Constraint::AllRows, scan(&pool)));
    assert!(check(&open, &gone, schema).is_err());
}

fn records() -> Query {
    let by = |name: &str| OrderBy {
        field: path(name),
        direction: Direction::Descending,
    };
    Query::Records(RecordQuery {
        columns: vec![OutputField {
            name: "n".to_owned(),
            field: path("n"),
        }],

        rest: None,
        filter: None,
        range: None,
        order: vec![by("x"), by("_id")],
        seek: None,
        limit: Some(10),
        with_order_values: true,
    })
}

fn sums() -> Query {
    Query::Aggregate(AggregateQuery {
        columns: vec!["total".to_owned()],
        series: None,
        groups: Vec::new(),
        measures: vec![Measure {
            name: "total".to_owned(),
            aggregate: Aggregate::Sum,
            field: Some(path("x")),
        }],
        filter: None,
        range: None,
        having: None,
        order: Vec::new(),
        limit: None,
    })
}

/// The same by bins.
fn binned() -> Query {
    let Query::Aggregate(mut query) = sums() else {
        unreachable!("sums are an aggregation")
    };
    let size = BinSize::new(Number::Integer(10)).unwrap();
    query.groups.push(GroupField {
        name: "bin".to_owned(),
        field: path("n"),
        bins: Some(Bins::Size(size)),
    });
    Query::Aggregate(query)
}

fn actors(counted: bool) -> Query {
    let step = |bit| StepRows {
        bit,
        filter: None,
        range: None,
    };
    Query::Actors(ActorQuery {
        actor: path("n"),
        steps: vec![step(0), step(1)],
        counted,
    })
}

#[test]
fn the_planners_own_plans_pass() {
    let pool = pool();
    let gone = rows(r#"{"field":"gone","operator":"eq","value":1}"#);
    for rows in [acme(), Constraint::AllRows, gone] {
        for query in [records(), sums(), binned(), actors(false), actors(true)] {
            let planned = plan(&pool, &rows, &query, &snapshot(&pool)).unwrap();
            assert_eq!(check(&planned.root, &rows, &pool.draft.schema), Ok(()));
        }
    }
    let schema = &pool.draft.schema;
    let secure = matched(barrier(&pool, &acme(), scan(&pool)));
    assert_eq!(check(&top(secure), &acme(), schema), Ok(()));
    let steps = steps(&pool);
    let both = steps.late(first(&pool, &steps), again(&pool, &steps));
    assert_eq!(check(&both, &acme(), schema), Ok(()));
    assert_eq!(check(&first(&pool, &steps), &acme(), schema), Ok(()));
}
