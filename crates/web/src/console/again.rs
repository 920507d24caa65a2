//! The page after something was deleted that can be made again as it was: views, saved queries and
//! datasets, which are definitions alone. It is made by the same rights, and asks for the same codes,
//! as what is made anew.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use model::datasets::DatasetDraft;
use model::people::Area;
use model::value::Value;

use super::forms::{Fields, Form, Sent};
use super::frame::{Frame, Section, query};
use super::go_to;
use super::visitor::InProject;
use crate::api::saved_queries::refuse_unknown_pools;
use crate::api::{saved_queries, views};
use crate::error::ApiError;
use crate::input::Parameters;
use crate::state::AppState;
use crate::step_up;

/// What was deleted, and its definition as JSON.
pub(super) const PARAMETERS: &[&str] = &["kind", "definition"];

/// Bytes of an address that browsers and proxies carry.
const ADDRESS_BYTES_MAX: usize = 6_000;

/// What can be made again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    View,
    Saved,
    Dataset,
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Self::View => "view",
            Self::Saved => "saved",
            Self::Dataset => "dataset",
        }
    }

    fn parse(word: &str) -> Option<Self> {
        let mut all = [Self::View, Self::Saved, Self::Dataset].into_iter();
        all.find(|kind| kind.word() == word)
    }

    /// The list that it was in, and the sentence that says that it went.
    fn list(self) -> (&'static str, &'static str, Section) {
        let view = "The view is gone. The records that it read are where they were.";
        let saved = "It is gone. The records that it asked are where they were.";
        match self {
            Self::View => ("/views", view, Section::Views),
            Self::Saved | Self::Dataset => ("/saved", saved, Section::Saved),
        }
    }
}

#[derive(Template)]
#[template(path = "console/again.html")]
struct Page {
    frame: Frame,
    form: Fields,
    name: String,
    gone: &'static str,
    kind: &'static str,
    action: String,
    list: String,
}

/// Where somebody goes who deleted this.
pub(super) fn address(here: &InProject, kind: Kind, definition: &Value) -> String {
    let text = model::json::to_text(definition);
    let pairs = query([("kind", kind.word()), ("definition", text.as_str())]);
    let place = here.address(&format!("/make-again?{pairs}"));
    match place.len() <= ADDRESS_BYTES_MAX {
        true => place,
        false => here.address(&format!("{}?done=deleted", kind.list().0)),
    }
}

fn show(here: &InProject, kind: Kind, form: Fields) -> Result<Response, ApiError> {
    let (list, gone, section) = kind.list();
    let definition = model::json::parse(form.value("definition").as_bytes()).ok();
    let name = definition.as_ref().and_then(Value::as_object);
    let name = name.and_then(|definition| definition.get("name"));
    let name = name.and_then(Value::as_str).unwrap_or("It").to_owned();
    let shown = Page {
        frame: Frame::of(format!("{name} is gone"), here, section),
        name,
        gone,
        kind: kind.word(),
        action: here.address("/make-again"),
        list: here.address(list),
        form,
    };
    shown.form.shown_in(&shown)
}

/// Says that it is gone, and offers to make it again.
pub(super) async fn form(here: InProject, parameters: Parameters) -> Result<Response, ApiError> {
    here.require(Area::Definitions)?;
    let kind = parameters.get("kind").and_then(Kind::parse);
    let definition = parameters.get("definition");
    match kind.zip(definition) {
        None => Ok(go_to(&here.address(""))),
        Some((kind, definition)) => {
            let form = Fields::blank().with("definition", definition);
            show(&here, kind, form)
        }
    }
}

/// Makes it again.
pub(super) async fn send(
    State(state): State<AppState>,
    Sent(here, form): Sent<InProject>,
) -> Result<Response, ApiError> {
    here.require(Area::Definitions)?;
    let kind = Kind::parse(form.text("kind")).ok_or_else(ApiError::not_found)?;
    match make(&here, kind, &form, &state).await {
        Ok(response) => Ok(response),
        Err(error) => {
            let fields = Fields::typed(&form, &["definition"], &["code"]);
            show(&here, kind, fields.refused(error)?)
        }
    }
}

async fn make(
    here: &InProject,
    kind: Kind,
    form: &Form,
    state: &AppState,
) -> Result<Response, ApiError> {
    let caller = here.caller(Area::Definitions)?;
    let definition = model::json::parse(form.text("definition").as_bytes())?;
    let control = state.control.proving(form.proof()?);
    let made = match kind {
        Kind::View => {
            let draft = views::draft(&here.definitions, &definition)?;
            let made = control.create_view(&caller.0, draft).await;
            made.map(|view| format!("/views/{}?done=made", view.id))
        }
        Kind::Saved => {
            let draft = saved_queries::draft(&here.definitions, &definition)?;
            let made = control.create_saved_query(&caller.0, draft).await;
            made.map(|saved| format!("/saved/{}?done=made", saved.id))
        }
        Kind::Dataset => {
            let draft = DatasetDraft::parse(&definition)?;
            refuse_unknown_pools(&here.definitions, &draft.analysis())?;
            let made = control.create_dataset(&caller.0, draft).await;
            made.map(|dataset| format!("/datasets/{}?done=made", dataset.id))
        }
    };
    let place = here.address(&made.map_err(ApiError::from)?);
    Ok(step_up::finish(&control, Ok(go_to(&place))))
}

#[cfg(test)]
pub(super) fn sample(text: &str) -> Vec<super::samples::Sample> {
    use super::samples::{form, frame, sample};
    let page = Page {
        frame: frame(text),
        form: form(text, &["definition", "code"]),
        name: text.to_owned(),
        gone: "",
        kind: "view",
        action: super::frame::address(text, "/x"),
        list: super::frame::address(text, "/x"),
    };
    vec![sample("again.html", &page)]
}
