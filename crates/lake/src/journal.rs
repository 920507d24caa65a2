//! The journal: an append-only log that makes operations durable, in one order, before they
//! take effect.
//!
//! The promise: when [`Journal::submit`] returns an outcome, the operation is on stable storage,
//! directory entry included, and applied. After a restart every acknowledged operation is
//! replayed, once, in the same order; one that was not acknowledged may be replayed or not. The
//! byte layout and the reasons are in `docs/adr/002-journal-format.md`.

mod error;
mod format;
mod log;
mod machine;
mod options;
mod queue;
mod recovery;
mod segments;
mod writer;

#[cfg(test)]
mod tests;

use std::fmt::{self, Debug};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::{self, JoinHandle};

use tokio::sync::oneshot;

use crate::disk::{Disk, DiskError};
pub use error::JournalError;
pub use machine::{Prepared, StateMachine};
pub use options::{FATAL_EXIT_CODE, FatalHook, Options};
use queue::{Queue, Submission};

/// Reads the headers of the journal in a directory that is there, and changes
/// nothing: for whoever must know, before anything else is opened, that this
/// version can read it.
///
/// # Errors
/// [`JournalError`] as opening it would say: a later format, a foreign file,
/// damage of a header.
pub fn check(disk: &Arc<dyn Disk>, directory: &Path) -> Result<Option<Extent>, JournalError> {
    recovery::check(disk, directory)
}

/// Which journal it is, and how far it goes: for whoever notes elsewhere what a
/// directory must hold. Of a journal that only grows no later one has a lower number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// The random number that all its segments carry.
    pub identity: u64,
    /// The number of its last segment.
    pub last: u64,
}

/// The file of a segment in a journal's directory.
#[must_use]
pub fn segment_file(directory: &Path, number: u64) -> PathBuf {
    segments::segment_path(directory, number)
}

/// The place of a record in the log. Later records have greater positions; the positions of
/// operations have gaps, since the journal writes marks of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position(u64);

impl Position {
    /// The position of the first record of a new journal.
    pub const FIRST: Self = Self(1);

    /// The position with this number, as [`Position::get`] gave it.
    #[must_use]
    pub fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number of this position.
    #[must_use]
    pub fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Position {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        Debug::fmt(&self.0, formatter)
    }
}

/// What was found when the journal was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recovered {
    /// Operations replayed.
    pub operations: u64,
    /// Where the next record goes.
    pub next: Position,
    /// True if the journal was new or had been closed in an orderly way.
    pub clean: bool,
    /// Bytes found behind the last complete record and wiped: an unfinished group, or what a
    /// reused segment held before.
    pub wiped_bytes: u64,
}

/// Numbers for the metrics page; those that count do so since the journal was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Operations written.
    pub records: u64,
    /// Bytes written for them, frames included.
    pub bytes: u64,
    /// Syncs of the log, one per group.
    pub syncs: u64,
    /// Operations that wait.
    pub queued: u64,
    /// Segment files that hold records.
    pub segments: u64,
}

/// Reads the log in `directory` into `machine` and changes nothing, neither there nor by a lock:
/// the caller sees to it that nobody writes. An unfinished last group is not shown.
///
/// # Errors
/// As [`Journal::open`].
pub fn read<S: StateMachine>(
    disk: &Arc<dyn Disk>,
    directory: &Path,
    machine: &mut S,
) -> Result<Recovered, JournalError> {
    recovery::read(disk, directory, machine)
}

/// Shows every intact operation of a log that [`read`] refuses, for those who look for what is
/// left; the operations between may be missing.
///
/// # Errors
/// When the directory cannot be listed.
pub fn salvage(
    disk: &dyn Disk,
    directory: &Path,
    show: &mut dyn FnMut(&[u8]),
) -> Result<(), DiskError> {
    recovery::salvage(disk, directory, show)
}

#[derive(Debug, Default)]
struct Counters {
    records: AtomicU64,
    bytes: AtomicU64,
    syncs: AtomicU64,
    segments: AtomicU64,
    identity: AtomicU64,
    last: AtomicU64,
}

/// An open journal. Dropping it is as [`Journal::close`].
pub struct Journal<S: StateMachine> {
    queue: Arc<Queue<S>>,
    counters: Arc<Counters>,
    recovered: Recovered,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl<S: StateMachine> Debug for Journal<S> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Journal")
            .field("recovered", &self.recovered)
            .field("counts", &self.counts())
            .finish_non_exhaustive()
    }
}

impl<S: StateMachine> Journal<S> {
    /// Opens the journal in `directory`, or makes a new one if there is none; the directory's
    /// parent must exist. On return the whole log is replayed, and everything replayed is on
    /// stable storage.
    ///
    /// # Errors
    /// Refuses damage, gaps, foreign files, later formats and a journal in use, and changes
    /// nothing then. An unfinished last group is no damage: it was never acknowledged, and is
    /// wiped.
    pub fn open(
        disk: Arc<dyn Disk>,
        directory: &Path,
        options: Options,
        machine: S,
    ) -> Result<Self, JournalError> {
        options.check()?;
        let queue = Arc::new(Queue::new(options.queue_operations));
        let counters = Arc::new(Counters::default());
        let (sender, opened) = mpsc::channel();
        let start = writer::Start {
            disk,
            directory: directory.to_owned(),
            options,
            machine,
            queue: Arc::clone(&queue),
            counters: Arc::clone(&counters),
        };
        let thread = thread::Builder::new()
            .name("journal".to_owned())
            .spawn(move || start.run(&sender))
            .map_err(JournalError::Thread)?;
        match opened.recv() {
            Ok(Ok(recovered)) => Ok(Self {
                queue,
                counters,
                recovered,
                thread: Mutex::new(Some(thread)),
            }),
            refused => {
                // The thread has let go of the disk and its lock before the caller goes on.
                drop(thread.join());
                Err(refused.map_or(JournalError::Panicked, |answer| {
                    answer.err().unwrap_or(JournalError::Panicked)
                }))
            }
        }
    }

