//! Making and deleting cached datasets. What one is does not change: what is
//! kept of it would be of another question.

use std::sync::Arc;

use model::datasets::{Dataset, DatasetDraft};
use model::ids::DatasetId;
use model::json;
use model::permit::{Admin, Permit};

use crate::audit::Subject;
use crate::control::Control;
use crate::error::ControlError;

impl Control {
    /// Makes a dataset in the caller's project. The name of the pool in it
    /// stands from now on for the pool that has it now.
    ///
    /// # Errors
    /// [`ControlError::NameTaken`].
    pub async fn create_dataset(
        &self,
        by: &Permit<Admin>,
        draft: DatasetDraft,
    ) -> Result<Arc<Dataset>, ControlError> {
        self.change(by, |change| {
            if change.definitions.dataset(draft.name.as_str()).is_some() {
                return Err(ControlError::NameTaken);
            }
            let dataset = change.insert_dataset(&Dataset {
                id: DatasetId::generate(change.now, &*change.random),
                sources: change.definitions.sources_of(&draft.analysis()),
                draft,
                created_at: change.now,
                revision: 1,
            })?;
            change.audit(
                "dataset.create",
                subject(&dataset),
                None,
                Some(text(&dataset)),
            );
            Ok(dataset)
        })
        .await
    }

    /// Deletes a dataset. Grants by its name stay and mean nothing any more.
    ///
    /// # Errors
    /// [`ControlError::StaleRevision`] when its revision is not the expected one.
    pub async fn delete_dataset(
        &self,
        by: &Permit<Admin>,
        id: DatasetId,
        expected: Option<i64>,
    ) -> Result<(), ControlError> {
        self.change(by, |change| {
            let dataset = change.definitions.dataset_by_id(id);
            let dataset = Arc::clone(dataset.ok_or(ControlError::NotFound)?);
            if expected.is_some_and(|revision| revision != dataset.revision) {
                return Err(ControlError::StaleRevision);
            }
            change.delete_dataset(&dataset);
            change.audit(
                "dataset.delete",
                subject(&dataset),
                Some(text(&dataset)),
                None,
            );
            Ok(())
        })
        .await
    }
}

fn subject(dataset: &Dataset) -> Subject {
    Subject::new(dataset.id, &dataset.draft.name)
}

fn text(dataset: &Dataset) -> String {
    json::to_text(&dataset.draft.to_value())
}
