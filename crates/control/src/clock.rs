//! The control plane's time: it never steps back (K7), unless a person says
//! offline that the latest time that was known was a false one (`accept.rs`).
//!
//! How late it is, is *marked* in the database: with every change, once a
//! minute, and every few seconds while something is asked. Whatever is told
//! between two marks is at most [`CLOCK_UNMARKED_SECONDS`] ahead of the first.
//! A start begins no earlier than what may have been told: behind an orderly
//! end that is written down, and behind a kill it is the mark and these seconds.
//! By them the time is a *floor*: it stands still until the clock has come up to
//! it, and is never marked itself, so that kills one after the other do not
//! bring the time ahead.

mod accept;
mod false_times;

pub use accept::{AcceptedKey, ClockAccepted};
pub(crate) use false_times::FalseTimes;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use model::limits::{CLOCK_BEHIND_SECONDS_MAX, CLOCK_UNMARKED_SECONDS};
use model::time::{Clock, Timestamp};

use crate::control::{Control, Inner};
use crate::error::ControlError;
use crate::store::{Claim, TimeWrite, Write};

/// What the database knows of time at a start.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KnownTimes {
    /// The mark.
    pub(crate) high: Timestamp,
    /// When a false time was last taken back; [`Timestamp::EPOCH`] for never.
    pub(crate) accepted: Timestamp,
    /// The latest time that was told before the last orderly end.
    pub(crate) ended: Timestamp,
}

impl KnownTimes {
    /// No later time was told by a run before. Whoever marked a time behind the
    /// last orderly end was killed, or is of a version that notes no end.
    fn told_before(self) -> Timestamp {
        let unmarked = Duration::from_secs(CLOCK_UNMARKED_SECONDS);
        match self.ended >= self.high {
            true => self.ended,
            false => self.high.checked_add(unmarked).unwrap_or(Timestamp::MAX),
        }
    }
}

/// A clock that stands still while the one beneath it is behind the latest
/// time that it has told, in this run or in one before. So nothing that has
/// ended comes to life again.
#[derive(Debug)]
pub(crate) struct HighWater {
    /// The same without what runs before may have told: for what is in memory
    /// alone and goes by how much time passes.
    pub(crate) running: Arc<Running>,
    /// What runs before may have told.
    floor: AtomicI64,
    /// The latest time that this run has marked.
    marked: AtomicI64,
}

/// The latest time of the clock beneath, in this run or as it was marked.
#[derive(Debug)]
pub(crate) struct Running {
    beneath: Arc<dyn Clock>,
    high: AtomicI64,
}

impl HighWater {
    pub(crate) fn over(beneath: Arc<dyn Clock>) -> Arc<Self> {
        let least = || AtomicI64::new(i64::MIN);
        Arc::new(Self {
            running: Arc::new(Running {
                beneath,
                high: least(),
            }),
            floor: least(),
            marked: least(),
        })
    }

    /// Tells no time before this one from now on, which was the present once.
    pub(crate) fn raise(&self, mark: Timestamp) {
        let high = &self.running.high;
        high.fetch_max(mark.as_microsecond(), Ordering::SeqCst);
        self.running.beneath.not_before(mark);
    }

    /// Tells no time before what runs before this one may have told.
    pub(crate) fn begin_behind(&self, known: KnownTimes) {
        let told = known.told_before().as_microsecond();
        self.floor.fetch_max(told, Ordering::SeqCst);
    }

    /// The time to be marked: with it, what was told until now is at most
    /// [`CLOCK_UNMARKED_SECONDS`] ahead of the mark.
    pub(crate) fn to_mark(&self) -> Timestamp {
        let high = self.running.high.load(Ordering::SeqCst);
        Timestamp::from_microsecond(high).unwrap_or(Timestamp::MAX)
    }

    /// Whether a time was told that is not marked.
    fn is_unmarked(&self) -> bool {
        self.to_mark().as_microsecond() > self.marked.load(Ordering::SeqCst)
    }

    fn note_mark(&self, mark: Timestamp) {
        self.marked
            .fetch_max(mark.as_microsecond(), Ordering::SeqCst);
    }
}

impl Clock for HighWater {
    fn now(&self) -> Timestamp {
        let floor = self.floor.load(Ordering::SeqCst);
        let floor = Timestamp::from_microsecond(floor).unwrap_or(Timestamp::MIN);
        self.running.now().max(floor)
    }
}

impl Clock for Running {
    fn now(&self) -> Timestamp {
        let now = self.beneath.now().as_microsecond();
        let before = self.high.fetch_max(now, Ordering::SeqCst);
        Timestamp::from_microsecond(before.max(now)).unwrap_or(Timestamp::MAX)
    }
}

/// Whether a known time is so far ahead of the clock that one of them is wrong.
pub fn is_far_ahead(known: Timestamp, wall: Timestamp) -> bool {
    let ahead = known.as_microsecond().saturating_sub(wall.as_microsecond());
    ahead > CLOCK_BEHIND_SECONDS_MAX * 1_000_000
}

impl Control {
    /// Marks how late it is, if anybody asked since it was marked last. For a
    /// timer, every [`model::limits::CLOCK_MARK_SECONDS`].
    ///
    /// # Errors
    /// Of the database; what ends until it succeeds may come to life again if
    /// the process is killed and the clock steps back.
    pub async fn mark_time(&self) -> Result<(), ControlError> {
        match self.0.clock.is_unmarked() {
            true => self.mark_time_with(Vec::new(), Claim::Nothing).await,
            false => Ok(()),
        }
    }

    /// Marks the time before anybody is let in, but where no server starts: then
    /// nothing is changed.
    pub(crate) async fn mark_start(&self) -> Result<(), ControlError> {
        let (known, wall) = self.known_at_start();
        if is_far_ahead(known, wall) {
            return Ok(());
        }
        // The end of the run before must not be taken for that of this one. Its
        // latest time is at most as far ahead of its mark as a kill brings it.
        let begins = vec![Write::Time(TimeWrite::Begin), self.0.ledger.batches_begin()];
        match self.mark_time_with(begins, Claim::Shared).await {
            // A full disk keeps nobody from being let in.
            Err(ControlError::Full) => {
                tracing::warn!("the disk is full, and how late it is cannot be written");
                Ok(())
            }
            marked => marked,
        }
    }

    async fn mark_time_with(
        &self,
        mut writes: Vec<Write>,
        claim: Claim,
    ) -> Result<(), ControlError> {
        let clock = Arc::clone(&self.0.clock);
        let writer = self.0.writer().await?;
        let (mark, ordinal) = (clock.to_mark(), writer.ordinal);
        writes.push(Write::Time(TimeWrite::Mark(mark)));
        let apply = move |_: &Inner| clock.note_mark(mark);
        let done = self.0.carry_out(writer, writes, ordinal, claim, apply);
        done.await
    }
}
