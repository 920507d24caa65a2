//! Questions of analytics: asked, looked at as a table and as a chart, and saved.

mod again;
mod answer;
mod found;
mod functions;
mod kind;
mod parameters;
mod question;
mod save;
mod steps;

pub(super) use answer::table;
pub(super) use parameters::{CHART_PARAMETERS, PARAMETERS};
pub(super) use save::save;

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use model::analyses::Analysis;
use model::fault::Fault;
use model::ids::SavedQueryId;
use model::people::Area;
use model::permit::{AskPool, On};
use model::pools::{Pool, Schema, SchemaMode};
use model::value::Value;

use super::asking::{self, ask};
use super::definition::Definition;
use super::forms::{Fields, is_broken, said_of};
use super::frame::{Frame, Section};
use super::pictures::{self, look_of};
use super::shown::Now;
use super::visitor::InProject;
use crate::charts::{Drawing, Kind};
use crate::error::ApiError;
use crate::input::Parameters;
use crate::state::AppState;
use found::{Found, find};
use question::Asked;

/// What is saved beside the question.
const SAVED: &[&str] = &["name", "refresh_minutes", "index_by"];

/// A saved query that a question may take the place of.
struct Replaced {
    id: String,
    name: String,
    revision: String,
    /// What it asks now.
    question: Value,
}

#[derive(Template)]
#[template(path = "console/explore.html")]
struct Page {
    frame: Frame,
    form: Fields,
    asked: Asked,
    /// What is wrong with what is asked, at its fields.
    marks: Fields,
    fields: Vec<String>,
    has_pools: bool,
    own: String,
    save: String,
    saved: String,
    may_save: bool,
    replaced: Option<Replaced>,
    /// What the saved query is now, when its page is about something older.
    now: Option<Now>,
    /// Which of the three is chosen.
    kind: String,
    /// The kind of chart that is chosen, where none can be chosen now.
    chart: Option<&'static str>,
    found: Option<Found>,
    fault: Option<String>,
}

/// The pools that the person may ask, that of usage for whom it is there.
fn pools(here: &InProject) -> Vec<Arc<Pool>> {
    let mut pools = asking::pools(here);
    let usage = here.definitions.pool(model::names::Name::USAGE);
    let usage = usage.filter(|pool| here.access.permit::<AskPool>(On::Pool(Some(pool))).is_ok());
    pools.extend(usage.cloned());
    pools
}

/// What a request chooses, and the question that it makes; none without a pool.
fn chosen(here: &InProject, parameters: &Parameters) -> (Asked, Result<Option<Value>, Fault>) {
    let pools = pools(here);
    let names = pools.iter().map(|pool| pool.draft.name.to_string());
    let names: Vec<String> = names.collect();
    let asked = Asked::typed(&names, |name| parameters.get(name));
    let open = Schema::new(SchemaMode::Open, Vec::new());
    let schema_of = |name: &str| {
        let mut named = pools.iter();
        let named = named.find(|pool| pool.draft.name.as_str() == name);
        named.map_or(&open, |pool| &pool.draft.schema)
    };
    let question = (!pools.is_empty()).then(|| asked.to_value(schema_of));
    (asked, question.transpose())
}

/// A question that cannot be asked: what is wrong, at the field of the form.
fn marked(mut asked: Asked, error: &ApiError) -> (Asked, Fields) {
    let marks = Fields::blank().naming(PARAMETERS);
    let places = asked.places().into_iter();
    let marks = places.fold(marks, |marks, (pointer, field)| {
        marks.placed(pointer, field)
    });
    let marks = marks.marked(error);
    asked.filters = asked.filters.marked(&marks);
    (asked, marks)
}

/// The saved query that the question came from, for who may change it.
fn replaced(here: &InProject, parameters: &Parameters, is_stale: bool) -> Option<Replaced> {
    here.require(Area::Definitions).ok()?;
    let id = SavedQueryId::parse(parameters.get("saved")?).ok()?;
    let saved = here.definitions.saved_query_by_id(id)?.item;
    Some(Replaced {
        id: id.to_string(),
        name: saved.draft.name.to_string(),
        question: saved.draft.to_value(),
        // As it was when it was opened, unless it is shown as it is now.
        revision: match parameters.get("revision") {
            Some(revision) if !is_stale => revision.to_owned(),
            _ => saved.revision.to_string(),
        },
    })
}

/// The fields of the form that ask a question again.
pub(super) fn form_of(here: &InProject, question: &Value) -> Vec<(&'static str, String)> {
    let open = Schema::new(SchemaMode::Open, Vec::new());
    again::fields_of(question, |name| {
        let pool = here.definitions.pool(name);
        pool.map_or(&open, |pool| &pool.draft.schema)
    })
}

