//! A token, shown this one time: when a key is made, copied or rolled.

use std::sync::Arc;

use askama::Template;
use axum::response::Response;
use control::{Control, Definitions, Made};
use http::StatusCode;
use model::fields::{FieldType, ScalarType};
use model::grants::{Action, Grant, Selector, Target};
use model::keys::{KeyKind, KeyRecord};
use model::names::{FieldPath, Name};
use model::people::Area;
use model::permit::{AskPool, On};
use model::pools::Pool;
use model::value::{Object, Value};

use super::super::frame::{Frame, Section, page, segment};
use super::super::handing::{For, Turn};
use super::super::visitor::InProject;
use super::words::listed;
use crate::error::ApiError;
use crate::state::AppState;
use crate::step_up;

pub(super) use super::super::forms::{ONCE, fresh, once};

#[derive(Template)]
#[template(path = "console/key_once.html")]
struct Page {
    frame: Frame,
    title: &'static str,
    name: String,
    /// The token; `None` of a form that was sent again.
    token: Option<String>,
    file: String,
    is_publishable: bool,
    is_admin: bool,
    old_goes_on: bool,
    tries: Vec<Try>,
    /// What can be sent to whoever gets the key: where, by what, and a first call.
    handed_over: Option<String>,
    /// Where the records are watched that the key writes, by the names of pools.
    watch: Vec<(String, String)>,
    is_signed: bool,
    /// Where requests must come from.
    networks: Option<String>,
    reads: bool,
    key: String,
    preview: String,
}

/// Something to try with the token.
struct Try {
    what: String,
    command: String,
}

