//! The page after something was deleted that can be made again as it was: views, saved queries and
//! datasets, which are definitions alone. It is made by the same rights, and asks for the same codes,
//! as what is made anew.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use model::datasets::DatasetDraft;
use model::people::Area;
use model::saved_queries::SavedQueryDraft;
use model::value::Value;

use super::forms::{Fields, Form, Sent};
use super::frame::{Frame, Section, query};
use super::go_to;
use super::taken::Taken;
use super::visitor::InProject;
use crate::api::saved_queries::refuse_unknown_pools;
use crate::api::{saved_queries, views};
use crate::error::ApiError;
use crate::input::Parameters;
use crate::state::AppState;
use crate::step_up;

/// What was deleted, and its definition, sealed.
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

    /// What its definition is sealed for, after it was deleted.
    fn taken(self) -> Taken<'static> {
        Taken {
            purpose: "console definition deleted",
            place: self.word().as_bytes(),
        }
    }

    fn parse(word: &str) -> Option<Self> {
        let mut all = [Self::View, Self::Saved, Self::Dataset].into_iter();
        all.find(|kind| kind.word() == word)
    }

    /// The list that it was in, the sentence that says that it went, and what leads to the list.
    fn list(self) -> (&'static str, &'static str, &'static str, Section) {
        let view = "The view is gone. The records that it read are where they were.";
        let saved = "It is gone. The records that it asked are where they were.";
        match self {
            Self::View => ("/views", view, "To the views", Section::Views),
            Self::Saved | Self::Dataset => {
                ("/saved", saved, "To the saved questions", Section::Saved)
            }
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
    /// The pools that it reads.
    pools: Vec<String>,
    /// Whether keys in pages may read it without a constraint.
    is_public: bool,
    action: String,
    list: String,
    to: &'static str,
}

/// Where somebody goes who deleted this.
pub(super) fn address(
    here: &InProject,
    state: &AppState,
    kind: Kind,
    definition: &Value,
) -> String {
    let sealed = kind.taken().seal(here, state, definition);
    let pairs = query([("kind", kind.word()), ("definition", sealed.as_str())]);
    let place = here.address(&format!("/make-again?{pairs}"));
    match place.len() <= ADDRESS_BYTES_MAX {
        true => place,
        false => here.address(&format!("{}?done=deleted", kind.list().0)),
    }
}

/// A member of a definition.
fn member<'a>(definition: &'a Value, name: &str) -> Option<&'a Value> {
    definition.as_object()?.get(name)
}

/// The pools that a definition reads, each once.
fn pools(kind: Kind, definition: &Value) -> Vec<String> {
    let question = match kind {
        Kind::View => {
            let pool = member(definition, "pool").and_then(Value::as_str);
            return pool.map(str::to_owned).into_iter().collect();
        }
        Kind::Saved => SavedQueryDraft::restore(definition).map(|draft| draft.query),
        Kind::Dataset => DatasetDraft::restore(definition).map(|draft| draft.analysis()),
    };
    let sources = question.iter().flat_map(|question| question.sources());
    let mut pools: Vec<String> = sources.map(|source| source.pool.to_string()).collect();
    pools.sort_unstable();
    pools.dedup();
    pools
}

fn show(
    here: &InProject,
    kind: Kind,
    definition: &Value,
    form: Fields,
) -> Result<Response, ApiError> {
    let (list, gone, to, section) = kind.list();
    let name = member(definition, "name").and_then(Value::as_str);
    let name = name.unwrap_or("It").to_owned();
    let shown = Page {
        frame: Frame::of(format!("{name} is gone"), here, section),
        name,
        gone,
        kind: kind.word(),
        pools: pools(kind, definition),
        is_public: member(definition, "public") == Some(&Value::Boolean(true)),
        action: here.address("/make-again"),
        list: here.address(list),
        to,
        form,
    };
    shown.form.shown_in(&shown)
}

/// Says that it is gone, and offers to make it again.
///
/// # Errors
/// [`ApiError::not_found`] for what this session did not delete.
pub(super) async fn form(
    here: InProject,
    parameters: Parameters,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    here.require(Area::Definitions)?;
    let kind = parameters.get("kind").and_then(Kind::parse);
    match kind.zip(parameters.get("definition")) {
        None => Ok(go_to(&here.address(""))),
        Some((kind, sealed)) => {
            let definition = kind.taken().open(&here, &state, sealed)?;
            let form = Fields::blank().with("definition", sealed);
            show(&here, kind, &definition, form)
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
    let sealed = form.text("definition");
    let definition = kind.taken().open(&here, &state, sealed)?;
    match make(&here, (kind, &definition), &form, &state).await {
        Ok(response) => Ok(response),
        Err(error) => {
            let fields = Fields::typed(&form, &["definition"], &["code"]);
            show(&here, kind, &definition, fields.refused(error)?)
        }
    }
}

async fn make(
    here: &InProject,
    (kind, definition): (Kind, &Value),
    form: &Form,
    state: &AppState,
) -> Result<Response, ApiError> {
    let caller = here.caller(Area::Definitions)?;
    let control = state.control.proving(form.proof()?);
    let made = match kind {
        Kind::View => {
            let draft = views::draft(&here.definitions, definition)?;
            let made = control.create_view(&caller.0, draft).await;
            made.map(|view| format!("/views/{}?done=made", view.id))
        }
        Kind::Saved => {
            let draft = saved_queries::draft(&here.definitions, definition)?;
            let made = control.create_saved_query(&caller.0, draft).await;
            made.map(|saved| format!("/saved/{}?done=made", saved.id))
        }
        Kind::Dataset => {
            let draft = DatasetDraft::parse(definition)?;
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
        pools: vec![text.to_owned()],
        is_public: true,
        action: super::frame::address(text, "/x"),
        list: super::frame::address(text, "/x"),
        to: "",
    };
    vec![sample("again.html", &page)]
}
