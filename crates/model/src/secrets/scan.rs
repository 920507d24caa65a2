//! Finding tokens in any bytes: each by its form and its checksum, so that
//! ordinary text is not taken for one.

mod derived;

use std::fmt;
use std::sync::LazyLock;

use memchr::memchr_iter;
use regex::bytes::Regex;
use zeroize::Zeroizing;

pub use derived::{DerivedScanner, FoundDerived};

use super::{Secret, SecretId, SigningSecret};
use crate::keys::KeyKind;

/// What every native token and every signing secret looks like. Whoever searches with another tool
/// compares the last six characters, too: the CRC-32 of all before them, in
/// base 62. Keys of the Keen dialect are 64 hexadecimal digits without a
/// checksum, as a digest is, and cannot be told from one.
pub const TOKEN_PATTERN: &str = "tg_[a-z]{2}_[0-9A-Za-z]{12}_[0-9A-Za-z]{49}";

/// Bytes of a token.
const TOKEN_BYTES: usize = 3 + 2 + 1 + 12 + 1 + 49;

/// A token that stands somewhere. It is not the token itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FoundToken {
    /// The line, counted from 1.
    pub line: u64,
    /// The kind that the prefix names.
    pub kind: TokenKind,
    /// The public part.
    pub id: SecretId,
}

/// What a prefix says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// A token of a key of this kind.
    Key(KeyKind),
    /// A signing secret.
    Signing,
}

impl TokenKind {
    /// The kind's name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Key(kind) => kind.name(),
            Self::Signing => "signing",
        }
    }
}

/// The text of a token that was found, for whoever reports it.
pub struct FoundText(Zeroizing<String>);

impl fmt::Debug for FoundText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FoundText")
    }
}

impl FoundText {
    /// The whole text.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

/// The kind and public part of a text that is a token or a signing secret.
fn read(text: &str) -> Option<(TokenKind, SecretId)> {
    if let Some(secret) = Secret::parse(text) {
        return Some((TokenKind::Key(secret.kind()), secret.id()));
    }
    let secret = SigningSecret::parse(text)?;
    Some((TokenKind::Signing, secret.id()))
}

/// Looks through bytes that come in pieces.
#[derive(Debug)]
pub struct TokenScanner {
    /// What may be the beginning of a token that goes on in the next piece.
    rest: Vec<u8>,
    /// The line that `rest` begins in.
    line: u64,
}

impl Default for TokenScanner {
    fn default() -> Self {
        Self {
            rest: Vec::new(),
            line: 1,
        }
    }
}

impl TokenScanner {
    /// Takes the next piece; answers the tokens that end in it.
    pub fn feed(&mut self, piece: &[u8]) -> Vec<FoundToken> {
        let found = self.feed_whole(piece).into_iter();
        found.map(|(found, _)| found).collect()
    }

    /// The same with the tokens themselves, for whoever reports them.
    pub fn feed_whole(&mut self, piece: &[u8]) -> Vec<(FoundToken, FoundText)> {
        static PATTERN: LazyLock<Regex> =
            LazyLock::new(|| Regex::new(TOKEN_PATTERN).expect("the pattern is one"));
        self.rest.extend_from_slice(piece);
        let mut found = Vec::new();
        let (mut from, mut counted) = (0, 0);
        while let Some(hit) = PATTERN.find_at(&self.rest, from) {
            // What looks like a token and is none may hide the beginning of one.
            from = hit.start() + 1;
            let text = std::str::from_utf8(hit.as_bytes()).unwrap_or_default();
            let Some((kind, id)) = read(text) else {
                continue;
            };
            let whole = FoundText(Zeroizing::new(text.to_owned()));
            self.line += lines(&self.rest[counted..hit.start()]);
            counted = hit.start();
            from = hit.end();
            let place = FoundToken {
                line: self.line,
                kind,
                id,
            };
            found.push((place, whole));
        }
        let done = self.rest.len().saturating_sub(TOKEN_BYTES - 1).max(from);
        self.line += lines(&self.rest[counted..done]);
        self.rest.drain(..done);
        found
    }
}

fn lines(bytes: &[u8]) -> u64 {
    memchr_iter(b'\n', bytes).count() as u64
}

#[cfg(test)]
mod tests;
