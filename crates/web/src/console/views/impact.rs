//! What a change of a view changes for the keys that read it, said before it is saved.

use model::permit::Admin;
use model::views::ViewDraft;
use sha2::{Digest, Sha256};

use super::Readable;
use crate::api::views::{Simulation, Stopped, Whom, simulated};
use crate::caller::Caller;
use crate::console::keys::Change;
use crate::console::visitor::InProject;
use crate::error::ApiError;
use crate::state::AppState;

/// What the page says of a change before it is saved.
pub(super) enum Impact {
    /// What it gives and takes.
    Counted(Counts),
    /// It cannot be counted now.
    NotNow,
}

/// What a change gives and takes.
pub(super) struct Counts {
    /// Of the view itself, before any key's constraint; then of each key for which something changes.
    pub(super) changes: Vec<Change>,
    /// The tier before and afterwards, when that is another one.
    pub(super) tier: Option<[&'static str; 2]>,
    /// Whether it is public from then on, when it was not; or the other way round.
    pub(super) public: Option<bool>,
    /// Whether the person is told of keys at all.
    pub(super) is_told: bool,
    /// Keys that read it and see what they saw.
    pub(super) same: usize,
    /// Keys that were not counted.
    pub(super) left: usize,
    /// Whether those were not since it took too long.
    pub(super) is_late: bool,
}

impl Counts {
    fn of(name: &str, seen: &Simulation) -> Self {
        let own = Change::of("the view itself", name.to_owned(), seen.rows, None);
        let mut changes = vec![own];
        let readers = seen.readers.as_ref();
        let told = readers.map(|readers| readers.told.as_slice());
        let told = told.unwrap_or_default().iter();
        changes.extend(told.map(|key| {
            let name = key.name.clone();
            Change::of("key", name, key.rows, Some(&key.fields))
        }));
        let [tier, tier_after] = seen.tier;
        let [public, public_after] = seen.public;
        Self {
            changes,
            tier: (tier != tier_after).then(|| [tier.name(), tier_after.name()]),
            public: (public != public_after).then_some(public_after),
            is_told: readers.is_some(),
            same: readers.map_or(0, |readers| readers.same),
            left: readers.map_or(0, |readers| readers.left),
            is_late: readers.is_some_and(|readers| readers.stopped == Some(Stopped::Time)),
        }
    }

    #[cfg(test)]
    pub(super) fn sample(text: &str) -> Self {
        Self {
            changes: vec![Change::sample(text)],
            tier: Some(["core", "premium"]),
            public: Some(true),
            is_told: true,
            same: 1,
            left: 1,
            is_late: true,
        }
    }
}

/// What a change to this draft changes; `None` for one of which nobody who reads the view sees
/// anything, such as another order. Nothing is saved.
///
/// # Errors
/// Those with which the change would be refused.
pub(super) async fn impact(
    here: &InProject,
    caller: &Caller<Admin>,
    readable: &Readable,
    draft: &ViewDraft,
    state: &AppState,
) -> Result<Option<Impact>, ApiError> {
    if *draft == readable.view.draft {
        return Ok(None);
    }
    let asked = (Some(draft.clone()), Whom::Changed);
    match simulated(caller, state, &here.definitions, &readable.view, asked).await {
        Ok(seen) if seen.is_same() => Ok(None),
        Ok(seen) => {
            let counts = Counts::of(draft.name.as_str(), &seen);
            Ok(Some(Impact::Counted(counts)))
        }
        // Busy, or broken: that is no reason against the change itself.
        Err(error) if error.problem().status().is_server_error() => Ok(Some(Impact::NotNow)),
        Err(error) => Err(error),
    }
}

/// What a page showed the impact of: this draft, of the view as it is now.
pub(super) fn digest(readable: &Readable, draft: &ViewDraft) -> String {
    let draft = model::json::to_text(&draft.to_value());
    let digest = Sha256::digest(format!("{} {draft}", readable.view.revision));
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
