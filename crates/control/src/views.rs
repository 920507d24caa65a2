//! Making, changing and deleting views.

use std::sync::Arc;

use model::fault::{Fault, FaultCode};
use model::ids::ViewId;
use model::json;
use model::permit::{Admin, Permit};
use model::pools::Pool;
use model::views::{View, ViewDraft};

use crate::audit::Subject;
use crate::change::Change;
use crate::control::Control;
use crate::definitions::Definitions;
use crate::error::ControlError;
use crate::grants::Renamed;
use crate::keys;

impl Control {
    /// Makes a view in the caller's project.
    ///
    /// # Errors
    /// [`ControlError::NameTaken`] when a view of the project has the name;
    /// a fault when the pool does not exist or the view does not fit it.
    pub async fn create_view(
        &self,
        by: &Permit<Admin>,
        draft: ViewDraft,
    ) -> Result<Arc<View>, ControlError> {
        self.change(by, |change| {
            if change.definitions.view(draft.name.as_str()).is_some() {
                return Err(ControlError::NameTaken);
            }
            let pool = change.definitions.pool(draft.pool.as_str());
            let pool = pool.ok_or_else(no_such_pool)?;
            check_public(pool, &draft)?;
            let pool = pool.id;
            let view = change.insert_view(&View {
                id: ViewId::generate(change.now, &*change.random),
                pool,
                draft,
                created_at: change.now,
                revision: 1,
            })?;
            change.audit("view.create", subject(&view), None, Some(text(&view)));
            Ok(view)
        })
        .await
    }

    /// Changes a view, all but the pool that it reads. Grants on the view
    /// follow a new name at the same moment, each key with a new revision.
    ///
    /// # Errors
    /// [`ControlError::StaleRevision`] when the view's revision is not the
    /// expected one; [`ControlError::NameTaken`]; a fault when the draft
    /// names another pool or does not fit it.
    pub async fn change_view(
        &self,
        by: &Permit<Admin>,
        id: ViewId,
        expected: Option<i64>,
        draft: ViewDraft,
    ) -> Result<Arc<View>, ControlError> {
        self.change(by, |change| {
            let before = find(change, id, expected)?;
            if draft == before.draft {
                return Ok(before);
            }
            check_change(&change.definitions, &before, &draft)?;
            let renamed = draft.name != before.draft.name;
            let view = change.update_view(&View {
                draft,
                revision: before.revision + 1,
                ..View::clone(&before)
            })?;
            if renamed {
                let new = &view.draft.name;
                change.follow_in_keys(&Renamed::View(id, &before.draft.name, new))?;
            }
            let texts = (Some(text(&before)), Some(text(&view)));
            change.audit("view.change", subject(&view), texts.0, texts.1);
            Ok(view)
        })
        .await
    }

    /// Deletes a view. Grants by its name stay and mean nothing any more.
    pub async fn delete_view(
        &self,
        by: &Permit<Admin>,
        id: ViewId,
        expected: Option<i64>,
    ) -> Result<(), ControlError> {
        self.change(by, |change| {
            let view = find(change, id, expected)?;
            change.delete_view(&view);
            change.audit("view.delete", subject(&view), Some(text(&view)), None);
            Ok(())
        })
        .await
    }
}

impl Definitions {
    /// The project as it would be if a view of it were changed so, with the
    /// grants that follow a new name. Nothing is saved.
    ///
    /// # Errors
    /// As [`Control::change_view`], as far as these definitions decide it.
    pub fn with_changed_view(&self, before: &View, draft: ViewDraft) -> Result<Self, ControlError> {
        check_change(self, before, &draft)?;
        let (old, new) = (before.draft.name.clone(), draft.name.clone());
        let mut changed = self.clone();
        changed.put_view(Arc::new(View {
            draft,
            ..before.clone()
        }));
        if old == new {
            return Ok(changed);
        }
        let renamed = Renamed::View(before.id, &old, &new);
        for key in self.keys() {
            let Some(grants) = renamed.apply_to(key.grants()) else {
                continue;
            };
            let followed = keys::with_grants(key, grants);
            let secrets = key.secrets().to_vec();
            let followed = followed.read(secrets, key.signing_secrets().to_vec())?;
            // The ordinal given here is not looked at: the key is there already.
            changed.put_key(0, Arc::new(followed));
        }
        Ok(changed)
    }
}

/// Refuses what a view cannot become.
fn check_change(
    definitions: &Definitions,
    before: &View,
    draft: &ViewDraft,
) -> Result<(), ControlError> {
    if draft.pool != before.draft.pool {
        return Err(Fault::new(
            FaultCode::InvalidValue,
            "a view keeps the pool that it reads; make another view for another pool",
        )
        .at("/pool")
        .into());
    }
    if let Some((_, pool)) = definitions.view_by_id(before.id) {
        check_public(pool, draft)?;
    }
    let renamed = draft.name != before.draft.name;
    if renamed && definitions.view(draft.name.as_str()).is_some() {
        return Err(ControlError::NameTaken);
    }
    Ok(())
}

fn find(change: &Change, id: ViewId, expected: Option<i64>) -> Result<Arc<View>, ControlError> {
    let view = change.definitions.view_by_id(id);
    let (view, _) = view.ok_or(ControlError::NotFound)?;
    if expected.is_some_and(|revision| revision != view.revision) {
        return Err(ControlError::StaleRevision);
    }
    Ok(Arc::clone(view))
}

/// Usage tells of all keys, and is nothing for a page.
fn check_public(pool: &Pool, draft: &ViewDraft) -> Result<(), Fault> {
    if pool.is_usage() && draft.public {
        let detail = "a view of _usage is not public; grant it by its name, under a constraint";
        return Err(Fault::new(FaultCode::InvalidValue, detail).at("/public"));
    }
    Ok(())
}

fn no_such_pool() -> Fault {
    Fault::new(
        FaultCode::UnknownResource,
        "there is no pool of this name; make it first",
    )
    .at("/pool")
}

fn subject(view: &View) -> Subject {
    Subject::new(view.id, &view.draft.name)
}

fn text(view: &View) -> String {
    json::to_text(&view.draft.to_value())
}
