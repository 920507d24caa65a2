//! Usage on its way from where it is counted to the pools `_usage`.
//!
//! The control plane counts, and knows which totals no pool holds yet. They are
//! stored as records that replace older ones, and then noted as stored: who is
//! killed in between stores the same once more.

use std::sync::{Arc, PoisonError, Weak};

use control::{ControlError, Unpublished, UsageCounts, UsageOf};
use model::ids::ProjectId;
use model::permit::{Permit, Upkeep};
use tokio::sync::Mutex;

use crate::plane::PlaneError;
use crate::state::AppState;

#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("{0}")]
    Control(#[from] ControlError),
    #[error("{0}")]
    Plane(#[from] PlaneError),
}

/// Brings what was counted, and is in the database, to the pools `_usage` of all
/// projects, one after the other: one whose totals cannot be stored holds up no
/// other one. What fails is told to the log, and tried again the next time.
///
/// It may be given up at any moment; what is left is brought the next time.
pub async fn publish(state: &AppState) {
    let mut which = Unpublished::All;
    loop {
        let next = state.control.unpublished_usage(which).await;
        let next = told(next.map_err(Failure::from)).unwrap_or_default();
        let Some((of, _)) = next.first() else {
            return;
        };
        told(publish_project(state, of.project).await);
        which = Unpublished::After(of.project);
    }
}

/// The same for one project. Afterwards, unless it failed, a question is
/// answered with what [`control::Control::usage`] told before.
pub(crate) async fn publish_of(state: &AppState, project: ProjectId) {
    told(publish_project(state, project).await);
}

/// Brings to its pool what of one project is not there, some totals at a time.
async fn publish_project(state: &AppState, project: ProjectId) -> Result<(), Failure> {
    let one = one_at_a_time(state, project);
    loop {
        // Totals of a project that were read later must not be stored earlier.
        // Between two parts others who wait for this project get their turn.
        let _one = one.lock().await;
        let totals = state.control.unpublished_usage(Unpublished::Of(project));
        let totals = totals.await?;
        if totals.is_empty() {
            return Ok(());
        }
        store(state, &totals).await?;
    }
}

/// The lock of whoever brings usage of this project; it is forgotten when
/// nobody does.
fn one_at_a_time(state: &AppState, project: ProjectId) -> Arc<Mutex<()>> {
    let all = state.publishing.lock();
    let mut all = all.unwrap_or_else(PoisonError::into_inner);
    if let Some(one) = all.get(&project).and_then(Weak::upgrade) {
        return one;
    }
    all.retain(|_, one| one.strong_count() > 0);
    let one = Arc::new(Mutex::new(()));
    all.insert(project, Arc::downgrade(&one));
    one
}

/// Tells of a failure: what it is about is brought the next time.
fn told<T>(done: Result<T, Failure>) -> Option<T> {
    done.inspect_err(|error| {
        tracing::warn!(%error, "usage was not brought to its pool; it will be");
    })
    .ok()
}

/// Stores totals of one project, and notes that.
async fn store(state: &AppState, totals: &[(UsageOf, UsageCounts)]) -> Result<(), Failure> {
    let Some((first, _)) = totals.first() else {
        return Ok(());
    };
    let ours = Permit::<Upkeep>::ours();
    let now = state.clock.now();
    let batch = ours.usage_totals(first.project, totals, now, &*state.random);
    if let Some(fault) = batch.faults().first() {
        let at = &fault.message;
        return Err(PlaneError::Internal(format!("a total of usage is no record: {at}")).into());
    }
    state.plane.append(batch).await?;
    Ok(state.control.usage_is_published(totals.to_vec()).await?)
}

#[cfg(test)]
mod tests;
