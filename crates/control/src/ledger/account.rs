//! The account of one key and tier: what each day used up, and what is set aside.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use model::credits::{Allowance, Tier};
use model::ids::KeyId;
use model::time::{Clock, Date, Timestamp};

/// Of which percentages of an allowance the log says that they are used up.
const ALERTS: [u64; 2] = [80, 100];

#[derive(Debug)]
pub(super) struct Account {
    pub(super) key: KeyId,
    pub(super) tier: Tier,
    days: Mutex<BTreeMap<i32, Day>>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Day {
    /// On stable storage.
    charged: u64,
    /// In memory alone.
    reserved: u64,
}

/// Credits of an account that are set aside. Dropped, they are given back.
#[derive(Debug)]
pub(super) struct Reserved {
    pub(super) account: Arc<Account>,
    allowance: Allowance,
    pub(super) day: i32,
    pub(super) cost: u64,
}

/// A call costs more than is left of its key's credits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the call costs {cost} of the key's {} credits, of which {left} of {} are left in this {}",
    .tier.name(), .allowance.amount, .allowance.period.name()
)]
pub struct CreditsSpent {
    /// Of which credits.
    pub tier: Tier,
    /// How many there are in each period.
    pub allowance: Allowance,
    /// What the call costs.
    pub cost: u64,
    /// What is neither charged nor reserved.
    pub left: u64,
    /// When the next period begins.
    pub resets_at: Timestamp,
    /// How long that is from now.
    pub resets_in: Duration,
}

/// What a key has used up of a tier in the period that is now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CreditsLeft {
    /// Of which credits.
    pub tier: Tier,
    /// How many there are in each period.
    pub allowance: Allowance,
    /// Charged, which is on stable storage.
    pub spent: u64,
    /// Set aside for calls that are under way.
    pub reserved: u64,
    /// When the next period begins.
    pub resets_at: Timestamp,
}

impl CreditsLeft {
    /// What a call could still cost.
    pub fn left(&self) -> u64 {
        let taken = self.spent.saturating_add(self.reserved);
        self.allowance.amount.saturating_sub(taken)
    }

    /// The highest percentage among those that are told of which is used up.
    pub fn alert(&self) -> Option<u64> {
        let reached = |percent: &&u64| is_reached(self.allowance, self.spent, **percent);
        ALERTS.iter().rev().find(reached).copied()
    }
}

fn is_reached(allowance: Allowance, spent: u64, percent: u64) -> bool {
    u128::from(spent) * 100 >= u128::from(allowance.amount) * u128::from(percent)
}

impl Account {
    pub(super) fn new(key: KeyId, tier: Tier) -> Self {
        Self {
            key,
            tier,
            days: Mutex::default(),
        }
    }

    /// Takes what the database holds of a day.
    pub(super) fn fill(&self, day: i32, charged: u64) {
        let reserved = 0;
        self.days().insert(day, Day { charged, reserved });
    }

    /// What is on stable storage of a day.
    pub(super) fn charged(&self, day: i32) -> u64 {
        self.days().get(&day).map_or(0, |day| day.charged)
    }

    fn days(&self) -> MutexGuard<'_, BTreeMap<i32, Day>> {
        self.days.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Charged and reserved in the period that `now` is in.
    fn of_period(days: &BTreeMap<i32, Day>, allowance: Allowance, now: Timestamp) -> Day {
        let mut sum = Day::default();
        for day in days.range(allowance.period.days(now)).map(|(_, day)| day) {
            sum.charged += day.charged;
            sum.reserved += day.reserved;
        }
        sum
    }

    /// What is used up in the period that `now` is in.
    pub(super) fn look(&self, allowance: Allowance, now: Timestamp) -> CreditsLeft {
        let day = Self::of_period(&self.days(), allowance, now);
        CreditsLeft {
            tier: self.tier,
            allowance,
            spent: day.charged,
            reserved: day.reserved,
            resets_at: allowance.period.ends(now),
        }
    }

    /// Sets credits aside, if so many are left.
    pub(super) fn reserve(
        self: &Arc<Self>,
        allowance: Allowance,
        cost: u64,
        clock: &dyn Clock,
    ) -> Result<Reserved, CreditsSpent> {
        let mut days = self.days();
        let now = clock.now();
        let taken = Self::of_period(&days, allowance, now);
        let left = (allowance.amount).saturating_sub(taken.charged + taken.reserved);
        if cost > left {
            let resets_at = allowance.period.ends(now);
            return Err(CreditsSpent {
                tier: self.tier,
                allowance,
                cost,
                left,
                resets_at,
                resets_in: resets_at.since(now),
            });
        }
        let day = now.date().as_days();
        days.entry(day).or_default().reserved += cost;
        drop(days);
        Ok(Reserved {
            account: Arc::clone(self),
            allowance,
            day,
            cost,
        })
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        if let Some(day) = self.account.days().get_mut(&self.day) {
            day.reserved -= self.cost;
        }
    }
}

impl Reserved {
    /// Takes effect in memory, in one step: reserved no longer, and charged.
    pub(super) fn settle(&mut self, actual: u64) {
        let start = Date::from_days(self.day).map_or(Timestamp::EPOCH, Date::midnight);
        let mut days = self.account.days();
        let before = Account::of_period(&days, self.allowance, start).charged;
        let day = days.entry(self.day).or_default();
        day.reserved -= std::mem::take(&mut self.cost);
        day.charged += actual;
        drop(days);
        let after = before + actual;
        let comes_to = |percent: &u64| {
            is_reached(self.allowance, after, *percent)
                && !is_reached(self.allowance, before, *percent)
        };
        for percent in ALERTS.into_iter().filter(comes_to) {
            tracing::warn!(
                key = %self.account.key,
                tier = self.account.tier.name(),
                percent,
                spent = after,
                amount = self.allowance.amount,
                period = self.allowance.period.name(),
                "a key has used up so much of its credits"
            );
        }
    }
}
