//! Runs checked plans within bounds: questions at once, memory, time, rows.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
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
use model::ids::KeyId;
use model::limits::RESULT_ROWS_MAX;
use model::queries::{AggregateQuery, RecordQuery, Row, Side};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::JoinHandle;

use crate::columns::{CellReader, value_at};
use crate::error::{LakeError, Result};
use crate::finish::Group;
use crate::plan::BUCKET;

/// Bounds of the execution.
#[derive(Clone, Debug)]
pub struct RunOptions {
    /// Questions that run at once; others wait. One key has half of them at most.
    pub concurrent: usize,
    /// How long a question may wait before it is refused as busy.
    pub wait: Duration,
    /// How long a question may run until its first rows are there, and how
    /// long its reader may pause.
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
    /// The turns of each key that has questions running or waiting.
    turns: Mutex<HashMap<KeyId, Weak<Semaphore>>>,
    environment: Arc<RuntimeEnv>,
}

/// The right to work on a question of a key.
#[derive(Debug)]
struct Slot {
    /// Whether there is one of all slots; a question that waits for its
    /// reader has none.
    slot: Option<OwnedSemaphorePermit>,
    _turn: OwnedSemaphorePermit,
}

/// The batches of a plan that is being carried out.
struct Running {
    batches: mpsc::Receiver<RecordBatch>,
    /// How it ended; whoever has no end yet has no whole answer.
    end: Option<JoinHandle<Result<()>>>,
}

impl Running {
    async fn next(&mut self) -> Option<Result<RecordBatch>> {
        if let Some(batch) = self.batches.recv().await {
            return Some(Ok(batch));
        }
        match self.end.take()?.await {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(Err(error)),
            Err(_) => Some(Err(broken())),
        }
    }
}

/// What is known of work that ended in a panic.
pub(crate) fn broken() -> LakeError {
    LakeError::Internal("the work on a request ended early".to_owned())
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
            turns: Mutex::default(),
            environment,
        })
    }

    /// The turns of a key. One key must not keep all others waiting.
    fn turns_of(&self, key: KeyId) -> Arc<Semaphore> {
        let mut all = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(turns) = all.get(&key).and_then(Weak::upgrade) {
            return turns;
        }
        all.retain(|_, turns| turns.strong_count() > 0);
        let turns = Arc::new(Semaphore::new((self.options.concurrent / 2).max(1)));
        all.insert(key, Arc::downgrade(&turns));
        turns
    }

    async fn slot(&self, key: KeyId) -> Result<Slot> {
        let turn = self.turns_of(key).acquire_owned();
        let both = async {
            let turn = turn.await.ok()?;
            let slot = self.slots.clone().acquire_owned().await.ok()?;
            Some(Slot {
                slot: Some(slot),
                _turn: turn,
            })
        };
        let both = tokio::time::timeout(self.options.wait, both).await;
        both.ok().flatten().ok_or(LakeError::Busy)
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
    async fn start(&self, key: KeyId, plan: Arc<dyn ExecutionPlan>) -> Result<Running> {
        const BATCHES_AHEAD: usize = 2;
        let mut slot = self.slot(key).await?;
        let (context, slots, patience) =
            (self.context(), self.slots.clone(), self.options.deadline);
        let (sender, batches) = mpsc::channel(BATCHES_AHEAD);
        let runtime = tokio::runtime::Handle::current();
        let end = runtime.clone().spawn_blocking(move || {
            runtime.block_on(async move {
                let mut batches = plan.execute(0, context)?;
                while let Some(batch) = batches.next().await {
                    if !slot.hand_on(batch?, &sender, &slots, patience).await? {
                        break;
                    }
                }
                Ok(())
            })
        });
        let end = Some(end);
        Ok(Running { batches, end })
    }

    /// All batches of a plan, within the deadline and the limits of rows and bytes.
    pub(crate) async fn collect_for(
        &self,
        key: KeyId,
        plan: Arc<dyn ExecutionPlan>,
    ) -> Result<Vec<RecordBatch>> {
        let bytes_max = self.options.memory_bytes / self.options.concurrent.max(1);
        let mut running = self.start(key, plan).await?;
        let all = async {
            let (mut all, mut rows, mut bytes) = (Vec::new(), 0, 0);
            while let Some(batch) = running.next().await {
                let batch = batch?;
                rows += batch.num_rows();
                if rows > RESULT_ROWS_MAX {
                    return Err(LakeError::LimitExceeded(format!(
                        "an answer has at most {RESULT_ROWS_MAX} rows; ask for fewer groups or rows"
                    )));
                }
                bytes += batch.get_array_memory_size();
                if bytes > bytes_max {
                    return Err(LakeError::LimitExceeded(format!(
                        "an answer in one piece has at most {bytes_max} bytes; ask for fewer groups or rows, or for ndjson"
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

    /// The same in nobody's name, for tests of plans.
    #[cfg(test)]
    pub(crate) async fn collect(&self, plan: Arc<dyn ExecutionPlan>) -> Result<Vec<RecordBatch>> {
        self.collect_for(KeyId::from_bytes([0; 16]), plan).await
    }

    /// The batches of a plan, the first within the deadline. The last item is
    /// an error when the rows are not all.
    pub(crate) async fn stream(
        &self,
        key: KeyId,
        plan: Arc<dyn ExecutionPlan>,
    ) -> Result<BoxStream<'static, Result<RecordBatch>>> {
        let mut running = self.start(key, plan).await?;
        let deadline = self.options.deadline;
        let first = tokio::time::timeout(deadline, running.next())
            .await
            .map_err(|_| LakeError::Deadline(deadline))?;
        let rest = futures::stream::unfold(running, |mut running| async move {
            running.next().await.map(|batch| (batch, running))
        });
        Ok(futures::stream::iter(first).chain(rest).boxed())
    }

    /// Does other work on a question of a key, within the same bounds and off
    /// the threads that answer requests.
    pub(crate) async fn work<T: Send + 'static>(
        &self,
        key: KeyId,
        work: impl FnOnce() -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let slot = self.slot(key).await?;
        let done = tokio::task::spawn_blocking(move || {
            let _slot = slot;
            work()
        });
        let deadline = self.options.deadline;
        match tokio::time::timeout(deadline, done).await {
            Ok(done) => done.unwrap_or_else(|_| Err(broken())),
            Err(_) => Err(LakeError::Deadline(deadline)),
        }
    }
}

impl Slot {
    /// Hands a batch on; answers whether the reader takes more. A reader that
    /// is slow keeps the slot of nobody else, and is not waited for for ever.
    async fn hand_on(
        &mut self,
        batch: RecordBatch,
        sender: &mpsc::Sender<RecordBatch>,
        slots: &Arc<Semaphore>,
        patience: Duration,
    ) -> Result<bool> {
        let batch = match sender.try_send(batch) {
            Ok(()) => return Ok(true),
            Err(TrySendError::Closed(_)) => return Ok(false),
            Err(TrySendError::Full(batch)) => batch,
        };
        self.slot = None;
        let sent = tokio::time::timeout(patience, sender.send(batch)).await;
        if sent.map_err(|_| LakeError::Deadline(patience))?.is_err() {
            return Ok(false);
        }
        self.slot = slots.clone().acquire_owned().await.ok();
        Ok(true)
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

#[cfg(test)]
mod tests;
