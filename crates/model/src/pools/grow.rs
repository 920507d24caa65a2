//! How the fields of a pool change.
//!
//! A field is told by its column, which it keeps for ever: a field of the same
//! column and another path was renamed, a column that is there no more is that
//! of a dropped field, and a new column is one that no field ever had.

use std::collections::{BTreeMap, BTreeSet};

use super::{Field, PoolDraft, Schema, SchemaMode};
use crate::fault::{Fault, FaultCode};
use crate::limits::{POOL_COLUMNS_GIVEN_MAX, PROPERTIES_DELETED_MAX};
use crate::names::{ColumnName, FieldPath};
use crate::value::Value;

/// A field as a definition says it, and the path that it had until now when
/// the definition says so.
#[derive(Debug)]
pub(super) struct SentField {
    pub(super) field: Field,
    pub(super) renamed_from: Option<FieldPath>,
}

/// What became of the fields of a pool in one change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldChanges<'a> {
    /// Fields that were not there.
    pub added: Vec<&'a Field>,
    /// Fields that are there no more.
    pub dropped: Vec<&'a Field>,
    /// Fields with another path, each as it was and as it is.
    pub renamed: Vec<(&'a Field, &'a Field)>,
}

impl FieldChanges<'_> {
    /// Whether no field came, went or has another path.
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.dropped.is_empty() && self.renamed.is_empty()
    }
}

impl Schema {
    /// What became of the fields of `before`.
    pub fn changes_since<'a>(&'a self, before: &'a Schema) -> FieldChanges<'a> {
        let mut changes = FieldChanges::default();
        for field in self.declared() {
            match before.field_of_column(field.column.as_str()) {
                None => changes.added.push(field),
                Some(old) if old.path != field.path => changes.renamed.push((old, field)),
                Some(_) => {}
            }
        }
        let is_gone = |field: &&Field| self.field_of_column(field.column.as_str()).is_none();
        changes.dropped = before.declared().iter().filter(is_gone).collect();
        changes
    }

    /// A column for a field that is added under this path, other than every
    /// column that the pool ever gave.
    fn fresh_column(&self, path: &FieldPath) -> ColumnName {
        let given = |column: &ColumnName| {
            self.field_of_column(column.as_str()).is_some() || self.retired().contains_key(column)
        };
        let choices = (2..).map(|ordinal| ColumnName::numbered(path, ordinal));
        let mut choices = std::iter::once(ColumnName::of(path)).chain(choices);
        choices
            .find(|column| !given(column))
            .expect("a pool has given finitely many columns")
    }
}

/// The schema of a pool whose list of fields was `before` and is `sent` now.
pub(super) fn grown(
    before: &Schema,
    mode: SchemaMode,
    sent: Vec<SentField>,
) -> Result<Schema, Fault> {
    if mode != before.mode() {
        return Err(mode_is_kept());
    }
    let paths: BTreeSet<FieldPath> = sent.iter().map(|sent| sent.field.path.clone()).collect();
    let mut renamed = BTreeSet::new();
    let mut fields = Vec::with_capacity(sent.len());
    for (
        index,
        SentField {
            field,
            renamed_from,
        },
    ) in sent.into_iter().enumerate()
    {
        let column = match &renamed_from {
            None => match before.field(field.path.as_str()) {
                Some(kept) => kept.column.clone(),
                None => before.fresh_column(&field.path),
            },
            Some(old) => {
                let was = renamed_field(before, &paths, old, &field)
                    .map_err(|fault| fault.under(&format!("/fields/{index}")))?;
                if !renamed.insert(old.clone()) {
                    let detail = "another field of the list was renamed from this one already";
                    return Err(Fault::new(FaultCode::InvalidValue, detail)
                        .at(format!("/fields/{index}/renamed_from"))
                        .on_field(old));
                }
                was.column.clone()
            }
        };
        fields.push(Field { column, ..field });
    }
    let held: BTreeSet<&ColumnName> = fields.iter().map(|field| &field.column).collect();
    let lost = before
        .declared()
        .iter()
        .map(|field| (&field.column, &field.field_type));
    let retired: BTreeMap<_, _> = lost
        .chain(before.retired())
        .filter(|(column, _)| !held.contains(column))
        .map(|(column, kind)| (column.clone(), *kind))
        .collect();
    if fields.len() + retired.len() > POOL_COLUMNS_GIVEN_MAX {
        let detail = format!(
            "a pool declares at most {POOL_COLUMNS_GIVEN_MAX} fields in its life, dropped ones included; make another pool"
        );
        return Err(Fault::new(FaultCode::LimitExceeded, detail).at("/fields"));
    }
    let after = Schema::with_retired(mode, fields, retired);
    let after = after.with_deleted(before.deleted().clone());
    check_types(before, &after)?;
    Ok(after)
}

