//! One view: what it shows, where it answers, and its end.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use model::people::Area;
use model::views::{Shape, ViewDraft};

use super::as_key::{self, Answered, AsKey, answered, range_of};
use super::builder::{Choice, INTERVALS, TIMEFRAMES};
use super::{Readable, shape_word};
use crate::console::again::{self, Kind};
use crate::console::definition::Definition;
use crate::console::filters;
use crate::console::forms::{Fields, Sent};
use crate::console::frame::{Frame, Section, page, segment};
use crate::console::go_to;
use crate::console::keys;
use crate::console::pictures::{Chart, Size};
use crate::console::readers::{self, Readers};
use crate::console::snippets::{self, Snippet};
use crate::console::visitor::InProject;
use crate::error::ApiError;
use crate::input::Parameters;
use crate::state::AppState;

/// The range that is looked at, as which key, and what was done a moment ago.
pub(in crate::console) const PARAMETERS: &[&str] = &["timeframe", "interval", "as", "done"];

#[derive(Template)]
#[template(path = "console/view.html")]
struct Page {
    frame: Frame,
    name: String,
    /// Its pool, and all that it is defined as, for whom definitions are.
    pool: Option<String>,
    definition: Option<Definition>,
    shape: &'static str,
    conditions: Vec<String>,
    is_series: bool,
    timeframes: Vec<Choice>,
    intervals: Vec<Choice>,
    action: String,
    /// As whom it can be looked at.
    keys: Vec<Choice>,
    /// The key as which it is, and its page.
    as_key: Option<(String, String)>,
    answered: Answered,
    chart: Option<Chart>,
    endpoint: String,
    snippets: Vec<Snippet>,
    change: Option<String>,
    delete: Option<String>,
    key: Option<String>,
    back: String,
    done: Option<&'static str>,
}

/// Which rows a view shows, in words.
fn conditions(draft: &ViewDraft) -> Vec<String> {
    let draft = draft.to_value();
    filters::in_words(draft.as_object().and_then(|view| view.get("filters")))
}

/// A view.
pub(in crate::console) async fn read(
    here: InProject,
    parameters: Parameters,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    here.require(Area::ReadResults)?;
    let readable = Readable::here(&here)?;
    let draft = &readable.view.draft;
    let as_key = AsKey::chosen(&here, &readable, &parameters, &state)?;
    let (timeframe, interval) = range_of(&parameters);
    let range = format!(
        "timeframe={}&interval={}",
        segment(&timeframe),
        segment(&interval)
    );
    let asked = match &as_key {
        None => Ok(readable.clone()),
        Some(key) => key.readable(&readable),
    };
    let answered = answered(asked, &parameters, &state).await?;
    let name = draft.name.to_string();
    let is_series = matches!(draft.shape, Shape::TimeSeries { .. });
    let mut endpoint = snippets::path("views", &name, "/data");
    if is_series {
        endpoint = format!("{endpoint}?{range}");
    }
    let defines = here.may(Area::Definitions);
    let shown = Page {
        frame: Frame::of(name.clone(), &here, Section::Views),
        pool: defines.then(|| draft.pool.to_string()),
        definition: defines.then(|| Definition::of_view(&readable.view, &readable.pool)),
        shape: shape_word(&draft.shape),
        conditions: if defines {
            conditions(draft)
        } else {
            Vec::new()
        },
        is_series,
        timeframes: Choice::of(&TIMEFRAMES, &timeframe),
        intervals: Choice::of(&INTERVALS, &interval),
        action: readable.below(&here, ""),
        keys: as_key::choices(&here, &readable, as_key.as_ref(), &state),
        answered,
        chart: as_key::is_drawn(&draft.shape).then(|| {
            let as_whom = as_key::in_address(as_key.as_ref());
            let chart = readable.below(&here, &format!("/chart.svg?{range}{as_whom}"));
            Chart::at(&chart, Size::Large, format!("Chart of {name}"))
                .over_time(as_key::clock_of(&draft.shape).as_ref())
        }),
        snippets: snippets::reading(&endpoint),
        endpoint,
        change: defines.then(|| readable.below(&here, "/change")),
        delete: defines.then(|| readable.below(&here, "/delete")),
        key: keys::address_for(&here, "read", &format!("view:{name}")),
        back: here.address("/views"),
        done: match parameters.get("done") {
            Some("made") => Some("The view is made. Give a key to whoever reads it."),
            Some(_) => Some("The change is in force."),
            None => None,
        },
        as_key: as_key.map(|key| {
            let page = here.address(&format!("/keys/{}", key.id));
            (key.name, page)
        }),
        name,
    };
    page(StatusCode::OK, &shown)
}

