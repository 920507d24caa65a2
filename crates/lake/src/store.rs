//! The state that the journal stands for: every pool's records, the answers
//! saved under idempotency keys, and recent tokens of uniqueness.
//!
//! What is there changes by the journal's thread alone, in log order; readers
//! take snapshots. What definitions say of it, upkeep may tell as well.

mod answers;
mod deletes;
mod held;
mod learning;
mod pools;
mod prepare;
mod records;
mod replay;
mod stored;
mod tokens;
mod touches;

pub(crate) use answers::{AnswerCursor, AnswersFull};
pub(crate) use pools::{PoolState, Pools};
#[cfg(test)]
pub(crate) use records::Records;
pub(crate) use records::{Frozen, Written};
pub(crate) use replay::{Leftover, Replay};
#[cfg(test)]
pub(crate) use touches::Touches;
pub(crate) use touches::{Arriving, Customers, Since, Why};

use std::cell::Cell;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use model::filters::{Constraint, Filter};
use model::ids::PoolId;
use model::names::FieldPath;
use model::pools::Pool;
use model::time::Clock;
use model::uniqueness;

use crate::buffer::{Foreseen, Segment};
use crate::error::{LakeError, Result};
use crate::journal::{JournalError, Position, Prepared, StateMachine};
use crate::manifest::{ManifestChange, Removal};
use crate::operation::{IdempotencyTag, Joining, SavedAnswer, Stored, encode_parts, is_of_records};
use crate::snapshot;
use crate::uniqueness::{NewTokens, RecentTokens};
use answers::{SavedAnswers, weight};
use records::Span;
use replay::{read, unreadable};
use tokens::Tokens;

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
        /// The tokens of uniqueness that its records came with, if some did.
        tokens: Option<Box<NewTokens>>,
    },
    /// Delete records, told by the names of columns.
    Delete {
        pool: Arc<Pool>,
        payload: Vec<u8>,
        rows: Constraint,
        filter: Option<Filter>,
        /// What was found out of it before. Where that is too little, it is
        /// answered by [`Outcome::LookAgain`]; without it, it is found out here.
        foreseen: Option<Box<Foreseen>>,
        /// Why they go.
        why: Why,
    },
    /// Forget a pool.
    Drop { pool: PoolId, payload: Vec<u8> },
    /// Change the files of a pool.
    Commit {
        pool: PoolId,
        change: ManifestChange,
    },
    /// Write down once more what there is to know of a pool's files.
    State { pool: PoolId },
    /// Write down once more some of the saved answers, those from here on.
    Answers {
        from: AnswerCursor,
        /// Where the part behind it begins, once it is known what the part is.
        next: Cell<Option<AnswerCursor>>,
    },
    /// Write down once more some of the pools that were dropped.
    Dropped { pools: Vec<PoolId> },
    /// Write down once more some of the tokens of uniqueness.
    Tokens { payload: Vec<u8> },
    /// Answer a batch that is stored already, and do nothing else.
    Repeat {
        tag: IdempotencyTag,
        fingerprint: [u8; 32],
    },
    /// Do nothing: it is answered when everything before it is done.
    Wait,
}

impl Operation {
    /// The pool that it changes, other than by adding records.
    fn changes(&self) -> Option<PoolId> {
        match self {
            Self::Delete { pool, .. } => Some(pool.id),
            Self::Drop { pool, .. } | Self::Commit { pool, .. } => Some(*pool),
            _ => None,
        }
    }
}

/// What became of an operation.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// Done: how many records were added.
    Done(Result<u64>),
    /// Done: how many records were deleted from memory, and the files as they
    /// were before, from which the same rows are gone.
    Deleted(Result<(u64, snapshot::FileView)>),
    /// Done: where the next part of the saved answers begins, if there is one.
    Carried(Option<AnswerCursor>),
    /// The pool was dropped; nothing was done.
    Dropped,
    /// The saved answer of the same request.
    Repeated(SavedAnswer),
    /// The idempotency key was used with another body.
    Mismatch,
    /// The idempotency key was not used.
    NotRepeated,
    /// There is no room for the records; so many bytes are held.
    NoRoom(u64),
    /// The records at these places come with tokens that are known; nothing was done.
    TokensRepeated(Vec<usize>),
    /// Tokens were moved after the store was asked for those of the batch, or many records are in
    /// memory of which it is not known whether a delete takes them; nothing was done.
    LookAgain,
    /// There is no room for the answer that is to be saved.
    NoRoomForAnswers(AnswersFull),
    /// There is no room for the tokens; so many are held.
    NoRoomForTokens(usize),
}

