//! Who is let in: every live secret of every project, in memory.

mod derived;
mod ending;
mod issued;
mod pages;
mod signing;
mod usage;
mod whereabouts;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use model::ids::KeyId;
use model::keys::{
    AuthError, Circumstances, KeyRecord, Page, Said, SecretRecord, SeenNetworks, SignedRequest,
    Unspent, shown_agent,
};
use model::permit::Access;
use model::secrets::{Pepper, Secret, SecretId};
use model::tickets::Ticket;
use model::time::Timestamp;

use crate::notices::{NewsOf, NoticeKind, Waiting};
use crate::store::{LoadedKey, Write};
use issued::Under;
use pages::Pages;
use signing::ids_of;
pub(crate) use usage::UnsavedUse;
use usage::Usage;
pub use whereabouts::UsedFrom;
pub(crate) use whereabouts::{Kept, held};
use whereabouts::{KeyNetworks, LastFrom};

/// The live secrets, found by their public part in one look-up. The lock is
/// held for the look-up alone, never while a token is checked; one map holds
/// all of them and is changed in place, so that a change costs the same with
/// one key and with 100,000.
#[derive(Debug, Default)]
pub(crate) struct Callers {
    maps: RwLock<Maps>,
    /// What owners are to be told of.
    pub(crate) news: Waiting,
}

#[derive(Debug, Default)]
struct Maps {
    secrets: HashMap<SecretId, Arc<Caller>>,
    keys: HashMap<KeyId, KeyUse>,
    /// Every key, for those that it issued.
    records: HashMap<KeyId, Arc<KeyRecord>>,
    pages: Pages,
}

/// What is known of a key's use.
#[derive(Clone, Debug)]
struct KeyUse {
    used: Arc<Usage>,
    networks: Arc<KeyNetworks>,
}

#[derive(Debug)]
struct Caller {
    record: Arc<KeyRecord>,
    key: KeyUse,
    secret: Arc<Usage>,
    from: Arc<LastFrom>,
    /// When the secret came from a page, where it must not be.
    pages: Arc<Usage>,
    /// Whether it is a signing secret.
    signs: bool,
    under: Under,
}

impl Caller {
    fn record_of(&self, secret: SecretId) -> Option<&SecretRecord> {
        let mut secrets = self.record.secrets().iter();
        secrets.find(|known| known.id == secret)
    }

    /// Refuses a replaced secret that was silent for too long.
    fn check_heard(&self, secret: SecretId, now: Timestamp) -> Result<(), AuthError> {
        let silence = self.record_of(secret).and_then(|record| record.silence);
        match silence.is_some_and(|silence| self.secret.is_over(silence, now)) {
            true => Err(AuthError::Expired),
            false => Ok(()),
        }
    }

    /// Notes the use, unless it will be refused for the page that it comes from.
    fn note_from(&self, seen: &Circumstances<'_>, now: Timestamp, news: &Waiting) {
        let is_from_page = !matches!(seen.origin(), Said::Nothing);
        let must_not_be = self.record.must_not_be_in_a_page();
        if is_from_page && must_not_be {
            return;
        }
        self.note(now);
        if seen.may_be_kept(self.record.draft().kind, must_not_be) {
            // Of a signing secret its key's networks are kept alone.
            if !self.signs {
                self.from.note(seen);
            }
            if let Some(address) = seen.address() {
                self.note_network(address, now, news);
            }
        }
    }

    fn note_network(&self, address: IpAddr, now: Timestamp, news: &Waiting) {
        // While no network is usual, every one is new.
        if let Some(network) = self.key.networks.note(address, now) {
            let of = NewsOf::of_day(&self.record, NoticeKind::NewNetwork, now);
            news.note(of, now, || {
                format!(
                    "the key was used from the network {network}, from which it was not used before"
                )
            });
        }
    }

    fn note(&self, now: Timestamp) {
        self.key.used.note(now);
        self.secret.note(now);
    }
}

impl Callers {
    /// Lets the holder of a live secret in, and notes the use.
    pub(crate) fn authenticate(
        &self,
        presented: &Secret,
        pepper: &Pepper,
        seen: &Circumstances<'_>,
        now: Timestamp,
    ) -> Result<Access, AuthError> {
        let Some((caller, key)) = self.find(presented.id()) else {
            return Err(KeyRecord::verify_absent(presented, pepper));
        };
        let access = key.verify(presented, pepper, seen, now)?;
        caller.check_heard(presented.id(), now)?;
        caller.note_from(seen, now, &self.news);
        Ok(access)
    }

