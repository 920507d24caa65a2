//! Which keys something goes with, for pages that ask before it does.

use std::cmp::Reverse;

use model::datasets::Dataset;
use model::grants::{Grant, Target};
use model::people::Area;
use model::pools::Pool;
use model::saved_queries::{SavedQuery, WithPools};
use model::views::View;

use super::times::Moment;
use super::visitor::InProject;
use crate::state::AppState;

/// Keys that a page names; of the others it says how many there are.
const NAMED: usize = 20;

/// A key with a grant on what is to go.
pub(super) struct Reader {
    pub(super) name: String,
    pub(super) href: String,
    /// When it last came, with whatever request.
    pub(super) used: Option<Moment>,
}

/// The keys with such a grant.
#[derive(Default)]
pub(super) struct Readers {
    pub(super) keys: Vec<Reader>,
    /// Keys that are not named.
    pub(super) more: usize,
    /// Whether the person is told of keys at all.
    pub(super) is_told: bool,
}

impl Readers {
    /// Keys that the person may know and that have such a grant, the one that came last first.
    pub(super) fn of(here: &InProject, state: &AppState, is_on: impl Fn(&Grant) -> bool) -> Self {
        if !here.may(Area::Keys) {
            return Self::default();
        }
        let keys = here.definitions.keys();
        let keys = keys.filter(|key| here.access.knows(key));
        let keys = keys.filter(|key| key.grants().iter().any(&is_on));
        let mut keys: Vec<_> = keys
            .map(|key| (state.control.last_used(key.id()), key))
            .collect();
        keys.sort_by_key(|(used, key)| (Reverse(*used), key.id()));
        let more = keys.len().saturating_sub(NAMED);
        let named = keys.into_iter().take(NAMED);
        let named = named.map(|(used, key)| Reader {
            name: key.draft().name.clone(),
            href: here.address(&format!("/keys/{}", key.id())),
            used: used.map(Moment::from),
        });
        Self {
            keys: named.collect(),
            more,
            is_told: true,
        }
    }

    #[cfg(test)]
    pub(super) fn sample(text: &str) -> Self {
        let key = |used| Reader {
            name: text.to_owned(),
            href: super::frame::address(text, "/x"),
            used,
        };
        Self {
            keys: vec![key(Some(super::samples::moment(text))), key(None)],
            more: 2,
            is_told: true,
        }
    }
}

/// Whether a grant is on this view.
pub(super) fn is_on_view(grant: &Grant, view: &View, pool: &Pool) -> bool {
    grant.on.covers_view(view, pool)
}

/// Whether a grant is on this saved query, in the class that it is in.
pub(super) fn is_on_saved(grant: &Grant, saved: &SavedQuery) -> bool {
    match &grant.on {
        Target::Saved(of) => !saved.is_cached() && of.covers(saved.id, &saved.draft.name),
        Target::Cached(of) => saved.is_cached() && of.covers(saved.id, &saved.draft.name),
        _ => false,
    }
}

/// Whether a grant is on this dataset.
pub(super) fn is_on_dataset(grant: &Grant, dataset: &Dataset) -> bool {
    matches!(&grant.on, Target::Dataset(of) if of.covers(dataset.id, &dataset.draft.name))
}

/// What of a project is made of one pool's records.
pub(super) struct Made<'a> {
    pub(super) views: Vec<&'a View>,
    pub(super) queries: Vec<&'a SavedQuery>,
    pub(super) datasets: Vec<&'a Dataset>,
}

impl<'a> Made<'a> {
    /// Of this pool.
    pub(super) fn of(here: &'a InProject, pool: &Pool) -> Self {
        fn reads<T>(stored: &WithPools<'_, T>, pool: &Pool) -> bool {
            stored.pools.values().any(|read| read.id == pool.id)
        }
        let views = here.definitions.views();
        let views = views.filter(|(_, read)| read.id == pool.id);
        let queries = here.definitions.saved_queries();
        let queries = queries.filter(|saved| reads(saved, pool));
        let datasets = here.definitions.datasets();
        let datasets = datasets.filter(|dataset| reads(dataset, pool));
        Self {
            views: views.map(|(view, _)| &**view).collect(),
            queries: queries.map(|saved| &**saved.item).collect(),
            datasets: datasets.map(|dataset| &**dataset.item).collect(),
        }
    }

    /// Whether a grant is on the pool, or on something that is made of it.
    pub(super) fn is_touched_by(&self, grant: &Grant, pool: &Pool) -> bool {
        grant.on.covers_pool(pool)
            || self.views.iter().any(|view| is_on_view(grant, view, pool))
            || self.queries.iter().any(|saved| is_on_saved(grant, saved))
            || self
                .datasets
                .iter()
                .any(|dataset| is_on_dataset(grant, dataset))
    }
}
