//! People: who works here, as what, and who was invited.

mod held;
mod invite;
mod leaving;
mod one;
mod roles;

pub(super) use invite::{form as invite_form, send as invite, uninvite, uninvite_form};
pub(super) use leaving::{end_sessions, end_sessions_form, remove, remove_form};
pub(super) use one::{change, read};

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use model::filters::Filter;
use model::people::{Area, PersonDraft, Role, RoleGrant};

use super::frame::{Frame, Section, page};
use super::times::Moment;
use super::visitor::InProject;
use crate::error::ApiError;
use crate::input::Parameters;
use crate::state::AppState;

/// The parameter `done` says what was done a moment ago.
pub(super) const PARAMETERS: &[&str] = &["done"];

struct PersonLine {
    name: String,
    sign_in: String,
    href: String,
    is_you: bool,
    roles: Vec<String>,
    since: Moment,
}

struct InvitationLine {
    sign_in: String,
    roles: Vec<String>,
    ends: Moment,
    back: String,
}

#[derive(Template)]
#[template(path = "console/people.html")]
struct Page {
    frame: Frame,
    invite: String,
    people: Vec<PersonLine>,
    invitations: Vec<InvitationLine>,
    done: Option<&'static str>,
}

/// Who works in the project.
pub(super) async fn list(
    here: InProject,
    parameters: Parameters,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    let caller = here.caller(Area::People)?;
    let control = &state.control;
    let told = |draft: &PersonDraft| roles_of(&here, &control.told_of(&caller.0, draft));
    let people = control.people_of(&caller.0)?;
    let people = people.iter().map(|person| PersonLine {
        name: person.parts().draft.name.clone(),
        sign_in: person.parts().sign_in.to_string(),
        href: here.address(&format!("/people/{}", person.id())),
        is_you: person.id() == here.visitor.person.id(),
        roles: told(&person.parts().draft),
        since: person.parts().created_at.into(),
    });
    let invitations = control.invitations(&caller.0)?;
    let invitations = invitations.iter().map(|invitation| InvitationLine {
        sign_in: invitation.sign_in.to_string(),
        roles: told(&invitation.draft),
        ends: invitation.ends_at.into(),
        back: here.address(&format!("/people/invitations/{}/end", invitation.id)),
    });
    let shown = Page {
        invite: here.address("/people/invite"),
        people: people.collect(),
        invitations: invitations.collect(),
        done: done(&parameters),
        frame: Frame::of("People", &here, Section::People),
    };
    page(StatusCode::OK, &shown)
}

fn done(parameters: &Parameters) -> Option<&'static str> {
    match parameters.get("done")? {
        "changed" => Some("The change is in force from that person's next request on."),
        "removed" => Some("The person is gone, and so are all of the person's sessions."),
        "signed-out" => Some("Nobody is signed in as that person any more."),
        "uninvited" => Some("The invitation does not count any more."),
        _ => None,
    }
}

/// The roles as people read them.
fn roles_of(here: &InProject, draft: &PersonDraft) -> Vec<String> {
    let roles = draft.roles.iter().map(|role| {
        let place = match role.project {
            None => "everywhere".to_owned(),
            Some(id) => {
                let mut projects = here.visitor.projects.iter();
                let found = projects.find(|(other, _)| *other == id);
                let name = found.map(|(_, of)| of.project().name.clone());
                format!("in {}", name.unwrap_or_else(|| id.to_string()))
            }
        };
        let held = role.constraints.as_ref().map(|rows| {
            let rows = super::keys::conditions(rows);
            format!(", where {}", rows.join(" and "))
        });
        let held = held.unwrap_or_default();
        format!("{} {place}{held}", role.role.name())
    });
    roles.collect()
}

/// A role to choose.
struct Choice {
    value: &'static str,
    label: &'static str,
    hint: &'static str,
    is_chosen: bool,
}

/// The roles that the visitor may give, and the one that is there.
fn choices(here: &InProject, chosen: &str) -> Vec<Choice> {
    let owns = here.may(Area::Owners);
    let mut all = every_choice(chosen);
    all.retain(|choice| owns || choice.is_chosen || choice.value != Role::Owner.name());
    all
}

fn every_choice(chosen: &str) -> Vec<Choice> {
    let all = Role::ALL.into_iter();
    let all = all.map(|role| {
        let (label, hint) = match role {
            Role::Owner => (
                "Owner",
                "Everything, in every project; says who else is an owner.",
            ),
            Role::Admin => ("Admin", "People, keys, projects, definitions and records."),
            Role::Developer => (
                "Developer",
                "Pools, views, saved queries and records; no keys and no people.",
            ),
            Role::Analyst => ("Analyst", "Asks pools, and reads results."),
            Role::Viewer => ("Viewer", "Reads views, saved queries and datasets."),
        };
        Choice {
            value: role.name(),
            label,
            hint,
            is_chosen: role.name() == chosen,
        }
    });
    all.collect()
}

/// A role that the person gives, over some of the rows that are the person's own.
fn given(here: &InProject, role: Role, is_everywhere: bool, rows: Option<Filter>) -> RoleGrant {
    RoleGrant {
        project: (!is_everywhere).then(|| here.access.project()),
        role,
        constraints: held::both(rows, here.access.within().map(|held| &**held)),
    }
}

#[cfg(test)]
pub(super) fn sample(text: &str) -> Vec<super::samples::Sample> {
    use super::samples::{frame, moment, sample};
    let person = PersonLine {
        name: text.to_owned(),
        sign_in: text.to_owned(),
        href: super::frame::address(text, "/x"),
        is_you: true,
        roles: vec![text.to_owned()],
        since: moment(text),
    };
    let invitation = InvitationLine {
        sign_in: text.to_owned(),
        roles: vec![text.to_owned()],
        ends: moment(text),
        back: super::frame::address(text, "/x"),
    };
    let list = Page {
        frame: frame(text),
        invite: super::frame::address(text, "/x"),
        people: vec![person],
        invitations: vec![invitation],
        done: Some(""),
    };
    let mut pages = vec![sample("people.html", &list)];
    pages.extend(invite::sample(text));
    pages.extend(leaving::sample(text));
    pages.extend(one::sample(text));
    pages
}
