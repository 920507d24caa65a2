//! Runs checked plans within bounds: questions at once, memory, time, rows.

use std::sync::Arc;
use std::time::Duration;

use arrow_array::{Array, RecordBatch};
use datafusion_execution::TaskContext;
use datafusion_execution::config::SessionConfig;
use datafusion_execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion_execution::memory_pool::{FairSpillPool, MemoryPool};
use datafusion_execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion_physical_plan::ExecutionPlan;
use futures::StreamExt;
use futures::stream::BoxStream;
use model::limits::RESULT_ROWS_MAX;
use model::queries::{AggregateQuery, RecordQuery, Row, Side};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use crate::columns::{CellReader, value_at};
use crate::error::{LakeError, Result};
use crate::finish::Group;
use crate::plan::BUCKET;

/// Bounds of the execution.
#[derive(Clone, Debug)]
pub struct RunOptions {
    /// Questions that run at once; others wait.
    pub concurrent: usize,
    /// How long a question may wait before it is refused as busy.
    pub wait: Duration,
    /// How long a question may run until its first rows are there.
    pub deadline: Duration,
    /// Bytes that all running questions may hold together.
    pub memory_bytes: usize,
}

impl Default for RunOptions {
    fn default() -> Self {
        Self {
            concurrent: 8,
            wait: Duration::from_secs(10),
            deadline: Duration::from_secs(30),
            memory_bytes: 1 << 30,
        }
    }
}

/// Rows of an answer, in pieces.
pub type RowStream = BoxStream<'static, Result<Vec<Row>>>;

/// Runs plans.
#[derive(Debug)]
pub(crate) struct Runner {
    options: RunOptions,
    slots: Arc<Semaphore>,
    environment: Arc<RuntimeEnv>,
}

impl Runner {
    pub(crate) fn new(options: RunOptions) -> Result<Self> {
        let memory: Arc<dyn MemoryPool> = Arc::new(FairSpillPool::new(options.memory_bytes));
        // Rows never go to temporary files: nothing there would be encrypted, synced or checked.
        let no_files = DiskManagerBuilder::default().with_mode(DiskManagerMode::Disabled);
        let environment = RuntimeEnvBuilder::new()
            .with_memory_pool(memory)
            .with_disk_manager_builder(no_files)
            .build_arc()?;
        let slots = Arc::new(Semaphore::new(options.concurrent));
        Ok(Self {
            options,
            slots,
            environment,
        })
    }

    async fn slot(&self) -> Result<OwnedSemaphorePermit> {
        let slot = self.slots.clone().acquire_owned();
        match tokio::time::timeout(self.options.wait, slot).await {
            Ok(Ok(slot)) => Ok(slot),
            _ => Err(LakeError::Busy),
        }
    }

    fn context(&self) -> Arc<TaskContext> {
        let config = SessionConfig::new()
            .with_target_partitions(1)
            .with_batch_size(8_192);
        Arc::new(
            TaskContext::default()
                .with_session_config(config)
                .with_runtime(self.environment.clone()),
        )
    }

    /// The batches of a plan as they come. The work is done on a thread of
    /// its own and ends soon after the receiver is dropped.
    async fn start(
        &self,
        plan: Arc<dyn ExecutionPlan>,
    ) -> Result<mpsc::Receiver<Result<RecordBatch>>> {
        const BATCHES_AHEAD: usize = 2;
        let slot = self.slot().await?;
        let context = self.context();
        let (sender, receiver) = mpsc::channel(BATCHES_AHEAD);
        let runtime = tokio::runtime::Handle::current();
        runtime.clone().spawn_blocking(move || {
            let _slot = slot;
            runtime.block_on(async move {
                let mut batches = match plan.execute(0, context) {
                    Ok(batches) => batches,
                    Err(error) => {
                        let _ = sender.send(Err(error.into())).await;
                        return;
                    }
                };
                while let Some(batch) = batches.next().await {
                    if sender.send(batch.map_err(LakeError::from)).await.is_err() {
                        return;
                    }
                }
            });
        });
        Ok(receiver)
    }

