//! The definitions of a project, as everything in the house reads them.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
use std::sync::Arc;

use model::analyses::Analysis;
use model::datasets::Dataset;
use model::ids::{DatasetId, KeyId, OrganizationId, PoolId, ProjectId, SavedQueryId, ViewId};
use model::keys::KeyRecord;
use model::names::Name;
use model::pools::Pool;
use model::saved_queries::{SavedQuery, Sources, WithPools};
use model::usage::usage_pool;
use model::views::View;

use crate::scoped::Scoping;
use crate::sorted::SortedMap;

/// What a project defines at one moment. A snapshot never changes; the next
/// change makes another one. Pools and views are few and are copied when one
/// of them changes; keys may be many and are kept in sorted chunks that
/// snapshots share.
#[derive(Clone, Debug, Default)]
pub struct Definitions {
    project: Arc<ProjectRecord>,
    /// The pool of usage, of a project that is there.
    usage: Option<Arc<Pool>>,
    pools: Arc<Named<PoolId, Pool>>,
    views: Arc<Named<ViewId, View>>,
    saved: Arc<Named<SavedQueryId, SavedQuery>>,
    datasets: Arc<Named<DatasetId, Dataset>>,
    keys: SortedMap<KeyId, (i64, Arc<KeyRecord>)>,
    keys_by_age: SortedMap<i64, Arc<KeyRecord>>,
}

/// What a project is called and which dialects it speaks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProjectRecord {
    /// The name, unique in its organization.
    pub name: String,
    /// Whether the Keen dialect is switched on.
    pub keen: bool,
    /// The master key whose scoped keys are let in; `None` when none are.
    pub scoping: Option<Scoping>,
    /// From how many stored bytes on nothing more is stored in its pools.
    pub storage_bytes: Option<u64>,
    /// Whose it is; `None` for a project that is not there.
    pub organization: Option<OrganizationId>,
}

impl Definitions {
    /// The project itself.
    pub fn project(&self) -> &ProjectRecord {
        &self.project
    }

    /// The pool of this name, be it that of usage.
    pub fn pool(&self, name: &str) -> Option<&Arc<Pool>> {
        let usage = self.usage.as_ref();
        let usage = usage.filter(|usage| usage.draft.name.as_str() == name);
        usage.or_else(|| self.pools.by_name(name))
    }

    /// The pool of this id, be it that of usage.
    pub fn pool_by_id(&self, id: PoolId) -> Option<&Arc<Pool>> {
        let usage = self.usage.as_ref().filter(|usage| usage.id == id);
        usage.or_else(|| self.pools.by_id(id))
    }

    /// The pools that hold records: those that were made, and that of usage.
    pub fn stored_pools(&self) -> impl Iterator<Item = &Arc<Pool>> {
        self.pools.items.iter().chain(&self.usage)
    }

    /// The pools that were made, oldest first.
    pub fn pools(&self) -> impl ExactSizeIterator<Item = &Arc<Pool>> {
        self.pools.items.iter()
    }

    /// The view of this name, with the pool that it reads.
    pub fn view(&self, name: &str) -> Option<(&Arc<View>, &Arc<Pool>)> {
        self.with_pool(self.views.by_name(name)?)
    }

    /// The view of this id, with the pool that it reads.
    pub fn view_by_id(&self, id: ViewId) -> Option<(&Arc<View>, &Arc<Pool>)> {
        self.with_pool(self.views.by_id(id)?)
    }

    /// The views, oldest first, each with the pool that it reads.
    pub fn views(&self) -> impl Iterator<Item = (&Arc<View>, &Arc<Pool>)> {
        self.views
            .items
            .iter()
            .filter_map(|view| self.with_pool(view))
    }

