//! What keys did, day by day.

use axum::extract::State;
use axum::response::Response;
use control::{
    Definitions, UsageAsked, UsageBy, UsageCounts, UsageFrom, UsageOf, UsagePart, Whence,
};
use http::StatusCode;
use model::fault::{Fault, FaultCode};
use model::ids::{KeyId, PoolId, ViewId};
use model::limits::USAGE_ROWS_MAX;
use model::permit::{Access, Admin};
use model::time::{Date, Timestamp};
use model::value::{Object, Value};
use serde_json::{Value as Json, json};

use crate::caller::Caller;
use crate::error::ApiError;
use crate::input::Parameters;
use crate::openapi::{Operation, refer};
use crate::state::AppState;

/// The query parameters of [`list`].
pub(crate) const PARAMETERS: &[&str] = &["from", "to", "key_id"];

/// Days that are told of when the request names none, today included.
const DAYS_DEFAULT: i32 = 30;

/// The schemas of this file.
pub(crate) fn schemas() -> Json {
    let count = |what: &str| json!({ "type": "integer", "minimum": 0, "description": what });
    let of = |what: &str| {
        json!({
            "description": what, "type": ["object", "null"], "required": ["id", "name"],
            "properties": { "id": refer("Id"), "name": { "type": ["string", "null"] } },
        })
    };
    let by_network = json!({
        "type": "array",
        "description": "With key_id: the same requests by day and network, for 90 days.",
        "items": {
            "type": "object",
            "required": ["day", "network", "kind", "requests", "refused", "records"],
            "properties": {
                "day": { "type": "string", "format": "date", "description": "Of UTC." },
                "network": { "type": ["string", "null"],
                    "description": "A /24 of IPv4 or a /48 of IPv6." },
                "kind": { "enum": ["network", "others", "not_kept"],
                    "description": "others: networks beyond those that are told apart on a day; \
                                    not_kept: of which nothing is kept, or known." },
                "requests": count("That were let in."),
                "refused": count("Of these, those that were refused or failed."),
                "records": count("That were stored."),
            },
        },
    });
    json!({
        "Usage": {
            "type": "object", "required": ["items"],
            "properties": { "by_network": by_network, "items": { "type": "array", "items": {
                "type": "object",
                "required": ["day", "key", "secret", "pool", "view", "requests", "refused", "records"],
                "properties": {
                    "day": { "type": "string", "format": "date", "description": "Of UTC." },
                    "key": of("Its name is null when it is gone."),
                    "secret": { "type": "string" },
                    "pool": of("Null for requests that are about none."),
                    "view": of("Null for requests that did not read one."),
                    "requests": count("That were let in."),
                    "refused": count("Of these, those that were refused or failed."),
                    "records": count("That were stored."),
                },
            } } },
        },
    })
}

/// Describes [`list`].
pub(crate) fn list_operation() -> Operation {
    let date = || json!({ "type": "string", "format": "date" });
    Operation::new(
        "listUsage",
        "What each secret of each key did with each pool and view, day by day.",
    )
    .parameter(
        "from",
        "The first day; 30 days with today without it.",
        date(),
    )
    .parameter(
        "to",
        "The first day that is not meant; all days without it.",
        date(),
    )
    .parameter(
        "key_id",
        "Of this key alone, and by network, too.",
        refer("Id"),
    )
    .answers(200, "By day, key, secret, pool and view.", "Usage")
}

/// What is asked for.
fn asked(parameters: &Parameters, now: Timestamp) -> Result<UsageAsked, Fault> {
    let day = |name: &'static str, usual: i32| -> Result<i32, Fault> {
        let Some(text) = parameters.get(name) else {
            return Ok(usual);
        };
        let date = Date::parse(text).map_err(|rule| {
            Fault::new(FaultCode::InvalidValue, rule.to_string()).at(format!("/{name}"))
        })?;
        Ok(date.as_days())
    };
    let key = parameters.get("key_id").map(|text| {
        KeyId::parse(text)
            .map_err(|rule| Fault::new(FaultCode::InvalidValue, rule.to_string()).at("/key_id"))
    });
    let tomorrow = now.date().as_days() + 1;
    Ok(UsageAsked {
        from: day("from", tomorrow - DAYS_DEFAULT)?,
        to: day("to", i32::MAX)?,
        key: key.transpose()?,
        limit: USAGE_ROWS_MAX + 1,
    })
}

fn named(id: impl std::fmt::Display, name: Option<&str>) -> Object {
    Object::new().with("id", id.to_string()).with("name", name)
}

