//! From the wire's tree of values to a pool.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::grow::{SentField, check_own_fields, grown};
use super::members::{parse_layout, parse_unique};
use super::{Deleted, Field, PoolDraft, Schema, SchemaMode};
use crate::credits::Tier;
use crate::document::{Document, each, merge_patch, text};
use crate::fault::{Fault, FaultCode, shorten};
use crate::fields::{FieldType, ScalarType};
use crate::limits::{
    DESCRIPTION_CHARS_MAX, POOL_FIELDS_MAX, RETENTION_DAYS_MAX, STORAGE_BYTES_MAX,
};
use crate::names::{ColumnName, FieldPath, Name};
use crate::value::Value;

/// Whose words a definition is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Form<'a> {
    /// A client's, of a new pool.
    New,
    /// A client's, of a pool that was this until now.
    Change(&'a PoolDraft),
    /// Ours, of a pool that was accepted once.
    Stored,
}

impl PoolDraft {
    /// Reads and checks the definition of a new pool.
    pub fn parse(value: &Value) -> Result<Self, Fault> {
        read(value, Form::New)
    }

    /// What the pool is when `patch` (RFC 7396) is laid over its definition.
    /// A field of the new list that carries `renamed_from` is the field of
    /// that path under another; every other field is told by its path.
    ///
    /// # Errors
    /// A fault of the definition, or of a change that a pool does not allow:
    /// see [`PoolDraft::check_change`].
    pub fn patched(&self, patch: &Value) -> Result<Self, Fault> {
        let merged = merge_patch(&self.to_value(), patch);
        let draft = read(&merged, Form::Change(self))?;
        self.check_change(&draft)?;
        Ok(draft)
    }

    /// Reads what [`PoolDraft::to_stored`] wrote. A definition that was stored
    /// before columns had names of their own reads as well.
    pub fn restore(value: &Value) -> Result<Self, Fault> {
        read(value, Form::Stored)
    }
}

/// Reads a definition.
pub(super) fn read(value: &Value, form: Form<'_>) -> Result<PoolDraft, Fault> {
    let mut document = Document::new(value)?;
    let name = parse_name(document.text("name")?)?;
    let description = parse_description(&mut document)?;
    let mode = parse_mode(&mut document)?;
    let fields = document.optional_list("fields")?.unwrap_or_default();
    let fields = parse_fields(fields, form).map_err(|f| f.under("/fields"))?;
    if fields.is_empty() && mode == SchemaMode::Strict {
        let detail = "a strict pool needs at least one field";
        return Err(Fault::new(FaultCode::InvalidValue, detail).at("/fields"));
    }
    let schema = match form {
        Form::New => Schema::new(mode, fields.into_iter().map(|sent| sent.field).collect()),
        Form::Stored => restored(mode, fields, &mut document)?,
        Form::Change(before) => {
            let schema = grown(&before.schema, mode, fields)?;
            check_own_fields(before, &schema, value)?;
            schema
        }
    };
    let isolation_field = parse_isolation(&mut document, &schema)?;
    let time_field = parse_time_field(&mut document, &schema)?;
    let unique = parse_unique(&mut document, &schema, isolation_field.as_ref())?;
    let retention_days =
        document.optional_integer("retention_days", 1..=i64::from(RETENTION_DAYS_MAX))?;
    let layout = parse_layout(&mut document, &schema, isolation_field.as_ref())?;
    let tier = Tier::read(&mut document)?.unwrap_or(Tier::Core);
    let public = document.optional_boolean("public")?.unwrap_or(false);
    let storage_bytes = read_storage(&mut document)?;
    document.finish()?;
    Ok(PoolDraft {
        name,
        description,
        schema,
        isolation_field,
        time_field,
        unique,
        retention_days: retention_days.and_then(|days| u32::try_from(days).ok()),
        layout,
        tier,
        public,
        storage_bytes,
    })
}

