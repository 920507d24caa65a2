//! Pools: named sets of records, and the schema that a question meets.

use std::sync::Arc;

use crate::document::{Document, each, text};
use crate::fault::{Fault, FaultCode, shorten};
use crate::fields::{ColumnType, FieldType, ScalarType};
use crate::filters::{Filter, Predicate, Unresolved};
use crate::ids::PoolId;
use crate::limits::{DESCRIPTION_CHARS_MAX, POOL_FIELDS_MAX};
use crate::names::{FieldPath, ID, INGESTED_AT, KEY, Name};
use crate::time::Timestamp;
use crate::value::{Object, Value};

/// A declared field of a pool.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Field {
    /// The dotted path.
    pub path: FieldPath,
    /// The type of every value.
    pub field_type: FieldType,
    /// Whether a record without it is rejected.
    pub required: bool,
}

/// Whether a pool takes fields that it does not declare.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SchemaMode {
    /// A record with an undeclared field is rejected.
    Strict,
    /// An undeclared field is stored, each value with its own type.
    Open,
}

/// The fields of a pool as a question meets them. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Schema {
    mode: SchemaMode,
    fields: Arc<[Field]>,
    /// The positions of `fields` in the order of their paths.
    by_path: Arc<[usize]>,
}

impl Schema {
    /// The schema of these declared fields, whose paths do not overlap.
    pub fn new(mode: SchemaMode, fields: Vec<Field>) -> Self {
        let mut by_path: Vec<usize> = (0..fields.len()).collect();
        by_path.sort_unstable_by(|a, b| fields[*a].path.cmp(&fields[*b].path));
        Self {
            mode,
            fields: fields.into(),
            by_path: by_path.into(),
        }
    }

    /// Whether undeclared fields are taken.
    pub fn mode(&self) -> SchemaMode {
        self.mode
    }

    /// The declared fields in declared order, without the system fields.
    pub fn declared(&self) -> &[Field] {
        &self.fields
    }

    /// The declared field of this path.
    pub fn field(&self, path: &str) -> Option<&Field> {
        self.by_path
            .binary_search_by(|at| self.fields[*at].path.as_str().cmp(path))
            .ok()
            .map(|found| &self.fields[self.by_path[found]])
    }

    /// What is known of a field: declared, possibly there, or never there.
    pub fn column(&self, path: &FieldPath) -> Option<ColumnType> {
        match path.as_str() {
            ID | KEY => return Some(ColumnType::Declared(FieldType::Scalar(ScalarType::String))),
            INGESTED_AT => {
                return Some(ColumnType::Declared(FieldType::Scalar(
                    ScalarType::DateTime,
                )));
            }
            _ => {}
        }
        if let Some(field) = self.field(path.as_str()) {
            return Some(ColumnType::Declared(field.field_type));
        }
        (self.mode == SchemaMode::Open).then_some(ColumnType::Undeclared)
    }

