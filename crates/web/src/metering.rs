//! How much of the server a request takes of what its key may take.
//!
//! Every road that lets somebody in passes [`LetIn::enter`]: a token, a scoped
//! key of the Keen dialect, a ticket. A request passes once, however often its
//! caller is looked up while it runs, and what it holds is given back when its
//! answer is sent or given up.

mod storing;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use axum::extract::FromRequestParts;
use control::{Did, Entered, OverLimit, Reservation, UsageCounts};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue};
use model::credits::{DOCUMENT_COST, Tier, stream_cost};
use model::ids::{KeyId, PoolId, ViewId};
use model::keys::Network;
use model::permit::{Access, ConstrainedAnalysis, ConstrainedQuery};
use model::queries::Query;
use model::rate::{RATE_WINDOW, RateStanding};
use model::time::Timestamp;
use model::uniqueness::TokenTag;

use crate::error::ApiError;
use crate::state::AppState;

const RATE: HeaderName = HeaderName::from_static("ratelimit");
const RATE_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// Of a request whose answer is made of rows: it counts towards
/// `concurrent_queries` of its key.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asks {
    /// Whether it is a question for data, and not for what its caller may do.
    is_question: bool,
}

impl Asks {
    /// What calls of this pattern ask; `None` for those that ask no rows.
    pub(crate) fn of(pattern: &str) -> Option<Self> {
        let is_question = costs(pattern);
        asks(pattern).then_some(Self { is_question })
    }
}

/// Whether calls of this pattern answer rows, or functions of rows.
fn asks(pattern: &str) -> bool {
    const ENDS: [&str; 8] = [
        "/v1/whoami",
        "/simulate",
        "/v1/query",
        "/data",
        "/result",
        "/results",
        "/chart.svg",
        "/queries/{analysis}",
    ];
    ENDS.iter().any(|end| pattern.ends_with(end))
}

/// Whether calls of this pattern may cost credits.
pub(crate) fn costs(pattern: &str) -> bool {
    let is_free = pattern == "/v1/whoami" || pattern.ends_with("/simulate");
    asks(pattern) && !is_free || pattern.ends_with("/records")
}

/// What an answer of the rows of this question costs: by the rows that were
/// asked for, and never by those that there are. A page is one document, as is
/// whatever is made of groups.
pub(crate) fn cost_of(question: &ConstrainedQuery, is_page: bool) -> u64 {
    match question.query() {
        Query::Records(records) if !is_page => stream_cost(records.limit),
        Query::Records(_) | Query::Aggregate(_) | Query::Actors(_) => DOCUMENT_COST,
    }
}

/// Whose credits a question uses up: premium ones, when one of the pools that
/// the caller sees of it is of that tier.
fn tier_of(asked: &ConstrainedAnalysis) -> Tier {
    let parts = asked.parts().iter();
    let tiers = parts.map(|part| part.pool().draft.tier);
    tiers.max().unwrap_or(Tier::Core)
}

/// The key that a request was let in with, and what the request holds of the
/// key's limits. All clones are of the same request.
#[derive(Clone, Debug)]
pub(crate) struct LetIn(Arc<Passed>);

#[derive(Debug)]
struct Passed {
    /// When the head of the request was there.
    arrived: Timestamp,
    key: OnceLock<KeyId>,
    entered: OnceLock<Entered>,
    rate: OnceLock<RateStanding>,
    /// The page that may have the answer.
    page: OnceLock<HeaderValue>,
    /// Whether the caller has the secret of the key itself: by it a derived token,
    /// a ticket or a scoped key was made, and their holders do not have it.
    has_secret: OnceLock<()>,
    /// The nonce that a signed request spent when it was first let in.
    spent: OnceLock<TokenTag>,
    /// Charged when the request is about to be answered, and given back when
    /// it is refused.
    reserved: Mutex<Option<(Reservation, u64)>>,
    /// Who came, and what it did.
    access: OnceLock<Access>,
    /// From which network, where that may be kept.
    network: OnceLock<Network>,
    did: Mutex<Touched>,
    /// Whether it asks for data.
    is_question: OnceLock<()>,
}

/// What a request had to do with: each pool once, and the view if it came by one.
#[derive(Debug, Default)]
struct Touched {
    pools: BTreeSet<PoolId>,
    view: Option<ViewId>,
}

