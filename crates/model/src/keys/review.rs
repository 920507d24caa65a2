//! Advice: what good practice would change about the keys of a project. It
//! changes nothing by itself, and is decided from definitions and times of use
//! alone, never from a row.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::{KeyRecord, KeyStatus};
use crate::filters::Constraint;
use crate::grants::{Action, Grant};
use crate::ids::{KeyId, PoolId};
use crate::names::FieldPath;
use crate::pools::Pool;
use crate::secrets::SecretId;
use crate::time::Timestamp;
use crate::views::View;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// A key that was not used for so long is not needed.
pub const UNUSED_AFTER: Duration = Duration::from_secs(30 * DAY.as_secs());
/// A secret that is older should have been rolled.
pub const ROLL_AFTER: Duration = Duration::from_secs(90 * DAY.as_secs());
/// More keys that administer a project are more than it needs.
pub const ADMINS_ENOUGH: usize = 3;
/// Keys that one piece of advice names as examples.
const EXAMPLES: usize = 3;

/// What an advice is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AdviceRule {
    /// The key was not used for [`UNUSED_AFTER`].
    Unused,
    /// A secret of the key is older than [`ROLL_AFTER`].
    NeverRolled,
    /// An older secret is still used although there is a newer one.
    OldSecretInUse,
    /// The key both writes and reads.
    WritesAndReads,
    /// Its rows are chosen by a field whose value others, or its own holders, may choose.
    FieldWritableByOthers,
    /// More keys administer the project than are needed.
    ManyAdmins,
}

impl AdviceRule {
    /// Every rule.
    pub const ALL: [Self; 6] = [
        Self::Unused,
        Self::NeverRolled,
        Self::OldSecretInUse,
        Self::WritesAndReads,
        Self::FieldWritableByOthers,
        Self::ManyAdmins,
    ];

    /// The rule's name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unused => "unused",
            Self::NeverRolled => "never_rolled",
            Self::OldSecretInUse => "old_secret_in_use",
            Self::WritesAndReads => "writes_and_reads",
            Self::FieldWritableByOthers => "field_writable_by_others",
            Self::ManyAdmins => "many_admins",
        }
    }

    /// What to do.
    pub fn remedy(self) -> &'static str {
        match self {
            Self::Unused => "disable it; when nobody has missed it for some weeks, delete it",
            Self::NeverRolled => "give it a new secret, or make a copy and retire this one",
            Self::OldSecretInUse => {
                "find who still has the older secret, and give them the newer one before the older one ends"
            }
            Self::WritesAndReads => {
                "make one key that writes and one that reads: whoever finds one of them has half"
            }
            Self::FieldWritableByOthers => {
                "let every key that writes there stamp the field, by injections, so that no client chooses it"
            }
            Self::ManyAdmins => "disable those that are used least",
        }
    }
}

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
    /// When each of its secrets was last used.
    pub secrets_last_used: Vec<(SecretId, Option<Timestamp>)>,
}

impl ReviewedKey<'_> {
    fn grants(&self) -> &[Grant] {
        self.key.grants()
    }

    fn can(&self, action: Action) -> bool {
        self.grants().iter().any(|grant| grant.allows(action))
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
    views: &[Arc<View>],
    now: Timestamp,
) -> Vec<Advice> {
    let active = |key: &&ReviewedKey<'_>| key.key.status(now) == KeyStatus::Active;
    let keys: Vec<&ReviewedKey<'_>> = keys.iter().filter(active).collect();
    let mut found = Vec::new();
    let surplus = surplus_admins(&keys);
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
        if writes_and_reads(key) {
            let why = "its grants let it write and read records".to_owned();
            find(AdviceRule::WritesAndReads, why);
        }
        for why in writers.of_fields(key, views) {
            find(AdviceRule::FieldWritableByOthers, why);
        }
        if surplus.contains(&key.key.id()) {
            let why = format!(
                "more than {ADMINS_ENOUGH} keys administer the project, and this is not among those used last"
            );
            find(AdviceRule::ManyAdmins, why);
        }
    }
    found
}

fn unused(key: &ReviewedKey<'_>, now: Timestamp) -> Option<String> {
    let since = key.last_seen();
    (now.since(since) > UNUSED_AFTER).then(|| match key.last_used {
        Some(at) => format!("it was last used at {at}"),
        None => format!("it was made at {since} and never used"),
    })
}

fn never_rolled(key: &ReviewedKey<'_>, now: Timestamp) -> Option<String> {
    let newest = key.key.secrets().iter().map(|s| s.created_at).max()?;
    (now.since(newest) > ROLL_AFTER).then(|| format!("its newest secret is of {newest}"))
}

