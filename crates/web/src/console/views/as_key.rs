//! A view as a key is answered: its own question by the permit of the person who
//! looks, held besides to what the key is shown. The rule: `model::permit::Shown`.

use std::sync::Arc;

use model::ids::KeyId;
use model::keys::KeyRecord;
use model::people::Area;
use model::permit::{On, Shown};
use model::pools::Pool;
use model::time::TimeZone;
use model::views::{Shape, View};

use super::Readable;
use super::builder::{Choice, USUAL};
use super::data::{self, request, size_of};
use crate::console::forms::sentence;
use crate::console::frame::segment;
use crate::console::pictures::{Chart, Size};
use crate::console::shown::Table;
use crate::console::visitor::InProject;
use crate::error::ApiError;
use crate::input::Parameters;
use crate::state::AppState;

/// Keys that may be chosen; more of them are looked at from their own pages.
const KEYS_MAX: usize = 200;

/// What a view answered, or why it did not.
#[derive(Default)]
pub(in crate::console) struct Answered {
    pub(in crate::console) table: Table,
    /// How many rows there are, in words.
    pub(in crate::console) size: String,
    pub(in crate::console) fault: Option<String>,
}

/// What the view answers by this permit.
///
/// # Errors
/// The data plane failed.
pub(super) async fn answered(
    readable: Result<Readable, ApiError>,
    parameters: &Parameters,
    state: &AppState,
) -> Result<Answered, ApiError> {
    let answered = async {
        let readable = readable?;
        let draft = &readable.view.draft;
        let request = request(draft, parameters)?;
        let data = data::read(&readable, &request, state).await?;
        Ok::<Answered, ApiError>(Answered {
            table: data.table(draft, request.interval),
            size: size_of(&data),
            fault: None,
        })
    };
    match answered.await {
        Err(error) if error.problem().status().is_server_error() => Err(error),
        Err(error) => Ok(Answered {
            fault: Some(sentence(error.problem().detail())),
            ..Answered::default()
        }),
        answered => answered,
    }
}

impl Readable {
    /// The same, held besides to what a key is shown.
    ///
    /// # Errors
    /// A fault where the person may not be told.
    pub(super) fn seen_by(&self, shown: &Shown) -> Result<Self, ApiError> {
        Ok(Self {
            view: Arc::clone(&self.view),
            pool: Arc::clone(&self.pool),
            permit: self.permit.clone().seen_by(shown)?,
        })
    }
}

/// What a view answers a key to whom this is shown of it, with its chart.
///
/// # Errors
/// The person may not read the view, or the data plane failed.
pub(in crate::console) async fn for_key(
    here: &InProject,
    (view, pool): (&Arc<View>, &Arc<Pool>),
    (key, shown): (KeyId, &Shown),
    state: &AppState,
) -> Result<(Answered, Option<Chart>, String), ApiError> {
    let readable = Readable::of(here, view, pool)?;
    let seen = readable.seen_by(shown);
    let answered = answered(seen, &Parameters::default(), state).await?;
    let name = &view.draft.name;
    let chart = readable.below(here, &format!("/chart.svg?as={key}"));
    let is_drawn = answered.fault.is_none() && is_drawn(&view.draft.shape);
    let chart = is_drawn.then(|| {
        let clock = clock_of(&view.draft.shape);
        Chart::at(&chart, Size::Large, format!("Chart of {name}")).over_time(clock.as_ref())
    });
    let page = readable.below(here, &format!("?as={key}"));
    Ok((answered, chart, page))
}

/// By which clock a view's rows are cut into intervals; `None` for one that has none.
pub(super) fn clock_of(shape: &Shape) -> Option<TimeZone> {
    matches!(shape, Shape::TimeSeries { .. }).then(TimeZone::utc)
}

/// Whether a view of this shape has a chart: records as they are have none.
pub(super) fn is_drawn(shape: &Shape) -> bool {
    *shape != Shape::Records
}