impl FromRequestParts<AppState> for LetIn {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &AppState) -> Result<Self, ApiError> {
        Self::of(parts).cloned()
    }
}

impl LetIn {
    /// Of a request whose head came at this moment.
    pub(crate) fn arrived_at(arrived: Timestamp) -> Self {
        Self(Arc::new(Passed {
            arrived,
            key: OnceLock::new(),
            entered: OnceLock::new(),
            rate: OnceLock::new(),
            page: OnceLock::new(),
            has_secret: OnceLock::new(),
            spent: OnceLock::new(),
            reserved: Mutex::default(),
            access: OnceLock::new(),
            network: OnceLock::new(),
            did: Mutex::default(),
            is_question: OnceLock::new(),
        }))
    }

    /// When the head of the request was there.
    pub(crate) fn arrived(&self) -> Timestamp {
        self.0.arrived
    }

    /// The key; `None` while nobody was let in.
    pub(crate) fn key(&self) -> Option<KeyId> {
        self.0.key.get().copied()
    }

    /// The caller, who may have been let in by a ticket or a scoped key;
    /// `None` for a person whose request is about no project.
    pub(crate) fn access(&self) -> Option<&Access> {
        self.0.access.get()
    }

    /// Notes who this request was let in with.
    pub(crate) fn note(parts: &Parts, access: &Access) {
        if let Some(let_in) = parts.extensions.get::<Self>() {
            let_in.0.key.get_or_init(|| access.key());
            let_in.0.access.get_or_init(|| access.clone());
        }
    }

    /// Notes the person whom this request was let in with.
    pub(crate) fn note_person(parts: &Parts, person: KeyId) {
        if let Some(let_in) = parts.extensions.get::<Self>() {
            let_in.0.key.get_or_init(|| person);
        }
    }

    /// The origin of the page that the key was found to be for.
    pub(crate) fn page(&self) -> Option<&HeaderValue> {
        self.0.page.get()
    }

    /// Notes the origin of the page that the key is for.
    pub(crate) fn note_page(parts: &Parts, page: &HeaderValue) {
        if let Some(let_in) = parts.extensions.get::<Self>() {
            let_in.0.page.get_or_init(|| page.clone());
        }
    }

    /// Whether the caller showed the secret of its key, or signed under it.
    pub(crate) fn has_secret(&self) -> bool {
        self.0.has_secret.get().is_some()
    }

    /// Notes that the caller showed the secret of its key, or signed under it.
    pub(crate) fn note_secret(parts: &Parts) {
        if let Some(let_in) = parts.extensions.get::<Self>() {
            let_in.0.has_secret.get_or_init(|| ());
        }
    }

    /// The network that usage is counted for; `None` where nothing is kept of it.
    pub(crate) fn network(&self) -> Option<Network> {
        self.0.network.get().copied()
    }

    /// Notes the network that the request came from, of one where that may be kept.
    pub(crate) fn note_network(parts: &Parts, network: Network) {
        if let Some(let_in) = parts.extensions.get::<Self>() {
            let_in.0.network.get_or_init(|| network);
        }
    }

    /// The nonce that the request spent already.
    pub(crate) fn spent(&self) -> Option<TokenTag> {
        self.0.spent.get().copied()
    }

    /// Notes the nonce that the request spent.
    pub(crate) fn note_spent(&self, nonce: TokenTag) {
        self.0.spent.get_or_init(|| nonce);
    }

    /// Of this request.
    ///
    /// # Errors
    /// A fault of the server, for a request that the layers did not see.
    pub(crate) fn of(parts: &Parts) -> Result<&Self, ApiError> {
        let let_in = parts.extensions.get::<Self>();
        let_in.ok_or_else(|| ApiError::internal("a request outside the layers"))
    }

    /// Sets credits aside for the answer to this request, once. They are
    /// charged before it is sent, if it is one that answers.
    ///
    /// # Errors
    /// [`crate::error::Code::CreditsSpent`].
    pub(crate) fn reserve_for(
        &self,
        state: &AppState,
        access: &Access,
        asked: &ConstrainedAnalysis,
        cost: u64,
    ) -> Result<(), ApiError> {
        for part in asked.parts() {
            self.touch(part.pool().id, None);
        }
        self.reserve(state, access, tier_of(asked), cost)
    }

