//! What an optimizer asks of the operators, were one ever run, and what the
//! operators answer: nothing moves.

use std::sync::Arc;

use arrow_schema::SortOptions;
use datafusion_common::config::ConfigOptions;
use datafusion_common::stats::Precision;
use datafusion_execution::TaskContext;
use datafusion_expr::Operator;
use datafusion_physical_expr::expressions::{BinaryExpr, Column, lit};
use datafusion_physical_expr::{LexOrdering, PhysicalExpr, PhysicalSortExpr};
use datafusion_physical_plan::execution_plan::{CardinalityEffect, ReplaceChildrenOptions};
use datafusion_physical_plan::filter::FilterExec;
use datafusion_physical_plan::filter_pushdown::{
    ChildFilterPushdownResult, ChildPushdownResult, FilterPushdownPhase, PushedDown,
};
use datafusion_physical_plan::projection::{ProjectionExec, ProjectionExpr};
use datafusion_physical_plan::sort_pushdown::SortOrderPushdownResult;
use datafusion_physical_plan::sorts::sort::SortExec;
use datafusion_physical_plan::statistics::StatisticsArgs;
use datafusion_physical_plan::{ExecutionPlan, collect};

use super::{acme, barrier, matched, pool, scan, steps};

type Node = Arc<dyn ExecutionPlan>;

fn nodes() -> [Node; 3] {
    let pool = pool();
    let scan = scan(&pool);
    let barrier = barrier(&pool, &acme(), scan.clone());
    [matched(barrier.clone()), barrier, scan]
}

/// These and the operators of a plan in two steps.
fn all_nodes() -> Vec<Node> {
    let pool = pool();
    let steps = steps(&pool);
    let secured = barrier(&pool, &acme(), steps.fetch.clone());
    let first = steps.first(barrier(&pool, &acme(), steps.scan.clone()));
    let late = steps.late(first, secured.clone());
    nodes()
        .into_iter()
        .chain([late, secured, steps.fetch])
        .collect()
}

fn column(name: &str, at: usize) -> Arc<dyn PhysicalExpr> {
    Arc::new(Column::new(name, at))
}

/// `1 / (x - 42) >= 0`, which fails on a hidden row.
fn fallible() -> Arc<dyn PhysicalExpr> {
    let binary =
        |a, operator, b| -> Arc<dyn PhysicalExpr> { Arc::new(BinaryExpr::new(a, operator, b)) };
    let difference = binary(column("x", 2), Operator::Minus, lit(42_i64));
    let quotient = binary(lit(1_i64), Operator::Divide, difference);
    binary(quotient, Operator::GtEq, lit(0_i64))
}

#[test]
fn no_filter_passes_and_none_is_taken() {
    let options = ConfigOptions::default();
    for phase in [FilterPushdownPhase::Pre, FilterPushdownPhase::Post] {
        for node in all_nodes() {
            let filters = vec![fallible(), lit(true)];
            let asked = node
                .gather_filters_for_pushdown(phase, filters, &options)
                .unwrap();
            for filters in asked.parent_filters() {
                assert!(
                    filters
                        .iter()
                        .all(|f| matches!(f.discriminant, PushedDown::No))
                );
            }
            assert!(
                asked.self_filters().iter().all(Vec::is_empty),
                "{}",
                node.name()
            );
            let claimed = ChildFilterPushdownResult {
                filter: lit(true),
                child_results: node.children().iter().map(|_| PushedDown::Yes).collect(),
            };
            let result = ChildPushdownResult {
                parent_filters: vec![claimed],
                self_filters: Vec::new(),
            };
            let told = node
                .handle_child_pushdown_result(phase, result, &options)
                .unwrap();
            assert!(
                told.filters.iter().all(|f| matches!(f, PushedDown::No)),
                "{}",
                node.name()
            );
            assert!(told.updated_node.is_none());
        }
    }
}

