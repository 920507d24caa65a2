//! The stored forms, and the one way back from them to the nouns of the
//! house. What is in memory was always read back from what is written, so a
//! restart changes nothing.

use std::collections::HashMap;
use std::fmt::Display;

use model::credits::Tier;
use model::document::Document;
use model::fault::{Fault, FaultCode};
use model::filters::{Constraint, Filter, parse_list};
use model::grants::{Grant, GrantLookup, Selector, Target, VisibleFields};
use model::ids::{DatasetId, GrantId, KeyId, PoolId, ProjectId, SavedQueryId, ViewId};
use model::json;
use model::keys::{KeyDraft, KeyParts, KeyRecord, SecretRecord, SigningRecord};
use model::names::Name;
use model::pools::{Pool, PoolDraft, Schema};
use model::records::{Injections, OnConflict};
use model::time::Timestamp;
use model::value::{Object, Value};
use model::views::{View, ViewDraft};

use super::sealed::SealedRow;

/// A stored pool.
#[derive(Debug)]
pub(crate) struct PoolRow {
    pub(crate) id: PoolId,
    pub(crate) project: ProjectId,
    pub(crate) definition: String,
    pub(crate) created_at: Timestamp,
    pub(crate) revision: i64,
}

impl PoolRow {
    pub(crate) fn of(project: ProjectId, pool: &Pool) -> Self {
        Self {
            id: pool.id,
            project,
            definition: json::to_text(&pool.draft.to_stored()),
            created_at: pool.created_at,
            revision: pool.revision,
        }
    }

    pub(crate) fn read(&self) -> Result<Pool, Fault> {
        Ok(Pool {
            id: self.id,
            draft: PoolDraft::restore(&json::parse(self.definition.as_bytes())?)?,
            created_at: self.created_at,
            revision: self.revision,
        })
    }
}

impl SealedRow for PoolRow {
    fn kind(&self) -> &'static str {
        "pool"
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

/// A stored view.
#[derive(Debug)]
pub(crate) struct ViewRow {
    pub(crate) id: ViewId,
    pub(crate) project: ProjectId,
    pub(crate) pool: PoolId,
    pub(crate) definition: String,
    pub(crate) created_at: Timestamp,
    pub(crate) revision: i64,
}

impl ViewRow {
    pub(crate) fn of(project: ProjectId, view: &View) -> Self {
        Self {
            id: view.id,
            project,
            pool: view.pool,
            definition: json::to_text(&view.draft.to_value()),
            created_at: view.created_at,
            revision: view.revision,
        }
    }

    pub(crate) fn read(&self, schema: &Schema) -> Result<View, Fault> {
        Ok(View {
            id: self.id,
            pool: self.pool,
            draft: ViewDraft::parse(&json::parse(self.definition.as_bytes())?, schema)?,
            created_at: self.created_at,
            revision: self.revision,
        })
    }
}

impl SealedRow for ViewRow {
    fn kind(&self) -> &'static str {
        "view"
    }

    fn id(&self) -> &dyn Display {
        &self.id
    }

    fn about(&self) -> Vec<&dyn Display> {
        vec![&self.project, &self.pool, &self.revision]
    }

    fn definition(&self) -> &str {
        &self.definition
    }

    fn with_definition(self, definition: String) -> Self {
        Self { definition, ..self }
    }
}

/// A stored key, without its secrets.
#[derive(Debug)]
pub(crate) struct KeyRow {
    pub(crate) id: KeyId,
    pub(crate) project: ProjectId,
    pub(crate) definition: String,
    pub(crate) disabled: bool,
    pub(crate) created_by: String,
    pub(crate) created_at: Timestamp,
    pub(crate) revision: i64,
}

impl KeyRow {
    /// The stored form of a key's draft: the API's, but each grant stands
    /// beside the id of the resource it was given on, since a name may come
    /// to mean another resource.
    ///
    /// The rows that its maker was held to stand there too: no client says them.
    pub(crate) fn definition_of(draft: &KeyDraft, within: Option<&Filter>) -> String {
        let grants = draft.grants.iter().map(|grant| {
            Object::new()
                .with("target", target_id(&grant.on))
                .with("grant", grant.to_value())
        });
        let grants = Value::from(grants.collect::<Vec<_>>());
        let stored = with_grants(draft.to_value(), grants);
        json::to_text(&match (stored, within) {
            (Value::Object(object), Some(held)) => {
                let held = Constraint::Rows(held.clone()).to_value();
                Value::Object(object.with(WITHIN, held))
            }
            (stored, _) => stored,
        })
    }

    pub(crate) fn read(
        &self,
        secrets: Vec<SecretRecord>,
        signing: Vec<SigningRecord>,
    ) -> Result<KeyRecord, Fault> {
        let (stored, within) = without_within(json::parse(self.definition.as_bytes())?)?;
        let mut grants = Vec::new();
        let mut known = HashMap::new();
        let list = stored.as_object().and_then(|object| object.get("grants"));
        for entry in list.and_then(Value::as_array).unwrap_or_default() {
            let mut entry = Document::new(entry)?;
            let target = entry.optional_text("target")?;
            let grant = entry.required("grant")?;
            entry.finish()?;
            let existing = stored_target(grant, target)?;
            known.insert(existing.id, existing);
            grants.push(grant.clone());
        }
        let draft = KeyDraft::restore(
            &with_grants(stored, Value::Array(grants)),
            &StoredGrants(known),
        )?;
        let key = KeyRecord::restore(KeyParts {
            id: self.id,
            project: self.project,
            draft,
            disabled: self.disabled,
            secrets,
            within,
            created_by: self.created_by.clone(),
            created_at: self.created_at,
            revision: self.revision,
        });
        Ok(key.with_signing_secrets(signing))
    }
}

