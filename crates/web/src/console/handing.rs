//! Handing over what is shown once, so that a second click does not lose it.
//!
//! A browser that sends a form a second time throws the first answer away,
//! unseen. So the answer to a form that was sent without a script is no page
//! but an address: of a page that is kept here, sealed, in memory and for a
//! minute, until it is fetched that one time. The same form of the same sender
//! has the same address for its answer, and with it the cookie that a change
//! with a one-time code gave the session. Nothing is given out before a second
//! click would have come, and then to the last who asked: so whatever a browser
//! threw away held no secret yet. The address opens nothing without a cookie that
//! came with it.

mod bound;
mod letting_go;
mod whom;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use askama::Template;
use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::response::Response;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use model::ids::SessionId;
use model::sealed::Seal;
use model::time::Timestamp;
use sha2::{Digest, Sha256};
use tokio::sync::{Mutex as Turns, OwnedMutexGuard};

use super::frame::{self, Frame, page};
use super::{ROOT, go_to};
use crate::caller::Named;
use crate::error::ApiError;
use crate::state::AppState;
use bound::Mark;
use letting_go::{is_within, make_room};
use whom::Visiting;

pub(super) use whom::For;

/// After a form came, for how long a second click may come.
pub(crate) const SECOND_CLICK: Duration = Duration::from_millis(600);
/// How long a page waits to be fetched, and a form has the same answer.
const WAITS: Duration = Duration::from_secs(60);
/// How long the page that says that it was shown is there.
const TOLD: Duration = Duration::from_secs(600);
/// Forms and pages that are kept at most; more are not a person's.
const KEPT_MAX: usize = 256;
/// Bytes of a page at most.
const PAGE_BYTES_MAX: usize = 1 << 20;
const VERSION: u8 = 1;
/// Says that the script sent a request, which sends no form twice.
const BY_SCRIPT: HeaderName = HeaderName::from_static("hx-request");

/// What makes two forms the same: in which session it was sent, where, and all
/// that is in it.
type Same = [u8; 32];

/// Answers on their way to browsers.
#[derive(Debug, Default)]
pub(crate) struct Handing {
    forms: Mutex<HashMap<Same, Carried>>,
    pages: Mutex<HashMap<[u8; 32], Waiting>>,
}

/// A form that was or is being carried out.
#[derive(Debug)]
struct Carried {
    session: Option<SessionId>,
    /// What its sender came with: of a session that proved something it counts
    /// for nothing any more but for this form.
    cookie: [u8; 32],
    came_at: Timestamp,
    /// Held by the one that is being carried out.
    answer: Arc<Turns<Option<Answer>>>,
}

impl Carried {
    /// Whether it is, or came to something.
    fn is_carried_out(&self) -> bool {
        let answer = self.answer.try_lock();
        Arc::strong_count(&self.answer) > 1 || answer.is_ok_and(|answer| answer.is_some())
    }
}

/// Where the page is that a form made, and the cookie that comes with it.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    place: String,
    cookie: Option<HeaderValue>,
    /// The cookie without which the page is shown to nobody.
    once: HeaderValue,
}

/// A page that nobody has seen yet.
#[derive(Debug)]
struct Waiting {
    of: For,
    /// Of the cookie that came with its address.
    mark: Mark,
    made_at: Timestamp,
    /// Sealed under its address, which is kept beside it for the same minute:
    /// in the answer to the form.
    first: Option<String>,
    /// What is said from then on.
    again: String,
    /// How often it was asked for.
    asked: u64,
}

/// The turn of a form: another one like it waits until this is dropped.
#[derive(Debug)]
pub(super) struct Turn {
    answer: OwnedMutexGuard<Option<Answer>>,
    by_script: bool,
}

/// Who sent a form where.
pub(super) struct Sender {
    session: Option<SessionId>,
    cookie: [u8; 32],
    path: String,
    by_script: bool,
}

impl Sender {
    /// Of a request in a session, or in none.
    pub(super) fn of(parts: &Parts, session: Option<SessionId>) -> Self {
        Self {
            session,
            cookie: cookie(&parts.headers),
            path: parts.uri.path().to_owned(),
            by_script: parts.headers.contains_key(BY_SCRIPT),
        }
    }
}

