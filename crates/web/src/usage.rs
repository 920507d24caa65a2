//! Usage on its way from where it is counted to the pools `_usage`.
//!
//! The control plane counts, and knows which totals no pool holds yet. They are
//! stored as records that replace older ones, and then noted as stored: who is
//! killed in between stores the same once more.

use control::{ControlError, Unpublished, UsageCounts, UsageOf};
use model::ids::ProjectId;
use model::permit::{Permit, Upkeep};

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
/// projects. What fails is told to the log, and tried again the next time.
pub async fn publish(state: &AppState) {
    publish_some(state, Unpublished::All).await;
}

/// The same for one project. Afterwards, unless it failed, a question is
/// answered with what [`control::Control::usage`] told before.
pub(crate) async fn publish_of(state: &AppState, project: ProjectId) {
    publish_some(state, Unpublished::Of(project)).await;
}

async fn publish_some(state: &AppState, which: Unpublished) {
    // One at a time: totals that were read later must not be stored earlier.
    let _one = state.publishing.lock().await;
    if let Err(error) = publish_all(state, which).await {
        tracing::warn!(%error, "usage was not brought to its pool; it will be");
    }
}

/// A project whose totals cannot be stored holds up no other one; the last
/// failure is told.
async fn publish_all(state: &AppState, mut which: Unpublished) -> Result<(), Failure> {
    let mut failed = Ok(());
    loop {
        let totals = state.control.unpublished_usage(which).await?;
        let Some((next, _)) = totals.first() else {
            return failed;
        };
        let project = next.project;
        let of_one = totals.partition_point(|(of, _)| of.project == project);
        failed = match store(state, &totals[..of_one]).await {
            Ok(()) => continue,
            Err(error) => Err(error),
        };
        match which {
            Unpublished::Of(_) => return failed,
            _ => which = Unpublished::After(project),
        }
    }
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
