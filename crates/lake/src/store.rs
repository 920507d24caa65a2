//! The state that the journal stands for: every pool's records, and the
//! answers saved under idempotency keys.
//!
//! Changes come from the journal's thread alone, in log order; readers take
//! snapshots.

mod answers;
mod held;
mod replay;

pub(crate) use replay::Replay;

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use model::filters::{Constraint, Filter, Predicate};
use model::ids::PoolId;
use model::pools::{Pool, Schema};
use model::time::Clock;

use crate::buffer::{PoolBuffer, Segment, Snapshot};
use crate::error::Result;
use crate::journal::{JournalError, Position, Prepared, StateMachine};
use crate::operation::{DecodeError, IdempotencyTag, SavedAnswer, Stored, decode};
use crate::plan::constraint_predicate;
use answers::SavedAnswers;
use held::Held;

/// The pools' records, shared between the journal's thread and readers.
#[derive(Debug, Default)]
pub(crate) struct Pools {
    pools: RwLock<HashMap<PoolId, Arc<Held>>>,
    /// Pools that were dropped. An id is never given again, and a request that
    /// was under way must not bring its pool back.
    dropped: RwLock<HashSet<PoolId>>,
    bytes: AtomicU64,
}

impl Pools {
    /// The records of a pool as they are now; an unknown pool has none.
    pub(crate) fn snapshot(&self, pool: &Pool) -> Snapshot {
        match self.find(pool.id) {
            Some(held) => held.snapshot(),
            None => empty(pool).snapshot(),
        }
    }

    fn find(&self, pool: PoolId) -> Option<Arc<Held>> {
        self.pools
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&pool)
            .cloned()
    }

    fn is_dropped(&self, pool: PoolId) -> bool {
        let dropped = self.dropped.read().unwrap_or_else(PoisonError::into_inner);
        dropped.contains(&pool)
    }

    fn change<T>(
        &self,
        buffer: &mut PoolBuffer,
        change: impl FnOnce(&mut PoolBuffer) -> Result<T>,
    ) -> Result<T> {
        let before = buffer.bytes();
        let done = change(buffer);
        self.count_bytes(before, buffer.bytes());
        done
    }

    /// Adds records to a pool. Those of a dropped pool went with it.
    fn push(&self, pool: &Pool, segment: Segment) -> Result<()> {
        if self.is_dropped(pool.id) || segment.rows() == 0 {
            return Ok(());
        }
        let held = self.find(pool.id).unwrap_or_else(|| {
            let mut pools = self.pools.write().unwrap_or_else(PoisonError::into_inner);
            pools
                .entry(pool.id)
                .or_insert_with(|| Arc::new(Held::new(empty(pool))))
                .clone()
        });
        held.change(|buffer| self.change(buffer, |buffer| buffer.push(segment)))
    }

    /// Deletes the rows that the key sees and asked for.
    fn delete(&self, pool: &Pool, rows: &Constraint, filter: Option<&Filter>) -> Result<u64> {
        let predicate = delete_predicate(&pool.draft.schema, rows, filter);
        self.find(pool.id).map_or(Ok(0), |held| {
            held.change_at_length(|buffer| self.change(buffer, |b| b.delete(&predicate)))
        })
    }

    fn drop_pool(&self, pool: PoolId) {
        self.dropped
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(pool);
        let dropped = self
            .pools
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&pool);
        if let Some(held) = dropped {
            self.count_bytes(held.change(|buffer| buffer.bytes()), 0);
        }
    }

    fn count_bytes(&self, before: u64, after: u64) {
        if after >= before {
            self.bytes.fetch_add(after - before, Ordering::Relaxed);
        } else {
            self.bytes.fetch_sub(before - after, Ordering::Relaxed);
        }
    }

    /// Bytes held, of all pools.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Records held, of all pools.
    pub(crate) fn records(&self) -> u64 {
        let pools = self.pools.read().unwrap_or_else(PoisonError::into_inner);
        let segments = pools.values().map(|held| held.snapshot().segments);
        let rows = segments
            .flatten()
            .map(|segment| segment.alive_rows() as u64);
        rows.sum()
    }
}

fn empty(pool: &Pool) -> PoolBuffer {
    PoolBuffer::new(&pool.draft.schema, pool.draft.isolation_field.clone())
}

/// What is submitted to the journal. The payload is encoded and the columns
/// are built by the submitting request, not by the journal's thread.
#[derive(Debug)]
pub(crate) enum Operation {
    /// Add records.
    Append {
        pool: Arc<Pool>,
        payload: Vec<u8>,
        segment: Segment,
        saved: Option<(IdempotencyTag, SavedAnswer)>,
    },
    /// Delete records.
    Delete {
        pool: Arc<Pool>,
        payload: Vec<u8>,
        rows: Constraint,
        filter: Option<Filter>,
    },
    /// Forget a pool.
    Drop { pool: PoolId, payload: Vec<u8> },
}

/// What became of an operation.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// Done: how many records were added or deleted.
    Done(Result<u64>),
    /// The saved answer of the same request.
    Repeated(SavedAnswer),
    /// The idempotency key was used with another body.
    Mismatch,
    /// There is no room for the records; so many bytes are held.
    NoRoom(u64),
}