/// A key as which a view is looked at.
pub(super) struct AsKey {
    pub(super) id: KeyId,
    pub(super) name: String,
    shown: Shown,
}

/// What a key is shown of a view.
fn shown(
    here: &InProject,
    key: &Arc<KeyRecord>,
    readable: &Readable,
    state: &AppState,
) -> Option<Shown> {
    // Who is held to some rows sees no usage, whatever the grants say.
    let on = On::View(Some((&readable.view, &readable.pool)));
    if on.reads_usage() && key.within().is_some() {
        return None;
    }
    let in_force = here.definitions.in_force(key);
    Shown::by(key.draft().kind, in_force.grants(), on, state.clock.now())
}

impl AsKey {
    /// The key that the parameter `as` names, for whom the pages of keys are.
    ///
    /// # Errors
    /// [`ApiError::not_found`] for one that the person may not know, and one that does not read
    /// the view.
    pub(super) fn chosen(
        here: &InProject,
        readable: &Readable,
        parameters: &Parameters,
        state: &AppState,
    ) -> Result<Option<Self>, ApiError> {
        let Some(id) = parameters.get("as").filter(|id| !id.is_empty()) else {
            return Ok(None);
        };
        here.caller(Area::Keys)?;
        let key = KeyId::parse(id).ok();
        let key = key.and_then(|id| here.definitions.key(id));
        let key = key.filter(|key| here.access.knows(key));
        let key = key.ok_or_else(ApiError::not_found)?;
        let shown = shown(here, key, readable, state).ok_or_else(ApiError::not_found)?;
        Ok(Some(Self {
            id: key.id(),
            name: key.draft().name.clone(),
            shown,
        }))
    }

    /// What lets the person read the view as the key.
    ///
    /// # Errors
    /// A fault where the person may not be told.
    pub(super) fn readable(&self, own: &Readable) -> Result<Readable, ApiError> {
        own.seen_by(&self.shown)
    }
}

/// The keys as which the person may look at the view, by their names; none for whom keys are not.
pub(super) fn choices(
    here: &InProject,
    readable: &Readable,
    chosen: Option<&AsKey>,
    state: &AppState,
) -> Vec<Choice> {
    if !here.may(Area::Keys) {
        return Vec::new();
    }
    let keys = here.definitions.keys();
    let keys = keys.filter(|key| here.access.knows(key));
    let keys = keys.filter(|key| shown(here, key, readable, state).is_some());
    let mut choices: Vec<Choice> = keys
        .map(|key| Choice {
            value: key.id().to_string(),
            label: format!("as key {}", key.draft().name),
            is_chosen: chosen.is_some_and(|chosen| chosen.id == key.id()),
        })
        .collect();
    choices.sort_by(|a, b| a.label.cmp(&b.label));
    choices.truncate(KEYS_MAX);
    if !choices.is_empty() {
        let own = Choice {
            value: String::new(),
            label: "as yourself".to_owned(),
            is_chosen: chosen.is_none(),
        };
        choices.insert(0, own);
    }
    choices
}

/// The part of an address that says as whom.
pub(super) fn in_address(chosen: Option<&AsKey>) -> String {
    chosen.map_or_else(String::new, |key| {
        format!("&as={}", segment(&key.id.to_string()))
    })
}

/// The range that parameters choose, or the usual one.
pub(super) fn range_of(parameters: &Parameters) -> (String, String) {
    let chosen = |name: &str, usual: &'static str| match parameters.get(name) {
        Some(text) if !text.is_empty() => text.to_owned(),
        _ => usual.to_owned(),
    };
    (chosen("timeframe", USUAL.0), chosen("interval", USUAL.1))
}

#[cfg(test)]
impl Answered {
    pub(in crate::console) fn sample(text: &str) -> Self {
        Self {
            table: crate::console::shown::sample(text),
            size: text.to_owned(),
            fault: Some(text.to_owned()),
        }
    }
}