/// What was done, in words, and whether an older token goes on beside this one.
pub(super) type Told = (&'static str, bool);

/// Answers with the page with the token, which is shown once.
///
/// # Errors
/// A failure of ours.
pub(super) async fn show(
    (here, state, control): (&InProject, &AppState, &Control),
    turn: Turn,
    told: Told,
    made: &Made,
) -> Result<Response, ApiError> {
    let first = page(StatusCode::OK, &page_of(here, told, made));
    let first = step_up::finish(control, first);
    match made {
        Made::Before(_) => Ok(first),
        Made::Now(key, _) => {
            let again = page_of(here, told, &Made::Before(Arc::clone(key)));
            let of = For::role(here, Area::Keys);
            turn.hand(state, of, first, &again).await
        }
    }
}

fn page_of(here: &InProject, (title, old_goes_on): Told, made: &Made) -> Page {
    let key = made.key();
    let own = format!("/keys/{}", key.id());
    let tries = tries(key, &here.definitions);
    let handed_over = match made {
        Made::Now(_, secret) if !key.draft().is_admin() => {
            handed_over(&key.draft().name, secret.reveal(), &tries)
        }
        _ => None,
    };
    Page {
        frame: Frame::of(title, here, Section::Keys),
        title,
        name: key.draft().name.clone(),
        token: match made {
            Made::Now(_, secret) => Some(secret.reveal().to_owned()),
            Made::Before(_) => None,
        },
        file: file_name(&key.draft().name),
        is_publishable: key.draft().kind == KeyKind::Publishable,
        is_admin: key.draft().is_admin(),
        old_goes_on,
        tries,
        handed_over,
        watch: key
            .grants()
            .iter()
            .filter_map(|grant| watched(here, grant))
            .collect(),
        is_signed: key.draft().restrictions.signed_requests,
        networks: networks(key),
        reads: reads(key),
        key: here.address(&own),
        preview: here.address(&format!("{own}/preview")),
    }
}

/// Where the records of a grant that writes to one pool are watched, for who reads it.
pub(super) fn watched(here: &InProject, grant: &Grant) -> Option<(String, String)> {
    let Target::Pool(Selector::One { id, name }) = &grant.on else {
        return None;
    };
    let pool = here.definitions.pool_by_id(*id);
    let reads = here.access.permit::<AskPool>(On::Pool(pool)).is_ok();
    let is_watched = grant.allows(Action::Ingest) && reads;
    is_watched.then(|| {
        let href = here.address(&format!("/pools/{id}/records"));
        (name.to_string(), href)
    })
}

/// The text for whoever gets the key; `None` where no line of a shell is a first call.
fn handed_over(name: &str, token: &str, tries: &[Try]) -> Option<String> {
    // What it may do itself comes behind what it is for.
    let first = tries.get(1).or_else(|| tries.first())?;
    Some(format!(
        "A key of Tidegate for you: {name}\n\nAddress of the server:\n$TIDEGATE_URL\n\nToken, which nobody can show again:\n{token}\n\n\
         {}\nTIDEGATE_TOKEN={token}\n{}\n",
        first.what, first.command
    ))
}

/// The networks that the key's requests must come from.
fn networks(key: &KeyRecord) -> Option<String> {
    let places = key.draft().restrictions.places_to_object();
    let Some(Value::Array(networks)) = places.get("ip_ranges") else {
        return None;
    };
    let networks: Vec<&str> = networks.iter().filter_map(Value::as_str).collect();
    Some(listed(&networks, "or"))
}

/// The name of a file that the token is saved in.
fn file_name(name: &str) -> String {
    let chars = name.chars().map(|c| match c.is_ascii_alphanumeric() {
        true => c.to_ascii_lowercase(),
        false => '-',
    });
    let name: String = chars.take(40).collect();
    let name = match name.trim_matches('-') {
        // Nothing of it is a letter that every disk takes.
        "" => "tidegate-key",
        name => name,
    };
    format!("{name}.token")
}

/// What can be tried at once, by what the key may do; nothing of a key whose
/// requests are signed, which no line of a shell does.
fn tries(key: &KeyRecord, definitions: &Definitions) -> Vec<Try> {
    if key.draft().restrictions.signed_requests {
        return Vec::new();
    }
    let bearer = format!(
        "-H \"Authorization: Bearer $TIDEGATE_TOKEN\"{}",
        page_allowed(key).map_or_else(String::new, |page| format!(" {page}"))
    );
    let mut tries = vec![Try {
        what: match reads(key) {
            true => "See what the key may do, and how many rows it sees:".to_owned(),
            false => "See what the key may do:".to_owned(),
        },
        command: format!("curl -sS \"$TIDEGATE_URL/v1/whoami\" {bearer}"),
    }];
    let grants = key.grants().iter();
    tries.extend(grants.filter_map(|grant| match &grant.on {
        Target::View(Selector::One { name, .. }) if grant.allows(Action::Read) => Some(Try {
            what: format!("Read {name}:"),
            command: format!(
                "curl -sS \"$TIDEGATE_URL/v1/views/{}/data\" {bearer}",
                segment(name.as_str())
            ),
        }),
        Target::Pool(Selector::One { name, .. }) if grant.allows(Action::Ingest) => {
            let record = record(definitions.pool(name.as_str())?, grant);
            Some(Try {
                what: format!("Send a record to {name}:"),
                command: format!(
                    "curl -sS \"$TIDEGATE_URL/v1/pools/{}/records\" {bearer} --json {record}",
                    segment(name.as_str())
                ),
            })
        }
        Target::Pool(Selector::One { name, .. }) if grant.allows(Action::Query) => {
            let question = Object::new()
                .with("analysis", "count")
                .with("pool", name.as_str());
            let question = model::json::to_text(&Value::Object(question));
            let question = question.replace('\'', r"'\''");
            Some(Try {
                what: format!("Count the records of {name}:"),
                command: format!(
                    "curl -sS \"$TIDEGATE_URL/v1/query\" {bearer} --json '{question}'"
                ),
            })
        }
        Target::Saved(Selector::One { name, .. }) if grant.allows(Action::Run) => {
            Some(answer_of(name, &bearer))
        }
        Target::Cached(Selector::One { name, .. }) if grant.allows(Action::Read) => {
            Some(answer_of(name, &bearer))
        }
        Target::Dataset(Selector::One { name, .. }) if grant.allows(Action::Retrieve) => {
            let dataset = definitions.dataset(name.as_str())?;
            let index = dataset.item.draft.index_by.iter();
            let index = index.map(|field| format!("\"{field}\":\"VALUE\""));
            let index: Vec<String> = index.collect();
            let index = segment(&format!("{{{}}}", index.join(",")));
            Some(Try {
                what: format!("Read a series of {name}, with a value in the place of VALUE:"),
                command: format!(
                    "curl -sS \"$TIDEGATE_URL/v1/datasets/{}/results?index_by={index}\" {bearer}",
                    segment(name.as_str())
                ),
            })
        }
        _ => None,
    }));
    tries.truncate(4);
    tries
}

/// The call that answers a saved query.
fn answer_of(name: &Name, bearer: &str) -> Try {
    Try {
        what: format!("Read the answer of {name}:"),
        command: format!(
            "curl -sS \"$TIDEGATE_URL/v1/saved-queries/{}/result\" {bearer}",
            segment(name.as_str())
        ),
    }
}

/// What a page says of itself that requests of the key may come from, where it is
/// for some pages alone.
fn page_allowed(key: &KeyRecord) -> Option<String> {
    let places = key.draft().restrictions.places_to_object();
    let Some(Value::Array(pages)) = places.get("allowed_domains") else {
        return None;
    };
    let first = pages.first().and_then(Value::as_str)?;
    // Any name in the place of the star is one of them.
    let first = first.replacen("*.", "www.", 1);
    let page = match first.contains("://") {
        true => first,
        false => format!("https://{first}"),
    };
    let page = page.replace('\'', r"'\''");
    // Which page of a site it is, the origin alone does not say.
    let host = page.split_once("://").map_or("", |(_, rest)| rest);
    Some(match host.contains('/') {
        true => format!("-H 'Referer: {page}'"),
        false => format!("-H 'Origin: {page}'"),
    })
}

fn reads(key: &KeyRecord) -> bool {
    let mut grants = key.grants().iter();
    grants.any(|grant| grant.rows.is_some())
}

/// A record that the pool takes, without what the key stamps, quoted for a shell.
fn record(pool: &Pool, grant: &Grant) -> String {
    let is_stamped = |field: &FieldPath| {
        let mut stamped = grant.injections.values.iter();
        stamped.any(|(path, _)| path.overlaps(field))
    };
    let fields = pool.draft.schema.declared().iter();
    let fields = fields.filter(|field| !is_stamped(&field.path));
    let record = fields.fold(Object::new(), |record, field| {
        let value = match field.field_type {
            FieldType::Array(_) => Value::Array(Vec::new()),
            FieldType::Scalar(of) => sample_of(of),
        };
        record.with(field.path.to_string(), value)
    });
    let text = match record.is_empty() {
        true => r#"{"page": "/", "seconds": 12}"#.to_owned(),
        false => model::json::to_text(&Value::Object(record)),
    };
    format!("'{}'", text.replace('\'', r"'\''"))
}

fn sample_of(of: ScalarType) -> Value {
    match of {
        ScalarType::Boolean => Value::Boolean(true),
        ScalarType::Date => Value::from("2026-05-31"),
        ScalarType::DateTime => Value::from("2026-05-31T12:00:00Z"),
        ScalarType::Uuid => Value::from("0190c2f4-7b1e-7000-8000-000000000000"),
        ScalarType::String => Value::from("text"),
        _ => Value::from(12),
    }
}

#[cfg(test)]
pub(super) fn sample(text: &str) -> Vec<crate::console::samples::Sample> {
    use crate::console::samples::{frame, sample};
    let address = || crate::console::frame::address(text, "/x");
    let page = |is_first: bool| Page {
        frame: frame(text),
        title: "",
        name: text.to_owned(),
        token: is_first.then(|| text.to_owned()),
        file: text.to_owned(),
        is_publishable: !is_first,
        is_admin: is_first,
        old_goes_on: is_first,
        tries: vec![Try {
            what: text.to_owned(),
            command: text.to_owned(),
        }],
        handed_over: Some(text.to_owned()),
        watch: vec![(text.to_owned(), address())],
        is_signed: is_first,
        networks: Some(text.to_owned()),
        reads: is_first,
        key: address(),
        preview: address(),
    };
    vec![
        sample("key_once.html", &page(true)),
        sample("key_once.html", &page(false)),
    ]
}
