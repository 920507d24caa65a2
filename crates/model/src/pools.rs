//! Pools: named sets of records, and the schema that a question meets.

mod collection;
mod deleted;
mod grow;
mod members;
mod parse;
mod schema;

pub use collection::KEEN_TIMESTAMP;
pub use deleted::Deleted;
pub use grow::FieldChanges;
pub(crate) use parse::{parse_description, parse_name, parse_path};
pub use parse::{read_storage, unknown_field};
pub use schema::{Field, Schema, SchemaMode};

use crate::credits::Tier;
use crate::ids::PoolId;
use crate::names::{FieldPath, Name};
use crate::time::Timestamp;
use crate::value::{Object, Value};

/// How a pool's records are laid out in files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FileLayout {
    /// Customers share files.
    Shared,
    /// No file holds records of two isolation values.
    FilePerCustomer,
}

impl FileLayout {
    /// Every layout.
    pub const ALL: [Self; 2] = [Self::Shared, Self::FilePerCustomer];

    /// The layout's name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Shared => "shared",
            Self::FilePerCustomer => "file_per_customer",
        }
    }
}

/// What a client says of a pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolDraft {
    /// The name, unique among the project's pools.
    pub name: Name,
    /// Free text.
    pub description: String,
    /// The declared fields and the mode.
    pub schema: Schema,
    /// The field that tells customers apart; drives the layout.
    pub isolation_field: Option<FieldPath>,
    /// The field that orders records in time; a declared `DateTime`.
    pub time_field: Option<FieldPath>,
    /// The declared scalar fields that tell records apart: a record replaces
    /// those that agree with it in all of them. Empty when records never
    /// replace others; otherwise the isolation field stands first, and the
    /// others in the order of their columns, which no change of the pool alters.
    pub unique: Vec<FieldPath>,
    /// After how many days a record is removed, counted from [`Pool::time_field`].
    pub retention_days: Option<u32>,
    /// How records are laid out in files.
    pub layout: FileLayout,
    /// Whose credits are used up by what is asked of it or written to it.
    pub tier: Tier,
    /// Whether keys that live in pages may read it without a constraint.
    pub public: bool,
    /// From how many stored bytes on nothing more is stored in it.
    pub storage_bytes: Option<u64>,
}

/// A pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pool {
    /// Names the pool for ever.
    pub id: PoolId,
    /// What its owner says of it.
    pub draft: PoolDraft,
    /// When it was made.
    pub created_at: Timestamp,
    /// Counts changes; part of the `ETag`.
    pub revision: i64,
}

impl Pool {
    /// The field that orders records: the named one, else the time of ingestion.
    pub fn time_field(&self) -> FieldPath {
        self.draft
            .time_field
            .clone()
            .unwrap_or_else(FieldPath::ingested_at)
    }
}

impl PoolDraft {
    /// The definition that [`PoolDraft::parse`] reads back.
    pub fn to_value(&self) -> Value {
        Value::Object(self.to_object(shown_field))
    }

    /// The definition with the columns, for [`PoolDraft::restore`] alone: what
    /// the columns are called is never shown.
    pub fn to_stored(&self) -> Value {
        let object = self.to_object(|field| {
            let shown = shown_field(field);
            if field.column.as_str() == field.path.as_str() {
                return shown;
            }
            shown.with("column", field.column.as_str())
        });
        let retired = self.schema.retired().iter().map(|(column, kind)| {
            Object::new()
                .with("name", column.as_str())
                .with("type", kind.to_string())
        });
        let deleted = self.schema.deleted().iter().map(|(path, number)| {
            Object::new()
                .with("name", path.as_str())
                .with("number", i64::from(number))
        });
        let lists = [
            ("retired_columns", retired.collect::<Vec<_>>()),
            ("deleted_properties", deleted.collect()),
        ];
        let lists = lists.into_iter().filter(|(_, list)| !list.is_empty());
        lists
            .fold(object, |object, (name, list)| object.with(name, list))
            .into()
    }

    fn to_object(&self, field: impl Fn(&Field) -> Object) -> Object {
        let mode = match self.schema.mode() {
            SchemaMode::Strict => "strict",
            SchemaMode::Open => "open",
        };
        let fields = self.schema.declared().iter().map(field);
        let path = |path: &Option<FieldPath>| Value::from(path.as_ref().map(FieldPath::as_str));
        let unique = self.unique.iter().map(|path| Value::from(path.as_str()));
        let unique = (!self.unique.is_empty()).then(|| unique.collect::<Vec<_>>());
        let object = Object::new()
            .with("name", self.name.as_str())
            .with("description", self.description.as_str())
            .with("schema", mode)
            .with("fields", fields.collect::<Vec<_>>())
            .with("isolation_field", path(&self.isolation_field))
            .with("time_field", path(&self.time_field))
            .with("unique", unique)
            .with("retention_days", self.retention_days)
            .with("layout", self.layout.name());
        let object = match self.tier {
            Tier::Core => object,
            Tier::Premium => object.with("tier", self.tier.name()),
        };
        let object = match self.public {
            false => object,
            true => object.with("public", true),
        };
        match self.storage_bytes {
            None => object,
            Some(bytes) => object.with("storage_bytes", bytes),
        }
    }
}

fn shown_field(field: &Field) -> Object {
    Object::new()
        .with("name", field.path.as_str())
        .with("type", field.field_type.to_string())
        .with("required", field.required)
}

#[cfg(test)]
mod tests;