    /// Verifies a signed request. Nobody is let in before its nonce is spent.
    pub(crate) fn verify_signed(
        &self,
        request: &SignedRequest<'_>,
        seen: &Circumstances<'_>,
        now: Timestamp,
    ) -> Result<Unspent, AuthError> {
        let Some((caller, key)) = self.find(request.secret()) else {
            return Err(KeyRecord::verify_signed_absent(request));
        };
        let unspent = key.verify_signed(request, seen, now)?;
        caller.check_heard(request.secret(), now)?;
        Ok(unspent)
    }

    /// Notes that a secret was used by a request that was seen so.
    pub(crate) fn note_from(&self, secret: SecretId, seen: &Circumstances<'_>, now: Timestamp) {
        let caller = self.read().secrets.get(&secret).cloned();
        if let Some(caller) = caller {
            caller.note_from(seen, now, &self.news);
        }
    }

    /// Notes that a secret was used, by one whom its key let in.
    pub(crate) fn note(&self, secret: SecretId, now: Timestamp) {
        let caller = self.read().secrets.get(&secret).cloned();
        if let Some(caller) = caller {
            caller.note(now);
        }
    }

    /// Lets the holder of a ticket in while the secret that made it lives, and
    /// notes the use of the key.
    pub(crate) fn admit(
        &self,
        ticket: &Ticket,
        seen: &Circumstances<'_>,
        now: Timestamp,
    ) -> Result<Access, AuthError> {
        let (caller, key) = self.find(ticket.secret()).ok_or(AuthError::Unknown)?;
        let access = key.admit(ticket, seen, now)?;
        caller.check_heard(ticket.secret(), now)?;
        caller.note(now);
        Ok(access)
    }

    /// Refuses a replaced secret that was silent for too long.
    pub(crate) fn check_heard(&self, secret: SecretId, now: Timestamp) -> Result<(), AuthError> {
        let caller = self.read().secrets.get(&secret).cloned();
        caller.map_or(Ok(()), |caller| caller.check_heard(secret, now))
    }

    /// The use of a secret that must be in the database before it is
    /// answered, since by it silence is counted anew.
    pub(crate) fn telling_use(&self, secret: SecretId) -> Option<UnsavedUse> {
        let caller = self.read().secrets.get(&secret).cloned()?;
        let silence = caller.record_of(secret)?.silence?;
        let at = caller.secret.unsaved()?;
        silence
            .is_moved_by(caller.secret.last_saved(), at)
            .then(|| UnsavedUse::of(&caller.secret, |at| Write::UseSecret(secret, at)))
            .flatten()
    }

    /// Takes a key as it is from now on; `None` when it is gone.
    pub(crate) fn replace(
        &self,
        id: KeyId,
        before: Option<&KeyRecord>,
        now: Option<&Arc<KeyRecord>>,
    ) {
        let mut maps = self.write();
        if let Some(before) = before {
            maps.pages.remove(before);
        }
        if let Some(now) = now {
            maps.pages.add(now);
        }
        let old = before.into_iter().flat_map(ids_of);
        let old: Vec<_> = old
            .filter_map(|(id, _)| maps.secrets.remove(&id).map(|c| (id, c)))
            .collect();
        let Some(record) = now else {
            maps.keys.remove(&id);
            maps.records.remove(&id);
            return;
        };
        maps.records.insert(id, Arc::clone(record));
        let key = maps.keys.entry(id).or_insert_with(|| KeyUse {
            used: Usage::new(None),
            networks: KeyNetworks::new(SeenNetworks::default()),
        });
        let key = key.clone();
        for (id, signs) in ids_of(record) {
            let known = old.iter().find(|(known, _)| *known == id);
            let caller = Caller {
                record: Arc::clone(record),
                key: key.clone(),
                secret: known.map_or_else(|| Usage::new(None), |(_, c)| Arc::clone(&c.secret)),
                from: known.map_or_else(|| LastFrom::new(None), |(_, c)| Arc::clone(&c.from)),
                pages: known.map_or_else(|| Usage::new(None), |(_, c)| Arc::clone(&c.pages)),
                signs,
                under: Under::default(),
            };
            maps.secrets.insert(id, Arc::new(caller));
        }
    }

