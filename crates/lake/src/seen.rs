//! The fields of a pool as a key sees them: what it declares, and of the
//! undeclared ones those that visible rows hold.

use std::collections::{BTreeMap, BTreeSet};

use arrow_array::cast::AsArray;
use model::answers::{SeenField, SeenType};
use model::names::FieldPath;
use model::permit::ConstrainedSchema;
use model::pools::SchemaMode;
use model::value::Value;

use crate::buffer::Snapshot;
use crate::columns::rest_fields;
use crate::error::Result;
use crate::plan::constraint_predicate;

/// The visible fields: the declared ones in declared order, then the others
/// by path. Hidden rows and hidden fields leave no trace.
pub(crate) fn seen_fields(
    asked: &ConstrainedSchema,
    snapshot: &Snapshot,
) -> Result<Vec<SeenField>> {
    let schema = &asked.pool().draft.schema;
    let declared = schema
        .declared()
        .iter()
        .filter(|field| asked.fields().shows(&field.path));
    let mut seen: Vec<SeenField> = declared
        .map(|field| SeenField {
            path: field.path.clone(),
            seen: SeenType::Declared(field.field_type),
            required: field.required,
        })
        .collect();
    if schema.mode() == SchemaMode::Open {
        for (path, kinds) in undeclared(asked, snapshot)? {
            if let Ok(path) = FieldPath::parse(&path)
                && asked.fields().shows(&path)
            {
                let kinds = KINDS
                    .into_iter()
                    .filter(|kind| kinds.contains(kind))
                    .collect();
                seen.push(SeenField {
                    path,
                    seen: SeenType::Mixed(kinds),
                    required: false,
                });
            }
        }
    }
    Ok(seen)
}

const KINDS: [&str; 5] = ["number", "string", "boolean", "array", "object"];

type Kinds = BTreeMap<String, BTreeSet<&'static str>>;

fn undeclared(asked: &ConstrainedSchema, snapshot: &Snapshot) -> Result<Kinds> {
    let schema = &asked.pool().draft.schema;
    let (predicate, _) = constraint_predicate(asked.rows(), schema);
    let mut kinds = Kinds::new();
    for segment in &snapshot.segments {
        let rows = segment.visible_rest(&snapshot.layout, &predicate)?;
        for cell in rows.as_binary::<i32>().iter().flatten() {
            for (path, value) in rest_fields(cell) {
                let Some(kind) = model::canonical::decode(value).map(|value| kind(&value)) else {
                    continue;
                };
                match kinds.get_mut(path) {
                    Some(seen) => {
                        seen.insert(kind);
                    }
                    None => {
                        kinds.insert(path.to_owned(), BTreeSet::from([kind]));
                    }
                }
            }
        }
    }
    Ok(kinds)
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Boolean(_) => "boolean",
        Value::Integer(_) | Value::Float(_) => "number",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
        _ => "string",
    }
}