    /// The saved query of this name, with the pools that it reads.
    pub fn saved_query(&self, name: &str) -> Option<WithPools<'_, SavedQuery>> {
        self.saved
            .by_name(name)
            .map(|saved| self.saved_with_pools(saved))
    }

    /// The saved queries, oldest first, each with the pools that it reads.
    pub fn saved_queries(&self) -> impl Iterator<Item = WithPools<'_, SavedQuery>> {
        let saved = self.saved.items.iter();
        saved.map(|saved| self.saved_with_pools(saved))
    }

    /// The dataset of this name, with the pool that it reads.
    pub fn dataset(&self, name: &str) -> Option<WithPools<'_, Dataset>> {
        let found = self.datasets.by_name(name);
        found.map(|dataset| self.dataset_with_pools(dataset))
    }

    /// The datasets, oldest first, each with the pool that it reads.
    pub fn datasets(&self) -> impl Iterator<Item = WithPools<'_, Dataset>> {
        let datasets = self.datasets.items.iter();
        datasets.map(|dataset| self.dataset_with_pools(dataset))
    }

    fn saved_with_pools<'a>(&'a self, saved: &'a Arc<SavedQuery>) -> WithPools<'a, SavedQuery> {
        WithPools {
            item: saved,
            pools: self.read_by(&saved.draft.query, &saved.sources),
        }
    }

    fn dataset_with_pools<'a>(&'a self, dataset: &'a Arc<Dataset>) -> WithPools<'a, Dataset> {
        WithPools {
            item: dataset,
            pools: self.read_by(&dataset.draft.analysis(), &dataset.sources),
        }
    }

    /// The pools that a stored question means.
    fn read_by(&self, query: &Analysis, stored: &Sources) -> BTreeMap<Name, Arc<Pool>> {
        let names = query.sources().into_iter().map(|source| &source.pool);
        let pools = names.filter_map(|name| {
            let pool = match stored.get(name) {
                Some(id) => self.pool_by_id(*id),
                None => self.pool(name.as_str()),
            };
            Some((name.clone(), Arc::clone(pool?)))
        });
        pools.collect()
    }

    /// What the names of a question stand for now.
    pub(crate) fn sources_of(&self, query: &Analysis) -> Sources {
        let pools = self.read_by(query, &Sources::new());
        let ids = pools.into_iter().map(|(name, pool)| (name, pool.id));
        ids.collect()
    }

    /// The saved query of this id, with the pools that it reads.
    pub fn saved_query_by_id(&self, id: SavedQueryId) -> Option<WithPools<'_, SavedQuery>> {
        self.saved
            .by_id(id)
            .map(|saved| self.saved_with_pools(saved))
    }

    pub(crate) fn saved_by_id(&self, id: SavedQueryId) -> Option<&Arc<SavedQuery>> {
        self.saved.by_id(id)
    }

    pub(crate) fn dataset_by_id(&self, id: DatasetId) -> Option<&Arc<Dataset>> {
        self.datasets.by_id(id)
    }

    /// The key of this id.
    pub fn key(&self, id: KeyId) -> Option<&Arc<KeyRecord>> {
        self.keys.get(&id).map(|(_, key)| key)
    }

    /// The keys, oldest first.
    pub fn keys(&self) -> impl Iterator<Item = &Arc<KeyRecord>> {
        self.keys_by_age.values()
    }

    fn with_pool<'a>(&'a self, view: &'a Arc<View>) -> Option<(&'a Arc<View>, &'a Arc<Pool>)> {
        Some((view, self.pool_by_id(view.pool)?))
    }

    /// Nothing but the pool that every project has.
    pub(crate) fn of_project(project: ProjectId) -> Self {
        Self {
            usage: Some(usage_pool(project)),
            ..Self::default()
        }
    }

    pub(crate) fn put_project(&mut self, project: ProjectRecord) {
        self.project = Arc::new(project);
    }

    pub(crate) fn put_pool(&mut self, pool: Arc<Pool>) {
        Arc::make_mut(&mut self.pools).put(pool);
    }

    pub(crate) fn remove_pool(&mut self, id: PoolId) {
        Arc::make_mut(&mut self.pools).remove(id);
    }

    pub(crate) fn put_view(&mut self, view: Arc<View>) {
        Arc::make_mut(&mut self.views).put(view);
    }

    pub(crate) fn remove_view(&mut self, id: ViewId) {
        Arc::make_mut(&mut self.views).remove(id);
    }

    pub(crate) fn put_saved(&mut self, saved: Arc<SavedQuery>) {
        Arc::make_mut(&mut self.saved).put(saved);
    }

    pub(crate) fn remove_saved(&mut self, id: SavedQueryId) {
        Arc::make_mut(&mut self.saved).remove(id);
    }

    pub(crate) fn put_dataset(&mut self, dataset: Arc<Dataset>) {
        Arc::make_mut(&mut self.datasets).put(dataset);
    }

    pub(crate) fn remove_dataset(&mut self, id: DatasetId) {
        Arc::make_mut(&mut self.datasets).remove(id);
    }

    /// Adds a key, or takes a changed one; a key keeps the ordinal that it
    /// was added with.
    pub(crate) fn put_key(&mut self, ordinal: i64, key: Arc<KeyRecord>) {
        let ordinal = self.keys.get(&key.id()).map_or(ordinal, |(kept, _)| *kept);
        self.keys_by_age.insert(ordinal, Arc::clone(&key));
        self.keys.insert(key.id(), (ordinal, key));
    }

    pub(crate) fn remove_key(&mut self, id: KeyId) {
        if let Some((ordinal, _)) = self.keys.get(&id) {
            self.keys_by_age.remove(&{ *ordinal });
            self.keys.remove(&id);
        }
    }
}

