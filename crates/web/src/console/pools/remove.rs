//! Records that are to go: which, how many, and only then that they do.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use model::analyses::{Analysis, Answer, Results};
use model::fault::{Fault, FaultCode};
use model::filters::parse_list;
use model::people::Area;
use model::permit::{Delete, On};
use model::pools::Pool;
use model::value::{Object, Value};

use super::{Added, below};
use crate::console::asking::{self, Numbers, ask};
use crate::console::filters::{self, Filters};
use crate::console::forms::{Fields, Sent};
use crate::console::frame::{Frame, Section};
use crate::console::shown::{Table, counted};
use crate::console::visitor::InProject;
use crate::error::ApiError;
use crate::input::Parameters;
use crate::state::AppState;

/// The conditions, whether all records are meant, how many went a moment ago, and whether records
/// are shown with what the server added to them.
pub(in crate::console) const PARAMETERS: &[&str] = &[
    "f1", "o1", "v1", "f2", "o2", "v2", "f3", "o3", "v3", "f4", "o4", "v4", "f5", "o5", "v5", "f6",
    "o6", "v6", "filters", "which", "gone", "added",
];

/// Of the records that would go, so many are shown.
const SHOWN: u64 = 5;

/// What would be destroyed.
struct Preview {
    count: String,
    is_none: bool,
    /// Every condition in words; empty for all records.
    conditions: Vec<String>,
    /// What is sent when it is agreed to.
    definition: String,
    rows: Table,
    added: Added,
}

#[derive(Template)]
#[template(path = "console/remove.html")]
struct Page {
    frame: Frame,
    form: Fields,
    filters: Filters,
    is_all: bool,
    fields: Vec<String>,
    name: String,
    records: String,
    action: String,
    back: String,
    preview: Option<Preview>,
    gone: Option<String>,
}

struct Chosen {
    filters: Filters,
    is_all: bool,
    preview: Option<Preview>,
    gone: Option<String>,
}

async fn show(
    here: &InProject,
    pool: &std::sync::Arc<Pool>,
    form: Fields,
    chosen: Chosen,
    state: &AppState,
) -> Result<Response, ApiError> {
    let numbers = Numbers::of(here, pool, state).await;
    let declared = pool.draft.schema.declared().iter();
    let shown = Page {
        frame: Frame::of(
            format!("Delete records of {}", pool.draft.name),
            here,
            Section::Pools,
        ),
        filters: chosen.filters,
        is_all: chosen.is_all,
        fields: declared
            .map(|field| field.path.as_str().to_owned())
            .collect(),
        name: pool.draft.name.to_string(),
        records: numbers.records(),
        action: below(here, pool, "/remove"),
        back: below(here, pool, ""),
        preview: chosen.preview,
        gone: chosen.gone,
        form,
    };
    shown.form.shown_in(&shown)
}

fn about(pool: &Pool, filters: Option<&Value>) -> Object {
    let question = Object::new().with("pool", pool.draft.name.as_str());
    match filters {
        None => question,
        Some(filters) => question.with("filters", filters.clone()),
    }
}

/// How many records the conditions admit, and the first of them.
async fn preview(
    here: &InProject,
    pool: &Pool,
    (filters, added): (Option<&Value>, Added),
    state: &AppState,
) -> Result<Preview, ApiError> {
    let count = about(pool, filters).with("analysis", "count");
    let count = Analysis::parse(&Value::Object(count))?;
    let count = match ask(here, &count, state).await? {
        Answer::Measured(measured) => match measured.results {
            Results::Whole(results) => match results[..] {
                [Value::Integer(count)] => count,
                _ => 0,
            },
            _ => 0,
        },
        _ => 0,
    };
    let rows = about(pool, filters)
        .with("analysis", "extraction")
        .with("latest", SHOWN);
    let rows = Analysis::parse(&Value::Object(rows))?;
    let rows = match ask(here, &rows, state).await? {
        Answer::Rows(rows) => rows,
        _ => Vec::new(),
    };
    let all = Value::from("all");
    Ok(Preview {
        count: counted(count, "record", "records"),
        is_none: count == 0,
        conditions: filters::in_words(filters),
        definition: model::json::to_text(filters.unwrap_or(&all)),
        rows: added.table(here, &rows),
        added,
    })
}

