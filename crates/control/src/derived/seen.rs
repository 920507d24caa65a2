//! What is known of one derived token.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use model::credits::Tier;
use model::ids::KeyId;
use model::keys::DerivedId;
use model::rate::RateLog;
use model::time::Timestamp;

use super::slice::Slice;
use crate::store::DerivedRow;

const NEVER: i64 = i64::MIN;
const SECOND_MICROS: i64 = 1_000_000;

/// One derived token, from its first use or its revocation on.
#[derive(Debug)]
pub(crate) struct Seen {
    first: AtomicI64,
    last: AtomicI64,
    requests: AtomicU64,
    /// So many requests the database knows.
    saved: AtomicU64,
    revoked: AtomicI64,
    /// Whether it has credits of its own, of which what was taken must be known.
    is_held: AtomicBool,
    /// Requests of the last second.
    pub(crate) rate: Mutex<RateLog>,
    slices: [Arc<Slice>; Tier::ALL.len()],
}

/// What is told of a derived token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DerivedUse {
    /// Names it, and says when it ends.
    pub id: DerivedId,
    /// When it was first used; `None` of one that was revoked before that.
    pub first_used: Option<Timestamp>,
    /// When it was last used.
    pub last_used: Option<Timestamp>,
    /// How many requests it was let in with, those included that were refused then.
    pub requests: u64,
    /// What it used up of the credits that it is held to, by tier.
    pub spent: [u64; Tier::ALL.len()],
    /// When it was revoked.
    pub revoked: Option<Timestamp>,
}

fn time(micros: i64) -> Option<Timestamp> {
    match micros {
        NEVER => None,
        micros => Timestamp::from_microsecond(micros),
    }
}

fn micros(time: Option<Timestamp>) -> i64 {
    time.map_or(NEVER, Timestamp::as_microsecond)
}

impl Seen {
    pub(super) fn new(is_held: bool) -> Self {
        Self {
            first: AtomicI64::new(NEVER),
            last: AtomicI64::new(NEVER),
            requests: AtomicU64::new(0),
            saved: AtomicU64::new(0),
            revoked: AtomicI64::new(NEVER),
            is_held: AtomicBool::new(is_held),
            rate: Mutex::default(),
            slices: Default::default(),
        }
    }

    /// What it used up of a tier.
    pub(crate) fn slice(&self, tier: Tier) -> &Arc<Slice> {
        &self.slices[tier as usize]
    }

    /// Two tokens may have one id; if one has credits, the other counts, too.
    pub(super) fn hold(&self, is_held: bool) {
        self.is_held.fetch_or(is_held, Ordering::Relaxed);
    }

    /// Whether somebody was let in with it.
    pub(crate) fn was_used(&self) -> bool {
        self.first.load(Ordering::Relaxed) != NEVER
    }

    /// Whether it has credits of its own.
    pub(super) fn is_held(&self) -> bool {
        self.is_held.load(Ordering::Relaxed)
    }

    pub(crate) fn note(&self, now: Timestamp) {
        let now = now.as_microsecond();
        let first = self
            .first
            .compare_exchange(NEVER, now, Ordering::Relaxed, Ordering::Relaxed);
        // Whoever was first, was.
        let _ = first;
        self.last.fetch_max(now, Ordering::Relaxed);
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    /// Keeps it out from now on; whether it was not before.
    pub(super) fn revoke(&self, at: Timestamp) -> bool {
        let before = self
            .revoked
            .fetch_max(at.as_microsecond(), Ordering::AcqRel);
        before == NEVER
    }

    pub(crate) fn is_revoked(&self) -> bool {
        self.revoked.load(Ordering::Acquire) != NEVER
    }

    /// Since when it was not used, if it may be forgotten: not within a second
    /// of its use, which its rate is counted in.
    pub(super) fn free_since(&self, now: Timestamp) -> Option<i64> {
        let last = self.last.load(Ordering::Relaxed);
        let is_idle = now.as_microsecond().saturating_sub(last) > SECOND_MICROS;
        let is_free = !self.is_held() && !self.is_revoked();
        (is_free && is_idle).then_some(last)
    }

    /// Whether it is revoked from now on, and was not before.
    pub(super) fn take_in(&self, row: &DerivedRow) -> bool {
        let is_revoked = row.revoked.is_some_and(|at| self.revoke(at));
        if row.first_used.is_some() {
            self.first.store(micros(row.first_used), Ordering::Relaxed);
        }
        self.last
            .fetch_max(micros(row.last_used), Ordering::Relaxed);
        self.requests.fetch_max(row.requests, Ordering::Relaxed);
        self.saved.fetch_max(row.requests, Ordering::Relaxed);
        // The token may come with what it is held to, or not at all.
        self.hold(row.spent.iter().any(|spent| *spent > 0));
        is_revoked
    }

    /// Takes what the database holds of its slices: for a token that memory did
    /// not know. Of one that it knows the database may hold a charge that nobody
    /// heard of, and which was taken back or is counted by whoever waits for it.
    pub(super) fn fill_slices(&self, row: &DerivedRow) {
        for tier in Tier::ALL {
            self.slice(tier).fill(row.spent[tier as usize]);
        }
    }

    /// The row to write, and how many requests it tells of; `None` when the
    /// database knows all.
    pub(super) fn unsaved(&self, key: KeyId, id: &DerivedId) -> Option<(DerivedRow, u64)> {
        let requests = self.requests.load(Ordering::Relaxed);
        (requests > self.saved.load(Ordering::Relaxed)).then(|| {
            let row = DerivedRow {
                first_used: time(self.first.load(Ordering::Relaxed)),
                last_used: time(self.last.load(Ordering::Relaxed)),
                requests,
                ..DerivedRow::of(key, id.clone())
            };
            (row, requests)
        })
    }

    /// Notes that the database knows of so many requests.
    pub(crate) fn is_saved(&self, requests: u64) {
        self.saved.fetch_max(requests, Ordering::Relaxed);
    }

    pub(super) fn tell(&self, id: &DerivedId) -> DerivedUse {
        DerivedUse {
            id: id.clone(),
            first_used: time(self.first.load(Ordering::Relaxed)),
            last_used: time(self.last.load(Ordering::Relaxed)),
            requests: self.requests.load(Ordering::Relaxed),
            spent: Tier::ALL.map(|tier| self.slice(tier).charged()),
            revoked: time(self.revoked.load(Ordering::Acquire)),
        }
    }
}
