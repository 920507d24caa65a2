//! What happens around every handler: the request's id, the headers that
//! every answer has, problem documents, the log, the counters, and what a
//! panic turns into.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures::FutureExt;
use http::{HeaderName, HeaderValue, Method, header};
use http_body_util::BodyExt;
use model::ids::RequestId;
use model::secrets::SecretId;

use crate::caller::{checked, held, refuse_key_in_address};
use crate::console;
use crate::cors;
use crate::error::{ApiError, PROBLEM_TYPE, Problem};
use crate::input::Parameters;
use crate::keen;
use crate::metering::LetIn;
use crate::state::AppState;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// When the secret that a request came with ends, where it was replaced.
const SECRET_EXPIRES: HeaderName = HeaderName::from_static("tidegate-secret-expires");

/// The word for a request that no route takes, in logs and counters.
const NO_ROUTE: &str = "none";

/// Runs one request. Afterwards the answer has its id and its headers, an
/// error has its problem document, and the request is logged and counted: by
/// its route's pattern, never by its address.
pub(crate) async fn around(
    State(state): State<AppState>,
    mut request: Request,
    next: Next,
) -> Response {
    let started = state.clock.now();
    let id = RequestId::generate(started, &*state.random);
    let let_in = LetIn::arrived_at(started);
    request.extensions_mut().insert(let_in.clone());
    let method = request.method().clone();
    let matched = request.extensions().get::<MatchedPath>().cloned();
    let is_keen = keen::serves(request.uri().path());
    let came = console::Came::to(request.uri(), request.headers());
    let pattern = matched.as_ref().map(MatchedPath::as_str);
    let preflight = cors::preflight(&state, pattern, &method, request.headers());
    let mut counted = Counted {
        let_in: let_in.clone(),
        state: state.clone(),
        is_answered: false,
    };
    let mut response = match (refuse_key_in_address(request.uri()), preflight) {
        (Err(error), _) => error.into_response(),
        (Ok(()), _) if is_keen && method == Method::OPTIONS => keen::preflight(),
        (Ok(()), Some(told)) => told,
        (Ok(()), None) => match with_signed_body(request, &state).await {
            Err(error) => error.into_response(),
            Ok(request) => AssertUnwindSafe(next.run(request))
                .catch_unwind()
                .await
                .unwrap_or_else(|_| ApiError::internal("a handler panicked").into_response()),
        },
    };
    let is_answered = !response.status().is_client_error() && !response.status().is_server_error();
    let settled = let_in.settle(&state, is_answered).await;
    counted.is_answered = is_answered && settled.is_ok();
    drop(counted);
    if let Err(error) = settled {
        response = error.into_response();
    }
    if let Some(problem) = response.extensions_mut().remove::<Arc<Problem>>() {
        problem.log(id);
        if is_keen {
            keen::finish_error(&mut response, &problem, id);
        } else if let Some(came) = &came {
            console::finish_error(&mut response, &problem, id, (came, &state));
        } else {
            let media_type = HeaderValue::from_static(PROBLEM_TYPE);
            let headers = response.headers_mut();
            headers.insert(header::CONTENT_TYPE, media_type);
            *response.body_mut() = Body::from(problem.document(id));
        }
    } else {
        let held = let_in.clone();
        response = response.map(|body| logging_its_end(body, id, held));
    }
    stamp(&mut response, id);
    if let Some(period) = &state.strict_transport {
        let headers = response.headers_mut();
        headers.insert(header::STRICT_TRANSPORT_SECURITY, period.clone());
    }
    if let Some(console::Shown(problem)) = response.extensions_mut().remove() {
        problem.log(id);
    }
    if came.is_some() {
        console::finish(&mut response);
    }
    if state.rate_headers {
        let_in.tell(response.headers_mut());
    }
    if let Some(access) = let_in.access() {
        warn_of_end(
            &state,
            (access.secret(), let_in.has_secret()),
            &mut response,
        )
        .await;
    }
    if is_keen {
        keen::share(&mut response);
    } else {
        cors::share(&mut response, (pattern, &method), let_in.page());
    }
    let route = matched.as_ref().map_or(NO_ROUTE, MatchedPath::as_str);
    let micros = state.clock.now().as_microsecond() - started.as_microsecond();
    let micros = u64::try_from(micros).unwrap_or(0);
    state
        .metrics
        .count(route, &method, response.status(), micros);
    let (status, key) = (response.status().as_u16(), let_in.key());
    tracing::info!(
        target: "access",
        request = %id,
        %method,
        route,
        status,
        micros,
        key = key.map(tracing::field::display),
        "request"
    );
    response
}

