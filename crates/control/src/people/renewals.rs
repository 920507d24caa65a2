//! Factors that were offered to a person and do not count yet. They are in
//! memory alone: whoever is interrupted by a restart asks for others.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use model::ids::{PersonId, SessionId};
use model::people::{RecoveryHash, SealedTotp};
use model::time::Timestamp;

/// How long a person has to put the secret into an app.
const LASTS: Duration = Duration::from_secs(15 * 60);

/// What was offered to a person, as it is stored once it counts.
#[derive(Debug)]
pub(super) struct Renewal {
    /// The session in which it was shown.
    pub(super) session: SessionId,
    pub(super) totp: SealedTotp,
    pub(super) recovery: Vec<RecoveryHash>,
    pub(super) offered_at: Timestamp,
}

/// The last offer to each person.
#[derive(Debug, Default)]
pub(super) struct Renewals(Mutex<HashMap<PersonId, Arc<Renewal>>>);

impl Renewals {
    /// An offer takes the place of the one before. Those that ran out go.
    pub(super) fn put(&self, person: PersonId, renewal: Renewal) {
        let now = renewal.offered_at;
        let mut offers = self.lock();
        offers.retain(|_, offer| lasts(offer, now));
        offers.insert(person, Arc::new(renewal));
    }

    /// What was offered in this session and has not run out.
    pub(super) fn of(
        &self,
        person: PersonId,
        session: SessionId,
        now: Timestamp,
    ) -> Option<Arc<Renewal>> {
        let offer = self.lock().get(&person).cloned()?;
        (offer.session == session && lasts(&offer, now)).then_some(offer)
    }

    /// It was taken.
    pub(super) fn forget(&self, person: PersonId) {
        self.lock().remove(&person);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<PersonId, Arc<Renewal>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn lasts(offer: &Renewal, now: Timestamp) -> bool {
    let end = offer.offered_at.checked_add(LASTS);
    now < end.unwrap_or(Timestamp::MAX)
}
