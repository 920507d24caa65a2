//! Keys made by keys that do not administer: within the grants, restrictions,
//! life and credits of their maker, which lists and ends them.
//! `docs/adr/028-issued-keys.md`.

use std::sync::Arc;

use model::fault::{Fault, FaultCode};
use model::grants::{Grant, GrantLookup, Selector, Target, VisibleFields};
use model::ids::{DatasetId, GrantId, KeyId, PoolId, SavedQueryId, ViewId};
use model::keys::{KeyDraft, KeyRecord};
use model::limits::ISSUED_KEYS_MAX;
use model::names::Name;
use model::permit::{Access, Issue, Permit};
use model::pools::{Pool, Schema, SchemaMode};
use model::views::View;

use crate::change::Change;
use crate::control::Control;
use crate::definitions::Definitions;
use crate::error::ControlError;
use crate::keys::{find, row, subject, text};
use crate::once::{Made, Once};

impl Control {
    /// Makes a key that reaches no further than its maker, for a request that
    /// its sender may repeat.
    ///
    /// # Errors
    /// A fault that points at what the caller may not give.
    pub async fn issue_key(
        &self,
        by: &Permit<Issue>,
        draft: KeyDraft,
        once: Option<Once>,
    ) -> Result<Made, ControlError> {
        self.change_once_by(by.access(), once, |change| {
            let maker = find(change, by.access().key(), None)?;
            if issued(change, maker.id()).count() >= ISSUED_KEYS_MAX {
                let detail =
                    format!("a key issues at most {ISSUED_KEYS_MAX} keys; delete some first");
                return Err(Fault::new(FaultCode::LimitExceeded, detail).into());
            }
            let mut draft = draft.within_maker(maker.draft(), None)?;
            draft.grants = by.narrow(draft.grants, &[])?;
            draft.issued_by = Some(maker.id());
            change.create_key(self.pepper(), &draft)
        })
        .await
    }

    /// What the reader of an issued key's grants must know of the project: of
    /// what the caller's own grants do not cover, that there is no such thing.
    /// Where one of them hides fields, no field is told apart from none.
    pub fn issue_lookup(
        &self,
        by: &Permit<Issue>,
    ) -> impl GrantLookup + Send + Sync + 'static + use<> {
        let access = by.access();
        let held = access.grants_of_key().to_vec();
        Covered {
            hides: held.iter().any(|grant| grant.fields != VisibleFields::All),
            held,
            definitions: self.definitions(access.project()),
            project: self.grant_lookup(access.project(), &[]),
        }
    }

    /// The keys that the caller's key made and that are there, oldest first.
    pub fn issued_keys(&self, by: &Permit<Issue>) -> Vec<Arc<KeyRecord>> {
        let access = by.access();
        let definitions = self.definitions(access.project());
        let keys = definitions.keys();
        keys.filter(|key| is_issued(key, access.key()))
            .cloned()
            .collect()
    }

    /// One of those.
    ///
    /// # Errors
    /// [`ControlError::NotFound`] for every other one.
    pub fn issued_key(
        &self,
        by: &Permit<Issue>,
        id: KeyId,
    ) -> Result<Arc<KeyRecord>, ControlError> {
        let access = by.access();
        let definitions = self.definitions(access.project());
        let key = definitions
            .key(id)
            .filter(|key| is_issued(key, access.key()));
        key.cloned().ok_or(ControlError::NotFound)
    }

    /// Switches a key off that the caller's key made. To switch it on again is
    /// for an administrator.
    ///
    /// # Errors
    /// As [`Control::issued_key`].
    pub async fn disable_issued(
        &self,
        by: &Permit<Issue>,
        id: KeyId,
    ) -> Result<Arc<KeyRecord>, ControlError> {
        self.change_by(by.access(), |change| {
            let before = find_issued(change, by.access(), id)?;
            if before.is_disabled() {
                return Ok(before);
            }
            let key = change.update_key(&before, row(&before, before.draft(), true))?;
            let texts = (Some(text(&before)), Some(text(&key)));
            change.audit("key.disable", subject(&key), texts.0, texts.1);
            Ok(key)
        })
        .await
    }

    /// Ends a key for good that the caller's key made.
    ///
    /// # Errors
    /// As [`Control::issued_key`]; without force [`ControlError::SeenRecently`].
    pub async fn delete_issued(
        &self,
        by: &Permit<Issue>,
        id: KeyId,
        force: bool,
    ) -> Result<(), ControlError> {
        self.change_by(by.access(), |change| {
            let key = find_issued(change, by.access(), id)?;
            self.check_unused(&key, change.now, force)?;
            change.end_key(&key)
        })
        .await
    }
}

/// A project as far as some grants reach.
struct Covered<L> {
    held: Vec<Grant>,
    hides: bool,
    definitions: Arc<Definitions>,
    project: L,
}

impl<L> Covered<L> {
    fn reaches(&self, on: &Target) -> bool {
        self.held.iter().any(|grant| {
            let mut actions = grant.actions.iter();
            actions.any(|action| grant.on.covers_all_of(on, *action))
        })
    }

