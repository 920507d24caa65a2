//! One case: a project, its records, a key, and one thing that the key asks.

use std::collections::BTreeSet;

use model::answers::Columnar;
use model::filters::{Constraint, parse_list};
use model::grants::{Grant, VisibleFields};
use model::ids::GrantId;
use model::permit::{Access, On, Permit, Read, Right};
use model::records::Record;
use model::value::{Object, Value};
use model::views::{Shape, ViewRequest};

use super::dice::Dice;
use super::filters::{self, Known};
use super::project::{Project, known};
use super::records::{self, Row};

/// What is asked.
#[derive(Clone, Debug)]
pub(crate) enum Question {
    /// Page after page, forwards to the end and back to the start.
    Pages(ViewRequest),
    /// Everything at once.
    Stream(ViewRequest),
    /// Everything as a file.
    Export(ViewRequest, Columnar),
    /// How many rows of the view there are for the key.
    CountView,
    /// How many rows of the pool there are for the key.
    CountPool,
    /// The fields.
    Fields,
    /// Deleting what matches.
    Delete(Option<model::filters::Filter>),
}

/// A case, repeatable from its seed.
#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) seed: u64,
    pub(crate) project: Project,
    /// The records in the order of their arrival.
    pub(crate) rows: Vec<Row>,
    /// The ids of those that a later one replaced.
    pub(crate) replaced: BTreeSet<Vec<u8>>,
    /// What was deleted before anything is asked.
    pub(crate) deleted: Option<model::filters::Filter>,
    pub(crate) grants: Value,
    pub(crate) key: Access,
    /// The same key without a constraint.
    pub(crate) twin: Access,
    pub(crate) question: Question,
}

fn constraint(dice: &mut Dice, known: &[Known]) -> Value {
    match dice.below(20) {
        0 => Value::from("all_rows"),
        1..=3 => filters::list(dice, known, true),
        4..=9 => filters::narrow(dice, known),
        10..=14 if known[0].0 == "customer.id" => filters::narrow(dice, &known[..1]),
        _ => filters::list(dice, known, false),
    }
}

/// Which fields grants may show or hide.
fn visible_fields(dice: &mut Dice, known: &[Known]) -> Object {
    let paths = |dice: &mut Dice, count: usize| -> Vec<Value> {
        (0..count)
            .map(|_| Value::from(dice.pick(known).0.as_str()))
            .collect()
    };
    if dice.percent(50) {
        Object::new().with("allow", paths(dice, 6))
    } else {
        Object::new().with("deny", paths(dice, 2))
    }
}

fn grants(dice: &mut Dice, project: &Project) -> Vec<Object> {
    let known = known(project.schema());
    let shared = dice.percent(25).then(|| visible_fields(dice, &known));
    let mut grants = Vec::new();
    let count = *dice.pick(&[1, 1, 1, 2, 2, 3]);
    for (kind, actions) in [
        ("view", vec!["read"]),
        ("pool", vec!["query", "schema", "delete"]),
    ] {
        for _ in 0..count {
            let on = format!("{kind}:{}", if dice.percent(50) { "*" } else { kind });
            let mut grant = Object::new()
                .with("on", on)
                .with("actions", actions.clone())
                .with("constraints", constraint(dice, &known));
            let own = dice.percent(5).then(|| visible_fields(dice, &known));
            if let Some(fields) = own.or_else(|| shared.clone()) {
                grant = grant.with("fields", fields);
            }
            grants.push(grant);
        }
    }
    grants
}

fn request(dice: &mut Dice, project: &Project) -> ViewRequest {
    let draft = &project.view.draft;
    let schema = project.schema();
    let mut exposed: Vec<Known> = Vec::new();
    for field in &draft.fields {
        let column = field.source().and_then(|path| schema.column(path));
        let count = model::fields::FieldType::Scalar(model::fields::ScalarType::Int64);
        let column = column.unwrap_or(model::fields::ColumnType::Declared(count));
        exposed.push((field.name.to_string(), column));
    }
    if dice.percent(2) {
        exposed.push(("absent".to_owned(), model::fields::ColumnType::Undeclared));
    }
    let mut object = Object::new();
    if dice.percent(45) {
        object = object.with("conditions", filters::list(dice, &exposed, false));
    }
    if dice.percent(50) {
        let orders = (0..dice.between(1, 2)).map(|_| {
            let direction = *dice.pick(&["asc", "desc"]);
            Object::new()
                .with("field", dice.pick(&exposed).0.as_str())
                .with("direction", direction)
        });
        object = object.with("order_by", orders.collect::<Vec<_>>());
    }
    if dice.percent(70) {
        object = object.with("limit", *dice.pick(&[1, 2, 3, 5, 10, 1_000]));
    }
    let series = matches!(draft.shape, Shape::TimeSeries { .. });
    object = range(dice, object, series);
    if dice.percent(50) {
        let zones = [
            "UTC",
            "Europe/Berlin",
            "America/New_York",
            "Asia/Kathmandu",
            "Australia/Lord_Howe",
            "-03:30",
        ];
        object = object.with("timezone", *dice.pick(&zones));
    }
    ViewRequest::parse(&object.into()).unwrap()
}