/// Reads the member `storage_bytes`: from how many stored bytes on nothing more
/// is stored; `None` where nothing is said.
///
/// # Errors
/// A fault for anything but a whole number from 0 on.
pub fn read_storage(document: &mut Document<'_>) -> Result<Option<u64>, Fault> {
    let bytes = document.optional_integer("storage_bytes", 0..=STORAGE_BYTES_MAX)?;
    Ok(bytes.and_then(|bytes| u64::try_from(bytes).ok()))
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

fn parse_mode(document: &mut Document<'_>) -> Result<SchemaMode, Fault> {
    match document.text("schema")? {
        "strict" => Ok(SchemaMode::Strict),
        "open" => Ok(SchemaMode::Open),
        _ => Err(Fault::new(FaultCode::InvalidValue, "schema is strict or open").at("/schema")),
    }
}

/// Reads a dotted path that clients may write.
pub(crate) fn parse_path(value: &Value) -> Result<FieldPath, Fault> {
    let sent = text(value)?;
    FieldPath::parse(sent)
        .map_err(|rule| Fault::new(FaultCode::InvalidName, rule.to_string()).on_field(sent))
}

fn parse_fields(values: &[Value], form: Form<'_>) -> Result<Vec<SentField>, Fault> {
    if values.len() > POOL_FIELDS_MAX {
        return Err(Fault::new(
            FaultCode::LimitExceeded,
            format!("a pool declares at most {POOL_FIELDS_MAX} fields"),
        ));
    }
    let fields = each(values, |value| parse_field(value, form))?;
    let paths = || fields.iter().map(|sent| &sent.field.path).enumerate();
    let mut seen = HashMap::new();
    for (index, path) in paths() {
        if seen.insert(path.as_str(), index).is_some() {
            return Err(overlapping(index, path));
        }
    }
    for (index, path) in paths() {
        if path.ancestors().any(|above| seen.contains_key(above)) {
            return Err(overlapping(index, path));
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

fn parse_field(value: &Value, form: Form<'_>) -> Result<SentField, Fault> {
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
    let mut field = Field::new(path, field_type, required);
    let mut renamed_from = None;
    match form {
        Form::New => {}
        Form::Change(_) => {
            let sent = document.optional("renamed_from").map(parse_path);
            renamed_from = sent.transpose().map_err(|f| f.under("/renamed_from"))?;
        }
        Form::Stored => {
            if let Some(column) = document.optional_text("column")? {
                field.column = ColumnName::restore(column);
            }
        }
    }
    document.finish()?;
    Ok(SentField {
        field,
        renamed_from,
    })
}

/// The column of a dropped field, and the type of what it holds.
fn parse_retired(value: &Value) -> Result<(ColumnName, FieldType), Fault> {
    let mut document = Document::new(value)?;
    let column = ColumnName::restore(document.text("name")?);
    let kind = FieldType::parse(document.text("type")?);
    let kind = kind.ok_or_else(|| {
        Fault::new(FaultCode::InvalidValue, "a dropped field has a known type").at("/type")
    })?;
    document.finish()?;
    Ok((column, kind))
}

/// A deleted property, and the number of its deletion.
fn parse_deleted(value: &Value) -> Result<(FieldPath, u32), Fault> {
    let mut document = Document::new(value)?;
    let path = parse_path(document.required("name")?).map_err(|f| f.under("/name"))?;
    document.required("number")?;
    let number = document.optional_integer("number", 2..=i64::from(u32::MAX))?;
    document.finish()?;
    Ok((
        path,
        number
            .and_then(|n| u32::try_from(n).ok())
            .unwrap_or(u32::MAX),
    ))
}

/// The stored schema. Two fields on one column would show each other's values,
/// so that a damaged definition is not read at all.
fn restored(
    mode: SchemaMode,
    fields: Vec<SentField>,
    document: &mut Document<'_>,
) -> Result<Schema, Fault> {
    let retired = document.optional_list("retired_columns")?;
    let retired = each(retired.unwrap_or_default(), parse_retired)
        .map_err(|f| f.under("/retired_columns"))?;
    let retired: BTreeMap<_, _> = retired.into_iter().collect();
    let fields: Vec<Field> = fields.into_iter().map(|sent| sent.field).collect();
    let mut held = BTreeSet::new();
    for (index, field) in fields.iter().enumerate() {
        if retired.contains_key(&field.column) || !held.insert(&field.column) {
            let detail = "a stored field has the column of another";
            return Err(Fault::new(FaultCode::InvalidValue, detail)
                .at(format!("/fields/{index}/column"))
                .on_field(&field.path));
        }
    }
    let deleted = document.optional_list("deleted_properties")?;
    let deleted = each(deleted.unwrap_or_default(), parse_deleted)
        .map_err(|f| f.under("/deleted_properties"))?;
    let deleted = Deleted::restore(deleted.into_iter().collect());
    Ok(Schema::with_retired(mode, fields, retired).with_deleted(deleted.into()))
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
    if schema.can_isolate(&path) {
        return Ok(Some(path));
    }
    Err(refuse(match schema.column(&path) {
        None => unknown_field(&path),
        Some(_) => Fault::new(
            FaultCode::WrongType,
            "the isolation field holds one value, not an array",
        )
        .on_field(&path),
    }))
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
