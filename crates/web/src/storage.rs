//! Quotas of storage: from how many stored bytes on a pool, or a project with
//! all of its pools, stores nothing more.
//!
//! What is stored is asked of all records, hidden ones included: so a refusal
//! tells its caller that others stored much, and nothing else does. Numbers are
//! shown to whom all rows of the pool are shown.

use std::sync::Arc;

use control::Definitions;
use model::filters::Constraint;
use model::ids::ProjectId;
use model::permit::{Access, AskPool, On, Permit, Upkeep};
use model::pools::Pool;

use crate::error::{ApiError, Code};
use crate::state::AppState;

/// Refuses to store anything more where the quota of the pool or of its project
/// is reached. Requests that are under way at one time are told the same, so
/// that what they bring may pass it once.
///
/// # Errors
/// [`Code::QuotaReached`]; nothing was stored.
pub(crate) fn check_room(
    state: &AppState,
    access: &Access,
    pool: &Arc<Pool>,
) -> Result<(), ApiError> {
    let definitions = state.control.definitions(access.project());
    // As it is defined now: a quota may be another one than when the request came.
    let own = definitions.pool_by_id(pool.id);
    let own = own.map_or(pool.draft.storage_bytes, |now| now.draft.storage_bytes);
    match own.filter(|quota| of_pool(state, pool) >= *quota) {
        Some(quota) => Err(reached("pool", quota, seen(state, access, pool))),
        None => check_project_room(state, access, &definitions),
    }
}

/// The same for the quota of the project alone: before something is made that
/// records are to be stored in.
///
/// # Errors
/// As [`check_room`].
pub(crate) fn check_project_room(
    state: &AppState,
    access: &Access,
    definitions: &Definitions,
) -> Result<(), ApiError> {
    let quota = definitions.project().storage_bytes;
    match quota.filter(|quota| of_project(state, definitions) >= *quota) {
        Some(quota) => {
            let seen = seen_of_project(state, access, definitions);
            Err(reached("project", quota, seen))
        }
        None => Ok(()),
    }
}

/// The numbers are for whom they are shown to anyway.
fn reached(of: &str, quota: u64, stored: Option<u64>) -> ApiError {
    let which = match stored {
        None => "the quota of storage of the pool, or of its project, is reached".to_owned(),
        Some(stored) => format!(
            "the quota of storage of the {of} is reached: storage_bytes is {quota} and {stored} bytes are stored"
        ),
    };
    ApiError::new(
        Code::QuotaReached,
        format!(
            "{which}; nothing of this request was stored. Delete records, which counts once files are \
             written without them, or have storage_bytes raised"
        ),
    )
}

fn of_pool(state: &AppState, pool: &Pool) -> u64 {
    state.plane.stored_bytes(&Permit::<Upkeep>::ours(), pool.id)
}

fn of_project(state: &AppState, definitions: &Definitions) -> u64 {
    definitions.pools().map(|pool| of_pool(state, pool)).sum()
}

/// Bytes that the pool takes where there is a quota, for a caller whom all of
/// its rows are shown.
pub(crate) fn shown(state: &AppState, access: &Access, pool: &Arc<Pool>) -> Option<u64> {
    let definitions = state.control.definitions(access.project());
    let quotas = [
        pool.draft.storage_bytes,
        definitions.project().storage_bytes,
    ];
    quotas.iter().flatten().next()?;
    seen(state, access, pool)
}

/// Bytes that the pool takes, for a caller whom all of its rows are shown.
pub(crate) fn seen(state: &AppState, access: &Access, pool: &Arc<Pool>) -> Option<u64> {
    let permit = access.permit::<AskPool>(On::Pool(Some(pool))).ok()?;
    let sees_all = *permit.count().rows() == Constraint::AllRows;
    sees_all.then(|| of_pool(state, pool))
}

/// The same of all pools of the caller's own project; of another one nothing is told.
pub(crate) fn shown_of_project(
    state: &AppState,
    access: &Access,
    project: ProjectId,
) -> Option<u64> {
    let definitions = state.control.definitions(project);
    definitions.project().storage_bytes?;
    if project != access.project() {
        return None;
    }
    seen_of_project(state, access, &definitions)
}

fn seen_of_project(state: &AppState, access: &Access, definitions: &Definitions) -> Option<u64> {
    let mut pools = definitions.pools();
    pools.try_fold(0, |sum, pool| Some(sum + seen(state, access, pool)?))
}

#[cfg(test)]
mod tests;