    /// The filter made ready for this pool.
    pub fn resolve(&self, filter: &Filter) -> Result<Predicate, Unresolved> {
        Predicate::resolve(filter, &|path| self.column(path))
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

/// Members of a pool that are designed and not yet enforced, with the one
/// value that means the same as their absence.
const NOT_YET: [(&str, Option<&str>); 5] = [
    ("unique", None),
    ("retention_days", None),
    ("tier", Some("core")),
    ("layout", None),
    ("public", None),
];

impl PoolDraft {
    /// Reads and checks a definition.
    pub fn parse(value: &Value) -> Result<Self, Fault> {
        let mut document = Document::new(value)?;
        let name = parse_name(document.text("name")?)?;
        let description = parse_description(&mut document)?;
        let mode = match document.text("schema")? {
            "strict" => SchemaMode::Strict,
            "open" => SchemaMode::Open,
            _ => {
                return Err(
                    Fault::new(FaultCode::InvalidValue, "schema is strict or open").at("/schema"),
                );
            }
        };
        let fields = parse_fields(document.optional_list("fields")?.unwrap_or_default())
            .map_err(|f| f.under("/fields"))?;
        if fields.is_empty() && mode == SchemaMode::Strict {
            return Err(Fault::new(
                FaultCode::InvalidValue,
                "a strict pool needs at least one field",
            )
            .at("/fields"));
        }
        let schema = Schema::new(mode, fields);
        let isolation_field = parse_isolation(&mut document, &schema)?;
        let time_field = parse_time_field(&mut document, &schema)?;
        for (member, neutral) in NOT_YET {
            refuse_not_yet(&mut document, member, neutral)?;
        }
        document.finish()?;
        Ok(Self {
            name,
            description,
            schema,
            isolation_field,
            time_field,
        })
    }

    /// The definition that [`PoolDraft::parse`] reads back.
    pub fn to_value(&self) -> Value {
        let mode = match self.schema.mode() {
            SchemaMode::Strict => "strict",
            SchemaMode::Open => "open",
        };
        let fields = self.schema.declared().iter().map(|field| {
            Object::new()
                .with("name", field.path.as_str())
                .with("type", field.field_type.to_string())
                .with("required", field.required)
        });
        let path = |path: &Option<FieldPath>| Value::from(path.as_ref().map(FieldPath::as_str));
        Value::Object(
            Object::new()
                .with("name", self.name.as_str())
                .with("description", self.description.as_str())
                .with("schema", mode)
                .with("fields", fields.collect::<Vec<_>>())
                .with("isolation_field", path(&self.isolation_field))
                .with("time_field", path(&self.time_field)),
        )
    }
}

/// Refuses a member whose feature does not exist yet, unless it says what
/// is the case anyway.
pub(crate) fn refuse_not_yet(
    document: &mut Document<'_>,
    member: &'static str,
    neutral: Option<&str>,
) -> Result<(), Fault> {
    match document.optional(member) {
        None => Ok(()),
        Some(Value::Boolean(false)) if member == "public" => Ok(()),
        Some(Value::String(text)) if Some(text.as_str()) == neutral => Ok(()),
        Some(_) => Err(not_available(member)),
    }
}

/// The refusal of something that is designed and not enforced yet.
pub(crate) fn not_available(member: &str) -> Fault {
    Fault::new(
        FaultCode::NotAvailable,
        format!(
            "{member} is not enforced by this version and therefore not accepted; leave it out"
        ),
    )
    .at(format!("/{member}"))
}

pub(crate) fn parse_name(sent: &str) -> Result<Name, Fault> {
    Name::parse(sent)
        .map_err(|rule| Fault::new(FaultCode::InvalidName, rule.to_string()).at("/name"))
}

pub(crate) fn parse_description(document: &mut Document<'_>) -> Result<String, Fault> {
    let description = document.optional_text("description")?.unwrap_or_default();
    if description.chars().count() > DESCRIPTION_CHARS_MAX {
        return Err(Fault::new(
            FaultCode::LimitExceeded,
            format!("a description has at most {DESCRIPTION_CHARS_MAX} characters"),
        )
        .at("/description"));
    }
    Ok(description.to_owned())
}

/// Reads a dotted path that clients may write.
pub(crate) fn parse_path(value: &Value) -> Result<FieldPath, Fault> {
    let sent = text(value)?;
    FieldPath::parse(sent)
        .map_err(|rule| Fault::new(FaultCode::InvalidName, rule.to_string()).on_field(sent))
}

fn parse_fields(values: &[Value]) -> Result<Vec<Field>, Fault> {
    if values.len() > POOL_FIELDS_MAX {
        return Err(Fault::new(
            FaultCode::LimitExceeded,
            format!("a pool declares at most {POOL_FIELDS_MAX} fields"),
        ));
    }
    let fields = each(values, parse_field)?;
    let mut seen = std::collections::HashMap::new();
    for (index, field) in fields.iter().enumerate() {
        if seen.insert(field.path.as_str(), index).is_some() {
            return Err(overlapping(index, &field.path));
        }
    }
    for (index, field) in fields.iter().enumerate() {
        if field
            .path
            .ancestors()
            .any(|ancestor| seen.contains_key(ancestor))
        {
            return Err(overlapping(index, &field.path));
        }
    }
    Ok(fields)
}

fn overlapping(index: usize, path: &FieldPath) -> Fault {
    Fault::new(
        FaultCode::InvalidValue,
        "two declared fields must not be the same or contain each other",
    )
    .at(format!("/{index}/name"))
    .on_field(path)
}

fn parse_field(value: &Value) -> Result<Field, Fault> {
    let mut document = Document::new(value)?;
    let path = parse_path(document.required("name")?).map_err(|f| f.under("/name"))?;
    let type_name = document.text("type")?;
    let field_type = FieldType::parse(type_name).ok_or_else(|| {
        let known: Vec<_> = ScalarType::ALL.iter().map(ToString::to_string).collect();
        Fault::new(
            FaultCode::InvalidValue,
            format!(
                "{} is not a type; there are {} and Array(T) of each",
                shorten(type_name),
                known.join(", ")
            ),
        )
        .at("/type")
        .on_field(&path)
    })?;
    let required = document.optional_boolean("required")?.unwrap_or(false);
    document.finish()?;
    Ok(Field {
        path,
        field_type,
        required,
    })
}

fn parse_isolation(
    document: &mut Document<'_>,
    schema: &Schema,
) -> Result<Option<FieldPath>, Fault> {
    let Some(value) = document.optional("isolation_field") else {
        return Ok(None);
    };
    let refuse = |fault: Fault| fault.under("/isolation_field");
    let path = parse_path(value).map_err(refuse)?;
    match schema.column(&path) {
        None => Err(refuse(unknown_field(&path))),
        Some(ColumnType::Declared(FieldType::Array(_))) => Err(refuse(
            Fault::new(
                FaultCode::WrongType,
                "the isolation field holds one value, not an array",
            )
            .on_field(&path),
        )),
        Some(_) => Ok(Some(path)),
    }
}

fn parse_time_field(
    document: &mut Document<'_>,
    schema: &Schema,
) -> Result<Option<FieldPath>, Fault> {
    let Some(value) = document.optional("time_field") else {
        return Ok(None);
    };
    let refuse = |fault: Fault| fault.under("/time_field");
    let path = parse_path(value).map_err(refuse)?;
    match schema.field(path.as_str()).map(|field| field.field_type) {
        Some(FieldType::Scalar(ScalarType::DateTime)) => Ok(Some(path)),
        Some(_) => Err(refuse(
            Fault::new(FaultCode::WrongType, "the time field is of type DateTime").on_field(&path),
        )),
        None => Err(refuse(unknown_field(&path))),
    }
}

/// The fault for a field that the pool does not declare.
pub fn unknown_field(path: &FieldPath) -> Fault {
    Fault::new(FaultCode::UnknownField, "the pool declares no such field").on_field(path)
}

#[cfg(test)]
mod tests;
