//! Random pools and views, and the keys that read them.

use std::cell::Cell;
use std::sync::Arc;

use model::fault::Fault;
use model::fields::{ColumnType, FieldType, ScalarType};
use model::grants::{Grant, GrantLookup, parse_grants};
use model::ids::{DatasetId, GrantId, KeyId, PoolId, ProjectId, SavedQueryId, ViewId};
use model::keys::{
    Circumstances, KeyDraft, KeyKind, KeyLimits, KeyParts, KeyRecord, Restrictions, SecretRecord,
};
use model::names::{FieldPath, Name};
use model::permit::Access;
use model::pools::{Pool, PoolDraft, Schema};
use model::random::SeededRandom;
use model::secrets::{Pepper, Secret};
use model::time::Timestamp;
use model::value::{Object, Value};
use model::views::{View, ViewDraft};

use super::dice::Dice;
use super::filters::{self, Known};

/// The instant at which everything is asked.
pub(crate) fn noon() -> Timestamp {
    Timestamp::parse("2026-03-29T12:00:00Z").unwrap()
}

/// The names of fields that records may hold; the first tells customers apart.
pub(crate) const NAMES: [&str; 11] = [
    "customer.id",
    "note",
    "at",
    "n",
    "x",
    "a.b",
    "a.c.d",
    "tags",
    "t0",
    "t1",
    "t2",
];

/// A pool with a view on it.
#[derive(Debug)]
pub(crate) struct Project {
    pub(crate) pool: Arc<Pool>,
    pub(crate) view: Arc<View>,
    fresh: Cell<u8>,
}

fn id(kind: u8, number: u64) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[0] = kind;
    bytes[8..].copy_from_slice(&number.to_be_bytes());
    bytes
}

fn any_type(dice: &mut Dice) -> FieldType {
    let scalar = *dice.pick(&ScalarType::ALL);
    if dice.percent(20) {
        FieldType::Array(scalar)
    } else {
        FieldType::Scalar(scalar)
    }
}

/// The type that a field is declared with, when it is declared.
fn declared_type(dice: &mut Dice, name: &str) -> FieldType {
    use ScalarType as S;
    FieldType::Scalar(match name {
        "customer.id" => *dice.pick(&[
            S::String,
            S::String,
            S::String,
            S::Int64,
            S::Uuid,
            S::Int8,
            S::Float64,
            S::Boolean,
        ]),
        "note" => S::String,
        "at" => S::DateTime,
        "n" => *dice.pick(&[S::Int64, S::Int64, S::UInt64, S::Int32, S::UInt8]),
        "x" => *dice.pick(&[S::Float64, S::Float64, S::Float32]),
        "tags" => return FieldType::Array(*dice.pick(&ScalarType::ALL)),
        _ => return any_type(dice),
    })
}

fn pool(dice: &mut Dice, number: u64) -> Arc<Pool> {
    let open = dice.percent(60);
    let (mut fields, mut declared) = (Vec::new(), Vec::new());
    for name in NAMES {
        if dice.percent(if open { 60 } else { 85 }) || (!open && name == "note") {
            let field_type = declared_type(dice, name);
            declared.push((name, field_type));
            fields.push(
                Object::new()
                    .with("name", name)
                    .with("type", field_type.to_string()),
            );
        }
    }
    let mut object = Object::new()
        .with("name", "pool")
        .with("schema", if open { "open" } else { "strict" })
        .with("fields", fields);
    let isolates = declared.iter().any(|(name, _)| *name == "customer.id");
    if (isolates || open) && dice.percent(75) {
        object = object.with("isolation_field", "customer.id");
        // By the number, so that what else is drawn stays what it was.
        if isolates && number % 4 == 3 {
            object = object.with("layout", "file_per_customer");
        }
    }
    if declared.iter().any(|(name, _)| *name == "at") && dice.percent(70) {
        object = object.with("time_field", "at");
    }
    Arc::new(Pool {
        id: PoolId::from_bytes(id(1, number)),
        draft: PoolDraft::parse(&object.into()).unwrap(),
        created_at: noon(),
        revision: 1,
    })
}

