//! The bounded queue between submitters and the journal's thread.

use std::collections::VecDeque;
use std::fmt::{self, Debug};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError, mpsc};

use tokio::sync::oneshot;

use super::{JournalError, Position, StateMachine};

/// What a submitter is told.
pub(super) type Answer<S> = Result<<S as StateMachine>::Outcome, JournalError>;

/// An operation and the submitter who waits for it.
pub(super) struct Submission<S: StateMachine> {
    pub(super) operation: S::Operation,
    pub(super) reply: oneshot::Sender<Answer<S>>,
}

/// What the journal's thread is asked to do.
pub(super) enum Request<S: StateMachine> {
    Submit(Submission<S>),
    Release(Position),
    Tidy(Tidying, mpsc::Sender<Result<Tidied, JournalError>>),
}

/// What is done with segments rather than with records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tidying {
    /// Go on in a new segment; answers its first position.
    TurnOver,
    /// Take the files away that were recycled.
    Wipe,
    /// Give the room of later segments back to the disk.
    GiveBack,
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tidied {
    /// It is done; the active segment begins with this position.
    Done(Position),
    /// A step of it is done, and it is to be asked for again.
    Step,
}

struct State<S: StateMachine> {
    requests: VecDeque<Request<S>>,
    operations: usize,
    closed: bool,
}

/// Requests in the order of their arrival.
pub(super) struct Queue<S: StateMachine> {
    state: Mutex<State<S>>,
    ready: Condvar,
    limit: usize,
}

impl<S: StateMachine> Debug for Queue<S> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Queue")
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}

impl<S: StateMachine> Queue<S> {
    pub(super) fn new(limit: usize) -> Self {
        let state = State {
            requests: VecDeque::new(),
            operations: 0,
            closed: false,
        };
        Self {
            state: Mutex::new(state),
            ready: Condvar::new(),
            limit,
        }
    }

    fn state(&self) -> MutexGuard<'_, State<S>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues one operation, however many wait: one that makes room for them.
    pub(super) fn push_beyond_limit(&self, submission: Submission<S>) -> Result<(), JournalError> {
        let mut state = self.state();
        if state.closed {
            return Err(JournalError::Stopped);
        }
        state.operations += 1;
        state.requests.push_back(Request::Submit(submission));
        drop(state);
        self.ready.notify_one();
        Ok(())
    }

    /// Queues what fits, in order and with nothing else between; says which were taken.
    pub(super) fn push_all(
        &self,
        submissions: Vec<Submission<S>>,
    ) -> Vec<Result<(), JournalError>> {
        let mut state = self.state();
        let mut accepted = Vec::with_capacity(submissions.len());
        for submission in submissions {
            accepted.push(if state.closed {
                Err(JournalError::Stopped)
            } else if state.operations >= self.limit {
                Err(JournalError::Busy)
            } else {
                state.operations += 1;
                state.requests.push_back(Request::Submit(submission));
                Ok(())
            });
        }
        drop(state);
        self.ready.notify_one();
        accepted
    }

    pub(super) fn push_release(&self, before: Position) {
        let mut state = self.state();
        if !state.closed {
            state.requests.push_back(Request::Release(before));
        }
        drop(state);
        self.ready.notify_one();
    }

    /// Queues what is done with segments, step by step, and waits until it is
    /// done. What is written gets its turn between the steps.
    pub(super) fn tidy(&self, tidying: Tidying) -> Result<Position, JournalError> {
        loop {
            if let Tidied::Done(first) = self.tidy_step(tidying)? {
                return Ok(first);
            }
        }
    }

    fn tidy_step(&self, tidying: Tidying) -> Result<Tidied, JournalError> {
        let (reply, answer) = mpsc::channel();
        let mut state = self.state();
        if state.closed {
            return Err(JournalError::Stopped);
        }
        state.requests.push_back(Request::Tidy(tidying, reply));
        drop(state);
        self.ready.notify_one();
        answer.recv().unwrap_or(Err(JournalError::Stopped))
    }

    fn take(state: &mut State<S>) -> Option<Request<S>> {
        let request = state.requests.pop_front()?;
        state.operations -= usize::from(matches!(request, Request::Submit(_)));
        Some(request)
    }

    /// The next request, if there is one now.
    pub(super) fn try_next(&self) -> Option<Request<S>> {
        Self::take(&mut self.state())
    }

    /// The next request; `None` when the queue is closed and drained.
    pub(super) fn wait(&self) -> Option<Request<S>> {
        let mut state = self.state();
        while state.requests.is_empty() && !state.closed {
            state = self
                .ready
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        Self::take(&mut state)
    }

    /// Takes nothing more; what is queued stays to be done.
    pub(super) fn close(&self) {
        self.state().closed = true;
        self.ready.notify_one();
    }

    /// Takes nothing more and throws away what is queued, whose submitters learn of it.
    pub(super) fn stop(&self) {
        let mut state = self.state();
        state.closed = true;
        state.operations = 0;
        let dropped = std::mem::take(&mut state.requests);
        drop(state);
        drop(dropped);
    }

    pub(super) fn depth(&self) -> usize {
        self.state().operations
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Nothing;

    impl StateMachine for Nothing {
        type Operation = u8;
        type Outcome = ();

        fn prepare(&mut self, _: &u8, _: &mut Vec<u8>) -> super::super::Prepared<()> {
            super::super::Prepared::Answer(())
        }
        fn apply(&mut self, _: Position, _: u8) {}
        fn abandon(&mut self, _: &u8) {}
        fn survey(&mut self, _: Position, _: &[u8]) -> Result<(), JournalError> {
            Ok(())
        }
        fn replay(&mut self, _: Position, _: &[u8]) -> Result<(), JournalError> {
            Ok(())
        }
    }

    fn submission(operation: u8) -> Submission<Nothing> {
        let (reply, _) = oneshot::channel();
        Submission { operation, reply }
    }

    #[test]
    fn what_makes_room_is_queued_beyond_the_limit_and_nothing_else_is() {
        let queue = Queue::<Nothing>::new(1);
        let taken = queue.push_all(vec![submission(1), submission(2)]);
        assert!(matches!(taken[..], [Ok(()), Err(JournalError::Busy)]));
        queue.push_beyond_limit(submission(3)).unwrap();
        let mut order = Vec::new();
        while let Some(Request::Submit(one)) = queue.try_next() {
            order.push(one.operation);
        }
        assert_eq!(order, [1, 3]);
        queue.close();
        let late = queue.push_beyond_limit(submission(4));
        assert!(matches!(late, Err(JournalError::Stopped)));
    }
}
