//! Whose question is next.
//!
//! A slot that becomes free goes to the key that has the fewest questions running, whenever its
//! question came; among keys with equally many, to the one that had none for the longest time. Some
//! slots are kept for keys that have none running. So whoever asks little begins at once or is next,
//! however many questions of others wait. A question that waited for its reader goes before those of
//! its key that have not begun.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use model::ids::KeyId;
use tokio::sync::oneshot;

use crate::error::{LakeError, Result};

/// How many questions there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bounds {
    /// Running at once.
    pub(super) slots: usize,
    /// Of these, kept for keys that have none running.
    pub(super) kept: usize,
    /// Of one key, that have begun: running, or waiting for their readers.
    pub(super) begun_per_key: usize,
    /// Of one key, that wait to begin.
    pub(super) waiting_per_key: usize,
}

/// Gives the slots to the keys.
#[derive(Debug)]
pub(super) struct Turns {
    bounds: Bounds,
    state: Mutex<State>,
    /// The least is next.
    rank: fn(&Line) -> (usize, u64),
}

#[derive(Debug, Default)]
struct State {
    running: usize,
    lines: HashMap<KeyId, Line>,
    /// Counts slots that were given or came back, and keys that came.
    events: u64,
}

/// The questions of one key.
#[derive(Debug, Default)]
struct Line {
    begun: usize,
    running: usize,
    /// When the key last had a slot, or came.
    served: u64,
    again: VecDeque<oneshot::Sender<Slot>>,
    new: VecDeque<oneshot::Sender<(Turn, Slot)>>,
}

/// One of the questions that a key may have begun.
#[derive(Debug)]
pub(super) struct Turn(Given);

/// The right to run.
#[derive(Debug)]
pub(super) struct Slot(Given);

/// What goes back when it is dropped.
#[derive(Debug)]
struct Given {
    /// Nothing when it was not taken after all.
    turns: Option<Arc<Turns>>,
    key: KeyId,
    back: fn(&mut Line, &mut usize),
}

impl Turns {
    pub(super) fn new(bounds: Bounds) -> Arc<Self> {
        Arc::new(Self {
            bounds,
            state: Mutex::default(),
            rank: |line| (line.running, line.served),
        })
    }

    /// Waits until a question of a key may begin. Whoever stops waiting is forgotten.
    ///
    /// # Errors
    /// [`LakeError::Busy`] when as many of the key wait already as may.
    pub(super) async fn begin(self: &Arc<Self>, key: KeyId) -> Result<(Turn, Slot)> {
        let (sender, receiver) = oneshot::channel();
        self.line_up(key, |line, most| {
            if line.new.len() >= most {
                line.new.retain(|waiter| !waiter.is_closed());
            }
            let fits = line.new.len() < most;
            if fits {
                line.new.push_back(sender);
            }
            fits.then_some(()).ok_or(LakeError::Busy)
        })?;
        receiver.await.map_err(|_| LakeError::Busy)
    }

    /// Waits until a question that has begun may run again.
    ///
    /// # Errors
    /// None while there is a server.
    pub(super) async fn resume(self: &Arc<Self>, turn: &Turn) -> Result<Slot> {
        let (sender, receiver) = oneshot::channel();
        self.line_up(turn.0.key, |line, _| {
            line.again.push_back(sender);
            Ok(())
        })?;
        receiver.await.map_err(|_| LakeError::Busy)
    }

    fn line_up(
        self: &Arc<Self>,
        key: KeyId,
        push: impl FnOnce(&mut Line, usize) -> Result<()>,
    ) -> Result<()> {
        let mut state = self.lock();
        state.events += 1;
        let now = state.events;
        let line = state.lines.entry(key).or_insert_with(|| Line {
            served: now,
            ..Line::default()
        });
        push(line, self.bounds.waiting_per_key)?;
        self.give(&mut state);
        Ok(())
    }

    /// How many keys have questions.
    #[cfg(test)]
    pub(super) fn keys(&self) -> usize {
        self.lock().lines.len()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn given(self: &Arc<Self>, key: KeyId, back: fn(&mut Line, &mut usize)) -> Given {
        Given {
            turns: Some(self.clone()),
            key,
            back,
        }
    }

    /// The key whose question is to run next.
    fn next(&self, state: &State) -> Option<KeyId> {
        let is_full = state.running + self.bounds.kept >= self.bounds.slots;
        let waiting = state.lines.iter().filter(|(_, line)| {
            let may_begin = line.begun < self.bounds.begun_per_key;
            let waits = !line.again.is_empty() || (!line.new.is_empty() && may_begin);
            waits && (line.running == 0 || !is_full)
        });
        let next = waiting.min_by_key(|(_, line)| (self.rank)(line));
        next.map(|(key, _)| *key)
    }

    /// Gives the free slots to those who wait.
    fn give(self: &Arc<Self>, state: &mut State) {
        while state.running < self.bounds.slots
            && let Some(key) = self.next(state)
        {
            self.give_to(key, state);
        }
    }

    /// Gives a slot to the first question of a key, or forgets it when nobody waits for it any more.
    fn give_to(self: &Arc<Self>, key: KeyId, state: &mut State) {
        let Some(line) = state.lines.get_mut(&key) else {
            return;
        };
        let slot = Slot(self.given(key, |line, running| {
            line.running -= 1;
            *running -= 1;
        }));
        let begins = line.again.is_empty();
        let refused = if let Some(waiter) = line.again.pop_front() {
            waiter.send(slot).map_err(|slot| vec![slot.0])
        } else if let Some(waiter) = line.new.pop_front() {
            let turn = Turn(self.given(key, |line, _| line.begun -= 1));
            let both = waiter.send((turn, slot));
            both.map_err(|(turn, slot)| vec![turn.0, slot.0])
        } else {
            Err(vec![slot.0])
        };
        match refused {
            Ok(()) => {
                state.events += 1;
                state.running += 1;
                line.running += 1;
                line.begun += usize::from(begins);
                line.served = state.events;
            }
            Err(all) => all.into_iter().for_each(|mut one| one.turns = None),
        }
        state.forget_idle(key);
    }
}

impl State {
    fn forget_idle(&mut self, key: KeyId) {
        let is_idle = |line: &Line| {
            line.begun + line.running == 0 && line.again.is_empty() && line.new.is_empty()
        };
        if self.lines.get(&key).is_some_and(is_idle) {
            self.lines.remove(&key);
        }
    }
}

impl Drop for Given {
    fn drop(&mut self) {
        let Some(turns) = self.turns.take() else {
            return;
        };
        let state = &mut *turns.lock();
        state.events += 1;
        if let Some(line) = state.lines.get_mut(&self.key) {
            (self.back)(line, &mut state.running);
            line.served = state.events;
        }
        state.forget_idle(self.key);
        turns.give(state);
    }
}

#[cfg(test)]
mod tests;
