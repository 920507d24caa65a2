//! What browsers are told of answers to pages (CORS), outside the Keen dialect.
//!
//! Pages have publishable keys, so there is no word of cookies here, nor of
//! calls that administer.

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use model::grants::Action;
use model::keys::Page;

use crate::layers::Caching;
use crate::routes::{Needs, ROUTES};
use crate::state::AppState;

/// How long a browser may remember what it was told, in seconds: a page that
/// is taken off a list is refused by the call itself at once.
const PREFLIGHT_SECONDS: &str = "600";
const HEADERS: &str = "Authorization, Content-Type, Accept, Idempotency-Key";
const EXPOSED: &str = "X-Request-Id, Retry-After, Content-Disposition";

/// Whether a page may have the answer of a call at all.
fn is_for_pages(pattern: &str, method: &str) -> bool {
    let mut routes = ROUTES.iter();
    let route = routes.find(|route| route.pattern == pattern && route.method == method);
    match route.map(|route| route.needs) {
        Some(Needs::Key | Needs::OneOf(_)) => true,
        Some(Needs::Right(action)) => ![Action::Admin, Action::Issue].contains(&action),
        // A ticket's page is told by the ticket, a person's session is for no other
        // site, and without a key there is nothing to protect.
        Some(Needs::Nothing | Needs::Session | Needs::Ticket) | None => false,
    }
}

/// The answer to a browser that asks before it sends; `None` for all else,
/// and for pages and calls that no key in a page is for.
pub(crate) fn preflight(
    state: &AppState,
    pattern: Option<&str>,
    method: &Method,
    headers: &HeaderMap,
) -> Option<Response> {
    if *method != Method::OPTIONS {
        return None;
    }
    let mut origins = headers.get_all(header::ORIGIN).iter();
    let origin = origins.next().filter(|_| origins.next().is_none())?;
    let wanted = headers.get(header::ACCESS_CONTROL_REQUEST_METHOD)?;
    let page = Page::of_origin(origin.to_str().ok()?)?;
    if !is_for_pages(pattern?, wanted.to_str().ok()?) || !state.control.is_for_page(&page) {
        return None;
    }
    let mut response = StatusCode::NO_CONTENT.into_response();
    response.extensions_mut().insert(Caching {
        seconds: None,
        vary: "Origin, Access-Control-Request-Method, Access-Control-Request-Headers",
    });
    let told = response.headers_mut();
    told.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    told.insert(header::ACCESS_CONTROL_ALLOW_METHODS, wanted.clone());
    for (name, value) in [
        (header::ACCESS_CONTROL_ALLOW_HEADERS, HEADERS),
        (header::ACCESS_CONTROL_MAX_AGE, PREFLIGHT_SECONDS),
    ] {
        told.insert(name, HeaderValue::from_static(value));
    }
    Some(response)
}

/// Lets the page read the answer whose key was found to be for it.
pub(crate) fn share(
    response: &mut Response,
    (pattern, method): (Option<&str>, &Method),
    page: Option<&HeaderValue>,
) {
    let for_pages = pattern.is_some_and(|pattern| is_for_pages(pattern, method.as_str()));
    if let Some(page) = page.filter(|_| for_pages) {
        let headers = response.headers_mut();
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, page.clone());
        let exposed = HeaderValue::from_static(EXPOSED);
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
    }
}

#[cfg(test)]
mod tests;
