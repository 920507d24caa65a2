//! Where keys and secrets are used from. Memory alone is touched by a use, and
//! nothing of it is allocated while nothing changed.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use model::ids::KeyId;
use model::keys::{
    Circumstances, KeyRecord, Network, SeenNetworks, Sighting, WHEREABOUTS_KEPT, shown_agent,
};
use model::secrets::{Pepper, Secret, SecretId};
use model::time::Timestamp;

use super::usage::{NotedUse, UnsavedUse, What};
use crate::store::Write;

/// Where a secret was last used from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsedFrom {
    /// The address, as far as it could be known.
    pub address: Option<IpAddr>,
    /// What the program called itself, made harmless; empty when it said nothing.
    pub agent: String,
}

/// A value, its state, and the state of it that the database knows.
#[derive(Debug)]
pub(crate) struct Kept<T> {
    pub(crate) value: T,
    pub(crate) state: u64,
    saved: u64,
}

impl<T> Kept<T> {
    pub(crate) fn new(value: T) -> Mutex<Self> {
        Mutex::new(Self {
            value,
            state: 0,
            saved: 0,
        })
    }

    pub(crate) fn changed(&mut self) {
        self.state += 1;
    }

    pub(crate) fn is_saved(&mut self, state: u64) {
        self.saved = self.saved.max(state);
    }

    /// Whether the database knows another one.
    pub(crate) fn is_unsaved(&self) -> bool {
        self.state > self.saved
    }
}

pub(crate) fn held<T>(kept: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nobody panics while holding it.
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Where a secret was last used from, and what of that is in the database.
#[derive(Debug)]
pub(super) struct LastFrom(Mutex<Kept<Option<UsedFrom>>>);

impl LastFrom {
    pub(super) fn new(saved: Option<UsedFrom>) -> Arc<Self> {
        Arc::new(Self(Kept::new(saved)))
    }

    pub(super) fn note(&self, seen: &Circumstances<'_>) {
        let (address, said) = (seen.address(), seen.user_agent().unwrap_or_default());
        let mut kept = held(&self.0);
        match &mut kept.value {
            Some(last) if last.address == address && shown_agent(said).eq(last.agent.chars()) => {
                return;
            }
            Some(last) => {
                last.address = address;
                last.agent.clear();
                last.agent.extend(shown_agent(said));
            }
            None if address.is_none() && said.is_empty() => return,
            none @ None => {
                *none = Some(UsedFrom {
                    address,
                    agent: shown_agent(said).collect(),
                });
            }
        }
        kept.changed();
    }

    pub(super) fn get(&self) -> Option<UsedFrom> {
        held(&self.0).value.clone()
    }

    /// What the database does not know. What is too old is forgotten first.
    pub(super) fn unsaved(
        self: &Arc<Self>,
        secret: SecretId,
        last_used: Option<Timestamp>,
        now: Timestamp,
    ) -> Option<UnsavedUse> {
        let mut kept = held(&self.0);
        let is_over = last_used.is_some_and(|last| now.since(last) > WHEREABOUTS_KEPT);
        if is_over && kept.value.take().is_some() {
            kept.changed();
        }
        kept.is_unsaved().then(|| UnsavedUse {
            write: Write::SecretFrom(secret, kept.value.clone()),
            noted: NotedUse(What::From(Arc::clone(self), kept.state)),
        })
    }

    pub(super) fn is_saved(&self, state: u64) {
        held(&self.0).is_saved(state);
    }
}

/// The networks that a key was used from, and what of them is in the database.
#[derive(Debug)]
pub(super) struct KeyNetworks(Mutex<Kept<SeenNetworks>>);

impl KeyNetworks {
    pub(super) fn new(saved: SeenNetworks) -> Arc<Self> {
        Arc::new(Self(Kept::new(saved)))
    }

    /// Notes a use, and answers the network when it is not one of those that
    /// are known while some of them are usual.
    pub(super) fn note(&self, address: IpAddr, now: Timestamp) -> Option<Network> {
        let mut kept = held(&self.0);
        let sighting = kept.value.note(address, now);
        if sighting != Sighting::Known {
            kept.changed();
        }
        match sighting {
            Sighting::New(network) if !kept.value.usual(now).is_empty() => Some(network),
            _ => None,
        }
    }

    pub(super) fn get(&self) -> SeenNetworks {
        held(&self.0).value.clone()
    }

    /// What the database does not know. What is too old is forgotten first.
    pub(super) fn unsaved(self: &Arc<Self>, key: KeyId, now: Timestamp) -> Option<UnsavedUse> {
        let mut kept = held(&self.0);
        if kept.value.forget_old(now) {
            kept.changed();
        }
        kept.is_unsaved().then(|| UnsavedUse {
            write: Write::KeyNetworks(key, kept.value.clone()),
            noted: NotedUse(What::Networks(Arc::clone(self), kept.state)),
        })
    }

    pub(super) fn is_saved(&self, state: u64) {
        held(&self.0).is_saved(state);
    }
}

impl super::Callers {
    /// Where a secret was last used from.
    pub(crate) fn secret_used_from(&self, secret: SecretId) -> Option<UsedFrom> {
        self.read().secrets.get(&secret)?.from.get()
    }

    /// The key that has this secret, whatever state both are in. A text that is
    /// the secret of no key takes the same time as a wrong one.
    pub(crate) fn key_of(&self, presented: &Secret, pepper: &Pepper) -> Option<Arc<KeyRecord>> {
        let caller = self.read().secrets.get(&presented.id()).cloned();
        let Some(caller) = caller else {
            KeyRecord::verify_absent(presented, pepper);
            return None;
        };
        let is_its = caller.record.has_secret(presented, pepper);
        is_its.then(|| Arc::clone(&caller.record))
    }

    /// The key that has the secret of this id, whatever state both are in.
    pub(crate) fn key_with(&self, secret: SecretId) -> Option<Arc<KeyRecord>> {
        let caller = self.read().secrets.get(&secret).cloned()?;
        Some(Arc::clone(&caller.record))
    }

    /// Whether there is such a key, whatever state it is in.
    pub(crate) fn has(&self, key: KeyId) -> bool {
        self.read().keys.contains_key(&key)
    }

    /// The networks that a key was used from.
    pub(crate) fn networks_of(&self, key: KeyId) -> SeenNetworks {
        let maps = self.read();
        let known = maps.keys.get(&key);
        known.map(|known| known.networks.get()).unwrap_or_default()
    }
}