/// The field that was called `old` until now.
fn renamed_field<'a>(
    before: &'a Schema,
    paths: &BTreeSet<FieldPath>,
    old: &FieldPath,
    field: &Field,
) -> Result<&'a Field, Fault> {
    let refuse = |code, at: &str, detail: &str| {
        let path = if at == "/name" { &field.path } else { old };
        Err(Fault::new(code, detail).at(at).on_field(path))
    };
    let Some(was) = before.field(old.as_str()) else {
        return refuse(
            FaultCode::UnknownField,
            "/renamed_from",
            "the pool declares no field of this name to rename",
        );
    };
    if paths.contains(old) {
        return refuse(
            FaultCode::InvalidValue,
            "/renamed_from",
            "the list of fields holds the old name as well; a renamed field has one entry, under its new name",
        );
    }
    if before.field(field.path.as_str()).is_some() {
        return refuse(
            FaultCode::InvalidValue,
            "/name",
            "the pool has a field of this name; drop or rename that one first, in a change of its own",
        );
    }
    Ok(was)
}

impl PoolDraft {
    /// Whether a pool that is this may become `after`. Name, description,
    /// `retention_days`, `layout` and what is required may change; a strict
    /// pool's fields may be added, dropped and renamed.
    ///
    /// # Errors
    /// A fault at the member that a pool keeps for ever. What keys and views
    /// have built on a field is not asked here.
    pub fn check_change(&self, after: &Self) -> Result<(), Fault> {
        if self.schema.mode() != after.schema.mode() {
            return Err(mode_is_kept());
        }
        check_types(&self.schema, &after.schema)?;
        check_columns(&self.schema, &after.schema)?;
        let changes = after.schema.changes_since(&self.schema);
        if self.schema.mode() == SchemaMode::Open && !changes.is_empty() {
            return Err(Fault::new(
                FaultCode::NotAvailable,
                "the declared fields of an open pool are kept: records may hold undeclared values under any other name; \
                 make another pool and import the records into it",
            )
            .at("/fields"));
        }
        let kept = |old: &Option<FieldPath>, new: &Option<FieldPath>| {
            identity(&self.schema, old.as_ref()) == identity(&after.schema, new.as_ref())
        };
        let list = |draft: &Self| -> Vec<Option<String>> {
            let fields = draft.unique.iter();
            fields
                .map(|path| identity(&draft.schema, Some(path)))
                .collect()
        };
        let kept = [
            (
                "isolation_field",
                kept(&self.isolation_field, &after.isolation_field),
            ),
            ("time_field", kept(&self.time_field, &after.time_field)),
            ("unique", list(self) == list(after)),
        ];
        match kept.into_iter().find(|(_, kept)| !kept) {
            None => Ok(()),
            Some((member, _)) => Err(Fault::new(
                FaultCode::NotAvailable,
                format!("{member} of a pool is kept: its records rest on it; make another pool"),
            )
            .at(format!("/{member}"))),
        }
    }

    /// The open pool without an undeclared property and all beneath it.
    ///
    /// # Errors
    /// A fault that says why the property stays: fields are declared there, or
    /// the pool itself is built on it.
    pub fn without_property(&self, path: &FieldPath) -> Result<Self, Fault> {
        let refuse = |code, detail: String| Err(Fault::new(code, detail).on_field(path));
        if self.schema.mode() != SchemaMode::Open {
            let detail =
                "a strict pool has no undeclared properties; drop the field from the pool's fields";
            return refuse(FaultCode::NotAvailable, detail.to_owned());
        }
        let mut declared = self.schema.declared().iter();
        if let Some(field) = declared.find(|field| field.path.overlaps(path)) {
            let detail = format!(
                "the pool declares the field {}, which its records rest on",
                field.path
            );
            return refuse(FaultCode::InUse, detail);
        }
        if let Some((member, _)) = self.own_fields().find(|(_, own)| own.is_at_or_below(path)) {
            let detail = format!("the property is in use by the pool's own {member}");
            return refuse(FaultCode::InUse, detail);
        }
        let Some(deleted) = self.schema.deleted().and(path) else {
            let detail = format!(
                "a pool remembers at most {PROPERTIES_DELETED_MAX} deleted properties; delete one that they are all beneath, or make another pool"
            );
            return refuse(FaultCode::LimitExceeded, detail);
        };
        let schema = self.schema.clone().with_deleted(deleted.into());
        Ok(Self {
            schema,
            ..self.clone()
        })
    }