    /// The same for what is of this tier.
    ///
    /// # Errors
    /// As [`LetIn::reserve_for`].
    pub(crate) fn reserve(
        &self,
        state: &AppState,
        access: &Access,
        tier: Tier,
        cost: u64,
    ) -> Result<(), ApiError> {
        let reservation = state.control.reserve(access, tier, cost)?;
        *self.reserved() = Some((reservation, cost));
        Ok(())
    }

    /// Notes a pool, and the view, that the request is about.
    pub(crate) fn touch(&self, pool: PoolId, view: Option<ViewId>) {
        let mut did = self.did();
        did.pools.insert(pool);
        did.view = view;
    }

    /// Counts the request for its key's usage, of each pool that it had to do with.
    pub(crate) fn count(&self, state: &AppState, is_answered: bool) {
        let Some(access) = self.0.access.get() else {
            return;
        };
        let Touched { pools, view } = std::mem::take(&mut *self.did());
        let counts = UsageCounts {
            requests: 1,
            refused: u64::from(!is_answered),
            records: 0,
        };
        let from = self.network();
        let note = |pool| {
            let did = Did {
                pool,
                view,
                from,
                counts,
            };
            state.control.note_usage(access, did);
        };
        let none = pools.is_empty().then_some(None);
        pools.into_iter().map(Some).chain(none).for_each(note);
        if self.0.is_question.get().is_some() {
            state.control.note_question(access);
        }
    }

    fn did(&self) -> std::sync::MutexGuard<'_, Touched> {
        self.0.did.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Charges what was set aside when the request is answered, and gives it
    /// back when it is refused.
    ///
    /// # Errors
    /// The charge could not be written: then the request is not answered.
    pub(crate) async fn settle(&self, state: &AppState, is_answered: bool) -> Result<(), ApiError> {
        let reserved = self.reserved().take();
        let Some((reservation, cost)) = reserved.filter(|_| is_answered) else {
            return Ok(());
        };
        Ok(state.control.charge(reservation, cost).await?)
    }

    fn reserved(&self) -> std::sync::MutexGuard<'_, Option<(Reservation, u64)>> {
        let reserved = self.0.reserved.lock();
        reserved.unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes of the limits of the caller's key, once for each request.
    ///
    /// # Errors
    /// The limit that is reached.
    pub(crate) fn enter(parts: &Parts, state: &AppState, access: &Access) -> Result<(), ApiError> {
        let passed = &Self::of(parts)?.0;
        if passed.entered.get().is_some() {
            return Ok(());
        }
        passed.access.get_or_init(|| access.clone());
        let asks = parts.extensions.get::<Asks>();
        if asks.is_some_and(|asks| asks.is_question) {
            passed.is_question.get_or_init(|| ());
        }
        let asks = asks.is_some();
        match state.control.meter(access, asks) {
            Ok(entered) => {
                if let Some(rate) = entered.rate() {
                    passed.rate.get_or_init(|| rate);
                }
                // One request is never looked at by two threads at once.
                let _ = passed.entered.set(entered);
                Ok(())
            }
            Err(over) => {
                if let OverLimit::Rate { limit, .. }
                | OverLimit::TokenRate { limit, .. }
                | OverLimit::IssuerRate { limit, .. } = over
                {
                    let remaining = 0;
                    passed
                        .rate
                        .get_or_init(|| RateStanding { limit, remaining });
                }
                Err(over.into())
            }
        }
    }

    /// Says where the key stands with its rate, in the fields of the IETF
    /// draft `ratelimit-headers` (11, May 2026). They say nothing of rows.
    pub(crate) fn tell(&self, headers: &mut HeaderMap) {
        let Some(RateStanding { limit, remaining }) = self.0.rate.get() else {
            return;
        };
        let window = RATE_WINDOW.as_secs();
        // The oldest request of the window leaves it within the window.
        let texts = [
            (RATE_POLICY, format!("\"second\";q={limit};w={window}")),
            (RATE, format!("\"second\";r={remaining};t={window}")),
        ];
        for (name, text) in texts {
            let value = HeaderValue::from_str(&text).expect("numbers are visible ASCII");
            headers.insert(name, value);
        }
    }
}

#[cfg(test)]
mod tests;