    /// When this returns an outcome, the operation is on stable storage and applied. The
    /// operation goes on if the future is dropped.
    ///
    /// # Errors
    /// [`JournalError::Busy`], [`JournalError::Full`] and [`JournalError::Oversized`]: it is not
    /// stored. [`JournalError::Stopped`]: it may be.
    pub async fn submit(&self, operation: S::Operation) -> Result<S::Outcome, JournalError> {
        let answer = self.enqueue([operation]).swap_remove(0)?;
        answer.await.unwrap_or(Err(JournalError::Stopped))
    }

    /// As [`Journal::submit`], for operations that enter the queue together, and waiting on the
    /// thread that calls, which must not be one of an asynchronous runtime.
    pub fn submit_all_blocking(
        &self,
        operations: impl IntoIterator<Item = S::Operation>,
    ) -> Vec<Result<S::Outcome, JournalError>> {
        self.enqueue(operations)
            .into_iter()
            .map(|answer| {
                answer?
                    .blocking_recv()
                    .unwrap_or(Err(JournalError::Stopped))
            })
            .collect()
    }

    /// As [`Journal::submit_all_blocking`], for one operation that is taken however
    /// many wait: what makes room for them must never be put off by them.
    pub fn submit_beyond_limit(&self, operation: S::Operation) -> Result<S::Outcome, JournalError> {
        let (reply, answer) = oneshot::channel();
        self.queue
            .push_beyond_limit(Submission { operation, reply })?;
        answer.blocking_recv().unwrap_or(Err(JournalError::Stopped))
    }

    /// Queues operations under one lock, so that they share a group if its bounds allow.
    fn enqueue(
        &self,
        operations: impl IntoIterator<Item = S::Operation>,
    ) -> Vec<Result<oneshot::Receiver<queue::Answer<S>>, JournalError>> {
        let (submissions, answers): (Vec<_>, Vec<_>) = operations
            .into_iter()
            .map(|operation| {
                let (reply, answer) = oneshot::channel();
                (Submission { operation, reply }, answer)
            })
            .unzip();
        let accepted = self.queue.push_all(submissions);
        accepted
            .into_iter()
            .zip(answers)
            .map(|(taken, answer)| taken.map(|()| answer))
            .collect()
    }

    /// States that records before this position are needed no more. Segments that end before it
    /// are used again; records from them are not replayed at the next start. Takes effect in the
    /// order of submissions, and may be postponed to the next full segment.
    pub fn release(&self, before: Position) {
        self.queue.push_release(before);
    }

    /// Goes on in a new segment: everything before the position that is
    /// answered is in segments which leave as a whole once it is released.
    /// Blocks.
    ///
    /// # Errors
    /// [`JournalError::Full`]: the journal goes on where it was.
    pub fn turn_over(&self) -> Result<Position, JournalError> {
        self.queue.tidy(queue::Tidying::TurnOver)
    }

    /// Takes from the disk what released segments held, instead of keeping
    /// their files for later segments: also what is left of it in files that
    /// are used again. Blocks.
    ///
    /// # Errors
    /// [`JournalError::Full`]: the disk is too full to take files away, and some
    /// may be left; and when the journal has stopped.
    pub fn wipe(&self) -> Result<(), JournalError> {
        self.queue.tidy(queue::Tidying::Wipe).map(drop)
    }

    /// Gives the disk the room that is kept for later segments: for when it is
    /// full, and what is to be written frees more than that. Blocks.
    ///
    /// # Errors
    /// [`JournalError::Full`]: the disk is too full to take files away; and
    /// when the journal has stopped.
    pub fn give_back(&self) -> Result<(), JournalError> {
        self.queue.tidy(queue::Tidying::GiveBack).map(drop)
    }

    /// Takes no further operations, finishes those that wait, and ends the journal's thread.
    /// Blocks until that is done.
    pub fn close(&self) {
        self.queue.close();
        let thread = self
            .thread
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(thread) = thread
            && thread.thread().id() != thread::current().id()
        {
            // A panic of the thread was handed to the fatal hook already.
            drop(thread.join());
        }
    }

    /// What was found at the opening.
    #[must_use]
    pub fn recovered(&self) -> Recovered {
        self.recovered
    }

    /// Which journal it is, and how far it goes.
    #[must_use]
    pub fn extent(&self) -> Extent {
        Extent {
            identity: self.counters.identity.load(Ordering::Relaxed),
            last: self.counters.last.load(Ordering::Relaxed),
        }
    }

    /// The numbers of this moment.
    #[must_use]
    pub fn counts(&self) -> Counts {
        Counts {
            records: self.counters.records.load(Ordering::Relaxed),
            bytes: self.counters.bytes.load(Ordering::Relaxed),
            syncs: self.counters.syncs.load(Ordering::Relaxed),
            segments: self.counters.segments.load(Ordering::Relaxed),
            queued: self.queue.depth() as u64,
        }
    }
}

impl<S: StateMachine> Drop for Journal<S> {
    fn drop(&mut self) {
        self.close();
    }
}
