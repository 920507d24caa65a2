//! The stored forms of saved queries and datasets, which are questions under a name.

use std::fmt::Display;

use model::datasets::{Dataset, DatasetDraft};
use model::document::Document;
use model::fault::{Fault, FaultCode};
use model::ids::{DatasetId, PoolId, ProjectId, SavedQueryId};
use model::json;
use model::names::Name;
use model::saved_queries::{SavedQuery, SavedQueryDraft, Sources};
use model::time::Timestamp;
use model::value::{Object, Value};

use super::sealed::SealedRow;

/// A stored question under a name: a saved query, or a dataset.
#[derive(Debug)]
pub(crate) struct QuestionRow {
    pub(crate) noun: Question,
    /// The id's text.
    pub(crate) id: String,
    pub(crate) project: ProjectId,
    pub(crate) definition: String,
    pub(crate) created_at: Timestamp,
    pub(crate) changed_at: Timestamp,
    pub(crate) revision: i64,
}

/// What a stored question is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Question {
    Saved,
    Dataset,
}

impl Question {
    fn name(self) -> &'static str {
        match self {
            Self::Saved => "saved query",
            Self::Dataset => "dataset",
        }
    }
}

impl QuestionRow {
    pub(crate) fn of_saved(project: ProjectId, saved: &SavedQuery) -> Self {
        Self {
            noun: Question::Saved,
            id: saved.id.to_string(),
            project,
            definition: with_sources(saved.draft.to_stored(), &saved.sources),
            created_at: saved.created_at,
            changed_at: saved.changed_at,
            revision: saved.revision,
        }
    }

    pub(crate) fn of_dataset(project: ProjectId, dataset: &Dataset) -> Self {
        Self {
            noun: Question::Dataset,
            id: dataset.id.to_string(),
            project,
            definition: with_sources(dataset.draft.to_stored(), &dataset.sources),
            created_at: dataset.created_at,
            changed_at: dataset.created_at,
            revision: dataset.revision,
        }
    }

    pub(crate) fn read_saved(&self) -> Result<SavedQuery, Fault> {
        let (definition, sources) = without_sources(&self.definition)?;
        Ok(SavedQuery {
            id: SavedQueryId::parse(&self.id).map_err(|_| no_id())?,
            sources,
            draft: SavedQueryDraft::restore(&definition)?,
            created_at: self.created_at,
            changed_at: self.changed_at,
            revision: self.revision,
        })
    }

    pub(crate) fn read_dataset(&self) -> Result<Dataset, Fault> {
        let (definition, sources) = without_sources(&self.definition)?;
        Ok(Dataset {
            id: DatasetId::parse(&self.id).map_err(|_| no_id())?,
            sources,
            draft: DatasetDraft::restore(&definition)?,
            created_at: self.created_at,
            revision: self.revision,
        })
    }
}

impl SealedRow for QuestionRow {
    fn kind(&self) -> &'static str {
        self.noun.name()
    }

    fn id(&self) -> &dyn Display {
        &self.id
    }

    fn about(&self) -> Vec<&dyn Display> {
        vec![&self.project, &self.revision]
    }

    fn definition(&self) -> &str {
        &self.definition
    }

    fn with_definition(self, definition: String) -> Self {
        Self { definition, ..self }
    }
}

fn no_id() -> Fault {
    Fault::new(FaultCode::InvalidValue, "a stored question has no id")
}

/// The stored form of a question: the API's, and the ids of the pools that its
/// names stand for, since a name may come to mean another pool.
fn with_sources(definition: Value, sources: &Sources) -> String {
    let ids = sources.iter();
    let ids = ids.fold(Object::new(), |ids, (name, id)| {
        ids.with(name.as_str(), id.to_string())
    });
    let stored = Object::new()
        .with("definition", definition)
        .with("sources", ids);
    json::to_text(&Value::Object(stored))
}

fn without_sources(text: &str) -> Result<(Value, Sources), Fault> {
    let stored = json::parse(text.as_bytes())?;
    let mut document = Document::new(&stored)?;
    let definition = document.required("definition")?.clone();
    let ids = document.required("sources")?;
    document.finish()?;
    let ids = ids.as_object().into_iter().flat_map(Object::iter);
    let sources = ids.map(|(name, id)| {
        let name = Name::parse_pool(name).ok()?;
        Some((name, PoolId::parse(id.as_str()?).ok()?))
    });
    let sources: Option<Sources> = sources.collect();
    Ok((definition, sources.ok_or_else(no_id)?))
}
