//! Sessions of people on the wire: the cookie, where a request must come from
//! to count as the person's own, and the project that it is about.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{FromRequestParts, MatchedPath};
use control::OwnSession;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use model::ids::KeyId;
use model::keys::AuthError;
use model::limits::SESSION_SECONDS_MAX;
use model::people::{Area, PersonRecord, SessionRecord, SessionToken};
use model::permit::{Access, Person};

use crate::caller::circumstances;
use crate::error::{ApiError, Code};
use crate::metering::LetIn;
use crate::state::AppState;

/// The cookie. By its prefix browsers take it over TLS alone, for this host
/// alone and for all of its paths.
const COOKIE: &str = "__Host-tidegate";
/// Names the project that a person's request is about.
const PROJECT: HeaderName = HeaderName::from_static("tidegate-project");
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Somebody who signed in, whatever the role may do.
#[derive(Debug)]
pub(crate) struct InSession {
    pub(crate) person: Arc<PersonRecord>,
    pub(crate) session: SessionRecord,
    /// Where the request was seen.
    pub(crate) address: Option<IpAddr>,
}

impl InSession {
    /// What changes of the person's own are made by.
    pub(crate) fn own(&self) -> OwnSession<'_> {
        OwnSession {
            person: &self.person,
            session: self.session.id,
            address: self.address,
        }
    }
}

impl FromRequestParts<AppState> for InSession {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let token = presented(&parts.headers).ok_or(AuthError::Unknown)?;
        let (person, session) = state.control.session(&token)?;
        let seen = circumstances(parts);
        state.control.note_session(&token, &seen);
        let address = seen.address();
        LetIn::note_person(parts, KeyId::from_bytes(person.id().to_bytes()));
        require_own_page(parts)?;
        Ok(Self {
            person,
            session,
            address,
        })
    }
}

/// A request that says of itself from where it comes, if it does: not from
/// another site.
#[derive(Debug)]
pub(crate) struct NotCrossSite;

impl FromRequestParts<AppState> for NotCrossSite {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &AppState) -> Result<Self, ApiError> {
        let says =
            parts.headers.contains_key(FETCH_SITE) || parts.headers.contains_key(header::ORIGIN);
        if says {
            require_own_page(parts)?;
        }
        Ok(Self)
    }
}

/// The session that a request brings; `None` for one that brings a key.
pub(crate) fn presented(headers: &HeaderMap) -> Option<SessionToken> {
    if headers.contains_key(header::AUTHORIZATION) {
        return None;
    }
    SessionToken::parse(only_cookie(headers, COOKIE)?)
}

/// The value of the cookie of this name; `None` of none, and of two, which no browser sends.
pub(crate) fn only_cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let lines = headers.get_all(header::COOKIE).iter();
    let pairs = lines.filter_map(|line| line.to_str().ok());
    let mut found = pairs
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().strip_prefix(name)?.strip_prefix('='));
    let value = found.next()?;
    found.next().is_none().then_some(value)
}

/// Lets the holder of a session in to the project that the request names.
///
/// # Errors
/// Whoever is not let in, and a change that another site may have asked for.
pub(crate) fn enter(
    parts: &Parts,
    state: &AppState,
    token: &SessionToken,
) -> Result<Access, ApiError> {
    let project = parts.headers.get(PROJECT).map(HeaderValue::to_str);
    let project = project.transpose().map_err(|_| AuthError::Unknown)?;
    enter_project(parts, state, token, project)
}

/// The same for a project that is named otherwise; without a name it is the
/// oldest in which the person has a role.
///
/// # Errors
/// As [`enter`].
pub(crate) fn enter_project(
    parts: &Parts,
    state: &AppState,
    token: &SessionToken,
    project: Option<&str>,
) -> Result<Access, ApiError> {
    let access = state.control.enter(token, project)?;
    let seen = circumstances(parts);
    state.control.note_session(token, &seen);
    let access = access.seen_from(seen.address());
    LetIn::note(parts, &access);
    require_own_page(parts)?;
    Ok(access)
}

