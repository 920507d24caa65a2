//! SHA-256 of what is sent, from the one implementation that the binary
//! carries for TLS.

use std::fmt;

use rustls::SupportedCipherSuite;
use rustls::crypto::hash::Context;
use rustls::crypto::ring::cipher_suite::TLS13_CHACHA20_POLY1305_SHA256;

/// 32 bytes of SHA-256.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Digest([u8; 32]);

impl Digest {
    /// The bytes.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// 64 lower-case hexadecimal digits.
    pub(crate) fn hex(&self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// SHA-256 of bytes that come in pieces.
pub(crate) struct Hasher(Box<dyn Context>);

impl fmt::Debug for Hasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hasher")
    }
}

impl Hasher {
    /// A hasher that has seen nothing.
    pub(crate) fn new() -> Self {
        let SupportedCipherSuite::Tls13(suite) = TLS13_CHACHA20_POLY1305_SHA256 else {
            unreachable!("the suite's name says TLS 1.3");
        };
        Self(suite.common.hash_provider.start())
    }

    /// Takes the next piece.
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// Takes one part of several, so that no two lists of parts have the same digest.
    pub(crate) fn part(&mut self, bytes: &[u8]) {
        self.update(&(bytes.len() as u64).to_le_bytes());
        self.update(bytes);
    }

    /// The digest of everything so far; more may follow.
    pub(crate) fn digest(&self) -> Digest {
        let output = self.0.fork_finish();
        Digest(output.as_ref().try_into().expect("SHA-256 has 32 bytes"))
    }
}
