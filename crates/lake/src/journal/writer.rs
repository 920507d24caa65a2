//! The journal's thread: it takes what is queued, writes it as one group, syncs once, applies
//! each operation in order, and answers.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Arc, mpsc};

use super::log::Log;
use super::queue::{Queue, Request, Submission, Tidied, Tidying};
use super::{
    Counters, Extent, FatalHook, JournalError, Options, Position, Prepared, Recovered,
    StateMachine, recovery,
};
use crate::disk::Disk;

/// What the thread is started with.
pub(super) struct Start<S: StateMachine> {
    pub(super) disk: Arc<dyn Disk>,
    pub(super) directory: PathBuf,
    pub(super) options: Options,
    pub(super) machine: S,
    pub(super) queue: Arc<Queue<S>>,
    pub(super) counters: Arc<Counters>,
}

/// However the thread ends, nobody waits for it afterwards.
struct Ending<S: StateMachine> {
    queue: Arc<Queue<S>>,
    fatal: FatalHook,
}

impl<S: StateMachine> Drop for Ending<S> {
    fn drop(&mut self) {
        self.queue.stop();
        if std::thread::panicking() {
            (self.fatal)(&JournalError::Panicked);
        }
    }
}

impl<S: StateMachine> Start<S> {
    /// The life of the thread. The result of the opening is sent once.
    pub(super) fn run(mut self, opened: &mpsc::Sender<Result<Recovered, JournalError>>) {
        let recovery = recovery::open(
            &self.disk,
            &self.directory,
            &self.options,
            &mut self.machine,
        );
        let (log, recovered) = match recovery {
            Ok(recovered) => recovered,
            Err(error) => {
                self.queue.stop();
                // The caller waits for exactly this message.
                drop(opened.send(Err(error)));
                return;
            }
        };
        let ending = Ending {
            queue: Arc::clone(&self.queue),
            fatal: Arc::clone(&self.options.fatal),
        };
        let mut writer = Writer {
            log,
            machine: self.machine,
            queue: self.queue,
            counters: self.counters,
            options: self.options,
            deferred: VecDeque::new(),
            payload: Vec::new(),
        };
        writer.count_segments();
        drop(opened.send(Ok(recovered)));
        if let Err(error) = writer.run() {
            ending.queue.stop();
            (ending.fatal)(&error);
        }
    }
}

struct Writer<S: StateMachine> {
    log: Log,
    machine: S,
    queue: Arc<Queue<S>>,
    counters: Arc<Counters>,
    options: Options,
    /// What is offered again, before anything that is queued.
    deferred: VecDeque<Submission<S>>,
    payload: Vec<u8>,
}

/// What the next sync covers, and what is to be done after it.
struct Group<S: StateMachine> {
    members: Vec<Submission<S>>,
    again: VecDeque<Submission<S>>,
    release: Option<Position>,
    tidy: Option<(Tidying, mpsc::Sender<Result<Tidied, JournalError>>)>,
    drained: bool,
}

/// Whether a group takes more.
enum Gathering {
    Goes,
    Ends,
}

impl<S: StateMachine> Writer<S> {
    fn run(&mut self) -> Result<(), JournalError> {
        loop {
            let mut group = self.gather()?;
            group.again.append(&mut self.deferred);
            self.deferred = group.again;
            if !group.members.is_empty() {
                self.write(group.members)?;
            }
            if let Some(before) = group.release {
                self.log.release(before.get())?;
                self.count_segments();
            }
            if let Some((tidying, reply)) = group.tidy {
                self.tidy(tidying, &reply)?;
            }
            if group.drained && self.deferred.is_empty() {
                return self.log.close();
            }
        }
    }

    fn tidy(
        &mut self,
        tidying: Tidying,
        reply: &mpsc::Sender<Result<Tidied, JournalError>>,
    ) -> Result<(), JournalError> {
        let is_done = match tidying {
            Tidying::TurnOver => self.log.turn_over(),
            Tidying::Wipe => self.log.wipe(),
            Tidying::GiveBack => self.log.give_back().map(|()| true),
        };
        let first = Position(self.log.first());
        self.count_segments();
        match is_done {
            Err(error) if !matches!(error, JournalError::Full) => Err(error),
            is_done => {
                // Who asked may have gone.
                drop(reply.send(is_done.map(|is_done| match is_done {
                    true => Tidied::Done(first),
                    false => Tidied::Step,
                })));
                Ok(())
            }
        }
    }

    fn count_segments(&self) {
        self.counters
            .segments
            .store(self.log.segments.count(), Ordering::Relaxed);
        let Extent { identity, last } = self.log.extent();
        self.counters.identity.store(identity, Ordering::Relaxed);
        self.counters.last.store(last, Ordering::Relaxed);
    }

