//! One saved query: its answer, where it is answered, how a page shows it, and its end.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use model::ids::SavedQueryId;
use model::people::Area;
use model::saved_queries::{SavedQuery, WithPools};

use super::{Delete, in_words, kept_for, may};
use crate::charts::{self, Drawing};
use crate::console::again::{self, Kind};
use crate::console::definition::Definition;
use crate::console::explore::{form_of, table};
use crate::console::forms::{Fields, Sent, sentence};
use crate::console::frame::{Frame, Section, page, query};
use crate::console::go_to;
use crate::console::keys;
use crate::console::pictures::{self, Chart, Size, look_of};
use crate::console::readers::{self, Readers};
use crate::console::shown::{Table, rows_of};
use crate::console::snippets::{self, Snippet};
use crate::console::times::Moment;
use crate::console::visitor::InProject;
use crate::error::ApiError;
use crate::input::Parameters;
use crate::metering::LetIn;
use crate::saved::{Ran, ask};
use crate::state::AppState;

/// What was done a moment ago.
pub(in crate::console) const PARAMETERS: &[&str] = &["done"];
/// How the chart is to look.
pub(in crate::console) const CHART_PARAMETERS: &[&str] = &["theme", "size"];

#[derive(Template)]
#[template(path = "console/saved_query.html")]
struct Page {
    frame: Frame,
    name: String,
    /// What it asks, in a few words and line by line, for whom definitions are.
    question: Option<(String, Definition)>,
    kept_for: Option<String>,
    /// When the answer was made, of one that is kept.
    at: Option<Moment>,
    table: Table,
    size: String,
    fault: Option<String>,
    chart: Option<Chart>,
    endpoint: String,
    snippets: Vec<Snippet>,
    /// What shows the chart in somebody's page.
    embed: Option<Vec<Snippet>>,
    key: Option<String>,
    explore: Option<String>,
    delete: Option<String>,
    back: String,
    done: Option<&'static str>,
}

/// The saved query that the segment `id` of the path names.
fn found(here: &InProject) -> Result<WithPools<'_, SavedQuery>, ApiError> {
    let id = SavedQueryId::parse(here.segment("id")).map_err(|_| ApiError::not_found())?;
    let found = here.definitions.saved_query_by_id(id);
    found.ok_or_else(ApiError::not_found)
}

fn below(here: &InProject, saved: &SavedQuery, rest: &str) -> String {
    here.address(&format!("/saved/{}{rest}", saved.id))
}

/// The lines that show a chart in a page by a key that may be in one.
fn embed(name: &str) -> Vec<Snippet> {
    let name = model::json::to_text(&model::value::Value::from(name));
    let text = format!(
        "<img id=\"tidegate-chart\" crossorigin=\"anonymous\" width=\"720\" height=\"360\" alt=\"\">\n\
         <script type=\"module\">\n  const server = 'https://tidegate.example';\n  \
         const key = 'PUBLISHABLE_KEY';\n  const answer = await fetch(`${{server}}/v1/tickets`, {{\n    \
         method: 'POST',\n    headers: {{\n      'Authorization': `Bearer ${{key}}`,\n      \
         'Content-Type': 'application/json',\n    }},\n    \
         body: JSON.stringify({{ saved_query: {name}, origin: location.origin }}),\n  }});\n  \
         const {{ url }} = await answer.json();\n  \
         document.getElementById('tidegate-chart').src = server + url;\n</script>"
    );
    vec![Snippet {
        language: "HTML",
        text,
    }]
}

async fn ran(
    here: &InProject,
    saved: &WithPools<'_, SavedQuery>,
    let_in: &LetIn,
    state: &AppState,
) -> Result<Ran, ApiError> {
    ask(may(here, saved)?, None, let_in, state).await
}

