//! Grouping and aggregation over visible rows, by one or several readers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use datafusion_common::tree_node::TreeNodeRecursion;
use datafusion_common::{DataFusionError, Result, internal_err};
use datafusion_execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion_execution::{SendableRecordBatchStream, TaskContext};
use datafusion_physical_expr::PhysicalExpr;
use datafusion_physical_plan::stream::RecordBatchStreamAdapter;
use datafusion_physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties, ReplaceChildrenOptions,
};
use futures::{StreamExt, TryStreamExt};
use tokio::task::JoinHandle;

use super::node::plain_properties;
use crate::aggregates::{Plan, Table};
use crate::reading::Reading;
use crate::run::Workers;

/// Groups visible rows and applies functions to each group.
#[derive(Debug)]
pub(crate) struct GroupExec {
    input: Arc<dyn ExecutionPlan>,
    plan: Arc<Plan>,
    /// What is read below; every execution of the input takes its share of it.
    reading: Reading,
    properties: Arc<PlanProperties>,
}

impl GroupExec {
    pub(super) fn new(input: Arc<dyn ExecutionPlan>, plan: Plan, reading: Reading) -> Self {
        let properties = plain_properties(plan.schema().clone());
        Self {
            input,
            plan: Arc::new(plan),
            reading,
            properties,
        }
    }
}

/// Tells the other readers to stop when nobody waits for them any more.
struct Together(Arc<AtomicBool>);

impl Drop for Together {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// One reader's share of the work.
struct Share {
    rows: SendableRecordBatchStream,
    table: Table,
    memory: MemoryReservation,
    stop: Arc<AtomicBool>,
}

impl Share {
    /// Takes the next rows; answers whether there may be more.
    async fn take(&mut self) -> Result<bool> {
        if self.stop.load(Ordering::Relaxed) {
            return Ok(false);
        }
        let Some(batch) = self.rows.next().await else {
            return Ok(false);
        };
        let memory = &mut self.memory;
        let mut held = |bytes| memory.try_resize(bytes);
        self.table.update(&batch?, &mut held)?;
        Ok(true)
    }

    async fn take_all(mut self) -> Result<(Table, MemoryReservation)> {
        while self.take().await? {}
        Ok((self.table, self.memory))
    }
}

/// Readers beside the first of an execution.
type Others = Vec<JoinHandle<Result<(Table, MemoryReservation)>>>;

/// Everything that one execution needs.
struct Work {
    input: Arc<dyn ExecutionPlan>,
    plan: Arc<Plan>,
    reading: Reading,
    context: Arc<TaskContext>,
}

impl Work {
    fn share(&self, stop: &Arc<AtomicBool>) -> Result<Share> {
        let consumer = MemoryConsumer::new("groups");
        Ok(Share {
            rows: self.input.execute(0, self.context.clone())?,
            table: Table::new(&self.plan)?,
            memory: consumer.register(self.context.memory_pool()),
            stop: stop.clone(),
        })
    }

    /// Starts other readers if they are worth it and cores have none. There
    /// are none at all where nobody says how many there may be.
    fn join(&self, rows: usize, together: &Together, others: &mut Others) -> Result<()> {
        let Some(workers) = self.context.session_config().get_extension::<Workers>() else {
            return Ok(());
        };
        while others.len() + 1 < workers.worth_it(rows)
            && let Some(reader) = workers.another()
        {
            let share = self.share(&together.0)?;
            others.push(workers.spawn_waiting(async move {
                let _reader = reader;
                share.take_all().await
            }));
        }
        Ok(())
    }

    async fn carry_out(self) -> Result<RecordBatch> {
        let rows = self.reading.open();
        let rows = rows.map_err(|error| DataFusionError::External(Box::new(error)))?;
        let together = Together(Arc::default());
        let mut others = Vec::new();
        let mut own = self.share(&together.0)?;
        self.join(rows, &together, &mut others)?;
        while own.take().await? {
            // Others may have ended meanwhile, and their cores be free.
            if self.may_join(&others) {
                self.join(self.reading.rows_left(), &together, &mut others)?;
            }
        }
        let Share {
            mut table, memory, ..
        } = own;
        for other in others {
            let other = other
                .await
                .map_err(|error| DataFusionError::External(Box::new(error)))?;
            let (theirs, held) = other?;
            table.absorb(theirs)?;
            drop(held);
            memory.try_resize(table.bytes())?;
        }
        table.finish(&mut |bytes| memory.try_grow(bytes))
    }

    /// Whether it is worth a look at how much is left.
    fn may_join(&self, others: &Others) -> bool {
        let workers = self.context.session_config().get_extension::<Workers>();
        workers.is_some_and(|workers| workers.may_have_another(others.len() + 1))
    }
}

impl DisplayAs for GroupExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("GroupExec")
    }
}

impl ExecutionPlan for GroupExec {
    fn name(&self) -> &'static str {
        "GroupExec"
    }

    fn schema(&self) -> SchemaRef {
        self.plan.schema().clone()
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false]
    }

    fn replace_children(
        self: Arc<Self>,
        _: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        internal_err!("GroupExec keeps its input")
    }

    fn with_new_children(
        self: Arc<Self>,
        _: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        internal_err!("GroupExec keeps its input")
    }

    fn execute(&self, _: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let work = Work {
            input: self.input.clone(),
            plan: self.plan.clone(),
            reading: self.reading.clone(),
            context,
        };
        let rows = futures::stream::once(work.carry_out()).try_filter(|batch| {
            let some = batch.num_rows() > 0;
            std::future::ready(some)
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(
            ExecutionPlan::schema(self),
            rows,
        )))
    }
}
