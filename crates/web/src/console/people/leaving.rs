//! The end of a person's sessions, and of the person.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use model::people::{Area, PersonRecord};
use model::permit::Admin;

use super::super::forms::{Fields, Sent};
use super::super::frame::{Frame, Section, page};
use super::super::go_to;
use super::super::shown::counted;
use super::super::visitor::InProject;
use super::one::{below, find};
use super::roles_of;
use crate::caller::Caller;
use crate::error::ApiError;
use crate::state::AppState;

#[derive(Template)]
#[template(path = "console/remove_person.html")]
struct Remove {
    frame: Frame,
    form: Fields,
    name: String,
    sign_in: String,
    /// As what the person works here now.
    roles: Vec<String>,
    action: String,
    back: String,
}

fn show_removal(
    here: &InProject,
    state: &AppState,
    (caller, person): (&Caller<Admin>, &PersonRecord),
    form: Fields,
) -> Result<Response, ApiError> {
    let parts = person.parts();
    let told = state.control.told_of(&caller.0, &parts.draft);
    let shown = Remove {
        frame: Frame::of("Remove a person", here, Section::People),
        name: parts.draft.name.clone(),
        sign_in: parts.sign_in.to_string(),
        roles: roles_of(here, &told),
        action: below(here, person, "/remove"),
        back: below(here, person, ""),
        form,
    };
    shown.form.shown_in(&shown)
}

/// Asks before it removes a person.
pub(in super::super) async fn remove_form(
    here: InProject,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    let caller = here.caller(Area::People)?;
    let person = find(&here, &state, &caller)?;
    let form = Fields::of_revision(person.parts().revision);
    show_removal(&here, &state, (&caller, &person), form)
}

/// Removes a person who leaves, as the page showed this one.
pub(in super::super) async fn remove(
    State(state): State<AppState>,
    Sent(here, form): Sent<InProject>,
) -> Result<Response, ApiError> {
    let caller = here.caller(Area::People)?;
    let person = find(&here, &state, &caller)?;
    let control = &state.control;
    let removed = control.remove_person(&caller.0, person.id(), Some(form.revision()));
    match removed.await {
        Ok(()) => Ok(go_to(&here.address("/people?done=removed"))),
        Err(error) => {
            // Of the person as it is now.
            let person = find(&here, &state, &caller)?;
            let form = Fields::of_revision(person.parts().revision).refused(error)?;
            show_removal(&here, &state, (&caller, &person), form)
        }
    }
}

#[derive(Template)]
#[template(path = "console/end_sessions.html")]
struct End {
    frame: Frame,
    name: String,
    sign_in: String,
    /// How many there are.
    sessions: Option<String>,
    action: String,
    back: String,
}

/// In words, how often a person is signed in; `None` for not at all.
pub(super) fn sessions_of(state: &AppState, person: &PersonRecord) -> Option<String> {
    let sessions = state.control.sessions_of(person.id()).len();
    (sessions > 0).then(|| counted(sessions as i128, "session", "sessions"))
}

/// Asks before it ends all sessions of a person.
pub(in super::super) async fn end_sessions_form(
    here: InProject,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    let caller = here.caller(Area::People)?;
    let person = find(&here, &state, &caller)?;
    let shown = End {
        frame: Frame::of("Sign a person out", &here, Section::People),
        name: person.parts().draft.name.clone(),
        sign_in: person.parts().sign_in.to_string(),
        sessions: sessions_of(&state, &person),
        action: below(&here, &person, "/end-sessions"),
        back: below(&here, &person, ""),
    };
    page(StatusCode::OK, &shown)
}

/// Ends all sessions of a person.
pub(in super::super) async fn end_sessions(
    State(state): State<AppState>,
    Sent(here, _): Sent<InProject>,
) -> Result<Response, ApiError> {
    let caller = here.caller(Area::People)?;
    let person = find(&here, &state, &caller)?;
    let control = &state.control;
    control.end_sessions_of(&caller.0, person.id()).await?;
    Ok(go_to(&here.address("/people?done=signed-out")))
}

#[cfg(test)]
pub(super) fn sample(text: &str) -> Vec<crate::console::samples::Sample> {
    use crate::console::samples::{form, frame, sample};
    let address = || crate::console::frame::address(text, "/x");
    let remove = Remove {
        frame: frame(text),
        form: form(text, &["revision"]),
        name: text.to_owned(),
        sign_in: text.to_owned(),
        roles: vec![text.to_owned()],
        action: address(),
        back: address(),
    };
    let end = End {
        frame: frame(text),
        name: text.to_owned(),
        sign_in: text.to_owned(),
        sessions: Some(text.to_owned()),
        action: address(),
        back: address(),
    };
    vec![
        sample("remove_person.html", &remove),
        sample("end_sessions.html", &end),
    ]
}
