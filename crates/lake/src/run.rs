//! Runs checked plans within bounds: questions at once, memory, time, rows.

mod bounds;
mod options;
mod rows;
mod turns;
mod workers;

pub(crate) use bounds::Asker;
pub use options::RunOptions;
pub(crate) use rows::{
    CELL_BYTES, actor_rows, cells, forwards, groups, in_pieces, record_columns, record_rows,
    rest_column, rows_in_pieces, undeclared,
};
pub(crate) use workers::{Reader, Workers};

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use arrow_array::RecordBatch;
use datafusion_execution::TaskContext;
use datafusion_execution::config::SessionConfig;
use datafusion_execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion_execution::memory_pool::{GreedyMemoryPool, MemoryPool};
use datafusion_execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion_physical_plan::ExecutionPlan;
use futures::stream::BoxStream;
use futures::{FutureExt, Stream, StreamExt};
use model::ids::KeyId;
use model::limits::RESULT_ROWS_MAX;
use model::queries::Row;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;
use tokio::task::JoinHandle;

use crate::error::{LakeError, Result};
use bounds::{Leaves, Waiting};
use turns::{Bounds, Turns};

/// Rows of an answer, in pieces.
pub type RowStream = BoxStream<'static, Result<Vec<Row>>>;

/// Runs plans.
#[derive(Debug)]
pub(crate) struct Runner {
    options: RunOptions,
    turns: Arc<Turns>,
    environment: RuntimeEnv,
    /// Made once: its many options take longer than a small question.
    config: SessionConfig,
    /// The same for questions that have no more readers than one.
    config_here: SessionConfig,
    workers: Arc<Workers>,
    waiting: Arc<Waiting>,
}

/// The right to work on a question of a key.
#[derive(Debug)]
pub(crate) struct Slot {
    /// A question that waits for its reader has none.
    slot: Option<turns::Slot>,
    turn: turns::Turn,
    /// Its place among the readers, while it runs on a thread of its own.
    reader: Option<Reader>,
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

    /// Those that are still to come.
    fn batches(self) -> impl Stream<Item = Result<RecordBatch>> {
        futures::stream::unfold(self, |mut running| async move {
            running.next().await.map(|batch| (batch, running))
        })
    }
}

/// What is known of work that ended in a panic.
pub(crate) fn broken() -> LakeError {
    LakeError::Internal("the work on a request ended early".to_owned())
}

impl Runner {
    pub(crate) fn new(options: RunOptions) -> Result<Self> {
        let workers = Workers::new(options.threads.clone());
        Self::with(options, workers)
    }

    fn with(options: RunOptions, workers: Arc<Workers>) -> Result<Self> {
        // Rows never go to temporary files: nothing there would be encrypted, synced or checked.
        let no_files = DiskManagerBuilder::default().with_mode(DiskManagerMode::Disabled);
        let environment = RuntimeEnvBuilder::new()
            .with_disk_manager_builder(no_files)
            .build()?;
        let config_here = SessionConfig::new()
            .with_target_partitions(1)
            .with_batch_size(8_192);
        let config = config_here.clone().with_extension(workers.clone());
        let turns = Turns::new(Bounds {
            slots: options.concurrent,
            kept: options.concurrent / 4,
            begun_per_key: (options.concurrent / 2).max(1),
            waiting_per_key: options.waiting_per_key,
        });
        let waiting = Arc::new(Waiting::new(options.memory_bytes));
        Ok(Self {
            options,
            turns,
            environment,
            config,
            config_here,
            workers,
            waiting,
        })
    }

    /// Waits for the turn of a key.
    ///
    /// # Errors
    /// [`LakeError::Busy`] when it does not come in time.
    pub(crate) async fn slot(&self, key: KeyId) -> Result<Slot> {
        let begun = tokio::time::timeout(self.options.wait, self.turns.begin(key)).await;
        let (turn, slot) = begun.map_err(|_| LakeError::Busy)??;
        Ok(Slot {
            slot: Some(slot),
            turn,
            reader: None,
        })
    }

    /// The bytes that one question may hold.
    fn share(&self) -> usize {
        self.options.memory_bytes / self.options.concurrent.max(1)
    }

    /// The surroundings of one question, with memory of its own.
    fn context(&self, config: &SessionConfig) -> Arc<TaskContext> {
        let mut environment = self.environment.clone();
        environment.memory_pool = Arc::new(GreedyMemoryPool::new(self.share()));
        Arc::new(TaskContext::new(
            None,
            String::new(),
            config.clone(),
            HashMap::new(),
            HashMap::new(),
            HashMap::new(),
            HashMap::new(),
            Arc::new(environment),
        ))
    }

