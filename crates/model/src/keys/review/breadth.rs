//! Grants on many pools or views at once of which a key had to do with few.

use std::sync::Arc;

use super::{EXAMPLES, RecordedUse, ReviewedKey, is_judged, is_long, made_at};
use crate::grants::{Grant, Selector, Target};
use crate::names::Name;
use crate::pools::Pool;
use crate::time::Timestamp;
use crate::views::View;

/// What of those that a grant covers the key had to do with.
struct Reach<'a> {
    what: &'static str,
    covered: usize,
    used: Vec<&'a Name>,
}

impl<'a> Reach<'a> {
    /// Of what has been there for long enough to be used.
    fn of(what: &'static str, covered: impl Iterator<Item = (&'a Name, bool)>) -> Self {
        let covered: Vec<_> = covered.collect();
        let used = covered.iter().filter(|(_, is_used)| *is_used);
        Self {
            what,
            covered: covered.len(),
            used: used.map(|(name, _)| *name).collect(),
        }
    }
}

/// For each grant on many that was used for few of them, which those are.
pub(super) fn of(
    key: &ReviewedKey<'_>,
    (pools, views): (&[Arc<Pool>], &[Arc<View>]),
    recorded: &RecordedUse,
    now: Timestamp,
) -> Vec<String> {
    if !is_judged(key, recorded, now) {
        return Vec::new();
    }
    let id = key.key.id();
    let of_pools = |grant: &Grant| {
        let covered = pools.iter().filter(|pool| is_long(pool.created_at, now));
        let covered = covered.filter(|pool| grant.on.covers_pool(pool));
        let covered =
            covered.map(|pool| (&pool.draft.name, recorded.pools.contains(&(id, pool.id))));
        Reach::of("pools", covered)
    };
    let of_views = |grant: &Grant| {
        let pool_of = |view: &View| pools.iter().find(|pool| pool.id == view.pool);
        let covered = views.iter().filter(|view| is_long(view.created_at, now));
        let covered = covered
            .filter(|view| pool_of(view).is_some_and(|pool| grant.on.covers_view(view, pool)));
        let covered =
            covered.map(|view| (&view.draft.name, recorded.views.contains(&(id, view.id))));
        Reach::of("views", covered)
    };
    let mut said = Vec::new();
    let grants = key.grants().iter();
    for grant in grants.filter(|grant| is_long(made_at(grant), now)) {
        let reaches = match &grant.on {
            Target::Pool(Selector::All { .. }) => vec![of_pools(grant)],
            Target::View(Selector::All { .. }) => vec![of_views(grant)],
            Target::Tier(_) => vec![of_pools(grant), of_views(grant)],
            _ => continue,
        };
        let covered: usize = reaches.iter().map(|reach| reach.covered).sum();
        let used: usize = reaches.iter().map(|reach| reach.used.len()).sum();
        if used < covered && used <= EXAMPLES {
            said.push(told(grant, &reaches));
        }
    }
    said
}

fn told(grant: &Grant, reaches: &[Reach<'_>]) -> String {
    let parts = reaches.iter().filter(|reach| reach.covered > 0);
    let parts = parts.map(|reach| {
        let names: Vec<String> = reach.used.iter().map(ToString::to_string).collect();
        let used = match names.is_empty() {
            true => "none".to_owned(),
            false => names.join(", "),
        };
        format!("{} {}, of which it used {used}", reach.covered, reach.what)
    });
    let parts: Vec<String> = parts.collect();
    format!(
        "its grant {} is on {}; grant those by name",
        grant.id,
        parts.join(" and ")
    )
}
