//! Grants: what a key may do on a resource, with what it stamps and which
//! rows and fields it sees.

mod modifiers;
mod parse;
mod selector;
mod target;
mod window;
mod write;

pub(crate) use modifiers::injections_of;
pub(crate) use parse::check_resolves;
pub use parse::{GrantLookup, parse_grants};
pub use selector::Selector;
pub use window::TimeWindow;

use std::collections::BTreeSet;

use crate::credits::Tier;
use crate::filters::{Constraint, Filter};
use crate::ids::{DatasetId, GrantId, PoolId, SavedQueryId, ViewId};
use crate::names::FieldPath;
use crate::pools::Pool;
use crate::records::Injections;
use crate::time::Timestamp;
use crate::value::Value;
use crate::views::View;

/// The actions that a grant may name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "each name is the action's documented name")]
pub enum Action {
    Ingest,
    Query,
    Extract,
    Search,
    Schema,
    Update,
    Delete,
    Drop,
    Encrypt,
    Decrypt,
    Read,
    Run,
    List,
    Retrieve,
    Issue,
    Admin,
}

impl Action {
    /// Every action on a pool that some call asks for.
    pub const POOL: [Action; 5] = [
        Self::Ingest,
        Self::Query,
        Self::Extract,
        Self::Schema,
        Self::Delete,
    ];
    /// Actions on a pool that no call asks for yet. No key may hold one: a
    /// capability that comes later is granted to no existing key.
    pub const POOL_NOT_YET: [Action; 5] = [
        Self::Search,
        Self::Update,
        Self::Drop,
        Self::Encrypt,
        Self::Decrypt,
    ];
    /// Every action on a view.
    pub const VIEW: [Action; 1] = [Self::Read];
    /// Every action on a saved query.
    pub const SAVED: [Action; 1] = [Self::Run];
    /// Every action on a cached query.
    pub const CACHED: [Action; 1] = [Self::Read];
    /// Every action on a dataset.
    pub const DATASET: [Action; 3] = [Self::Read, Self::List, Self::Retrieve];
    /// Every action on all pools and views of a tier: looking at them, and no
    /// other. What a resource costs must not say who writes to it.
    pub const TIER: [Action; 4] = [Self::Query, Self::Extract, Self::Schema, Self::Read];
    /// Every action on the project.
    pub const PROJECT: [Action; 2] = [Self::Admin, Self::Issue];

    /// The action's name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ingest => "ingest",
            Self::Query => "query",
            Self::Extract => "extract",
            Self::Search => "search",
            Self::Schema => "schema",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::Drop => "drop",
            Self::Encrypt => "encrypt",
            Self::Decrypt => "decrypt",
            Self::Read => "read",
            Self::Run => "run",
            Self::List => "list",
            Self::Retrieve => "retrieve",
            Self::Issue => "issue",
            Self::Admin => "admin",
        }
    }

    /// Whether a grant with this action must say which rows it means.
    pub fn touches_rows(self) -> bool {
        !matches!(
            self,
            Self::Ingest | Self::Encrypt | Self::Drop | Self::Admin | Self::Issue | Self::List
        )
    }
}

/// What a grant is on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// The project itself.
    Project,
    /// Pools.
    Pool(Selector<PoolId>),
    /// Views.
    View(Selector<ViewId>),
    /// Saved queries that are not cached.
    Saved(Selector<SavedQueryId>),
    /// Cached queries.
    Cached(Selector<SavedQueryId>),
    /// Cached datasets.
    Dataset(Selector<DatasetId>),
    /// Each pool and view of the tier, later ones included, as long as it is of it.
    Tier(Tier),
}

impl Target {
    /// Whether it is one resource, by its own name.
    pub(crate) fn is_by_name(&self) -> bool {
        match self {
            Self::Project | Self::Tier(_) => false,
            Self::Pool(of) => of.is_one(),
            Self::View(of) => of.is_one(),
            Self::Saved(of) | Self::Cached(of) => of.is_one(),
            Self::Dataset(of) => of.is_one(),
        }
    }

    /// Whether the pool is meant: that of usage, only by its name.
    pub fn covers_pool(&self, pool: &Pool) -> bool {
        match self {
            _ if pool.is_usage() && !self.is_by_name() => false,
            Self::Pool(pools) => pools.covers(pool.id, &pool.draft.name),
            Self::Tier(tier) => *tier == pool.draft.tier,
            _ => false,
        }
    }

    /// Whether the view is meant, which reads that pool: one of usage, only by
    /// its name.
    pub fn covers_view(&self, view: &View, pool: &Pool) -> bool {
        match self {
            _ if pool.is_usage() && !self.is_by_name() => false,
            Self::View(views) => views.covers(view.id, &view.draft.name),
            Self::Tier(tier) => *tier == view.tier(pool),
            _ => false,
        }
    }

