//! The person's own page: sessions, password, and the app that shows codes.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use control::OpenSession;
use http::{StatusCode, header};
use model::fault::{Fault, FaultCode};
use model::ids::SessionId;
use model::people::{Code, Password};

use super::forms::{Fields, Form, ONCE, Sent, SentOnce, fresh};
use super::frame::{Frame, page};
use super::handing::{Before, For};
use super::sign_in::{presented, second};
use super::times::Moment;
use super::visitor::Visitor;
use super::{ROOT, go_to, once};
use crate::caller::Named;
use crate::error::ApiError;
use crate::input::Parameters;
use crate::session;
use crate::state::AppState;

/// The parameter `done` says what was done a moment ago.
pub(super) const PARAMETERS: &[&str] = &["done"];

const SECRET: &[&str] = &["password", "code", "recovery_code", "new_password"];

struct Session {
    end: String,
    agent: String,
    full: String,
    is_this: bool,
    began: Moment,
    used: Moment,
    ends: Moment,
}

#[derive(Template)]
#[template(path = "console/account.html")]
struct Page {
    frame: Frame,
    name: String,
    sign_in: String,
    codes_left: usize,
    sessions: Vec<Session>,
    done: Option<&'static str>,
}

fn session_of(visitor: &Visitor, open: OpenSession) -> Session {
    let record = open.record;
    Session {
        end: format!("{ROOT}/account/sessions/{}/end", record.id),
        agent: client_of(&record.agent),
        full: record.agent,
        is_this: record.id == visitor.session.id,
        began: record.created_at.into(),
        used: open.last_used.into(),
        ends: record.ends_at.into(),
    }
}

