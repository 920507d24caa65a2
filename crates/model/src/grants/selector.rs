//! One resource or all of a type.

use std::collections::BTreeSet;

use crate::names::Name;

/// One resource of a type, or all of them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Selector<Id> {
    /// Each one, later ones included, of certain names, or but for certain names.
    All {
        /// The only names that are meant; `None` for every name.
        only: Option<BTreeSet<Name>>,
        /// Names that are left out, also of those in `only`.
        except: BTreeSet<Name>,
    },
    /// The resource of this id. The name is what it was called when granted;
    /// a later resource of the same name is another one.
    One {
        /// The resource's id.
        id: Id,
        /// Its name then.
        name: Name,
    },
}

impl<Id> Selector<Id> {
    /// Each one, later ones included.
    pub fn everything() -> Self {
        Self::All {
            only: None,
            except: BTreeSet::new(),
        }
    }

    /// Whether whatever has the name is meant, be it made later. What the
    /// server keeps is meant by nothing but its own name.
    pub fn covers_name(&self, name: &Name) -> bool {
        match self {
            Self::All { .. } if name.is_reserved() => false,
            Self::All { only, except } => {
                only.as_ref().is_none_or(|only| only.contains(name)) && !except.contains(name)
            }
            Self::One { .. } => false,
        }
    }
}

impl<Id> Selector<Id> {
    pub(super) fn is_one(&self) -> bool {
        matches!(self, Self::One { .. })
    }
}

impl<Id: Copy + PartialEq> Selector<Id> {
    /// Whether the resource is meant.
    pub fn covers(&self, id: Id, name: &Name) -> bool {
        match self {
            Self::All { .. } => self.covers_name(name),
            Self::One { id: granted, .. } => *granted == id,
        }
    }

    /// Whether every resource that `other` means is meant here too.
    pub fn covers_all_of(&self, other: &Self) -> bool {
        match (self, other) {
            (
                Self::All { .. },
                Self::All {
                    only: Some(names),
                    except,
                },
            ) => names
                .iter()
                .all(|name| except.contains(name) || self.covers_name(name)),
            (
                Self::All { only, except },
                Self::All {
                    only: None,
                    except: others,
                },
            ) => only.is_none() && except.is_subset(others),
            (Self::All { .. }, Self::One { name, .. }) => self.covers_name(name),
            (Self::One { id, .. }, Self::One { id: other, .. }) => id == other,
            (Self::One { .. }, Self::All { .. }) => false,
        }
    }

    pub(super) fn overlaps(&self, other: &Self) -> bool {
        match (self, other) {
            (
                Self::All { .. },
                Self::All {
                    only: Some(names), ..
                },
            ) => names
                .iter()
                .any(|name| self.covers_name(name) && other.covers_name(name)),
            (Self::All { only: Some(_), .. }, Self::All { only: None, .. }) => other.overlaps(self),
            (Self::All { only: None, .. }, Self::All { only: None, .. }) => true,
            (Self::All { .. }, Self::One { name, .. }) => self.covers_name(name),
            (Self::One { name, .. }, Self::All { .. }) => other.covers_name(name),
            (Self::One { id, .. }, Self::One { id: other, .. }) => id == other,
        }
    }
}
