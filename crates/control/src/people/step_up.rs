//! Step-up: changes that widen what somebody may do ask for a fresh code of a
//! person, bound to that very change.
//!
//! It is asked at the one place that every change of a caller passes, by what
//! the change does and not by the call that makes it: so a call that comes
//! later cannot forget it. The code is used up in the transaction of the change,
//! whose digest is in the audit beside it; a change that is refused uses up none.

use std::sync::{Arc, Mutex, PoisonError};

use model::credits::Tier;
use model::filters::Constraint;
use model::grants::{Action, Grant, Target, TimeWindow};
use model::ids::ProjectId;
use model::keys::KeyRecord;
use model::people::{Area, Code, PersonDraft, RoleGrant, SessionRecord, SessionToken, SignInName};
use model::permit::Access;
use model::pools::Pool;
use model::value::Object;
use model::views::View;
use sha2::{Digest, Sha256};

use super::PeopleChange;
use super::change::{note, subject};
use super::sign_in::SecondFactor;
use crate::change::{CallerChange, Change};
use crate::control::Control;
use crate::definitions::Definitions;
use crate::error::{ControlError, Refusal};
use crate::grants::is_as_wide;
use crate::keys::lasts_longer;
use crate::store::Write;

/// What a caller sends to prove that a person stands behind a change.
#[derive(Debug)]
pub struct Proof {
    /// Who it is; a person who signed in need not say.
    pub person: Option<SignInName>,
    /// What the person's app shows.
    pub code: Code,
}

/// A proof on its way, and the session's new token when it was taken.
#[derive(Debug)]
pub(crate) struct Proving {
    proof: Proof,
    renewed: Mutex<Option<SessionToken>>,
}

/// What became of a change that may need a code.
pub(crate) enum StepUp {
    /// The change may be written.
    Passed,
    /// The code is wrong: that is what the change writes now.
    Refused,
}

impl Control {
    /// The same control plane, with what a caller sent to prove that a person
    /// stands behind a change.
    #[must_use]
    pub fn proving(&self, proof: Option<Proof>) -> Self {
        let proving = proof.map(|proof| {
            Arc::new(Proving {
                proof,
                renewed: Mutex::default(),
            })
        });
        Self(Arc::clone(&self.0), proving)
    }

    /// The token that the caller's session has from now on, when the proof was
    /// taken and the caller came by a session; it can be had once.
    pub fn renewed(&self) -> Option<SessionToken> {
        let proving = self.1.as_deref()?;
        let mut renewed = proving
            .renewed
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        renewed.take()
    }

    /// Asks for a code when the change widens something and there are people
    /// who could give one. Narrowing, disabling and revoking ask for none.
    pub(crate) fn step_up(
        &self,
        change: &mut Change,
        access: &Access,
    ) -> Result<StepUp, ControlError> {
        if !self.widens(change) {
            return Ok(StepUp::Passed);
        }
        let own = access.person();
        let is_signed_in = own.is_some_and(|own| self.people().person(own.id).is_some());
        if !is_signed_in && !self.has_people(access.project()) {
            return Ok(StepUp::Passed);
        }
        let proof = &self.1.as_deref().ok_or(Refusal::NeedsCode)?.proof;
        let whose = self.whose_code(access, proof.person.as_ref())?;
        let digest = digest(change);
        // A wrong code is noted where the caller is, whatever it was meant for.
        let meant = std::mem::replace(&mut change.project, access.project());
        let planned = (
            std::mem::take(&mut change.writes),
            std::mem::take(&mut change.people),
        );
        let second = SecondFactor::Code(proof.code.clone());
        let Some(parts) = self.bring(change, access, (&whose, &second))? else {
            // Of the change itself nothing is left; the failure is counted.
            change.callers.clear();
            change.is_deleted = false;
            change.definitions = (*self.definitions(change.project)).clone();
            return Ok(StepUp::Refused);
        };
        (change.writes, change.people) = planned;
        change.project = meant;
        self.take_code(change, access, parts, &digest)?;
        Ok(StepUp::Passed)
    }

    /// Writes that the code was used, for which change, and gives the session
    /// that asked another token.
    fn take_code(
        &self,
        change: &mut Change,
        access: &Access,
        parts: model::people::PersonParts,
        digest: &str,
    ) -> Result<(), ControlError> {
        // The change may be of this very person.
        let mut parts = parts;
        if let Some(changed) = change.changed_person(parts.id) {
            parts.draft = changed.parts().draft.clone();
            parts.revision = changed.parts().revision;
        }
        let person = change.update_person(parts)?;
        let members = Object::new().with("change", digest);
        change.audit(
            "person.step_up",
            subject(person.parts()),
            None,
            note(members),
        );
        let Some(own) = access.person() else {
            return Ok(());
        };
        let sessions = self.people().sessions_of(own.id);
        let live = sessions.iter().find(|live| live.record.id == own.session);
        let before = live.ok_or(Refusal::CallerChanged)?.record.clone();
        let token = SessionToken::generate(&*change.random);
        change.delete_session(before.hash);
        change.insert_session(SessionRecord {
            hash: token.hash(self.pepper()),
            created_at: self.people_now(),
            ..before
        });
        if let Some(proving) = self.1.as_deref() {
            let mut renewed = proving
                .renewed
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            *renewed = Some(token);
        }
        Ok(())
    }

