//! What a key can do, told to the key itself.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use futures::{StreamExt, TryStreamExt, stream};
use http::StatusCode;
use model::credits::Tier;
use model::grants::{Grant, Target};
use model::keys::Derived;
use model::names::Name;
use model::permit::{Access, AskPool, ConstrainedQuery, Issuer, On, Person, Read};
use model::pools::Pool;
use model::time::Timestamp;
use model::value::{Object, Value};
use model::views::View;
use serde_json::{Value as Json, json};

use super::with_members;
use crate::caller::Authenticated;
use crate::error::ApiError;
use crate::openapi::{Operation, refer};
use crate::plane::PlaneError;
use crate::state::AppState;

/// Counts that one call asks for at the same time.
const COUNTS_AT_ONCE: usize = 4;

/// The schemas of this file.
pub(crate) fn schemas() -> Json {
    let rows = |what: &str| {
        json!({ "type": "array", "description": what, "items": {
            "type": "object", "required": ["name", "rows"],
            "properties": {
                "name": { "type": "string" },
                "rows": { "type": "integer", "minimum": 0 },
            },
        } })
    };
    json!({
        "WhoAmI": {
            "type": "object",
            "required": ["id", "name", "kind", "status", "expires_at", "grants", "pools", "views"],
            "properties": {
                "id": refer("Id"),
                "name": { "type": "string" },
                "description": { "type": "string" },
                "kind": { "enum": ["secret", "publishable", "legacy", "person"] },
                "project": refer("Id"),
                "role": { "enum": ["owner", "admin", "developer", "analyst", "viewer"] },
                "status": { "enum": ["active", "disabled", "expired", "quarantined"] },
                "expires_at": { "type": ["string", "null"], "format": "date-time" },
                "grants": { "type": "array", "items": refer("Grant") },
                "restrictions": refer("Restrictions"),
                "limits": refer("Limits"),
                "left": refer("Left"),
                "rotate_after": { "type": ["string", "null"] },
                "derived_tokens": { "type": "boolean" },
                "derived": derived_schema(),
                "issued_by": { "anyOf": [refer("Id"), { "type": "null" }] },
                "pools": rows("The pools that the key may query, with the rows that it sees now."),
                "views": rows("The views that the key may read, with the rows behind them that it sees now."),
            },
        },
    })
}

/// What a derived token is held to beside its key.
fn derived_schema() -> Json {
    let credits = json!({
        "type": ["object", "null"], "required": ["amount", "left"],
        "properties": {
            "amount": { "type": "integer", "minimum": 0 },
            "left": { "type": "integer", "minimum": 0 },
        },
    });
    json!({
        "type": "object",
        "description": "Of a derived token: what it is held to beside its key. The grants are those that it leaves.",
        "required": ["id", "expires_at", "restrictions", "requests_per_second", "credits"],
        "properties": {
            "id": { "type": "string" },
            "expires_at": { "type": "string", "format": "date-time" },
            "restrictions": { "type": "object", "required": ["ip_ranges", "allowed_domains"],
                "properties": {
                    "ip_ranges": { "type": ["array", "null"], "items": { "type": "string" } },
                    "allowed_domains": { "type": ["array", "null"], "items": { "type": "string" } },
                } },
            "requests_per_second": { "type": ["integer", "null"] },
            "credits": { "type": "object", "required": ["core", "premium"],
                "properties": { "core": credits, "premium": credits } },
        },
    })
}

/// The counts to ask for: of every pool, then of every view.
fn counts(access: &Access, state: &AppState) -> [Vec<(Name, ConstrainedQuery)>; 2] {
    let definitions = state.control.definitions(access.project());
    // Usage, and what reads it, is shown to whom it was granted, and not to all
    // who administer.
    let granted =
        |covers: &dyn Fn(&Target) -> bool| access.grants().iter().any(|grant| covers(&grant.on));
    let is_shown = |pool: &&Arc<Pool>| !pool.is_usage() || granted(&|on| on.covers_pool(pool));
    let pools = definitions.stored_pools().filter(is_shown);
    let pools = pools.filter_map(|pool| {
        let permit = access.permit::<AskPool>(On::Pool(Some(pool))).ok()?;
        Some((pool.draft.name.clone(), permit.count()))
    });
    let is_shown = |(view, pool): &(&Arc<View>, &Arc<Pool>)| {
        !pool.is_usage() || granted(&|on| on.covers_view(view, pool))
    };
    let views = definitions.views().filter(is_shown);
    let views = views.filter_map(|(view, pool)| {
        let permit = access.permit::<Read>(On::View(Some((view, pool)))).ok()?;
        Some((view.draft.name.clone(), permit.count()))
    });
    [pools.collect(), views.collect()]
}

/// The one number that a count answers.
pub(crate) async fn count(
    state: &AppState,
    question: ConstrainedQuery,
) -> Result<Value, PlaneError> {
    let mut answer = state.plane.query(question).await?;
    let mut rows = Value::from(0_u64);
    while let Some(batch) = answer.rows.try_next().await? {
        if let Some(count) = batch
            .into_iter()
            .next()
            .and_then(|row| row.into_iter().next())
        {
            rows = count;
        }
    }
    Ok(rows)
}

