//! What every answer of the console says to the browser (K10, K23), whichever
//! handler, refusal or failure it comes from.

use axum::response::Response;
use http::{HeaderName, HeaderValue, header};

use crate::charts::Theme;

/// In an extension of a response: the bytes at this address never change.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unchanging;

/// In an extension of a response: a picture with the style sheet of this theme in it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Drawn(pub(super) Theme);

/// Nothing is loaded, sent or run but what the server itself gives; no script
/// stands in a page, and no page of another site shows one of ours.
pub(super) const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self'; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// Names and values; what concerns all answers of the server is not among them.
pub(super) const HEADERS: [(HeaderName, &str); 7] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("permissions-policy"),
        "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    ),
    (header::VARY, "Cookie"),
];

/// What goes for a picture that is opened by itself: it has its own style sheet, known
/// by its digest, and nothing else.
fn policy_of(Drawn(theme): Drawn) -> String {
    format!(
        "default-src 'none'; style-src {}; form-action 'none'; frame-ancestors 'none'; base-uri 'none'",
        theme.style_source()
    )
}

/// For good, as far as browsers remember anything.
const FOR_GOOD: &str = "public, max-age=31536000, immutable";

/// Puts them on an answer that is otherwise complete.
pub(crate) fn finish(response: &mut Response) {
    let is_unchanging = response.extensions_mut().remove::<Unchanging>().is_some();
    let drawn = response.extensions_mut().remove::<Drawn>();
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if let Some(drawn) = drawn {
        let policy = HeaderValue::from_str(&policy_of(drawn));
        let policy = policy.expect("a digest in base64 is visible ASCII");
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    if is_unchanging {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(FOR_GOOD));
    }
}
