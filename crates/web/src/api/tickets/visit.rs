//! A page that comes with a ticket: whether the ticket counts now, whether
//! the page is one that it is for, and what browsers are told of the answer.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::response::Response;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use model::analyses::Analysis;
use model::ids::GrantId;
use model::limits::TICKET_CACHE_SECONDS_MAX;
use model::origins::Origin;
use model::permit::Access;
use model::saved_queries::SavedQuery;
use model::tickets::Ticket;
use model::time::{TimeZone, Timestamp};

use crate::caller::{Named, circumstances};
use crate::charts::{Kind, Theme};
use crate::error::{ApiError, Code};
use crate::layers::Caching;
use crate::metering::LetIn;
use crate::saved::May;
use crate::state::AppState;

const EMBEDDING: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// The one sentence for every ticket that does not count.
const NO_TICKET: &str = "this address needs a ticket that counts: this one was altered or has ended, or the key or the \
    saved query that it was made for is not what it was; ask for another one with POST /v1/tickets";
const OTHER_PAGE: &str = "the ticket is for pages of another origin, or the request does not say of which page it is: \
    it needs the header Origin or Referer of the ticket's origin";

/// A caller with a ticket that counts, from a page that it is for.
#[derive(Debug)]
pub(crate) struct Visit {
    shown: Shown,
    may: May,
}

/// What a page is shown, and until when.
#[derive(Debug)]
pub(crate) struct Shown {
    ticket: Ticket,
    saved: Arc<SavedQuery>,
}

impl Visit {
    /// What is shown, and the permit to ask for it.
    pub(super) fn split(self) -> (Shown, May) {
        (self.shown, self.may)
    }

    /// Looks up the key and the query of the ticket as they are now.
    fn open(text: &str, parts: &Parts, state: &AppState) -> Result<(Self, Access), ApiError> {
        let now = state.clock.now();
        let ticket = Ticket::open(text, &state.tickets, now).map_err(refused)?;
        let access = state.control.admit(&ticket, &circumstances(parts));
        let access = access.map_err(refused)?;
        LetIn::note(parts, &access);
        let definitions = state.control.definitions(access.project());
        let found = definitions.saved_query_by_id(ticket.saved_query());
        let found = found.filter(|found| ticket.is_for(found.item));
        let found = found.ok_or_else(|| refused("the saved query is not what it was"))?;
        let may = May::of(&access, Some(&found)).map_err(refused)?;
        may.check(ticket.grant(), now)
            .map_err(|fault| refused(fault.detail))?;
        let saved = Arc::clone(found.item);
        let shown = Shown { ticket, saved };
        Ok((Self { shown, may }, access))
    }
}

fn refused(inside: impl ToString) -> ApiError {
    ApiError::new(Code::Unauthenticated, NO_TICKET).logged(inside)
}

impl FromRequestParts<AppState> for Visit {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let Named(text) = Named::from_request_parts(parts, state).await?;
        let (visit, access) = Self::open(&text, parts, state)?;
        match is_of(&parts.headers, visit.shown.ticket.origin()) {
            true => {
                LetIn::enter(parts, state, &access)?;
                Ok(visit)
            }
            false => Err(ApiError::new(Code::OriginNotAllowed, OTHER_PAGE)),
        }
    }
}

/// Whether the request says that it comes from a page of this origin.
///
/// Browsers send `Origin` with what a script asks for, and with an image only
/// when the page wants it (`crossorigin`). With a plain image they send
/// `Referer`: to another origin that of the page, unless the page forbids it.
fn is_of(headers: &HeaderMap, origin: &Origin) -> bool {
    let said = |name: HeaderName| {
        let mut values = headers.get_all(name).iter();
        let first = values.next()?;
        let text = first.to_str().ok().filter(|_| values.next().is_none());
        Some(text.unwrap_or_default())
    };
    match (said(header::ORIGIN), said(header::REFERER)) {
        (Some(said), _) => said == origin.as_str(),
        (None, Some(address)) => origin.is_of_address(address),
        (None, None) => false,
    }
}

impl Shown {
    /// Which of the key's grants is meant.
    pub(super) fn grant(&self) -> Option<GrantId> {
        self.ticket.grant()
    }

    /// The question.
    pub(super) fn query(&self) -> &Analysis {
        &self.saved.draft.query
    }

    /// As what its owner wants the answer to be drawn.
    pub(super) fn kind(&self) -> Option<Kind> {
        Kind::kept_in(&self.saved.draft.metadata)
    }

    /// The zone of times in the answer.
    pub(super) fn zone(&self) -> TimeZone {
        super::zone_of(self.query())
    }

    /// The response as the page's browser gets it: this origin alone may read
    /// it, pages may show it, it loads and runs nothing, and it is kept for a
    /// moment where it is no error. A picture of this theme has its own style
    /// sheet, known by its digest, and no other.
    pub(super) fn to_its_page(
        &self,
        mut response: Response,
        theme: Option<Theme>,
        now: Timestamp,
    ) -> Response {
        let origin = self.ticket.origin().as_str();
        let lasts = self.ticket.ends().since(now).as_secs();
        let is_shown = response.status().is_success();
        let style = match theme.filter(|_| is_shown) {
            Some(theme) => format!(" style-src {};", theme.style_source()),
            None => String::new(),
        };
        let policy = format!("default-src 'none';{style} frame-ancestors {origin}; sandbox");
        response.extensions_mut().insert(Caching {
            seconds: is_shown.then_some(lasts.min(TICKET_CACHE_SECONDS_MAX)),
            vary: "Origin, Referer",
        });
        let headers = response.headers_mut();
        let text = |text: &str| HeaderValue::from_str(text).expect("an origin is visible ASCII");
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, text(origin));
        headers.insert(header::CONTENT_SECURITY_POLICY, text(&policy));
        headers.insert(EMBEDDING, HeaderValue::from_static("cross-origin"));
        let nothing = HeaderValue::from_static("no-referrer");
        headers.insert(header::REFERRER_POLICY, nothing);
        response
    }
}