    /// The batches of a plan as they come. The work is done on a thread of
    /// its own and ends soon after the receiver is dropped, also while it has
    /// nothing to hand on yet.
    async fn start(&self, key: KeyId, plan: Arc<dyn ExecutionPlan>) -> Result<Running> {
        const BATCHES_AHEAD: usize = 2;
        let mut slot = self.slot(key).await?;
        let context = self.context(&self.config);
        let (turns, patience) = (self.turns.clone(), self.options.deadline);
        let workers = self.workers.clone();
        let (memory, waiting) = (context.memory_pool().clone(), self.waiting.clone());
        let (sender, batches) = mpsc::channel(BATCHES_AHEAD);
        let end = self.workers.spawn_waiting(async move {
            slot.reader = Some(workers.first());
            let mut batches = plan.execute(0, context)?;
            loop {
                let batch = tokio::select! {
                    biased;
                    () = sender.closed() => break,
                    batch = batches.next() => batch,
                };
                let Some(batch) = batch else { break };
                let memory = (&memory, waiting.as_ref());
                let goes_on = slot.hand_on(batch?, &sender, (&turns, &workers), patience, memory);
                if !goes_on.await? {
                    break;
                }
            }
            Ok(())
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
        self.collected(self.start(key, plan).await?.batches()).await
    }

    /// The same on the thread of whoever asks, for a plan whose work is less
    /// than what it takes to wake another one, and waits for no disk. It has
    /// no other readers, which may have to wait for work that takes long.
    pub(crate) async fn collect_here(
        &self,
        key: KeyId,
        plan: Arc<dyn ExecutionPlan>,
    ) -> Result<Vec<RecordBatch>> {
        let _slot = self.slot(key).await?;
        let batches = plan.execute(0, self.context(&self.config_here))?;
        let all = self.collected(batches.map(|batch| Ok(batch?)));
        // What it worked on is dropped with it, whatever state that was left in.
        let all = AssertUnwindSafe(all).catch_unwind().await;
        all.unwrap_or_else(|_| Err(broken()))
    }

    async fn collected(
        &self,
        batches: impl Stream<Item = Result<RecordBatch>>,
    ) -> Result<Vec<RecordBatch>> {
        let bytes_max = self.share();
        let mut batches = pin!(batches);
        let all = async {
            let (mut all, mut rows, mut bytes) = (Vec::new(), 0, 0);
            while let Some(batch) = batches.next().await {
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
        Ok(futures::stream::iter(first)
            .chain(running.batches())
            .boxed())
    }

    /// Work of several steps that is one question to whoever asks: its turns
    /// and its work take no longer than those of one.
    ///
    /// # Errors
    /// [`LakeError::Deadline`] when they do; what is under way is given up.
    pub(crate) async fn together<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        let whole = self.options.wait + self.options.deadline;
        let done = tokio::time::timeout(whole, work).await;
        done.unwrap_or(Err(LakeError::Deadline(whole)))
    }

    /// Does other work on a question of a key, within the same bounds and off
    /// the threads that answer requests. Work that may take long asks now and
    /// then whether its [`Asker`] still waits.
    pub(crate) async fn work<T: Send + 'static>(
        &self,
        key: KeyId,
        work: impl FnOnce(&Asker) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let slot = self.slot(key).await?;
        let deadline = self.options.deadline;
        let done = tokio::time::timeout(deadline, self.complete(slot, work)).await;
        done.unwrap_or(Err(LakeError::Deadline(deadline)))
    }

    /// Does work whose turn has come, however long it takes: what cannot be
    /// undone is answered in full. It still ends when nobody waits for it.
    pub(crate) async fn complete<T: Send + 'static>(
        &self,
        slot: Slot,
        work: impl FnOnce(&Asker) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.read_for(move |asker| {
            let _held = slot;
            work(asker)
        })
        .await
    }

    /// The same, where the turn goes on afterwards.
    pub(crate) async fn part<T: Send + 'static>(
        &self,
        _turn: &Slot,
        work: impl FnOnce(&Asker) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.read_for(work).await
    }

    /// Does work as a reader among others, on a thread of its own.
    async fn read_for<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Asker) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let leaves = Leaves::default();
        let asker = leaves.0.clone();
        let workers = self.workers.clone();
        let done = self.workers.spawn(move || {
            let _reader = workers.first();
            work(&asker)
        });
        let done = done.await;
        drop(leaves);
        done.unwrap_or_else(|_| Err(broken()))
    }

    /// Does work that is no question's, off the threads that answer requests.
    ///
    /// # Errors
    /// [`LakeError::Internal`] when it panics.
    pub(crate) async fn aside<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T> {
        self.workers.spawn(work).await.map_err(|_| broken())
    }
}

impl Slot {
    /// Hands a batch on; answers whether the reader takes more. A reader that
    /// is slow keeps the slot of nobody else, and is not waited for for ever.
    async fn hand_on(
        &mut self,
        batch: RecordBatch,
        sender: &mpsc::Sender<RecordBatch>,
        (turns, workers): (&Arc<Turns>, &Arc<Workers>),
        patience: Duration,
        (memory, waiting): (&Arc<dyn MemoryPool>, &Waiting),
    ) -> Result<bool> {
        let batch = match sender.try_send(batch) {
            Ok(()) => return Ok(true),
            Err(TrySendError::Closed(_)) => return Ok(false),
            Err(TrySendError::Full(batch)) => batch,
        };
        let held = waiting.hold(memory.reserved())?;
        (self.slot, self.reader) = (None, None);
        let sent = tokio::time::timeout(patience, sender.send(batch)).await;
        if sent.map_err(|_| LakeError::Deadline(patience))?.is_err() {
            return Ok(false);
        }
        self.slot = Some(turns.resume(&self.turn).await?);
        self.reader = Some(workers.first());
        drop(held);
        Ok(true)
    }
}

#[cfg(test)]
mod tests;
