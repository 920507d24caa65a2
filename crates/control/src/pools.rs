//! Making, changing and deleting pools.

use std::sync::Arc;

use model::datasets::Dataset;
use model::ids::PoolId;
use model::json;
use model::names::{FieldPath, Name};
use model::permit::{Admin, Found, Permit};
use model::pools::{Pool, PoolDraft};
use model::saved_queries::{SavedQuery, Sources};
use model::value::Value;

use crate::audit::Subject;
use crate::change::Change;
use crate::control::Control;
use crate::error::{ControlError, Refusal};
use crate::grants::Renamed;
use crate::uses::{RoleUses, check_property_unused, check_unused, check_views};

impl Control {
    /// Makes a pool in the caller's project.
    ///
    /// # Errors
    /// [`ControlError::NameTaken`] when a pool of the project has the name.
    pub async fn create_pool(
        &self,
        by: &Permit<Admin>,
        draft: PoolDraft,
    ) -> Result<Arc<Pool>, ControlError> {
        self.change(by, |change| {
            if change.definitions.pool(draft.name.as_str()).is_some() {
                return Err(ControlError::NameTaken);
            }
            change.create_pool(draft)
        })
        .await
    }

    /// Makes a pool by the first record for it; answers the pool of this name
    /// when there is one by now.
    ///
    /// # Errors
    /// That the caller's key is no longer what it was.
    pub async fn found_pool(
        &self,
        by: &Permit<Found>,
        draft: PoolDraft,
    ) -> Result<Arc<Pool>, ControlError> {
        self.change_by(by.founder(), |change| {
            if let Some(pool) = change.definitions.pool(draft.name.as_str()) {
                return Ok(Arc::clone(pool));
            }
            change.create_pool(draft)
        })
        .await
    }

    /// Changes a pool, all but what its records rest on. Views and grants on
    /// the pool follow a new name at the same moment, each with a new revision.
    /// The data plane holds records by the columns of fields, so that nothing
    /// that is stored changes.
    ///
    /// # Errors
    /// [`ControlError::StaleRevision`] when the pool's revision is not the
    /// expected one; [`ControlError::NameTaken`]; a fault when the pool cannot
    /// become the draft ([`PoolDraft::check_change`]), and one that names the
    /// users when a field would be dropped or renamed that keys or views are
    /// built on.
    pub async fn change_pool(
        &self,
        by: &Permit<Admin>,
        id: PoolId,
        expected: Option<i64>,
        draft: PoolDraft,
    ) -> Result<Arc<Pool>, ControlError> {
        self.change(by, |change| {
            let before = find(change, id, expected)?;
            before.draft.check_change(&draft)?;
            if draft == before.draft {
                return Ok(before);
            }
            let changes = draft.schema.changes_since(&before.draft.schema);
            let roles = RoleUses::of(self, change.project);
            check_unused(&change.definitions, &roles, &before, &changes)?;
            check_views(&change.definitions, &before, &draft.schema)?;
            let renamed = draft.name != before.draft.name;
            if renamed && change.definitions.pool(draft.name.as_str()).is_some() {
                return Err(ControlError::NameTaken);
            }
            let pool = change.update_pool(&Pool {
                draft,
                revision: before.revision + 1,
                ..Pool::clone(&before)
            })?;
            if renamed {
                let new = &pool.draft.name;
                change.follow_in_views(&pool)?;
                change.follow_in_questions(&pool)?;
                change.follow_in_keys(&Renamed::Pool(id, &before.draft.name, new))?;
            }
            let texts = (Some(text(&before)), Some(text(&pool)));
            change.audit("pool.change", subject(&pool), texts.0, texts.1);
            Ok(pool)
        })
        .await
    }

    /// Deletes an undeclared property of an open pool, with all beneath it.
    /// What is stored of it is never read again, from the moment that this
    /// returns: the data plane holds it under a column that has no name any more.
    ///
    /// # Errors
    /// A fault that names the users when keys, views or stored questions are
    /// built on it, and one that says why the pool itself keeps it.
    pub async fn delete_property(
        &self,
        by: &Permit<Admin>,
        id: PoolId,
        path: &FieldPath,
    ) -> Result<Arc<Pool>, ControlError> {
        self.change(by, |change| {
            let before = find(change, id, None)?;
            let draft = before.draft.without_property(path)?;
            let roles = RoleUses::of(self, change.project);
            check_property_unused(&change.definitions, &roles, &before, path)?;
            let pool = change.update_pool(&Pool {
                draft,
                revision: before.revision + 1,
                ..Pool::clone(&before)
            })?;
            let gone = json::to_text(&Value::from(path.as_str()));
            change.audit("pool.property.delete", subject(&pool), Some(gone), None);
            Ok(pool)
        })
        .await
    }