fn old_secret(key: &ReviewedKey<'_>) -> Option<String> {
    let secrets = key.key.secrets();
    let newest = secrets.iter().max_by_key(|secret| secret.created_at)?;
    let older = secrets.iter().filter(|secret| secret.id != newest.id);
    let mut used = older.filter_map(|secret| {
        let mut uses = key.secrets_last_used.iter();
        let (_, used) = uses.find(|(id, _)| *id == secret.id)?;
        used.filter(|used| *used > newest.created_at)
            .map(|used| (secret.id, used))
    });
    let (id, at) = used.next()?;
    Some(format!(
        "the secret {id} was used at {at}, after the newer one was made"
    ))
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

/// The admins beyond those that were used last.
fn surplus_admins(keys: &[&ReviewedKey<'_>]) -> Vec<KeyId> {
    let admins = keys.iter().filter(|key| key.can(Action::Admin));
    let mut admins: Vec<_> = admins.collect();
    admins.sort_by_key(|key| std::cmp::Reverse(key.last_seen()));
    let surplus = admins.into_iter().skip(ADMINS_ENOUGH);
    surplus.map(|key| key.key.id()).collect()
}

/// Who writes to which pool, and what each of them stamps.
struct Writers<'a> {
    pools: &'a [Arc<Pool>],
    of_pools: BTreeMap<PoolId, Vec<(KeyId, Vec<&'a Grant>)>>,
    /// For a field of a pool, the keys whose holders choose its value.
    open: BTreeMap<(PoolId, FieldPath), Vec<KeyId>>,
}

impl<'a> Writers<'a> {
    fn new(keys: &[&'a ReviewedKey<'_>], pools: &'a [Arc<Pool>]) -> Self {
        let mut of_pools: BTreeMap<_, Vec<_>> = BTreeMap::new();
        // Who administers could change the grants just as well.
        for key in keys.iter().filter(|key| !key.can(Action::Admin)) {
            for pool in pools {
                let writes =
                    |grant: &&Grant| grant.allows(Action::Ingest) && covers_pool(grant, pool);
                let grants: Vec<&Grant> = key.grants().iter().filter(writes).collect();
                if !grants.is_empty() {
                    of_pools
                        .entry(pool.id)
                        .or_default()
                        .push((key.key.id(), grants));
                }
            }
        }
        Self {
            pools,
            of_pools,
            open: BTreeMap::new(),
        }
    }

    /// For each field that chooses the rows of a key, who may write what they like into it.
    fn of_fields(&mut self, key: &ReviewedKey<'_>, views: &[Arc<View>]) -> Vec<String> {
        let mut asked: BTreeSet<(PoolId, FieldPath)> = BTreeSet::new();
        for grant in key.grants() {
            let Some(Constraint::Rows(filter)) = &grant.rows else {
                continue;
            };
            let pools = self.pools.iter();
            for pool in pools.filter(|pool| reads(grant, pool, views)) {
                let fields = filter.fields().into_iter().cloned();
                asked.extend(fields.map(|field| (pool.id, field)));
            }
        }
        let mut found = Vec::new();
        for (pool, field) in asked {
            let open = self.open_to(pool, &field);
            let examples: Vec<String> = open.iter().take(EXAMPLES).map(KeyId::to_string).collect();
            let more = open.len().saturating_sub(EXAMPLES);
            if examples.is_empty() {
                continue;
            }
            let pool = self.pools.iter().find(|known| known.id == pool);
            let pool = pool.map_or_else(String::new, |pool| pool.draft.name.to_string());
            let others = match more {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            let writers = examples.join(", ");
            found.push(format!(
                "its rows of the pool {pool} are chosen by {field}, into which holders of {writers}{others} write what they like"
            ));
        }
        found
    }

    fn open_to(&mut self, pool: PoolId, field: &FieldPath) -> &[KeyId] {
        let writers = self.of_pools.get(&pool);
        self.open.entry((pool, field.clone())).or_insert_with(|| {
            let writers = writers.into_iter().flatten();
            let open = writers.filter(|(_, grants)| grants.iter().any(|g| !stamps(g, field)));
            open.map(|(key, _)| *key).collect()
        })
    }
}

fn covers_pool(grant: &Grant, pool: &Pool) -> bool {
    grant.on.covers_pool(pool)
}

/// Whether the grant shows rows of the pool, itself or through a view.
fn reads(grant: &Grant, pool: &Pool, views: &[Arc<View>]) -> bool {
    let asks = grant.allows(Action::Query) || grant.allows(Action::Extract);
    let mut views = views.iter().filter(|view| view.pool == pool.id);
    asks && covers_pool(grant, pool)
        || grant.allows(Action::Read) && views.any(|view| grant.on.covers_view(view, pool))
}

fn stamps(grant: &Grant, field: &FieldPath) -> bool {
    let mut stamped = grant.injections.values.iter();
    stamped.any(|(path, _)| field.is_at_or_below(path))
}

#[cfg(test)]
mod tests;
