//! One pool: its fields and how far they are filled, its latest records, how it
//! is kept, and how records are sent to it.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use model::analyses::{Analysis, Answer};
use model::limits::ANALYSES_MAX;
use model::people::Area;
use model::permit::{Delete, Ingest, On};
use model::pools::{FileLayout, Pool, SchemaMode};
use model::value::{Object, Value};

use super::{Added, below};
use crate::console::asking::{self, FIELDS_MAX, Numbers, ask};
use crate::console::frame::{Frame, Section, page, segment};
use crate::console::keys;
use crate::console::shown::{self, Table, grouped};
use crate::console::snippets::{self, Snippet};
use crate::console::times::Moment;
use crate::console::visitor::InProject;
use crate::error::ApiError;
use crate::input::Parameters;
use crate::state::AppState;

/// What was done a moment ago, whether fields are counted however many records there are, and
/// whether records are shown with what the server added to them.
pub(in crate::console) const PARAMETERS: &[&str] = &["done", "filled", "added"];

/// Records that the page of a pool shows.
const LATEST: usize = 10;

/// From how many records on fields are counted only when somebody asks for it.
const COUNTED_MAX: i128 = 2_000_000;

/// A field, and in how much of the records it is.
struct FieldLine {
    name: String,
    type_name: String,
    is_declared: bool,
    is_required: bool,
    /// Of a hundred records, and in words; `None` where it is not known.
    filled: Option<(u8, String)>,
}

/// Where a page leads to, as far as the role goes there.
#[derive(Default)]
struct Ways {
    tail: String,
    explore: String,
    view: Option<String>,
    upload: Option<String>,
    remove: Option<String>,
    settings: Option<String>,
    ingest_key: Option<String>,
    read_key: Option<String>,
}

/// How records are kept.
struct Kept {
    retention: String,
    time_field: String,
    isolation_field: String,
    unique: String,
    layout: &'static str,
    tier: &'static str,
    is_public: bool,
    made: Moment,
}

#[derive(Template)]
#[template(path = "console/pool.html")]
struct Page {
    frame: Frame,
    name: String,
    description: String,
    is_open: bool,
    records: String,
    size: String,
    last: Option<Moment>,
    is_known: bool,
    fields: Vec<FieldLine>,
    /// How many there are, shown or not.
    count: usize,
    /// Where they are counted, when they are not.
    count_fields: Option<String>,
    latest: Table,
    added: Added,
    /// For whom definitions are.
    kept: Option<Kept>,
    ways: Ways,
    snippets: Vec<Snippet>,
    back: String,
    is_made: bool,
    done: Option<&'static str>,
}

fn kept(pool: &Pool) -> Kept {
    let draft = &pool.draft;
    let path = |path: &Option<model::names::FieldPath>| {
        path.as_ref()
            .map_or_else(String::new, |path| path.as_str().to_owned())
    };
    let unique: Vec<&str> = draft.unique.iter().map(|path| path.as_str()).collect();
    Kept {
        retention: match draft.retention_days {
            None => "for good".to_owned(),
            Some(days) => shown::counted(i128::from(days), "day", "days"),
        },
        time_field: path(&draft.time_field),
        isolation_field: path(&draft.isolation_field),
        unique: unique.join(", "),
        layout: match draft.layout {
            FileLayout::Shared => "customers share files",
            FileLayout::FilePerCustomer => "no file holds records of two customers",
        },
        tier: draft.tier.name(),
        is_public: draft.public,
        made: pool.created_at.into(),
    }
}

fn ways(here: &InProject, pool: &Arc<Pool>) -> Ways {
    // Where rows cannot be stamped, who is held to some writes none.
    let on = On::Pool(Some(pool));
    let writes = here.access.permit::<Ingest>(on).is_ok();
    let removes = here.access.permit::<Delete>(on).is_ok();
    let name = segment(pool.draft.name.as_str());
    let on = format!("pool:{}", pool.draft.name);
    let key = |what: &str| keys::address_for(here, what, &on);
    Ways {
        tail: below(here, pool, "/records"),
        explore: here.address(&format!("/explore?pool={name}")),
        view: here
            .may(Area::Definitions)
            .then(|| here.address(&format!("/new-view?pool={name}"))),
        upload: writes.then(|| below(here, pool, "/upload")),
        remove: removes.then(|| below(here, pool, "/remove")),
        settings: here
            .may(Area::Definitions)
            .then(|| below(here, pool, "/settings")),
        ingest_key: key("write"),
        read_key: key("ask"),
    }
}

/// In how many of the visible records each field has a value; `None` where it is not counted now.
pub(super) async fn filled(
    here: &InProject,
    pool: &Pool,
    fields: &[&str],
    state: &AppState,
) -> Vec<Option<i128>> {
    let mut counts = Vec::with_capacity(fields.len());
    for some in fields.chunks(ANALYSES_MAX) {
        let asked = some.iter().enumerate().map(|(at, field)| {
            let count = Object::new().with("analysis", "count");
            (format!("f{at}"), count.with("field", *field))
        });
        let asked: Vec<(String, Object)> = asked.collect();
        let results = asking::functions(here, pool, &asked, state).await;
        let mut results = results.unwrap_or_default().into_iter();
        counts.extend(some.iter().map(|_| match results.next() {
            Some(Value::Integer(count)) => Some(count),
            _ => None,
        }));
    }
    counts.resize(fields.len(), None);
    counts
}