/// Adds a range of at most some dozens of intervals.
fn range(dice: &mut Dice, object: Object, series: bool) -> Object {
    let long = [
        ("daily", "2026-03-20T05:30:00Z", "2026-04-03T00:00:00Z"),
        ("hourly", "2026-03-28T22:00:00Z", "2026-03-30T03:30:00Z"),
        (
            "every_6_hours",
            "2026-03-26T00:00:00Z",
            "2026-04-01T00:00:00Z",
        ),
        (
            "every_2_days",
            "2026-03-20T00:00:00Z",
            "2026-04-03T00:00:00Z",
        ),
        ("weekly", "2026-01-01T00:00:00Z", "2026-04-03T00:00:00Z"),
        ("monthly", "2025-01-01T00:00:00Z", "2026-04-03T00:00:00Z"),
        ("yearly", "1990-01-01T00:00:00Z", "2040-01-01T00:00:00Z"),
        (
            "every_30_minutes",
            "2026-03-29T00:00:00Z",
            "2026-03-29T23:00:00Z",
        ),
    ];
    if !series && dice.percent(60) {
        return object;
    }
    let (interval, from, to) = *dice.pick(&long);
    if dice.percent(25) {
        let frame = *dice.pick(&["this_3_days", "previous_2_days", "this_1_weeks", "today"]);
        let object = object.with("timeframe", frame);
        return if series {
            object.with("interval", "daily")
        } else {
            object
        };
    }
    let object = if series || dice.percent(70) {
        object.with("from", from)
    } else {
        object
    };
    let object = if series || dice.percent(70) {
        object.with("to", to)
    } else {
        object
    };
    if series {
        object.with("interval", interval)
    } else {
        object
    }
}

fn question(dice: &mut Dice, project: &Project, grants: &[Grant]) -> Question {
    let mut request = request(dice, project);
    let of_view = |grant: &&Grant| matches!(grant.on, model::grants::Target::View(_));
    if dice.percent(15) {
        let named: Vec<&Grant> = grants.iter().filter(of_view).collect();
        request.grant = Some(dice.pick(&named).id);
    }
    match dice.below(20) {
        0..=8 => Question::Pages(request),
        9..=11 => Question::Stream(request),
        12 => Question::Export(request, Columnar::Parquet),
        13 => Question::Export(request, Columnar::ArrowStream),
        14 => Question::CountView,
        15 => Question::CountPool,
        16 | 17 => Question::Fields,
        _ => {
            let list = filters::list(dice, &known(project.schema()), false);
            Question::Delete((!dice.percent(20)).then(|| parse_list(&list).unwrap()))
        }
    }
}

impl Case {
    /// The case of this seed; a `quick` one has few records.
    pub(crate) fn random(seed: u64, quick: bool) -> Self {
        let mut dice = Dice::new(seed);
        let project = Project::random(&mut dice, seed);
        // By the number, so that what else is drawn stays what it was.
        let project = match seed % 5 {
            2 => project.replacing(),
            _ => project,
        };
        let rows = records::random(&mut dice, &project, quick);
        let replaced = records::replaced(&project, &rows);
        let fields = known(project.schema());
        let deleted = dice
            .percent(20)
            .then(|| parse_list(&filters::narrow(&mut dice, &fields)).unwrap())
            .filter(|filter| project.schema().resolve(filter).is_ok());
        // A grant on one pool is held against its fields; those that fit nothing are on all.
        let (grants, key) = loop {
            let grants = Value::from(grants(&mut dice, &project));
            if let Ok(key) = project.access(&grants) {
                break (grants, key);
            }
        };
        let twins = grants.as_array().unwrap().iter().map(|grant| {
            let grant = grant.as_object().unwrap().clone();
            Value::from(grant.with("constraints", "all_rows"))
        });
        let twin = project.access(&twins.collect::<Vec<_>>().into()).unwrap();
        let question = question(&mut dice, &project, key.grants());
        Self {
            seed,
            project,
            rows,
            replaced,
            deleted,
            grants,
            key,
            twin,
            question,
        }
    }

    /// The proof that this caller may read the view.
    pub(crate) fn reader(&self, access: &Access) -> Permit<Read> {
        let view = (&self.project.view, &self.project.pool);
        access.permit(On::View(Some(view))).unwrap()
    }

