//! Fields that choose the rows of a key, and who may write what they like into them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{EXAMPLES, ReviewedKey, is_long};
use crate::filters::Constraint;
use crate::grants::{Action, Grant, Target};
use crate::ids::{DatasetId, KeyId, PoolId, SavedQueryId};
use crate::names::{FieldPath, Name};
use crate::pools::Pool;
use crate::time::Timestamp;
use crate::views::View;

/// A question that is stored under a name, and may be granted by it.
#[derive(Clone, Debug)]
pub struct StoredQuestion {
    /// Which it is.
    pub id: StoredId,
    /// Its name.
    pub name: Name,
    /// The pools that it reads.
    pub pools: Vec<PoolId>,
    /// When it was made, or last said otherwise.
    pub changed_at: Timestamp,
}

impl StoredQuestion {
    /// Whether it has read this one pool for long enough to be asked, and the pool is
    /// such a one. Of several pools not every one was always noted.
    pub(super) fn was_of_one_pool(
        &self,
        pools: &[Arc<Pool>],
        now: Timestamp,
        is_such: impl Fn(&PoolId) -> bool,
    ) -> bool {
        let [read] = self.pools.as_slice() else {
            return false;
        };
        // One that was made again under its name is another pool.
        let pool = pools.iter().find(|pool| pool.id == *read);
        is_long(self.changed_at, now)
            && pool.is_some_and(|pool| is_long(pool.created_at, now))
            && is_such(read)
    }
}

/// Names a stored question for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoredId {
    /// A saved query, whether its answers are kept or not.
    Saved(SavedQueryId),
    /// A dataset.
    Dataset(DatasetId),
}

/// What reads pools and may be granted beside them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Readers<'a> {
    /// The views.
    pub views: &'a [Arc<View>],
    /// The saved queries and datasets.
    pub stored: &'a [StoredQuestion],
}

/// Who writes to which pool, and what each of them stamps.
pub(super) struct Writers<'a> {
    pools: &'a [Arc<Pool>],
    of_pools: BTreeMap<PoolId, Vec<(KeyId, Vec<&'a Grant>)>>,
    /// For a field of a pool, the keys whose holders choose its value.
    open: BTreeMap<(PoolId, FieldPath), Vec<KeyId>>,
}

impl<'a> Writers<'a> {
    pub(super) fn new(keys: &[&'a ReviewedKey<'_>], pools: &'a [Arc<Pool>]) -> Self {
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
    pub(super) fn of_fields(&mut self, key: &ReviewedKey<'_>, readers: Readers<'_>) -> Vec<String> {
        let mut asked: BTreeSet<(PoolId, FieldPath)> = BTreeSet::new();
        for grant in key.grants() {
            let Some(Constraint::Rows(filter)) = &grant.rows else {
                continue;
            };
            let pools = self.pools.iter();
            for pool in pools.filter(|pool| reads(grant, pool, readers)) {
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

/// Whether the grant shows rows of the pool, itself or through what reads it.
fn reads(grant: &Grant, pool: &Pool, readers: Readers<'_>) -> bool {
    let asks = grant.allows(Action::Query) || grant.allows(Action::Extract);
    let mut views = readers.views.iter().filter(|view| view.pool == pool.id);
    let mut stored = readers.stored.iter();
    asks && covers_pool(grant, pool)
        || grant.allows(Action::Read) && views.any(|view| grant.on.covers_view(view, pool))
        || stored.any(|stored| stored.pools.contains(&pool.id) && answers(grant, stored))
}

/// Whether the grant lets the key have answers of a stored question.
fn answers(grant: &Grant, stored: &StoredQuestion) -> bool {
    let actions = [Action::Run, Action::Read, Action::Retrieve];
    let shows = actions.into_iter().any(|action| grant.allows(action));
    let is_on = match (&grant.on, stored.id) {
        (Target::Saved(of) | Target::Cached(of), StoredId::Saved(id)) => {
            of.covers(id, &stored.name)
        }
        (Target::Dataset(of), StoredId::Dataset(id)) => of.covers(id, &stored.name),
        _ => false,
    };
    shows && is_on
}

fn stamps(grant: &Grant, field: &FieldPath) -> bool {
    let mut stamped = grant.injections.values.iter();
    stamped.any(|(path, _)| field.is_at_or_below(path))
}
