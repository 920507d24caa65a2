//! Callers who sign their requests by HMAC over a list of headers, as clients of
//! Ubiq do. The digest of the body is among them, so nobody has to hold that: it
//! is checked as it comes. `docs/adr/037-keyed-signatures.md`.

use http::request::Parts;
use http::uri::Authority;
use model::keys::{KeyedRequest, ListedFault, ListedHead, Said};
use model::permit::Access;

use super::LetIn;
use super::keyed::enter;
use super::seen::said;
use super::signed::SIGNATURE;
use crate::error::{ApiError, Code};
use crate::state::AppState;

/// Lets the sender of a signed request in.
///
/// # Errors
/// Which rule the signature breaks, whatever the secret; for a signature that
/// is not the key's the same as for a token that no key has.
pub(super) async fn let_in(parts: &Parts, state: &AppState) -> Result<Access, ApiError> {
    enter(&read(parts)?, parts, state).await
}

fn read(parts: &Parts) -> Result<KeyedRequest<'_>, ApiError> {
    let Said::Text(signature) = said(&parts.headers, SIGNATURE) else {
        return Err(refused(ListedFault::Signature));
    };
    let path = parts.uri.path_and_query();
    let head = ListedHead {
        method: parts.method.as_str(),
        target: path.map_or("/", |path| path.as_str()),
        signature,
    };
    let arrived = LetIn::of(parts)?.arrived();
    KeyedRequest::read_listed(head, |name| value(parts, name), arrived).map_err(refused)
}

fn refused(fault: ListedFault) -> ApiError {
    ApiError::new(Code::SignatureRefused, fault.to_string())
}

/// What a header says. What the server was asked as is told before the headers
/// in HTTP/2, and a `Host` beside it may say nothing else.
fn value<'p>(parts: &'p Parts, name: &str) -> Said<'p> {
    let said = said(&parts.headers, name);
    let authority = parts.uri.authority().filter(|_| name == "host");
    match (authority.map(Authority::as_str), said) {
        (None, said) => said,
        (Some(authority), Said::Nothing) => Said::Text(authority),
        (Some(authority), Said::Text(host)) if host == authority => said,
        (Some(_), Said::Text(_) | Said::Unclear) => Said::Unclear,
    }
}

#[cfg(test)]
mod tests;
