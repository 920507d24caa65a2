//! Another view, and changes of one: what is chosen is shown at once, and what
//! is shown is what is saved.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use control::ControlError;
use model::document::merge_patch;
use model::people::Area;
use model::pools::Pool;
use model::value::{Object, Value};

use super::Readable;
use super::builder::Builder;
use super::data::{self, request, size_of};
use super::unsaved::{NAMELESS, chosen_pool, readable_of, without_nothing};
use crate::api::views::draft;
use crate::console::asking;
use crate::console::forms::{Fields, Form, Sent};
use crate::console::frame::{Frame, Section, query};
use crate::console::go_to;
use crate::console::pictures::{Chart, Size};
use crate::console::shown::{Table, pretty};
use crate::console::visitor::InProject;
use crate::error::ApiError;
use crate::input::Parameters;
use crate::state::AppState;
use crate::step_up;

macro_rules! names {
    ($(#[$doc:meta])* $visible:vis $name:ident $(, $more:literal)*) => {
        $(#[$doc])*
        $visible const $name: &[&str] = &[
            "pool", "shape", "interval_field", "nested", "order", "direction", "timeframe",
            "interval", "filters", "name", "revision",
            "g1", "r1", "p1", "a1", "g2", "r2", "p2", "a2", "g3", "r3", "p3", "a3",
            "g4", "r4", "p4", "a4", "g5", "r5", "p5", "a5", "g6", "r6", "p6", "a6",
            "g7", "r7", "p7", "a7", "g8", "r8", "p8", "a8", "g9", "r9", "p9", "a9",
            "g10", "r10", "p10", "a10", "g11", "r11", "p11", "a11", "g12", "r12", "p12", "a12",
            "f1", "o1", "v1", "f2", "o2", "v2", "f3", "o3", "v3",
            "f4", "o4", "v4", "f5", "o5", "v5", "f6", "o6", "v6",
            $($more,)*
        ];
    };
}

names! {
    /// What is chosen.
    pub(in crate::console) PARAMETERS
}
names! {
    /// The same, and how its chart is to look.
    pub(super) CHART_PARAMETERS, "theme", "size"
}

/// What a definition shows.
struct Preview {
    table: Table,
    size: String,
    shown: usize,
    chart: Chart,
    /// The definition without a name, as it is sent when it is saved.
    definition: String,
    /// The same for people.
    pretty: String,
}

#[derive(Template)]
#[template(path = "console/view_builder.html")]
struct Page {
    frame: Frame,
    form: Fields,
    builder: Builder,
    /// The names of fields to choose from.
    fields: Vec<String>,
    /// The view that is changed; `None` for another one.
    changed: Option<String>,
    has_pools: bool,
    is_too_long: bool,
    look: String,
    save: String,
    back: String,
    preview: Option<Preview>,
    /// Why there is nothing to show.
    fault: Option<String>,
}

async fn preview(
    here: &InProject,
    builder: &Builder,
    (pool, parameters): (&Arc<Pool>, &Parameters),
    state: &AppState,
) -> Result<Preview, ApiError> {
    let definition = builder.to_value(pool)?;
    let readable = readable_of(here, &definition, pool, state)?;
    let draft = &readable.view.draft;
    let data = data::read(&readable, &request(draft, parameters)?, state).await?;
    let (_, shown) = data.size();
    let said = without_nothing(definition.clone());
    let chart = format!(
        "{}?{}",
        here.address("/new-view/chart.svg"),
        query(parameters.iter())
    );
    Ok(Preview {
        table: data.table(draft),
        size: size_of(&data),
        shown,
        chart: Chart::at(&chart, Size::Medium, "Chart of the view")
            .over_time(super::as_key::clock_of(&draft.shape).as_ref()),
        definition: model::json::to_text(&Value::Object(definition)),
        pretty: pretty(&said),
    })
}

async fn show(
    here: &InProject,
    (form, parameters): (Fields, &Parameters),
    changed: Option<&Readable>,
    state: &AppState,
) -> Result<Response, ApiError> {
    let pools = asking::pools(here);
    let stored = changed.filter(|_| parameters.get("shape").is_none());
    let stored = stored
        .map(|readable| Builder::fields_of(&readable.view.draft, &readable.pool.draft.schema));
    let is_too_long = matches!(stored, Some(None));
    let text = stored.flatten().map(|fields| query(pairs(&fields)));
    // As if the stored one had been chosen by hand.
    let parameters = match &text {
        Some(text) => &Parameters::parse(text, PARAMETERS)?,
        None => parameters,
    };
    let names = pools.iter().map(|pool| pool.draft.name.to_string());
    let builder = Builder::typed(names, |name| parameters.get(name));
    let pool = chosen_pool(&pools, parameters.get("pool"));
    let mut fields = Vec::new();
    let (mut shown, mut fault) = (None, None);
    if pool.is_none() && !pools.is_empty() {
        fault = Some("There is no such pool for you.".to_owned());
    }
    if let Some(pool) = pool {
        let seen = asking::fields(here, pool, state).await?;
        let seen = seen.into_iter().take(asking::FIELDS_MAX);
        fields = seen.map(|field| field.name).collect();
        if !builder.is_untouched() {
            match preview(here, &builder, (pool, parameters), state).await {
                Ok(preview) => shown = Some(preview),
                Err(error) if error.problem().status().is_server_error() => return Err(error),
                Err(error) => {
                    fault = Some(crate::console::forms::sentence(error.problem().detail()))
                }
            }
        }
    }
    let title = match changed {
        None => "New view".to_owned(),
        Some(readable) => format!("Change {}", readable.view.draft.name),
    };
    let own = match changed {
        None => here.address("/new-view"),
        Some(readable) => readable.below(here, "/change"),
    };
    let page = Page {
        frame: Frame::of(title, here, Section::Views),
        builder,
        fields,
        changed: changed.map(|readable| readable.view.draft.name.to_string()),
        has_pools: !pools.is_empty(),
        is_too_long,
        look: own.clone(),
        save: own,
        back: match changed {
            None => here.address("/views"),
            Some(readable) => readable.below(here, ""),
        },
        preview: shown,
        fault,
        form,
    };
    page.form.shown_in(&page)
}

/// The page that builds a view.
pub(in crate::console) async fn create_form(
    here: InProject,
    parameters: Parameters,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    here.caller(Area::Definitions)?;
    let form = Fields::blank().with("name", parameters.get("name").unwrap_or_default());
    show(&here, (form, &parameters), None, &state).await
}

/// The definition that a form brought, with the name that was typed.
fn sent(form: &Form) -> Option<Value> {
    let sent = model::json::parse(form.text("definition").as_bytes()).ok()?;
    let Value::Object(object) = sent else {
        return None;
    };
    Some(Value::Object(object.with("name", form.text("name").trim())))
}

fn pairs<'a>(fields: &'a [(&'static str, String)]) -> impl Iterator<Item = (&'a str, &'a str)> {
    fields.iter().map(|(name, value)| (*name, value.as_str()))
}

/// The choices of the definition that a form brought, so that it is shown again.
fn chosen_again(here: &InProject, definition: &Value) -> Option<Parameters> {
    let Value::Object(object) = definition.clone() else {
        return None;
    };
    let members = object.into_members().into_iter();
    let members = members.filter(|(name, _)| name != "name");
    let members = members.fold(Object::new(), |all, (name, value)| all.with(name, value));
    let named = without_nothing(members.with("name", NAMELESS));
    let draft = draft(&here.definitions, &named).ok()?;
    let pool = here.definitions.pool(draft.pool.as_str())?;
    let fields = Builder::fields_of(&draft, &pool.draft.schema)?;
    Parameters::parse(&query(pairs(&fields)), PARAMETERS).ok()
}

fn fields_of(form: &Form) -> Fields {
    Fields::typed(form, &["name", "revision"], &["code"])
}

/// Makes a view.
pub(in crate::console) async fn create(
    State(state): State<AppState>,
    Sent(here, form): Sent<InProject>,
) -> Result<Response, ApiError> {
    let caller = here.caller(Area::Definitions)?;
    let fields = fields_of(&form);
    let definition = sent(&form).unwrap_or(Value::Null);
    let again = chosen_again(&here, &definition).unwrap_or_default();
    let Value::Object(object) = definition else {
        let fields = fields.broken("name", "choose what the view shows before it is saved");
        return show(&here, (fields, &again), None, &state).await;
    };
    let read = draft(&here.definitions, &without_nothing(object));
    let read = read.and_then(|draft| Ok((draft, form.proof()?)));
    let (draft, proof) = match read {
        Ok(read) => read,
        Err(fault) => {
            return show(&here, (fields.refused(fault)?, &again), None, &state).await;
        }
    };
    let control = state.control.proving(proof);
    match control.create_view(&caller.0, draft).await {
        Ok(view) => {
            let made = here.address(&format!("/views/{}?done=made", view.id));
            Ok(step_up::finish(&control, Ok(go_to(&made))))
        }
        Err(error) => show(&here, (fields.refused(error)?, &again), None, &state).await,
    }
}

/// The page that changes a view.
pub(in crate::console) async fn change_form(
    here: InProject,
    parameters: Parameters,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    here.caller(Area::Definitions)?;
    let readable = Readable::here(&here)?;
    let draft = &readable.view.draft;
    let revision = readable.view.revision.to_string();
    // What was typed, and what was looked at, while something else was chosen.
    let form = Fields::blank()
        .with(
            "name",
            parameters.get("name").unwrap_or(draft.name.as_str()),
        )
        .with("revision", parameters.get("revision").unwrap_or(&revision));
    show(&here, (form, &parameters), Some(&readable), &state).await
}

/// Changes a view; what its page does not say stays as it is.
pub(in crate::console) async fn change(
    State(state): State<AppState>,
    Sent(here, form): Sent<InProject>,
) -> Result<Response, ApiError> {
    let caller = here.caller(Area::Definitions)?;
    let readable = Readable::here(&here)?;
    let fields = fields_of(&form);
    let Some(patch) = sent(&form) else {
        let fields = fields.broken("name", "choose what the view shows before it is saved");
        let nothing = Parameters::default();
        return show(&here, (fields, &nothing), Some(&readable), &state).await;
    };
    let again = chosen_again(&here, &patch).unwrap_or_default();
    let merged = merge_patch(&readable.view.draft.to_value(), &patch);
    let read = draft(&here.definitions, &merged);
    let read = read.and_then(|draft| Ok((draft, form.proof()?)));
    let (draft, proof) = match read {
        Ok(read) => read,
        Err(fault) => {
            let form = fields.refused(fault)?;
            return show(&here, (form, &again), Some(&readable), &state).await;
        }
    };
    let control = state.control.proving(proof);
    let changed = match form.text("revision").parse().ok() {
        Some(known) => {
            let id = readable.view.id;
            control.change_view(&caller.0, id, Some(known), draft).await
        }
        None => Err(ControlError::StaleRevision),
    };
    match changed {
        Ok(_) => {
            let own = readable.below(&here, "?done=changed");
            Ok(step_up::finish(&control, Ok(go_to(&own))))
        }
        Err(error) => {
            let form = fields.refused(error)?;
            show(&here, (form, &again), Some(&readable), &state).await
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
        form: form(text, &["name", "revision", "code"]),
        builder: super::builder::sample(text),
        fields: vec![text.to_owned()],
        changed: Some(text.to_owned()),
        has_pools: true,
        is_too_long: true,
        look: place(),
        save: place(),
        back: place(),
        preview: Some(Preview {
            table: crate::console::shown::sample(text),
            size: text.to_owned(),
            shown: 1,
            chart: crate::console::pictures::sample(text),
            definition: text.to_owned(),
            pretty: text.to_owned(),
        }),
        fault: Some(text.to_owned()),
    };
    vec![sample("view_builder.html", &page)]
}