/// A saved query.
pub(in crate::console) async fn read(
    here: InProject,
    let_in: LetIn,
    parameters: Parameters,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    here.require(Area::ReadResults)?;
    let found = found(&here)?;
    may(&here, &found)?;
    let saved = Arc::clone(found.item);
    let draft = &saved.draft;
    let (mut shown_table, mut size, mut at, mut fault) =
        (Table::default(), String::new(), None, None);
    match ran(&here, &found, &let_in, &state).await {
        Ok(ran) => {
            if let Ran::Kept(kept) = &ran {
                at = Some(Moment::from(kept.at));
            }
            let (rows, all) = table(&draft.query, &ran.into_answer());
            size = rows_of(all, rows.rows.len());
            shown_table = rows;
        }
        Err(error) if error.problem().status().is_server_error() => return Err(error),
        Err(error) => fault = Some(sentence(error.problem().detail())),
    }
    let name = draft.name.to_string();
    let defines = here.may(Area::Definitions);
    let question = draft.query.to_value();
    let is_drawn = Drawing::of(&draft.query, look_of(&parameters)).is_ok();
    let chart_kind = charts::Kind::kept_in(&draft.metadata);
    let fields = form_of(&here, &question);
    let fields = query(fields.iter().map(|(name, value)| (*name, value.as_str())));
    let endpoint = snippets::path("saved-queries", &name, "/result");
    let kind = if saved.is_cached() { "cached" } else { "saved" };
    let shown = Page {
        frame: Frame::of(name.clone(), &here, Section::Saved),
        question: defines.then(|| (in_words(&draft.query), Definition::of(&question))),
        kept_for: kept_for(&saved),
        at,
        table: shown_table,
        size,
        fault,
        chart: (is_drawn && chart_kind != Some(charts::Kind::Table)).then(|| {
            let chart = below(&here, &saved, "/chart.svg");
            Chart::at(&chart, Size::Large, format!("Chart of {name}"))
                .over_time(pictures::clock_of(&draft.query))
        }),
        snippets: snippets::reading(&endpoint),
        endpoint,
        embed: is_drawn.then(|| embed(&name)),
        key: keys::address_for_page(&here, &format!("{kind}:{name}")),
        explore: defines.then(|| {
            let more = format!("{fields}&saved={}", saved.id);
            let chart = chart_kind.map_or_else(String::new, |kind| {
                format!("&{}={}", charts::Kind::MEMBER, kind.name())
            });
            here.address(&format!("/explore?{more}{chart}"))
        }),
        delete: here
            .may(Area::Definitions)
            .then(|| below(&here, &saved, "/delete")),
        back: here.address("/saved"),
        done: match parameters.get("done") {
            Some("changed") => Some("The change is in force."),
            Some(_) => Some("The question is saved."),
            None => None,
        },
        name,
    };
    page(StatusCode::OK, &shown)
}

/// The chart of a saved query.
pub(in crate::console) async fn chart(
    here: InProject,
    let_in: LetIn,
    parameters: Parameters,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    here.require(Area::ReadResults)?;
    let found = found(&here)?;
    may(&here, &found)?;
    let drawn = async {
        let draft = &found.item.draft;
        let drawing = Drawing::of(&draft.query, look_of(&parameters));
        let drawing = drawing.map_err(|reason| ApiError::internal(reason.to_string()))?;
        let drawing = drawing.drawn_as(charts::Kind::kept_in(&draft.metadata));
        let ran = ran(&here, &found, &let_in, &state).await?;
        Ok(drawing.draw(&ran.into_answer()))
    };
    Ok(pictures::svg(drawn.await, &parameters))
}

fn show_delete(
    here: &InProject,
    saved: &SavedQuery,
    form: Fields,
    state: &AppState,
) -> Result<Response, ApiError> {
    let name = saved.draft.name.to_string();
    let shown = Delete {
        frame: Frame::of(format!("Delete {name}"), here, Section::Saved),
        kind: "saved query",
        asks: in_words(&saved.draft.query),
        readers: Readers::of(here, state, |grant| readers::is_on_saved(grant, saved)),
        action: below(here, saved, "/delete"),
        back: below(here, saved, ""),
        name,
        form,
    };
    shown.form.shown_in(&shown)
}

/// Asks before a saved query goes.
pub(in crate::console) async fn delete_form(
    here: InProject,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    here.require(Area::Definitions)?;
    let found = found(&here)?;
    let form = Fields::of_revision(found.item.revision);
    show_delete(&here, found.item, form, &state)
}

/// Deletes a saved query.
pub(in crate::console) async fn delete(
    State(state): State<AppState>,
    Sent(here, form): Sent<InProject>,
) -> Result<Response, ApiError> {
    let caller = here.caller(Area::Definitions)?;
    let saved = Arc::clone(found(&here)?.item);
    let control = &state.control;
    let deleted = control.delete_saved_query(&caller.0, saved.id, Some(form.revision()));
    match deleted.await {
        Ok(()) => {
            let was = saved.draft.to_value();
            Ok(go_to(&again::address(&here, &state, Kind::Saved, &was)))
        }
        Err(error) => {
            let fields = Fields::of_revision(saved.revision).refused(error)?;
            show_delete(&here, &saved, fields, &state)
        }
    }
}

#[cfg(test)]
pub(super) fn sample(text: &str) -> Vec<crate::console::samples::Sample> {
    use crate::console::frame::address;
    use crate::console::samples::{frame, moment, sample};
    let place = || address(text, "/x");
    let page = Page {
        frame: frame(text),
        name: text.to_owned(),
        question: Some((text.to_owned(), crate::console::definition::sample(text))),
        kept_for: Some(text.to_owned()),
        at: Some(moment(text)),
        table: crate::console::shown::sample(text),
        size: text.to_owned(),
        fault: Some(text.to_owned()),
        chart: Some(pictures::sample(text)),
        endpoint: text.to_owned(),
        snippets: snippets::sample(text),
        embed: Some(snippets::sample(text)),
        key: Some(place()),
        explore: Some(place()),
        delete: Some(place()),
        back: place(),
        done: Some(""),
    };
    vec![sample("saved_query.html", &page)]
}