#[test]
fn a_limits_dynamic_filter_does_not_reach_the_scan() {
    let [above, secure, _] = nodes();
    let order = LexOrdering::new([PhysicalSortExpr::new(
        column("n", 1),
        SortOptions::default(),
    )]);
    let top = SortExec::new(order.unwrap(), above.clone()).with_fetch(Some(1));
    let options = ConfigOptions::default();
    let phase = FilterPushdownPhase::Post;
    let asked = top
        .gather_filters_for_pushdown(phase, Vec::new(), &options)
        .unwrap();
    let dynamic = asked.self_filters().concat();
    assert!(
        !dynamic.is_empty(),
        "the engine's limit has a dynamic filter to push"
    );
    for node in [above, secure] {
        let passed = node
            .gather_filters_for_pushdown(phase, dynamic.clone(), &options)
            .unwrap();
        let passed = passed.parent_filters().concat();
        assert!(
            passed
                .iter()
                .all(|f| matches!(f.discriminant, PushedDown::No))
        );
    }
}

#[test]
fn no_limit_order_projection_or_partition_passes() {
    let order = [PhysicalSortExpr::new(
        column("n", 1),
        SortOptions::default(),
    )];
    for node in all_nodes() {
        assert!(node.with_fetch(Some(1)).is_none());
        assert!(node.fetch().is_none());
        assert!(!node.supports_limit_pushdown());
        assert!(matches!(
            node.cardinality_effect(),
            CardinalityEffect::Unknown
        ));
        let pushed = node.try_pushdown_sort(&order).unwrap();
        assert!(matches!(pushed, SortOrderPushdownResult::Unsupported));
        assert!(node.with_preserve_order(true).is_none());
        assert!(
            node.maintains_input_order()
                .iter()
                .all(|maintains| !maintains)
        );
        assert!(
            node.benefits_from_input_partitioning()
                .iter()
                .all(|benefits| !benefits)
        );
        assert!(
            node.repartitioned(8, &ConfigOptions::default())
                .unwrap()
                .is_none()
        );
        assert!(node.properties().output_ordering().is_none());
        let columns = [ProjectionExpr::new(column("n", 1), "n".to_owned())];
        let projection = ProjectionExec::try_new(columns, node.clone()).unwrap();
        assert!(
            node.try_swapping_with_projection(&projection)
                .unwrap()
                .is_none()
        );
        assert!(node.dynamic_expressions_produced().is_empty());
    }
}

#[test]
fn no_input_is_exchanged() {
    use datafusion_physical_plan::execution_plan::ChildrenPropertiesMode as Mode;
    for node in all_nodes() {
        for mode in [Mode::Keep, Mode::Recompute] {
            let children: Vec<Node> = node.children().into_iter().cloned().collect();
            let options = ReplaceChildrenOptions::new(mode);
            assert!(node.clone().replace_children(children, options).is_err());
        }
        assert!(node.reset_state().is_err());
    }
}

#[test]
fn statistics_are_unknown_whatever_the_input_knows() {
    for node in all_nodes() {
        let mut known = datafusion_common::Statistics::new_unknown(&node.schema());
        known.num_rows = Precision::Exact(4);
        let inputs: Vec<_> = node
            .children()
            .iter()
            .map(|_| Arc::new(known.clone()))
            .collect();
        let told = node
            .statistics_from_inputs(&inputs, &StatisticsArgs::new())
            .unwrap();
        assert!(
            matches!(told.num_rows, Precision::Absent),
            "{}",
            node.name()
        );
        assert!(matches!(told.total_byte_size, Precision::Absent));
        assert!(node.metrics().is_none());
    }
}

fn run(plan: Node) -> Result<usize, String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let batches = runtime.block_on(collect(plan, Arc::new(TaskContext::default())));
    let batches = batches.map_err(|error| error.to_string())?;
    Ok(batches.iter().map(|batch| batch.num_rows()).sum())
}

#[test]
fn a_condition_that_fails_on_a_hidden_row_never_meets_it() {
    let [.., bare] = nodes();
    let filtered = |input| -> Node { Arc::new(FilterExec::try_new(fallible(), input).unwrap()) };
    // The teeth: where nothing is between them, the hidden row shows.
    assert!(run(filtered(bare)).unwrap_err().contains("Divide by zero"));
    for place in [0, 1] {
        // What a plan reads it reads once.
        let secured = || nodes()[place].clone();
        assert_eq!(run(secured()), Ok(3));
        // 1/(1-42), 1/(2-42) and 1/(3-42) are all 0 in whole numbers.
        assert_eq!(run(filtered(secured())), Ok(3));
    }
}
