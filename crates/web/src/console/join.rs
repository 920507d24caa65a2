//! What an invited person sees.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use control::NewPerson;
use model::fault::{Fault, FaultCode};
use model::people::{InvitationToken, Password, PersonDraft};

use super::forms::{Anybody, Fields, Form};
use super::frame::Frame;
use super::once;
use crate::error::ApiError;
use crate::state::AppState;

/// The invitation is kept in the form: browsers forget where it came from.
const KEPT: &[&str] = &["name", "invitation"];
const SECRET: &[&str] = &["password"];

#[derive(Template)]
#[template(path = "console/join.html")]
struct Page {
    frame: Frame,
    form: Fields,
}

fn show(form: Fields) -> Result<Response, ApiError> {
    let frame = Frame::bare("Join");
    let shown = Page { frame, form };
    shown.form.shown_in(&shown)
}

/// The page that accepts an invitation. Its token comes behind the `#` of the
/// address, which browsers send nowhere, or is typed.
pub(super) async fn form() -> Result<Response, ApiError> {
    show(Fields::blank())
}

/// Makes the person who was invited.
pub(super) async fn send(
    State(state): State<AppState>,
    Anybody(form): Anybody,
) -> Result<Response, ApiError> {
    let fields = Fields::typed(&form, KEPT, SECRET);
    let (token, new) = match read(&form) {
        Ok(read) => read,
        Err(fault) => return show(fields.refused(fault)?),
    };
    match state.control.accept_invitation(&token, new).await {
        Ok((person, shown)) => once::show(Frame::bare("Keep these"), &person, &shown),
        Err(control::ControlError::Refused(control::Refusal::NoInvitation)) => {
            let rule = "this invitation does not count: it was used, taken back, or is older than 7 days; \
                        ask for another one";
            show(fields.broken("invitation", rule))
        }
        Err(error) => show(fields.refused(error)?),
    }
}

fn read(form: &Form) -> Result<(InvitationToken, NewPerson), Fault> {
    let token = InvitationToken::parse(form.text("invitation").trim());
    let token = token.ok_or_else(|| {
        let detail = "an invitation is the 43 characters that you were given";
        Fault::new(FaultCode::InvalidValue, detail).at("/invitation")
    })?;
    let name = PersonDraft::parse_name(form.text("name").trim()).map_err(|f| f.at("/name"))?;
    let password = Password::choose(form.text("password"), &[&name]);
    let password = password.map_err(|f| f.at("/password"))?;
    Ok((token, NewPerson { name, password }))
}

#[cfg(test)]
pub(super) fn sample(text: &str) -> Vec<super::samples::Sample> {
    let form = super::samples::form(text, &["name", "invitation", "password"]);
    let frame = Frame::bare(text);
    vec![super::samples::sample("join.html", &Page { frame, form })]
}
