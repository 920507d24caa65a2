//! Callers who sign their requests by HMAC, in the scheme of the clients of
//! Apperate. The body is part of what is signed and no header says its digest,
//! so it is held before anybody is let in: `docs/adr/037-keyed-signatures.md`.

use std::sync::{Arc, PoisonError, Weak};
use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::extract::Request;
use bytes::Bytes;
use control::SignedError;
use http::request::Parts;
use http::{HeaderMap, header};
use model::keys::{KEYED_SCHEME, KeyedFault, KeyedHead, KeyedRequest, Network, Said};
use model::limits::KEYED_BODY_BYTES_MAX;
use model::permit::Access;
use sha2::{Digest, Sha256};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::seen::said;
use super::{LetIn, admitted, circumstances};
use crate::error::{ApiError, Code};
use crate::input::{Received, receive};
use crate::plane::PlaneError;
use crate::state::{AppState, UNVERIFIED_OF_NETWORK_MAX};

const DATE: &str = "x-iex-date";

/// The digest of a body that is held, with the room that it takes.
#[derive(Clone, Debug)]
struct Held {
    digest: [u8; 32],
    _received: Option<Arc<Received>>,
}

/// Whether the sender signed the request in this scheme, well or not.
pub(super) fn is_keyed(headers: &HeaderMap) -> bool {
    headers.get_all(header::AUTHORIZATION).iter().any(|value| {
        let scheme = value.as_bytes().get(..KEYED_SCHEME.len());
        scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case(KEYED_SCHEME.as_bytes()))
    })
}

/// How long such a body may take altogether.
const BODY_TIME: Duration = Duration::from_secs(20);

/// The same request, of which the body is there and hashed, if it is signed so.
///
/// # Errors
/// What is wrong with it whatever its body; a body that is too large or takes
/// too long, and too many of them at once, of all senders or of one network.
pub(crate) async fn held(request: Request, state: &AppState) -> Result<Request, ApiError> {
    if !is_keyed(request.headers()) {
        return Ok(request);
    }
    let (mut parts, body) = request.into_parts();
    let (bytes, received) = match body.is_end_stream() {
        true => (Bytes::new(), None),
        false => {
            // Nothing is waited for that is refused in any case.
            read(&parts, [0; 32])?;
            let _places = places(&parts, state)?;
            let received = receive(body, KEYED_BODY_BYTES_MAX, None, state);
            let received = tokio::time::timeout(BODY_TIME, received).await;
            let received = received.map_err(|_| too_slow())??;
            (received.bytes.clone(), Some(Arc::new(received)))
        }
    };
    parts.extensions.insert(Held {
        digest: Sha256::digest(&bytes).into(),
        _received: received,
    });
    Ok(Request::from_parts(parts, Body::from(bytes)))
}

fn too_slow() -> ApiError {
    let seconds = BODY_TIME.as_secs();
    let detail = format!("a body that is signed by HMAC is there within {seconds} s");
    ApiError::new(Code::BodyTimeout, detail)
}

/// Places among those who send a body and whom nobody knows yet: few, and of one
/// network fewer.
fn places(parts: &Parts, state: &AppState) -> Result<[OwnedSemaphorePermit; 2], ApiError> {
    let busy = |_| {
        ApiError::from(PlaneError::Busy {
            retry_after: Duration::from_secs(1),
        })
    };
    let from = circumstances(parts).address().map(Network::of);
    let mut all = state
        .unverified_of
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    let of_network = all.get(&from).and_then(Weak::upgrade).unwrap_or_else(|| {
        all.retain(|_, places| places.strong_count() > 0);
        let places = Arc::new(Semaphore::new(UNVERIFIED_OF_NETWORK_MAX));
        all.insert(from, Arc::downgrade(&places));
        places
    });
    drop(all);
    let of_all = state.unverified_bodies.clone();
    Ok([
        of_network.try_acquire_owned().map_err(busy)?,
        of_all.try_acquire_owned().map_err(busy)?,
    ])
}

/// Refuses a call that administers: what it is signed with the server can
/// recover, and a token it cannot.
///
/// # Errors
/// [`Code::SignatureRefused`].
pub(super) fn refuse_to_administer(headers: &HeaderMap) -> Result<(), ApiError> {
    match is_keyed(headers) {
        false => Ok(()),
        true => Err(ApiError::new(
            Code::SignatureRefused,
            "with a signing secret nobody administers; send the token, or sign by RFC 9421 under it",
        )),
    }
}

/// Lets the sender of a signed request in.
///
/// # Errors
/// Which rule the signature breaks, whatever the secret; for a signature that
/// is not the key's the same as for a token that no key has.
pub(super) async fn let_in(parts: &Parts, state: &AppState) -> Result<Access, ApiError> {
    let held = parts.extensions.get::<Held>();
    let held = held.ok_or_else(|| ApiError::internal("the body of a signed call is not held"))?;
    let request = read(parts, held.digest)?;
    let let_in = LetIn::of(parts)?;
    let (spent, seen) = (let_in.spent(), circumstances(parts));
    // The key's limits are asked before the signature is spent: a refusal writes nothing.
    let admit = |access: &Access| admitted(parts, state, access).map_err(Refused);
    let control = &state.control;
    let entered = control.authenticate_keyed(&request, &seen, spent, admit);
    let (access, nonce) = entered.await.map_err(|Refused(error)| error)?;
    let_in.note_spent(nonce);
    Ok(access)
}

/// The request as it is signed, with a body of this digest.
fn read(parts: &Parts, body: [u8; 32]) -> Result<KeyedRequest<'_>, ApiError> {
    let refused = |fault: KeyedFault| ApiError::new(Code::SignatureRefused, fault.to_string());
    let one = |name: &'static str, fault| match said(&parts.headers, name) {
        Said::Text(text) => Ok(Some(text)),
        Said::Nothing => Ok(None),
        Said::Unclear => Err(refused(fault)),
    };
    let host = match parts.uri.authority() {
        Some(authority) => Some(authority.as_str()),
        None => one("host", KeyedFault::Host)?,
    };
    let head = KeyedHead {
        method: parts.method.as_str(),
        host: host.unwrap_or_default(),
        path: parts.uri.path(),
        query: parts.uri.query().unwrap_or_default(),
        authorization: one("authorization", KeyedFault::Authorization)?.unwrap_or_default(),
        date: one(DATE, KeyedFault::Date)?,
        body,
    };
    KeyedRequest::read(head, LetIn::of(parts)?.arrived()).map_err(refused)
}

/// Why nobody is let in, in the words of this scheme.
struct Refused(ApiError);

impl From<SignedError> for Refused {
    fn from(error: SignedError) -> Self {
        Self(match error {
            SignedError::Replayed => ApiError::new(
                Code::SignatureRefused,
                "a request with this signature was let in before; sign it anew, in another second",
            ),
            error => error.into(),
        })
    }
}

#[cfg(test)]
mod tests;
