//! The fields of a pool as a key sees them: what it declares, and of the
//! undeclared ones those that visible rows hold.

use std::collections::{BTreeMap, BTreeSet};

use arrow_array::Array;
use arrow_array::cast::AsArray;
use arrow_select::filter::filter;
use model::answers::{SeenField, SeenType};
use model::fields::ColumnType;
use model::filters::Predicate;
use model::names::FieldPath;
use model::permit::ConstrainedSchema;
use model::pools::SchemaMode;
use model::value::Value;

use crate::buffer::leaf_columns;
use crate::columns::rest_fields;
use crate::error::Result;
use crate::plan::constraint_predicate;
use crate::predicate::admitted;
use crate::reading::{Hints, Reading};
use crate::run::Asker;
use crate::snapshot::Snapshot;

/// The visible fields: the declared ones in declared order, then the others
/// by path. Hidden rows and hidden fields leave no trace.
pub(crate) fn seen_fields(
    asked: &ConstrainedSchema,
    snapshot: &Snapshot,
    asker: &Asker,
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
        let undeclared = undeclared(asked, snapshot, asker)?.into_iter();
        let named = undeclared.filter_map(|(column, kinds)| {
            let path = schema.undeclared_path(&column)?;
            (!path.is_system()).then_some((path, kinds))
        });
        for (path, kinds) in named.collect::<BTreeMap<_, _>>() {
            if asked.fields().shows(&path) {
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

fn undeclared(asked: &ConstrainedSchema, snapshot: &Snapshot, asker: &Asker) -> Result<Kinds> {
    let schema = &asked.pool().draft.schema;
    let (predicate, _) = constraint_predicate(asked.rows(), schema);
    let mut kinds = Kinds::new();
    visible_rest(snapshot, &predicate, asker, |rest| {
        for cell in rest.as_binary::<i32>().iter().flatten() {
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
    })?;
    Ok(kinds)
}

/// Shows the rest cells of the rows that the predicate admits. This is a
/// barrier of its own: nothing else of the snapshot leaves.
fn visible_rest(
    snapshot: &Snapshot,
    predicate: &Predicate,
    asker: &Asker,
    mut show: impl FnMut(&dyn Array),
) -> Result<()> {
    let mut columns = vec![(FieldPath::rest(), ColumnType::Undeclared)];
    columns.extend(leaf_columns(predicate));
    let hints = Hints {
        customers: snapshot.customers(predicate, None),
        time: None,
    };
    let reading = Reading::new(snapshot.clone(), columns.into(), hints);
    while let Some(batch) = reading.step() {
        asker.waits()?;
        if let Some(batch) = batch? {
            let admitted = admitted(predicate, &batch)?;
            show(filter(batch.column(0).as_ref(), &admitted)?.as_ref());
        }
    }
    Ok(())
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
