//! Advice: what good practice would change about the keys of a project. It
//! changes nothing by itself, and is decided from definitions and times of use
//! alone, never from a row.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

mod breadth;
mod rules;
mod writers;

pub use rules::AdviceRule;
pub use writers::{Readers, StoredId, StoredQuestion};

use writers::Writers;

use super::{KeyRecord, KeyStatus};
use crate::grants::{Action, Grant, Selector, Target};
use crate::ids::{KeyId, PoolId, ViewId};
use crate::pools::Pool;
use crate::secrets::SecretId;
use crate::time::Timestamp;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// A key that was not used for so long is not needed.
pub const UNUSED_AFTER: Duration = Duration::from_secs(30 * DAY.as_secs());
/// A secret that is older should have been rolled.
pub const ROLL_AFTER: Duration = Duration::from_secs(90 * DAY.as_secs());
/// More keys and people that administer a project are more than it needs.
pub const ADMINS_ENOUGH: usize = 3;
/// What was granted for longer than this and never used is not needed.
pub const GRANT_UNUSED_AFTER: Duration = Duration::from_secs(30 * DAY.as_secs());
/// Keys that one piece of advice names as examples.
const EXAMPLES: usize = 3;

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advice {
    /// The key.
    pub key: KeyId,
    /// The rule.
    pub rule: AdviceRule,
    /// What was seen.
    pub why: String,
}

/// A key with what is known of its use.
#[derive(Debug)]
pub struct ReviewedKey<'a> {
    /// The key.
    pub key: &'a KeyRecord,
    /// When it was last used.
    pub last_used: Option<Timestamp>,
    /// When each of its secrets and signing secrets was last used.
    pub secrets_last_used: Vec<(SecretId, Option<Timestamp>)>,
    /// When one of its secrets last came from a page, where it must not be.
    pub last_on_page: Option<Timestamp>,
}

/// What is recorded of the use of pools and views, by all keys.
#[derive(Debug, Default)]
pub struct RecordedUse {
    /// Since when everything is recorded; `None` when nothing is.
    pub since: Option<Timestamp>,
    /// The views that each key read within [`GRANT_UNUSED_AFTER`].
    pub views: BTreeSet<(KeyId, ViewId)>,
    /// The pools that each key had to do with within [`GRANT_UNUSED_AFTER`].
    pub pools: BTreeSet<(KeyId, PoolId)>,
    /// How many people administer the project, of those that the caller knows of.
    pub people: usize,
}

impl ReviewedKey<'_> {
    fn grants(&self) -> &[Grant] {
        self.key.grants()
    }

    fn can(&self, action: Action) -> bool {
        self.grants().iter().any(|grant| grant.allows(action))
    }

    fn secret_last_used(&self, secret: SecretId) -> Option<Timestamp> {
        let mut uses = self.secrets_last_used.iter();
        uses.find(|(id, _)| *id == secret)?.1
    }

    /// When it was last used, else made.
    fn last_seen(&self) -> Timestamp {
        self.last_used.unwrap_or(self.key.created_at())
    }
}