    /// Whether somebody could give a code for a change of the project's keys.
    fn has_people(&self, project: ProjectId) -> bool {
        let Ok(organization) = self.organization_of(project) else {
            return false;
        };
        let people = self.people().of_organization(organization);
        people.iter().any(|person| {
            let role = person.parts().draft.role_in(project);
            role.is_some_and(vouches)
        })
    }

    fn widens(&self, change: &Change) -> bool {
        let is_of_keys = change.is_of_keys();
        let opens = change.writes.iter().any(|write| {
            use Write::{InsertPool, InsertView, UpdatePool, UpdateView};
            matches!(
                write,
                InsertPool(..) | UpdatePool(..) | InsertView(..) | UpdateView(..)
            )
        });
        if opens && opens_resources(&self.definitions(change.project), &change.definitions) {
            return true;
        }
        let mut writes = change.writes.iter();
        let lets_scoped_in = writes.any(|write| matches!(write, Write::InsertScoping(..)));
        lets_scoped_in
            || change.outlives
            || is_of_keys && change.callers.iter().any(widens_key)
            || change
                .people
                .iter()
                .any(|one| self.widens_person(change, one))
    }

    fn widens_person(&self, whole: &Change, change: &PeopleChange) -> bool {
        match change {
            PeopleChange::PutInvitation(invitation) => invitation.draft.roles.iter().any(manages),
            PeopleChange::PutPerson(person) => {
                let Some(before) = self.people().person(person.id()) else {
                    return false;
                };
                let (before, after) = (&before.parts().draft, &person.parts().draft);
                // Without a role of its own a project has that for all of them.
                let is_going = |id| whole.is_deleted && id == whole.project;
                let mut there = before.roles.iter().filter_map(|role| role.project);
                let uncovers = there.any(|id| {
                    let now = after.role_in(id).filter(|role| manages(role));
                    let had = before
                        .role_in(id)
                        .map(|role| (role.role, &role.constraints));
                    !is_going(id)
                        && now.is_some_and(|now| had != Some((now.role, &now.constraints)))
                });
                let mut managing = after.roles.iter().filter(|role| manages(role));
                uncovers
                    || shows_more_rows(before, after, is_going)
                    || managing.any(|role| !before.roles.contains(role))
            }
            _ => false,
        }
    }
}

impl Change {
    /// Whether it is about keys: a new name that keys follow widens none of them.
    fn is_of_keys(&self) -> bool {
        let of_keys = |write: &Write| match write {
            Write::InsertAudit(entry, _) => {
                entry.action.starts_with("key.") || entry.action.starts_with("project.")
            }
            _ => false,
        };
        !self.is_by_maker && self.writes.iter().any(of_keys)
    }

    /// The keys that go on, or go further, by it with the grants that they had.
    pub(crate) fn revived_keys(&self) -> impl Iterator<Item = &KeyRecord> {
        let is_of_keys = self.is_of_keys();
        let callers = self.callers.iter().filter(move |_| is_of_keys);
        callers.filter_map(|one| {
            let (before, after) = (one.before.as_deref()?, one.after.as_deref()?);
            revives(before, after).then_some(after)
        })
    }
}

/// Whether somebody with the role stands behind changes of any key: one who
/// is held to some rows does not.
pub(super) fn vouches(role: &RoleGrant) -> bool {
    role.may(Area::Keys) && role.constraints.is_none()
}

/// Whether a role lets somebody manage others or keys.
fn manages(role: &RoleGrant) -> bool {
    role.may(Area::People) || role.may(Area::Keys)
}

/// Whether somebody sees rows in a project that a role there held the person
/// from; of a project that is being deleted there are none.
fn shows_more_rows(
    before: &PersonDraft,
    after: &PersonDraft,
    is_going: impl Fn(ProjectId) -> bool,
) -> bool {
    let is_wider = |was: Option<&RoleGrant>, is: Option<&RoleGrant>| {
        let held = was.and_then(|role| role.constraints.as_ref());
        is.is_some_and(|role| !role.is_within(held))
    };
    fn everywhere(draft: &PersonDraft) -> Option<&RoleGrant> {
        draft.roles.iter().find(|role| role.project.is_none())
    }
    let of_both = before.roles.iter().chain(&after.roles);
    let there = of_both.filter_map(|role| role.project);
    let mut there = there.filter(|id| !is_going(*id));
    is_wider(everywhere(before), everywhere(after))
        || there.any(|id| is_wider(before.role_in(id), after.role_in(id)))
}

