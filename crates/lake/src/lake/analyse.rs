//! Questions of analytics: all their parts, and the answer of them.

use futures::TryStreamExt;
use model::analyses::{Answer, Form};
use model::permit::{ConstrainedAnalysis, ConstrainedQuery};
use model::queries::{ResultSize, Row};

use super::Lake;
use super::query::FEW_CELLS;
use crate::error::{LakeError, Result};
use crate::run::{Asker, CELL_BYTES};

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
            parts.push(pieces.into_iter().flatten().collect::<Vec<Row>>());
        }
        let has_few = has_few(analysis.form(), &parts);
        let answered = move |_: &Asker| Ok(analysis.answer(parts)?);
        match has_few {
            true => answered(&Asker::default()),
            false => self.runner.work(key, answered).await,
        }
    }
}

/// Whether so few values are gone through that another thread would take
/// longer to wake.
fn has_few(form: &Form, parts: &[Vec<Row>]) -> bool {
    if parts.iter().map(Vec::len).sum::<usize>() > FEW_CELLS {
        return false;
    }
    let size = parts.iter().flatten().map(ResultSize::of);
    let size = size.fold(ResultSize::default(), ResultSize::and);
    let cells = size.values.saturating_add(size.text / CELL_BYTES);
    let cells = match form {
        Form::Measured(form) => {
            let intervals = form.buckets.as_ref();
            match intervals.map(|buckets| buckets.starts().len()) {
                None => cells,
                Some(count) if form.groups.is_empty() => {
                    cells.saturating_add(count.saturating_mul(form.empty.len()))
                }
                Some(count) => cells.saturating_mul(count),
            }
        }
        Form::Rows(_) | Form::Funnel { .. } => cells,
    };
    cells <= FEW_CELLS
}