/// All cookies of a request but that of a page, which may end between two clicks.
fn cookie(headers: &HeaderMap) -> [u8; 32] {
    let lines = headers.get_all(header::COOKIE).iter();
    let pairs = lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b';'));
    let pairs = pairs.map(<[u8]>::trim_ascii);
    let whole = pairs
        .filter(|pair| !bound::is_one(pair))
        .fold(Sha256::new(), |hash, pair| {
            hash.chain_update(pair).chain_update([0])
        });
    whole.finalize().into()
}

fn lock<T>(kept: &Mutex<T>) -> MutexGuard<'_, T> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Handing {
    /// The session of a form that came with these cookies a moment ago.
    pub(super) fn session_of(&self, headers: &HeaderMap, now: Timestamp) -> Option<SessionId> {
        let cookie = cookie(headers);
        let forms = lock(&self.forms);
        let mut lasting = forms.values();
        let found =
            lasting.find(|form| form.cookie == cookie && is_within(form.came_at, WAITS, now));
        found.and_then(|form| form.session)
    }

    /// Waits for forms like this one, and answers whichever came to something,
    /// or the turn of this one.
    pub(super) async fn turn(
        &self,
        by: Sender,
        fields: &[(String, String)],
        now: Timestamp,
    ) -> Result<Turn, Answer> {
        let same = same(&by, fields);
        let answer = {
            let mut forms = lock(&self.forms);
            // One that came to nothing may be sent again, and is none to keep.
            forms.retain(|_, form| form.is_carried_out());
            make_room(&mut forms, |form| form.came_at, (WAITS, now));
            let form = forms.entry(same).or_insert_with(|| Carried {
                session: by.session,
                cookie: by.cookie,
                came_at: now,
                answer: Arc::default(),
            });
            Arc::clone(&form.answer)
        };
        let answer = answer.lock_owned().await;
        match &*answer {
            Some(known) => Err(known.clone()),
            None => Ok(Turn {
                answer,
                by_script: by.by_script,
            }),
        }
    }

    /// Notes that a page was asked for, in a session or in none and with a cookie or
    /// without; `None` when it is not for that.
    fn ask(&self, page: &[u8; 32], session: Option<SessionId>, mark: Option<Mark>) -> Option<u64> {
        let mut pages = lock(&self.pages);
        let waiting = pages.get_mut(page)?;
        let of = waiting.of.session;
        let is_for = (of.is_none() || of == session) && mark == Some(waiting.mark);
        is_for.then(|| {
            waiting.asked += 1;
            waiting.asked
        })
    }

    /// Whom a page is for.
    fn whom(&self, page: &[u8; 32]) -> Option<For> {
        lock(&self.pages).get(page).map(|waiting| waiting.of)
    }

    /// The page for the last who asked for it, while it waits, and then no
    /// more; what is said else.
    fn take(&self, page: &[u8; 32], asked: u64, now: Timestamp) -> Option<Result<String, String>> {
        let mut pages = lock(&self.pages);
        let waiting = pages.get_mut(page)?;
        let is_there = is_within(waiting.made_at, WAITS, now);
        let first = match waiting.asked == asked {
            true => waiting.first.take(),
            false => None,
        };
        let first = first.filter(|_| is_there);
        Some(first.ok_or_else(|| waiting.again.clone()))
    }
}

fn same(by: &Sender, fields: &[(String, String)]) -> Same {
    let texts = fields.iter().flat_map(|(name, value)| [name, value]);
    let texts = std::iter::once(&by.path).chain(texts);
    let session = by.session.map_or([0; 16], SessionId::to_bytes);
    let hash = Sha256::new().chain_update(session);
    let hash = texts.fold(hash, |hash, text| {
        let length = (text.len() as u64).to_be_bytes();
        hash.chain_update(length).chain_update(text)
    });
    hash.finalize().into()
}

impl Answer {
    pub(super) fn to_response(&self) -> Response {
        let mut response = go_to(&self.place);
        for cookie in self.cookie.iter().chain([&self.once]) {
            let headers = response.headers_mut();
            headers.append(header::SET_COOKIE, cookie.clone());
        }
        response
    }
}

