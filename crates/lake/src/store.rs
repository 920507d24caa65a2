//! The state that the journal stands for: every pool's records, and the
//! answers saved under idempotency keys.
//!
//! Changes come from the journal's thread alone, in log order; readers take
//! snapshots.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use model::filters::{Constraint, Filter, Predicate};
use model::ids::PoolId;
use model::limits::IDEMPOTENCY_SECONDS;
use model::pools::{Pool, Schema};
use model::records::Record;
use model::time::{Clock, Timestamp};

use crate::buffer::{PoolBuffer, Segment, Snapshot};
use crate::error::Result;
use crate::journal::{JournalError, Position, Prepared, StateMachine};
use crate::operation::{DecodeError, IdempotencyTag, SavedAnswer, Stored, decode};
use crate::plan::constraint_predicate;

/// Records gathered at replay before they become a segment.
const REPLAY_ROWS: usize = 8_192;

/// The pools' records, shared between the journal's thread and readers.
#[derive(Debug, Default)]
pub(crate) struct Pools {
    pools: RwLock<HashMap<PoolId, Arc<Mutex<PoolBuffer>>>>,
    bytes: AtomicU64,
}

impl Pools {
    /// The records of a pool as they are now; an unknown pool has none.
    pub(crate) fn snapshot(&self, pool: &Pool) -> Snapshot {
        match self.find(pool.id) {
            Some(buffer) => lock(&buffer).snapshot(),
            None => empty(pool).snapshot(),
        }
    }

    fn find(&self, pool: PoolId) -> Option<Arc<Mutex<PoolBuffer>>> {
        self.pools
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&pool)
            .cloned()
    }

    fn change<T>(
        &self,
        pool: PoolId,
        make: impl FnOnce() -> PoolBuffer,
        change: impl FnOnce(&mut PoolBuffer) -> Result<T>,
    ) -> Result<T> {
        let buffer = self.find(pool).unwrap_or_else(|| {
            let mut pools = self.pools.write().unwrap_or_else(PoisonError::into_inner);
            pools
                .entry(pool)
                .or_insert_with(|| Arc::new(Mutex::new(make())))
                .clone()
        });
        let mut buffer = lock(&buffer);
        let before = buffer.bytes();
        let done = change(&mut buffer);
        self.count_bytes(before, buffer.bytes());
        done
    }

    /// Deletes the rows that the key sees and asked for.
    fn delete(&self, pool: &Pool, rows: &Constraint, filter: Option<&Filter>) -> Result<u64> {
        let predicate = delete_predicate(&pool.draft.schema, rows, filter);
        self.change(pool.id, || empty(pool), |buffer| buffer.delete(&predicate))
    }

    fn drop_pool(&self, pool: PoolId) {
        let dropped = self
            .pools
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&pool);
        if let Some(buffer) = dropped {
            self.count_bytes(lock(&buffer).bytes(), 0);
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
        pools.values().map(|buffer| lock(buffer).records()).sum()
    }
}

fn lock(buffer: &Mutex<PoolBuffer>) -> std::sync::MutexGuard<'_, PoolBuffer> {
    buffer.lock().unwrap_or_else(PoisonError::into_inner)
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
}

/// What the replay of the journal gathers: single records come by the
/// million, and a segment is made of many.
#[derive(Debug)]
pub(crate) struct Replay {
    pools: Arc<Pools>,
    /// The pools that exist.
    known: HashMap<PoolId, Arc<Pool>>,
    waiting: HashMap<PoolId, Vec<Record>>,
}

impl Replay {
    /// Ends the replay: what it gathered becomes visible.
    pub(crate) fn finish(&mut self) -> Result<()> {
        let pools: Vec<PoolId> = self.waiting.keys().copied().collect();
        pools.into_iter().try_for_each(|pool| self.flush(pool))
    }

    fn flush(&mut self, id: PoolId) -> Result<()> {
        let (Some(records), Some(pool)) = (self.waiting.remove(&id), self.known.get(&id)) else {
            return Ok(());
        };
        self.pools.change(
            id,
            || empty(pool),
            |buffer| {
                let segment = Segment::of_records(buffer.layout(), &records)?;
                buffer.push(segment)
            },
        )
    }

