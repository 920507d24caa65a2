//! Usage: how much each secret of each key did with each pool and view on each
//! day of UTC, and each key from which networks. Counted in memory, and written
//! down with the times of last use: a crash loses what was counted since. Credits
//! are not counted here: they have a ledger that loses nothing.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use model::ids::{KeyId, PoolId, ViewId};
use model::keys::Network;
use model::keys::review::{GRANT_UNUSED_AFTER, RecordedUse};
use model::permit::{Access, Admin, Permit};
use model::secrets::SecretId;
use model::time::{Clock as _, Timestamp};
use model::usage::{USAGE_DAYS, USAGE_NETWORK_DAYS};
pub use model::usage::{UsageCounts, UsageOf};

use crate::control::{Control, Inner};
use crate::error::ControlError;
use crate::networks::{ByNetwork, UsageFrom};
use crate::store::{Claim, NetworkWrite, Write};
use crate::writer::in_a_task;

/// Rows that are written in one transaction; between two, changes get their turn.
const ROWS_PER_TRANSACTION: usize = 1_000;

/// What a request did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Did {
    /// Of which pool, when it was of one.
    pub pool: Option<PoolId>,
    /// Through which view.
    pub view: Option<ViewId>,
    /// From which network, as far as that is known and may be kept.
    pub from: Option<Network>,
    /// How much.
    pub counts: UsageCounts,
}

/// Which days of usage are asked for, and whose.
#[derive(Clone, Copy, Debug)]
pub struct UsageAsked {
    /// The first day, counted from 1970-01-01.
    pub from: i32,
    /// The first day after the last one.
    pub to: i32,
    /// Of one key alone.
    pub key: Option<KeyId>,
    /// So many rows at most.
    pub limit: usize,
}

/// By what usage is summed up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UsageBy {
    /// By day of UTC.
    Day,
    /// By key.
    Key,
    /// By pool.
    Pool,
    /// By secret.
    Secret,
}

/// What a sum is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum UsagePart {
    /// This day, counted from 1970-01-01.
    Day(i32),
    /// This key.
    Key(KeyId),
    /// This pool; `None` for what was about none.
    Pool(Option<PoolId>),
    /// This secret.
    Secret(SecretId),
}

/// Days of charges that are kept: two of the longest periods, and more.
const CHARGE_DAYS: i32 = 100;

/// What was counted and is not in the database.
#[derive(Debug, Default)]
pub(crate) struct Usage {
    counted: Mutex<Counted>,
    /// The day on which old rows were last taken away by this process.
    pruned_on: Mutex<Option<i32>>,
}

#[derive(Debug, Default)]
struct Counted {
    done: HashMap<UsageOf, UsageCounts>,
    by_network: ByNetwork,
}

/// A count that is not in the database.
#[derive(Clone, Copy, Debug)]
enum Unsaved {
    Done(UsageOf, UsageCounts),
    ByNetwork(UsageFrom, UsageCounts),
}

impl Unsaved {
    fn to_write(self) -> Write {
        match self {
            Self::Done(of, counts) => Write::Use(of, counts),
            Self::ByNetwork(of, counts) => Write::Network(NetworkWrite::Use(of, counts)),
        }
    }
}

impl Usage {
    fn note(&self, of: UsageOf, from: Option<Network>, counts: UsageCounts) {
        let mut counted = self.counted();
        *counted.done.entry(of).or_default() += counts;
        counted.by_network.note((of.key, of.day), from, counts);
    }

    fn take(&self) -> Vec<Unsaved> {
        let mut held = self.counted();
        let counted = &mut *held;
        let done = counted.done.drain();
        let done = done.map(|(of, counts)| Unsaved::Done(of, counts));
        let by_network = counted.by_network.take();
        let by_network = by_network.map(|(of, counts)| Unsaved::ByNetwork(of, counts));
        done.chain(by_network).collect()
    }

