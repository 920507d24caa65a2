//! Questions of pools: from the plan to the rows of the answer.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use arrow_array::RecordBatch;
use futures::StreamExt;
use model::ids::KeyId;
use model::permit::ConstrainedQuery;
use model::queries::{AggregateQuery, Query};

use super::{Answer, Lake};
use crate::error::{LakeError, Result};
use crate::finish::finish;
use crate::output::output_columns;
use crate::plan::{Plan, plan};
use crate::run::{
    Asker, actor_rows, cells, forwards, groups, in_pieces, record_rows, rows_in_pieces,
};

impl Lake {
    pub(super) fn plan(&self, query: &ConstrainedQuery) -> Result<Plan> {
        let snapshot = self.pools.snapshot(query.pool());
        let planned = plan(query.pool(), query.rows(), query.query(), &snapshot);
        match &planned {
            Err(LakeError::PlanRefused(reason)) => {
                self.plans_refused.fetch_add(1, Ordering::Relaxed);
                tracing::error!(%reason, key = %query.key(), "a plan was refused");
            }
            Ok(Plan {
                unresolved: Some(reason),
                ..
            }) => {
                self.constraints_unresolved.fetch_add(1, Ordering::Relaxed);
                tracing::error!(%reason, key = %query.key(), "a constraint admits no row");
            }
            _ => {}
        }
        planned
    }

    /// Answers a question over the rows that its constraint admits.
    pub async fn query(&self, query: ConstrainedQuery) -> Result<Answer> {
        let columns = output_columns(query.query(), &query.pool().draft.schema)?;
        let plan = self.plan(&query)?;
        self.queries_answered.fetch_add(1, Ordering::Relaxed);
        let rows = match query.query() {
            Query::Aggregate(aggregate) => {
                let batches = self.collect(query.key(), plan).await?;
                let (aggregate, pool) = (aggregate.clone(), query.pool().clone());
                let has_few = self::filled(&aggregate, cells(&batches)) <= FEW_CELLS;
                let finished = move |_: &Asker| {
                    let groups = groups(&aggregate, &batches)?;
                    finish(&aggregate, &pool.draft.schema, groups)
                };
                // Another thread would take longer to wake than a few groups take.
                let rows = match has_few {
                    true => finished(&Asker::default())?,
                    false => self.runner.work(query.key(), finished).await?,
                };
                in_pieces(rows)
            }
            Query::Actors(actors) => {
                let batches = self.collect(query.key(), plan).await?;
                let actors = actors.clone();
                let has_few = cells(&batches) <= FEW_CELLS;
                let read = move |_: &Asker| actor_rows(&actors, &batches);
                in_pieces(match has_few {
                    true => read(&Asker::default())?,
                    false => self.runner.work(query.key(), read).await?,
                })
            }
            Query::Records(records) if records.limit.is_some_and(|limit| limit <= PAGE_ROWS) => {
                let batches = self.collect(query.key(), plan).await?;
                let mut rows = Vec::new();
                for batch in &batches {
                    rows.extend(record_rows(records, &query.pool().draft.schema, batch)?);
                }
                futures::stream::iter([Ok(forwards(records, rows))]).boxed()
            }
            Query::Records(records) => {
                let records = Arc::new(records.clone());
                let schema = query.pool().draft.schema.clone();
                let batches = self.runner.stream(query.key(), plan.root).await?;
                batches
                    .flat_map(move |batch| match batch {
                        Ok(batch) => rows_in_pieces(&records, &schema, batch),
                        Err(error) => futures::stream::iter([Err(error)]).boxed(),
                    })
                    .boxed()
            }
        };
        Ok(Answer { columns, rows })
    }

    pub(super) async fn collect(&self, key: KeyId, plan: Plan) -> Result<Vec<RecordBatch>> {
        let rows = plan.effort.rows(CELLS_AT_HAND);
        match plan.reading.is_at_hand(rows) {
            true => self.runner.collect_here(key, plan.root).await,
            false => self.runner.collect_for(key, plan.root).await,
        }
    }
}

/// Cells that become rows on the thread that has them: another would take longer to wake.
pub(super) const FEW_CELLS: usize = 1_024;

/// Cells that a question may look at on the thread that answers requests, if
/// all of them are in memory: about a millisecond of work.
const CELLS_AT_HAND: usize = 262_144;

/// Rows up to which an answer is collected rather than streamed: a page and
/// the row that tells whether there is another.
const PAGE_ROWS: u64 = model::limits::PAGE_ROWS_MAX + 1;

/// The cells of an answer, filled intervals included, at most: from those that
/// its groups have.
fn filled(query: &AggregateQuery, cells: usize) -> usize {
    let Some(series) = query.series.as_ref().filter(|series| series.filled) else {
        return cells;
    };
    let intervals = series.buckets.starts().len();
    match query.groups.is_empty() {
        true => cells.saturating_add(intervals.saturating_mul(query.columns.len())),
        false => cells.saturating_mul(intervals),
    }
}