    /// Waits for something to do, then takes everything that is queued and fits.
    fn gather(&mut self) -> Result<Group<S>, JournalError> {
        let mut group = Group {
            members: Vec::new(),
            again: VecDeque::new(),
            release: None,
            tidy: None,
            drained: false,
        };
        while group.members.len() < self.options.max_group_records
            && self.log.group_bytes() < self.options.max_group_bytes
        {
            let idle = group.members.is_empty() && group.again.is_empty();
            let request = match self.deferred.pop_front() {
                Some(submission) => Some(Request::Submit(submission)),
                None if idle => {
                    let request = self.queue.wait();
                    group.drained = request.is_none();
                    request
                }
                None => self.queue.try_next(),
            };
            match request {
                None => break,
                Some(Request::Release(before)) => {
                    group.release = Some(before);
                    break;
                }
                Some(Request::Tidy(tidying, reply)) => {
                    group.tidy = Some((tidying, reply));
                    break;
                }
                Some(Request::Submit(submission)) => {
                    if let Gathering::Ends = self.take(submission, &mut group)? {
                        break;
                    }
                }
            }
        }
        Ok(group)
    }

    /// Answers the submission, or makes it a member of the group, or puts it off.
    fn take(
        &mut self,
        submission: Submission<S>,
        group: &mut Group<S>,
    ) -> Result<Gathering, JournalError> {
        self.payload.clear();
        match self
            .machine
            .prepare(&submission.operation, &mut self.payload)
        {
            Prepared::Answer(outcome) => {
                // A submitter who went away needs no answer; so below.
                drop(submission.reply.send(Ok(outcome)));
                return Ok(Gathering::Goes);
            }
            Prepared::Again if group.members.is_empty() => {
                // Nothing is being written that it could wait for; it would be offered for ever.
                tracing::warn!("an operation waits for a group that does not exist");
                drop(submission.reply.send(Err(JournalError::Busy)));
                return Ok(Gathering::Goes);
            }
            Prepared::Again => {
                group.again.push_back(submission);
                return Ok(Gathering::Goes);
            }
            Prepared::Write => {}
        }
        let (bytes, limit) = (self.payload.len(), self.options.max_record_bytes);
        if bytes > limit {
            let Some(parts) = self.machine.parts(&self.payload, limit) else {
                self.refuse(submission, JournalError::Oversized { bytes, limit });
                return Ok(Gathering::Goes);
            };
            if !group.members.is_empty() {
                return Ok(self.put_off(submission, group));
            }
            match self.write_first(parts) {
                Ok(()) => {}
                Err(error @ (JournalError::Full | JournalError::Oversized { .. })) => {
                    self.refuse(submission, error);
                    return Ok(Gathering::Goes);
                }
                Err(error) => return Err(error),
            }
        }
        if self.log.push_operation(&self.payload) {
            group.members.push(submission);
            return Ok(Gathering::Goes);
        }
        if !group.members.is_empty() {
            return Ok(self.put_off(submission, group));
        }
        match self.log.roll_over() {
            Ok(()) => {}
            Err(JournalError::Full) => {
                self.refuse(submission, JournalError::Full);
                return Ok(Gathering::Goes);
            }
            Err(error) => return Err(error),
        }
        self.count_segments();
        if self.log.push_operation(&self.payload) {
            group.members.push(submission);
        } else {
            // An old segment of another size cannot be active here, so the options lied.
            let limit = bytes.saturating_sub(1);
            self.refuse(submission, JournalError::Oversized { bytes, limit });
        }
        Ok(Gathering::Goes)
    }

    /// Leaves a submission to the next group.
    fn put_off(&mut self, submission: Submission<S>, group: &mut Group<S>) -> Gathering {
        self.machine.abandon(&submission.operation);
        group.again.push_back(submission);
        Gathering::Ends
    }

    /// Makes all parts of an operation but the last durable, which is the payload then. Parts without it are of
    /// nothing. The group must be empty.
    fn write_first(&mut self, mut parts: Vec<Vec<u8>>) -> Result<(), JournalError> {
        self.payload = parts.pop().unwrap_or_default();
        for part in parts {
            if !self.log.push_operation(&part) {
                self.log.roll_over()?;
                self.count_segments();
                if !self.log.push_operation(&part) {
                    let bytes = part.len();
                    return Err(JournalError::Oversized {
                        bytes,
                        limit: bytes - 1,
                    });
                }
            }
            let bytes = self.log.group_bytes() as u64;
            self.log.commit()?;
            self.counters.bytes.fetch_add(bytes, Ordering::Relaxed);
            self.counters.syncs.fetch_add(1, Ordering::Relaxed);
            self.log.prepare_ahead(bytes)?;
        }
        Ok(())
    }

    fn refuse(&mut self, submission: Submission<S>, error: JournalError) {
        self.machine.abandon(&submission.operation);
        drop(submission.reply.send(Err(error)));
    }

    /// Makes the group durable, then visible, then acknowledged.
    fn write(&mut self, members: Vec<Submission<S>>) -> Result<(), JournalError> {
        let bytes = self.log.group_bytes() as u64;
        let first = match self.log.commit() {
            Ok(first) => first,
            Err(JournalError::Full) => {
                for member in members {
                    self.refuse(member, JournalError::Full);
                }
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        self.counters
            .records
            .fetch_add(members.len() as u64, Ordering::Relaxed);
        self.counters.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.counters.syncs.fetch_add(1, Ordering::Relaxed);
        for (position, Submission { operation, reply }) in (first..).zip(members) {
            let outcome = self.machine.apply(Position(position), operation);
            drop(reply.send(Ok(outcome)));
        }
        self.log.prepare_ahead(bytes)
    }
}