/// What is to be said of the keys that are in use, in their order.
pub fn review(
    keys: &[ReviewedKey<'_>],
    pools: &[Arc<Pool>],
    readers: Readers<'_>,
    recorded: &RecordedUse,
    now: Timestamp,
) -> Vec<Advice> {
    let active = |key: &&ReviewedKey<'_>| {
        let status = key.key.status(now);
        matches!(status, KeyStatus::Active | KeyStatus::Quarantined)
    };
    let keys: Vec<&ReviewedKey<'_>> = keys.iter().filter(active).collect();
    let mut found = Vec::new();
    let surplus = surplus_admins(&keys, recorded.people);
    let mut writers = Writers::new(&keys, pools);
    for key in &keys {
        let mut find = |rule, why: String| {
            let key = key.key.id();
            found.push(Advice { key, rule, why });
        };
        if let Some(why) = unused(key, now) {
            find(AdviceRule::Unused, why);
        }
        if let Some(why) = never_rolled(key, now) {
            find(AdviceRule::NeverRolled, why);
        }
        if let Some(why) = old_secret(key) {
            find(AdviceRule::OldSecretInUse, why);
        }
        if let Some(at) = key.last_on_page {
            find(AdviceRule::UsedFromPage, from_page(key, at));
        }
        if let Some(since) = key.key.rotation_due(now) {
            find(AdviceRule::RotationDue, format!("it is due since {since}"));
        }
        if let Some(why) = wider_than_used(key, (pools, readers), recorded, now) {
            find(AdviceRule::WiderThanUsed, why);
        }
        for why in breadth::of(key, (pools, readers.views), recorded, now) {
            find(AdviceRule::WiderThanUsed, why);
        }
        if writes_and_reads(key) {
            let why = "its grants let it write and read records".to_owned();
            find(AdviceRule::WritesAndReads, why);
        }
        for why in writers.of_fields(key, readers) {
            find(AdviceRule::FieldWritableByOthers, why);
        }
        if surplus.contains(&key.key.id()) {
            let why = format!(
                "more than {ADMINS_ENOUGH} keys and people administer the project, {} of them people, and this is \
                 not among the keys used last",
                recorded.people
            );
            find(AdviceRule::ManyAdmins, why);
        }
        if let Some(issuer) = key.key.draft().issued_by
            && !keys.iter().any(|known| known.key.is_in_use(issuer, now))
        {
            let why = format!(
                "the key {issuer} that issued it is gone or not in use, so that it lets nobody in"
            );
            find(AdviceRule::IssuerEnded, why);
        }
    }
    found
}

fn unused(key: &ReviewedKey<'_>, now: Timestamp) -> Option<String> {
    let since = key.last_seen();
    let whole = (now.since(since) > UNUSED_AFTER).then(|| match key.last_used {
        Some(at) => format!("it was last used at {at}"),
        None => format!("it was made at {since} and never used"),
    });
    whole.or_else(|| {
        let mut signing = key.key.signing_secrets().iter();
        let silent = signing.find(|known| {
            let used = key.secret_last_used(known.id).unwrap_or(known.created_at);
            now.since(used) > UNUSED_AFTER
        })?;
        let id = silent.id;
        Some(format!(
            "nothing was signed with its signing secret {id} for so long; delete that one"
        ))
    })
}

fn never_rolled(key: &ReviewedKey<'_>, now: Timestamp) -> Option<String> {
    let newest = key.key.secrets().iter().map(|s| s.created_at).max()?;
    let whole =
        (now.since(newest) > ROLL_AFTER).then(|| format!("its newest secret is of {newest}"));
    whole.or_else(|| {
        let newest = key
            .key
            .signing_secrets()
            .iter()
            .map(|s| s.created_at)
            .max()?;
        let is_old = now.since(newest) > ROLL_AFTER;
        is_old.then(|| {
            format!("its newest signing secret is of {newest}, and a roll does not touch it")
        })
    })
}

fn old_secret(key: &ReviewedKey<'_>) -> Option<String> {
    let secrets = key.key.secrets();
    let newest = secrets.iter().max_by_key(|secret| secret.created_at)?;
    let older = secrets.iter().filter(|secret| secret.id != newest.id);
    let mut used = older.filter_map(|secret| {
        let used = key.secret_last_used(secret.id);
        used.filter(|used| *used > newest.created_at)
            .map(|used| (secret.id, used))
    });
    let (id, at) = used.next()?;
    Some(format!(
        "the secret {id} was used at {at}, after the newer one was made"
    ))
}

/// When the grant was made: its id says it, to the millisecond.
fn made_at(grant: &Grant) -> Timestamp {
    let bytes = grant.id.to_bytes();
    let millis = bytes[..6]
        .iter()
        .fold(0, |sum, byte| (sum << 8) | i64::from(*byte));
    Timestamp::from_microsecond(millis * 1_000).unwrap_or(Timestamp::MAX)
}

fn from_page(key: &ReviewedKey<'_>, at: Timestamp) -> String {
    let what = match key.can(Action::Admin) {
        true => "it administers the project, and one of its secrets",
        false => "one of its secrets",
    };
    format!("{what} came from a web page at {at}; that was refused")
}

/// Whether something was there for long enough to be used.
fn is_long(since: Timestamp, now: Timestamp) -> bool {
    now.since(since) > GRANT_UNUSED_AFTER
}

