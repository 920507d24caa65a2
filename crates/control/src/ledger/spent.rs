//! Credits that are too few.

use std::time::Duration;

use model::credits::Tier;

use super::CreditsSpent;
use crate::derived::SliceSpent;

/// Which credits are too few for a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Spent {
    /// Those of the key, in its period.
    #[error("{0}")]
    Key(#[from] CreditsSpent),
    /// Those that the caller's derived token is held to.
    #[error("{0}")]
    Slice(#[from] SliceSpent),
    /// Those of the key that issued the caller's. What that one has is not the
    /// caller's to know.
    #[error(
        "the call costs {cost} {} credits, and the key that issued this one has fewer left",
        .tier.name()
    )]
    Issuer {
        /// Of which credits.
        tier: Tier,
        /// What the call costs.
        cost: u64,
        /// How long it is until that key has more.
        resets_in: Duration,
    },
    /// Those of the key that the caller's token was derived from, which other
    /// tokens use up as well: how many it has is not the caller's to know.
    #[error(
        "the call costs {cost} {} credits, and the key of the token has fewer left",
        .tier.name()
    )]
    Deriver {
        /// Of which credits.
        tier: Tier,
        /// What the call costs.
        cost: u64,
        /// How long it is until the key has more.
        resets_in: Duration,
    },
    /// The key is not there any more, or it is not known whether it is.
    #[error("the key is gone")]
    Gone,
}

impl Spent {
    /// Leaves out what that key has.
    pub(super) fn of_issuer(self) -> Self {
        match self {
            Self::Key(spent) => Self::Issuer {
                tier: spent.tier,
                cost: spent.cost,
                resets_in: spent.resets_in,
            },
            other => other,
        }
    }

    /// The same for whoever has a token derived from that key.
    pub(super) fn of_deriver(self) -> Self {
        match self {
            Self::Key(spent) => Self::Deriver {
                tier: spent.tier,
                cost: spent.cost,
                resets_in: spent.resets_in,
            },
            other => other,
        }
    }
}
