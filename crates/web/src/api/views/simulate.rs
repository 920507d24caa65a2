//! What keys would see of a view after a change of it that is not saved. What
//! the caller may be told of it: `model::permit::Shown`.

mod readers;
mod schemas;

use readers::{Asking, compare, sights, stays};
pub(crate) use readers::{Readers, Stopped, Whom};
use schemas::request;
pub(super) use schemas::schema;

use axum::extract::State;
use axum::response::Response;
use control::Definitions;
use http::StatusCode;
use model::credits::Tier;
use model::document::{Document, merge_patch};
use model::filters::Constraint;
use model::grants::VisibleFields;
use model::ids::ViewId;
use model::people::Area;
use model::permit::Admin;
use model::value::{Object, Value};
use model::views::{View, ViewDraft, answered};

use super::{draft, find};
use crate::api::keys::{Counted, Untold, with_fields, with_rows};
use crate::caller::{Caller, Named};
use crate::error::ApiError;
use crate::input::OptionalJsonBody;
use crate::openapi::Operation;
use crate::state::AppState;

/// Describes [`simulate`].
pub(crate) fn simulate_operation() -> Operation {
    Operation::new(
        "simulateView",
        "Which keys read the view and what they see of it, among the rows that the calling key sees; and what they would gain and lose by a change.",
    )
    .takes_content(false, request())
    .answers(200, "What the keys see.", "ViewSimulation")
    .problems([409])
}

/// What a view is, and would be after a change.
#[derive(Debug)]
pub(crate) struct Simulation {
    is_change: bool,
    /// Its tier now and afterwards.
    pub(crate) tier: [Tier; 2],
    /// Whether it is public now and afterwards.
    pub(crate) public: [bool; 2],
    /// How many of the caller's rows it is about, before any key's constraint.
    pub(crate) rows: Result<Counted, Untold>,
    /// What it answers whom sees every field, and what the change gives and takes of that.
    pub(crate) fields: [Vec<String>; 3],
    /// The keys that read it; `None` for a person for whom keys are not.
    pub(crate) readers: Option<Readers>,
    /// Whether the view itself stays what it is, but for its name and the order of its answers.
    is_same: bool,
}

impl Simulation {
    /// Whether the change is one of which nobody who reads the view sees anything, as far as the
    /// caller may know of them.
    pub(crate) fn is_same(&self) -> bool {
        let readers = self.readers.as_ref();
        self.is_same && readers.is_none_or(|readers| readers.is_same)
    }

    fn to_object(&self, view: ViewId) -> Object {
        let is_change = self.is_change;
        let [tier, tier_after] = self.tier.map(Tier::name);
        let [public, public_after] = self.public;
        let mut told = Object::new()
            .with("view", view.to_string())
            .with("changed", is_change)
            .with("tier", tier)
            .with("public", public);
        if is_change {
            told = told
                .with("tier_after", tier_after)
                .with("public_after", public_after);
        }
        let told = told.with("among", self.rows.ok().map(|rows| rows.among));
        let told = with_rows(told, self.rows, is_change);
        let told = with_fields(told, &self.fields, is_change);
        let Some(readers) = &self.readers else {
            return told.with("keys", Value::Null);
        };
        let keys = readers.told.iter();
        let keys: Vec<Object> = keys.map(|key| key.to_object(is_change)).collect();
        let stopped = readers.stopped.map(|stopped| match stopped {
            Stopped::Keys => "keys",
            Stopped::Time => "time",
        });
        told.with("keys", keys)
            .with("keys_left", readers.left as u64)
            .with("stopped", stopped)
    }
}

/// Which keys read the view and what they see of it, and would after a change.
pub(crate) async fn simulate(
    caller: Caller<Admin>,
    Named(name): Named,
    State(state): State<AppState>,
    OptionalJsonBody(body): OptionalJsonBody,
) -> Result<Response, ApiError> {
    let mut document = Document::new(&body)?;
    let change = document.optional("change");
    document.finish()?;
    let definitions = caller.definitions(&state);
    let view = find(&definitions, &name)?;
    let draft = match change {
        None => None,
        Some(patch) => {
            let merged = merge_patch(&view.draft.to_value(), patch);
            Some(draft(&definitions, &merged)?)
        }
    };
    let asked = (draft, Whom::All);
    let seen = simulated(&caller, &state, &definitions, view, asked).await?;
    let answer = Value::Object(seen.to_object(view.id));
    Ok(crate::api::json(StatusCode::OK, &answer))
}

/// What keys see of a view of these definitions among the caller's rows, and
/// after a change to the draft, which is not saved.
///
/// # Errors
/// Those with which the change would be refused, and those of the data plane.
pub(crate) async fn simulated(
    caller: &Caller<Admin>,
    state: &AppState,
    definitions: &Definitions,
    view: &View,
    (draft, whom): (Option<ViewDraft>, Whom),
) -> Result<Simulation, ApiError> {
    let is_change = draft.is_some();
    // As it would be saved, or refused.
    let changed = match draft {
        None => definitions.clone(),
        Some(draft) => definitions.with_changed_view(view, draft)?,
    };
    let both = [definitions, &changed];
    let [Some((before, pool)), Some((after, _))] = both.map(|of| of.view_by_id(view.id)) else {
        return Err(ApiError::not_found());
    };
    let views = [&**before, &**after];
    let access = caller.0.access();
    let asking = Asking::of(access, state, pool, (is_change, whom)).await?;
    let about = views.map(about);
    let rows = asking.rows([Some(&about[0]), Some(&about[1])]).await?;
    let exposed = views.map(|view| answered(&view.draft, pool, &VisibleFields::All));
    let fields = compare([&exposed[0], &exposed[1]]);
    // A developer changes views, and is told of no keys.
    let is_told = access.person().is_none_or(|person| person.may(Area::Keys));
    let readers = match is_told {
        true => Some(asking.readers(sights(access, state, both, view.id)).await?),
        false => None,
    };
    let tier = views.map(|view| view.tier(pool));
    let public = views.map(|view| view.draft.public);
    let is_same = about[0] == about[1]
        && stays(&fields)
        && before.draft.shape == after.draft.shape
        && tier[0] == tier[1]
        && public[0] == public[1];
    Ok(Simulation {
        is_change,
        tier,
        public,
        rows,
        fields,
        readers,
        is_same,
    })
}

/// The rows that a view is about.
fn about(view: &View) -> Constraint {
    match &view.draft.filters {
        Some(filter) => Constraint::Rows(filter.clone()),
        None => Constraint::AllRows,
    }
}

#[cfg(test)]
mod tests;
