//! When something was last used, and what of that is in the database.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use model::keys::{SecretRecord, Silence};
use model::time::Timestamp;

use super::whereabouts::{KeyNetworks, LastFrom};
use crate::people::LiveStretches;
use crate::store::Write;

#[derive(Debug)]
pub(super) struct Usage {
    used: AtomicI64,
    saved: AtomicI64,
    /// The latest end by silence that somebody was told.
    ended: AtomicI64,
}

const NEVER: i64 = i64::MIN;

impl Usage {
    pub(super) fn new(saved: Option<Timestamp>) -> Arc<Self> {
        let saved = saved.map_or(NEVER, Timestamp::as_microsecond);
        Arc::new(Self {
            used: AtomicI64::new(saved),
            saved: AtomicI64::new(saved),
            ended: AtomicI64::new(NEVER),
        })
    }

    /// Notes a use, unless it was on its way while somebody was told of an end
    /// behind it: it moves that end no more.
    pub(super) fn note(&self, now: Timestamp) {
        let now = now.as_microsecond();
        if self.ended.load(Ordering::SeqCst) <= now {
            self.used.fetch_max(now, Ordering::Relaxed);
        }
    }

    /// Whether a secret that this is the use of was silent for too long. Who is
    /// told so is told so for good, whatever is noted in the same moment.
    pub(super) fn is_over(&self, silence: Silence, now: Timestamp) -> bool {
        if self.told(silence).is_some() {
            return true;
        }
        let end = silence.ends_at(self.last());
        let is_over = end <= now;
        if is_over {
            self.ended.fetch_max(end.as_microsecond(), Ordering::SeqCst);
        }
        is_over
    }

    /// The end by this silence that somebody was told.
    fn told(&self, silence: Silence) -> Option<Timestamp> {
        let ended = self.ended.load(Ordering::SeqCst);
        // An end by the silence of an earlier roll was told before this one began.
        let is_of_it = ended > silence.since.as_microsecond();
        is_of_it.then(|| Timestamp::from_microsecond(ended))?
    }

    /// When a secret that this is the use of ends if it is not used any more; `None` for never by itself.
    pub(super) fn ends_at(&self, secret: &SecretRecord) -> Option<Timestamp> {
        let told = secret.silence.and_then(|silence| self.told(silence));
        [secret.ends_at(self.last()), told]
            .into_iter()
            .flatten()
            .min()
    }

    /// Takes over what was noted and told before.
    pub(super) fn go_on_from(&self, before: &Self) {
        let ended = before.ended.load(Ordering::SeqCst);
        self.ended.fetch_max(ended, Ordering::SeqCst);
        let used = before.used.load(Ordering::Relaxed);
        self.used.fetch_max(used, Ordering::Relaxed);
    }

    pub(super) fn last(&self) -> Option<Timestamp> {
        match self.used.load(Ordering::Relaxed) {
            NEVER => None,
            micros => Timestamp::from_microsecond(micros),
        }
    }

    /// The last use that the database knows.
    pub(super) fn last_saved(&self) -> Option<Timestamp> {
        match self.saved.load(Ordering::Relaxed) {
            NEVER => None,
            micros => Timestamp::from_microsecond(micros),
        }
    }

    /// The last use, when the database does not know it.
    pub(super) fn unsaved(&self) -> Option<Timestamp> {
        self.last()
            .filter(|last| last.as_microsecond() > self.saved.load(Ordering::Relaxed))
    }
}

/// Something of a use that the database does not know.
#[derive(Debug)]
pub(crate) struct UnsavedUse {
    pub(super) write: Write,
    pub(super) noted: NotedUse,
}

/// What was written down of a use.
#[derive(Debug)]
pub(crate) struct NotedUse(pub(super) What);

#[derive(Debug)]
pub(super) enum What {
    /// When it was.
    Time(Arc<Usage>, Timestamp),
    /// From where, as of this state.
    From(Arc<LastFrom>, u64),
    /// From which networks, as of this state.
    Networks(Arc<KeyNetworks>, u64),
    /// From where a session, as of this state.
    Stretches(Arc<LiveStretches>, u64),
}

impl UnsavedUse {
    /// The last use, when the database does not know it.
    pub(super) fn of(usage: &Arc<Usage>, write: impl Fn(Timestamp) -> Write) -> Option<Self> {
        usage.unsaved().map(|at| Self {
            write: write(at),
            noted: NotedUse(What::Time(Arc::clone(usage), at)),
        })
    }

    /// From where a session was used, as of this state.
    pub(crate) fn of_session(write: Write, stretches: Arc<LiveStretches>, state: u64) -> Self {
        let noted = NotedUse(What::Stretches(stretches, state));
        Self { write, noted }
    }

    /// The row to write, and what is to be told when it is written.
    pub(crate) fn split(self) -> (Write, NotedUse) {
        (self.write, self.noted)
    }
}

impl NotedUse {
    /// Notes that the database knows it now.
    pub(crate) fn is_saved(&self) {
        match &self.0 {
            What::Time(usage, at) => {
                let at = at.as_microsecond();
                usage.saved.fetch_max(at, Ordering::Relaxed);
            }
            What::From(from, state) => from.is_saved(*state),
            What::Networks(networks, state) => networks.is_saved(*state),
            What::Stretches(stretches, state) => stretches.is_saved(*state),
        }
    }
}

#[cfg(test)]
mod tests;