    fn give_back(&self, unsaved: Unsaved) {
        let mut counted = self.counted();
        match unsaved {
            Unsaved::Done(of, counts) => *counted.done.entry(of).or_default() += counts,
            Unsaved::ByNetwork(of, counts) => counted.by_network.add(of, counts),
        }
    }

    fn counted(&self) -> MutexGuard<'_, Counted> {
        self.counted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Control {
    /// Counts what a request of this caller did. Memory alone is touched.
    pub fn note_usage(&self, access: &Access, did: Did) {
        // A person presents no secret; usage is that of keys.
        if access.person().is_some() {
            return;
        }
        let now = self.0.options.clock.now();
        let second = now.as_microsecond().div_euclid(1_000_000);
        self.0.pulses.note(access.project(), second, did.counts);
        let of = UsageOf {
            project: access.project(),
            key: access.key(),
            secret: access.secret(),
            pool: did.pool,
            view: did.view,
            day: now.date().as_days(),
        };
        self.0.usage.note(of, did.from, did.counts);
    }

    /// Counts that this caller asked for data, for whoever looks at it now.
    pub fn note_question(&self, access: &Access) {
        if access.person().is_some() {
            return;
        }
        let now = self.0.options.clock.now();
        let second = now.as_microsecond().div_euclid(1_000_000);
        self.0.pulses.note_question(access.project(), second);
    }

    /// The usage of the caller's project, that of the last moment included, by
    /// day, key, secret, pool and view.
    ///
    /// # Errors
    /// The database failed.
    pub async fn usage(
        &self,
        by: &Permit<Admin>,
        asked: UsageAsked,
    ) -> Result<Vec<(UsageOf, UsageCounts)>, ControlError> {
        self.0.save_usage_to_read().await?;
        let (project, mut days) = (by.access().project(), asked.from..asked.to);
        let mut found = Vec::new();
        while !days.is_empty() && found.len() < asked.limit {
            let mut turn = self.0.turn().await?;
            let store = turn.store()?;
            let Some(some) = store.days_in_a_turn(project, &days).await? else {
                break;
            };
            days.start = some.end;
            let part = UsageAsked {
                from: some.start,
                to: some.end,
                limit: asked.limit - found.len(),
                ..asked
            };
            found.extend(store.usage(project, part).await?);
        }
        Ok(found)
    }
}

impl Control {
    /// The usage of the caller's project summed up by something, that of the last
    /// moment included, most requests first; by key, of keys alone that the caller
    /// may know.
    ///
    /// # Errors
    /// The database failed.
    pub async fn usage_sums(
        &self,
        by: &Permit<Admin>,
        asked: UsageAsked,
        parts: UsageBy,
    ) -> Result<Vec<(UsagePart, UsageCounts)>, ControlError> {
        self.0.save_usage_to_read().await?;
        let access = by.access();
        let (project, mut days) = (access.project(), asked.from..asked.to);
        let mut found: HashMap<UsagePart, UsageCounts> = HashMap::new();
        while !days.is_empty() {
            let mut turn = self.0.turn().await?;
            let store = turn.store()?;
            let Some(some) = store.days_in_a_turn(project, &days).await? else {
                break;
            };
            days.start = some.end;
            let sums = store.usage_sums(project, asked.key, some, parts).await?;
            drop(turn);
            for (part, counts) in sums {
                *found.entry(part).or_default() += counts;
            }
        }
        let mut sums: Vec<_> = found.into_iter().collect();
        // Before the list is cut: how short it is must not tell of keys that are not known.
        if access.within().is_some() {
            let definitions = self.definitions(access.project());
            let is_known = |id| definitions.key(id).is_some_and(|key| access.knows(key));
            sums.retain(|(part, _)| !matches!(part, UsagePart::Key(id) if !is_known(*id)));
        }
        let rank = |counts: &UsageCounts| Reverse((counts.requests, counts.records));
        sums.sort_unstable_by_key(|(part, counts)| (rank(counts), *part));
        sums.truncate(asked.limit);
        Ok(sums)
    }

