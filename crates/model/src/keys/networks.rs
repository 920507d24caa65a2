//! The networks that a key is used from, and which of them are usual for it.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;

use crate::limits::KEY_NETWORKS_MAX;
use crate::time::Timestamp;
use crate::value::{Object, Value};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// A network is usual for a key once it was used from there for so long. Who
/// has just stolen a token comes from a network that is younger.
pub const USUAL_AFTER: Duration = DAY;
/// How long is kept where a key was used from, after its last use from there.
pub const WHEREABOUTS_KEPT: Duration = Duration::from_secs(90 * DAY.as_secs());
/// The last use from a network is noted in steps of so much.
const STEP: Duration = Duration::from_secs(60 * 60);

const V4_BITS: u8 = 24;
const V6_BITS: u8 = 48;

/// What an address is taken for: the first 24 bits of an IPv4 one, the first
/// 48 of an IPv6 one, which is what one customer of a provider has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Network(IpNet);

impl Network {
    /// The network of an address.
    pub fn of(address: IpAddr) -> Self {
        let address = address.to_canonical();
        let bits = match address {
            IpAddr::V4(_) => V4_BITS,
            IpAddr::V6(_) => V6_BITS,
        };
        Self(IpNet::new_assert(address, bits).trunc())
    }

    /// Whether the other one is in another part of the net, as far as their first
    /// bits tell: 16 of IPv4, 32 of IPv6. Of one of each nothing is known, since
    /// one device has both.
    pub fn is_clearly_another(&self, other: &Self) -> bool {
        let part = |network: &Self, bits| IpNet::new_assert(network.0.addr(), bits).trunc();
        match (self.0, other.0) {
            (IpNet::V4(_), IpNet::V4(_)) => part(self, 16) != part(other, 16),
            (IpNet::V6(_), IpNet::V6(_)) => part(self, 32) != part(other, 32),
            _ => false,
        }
    }

    /// Reads what [`Network`] displays; `None` for any other text.
    pub fn parse(text: &str) -> Option<Self> {
        let network: IpNet = text.parse().ok()?;
        let found = Self::of(network.addr());
        (found.0 == network).then_some(found)
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A network that a key was used from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeenNetwork {
    /// The network.
    pub network: Network,
    /// When it was first used from there.
    pub first: Timestamp,
    /// When it was last used from there, an hour early at most.
    pub last: Timestamp,
}

impl SeenNetwork {
    /// Whether what comes from there at `now` is nothing new for the key.
    pub fn is_usual(&self, now: Timestamp) -> bool {
        now.since(self.first) >= USUAL_AFTER && !self.is_over(now)
    }

    fn is_over(&self, now: Timestamp) -> bool {
        now.since(self.last) > WHEREABOUTS_KEPT
    }
}

/// What a use was to the networks that were known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sighting {
    /// It came from a known network, whose last use is noted already.
    Known,
    /// It came from a known network, and its last use was noted.
    Again,
    /// It came from the first network that is known of the key.
    First(Network),
    /// It came from a network that the key was not used from.
    New(Network),
}

/// The networks that a key was used from: at most [`KEY_NETWORKS_MAX`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SeenNetworks(Vec<SeenNetwork>);

impl SeenNetworks {
    /// Notes a use. A network that is not known takes the place of another one
    /// when there is no room: of the youngest that is not usual yet, else of
    /// the one that was not used for the longest time. So nobody drives the
    /// usual ones out within a day, from however many networks they come.
    pub fn note(&mut self, from: IpAddr, now: Timestamp) -> Sighting {
        let network = Network::of(from);
        if let Some(known) = self.0.iter_mut().find(|known| known.network == network) {
            if now.since(known.last) < STEP {
                return Sighting::Known;
            }
            known.last = now;
            return Sighting::Again;
        }
        self.forget_old(now);
        let is_first = self.0.is_empty();
        if self.0.len() >= KEY_NETWORKS_MAX {
            let places = self.0.iter().enumerate();
            let leaves = places.min_by_key(|(_, known)| match known.is_usual(now) {
                false => (false, -known.first.as_microsecond()),
                true => (true, known.last.as_microsecond()),
            });
            if let Some((place, _)) = leaves {
                self.0.remove(place);
            }
        }
        self.0.push(SeenNetwork {
            network,
            first: now,
            last: now,
        });
        match is_first {
            true => Sighting::First(network),
            false => Sighting::New(network),
        }
    }

    /// Forgets the networks that the key was not used from for
    /// [`WHEREABOUTS_KEPT`], and says whether there were any.
    pub fn forget_old(&mut self, now: Timestamp) -> bool {
        let before = self.0.len();
        self.0.retain(|known| !known.is_over(now));
        self.0.len() < before
    }

    /// Those that are known, in the order in which they came.
    pub fn all(&self) -> &[SeenNetwork] {
        &self.0
    }

    /// Those that are usual at `now`.
    pub fn usual(&self, now: Timestamp) -> Vec<Network> {
        let usual = self.0.iter().filter(|known| known.is_usual(now));
        usual.map(|known| known.network).collect()
    }

    /// The stored form.
    pub fn to_value(&self) -> Value {
        let entries = self.0.iter().map(|known| {
            Object::new()
                .with("network", known.network.to_string())
                .with("first", known.first.to_string())
                .with("last", known.last.to_string())
        });
        Value::from(entries.collect::<Vec<_>>())
    }

    /// Reads the stored form. What is none of it is not known.
    pub fn restore(stored: &Value) -> Self {
        let entries = stored.as_array().unwrap_or_default().iter();
        let read = |entry: &Value| {
            let entry = entry.as_object()?;
            let time = |member| Timestamp::parse(entry.get(member)?.as_str()?).ok();
            Some(SeenNetwork {
                network: Network::parse(entry.get("network")?.as_str()?)?,
                first: time("first")?,
                last: time("last")?,
            })
        };
        Self(entries.filter_map(read).take(KEY_NETWORKS_MAX).collect())
    }
}

#[cfg(test)]
mod tests;
