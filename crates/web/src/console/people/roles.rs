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
#[derive(Clone, Copy, Debug)]
pub(super) struct Choosing<'a> {
    pub(super) project: ProjectId,
    pub(super) here: Chosen,
    pub(super) everywhere: Chosen,
    /// The rows that the one who changes it is held to.
    pub(super) own: Option<&'a Filter>,
    /// Whether more rows than before are meant.
    pub(super) widens: bool,
}

/// A choice that is refused: the field and the rule.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refused(pub(super) &'static str, pub(super) &'static str);

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
    choosing: Choosing<'_>,
) -> Result<Vec<RoleGrant>, Refused> {
    let here = Some(choosing.project);
    let mut roles = before.roles.clone();
    for (place, chosen) in [(here, choosing.here), (None, choosing.everywhere)] {
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
    if !choosing.widens {
        refuse_wider(before, &after, choosing.project)?;
    }
    Ok(after.roles)
}

/// The rows that a role in this place is held to.
fn held_to(
    before: &PersonDraft,
    place: Option<ProjectId>,
    choosing: Choosing<'_>,
) -> Option<Filter> {
    let there = before.roles.iter().find(|role| role.project == place);
    let counted = there.or_else(|| before.role_in(choosing.project));
    let carried = counted.and_then(|role| role.constraints.as_ref());
    let carried = carried.filter(|_| !choosing.widens);
    match (carried, choosing.own) {
        (Some(carried), Some(own)) if carried.says_all_of(own) => Some(carried.clone()),
        (Some(carried), Some(own)) => Filter::all(vec![carried.clone(), own.clone()]),
        (carried, own) => carried.or(own).cloned(),
    }
}

/// Refuses a change after which the person sees rows in this project, or in
/// all of them, that were kept from it before.
fn refuse_wider(
    before: &PersonDraft,
    after: &PersonDraft,
    project: ProjectId,
) -> Result<(), Refused> {
    let everywhere = |draft: &PersonDraft| {
        let mut roles = draft.roles.iter();
        roles.find(|role| role.project.is_none()).cloned()
    };
    let is_wider = |before: Option<&RoleGrant>, after: Option<&RoleGrant>| {
        let held = before.and_then(|role| role.constraints.as_ref());
        after.is_some_and(|after| !after.is_within(held))
    };
    if is_wider(before.role_in(project), after.role_in(project)) {
        return Err(Refused("here", WIDER));
    }
    // Somebody held here alone, who had no role everywhere, was held all the more there.
    let (was, is) = (everywhere(before), everywhere(after));
    let counted = was.as_ref().or_else(|| before.role_in(project));
    if was != is && is_wider(counted, is.as_ref()) {
        return Err(Refused("everywhere", WIDER));
    }
    Ok(())
}
