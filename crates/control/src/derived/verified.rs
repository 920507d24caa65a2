//! Derived tokens whose signature was found good, so that a token that is used
//! often is checked once. Found by the digest of the whole text, signature
//! included; whether it lets somebody in is asked anew each time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use model::keys::DerivedToken;
use model::limits::DERIVED_VERIFIED_MAX;
use sha2::{Digest, Sha256};

use super::lock;

/// Two generations: when the younger one is full, it becomes the older one,
/// which is forgotten. What is used meanwhile goes to the younger one.
#[derive(Debug, Default)]
pub(crate) struct Verified(Mutex<Generations>);

#[derive(Debug, Default)]
struct Generations {
    young: HashMap<[u8; 32], Arc<DerivedToken>>,
    old: HashMap<[u8; 32], Arc<DerivedToken>>,
}

impl Verified {
    pub(super) fn digest(text: &str) -> [u8; 32] {
        Sha256::digest(text).into()
    }

    pub(super) fn get(&self, digest: &[u8; 32]) -> Option<Arc<DerivedToken>> {
        let mut known = lock(&self.0);
        if let Some(token) = known.young.get(digest) {
            return Some(Arc::clone(token));
        }
        let token = known.old.remove(digest)?;
        known.keep(*digest, Arc::clone(&token));
        Some(token)
    }

    pub(super) fn keep(&self, digest: [u8; 32], token: Arc<DerivedToken>) {
        lock(&self.0).keep(digest, token);
    }

    /// How many are kept.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        let known = lock(&self.0);
        known.young.len() + known.old.len()
    }
}

impl Generations {
    fn keep(&mut self, digest: [u8; 32], token: Arc<DerivedToken>) {
        if self.young.len() >= DERIVED_VERIFIED_MAX / 2 {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(digest, token);
    }
}
