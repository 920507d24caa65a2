//! Derived tokens: which were found good, which are in use, and which are
//! revoked. `docs/adr/027-derived-tokens.md`.
//!
//! A token is known from its first use, or from its revocation, until it ends.
//! What must not be forgotten before, since it keeps somebody out or counts
//! what was used up, stays whatever comes: revoked tokens, and those with
//! limits of their own. Of the others the ones that are used least make room.

mod revoking;
mod seen;
mod slice;
mod verified;

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use model::credits::Tier;
use model::ids::KeyId;
use model::keys::{AuthError, Circumstances, Derived, DerivedId, Envelope};
use model::limits::{DERIVED_MAX, DERIVED_OF_KEY_MAX};
use model::permit::Access;
use model::time::Timestamp;

use crate::control::{Control, Inner};
use crate::error::ControlError;
use crate::last_use::USES_PER_TRANSACTION;
use crate::store::{Claim, DerivedRow, Write};

pub use seen::DerivedUse;
pub(crate) use seen::Seen;
pub(crate) use slice::ReservedSlice;
pub use slice::SliceSpent;
pub(crate) use verified::Verified;

/// Microseconds between two searches for tokens that could be forgotten, when there
/// is no room.
const SEARCH_MICROS: i64 = 1_000_000;

/// The derived tokens that are known.
#[derive(Debug, Default)]
pub(crate) struct DerivedTokens {
    pub(crate) verified: Verified,
    keys: RwLock<HashMap<KeyId, Arc<OfKey>>>,
    /// Over all keys.
    known: AtomicUsize,
    searched: Mutex<Option<Timestamp>>,
}

type OfKey = Mutex<HashMap<DerivedId, Arc<Seen>>>;

