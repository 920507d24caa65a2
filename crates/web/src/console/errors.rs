//! What is wrong, as a page: what happened, why, and what to do next.

use askama::Template;
use axum::body::Body;
use axum::response::Response;
use http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use model::ids::RequestId;
use model::people::SessionToken;

use super::forms::{Typed, sentence};
use super::frame::{self, Frame, Section};
use super::sign_in::{self, place_of};
use super::visitor::{InProject, Visitor};
use crate::error::{Code, Problem};
use crate::input::percent_decode;
use crate::session;
use crate::state::AppState;

/// The request that an answer is for.
#[derive(Debug)]
pub(crate) struct Came {
    uri: Uri,
    session: Option<SessionToken>,
}

impl Came {
    /// A request of the console; `None` for every other one.
    pub(crate) fn to(uri: &Uri, headers: &HeaderMap) -> Option<Self> {
        super::serves(uri.path()).then(|| Self {
            uri: uri.clone(),
            session: session::presented(headers),
        })
    }

    /// What is around the page: whoever is signed in keeps the way to other pages, in a project
    /// of the person's own also those of that project.
    fn frame(&self, title: &str, state: &AppState) -> Frame {
        let Some(token) = &self.session else {
            return Frame::bare(title);
        };
        let path = self.uri.path().strip_prefix(super::ROOT);
        let below = path.and_then(|path| path.strip_prefix("/projects/"));
        let name = below.and_then(|below| below.split('/').next());
        let name = name.and_then(percent_decode);
        if let Some(page) = name.and_then(|name| InProject::of(state, token, &name)) {
            return Frame::of(title, &page, None::<Section>);
        }
        let Some(visitor) = Visitor::of(state, token) else {
            return Frame::bare(title);
        };
        let mut frame = Frame::personal(title, &visitor);
        if let Some(who) = &mut frame.who {
            who.is_in_account = false;
        }
        frame
    }
}

#[derive(Template)]
#[template(path = "console/error.html")]
struct Page {
    frame: Frame,
    status: u16,
    detail: String,
    advice: &'static str,
    request: String,
}

/// Makes a page of a refusal or failure; whoever is not signed in is sent to
/// sign in, and comes back from there.
pub(crate) fn finish_error(
    response: &mut Response,
    problem: &Problem,
    id: RequestId,
    (came, state): (&Came, &AppState),
) {
    response.headers_mut().remove(header::WWW_AUTHENTICATE);
    if problem.code() == Code::Unauthenticated {
        // Each address that takes a form has a page, too.
        let from = came.uri.path_and_query().map_or("", |place| place.as_str());
        if let Some(Typed(typed)) = response.extensions_mut().remove()
            && let Ok(html) = sign_in::keeping(from, typed)
        {
            show(response, html);
            return;
        }
        let to = HeaderValue::from_str(&place_of(from));
        let to = to.unwrap_or(HeaderValue::from_static(super::ROOT));
        *response.status_mut() = StatusCode::SEE_OTHER;
        response.headers_mut().insert(header::LOCATION, to);
        return;
    }
    let page = Page {
        frame: came.frame(title_of(problem.status()), state),
        status: problem.status().as_u16(),
        detail: detail_of(problem),
        advice: advice_of(problem.code()),
        request: id.to_string(),
    };
    let html = page
        .render()
        .unwrap_or_else(|_| problem.detail().len().to_string());
    show(response, html);
}

fn show(response: &mut Response, html: String) {
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(frame::HTML));
    *response.body_mut() = Body::from(html);
}

/// What happened, said to a person.
fn detail_of(problem: &Problem) -> String {
    match problem.code() {
        Code::NotFound => "At this address there is nothing for you.".to_owned(),
        Code::RoleNotAllowed => {
            of_role(problem.detail()).unwrap_or_else(|| sentence(problem.detail()))
        }
        _ => sentence(problem.detail()),
    }
}

/// That a role does not have something, said to whoever has the role.
fn of_role(detail: &str) -> Option<String> {
    let role = detail.strip_prefix("the role ")?;
    let role = role.strip_suffix(" does not have this")?;
    let role = role.trim_end_matches(',');
    Some(format!("Your role, {role}, does not reach this page."))
}

fn title_of(status: StatusCode) -> &'static str {
    match status.as_u16() {
        403 => "Not for you",
        404 => "There is nothing here",
        405 => "Not in this way",
        409 | 412 => "Somebody was faster",
        413 => "That is too much",
        429 => "Wait a moment",
        507 => "The disk is full",
        503 => "The server is busy",
        status if status >= 500 => "Something broke on our side",
        _ => "That was not understood",
    }
}

fn advice_of(code: Code) -> &'static str {
    match code {
        Code::CrossSite => {
            "Forms count only when they are sent from the console's own pages, with the token of your \
             session in them. Open the page again and repeat what you did there."
        }
        Code::RoleNotAllowed | Code::ActionNotGranted => {
            "An owner or admin of the project can give you another role, on the page People."
        }
        Code::NotFound => {
            "It may have been deleted or renamed, or your role does not reach it: the console \
             does not tell which."
        }
        Code::StaleRevision | Code::CallerChanged => {
            "It was changed while you looked at it. Open it again, see what it is now, and decide anew."
        }
        Code::Busy | Code::RateLimited | Code::TooManyAttempts => {
            "Nothing was changed. Repeat it in a moment."
        }
        code if code.is_ours() => {
            "Nothing that you typed caused it. Who operates the server finds the cause in its log \
             under the number below."
        }
        _ => "Go back, correct it and send it again.",
    }
}

#[cfg(test)]
pub(super) fn sample(text: &str) -> Vec<super::samples::Sample> {
    let page = Page {
        frame: Frame::bare(text),
        status: 404,
        detail: text.to_owned(),
        advice: "",
        request: text.to_owned(),
    };
    vec![super::samples::sample("error.html", &page)]
}