    /// Deletes the definition of a pool. Grants by its name stay and mean
    /// nothing any more. The records are the data plane's to drop.
    ///
    /// # Errors
    /// [`ControlError::InUse`] with the names of the views that read it.
    pub async fn delete_pool(
        &self,
        by: &Permit<Admin>,
        id: PoolId,
        expected: Option<i64>,
    ) -> Result<(), ControlError> {
        self.change(by, |change| {
            let pool = find(change, id, expected)?;
            let views = change.definitions.views();
            let views = views.filter(|(_, read)| read.id == id);
            let views: Vec<String> = views.map(|(view, _)| view.draft.name.to_string()).collect();
            if !views.is_empty() {
                return Err(ControlError::InUse(views));
            }
            change.delete_pool(&pool);
            change.audit("pool.delete", subject(&pool), Some(text(&pool)), None);
            Ok(())
        })
        .await
    }
}

impl Change {
    fn create_pool(&mut self, draft: PoolDraft) -> Result<Arc<Pool>, ControlError> {
        let pool = self.insert_pool(&Pool {
            id: PoolId::generate(self.now, &*self.random),
            draft,
            created_at: self.now,
            revision: 1,
        })?;
        self.audit("pool.create", subject(&pool), None, Some(text(&pool)));
        Ok(pool)
    }

    /// Writes a pool's new name into the views that read it.
    fn follow_in_views(&mut self, pool: &Pool) -> Result<(), ControlError> {
        let views = self.definitions.views();
        let views = views.filter(|(_, read)| read.id == pool.id);
        let views: Vec<_> = views.map(|(view, _)| Arc::clone(view)).collect();
        for view in views {
            let mut renamed = model::views::View::clone(&view);
            renamed.draft.pool = pool.draft.name.clone();
            renamed.revision += 1;
            self.update_view(&renamed)?;
        }
        Ok(())
    }
}

impl Change {
    /// Writes a pool's new name into the stored questions that read it.
    fn follow_in_questions(&mut self, pool: &Pool) -> Result<(), ControlError> {
        let new = &pool.draft.name;
        let saved = self.definitions.saved_queries().map(|saved| saved.item);
        let saved: Vec<_> = saved.cloned().collect();
        for saved in saved {
            if let Some(old) = name_in(&saved.sources, pool.id) {
                let mut followed = SavedQuery::clone(&saved);
                followed.draft.query = followed.draft.query.with_pool_renamed(&old, new);
                follow(&mut followed.sources, &old, pool);
                followed.revision += 1;
                self.update_saved(&followed)?;
            }
        }
        let datasets = self.definitions.datasets().map(|dataset| dataset.item);
        let datasets: Vec<_> = datasets.cloned().collect();
        for dataset in datasets {
            if name_in(&dataset.sources, pool.id).is_some() {
                let mut followed = Dataset::clone(&dataset);
                let old = followed.draft.query.source.pool.clone();
                followed.draft.query.source.pool = new.clone();
                follow(&mut followed.sources, &old, pool);
                followed.revision += 1;
                self.update_dataset(&followed)?;
            }
        }
        Ok(())
    }
}

/// What a stored question calls the pool.
fn name_in(sources: &Sources, pool: PoolId) -> Option<Name> {
    let mut named = sources.iter().filter(|(_, id)| **id == pool);
    named.next().map(|(name, _)| name.clone())
}

fn follow(sources: &mut Sources, old: &Name, pool: &Pool) {
    sources.remove(old);
    sources.insert(pool.draft.name.clone(), pool.id);
}

fn find(change: &Change, id: PoolId, expected: Option<i64>) -> Result<Arc<Pool>, ControlError> {
    let pool = change.definitions.pool_by_id(id);
    let pool = pool.ok_or(ControlError::NotFound)?;
    if pool.is_usage() {
        return Err(Refusal::KeptByServer.into());
    }
    if expected.is_some_and(|revision| revision != pool.revision) {
        return Err(ControlError::StaleRevision);
    }
    Ok(Arc::clone(pool))
}

fn subject(pool: &Pool) -> Subject {
    Subject::new(pool.id, &pool.draft.name)
}

fn text(pool: &Pool) -> String {
    json::to_text(&pool.draft.to_value())
}
