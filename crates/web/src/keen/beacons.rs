//! Events in the address of an image, a script or a link.

use http::HeaderValue;
use model::limits::{KEEN_CALLBACK_CHARS_MAX, KEEN_REDIRECT_CHARS_MAX};

/// A transparent image of one pixel.
pub(crate) const PIXEL: &[u8] = &[
    0x47, 0x49, 0x46, 0x38, 0x39, 0x61, 0x01, 0x00, 0x01, 0x00, 0x80, 0x00, 0x00, 0x00, 0x00, 0x00,
    0xff, 0xff, 0xff, 0x21, 0xf9, 0x04, 0x01, 0x00, 0x00, 0x00, 0x00, 0x2c, 0x00, 0x00, 0x00, 0x00,
    0x01, 0x00, 0x01, 0x00, 0x00, 0x02, 0x01, 0x44, 0x00, 0x3b,
];

/// The bytes of a text in base 64 of either alphabet, with or without its
/// padding; a space stands for a plus that was not encoded in the address.
/// `None` when it is none.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    let text = text.trim_end_matches('=');
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3 + 2);
    let (mut held, mut bits) = (0_u32, 0_u32);
    for character in text.bytes() {
        let value = match character {
            b'A'..=b'Z' => character - b'A',
            b'a'..=b'z' => character - b'a' + 26,
            b'0'..=b'9' => character - b'0' + 52,
            b'+' | b'-' | b' ' => 62,
            b'/' | b'_' => 63,
            _ => return None,
        };
        held = held << 6 | u32::from(value);
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from(held >> bits & 0xff).ok()?);
            held &= (1 << bits) - 1;
        }
    }
    // A single character left over holds no byte, so something is missing.
    (bits != 6).then_some(bytes)
}

/// Whether a text is the name of a function, perhaps of an object's: nothing
/// else may stand before the answer in a script.
pub(crate) fn is_callback(text: &str) -> bool {
    let is_name = |part: &str| {
        let legal = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '$';
        !part.is_empty()
            && part.chars().all(legal)
            && !part.starts_with(|c: char| c.is_ascii_digit())
    };
    text.len() <= KEEN_CALLBACK_CHARS_MAX && text.split('.').all(is_name)
}

/// Where a link leads: an address of a page, and of nothing else that a
/// browser would run.
pub(crate) fn target(text: &str) -> Option<HeaderValue> {
    let begins = |scheme: &str| {
        let start = text.get(..scheme.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    };
    let scheme = ["https://", "http://"]
        .into_iter()
        .find(|scheme| begins(scheme))?;
    let has_host = text[scheme.len()..]
        .starts_with(|c: char| c.is_ascii_alphanumeric() || c == '[' || !c.is_ascii());
    let is_short = text.len() <= KEEN_REDIRECT_CHARS_MAX;
    if !has_host || !is_short || text.contains(|c: char| c.is_ascii_control() || c == '\\') {
        return None;
    }
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'!'..=b'~' if !b"\"<>`{|}".contains(&byte) => encoded.push(char::from(byte)),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    HeaderValue::from_str(&encoded).ok()
}

#[cfg(test)]
mod tests;