/// A thing with an id and a name of its own.
pub(crate) trait Identified {
    /// What names it for ever.
    type Id: Copy + Eq + Hash;
    fn id(&self) -> Self::Id;
    fn name(&self) -> &Name;
}

impl Identified for Pool {
    type Id = PoolId;

    fn id(&self) -> PoolId {
        self.id
    }

    fn name(&self) -> &Name {
        &self.draft.name
    }
}

impl Identified for View {
    type Id = ViewId;

    fn id(&self) -> ViewId {
        self.id
    }

    fn name(&self) -> &Name {
        &self.draft.name
    }
}

impl Identified for SavedQuery {
    type Id = SavedQueryId;

    fn id(&self) -> SavedQueryId {
        self.id
    }

    fn name(&self) -> &Name {
        &self.draft.name
    }
}

impl Identified for Dataset {
    type Id = DatasetId;

    fn id(&self) -> DatasetId {
        self.id
    }

    fn name(&self) -> &Name {
        &self.draft.name
    }
}

/// Things in the order in which they were made, found by id and by name.
#[derive(Clone, Debug)]
struct Named<Id, T> {
    items: Vec<Arc<T>>,
    ids: HashMap<Id, usize>,
    names: HashMap<String, usize>,
}

impl<Id, T> Default for Named<Id, T> {
    fn default() -> Self {
        Self {
            items: Vec::new(),
            ids: HashMap::new(),
            names: HashMap::new(),
        }
    }
}

impl<T: Identified> Named<T::Id, T> {
    fn by_id(&self, id: T::Id) -> Option<&Arc<T>> {
        self.ids.get(&id).map(|at| &self.items[*at])
    }

    fn by_name(&self, name: &str) -> Option<&Arc<T>> {
        self.names.get(name).map(|at| &self.items[*at])
    }

    fn put(&mut self, item: Arc<T>) {
        match self.ids.get(&item.id()) {
            Some(at) => {
                let at = *at;
                self.names.remove(self.items[at].name().as_str());
                self.names.insert(item.name().to_string(), at);
                self.items[at] = item;
            }
            None => {
                self.ids.insert(item.id(), self.items.len());
                self.names.insert(item.name().to_string(), self.items.len());
                self.items.push(item);
            }
        }
    }

    fn remove(&mut self, id: T::Id) {
        let Some(at) = self.ids.get(&id) else { return };
        self.items.remove(*at);
        let items = std::mem::take(self).items;
        for item in items {
            self.put(item);
        }
    }
}
