//! The scan: the columns of a pool's records, for the barrier alone.

use std::sync::Arc;

use arrow_schema::{Schema as ArrowSchema, SchemaRef};
use datafusion_common::tree_node::TreeNodeRecursion;
use datafusion_common::{DataFusionError, Result, internal_err};
use datafusion_execution::{SendableRecordBatchStream, TaskContext};
use datafusion_physical_expr::PhysicalExpr;
use datafusion_physical_plan::stream::RecordBatchStreamAdapter;
use datafusion_physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties, ReplaceChildrenOptions,
};
use futures::StreamExt;
use model::fields::ColumnType;
use model::names::FieldPath;

use super::node::plain_properties;
use crate::columns::{Form, schema_of};
use crate::reading::{Hints, Reading, address_fields};
use crate::snapshot::Snapshot;

/// Reads columns of a snapshot, without the rows that were deleted. All
/// executions share the work: each row comes out of one of them.
#[derive(Debug)]
pub(crate) struct ScanExec {
    reading: Reading,
    schema: SchemaRef,
    properties: Arc<PlanProperties>,
}

impl ScanExec {
    /// A scan of these columns. With columns for `later`, which a
    /// [`FetchExec`](super::fetch::FetchExec) reads, the last columns are addresses.
    pub(super) fn new(
        snapshot: Snapshot,
        columns: Vec<(FieldPath, ColumnType)>,
        later: Option<Vec<(FieldPath, ColumnType)>>,
        hints: Hints,
        form: Form,
    ) -> Self {
        let mut schema = schema_of(&columns);
        if later.is_some() {
            let fields = schema.fields().iter().cloned();
            let fields = fields.chain(address_fields().map(Arc::new));
            schema = Arc::new(ArrowSchema::new(fields.collect::<Vec<_>>()));
        }
        let properties = plain_properties(schema.clone());
        let later = later.map(Arc::from);
        Self {
            reading: Reading::in_form(snapshot, columns.into(), later, hints, form),
            schema,
            properties,
        }
    }

    /// What is read.
    pub(super) fn reading(&self) -> &Reading {
        &self.reading
    }
}

impl DisplayAs for ScanExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ScanExec")
    }
}

impl ExecutionPlan for ScanExec {
    fn name(&self) -> &'static str {
        "ScanExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        _: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        internal_err!("ScanExec has no input")
    }

    fn with_new_children(
        self: Arc<Self>,
        _: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        internal_err!("ScanExec has no input")
    }

    fn execute(&self, _: usize, _: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let batches = futures::stream::unfold(self.reading.clone(), |reading| async move {
            reading.pause().await;
            let batch = reading.step()?;
            let batch = batch.map_err(|error| DataFusionError::External(Box::new(error)));
            Some((batch, reading))
        });
        let batches = batches.filter_map(|batch| std::future::ready(batch.transpose()));
        Ok(Box::pin(RecordBatchStreamAdapter::new(
            self.schema.clone(),
            batches,
        )))
    }
}