impl Turn {
    /// Answers with the page `first`, which is shown once, and says `again`
    /// where it would be shown a second time.
    ///
    /// # Errors
    /// A failure of ours.
    pub(super) async fn hand(
        mut self,
        state: &AppState,
        of: For,
        first: Response,
        again: &impl Template,
    ) -> Result<Response, ApiError> {
        if self.by_script || first.status() != StatusCode::OK {
            return Ok(first);
        }
        let cookie = first.headers().get(header::SET_COOKIE).cloned();
        let bytes = to_bytes(first.into_body(), PAGE_BYTES_MAX).await;
        let bytes = bytes.map_err(|_| ApiError::internal("a page without an end"))?;
        let again = again.render();
        let again = again.map_err(|_| ApiError::internal("a page that cannot be written"))?;
        let (handle, once) = (secret_name(state), secret_name(state));
        let now = state.clock.now();
        let waiting = Waiting {
            of,
            mark: bound::mark_of(&once),
            made_at: now,
            first: Some(seal(state, &handle).seal(VERSION, &[], &bytes, &*state.random)),
            again,
            asked: 0,
        };
        {
            let mut pages = lock(&state.handing.pages);
            make_room(&mut pages, |page| page.made_at, (TOLD, now));
            pages.insert(Sha256::digest(&handle).into(), waiting);
        }
        let answer = Answer {
            place: format!("{ROOT}/shown-once/{handle}"),
            cookie,
            once: bound::give(&once),
        };
        let response = answer.to_response();
        *self.answer = Some(answer);
        Ok(response)
    }
}

/// What nobody guesses.
fn secret_name(state: &AppState) -> String {
    let mut name = [0_u8; 32];
    state.random.fill(&mut name);
    name.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn seal(state: &AppState, handle: &str) -> Seal {
    let purpose = format!("console page {handle}");
    Seal::new(state.control.pepper(), &purpose)
}

#[derive(Template)]
#[template(path = "console/shown_before.html")]
pub(super) struct Before {
    pub(super) frame: Frame,
    pub(super) lead: &'static str,
    pub(super) label: &'static str,
    pub(super) href: &'static str,
}

/// Said where nothing is known of what was shown.
const NOTHING: &str = "What was shown here was shown once, and is kept nowhere. What was made is there: a key whose token is lost is \
                       rolled, and an invitation whose link is lost is taken back and made anew.";

/// Shows what is shown once, to whom it is for and brings the cookie that came with
/// the address; to others it was shown already.
pub(super) async fn read(
    method: Method,
    headers: HeaderMap,
    Named(handle): Named,
    State(state): State<AppState>,
    visitor: Visiting,
) -> Result<Response, ApiError> {
    let name: [u8; 32] = Sha256::digest(&handle).into();
    let handing = &state.handing;
    let nothing = Before {
        frame: Frame::bare("That was shown already"),
        lead: NOTHING,
        label: "To the console",
        href: ROOT,
    };
    // A head takes nothing along.
    if method != Method::GET {
        return page(StatusCode::OK, &nothing);
    }
    let Some(of) = handing.whom(&name) else {
        return page(StatusCode::OK, &nothing);
    };
    let visitor = match of.session {
        Some(_) => Some(visitor.0?),
        None => None,
    };
    let session = visitor.as_ref().map(|(session, _)| *session);
    let Some(asked) = handing.ask(&name, session, bound::presented(&headers)) else {
        return page(StatusCode::OK, &nothing);
    };
    tokio::time::sleep(state.second_click).await;
    // The session may be over by now, and the role another one.
    if let Some((_, token)) = &visitor {
        of.check(token, &state)?;
    }
    let html = match handing.take(&name, asked, state.clock.now()) {
        None => return page(StatusCode::OK, &nothing),
        Some(Err(again)) => again,
        Some(Ok(sealed)) => {
            let opened = seal(&state, &handle).open(VERSION, &[], &sealed);
            let opened = opened.and_then(|bytes| String::from_utf8(bytes).ok());
            opened.ok_or_else(|| ApiError::internal("a page that does not open"))?
        }
    };
    let mut response = Response::new(Body::from(html));
    let kind = HeaderValue::from_static(frame::HTML);
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    Ok(response)
}

#[cfg(test)]
pub(super) fn sample(text: &str) -> Vec<super::samples::Sample> {
    let before = Before {
        frame: Frame::bare(text),
        lead: "",
        label: "",
        href: ROOT,
    };
    vec![super::samples::sample("shown_before.html", &before)]
}