    /// By one of its own grants, or by one on its tier, of which it is at this moment.
    fn reaches_pool(&self, id: PoolId, name: &Name) -> bool {
        let pool = self.definitions.pool_by_id(id);
        let by_tier = |pool: &Pool| self.held.iter().any(|grant| grant.on.covers_pool(pool));
        self.reaches(&Target::Pool(one(id, name))) || pool.is_some_and(|pool| by_tier(pool))
    }

    fn reaches_view(&self, id: ViewId, name: &Name) -> bool {
        let view = self.definitions.view_by_id(id);
        let by_tier = |(view, pool): (&Arc<View>, &Arc<Pool>)| {
            self.held
                .iter()
                .any(|grant| grant.on.covers_view(view, pool))
        };
        self.reaches(&Target::View(one(id, name))) || view.is_some_and(by_tier)
    }

    fn shown(&self, schema: Schema) -> Schema {
        match self.hides {
            true => Schema::new(SchemaMode::Open, Vec::new()),
            false => schema,
        }
    }
}

impl<L: GrantLookup> GrantLookup for Covered<L> {
    fn pool(&self, name: &Name) -> Option<(PoolId, Schema)> {
        let (id, schema) = self.project.pool(name)?;
        self.reaches_pool(id, name)
            .then(|| (id, self.shown(schema)))
    }

    fn view(&self, name: &Name) -> Option<(ViewId, Schema)> {
        let (id, schema) = self.project.view(name)?;
        self.reaches_view(id, name)
            .then(|| (id, self.shown(schema)))
    }

    fn saved_query(&self, name: &Name) -> Option<(SavedQueryId, Option<Schema>)> {
        let (id, schema) = self.project.saved_query(name)?;
        let ons = [Target::Saved(one(id, name)), Target::Cached(one(id, name))];
        let reaches = ons.iter().any(|on| self.reaches(on));
        reaches.then(|| (id, schema.map(|schema| self.shown(schema))))
    }

    fn dataset(&self, name: &Name) -> Option<(DatasetId, Option<Schema>)> {
        let (id, schema) = self.project.dataset(name)?;
        let on = Target::Dataset(one(id, name));
        self.reaches(&on)
            .then(|| (id, schema.map(|schema| self.shown(schema))))
    }

    fn is_public_pool(&self, id: PoolId) -> bool {
        self.project.is_public_pool(id)
    }

    fn is_public_view(&self, id: ViewId) -> bool {
        self.project.is_public_view(id)
    }

    fn existing(&self, id: GrantId) -> Option<Grant> {
        self.project.existing(id)
    }

    fn fresh_id(&self) -> GrantId {
        self.project.fresh_id()
    }
}

fn one<Id>(id: Id, name: &Name) -> Selector<Id> {
    let name = name.clone();
    Selector::One { id, name }
}

/// Whether that key made this one. A copy that an administrator made of one is
/// the administrator's.
fn is_issued(key: &KeyRecord, by: KeyId) -> bool {
    key.draft().issued_by == Some(by) && key.created_by() == format!("key:{by}")
}

fn issued(change: &Change, by: KeyId) -> impl Iterator<Item = &Arc<KeyRecord>> {
    change
        .definitions
        .keys()
        .filter(move |key| is_issued(key, by))
}

pub(crate) fn find_issued(
    change: &Change,
    access: &Access,
    id: KeyId,
) -> Result<Arc<KeyRecord>, ControlError> {
    let key = find(change, id, None)?;
    match is_issued(&key, access.key()) {
        true => Ok(key),
        false => Err(ControlError::NotFound),
    }
}

impl Definitions {
    /// The key as it lets in now: of one that a key issued, under that one.
    pub fn in_force(&self, key: &Arc<KeyRecord>) -> Arc<KeyRecord> {
        let issuer = key.draft().issued_by.and_then(|issuer| self.key(issuer));
        match issuer {
            Some(maker) => Arc::new(key.under(maker)),
            None => Arc::clone(key),
        }
    }

    /// What a key would be let in to with these grants, which a change would
    /// give it: of one that a key issued, under that one.
    ///
    /// # Errors
    /// A fault that points at a grant which the one that issued it could not give.
    pub fn would_be_in_force(
        &self,
        key: &KeyRecord,
        grants: Vec<Grant>,
    ) -> Result<Vec<Grant>, Fault> {
        let issuer = key.draft().issued_by.and_then(|issuer| self.key(issuer));
        match issuer {
            Some(maker) => Ok(maker.leaves(&maker.narrow_issued(grants, key.grants())?)),
            None => Ok(grants),
        }
    }
}

/// What an administrator may make of a key that a key issued: what is new of it
/// is held to that one as when it was issued.
pub(crate) fn check_issued(
    change: &Change,
    before: &KeyRecord,
    draft: KeyDraft,
) -> Result<KeyDraft, Fault> {
    let issuer = before.draft().issued_by;
    let Some(maker) = issuer.and_then(|issuer| change.definitions.key(issuer)) else {
        return Ok(draft);
    };
    let mut draft = draft.within_maker(maker.draft(), Some(before.draft()))?;
    draft.grants = maker.narrow_issued(draft.grants, before.grants())?;
    Ok(draft)
}
