//! Questions of analytics: all their parts, and the answer of them.

use std::pin::pin;

use futures::{Stream, StreamExt, TryStreamExt};
use model::analyses::{Answer, Form};
use model::permit::{ConstrainedAnalysis, ConstrainedQuery};
use model::queries::{ResultSize, Row};

use super::Lake;
use super::query::FEW_CELLS;
use crate::error::{LakeError, Result};
use crate::run::{Asker, CELL_BYTES, RowStream};

impl Lake {
    /// Answers a question of analytics over the rows that its constraints
    /// admit. Each of its parts is read once, and sees all that was
    /// acknowledged before it was asked. However many parts there are, they
    /// take no longer and hold no more rows than one question may.
    ///
    /// # Errors
    /// Limits of resources; and [`LakeError::Internal`] for an extraction,
    /// whose rows are streamed ([`ConstrainedAnalysis::into_rows`]) since
    /// nothing bounds what they hold.
    pub async fn analyse(&self, analysis: ConstrainedAnalysis) -> Result<Answer> {
        if let Form::Rows(_) = analysis.form() {
            return Err(LakeError::Internal(
                "the rows of an extraction are streamed".to_owned(),
            ));
        }
        let Some(key) = analysis.parts().first().map(ConstrainedQuery::key) else {
            // It asks for nothing that is there.
            return Ok(analysis.answer(Vec::new())?);
        };
        let whole = async {
            let parts = futures::stream::iter(analysis.parts());
            let parts = gathered(parts.then(async |part| {
                let answer = self.query(part.clone()).await?;
                Ok(answer.rows)
            }));
            let parts = parts.await?;
            let has_few = has_few(analysis.form(), &parts);
            let answered = {
                let analysis = analysis.clone();
                move |_: &Asker| Ok(analysis.answer(parts)?)
            };
            match has_few {
                true => answered(&Asker::default()),
                false => self.runner.work(key, answered).await,
            }
        };
        self.runner.together(whole).await
    }
}

/// The rows of each part, asked one after another. Together they hold no more
/// than one answer may.
async fn gathered(parts: impl Stream<Item = Result<RowStream>>) -> Result<Vec<Vec<Row>>> {
    let (mut all, mut held) = (Vec::new(), ResultSize::default());
    let mut parts = pin!(parts);
    while let Some(mut pieces) = parts.try_next().await? {
        let mut rows = Vec::new();
        while let Some(piece) = pieces.try_next().await? {
            for row in &piece {
                held = held.and(ResultSize {
                    rows: 1,
                    ..ResultSize::of(row)
                });
            }
            held.check()?;
            rows.extend(piece);
        }
        all.push(rows);
    }
    Ok(all)
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use model::analyses::{Analysis, AnswerText};
    use model::limits::{RESULT_ROWS_MAX, RESULT_VALUES_MAX};
    use model::time::{TimeZone, Timestamp};
    use model::value::Value;

    use super::*;

    /// Gathers parts of so many of these rows each; answers how many were
    /// gathered and how many parts were asked for.
    async fn gather(row: &Row, counts: &[usize]) -> (Result<usize, String>, usize) {
        let asked = AtomicUsize::new(0);
        let parts = counts.iter().map(|count| {
            asked.fetch_add(1, Ordering::Relaxed);
            let (row, count) = (row.clone(), *count);
            let pieces = (0..count).step_by(1_000);
            let piece = move |from: usize| Ok(vec![row.clone(); (count - from).min(1_000)]);
            Ok(futures::stream::iter(pieces.map(piece)).boxed())
        });
        let gathered = gathered(futures::stream::iter(parts)).await;
        let gathered = gathered.map(|parts| parts.iter().map(Vec::len).sum());
        let gathered = gathered.map_err(|error| error.to_string());
        (gathered, asked.into_inner())
    }

    #[tokio::test]
    async fn the_parts_of_a_funnel_hold_no_more_than_one_answer_may() {
        let (short, half) = (Row::new(), RESULT_ROWS_MAX / 2);
        let (all, asked) = gather(&short, &[half, half, 0]).await;
        assert_eq!((all, asked), (Ok(RESULT_ROWS_MAX), 3));
        let (refused, asked) = gather(&short, &[half, half + 1, 5]).await;
        assert!(refused.unwrap_err().contains("1000000 rows"));
        assert_eq!(
            asked, 2,
            "nothing more is read for an answer that is refused"
        );
        let long = vec![Value::Array(vec![Value::Null; RESULT_VALUES_MAX / 4])];
        let (refused, asked) = gather(&long, &[2, 2, 2]).await;
        assert!(
            refused
                .unwrap_err()
                .contains(&RESULT_VALUES_MAX.to_string())
        );
        assert_eq!(asked, 2);
    }

    #[tokio::test]
    async fn a_question_for_nothing_that_is_there_is_answered_of_no_rows() {
        let asked = r#"{"analysis":"count","pool":"p"}"#;
        let asked = Analysis::parse(&model::json::parse(asked.as_bytes()).unwrap());
        let Ok(Analysis::Aggregation(mut asked)) = asked else {
            panic!("{asked:?}");
        };
        asked.source.typing = model::analyses::Typing::Loose;
        let nothing = ConstrainedAnalysis::of_nothing(&asked, Timestamp::MIN).unwrap();
        let answer = Lake::in_memory(3).analyse(nothing).await.unwrap();
        let members = answer.to_members(&AnswerText::in_zone(TimeZone::utc()));
        assert_eq!(members.get("result"), Some(&Value::Integer(0)));
    }

    #[tokio::test]
    async fn a_part_that_fails_is_no_part_without_rows() {
        let failing = futures::stream::iter([
            Ok(futures::stream::iter([Ok(vec![Row::new()])]).boxed()),
            Ok(futures::stream::iter([Err(LakeError::Busy)]).boxed()),
        ]);
        assert!(matches!(gathered(failing).await, Err(LakeError::Busy)));
        let refused = futures::stream::iter([Err(LakeError::Busy)]);
        assert!(matches!(gathered(refused).await, Err(LakeError::Busy)));
    }
}