#[derive(Template)]
#[template(path = "console/delete_view.html")]
struct Delete {
    frame: Frame,
    form: Fields,
    name: String,
    pool: String,
    /// What it shows, as it is now.
    shows: Vec<String>,
    readers: Readers,
    action: String,
    back: String,
}

fn show_delete(
    here: &InProject,
    readable: &Readable,
    form: Fields,
    state: &AppState,
) -> Result<Response, ApiError> {
    let name = readable.view.draft.name.to_string();
    let shown = Delete {
        frame: Frame::of(format!("Delete {name}"), here, Section::Views),
        pool: readable.view.draft.pool.to_string(),
        shows: conditions(&readable.view.draft),
        readers: Readers::of(here, state, |grant| {
            readers::is_on_view(grant, &readable.view, &readable.pool)
        }),
        action: readable.below(here, "/delete"),
        back: readable.below(here, ""),
        name,
        form,
    };
    shown.form.shown_in(&shown)
}

/// Asks before a view goes.
pub(in crate::console) async fn delete_form(
    here: InProject,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    here.require(Area::Definitions)?;
    let readable = Readable::here(&here)?;
    let form = Fields::of_revision(readable.view.revision);
    show_delete(&here, &readable, form, &state)
}

/// Deletes a view.
pub(in crate::console) async fn delete(
    State(state): State<AppState>,
    Sent(here, form): Sent<InProject>,
) -> Result<Response, ApiError> {
    let caller = here.caller(Area::Definitions)?;
    let readable = Readable::here(&here)?;
    let control = &state.control;
    let deleted = control.delete_view(&caller.0, readable.view.id, Some(form.revision()));
    match deleted.await {
        Ok(()) => {
            let was = readable.view.draft.to_value();
            Ok(go_to(&again::address(&here, &state, Kind::View, &was)))
        }
        Err(error) => {
            let fields = Fields::of_revision(readable.view.revision).refused(error)?;
            show_delete(&here, &readable, fields, &state)
        }
    }
}

#[cfg(test)]
pub(super) fn sample(text: &str) -> Vec<crate::console::samples::Sample> {
    use crate::console::frame::address;
    use crate::console::samples::{form, frame, sample};
    let place = || address(text, "/x");
    let page = Page {
        frame: frame(text),
        name: text.to_owned(),
        pool: Some(text.to_owned()),
        definition: Some(crate::console::definition::sample(text)),
        shape: "records",
        conditions: vec![text.to_owned()],
        is_series: true,
        timeframes: super::builder::sample(text).timeframes,
        intervals: super::builder::sample(text).intervals,
        action: place(),
        keys: super::builder::sample(text).timeframes,
        as_key: Some((text.to_owned(), place())),
        answered: Answered::sample(text),
        chart: Some(crate::console::pictures::sample(text)),
        endpoint: text.to_owned(),
        snippets: snippets::sample(text),
        change: Some(place()),
        delete: Some(place()),
        key: Some(place()),
        back: place(),
        done: Some(""),
    };
    let delete = Delete {
        frame: frame(text),
        form: form(text, &["revision"]),
        name: text.to_owned(),
        pool: text.to_owned(),
        shows: vec![text.to_owned()],
        readers: Readers::sample(text),
        action: place(),
        back: place(),
    };
    vec![
        sample("view.html", &page),
        sample("delete_view.html", &delete),
    ]
}