    /// Knows these keys from now on and no others. Uses that were noted here
    /// and not saved are kept.
    pub(crate) fn replace_all(&self, keys: Vec<LoadedKey>) {
        let mut maps = Maps::default();
        let mut known = self.write();
        let kept = |known: Option<Arc<Usage>>, saved| {
            let fresh = Usage::new(saved);
            if let Some(known) = known {
                fresh.go_on_from(&known);
            }
            fresh
        };
        for LoadedKey {
            key,
            last_used,
            networks,
            secrets,
        } in keys
        {
            maps.pages.add(&key);
            maps.records.insert(key.id(), Arc::clone(&key));
            let before = known.keys.get(&key.id());
            let usage = KeyUse {
                used: kept(before.map(|before| Arc::clone(&before.used)), last_used),
                networks: match before {
                    Some(before) => Arc::clone(&before.networks),
                    None => KeyNetworks::new(networks),
                },
            };
            maps.keys.insert(key.id(), usage.clone());
            for loaded in secrets {
                let before = known.secrets.get(&loaded.id);
                let used = before.map(|caller| Arc::clone(&caller.secret));
                let on_page = before.map(|caller| Arc::clone(&caller.pages));
                let caller = Caller {
                    record: Arc::clone(&key),
                    key: usage.clone(),
                    secret: kept(used, loaded.last_used),
                    from: match before {
                        Some(before) => Arc::clone(&before.from),
                        None => LastFrom::new(loaded.used_from),
                    },
                    pages: kept(on_page, loaded.on_page),
                    signs: loaded.signs,
                    under: Under::default(),
                };
                maps.secrets.insert(loaded.id, Arc::new(caller));
            }
        }
        *known = maps;
    }

    /// Whether some key that may live in a page is for this one.
    pub(crate) fn is_for_page(&self, page: &Page<'_>) -> bool {
        self.read().pages.have(page)
    }

    /// Lets nobody in from now on.
    pub(crate) fn clear(&self) {
        *self.write() = Maps::default();
    }

    pub(crate) fn key_last_used(&self, key: KeyId) -> Option<Timestamp> {
        self.read().keys.get(&key)?.used.last()
    }

    pub(crate) fn secret_last_used(&self, secret: SecretId) -> Option<Timestamp> {
        self.read().secrets.get(&secret)?.secret.last()
    }

    pub(crate) fn last_on_page(&self, secret: SecretId) -> Option<Timestamp> {
        self.read().secrets.get(&secret)?.pages.last()
    }

    /// Notes that a secret came from a page.
    pub(crate) fn note_page(&self, secret: SecretId, page: Option<&str>, now: Timestamp) {
        let Some(caller) = self.read().secrets.get(&secret).cloned() else {
            return;
        };
        caller.pages.note(now);
        let of = NewsOf::of_day(&caller.record, NoticeKind::UsedFromPage, now);
        self.news.note(of, now, || {
            let page: String = shown_agent(page.unwrap_or("one that does not say which")).collect();
            format!(
                "the secret {secret} came from a web page ({page}), where whoever opened it has it; the request was refused"
            )
        });
    }

    /// Every use that the database does not know.
    pub(crate) fn unsaved(&self, now: Timestamp) -> Vec<UnsavedUse> {
        let maps = self.read();
        let keys = maps.keys.iter().flat_map(|(id, key)| {
            let used = UnsavedUse::of(&key.used, |at| Write::UseKey(*id, at));
            [used, key.networks.unsaved(*id, now)]
        });
        let secrets = maps.secrets.iter().flat_map(|(id, caller)| {
            let used = UnsavedUse::of(&caller.secret, |at| match caller.signs {
                false => Write::UseSecret(*id, at),
                true => Write::UseSigning(*id, at),
            });
            let on_page = UnsavedUse::of(&caller.pages, |at| match caller.signs {
                false => Write::SecretOnPage(*id, at),
                true => Write::SigningOnPage(*id, at),
            });
            let last = caller.secret.last();
            [used, on_page, caller.from.unsaved(*id, last, now)]
        });
        keys.chain(secrets).flatten().collect()
    }

    // No code panics while it holds the lock, and a map is never half changed
    // in a way that lets somebody in; so a poisoned lock is used as it is.
    fn read(&self) -> RwLockReadGuard<'_, Maps> {
        self.maps.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Maps> {
        self.maps.write().unwrap_or_else(PoisonError::into_inner)
    }
}