fn share(count: Option<i128>, records: Option<i128>) -> Option<(u8, String)> {
    let (count, records) = (count?, records.filter(|records| *records > 0)?);
    let percent = (count * 100 / records).clamp(0, 100);
    let words = match percent {
        0 if count > 0 => "under 1 %".to_owned(),
        percent => format!("{percent} %"),
    };
    Some((u8::try_from(percent).unwrap_or(100), words))
}

/// The latest records, the newest first.
pub(super) async fn latest(
    here: &InProject,
    pool: &Pool,
    state: &AppState,
) -> Result<Vec<Value>, ApiError> {
    let question = Object::new()
        .with("analysis", "extraction")
        .with("pool", pool.draft.name.as_str())
        .with("latest", LATEST as u64);
    let question = Analysis::parse(&Value::Object(question))?;
    match ask(here, &question, state).await? {
        Answer::Rows(rows) => Ok(rows),
        _ => Err(ApiError::internal("an extraction without rows")),
    }
}

/// A pool.
pub(in crate::console) async fn read(
    here: InProject,
    parameters: Parameters,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    here.require(Area::ReadRecords)?;
    let pool: Arc<Pool> = asking::pool_here(&here)?;
    let numbers = Numbers::of(&here, &pool, &state).await;
    let mut seen = asking::fields(&here, &pool, &state).await?;
    let count = seen.len();
    seen.truncate(FIELDS_MAX);
    let is_large = numbers.records.is_none_or(|records| records > COUNTED_MAX);
    let is_counted = !is_large || parameters.get("filled").is_some();
    let counts = match is_counted {
        true => {
            let names: Vec<&str> = seen.iter().map(|field| field.name.as_str()).collect();
            filled(&here, &pool, &names, &state).await
        }
        false => vec![None; seen.len()],
    };
    let fields = seen
        .into_iter()
        .zip(counts)
        .map(|(field, count)| FieldLine {
            name: field.name,
            type_name: field.type_name,
            is_declared: field.is_declared,
            is_required: field.is_required,
            filled: share(count, numbers.records),
        });
    let fields = fields.collect();
    let rows = latest(&here, &pool, &state).await?;
    let counted = parameters.get("filled").map(|chosen| ("filled", chosen));
    let added = Added::chosen(&parameters, &below(&here, &pool, ""), counted);
    let defines = here.may(Area::Definitions);
    let name = pool.draft.name.to_string();
    let sending = snippets::path("pools", &name, "/records");
    let done = parameters.get("done");
    let shown = Page {
        frame: Frame::of(name.clone(), &here, Section::Pools),
        description: match defines {
            true => pool.draft.description.clone(),
            false => String::new(),
        },
        is_open: pool.draft.schema.mode() == SchemaMode::Open,
        records: numbers.records.map_or_else(|| "–".to_owned(), grouped),
        size: numbers.size(),
        is_known: numbers.records.is_some(),
        last: numbers.last,
        fields,
        count,
        count_fields: (!is_counted).then(|| below(&here, &pool, "?filled=yes")),
        latest: added.table(&here, &rows),
        added,
        kept: defines.then(|| kept(&pool)),
        ways: ways(&here, &pool),
        snippets: snippets::sending(&sending, &snippets::record(&pool.draft.schema)),
        back: here.address("/pools"),
        is_made: done == Some("made"),
        done: match done {
            Some("changed") => Some("The change is in force."),
            _ => None,
        },
        name,
    };
    page(StatusCode::OK, &shown)
}

#[cfg(test)]
pub(super) fn sample(text: &str) -> Vec<crate::console::samples::Sample> {
    use crate::console::frame::address;
    use crate::console::samples::{frame, moment, sample};
    let place = || address(text, "/x");
    let field = FieldLine {
        name: text.to_owned(),
        type_name: text.to_owned(),
        is_declared: true,
        is_required: true,
        filled: Some((50, text.to_owned())),
    };
    let page = Page {
        frame: frame(text),
        name: text.to_owned(),
        description: text.to_owned(),
        is_open: true,
        records: text.to_owned(),
        size: text.to_owned(),
        last: Some(moment(text)),
        is_known: true,
        fields: vec![field],
        count: 2,
        count_fields: Some(place()),
        latest: shown::sample(text),
        added: Added::sample(text),
        kept: Some(Kept {
            retention: text.to_owned(),
            time_field: text.to_owned(),
            isolation_field: text.to_owned(),
            unique: text.to_owned(),
            layout: "",
            tier: "core",
            is_public: true,
            made: moment(text),
        }),
        ways: Ways {
            tail: place(),
            explore: place(),
            view: Some(place()),
            upload: Some(place()),
            remove: Some(place()),
            settings: Some(place()),
            ingest_key: Some(place()),
            read_key: Some(place()),
        },
        snippets: snippets::sample(text),
        back: place(),
        is_made: true,
        done: Some(""),
    };
    vec![sample("pool.html", &page)]
}
