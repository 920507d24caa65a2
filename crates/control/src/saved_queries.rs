//! Making, changing and deleting saved queries.

use std::sync::Arc;

use model::fault::{Fault, FaultCode};
use model::ids::SavedQueryId;
use model::json;
use model::permit::{Admin, Permit};
use model::saved_queries::{SavedQuery, SavedQueryDraft, Sources};
use model::usage::usage_pool_id;

use crate::audit::Subject;
use crate::change::Change;
use crate::control::Control;
use crate::error::ControlError;
use crate::grants::Renamed;

impl Control {
    /// Makes a saved query in the caller's project. The names of pools in it
    /// stand from now on for the pools that have them now.
    ///
    /// # Errors
    /// [`ControlError::NameTaken`].
    pub async fn create_saved_query(
        &self,
        by: &Permit<Admin>,
        draft: SavedQueryDraft,
    ) -> Result<Arc<SavedQuery>, ControlError> {
        self.change(by, |change| {
            if change
                .definitions
                .saved_query(draft.name.as_str())
                .is_some()
            {
                return Err(ControlError::NameTaken);
            }
            let saved = change.insert_saved(&SavedQuery {
                id: SavedQueryId::generate(change.now, &*change.random),
                sources: change.definitions.sources_of(&draft.query),
                draft,
                created_at: change.now,
                changed_at: change.now,
                revision: 1,
            })?;
            change.audit(
                "saved_query.create",
                subject(&saved),
                None,
                Some(text(&saved)),
            );
            Ok(saved)
        })
        .await
    }

    /// Changes a saved query. Grants on it follow a new name at the same
    /// moment. Names of pools stand for the pools that have them now; what is
    /// kept of its answers is not found any more.
    ///
    /// # Errors
    /// [`ControlError::StaleRevision`] when its revision is not the expected
    /// one; [`ControlError::NameTaken`].
    pub async fn change_saved_query(
        &self,
        by: &Permit<Admin>,
        id: SavedQueryId,
        expected: Option<i64>,
        draft: SavedQueryDraft,
    ) -> Result<Arc<SavedQuery>, ControlError> {
        self.change(by, |change| {
            let before = find(change, id, expected)?;
            let sources = change.definitions.sources_of(&draft.query);
            if draft == before.draft && sources == before.sources {
                return Ok(before);
            }
            // Grants on it were given for what it read.
            let of_usage = usage_pool_id(change.project);
            let reads_usage = |sources: &Sources| sources.values().any(|pool| *pool == of_usage);
            if reads_usage(&sources) && !reads_usage(&before.sources) {
                return Err(Fault::new(
                    FaultCode::InvalidValue,
                    "a saved query does not turn to the pool _usage, for which its grants were not given; \
                     make another saved query",
                )
                .at("/query")
                .into());
            }
            let renamed = draft.name != before.draft.name;
            if renamed
                && change
                    .definitions
                    .saved_query(draft.name.as_str())
                    .is_some()
            {
                return Err(ControlError::NameTaken);
            }
            let saved = change.update_saved(&SavedQuery {
                sources,
                draft,
                changed_at: change.now,
                revision: before.revision + 1,
                ..SavedQuery::clone(&before)
            })?;
            if renamed {
                let new = &saved.draft.name;
                change.follow_in_keys(&Renamed::Saved(id, &before.draft.name, new))?;
            }
            let texts = (Some(text(&before)), Some(text(&saved)));
            change.audit("saved_query.change", subject(&saved), texts.0, texts.1);
            Ok(saved)
        })
        .await
    }

    /// Deletes a saved query. Grants by its name stay and mean nothing any more.
    ///
    /// # Errors
    /// [`ControlError::StaleRevision`] when its revision is not the expected one.
    pub async fn delete_saved_query(
        &self,
        by: &Permit<Admin>,
        id: SavedQueryId,
        expected: Option<i64>,
    ) -> Result<(), ControlError> {
        self.change(by, |change| {
            let saved = find(change, id, expected)?;
            change.delete_saved(&saved);
            change.audit(
                "saved_query.delete",
                subject(&saved),
                Some(text(&saved)),
                None,
            );
            Ok(())
        })
        .await
    }
}

fn find(
    change: &Change,
    id: SavedQueryId,
    expected: Option<i64>,
) -> Result<Arc<SavedQuery>, ControlError> {
    let saved = change.definitions.saved_by_id(id);
    let saved = saved.ok_or(ControlError::NotFound)?;
    if expected.is_some_and(|revision| revision != saved.revision) {
        return Err(ControlError::StaleRevision);
    }
    Ok(Arc::clone(saved))
}

fn subject(saved: &SavedQuery) -> Subject {
    Subject::new(saved.id, &saved.draft.name)
}

fn text(saved: &SavedQuery) -> String {
    json::to_text(&saved.draft.to_value())
}