/// Asks which records are to go, and says how many those are.
pub(in crate::console) async fn remove_form(
    here: InProject,
    parameters: Parameters,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    here.require(Area::WriteRecords)?;
    let pool = asking::pool_here(&here)?;
    let mut chosen = Chosen {
        filters: Filters::typed(|name| parameters.get(name)),
        is_all: parameters.get("which") == Some("all"),
        preview: None,
        gone: parameters.get("gone").and_then(|gone| {
            let gone: i128 = gone.parse().ok()?;
            Some(counted(gone, "record is gone", "records are gone"))
        }),
    };
    let mut form = Fields::blank();
    let read = chosen.filters.to_value(&pool.draft.schema);
    let wanted = match (read, chosen.is_all) {
        (Err(fault), _) => {
            chosen.filters = chosen.filters.broken(fault);
            None
        }
        (Ok(None), true) => Some(None),
        (Ok(Some(_)), true) => {
            let rule = "choose either all records or conditions";
            form = form.broken("which", rule);
            chosen.filters.error =
                Some("Either all records go, or those that fit conditions.".to_owned());
            None
        }
        (Ok(filters), false) => filters.map(Some),
    };
    if let Some(filters) = wanted {
        let others = parameters.iter();
        let others = others.filter(|(name, _)| !["added", "gone"].contains(name));
        let added = Added::chosen(&parameters, &below(&here, &pool, "/remove"), others);
        match preview(&here, &pool, (filters.as_ref(), added), &state).await {
            Ok(preview) => chosen.preview = Some(preview),
            Err(error) => form = form.refused(error)?,
        }
    }
    show(&here, &pool, form, chosen, &state).await
}

/// Deletes the records that the page named.
pub(in crate::console) async fn remove(
    State(state): State<AppState>,
    Sent(here, form): Sent<InProject>,
) -> Result<Response, ApiError> {
    here.require(Area::WriteRecords)?;
    let pool = asking::pool_here(&here)?;
    let permit = here.access.permit::<Delete>(On::Pool(Some(&pool)))?;
    let definition = form.text("definition");
    let read = model::json::parse(definition.as_bytes());
    let wanted = match read {
        Ok(value) if value.as_str() == Some("all") => Ok(None),
        Ok(list) => parse_list(&list).map(Some),
        Err(_) => {
            let rule =
                "say which records are to go, and look at how many those are, before they do";
            Err(Fault::new(FaultCode::MissingMember, rule))
        }
    };
    let deleted = match wanted.and_then(|filter| permit.constrain(filter)) {
        Ok(request) => state.plane.delete(request).await.map_err(ApiError::from),
        Err(fault) => Err(fault.into()),
    };
    match deleted {
        Ok(gone) => {
            let own = below(&here, &pool, "/remove");
            Ok(crate::console::go_to(&format!("{own}?gone={gone}")))
        }
        Err(error) => {
            // The conditions as they were agreed to.
            let list = model::json::parse(definition.as_bytes()).unwrap_or(Value::Null);
            let said = match &list {
                Value::Array(_) => Filters::fields_of(&list, &pool.draft.schema),
                _ => Vec::new(),
            };
            let said = |name: &str| {
                let found = said.iter().find(|(field, _)| *field == name);
                found.map(|(_, value)| value.as_str())
            };
            let chosen = Chosen {
                filters: Filters::typed(said),
                is_all: list.as_str() == Some("all"),
                preview: None,
                gone: None,
            };
            let form = Fields::blank().refused(error)?;
            show(&here, &pool, form, chosen, &state).await
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
        form: form(text, &[]),
        filters: filters::sample(text),
        is_all: false,
        fields: vec![text.to_owned()],
        name: text.to_owned(),
        records: text.to_owned(),
        action: place(),
        back: place(),
        preview: Some(Preview {
            count: text.to_owned(),
            is_none: false,
            conditions: vec![text.to_owned()],
            definition: text.to_owned(),
            rows: crate::console::shown::sample(text),
            added: Added::sample(text),
        }),
        gone: Some(text.to_owned()),
    };
    vec![sample("remove.html", &page)]
}
