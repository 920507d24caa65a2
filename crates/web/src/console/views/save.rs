//! Saving a view: what its form says when it is sent, whatever was shown of it before.

use axum::extract::State;
use axum::response::Response;
use control::{ControlError, Proof};
use model::document::merge_patch;
use model::fault::{Fault, FaultCode};
use model::people::Area;
use model::value::Value;
use model::views::ViewDraft;

use super::Readable;
use super::builder::Builder;
use super::impact::{digest, impact};
use super::make::{NO_POOL, PARAMETERS, placed, show, show_with};
use super::unsaved::{chosen_pool, without_nothing};
use crate::api::views::draft;
use crate::console::asking;
use crate::console::forms::{Fields, Form, Kept};
use crate::console::frame::query;
use crate::console::go_to;
use crate::console::visitor::InProject;
use crate::error::ApiError;
use crate::input::Parameters;
use crate::state::AppState;
use crate::step_up;

/// What a form chose.
struct Chosen {
    builder: Builder,
    /// The same as parameters, so that it is shown again.
    again: Parameters,
}

impl Chosen {
    fn of(here: &InProject, form: &Form) -> Result<Self, ApiError> {
        let chosen = form.pairs().filter(|(name, _)| PARAMETERS.contains(name));
        let pools = asking::pools(here).into_iter();
        Ok(Self {
            builder: Builder::typed(pools.map(|pool| pool.draft.name.to_string()), |name| {
                form.sent(name)
            }),
            again: Parameters::parse(&query(chosen), PARAMETERS)?,
        })
    }

    fn fields(&self, form: &Form) -> Fields {
        let fields = Fields::typed(form, &["name", "revision"], &["code"]);
        placed(fields, &self.builder)
    }

    /// The definition that it makes, with the name that was typed; what is not
    /// said is said to be nothing.
    fn definition(&self, here: &InProject, form: &Form) -> Result<Value, Fault> {
        let pools = asking::pools(here);
        let pool = chosen_pool(&pools, form.sent("pool"))
            .ok_or_else(|| Fault::new(FaultCode::UnknownResource, NO_POOL).at("/pool"))?;
        let definition = self.builder.to_value(pool)?;
        let named = definition.with("name", form.text("name").trim());
        Ok(Value::Object(named))
    }
}

/// What is wrong with a view of no field.
const NOTHING: &str = "choose what the view shows before it is saved";

/// Makes a view of what the form chooses.
pub(in crate::console) async fn create(
    State(state): State<AppState>,
    Kept(here, form, counts): Kept<InProject>,
) -> Result<Response, ApiError> {
    let caller = here.caller(Area::Definitions)?;
    let chosen = Chosen::of(&here, &form)?;
    let (fields, again) = (chosen.fields(&form), &chosen.again);
    if let Err(error) = counts {
        return show(&here, (fields.refused(error)?, again), None, &state).await;
    }
    if form.text("do") == "look" {
        return show(&here, (fields, again), None, &state).await;
    }
    if chosen.builder.is_untouched() {
        let fields = fields.broken("name", NOTHING);
        return show(&here, (fields, again), None, &state).await;
    }
    let read = chosen.definition(&here, &form).and_then(|definition| {
        let definition = match definition {
            Value::Object(definition) => without_nothing(definition),
            other => other,
        };
        read(&here, &form, &definition)
    });
    let (draft, proof) = match read {
        Ok(read) => read,
        Err(fault) => {
            return show(&here, (fields.refused(fault)?, again), None, &state).await;
        }
    };
    let control = state.control.proving(proof);
    match control.create_view(&caller.0, draft).await {
        Ok(view) => {
            let made = here.address(&format!("/views/{}?done=made", view.id));
            Ok(step_up::finish(&control, Ok(go_to(&made))))
        }
        Err(error) => show(&here, (fields.refused(error)?, again), None, &state).await,
    }
}

fn read(
    here: &InProject,
    form: &Form,
    definition: &Value,
) -> Result<(ViewDraft, Option<Proof>), Fault> {
    Ok((draft(&here.definitions, definition)?, form.proof()?))
}

/// Changes a view to what the form chooses, after a look at what that changes for the keys that
/// read it; what its page does not say stays as it is.
pub(in crate::console) async fn change(
    State(state): State<AppState>,
    Kept(here, form, counts): Kept<InProject>,
) -> Result<Response, ApiError> {
    let caller = here.caller(Area::Definitions)?;
    let readable = Readable::here(&here)?;
    let about = Some(&readable);
    let chosen = Chosen::of(&here, &form)?;
    let (fields, again) = (chosen.fields(&form), &chosen.again);
    if let Err(error) = counts {
        return show(&here, (fields.refused(error)?, again), about, &state).await;
    }
    if form.text("do") == "look" {
        return show(&here, (fields, again), about, &state).await;
    }
    if chosen.builder.is_untouched() {
        let fields = fields.broken("name", NOTHING);
        return show(&here, (fields, again), about, &state).await;
    }
    let read = chosen.definition(&here, &form).and_then(|patch| {
        let merged = merge_patch(&readable.view.draft.to_value(), &patch);
        read(&here, &form, &merged)
    });
    let (draft, proof) = match read {
        Ok(read) => read,
        Err(fault) => {
            return show(&here, (fields.refused(fault)?, again), about, &state).await;
        }
    };
    let seen = digest(&readable, &draft);
    // What is saved is what the page said of it, and of the view as it is now.
    let is_seen = form.text("seen") == seen;
    let fields = match is_seen {
        true => fields.with("seen", seen.as_str()),
        false => fields,
    };
    let is_current = form.text("revision") == readable.view.revision.to_string();
    if is_current && !is_seen {
        match impact(&here, &caller, &readable, &draft, &state).await {
            Ok(None) => {}
            Ok(impact) => {
                let fields = fields.with("seen", seen);
                return show_with(&here, (fields, again), about, impact, &state).await;
            }
            Err(error) => return show(&here, (fields.refused(error)?, again), about, &state).await,
        }
    }
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
        Err(error) => show(&here, (fields.refused(error)?, again), about, &state).await,
    }
}
