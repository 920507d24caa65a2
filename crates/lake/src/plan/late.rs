//! A page in two steps: which rows it has, and then all that is shown of them.
//!
//! To find the first rows of an order takes the columns of the order and of the
//! conditions; the others are read of the rows that were found alone.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::UInt32Type;
use arrow_array::{Array, RecordBatch, UInt64Array};
use arrow_select::concat::concat_batches;
use datafusion_common::config::ConfigOptions;
use datafusion_common::tree_node::TreeNodeRecursion;
use datafusion_common::{Result, internal_err};
use datafusion_execution::{SendableRecordBatchStream, TaskContext};
use datafusion_physical_expr::PhysicalExpr;
use datafusion_physical_plan::filter_pushdown::{
    ChildPushdownResult, FilterPushdownPhase, FilterPushdownPropagation,
};
use datafusion_physical_plan::stream::RecordBatchStreamAdapter;
use datafusion_physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties, ReplaceChildrenOptions,
};
use futures::TryStreamExt;

use super::fetch::Chosen;
use super::node::plain_properties;
use crate::reading::{ADDRESS, joined};

/// Hands the addresses of the rows of its first input to its second, which
/// reads them, and hands on what that makes of them.
#[derive(Debug)]
pub(crate) struct LateExec {
    first: Arc<dyn ExecutionPlan>,
    rows: Arc<dyn ExecutionPlan>,
    chosen: Chosen,
    properties: Arc<PlanProperties>,
}

impl LateExec {
    /// The rows that `first` finds as `rows` reads them, which takes them from `chosen`.
    pub(super) fn new(
        first: Arc<dyn ExecutionPlan>,
        rows: Arc<dyn ExecutionPlan>,
        chosen: Chosen,
    ) -> Self {
        let properties = plain_properties(rows.schema());
        Self {
            first,
            rows,
            chosen,
            properties,
        }
    }
}

/// The addresses of rows.
fn addresses(rows: &RecordBatch) -> Result<UInt64Array> {
    let column = |name: &str| {
        let column = rows.column_by_name(name)?.as_primitive_opt::<UInt32Type>();
        column.filter(|column| column.null_count() == 0)
    };
    match ADDRESS.map(column) {
        [Some(sources), Some(rows)] => Ok(joined(sources, rows)),
        _ => internal_err!("the rows of a page have addresses"),
    }
}

impl DisplayAs for LateExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LateExec")
    }
}

impl ExecutionPlan for LateExec {
    fn name(&self) -> &'static str {
        "LateExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.first, &self.rows]
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false, false]
    }

    /// By default what the inputs claim to have filtered is believed.
    fn handle_child_pushdown_result(
        &self,
        _: FilterPushdownPhase,
        result: ChildPushdownResult,
        _: &ConfigOptions,
    ) -> Result<FilterPushdownPropagation<Arc<dyn ExecutionPlan>>> {
        Ok(FilterPushdownPropagation::all_unsupported(result))
    }

    fn replace_children(
        self: Arc<Self>,
        _: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        internal_err!("LateExec keeps its inputs")
    }

    fn with_new_children(
        self: Arc<Self>,
        _: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        internal_err!("LateExec keeps its inputs")
    }

    fn execute(&self, _: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let (schema, chosen) = (self.rows.schema(), self.chosen.clone());
        let (first, rows) = (self.first.clone(), self.rows.clone());
        let work = async move {
            let found: Vec<RecordBatch> = first.execute(0, context.clone())?.try_collect().await?;
            let found = concat_batches(&first.schema(), &found)?;
            if found.num_rows() == 0 {
                return Ok(RecordBatch::new_empty(rows.schema()));
            }
            chosen.set(addresses(&found)?)?;
            let read: Vec<RecordBatch> = rows.execute(0, context)?.try_collect().await?;
            let read = concat_batches(&rows.schema(), &read)?;
            // Both barriers are the same, and so is what they read.
            if read.num_rows() != found.num_rows() {
                return internal_err!("a row of a page is not there a second time");
            }
            Ok(read)
        };
        let rows = futures::stream::once(work);
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, rows)))
    }
}
