//! Secrets that were reported as leaked: they go on for those who always used
//! them, at a trickle, and for nobody else.

use std::num::NonZeroU32;
use std::sync::Arc;

use super::{AuthError, Circumstances, Network};
use crate::grants::Action;
use crate::time::Timestamp;
use crate::value::{Object, Value};

/// Requests that secrets of a key in quarantine let in within any second,
/// together.
pub const TRICKLE: NonZeroU32 = NonZeroU32::MIN;

/// What a secret is held to since it was reported as leaked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quarantine {
    /// When it was reported.
    pub since: Timestamp,
    /// The networks that were usual for its key then: the only ones from which
    /// it lets somebody in.
    pub networks: Arc<[Network]>,
}

impl Quarantine {
    /// Whether somebody in quarantine may do this at all: what would outlast
    /// the quarantine, or could not be undone after it, nobody does.
    pub fn allows(action: Action) -> bool {
        !matches!(
            action,
            Action::Admin | Action::Issue | Action::Delete | Action::Drop
        )
    }

    /// Refuses a request from anywhere but the usual networks.
    pub(super) fn check(&self, seen: &Circumstances<'_>) -> Result<(), AuthError> {
        let network = seen.address().map(Network::of);
        match network.is_some_and(|network| self.networks.contains(&network)) {
            true => Ok(()),
            false => Err(AuthError::Quarantined),
        }
    }

    /// The stored form.
    pub fn to_value(&self) -> Value {
        let networks = self.networks.iter().map(Network::to_string);
        let stored = Object::new()
            .with("since", self.since.to_string())
            .with("networks", networks.collect::<Vec<_>>());
        Value::Object(stored)
    }

    /// Reads the stored form; `None` for any other.
    pub fn restore(stored: &Value) -> Option<Self> {
        let stored = stored.as_object()?;
        let networks = stored.get("networks")?.as_array()?.iter();
        let networks = networks.map(|network| Network::parse(network.as_str()?));
        Some(Self {
            since: Timestamp::parse(stored.get("since")?.as_str()?).ok()?,
            networks: networks.collect::<Option<_>>()?,
        })
    }
}

#[cfg(test)]
mod tests;
