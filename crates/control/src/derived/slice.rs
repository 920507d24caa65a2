//! What one derived token used up of a tier, over its whole life: a slice of
//! its key's credits, reserved and charged together with them.

use std::sync::{Arc, Mutex};

use model::credits::Tier;
use model::ids::KeyId;
use model::keys::DerivedId;

use super::lock;

/// What a token used up of one tier.
#[derive(Debug, Default)]
pub(crate) struct Slice(Mutex<Counts>);

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    /// On stable storage.
    charged: u64,
    /// In memory alone.
    reserved: u64,
}

/// Credits of a slice that are set aside. Dropped, they are given back.
#[derive(Debug)]
pub(crate) struct ReservedSlice {
    slice: Arc<Slice>,
    pub(crate) key: KeyId,
    pub(crate) id: DerivedId,
    pub(crate) tier: Tier,
    cost: u64,
}

/// A call costs more than is left of what its derived token is held to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the call costs {cost} of the {} credits that the derived token is held to, of which {left} of {amount} are left",
    .tier.name()
)]
pub struct SliceSpent {
    /// Of which credits.
    pub tier: Tier,
    /// How many the token may use up.
    pub amount: u64,
    /// What the call costs.
    pub cost: u64,
    /// What is neither charged nor reserved.
    pub left: u64,
}

impl Slice {
    /// Takes what the database holds. Only before anybody may charge it.
    pub(super) fn fill(&self, charged: u64) {
        lock(&self.0).charged = charged;
    }

    /// What is on stable storage.
    pub(crate) fn charged(&self) -> u64 {
        lock(&self.0).charged
    }

    /// What is neither charged nor reserved of so many.
    pub(crate) fn left(&self, amount: u64) -> u64 {
        let Counts { charged, reserved } = *lock(&self.0);
        amount.saturating_sub(charged.saturating_add(reserved))
    }

    /// Sets credits aside, if so many are left.
    pub(crate) fn reserve(
        self: &Arc<Self>,
        (key, id, tier): (KeyId, DerivedId, Tier),
        amount: u64,
        cost: u64,
    ) -> Result<ReservedSlice, SliceSpent> {
        let mut counts = lock(&self.0);
        let taken = counts.charged.saturating_add(counts.reserved);
        let left = amount.saturating_sub(taken);
        if cost > left {
            return Err(SliceSpent {
                tier,
                amount,
                cost,
                left,
            });
        }
        counts.reserved += cost;
        drop(counts);
        Ok(ReservedSlice {
            slice: Arc::clone(self),
            key,
            id,
            tier,
            cost,
        })
    }
}

impl ReservedSlice {
    /// What is on stable storage of the slice.
    pub(crate) fn charged(&self) -> u64 {
        self.slice.charged()
    }

    /// Takes effect in memory, in one step: reserved no longer, and charged.
    pub(crate) fn settle(&mut self, actual: u64) {
        let mut counts = lock(&self.slice.0);
        counts.reserved -= std::mem::take(&mut self.cost);
        counts.charged += actual;
    }
}

impl Drop for ReservedSlice {
    fn drop(&mut self) {
        lock(&self.slice.0).reserved -= self.cost;
    }
}