async fn show(
    here: &InProject,
    mut form: Fields,
    parameters: &Parameters,
    state: &AppState,
) -> Result<Response, ApiError> {
    let kind = parameters.get("kind").unwrap_or_default();
    let (mut found, mut fault) = (None, None);
    let has = |name: &str| parameters.get(name).is_some();
    // Another kind, or another row, is no question yet.
    let is_asked = ["analysis", "question", "ask"].into_iter().any(has) && !has("as") && !has("do");
    let (asked, question) = chosen(here, parameters);
    if asked.asked_pools().contains(&model::names::Name::USAGE) {
        asking::bring_usage(here, state).await?;
    }
    let answered = match question.map_err(ApiError::from) {
        Ok(Some(question)) if is_asked => find(here, parameters, &question, state).await.map(Some),
        Ok(_) => Ok(None),
        Err(_) if !is_asked => Ok(None),
        Err(error) => Err(error),
    };
    let (asked, marks) = match answered {
        Ok(answer) => {
            found = answer;
            (asked, Fields::blank())
        }
        Err(error) if is_broken(&error) => return Err(error),
        Err(error) => {
            let (asked, marks) = marked(asked, &error);
            let is_marked = marks.wrong().any(|(name, _)| parameters::is_shown(name));
            fault = Some(match is_marked {
                true => "Something has to be corrected; it is marked in the question.".to_owned(),
                false => said_of(&error),
            });
            if error.problem().status().is_server_error() && !form.is_wrong() {
                form = form.with_status_of(&error);
            }
            (asked, marks)
        }
    };
    let is_stale = form.is_stale();
    let replaced = replaced(here, parameters, is_stale);
    let now = replaced.as_ref().filter(|_| is_stale).map(|replaced| Now {
        lines: vec![("Name", replaced.name.clone())],
        definition: Some(Definition::of(&replaced.question)),
    });
    let form = match &replaced {
        Some(replaced) if form.value("name").is_empty() => form.set("name", replaced.name.clone()),
        _ => form,
    };
    let kind = match (&replaced, kind) {
        (Some(_), "") => "replace",
        (None, "") => "saved",
        (_, kind) => kind,
    };
    let chart = match &found {
        Some(found) if !found.kinds.is_empty() => None,
        _ => found::chosen(parameters).map(Kind::name),
    };
    let all = pools(here);
    let fields = names(here, (&all, &asked), state).await?;
    let shown = Page {
        frame: Frame::of("Explore", here, Section::Explore),
        asked,
        marks,
        fields,
        has_pools: !all.is_empty(),
        own: here.address("/explore"),
        save: here.address("/new-question"),
        saved: here.address("/saved"),
        may_save: here.may(Area::Definitions),
        replaced,
        now,
        kind: kind.to_owned(),
        chart,
        found,
        fault,
        form,
    };
    shown.form.shown_in(&shown)
}

/// The names of fields of the pools that are asked.
async fn names(
    here: &InProject,
    (all, asked): (&[Arc<Pool>], &Asked),
    state: &AppState,
) -> Result<Vec<String>, ApiError> {
    let asks = asked.asked_pools();
    let is_asked = |pool: &&Arc<Pool>| asks.contains(&pool.draft.name.as_str());
    let mut fields: Vec<String> = Vec::new();
    for pool in all.iter().filter(is_asked) {
        let seen = asking::names(here, pool, state).await?.into_iter();
        let fresh: Vec<String> = seen.filter(|name| !fields.contains(name)).collect();
        fields.extend(fresh);
    }
    fields.truncate(asking::FIELDS_MAX);
    Ok(fields)
}

/// What was typed beside the question before something else was asked.
fn typed(parameters: &Parameters) -> Fields {
    let typed = SAVED.iter();
    typed.fold(Fields::blank(), |form, name| {
        form.with(name, parameters.get(name).unwrap_or_default())
    })
}

/// The page that asks.
pub(super) async fn read(
    here: InProject,
    parameters: Parameters,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    here.require(Area::ReadRecords)?;
    show(&here, typed(&parameters), &parameters, &state).await
}

/// The same for who saves what was asked.
pub(super) async fn save_form(
    here: InProject,
    parameters: Parameters,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    here.require(Area::Definitions)?;
    show(&here, typed(&parameters), &parameters, &state).await
}

/// The chart of an answer.
pub(super) async fn chart(
    here: InProject,
    parameters: Parameters,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    here.require(Area::ReadRecords)?;
    let drawn = async {
        let (_, question) = chosen(&here, &parameters);
        let analysis = Analysis::parse(&question?.ok_or_else(ApiError::not_found)?)?;
        let drawing = Drawing::of(&analysis, look_of(&parameters));
        let drawing = drawing.map_err(|reason| ApiError::internal(reason.to_string()))?;
        let drawing = drawing.drawn_as(found::chosen(&parameters));
        let answer = ask(&here, &analysis, &state).await?;
        Ok(drawing.draw(&answer))
    };
    Ok(pictures::svg(drawn.await, &parameters))
}

#[cfg(test)]
pub(super) fn sample(text: &str) -> Vec<super::samples::Sample> {
    use super::samples::{form, frame, sample};
    let place = || super::frame::address(text, "/x");
    let page = |kind: kind::Kind| Page {
        frame: frame(text),
        form: form(text, &[SAVED, &["code"]].concat()),
        asked: question::sample(text, kind),
        marks: form(text, PARAMETERS),
        fields: vec![text.to_owned()],
        has_pools: true,
        own: place(),
        save: place(),
        saved: place(),
        may_save: true,
        replaced: Some(Replaced {
            id: text.to_owned(),
            name: text.to_owned(),
            revision: text.to_owned(),
            question: Value::Null,
        }),
        now: Some(Now {
            lines: vec![("", text.to_owned())],
            definition: Some(super::definition::sample(text)),
        }),
        kind: "saved".to_owned(),
        chart: Some("bars"),
        found: Some(found::sample(text)),
        fault: Some(text.to_owned()),
    };
    let kinds = kind::Kind::ALL.into_iter();
    kinds
        .map(|kind| sample("explore.html", &page(kind)))
        .collect()
}
