//! The lake as the rest of the house sees it.

mod analyse;
mod append;
mod inspect;
mod open;
mod upkeep;

pub(crate) use append::{append_operation, new_receipt, segment_of};
pub use inspect::{InspectedFile, InspectedPart, InspectedPool, Inspection, Strays};
pub use open::{Environment, LakeOptions, UpkeepOptions};
pub use upkeep::{PoolLayout, Scrubbed};

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use arrow_array::RecordBatch;
use bytes::Bytes;
use futures::StreamExt;
use model::answers::{AppendReceipt, Columnar, PlaneMetrics, SeenField};
use model::fault::{Fault, FaultCode};
use model::ids::{KeyId, PoolId};
use model::permit::{
    AdmittedBatch, ConstrainedDelete, ConstrainedQuery, ConstrainedSchema, Permit, Upkeep,
};
use model::queries::{OutputColumn, Query};
use model::random::RandomSource;
use model::records::SentRecord;
use model::time::Clock;

use crate::buffer::leaf_columns;
use crate::columnar::{self, ByteStream};
use crate::error::{LakeError, Result};
use crate::finish::finish;
use crate::journal::{Journal, JournalError, Position};
use crate::manifest::{Removal, by_columns};
use crate::operation::{SavedAnswer, encode_delete, encode_drop};
use crate::output::output_columns;
use crate::plan::{Plan, plan};
use crate::predicate::admitted;
use crate::reading::{Hints, Reading};
use crate::run::{
    Asker, RowStream, Runner, actor_rows, forwards, groups, in_pieces, record_rows, rows_in_pieces,
};
use crate::snapshot::Snapshot;
use crate::store::{Operation, Outcome, Pools, Store};
use crate::tables::Tables;
use append::too_large;

/// The rows of an answer under their columns.
pub struct Answer {
    /// The columns.
    pub columns: Vec<OutputColumn>,
    /// The rows.
    pub rows: RowStream,
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Answer")
            .field("columns", &self.columns)
            .finish_non_exhaustive()
    }
}

/// Records of pools, durable in a directory.
#[derive(Debug)]
pub struct Lake {
    journal: Journal<Store>,
    pools: Arc<Pools>,
    tables: Arc<Tables>,
    runner: Runner,
    clock: Arc<dyn Clock>,
    random: Arc<dyn RandomSource>,
    upkeep: upkeep::State,
    stopping: AtomicBool,
    buffer_bytes: u64,
    operation_bytes: usize,
    records_stored: AtomicU64,
    queries_answered: AtomicU64,
    plans_refused: AtomicU64,
    constraints_unresolved: AtomicU64,
}

impl Lake {
    /// Stores a batch. When it returns, the accepted records are on stable
    /// storage and visible to every question that starts afterwards; a
    /// repetition under the same idempotency key gets the first answer.
    ///
    /// # Errors
    /// Nothing of the batch is stored, but for [`JournalError::Stopped`], after which the log
    /// tells at the restart. [`LakeError::LimitExceeded`] for a batch that is too large for one
    /// operation of the journal, or for one run of columns.
    pub async fn append(&self, batch: AdmittedBatch) -> Result<AppendReceipt> {
        let receipt = new_receipt(&batch);
        if receipt.accepted == 0 && batch.idempotency().is_none() {
            return Ok(receipt);
        }
        let held = self.pools.bytes();
        // A repetition needs no room, and only the journal's thread knows whether it is one.
        if held >= self.buffer_bytes && batch.idempotency().is_none() {
            return Err(self.buffer_full(held));
        }
        let operation = self.append_operation(batch, &receipt).await?;
        match self.submit(operation).await? {
            Outcome::Done(done) => {
                self.records_stored.fetch_add(done?, Ordering::Relaxed);
                Ok(receipt)
            }
            Outcome::Repeated(SavedAnswer {
                accepted,
                rejected,
                faults,
                ..
            }) => Ok(AppendReceipt {
                accepted,
                rejected,
                faults,
                repeated: true,
            }),
            Outcome::Mismatch => Err(LakeError::IdempotencyMismatch),
            Outcome::NoRoom(held) => Err(self.buffer_full(held)),
            Outcome::Deleted(_) | Outcome::Carried(_) | Outcome::Dropped => {
                Err(answered_otherwise("a batch"))
            }
        }
    }

    /// What is submitted for a batch. For many records that is work for a
    /// thread that answers no other requests.
    async fn append_operation(
        &self,
        batch: AdmittedBatch,
        receipt: &AppendReceipt,
    ) -> Result<Operation> {
        const FEW_RECORDS: usize = 256;
        let bytes = self.operation_bytes;
        if batch.records().len() <= FEW_RECORDS {
            return append_operation(&batch, receipt, bytes);
        }
        let receipt = receipt.clone();
        let learned = self.pools.learned(batch.pool());
        let work = move || {
            let operation = append_operation(&batch, &receipt, bytes)?;
            Ok(operation.indexed(learned.as_ref()))
        };
        self.runner.aside(work).await?
    }

