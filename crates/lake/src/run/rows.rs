//! From the batches of an answer to its rows and groups.

use std::sync::Arc;

use arrow_array::{Array, RecordBatch};
use futures::StreamExt;
use model::queries::{AggregateQuery, RecordQuery, Row, Side};

use crate::columns::{CellReader, value_at};
use crate::error::{LakeError, Result};
use crate::finish::Group;
use crate::plan::BUCKET;
use crate::run::RowStream;

/// The rows of a batch of a record question: its columns, and behind them
/// the order values when asked for.
pub(crate) fn record_rows(query: &RecordQuery, batch: &RecordBatch) -> Result<Vec<Row>> {
    let columns = query.columns.iter().map(|output| &output.field);
    let order = query
        .order
        .iter()
        .filter(|_| query.with_order_values)
        .map(|by| &by.field);
    let arrays = columns
        .chain(order)
        .map(|path| {
            batch
                .column_by_name(path.as_str())
                .ok_or_else(|| LakeError::Internal(format!("the answer lacks the column {path}")))
        })
        .collect::<Result<Vec<_>>>()?;
    let readers: Vec<_> = arrays
        .iter()
        .map(|array| CellReader::new(array.as_ref()))
        .collect();
    let row = |row| {
        readers
            .iter()
            .map(|reader| reader.cell(row).into_value())
            .collect()
    };
    Ok((0..batch.num_rows()).map(row).collect())
}

/// Rows that are handed on before others get their turn.
const ROWS_AT_ONCE: usize = 1_024;

/// The rows in pieces, between which the thread does what else waits: few
/// threads write all answers, and a million groups must keep none of them.
pub(crate) fn in_pieces(rows: Vec<Row>) -> RowStream {
    if rows.len() <= ROWS_AT_ONCE {
        return futures::stream::iter([Ok(rows)]).boxed();
    }
    let pieces = futures::stream::unfold(rows.into_iter(), |mut rest| async move {
        let piece: Vec<Row> = rest.by_ref().take(ROWS_AT_ONCE).collect();
        tokio::task::yield_now().await;
        (!piece.is_empty()).then_some((Ok(piece), rest))
    });
    pieces.boxed()
}

/// The same of a batch of a record question, whose rows are made piece by piece.
pub(crate) fn rows_in_pieces(query: &Arc<RecordQuery>, batch: RecordBatch) -> RowStream {
    let query = query.clone();
    let pieces = futures::stream::unfold((batch, 0), move |(batch, from)| {
        let query = query.clone();
        async move {
            let rows = ROWS_AT_ONCE.min(batch.num_rows() - from);
            if from > 0 {
                tokio::task::yield_now().await;
            }
            let piece = (rows > 0).then(|| record_rows(&query, &batch.slice(from, rows)))?;
            Some((piece, (batch, from + rows)))
        }
    });
    pieces.boxed()
}

/// Turns rows that were read backwards round.
pub(crate) fn forwards(query: &RecordQuery, mut rows: Vec<Row>) -> Vec<Row> {
    if query
        .seek
        .as_ref()
        .is_some_and(|seek| seek.side == Side::Before)
    {
        rows.reverse();
    }
    rows
}

/// The groups of the batches of an aggregation.
pub(crate) fn groups(query: &AggregateQuery, batches: &[RecordBatch]) -> Vec<Group> {
    let mut groups = Vec::new();
    for batch in batches {
        let buckets = batch
            .column_by_name(BUCKET)
            .filter(|_| query.series.is_some());
        let skip = usize::from(buckets.is_some());
        let keys = query.groups.len();
        let values = |row: usize, from: usize, to: usize| {
            (from..to)
                .map(|at| value_at(batch.column(at).as_ref(), row))
                .collect()
        };
        for row in 0..batch.num_rows() {
            let bucket = buckets.and_then(|array| bucket_number(array.as_ref(), row));
            groups.push(Group {
                bucket,
                keys: values(row, skip, skip + keys),
                results: values(row, skip + keys, batch.num_columns()),
            });
        }
    }
    groups
}

fn bucket_number(array: &dyn Array, row: usize) -> Option<u32> {
    match value_at(array, row) {
        model::value::Value::Integer(number) => u32::try_from(number).ok(),
        _ => None,
    }
}
