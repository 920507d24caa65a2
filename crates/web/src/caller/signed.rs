//! Callers who sign their requests instead of showing a token.

use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Body;
use bytes::Bytes;
use control::SignedError;
use futures::{StreamExt, TryStreamExt, stream};
use http::request::Parts;
use http::{HeaderMap, header};
use model::keys::{Said, SignatureFault, SignedHead, SignedRequest, digest_of};
use model::permit::Access;
use sha2::{Digest, Sha256};

use super::seen::said;
use super::{LetIn, admitted, circumstances};
use crate::error::{ApiError, Code};
use crate::plane::PlaneError;
use crate::state::AppState;

const SIGNATURE_INPUT: &str = "signature-input";
const SIGNATURE: &str = "signature";
const CONTENT_DIGEST: &str = "content-digest";

/// Whether the sender signed the request, well or not.
pub(super) fn is_signed(headers: &HeaderMap) -> bool {
    headers.contains_key(SIGNATURE_INPUT)
}

/// Lets the sender of a signed request in.
///
/// # Errors
/// Which rule the signature breaks, whatever the secret; for a signature that
/// is not the key's the same as for a token that no key has.
pub(super) async fn let_in(parts: &Parts, state: &AppState) -> Result<Access, ApiError> {
    if parts.headers.contains_key(header::AUTHORIZATION) {
        let detail = "a signed request has no Authorization: the secret stays where it is";
        return Err(ApiError::new(Code::SignatureRefused, detail));
    }
    let refused = |fault: SignatureFault| ApiError::new(Code::SignatureRefused, fault.to_string());
    let one = |name: &'static str| match said(&parts.headers, name) {
        Said::Text(text) => Ok(Some(text)),
        Said::Nothing => Ok(None),
        Said::Unclear => Err(refused(SignatureFault::Input)),
    };
    let authority = match parts.uri.authority() {
        Some(authority) => Some(authority.as_str()),
        None => one("host")?,
    };
    let path = parts.uri.path_and_query();
    let head = SignedHead {
        method: parts.method.as_str(),
        authority: authority.unwrap_or_default(),
        path_and_query: path.map_or("/", |path| path.as_str()),
        content_type: one("content-type")?,
        content_digest: one(CONTENT_DIGEST)?,
        signature_input: one(SIGNATURE_INPUT)?.unwrap_or_default(),
        signature: one(SIGNATURE)?,
    };
    let let_in = LetIn::of(parts)?;
    let request = SignedRequest::read(head, let_in.arrived()).map_err(refused)?;
    let (spent, seen) = (let_in.spent(), circumstances(parts));
    // The key's limits are asked before the nonce is spent: a refusal writes nothing.
    let admit = |access: &Access| {
        LetIn::note_secret(parts);
        admitted(parts, state, access)
    };
    let control = &state.control;
    let entered = control.authenticate_signed(&request, &seen, spent, admit);
    let (access, nonce) = entered.await?;
    let_in.note_spent(nonce);
    Ok(access)
}

impl From<SignedError> for ApiError {
    fn from(error: SignedError) -> Self {
        match error {
            SignedError::Auth(error) => error.into(),
            SignedError::Replayed => Self::new(
                Code::SignatureRefused,
                "a request with this nonce was let in before; sign each one with a fresh nonce",
            ),
            SignedError::BeforeClock => Self::new(
                Code::SignatureRefused,
                "the request was signed before the server's clock was set right; sign it anew",
            ),
            SignedError::TooLate => Self::new(
                Code::SignatureRefused,
                "the request took so long to come that it cannot be told from a repetition; sign it anew",
            ),
            SignedError::FalseTime => Self::new(
                Code::SignatureRefused,
                "the server's clock showed this time once while it was wrong, and what was signed then does not \
                 count; until that time is over, send the token itself, where the key takes it",
            ),
            SignedError::Busy => PlaneError::Busy {
                retry_after: std::time::Duration::from_secs(10),
            }
            .into(),
            SignedError::Control(error) => error.into(),
        }
    }
}

/// The body is another one than was signed.
#[derive(Debug, thiserror::Error)]
#[error("the body is not the one of Content-Digest")]
struct OtherBody;

/// The body of a signed request, which ends in an error unless its bytes are
/// those of its digest: whoever reads a body to its end, as every call does
/// before it acts, acts on what was signed.
pub(crate) fn checked(body: Body, headers: &HeaderMap) -> Body {
    let digest = match said(headers, CONTENT_DIGEST) {
        Said::Text(text) if is_signed(headers) => digest_of(text),
        _ => None,
    };
    // Without one nobody is let in who signs.
    let Some(digest) = digest else {
        return body;
    };
    let hash = Arc::new(Mutex::new(Sha256::new()));
    let read = Arc::clone(&hash);
    let add = move |bytes: &Bytes| {
        let mut hash = hash.lock().unwrap_or_else(PoisonError::into_inner);
        hash.update(bytes);
    };
    let end = async move {
        let hash = read.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let found: [u8; 32] = hash.finalize().into();
        match found == digest {
            true => Ok(Bytes::new()),
            false => Err(axum::Error::new(OtherBody)),
        }
    };
    let data = body.into_data_stream().inspect_ok(add);
    Body::from_stream(data.chain(stream::once(end)))
}

/// The answer to a body that is not the signed one, if that is what broke it off.
pub(crate) fn refusal_of(error: &axum::Error) -> Option<ApiError> {
    is_other_body(error).then(|| {
        ApiError::new(
            Code::SignatureRefused,
            "the body is not the one of Content-Digest; sign the digest of the very bytes that are sent",
        )
    })
}

fn is_other_body(error: &(dyn Error + 'static)) -> bool {
    error.is::<OtherBody>() || error.source().is_some_and(is_other_body)
}

#[cfg(test)]
pub(crate) mod tests;
