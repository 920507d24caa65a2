//! What keys take of the server at this moment, in memory: requests of the
//! last second and questions that are being answered.
//!
//! A meter is found by its key's id and outlives every change of the key, so
//! that no change gives back what was taken. The process begins with empty
//! ones. Whoever comes by a scoped key or a ticket takes of the key that these
//! were made out of.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use model::ids::KeyId;
use model::keys::{KeyLimits, KeyRecord, TRICKLE};
use model::limits::MAKER_CHANGES_PER_SECOND;
use model::permit::{Access, Admin, On};
use model::rate::{RateLog, RateStanding};
use model::time::Clock;

use crate::control::Control;
use crate::error::{ControlError, Refusal};

const CHANGES: NonZeroU32 = NonZeroU32::MIN.saturating_add(MAKER_CHANGES_PER_SECOND - 1);

/// The meters of keys that were used since the start.
#[derive(Debug, Default)]
pub(crate) struct Meters(RwLock<HashMap<KeyId, Arc<Meter>>>);

#[derive(Debug, Default)]
struct Meter {
    requests: Mutex<RateLog>,
    /// Those by secrets that were reported as leaked.
    trickle: Mutex<RateLog>,
    /// Changes by whoever does not administer.
    changes: Mutex<RateLog>,
    questions: AtomicU32,
}

/// A request that its key's limits let in. While it is held, its question
/// counts as being answered.
#[derive(Debug, Default)]
pub struct Entered {
    /// Of a request that asks something.
    asking: Option<Arc<Meter>>,
    /// The same of the key that issued the caller's.
    of_issuer: Option<Arc<Meter>>,
    rate: Option<RateStanding>,
}

/// Which limit of its key a request would break.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OverLimit {
    /// As many requests as are let in within a second have come.
    #[error("the key's limit of {limit} requests per second is reached")]
    Rate {
        /// `requests_per_second`.
        limit: NonZeroU32,
        /// Who comes after so long is let in, unless others of the key were faster.
        retry_after: Duration,
    },
    /// The same of the limit of the caller's derived token.
    #[error("the derived token's limit of {limit} requests per second is reached")]
    TokenRate {
        /// `requests_per_second`.
        limit: NonZeroU32,
        /// Who comes after so long is let in, unless others were faster.
        retry_after: Duration,
    },
    /// The same of the key that issued the caller's, for all keys that it issued.
    #[error(
        "the limit of {limit} requests per second is reached that the key has with all others of the key that issued it"
    )]
    IssuerRate {
        /// `requests_per_second`.
        limit: NonZeroU32,
        /// Who comes after so long is let in, unless others were faster.
        retry_after: Duration,
    },
    /// As many questions as may be are being answered, of all keys that the key issued that issued the caller's.
    #[error(
        "the limit of {limit} concurrent queries is reached that the key has with all others of the key that issued it"
    )]
    IssuerQuestions {
        /// `concurrent_queries`.
        limit: NonZeroU32,
    },
    /// As many questions as may be are being answered.
    #[error("the key's limit of {limit} concurrent queries is reached")]
    Questions {
        /// `concurrent_queries`.
        limit: NonZeroU32,
    },
}

/// What a key may still take at this moment; `None` is without a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitsLeft {
    /// Requests that would be let in now.
    pub requests_per_second: Option<u32>,
    /// Questions that could be asked beside those that are being answered.
    pub concurrent_queries: Option<u32>,
}

impl Entered {
    /// Where the key stands with its rate, this request counted.
    pub fn rate(&self) -> Option<RateStanding> {
        self.rate
    }

    fn stand_nearer(&mut self, other: RateStanding) {
        let is_nearer = self
            .rate
            .is_none_or(|rate| other.remaining < rate.remaining);
        if is_nearer {
            self.rate = Some(other);
        }
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        for meter in [&self.asking, &self.of_issuer].into_iter().flatten() {
            meter.questions.fetch_sub(1, Ordering::AcqRel);
        }
    }
}

impl Meter {
    /// Counts a question until [`Entered`] is dropped; refuses one too many.
    fn ask(self: &Arc<Self>, limit: Option<NonZeroU32>) -> Result<Option<Arc<Self>>, NonZeroU32> {
        let most = limit.map_or(u32::MAX, NonZeroU32::get);
        let one_more = |running: u32| (running < most).then(|| running + 1);
        let counted = self
            .questions
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, one_more);
        match (counted, limit) {
            (Ok(_), _) => Ok(Some(Arc::clone(self))),
            (Err(_), Some(limit)) => Err(limit),
            // More than four thousand millions are not being answered.
            (Err(_), None) => Ok(None),
        }
    }

    fn enter(
        self: &Arc<Self>,
        limits: KeyLimits,
        (asks, is_quarantined): (bool, bool),
        clock: &dyn Clock,
    ) -> Result<Entered, OverLimit> {
        let mut trickle = is_quarantined.then(|| held(&self.trickle));
        if let Some(trickle) = &mut trickle
            && let Err(retry_after) = trickle.wait(TRICKLE, clock.now())
        {
            let limit = TRICKLE;
            return Err(OverLimit::Rate { limit, retry_after });
        }
        // A question that finds no place has taken nothing of the rate, and
        // one that the rate refuses gives its place back.
        let mut entered = Entered::default();
        if asks {
            let asked = self.ask(limits.concurrent_queries);
            entered.asking = asked.map_err(|limit| OverLimit::Questions { limit })?;
        }
        if let Some(limit) = limits.requests_per_second {
            let mut requests = held(&self.requests);
            // Read under the lock: the log must see instants in their order.
            let standing = requests.take(limit, clock.now());
            drop(requests);
            let refused = |retry_after| OverLimit::Rate { limit, retry_after };
            entered.rate = Some(standing.map_err(refused)?);
        }
        // Nobody else took of it since it was looked at.
        if let Some(mut trickle) = trickle {
            entered.rate = trickle.take(TRICKLE, clock.now()).ok();
        }
        Ok(entered)
    }

    fn left(&self, limits: KeyLimits, clock: &dyn Clock) -> LimitsLeft {
        let mut requests = held(&self.requests);
        let of_rate = |limit| requests.look(limit, clock.now()).remaining;
        let asked = self.questions.load(Ordering::Acquire);
        LimitsLeft {
            requests_per_second: limits.requests_per_second.map(of_rate),
            concurrent_queries: limits
                .concurrent_queries
                .map(|limit| limit.get().saturating_sub(asked)),
        }
    }
}

