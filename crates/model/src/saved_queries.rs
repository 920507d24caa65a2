//! Saved queries: questions of analytics under a name. With a refresh rate
//! their answers are kept for so long, and the query is a cached one.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::analyses::Analysis;
use crate::document::{Document, expected};
use crate::fault::{Fault, FaultCode};
use crate::ids::{PoolId, SavedQueryId};
use crate::limits::{REFRESH_SECONDS_MAX, REFRESH_SECONDS_MIN};
use crate::names::{FieldPath, Name};
use crate::pools::{Pool, parse_name};
use crate::time::Timestamp;
use crate::value::{Object, Value};

/// The pools that a stored question reads, by the names in it. A name that
/// stood for no pool when the question was stored stands for whatever has it.
pub type Sources = BTreeMap<Name, PoolId>;

/// What a client says of a saved query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedQueryDraft {
    /// The name, unique among the project's saved queries.
    pub name: Name,
    /// The question.
    pub query: Analysis,
    /// Whatever its owner keeps with it.
    pub metadata: Object,
    /// For how long an answer is kept; `None` for not at all.
    pub refresh_rate: Option<Duration>,
    /// The question as a dialect said it, word for word.
    pub dialect: Option<Object>,
}

/// A saved query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedQuery {
    /// Names it for ever.
    pub id: SavedQueryId,
    /// The pools that it reads.
    pub sources: Sources,
    /// What its owner says of it.
    pub draft: SavedQueryDraft,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub changed_at: Timestamp,
    /// Counts changes; part of the `ETag`.
    pub revision: i64,
}

impl SavedQuery {
    /// Whether its answers are kept.
    pub fn is_cached(&self) -> bool {
        self.draft.refresh_rate.is_some()
    }
}

impl SavedQueryDraft {
    /// Reads and checks a definition.
    ///
    /// # Errors
    /// A fault that names the member at fault.
    pub fn parse(value: &Value) -> Result<Self, Fault> {
        let draft = Self::restore(value)?;
        match draft.dialect {
            None => Ok(draft),
            Some(_) => Err(Fault::new(
                FaultCode::UnknownMember,
                "what a dialect said is the dialect's to say",
            )
            .at("/dialect")),
        }
    }

    /// Reads a definition as it was stored.
    ///
    /// # Errors
    /// As [`SavedQueryDraft::parse`].
    pub fn restore(value: &Value) -> Result<Self, Fault> {
        let mut document = Document::new(value)?;
        let name = parse_name(document.text("name")?)?;
        let query = parse_question(document.required("query")?).map_err(|f| f.under("/query"))?;
        let metadata = object(&mut document, "metadata")?.unwrap_or_default();
        let range = REFRESH_SECONDS_MIN..=REFRESH_SECONDS_MAX;
        let seconds = document.optional_integer("refresh_rate", 0..=REFRESH_SECONDS_MAX)?;
        let refresh_rate = match seconds {
            None | Some(0) => None,
            Some(seconds) if range.contains(&seconds) => {
                Some(Duration::from_secs(seconds.unsigned_abs()))
            }
            Some(_) => {
                return Err(Fault::new(
                    FaultCode::InvalidValue,
                    format!(
                        "refresh_rate is 0 for a query that is not cached, or from {REFRESH_SECONDS_MIN} to \
                         {REFRESH_SECONDS_MAX} seconds"
                    ),
                )
                .at("/refresh_rate"));
            }
        };
        let dialect = object(&mut document, "dialect")?;
        document.finish()?;
        Ok(Self {
            name,
            query,
            metadata,
            refresh_rate,
            dialect,
        })
    }

    /// The definition that [`SavedQueryDraft::parse`] reads back.
    pub fn to_value(&self) -> Value {
        Value::Object(
            Object::new()
                .with("name", self.name.as_str())
                .with("query", self.query.to_value())
                .with("metadata", self.metadata.clone())
                .with(
                    "refresh_rate",
                    self.refresh_rate.map_or(0, |rate| rate.as_secs()),
                ),
        )
    }

    /// The definition that [`SavedQueryDraft::restore`] reads back.
    pub fn to_stored(&self) -> Value {
        with_dialect(self.to_value(), self.dialect.as_ref())
    }
}

pub(crate) fn with_dialect(value: Value, dialect: Option<&Object>) -> Value {
    match (value, dialect) {
        (Value::Object(object), Some(said)) => Value::Object(object.with("dialect", said.clone())),
        (value, _) => value,
    }
}

pub(crate) fn object(
    document: &mut Document<'_>,
    name: &'static str,
) -> Result<Option<Object>, Fault> {
    let value = document.optional(name);
    let object = value.map(|value| {
        let object = value.as_object().cloned();
        object.ok_or_else(|| expected("an object", value).at(format!("/{name}")))
    });
    object.transpose()
}

/// A question that is stored for every key that may ask it, so that it names no grant of one.
pub(crate) fn parse_question(value: &Value) -> Result<Analysis, Fault> {
    let query = Analysis::parse(value)?;
    if query.sources().iter().any(|source| source.grant.is_some()) {
        let detail = "a stored question is asked by many keys; name the grant when you run it";
        return Err(Fault::new(FaultCode::InvalidValue, detail).at("/grant"));
    }
    Ok(query)
}

/// A stored question with the pools that it reads, as they are now.
#[derive(Debug)]
pub struct WithPools<'a, T> {
    /// What is stored.
    pub item: &'a std::sync::Arc<T>,
    /// The pools by the names in the question; those that are gone are not there.
    pub pools: BTreeMap<Name, std::sync::Arc<Pool>>,
}

impl<T> WithPools<'_, T> {
    /// The pools, but for one that is not the pool that the name stood for
    /// when the question was stored.
    pub(crate) fn bound(&self, sources: &Sources) -> BTreeMap<Name, std::sync::Arc<Pool>> {
        let pools = self.pools.iter();
        let meant =
            pools.filter(|(name, pool)| sources.get(*name).is_none_or(|stored| *stored == pool.id));
        meant
            .map(|(name, pool)| (name.clone(), pool.clone()))
            .collect()
    }
}

impl Analysis {
    /// Whether the question reads the field, or one beneath it.
    pub fn uses(&self, path: &FieldPath) -> bool {
        let mut used = false;
        self.for_each_field(&mut |field| used |= field.is_at_or_below(path));
        used
    }

    /// The question with another name for a pool.
    #[must_use]
    pub fn with_pool_renamed(mut self, old: &Name, new: &Name) -> Self {
        for source in self.sources_mut() {
            if source.pool == *old {
                source.pool = new.clone();
            }
        }
        self
    }
}

#[cfg(test)]
mod tests;