/// The journal's state machine.
#[derive(Debug)]
pub(crate) struct Store {
    pools: Arc<Pools>,
    /// Bytes that may be held.
    bound: u64,
    /// Bytes of records that are being written.
    arriving: u64,
    replay: Arc<Mutex<Replay>>,
    answers: SavedAnswers,
    pending: HashSet<IdempotencyTag>,
}

impl Store {
    /// A store of the `known` pools that holds up to `bound` bytes, and what
    /// its replay gathers: call [`Replay::finish`] once the journal is open.
    pub(crate) fn new(
        pools: Arc<Pools>,
        bound: u64,
        clock: Arc<dyn Clock>,
        known: Vec<Arc<Pool>>,
    ) -> (Self, Arc<Mutex<Replay>>) {
        let replay = Arc::new(Mutex::new(Replay::new(pools.clone(), known)));
        let store = Self {
            pools,
            bound,
            arriving: 0,
            replay: replay.clone(),
            answers: SavedAnswers::new(clock),
            pending: HashSet::new(),
        };
        (store, replay)
    }

    /// Answers a batch without storing it, when that is called for.
    fn answer(
        &mut self,
        segment: &Segment,
        saved: Option<&(IdempotencyTag, SavedAnswer)>,
    ) -> Option<Prepared<Outcome>> {
        if let Some((tag, answer)) = saved {
            if self.pending.contains(tag) {
                return Some(Prepared::Again);
            }
            self.answers.forget_old();
            match self.answers.find(tag) {
                Some(earlier) if earlier.fingerprint == answer.fingerprint => {
                    return Some(Prepared::Answer(Outcome::Repeated(earlier.clone())));
                }
                Some(_) => return Some(Prepared::Answer(Outcome::Mismatch)),
                None => {}
            }
        }
        // Deletes wait in the same group at most, and free room for what comes after it.
        let held = self.pools.bytes() + self.arriving;
        (segment.rows() > 0 && held + segment.bytes() > self.bound)
            .then_some(Prepared::Answer(Outcome::NoRoom(held)))
    }
}

/// The rows that go: those that the key sees and that it asked for. What
/// cannot be resolved deletes nothing.
fn delete_predicate(schema: &Schema, rows: &Constraint, filter: Option<&Filter>) -> Predicate {
    let (visible, _) = constraint_predicate(rows, schema);
    let asked = match filter.map(|filter| schema.resolve(filter)) {
        None => Predicate::All(Vec::new()),
        Some(Ok(asked)) => asked,
        Some(Err(_)) => Predicate::Nothing,
    };
    Predicate::All(vec![visible, asked])
}

impl StateMachine for Store {
    type Operation = Operation;
    type Outcome = Outcome;

    fn prepare(&mut self, operation: &Operation, payload: &mut Vec<u8>) -> Prepared<Outcome> {
        let bytes = match operation {
            Operation::Append {
                payload,
                segment,
                saved,
                ..
            } => {
                if let Some(answer) = self.answer(segment, saved.as_ref()) {
                    return answer;
                }
                self.arriving += segment.bytes();
                if let Some((tag, _)) = saved {
                    self.pending.insert(tag.clone());
                }
                payload
            }
            Operation::Delete { payload, .. } | Operation::Drop { payload, .. } => payload,
        };
        payload.extend_from_slice(bytes);
        Prepared::Write
    }

    fn apply(&mut self, _: Position, operation: Operation) -> Outcome {
        self.abandon(&operation);
        Outcome::Done(match operation {
            Operation::Append {
                pool,
                segment,
                saved,
                ..
            } => {
                if let Some((tag, answer)) = saved {
                    self.answers.save(tag, answer);
                }
                let rows = segment.rows() as u64;
                self.pools.push(&pool, segment).map(|()| rows)
            }
            Operation::Delete {
                pool, rows, filter, ..
            } => self.pools.delete(&pool, &rows, filter.as_ref()),
            Operation::Drop { pool, .. } => {
                self.pools.drop_pool(pool);
                Ok(0)
            }
        })
    }

    fn abandon(&mut self, operation: &Operation) {
        if let Operation::Append { segment, saved, .. } = operation {
            self.arriving -= segment.bytes();
            if let Some((tag, _)) = saved {
                self.pending.remove(tag);
            }
        }
    }

    fn replay(&mut self, position: Position, payload: &[u8]) -> Result<(), JournalError> {
        let unreadable = |reason: String| JournalError::Unreadable { position, reason };
        let stored = decode(payload).map_err(|error: DecodeError| unreadable(error.to_string()))?;
        if let Stored::Append {
            saved: Some((tag, answer)),
            ..
        } = &stored
        {
            self.answers.save(tag.clone(), answer.clone());
        }
        let mut replay = self.replay.lock().unwrap_or_else(PoisonError::into_inner);
        replay
            .add(stored)
            .map_err(|error| unreadable(error.to_string()))
    }
}

#[cfg(test)]
pub(crate) mod tests;
