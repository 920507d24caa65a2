//! What a look at all files of a pool told. It holds as long as the pool has
//! these files, and a pool may have many: upkeep asks several times a second.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Weak};

use model::ids::PoolId;
use model::pools::FileLayout;

use crate::store::PoolState;
use crate::tables::{FileId, FileList, SortedBy};

/// What is asked of all files of a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Look {
    /// Whether some are to be merged.
    Merge,
    /// Whether some are to be gathered while the pool is at rest.
    Gather,
    /// Whether some lie in another order.
    Sort,
    /// Whether rows of some were replaced.
    Replaced,
}

/// What the answer depends on.
#[derive(Clone, Debug)]
pub(super) struct Subject {
    /// A list that changes becomes another one.
    files: Weak<FileList>,
    layout: FileLayout,
    /// The runs that may be.
    most: usize,
    /// The order in which files are to lie.
    order: Option<SortedBy>,
    /// The files that it is looked at without.
    without: BTreeSet<FileId>,
}

impl PartialEq for Subject {
    fn eq(&self, other: &Self) -> bool {
        Weak::ptr_eq(&self.files, &other.files)
            && self.layout == other.layout
            && self.most == other.most
            && self.order == other.order
            && self.without == other.without
    }
}

impl Subject {
    /// The files of a pool as they are.
    pub(super) fn of(state: &PoolState) -> Self {
        let pool = state.pool.as_ref();
        Self {
            files: Arc::downgrade(&state.manifest.files),
            layout: pool.map_or(FileLayout::Shared, |pool| pool.draft.layout),
            most: 0,
            order: None,
            without: BTreeSet::new(),
        }
    }

    /// The same, looked at without some files.
    pub(super) fn without(self, files: &BTreeSet<FileId>) -> Self {
        let without = files.clone();
        Self { without, ..self }
    }

    /// The same, where it depends on how many runs may be.
    pub(super) fn with_runs(self, most: usize) -> Self {
        Self { most, ..self }
    }

    /// The same, where it depends on an order.
    pub(super) fn in_order(self, order: &SortedBy) -> Self {
        let order = Some(order.clone());
        Self { order, ..self }
    }
}

/// The answers to the last looks.
#[derive(Debug, Default)]
pub(super) struct Looks(HashMap<(PoolId, Look), (Subject, bool)>);

impl Looks {
    /// What a look tells, or told of the same.
    pub(super) fn tell(
        &mut self,
        pool: PoolId,
        look: Look,
        subject: Subject,
        at_all: impl FnOnce() -> bool,
    ) -> bool {
        match self.0.get(&(pool, look)) {
            Some((known, told)) if *known == subject => *told,
            _ => {
                let told = at_all();
                self.0.insert((pool, look), (subject, told));
                told
            }
        }
    }

    /// Forgets pools that are not there any more.
    pub(super) fn keep(&mut self, states: &[PoolState]) {
        // They are in the order of their ids.
        let is_there = |pool: &PoolId| states.binary_search_by_key(pool, |state| state.id).is_ok();
        self.0.retain(|(pool, _), _| is_there(pool));
    }
}

#[cfg(test)]
mod tests;
