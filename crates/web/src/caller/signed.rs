//! Callers who sign their requests under their token instead of showing it, and
//! the bodies of all whose digest is signed in the head.

use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Body;
use bytes::Bytes;
use control::SignedError;
use futures::{StreamExt, TryStreamExt, stream};
use http::HeaderMap;
use http::request::Parts;
use model::keys::{Said, SignatureFault, SignedHead, SignedRequest, digest_of, listed_digest};
use model::permit::Access;
use sha2::{Digest, Sha256, Sha512};

use super::scheme::Scheme;
use super::seen::said;
use super::{LetIn, admitted, circumstances};
use crate::error::{ApiError, Code};
use crate::plane::PlaneError;
use crate::state::AppState;

pub(super) const SIGNATURE_INPUT: &str = "signature-input";
pub(super) const SIGNATURE: &str = "signature";
const CONTENT_DIGEST: &str = "content-digest";

/// Lets the sender of a signed request in.
///
/// # Errors
/// Which rule the signature breaks, whatever the secret; for a signature that
/// is not the key's the same as for a token that no key has.
pub(super) async fn let_in(parts: &Parts, state: &AppState) -> Result<Access, ApiError> {
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
#[error("the body is not the one of {0}")]
struct OtherBody(&'static str);

/// The body of a request whose head has a signed digest. It ends in an error
/// unless its bytes are those of the digest: whoever reads a body to its end, as
/// every call does before it acts, acts on what was signed.
pub(crate) fn checked(body: Body, headers: &HeaderMap) -> Body {
    let text = |name: &'static str| match said(headers, name) {
        Said::Text(text) => Some(text),
        Said::Nothing | Said::Unclear => None,
    };
    match Scheme::of(headers) {
        Ok(Some(Scheme::Message)) => {
            let digest = text(CONTENT_DIGEST).and_then(digest_of);
            hashed::<Sha256>(body, digest.map(Vec::from), "Content-Digest")
        }
        Ok(Some(Scheme::Listed)) => {
            let digest = text("digest").and_then(listed_digest);
            hashed::<Sha512>(body, digest.map(Vec::from), "Digest")
        }
        // There it is held, and of the others nobody is let in by a signature.
        Ok(Some(Scheme::Apperate) | None) | Err(_) => body,
    }
}

fn hashed<D: Digest + Clone + Send + 'static>(
    body: Body,
    digest: Option<Vec<u8>>,
    header: &'static str,
) -> Body {
    // Without one nobody is let in who signs.
    let Some(digest) = digest else {
        return body;
    };
    let hash = Arc::new(Mutex::new(D::new()));
    let read = Arc::clone(&hash);
    let add = move |bytes: &Bytes| {
        let mut hash = hash.lock().unwrap_or_else(PoisonError::into_inner);
        hash.update(bytes);
    };
    let end = async move {
        let hash = read.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match hash.finalize().to_vec() == digest {
            true => Ok(Bytes::new()),
            false => Err(axum::Error::new(OtherBody(header))),
        }
    };
    let data = body.into_data_stream().inspect_ok(add);
    Body::from_stream(data.chain(stream::once(end)))
}

/// The answer to a body that is not the signed one, if that is what broke it off.
pub(crate) fn refusal_of(error: &axum::Error) -> Option<ApiError> {
    other_body(error).map(|OtherBody(header)| {
        let detail = format!(
            "the body is not the one of {header}; sign the digest of the very bytes that are sent"
        );
        ApiError::new(Code::SignatureRefused, detail)
    })
}

fn other_body<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e OtherBody> {
    let other = error.downcast_ref::<OtherBody>();
    other.or_else(|| error.source().and_then(other_body))
}

#[cfg(test)]
pub(crate) mod tests;