fn held(log: &Mutex<RateLog>) -> MutexGuard<'_, RateLog> {
    log.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Meters {
    fn of(&self, key: KeyId) -> Arc<Meter> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(meter) = known.get(&key) {
            return Arc::clone(meter);
        }
        drop(known);
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let meter = known.entry(key).or_default();
        Arc::clone(meter)
    }

    /// Forgets a key that is gone for good.
    pub(crate) fn forget(&self, key: KeyId) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        known.remove(&key);
    }
}

impl Control {
    /// Lets a request in as far as its key's limits go, as they were when the
    /// caller was let in. `asks` says that it has rows read for an answer; such
    /// a request counts until what is returned is dropped.
    ///
    /// # Errors
    /// The limit that is reached. A request that is refused takes nothing of any limit.
    pub fn meter(&self, access: &Access, asks: bool) -> Result<Entered, OverLimit> {
        let clock = &*self.0.clock.running;
        let Some(token) = access.derived_token() else {
            return self.enter_by_key(access, asks);
        };
        // Known since it was let in, unless its key is gone.
        let seen = self.0.derived.find(access.key(), token.id());
        let Some(limit) = token.limits().requests_per_second else {
            let mut entered = self.enter_by_key(access, asks)?;
            if let Some(seen) = seen {
                seen.note(clock.now());
            }
            // What other tokens of the key leave of its rate is not the caller's to know.
            entered.rate = None;
            return Ok(entered);
        };
        let refused = |retry_after| OverLimit::TokenRate { limit, retry_after };
        let seen = seen.ok_or_else(|| refused(Duration::from_secs(1)))?;
        let mut requests = seen.rate.lock().unwrap_or_else(PoisonError::into_inner);
        // Held meanwhile: what the key refuses has taken nothing of the token's.
        requests.wait(limit, clock.now()).map_err(refused)?;
        let mut entered = self.enter_by_key(access, asks)?;
        let own = requests.take(limit, clock.now()).map_err(refused)?;
        seen.note(clock.now());
        entered.rate = Some(own);
        Ok(entered)
    }

    /// The same by the limits of the caller's key, and of the one that issued it.
    fn enter_by_key(&self, access: &Access, asks: bool) -> Result<Entered, OverLimit> {
        let clock = &*self.0.clock.running;
        let meter = self.0.meters.of(access.key());
        let of = (asks, access.quarantined_at().is_some());
        let Some(issuer) = access.issuer() else {
            return meter.enter(access.limits(), of, clock);
        };
        let shared = self.0.meters.of(issuer.id());
        // What is refused further on gives the place back.
        let mut places = Entered::default();
        if asks {
            let asked = shared.ask(issuer.limits().concurrent_queries);
            places.of_issuer = asked.map_err(|limit| OverLimit::IssuerQuestions { limit })?;
        }
        let Some(limit) = issuer.limits().requests_per_second else {
            let mut entered = meter.enter(access.limits(), of, clock)?;
            entered.of_issuer = places.of_issuer.take();
            return Ok(entered);
        };
        let refused = |retry_after| OverLimit::IssuerRate { limit, retry_after };
        // Held meanwhile: what the own key refuses has taken nothing of the other's.
        let mut requests = held(&shared.requests);
        requests.wait(limit, clock.now()).map_err(refused)?;
        let mut entered = meter.enter(access.limits(), of, clock)?;
        let standing = requests.take(limit, clock.now()).map_err(refused)?;
        entered.of_issuer = places.of_issuer.take();
        entered.stand_nearer(standing);
        Ok(entered)
    }

    /// Counts a change that a caller makes of what its key made: each is a row and
    /// an entry of the audit for good. Whoever administers makes as many as it likes.
    ///
    /// # Errors
    /// [`Refusal::TooManyChanges`]; it took nothing then.
    pub fn take_change(&self, access: &Access) -> Result<(), ControlError> {
        if access.permit::<Admin>(On::Project).is_ok() {
            return Ok(());
        }
        let meter = self.0.meters.of(access.key());
        let mut changes = held(&meter.changes);
        let taken = changes.take(CHANGES, self.0.clock.running.now());
        taken.map_err(|wait| Refusal::TooManyChanges { wait })?;
        Ok(())
    }

    /// What a key may still take at this moment.
    pub fn limits_left(&self, key: &KeyRecord) -> LimitsLeft {
        let meter = self.0.meters.of(key.id());
        meter.left(key.draft().limits, &*self.0.clock.running)
    }
}