    /// The proof that this caller may do something with the pool.
    pub(crate) fn on_pool<A: Right>(&self, access: &Access) -> Permit<A> {
        access.permit(On::Pool(Some(&self.project.pool))).unwrap()
    }

    fn is_on_pool(&self) -> bool {
        matches!(
            self.question,
            Question::CountPool | Question::Fields | Question::Delete(_)
        )
    }

    /// Whether the key sees the record where it asks: the definition of row
    /// security, said once more and apart from the code under test.
    pub(crate) fn sees(&self, record: &Record) -> bool {
        let schema = self.project.schema();
        let named = self.named_grant();
        let grants = self.key.grants().iter().filter(|grant| match grant.on {
            model::grants::Target::Pool(_) => self.is_on_pool(),
            _ => !self.is_on_pool() && named.is_none_or(|id| id == grant.id),
        });
        let rows: Vec<&Constraint> = grants.map(|grant| grant.rows.as_ref().unwrap()).collect();
        if !self.is_on_pool() && !self.is_in_view(record) {
            return false;
        }
        if rows.contains(&&Constraint::AllRows) {
            return true;
        }
        let resolved = rows.into_iter().map(|rows| match rows {
            Constraint::Rows(filter) => schema.resolve(filter),
            Constraint::AllRows => unreachable!("asked above"),
        });
        // One that means nothing makes the whole mean nothing.
        let Ok(predicates) = resolved.collect::<Result<Vec<_>, _>>() else {
            return false;
        };
        predicates.iter().any(|predicate| predicate.admits(record))
    }

    fn is_in_view(&self, record: &Record) -> bool {
        let filter = self.project.view.draft.filters.as_ref();
        filter.is_none_or(|filter| {
            self.project
                .schema()
                .resolve(filter)
                .unwrap()
                .admits(record)
        })
    }

    /// Whether a record was replaced or deleted before anything is asked.
    pub(crate) fn is_gone(&self, record: &Record) -> bool {
        let is_deleted = self.deleted.as_ref().is_some_and(|filter| {
            self.project
                .schema()
                .resolve(filter)
                .unwrap()
                .admits(record)
        });
        is_deleted || self.replaced.contains(&records::id_of(record))
    }

    /// Whether records of the pool replace others, and so the order in which they come counts.
    pub(crate) fn replaces(&self) -> bool {
        !self.project.pool.draft.unique.is_empty()
    }
}

impl Case {
    /// Whether the question takes records away.
    pub(crate) fn deletes(&self) -> bool {
        matches!(self.question, Question::Delete(_))
    }

    /// Deletes for a key that sees every row and field.
    pub(crate) async fn delete_for_all(
        &self,
        lake: &crate::lake::Lake,
        filter: &model::filters::Filter,
    ) {
        let grant = Object::new()
            .with("on", "pool:pool")
            .with("actions", vec!["delete"])
            .with("constraints", "all_rows");
        let key = self
            .project
            .access(&vec![Value::from(grant)].into())
            .unwrap();
        let permit = self.on_pool::<model::permit::Delete>(&key);
        lake.delete(permit.constrain(Some(filter.clone())).unwrap())
            .await
            .unwrap();
    }
}

impl Case {
    /// The same question of a view that is about all records, for a twin that
    /// asks records which hold the shown fields alone; `None` where no field is hidden.
    pub(crate) fn bare(&self) -> Option<Self> {
        if self.is_on_pool() || *self.shown() == VisibleFields::All {
            return None;
        }
        let mut view = (*self.project.view).clone();
        view.draft.filters = None;
        Some(Self {
            seed: self.seed,
            project: self.project.with_view(view),
            rows: Vec::new(),
            replaced: BTreeSet::new(),
            deleted: None,
            grants: self.grants.clone(),
            key: self.twin.clone(),
            twin: self.twin.clone(),
            question: self.question.clone(),
        })
    }

    /// The fields that the key sees of the view.
    fn shown(&self) -> &VisibleFields {
        let named = self.named_grant();
        let of_view = |grant: &&Grant| matches!(grant.on, model::grants::Target::View(_));
        let mut grants = self.key.grants().iter().filter(of_view);
        &grants
            .find(|grant| named.is_none_or(|id| id == grant.id))
            .unwrap()
            .fields
    }

    fn named_grant(&self) -> Option<GrantId> {
        match &self.question {
            Question::Pages(request) | Question::Stream(request) | Question::Export(request, _) => {
                request.grant
            }
            _ => None,
        }
    }

    /// The record with the fields that the key sees, and the server's own.
    pub(crate) fn showing(&self, record: &Record) -> Record {
        let shown = self.shown();
        let fields = record
            .fields()
            .filter(|(path, _)| path.is_system() || shown.shows(path));
        let fields = fields.map(|(path, value)| (path.clone(), value.clone()));
        Record::restore(fields.collect()).unwrap()
    }
}
