//! The first owner, made by who holds the master key.

use askama::Template;
use axum::extract::{FromRequestParts, State};
use axum::response::Response;
use control::NewPerson;
use http::request::Parts;
use model::fault::{Fault, FaultCode};
use model::keys::KeyKind;
use model::people::{Password, PersonDraft, SignInName};
use model::permit::{Admin, On, Permit};
use model::secrets::Secret;

use super::forms::{AnybodyOnce, Fields, Form, ONCE, fresh};
use super::frame::Frame;
use super::handing::{Before, For};
use super::{ROOT, go_to, once};
use crate::caller::circumstances;
use crate::error::{ApiError, Code};
use crate::metering::LetIn;
use crate::state::AppState;

const KEPT: &[&str] = &["sign_in", "name", ONCE];
const SECRET: &[&str] = &["master", "password"];

#[derive(Template)]
#[template(path = "console/first.html")]
struct Page {
    frame: Frame,
    form: Fields,
}

/// The head of a request, for who is let in by what its body says.
pub(super) struct Head(Parts);

impl FromRequestParts<AppState> for Head {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &AppState) -> Result<Self, ApiError> {
        Ok(Self(parts.clone()))
    }
}

fn show(form: Fields) -> Result<Response, ApiError> {
    let frame = Frame::bare("Set up Tidegate");
    let shown = Page { frame, form };
    shown.form.shown_in(&shown)
}

/// The page that sets up the first owner, while there is nobody.
pub(super) async fn form(State(state): State<AppState>) -> Result<Response, ApiError> {
    match state.control.is_set_up() {
        true => Ok(go_to(&format!("{ROOT}/sign-in"))),
        false => show(Fields::blank().with(ONCE, fresh(&state))),
    }
}

/// Makes the first owner and shows what is shown once.
pub(super) async fn send(
    head: Head,
    State(state): State<AppState>,
    AnybodyOnce(form, turn): AnybodyOnce,
) -> Result<Response, ApiError> {
    if state.control.is_set_up() {
        return Ok(go_to(&format!("{ROOT}/sign-in")));
    }
    let fields = Fields::typed(&form, KEPT, SECRET);
    let (sign_in, new) = match read(&form) {
        Ok(read) => read,
        Err(fault) => return show(fields.refused(fault)?),
    };
    let permit = match master(&head.0, &state, form.text("master").trim()) {
        Ok(permit) => permit,
        Err(error) => return show(fields.refused(error)?),
    };
    let made = state.control.set_up_first_owner(&permit, sign_in, new);
    match made.await {
        Ok((person, shown)) => {
            let first = once::show_first(&person, &shown)?;
            turn.hand(&state, For::ANYBODY, first, &before()).await
        }
        Err(error) => show(fields.refused(error)?),
    }
}

fn before() -> Before {
    Before {
        frame: Frame::bare("That was done already"),
        lead: "You are the owner. The secret for your app and the recovery codes were shown once, and are kept nowhere. \
               With both of them lost nobody signs in as you: on the server, tidegate keys recover --forget-people \
               lets a first owner be made anew.",
        label: "Sign in",
        href: "/console/sign-in",
    }
}

fn read(form: &Form) -> Result<(SignInName, NewPerson), Fault> {
    let sign_in = SignInName::parse(form.text("sign_in").trim()).map_err(|f| f.at("/sign_in"))?;
    let name = PersonDraft::parse_name(form.text("name").trim()).map_err(|f| f.at("/name"))?;
    let about = [sign_in.as_str(), name.as_str()];
    let password = Password::choose(form.text("password"), &about);
    let password = password.map_err(|f| f.at("/password"))?;
    Ok((sign_in, NewPerson { name, password }))
}

/// The right of who holds the token, which was typed and not sent by a page of
/// another site.
fn master(parts: &Parts, state: &AppState, token: &str) -> Result<Permit<Admin>, ApiError> {
    let refused = || {
        let detail = "this is not the token of the master key: the server wrote it to its terminal, or to the \
                      file that it was told, when it first started";
        ApiError::from(Fault::new(FaultCode::InvalidValue, detail).at("/master"))
    };
    let secret = Secret::parse(token).ok_or_else(refused)?;
    let access = state.control.authenticate(&secret, &circumstances(parts));
    let access = access.map_err(|_| refused())?;
    // A key of a dialect administers by its dialect alone.
    if access.kind() == KeyKind::Legacy {
        return Err(refused());
    }
    LetIn::note(parts, &access);
    LetIn::enter(parts, state, &access)?;
    let permit = access.permit(On::Project);
    permit.map_err(|_| refused().logged(Code::ActionNotGranted.name()))
}

#[cfg(test)]
pub(super) fn sample(text: &str) -> Vec<super::samples::Sample> {
    let form = super::samples::form(text, &["sign_in", "name", "master", "password"]);
    let frame = Frame::bare(text);
    vec![super::samples::sample("first.html", &Page { frame, form })]
}
