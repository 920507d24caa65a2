//! Scoped keys of the Keen dialect: what a client says under its master key.
//!
//! A text is the hex of 16 bytes of an initialisation vector and of what
//! AES-256-CBC makes of some JSON, under the 32 bytes that the master key's 64
//! hex digits are. Nothing in it proves that it was not altered, so what comes
//! out of it is not believed before all of it is understood; who reads it
//! keeps to `docs/adr/022-scoped-keys.md`.
//!
//! Of keys no more than a digest is stored. A master key that reads scoped
//! keys is therefore kept a second time, sealed under the server's own secret.

use std::fmt;

use aes::Aes256;
use cbc::Decryptor;
use cbc::cipher::{Block, BlockModeDecrypt, KeyIvInit};
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use zeroize::Zeroizing;

use super::keen::bytes_of_hex;
use super::{Pepper, Secret, SecretId};
use crate::keys::KeyKind;
use crate::limits::SCOPED_KEY_BYTES_MAX;
use crate::random::RandomSource;

const BLOCK_BYTES: usize = 16;
const KEY_BYTES: usize = 32;
/// The layout of a sealed secret.
const VERSION: u8 = 1;
const NONCE_BYTES: usize = 24;
/// What the key that seals is derived for.
const PURPOSE: &str = "keen scoped keys";

/// A text that may be a scoped key: of its form, and within bounds. Whether
/// it is one, only the secret that it was made under tells.
pub struct ScopedText {
    vector: [u8; BLOCK_BYTES],
    blocks: Zeroizing<Vec<[u8; BLOCK_BYTES]>>,
}

impl fmt::Debug for ScopedText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ScopedText")
    }
}

impl ScopedText {
    /// Reads a text of hex digits, small or large: a vector, and at least one
    /// block. A key of 64 digits is none, however it is made.
    pub fn parse(text: &str) -> Option<Self> {
        const DIGITS_MAX: usize = 2 * (BLOCK_BYTES + SCOPED_KEY_BYTES_MAX + BLOCK_BYTES);
        let is_bounded = text.len() > 2 * KEY_BYTES && text.len() <= DIGITS_MAX;
        let bytes = bytes_of_hex(text).filter(|_| is_bounded)?;
        let (blocks, rest) = bytes.as_chunks::<BLOCK_BYTES>();
        let (vector, blocks) = blocks.split_first().filter(|_| rest.is_empty())?;
        Some(Self {
            vector: *vector,
            blocks: Zeroizing::new(blocks.to_vec()),
        })
    }

    /// What the text says under this key. Padding that is none is part of what
    /// is said: there are clients that leave it out, and a fault of its own
    /// would tell somebody who alters texts how far they got.
    fn open(&self, key: &[u8; KEY_BYTES]) -> Zeroizing<Vec<u8>> {
        let mut blocks: Vec<Block<Aes256>> =
            self.blocks.iter().map(|&block| block.into()).collect();
        Decryptor::<Aes256>::new(key.into(), &self.vector.into()).decrypt_blocks(&mut blocks);
        let mut said = Zeroizing::new(blocks.concat());
        let padding = said.last().map_or(0, |&last| usize::from(last));
        let is_padding = (1..=BLOCK_BYTES).contains(&padding)
            && said
                .iter()
                .rev()
                .take(padding)
                .all(|&byte| usize::from(byte) == padding);
        if is_padding {
            let length = said.len() - padding;
            said.truncate(length);
        }
        said
    }
}

/// The bytes of a master key, sealed under the server's own secret. A copy of
/// the data without that secret opens nothing with them.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedSecret(Vec<u8>);

impl fmt::Debug for SealedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealedSecret")
    }
}

impl SealedSecret {
    /// Seals the bytes of a key of the dialect, for this secret alone; `None`
    /// for a key of another form.
    pub fn seal(secret: &Secret, pepper: &Pepper, random: &dyn RandomSource) -> Option<Self> {
        if secret.kind() != KeyKind::Legacy {
            return None;
        }
        let key = Zeroizing::new(bytes_of_hex(secret.reveal())?);
        let mut nonce = [0_u8; NONCE_BYTES];
        random.fill(&mut nonce);
        let payload = Payload {
            msg: &key,
            aad: &associated(secret.id()),
        };
        let sealed = sealer(pepper).encrypt(&XNonce::from(nonce), payload).ok()?;
        let mut bytes = vec![VERSION];
        bytes.extend(nonce);
        bytes.extend(sealed);
        Some(Self(bytes))
    }

    /// Sealed bytes as they are stored.
    pub fn from_bytes(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The bytes to store.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// What a text says under this secret; `None` when the sealed bytes are
    /// not of it, or of another server.
    pub(crate) fn read(
        &self,
        of: SecretId,
        text: &ScopedText,
        pepper: &Pepper,
    ) -> Option<Zeroizing<Vec<u8>>> {
        let (nonce, sealed) = self
            .0
            .strip_prefix(&[VERSION])?
            .split_first_chunk::<NONCE_BYTES>()?;
        let payload = Payload {
            msg: sealed,
            aad: &associated(of),
        };
        let key = sealer(pepper)
            .decrypt(&XNonce::from(*nonce), payload)
            .ok()?;
        let key = Zeroizing::new(key);
        Some(text.open(key.as_slice().try_into().ok()?))
    }
}

fn sealer(pepper: &Pepper) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new((&*pepper.derive(PURPOSE)).into())
}

/// What sealed bytes are bound to.
fn associated(secret: SecretId) -> Vec<u8> {
    let mut bytes = vec![VERSION];
    bytes.extend(secret.to_string().into_bytes());
    bytes
}

#[cfg(test)]
mod tests;
