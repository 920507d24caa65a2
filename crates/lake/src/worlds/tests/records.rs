//! Random records on the way that all records come: through the check of a
//! permit, stamped and given their system fields.

use std::collections::BTreeSet;

use model::names::{FieldPath, ID};
use model::permit::{Ingest, On, Permit};
use model::pools::SchemaMode;
use model::random::SeededRandom;
use model::records::Record;
use model::time::Timestamp;
use model::value::{Object, Value};

use super::dice::Dice;
use super::project::{NAMES, Project, noon};
use super::values;

/// A stored record, and the token that its texts hold and nothing else does.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) record: Record,
    pub(crate) token: String,
}

/// How many records a case holds, and how often each is repeated.
fn size(dice: &mut Dice, quick: bool) -> (usize, usize) {
    match dice.below(100) {
        0 if !quick => (40, dice.between(105, 125)),
        1..=4 if !quick => (dice.between(100, 300), 1),
        5..=14 => (dice.below(3), 1),
        _ => (dice.between(3, 40), 1),
    }
}

fn note(dice: &mut Dice, token: &str) -> String {
    match dice.below(400) {
        0 => format!("{token}{}", "x".repeat(1_000_000)),
        1..=120 => values_text(dice),
        121..=200 => format!("{token} 42"),
        _ => token.to_owned(),
    }
}

fn values_text(dice: &mut Dice) -> String {
    (*dice.pick(&["a", "b", "acme", ""])).to_owned()
}

/// Puts a value at a dotted path, nested or as a dotted name.
fn put(object: Object, name: &str, value: Value, nested: bool) -> Object {
    match name.split_once('.') {
        Some((first, rest)) if nested => {
            let inner = object
                .get(first)
                .and_then(Value::as_object)
                .cloned()
                .unwrap_or_default();
            object.with(first, put(inner, rest, value, nested))
        }
        _ => object.with(name, value),
    }
}

fn sent(dice: &mut Dice, project: &Project, token: &str) -> Value {
    let schema = project.schema();
    let nested = dice.percent(50);
    let mut object = Object::new();
    for name in NAMES {
        let path = FieldPath::parse(name).unwrap();
        let Some(column) = schema.column(&path) else {
            continue;
        };
        match dice.below(20) {
            0..=2 => continue,
            3 => object = put(object, name, Value::Null, nested),
            _ if name == "note" => {
                object = put(object, name, note(dice, token).into(), nested);
            }
            _ => object = put(object, name, values::value(dice, column), nested),
        }
    }
    if schema.mode() == SchemaMode::Open && dice.percent(15) {
        let value = vec![
            Value::from(token),
            values::value(dice, model::fields::ColumnType::Undeclared),
        ];
        let name = if dice.percent(50) {
            format!("new.{token}")
        } else {
            "newcomer".to_owned()
        };
        object = put(object, &name, value.into(), false);
    }
    if dice.percent(2) {
        // Of the wrong type for every declared field but a few.
        object = object.with("t0", vec![Value::from("wrong"), Value::Null]);
    }
    object.into()
}

/// The keys that write: one as the records say, one that stamps its customer.
fn writers(dice: &mut Dice, project: &Project) -> Vec<Permit<Ingest>> {
    let plain = Object::new()
        .with("on", "pool:pool")
        .with("actions", vec!["ingest"]);
    let path = FieldPath::parse("customer.id").unwrap();
    let mut all = vec![plain.clone()];
    if let Some(column) = project.schema().column(&path) {
        let value = values::literal(dice, column);
        let injections = Object::new().with("customer.id", value);
        all.push(plain.with("injections", injections));
    }
    let permits = all.into_iter().filter_map(|grant| {
        let access = project.access(&vec![Value::from(grant)].into()).ok()?;
        access.permit::<Ingest>(On::Pool(Some(&project.pool))).ok()
    });
    permits.collect()
}

/// What tells a record from all others.
pub(crate) fn id_of(record: &Record) -> Vec<u8> {
    model::canonical::to_bytes(record.get(ID).unwrap())
}

/// The ids of the records that a later one replaces: one that is the same in
/// all unique fields of the pool.
pub(crate) fn replaced(project: &Project, rows: &[Row]) -> BTreeSet<Vec<u8>> {
    let unique = &project.pool.draft.unique;
    let mut replaced = BTreeSet::new();
    if unique.is_empty() {
        return replaced;
    }
    let mut later = BTreeSet::new();
    for row in rows.iter().rev() {
        let values = unique.iter().map(|path| row.record.get(path.as_str()));
        let values = values.map(|value| model::canonical::to_bytes(value.unwrap()));
        if !later.insert(values.collect::<Vec<_>>()) {
            replaced.insert(id_of(&row.record));
        }
    }
    replaced
}

/// Random records of the project's pool, in the order in which they arrive.
pub(crate) fn random(dice: &mut Dice, project: &Project, quick: bool) -> Vec<Row> {
    let (count, repeats) = size(dice, quick);
    let source = SeededRandom::new(dice.next());
    let writers = writers(dice, project);
    let mut rows = Vec::new();
    for _ in 0..count {
        let token = dice.token();
        let value = sent(dice, project, &token);
        let step = dice.below(1 << 36) as i64;
        let at = Timestamp::from_microsecond(noon().as_microsecond() - step).unwrap();
        let writer = dice.pick(&writers);
        let copies = (0..repeats).map(|_| Ok(value.clone()));
        let admitted = writer.admit(copies, None, at, &source);
        let records = admitted.into_records().into_iter();
        rows.extend(records.map(|record| Row {
            record,
            token: token.clone(),
        }));
    }
    rows
}