/// Whether a pool or view is public that was not, or is of another tier now,
/// which some key may look at all of.
fn opens_resources(before: &Definitions, after: &Definitions) -> bool {
    let is_granted = |tier: Tier| {
        let mut grants = after.keys().flat_map(|key| key.grants().iter());
        grants.any(|grant| grant.on == Target::Tier(tier))
    };
    let mut pools = after.pools();
    let mut views = after.views();
    let opens = |was: Option<(bool, Tier)>, (is_public, tier): (bool, Tier)| {
        let was_public = was.is_some_and(|(is_public, _)| is_public);
        // What is new under a tier is like what is new under `*`.
        let moved = was.is_some_and(|(_, was)| was != tier);
        is_public && !was_public || moved && is_granted(tier)
    };
    let of_pool = |pool: &Pool| (pool.draft.public, pool.draft.tier);
    let of_view = |view: &View, pool: &Pool| (view.draft.public, view.tier(pool));
    pools.any(|pool| {
        let was = before.pool_by_id(pool.id);
        opens(was.map(|was| of_pool(was)), of_pool(pool))
    }) || views.any(|(view, pool)| {
        let was = before.view_by_id(view.id);
        opens(
            was.map(|(view, pool)| of_view(view, pool)),
            of_view(view, pool),
        )
    })
}

fn widens_key(change: &CallerChange) -> bool {
    let Some(after) = change.after.as_deref() else {
        return false;
    };
    let Some(before) = change.before.as_deref() else {
        return administers(after);
    };
    let is_wider = |grant: &Grant| !before.grants().iter().any(|held| covers(held, grant));
    revives(before, after) || after.grants().iter().any(is_wider)
}

/// Whether a key is let do more afterwards by anything but its grants.
fn revives(before: &KeyRecord, after: &KeyRecord) -> bool {
    let is_new = |id| before.secrets().iter().all(|secret| secret.id != id);
    let is_rolled = after.secrets().iter().any(|secret| is_new(secret.id));
    let mut signing = after.signing_secrets().iter();
    let signs_anew = signing.any(|known| !before.signing_secrets().contains(known));
    // A replaced secret that has no end any more.
    let is_undone = after.secrets().iter().any(|now| {
        let mut held = before.secrets().iter();
        !now.is_replaced() && held.any(|held| held.id == now.id && held.is_replaced())
    });
    let is_rolled = is_rolled || is_undone || signs_anew;
    let is_released = after.secrets().iter().any(|now| {
        let mut held = before.secrets().iter();
        now.quarantine.is_none() && held.any(|held| held.id == now.id && held.quarantine.is_some())
    });
    let is_enabled = before.is_disabled() && !after.is_disabled();
    let lasts_longer = lasts_longer(before.draft(), after.draft());
    // A request that was refused before may be let in.
    let is_looser = !after.restrictions().are_within(before.restrictions());
    let takes_more = after.draft().limits.allows_more_than(before.draft().limits);
    let derives = after.draft().derived_tokens && !before.draft().derived_tokens;
    is_rolled || is_released || is_enabled || lasts_longer || is_looser || takes_more || derives
}

fn administers(key: &KeyRecord) -> bool {
    key.grants().iter().any(|grant| grant.allows(Action::Admin))
}

/// Whether one grant that was held gives all that another one gives. What
/// only the later one is held to, narrows it.
fn covers(held: &Grant, grant: &Grant) -> bool {
    if held == grant {
        return true;
    }
    let mut held = held.clone();
    if held.rows == Some(Constraint::AllRows) {
        held.rows.clone_from(&grant.rows);
    }
    let lies_in = |window: &TimeWindow| grant.windows.iter().any(|own| own.is_within(window));
    if held.windows.iter().all(lies_in) {
        held.windows.clone_from(&grant.windows);
    }
    if grant.fields.are_within(&held.fields) {
        held.fields.clone_from(&grant.fields);
    }
    if held.injections.values.is_empty() {
        held.injections.clone_from(&grant.injections);
    }
    let has_all = grant.actions.iter().all(|action| held.allows(*action));
    let mut actions = grant.actions.iter();
    let is_there = actions.all(|action| held.on.covers_all_of(&grant.on, *action));
    has_all && is_there && is_as_wide(&held, grant)
}

/// A digest of what the change does: its actions, what they are on, and the
/// definitions afterwards, which hold every parameter.
fn digest(change: &Change) -> String {
    let mut hash = Sha256::new();
    for write in &change.writes {
        if let Write::InsertAudit(entry, _) = write {
            let after = entry.after.as_deref().unwrap_or_default();
            for part in [&entry.action, &entry.subject_id, after] {
                hash.update((part.len() as u64).to_be_bytes());
                hash.update(part.as_bytes());
            }
        }
    }
    let digest = hash.finalize();
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