    /// Which pools and views the keys of the caller's project had to do with,
    /// as far back as advice looks.
    ///
    /// # Errors
    /// The database failed.
    pub async fn recorded_use(&self, by: &Permit<Admin>) -> Result<RecordedUse, ControlError> {
        self.0.save_usage_to_read().await?;
        let now = self.0.options.clock.now();
        let from = now
            .checked_sub(GRANT_UNUSED_AFTER)
            .unwrap_or(Timestamp::EPOCH);
        let (project, mut days) = (by.access().project(), from.date().as_days()..i32::MAX);
        let mut recorded = RecordedUse {
            since: self.0.turn().await?.store()?.first_use(project).await?,
            ..RecordedUse::default()
        };
        while !days.is_empty() {
            let mut turn = self.0.turn().await?;
            let store = turn.store()?;
            let Some(some) = store.days_in_a_turn(project, &days).await? else {
                break;
            };
            days.start = some.end;
            store.recorded_use(project, some, &mut recorded).await?;
        }
        recorded.people = self.people_administering(by)?;
        Ok(recorded)
    }
}

impl Inner {
    /// Takes rows away that nobody is told of any more, once a day.
    pub(crate) async fn prune_usage(self: &std::sync::Arc<Self>) -> Result<(), ControlError> {
        let today = || self.options.clock.now().date().as_days();
        let pruned_on = || {
            let pruned_on = &self.usage.pruned_on;
            pruned_on.lock().unwrap_or_else(PoisonError::into_inner)
        };
        if *pruned_on() == Some(today()) {
            return Ok(());
        }
        let writer = self.writer().await?;
        // Asked when nobody else writes: a row of a later day is of a false time.
        let today = today();
        let (tomorrow, ordinal) = (today + 1, writer.ordinal);
        let with_networks = tomorrow.saturating_sub(USAGE_NETWORK_DAYS.into())..tomorrow;
        let writes = vec![
            Write::ForgetUsage(today.saturating_sub(USAGE_DAYS.into())),
            Write::Network(NetworkWrite::Keep(with_networks)),
            Write::ForgetCharges(today.saturating_sub(CHARGE_DAYS)),
        ];
        self.carry_out(writer, writes, ordinal, Claim::Nothing, |_| {})
            .await?;
        *pruned_on() = Some(today);
        Ok(())
    }

    /// Writes down what was counted. What cannot be written stays counted.
    pub(crate) async fn save_usage(self: &std::sync::Arc<Self>) -> Result<(), ControlError> {
        let inner = std::sync::Arc::clone(self);
        // Whoever asked may go away; what was taken out of memory must not.
        in_a_task(async move { inner.write_usage().await }).await
    }

    async fn write_usage(self: &std::sync::Arc<Self>) -> Result<(), ControlError> {
        let mut unsaved = self.usage.take();
        while !unsaved.is_empty() {
            let rest = unsaved.split_off(unsaved.len().min(ROWS_PER_TRANSACTION));
            let written = match self.writer().await {
                Err(error) => Err(error),
                Ok(writer) => {
                    let ordinal = writer.ordinal;
                    let rows = unsaved.iter().map(|unsaved| unsaved.to_write()).collect();
                    self.carry_out(writer, rows, ordinal, Claim::Nothing, |_| {})
                        .await
                }
            };
            if let Err(error) = written {
                // They add up: what may have been written is not written again. A crash loses
                // as much, and nobody is told of more than was used.
                let unsaved = unsaved.into_iter().filter(|_| !error.is_unheard());
                for unsaved in unsaved.chain(rest) {
                    self.usage.give_back(unsaved);
                }
                return Err(error);
            }
            unsaved = rest;
        }
        Ok(())
    }
}