/// The journal's state machine.
#[derive(Debug)]
pub(crate) struct Store {
    pools: Arc<Pools>,
    /// Bytes that may be held.
    bound: u64,
    /// Bytes of records that are being written.
    arriving: u64,
    /// Bytes of answers that are being written.
    arriving_answers: u64,
    replay: Arc<Mutex<Replay>>,
    /// Parts of operations that the log has shown so far, in each of two readings.
    surveyed: Joining,
    replayed: Joining,
    answers: SavedAnswers,
    pending: HashSet<IdempotencyTag>,
    tokens: Tokens,
    /// How many operations that are being written change each pool.
    changing: HashMap<PoolId, usize>,
    clock: Arc<dyn Clock>,
}

impl Store {
    /// A store of the `known` pools that holds up to `bound` bytes, and what
    /// its replay gathers: call [`Replay::finish`] once the journal is open.
    pub(crate) fn new(
        pools: Arc<Pools>,
        bound: u64,
        clock: Arc<dyn Clock>,
        known: Vec<Arc<Pool>>,
        tokens: Arc<RecentTokens>,
    ) -> (Self, Arc<Mutex<Replay>>) {
        let replay = Arc::new(Mutex::new(Replay::new(pools.clone(), known)));
        let store = Self {
            pools,
            bound,
            arriving: 0,
            arriving_answers: 0,
            replay: replay.clone(),
            surveyed: Joining::default(),
            replayed: Joining::default(),
            answers: SavedAnswers::new(clock.clone(), bound),
            pending: HashSet::new(),
            tokens: Tokens::new(tokens),
            changing: HashMap::new(),
            clock,
        };
        (store, replay)
    }
}

impl StateMachine for Store {
    type Operation = Operation;
    type Outcome = Outcome;

    fn prepare(&mut self, operation: &Operation, payload: &mut Vec<u8>) -> Prepared<Outcome> {
        let prepared = match operation {
            Operation::Append {
                pool,
                payload: bytes,
                segment,
                saved,
                tokens,
            } => match self.prepare_append(pool, segment, saved.as_ref(), tokens.as_deref()) {
                Some(answer) => answer,
                None => {
                    payload.extend_from_slice(bytes);
                    Prepared::Write
                }
            },
            Operation::Delete {
                pool, rows, filter, ..
            } if self
                .pools
                .forgot(pool, compared(rows, filter.as_ref()).into_iter()) =>
            {
                Prepared::Answer(Outcome::Deleted(Err(LakeError::Busy)))
            }
            Operation::Delete {
                pool,
                foreseen: Some(foreseen),
                ..
            } if self.pools.is_unforeseen(pool.id, foreseen) => {
                Prepared::Answer(Outcome::LookAgain)
            }
            Operation::Delete { payload: bytes, .. }
            | Operation::Drop { payload: bytes, .. }
            | Operation::Tokens { payload: bytes } => {
                payload.extend_from_slice(bytes);
                Prepared::Write
            }
            Operation::Repeat { tag, fingerprint } => self
                .repeated(tag, *fingerprint)
                .unwrap_or(Prepared::Answer(Outcome::NotRepeated)),
            files => self.prepare_files(files, payload),
        };
        if let (Prepared::Write, Some(pool)) = (&prepared, operation.changes()) {
            *self.changing.entry(pool).or_default() += 1;
        }
        prepared
    }

    fn parts(&self, payload: &[u8], limit: usize) -> Option<Vec<Vec<u8>>> {
        encode_parts(payload, limit)
    }

