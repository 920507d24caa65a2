//! One person: name, roles, and the end.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use control::ControlError;
use http::StatusCode;
use model::fault::{Fault, FaultCode};
use model::ids::PersonId;
use model::people::{Area, PersonDraft, PersonRecord, Role};

use super::super::forms::{Fields, Form, Sent};
use super::super::frame::{Frame, Section, page};
use super::super::go_to;
use super::super::times::Moment;
use super::super::visitor::InProject;
use super::{Choice, choices, given, roles_of};
use crate::caller::Caller;
use crate::error::ApiError;
use crate::state::AppState;
use crate::step_up;
use model::permit::Admin;

const KEPT: &[&str] = &["name", "here", "everywhere", "revision"];

#[derive(Template)]
#[template(path = "console/person.html")]
struct Page {
    frame: Frame,
    form: Fields,
    name: String,
    sign_in: String,
    roles: Vec<String>,
    since: Moment,
    codes_left: usize,
    action: String,
    remove: String,
    back: String,
    project: String,
    here: Vec<Choice>,
    everywhere: Vec<Choice>,
    is_you: bool,
}

fn find(
    here: &InProject,
    state: &AppState,
    caller: &Caller<Admin>,
) -> Result<Arc<PersonRecord>, ApiError> {
    let id = PersonId::parse(here.segment("id")).ok();
    let people = state.control.people_of(&caller.0)?;
    let found = people.into_iter().find(|person| Some(person.id()) == id);
    found.ok_or_else(ApiError::not_found)
}

/// The role in the project itself, and that in all of them; empty for none.
fn roles_now(here: &InProject, draft: &PersonDraft) -> [&'static str; 2] {
    let project = here.access.project();
    [Some(project), None].map(|place| {
        let mut roles = draft.roles.iter();
        let found = roles.find(|role| role.project == place);
        found.map_or("", |role| role.role.name())
    })
}

fn show(
    here: &InProject,
    state: &AppState,
    (caller, person): (&Caller<Admin>, &PersonRecord),
    form: Fields,
) -> Result<Response, ApiError> {
    let parts = person.parts();
    let told = state.control.told_of(&caller.0, &parts.draft);
    let own = format!("/people/{}", person.id());
    let mut in_project = choices(form.value("here"));
    // An owner is one of the whole organization.
    in_project.retain(|choice| choice.value != Role::Owner.name());
    let shown = Page {
        frame: Frame::of(parts.draft.name.clone(), here, Section::People),
        name: parts.draft.name.clone(),
        sign_in: parts.sign_in.to_string(),
        roles: roles_of(here, &told),
        since: parts.created_at.into(),
        codes_left: parts.recovery.len(),
        action: here.address(&own),
        remove: here.address(&format!("{own}/remove")),
        back: here.address("/people"),
        project: here.definitions.project().name.clone(),
        here: in_project,
        everywhere: choices(form.value("everywhere")),
        is_you: person.id() == here.visitor.person.id(),
        form,
    };
    page(shown.form.status(), &shown)
}

/// The page of a person.
pub(in super::super) async fn read(
    here: InProject,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    let caller = here.caller(Area::People)?;
    let person = find(&here, &state, &caller)?;
    let draft = &person.parts().draft;
    let [own, everywhere] = roles_now(&here, draft);
    let form = Fields::blank()
        .with("name", draft.name.clone())
        .with("here", own)
        .with("everywhere", everywhere)
        .with("revision", person.parts().revision.to_string());
    show(&here, &state, (&caller, &person), form)
}