/// The fields of a pool that questions may name.
pub(crate) fn known(schema: &Schema) -> Vec<Known> {
    let system = ["_id", "_ingested_at", "_key"];
    let named = NAMES.iter().chain(&system).filter_map(|name| {
        let path = FieldPath::parse_readable(name).unwrap();
        schema
            .column(&path)
            .map(|column| ((*name).to_owned(), column))
    });
    named.collect()
}

fn records_field(dice: &mut Dice, known: &[Known], at: usize) -> Object {
    let (field, _) = dice.pick(known).clone();
    let alias = if dice.percent(40) {
        format!("f{at}")
    } else {
        field.clone()
    };
    Object::new().with("field", field).with("as", alias)
}

fn measure(dice: &mut Dice, known: &[Known], at: usize) -> Object {
    let name = format!("m{at}");
    if dice.percent(15) {
        return Object::new().with("as", name).with("aggregate", "count");
    }
    let functions = [
        "count",
        "count_unique",
        "sum",
        "average",
        "minimum",
        "maximum",
        "median",
        "percentile",
        "first",
        "last",
        "standard_deviation",
    ];
    let function = *dice.pick(&functions);
    let needs_numbers = [
        "sum",
        "average",
        "median",
        "percentile",
        "standard_deviation",
    ];
    let fitting: Vec<&Known> = known
        .iter()
        .filter(|(_, column)| match column {
            ColumnType::Undeclared => true,
            ColumnType::Declared(field) if needs_numbers.contains(&function) => field.is_numeric(),
            ColumnType::Declared(FieldType::Array(_)) => !function.ends_with("imum"),
            ColumnType::Declared(_) => true,
        })
        .collect();
    let Some((field, _)) = (!fitting.is_empty()).then(|| *dice.pick(&fitting)) else {
        return Object::new().with("as", name).with("aggregate", "count");
    };
    let object = Object::new()
        .with("field", field.as_str())
        .with("as", name)
        .with("aggregate", function);
    if function == "percentile" {
        object.with("percentile", *dice.pick(&[1, 25, 90, 95, 100]))
    } else {
        object
    }
}

fn view_object(dice: &mut Dice, schema: &Schema) -> Object {
    let known = known(schema);
    let shape = *dice.pick(&[
        "records",
        "records",
        "aggregated",
        "aggregated",
        "time_series",
    ]);
    let count = dice.between(1, 5);
    let mut fields = Vec::new();
    for at in 0..count {
        fields.push(match shape {
            "records" => records_field(dice, &known, at),
            _ if at == 0 || dice.percent(50) => measure(dice, &known, at),
            _ => records_field(dice, &known, at).with("group", true),
        });
    }
    let mut object = Object::new()
        .with("name", "view")
        .with("pool", "pool")
        .with("shape", shape);
    if shape == "time_series" {
        let at = FieldPath::parse("at").unwrap();
        let declared = matches!(schema.column(&at), Some(ColumnType::Declared(_)));
        object = object.with(
            "interval_field",
            if declared { "at" } else { "_ingested_at" },
        );
    }
    let names: Vec<Value> = fields
        .iter()
        .map(|f| f.get("as").unwrap().clone())
        .collect();
    object = object.with("fields", fields);
    if dice.percent(40) {
        object = object.with("filters", filters::list(dice, &known, false));
    }
    if dice.percent(30) {
        let direction = *dice.pick(&["asc", "desc"]);
        let by = Object::new()
            .with("field", dice.pick(&names).clone())
            .with("direction", direction);
        object = object.with("order_by", vec![by]);
    }
    object
}

