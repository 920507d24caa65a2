//! Usage on its way to the pools `_usage`: what these do not hold yet.
//!
//! What the database has counted is the truth. A total that was written there
//! is not published until somebody says that it is in the pool, and not then if
//! more was counted meanwhile. So a kill at any place makes a total go twice at
//! most, and the same records stand there afterwards.

use std::collections::BTreeSet;

use model::ids::ProjectId;

use crate::control::Control;
use crate::error::ControlError;
use crate::store::{Claim, Write};
use crate::usage::{UsageCounts, UsageOf};
use crate::writer::Link;

/// Totals that are published at once.
const TOTALS_AT_ONCE: usize = 1_000;

/// Of which projects totals are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unpublished {
    /// Of all.
    All,
    /// Of this one alone.
    Of(ProjectId),
    /// Of those whose ids come after this one's.
    After(ProjectId),
}

impl Control {
    /// Totals, as they are in the database, that pools `_usage` do not hold:
    /// some of them, project by project in the order of their ids, and none
    /// when there are none. What is left of projects that are gone is taken away.
    ///
    /// # Errors
    /// The database failed.
    pub async fn unpublished_usage(
        &self,
        which: Unpublished,
    ) -> Result<Vec<(UsageOf, UsageCounts)>, ControlError> {
        loop {
            let totals = {
                let mut writer = self.0.writer().await?;
                match &mut writer.link {
                    Link::Open(store) => store.unpublished_usage(which, TOTALS_AT_ONCE).await?,
                    Link::Lost | Link::Closed => Vec::new(),
                }
            };
            let projects: BTreeSet<ProjectId> = totals.iter().map(|(of, _)| of.project).collect();
            let known = self.0.projects.load();
            let gone = projects.iter().filter(|id| known.get(id).is_none());
            let gone: Vec<Write> = gone.map(|id| Write::ForgetUsageOf(*id)).collect();
            drop(known);
            if gone.is_empty() {
                return Ok(totals);
            }
            self.write_of_usage(gone).await?;
        }
    }

    /// Says that these totals are in the pools `_usage`, on stable storage.
    ///
    /// # Errors
    /// The database failed; then they are published again.
    pub async fn usage_is_published(
        &self,
        totals: Vec<(UsageOf, UsageCounts)>,
    ) -> Result<(), ControlError> {
        let writes = totals.into_iter();
        let writes = writes.map(|(of, counts)| Write::UsagePublished(of, counts));
        self.write_of_usage(writes.collect()).await
    }

    async fn write_of_usage(&self, writes: Vec<Write>) -> Result<(), ControlError> {
        let writer = self.0.writer().await?;
        let ordinal = writer.ordinal;
        self.0
            .carry_out(writer, writes, ordinal, Claim::Nothing, |_| {})
            .await
    }
}