    fn buffer_full(&self, held: u64) -> LakeError {
        LakeError::BufferFull {
            held,
            bound: self.buffer_bytes,
        }
    }

    async fn submit(&self, operation: Operation) -> Result<Outcome> {
        match self.journal.submit(operation).await {
            Err(JournalError::Oversized { bytes, limit }) => Err(too_large(bytes, limit)),
            answer => Ok(answer?),
        }
    }

    /// Deletes the records that the key sees and asks for, durably and at
    /// once; answers how many went, however long it takes to count them.
    ///
    /// # Errors
    /// Nothing is deleted, but for [`JournalError::Stopped`], after which the log tells at the
    /// restart, and for [`LakeError::Damaged`], when a file cannot be read to count its rows.
    pub async fn delete(&self, delete: ConstrainedDelete) -> Result<u64> {
        // Once they are gone, nobody may be told that the server was too busy.
        let turn = self.runner.slot(delete.key()).await?;
        let Outcome::Deleted(done) = self.submit(delete_operation(&delete)).await? else {
            return Err(answered_otherwise("a delete"));
        };
        let (from_memory, before) = done?;
        if before.files.is_empty() {
            return Ok(from_memory);
        }
        // They are gone; how many they were is found out by whoever asked.
        let snapshot = Snapshot {
            segments: Vec::new(),
            stored: before,
            ..self.pools.snapshot(delete.pool())
        };
        let (rows, filter) = by_columns(&delete);
        let removal = Removal {
            position: Position::FIRST,
            at: self.clock.now(),
            rows,
            filter,
        };
        let count = move |asker: &Asker| count_removed(snapshot, &removal, asker);
        Ok(from_memory + self.runner.complete(turn, count).await?)
    }

    /// Forgets a pool and all its records, and those that are still on their
    /// way to it.
    pub async fn drop_pool(&self, _: &Permit<Upkeep>, pool: PoolId) -> Result<()> {
        self.submit(drop_operation(pool)).await.map(|_| ())
    }

    fn plan(&self, query: &ConstrainedQuery) -> Result<Plan> {
        let snapshot = self.pools.snapshot(query.pool());
        let planned = plan(query.pool(), query.rows(), query.query(), &snapshot);
        match &planned {
            Err(LakeError::PlanRefused(reason)) => {
                self.plans_refused.fetch_add(1, Ordering::Relaxed);
                tracing::error!(%reason, key = %query.key(), "a plan was refused");
            }
            Ok(Plan {
                unresolved: Some(reason),
                ..
            }) => {
                self.constraints_unresolved.fetch_add(1, Ordering::Relaxed);
                tracing::error!(%reason, key = %query.key(), "a constraint admits no row");
            }
            _ => {}
        }
        planned
    }

    /// Answers a question over the rows that its constraint admits.
    pub async fn query(&self, query: ConstrainedQuery) -> Result<Answer> {
        let columns = output_columns(query.query(), &query.pool().draft.schema)?;
        let plan = self.plan(&query)?;
        self.queries_answered.fetch_add(1, Ordering::Relaxed);
        let rows = match query.query() {
            Query::Aggregate(aggregate) => {
                let batches = self.collect(query.key(), plan).await?;
                let (aggregate, pool) = (aggregate.clone(), query.pool().clone());
                let found: usize = batches.iter().map(RecordBatch::num_rows).sum();
                let series = aggregate.series.as_ref();
                let intervals = series.map_or(1, |series| series.buckets.starts().len());
                let has_few = found.max(1).saturating_mul(intervals) <= FEW_GROUPS;
                let finished = move |_: &Asker| {
                    let groups = groups(&aggregate, &batches);
                    finish(&aggregate, &pool.draft.schema, groups)
                };
                // Another thread would take longer to wake than a few groups take.
                let rows = match has_few {
                    true => finished(&Asker::default())?,
                    false => self.runner.work(query.key(), finished).await?,
                };
                in_pieces(rows)
            }
            Query::Actors(actors) => {
                let batches = self.collect(query.key(), plan).await?;
                let actors = actors.clone();
                let read = move |_: &Asker| actor_rows(&actors, &batches);
                in_pieces(self.runner.work(query.key(), read).await?)
            }
            Query::Records(records) if records.limit.is_some_and(|limit| limit <= PAGE_ROWS) => {
                let batches = self.collect(query.key(), plan).await?;
                let mut rows = Vec::new();
                for batch in &batches {
                    rows.extend(record_rows(records, batch)?);
                }
                futures::stream::iter([Ok(forwards(records, rows))]).boxed()
            }
            Query::Records(records) => {
                let records = Arc::new(records.clone());
                let batches = self.runner.stream(query.key(), plan.root).await?;
                batches
                    .flat_map(move |batch| match batch {
                        Ok(batch) => rows_in_pieces(&records, batch),
                        Err(error) => futures::stream::iter([Err(error)]).boxed(),
                    })
                    .boxed()
            }
        };
        Ok(Answer { columns, rows })
    }

