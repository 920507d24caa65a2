//! Callers who sign their requests by HMAC, in the scheme of the clients of
//! Apperate. The body is part of what is signed and no header says its digest,
//! so it is held before anybody is let in: `docs/adr/037-keyed-signatures.md`.

mod places;

pub(crate) use places::Unverified;

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::extract::Request;
use bytes::Bytes;
use control::SignedError;
use http::HeaderMap;
use http::request::Parts;
use model::keys::{KeyedFault, KeyedHead, KeyedRequest, Network, Said};
use model::limits::KEYED_BODY_BYTES_MAX;
use model::permit::Access;
use sha2::{Digest, Sha256};

use super::scheme::Scheme;
use super::seen::said;
use super::{LetIn, admitted, circumstances};
use crate::error::{ApiError, Code};
use crate::input::{Received, each_piece, receive};
use crate::plane::PlaneError;
use crate::state::AppState;
use places::Named;

const DATE: &str = "x-iex-date";

/// The digest of a body that is held, with the room that it takes.
#[derive(Clone, Debug)]
struct Held {
    digest: [u8; 32],
    _received: Option<Arc<Received>>,
}

/// How long such a body may take altogether.
const BODY_TIME: Duration = Duration::from_secs(20);

/// The same request, of which the body is there and hashed, if it is signed so.
///
/// Whoever names a key that could let nobody in waits as long as everybody else,
/// and is refused behind the body: whether there is such a key is told to none
/// who cannot sign. Such a body takes no place and is kept nowhere.
///
/// # Errors
/// What is wrong with it whatever its body; a body that is too large or takes
/// too long, and too many of them at once, of all senders, of one key or of one
/// network.
pub(crate) async fn held(request: Request, state: &AppState) -> Result<Request, ApiError> {
    // What is signed in two schemes is refused whatever its body.
    if !matches!(Scheme::of(request.headers()), Ok(Some(Scheme::Apperate))) {
        return Ok(request);
    }
    let (mut parts, body) = request.into_parts();
    let (bytes, held) = match body.is_end_stream() {
        true => (Bytes::new(), Held::of(&Bytes::new(), None)),
        false => {
            let wait = async {
                // Nothing is waited for that is refused in any case.
                let request = read(&parts, [0; 32])?;
                let seen = circumstances(&parts);
                let key = state.control.may_be_signed(&request, &seen);
                let named = key.map_or(Named::Nobody(request.named()), Named::Key);
                let from = seen.address().map(Network::of);
                let _place = state.unverified.take(named, from).ok_or_else(busy)?;
                let waited = tokio::time::timeout(BODY_TIME, async {
                    match key {
                        Some(_) => kept(body, state).await,
                        None => forgotten(body, state).await,
                    }
                });
                waited.await.map_err(|_| too_slow())?
            };
            wait.await?
        }
    };
    parts.extensions.insert(held);
    Ok(Request::from_parts(parts, Body::from(bytes)))
}

async fn kept(body: Body, state: &AppState) -> Result<(Bytes, Held), ApiError> {
    let received = receive(body, KEYED_BODY_BYTES_MAX, None, state).await?;
    let bytes = received.bytes.clone();
    let held = Held::of(&bytes, Some(Arc::new(received)));
    Ok((bytes, held))
}

/// The same work for a body that lets nobody in. What is held in its place is
/// signed by no signature.
async fn forgotten(body: Body, state: &AppState) -> Result<(Bytes, Held), ApiError> {
    let mut digest = Sha256::new();
    let hashed = each_piece(body, KEYED_BODY_BYTES_MAX, state, |piece| {
        digest.update(&piece);
        Ok(())
    });
    hashed.await?;
    std::hint::black_box(digest.finalize());
    let held = Held {
        digest: [0; 32],
        _received: None,
    };
    Ok((Bytes::new(), held))
}

impl Held {
    fn of(bytes: &Bytes, received: Option<Arc<Received>>) -> Self {
        Self {
            digest: Sha256::digest(bytes).into(),
            _received: received,
        }
    }
}

fn too_slow() -> ApiError {
    let seconds = BODY_TIME.as_secs();
    let detail = format!("a body that is signed by HMAC is there within {seconds} s");
    ApiError::new(Code::BodyTimeout, detail)
}

fn busy() -> ApiError {
    ApiError::from(PlaneError::Busy {
        retry_after: Duration::from_secs(1),
    })
}

/// Refuses a call that administers, in either scheme by HMAC: what it is signed
/// with the server can recover, and a token it cannot.
///
/// # Errors
/// [`Code::SignatureRefused`].
pub(super) fn refuse_to_administer(headers: &HeaderMap) -> Result<(), ApiError> {
    match Scheme::of(headers)? {
        Some(Scheme::Message) | None => Ok(()),
        Some(Scheme::Apperate | Scheme::Listed) => Err(ApiError::new(
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
    enter(&read(parts, held.digest)?, parts, state).await
}

/// Lets the sender of a request in that was read, in either scheme by HMAC.
///
/// # Errors
/// As for [`let_in`]; a signature that was there before.
pub(super) async fn enter(
    request: &KeyedRequest<'_>,
    parts: &Parts,
    state: &AppState,
) -> Result<Access, ApiError> {
    let let_in = LetIn::of(parts)?;
    let (spent, seen) = (let_in.spent(), circumstances(parts));
    // The key's limits are asked before the signature is spent: a refusal writes nothing.
    let admit = |access: &Access| admitted(parts, state, access).map_err(Refused);
    let control = &state.control;
    let entered = control.authenticate_keyed(request, &seen, spent, admit);
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

/// Why nobody is let in, in the words of schemes without a nonce.
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
