//! A pool as a Delta table: its columns and its files.

use std::collections::{BTreeMap, HashMap};

use model::fields::{ColumnType, FieldType, ScalarType};
use model::ids::PoolId;
use model::names::FieldPath;
use model::time::Timestamp;
use serde_json::{Value, json};

use super::PublishError;
use crate::columns::{Layout, REST};
use crate::tables::TimeRange;

/// The member of a column's metadata that tells what its field is called.
const FIELD: &str = "tidegate.field";
/// The member that tells the field's own type.
const TYPE: &str = "tidegate.type";
/// The member that tells how undeclared fields are written.
const FORM: &str = "tidegate.form";
/// The form of `docs/delta.md`.
const REST_FORM: &str = "undeclared-1";
/// The same, of which what was deleted has to be left out: a reader that does
/// not know that must not show it.
const REST_FORM_DELETED: &str = "undeclared-2";
/// The member that tells which undeclared properties were deleted.
const DELETED: &str = "tidegate.deleted";

/// The type of a published column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PublishedType {
    /// A field, in the Delta type that stands for its own.
    Field(FieldType),
    /// Undeclared values in canonical form, as binary.
    Rest,
}

/// A pool as a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PublishedTable<'a> {
    /// The pool; a log of another one is refused.
    pub(crate) id: PoolId,
    /// Its name.
    pub(crate) name: &'a str,
    /// The columns of its files, in order.
    pub(crate) columns: Vec<(String, PublishedType)>,
    /// What the field of a column is called, where that is not the column's name.
    pub(crate) called: HashMap<String, String>,
    /// The undeclared properties that were deleted, each with the number of the last time.
    pub(crate) deleted: BTreeMap<String, u32>,
    /// When it was made.
    pub(crate) created_at: Timestamp,
}

impl<'a> PublishedTable<'a> {
    /// The table of a pool whose files have the columns of `layout`.
    pub(crate) fn new(id: PoolId, name: &'a str, layout: &Layout, created_at: Timestamp) -> Self {
        let fields = layout.fields.iter().map(|(path, column)| {
            let published = match column {
                ColumnType::Declared(field) => PublishedType::Field(*field),
                ColumnType::Undeclared => PublishedType::Rest,
            };
            (path.as_str().to_owned(), published)
        });
        let rest = layout.open.then(|| (REST.to_owned(), PublishedType::Rest));
        let columns = layout.fields.iter().map(|(column, _)| column);
        let called = columns.zip(layout.paths());
        let called = called.filter(|(column, path)| column != path);
        let text = |path: &FieldPath| path.as_str().to_owned();
        Self {
            id,
            name,
            columns: fields.chain(rest).collect(),
            called: called
                .map(|(column, path)| (text(column), text(path)))
                .collect(),
            deleted: layout
                .deleted()
                .iter()
                .map(|(path, number)| (text(path), number))
                .collect(),
            created_at,
        }
    }
}

/// A file of a pool. What is said of a file stays the same for ever: a change is published anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PublishedFile {
    /// Its name in the pool's directory.
    pub(crate) name: String,
    /// Its length.
    pub(crate) bytes: u64,
    /// Its rows.
    pub(crate) rows: u64,
    /// When it was written.
    pub(crate) modified: Timestamp,
    /// The column of the pool's time field and its range, by which readers skip files.
    pub(crate) times: Option<(String, TimeRange)>,
}

/// What the log says of the table as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Metadata {
    /// The pool's id as a UUID.
    pub(super) id: String,
    /// The pool's name.
    pub(super) name: String,
    /// The schema in Delta's JSON form.
    pub(super) schema: String,
    /// When the pool was made, in milliseconds.
    pub(super) created: i64,
}

/// What the log says of a file, beside its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FileFacts {
    /// Its length.
    pub(super) size: i64,
    /// When it was written, in milliseconds.
    pub(super) modified: i64,
    /// Its statistics in Delta's JSON form.
    pub(super) stats: String,
}

impl Metadata {
    /// What a log of `table` says.
    ///
    /// # Errors
    /// [`PublishError::Unpublishable`] for columns that differ in case alone.
    pub(super) fn of(table: &PublishedTable<'_>) -> Result<Self, PublishError> {
        let mut seen = HashMap::new();
        for (name, _) in &table.columns {
            if let Some(other) = seen.insert(name.to_lowercase(), name) {
                return Err(PublishError::Unpublishable {
                    pool: table.name.to_owned(),
                    rule: format!(
                        "the names of two columns must differ in more than upper and lower case, \
                         and {other:?} and {name:?} do not; rename one of the fields, or read the \
                         pool through the API"
                    ),
                });
            }
        }
        Ok(Self {
            id: table_id(table.id),
            name: table.name.to_owned(),
            schema: schema_string(table),
            created: milliseconds(table.created_at),
        })
    }
}