impl Project {
    pub(crate) fn random(dice: &mut Dice, number: u64) -> Self {
        let pool = pool(dice, number);
        let draft = loop {
            let definition = view_object(dice, &pool.draft.schema).into();
            if let Ok(draft) = ViewDraft::parse(&definition, &pool.draft.schema) {
                break draft;
            }
        };
        let view = Arc::new(View {
            id: ViewId::from_bytes(id(2, number)),
            pool: pool.id,
            draft,
            created_at: noon(),
            revision: 1,
        });
        Self {
            pool,
            view,
            fresh: Cell::new(0),
        }
    }

    /// The same pool under another view of the same name.
    pub(crate) fn with_view(&self, view: View) -> Self {
        Self {
            pool: self.pool.clone(),
            view: Arc::new(view),
            fresh: Cell::new(0),
        }
    }

    /// The same, but that records of its pool replace others of their customer,
    /// where it says who the customers are; else as it is.
    pub(crate) fn replacing(self) -> Self {
        let draft = self.pool.draft.to_value();
        let draft = draft.as_object().unwrap();
        // Of few values, most of them, so that records meet.
        let drafts = ["n", "t0", "t1", "t2", "note"].map(|name| {
            let unique = vec![Value::from(name)];
            PoolDraft::parse(&draft.clone().with("unique", unique).into())
        });
        let pool = drafts.into_iter().find_map(Result::ok).map(|draft| {
            Arc::new(Pool {
                draft,
                ..Pool::clone(&self.pool)
            })
        });
        Self {
            pool: pool.unwrap_or(self.pool),
            ..self
        }
    }

    /// The pool, of which no record replaces another.
    pub(crate) fn without_unique(&self) -> Arc<Pool> {
        let mut pool = Pool::clone(&self.pool);
        pool.draft.unique.clear();
        Arc::new(pool)
    }

    pub(crate) fn schema(&self) -> &Schema {
        &self.pool.draft.schema
    }

    /// The holder of a key with these grants. The same grants get the same ids.
    pub(crate) fn access(&self, grants: &Value) -> Result<Access, Fault> {
        self.fresh.set(0);
        Ok(access(parse_grants(grants, self)?))
    }
}

impl GrantLookup for Project {
    fn pool(&self, _: &Name) -> Option<(PoolId, Schema)> {
        Some((self.pool.id, self.schema().clone()))
    }

    fn view(&self, _: &Name) -> Option<(ViewId, Schema)> {
        Some((self.view.id, self.schema().clone()))
    }

    fn saved_query(&self, _: &Name) -> Option<(SavedQueryId, Option<Schema>)> {
        None
    }

    fn dataset(&self, _: &Name) -> Option<(DatasetId, Option<Schema>)> {
        None
    }

    fn existing(&self, _: GrantId) -> Option<Grant> {
        None
    }

    fn fresh_id(&self) -> GrantId {
        self.fresh.set(self.fresh.get() + 1);
        GrantId::from_bytes(id(3, self.fresh.get().into()))
    }
}

/// The holder of a key with these grants.
pub(crate) fn access(grants: Vec<Grant>) -> Access {
    let secret = Secret::generate(KeyKind::Secret, &SeededRandom::new(1));
    let pepper = Pepper::from_bytes([7; 32]);
    let parts = KeyParts {
        id: KeyId::from_bytes(id(4, 1)),
        project: ProjectId::from_bytes(id(5, 1)),
        draft: KeyDraft {
            name: "a key".to_owned(),
            description: String::new(),
            kind: KeyKind::Secret,
            grants,
            expires_at: None,
            restrictions: Restrictions::NONE,
            limits: KeyLimits::NONE,
            rotate_after: None,
            derived_tokens: false,
            issued_by: None,
            dialect: None,
        },
        disabled: false,
        secrets: vec![SecretRecord::fresh(&secret, &pepper, noon())],
        within: None,
        created_by: "server".to_owned(),
        created_at: noon(),
        revision: 1,
    };
    KeyRecord::restore(parts)
        .verify(&secret, &pepper, &Circumstances::unknown(), noon())
        .unwrap()
}
