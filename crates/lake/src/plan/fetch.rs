//! The second reading of a page: all columns of its rows, for the barrier alone.

use std::sync::{Arc, OnceLock};

use arrow_array::UInt64Array;
use arrow_schema::SchemaRef;
use datafusion_common::tree_node::TreeNodeRecursion;
use datafusion_common::{DataFusionError, Result, internal_datafusion_err, internal_err};
use datafusion_execution::memory_pool::MemoryConsumer;
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
use crate::columns::schema_of;
use crate::error::LakeError;
use crate::reading::{Fetching, Reading};

/// The rows that were chosen, by the addresses that the scan gave them. They
/// say where to look and never that a row is visible: what is found there is
/// for the barrier to admit.
#[derive(Clone, Debug, Default)]
pub(super) struct Chosen(Arc<OnceLock<UInt64Array>>);

impl Chosen {
    /// Says which they are, once.
    pub(super) fn set(&self, addresses: UInt64Array) -> Result<()> {
        let again = |_| internal_datafusion_err!("the rows of a page are chosen once");
        self.0.set(addresses).map_err(again)
    }
}

/// Reads columns of the chosen rows of the snapshot that a scan reads, in the
/// order of their addresses.
#[derive(Debug)]
pub(crate) struct FetchExec {
    reading: Reading,
    chosen: Chosen,
    schema: SchemaRef,
    properties: Arc<PlanProperties>,
}

impl FetchExec {
    /// A reading of these columns, which are those that the reading has for later.
    pub(super) fn new(
        reading: Reading,
        columns: &[(FieldPath, ColumnType)],
        chosen: Chosen,
    ) -> Self {
        let schema = schema_of(columns);
        let properties = plain_properties(schema.clone());
        Self {
            reading,
            chosen,
            schema,
            properties,
        }
    }

    /// What is read.
    pub(super) fn reading(&self) -> &Reading {
        &self.reading
    }
}

fn external(error: LakeError) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

impl DisplayAs for FetchExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FetchExec")
    }
}

impl ExecutionPlan for FetchExec {
    fn name(&self) -> &'static str {
        "FetchExec"
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
        internal_err!("FetchExec has no input")
    }

    fn with_new_children(
        self: Arc<Self>,
        _: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        internal_err!("FetchExec has no input")
    }

    fn execute(&self, _: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let (reading, chosen) = (self.reading.clone(), self.chosen.clone());
        let memory = MemoryConsumer::new("page").register(context.memory_pool());
        let memory = Arc::new(memory);
        let reserved = memory.clone();
        let rows = async move {
            let Some(addresses) = chosen.0.get() else {
                return internal_err!("the rows of a page are chosen before they are read");
            };
            let mut fetching = Fetching::new(&reading, addresses);
            while fetching.step().map_err(external)? {
                reserved.try_resize(fetching.bytes())?;
                reading.pause().await;
            }
            fetching.rows().map_err(external)
        };
        // Until whoever takes the rows is done with what they were made of.
        let rows = futures::stream::once(rows).inspect(move |_| {
            let _held = &memory;
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(
            self.schema.clone(),
            rows,
        )))
    }
}
