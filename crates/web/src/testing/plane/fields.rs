//! Records are held by columns, which fields keep whatever they are called.

use std::collections::BTreeMap;

use model::answers::{SeenField, SeenType};
use model::names::FieldPath;
use model::pools::Pool;
use model::records::Record;
use model::value::Value;

/// A record with other names for its fields, without those that get none.
pub(super) fn renamed(record: &Record, name: impl Fn(&FieldPath) -> Option<FieldPath>) -> Record {
    let fields = record.fields();
    let named = fields.filter_map(|(path, value)| Some((name(path)?, value.clone())));
    let mut named: Vec<_> = named.collect();
    named.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
    Record::restore(named).expect("names differ")
}

/// A record, which is held by columns, as the pool calls its fields.
pub(super) fn called(pool: &Pool, record: &Record) -> Record {
    renamed(record, |column| pool.draft.schema.path_of_column(column))
}

/// The undeclared fields of these records.
pub(super) fn undeclared(pool: &Pool, records: &[Record]) -> Vec<SeenField> {
    let mut seen = BTreeMap::<FieldPath, Vec<&'static str>>::new();
    for (path, value) in records.iter().flat_map(Record::fields) {
        let kind = match value {
            Value::Boolean(_) => "boolean",
            Value::Integer(_) | Value::Float(_) => "number",
            Value::Array(_) => "array",
            Value::Object(_) => "object",
            _ => "string",
        };
        if !path.is_system() && pool.draft.schema.field(path.as_str()).is_none() {
            let kinds = seen.entry(path.clone()).or_default();
            if !kinds.contains(&kind) {
                kinds.push(kind);
            }
        }
    }
    let seen = seen.into_iter().map(|(path, kinds)| SeenField {
        path,
        seen: SeenType::Mixed(kinds),
        required: false,
    });
    seen.collect()
}
