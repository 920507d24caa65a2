//! The ledger of credits: reserved in memory before anything is done for a
//! call, charged on stable storage before it is answered.
//!
//! The rules, which `docs/adr/023-credits.md` gives the reasons for:
//!
//! - **Reserve.** In one step under the lock of the key's account: what is
//!   charged and what is reserved, together with the cost, must not be more
//!   than the allowance of the period. So no number of calls at once gets more.
//! - **Charge.** What is answered is charged before, durably; calls that wait
//!   for it share a transaction. A call that fails is charged nothing: dropping
//!   the reservation gives it back.
//! - **Crash.** Reservations are in memory alone and are given back by a crash.
//!   A charge counts if and only if it is in the database. So whatever was
//!   answered is charged; a call whose answer the crash cut off is charged when
//!   its charge was written, and never twice. A write whose charge was not
//!   written is charged when it is repeated under its idempotency key
//!   (`batches.rs`).
//!
//! A row holds what a key used up of a tier on one day, as a total and not as
//! a step: written again, it stays the same. What a period has used up is the
//! sum of its days, so that a change of the period gives nothing back.

mod account;
mod batches;
mod charging;
mod spent;

pub use account::{CreditsLeft, CreditsSpent};
pub use batches::SavedBatch;
pub use spent::Spent;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use model::credits::{Allowance, Tier};
use model::ids::KeyId;
use model::keys::KeyRecord;
use model::permit::Access;
use model::time::Timestamp;

use account::{Account, Reserved};
use batches::ChargedUntil;
use charging::Waiting;

use crate::control::Control;
use crate::derived::{ReservedSlice, SliceSpent};

/// How many days back the ledger is read at a start: those of the longest
/// period, twice, for a clock that is set back.
const DAYS_READ: i32 = 2 * 31;

/// What a key used up on one day, as it is in the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DayRow {
    pub(crate) key: KeyId,
    pub(crate) tier: Tier,
    /// Days since 1970-01-01.
    pub(crate) day: i32,
    pub(crate) spent: i64,
}

/// The accounts of keys that used credits, and the charges that wait for a transaction.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    accounts: RwLock<HashMap<(KeyId, Tier), Arc<Account>>>,
    waiting: Mutex<Vec<Waiting>>,
    charged_until: ChargedUntil,
}

/// Credits that are set aside for one call. Dropped, they are given back.
#[derive(Debug)]
pub struct Reservation {
    /// Of the key's own, and of those of the key that issued it.
    keys: Vec<Reserved>,
    /// Of those that a derived token is held to.
    slice: Option<ReservedSlice>,
    cost: u64,
}

impl Reservation {
    fn is_of_something(&self) -> bool {
        !self.keys.is_empty() || self.slice.is_some()
    }

    /// Of a call that costs nothing.
    pub const NOTHING: Self = Self {
        keys: Vec::new(),
        slice: None,
        cost: 0,
    };
}

impl Ledger {
    /// Takes what the database holds. Only at the opening, before anybody is let in.
    pub(crate) fn fill(&self, rows: Vec<DayRow>) {
        for row in rows {
            let charged = u64::try_from(row.spent).unwrap_or(0);
            self.of(row.key, row.tier).fill(row.day, charged);
        }
    }

    fn of(&self, key: KeyId, tier: Tier) -> Arc<Account> {
        let known = self.of_known(key, tier, || true);
        known.unwrap_or_else(|| Arc::new(Account::new(key, tier)))
    }

    /// The account of a key that is there, as `is_there` says: asked while
    /// nobody can forget it, so that no account begins anew behind its key.
    fn of_known(
        &self,
        key: KeyId,
        tier: Tier,
        is_there: impl FnOnce() -> bool,
    ) -> Option<Arc<Account>> {
        let known = self.accounts.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(account) = known.get(&(key, tier)) {
            return Some(Arc::clone(account));
        }
        drop(known);
        let mut known = self
            .accounts
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        if !is_there() {
            return None;
        }
        let account = known
            .entry((key, tier))
            .or_insert_with(|| Arc::new(Account::new(key, tier)));
        Some(Arc::clone(account))
    }

    /// Forgets a key that is gone for good.
    pub(crate) fn forget(&self, key: KeyId) {
        let mut known = self
            .accounts
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        for tier in Tier::ALL {
            known.remove(&(key, tier));
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The first day that a start must know the ledger of.
pub(crate) fn first_day_read(now: Timestamp) -> i32 {
    now.date().as_days().saturating_sub(DAYS_READ)
}

impl Control {
    /// Sets credits aside for a call of this cost, as the key's allowance was
    /// when the caller was let in. Memory alone is asked. A key without an
    /// allowance pays nothing.
    ///
    /// # Errors
    /// Too few are left; nothing was set aside.
    pub fn reserve(&self, access: &Access, tier: Tier, cost: u64) -> Result<Reservation, Spent> {
        if cost == 0 {
            return Ok(Reservation::NOTHING);
        }
        // Whichever is too small gives back what was set aside of the other.
        let slice = self.reserve_slice(access, tier, cost)?;
        let mut keys = Vec::new();
        if let Some(allowance) = access.limits().credits(tier) {
            let reserved = self.reserve_of((access.key(), tier), allowance, cost);
            keys.push(match access.derived_token() {
                None => reserved?,
                Some(_) => reserved.map_err(Spent::of_deriver)?,
            });
        }
        let issuer = access.issuer();
        if let Some((issuer, allowance)) = issuer.and_then(|i| Some((i, i.limits().credits(tier)?)))
        {
            let reserved = self.reserve_of((issuer.id(), tier), allowance, cost);
            keys.push(reserved.map_err(Spent::of_issuer)?);
        }
        Ok(Reservation { keys, slice, cost })
    }

    fn reserve_of(
        &self,
        (key, tier): (KeyId, Tier),
        allowance: Allowance,
        cost: u64,
    ) -> Result<Reserved, Spent> {
        let is_there = || self.0.callers.has(key);
        // Whoever came before the key was deleted has nothing left.
        let account = self.0.ledger.of_known(key, tier, is_there);
        let account = account.ok_or(Spent::Gone)?;
        Ok(account.reserve(allowance, cost, &*self.0.options.clock)?)
    }

    fn reserve_slice(
        &self,
        access: &Access,
        tier: Tier,
        cost: u64,
    ) -> Result<Option<ReservedSlice>, SliceSpent> {
        let held = access.derived_token();
        let held = held.and_then(|token| Some((token, token.limits().credits(tier)?)));
        let Some((token, amount)) = held else {
            return Ok(None);
        };
        let none = SliceSpent {
            tier,
            amount,
            cost,
            left: 0,
        };
        // Known since its first use, and held for what it may use up: it is gone
        // with its key alone.
        let seen = self.0.derived.find(access.key(), token.id()).ok_or(none)?;
        let of = (access.key(), token.id().clone(), tier);
        seen.slice(tier).reserve(of, amount, cost).map(Some)
    }

    /// What a key has used up of each tier that it has an allowance of.
    pub fn credits_left(&self, key: &KeyRecord) -> Vec<CreditsLeft> {
        let now = self.0.options.clock.now();
        let of = |tier| {
            let allowance = key.draft().limits.credits(tier)?;
            Some(self.0.ledger.of(key.id(), tier).look(allowance, now))
        };
        Tier::ALL.into_iter().filter_map(of).collect()
    }
}