/// What a client calls itself, as people call it: the first of these that it
/// names is meant, since browsers name those before them, too.
fn client_of(agent: &str) -> String {
    const BROWSERS: [(&str, &str); 6] = [
        ("Edg/", "Edge"),
        ("OPR/", "Opera"),
        ("Firefox/", "Firefox"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
        ("curl/", "curl"),
    ];
    const SYSTEMS: [(&str, &str); 6] = [
        ("Android", "Android"),
        ("iPhone", "an iPhone"),
        ("iPad", "an iPad"),
        ("Windows", "Windows"),
        ("Mac OS X", "a Mac"),
        ("Linux", "Linux"),
    ];
    let named = |names: &[(&str, &'static str)]| {
        let found = names.iter().find(|(part, _)| agent.contains(part));
        found.map(|(_, name)| *name)
    };
    match (named(&BROWSERS), named(&SYSTEMS)) {
        (Some(browser), Some(system)) => format!("{browser} on {system}"),
        (Some(one), None) | (None, Some(one)) => one.to_owned(),
        (None, None) if agent.is_empty() => "an unnamed client".to_owned(),
        (None, None) => agent.to_owned(),
    }
}

/// The person's own page.
pub(super) async fn read(
    visitor: Visitor,
    parameters: Parameters,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    let sessions = state.control.sessions_of(visitor.person.id());
    let sessions = sessions.into_iter().rev();
    let mut sessions: Vec<Session> = sessions.map(|open| session_of(&visitor, open)).collect();
    sessions.sort_by_key(|session| !session.is_this);
    let parts = visitor.person.parts();
    let done = match parameters.get("done") {
        Some("password") => Some("The password was changed. Every other session has ended."),
        Some("codes") => {
            Some("The new app and recovery codes count now. Every other session has ended.")
        }
        Some("session") => Some("The session has ended."),
        Some("joined") => Some("You joined. The project is among yours now."),
        _ => None,
    };
    let shown = Page {
        frame: Frame::personal("Your account", &visitor),
        name: parts.draft.name.clone(),
        sign_in: parts.sign_in.to_string(),
        codes_left: parts.recovery.len(),
        sessions,
        done,
    };
    page(StatusCode::OK, &shown)
}

#[derive(Template)]
#[template(path = "console/password.html")]
struct PasswordPage {
    frame: Frame,
    form: Fields,
}

fn show_password(visitor: &Visitor, form: Fields) -> Result<Response, ApiError> {
    let frame = Frame::personal("Change your password", visitor);
    let shown = PasswordPage { frame, form };
    shown.form.shown_in(&shown)
}

/// The page that changes the password.
pub(super) async fn password_form(visitor: Visitor) -> Result<Response, ApiError> {
    show_password(&visitor, Fields::blank())
}

/// Gives the person another password.
pub(super) async fn password(
    State(state): State<AppState>,
    Sent(visitor, form): Sent<Visitor>,
) -> Result<Response, ApiError> {
    let fields = Fields::typed(&form, &[], SECRET);
    let new = match chosen(&visitor, &form) {
        Ok(new) => new,
        Err(fault) => return show_password(&visitor, fields.refused(fault)?),
    };
    let (old, second) = match presented(&form).and_then(|old| Ok((old, second(&form)?))) {
        Ok(proofs) => proofs,
        Err(fault) => return show_password(&visitor, fields.refused(fault)?),
    };
    let control = &state.control;
    let changed = control.change_password(visitor.own(), old, second, new);
    match changed.await {
        Ok(signed_in) => {
            let mut response = go_to(&format!("{ROOT}/account?done=password"));
            let cookie = session::give(&signed_in.token);
            response.headers_mut().insert(header::SET_COOKIE, cookie);
            Ok(response)
        }
        Err(error) => show_password(&visitor, fields.refused(error)?),
    }
}

fn chosen(visitor: &Visitor, form: &Form) -> Result<Password, Fault> {
    let parts = visitor.person.parts();
    let about = [parts.sign_in.as_str(), parts.draft.name.as_str()];
    Password::choose(form.text("new_password"), &about).map_err(|f| f.at("/new_password"))
}

#[derive(Template)]
#[template(path = "console/codes.html")]
struct CodesPage {
    frame: Frame,
    form: Fields,
}

fn show_codes(visitor: &Visitor, form: Fields) -> Result<Response, ApiError> {
    let frame = Frame::personal("Another app, other recovery codes", visitor);
    let shown = CodesPage { frame, form };
    shown.form.shown_in(&shown)
}

/// The page that changes what proves the second factor.
pub(super) async fn codes_form(
    visitor: Visitor,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    show_codes(&visitor, Fields::blank().with(ONCE, fresh(&state)))
}

/// Makes another secret for the app, and other recovery codes.
pub(super) async fn codes(
    State(state): State<AppState>,
    SentOnce(visitor, form, turn): SentOnce<Visitor>,
) -> Result<Response, ApiError> {
    let fields = Fields::typed(&form, &[ONCE], SECRET);
    let (password, second) = match presented(&form).and_then(|old| Ok((old, second(&form)?))) {
        Ok(proofs) => proofs,
        Err(fault) => return show_codes(&visitor, fields.refused(fault)?),
    };
    let control = &state.control;
    let offered = control.offer_factors(visitor.own(), password, second);
    match offered.await {
        Ok(shown) => {
            let frame = Frame::personal(once::TITLE, &visitor);
            let first = once::show(frame, &visitor.person, &shown)?;
            let before = Before {
                frame: Frame::personal("That was done already", &visitor),
                lead: "Another secret for your app and other recovery codes were shown once, and are kept nowhere. They \
                       count once the new app has shown a code; until then those that you had stay good. If you did \
                       not keep them, ask for others.",
                label: "Ask for others",
                href: "/console/account/codes",
            };
            turn.hand(&state, For::own(&visitor), first, &before).await
        }
        Err(error) => show_codes(&visitor, fields.refused(error)?),
    }
}

#[derive(Template)]
#[template(path = "console/confirm.html")]
struct ConfirmPage {
    frame: Frame,
    form: Fields,
}

fn show_confirm(visitor: &Visitor, form: Fields) -> Result<Response, ApiError> {
    let frame = Frame::personal("A code of the new app", visitor);
    let shown = ConfirmPage { frame, form };
    shown.form.shown_in(&shown)
}

/// The page that asks for a code of the new app.
pub(super) async fn confirm_form(visitor: Visitor) -> Result<Response, ApiError> {
    show_confirm(&visitor, Fields::blank())
}

/// Lets the new secret and codes count.
pub(super) async fn confirm(
    State(state): State<AppState>,
    Sent(visitor, form): Sent<Visitor>,
) -> Result<Response, ApiError> {
    let fields = Fields::typed(&form, &[], SECRET);
    let Some(code) = Code::parse(form.text("code")) else {
        let detail = "type the six digits that the new app shows";
        let fault = Fault::new(FaultCode::InvalidValue, detail).at("/code");
        return show_confirm(&visitor, fields.refused(fault)?);
    };
    let control = &state.control;
    let confirmed = control.confirm_factors(visitor.own(), code);
    match confirmed.await {
        Ok(signed_in) => {
            let mut response = go_to(&format!("{ROOT}/account?done=codes"));
            let cookie = session::give(&signed_in.token);
            response.headers_mut().insert(header::SET_COOKIE, cookie);
            Ok(response)
        }
        Err(error) => show_confirm(&visitor, fields.refused(error)?),
    }
}

#[derive(Template)]
#[template(path = "console/end_session.html")]
struct EndPage {
    frame: Frame,
    session: Session,
}

/// Asks before it ends a session.
pub(super) async fn end_form(
    visitor: Visitor,
    Named(id): Named,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    let sessions = state.control.sessions_of(visitor.person.id());
    let mut sessions = sessions.into_iter();
    let found = sessions.find(|open| open.record.id.to_string() == id);
    let session = session_of(&visitor, found.ok_or_else(ApiError::not_found)?);
    let frame = Frame::personal("End a session", &visitor);
    page(StatusCode::OK, &EndPage { frame, session })
}

/// Ends a session of the person.
pub(super) async fn end(
    Named(id): Named,
    State(state): State<AppState>,
    Sent(visitor, _): Sent<Visitor>,
) -> Result<Response, ApiError> {
    let id = SessionId::parse(&id).map_err(|_| ApiError::not_found())?;
    state.control.end_session(visitor.own(), id).await?;
    if id != visitor.session.id {
        return Ok(go_to(&format!("{ROOT}/account?done=session")));
    }
    let mut response = go_to(&format!("{ROOT}/sign-in"));
    let cookie = session::take_back();
    response.headers_mut().insert(header::SET_COOKIE, cookie);
    Ok(response)
}

#[cfg(test)]
pub(super) fn sample(text: &str) -> Vec<super::samples::Sample> {
    use super::samples::{form, frame, moment, sample};
    let session = || Session {
        end: format!("{ROOT}/account/sessions/{text}/end"),
        agent: text.to_owned(),
        full: text.to_owned(),
        is_this: true,
        began: moment(text),
        used: moment(text),
        ends: moment(text),
    };
    let page = Page {
        frame: frame(text),
        name: text.to_owned(),
        sign_in: text.to_owned(),
        codes_left: 1,
        sessions: vec![session()],
        done: Some(""),
    };
    let end = EndPage {
        frame: frame(text),
        session: session(),
    };
    let form = || form(text, SECRET);
    vec![
        sample("account.html", &page),
        sample(
            "password.html",
            &PasswordPage {
                frame: frame(text),
                form: form(),
            },
        ),
        sample(
            "codes.html",
            &CodesPage {
                frame: frame(text),
                form: form(),
            },
        ),
        sample(
            "confirm.html",
            &ConfirmPage {
                frame: frame(text),
                form: form(),
            },
        ),
        sample("end_session.html", &end),
    ]
}