/// A request counts however it ends, also when its sender goes away.
struct Counted {
    let_in: LetIn,
    state: AppState,
    is_answered: bool,
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.let_in.count(&self.state, self.is_answered);
    }
}

/// The same request; if it is signed, so is the body that is read.
async fn with_signed_body(request: Request, state: &AppState) -> Result<Request, ApiError> {
    let (parts, body) = request.into_parts();
    let body = checked(body, &parts.headers);
    let request = Request::from_parts(parts, body);
    // Only where it can let somebody in.
    let is_native = request.uri().path().starts_with("/v1/");
    match is_native && request.extensions().get::<MatchedPath>().is_some() {
        true => held(request, state).await,
        false => Ok(request),
    }
}

/// Tells whoever came with a secret that was replaced when it ends, and sees
/// to it that this use of it counts after a crash. Whoever came by what was made
/// of the secret has none to replace, and is told nothing of its key's.
async fn warn_of_end(
    state: &AppState,
    (secret, is_presented): (SecretId, bool),
    response: &mut Response,
) {
    let Some(end) = state.control.grace_of(secret) else {
        return;
    };
    if is_presented {
        let end = HeaderValue::from_str(&end.to_string()).expect("a time is visible ASCII");
        response.headers_mut().insert(SECRET_EXPIRES, end);
    }
    if let Err(error) = state.control.settle_use(secret).await {
        tracing::warn!(%secret, %error, "the use of a replaced secret was not saved");
    }
}

/// The same body; when it breaks off, which its reader only sees as an end
/// that is missing, the log has the cause. Until it is sent or given up, the
/// request counts as one that is being answered.
fn logging_its_end(body: Body, request: RequestId, held: LetIn) -> Body {
    Body::new(body.map_err(move |error| {
        let _ = &held;
        tracing::error!(%request, inside = %chain(&error), "answer broken off");
        error
    }))
}

/// The error's words and those of its causes; a wrapper often says no more
/// than what it wraps.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    let mut words: Vec<String> = causes.map(ToString::to_string).collect();
    words.dedup();
    words.join(": ")
}

/// What a browser may keep of an answer, and what the answer depends on, in
/// an extension of a response. Without it nothing is kept by anybody.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Caching {
    /// For how many seconds the caller alone keeps it; `None` for not at all.
    pub(crate) seconds: Option<u64>,
    /// The headers that it depends on.
    pub(crate) vary: &'static str,
}

impl Caching {
    const USUAL: Self = Self {
        seconds: None,
        vary: "Authorization, Origin, Accept",
    };

    fn control(self) -> HeaderValue {
        let Some(seconds) = self.seconds else {
            return HeaderValue::from_static("no-store");
        };
        let control = format!("private, max-age={seconds}");
        HeaderValue::from_str(&control).expect("a number is visible ASCII")
    }
}

fn stamp(response: &mut Response, id: RequestId) {
    let caching = response.extensions_mut().remove::<Caching>();
    let caching = caching.unwrap_or(Caching::USUAL);
    let id = HeaderValue::from_str(&id.to_string()).expect("a ULID is visible ASCII");
    let headers = response.headers_mut();
    headers.insert(REQUEST_ID, id);
    headers.insert(header::CACHE_CONTROL, caching.control());
    for (name, value) in [
        (header::VARY, caching.vary),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

/// Reads the parameters that the route knows and refuses all others.
pub(crate) async fn read_parameters(
    State(known): State<&'static [&'static str]>,
    mut request: Request,
    next: Next,
) -> Response {
    let query = request.uri().query().unwrap_or_default();
    match Parameters::parse(query, known) {
        Err(fault) => ApiError::from(fault).into_response(),
        Ok(parameters) => {
            request.extensions_mut().insert(parameters);
            next.run(request).await
        }
    }
}

/// Carries a change through to its end even when its caller goes away: what
/// has been written is then also in force and cleaned up after.
pub(crate) async fn to_completion(request: Request, next: Next) -> Response {
    match tokio::spawn(next.run(request)).await {
        Ok(response) => response,
        Err(_) => ApiError::internal("a handler panicked").into_response(),
    }
}

#[cfg(test)]
mod tests;
