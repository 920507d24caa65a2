//! A question under a name: a saved query, one whose answers are kept, or a dataset.

use axum::extract::State;
use axum::response::Response;
use model::datasets::DatasetDraft;
use model::fault::{Fault, FaultCode};
use model::ids::SavedQueryId;
use model::people::Area;
use model::saved_queries::{SavedQuery, SavedQueryDraft};
use model::value::{Object, Value};

use super::{PARAMETERS, SAVED, form_of, show};
use crate::api::saved_queries::{draft, refuse_unknown_pools};
use crate::console::forms::{Fields, Form, Sent};
use crate::console::frame::query;
use crate::console::go_to;
use crate::console::visitor::InProject;
use crate::error::ApiError;
use crate::input::Parameters;
use crate::state::AppState;

/// Seconds of a minute.
const MINUTE: i64 = 60;

/// The question that a form brought.
fn question(form: &Form) -> Result<Value, Fault> {
    model::json::parse(form.text("definition").as_bytes()).map_err(|_| {
        let rule = "ask something before it is saved";
        Fault::new(FaultCode::MissingMember, rule)
    })
}

async fn keep(
    here: &InProject,
    form: &Form,
    question: Value,
    state: &AppState,
) -> Result<String, ApiError> {
    let caller = here.caller(Area::Definitions)?;
    let body = Object::new()
        .with("name", form.text("name").trim())
        .with("query", question);
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

/// Saves a question.
pub(in crate::console) async fn save(
    State(state): State<AppState>,
    Sent(here, form): Sent<InProject>,
) -> Result<Response, ApiError> {
    here.require(Area::Definitions)?;
    let fields = Fields::typed(&form, SAVED, &[]).meaning("refresh_rate", "refresh_minutes");
    let kept = match question(&form) {
        Ok(question) => keep(&here, &form, question, &state).await,
        Err(fault) => Err(fault.into()),
    };
    match kept {
        Ok(there) => Ok(go_to(&there)),
        Err(error) => {
            let asked = question(&form).map(|question| form_of(&here, &question));
            let asked = asked.unwrap_or_default();
            let pairs = asked.iter().map(|(name, value)| (*name, value.as_str()));
            let kept = [
                ("saved", form.text("saved")),
                ("revision", form.text("revision")),
            ];
            let pairs = pairs.chain(kept);
            let again = Parameters::parse(&query(pairs), PARAMETERS).unwrap_or_default();
            let form_again = fields.refused(error)?;
            show(&here, (form_again, form.text("kind")), &again, &state).await
        }
    }
}
