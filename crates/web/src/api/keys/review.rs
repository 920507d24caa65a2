//! Advice about the keys of a project.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use control::Definitions;
use http::StatusCode;
use model::fault::{Fault, FaultCode};
use model::keys::review::{
    Advice, AdviceRule, Readers, ReviewedKey, StoredId, StoredQuestion, review as reviewed,
};
use model::limits::LIST_ITEMS_MAX;
use model::names::Name;
use model::permit::Admin;
use model::pools::Pool;
use model::value::{Object, Value};
use serde_json::{Value as Json, json};

use crate::api::limit_of;
use crate::caller::Caller;
use crate::error::ApiError;
use crate::input::Parameters;
use crate::openapi::{Operation, refer};
use crate::state::AppState;

/// The query parameters of [`review`].
pub(crate) const PARAMETERS: &[&str] = &["rule", "limit"];

fn rules() -> Vec<&'static str> {
    AdviceRule::ALL.into_iter().map(AdviceRule::name).collect()
}

/// The schemas of this call.
pub(crate) fn schema() -> Json {
    let text = || json!({ "type": "string" });
    json!({
        "type": "object", "required": ["items", "total", "people"],
        "properties": {
            "items": { "type": "array", "items": {
                "type": "object", "required": ["key", "name", "rule", "why", "remedy"],
                "properties": {
                    "key": refer("Id"),
                    "name": text(),
                    "rule": { "enum": rules() },
                    "why": { "type": "string", "description": "What was seen." },
                    "remedy": { "type": "string", "description": "What to do." },
                },
            } },
            "total": { "type": "integer", "minimum": 0,
                "description": "How many items there are, be they on this page or not." },
            "people": { "type": "array",
                "description": "What is advised about people that the caller knows of.",
                "items": {
                    "type": "object", "required": ["person", "sign_in", "rule", "why", "remedy"],
                    "properties": {
                        "person": refer("Id"),
                        "sign_in": text(),
                        "rule": { "enum": rules() },
                        "why": { "type": "string", "description": "What was seen." },
                        "remedy": { "type": "string", "description": "What to do." },
                    },
                } },
        },
    })
}

/// Describes [`review`].
pub(crate) fn review_operation() -> Operation {
    Operation::new(
        "reviewKeys",
        "What good practice would change about the keys that are in use.",
    )
    .parameter(
        "rule",
        "Advice of this rule alone.",
        json!({ "enum": rules() }),
    )
    .parameter(
        "limit",
        "Items at most.",
        json!({ "type": "integer", "minimum": 1, "maximum": LIST_ITEMS_MAX }),
    )
    .answers(200, "The advice, by keys in their order.", "KeyReview")
}

fn rule_of(parameters: &Parameters) -> Result<Option<AdviceRule>, Fault> {
    let Some(text) = parameters.get("rule") else {
        return Ok(None);
    };
    let mut all = AdviceRule::ALL.into_iter();
    let found = all.find(|rule| rule.name() == text);
    found.map(Some).ok_or_else(|| {
        let detail = format!("there are the rules {}", rules().join(", "));
        Fault::new(FaultCode::InvalidValue, detail).at("/rule")
    })
}

/// What good practice would change about the keys that are in use.
pub(crate) async fn review(
    caller: Caller<Admin>,
    parameters: Parameters,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    let limit = limit_of(&parameters)?;
    let rule = rule_of(&parameters)?;
    let definitions = caller.definitions(&state);
    let mut advice = advised(&caller, &state).await?;
    advice.retain(|advice| rule.is_none_or(|rule| advice.rule == rule));
    let show = |advice: &Advice| {
        let name = definitions.key(advice.key).map(|key| &key.draft().name);
        Object::new()
            .with("key", advice.key.to_string())
            .with("name", name.cloned().unwrap_or_default())
            .with("rule", advice.rule.name())
            .with("why", advice.why.as_str())
            .with("remedy", advice.rule.remedy())
    };
    let items: Vec<Object> = advice.iter().take(limit).map(show).collect();
    let answer = Object::new()
        .with("items", items)
        .with("total", advice.len() as u64)
        .with("people", shared_accounts(&caller, &state, rule)?);
    Ok(crate::api::json(StatusCode::OK, &Value::Object(answer)))
}

/// All advice about keys that the caller may know.
pub(crate) async fn advised(
    caller: &Caller<Admin>,
    state: &AppState,
) -> Result<Vec<Advice>, ApiError> {
    let definitions = caller.definitions(state);
    let control = &state.control;
    let recorded = control.recorded_use(&caller.0).await?;
    let keys: Vec<ReviewedKey<'_>> = definitions
        .keys()
        .filter(|key| caller.0.access().knows(key))
        .map(|key| ReviewedKey {
            key,
            last_used: control.last_used(key.id()),
            secrets_last_used: key
                .live_ids()
                .map(|id| (id, control.secret_last_used(id)))
                .collect(),
            last_on_page: key
                .live_ids()
                .filter_map(|id| control.last_on_page(id))
                .max(),
        })
        .collect();
    let pools: Vec<_> = definitions.pools().cloned().collect();
    let views: Vec<_> = definitions.views().map(|(view, _)| view.clone()).collect();
    let now = state.clock.now();
    let stored = stored_questions(&definitions);
    let readers = Readers {
        views: &views,
        stored: &stored,
    };
    Ok(reviewed(&keys, &pools, readers, &recorded, now))
}

/// The project's saved queries and datasets, with the pools that they read.
fn stored_questions(definitions: &Definitions) -> Vec<StoredQuestion> {
    let ids = |pools: &BTreeMap<Name, Arc<Pool>>| pools.values().map(|pool| pool.id).collect();
    let saved = definitions.saved_queries().map(|saved| StoredQuestion {
        id: StoredId::Saved(saved.item.id),
        name: saved.item.draft.name.clone(),
        pools: ids(&saved.pools),
        changed_at: saved.item.changed_at,
    });
    let datasets = definitions.datasets().map(|dataset| StoredQuestion {
        id: StoredId::Dataset(dataset.item.id),
        name: dataset.item.draft.name.clone(),
        pools: ids(&dataset.pools),
        // It is never changed.
        changed_at: dataset.item.created_at,
    });
    saved.chain(datasets).collect()
}

/// The people whose sessions look as if two used them.
fn shared_accounts(
    caller: &Caller<Admin>,
    state: &AppState,
    asked: Option<AdviceRule>,
) -> Result<Vec<Object>, ApiError> {
    let rule = AdviceRule::SharedAccount;
    if asked.is_some_and(|asked| asked != rule) {
        return Ok(Vec::new());
    }
    let shared = state.control.shared_accounts(&caller.0)?.into_iter();
    let shown = shared.map(|shared| {
        Object::new()
            .with("person", shared.person.id().to_string())
            .with("sign_in", shared.person.parts().sign_in.as_str())
            .with("rule", rule.name())
            .with("why", shared.why)
            .with("remedy", rule.remedy())
    });
    Ok(shown.collect())
}

#[cfg(test)]
mod tests;