/// Refuses what the person's role does not have, by the address of the call.
/// The control plane asks the same of each change; this is for reading, too.
///
/// # Errors
/// [`Code::RoleNotAllowed`]; also for a call that no role has.
pub(crate) fn check_role(parts: &Parts, access: &Access) -> Result<(), ApiError> {
    let Some(person) = access.person() else {
        return Ok(());
    };
    let route = parts.extensions.get::<MatchedPath>();
    let area = route.and_then(|route| area_of(route.as_str()));
    match area {
        Some(area) if person.may(area) => Ok(()),
        _ => Err(role_refused(person)),
    }
}

/// The answer to what the person's role does not have.
pub(crate) fn role_refused(person: Person) -> ApiError {
    let held = if person.is_held {
        ", held to some rows,"
    } else {
        ""
    };
    let detail = format!("the role {}{held} does not have this", person.role.name());
    ApiError::new(Code::RoleNotAllowed, detail)
}

/// What the calls of an administrator are about; `None` for one that is for
/// keys alone, as is each that nobody thought of here.
fn area_of(route: &str) -> Option<Area> {
    match route.strip_prefix("/v1/")?.split('/').next()? {
        "pools" | "views" | "saved-queries" | "datasets" => Some(Area::Definitions),
        "keys" | "notices" | "usage" => Some(Area::Keys),
        "projects" => Some(Area::Projects),
        "people" | "invitations" => Some(Area::People),
        "audit" => Some(Area::Audit),
        _ => None,
    }
}

/// Refuses a change that a page of another site may have made a browser send:
/// the cookie alone does not tell. `Sec-Fetch-Site` must say that it comes from
/// the same origin; without that header, `Origin` must name the server itself.
///
/// # Errors
/// [`Code::CrossSite`].
pub(crate) fn require_own_page(parts: &Parts) -> Result<(), ApiError> {
    if matches!(parts.method, Method::GET | Method::HEAD) {
        return Ok(());
    }
    let is_own = match only(&parts.headers, &FETCH_SITE) {
        Some(site) => site == "same-origin",
        None if parts.headers.contains_key(FETCH_SITE) => false,
        None => {
            let host = only(&parts.headers, &header::HOST);
            let host = parts
                .uri
                .authority()
                .map(http::uri::Authority::as_str)
                .or(host);
            let origin = only(&parts.headers, &header::ORIGIN);
            let origin = origin.and_then(|origin| {
                let plain = origin.strip_prefix("http://");
                origin.strip_prefix("https://").or(plain)
            });
            host.zip(origin)
                .is_some_and(|(host, origin)| host.eq_ignore_ascii_case(origin))
        }
    };
    match is_own {
        true => Ok(()),
        false => Err(ApiError::new(
            Code::CrossSite,
            "a session is used from the server's own pages: send \"Sec-Fetch-Site: same-origin\", \
             as browsers do there, or an Origin that is the server's own; other clients use a key",
        )),
    }
}

/// The value of a header that stands once, as text.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next().filter(|_| values.next().is_none())?;
    value.to_str().ok()
}

/// Gives a browser the session.
pub(crate) fn give(token: &SessionToken) -> HeaderValue {
    let value = token.reveal();
    let cookie = format!(
        "{COOKIE}={value}; Path=/; Max-Age={SESSION_SECONDS_MAX}; Secure; HttpOnly; SameSite=Lax"
    );
    let mut cookie = HeaderValue::from_str(&cookie).expect("a token is visible ASCII");
    cookie.set_sensitive(true);
    cookie
}

/// Lets a browser forget the session.
pub(crate) fn take_back() -> HeaderValue {
    let cookie = format!("{COOKIE}=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Lax");
    HeaderValue::from_str(&cookie).expect("visible ASCII")
}

#[cfg(test)]
mod tests;