/// Describes [`read`].
pub(crate) fn read_operation() -> Operation {
    Operation::new(
        "whoAmI",
        "The calling key: what it may do and how much it sees.",
    )
    .answers(200, "The key.", "WhoAmI")
}

/// The calling key: what it may do and how much it sees.
pub(crate) async fn read(
    Authenticated(access): Authenticated,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    if let Some(person) = access.person() {
        return read_person(&access, person, &state).await;
    }
    let definitions = state.control.definitions(access.project());
    // The key may have been deleted since it was let in.
    let key = definitions.key(access.key());
    let key = key.ok_or(model::keys::AuthError::Unknown)?;
    let mut answer = with_members(
        Object::new().with("id", key.id().to_string()),
        key.draft().to_value(),
    )
    .with("project", key.project().to_string())
    .with("left", super::keys::left(&state, key))
    .with("status", key.status(state.clock.now()).name())
    .with(
        "expires_at",
        key.draft().expires_at.map(|at| at.to_string()),
    );
    if let Some(issuer) = access.issuer() {
        answer = of_issued(answer, &access, issuer);
    }
    if let Some(token) = access.derived_token() {
        answer = of_derived(answer, &access, token, &state);
    }
    answer = with_counts(answer, &access, &state).await?;
    Ok(super::json(StatusCode::OK, &Value::Object(answer)))
}

/// What the key that issued the caller's leaves of it now, in the place of what it was given.
fn of_issued(answer: Object, access: &Access, issuer: &Issuer) -> Object {
    let grants = access.grants_as_written().iter().map(Grant::to_value);
    let grants: Vec<Value> = grants.collect();
    let latest = issuer.record().draft().expires_at;
    let own = answer.get("expires_at").and_then(Value::as_str);
    let own = own.and_then(|text| Timestamp::parse(text).ok());
    let ends = [own, latest].into_iter().flatten().min();
    answer
        .with("grants", grants)
        .with("expires_at", ends.map(|at| at.to_string()))
}

/// What a derived token leaves of its key, in the place of what the key has.
fn of_derived(answer: Object, access: &Access, token: &Derived, state: &AppState) -> Object {
    let grants = access.grants_as_written().iter().map(Grant::to_value);
    let grants: Vec<Value> = grants.collect();
    let ends = token.id().ends();
    let key_ends = answer.get("expires_at").and_then(Value::as_str);
    let key_ends = key_ends.and_then(|text| Timestamp::parse(text).ok());
    let ends = key_ends.map_or(ends, |key_ends| key_ends.min(ends));
    let members = answer.into_members().into_iter().map(|(name, value)| {
        let value = match name.as_str() {
            "grants" => Value::Array(grants.clone()),
            "expires_at" => Value::from(ends.to_string()),
            // Others move the key's balances, whose doings are not the caller's to know.
            "left" => Value::Object(super::keys::nothing_left_to_tell()),
            // It makes no others.
            "derived_tokens" => Value::from(false),
            _ => value,
        };
        (name, value)
    });
    let answer = members.fold(Object::new(), |object, (name, value)| {
        object.with(name, value)
    });
    let limits = token.limits();
    let left = state.control.slices_left(access);
    let of_tier = |tier: Tier| {
        let left = left[tier as usize]?;
        let amount = limits.credits(tier)?;
        Some(Object::new().with("amount", amount).with("left", left))
    };
    let rate = limits
        .requests_per_second
        .map(|limit| i64::from(limit.get()));
    let credits = Tier::ALL.into_iter();
    let credits = credits.fold(Object::new(), |object, tier| {
        object.with(tier.name(), of_tier(tier))
    });
    let own = Object::new()
        .with("id", token.id().as_str())
        .with("expires_at", token.id().ends().to_string())
        .with("restrictions", token.restrictions().places_to_object())
        .with("requests_per_second", rate)
        .with("credits", credits);
    answer.with("derived", own)
}

async fn with_counts(
    mut answer: Object,
    access: &Access,
    state: &AppState,
) -> Result<Object, ApiError> {
    for (member, counts) in ["pools", "views"].into_iter().zip(counts(access, state)) {
        let counted: Vec<Object> = stream::iter(counts)
            .map(async |(name, question)| {
                let rows = count(state, question).await?;
                let counted = Object::new().with("name", name.as_str()).with("rows", rows);
                Ok::<_, PlaneError>(counted)
            })
            .buffered(COUNTS_AT_ONCE)
            .try_collect()
            .await?;
        answer = answer.with(member, counted);
    }
    Ok(answer)
}

/// The person who signed in, as what, and how much that shows.
async fn read_person(
    access: &Access,
    person: Person,
    state: &AppState,
) -> Result<Response, ApiError> {
    let grants = access.grants().iter().map(Grant::to_value);
    let answer = Object::new()
        .with("id", person.id.to_string())
        .with("name", access.key_name())
        .with("kind", "person")
        .with("status", "active")
        .with("expires_at", Value::Null)
        .with("project", access.project().to_string())
        .with("role", person.role.name())
        .with("grants", grants.collect::<Vec<_>>());
    let answer = with_counts(answer, access, state).await?;
    Ok(super::json(StatusCode::OK, &Value::Object(answer)))
}
