//! Places for bodies of senders whom nobody knows before the body is there.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use model::ids::KeyId;
use model::keys::Network;
use model::secrets::SecretId;

/// Bodies that are received at one time before anybody is let in.
const PLACES: usize = 64;
/// Of which so many are for keys that hold none.
const FIRST_PLACES: usize = 32;
/// How many a key may hold.
const OF_KEY_MAX: usize = 8;
/// How many may come from one network.
const OF_NETWORK_MAX: usize = 4;

/// Whose signature it says that a request has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Named {
    /// That of a key which could let in.
    Key(KeyId),
    /// That of nobody: it takes none of the places, and is refused one where a
    /// key in its place would be.
    Nobody(SecretId),
}

/// The places. A few keys cannot take all of them: half are left to keys that
/// hold none.
#[derive(Debug, Default)]
pub(crate) struct Unverified(Mutex<Taken>);

#[derive(Debug, Default)]
struct Taken {
    /// Places of keys.
    places: usize,
    of_named: HashMap<Named, usize>,
    of_network: HashMap<Option<Network>, usize>,
}

/// A place that is taken, until this is dropped.
#[derive(Debug)]
pub(super) struct Place {
    all: Arc<Unverified>,
    named: Named,
    from: Option<Network>,
}

impl Unverified {
    /// `None` where there is no place.
    pub(super) fn take(self: &Arc<Self>, named: Named, from: Option<Network>) -> Option<Place> {
        let mut taken = self.lock();
        let own = taken.of_named.get(&named).copied().unwrap_or(0);
        let besides = match named {
            Named::Key(_) => 0,
            Named::Nobody(_) => own,
        };
        let free = PLACES.saturating_sub(taken.places + besides);
        let of_network = taken.of_network.get(&from).copied().unwrap_or(0);
        let is_free = match own {
            0 => free > 0,
            own => own < OF_KEY_MAX && free > FIRST_PLACES,
        };
        if !is_free || of_network >= OF_NETWORK_MAX {
            return None;
        }
        taken.places += is_key(named);
        *taken.of_named.entry(named).or_default() += 1;
        *taken.of_network.entry(from).or_default() += 1;
        drop(taken);
        let all = Arc::clone(self);
        Some(Place { all, named, from })
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_key(named: Named) -> usize {
    usize::from(matches!(named, Named::Key(_)))
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.all.lock();
        taken.places -= is_key(self.named);
        one_less(&mut taken.of_named, self.named);
        one_less(&mut taken.of_network, self.from);
    }
}

/// What nobody holds any more is forgotten.
fn one_less<K: Eq + Hash>(held: &mut HashMap<K, usize>, of: K) {
    if let Some(count) = held.get_mut(&of) {
        *count -= 1;
        if *count == 0 {
            held.remove(&of);
        }
    }
}

#[cfg(test)]
mod tests {
    use model::random::SeededRandom;
    use model::time::Timestamp;

    use super::*;

    fn network(number: u8) -> Option<Network> {
        Some(Network::of([10, 0, number, 1].into()))
    }

    fn key(number: u64) -> KeyId {
        KeyId::generate(Timestamp::EPOCH, &SeededRandom::new(number))
    }

    /// As many as one may hold at once, from as many networks as it likes.
    fn fill(all: &Arc<Unverified>, named: Named, held: &mut Vec<Place>) -> usize {
        let before = held.len();
        for from in 0..=u8::MAX {
            while let Some(place) = all.take(named, network(from)) {
                held.push(place);
            }
        }
        held.len() - before
    }

    #[test]
    fn a_few_keys_leave_places_to_all_others() {
        let all = Arc::<Unverified>::default();
        let mut held = Vec::new();
        let shares: Vec<_> = (0..37)
            .map(|number| fill(&all, Named::Key(key(number)), &mut held))
            .collect();
        assert_eq!(shares[..4], [OF_KEY_MAX; 4]);
        assert_eq!(shares[4..36], [1; 32]);
        assert_eq!(shares[36], 0, "all are taken");
        held.pop();
        assert_eq!(fill(&all, Named::Key(key(0)), &mut held), 0);
        assert_eq!(fill(&all, Named::Key(key(36)), &mut held), 1);
    }

    #[test]
    fn of_one_network_are_few() {
        let all = Arc::<Unverified>::default();
        let take = |number, from| all.take(Named::Key(key(number)), network(from));
        let held: Vec<_> = (0..4).map(|number| take(number, 1)).collect();
        assert!(held.iter().all(Option::is_some));
        assert!(take(4, 1).is_none() && take(4, 2).is_some());
        drop(held);
        assert!(take(4, 1).is_some());
    }

    #[test]
    fn whoever_names_nobody_is_refused_where_a_key_would_be_and_takes_nothing() {
        let nobody = |number: u64| {
            let id = SecretId::parse(&format!("{number:012}"));
            Named::Nobody(id.expect("an id"))
        };
        let (all, beside) = (Arc::<Unverified>::default(), Arc::<Unverified>::default());
        let (mut held, mut held_beside) = (Vec::new(), Vec::new());
        for number in 0..60 {
            // A network has four of them.
            let nobodys = fill(&all, nobody(number), &mut held);
            assert_eq!(nobodys, OF_KEY_MAX);
        }
        drop(std::mem::take(&mut held));
        for number in 0..40 {
            let named = Named::Key(key(number));
            assert_eq!(
                fill(&all, named, &mut held),
                fill(&beside, named, &mut held_beside)
            );
            let mut nobodys = Vec::new();
            let mut keys = Vec::new();
            assert_eq!(
                fill(&all, nobody(number), &mut nobodys),
                fill(&beside, Named::Key(key(1_000)), &mut keys),
                "{number}"
            );
        }
        drop(held);
        let taken = all.lock();
        assert_eq!(taken.places, 0);
        assert!(taken.of_named.is_empty() && taken.of_network.is_empty());
    }
}
