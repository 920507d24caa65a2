//! Cached datasets: a series over a moving stretch of time, kept for each
//! value of the fields that it is indexed by, so that reading it costs no scan.

use crate::analyses::{Aggregation, Analysis, Period};
use crate::document::{Document, each, expected};
use crate::fault::{Fault, FaultCode};
use crate::filters::{Comparison, Constraint, Filter, Operator};
use crate::ids::DatasetId;
use crate::limits::{DATASET_INDEX_FIELDS_MAX, DESCRIPTION_CHARS_MAX};
use crate::names::FieldPath;
use crate::pools::{Schema, parse_name, parse_path};
use crate::saved_queries::{Sources, object, parse_question, with_dialect};
use crate::time::Timestamp;
use crate::value::{Object, Value};

/// What a client says of a dataset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatasetDraft {
    /// The name, unique among the project's datasets.
    pub name: crate::names::Name,
    /// What people call it.
    pub display_name: String,
    /// The series; it has an interval and a period relative to the present.
    pub query: Aggregation,
    /// The fields by whose values it is read.
    pub index_by: Vec<FieldPath>,
    /// The definition as a dialect said it, word for word.
    pub dialect: Option<Object>,
}

/// A dataset. What it is does not change; another one takes its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dataset {
    /// Names it for ever.
    pub id: DatasetId,
    /// The pool that it reads.
    pub sources: Sources,
    /// What its owner says of it.
    pub draft: DatasetDraft,
    /// When it was made.
    pub created_at: Timestamp,
    /// Counts changes; part of the `ETag`.
    pub revision: i64,
}

impl DatasetDraft {
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
    /// As [`DatasetDraft::parse`].
    pub fn restore(value: &Value) -> Result<Self, Fault> {
        let mut document = Document::new(value)?;
        let name = parse_name(document.text("name")?)?;
        let display_name = document.optional_text("display_name")?.unwrap_or_default();
        if display_name.chars().count() > DESCRIPTION_CHARS_MAX {
            return Err(Fault::new(
                FaultCode::LimitExceeded,
                format!("display_name has at most {DESCRIPTION_CHARS_MAX} characters"),
            )
            .at("/display_name"));
        }
        let query = parse_question(document.required("query")?).map_err(|f| f.under("/query"))?;
        let query = series(query)?;
        let index_by = index_fields(document.required("index_by")?)?;
        let dialect = object(&mut document, "dialect")?;
        document.finish()?;
        Ok(Self {
            name,
            display_name: display_name.to_owned(),
            query,
            index_by,
            dialect,
        })
    }

    /// The question as one of analytics.
    pub fn analysis(&self) -> Analysis {
        Analysis::Aggregation(self.query.clone())
    }

    /// The definition that [`DatasetDraft::parse`] reads back.
    pub fn to_value(&self) -> Value {
        let index_by: Vec<&str> = self.index_by.iter().map(FieldPath::as_str).collect();
        Value::Object(
            Object::new()
                .with("name", self.name.as_str())
                .with("display_name", self.display_name.as_str())
                .with("query", self.analysis().to_value())
                .with("index_by", index_by),
        )
    }

    /// The definition that [`DatasetDraft::restore`] reads back.
    pub fn to_stored(&self) -> Value {
        with_dialect(self.to_value(), self.dialect.as_ref())
    }

    /// The rows of these values of the fields that the dataset is indexed by.
    /// Each field, in their order, has one value or several that are all meant:
    /// an address cannot say whether `5` is a number or a text. Of several,
    /// those are meant that a declared field can hold; where there is none,
    /// the index has no rows.
    ///
    /// # Errors
    /// A fault when there are values for more or fewer fields, or one that
    /// nothing can equal.
    pub fn rows_of(
        &self,
        values: &[Vec<Value>],
        schema: Option<&Schema>,
    ) -> Result<Constraint, Fault> {
        if values.len() != self.index_by.len() || values.iter().any(Vec::is_empty) {
            let names: Vec<&str> = self.index_by.iter().map(FieldPath::as_str).collect();
            return Err(Fault::new(
                FaultCode::MissingMember,
                format!("index_by has a value for each of {}", names.join(", ")),
            )
            .at("/index_by"));
        }
        let mut equal = Vec::new();
        for (field, values) in self.index_by.iter().zip(values) {
            let nothing =
                |value: &&Value| matches!(value, Value::Null | Value::Array(_) | Value::Object(_));
            if let Some(value) = values.iter().find(nothing) {
                return Err(expected("a text, a number or a boolean", value).at("/index_by"));
            }
            let is_held = |value: &&Value| {
                let filter = Filter::equals(field.clone(), (*value).clone());
                // A field that is not there is the definition's fault, not the value's.
                schema.is_none_or(|schema| {
                    schema.column(field).is_none() || schema.resolve(&filter).is_ok()
                })
            };
            let values: Vec<Value> = values.iter().filter(is_held).cloned().collect();
            equal.push(match values.as_slice() {
                [] => Filter::Any(Vec::new()),
                [value] => Filter::equals(field.clone(), value.clone()),
                values => Filter::Compare(Comparison::restore(
                    field.clone(),
                    Operator::In,
                    Value::Array(values.to_vec()),
                )),
            });
        }
        Ok(Filter::all(equal).map_or(Constraint::AllRows, Constraint::Rows))
    }
}

fn series(query: Analysis) -> Result<Aggregation, Fault> {
    let refuse = |detail: &str, at: &str| {
        Err(Fault::new(FaultCode::InvalidValue, detail).at(format!("/query{at}")))
    };
    let Analysis::Aggregation(query) = query else {
        return refuse("a dataset holds functions over intervals", "/analysis");
    };
    if query.interval.is_none() {
        return refuse("a dataset needs an interval, such as daily", "/interval");
    }
    match query.source.period {
        Some(Period::Relative(_)) => Ok(query),
        _ => refuse(
            "a dataset moves with the present: it needs a timeframe, such as this_500_days",
            "/timeframe",
        ),
    }
}

fn index_fields(value: &Value) -> Result<Vec<FieldPath>, Fault> {
    let paths = match value {
        Value::String(_) => parse_path(value).map(|path| vec![path]),
        Value::Array(values) => each(values, parse_path),
        other => Err(expected("a field or a list of fields", other)),
    };
    let paths = paths.map_err(|f| f.under("/index_by"))?;
    let distinct: std::collections::BTreeSet<&FieldPath> = paths.iter().collect();
    if paths.is_empty() || paths.len() > DATASET_INDEX_FIELDS_MAX || distinct.len() < paths.len() {
        return Err(Fault::new(
            FaultCode::InvalidValue,
            format!("index_by names 1 to {DATASET_INDEX_FIELDS_MAX} fields, each once"),
        )
        .at("/index_by"));
    }
    Ok(paths)
}

#[cfg(test)]
mod tests;