    /// The fields that the pool itself is built on, each with the member that
    /// names it.
    fn own_fields(&self) -> impl Iterator<Item = (&'static str, &FieldPath)> {
        let isolation = self.isolation_field.iter().map(|p| ("isolation_field", p));
        let time = self.time_field.iter().map(|p| ("time_field", p));
        let unique = self.unique.iter().map(|p| ("unique", p));
        isolation.chain(time).chain(unique)
    }
}

fn mode_is_kept() -> Fault {
    Fault::new(
        FaultCode::NotAvailable,
        "a pool stays strict or open: its records rest on it; make another pool",
    )
    .at("/schema")
}

/// What tells a field through renamings: its column, or the path of an
/// undeclared one.
fn identity(schema: &Schema, path: Option<&FieldPath>) -> Option<String> {
    let path = path?;
    Some(schema.column_name(path).unwrap_or(path.as_str()).to_owned())
}

fn check_types(before: &Schema, after: &Schema) -> Result<(), Fault> {
    for (index, field) in after.declared().iter().enumerate() {
        let was = before.field_of_column(field.column.as_str());
        if let Some(was) = was.filter(|was| was.field_type != field.field_type) {
            let detail = format!(
                "the field is of type {} and keeps it: stored values are of that type; add a field of another name",
                was.field_type
            );
            return Err(Fault::new(FaultCode::NotAvailable, detail)
                .at(format!("/fields/{index}/type"))
                .on_field(&field.path));
        }
    }
    Ok(())
}

/// Refuses a schema that lost a column or gives one to a second field. What
/// [`grown`] made is never refused.
fn check_columns(before: &Schema, after: &Schema) -> Result<(), Fault> {
    let held: BTreeSet<&ColumnName> = after.declared().iter().map(|f| &f.column).collect();
    let knows = |column: &ColumnName| held.contains(column) || after.retired().contains_key(column);
    let again = |field: &&Field| {
        before.retired().contains_key(&field.column) || after.retired().contains_key(&field.column)
    };
    let reused = after
        .declared()
        .iter()
        .find(again)
        .map(|field| &field.column);
    let is_doubled = held.len() != after.declared().len();
    let lost = before.columns_given().find(|column| !knows(column));
    match reused.or(lost) {
        None if !is_doubled => Ok(()),
        column => Err(Fault::new(
            FaultCode::InvalidValue,
            format!(
                "a column belongs to one field for ever; {} would not",
                column.map_or("one", ColumnName::as_str)
            ),
        )
        .at("/fields")),
    }
}

/// Refuses to drop a field that the pool itself is built on, and to go on
/// calling a renamed one by its old name.
pub(super) fn check_own_fields(
    before: &PoolDraft,
    schema: &Schema,
    sent: &Value,
) -> Result<(), Fault> {
    for (member, path) in before.own_fields() {
        let Some(was) = before.schema.field(path.as_str()) else {
            continue;
        };
        match schema.field_of_column(was.column.as_str()) {
            None => {
                let detail =
                    format!("the field is in use by the pool's own {member} and cannot be dropped");
                return Err(Fault::new(FaultCode::InUse, detail)
                    .at("/fields")
                    .on_field(path));
            }
            Some(now) if now.path != *path && says(sent, member, path) => {
                let detail = format!(
                    "the field is renamed to {} in this change; send {member} with the new name as well",
                    now.path
                );
                return Err(Fault::new(FaultCode::InvalidValue, detail)
                    .at(format!("/{member}"))
                    .on_field(path));
            }
            Some(_) => {}
        }
    }
    Ok(())
}

fn says(sent: &Value, member: &str, path: &FieldPath) -> bool {
    let is_path = |value: &Value| value.as_str() == Some(path.as_str());
    let value = sent.as_object().and_then(|object| object.get(member));
    value.is_some_and(|value| {
        is_path(value)
            || value
                .as_array()
                .is_some_and(|list| list.iter().any(is_path))
    })
}