    async fn collect(&self, key: KeyId, plan: Plan) -> Result<Vec<RecordBatch>> {
        let rows = plan.effort.rows(CELLS_AT_HAND);
        match plan.reading.is_at_hand(rows) {
            true => self.runner.collect_here(key, plan.root).await,
            false => self.runner.collect_for(key, plan.root).await,
        }
    }

    /// Answers a question as a file of a columnar format.
    pub async fn export(&self, query: ConstrainedQuery, format: Columnar) -> Result<ByteStream> {
        let answer = self.query(query).await?;
        columnar::encode(answer, format)
    }

    /// The fields that the key sees, over the rows that it sees.
    pub async fn schema(&self, schema: ConstrainedSchema) -> Result<Vec<SeenField>> {
        let snapshot = self.pools.snapshot(schema.pool());
        let key = schema.key();
        let look = move |asker: &Asker| crate::seen::seen_fields(&schema, &snapshot, asker);
        self.runner.work(key, look).await
    }

    /// Reads the records of a columnar body.
    pub async fn decode(&self, format: Columnar, body: Bytes) -> Result<Vec<SentRecord>, Fault> {
        // Decoding is work, not waiting; it must not hold up other requests.
        let decoded = self.runner.aside(move || columnar::decode(format, body));
        decoded.await.unwrap_or_else(|_| {
            let detail = "the body is not a whole file of its announced format";
            Err(Fault::new(FaultCode::MalformedBody, detail))
        })
    }

    /// Counters for operators.
    pub fn metrics(&self) -> PlaneMetrics {
        let journal = self.journal.counts();
        PlaneMetrics {
            records_stored: self.records_stored.load(Ordering::Relaxed),
            queries_answered: self.queries_answered.load(Ordering::Relaxed),
            plans_refused: self.plans_refused.load(Ordering::Relaxed),
            constraints_unresolved: self.constraints_unresolved.load(Ordering::Relaxed),
            journal_entries: journal.records,
            journal_bytes: journal.bytes,
            journal_syncs: journal.syncs,
            journal_queue: journal.queued,
            buffer_bytes: self.pools.bytes(),
            buffer_records: self.pools.records(),
            tables: self.table_metrics(),
        }
    }

    /// Ends the journal's thread after everything queued is durable.
    pub fn close(&self) {
        self.stop();
        self.journal.close();
    }

    /// Gives up the upkeep that is under way, and lets none begin.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }
}

fn answered_otherwise(what: &str) -> LakeError {
    LakeError::Internal(format!("{what} was answered as something else"))
}

/// How many rows of the files a removal takes away that no other did before.
fn count_removed(snapshot: Snapshot, removal: &Removal, asker: &Asker) -> Result<u64> {
    let snapshot = snapshot.asked_by_columns();
    let predicate = removal.predicate(&snapshot.by_columns);
    let hints = Hints {
        customers: snapshot.customers(&predicate),
        time: None,
    };
    let columns = leaf_columns(&predicate);
    let reading = Reading::new(snapshot, columns.into(), hints);
    let mut count = 0;
    while let Some(batch) = reading.step() {
        asker.waits()?;
        if let Some(batch) = batch? {
            count += admitted(&predicate, &batch)?.true_count() as u64;
        }
    }
    Ok(count)
}

fn delete_operation(delete: &ConstrainedDelete) -> Operation {
    let mut payload = Vec::new();
    encode_delete(delete, &mut payload);
    let (rows, filter) = by_columns(delete);
    Operation::Delete {
        pool: delete.pool().clone(),
        payload,
        rows,
        filter,
    }
}

fn drop_operation(pool: PoolId) -> Operation {
    let mut payload = Vec::new();
    encode_drop(pool, &mut payload);
    Operation::Drop { pool, payload }
}

/// Groups that are made rows on the thread that has them.
const FEW_GROUPS: usize = 256;

/// Cells that a question may look at on the thread that answers requests, if
/// all of them are in memory: about a millisecond of work.
const CELLS_AT_HAND: usize = 262_144;

/// Rows up to which an answer is collected rather than streamed: a page and
/// the row that tells whether there is another.
const PAGE_ROWS: u64 = model::limits::PAGE_ROWS_MAX + 1;

#[cfg(test)]
mod given;
#[cfg(test)]
pub(crate) mod tests;
