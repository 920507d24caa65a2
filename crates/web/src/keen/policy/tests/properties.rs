//! Random keys, against the contract's words on what a key may do: written
//! apart, over plain JSON, with no grant in them.

use std::collections::BTreeMap;

use model::fields::ColumnType;
use model::filters::{Predicate, RowView};
use model::grants::{Action, Grant, GrantLookup, Target, parse_grants};
use model::ids::{DatasetId, GrantId, PoolId, SavedQueryId, ViewId};
use model::names::{FieldPath, Name};
use model::pools::Schema;
use model::random::{RandomSource, SeededRandom};
use model::time::Timestamp;

use super::*;
use crate::testing::NOW;

/// What somebody does, and on what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Does {
    Write,
    Ask,
    Extract,
    SeeSchema,
    RunSaved(&'static str),
    ReadCached(&'static str),
    SeeDataset(&'static str),
    ListDataset(&'static str),
    ReadDataset(&'static str),
    DeleteEvents,
    Administer,
}

const NAMES: [&str; 3] = ["q1", "q2", "q3"];

/// Everything that the contract's table of permissions has a line for.
fn all() -> Vec<Does> {
    let mut all = vec![
        Does::Write,
        Does::Ask,
        Does::Extract,
        Does::SeeSchema,
        Does::DeleteEvents,
        Does::Administer,
    ];
    for name in NAMES {
        all.extend([
            Does::RunSaved(name),
            Does::ReadCached(name),
            Does::SeeDataset(name),
            Does::ListDataset(name),
            Does::ReadDataset(name),
        ]);
    }
    all
}

/// The contract's filters, by their own words: nothing else than true admits.
fn admits(filters: &Json, row: &Json) -> bool {
    let mut filters = filters.as_array().expect("a list").iter();
    filters.all(|filter| passes(filter, row))
}

fn passes(filter: &Json, row: &Json) -> bool {
    let operator = filter["operator"].as_str().expect("an operator");
    if operator == "or" {
        let operands = filter["operands"].as_array().expect("a list");
        return operands.iter().any(|operand| passes(operand, row));
    }
    let name = filter["property_name"].as_str().expect("a name");
    let (value, held) = (&filter["property_value"], &row[name]);
    match operator {
        "eq" => held == value,
        "ne" => held != value,
        "exists" => held.is_null() != value.as_bool().expect("a truth"),
        "in" => value.as_array().expect("a list").contains(held),
        "gt" => held
            .as_i64()
            .zip(value.as_i64())
            .is_some_and(|(a, b)| a > b),
        other => panic!("{other} is not drawn"),
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct KeptBack;

/// What the contract lets the holder of the key do and see: sections 10.3 and
/// 10.4, and of 10.6 that what is shared is for keys with filters by name alone.
/// An `Err` is what the contract leaves open and the house does not: what no
/// filter is said for is held to the key's other filters.
fn contract(key: &Json, does: Does, row: &Json) -> Result<bool, KeptBack> {
    let class = match does {
        Does::Write => "writes",
        Does::Ask | Does::Extract => "queries",
        Does::SeeSchema => "schema",
        Does::RunSaved(_) => "saved_queries",
        Does::ReadCached(_) => "cached_queries",
        Does::SeeDataset(_) | Does::ListDataset(_) | Does::ReadDataset(_) => "datasets",
        Does::DeleteEvents | Does::Administer => return Ok(false),
    };
    let permitted = key["permitted"].as_array().expect("a list");
    if !permitted.contains(&json!(class)) {
        return Ok(false);
    }
    let options = &key["options"];
    let of = |group: &str| match &options[group]["filters"] {
        Json::Null => None,
        filters => Some(admits(filters, row)),
    };
    let has = |member: &Json, name: &str| match member {
        Json::Array(names) => names.contains(&json!(name)),
        Json::Object(names) => names.contains_key(name),
        _ => false,
    };
    // Whether the name is open, and said in so many words.
    let named = |name: &str| {
        let group = &options[class];
        let said = has(&group["allowed"], name);
        let open = (group["allowed"].is_null() || said) && !has(&group["blocked"], name);
        (open, said)
    };
    let filtered = of("queries").unwrap_or(true) && of("saved_queries").unwrap_or(true);
    Ok(match does {
        Does::Write => true,
        Does::Ask | Does::Extract => of("queries").unwrap_or(true),
        Does::SeeSchema if filtered => true,
        // Deliberately granted schemas show what all customers have.
        Does::SeeSchema => return Err(KeptBack),
        Does::RunSaved(name) => match (named(name), of("saved_queries")) {
            ((false, _), _) | (_, Some(false)) => false,
            ((true, false), None) if of("queries") == Some(false) => return Err(KeptBack),
            _ => true,
        },
        Does::ReadCached(name) => match named(name) {
            (open, true) => open,
            (open, false) => open && filtered,
        },
        Does::SeeDataset(name) | Does::ListDataset(name) | Does::ReadDataset(name) => {
            let operation = match does {
                Does::SeeDataset(_) => "read",
                Does::ListDataset(_) => "list",
                _ => "retrieve",
            };
            let operations = &options["datasets"]["operations"];
            let may = operations.is_null() || has(operations, operation);
            let limits = &options["datasets"]["allowed"][name]["index_by"];
            let within = limits.as_object().is_none_or(|limits| {
                limits.iter().all(|(field, values)| match values {
                    Json::Array(values) => values.contains(&row[field]),
                    value => *value == row[field],
                })
            });
            let (open, said) = named(name);
            let sees = matches!(does, Does::ReadDataset(_));
            may && open && (!sees || (within && (said || filtered)))
        }
        Does::DeleteEvents | Does::Administer => false,
    })
}

/// A row of JSON as the house reads rows.
struct Row(BTreeMap<FieldPath, Value>);

impl RowView for Row {
    fn field(&self, path: &FieldPath) -> Option<&Value> {
        self.0.get(path)
    }
}

impl Row {
    fn of(row: &Json) -> Self {
        let members = object(row).into_members().into_iter();
        let members = members.filter(|(_, value)| !value.is_null());
        Self(
            members
                .map(|(name, value)| (FieldPath::parse(&name).expect("a path"), value))
                .collect(),
        )
    }
}

/// Whether the grants do.
fn granted(grants: &[Grant], does: Does, row: &Json) -> bool {
    let random = SeededRandom::new(1);
    let now = Timestamp::parse(NOW).expect("a time");
    let pool = Name::parse("orders").expect("a name");
    let on = |grant: &Grant| match (does, &grant.on) {
        (
            Does::Write | Does::Ask | Does::Extract | Does::SeeSchema | Does::DeleteEvents,
            Target::Pool(pools),
        ) => pools.covers(PoolId::generate(now, &random), &pool),
        (Does::RunSaved(name), Target::Saved(queries))
        | (Does::ReadCached(name), Target::Cached(queries)) => {
            let name = Name::parse(name).expect("a name");
            queries.covers(SavedQueryId::generate(now, &random), &name)
        }
        (
            Does::SeeDataset(name) | Does::ListDataset(name) | Does::ReadDataset(name),
            Target::Dataset(datasets),
        ) => {
            let name = Name::parse(name).expect("a name");
            datasets.covers(DatasetId::generate(now, &random), &name)
        }
        (Does::Administer, Target::Project) => true,
        _ => false,
    };
    let action = match does {
        Does::Write => Action::Ingest,
        Does::Ask => Action::Query,
        Does::Extract => Action::Extract,
        Does::SeeSchema => Action::Schema,
        Does::RunSaved(_) => Action::Run,
        Does::ReadCached(_) | Does::SeeDataset(_) => Action::Read,
        Does::ListDataset(_) => Action::List,
        Does::ReadDataset(_) => Action::Retrieve,
        Does::DeleteEvents => Action::Delete,
        Does::Administer => Action::Admin,
    };
    let touches_rows = action.touches_rows() && !matches!(does, Does::SeeDataset(_));
    let row = Row::of(row);
    let sees = |grant: &Grant| match &grant.rows {
        _ if !touches_rows => true,
        None => false,
        Some(Constraint::AllRows) => true,
        Some(Constraint::Rows(filter)) => {
            let predicate = Predicate::resolve(filter, &|_| Some(ColumnType::Undeclared));
            predicate.is_ok_and(|predicate| predicate.admits(&row))
        }
    };
    grants
        .iter()
        .any(|grant| grant.allows(action) && on(grant) && sees(grant))
}

/// A project that has nothing yet.
struct Nothing(SeededRandom);

impl GrantLookup for Nothing {
    fn pool(&self, _: &Name) -> Option<(PoolId, Schema)> {
        None
    }

    fn view(&self, _: &Name) -> Option<(ViewId, Schema)> {
        None
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
        GrantId::generate(Timestamp::parse(NOW).expect("a time"), &self.0)
    }
}

struct Draw<'a>(&'a SeededRandom);

impl Draw<'_> {
    fn below(&self, bound: usize) -> usize {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        usize::try_from(u64::from_be_bytes(bytes) % bound as u64).expect("small")
    }

    fn one_in(&self, many: usize) -> bool {
        self.below(many) == 0
    }

    fn customer(&self) -> Json {
        json!(["c1", "c2", "c3"][self.below(3)])
    }

    fn filter(&self, depth: usize) -> Json {
        let of = |name: &str, operator: &str, value: Json| json!({ "property_name": name, "operator": operator, "property_value": value });
        match self.below(if depth == 0 { 6 } else { 7 }) {
            0 => of("customer", "eq", self.customer()),
            1 => of("customer", "in", json!([self.customer(), self.customer()])),
            2 => of("customer", "ne", self.customer()),
            3 => of("n", "gt", json!(self.below(5))),
            4 => of("shop", "exists", json!(self.one_in(2))),
            5 => of("shop", "eq", Json::Null),
            _ => {
                json!({ "operator": "or", "operands": [self.filter(depth - 1), self.filter(depth - 1)] })
            }
        }
    }

    fn filters(&self) -> Json {
        (0..1 + self.below(2)).map(|_| self.filter(2)).collect()
    }

    fn names(&self) -> Json {
        let names = NAMES.iter().filter(|_| self.one_in(2));
        let names: Vec<&str> = names.copied().collect();
        match self.one_in(4) {
            true => names
                .iter()
                .map(|name| ((*name).to_owned(), json!({})))
                .collect(),
            false => json!(names),
        }
    }

    fn maybe(&self, group: &mut Json, member: &str, value: Json) {
        match self.below(4) {
            0 | 1 => {}
            2 if self.one_in(2) => group[member] = Json::Null,
            _ => group[member] = value,
        }
    }

    fn key(&self) -> Json {
        let permitted = CLASSES.iter().filter(|_| !self.one_in(3));
        let permitted: Vec<&str> = permitted.copied().collect();
        let mut options = json!({});
        for name in GROUPS {
            let mut group = json!({});
            match name {
                "writes" => self.maybe(&mut group, "autofill", json!({ "customer": "c1" })),
                "queries" => self.maybe(&mut group, "filters", self.filters()),
                "saved_queries" => {
                    self.maybe(&mut group, "filters", self.filters());
                    self.maybe(&mut group, "allowed", self.names());
                    self.maybe(&mut group, "blocked", self.names());
                }
                "cached_queries" => {
                    self.maybe(&mut group, "allowed", self.names());
                    self.maybe(&mut group, "blocked", self.names());
                }
                _ => {
                    let operations = OPERATIONS.iter().filter(|_| !self.one_in(3));
                    let operations: Vec<&str> = operations.copied().collect();
                    self.maybe(&mut group, "operations", json!(operations));
                    self.maybe(&mut group, "blocked", self.names());
                    let allowed: Json = NAMES
                        .iter()
                        .filter(|_| self.one_in(2))
                        .map(|name| ((*name).to_owned(), self.limits()))
                        .collect::<serde_json::Map<_, _>>()
                        .into();
                    self.maybe(&mut group, "allowed", allowed);
                }
            }
            match self.below(6) {
                0 => {}
                1 => options[name] = Json::Null,
                _ => options[name] = group,
            }
        }
        json!({ "permitted": permitted, "options": options })
    }

    fn limits(&self) -> Json {
        match self.below(4) {
            0 => json!({}),
            1 => json!({ "index_by": { "customer": self.customer() } }),
            2 => json!({ "index_by": { "customer": [self.customer(), self.customer()] } }),
            _ => json!({ "index_by": { "customer": [self.customer()], "shop": ["s"] } }),
        }
    }

    fn row(&self) -> Json {
        let shop = [Json::Null, json!("s"), json!("t")];
        let customer = match self.one_in(8) {
            true => Json::Null,
            false => self.customer(),
        };
        json!({ "customer": customer, "n": self.below(6), "shop": shop[self.below(3)] })
    }
}

/// What came of random keys.
#[derive(Debug, Default)]
struct Compared {
    /// How many answers there were.
    asked: usize,
    /// The first that reaches further than the contract says.
    further: Option<String>,
    /// The first that does not reach as far.
    less: Option<String>,
}

fn compared(keys: usize, grants_of: impl Fn(&Json) -> Vec<Grant>) -> Compared {
    let random = SeededRandom::new(5);
    let draw = Draw(&random);
    let mut compared = Compared::default();
    for _ in 0..keys {
        let key = draw.key();
        let grants = grants_of(&key);
        for _ in 0..8 {
            let row = draw.row();
            for does in all() {
                let may = contract(&key, does, &row) == Ok(true);
                let is_granted = granted(&grants, does, &row);
                compared.asked += 1;
                let told = || format!("{does:?} of {row} by {key}");
                if is_granted && !may {
                    compared.further.get_or_insert_with(told);
                }
                if may && !is_granted {
                    compared.less.get_or_insert_with(told);
                }
            }
        }
    }
    compared
}

fn grants_of(key: &Json) -> Vec<Grant> {
    let policy = Policy::read(&object(key)).expect("legal");
    let grants = Value::Array(policy.grants().expect("legal"));
    parse_grants(&grants, &Nothing(SeededRandom::new(2))).expect("legal grants")
}

#[test]
fn no_key_reaches_further_than_the_contract_says_and_none_less_far() {
    let long = std::env::var("TIDEGATE_PROOF").is_ok_and(|text| text == "long");
    let keys = if long { 20_000 } else { 1_000 };
    let compared = compared(keys, grants_of);
    assert_eq!((compared.further, compared.less), (None, None));
    assert_eq!(compared.asked, keys * 8 * all().len());
}

/// What is wrong, and how a policy comes to be so.
type Damage = (&'static str, fn(&mut Json));

/// Keys whose options lack something, as if it were not looked at.
#[test]
fn keys_that_reach_further_are_found_out() {
    let damages: [Damage; 6] = [
        ("blocked names", |key| {
            for group in ["saved_queries", "cached_queries", "datasets"] {
                key["options"][group]["blocked"] = Json::Null;
            }
        }),
        ("allowed names", |key| {
            key["options"]["saved_queries"]["allowed"] = Json::Null
        }),
        ("filters of questions", |key| {
            key["options"]["queries"]["filters"] = Json::Null
        }),
        ("filters of saved queries", |key| {
            key["options"]["saved_queries"]["filters"] = Json::Null
        }),
        ("limits of datasets", |key| {
            key["options"]["datasets"]["allowed"] = Json::Null
        }),
        ("operations", |key| {
            key["options"]["datasets"]["operations"] = Json::Null
        }),
    ];
    for (what, damage) in damages {
        let damaged = |key: &Json| {
            let mut key = key.clone();
            damage(&mut key);
            grants_of(&key)
        };
        let found = compared(300, damaged).further;
        assert!(found.is_some(), "keys without {what} live");
    }
}
