//! The cookie that comes with the address of a page that is shown once. Whoever
//! has the address alone is shown nothing, in the same session, too.

use http::{HeaderMap, HeaderValue};
use sha2::{Digest, Sha256};

use super::WAITS;
use crate::session::only_cookie;

/// Its prefix means what it does for the session's cookie.
const COOKIE: &str = "__Host-tidegate-once";

/// What is kept of a cookie, to know it again.
pub(super) type Mark = [u8; 32];

/// The mark of a cookie with this value.
pub(super) fn mark_of(value: &str) -> Mark {
    Sha256::digest(value).into()
}

/// Whether a pair of a request's cookies is such a one.
pub(super) fn is_one(pair: &[u8]) -> bool {
    let rest = pair.strip_prefix(COOKIE.as_bytes());
    rest.is_some_and(|rest| rest.starts_with(b"="))
}

/// Gives a browser the cookie, for as long as the page waits.
pub(super) fn give(value: &str) -> HeaderValue {
    let seconds = WAITS.as_secs();
    let cookie =
        format!("{COOKIE}={value}; Path=/; Max-Age={seconds}; Secure; HttpOnly; SameSite=Strict");
    let mut cookie = HeaderValue::from_str(&cookie).expect("digits are visible ASCII");
    cookie.set_sensitive(true);
    cookie
}

/// The mark of the cookie that a request brings, as [`only_cookie`] has it.
pub(super) fn presented(headers: &HeaderMap) -> Option<Mark> {
    only_cookie(headers, COOKIE).map(mark_of)
}