fn lock<T>(of: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How many of them were not revoked: these take the places that there are.
fn live(tokens: &HashMap<DerivedId, Arc<Seen>>) -> usize {
    tokens.values().filter(|seen| !seen.is_revoked()).count()
}

/// How many of those are not forgotten before they end.
fn held(tokens: &HashMap<DerivedId, Arc<Seen>>) -> usize {
    let is_held = |seen: &&Arc<Seen>| seen.is_held() && !seen.is_revoked();
    tokens.values().filter(is_held).count()
}

impl DerivedTokens {
    fn of(&self, key: KeyId) -> Option<Arc<OfKey>> {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        keys.get(&key).cloned()
    }

    fn of_or_new(&self, key: KeyId) -> Arc<OfKey> {
        self.of(key).unwrap_or_else(|| {
            let mut keys = self.keys.write().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(keys.entry(key).or_default())
        })
    }

    /// What is known of a token; `None` of one that nobody used or revoked.
    pub(crate) fn find(&self, key: KeyId, id: &DerivedId) -> Option<Arc<Seen>> {
        lock(&*self.of(key)?).get(id).cloned()
    }

    /// The token from its first use on.
    ///
    /// # Errors
    /// There is no room for a further one.
    pub(crate) fn enter(
        &self,
        key: KeyId,
        token: &Derived,
        now: Timestamp,
    ) -> Result<Arc<Seen>, AuthError> {
        let tokens = self.of_or_new(key);
        let mut tokens = lock(&tokens);
        let is_held = token.limits().must_be_remembered();
        if let Some(seen) = tokens.get(token.id()) {
            // One that could be forgotten until now takes the place of one that cannot.
            if is_held && !seen.is_held() && self.is_full_for(&tokens, true) {
                return Err(AuthError::TooManyDerived);
            }
            seen.hold(is_held);
            return Ok(Arc::clone(seen));
        }
        if tokens.len() >= DERIVED_OF_KEY_MAX && live(&tokens) >= DERIVED_OF_KEY_MAX {
            self.make_room(&mut tokens, now);
            if live(&tokens) >= DERIVED_OF_KEY_MAX {
                return Err(AuthError::TooManyDerived);
            }
        }
        if self.is_full_for(&tokens, is_held) {
            drop(tokens);
            self.make_room_everywhere(now);
            let again = self.of_or_new(key);
            if self.is_full_for(&lock(&again), is_held) {
                return Err(AuthError::TooManyDerived);
            }
            return self.enter(key, token, now);
        }
        let seen = Arc::new(Seen::new(is_held));
        self.insert(&mut tokens, token.id().clone(), Arc::clone(&seen));
        Ok(seen)
    }

    /// Whether a further token of the key finds no place. Of those that are not
    /// forgotten a key has no more than there are places left for all others:
    /// so however many of them a key takes, there is room for the next one.
    fn is_full_for(&self, tokens: &HashMap<DerivedId, Arc<Seen>>, is_held: bool) -> bool {
        let free = DERIVED_MAX.saturating_sub(self.known.load(Ordering::Relaxed));
        free == 0 || is_held && tokens.len() + 1 >= free && held(tokens) + 1 >= free
    }

    fn insert(&self, tokens: &mut HashMap<DerivedId, Arc<Seen>>, id: DerivedId, seen: Arc<Seen>) {
        let counts = !seen.is_revoked();
        if tokens.insert(id, seen).is_none() && counts {
            self.known.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Forgets those that ended, and of those that may be forgotten the half
    /// that was used longest ago.
    fn make_room(&self, tokens: &mut HashMap<DerivedId, Arc<Seen>>, now: Timestamp) {
        let before = live(tokens);
        tokens.retain(|id, _| id.ends() > now);
        let mut uses: Vec<_> = tokens
            .values()
            .filter_map(|seen| seen.free_since(now))
            .collect();
        uses.sort_unstable();
        if let Some(border) = uses.get(uses.len() / 2).copied() {
            tokens.retain(|_, seen| seen.free_since(now).is_none_or(|used| used > border));
        }
        self.known
            .fetch_sub(before - live(tokens), Ordering::Relaxed);
    }

    fn make_room_everywhere(&self, now: Timestamp) {
        let mut searched = lock(&self.searched);
        let waits = |last: Timestamp| now.as_microsecond() - last.as_microsecond() < SEARCH_MICROS;
        if searched.is_some_and(waits) {
            return;
        }
        *searched = Some(now);
        for key in self.every_key() {
            self.make_room(&mut lock(&key.1), now);
        }
    }

    fn every_key(&self) -> Vec<(KeyId, Arc<OfKey>)> {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        keys.iter()
            .map(|(key, of)| (*key, Arc::clone(of)))
            .collect()
    }

    /// What a further token of the key would do if there were no place for it.
    #[cfg(test)]
    pub(crate) fn forget_what_may_be(&self, key: KeyId, now: Timestamp) {
        let tokens = self.of_or_new(key);
        self.make_room(&mut lock(&tokens), now);
    }

    /// Keeps a token out from now on.
    pub(crate) fn revoke(&self, key: KeyId, id: DerivedId, at: Timestamp) {
        let tokens = self.of_or_new(key);
        let mut tokens = lock(&tokens);
        if let Some(seen) = tokens.get(&id) {
            if seen.revoke(at) {
                self.known.fetch_sub(1, Ordering::Relaxed);
            }
            return;
        }
        let seen = Arc::new(Seen::new(false));
        seen.revoke(at);
        self.insert(&mut tokens, id, seen);
    }

    /// Whether a further revocation of the key would be one too many.
    pub(crate) fn has_no_room_for(&self, key: KeyId, id: &DerivedId) -> bool {
        let Some(tokens) = self.of(key) else {
            return false;
        };
        let tokens = lock(&tokens);
        let revoked = tokens.values().filter(|seen| seen.is_revoked());
        !tokens.contains_key(id) && revoked.count() >= DERIVED_OF_KEY_MAX
    }

    /// Forgets the tokens of a key that is gone for good.
    pub(crate) fn forget(&self, key: KeyId) {
        let mut keys = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(tokens) = keys.remove(&key) {
            self.known
                .fetch_sub(live(&lock(&tokens)), Ordering::Relaxed);
        }
    }

    /// Takes in what the database holds. What memory knows better, it keeps:
    /// a revocation is never taken back, nothing counts less than before, and
    /// what a known token used up is what memory says, as of any account.
    pub(crate) fn take_in(&self, rows: impl Iterator<Item = DerivedRow>, now: Timestamp) {
        for row in rows.filter(|row| row.id.ends() > now) {
            let tokens = self.of_or_new(row.key);
            let mut tokens = lock(&tokens);
            if let Some(seen) = tokens.get(&row.id) {
                if seen.take_in(&row) {
                    self.known.fetch_sub(1, Ordering::Relaxed);
                }
                continue;
            }
            let is_full = tokens.len() >= DERIVED_OF_KEY_MAX
                || self.known.load(Ordering::Relaxed) >= DERIVED_MAX;
            if is_full && !row.must_be_remembered() {
                continue;
            }
            let seen = Arc::new(Seen::new(false));
            seen.take_in(&row);
            seen.fill_slices(&row);
            self.insert(&mut tokens, row.id.clone(), seen);
        }
    }

    /// Every use that the database does not know.
    pub(crate) fn unsaved(&self, now: Timestamp) -> Vec<(Write, Arc<Seen>, u64)> {
        let mut unsaved = Vec::new();
        for (key, tokens) in self.every_key() {
            let mut tokens = lock(&tokens);
            let before = live(&tokens);
            tokens.retain(|id, _| id.ends() > now);
            self.known
                .fetch_sub(before - live(&tokens), Ordering::Relaxed);
            for (id, seen) in tokens.iter() {
                if let Some((row, requests)) = seen.unsaved(key, id) {
                    unsaved.push((Write::UseDerived(row), Arc::clone(seen), requests));
                }
            }
        }
        unsaved
    }
}

impl Inner {
    /// Writes down the uses noted so far.
    pub(crate) async fn save_derived(self: &Arc<Self>) -> Result<(), ControlError> {
        let mut unsaved = self.derived.unsaved(self.options.clock.now());
        while !unsaved.is_empty() {
            let rest = unsaved.split_off(unsaved.len().min(USES_PER_TRANSACTION));
            let split = |(write, seen, requests)| (write, (seen, requests));
            let (writes, uses): (Vec<Write>, Vec<(Arc<Seen>, u64)>) =
                unsaved.into_iter().map(split).unzip();
            let writer = self.writer().await?;
            let ordinal = writer.ordinal;
            let saved = move |_: &Self| uses.iter().for_each(|(seen, n)| seen.is_saved(*n));
            self.carry_out(writer, writes, ordinal, Claim::Nothing, saved)
                .await?;
            unsaved = rest;
        }
        Ok(())
    }
}

impl Control {
    /// Lets the holder of a derived token in, with what it leaves of its key.
    /// Memory alone is asked, and a token that was found good before is not
    /// checked again; the use is noted.
    ///
    /// # Errors
    /// Says why not.
    pub fn authenticate_derived(
        &self,
        text: &str,
        seen: &Circumstances<'_>,
    ) -> Result<Access, AuthError> {
        let (inner, now) = (&self.0, self.0.options.clock.now());
        let digest = Verified::digest(text);
        let token = match inner.derived.verified.get(&digest) {
            Some(token) => token,
            None => {
                let envelope = Envelope::read(text).map_err(AuthError::Derived)?;
                let token = Arc::new(inner.callers.verify_derived(&envelope)?);
                inner.derived.verified.keep(digest, Arc::clone(&token));
                token
            }
        };
        let access = inner.callers.admit_derived(&token, seen, now)?;
        if token.issued() < self.clock_accepted() || self.was_false(token.issued()) {
            // It may have ended by the false time, or been revoked then.
            return Err(AuthError::Expired);
        }
        let terms = access.derived_token().ok_or(AuthError::Unknown)?;
        // Looked up before it is entered: one that is revoked takes no room.
        let known = inner.derived.find(access.key(), terms.id());
        if known.is_some_and(|known| known.is_revoked()) {
            return Err(AuthError::Unknown);
        }
        inner.derived.enter(access.key(), terms, now)?;
        // Where its holders are says nothing of where the key's owner is.
        inner.callers.note(token.secret(), now);
        Ok(access)
    }

    /// Refuses a caller whose derived token was revoked or ended, or whose key
    /// makes none any more.
    pub(crate) fn check_derived(&self, access: &Access, now: Timestamp) -> Result<(), AuthError> {
        let Some(token) = access.derived_token() else {
            return Ok(());
        };
        if token.id().ends() <= now {
            return Err(AuthError::Expired);
        }
        let definitions = self.definitions(access.project());
        let key = definitions.key(access.key());
        let may = key.is_some_and(|key| key.draft().derived_tokens);
        let known = self.0.derived.find(access.key(), token.id());
        match may && !known.is_some_and(|known| known.is_revoked()) {
            true => Ok(()),
            false => Err(AuthError::Unknown),
        }
    }

    /// What is left of the credits that the caller's derived token is held to,
    /// by tier.
    pub fn slices_left(&self, access: &Access) -> [Option<u64>; Tier::ALL.len()] {
        Tier::ALL.map(|tier| {
            let token = access.derived_token()?;
            let amount = token.limits().credits(tier)?;
            let seen = self.0.derived.find(access.key(), token.id())?;
            Some(seen.slice(tier).left(amount))
        })
    }

    /// The derived tokens of a key that are in use or revoked and have not
    /// ended, those that end first in front. Of many that are used, some that
    /// were used long ago may be forgotten.
    pub fn derived_tokens(&self, key: KeyId) -> Vec<DerivedUse> {
        let now = self.0.options.clock.now();
        let Some(tokens) = self.0.derived.of(key) else {
            return Vec::new();
        };
        let tokens = lock(&tokens);
        let live = tokens.iter().filter(|(id, _)| id.ends() > now);
        let mut uses: Vec<_> = live.map(|(id, seen)| seen.tell(id)).collect();
        drop(tokens);
        uses.sort_unstable_by(|a, b| a.id.cmp(&b.id));
        uses
    }
}
