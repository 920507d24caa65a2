//! What an invited person sees.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use control::{ControlError, NewPerson, Refusal};
use model::fault::{Fault, FaultCode};
use model::people::{InvitationToken, Password, PersonDraft};

use super::forms::{AnybodyOnce, Fields, Form, ONCE, Sent, fresh};
use super::frame::Frame;
use super::handing::{Before, For};
use super::visitor::Visitor;
use super::{ROOT, go_to, once};
use crate::caller::Seen;
use crate::error::ApiError;
use crate::state::AppState;

/// The invitation is kept in the form: browsers forget where it came from.
const KEPT: &[&str] = &["name", "invitation", ONCE];
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
pub(super) async fn form(State(state): State<AppState>) -> Result<Response, ApiError> {
    show(Fields::blank().with(ONCE, fresh(&state)))
}

/// Makes the person who was invited.
pub(super) async fn send(
    seen: Seen,
    State(state): State<AppState>,
    AnybodyOnce(form, turn): AnybodyOnce,
) -> Result<Response, ApiError> {
    let fields = Fields::typed(&form, KEPT, SECRET);
    let (token, new) = match read(&form) {
        Ok(read) => read,
        Err(fault) => return show(fields.refused(fault)?),
    };
    let address = seen.circumstances().address();
    match state.control.accept_invitation(&token, new, address).await {
        Ok((person, shown)) => {
            let first = once::show(Frame::bare(once::TITLE), &person, &shown)?;
            turn.hand(&state, For::ANYBODY, first, &before()).await
        }
        Err(ControlError::Refused(Refusal::NoInvitation)) => show(fields.broken(
            "invitation",
            "this invitation does not count: it was used, taken back, or is older than 7 days; ask for another \
             one. Whoever signs in here already takes it signed in, by the link below",
        )),
        Err(error) => show(fields.refused(error)?),
    }
}

fn before() -> Before {
    Before {
        frame: Frame::bare("That was done already"),
        lead: "You joined. The secret for your app and the recovery codes were shown once, and are kept nowhere. If you \
               have neither, whoever invited you removes you and invites you anew.",
        label: "Sign in",
        href: "/console/sign-in",
    }
}

fn invitation(form: &Form) -> Result<InvitationToken, Fault> {
    let token = InvitationToken::parse(form.text("invitation").trim());
    token.ok_or_else(|| {
        let detail = "an invitation is the 43 characters that you were given";
        Fault::new(FaultCode::InvalidValue, detail).at("/invitation")
    })
}

fn read(form: &Form) -> Result<(InvitationToken, NewPerson), Fault> {
    let token = invitation(form)?;
    let name = PersonDraft::parse_name(form.text("name").trim()).map_err(|f| f.at("/name"))?;
    let password = Password::choose(form.text("password"), &[&name]);
    let password = password.map_err(|f| f.at("/password"))?;
    Ok((token, NewPerson { name, password }))
}

#[derive(Template)]
#[template(path = "console/join_here.html")]
struct HerePage {
    frame: Frame,
    form: Fields,
}

fn show_here(visitor: &Visitor, form: Fields) -> Result<Response, ApiError> {
    let frame = Frame::personal("Join another project", visitor);
    let shown = HerePage { frame, form };
    shown.form.shown_in(&shown)
}

/// The page on which somebody who is here already takes an invitation.
pub(super) async fn here_form(visitor: Visitor) -> Result<Response, ApiError> {
    show_here(&visitor, Fields::blank())
}

/// Gives the person the roles of an invitation under the own name.
pub(super) async fn here(
    State(state): State<AppState>,
    Sent(visitor, form): Sent<Visitor>,
) -> Result<Response, ApiError> {
    let fields = Fields::typed(&form, &["invitation"], &[]);
    let token = match invitation(&form) {
        Ok(token) => token,
        Err(fault) => return show_here(&visitor, fields.refused(fault)?),
    };
    let joined = state.control.join_by_invitation(visitor.own(), &token);
    match joined.await {
        Ok(_) => Ok(go_to(&format!("{ROOT}/account?done=joined"))),
        Err(ControlError::Refused(Refusal::NoInvitation)) => show_here(
            &visitor,
            fields.broken(
                "invitation",
                "this invitation does not count for you: it is for another sign-in name, was used, taken back, is \
                 older than 7 days, or brings nothing that you do not have",
            ),
        ),
        Err(error) => show_here(&visitor, fields.refused(error)?),
    }
}

#[cfg(test)]
pub(super) fn sample(text: &str) -> Vec<super::samples::Sample> {
    let form = super::samples::form(text, &["name", "invitation", "password"]);
    let frame = Frame::bare(text);
    let here = HerePage {
        frame: Frame::bare(text),
        form: super::samples::form(text, &["invitation"]),
    };
    vec![
        super::samples::sample("join.html", &Page { frame, form }),
        super::samples::sample("join_here.html", &here),
    ]
}
