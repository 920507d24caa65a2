//! In which scheme a request is signed, if it is.

use http::{HeaderMap, header};
use model::keys::KEYED_SCHEME;

use super::signed::{SIGNATURE, SIGNATURE_INPUT};
use crate::error::{ApiError, Code};

/// How the listed scheme's `Signature` begins.
const KEY_ID: &str = "keyId=";

/// The schemes in which a request may be signed, well or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scheme {
    /// RFC 9421, under a token.
    Message,
    /// By HMAC, as clients of Apperate do.
    Apperate,
    /// By HMAC over a list of headers.
    Listed,
}

impl Scheme {
    /// The scheme of a request with these headers; `None` of one that is not signed.
    ///
    /// # Errors
    /// [`Code::SignatureRefused`] where it would be two, and where a signature has
    /// a secret beside it.
    pub(super) fn of(headers: &HeaderMap) -> Result<Option<Self>, ApiError> {
        let scheme = match (headers.contains_key(SIGNATURE_INPUT), is_listed(headers)) {
            (false, false) => return Ok(is_keyed(headers).then_some(Self::Apperate)),
            (true, false) => Self::Message,
            (false, true) => Self::Listed,
            (true, true) => {
                return Err(refused(
                    "a request is signed in one scheme: with Signature-Input beside Signature, \
                     or with a Signature that begins with keyId, alone",
                ));
            }
        };
        match headers.contains_key(header::AUTHORIZATION) {
            false => Ok(Some(scheme)),
            true => Err(refused(
                "a signed request has no Authorization: the secret stays where it is",
            )),
        }
    }
}

fn refused(detail: &'static str) -> ApiError {
    ApiError::new(Code::SignatureRefused, detail)
}

fn is_keyed(headers: &HeaderMap) -> bool {
    begins(headers, "authorization", KEYED_SCHEME)
}

fn is_listed(headers: &HeaderMap) -> bool {
    begins(headers, SIGNATURE, KEY_ID)
}

/// Whether any header of this name begins like this, in whichever case: what is
/// not of the one form is refused as such.
fn begins(headers: &HeaderMap, name: &str, with: &str) -> bool {
    headers.get_all(name).iter().any(|value| {
        let start = value.as_bytes().get(..with.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(with.as_bytes()))
    })
}
