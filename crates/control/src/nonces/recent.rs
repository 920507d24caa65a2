//! The nonces of this run, each until its end.

use std::collections::{BTreeSet, HashMap};

use model::ids::KeyId;
use model::limits::{NONCES_MAX, NONCES_OF_KEY_MAX};
use model::time::Timestamp;
use model::uniqueness::TokenTag;

use super::SignedError;

/// The nonces, so many of all keys and of each at most.
#[derive(Debug, Default)]
pub(super) struct Recent {
    by_tag: HashMap<TokenTag, (Timestamp, KeyId)>,
    /// Which are the next to end.
    by_end: BTreeSet<(Timestamp, [u8; 16])>,
    of_key: HashMap<KeyId, usize>,
}

impl Recent {
    /// Notes a nonce that is not noted yet.
    pub(super) fn note(
        &mut self,
        (tag, ends): (TokenTag, Timestamp),
        of: KeyId,
        now: Timestamp,
    ) -> Result<(), SignedError> {
        if self.by_tag.contains_key(&tag) {
            return Err(SignedError::Replayed);
        }
        let own = |recent: &Self| recent.of_key.get(&of).copied().unwrap_or(0);
        let is_full =
            |recent: &Self| recent.by_tag.len() >= NONCES_MAX || own(recent) >= NONCES_OF_KEY_MAX;
        if is_full(self) {
            self.forget_ended(now);
        }
        if is_full(self) {
            return Err(SignedError::Busy);
        }
        self.by_tag.insert(tag, (ends, of));
        self.by_end.insert((ends, tag.to_bytes()));
        *self.of_key.entry(of).or_default() += 1;
        Ok(())
    }

    pub(super) fn forget(&mut self, tag: TokenTag) {
        let Some((ends, of)) = self.by_tag.remove(&tag) else {
            return;
        };
        self.by_end.remove(&(ends, tag.to_bytes()));
        if let Some(count) = self.of_key.get_mut(&of) {
            *count -= 1;
            if *count == 0 {
                self.of_key.remove(&of);
            }
        }
    }

    fn forget_ended(&mut self, now: Timestamp) {
        while let Some((ends, tag)) = self.by_end.first().copied() {
            if ends > now {
                return;
            }
            self.forget(TokenTag::from_bytes(tag));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use model::random::SeededRandom;

    use super::*;

    fn tag(number: u32) -> TokenTag {
        let mut bytes = [7; 16];
        bytes[..4].copy_from_slice(&number.to_be_bytes());
        TokenTag::from_bytes(bytes)
    }

    fn at(seconds: u64) -> Timestamp {
        let at = Timestamp::EPOCH.checked_add(Duration::from_secs(seconds));
        at.expect("a time")
    }

    #[test]
    fn a_key_takes_a_quarter_and_its_nonces_end() {
        let random = SeededRandom::new(11);
        let keys = [0; 5].map(|_| KeyId::generate(Timestamp::EPOCH, &random));
        let mut recent = Recent::default();
        let most = u32::try_from(NONCES_OF_KEY_MAX).expect("small");
        let mut next = 0..;
        let mut note = |recent: &mut Recent, key: KeyId, ends: u64, now: u64| {
            let number = next.next().expect("endless");
            recent.note((tag(number), at(ends)), key, at(now))
        };
        for _ in 0..most {
            note(&mut recent, keys[0], 900, 0).expect("room");
        }
        let over = note(&mut recent, keys[0], 900, 899);
        assert!(matches!(over, Err(SignedError::Busy)), "{over:?}");
        note(&mut recent, keys[1], 1_000, 0).expect("room of its own");
        // What is given back unspent takes no room, and what has ended neither.
        recent.forget(tag(0));
        note(&mut recent, keys[0], 901, 0).expect("room again");
        note(&mut recent, keys[0], 2_000, 900).expect("they have ended");
        assert_eq!(recent.by_tag.len(), 3);
        assert_eq!(recent.by_tag.len(), recent.by_end.len());
        assert_eq!(recent.of_key.values().sum::<usize>(), 3);
        // All together no more than there is room for.
        for key in &keys[1..] {
            while note(&mut recent, *key, 2_000, 1_000).is_ok() {}
        }
        assert_eq!(recent.by_tag.len(), NONCES_MAX);
        let replayed = recent.note((tag(most + 3), at(5_000)), keys[0], at(1_000));
        assert!(
            matches!(replayed, Err(SignedError::Replayed)),
            "{replayed:?}"
        );
    }
}