    fn apply(&mut self, position: Position, operation: Operation) -> Outcome {
        self.abandon(&operation);
        let outcome = match operation {
            Operation::Append {
                pool,
                segment,
                saved,
                tokens,
                ..
            } => {
                if let Some(tokens) = tokens {
                    let tags = tokens.tags.into_iter().map(|(_, tag)| tag);
                    self.tokens.know(tags, tokens.ends);
                }
                if let Some((tag, answer)) = saved {
                    self.answers.save(tag, answer);
                }
                let rows = segment.rows() as u64;
                let pushed = self.pools.push(Span::of(position), &pool, segment);
                Outcome::Done(pushed.map(|()| rows))
            }
            Operation::Delete {
                pool,
                rows,
                filter,
                foreseen,
                why,
                ..
            } => {
                let removal = Removal::new(position, self.clock.now(), rows, filter);
                let deleted = self.pools.delete(&pool, removal, foreseen.as_deref(), why);
                Outcome::Deleted(deleted)
            }
            Operation::Drop { pool, .. } => {
                self.pools.drop_pool(pool);
                Outcome::Done(Ok(0))
            }
            Operation::Commit { pool, change } => {
                self.pools.commit(pool, change);
                Outcome::Done(Ok(0))
            }
            Operation::State { .. }
            | Operation::Dropped { .. }
            | Operation::Tokens { .. }
            | Operation::Repeat { .. }
            | Operation::Wait => Outcome::Done(Ok(0)),
            Operation::Answers { next, .. } => Outcome::Carried(next.get()),
        };
        self.pools.note_applied(position);
        outcome
    }

    fn abandon(&mut self, operation: &Operation) {
        if let Operation::Append {
            segment,
            saved,
            tokens,
            ..
        } = operation
        {
            if let Some(tokens) = tokens {
                self.tokens.abandon(tokens);
            }
            self.arriving -= segment.bytes();
            if let Some((tag, answer)) = saved {
                self.pending.remove(tag);
                self.arriving_answers -= weight(tag, answer);
            }
        }
        if let Some(pool) = operation.changes()
            && let Some(count) = self.changing.get_mut(&pool)
        {
            *count -= 1;
            if *count == 0 {
                self.changing.remove(&pool);
            }
        }
    }

    fn survey(&mut self, position: Position, payload: &[u8]) -> Result<(), JournalError> {
        if is_of_records(payload) {
            return Ok(());
        }
        if let Some(stored) = read(position, payload, &mut self.surveyed)? {
            let mut replay = self.replay.lock().unwrap_or_else(PoisonError::into_inner);
            replay.survey(&stored);
        }
        Ok(())
    }

    fn replay(&mut self, position: Position, payload: &[u8]) -> Result<(), JournalError> {
        let Some(stored) = read(position, payload, &mut self.replayed)? else {
            return Ok(());
        };
        match &stored {
            Stored::Append {
                saved, tokens, at, ..
            } => {
                if let Some((tag, answer)) = saved {
                    self.answers.save(tag.clone(), answer.clone());
                }
                if !tokens.is_empty() {
                    let tags = tokens.iter().copied();
                    self.tokens.know(tags, uniqueness::ends(*at));
                }
            }
            Stored::Answers(answers) => {
                for (tag, answer) in answers {
                    self.answers.restore(tag.clone(), answer.clone());
                }
            }
            Stored::Tokens(tokens) => {
                for (tag, ends) in tokens {
                    self.tokens.know([*tag], *ends);
                }
            }
            _ => {}
        }
        let mut replay = self.replay.lock().unwrap_or_else(PoisonError::into_inner);
        replay
            .add(position, self.clock.now(), stored)
            .map_err(|error| unreadable(position, error.to_string()))
    }
}

/// The columns that a delete compares.
fn compared<'a>(rows: &'a Constraint, filter: Option<&'a Filter>) -> BTreeSet<&'a FieldPath> {
    let rows = match rows {
        Constraint::AllRows => None,
        Constraint::Rows(rows) => Some(rows),
    };
    let filters = rows.into_iter().chain(filter);
    filters.flat_map(Filter::fields).collect()
}

#[cfg(test)]
pub(crate) mod tests;
