//! A question under a name: a saved query, one whose answers are kept, or a dataset.

use axum::extract::State;
use axum::response::Response;
use model::datasets::DatasetDraft;
use model::fault::{Fault, FaultCode};
use model::ids::SavedQueryId;
use model::people::Area;
use model::saved_queries::{SavedQuery, SavedQueryDraft};
use model::value::{Object, Value};

use super::{PARAMETERS, SAVED, chosen, found, show};
use crate::api::saved_queries::{draft, refuse_unknown_pools};
use crate::charts::Kind;
use crate::console::forms::{Fields, Form, Kept};
use crate::console::frame::query;
use crate::console::go_to;
use crate::console::visitor::InProject;
use crate::error::ApiError;
use crate::input::Parameters;
use crate::state::AppState;

/// Seconds of a minute.
const MINUTE: i64 = 60;

async fn keep(
    here: &InProject,
    form: &Form,
    question: Value,
    state: &AppState,
) -> Result<String, ApiError> {
    let caller = here.caller(Area::Definitions)?;
    let body = Object::new()
        .with("name", form.text("name").trim())
        .with("query", question.clone());
    // As what its answer is drawn is kept with it.
    let metadata = |before: &Object| found::kept(before, &question, form.text(Kind::MEMBER));
    match form.text("kind") {
        "dataset" => {
            let fields = form.text("index_by").split(',').map(str::trim);
            let fields: Vec<&str> = fields.filter(|field| !field.is_empty()).collect();
            let draft = DatasetDraft::parse(&Value::Object(body.with("index_by", fields)))?;
            refuse_unknown_pools(&here.definitions, &draft.analysis())?;
            let made = state.control.create_dataset(&caller.0, draft).await?;
            Ok(here.address(&format!("/datasets/{}?done=made", made.id)))
        }
        "replace" => {
            let id = SavedQueryId::parse(form.text("saved")).map_err(|_| ApiError::not_found())?;
            let found = here.definitions.saved_query_by_id(id);
            let saved = found.ok_or_else(ApiError::not_found)?.item;
            let body = body.with("metadata", metadata(&saved.draft.metadata));
            let draft = replacing(here, saved, body)?;
            let known = form
                .text("revision")
                .parse()
                .map_err(|_| ApiError::stale())?;
            let control = &state.control;
            control
                .change_saved_query(&caller.0, id, Some(known), draft)
                .await?;
            Ok(here.address(&format!("/saved/{id}?done=changed")))
        }
        kind => {
            let body = match kind {
                "cached" => {
                    let minutes = form.text("refresh_minutes").trim().parse::<i64>();
                    let minutes = minutes.ok().and_then(|minutes| minutes.checked_mul(MINUTE));
                    let seconds = minutes.ok_or_else(|| {
                        let rule = "for how many minutes answers are kept is a whole number";
                        Fault::new(FaultCode::WrongType, rule).at("/refresh_rate")
                    })?;
                    body.with("refresh_rate", seconds)
                }
                _ => body,
            };
            let body = body.with("metadata", metadata(&Object::new()));
            let draft = draft(&here.definitions, &Value::Object(body))?;
            let made = state.control.create_saved_query(&caller.0, draft).await?;
            Ok(here.address(&format!("/saved/{}?done=made", made.id)))
        }
    }
}

/// A saved query with another name and question; what else it is stays.
fn replacing(
    here: &InProject,
    saved: &SavedQuery,
    changes: Object,
) -> Result<SavedQueryDraft, Fault> {
    let Value::Object(was) = saved.draft.to_value() else {
        return draft(&here.definitions, &Value::Object(changes));
    };
    let kept = was.into_members().into_iter();
    let kept: Vec<_> = kept
        .filter(|(name, _)| changes.get(name).is_none())
        .collect();
    let whole = kept
        .into_iter()
        .fold(changes, |all, (name, value)| all.with(name, value));
    draft(&here.definitions, &Value::Object(whole))
}

/// Saves the question that the form asks, whatever was answered before.
pub(in crate::console) async fn save(
    State(state): State<AppState>,
    Kept(here, form, counts): Kept<InProject>,
) -> Result<Response, ApiError> {
    here.require(Area::Definitions)?;
    let fields = Fields::typed(&form, SAVED, &[]).meaning("refresh_rate", "refresh_minutes");
    let again = form.pairs().filter(|(name, _)| PARAMETERS.contains(name));
    let again = Parameters::parse(&query(again), PARAMETERS)?;
    if let Err(error) = counts {
        return show(&here, fields.refused(error)?, &again, &state).await;
    }
    let question = match chosen(&here, &again).1 {
        Ok(Some(question)) => question,
        Ok(None) => return Err(ApiError::not_found()),
        // The page says it at the fields of the question.
        Err(fault) => {
            let form = fields.with_status_of(&fault.into());
            return show(&here, form, &again, &state).await;
        }
    };
    match keep(&here, &form, question, &state).await {
        Ok(there) => Ok(go_to(&there)),
        Err(error) => show(&here, fields.refused(error)?, &again, &state).await,
    }
}