/// Whether it can be told what the key did not use: it was there and everything
/// was recorded for long enough, and it is in use; one that is not is told of as such.
fn is_judged(key: &ReviewedKey<'_>, recorded: &RecordedUse, now: Timestamp) -> bool {
    let is_used = key.last_used.is_some_and(|used| !is_long(used, now));
    let is_known = recorded.since.is_some_and(|since| is_long(since, now));
    is_used && is_known && is_long(key.key.created_at(), now)
}

/// The grants that the key did not use, as far as what is recorded can tell:
/// those on one view, those to write to one pool, and those to ask one stored
/// question whose pool the key had nothing to do with. Grants to ask a pool are
/// left out: a question that was asked before all of its pools were noted would
/// make them look unused.
fn wider_than_used(
    key: &ReviewedKey<'_>,
    (pools, readers): (&[Arc<Pool>], Readers<'_>),
    recorded: &RecordedUse,
    now: Timestamp,
) -> Option<String> {
    if !is_judged(key, recorded, now) {
        return None;
    }
    let id = key.key.id();
    let allows_only = |grant: &Grant, action: Action| {
        let mut actions = grant.actions.iter();
        actions.all(|allowed| *allowed == action)
    };
    let is_untouched = |pool: &PoolId| !recorded.pools.contains(&(id, *pool));
    let is_unasked = |question: StoredId| {
        let mut stored = readers.stored.iter();
        let stored = stored.find(|stored| stored.id == question);
        stored.is_some_and(|stored| stored.was_of_one_pool(pools, now, is_untouched))
    };
    let is_unused = |grant: &&Grant| {
        let only = |action| allows_only(grant, action);
        is_long(made_at(grant), now)
            && match &grant.on {
                Target::View(Selector::One { id: view, .. }) => {
                    !recorded.views.contains(&(id, *view))
                }
                Target::Pool(Selector::One { id: pool, .. }) => {
                    only(Action::Ingest) && is_untouched(pool)
                }
                // By any other action a definition is looked at, and of that nothing is recorded.
                Target::Saved(Selector::One { id: saved, .. }) => {
                    only(Action::Run) && is_unasked(StoredId::Saved(*saved))
                }
                Target::Cached(Selector::One { id: saved, .. }) => {
                    only(Action::Read) && is_unasked(StoredId::Saved(*saved))
                }
                Target::Dataset(Selector::One { id: dataset, .. }) => {
                    only(Action::Retrieve) && is_unasked(StoredId::Dataset(*dataset))
                }
                _ => false,
            }
    };
    let unused: Vec<&Grant> = key.grants().iter().filter(is_unused).collect();
    let named = unused.iter().take(EXAMPLES);
    let named: Vec<String> = named.map(|grant| grant.id.to_string()).collect();
    let more = match unused.len().saturating_sub(EXAMPLES) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let days = GRANT_UNUSED_AFTER.as_secs() / DAY.as_secs();
    (!named.is_empty()).then(|| {
        format!(
            "it was used, but not by its grants {}{more}, in the last {days} days",
            named.join(", ")
        )
    })
}

/// Who administers may do everything anyway, so splitting it up is no gain.
fn writes_and_reads(key: &ReviewedKey<'_>) -> bool {
    let reads = [
        Action::Query,
        Action::Extract,
        Action::Read,
        Action::Run,
        Action::Retrieve,
    ];
    !key.can(Action::Admin)
        && key.can(Action::Ingest)
        && reads.into_iter().any(|action| key.can(action))
}

/// The admins beyond those that were used last; beside so many people. One may
/// stay in any case: programs have no password.
fn surplus_admins(keys: &[&ReviewedKey<'_>], people: usize) -> Vec<KeyId> {
    let admins = keys.iter().filter(|key| key.can(Action::Admin));
    let mut admins: Vec<_> = admins.collect();
    admins.sort_by_key(|key| std::cmp::Reverse(key.last_seen()));
    let enough = ADMINS_ENOUGH.saturating_sub(people).max(1);
    let surplus = admins.into_iter().skip(enough);
    surplus.map(|key| key.key.id()).collect()
}

#[cfg(test)]
mod tests;
