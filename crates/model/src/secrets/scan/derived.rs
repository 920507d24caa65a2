//! Finding derived tokens in any bytes: by their form, which is narrow enough
//! that ordinary text, and tokens of others, are not taken for one.

use memchr::memmem;

use super::lines;
use crate::keys::DerivedText;
use crate::limits::DERIVED_CHARS_MAX;
use crate::secrets::SecretId;

/// How an object of JSON begins in base64url.
const BEGINNING: &[u8] = b"eyJ";
/// Characters of a header at most: it has three short members.
const HEADER_CHARS_MAX: usize = 200;
/// Characters of a signature.
const SIGNATURE_CHARS: usize = 86;

/// A derived token that stands somewhere. It is not the token itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FoundDerived {
    /// The line, counted from 1.
    pub line: u64,
    /// The secret that it says it is signed under.
    pub secret: SecretId,
}

/// Looks through bytes that come in pieces.
#[derive(Debug)]
pub struct DerivedScanner {
    /// What may be the beginning of a token that goes on in the next piece.
    rest: Vec<u8>,
    /// The line that `rest` begins in.
    line: u64,
}

impl Default for DerivedScanner {
    fn default() -> Self {
        Self {
            rest: Vec::new(),
            line: 1,
        }
    }
}

/// What begins at a place.
enum Begun {
    /// So many bytes that have the outer form of a token.
    Whole(usize),
    /// Perhaps one that goes on in the next piece.
    Open,
    Nothing,
}

impl DerivedScanner {
    /// Takes the next piece; answers the tokens that end in it.
    pub fn feed(&mut self, piece: &[u8]) -> Vec<(FoundDerived, DerivedText)> {
        self.rest.extend_from_slice(piece);
        let mut found = Vec::new();
        let (mut from, mut counted) = (0, 0);
        // Behind it nothing of a beginning can be left out.
        let mut done = self.rest.len().saturating_sub(BEGINNING.len() - 1);
        while let Some(at) = self
            .rest
            .get(from..)
            .and_then(|left| memmem::find(left, BEGINNING))
        {
            let start = from + at;
            from = start + 1;
            match begun(&self.rest[start..]) {
                Begun::Nothing => {}
                Begun::Open => {
                    (from, done) = (start, start);
                    break;
                }
                Begun::Whole(length) => {
                    let text = std::str::from_utf8(&self.rest[start..start + length]).ok();
                    if let Some(token) = text.and_then(DerivedText::read) {
                        self.line += lines(&self.rest[counted..start]);
                        counted = start;
                        from = start + length;
                        let place = FoundDerived {
                            line: self.line,
                            secret: token.secret(),
                        };
                        found.push((place, token));
                    }
                }
            }
        }
        let done = done.max(from.min(self.rest.len())).max(counted);
        self.line += lines(&self.rest[counted..done]);
        self.rest.drain(..done);
        found
    }
}

/// Two parts with a dot behind each, and a signature.
fn begun(bytes: &[u8]) -> Begun {
    let is_of_part = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    let part = |from: usize, most: usize| {
        let left = bytes.get(from..).unwrap_or_default();
        let length = left
            .iter()
            .take(most + 1)
            .take_while(|b| is_of_part(b))
            .count();
        (length, left.get(length).copied())
    };
    let (header, behind) = part(0, HEADER_CHARS_MAX);
    match behind {
        None if header <= HEADER_CHARS_MAX => return Begun::Open,
        Some(b'.') if header <= HEADER_CHARS_MAX => {}
        _ => return Begun::Nothing,
    }
    let (payload, behind) = part(header + 1, DERIVED_CHARS_MAX);
    match behind {
        None if payload <= DERIVED_CHARS_MAX => return Begun::Open,
        Some(b'.') if payload <= DERIVED_CHARS_MAX => {}
        _ => return Begun::Nothing,
    }
    let signature = header + payload + 2;
    match part(signature, SIGNATURE_CHARS) {
        (length, _) if length >= SIGNATURE_CHARS => Begun::Whole(signature + SIGNATURE_CHARS),
        (_, None) => Begun::Open,
        _ => Begun::Nothing,
    }
}

#[cfg(test)]
mod tests;
