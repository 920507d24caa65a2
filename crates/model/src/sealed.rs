//! Sealed texts: what the server hands out to be handed back, in a form that
//! says nothing, fits nowhere else and cannot be altered.

mod text;

use std::fmt;

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};

use crate::random::RandomSource;
use crate::secrets::Pepper;

const NONCE_BYTES: usize = 24;
const TAG_BYTES: usize = 16;

/// A key that seals texts of one purpose.
pub struct Seal(XChaCha20Poly1305);

impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seal")
    }
}

impl Seal {
    /// The key of this purpose under this pepper. What it sealed outlives a restart.
    pub fn new(pepper: &Pepper, purpose: &str) -> Self {
        Self(XChaCha20Poly1305::new((&*pepper.derive(purpose)).into()))
    }

    /// URL-safe characters that [`Seal::open`] makes `plain` of again, with
    /// the same version of its layout and the same binding alone.
    pub fn seal(
        &self,
        version: u8,
        binding: &[u8],
        plain: &[u8],
        random: &dyn RandomSource,
    ) -> String {
        let mut nonce = [0_u8; NONCE_BYTES];
        random.fill(&mut nonce);
        let payload = Payload {
            msg: plain,
            aad: &associated(version, binding),
        };
        let sealed = self.0.encrypt(&XNonce::from(nonce), payload);
        let sealed = sealed.expect("the cipher takes texts of many gigabytes");
        let mut bytes = vec![version];
        bytes.extend(nonce);
        bytes.extend(sealed);
        text::encode(&bytes)
    }

    /// What was sealed; `None` for every other text.
    pub fn open(&self, version: u8, binding: &[u8], sealed: &str) -> Option<Vec<u8>> {
        let bytes = text::decode(sealed)?;
        let sealed = bytes.strip_prefix(&[version])?;
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE_BYTES>()?;
        let payload = Payload {
            msg: sealed,
            aad: &associated(version, binding),
        };
        self.0.decrypt(&XNonce::from(*nonce), payload).ok()
    }

    /// How many characters so many sealed bytes are at most.
    pub const fn chars(plain: usize) -> usize {
        (1 + NONCE_BYTES + plain + TAG_BYTES).div_ceil(3) * 4
    }
}

fn associated(version: u8, binding: &[u8]) -> Vec<u8> {
    let mut data = vec![version];
    data.extend(binding);
    data
}

#[cfg(test)]
mod tests;
