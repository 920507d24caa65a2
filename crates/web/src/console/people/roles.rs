//! What becomes of a person's roles when somebody chooses others for one
//! project and for all of them.
//!
//! Rows are never widened by the way: whatever the person was held to goes on
//! to hold, whichever role takes the place of which, unless the one who changes it
//! says that all rows are meant.

#[cfg(test)]
mod tests;

use model::filters::Filter;
use model::ids::ProjectId;
use model::people::{PersonDraft, Role, RoleGrant};

use super::held::{self, Rows};

/// What was chosen for a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Chosen {
    /// What there is stays, also when it was not shown.
    Same,
    /// No role there.
    None,
    /// This one.
    Role(Role),
}

/// The choices for both places.
#[derive(Clone, Debug)]
pub(super) struct Choosing<'a> {
    pub(super) project: ProjectId,
    pub(super) here: Chosen,
    pub(super) everywhere: Chosen,
    /// The rows of the role in the project.
    pub(super) rows: Rows,
    /// The rows that the form showed.
    pub(super) shown: Option<Filter>,
    /// The rows that the one who changes it is held to.
    pub(super) own: Option<&'a Filter>,
    /// Whether more rows than before are meant, of the role that counts in the
    /// project.
    pub(super) widens: bool,
}

impl Choosing<'_> {
    /// Whether other rows are said than those that were shown.
    fn differs(&self) -> bool {
        match (&self.rows, &self.shown) {
            (Rows::Same, _) | (Rows::All, None) => false,
            (Rows::Only(said), Some(shown)) => {
                !(said.says_all_of(shown) && shown.says_all_of(said))
            }
            (Rows::All, Some(_)) | (Rows::Only(_), None) => true,
        }
    }

    /// Whether more rows are meant of the role in this place: of the one
    /// everywhere where the project has none of its own afterwards.
    fn widens(&self, before: &PersonDraft, place: Option<ProjectId>) -> bool {
        let has_own = match self.here {
            Chosen::Role(_) => true,
            Chosen::None => false,
            Chosen::Same => own_role(before, self.project).is_some(),
        };
        self.widens && (place.is_some() || !has_own)
    }
}

/// A choice that is refused: the field and the rule.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refused(pub(super) &'static str, pub(super) &'static str);

const NO_ROLE_HERE: &str = "choose the role that is held to these rows";
const NO_ROLE: &str = "a person has at least one role; to let somebody go, remove the person";
const WIDER: &str =
    "the person is held to some rows and would see more; if that is meant, say so below";

/// The roles afterwards.
///
/// # Errors
/// A choice that leaves no role, and one by which rows would come into sight that
/// were not before, without a word that it is meant.
pub(super) fn changed(
    before: &PersonDraft,
    choosing: &Choosing<'_>,
) -> Result<Vec<RoleGrant>, Refused> {
    let here = Some(choosing.project);
    let mut roles = before.roles.clone();
    for (place, chosen) in [
        (here, in_project(before, choosing)?),
        (None, choosing.everywhere),
    ] {
        if chosen == Chosen::Same {
            continue;
        }
        roles.retain(|role| role.project != place);
        if let Chosen::Role(role) = chosen {
            roles.push(RoleGrant {
                project: place,
                role,
                constraints: held_to(before, place, choosing),
            });
        }
    }
    if roles.is_empty() {
        return Err(Refused("here", NO_ROLE));
    }
    let after = PersonDraft {
        name: before.name.clone(),
        roles,
    };
    refuse_wider(before, &after, choosing)?;
    Ok(after.roles)
}

/// What is chosen for the project: other rows of the role that is there are a
/// choice, too.
fn in_project(before: &PersonDraft, choosing: &Choosing<'_>) -> Result<Chosen, Refused> {
    let there = own_role(before, choosing.project);
    match (choosing.here, there) {
        (Chosen::Same, Some(there)) if choosing.differs() => Ok(Chosen::Role(there.role)),
        (Chosen::Same, None) if choosing.differs() => Err(Refused("here", NO_ROLE_HERE)),
        (chosen, _) => Ok(chosen),
    }
}

/// The role in the project itself.
pub(super) fn own_role(draft: &PersonDraft, project: ProjectId) -> Option<&RoleGrant> {
    let mut roles = draft.roles.iter();
    roles.find(|role| role.project == Some(project))
}

/// The rows that a role in this place is held to.
fn held_to(
    before: &PersonDraft,
    place: Option<ProjectId>,
    choosing: &Choosing<'_>,
) -> Option<Filter> {
    match &choosing.rows {
        Rows::Only(filter) if place.is_some() => {
            return held::both(Some(filter.clone()), choosing.own);
        }
        Rows::All if place.is_some() => return held::both(None, choosing.own),
        _ => {}
    }
    let there = before.roles.iter().find(|role| role.project == place);
    let counted = there.or_else(|| before.role_in(choosing.project));
    let carried = counted.and_then(|role| role.constraints.as_ref());
    let carried = carried.filter(|_| !choosing.widens(before, place));
    held::both(carried.cloned(), choosing.own)
}

/// Refuses a change after which the person sees rows in this project, or in
/// all of them, that were kept from it before.
fn refuse_wider(
    before: &PersonDraft,
    after: &PersonDraft,
    choosing: &Choosing<'_>,
) -> Result<(), Refused> {
    let project = choosing.project;
    let everywhere = |draft: &PersonDraft| {
        let mut roles = draft.roles.iter();
        roles.find(|role| role.project.is_none()).cloned()
    };
    let is_wider = |before: Option<&RoleGrant>, after: Option<&RoleGrant>| {
        let held = before.and_then(|role| role.constraints.as_ref());
        after.is_some_and(|after| !after.is_within(held))
    };
    let is_meant_everywhere = choosing.widens(before, None);
    if !choosing.widens && is_wider(before.role_in(project), after.role_in(project)) {
        return Err(Refused("here", WIDER));
    }
    // Somebody held here alone, who had no role everywhere, was held all the more there.
    let (was, is) = (everywhere(before), everywhere(after));
    let counted = was.as_ref().or_else(|| before.role_in(project));
    if !is_meant_everywhere && was != is && is_wider(counted, is.as_ref()) {
        return Err(Refused("everywhere", WIDER));
    }
    Ok(())
}