fn show(definitions: &Definitions, of: &UsageOf, counts: UsageCounts) -> Object {
    let day = Date::from_days(of.day).map(|date| date.to_string());
    let key = definitions.key(of.key).map(|key| key.draft().name.as_str());
    let pool = |id: PoolId| {
        let pool = definitions.pool_by_id(id);
        named(id, pool.map(|pool| pool.draft.name.as_str()))
    };
    let view = |id: ViewId| {
        let mut views = definitions.views();
        let view = views.find(|(view, _)| view.id == id);
        named(id, view.map(|(view, _)| view.draft.name.as_str()))
    };
    Object::new()
        .with("day", day)
        .with("key", named(of.key, key))
        .with("secret", of.secret.to_string())
        .with("pool", of.pool.map(pool))
        .with("view", of.view.map(view))
        .with("requests", counts.requests)
        .with("refused", counts.refused)
        .with("records", counts.records)
}

fn show_from(of: &UsageFrom, counts: UsageCounts) -> Object {
    let (kind, network) = match of.whence {
        Whence::Network(network) => ("network", Some(network.to_string())),
        Whence::Others => ("others", None),
        Whence::NotKept => ("not_kept", None),
    };
    let day = Date::from_days(of.day).map(|date| date.to_string());
    Object::new()
        .with("day", day)
        .with("network", network)
        .with("kind", kind)
        .with("requests", counts.requests)
        .with("refused", counts.refused)
        .with("records", counts.records)
}

/// Refuses a caller who is held to some rows, and so knows of some keys alone,
/// but for one of those.
fn check_known(
    access: &Access,
    definitions: &Definitions,
    key: Option<KeyId>,
) -> Result<(), ApiError> {
    if access.within().is_none() {
        return Ok(());
    }
    let key = key.ok_or_else(|| {
        let detail = "who is held to some rows asks for the usage of one key, by its id";
        Fault::new(FaultCode::MissingMember, detail).at("/key_id")
    })?;
    let known = definitions.key(key).filter(|key| access.knows(key));
    known.map(|_| ()).ok_or_else(ApiError::not_found)
}

/// What is told of what keys did.
///
/// # Errors
/// A fault for more than one answer holds, and for a caller who is held to some
/// rows and asks for more than one of the keys that it knows.
async fn rows(
    caller: &Caller<Admin>,
    asked: UsageAsked,
    state: &AppState,
) -> Result<Vec<(UsageOf, UsageCounts)>, ApiError> {
    let asked = UsageAsked {
        limit: USAGE_ROWS_MAX + 1,
        ..asked
    };
    check_known(caller.0.access(), &caller.definitions(state), asked.key)?;
    let rows = state.control.usage(&caller.0, asked).await?;
    // What is told here is in the pool, too, from now on.
    crate::usage::publish_of(state, caller.0.access().project()).await;
    if rows.len() > USAGE_ROWS_MAX {
        let detail = format!(
            "there are more than {USAGE_ROWS_MAX} rows; ask for fewer days with from and to, or for one key_id"
        );
        return Err(Fault::new(FaultCode::LimitExceeded, detail).into());
    }
    Ok(rows)
}

/// The same summed up by something.
///
/// # Errors
/// As [`rows`], but for the number of rows.
pub(crate) async fn sums(
    caller: &Caller<Admin>,
    asked: UsageAsked,
    by: UsageBy,
    state: &AppState,
) -> Result<Vec<(UsagePart, UsageCounts)>, ApiError> {
    check_known(caller.0.access(), &caller.definitions(state), asked.key)?;
    Ok(state.control.usage_sums(&caller.0, asked, by).await?)
}

/// What one key did, by day and network.
///
/// # Errors
/// As [`sums`].
pub(crate) async fn by_network(
    caller: &Caller<Admin>,
    asked: UsageAsked,
    state: &AppState,
) -> Result<Vec<(UsageFrom, UsageCounts)>, ApiError> {
    check_known(caller.0.access(), &caller.definitions(state), asked.key)?;
    Ok(state.control.usage_by_network(&caller.0, asked).await?)
}

/// What keys did, day by day.
pub(crate) async fn list(
    caller: Caller<Admin>,
    parameters: Parameters,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    let asked = asked(&parameters, state.clock.now())?;
    let definitions = caller.definitions(&state);
    let rows = rows(&caller, asked, &state).await?;
    let items = rows
        .iter()
        .map(|(of, counts)| show(&definitions, of, *counts));
    let mut answer = Object::new().with("items", items.collect::<Vec<_>>());
    if asked.key.is_some() {
        let rows = by_network(&caller, asked, &state).await?;
        let shown = rows.iter().map(|(of, counts)| show_from(of, *counts));
        answer = answer.with("by_network", shown.collect::<Vec<_>>());
    }
    Ok(super::json(StatusCode::OK, &Value::Object(answer)))
}

#[cfg(test)]
mod tests;
