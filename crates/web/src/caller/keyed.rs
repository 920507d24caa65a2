//! Callers who sign their requests by HMAC, in the scheme of the clients of
//! Apperate. The body is part of what is signed and no header says its digest,
//! so it is held before anybody is let in: `docs/adr/037-keyed-signatures.md`.

use std::sync::Arc;

use axum::body::{Body, HttpBody};
use axum::extract::Request;
use bytes::Bytes;
use control::SignedError;
use http::request::Parts;
use http::{HeaderMap, header};
use model::keys::{KEYED_SCHEME, KeyedFault, KeyedHead, KeyedRequest, Said};
use model::limits::KEYED_BODY_BYTES_MAX;
use model::permit::Access;
use sha2::{Digest, Sha256};

use super::seen::said;
use super::{LetIn, admitted, circumstances};
use crate::error::{ApiError, Code};
use crate::input::{Received, receive};
use crate::plane::PlaneError;
use crate::state::AppState;

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

/// The same request, of which the body is there and hashed, if it is signed so.
///
/// # Errors
/// A body that is too large or does not come, and too many of them at once.
pub(crate) async fn held(request: Request, state: &AppState) -> Result<Request, ApiError> {
    if !is_keyed(request.headers()) {
        return Ok(request);
    }
    let (mut parts, body) = request.into_parts();
    let (bytes, received) = match body.is_end_stream() {
        true => (Bytes::new(), None),
        false => {
            // Of what nobody answers for yet there is little at one time.
            let place = state.unverified_bodies.clone().try_acquire_owned();
            let _place = place.map_err(|_| PlaneError::Busy {
                retry_after: std::time::Duration::from_secs(1),
            })?;
            let received = receive(body, KEYED_BODY_BYTES_MAX, None, state).await?;
            (received.bytes.clone(), Some(Arc::new(received)))
        }
    };
    parts.extensions.insert(Held {
        digest: Sha256::digest(&bytes).into(),
        _received: received,
    });
    Ok(Request::from_parts(parts, Body::from(bytes)))
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
    let held = parts.extensions.get::<Held>();
    let held = held.ok_or_else(|| ApiError::internal("the body of a signed call is not held"))?;
    let head = KeyedHead {
        method: parts.method.as_str(),
        host: host.unwrap_or_default(),
        path: parts.uri.path(),
        query: parts.uri.query().unwrap_or_default(),
        authorization: one("authorization", KeyedFault::Authorization)?.unwrap_or_default(),
        date: one(DATE, KeyedFault::Date)?,
        body: held.digest,
    };
    let let_in = LetIn::of(parts)?;
    let request = KeyedRequest::read(head, let_in.arrived()).map_err(refused)?;
    let (spent, seen) = (let_in.spent(), circumstances(parts));
    // The key's limits are asked before the signature is spent: a refusal writes nothing.
    let admit = |access: &Access| admitted(parts, state, access).map_err(Refused);
    let control = &state.control;
    let entered = control.authenticate_keyed(&request, &seen, spent, admit);
    let (access, nonce) = entered.await.map_err(|Refused(error)| error)?;
    let_in.note_spent(nonce);
    Ok(access)
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