/// Changes a person's name and roles.
pub(in super::super) async fn change(
    State(state): State<AppState>,
    Sent(here, form): Sent<InProject>,
) -> Result<Response, ApiError> {
    let caller = here.caller(Area::People)?;
    let person = find(&here, &state, &caller)?;
    let fields = Fields::typed(&form, KEPT, &["code"]);
    let again = |fields| show(&here, &state, (&caller, &person), fields);
    let read = read_draft(&here, &form, &person.parts().draft);
    let (draft, proof) = match read.and_then(|draft| Ok((draft, form.proof()?))) {
        Ok(read) => read,
        Err(fault) => return again(fields.refused(fault)?),
    };
    let revision = form.text("revision").parse().unwrap_or(-1);
    let control = state.control.proving(proof);
    let changed = control.change_person(&caller.0, person.id(), Some(revision), draft);
    match changed.await {
        Ok(_) => {
            let answer = Ok(go_to(&here.address("/people?done=changed")));
            Ok(step_up::finish(&control, answer))
        }
        Err(ControlError::StaleRevision) => Err(ApiError::stale()),
        Err(error) => again(fields.refused(error)?),
    }
}

/// The person as the form says: roles in other projects stay as they are, and
/// so does each that was not changed, with the rows that it is held to.
fn read_draft(here: &InProject, form: &Form, before: &PersonDraft) -> Result<PersonDraft, Fault> {
    let name = PersonDraft::parse_name(form.text("name").trim()).map_err(|f| f.at("/name"))?;
    let project = Some(here.access.project());
    let mut roles = before.roles.clone();
    let now = roles_now(here, before);
    for (place, field, now) in [(project, "here", now[0]), (None, "everywhere", now[1])] {
        let chosen = form.text(field);
        if chosen == now {
            continue;
        }
        roles.retain(|role| role.project != place);
        if chosen.is_empty() {
            continue;
        }
        let role = Role::parse(chosen).ok_or_else(|| {
            let detail = "there is no such role";
            Fault::new(FaultCode::InvalidValue, detail).at(format!("/{field}"))
        })?;
        roles.push(given(here, role, place.is_none()));
    }
    if roles.is_empty() {
        let detail = "a person has at least one role; to let somebody go, remove the person";
        return Err(Fault::new(FaultCode::InvalidValue, detail).at("/here"));
    }
    Ok(PersonDraft { name, roles })
}

#[derive(Template)]
#[template(path = "console/remove_person.html")]
struct Remove {
    frame: Frame,
    name: String,
    sign_in: String,
    action: String,
    back: String,
}

/// Asks before it removes a person.
pub(in super::super) async fn remove_form(
    here: InProject,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    let caller = here.caller(Area::People)?;
    let person = find(&here, &state, &caller)?;
    let own = format!("/people/{}", person.id());
    let shown = Remove {
        frame: Frame::of("Remove a person", &here, Section::People),
        name: person.parts().draft.name.clone(),
        sign_in: person.parts().sign_in.to_string(),
        action: here.address(&format!("{own}/remove")),
        back: here.address(&own),
    };
    page(StatusCode::OK, &shown)
}

/// Removes a person who leaves.
pub(in super::super) async fn remove(
    State(state): State<AppState>,
    Sent(here, _): Sent<InProject>,
) -> Result<Response, ApiError> {
    let caller = here.caller(Area::People)?;
    let person = find(&here, &state, &caller)?;
    let control = &state.control;
    control.remove_person(&caller.0, person.id(), None).await?;
    Ok(go_to(&here.address("/people?done=removed")))
}

#[cfg(test)]
pub(super) fn sample(text: &str) -> Vec<crate::console::samples::Sample> {
    use crate::console::samples::{form, frame, moment, sample};
    let address = || crate::console::frame::address(text, "/x");
    let page = Page {
        frame: frame(text),
        form: form(text, &["name", "here", "everywhere", "revision", "code"]),
        name: text.to_owned(),
        sign_in: text.to_owned(),
        roles: vec![text.to_owned()],
        since: moment(text),
        codes_left: 1,
        action: address(),
        remove: address(),
        back: address(),
        project: text.to_owned(),
        here: choices(""),
        everywhere: choices(""),
        is_you: false,
    };
    let remove = Remove {
        frame: frame(text),
        name: text.to_owned(),
        sign_in: text.to_owned(),
        action: address(),
        back: address(),
    };
    vec![
        sample("person.html", &page),
        sample("remove_person.html", &remove),
    ]
}