impl SealedRow for KeyRow {
    fn kind(&self) -> &'static str {
        "key"
    }

    fn id(&self) -> &dyn Display {
        &self.id
    }

    fn about(&self) -> Vec<&dyn Display> {
        vec![
            &self.project,
            &self.disabled,
            &self.created_by,
            &self.revision,
        ]
    }

    fn definition(&self) -> &str {
        &self.definition
    }

    fn with_definition(self, definition: String) -> Self {
        Self { definition, ..self }
    }
}

/// The member of a stored key that no client says.
const WITHIN: &str = "within";

fn without_within(stored: Value) -> Result<(Value, Option<Filter>), Fault> {
    let Value::Object(object) = stored else {
        return Ok((stored, None));
    };
    let (mut rest, mut within) = (Object::new(), None);
    for (name, value) in object.into_members() {
        match name.as_str() {
            WITHIN => within = Some(parse_list(&value)?),
            _ => rest = rest.with(name, value),
        }
    }
    Ok((Value::Object(rest), within))
}

fn with_grants(draft: Value, grants: Value) -> Value {
    match draft {
        Value::Object(object) => Value::Object(object.with("grants", grants)),
        other => other,
    }
}

fn target_id(target: &Target) -> Option<String> {
    match target {
        Target::Pool(Selector::One { id, .. }) => Some(id.to_string()),
        Target::View(Selector::One { id, .. }) => Some(id.to_string()),
        Target::Saved(Selector::One { id, .. }) | Target::Cached(Selector::One { id, .. }) => {
            Some(id.to_string())
        }
        Target::Dataset(Selector::One { id, .. }) => Some(id.to_string()),
        Target::Project
        | Target::Pool(Selector::All { .. })
        | Target::View(Selector::All { .. })
        | Target::Saved(Selector::All { .. })
        | Target::Cached(Selector::All { .. })
        | Target::Dataset(Selector::All { .. })
        | Target::Tier(_) => None,
    }
}

/// A grant of the stored id on the stored target, for the reader of grants
/// to keep; what else it says is read from the grant's own text.
fn stored_target(grant: &Value, target: Option<&str>) -> Result<Grant, Fault> {
    let damaged = |what| {
        Fault::new(
            FaultCode::InvalidValue,
            format!("a stored grant has {what}"),
        )
    };
    let member = |name| {
        grant
            .as_object()
            .and_then(|object| object.get(name))
            .and_then(Value::as_str)
    };
    let id = member("id").and_then(|id| GrantId::parse(id).ok());
    let id = id.ok_or_else(|| damaged("no id"))?;
    let (kind, name) = member("on")
        .map(|on| on.split_once(':').unwrap_or((on, "")))
        .ok_or_else(|| damaged("no target"))?;
    let lost = |_| damaged("a target that is no id");
    let on = match (target, kind) {
        (None, "project") => Target::Project,
        (None, "tier") => {
            let tier = Tier::parse(name).ok_or_else(|| damaged("a tier of no known name"))?;
            Target::Tier(tier)
        }
        (None, "pool") if name == "*" => Target::Pool(Selector::everything()),
        (None, "view") if name == "*" => Target::View(Selector::everything()),
        (None, "saved") if name == "*" => Target::Saved(Selector::everything()),
        (None, "cached") if name == "*" => Target::Cached(Selector::everything()),
        (None, "dataset") if name == "*" => Target::Dataset(Selector::everything()),
        (Some(target), kind) => {
            let name = match kind {
                "pool" => Name::parse_pool(name),
                _ => Name::parse(name),
            };
            let name = name.map_err(|_| damaged("a target without a name"))?;
            match kind {
                "pool" => Target::Pool(one(PoolId::parse(target).map_err(lost)?, name)),
                "view" => Target::View(one(ViewId::parse(target).map_err(lost)?, name)),
                "saved" => Target::Saved(one(SavedQueryId::parse(target).map_err(lost)?, name)),
                "cached" => Target::Cached(one(SavedQueryId::parse(target).map_err(lost)?, name)),
                "dataset" => Target::Dataset(one(DatasetId::parse(target).map_err(lost)?, name)),
                _ => return Err(damaged("a target of no known kind")),
            }
        }
        _ => return Err(damaged("a name without the id of its target")),
    };
    Ok(Grant {
        id,
        on,
        actions: std::collections::BTreeSet::new(),
        rows: None,
        windows: Vec::new(),
        fields: VisibleFields::All,
        injections: Injections {
            values: Vec::new(),
            on_conflict: OnConflict::Override,
        },
    })
}

fn one<Id>(id: Id, name: Name) -> Selector<Id> {
    Selector::One { id, name }
}

/// Knows the grants of one stored key and nothing else: a stored grant means
/// the resource of its stored id, whether that still exists or not, and never
/// what its name means today.
struct StoredGrants(HashMap<GrantId, Grant>);

impl GrantLookup for StoredGrants {
    fn pool(&self, _: &Name) -> Option<(PoolId, Schema)> {
        None
    }

    fn view(&self, _: &Name) -> Option<(ViewId, Schema)> {
        None
    }

    fn saved_query(&self, _: &Name) -> Option<(SavedQueryId, Option<Schema>)> {
        None
    }

    fn dataset(&self, _: &Name) -> Option<(DatasetId, Option<Schema>)> {
        None
    }

    fn existing(&self, id: GrantId) -> Option<Grant> {
        self.0.get(&id).cloned()
    }

    fn fresh_id(&self) -> GrantId {
        unreachable!("every stored grant was found to have an id")
    }
}