    /// All batches of a plan, within the deadline and the limit of rows.
    pub(crate) async fn collect(&self, plan: Arc<dyn ExecutionPlan>) -> Result<Vec<RecordBatch>> {
        let mut batches = self.start(plan).await?;
        let all = async {
            let (mut all, mut rows) = (Vec::new(), 0);
            while let Some(batch) = batches.recv().await {
                let batch = batch?;
                rows += batch.num_rows();
                if rows > RESULT_ROWS_MAX {
                    return Err(LakeError::LimitExceeded(format!(
                        "an answer has at most {RESULT_ROWS_MAX} rows; ask for fewer groups or rows"
                    )));
                }
                all.push(batch);
            }
            Ok(all)
        };
        let deadline = self.options.deadline;
        tokio::time::timeout(deadline, all)
            .await
            .unwrap_or(Err(LakeError::Deadline(deadline)))
    }

    /// The batches of a plan, the first within the deadline.
    pub(crate) async fn stream(
        &self,
        plan: Arc<dyn ExecutionPlan>,
    ) -> Result<BoxStream<'static, Result<RecordBatch>>> {
        let mut batches = self.start(plan).await?;
        let deadline = self.options.deadline;
        let first = tokio::time::timeout(deadline, batches.recv())
            .await
            .map_err(|_| LakeError::Deadline(deadline))?;
        let rest = futures::stream::unfold(batches, |mut batches| async move {
            batches.recv().await.map(|batch| (batch, batches))
        });
        Ok(futures::stream::iter(first).chain(rest).boxed())
    }
}

/// The rows of a batch of a record question: its columns, and behind them
/// the order values when asked for.
pub(crate) fn record_rows(query: &RecordQuery, batch: &RecordBatch) -> Result<Vec<Row>> {
    let columns = query.columns.iter().map(|output| &output.field);
    let order = query
        .order
        .iter()
        .filter(|_| query.with_order_values)
        .map(|by| &by.field);
    let arrays = columns
        .chain(order)
        .map(|path| {
            batch
                .column_by_name(path.as_str())
                .ok_or_else(|| LakeError::Internal(format!("the answer lacks the column {path}")))
        })
        .collect::<Result<Vec<_>>>()?;
    let readers: Vec<_> = arrays
        .iter()
        .map(|array| CellReader::new(array.as_ref()))
        .collect();
    let row = |row| {
        readers
            .iter()
            .map(|reader| reader.cell(row).into_value())
            .collect()
    };
    Ok((0..batch.num_rows()).map(row).collect())
}

/// Turns rows that were read backwards round.
pub(crate) fn forwards(query: &RecordQuery, mut rows: Vec<Row>) -> Vec<Row> {
    if query
        .seek
        .as_ref()
        .is_some_and(|seek| seek.side == Side::Before)
    {
        rows.reverse();
    }
    rows
}

/// The groups of the batches of an aggregation.
pub(crate) fn groups(query: &AggregateQuery, batches: &[RecordBatch]) -> Vec<Group> {
    let mut groups = Vec::new();
    for batch in batches {
        let buckets = batch
            .column_by_name(BUCKET)
            .filter(|_| query.series.is_some());
        let skip = usize::from(buckets.is_some());
        let keys = query.groups.len();
        let values = |row: usize, from: usize, to: usize| {
            (from..to)
                .map(|at| value_at(batch.column(at).as_ref(), row))
                .collect()
        };
        for row in 0..batch.num_rows() {
            let bucket = buckets.and_then(|array| bucket_number(array.as_ref(), row));
            groups.push(Group {
                bucket,
                keys: values(row, skip, skip + keys),
                results: values(row, skip + keys, batch.num_columns()),
            });
        }
    }
    groups
}

fn bucket_number(array: &dyn Array, row: usize) -> Option<u32> {
    match value_at(array, row) {
        model::value::Value::Integer(number) => u32::try_from(number).ok(),
        _ => None,
    }
}
