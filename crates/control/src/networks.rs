//! From which networks keys are used: requests of each key on each day of UTC,
//! counted with the rest of usage.
//!
//! An address may be that of a person, so that networks are kept and no addresses,
//! for [`USAGE_NETWORK_DAYS`] and no longer than the key. Anybody who has a key may
//! come from as many networks as they like, so that the first [`USAGE_NETWORKS_MAX`]
//! of a day are told apart: here, and again where counts are added up, since this
//! memory does not outlive the process.

use std::collections::HashMap;

use model::ids::KeyId;
use model::keys::Network;
use model::limits::USAGE_NETWORKS_MAX;
use model::permit::{Admin, Permit};
use model::time::Clock as _;
use model::usage::{USAGE_NETWORK_DAYS, UsageCounts};

use crate::control::Control;
use crate::error::ControlError;
use crate::reading::ROWS_IN_A_TURN;
use crate::usage::UsageAsked;

/// From where requests are counted to have come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Whence {
    /// From this network.
    Network(Network),
    /// From networks beyond those that are told apart on their day.
    Others,
    /// That is not kept, or was not known.
    NotKept,
}

/// What usage by network is told of apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct UsageFrom {
    /// Whose it is.
    pub key: KeyId,
    /// Days since 1970-01-01.
    pub day: i32,
    /// From where.
    pub whence: Whence,
}

/// What was counted by network and is not in the database.
#[derive(Debug, Default)]
pub(crate) struct ByNetwork {
    counted: HashMap<UsageFrom, UsageCounts>,
    /// The day that requests come on.
    day: i32,
    /// The networks that are told apart on that day. They stay when what was
    /// counted is written, so that a network is counted by its name all day long.
    apart: HashMap<KeyId, Vec<Network>>,
}

impl ByNetwork {
    /// Counts what a request did; `None` is where nothing is kept of where it came from.
    pub(crate) fn note(
        &mut self,
        (key, day): (KeyId, i32),
        from: Option<Network>,
        counts: UsageCounts,
    ) {
        let whence = match from {
            None => Whence::NotKept,
            Some(network) if self.is_apart(key, day, network) => Whence::Network(network),
            Some(_) => Whence::Others,
        };
        self.add(UsageFrom { key, day, whence }, counts);
    }

    /// Adds what was counted already.
    pub(crate) fn add(&mut self, of: UsageFrom, counts: UsageCounts) {
        *self.counted.entry(of).or_default() += counts;
    }

    /// Takes out what was counted.
    pub(crate) fn take(&mut self) -> impl Iterator<Item = (UsageFrom, UsageCounts)> + '_ {
        self.counted.drain()
    }

    /// Whether a network is told apart, which it is while there is room.
    fn is_apart(&mut self, key: KeyId, day: i32, network: Network) -> bool {
        if self.day != day {
            self.apart.clear();
            self.day = day;
        }
        let apart = self.apart.entry(key).or_default();
        if apart.contains(&network) {
            return true;
        }
        let has_room = apart.len() < USAGE_NETWORKS_MAX;
        if has_room {
            apart.push(network);
        }
        has_room
    }
}

/// So many days of a key are looked at in one turn: each has rows for networks, for
/// the others, and for what is not kept.
const DAYS_IN_A_TURN: i32 = (ROWS_IN_A_TURN / (USAGE_NETWORKS_MAX as u64 + 2)) as i32;

impl Control {
    /// The usage of one key by day and network, that of the last moment included,
    /// day by day; nothing of a key that the caller may not know, or that is gone.
    ///
    /// # Errors
    /// The database failed.
    pub async fn usage_by_network(
        &self,
        by: &Permit<Admin>,
        asked: UsageAsked,
    ) -> Result<Vec<(UsageFrom, UsageCounts)>, ControlError> {
        let access = by.access();
        let definitions = self.definitions(access.project());
        let is_known = |id: &KeyId| definitions.key(*id).is_some_and(|key| access.knows(key));
        let Some(key) = asked.key.filter(is_known) else {
            return Ok(Vec::new());
        };
        self.0.save_usage_to_read().await?;
        let tomorrow = self.0.options.clock.now().date().as_days() + 1;
        let kept_from = tomorrow - i32::from(USAGE_NETWORK_DAYS);
        let mut days = asked.from.max(kept_from)..asked.to.min(tomorrow);
        let mut found = Vec::new();
        while !days.is_empty() {
            let some = days.start..days.end.min(days.start + DAYS_IN_A_TURN);
            days.start = some.end;
            let mut turn = self.0.turn().await?;
            found.extend(turn.store()?.usage_by_network(key, some).await?);
        }
        Ok(found)
    }
}
