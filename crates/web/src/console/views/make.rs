//! Another view, and changes of one: what is chosen is shown at once, and the
//! same choices are what is saved, whatever was shown of them.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use model::people::Area;
use model::pools::Pool;

use super::Readable;
use super::as_key;
use super::builder::Builder;
use super::data::{self, request, size_of};
#[cfg(test)]
use super::impact::Counts;
use super::impact::Impact;
use super::unsaved::{chosen_pool, readable_of, without_nothing};
use crate::console::asking;
use crate::console::definition::Definition;
use crate::console::filters::of_row;
use crate::console::forms::{Fields, Wrong, is_broken, said_of};
use crate::console::frame::{Frame, Section, query};
use crate::console::pictures::{Chart, Size};
use crate::console::shown::{Now, Table, pretty};
use crate::console::visitor::InProject;
use crate::error::ApiError;
use crate::input::Parameters;
use crate::state::AppState;

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

/// What is wrong with a view of a pool that is not there.
pub(super) const NO_POOL: &str = "there is no such pool for you";

/// What a definition shows.
struct Preview {
    table: Table,
    size: String,
    chart: Option<Chart>,
    /// The definition without a name.
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
    /// What saving it would change, where that is said before; then nothing else is shown of it.
    impact: Option<Impact>,
    /// Why there is nothing to show.
    fault: Option<String>,
    /// The fields of the form that this is about.
    wrong: Wrong,
    /// What the view is now, when what was typed is about something older.
    now: Option<Now>,
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
    let request = request(draft, parameters)?;
    let data = data::read(&readable, &request, state).await?;
    let said = without_nothing(definition.clone());
    let chart = format!(
        "{}?{}",
        here.address("/new-view/chart.svg"),
        query(parameters.iter())
    );
    Ok(Preview {
        table: data.table(draft, request.interval),
        size: size_of(&data),
        chart: as_key::is_drawn(&draft.shape).then(|| {
            Chart::at(&chart, Size::Medium, "Chart of the view")
                .over_time(as_key::clock_of(&draft.shape).as_ref())
        }),
        pretty: pretty(&said),
    })
}

/// The form in which errors of a definition are said at the rows that they are about.
pub(super) fn placed(form: Fields, builder: &Builder) -> Fields {
    let places = builder.places().into_iter();
    places.fold(form.naming(PARAMETERS), |form, (pointer, field)| {
        form.placed(pointer, field)
    })
}

/// What is wrong with what was chosen, and at which fields of the form.
fn marks(form: &Fields, builder: &Builder) -> (Option<String>, Wrong) {
    let own = ["name", "revision", "code"];
    let wrong = form.wrong().filter(|(name, _)| !own.contains(name));
    let wrong: Vec<(&'static str, &str)> = wrong.collect();
    let said = wrong.first().map(|(name, rule)| {
        let condition = builder.filters.row_of(name);
        match (builder.row_of(name), condition) {
            (Some(row), _) => of_row("Field", row, rule),
            (_, Some(row)) => of_row("Condition", row, rule),
            _ => (*rule).to_owned(),
        }
    });
    let names = wrong.into_iter().map(|(name, _)| name);
    (said, Wrong(names.collect()))
}

pub(super) async fn show(
    here: &InProject,
    form: (Fields, &Parameters),
    changed: Option<&Readable>,
    state: &AppState,
) -> Result<Response, ApiError> {
    show_with(here, form, changed, None, state).await
}

/// The page with what saving would change.
pub(super) async fn show_with(
    here: &InProject,
    (form, parameters): (Fields, &Parameters),
    changed: Option<&Readable>,
    impact: Option<Impact>,
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
    let mut builder = Builder::typed(names, |name| parameters.get(name));
    let pool = chosen_pool(&pools, parameters.get("pool"));
    let mut form = placed(form, &builder);
    let mut fields = Vec::new();
    let (mut shown, mut failed) = (None, None);
    if let Some(pool) = pool {
        fields = asking::names(here, pool, state).await?;
        fields.truncate(asking::FIELDS_MAX);
        if !builder.is_untouched() && impact.is_none() {
            match preview(here, &builder, (pool, parameters), state).await {
                Ok(preview) => shown = Some(preview),
                Err(error) if is_broken(&error) => return Err(error),
                // What it was refused for already is not said twice.
                Err(_) if form.is_wrong() => {}
                Err(error) if error.problem().status().is_server_error() => {
                    failed = Some(said_of(&error));
                    form = form.with_status_of(&error);
                }
                Err(error) => form = form.marked(&error),
            }
        }
    } else if !pools.is_empty() {
        form = form.broken("pool", NO_POOL);
    }
    let (fault, wrong) = marks(&form, &builder);
    let fault = fault.or(failed);
    builder.filters = builder.filters.marked(&form);
    let now = changed.filter(|_| form.is_stale()).map(|readable| Now {
        lines: vec![("Name", readable.view.draft.name.to_string())],
        definition: Some(Definition::of_view(&readable.view, &readable.pool)),
    });
    let (title, own, back) = match changed {
        None => (
            "New view".to_owned(),
            here.address("/new-view"),
            here.address("/views"),
        ),
        Some(readable) => (
            format!("Change {}", readable.view.draft.name),
            readable.below(here, "/change"),
            readable.below(here, ""),
        ),
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
        back,
        preview: shown,
        impact,
        fault,
        wrong,
        now,
        form: match changed {
            Some(readable) => form.renewed(readable.view.revision),
            None => form,
        },
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

fn pairs<'a>(fields: &'a [(&'static str, String)]) -> impl Iterator<Item = (&'a str, &'a str)> {
    fields.iter().map(|(name, value)| (*name, value.as_str()))
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

#[cfg(test)]
pub(super) fn sample(text: &str) -> Vec<crate::console::samples::Sample> {
    use crate::console::frame::address;
    use crate::console::samples::{form, frame, sample};
    let place = || address(text, "/x");
    let page = |impact: Impact| Page {
        frame: frame(text),
        form: form(text, &["name", "revision", "seen", "code"]),
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
            chart: Some(crate::console::pictures::sample(text)),
            pretty: text.to_owned(),
        }),
        impact: Some(impact),
        fault: Some(text.to_owned()),
        wrong: Wrong(vec!["g1", "r1", "p1", "a1", "order"]),
        now: Some(Now {
            lines: vec![("", text.to_owned())],
            definition: Some(crate::console::definition::sample(text)),
        }),
    };
    vec![
        sample(
            "view_builder.html",
            &page(Impact::Counted(Counts::sample(text))),
        ),
        sample("view_builder.html", &page(Impact::NotNow)),
    ]
}
