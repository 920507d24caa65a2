//! From where the sessions of people are used, and whose look as if two people
//! used them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use model::ids::PersonId;
use model::keys::Circumstances;
use model::people::{
    Area, PersonRecord, SessionHash, SessionToken, Stretch, Stretches, used_by_two,
};
use model::permit::{Access, Admin, Permit};

use super::{People, PeopleChange};
use crate::callers::{Kept, UnsavedUse, held};
use crate::control::{Control, Inner};
use crate::error::ControlError;
use crate::store::{Claim, PeopleWrite, Write};

/// The stretches of a session, and what of them is in the database.
#[derive(Debug)]
pub(crate) struct LiveStretches(Mutex<Kept<Stretches>>);

impl LiveStretches {
    /// As the database knows them.
    pub(super) fn saved(stretches: Stretches) -> Arc<Self> {
        Arc::new(Self(Kept::new(stretches)))
    }

    /// Those of a session that has another token now, which is another row.
    pub(super) fn renewed(&self) -> Arc<Self> {
        let mut kept = Kept::new(self.get());
        let inside = kept.get_mut();
        if let Ok(inside) = inside {
            inside.changed();
        }
        Arc::new(Self(kept))
    }

    pub(super) fn get(&self) -> Stretches {
        held(&self.0).value.clone()
    }

    fn unsaved(self: &Arc<Self>, session: SessionHash) -> Option<UnsavedUse> {
        let kept = held(&self.0);
        kept.is_unsaved().then(|| {
            let write = PeopleWrite::SessionStretches(session, kept.value.clone());
            UnsavedUse::of_session(Write::People(write), Arc::clone(self), kept.state)
        })
    }

    pub(crate) fn is_saved(&self, state: u64) {
        held(&self.0).is_saved(state);
    }
}

impl People {
    /// Every use of a session that the database does not know.
    pub(crate) fn unsaved(&self) -> Vec<UnsavedUse> {
        let maps = self.read();
        let sessions = maps.sessions.iter();
        let unsaved = sessions.filter_map(|(hash, live)| live.stretches.unsaved(*hash));
        unsaved.collect()
    }
}

impl Control {
    /// Takes sessions that do not last any more out of memory and the database,
    /// with all that is kept of them. For a timer.
    ///
    /// # Errors
    /// Of the database.
    pub(crate) async fn forget_sessions(&self) -> Result<(), ControlError> {
        let writer = self.0.writer().await?;
        let now = self.people_now();
        let over: Vec<SessionHash> = {
            let maps = self.people().read();
            let over = maps.sessions.iter().filter(|(_, live)| !live.lasts(now));
            over.map(|(hash, _)| *hash).collect()
        };
        if over.is_empty() {
            return Ok(());
        }
        let delete = |hash: &SessionHash| Write::People(PeopleWrite::DeleteSession(*hash));
        let writes = over.iter().map(delete).collect();
        let ordinal = writer.ordinal;
        let ended = over.into_iter().map(PeopleChange::RemoveSession).collect();
        let apply = move |inner: &Inner| inner.people.apply(ended);
        self.0
            .carry_out(writer, writes, ordinal, Claim::Nothing, apply)
            .await
    }
}

/// A person whose sessions are used from two places at the same time.
#[derive(Debug)]
pub struct SharedAccount {
    /// Who it is.
    pub person: Arc<PersonRecord>,
    /// What was seen.
    pub why: String,
}

impl Control {
    /// Notes from where a session is used. Memory alone is touched.
    pub fn note_session(&self, token: &SessionToken, seen: &Circumstances<'_>) {
        let live = self.people().live(&token.hash(self.pepper()));
        let (Some(live), Some(from)) = (live, seen.address()) else {
            return;
        };
        let now = self.people_now();
        let mut kept = held(&live.stretches.0);
        if kept
            .value
            .note(from, seen.user_agent().unwrap_or_default(), now)
        {
            kept.changed();
        }
    }

    /// The people that the caller knows of, whose sessions that last are used
    /// from clearly different networks at the same time.
    ///
    /// # Errors
    /// [`ControlError::NotFound`] when the project is gone.
    pub fn shared_accounts(&self, by: &Permit<Admin>) -> Result<Vec<SharedAccount>, ControlError> {
        if !may_know_people(by.access()) {
            return Ok(Vec::new());
        }
        // Where somebody is, a key is not told: whoever has it may be anybody.
        let is_person = by.access().person().is_some();
        let mut used = self.stretches_by_person();
        let people = self.people_of(by)?.into_iter();
        let shared = people.filter_map(|person| {
            let sessions = used.remove(&person.id())?;
            let (earlier, later) = used_by_two(&sessions.iter().collect::<Vec<_>>())?;
            let why = seen_at(earlier, later, is_person);
            Some(SharedAccount { person, why })
        });
        Ok(shared.collect())
    }

    /// What is kept of the sessions that last.
    fn stretches_by_person(&self) -> BTreeMap<PersonId, Vec<Stretches>> {
        let now = self.people_now();
        let mut used: BTreeMap<PersonId, Vec<Stretches>> = BTreeMap::new();
        let maps = self.people().read();
        for live in maps.sessions.values().filter(|live| live.lasts(now)) {
            let of_person = used.entry(live.record.person).or_default();
            of_person.push(live.stretches.get());
        }
        used
    }
}

fn may_know_people(access: &Access) -> bool {
    access.person().is_none_or(|own| own.may(Area::People))
}

fn seen_at(earlier: &Stretch, later: &Stretch, says_where: bool) -> String {
    let ends = earlier.last.min(later.last);
    if !says_where {
        return format!(
            "the sessions were used from two clearly different networks at the same time, from {} to {ends}",
            later.first
        );
    }
    let named = |stretch: &Stretch| match stretch.agent.as_str() {
        "" => stretch.network.to_string(),
        agent => format!("{} ({agent})", stretch.network),
    };
    format!(
        "the sessions were used from {} and from {} at the same time, from {} to {ends}",
        named(earlier),
        named(later),
        later.first
    )
}
