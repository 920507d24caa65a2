//! From where a session was used, and when two people seem to use one account.

use std::net::IpAddr;
use std::time::Duration;

use crate::keys::{Network, shown_agent};
use crate::limits::SESSION_STRETCHES_MAX;
use crate::time::Timestamp;
use crate::value::{Object, Value};

/// Uses that are so far apart are two stretches: who went from one place to
/// another was not at both in between.
pub const STRETCH_GAP: Duration = Duration::from_secs(15 * 60);
/// Two stretches that lie over each other for so long are of two people, or of
/// one with two devices. A shorter while is a change of networks.
pub const STRETCH_OVERLAP: Duration = Duration::from_secs(10 * 60);
/// The end of a stretch is noted in steps of so much.
const STEP: Duration = Duration::from_secs(60);

/// A stretch of time in which a session was used from one network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// The network.
    pub network: Network,
    /// What the program called itself last, which anybody may write.
    pub agent: String,
    /// The first use.
    pub first: Timestamp,
    /// The last use, a minute early at most.
    pub last: Timestamp,
}

/// The stretches that are kept of a session: the last [`SESSION_STRETCHES_MAX`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stretches(Vec<Stretch>);

impl Stretches {
    /// Notes a use, and says whether there is something new to keep.
    pub fn note(&mut self, from: IpAddr, agent: &str, now: Timestamp) -> bool {
        let network = Network::of(from);
        let is_same =
            |known: &&mut Stretch| known.network == network && now.since(known.last) < STRETCH_GAP;
        if let Some(known) = self.0.iter_mut().find(is_same) {
            if now.since(known.last) < STEP {
                return false;
            }
            known.last = now;
            known.agent.clear();
            known.agent.extend(shown_agent(agent));
            return true;
        }
        if self.0.len() >= SESSION_STRETCHES_MAX {
            let places = self.0.iter().enumerate();
            let oldest = places.min_by_key(|(_, known)| known.last);
            if let Some((oldest, _)) = oldest {
                self.0.remove(oldest);
            }
        }
        self.0.push(Stretch {
            network,
            agent: shown_agent(agent).collect(),
            first: now,
            last: now,
        });
        true
    }

    /// Those that are kept, in the order in which they began.
    pub fn all(&self) -> &[Stretch] {
        &self.0
    }

    /// The stored form.
    pub fn to_value(&self) -> Value {
        let entries = self.0.iter().map(|known| {
            Object::new()
                .with("network", known.network.to_string())
                .with("agent", known.agent.as_str())
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
            let text = |member| entry.get(member)?.as_str();
            let time = |member| Timestamp::parse(text(member)?).ok();
            Some(Stretch {
                network: Network::parse(text("network")?)?,
                agent: shown_agent(text("agent")?).collect(),
                first: time("first")?,
                last: time("last")?,
            })
        };
        Self(
            entries
                .filter_map(read)
                .take(SESSION_STRETCHES_MAX)
                .collect(),
        )
    }
}

/// Two stretches of the sessions of one person that lie over each other, from
/// networks that are clearly not one: the two that began last, if any.
///
/// IPv4 is compared with IPv4 alone and IPv6 with IPv6, since one device has
/// both; and of each only what is given to one provider, since a device at one
/// place is seen from several networks of it.
pub fn used_by_two<'s>(sessions: &[&'s Stretches]) -> Option<(&'s Stretch, &'s Stretch)> {
    let mut all: Vec<&Stretch> = sessions.iter().flat_map(|kept| &kept.0).collect();
    all.sort_by_key(|stretch| std::cmp::Reverse(stretch.first));
    let mut pairs = all.iter().enumerate().flat_map(|(at, later)| {
        let earlier = all.iter().skip(at + 1);
        earlier.map(move |earlier| (*earlier, *later))
    });
    pairs.find(|(earlier, later)| {
        let ends = earlier.last.min(later.last);
        let lies_over = ends >= later.first && ends.since(later.first) >= STRETCH_OVERLAP;
        lies_over && earlier.network.is_clearly_another(&later.network)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::at;

    fn minute(minute: u64) -> Timestamp {
        let noon = at("2026-03-01T12:00:00Z");
        noon.checked_add(Duration::from_secs(60 * minute))
            .expect("a time")
    }

    /// A session that was used each minute of these from these addresses.
    fn used(uses: &[(&str, std::ops::RangeInclusive<u64>)]) -> Stretches {
        let mut by_minute: Vec<(u64, &str)> = uses
            .iter()
            .flat_map(|(from, minutes)| minutes.clone().map(move |at| (at, *from)))
            .collect();
        by_minute.sort_unstable();
        let mut kept = Stretches::default();
        for (at, from) in by_minute {
            kept.note(from.parse().expect("an address"), "agent", minute(at));
        }
        kept
    }

    fn is_of_two(sessions: &[&Stretches]) -> bool {
        used_by_two(sessions).is_some()
    }

    #[test]
    fn two_networks_at_the_same_time_are_two_people() {
        let here = used(&[("192.0.2.1", 0..=30)]);
        let there = used(&[("198.51.100.1", 20..=50)]);
        let (earlier, later) = used_by_two(&[&there, &here]).expect("found");
        assert_eq!(earlier.network.to_string(), "192.0.2.0/24");
        assert_eq!(later.network.to_string(), "198.51.100.0/24");
        // By whatever name: it makes no stretch of its own.
        let mut named = Stretches::default();
        for at in 0..=30 {
            let from = "192.0.2.1".parse().expect("an address");
            named.note(from, &format!("agent {at}"), minute(at));
        }
        assert_eq!(named.all().len(), 1);
        assert!(is_of_two(&[&named, &there]));
        // Also in one session, whose cookie was handed on.
        let both = used(&[("192.0.2.1", 0..=30), ("198.51.100.1", 5..=30)]);
        assert!(is_of_two(&[&both]));
    }

    #[test]
    fn one_person_on_the_way_is_not_two() {
        let here = used(&[("192.0.2.1", 0..=30)]);
        for other in [
            // Afterwards, and with a while of both.
            used(&[("198.51.100.1", 31..=90)]),
            used(&[("198.51.100.1", 21..=90)]),
            // Another network of the same provider, and the other family.
            used(&[("192.0.77.1", 0..=30)]),
            used(&[("2001:db8::1", 0..=30)]),
            Stretches::default(),
        ] {
            assert!(!is_of_two(&[&here, &other]), "{other:?}");
        }
        // There, away, and back again.
        let to_and_fro = used(&[
            ("192.0.2.1", 0..=30),
            ("198.51.100.1", 50..=80),
            ("192.0.2.1", 100..=130),
        ]);
        assert_eq!(to_and_fro.all().len(), 3);
        assert!(!is_of_two(&[&to_and_fro]));
    }

    #[test]
    fn what_is_kept_is_little_and_comes_back() {
        let mut kept = Stretches::default();
        for place in 0..200_u8 {
            let from = IpAddr::from([place, 1, 1, 1]);
            assert!(kept.note(from, "a\u{1b}b", minute(place.into())));
            let again = minute(place.into());
            assert!(!kept.note(from, "a\u{1b}b", again), "nothing new");
        }
        assert_eq!(kept.all().len(), SESSION_STRETCHES_MAX);
        let newest = kept.all().last().expect("some");
        assert_eq!(newest.network.to_string(), "199.1.1.0/24");
        assert_eq!(newest.agent, "a\u{fffd}b");
        assert_eq!(Stretches::restore(&kept.to_value()), kept);
        assert_eq!(Stretches::restore(&Value::Null), Stretches::default());
    }
}
