//! What our own operators have in common.

/// Implements the parts of `ExecutionPlan` that say: one input, one output
/// partition, rows as they come, and nothing of ours is for anybody to move.
///
/// Not implemented on purpose, so that the engine's refusing defaults hold:
/// pushing limits or sorts through, swapping with projections, statistics.
/// Where a default would agree to something, it is refused here.
macro_rules! one_input_node {
    ($node:ident) => {
        impl datafusion_physical_plan::DisplayAs for $node {
            fn fmt_as(
                &self,
                _: datafusion_physical_plan::DisplayFormatType,
                f: &mut std::fmt::Formatter<'_>,
            ) -> std::fmt::Result {
                f.write_str(stringify!($node))
            }
        }

        impl datafusion_physical_plan::ExecutionPlan for $node {
            fn name(&self) -> &'static str {
                stringify!($node)
            }

            fn properties(&self) -> &Arc<datafusion_physical_plan::PlanProperties> {
                &self.properties
            }

            fn children(&self) -> Vec<&Arc<dyn datafusion_physical_plan::ExecutionPlan>> {
                vec![&self.input]
            }

            fn apply_expressions(
                &self,
                _: &mut dyn FnMut(
                    &Arc<dyn datafusion_physical_expr::PhysicalExpr>,
                ) -> datafusion_common::Result<
                    datafusion_common::tree_node::TreeNodeRecursion,
                >,
            ) -> datafusion_common::Result<datafusion_common::tree_node::TreeNodeRecursion> {
                Ok(datafusion_common::tree_node::TreeNodeRecursion::Continue)
            }

            /// By default the engine may put a repartitioning below.
            fn benefits_from_input_partitioning(&self) -> Vec<bool> {
                vec![false]
            }

            /// By default what the input claims to have filtered is believed.
            fn handle_child_pushdown_result(
                &self,
                _: datafusion_physical_plan::filter_pushdown::FilterPushdownPhase,
                result: datafusion_physical_plan::filter_pushdown::ChildPushdownResult,
                _: &datafusion_common::config::ConfigOptions,
            ) -> datafusion_common::Result<
                datafusion_physical_plan::filter_pushdown::FilterPushdownPropagation<
                    Arc<dyn datafusion_physical_plan::ExecutionPlan>,
                >,
            > {
                use datafusion_physical_plan::filter_pushdown::FilterPushdownPropagation;
                Ok(FilterPushdownPropagation::all_unsupported(result))
            }

            fn replace_children(
                self: Arc<Self>,
                _: Vec<Arc<dyn datafusion_physical_plan::ExecutionPlan>>,
                _: datafusion_physical_plan::ReplaceChildrenOptions,
            ) -> datafusion_common::Result<Arc<dyn datafusion_physical_plan::ExecutionPlan>> {
                datafusion_common::internal_err!("{} keeps its input", stringify!($node))
            }

            fn with_new_children(
                self: Arc<Self>,
                _: Vec<Arc<dyn datafusion_physical_plan::ExecutionPlan>>,
            ) -> datafusion_common::Result<Arc<dyn datafusion_physical_plan::ExecutionPlan>> {
                datafusion_common::internal_err!("{} keeps its input", stringify!($node))
            }

            fn execute(
                &self,
                partition: usize,
                context: Arc<datafusion_execution::TaskContext>,
            ) -> datafusion_common::Result<datafusion_execution::SendableRecordBatchStream> {
                let input = self.input.execute(partition, context)?;
                let work = self.work();
                let rows = futures::StreamExt::filter_map(input, move |batch| {
                    let done = batch.and_then(|batch| work.batch(batch)).transpose();
                    std::future::ready(done)
                });
                Ok(Box::pin(
                    datafusion_physical_plan::stream::RecordBatchStreamAdapter::new(
                        datafusion_physical_plan::ExecutionPlan::schema(self),
                        rows,
                    ),
                ))
            }
        }
    };
}
pub(super) use one_input_node;

use std::sync::Arc;

use arrow_schema::SchemaRef;
use datafusion_physical_expr::EquivalenceProperties;
use datafusion_physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion_physical_plan::{Partitioning, PlanProperties};

/// The properties of an operator that says nothing about its rows.
pub(super) fn plain_properties(schema: SchemaRef) -> Arc<PlanProperties> {
    Arc::new(PlanProperties::new(
        EquivalenceProperties::new(schema),
        Partitioning::UnknownPartitioning(1),
        EmissionType::Incremental,
        Boundedness::Bounded,
    ))
}
