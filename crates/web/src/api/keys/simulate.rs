//! What a key would see, as it is and after a change that is not saved. What
//! the caller may be told of it: `model::permit::Shown`.

mod counting;
mod schemas;

pub(crate) use counting::{Counted, Untold, compared, number, with_rows};
use schemas::request;
pub(super) use schemas::schema;

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use control::Definitions;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use http::StatusCode;
use model::document::{Document, merge_patch};
use model::grants::Grant;
use model::keys::KeyRecord;
use model::names::{FieldPath, Name};
use model::permit::{Admin, AskPool, On, Permit, Shown};
use model::pools::Pool;
use model::saved_queries::WithPools;
use model::time::Timestamp;
use model::value::{Object, Value};

use super::{KeyPath, draft};
use crate::caller::Caller;
use crate::error::ApiError;
use crate::input::OptionalJsonBody;
use crate::openapi::Operation;
use crate::state::AppState;

/// Pools, views and stored questions that are asked at the same time.
const ASKED_AT_ONCE: usize = 2;

/// Describes [`simulate`].
pub(crate) fn simulate_operation() -> Operation {
    Operation::new(
        "simulateKey",
        "What the key sees, among the rows that the calling key sees; and what it would gain and lose by a change.",
    )
    .takes_content(false, request())
    .answers(200, "What the key sees.", "KeySimulation")
}

/// What the key would see of one pool, view or stored question.
struct Sight {
    name: Name,
    /// The pool whose rows are meant; `None` where that is not one.
    pool: Option<Arc<Pool>>,
    before: Option<Shown>,
    after: Option<Shown>,
}

/// What the caller may be told of one pool, view or stored question.
#[derive(Debug)]
pub(crate) struct Told {
    /// Its name.
    pub(crate) name: Name,
    /// The pool that it is, or that the view or stored question reads.
    pub(crate) pool: Option<Arc<Pool>>,
    /// Which rows the key sees now; `None` for none of it.
    pub(crate) shown: Option<Shown>,
    /// How many rows, or why that is not told.
    pub(crate) rows: Result<Counted, Untold>,
    /// The declared fields that both see, and those that a change gives and takes.
    pub(crate) fields: Option<[Vec<String>; 3]>,
}

/// What a key sees.
#[derive(Debug)]
pub(crate) struct Simulation {
    is_change: bool,
    /// Of pools, views, saved queries (those that are cached, too), and datasets.
    pub(crate) told: [Vec<Told>; 4],
}

/// What the key sees, and what it would gain and lose by a change.
pub(crate) async fn simulate(
    caller: Caller<Admin>,
    path: KeyPath,
    State(state): State<AppState>,
    OptionalJsonBody(body): OptionalJsonBody,
) -> Result<Response, ApiError> {
    let mut document = Document::new(&body)?;
    let change = document.optional("change");
    document.finish()?;
    let definitions = caller.definitions(&state);
    let key = path.find(&caller, &definitions)?;
    let seen = simulated(&caller, &state, key, change).await?;
    let [pools, views, queries, datasets] = &seen.told;
    let show = |told: &Vec<Told>| -> Vec<Object> {
        let told = told.iter();
        told.map(|told| told.to_object(seen.is_change)).collect()
    };
    let answer = Object::new()
        .with("key", key.id().to_string())
        .with("changed", seen.is_change)
        .with("pools", show(pools))
        .with("views", show(views))
        .with("saved_queries", show(queries))
        .with("datasets", show(datasets));
    Ok(crate::api::json(StatusCode::OK, &Value::Object(answer)))
}

/// What a key sees of the caller's rows, and after a change that is not saved.
///
/// # Errors
/// Those with which the change would be refused, and those of the data plane.
pub(crate) async fn simulated(
    caller: &Caller<Admin>,
    state: &AppState,
    key: &Arc<KeyRecord>,
    change: Option<&Value>,
) -> Result<Simulation, ApiError> {
    let definitions = caller.definitions(state);
    let in_force = definitions.in_force(key);
    let before = in_force.grants();
    let after = match change {
        None => None,
        Some(patch) => {
            let merged = merge_patch(&key.draft().to_value(), patch);
            let draft = draft(caller, state, &merged, Some(key))?;
            // As it would be saved, or refused.
            let grants = caller.0.narrow(draft.grants, key.grants())?;
            Some(definitions.would_be_in_force(key, grants)?)
        }
    };
    let now = state.clock.now();
    let sight = |name: &Name, pool: Option<&Arc<Pool>>, on: On<'_>| {
        let shown = |grants: &[Grant]| shown_by(key, grants, on, now);
        let sight = Sight {
            name: name.clone(),
            pool: pool.cloned(),
            before: shown(before),
            after: after.as_deref().map_or_else(|| shown(before), shown),
        };
        (sight.before.is_some() || sight.after.is_some()).then_some(sight)
    };
    let sights = sights(&definitions, sight);
    let is_change = after.is_some();
    let mut told = [Vec::new(), Vec::new(), Vec::new(), Vec::new()];
    for (sights, told) in sights.into_iter().zip(&mut told) {
        *told = stream::iter(sights)
            .map(|sight| tell(caller, state, sight, is_change))
            .buffered(ASKED_AT_ONCE)
            .try_collect()
            .await?;
    }
    Ok(Simulation { is_change, told })
}