    /// Whether everything that `other` means for the action is meant here too.
    /// What one tier has now it may not have later: so of a tier nothing is
    /// known but itself.
    pub fn covers_all_of(&self, other: &Self, action: Action) -> bool {
        match (self, other) {
            (Self::Project, Self::Project) => true,
            (Self::Tier(a), Self::Tier(b)) => a == b,
            (Self::Pool(pools), Self::Tier(_)) => {
                action != Action::Read && pools.covers_all_of(&Selector::everything())
            }
            (Self::View(views), Self::Tier(_)) => {
                action == Action::Read && views.covers_all_of(&Selector::everything())
            }
            (Self::Pool(a), Self::Pool(b)) => a.covers_all_of(b),
            (Self::View(a), Self::View(b)) => a.covers_all_of(b),
            (Self::Saved(a), Self::Saved(b)) | (Self::Cached(a), Self::Cached(b)) => {
                a.covers_all_of(b)
            }
            (Self::Dataset(a), Self::Dataset(b)) => a.covers_all_of(b),
            _ => false,
        }
    }

    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Project, Self::Project) => true,
            (Self::Pool(a), Self::Pool(b)) => a.overlaps(b),
            (Self::View(a), Self::View(b)) => a.overlaps(b),
            (Self::Saved(a), Self::Saved(b)) | (Self::Cached(a), Self::Cached(b)) => a.overlaps(b),
            (Self::Dataset(a), Self::Dataset(b)) => a.overlaps(b),
            (Self::Tier(a), Self::Tier(b)) => a == b,
            _ => false,
        }
    }
}

/// Which fields a grant shows. A path stands for itself and everything below.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum VisibleFields {
    /// Every field.
    All,
    /// These alone.
    Allow(BTreeSet<FieldPath>),
    /// All but these.
    Deny(BTreeSet<FieldPath>),
    /// What each of these shows.
    Both(Box<VisibleFields>, Box<VisibleFields>),
}

impl VisibleFields {
    /// Whether the field is shown.
    pub fn shows(&self, path: &FieldPath) -> bool {
        match self {
            Self::All => true,
            Self::Allow(paths) => paths.iter().any(|allowed| path.is_at_or_below(allowed)),
            Self::Deny(paths) => !paths.iter().any(|denied| path.overlaps(denied)),
            Self::Both(a, b) => a.shows(path) && b.shows(path),
        }
    }

    /// Whether this shows no field that the other does not show. Where that takes both parts of
    /// [`VisibleFields::Both`] together to tell, it is not found.
    pub fn are_within(&self, other: &Self) -> bool {
        let is_below = |path: &FieldPath, paths: &BTreeSet<FieldPath>| {
            paths.iter().any(|above| path.is_at_or_below(above))
        };
        match (self, other) {
            (_, Self::All) => true,
            (own, Self::Both(a, b)) => own.are_within(a) && own.are_within(b),
            (Self::Both(a, b), other) => a.are_within(other) || b.are_within(other),
            (Self::Allow(own), Self::Allow(other)) => own.iter().all(|path| is_below(path, other)),
            (Self::Allow(own), Self::Deny(denied)) => {
                let is_denied =
                    |path: &FieldPath| denied.iter().any(|denied| path.overlaps(denied));
                !own.iter().any(is_denied)
            }
            (Self::Deny(own), Self::Deny(denied)) => denied.iter().all(|path| is_below(path, own)),
            (Self::Deny(_), Self::Allow(_)) | (Self::All, _) => false,
        }
    }

    /// Whether this shows no more than `part`, which is written in it.
    fn has_part(&self, part: &Self) -> bool {
        match self {
            Self::Both(a, b) => self == part || a.has_part(part) || b.has_part(part),
            one => one == part,
        }
    }

    /// How deep `Both` is nested.
    pub(crate) fn depth(&self) -> usize {
        match self {
            Self::All | Self::Allow(_) | Self::Deny(_) => 0,
            Self::Both(a, b) => 1 + a.depth().max(b.depth()),
        }
    }

    /// What both show.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        match (self, other) {
            (Self::All, fields) | (fields, Self::All) => fields.clone(),
            (a, b) if a.has_part(b) => a.clone(),
            (a, b) if b.has_part(a) => b.clone(),
            (a, b) => Self::Both(Box::new(a.clone()), Box::new(b.clone())),
        }
    }
}

/// What a key may do on a resource.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Grant {
    /// Names the grant in requests and answers.
    pub id: GrantId,
    /// The resource.
    pub on: Target,
    /// The actions.
    pub actions: BTreeSet<Action>,
    /// Which rows; `None` only when no action touches rows.
    pub rows: Option<Constraint>,
    /// Which of those, by their times: rows that lie in every window.
    pub windows: Vec<TimeWindow>,
    /// Which fields.
    pub fields: VisibleFields,
    /// What is stamped on records.
    pub injections: Injections,
}

impl Grant {
    /// Whether the grant has the action, on whatever resource.
    pub fn allows(&self, action: Action) -> bool {
        self.actions.contains(&action)
    }

    /// Whether it opens nothing beyond these rows, neither to look at nor to
    /// write, and nothing that is no row.
    pub(crate) fn is_within(&self, held: &Filter) -> bool {
        let looks = match &self.rows {
            None => true,
            Some(Constraint::AllRows) => false,
            Some(Constraint::Rows(filter)) => filter.says_all_of(held),
        };
        let stamps = |(path, value): (&FieldPath, &Value)| {
            let mut stamped = self.injections.values.iter();
            stamped.any(|(stamped, with)| stamped == path && with == value)
        };
        let writes = match held.as_stamps() {
            _ if !self.allows(Action::Ingest) => true,
            None => false,
            Some(needed) => needed.into_iter().all(stamps),
        };
        looks && writes && !self.allows(Action::Admin)
    }

    /// The same grant at this instant: what its windows are about now is among
    /// the conditions on its rows.
    pub(crate) fn at(&self, now: Timestamp) -> Self {
        let windows = self.windows.iter();
        let rows = self.rows.clone().map(|rows| {
            windows.fold(rows, |rows, window| {
                rows.and(&Constraint::Rows(window.at(now)))
            })
        });
        Self {
            rows,
            ..self.clone()
        }
    }
}

#[cfg(test)]
mod tests;