/// The id of a pool's table.
pub(super) fn table_id(pool: PoolId) -> String {
    uuid::Uuid::from_bytes(pool.to_bytes()).to_string()
}

/// Milliseconds since the Unix epoch, rounded down.
pub(super) fn milliseconds(time: Timestamp) -> i64 {
    time.as_microsecond().div_euclid(1_000)
}

/// The schema in Delta's JSON form; equal columns give equal text. What Delta
/// has no word for stands in the metadata of each column, where readers leave
/// it alone: what the field is called now, and its own type.
fn schema_string(table: &PublishedTable<'_>) -> String {
    let fields: Vec<Value> = table
        .columns
        .iter()
        .map(|(name, published)| {
            let metadata = match published {
                PublishedType::Field(own) => {
                    let called = table.called.get(name).unwrap_or(name);
                    json!({FIELD: called, TYPE: own.to_string()})
                }
                PublishedType::Rest if table.deleted.is_empty() => json!({FORM: REST_FORM}),
                PublishedType::Rest => {
                    json!({FORM: REST_FORM_DELETED, DELETED: json!(table.deleted).to_string()})
                }
            };
            json!({"name": name, "type": delta_type(*published), "nullable": true,
                "metadata": metadata})
        })
        .collect();
    json!({"type": "struct", "fields": fields}).to_string()
}

fn delta_type(published: PublishedType) -> Value {
    match published {
        PublishedType::Field(FieldType::Scalar(scalar)) => scalar_type(scalar).into(),
        PublishedType::Field(FieldType::Array(element)) => {
            json!({"type": "array", "elementType": scalar_type(element), "containsNull": true})
        }
        PublishedType::Rest => "binary".into(),
    }
}

/// Delta has signed integers only: an unsigned one is published as the next
/// wider, and the widest as a decimal.
fn scalar_type(scalar: ScalarType) -> &'static str {
    match scalar {
        ScalarType::Int8 => "byte",
        ScalarType::Int16 | ScalarType::UInt8 => "short",
        ScalarType::Int32 | ScalarType::UInt16 => "integer",
        ScalarType::Int64 | ScalarType::UInt32 => "long",
        ScalarType::UInt64 => "decimal(20,0)",
        ScalarType::Float32 => "float",
        ScalarType::Float64 => "double",
        ScalarType::String | ScalarType::Uuid => "string",
        ScalarType::Boolean => "boolean",
        ScalarType::Date => "date",
        ScalarType::DateTime => "timestamp",
    }
}

/// The files by name, as the log says of them.
///
/// # Errors
/// [`PublishError::Internal`] for a name that is given twice, that readers would take for hidden,
/// or that would need escaping in a URI.
pub(super) fn files_by_name(
    live: &[PublishedFile],
) -> Result<BTreeMap<String, FileFacts>, PublishError> {
    let mut files = BTreeMap::new();
    for file in live {
        let name = &file.name;
        let plain = |c: char| c.is_ascii_alphanumeric() || ".-_".contains(c);
        if name.is_empty() || name.starts_with(['.', '_']) || !name.chars().all(plain) {
            return Err(PublishError::Internal(format!(
                "{name:?} is no name of a published file"
            )));
        }
        let facts = FileFacts {
            size: i64::try_from(file.bytes).map_err(PublishError::internal)?,
            modified: milliseconds(file.modified),
            stats: stats_string(file),
        };
        if files.insert(name.clone(), facts).is_some() {
            return Err(PublishError::Internal(format!("{name} is given twice")));
        }
    }
    Ok(files)
}

/// The statistics in Delta's JSON form. The bounds are exact, to the
/// microsecond; readers that cut them to milliseconds allow for that.
fn stats_string(file: &PublishedFile) -> String {
    let mut stats = json!({"numRecords": file.rows});
    if let Some((column, range)) = &file.times
        && let Some(min) = Timestamp::from_microsecond(range.min)
        && let Some(max) = Timestamp::from_microsecond(range.max)
    {
        let of = |value: Value| json!({ column.as_str(): value });
        stats["minValues"] = of(min.to_string().into());
        stats["maxValues"] = of(max.to_string().into());
        if !range.missing {
            stats["nullCount"] = of(0.into());
        }
    }
    stats.to_string()
}