/// What these grants would show there to whom has the key.
pub(crate) fn shown_by(
    key: &KeyRecord,
    grants: &[Grant],
    on: On<'_>,
    now: Timestamp,
) -> Option<Shown> {
    match on.reads_usage() && key.within().is_some() {
        // Who is held to some rows sees no usage, whatever the grants say.
        true => None,
        false => Shown::by(key.draft().kind, grants, on, now),
    }
}

/// Everything that a key may see rows of: pools, views, saved queries and datasets.
fn sights(
    definitions: &Definitions,
    sight: impl Fn(&Name, Option<&Arc<Pool>>, On<'_>) -> Option<Sight>,
) -> [Vec<Sight>; 4] {
    let pools = definitions.stored_pools();
    let pools = pools.filter_map(|pool| sight(&pool.draft.name, Some(pool), On::Pool(Some(pool))));
    let views = definitions.views().filter_map(|(view, pool)| {
        let on = On::View(Some((view, pool)));
        sight(&view.draft.name, Some(pool), on)
    });
    let queries = definitions.saved_queries().filter_map(|saved| {
        let on = match saved.item.is_cached() {
            true => On::Cached(Some(&saved)),
            false => On::Saved(Some(&saved)),
        };
        sight(&saved.item.draft.name, only_pool(&saved), on)
    });
    let datasets = definitions.datasets().filter_map(|dataset| {
        let on = On::Dataset(Some(&dataset));
        sight(&dataset.item.draft.name, only_pool(&dataset), on)
    });
    [
        pools.collect(),
        views.collect(),
        queries.collect(),
        datasets.collect(),
    ]
}

/// The pool that a stored question reads, when that is one.
fn only_pool<'a, T>(stored: &'a WithPools<'_, T>) -> Option<&'a Arc<Pool>> {
    let mut pools = stored.pools.values();
    pools.next().filter(|_| pools.next().is_none())
}

/// What the caller may be told of one of them.
async fn tell(
    caller: &Caller<Admin>,
    state: &AppState,
    sight: Sight,
    is_change: bool,
) -> Result<Told, ApiError> {
    let Some(pool) = &sight.pool else {
        return Ok(sight.told(Err(Untold::Several), None));
    };
    let on = On::Pool(Some(pool));
    let Ok(permit) = caller.0.access().permit::<AskPool>(on) else {
        return Ok(sight.told(Err(Untold::NotAsked), None));
    };
    let fields = Some(fields(&permit, pool, &sight));
    let among = number(state, permit.count()).await?;
    let rows = [&sight.before, &sight.after].map(|shown| shown.as_ref().map(Shown::rows));
    let rows = compared(&permit, state, among, rows, is_change).await?;
    Ok(sight.told(rows, fields))
}

impl Sight {
    fn told(self, rows: Result<Counted, Untold>, fields: Option<[Vec<String>; 3]>) -> Told {
        Told {
            name: self.name,
            pool: self.pool,
            shown: self.before,
            rows,
            fields,
        }
    }
}

/// The declared fields that the key and the caller see, and those that a change gives and takes.
fn fields(permit: &Permit<AskPool>, pool: &Pool, sight: &Sight) -> [Vec<String>; 3] {
    let declared = pool.draft.schema.declared().iter();
    let seen: Vec<&FieldPath> = declared
        .map(|field| &field.path)
        .filter(|field| permit.sees(field))
        .collect();
    let of = |shown: &Option<Shown>, field: &FieldPath| {
        shown.as_ref().is_some_and(|shown| shown.shows(field))
    };
    let texts = |keep: &dyn Fn(&FieldPath) -> bool| -> Vec<String> {
        let kept = seen.iter().filter(|field| keep(field));
        kept.map(ToString::to_string).collect()
    };
    let (before, after) = (&sight.before, &sight.after);
    [
        texts(&|field| of(before, field)),
        texts(&|field| !of(before, field) && of(after, field)),
        texts(&|field| of(before, field) && !of(after, field)),
    ]
}

impl Told {
    fn to_object(&self, is_change: bool) -> Object {
        let told = Object::new()
            .with("name", self.name.as_str())
            .with("among", self.rows.ok().map(|rows| rows.among));
        let told = with_rows(told, self.rows, is_change);
        match &self.fields {
            Some(fields) => with_fields(told, fields, is_change),
            None => told,
        }
    }
}

/// The members that say which fields are seen, and which a change gives and takes.
pub(crate) fn with_fields(
    told: Object,
    [seen, gained, lost]: &[Vec<String>; 3],
    is_change: bool,
) -> Object {
    let told = told.with("fields", seen.clone());
    match is_change {
        false => told,
        true => told
            .with("fields_gained", gained.clone())
            .with("fields_lost", lost.clone()),
    }
}

#[cfg(test)]
mod tests;
