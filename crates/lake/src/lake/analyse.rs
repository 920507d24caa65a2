//! Questions of analytics: all their parts, and the answer of them.

use futures::TryStreamExt;
use model::analyses::{Answer, Form};
use model::permit::{ConstrainedAnalysis, ConstrainedQuery};
use model::queries::Row;

use super::{FEW_GROUPS, Lake};
use crate::error::{LakeError, Result};
use crate::run::Asker;

impl Lake {
    /// Answers a question of analytics over the rows that its constraints
    /// admit. Each of its parts is read once, and sees all that was
    /// acknowledged before it was asked.
    ///
    /// # Errors
    /// Limits of resources; and [`LakeError::Internal`] for an extraction,
    /// whose rows are streamed ([`ConstrainedAnalysis::into_rows`]) since
    /// nothing bounds what they hold.
    pub async fn analyse(&self, analysis: ConstrainedAnalysis) -> Result<Answer> {
        let key = analysis.parts().first().map(ConstrainedQuery::key);
        let (Some(key), Form::Measured(_) | Form::Funnel { .. }) = (key, analysis.form()) else {
            return Err(LakeError::Internal(
                "the rows of an extraction are streamed".to_owned(),
            ));
        };
        let mut parts = Vec::new();
        for part in analysis.parts() {
            let answer = self.query(part.clone()).await?;
            let pieces: Vec<Vec<Row>> = answer.rows.try_collect().await?;
            parts.push(pieces.concat());
        }
        let has_few = parts.iter().map(Vec::len).sum::<usize>() <= FEW_GROUPS;
        let answered = move |_: &Asker| {
            let answer = analysis.answer(parts);
            answer.map_err(|limit| LakeError::LimitExceeded(limit.to_string()))
        };
        // Another thread would take longer to wake than a few groups take.
        match has_few {
            true => answered(&Asker::default()),
            false => self.runner.work(key, answered).await,
        }
    }
}
