//! The three headers of a signed request, each in one form.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::secrets::SecretId;

/// What may be covered.
const COMPONENTS: [&str; 4] = ["@method", "@target-uri", "content-digest", "content-type"];
/// Characters of a nonce: enough to be drawn at random, few enough to be kept.
const NONCE_CHARS: std::ops::RangeInclusive<usize> = 16..=64;
const LABEL_CHARS_MAX: usize = 32;

/// What `Signature-Input` says.
#[derive(Clone, Debug)]
pub(super) struct Input<'r> {
    pub(super) label: &'r str,
    /// Everything behind the label, word for word, which is signed too.
    pub(super) params: &'r str,
    pub(super) components: Vec<&'r str>,
    /// Seconds since 1970.
    pub(super) created: i64,
    pub(super) nonce: &'r str,
    pub(super) keyid: SecretId,
}

/// Reads the one signature of a `Signature-Input`.
pub(super) fn input(text: &str) -> Option<Input<'_>> {
    let (label, params) = text.split_once('=')?;
    let is_label = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
    let begins = label.starts_with(|c: char| c.is_ascii_lowercase());
    if !begins || label.len() > LABEL_CHARS_MAX || !label.bytes().all(is_label) {
        return None;
    }
    let (list, rest) = params.strip_prefix('(')?.split_once(')')?;
    let mut components = Vec::new();
    for item in list.split(' ') {
        let name = quoted(item)?;
        if !COMPONENTS.contains(&name) || components.contains(&name) {
            return None;
        }
        components.push(name);
    }
    let (mut created, mut nonce, mut keyid, mut algorithm) = (None, None, None, None);
    for parameter in rest.strip_prefix(';')?.split(';') {
        let (name, value) = parameter.split_once('=')?;
        let is_first = match name {
            "created" => created.replace(seconds(value)?).is_none(),
            "nonce" => nonce.replace(quoted(value)?).is_none(),
            "keyid" => keyid.replace(SecretId::parse(quoted(value)?)?).is_none(),
            "alg" => algorithm.replace(quoted(value)?).is_none(),
            _ => false,
        };
        if !is_first {
            return None;
        }
    }
    let is_known = algorithm.is_none_or(|algorithm| algorithm == "ed25519");
    let nonce = nonce.filter(|nonce| is_known && NONCE_CHARS.contains(&nonce.len()))?;
    Some(Input {
        label,
        params,
        components,
        created: created?,
        nonce,
        keyid: keyid?,
    })
}

/// The bytes of `name=:base64:`, so many as are wanted.
pub(super) fn bytes<const BYTES: usize>(text: &str, name: &str) -> Option<[u8; BYTES]> {
    let value = text.strip_prefix(name)?.strip_prefix("=:")?;
    let bytes = STANDARD.decode(value.strip_suffix(':')?).ok()?;
    bytes.try_into().ok()
}

/// What stands between quotes, of characters that mean nothing there.
fn quoted(text: &str) -> Option<&str> {
    let inside = text.strip_prefix('"')?.strip_suffix('"')?;
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.~+/=@".contains(&b);
    inside.bytes().all(is_plain).then_some(inside)
}

fn seconds(text: &str) -> Option<i64> {
    let number = text.parse::<i64>().ok()?;
    (number >= 0 && number.to_string() == text).then_some(number)
}
