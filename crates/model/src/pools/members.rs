//! The members of a pool that say which records replace others, and how
//! records are laid out.

use std::collections::BTreeSet;

use super::parse::{parse_path, unknown_field};
use super::{Field, FileLayout, Schema};
use crate::document::{Document, each};
use crate::fault::{Fault, FaultCode};
use crate::fields::{FieldType, ScalarType};
use crate::limits::UNIQUE_FIELDS_MAX;
use crate::names::FieldPath;

/// Reads `unique` into its one order: the isolation field, then the others by
/// their columns.
pub(super) fn parse_unique(
    document: &mut Document<'_>,
    schema: &Schema,
    isolation: Option<&FieldPath>,
) -> Result<Vec<FieldPath>, Fault> {
    let Some(sent) = document.optional_list("unique")? else {
        return Ok(Vec::new());
    };
    let refuse = |code, detail: String| Err(Fault::new(code, detail).at("/unique"));
    if sent.is_empty() {
        let detail = format!(
            "unique names 1 to {UNIQUE_FIELDS_MAX} fields; leave it out where records never replace others"
        );
        return refuse(FaultCode::InvalidValue, detail);
    }
    let isolation = isolation.and_then(|path| schema.field(path.as_str()));
    let Some(isolation) = isolation else {
        let detail = "unique needs a declared isolation_field: a record replaces only records of the same customer";
        return refuse(FaultCode::InvalidValue, detail.to_owned());
    };
    check_tells_apart(isolation).map_err(|f| f.at("/isolation_field"))?;
    let fields = each(sent, |value| {
        let path = parse_path(value)?;
        let field = schema.field(path.as_str());
        let field = field.ok_or_else(|| unknown_field(&path))?;
        check_tells_apart(field).map(|()| field)
    })
    .map_err(|f| f.under("/unique"))?;
    let mut by_column = BTreeSet::new();
    for (index, field) in fields.iter().enumerate() {
        if !by_column.insert((&field.column, &field.path)) {
            let detail = "unique names each field once";
            return Err(Fault::new(FaultCode::InvalidValue, detail)
                .at(format!("/unique/{index}"))
                .on_field(&field.path));
        }
    }
    by_column.remove(&(&isolation.column, &isolation.path));
    if by_column.len() >= UNIQUE_FIELDS_MAX {
        let detail = format!(
            "unique names at most {UNIQUE_FIELDS_MAX} fields, the isolation field included"
        );
        return refuse(FaultCode::LimitExceeded, detail);
    }
    let others = by_column.into_iter().map(|(_, path)| path);
    let all = std::iter::once(&isolation.path).chain(others);
    Ok(all.cloned().collect())
}

/// Refuses a field whose equality cannot tell records apart: that of rounded
/// numbers and of lists.
fn check_tells_apart(field: &Field) -> Result<(), Fault> {
    let detail = match field.field_type {
        FieldType::Array(_) => "a field of unique holds one value, not an array",
        FieldType::Scalar(ScalarType::Float32 | ScalarType::Float64) => {
            "a field of unique is not a rounded number; choose a whole number or a text"
        }
        FieldType::Scalar(_) => return Ok(()),
    };
    Err(Fault::new(FaultCode::WrongType, detail).on_field(&field.path))
}

pub(super) fn parse_layout(
    document: &mut Document<'_>,
    schema: &Schema,
    isolation: Option<&FieldPath>,
) -> Result<FileLayout, Fault> {
    let refuse = |detail: &str| Err(Fault::new(FaultCode::InvalidValue, detail).at("/layout"));
    let Some(sent) = document.optional_text("layout")? else {
        return Ok(FileLayout::Shared);
    };
    let known = FileLayout::ALL
        .into_iter()
        .find(|layout| layout.name() == sent);
    let is_isolated = isolation.is_some_and(|path| schema.field(path.as_str()).is_some());
    match known {
        None => refuse("layout is shared or file_per_customer"),
        Some(FileLayout::FilePerCustomer) if !is_isolated => {
            refuse("file_per_customer needs a declared isolation_field: it says whose a record is")
        }
        Some(layout) => Ok(layout),
    }
}