    fn add(&mut self, stored: Stored) -> Result<()> {
        match stored {
            Stored::Append { pool, records, .. } => {
                if !self.known.contains_key(&pool) {
                    return Ok(());
                }
                let waiting = self.waiting.entry(pool).or_default();
                waiting.extend(records);
                if waiting.len() >= REPLAY_ROWS {
                    self.flush(pool)
                } else {
                    Ok(())
                }
            }
            Stored::Delete { pool, rows, filter } => {
                self.flush(pool)?;
                match self.known.get(&pool) {
                    Some(pool) => self.pools.delete(pool, &rows, filter.as_ref()).map(|_| ()),
                    None => Ok(()),
                }
            }
            Stored::Drop { pool } => {
                self.waiting.remove(&pool);
                self.pools.drop_pool(pool);
                Ok(())
            }
        }
    }
}

/// The journal's state machine.
#[derive(Debug)]
pub(crate) struct Store {
    pools: Arc<Pools>,
    clock: Arc<dyn Clock>,
    replay: Arc<Mutex<Replay>>,
    answers: HashMap<IdempotencyTag, SavedAnswer>,
    by_age: BTreeSet<(Timestamp, u64)>,
    tags: HashMap<u64, IdempotencyTag>,
    next_tag: u64,
    pending: HashSet<IdempotencyTag>,
}

impl Store {
    /// A store of the `known` pools, and what its replay gathers: call
    /// [`Replay::finish`] once the journal is open.
    pub(crate) fn new(
        pools: Arc<Pools>,
        clock: Arc<dyn Clock>,
        known: Vec<Arc<Pool>>,
    ) -> (Self, Arc<Mutex<Replay>>) {
        let known = known.into_iter().map(|pool| (pool.id, pool)).collect();
        let replay = Replay {
            pools: pools.clone(),
            known,
            waiting: HashMap::new(),
        };
        let replay = Arc::new(Mutex::new(replay));
        let store = Self {
            pools,
            clock,
            replay: replay.clone(),
            answers: HashMap::new(),
            by_age: BTreeSet::new(),
            tags: HashMap::new(),
            next_tag: 0,
            pending: HashSet::new(),
        };
        (store, replay)
    }

    fn save(&mut self, tag: IdempotencyTag, answer: SavedAnswer) {
        let number = self.next_tag;
        self.next_tag += 1;
        self.by_age.insert((answer.at, number));
        self.tags.insert(number, tag.clone());
        self.answers.insert(tag, answer);
    }

    fn forget_old_answers(&mut self) {
        let oldest = self.clock.now().as_microsecond() - IDEMPOTENCY_SECONDS * 1_000_000;
        while let Some((at, number)) = self.by_age.first().copied() {
            if at.as_microsecond() > oldest {
                return;
            }
            self.by_age.pop_first();
            if let Some(tag) = self.tags.remove(&number)
                && self.answers.get(&tag).is_some_and(|answer| answer.at == at)
            {
                self.answers.remove(&tag);
            }
        }
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
            Operation::Append { payload, saved, .. } => {
                self.forget_old_answers();
                if let Some((tag, answer)) = saved {
                    if self.pending.contains(tag) {
                        return Prepared::Again;
                    }
                    match self.answers.get(tag) {
                        Some(earlier) if earlier.fingerprint == answer.fingerprint => {
                            return Prepared::Answer(Outcome::Repeated(earlier.clone()));
                        }
                        Some(_) => return Prepared::Answer(Outcome::Mismatch),
                        None => {}
                    }
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
        Outcome::Done(match operation {
            Operation::Append {
                pool,
                segment,
                saved,
                ..
            } => {
                let rows = segment.rows() as u64;
                if let Some((tag, answer)) = saved {
                    self.pending.remove(&tag);
                    self.save(tag, answer);
                }
                self.pools
                    .change(pool.id, || empty(&pool), |buffer| buffer.push(segment))
                    .map(|()| rows)
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
        if let Operation::Append {
            saved: Some((tag, _)),
            ..
        } = operation
        {
            self.pending.remove(tag);
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
            self.save(tag.clone(), answer.clone());
        }
        let mut replay = self.replay.lock().unwrap_or_else(PoisonError::into_inner);
        replay
            .add(stored)
            .map_err(|error| unreadable(error.to_string()))
    }
}
