//! Signing in and out, and where one is sent from the front door.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use control::{SecondFactor, SignIn};
use http::{HeaderMap, StatusCode, header};
use model::fault::{Fault, FaultCode};
use model::people::{Code, Password, RecoveryCode, SignInName};

use super::forms::{Anybody, Fields, Form, Sent};
use super::frame::{Frame, page, segment};
use super::visitor::Visitor;
use super::{ROOT, go_to};
use crate::api::sessions::agent;
use crate::caller::Seen;
use crate::error::{ApiError, Code as Problem};
use crate::input::Parameters;
use crate::session;
use crate::state::AppState;

/// The parameter `to` is the page to come back to.
pub(super) const PARAMETERS: &[&str] = &["to", "first"];

const KEPT: &[&str] = &["sign_in"];
const SECRET: &[&str] = &["password", "code", "recovery_code"];

#[derive(Template)]
#[template(path = "console/sign_in.html")]
struct Page {
    frame: Frame,
    form: Fields,
    /// Where the form is sent: with the page to come back to.
    action: String,
    /// Whether a page is waiting.
    is_sent_here: bool,
    /// Whether it is the last step of setting the server up.
    is_first: bool,
    /// What was typed into the form of that page.
    kept: Vec<(String, String)>,
}

/// What is in front of the name of each field that is kept over a sign-in.
const KEPT_FIELD: &str = "kept.";

/// What somebody typed who is signed in now. It is brought to its form, which
/// shows it and does nothing of it: it holds no token of the session.
#[derive(Template)]
#[template(path = "console/signed_in.html")]
struct Kept {
    frame: Frame,
    action: String,
    kept: Vec<(String, String)>,
}

/// The page that signs in, for who sent a form to `place` after the session was over.
///
/// # Errors
/// A failure of ours when the template could not be written.
pub(super) fn keeping(place: &str, kept: Vec<(String, String)>) -> Result<String, askama::Error> {
    let shown = Page {
        frame: Frame::bare("Sign in"),
        action: place_of(place),
        is_sent_here: true,
        is_first: false,
        kept,
        form: Fields::blank(),
    };
    shown.render()
}

/// What the form of the page that signs in keeps.
fn kept(form: &Form) -> Vec<(String, String)> {
    let named = form.pairs().filter_map(|(name, value)| {
        let name = name.strip_prefix(KEPT_FIELD)?;
        Some((name.to_owned(), value.to_owned()))
    });
    named.collect()
}

/// The address of the page that signs in and comes back to `place`.
pub(super) fn place_of(place: &str) -> String {
    match own_place(place) {
        Some(place) if place != ROOT => format!("{ROOT}/sign-in?to={}", segment(place)),
        _ => format!("{ROOT}/sign-in"),
    }
}

/// A place to go to that is a page of the console itself. Whatever else an
/// address says is not gone to: no page of another site can be named.
fn own_place(place: &str) -> Option<&str> {
    let path = place.split('?').next().unwrap_or_default();
    let is_plain = place
        .bytes()
        .all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    let is_door = |path: &str| {
        let doors = [
            "/sign-in",
            "/sign-out",
            "/signed-in",
            "/set-up",
            "/join",
            "/assets",
        ];
        let below = path.strip_prefix(ROOT).unwrap_or_default();
        doors.iter().any(|door| below.starts_with(door))
    };
    // Also as browsers and proxies may read them: none of ours is written so.
    let lower = path.to_ascii_lowercase();
    let steps = ["//", "..", "%2e", "%2f", "%5c"];
    let is_own = super::serves(path) && !steps.iter().any(|step| lower.contains(step));
    (is_plain && is_own && !is_door(path)).then_some(place)
}

fn wanted(parameters: &Parameters) -> Option<&str> {
    own_place(parameters.get("to")?)
}

/// The front door of the server sends browsers to the console.
pub(super) async fn front(headers: HeaderMap) -> Result<Response, ApiError> {
    let accepts = headers.get(header::ACCEPT);
    let accepts = accepts.and_then(|value| value.to_str().ok());
    match accepts.is_some_and(|accepts| accepts.contains("text/html")) {
        true => Ok(go_to(ROOT)),
        false => Err(ApiError::new(
            Problem::NotFound,
            "there is no such call; /v1/openapi.json lists them all",
        )),
    }
}

/// The front door of the console: to the person's first project, to sign in,
/// or to set the server up.
pub(super) async fn enter(headers: HeaderMap, State(state): State<AppState>) -> Response {
    match signed_in(&headers, &state) {
        Some(place) => go_to(&place),
        None if state.control.is_set_up() => go_to(&format!("{ROOT}/sign-in")),
        None => go_to(&format!("{ROOT}/set-up")),
    }
}

/// Where somebody who is signed in begins.
fn signed_in(headers: &HeaderMap, state: &AppState) -> Option<String> {
    let token = session::presented(headers)?;
    let (person, _) = state.control.session(&token).ok()?;
    let projects = state.control.projects_open_to(&person);
    let first = projects.first();
    Some(match first {
        Some((_, first)) => super::frame::address(&first.project().name, ""),
        None => format!("{ROOT}/account"),
    })
}

fn show(
    form: Fields,
    kept: Vec<(String, String)>,
    parameters: &Parameters,
) -> Result<Response, ApiError> {
    let to = wanted(parameters);
    let shown = Page {
        frame: Frame::bare("Sign in"),
        action: place_of(to.unwrap_or(ROOT)),
        is_sent_here: to.is_some(),
        is_first: parameters.get("first").is_some(),
        kept,
        form,
    };
    shown.form.shown_in(&shown)
}

/// The page that signs in.
pub(super) async fn form(
    headers: HeaderMap,
    parameters: Parameters,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    if let Some(first) = signed_in(&headers, &state) {
        return Ok(go_to(wanted(&parameters).unwrap_or(&first)));
    }
    if !state.control.is_set_up() {
        return Ok(go_to(&format!("{ROOT}/set-up")));
    }
    show(Fields::blank(), Vec::new(), &parameters)
}

/// Begins a session.
pub(super) async fn send(
    parameters: Parameters,
    headers: HeaderMap,
    seen: Seen,
    State(state): State<AppState>,
    Anybody(form): Anybody,
) -> Result<Response, ApiError> {
    let fields = Fields::typed(&form, KEPT, SECRET);
    let asked = match read(&form, &headers, &seen) {
        Ok(asked) => asked,
        Err(fault) => return show(fields.refused(fault)?, kept(&form), &parameters),
    };
    let signed_in = match state.control.sign_in(asked).await {
        Ok(signed_in) => signed_in,
        Err(error) => return show(fields.refused(error)?, kept(&form), &parameters),
    };
    let to = wanted(&parameters).unwrap_or(ROOT);
    let kept = kept(&form);
    let mut response = match kept.is_empty() || to == ROOT {
        true => go_to(&format!("{ROOT}/signed-in?to={}", segment(to))),
        false => {
            let shown = Kept {
                frame: Frame::bare("You are signed in"),
                action: to.to_owned(),
                kept,
            };
            page(StatusCode::OK, &shown)?
        }
    };
    let cookie = session::give(&signed_in.token);
    response.headers_mut().insert(header::SET_COOKIE, cookie);
    Ok(response)
}

fn read(form: &Form, headers: &HeaderMap, seen: &Seen) -> Result<SignIn, Fault> {
    Ok(SignIn {
        name: SignInName::parse(form.text("sign_in").trim()).map_err(|f| f.at("/sign_in"))?,
        password: presented(form)?,
        second: second(form)?,
        agent: agent(headers),
        address: seen.circumstances().address(),
    })
}

/// The password that somebody brings.
///
/// # Errors
/// A fault for one that is longer than any.
pub(super) fn presented(form: &Form) -> Result<Password, Fault> {
    Password::presented(form.text("password")).ok_or_else(|| {
        let detail = "no password is as long as this";
        Fault::new(FaultCode::InvalidValue, detail).at("/password")
    })
}

/// What is typed beside the password: the code of the app, or one of the
/// recovery codes.
///
/// # Errors
/// A fault that names the field.
pub(super) fn second(form: &Form) -> Result<SecondFactor, Fault> {
    let typed = |name: &str| -> String { form.text(name).split_whitespace().collect() };
    let fault = |field: &str, detail: &str| {
        Fault::new(FaultCode::InvalidValue, detail).at(format!("/{field}"))
    };
    let (code, recovery) = (typed("code"), typed("recovery_code"));
    if !recovery.is_empty() {
        let found = RecoveryCode::parse(&recovery).map(SecondFactor::Recovery);
        let rule = "a recovery code has 26 letters and digits";
        return found.ok_or_else(|| fault("recovery_code", rule));
    }
    let found = Code::parse(&code).map(SecondFactor::Code);
    found.ok_or_else(|| fault("code", "the code is the six digits that your app shows now"))
}

#[derive(Template)]
#[template(path = "console/no_cookie.html")]
struct NoCookie {
    frame: Frame,
}

/// Whether the browser kept the cookie that signing in gave it; then on to
/// where one wanted to go.
pub(super) async fn arrived(
    headers: HeaderMap,
    parameters: Parameters,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    if let Some(first) = signed_in(&headers, &state) {
        let to = wanted(&parameters).filter(|to| *to != ROOT);
        return Ok(go_to(to.unwrap_or(&first)));
    }
    let frame = Frame::bare("The browser kept no cookie");
    page(StatusCode::OK, &NoCookie { frame })
}

#[derive(Template)]
#[template(path = "console/sign_out.html")]
struct Out {
    frame: Frame,
}

/// Asks before it ends the session, for who follows a link.
pub(super) async fn out_form(visitor: Visitor) -> Result<Response, ApiError> {
    let frame = Frame::personal("Sign out", &visitor);
    page(StatusCode::OK, &Out { frame })
}

/// Ends the session.
pub(super) async fn out(
    State(state): State<AppState>,
    Sent(visitor, _): Sent<Visitor>,
) -> Result<Response, ApiError> {
    let control = &state.control;
    control
        .end_session(visitor.own(), visitor.session.id)
        .await?;
    let mut response = go_to(&format!("{ROOT}/sign-in"));
    let cookie = session::take_back();
    response.headers_mut().insert(header::SET_COOKIE, cookie);
    Ok(response)
}

#[cfg(test)]
pub(super) fn sample(text: &str) -> Vec<super::samples::Sample> {
    use super::samples::{form, frame, sample};
    let page = Page {
        frame: Frame::bare(text),
        form: form(text, &["sign_in", "password", "code", "recovery_code"]),
        action: place_of(&format!("{ROOT}/{text}")),
        is_sent_here: true,
        is_first: true,
        kept: vec![(text.to_owned(), text.to_owned())],
    };
    let kept = Kept {
        frame: Frame::bare(text),
        action: super::frame::address(text, "/x"),
        kept: vec![(text.to_owned(), text.to_owned())],
    };
    let bare = Frame::bare(text);
    vec![
        sample("sign_in.html", &page),
        sample("signed_in.html", &kept),
        sample("no_cookie.html", &NoCookie { frame: bare }),
        sample("sign_out.html", &Out { frame: frame(text) }),
    ]
}

#[cfg(test)]
mod tests;
