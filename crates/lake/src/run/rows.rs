//! From the batches of an answer to its rows and groups.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, BinaryArray, RecordBatch};
use futures::StreamExt;
use model::canonical;
use model::grants::VisibleFields;
use model::names::FieldPath;
use model::pools::Schema;
use model::queries::{ActorQuery, AggregateQuery, RecordQuery, ResultSize, Row, Side};
use model::value::{Object, Value};

use crate::columns::{CellReader, REST, rest_fields, value_at};
use crate::error::{LakeError, Result};
use crate::finish::Group;
use crate::plan::BUCKET;
use crate::run::RowStream;

/// The rows of a batch of a record question: its columns, behind them an
/// object of undeclared fields and then the order values when asked for.
pub(crate) fn record_rows(
    query: &RecordQuery,
    schema: &Schema,
    batch: &RecordBatch,
) -> Result<Vec<Row>> {
    let arrays = record_columns(query, batch)?;
    let readers: Vec<_> = arrays
        .iter()
        .map(|array| CellReader::new(array.as_ref()))
        .collect();
    let rest = match &query.rest {
        None => None,
        Some(shown) => Some((rest_column(batch)?, shown)),
    };
    let row = |row| {
        let value = |reader: &CellReader<'_>| reader.cell(row).into_value();
        let (columns, order) = readers.split_at(query.columns.len());
        let rest = rest.map(|(cells, shown)| undeclared(cells, row, schema, shown));
        let columns = columns.iter().map(value).chain(rest);
        columns.chain(order.iter().map(value)).collect()
    };
    Ok((0..batch.num_rows()).map(row).collect())
}

/// The columns of a batch of a record question, and behind them those of the
/// order values when asked for.
pub(crate) fn record_columns<'a>(
    query: &RecordQuery,
    batch: &'a RecordBatch,
) -> Result<Vec<&'a ArrayRef>> {
    let columns = query.columns.iter().map(|output| &output.field);
    let order = query
        .order
        .iter()
        .filter(|_| query.with_order_values)
        .map(|by| &by.field);
    let arrays = columns.chain(order).map(|path| {
        batch
            .column_by_name(path.as_str())
            .ok_or_else(|| LakeError::Internal(format!("the answer lacks the column {path}")))
    });
    arrays.collect()
}

/// The column of undeclared fields of a batch.
pub(crate) fn rest_column(batch: &RecordBatch) -> Result<&BinaryArray> {
    let column = batch.column_by_name(REST);
    column
        .and_then(|column| column.as_binary_opt::<i32>())
        .ok_or_else(|| LakeError::Internal("the answer lacks undeclared fields".to_owned()))
}

/// The undeclared fields of a row that are shown, in the order of their paths.
pub(crate) fn undeclared(
    cells: &BinaryArray,
    row: usize,
    schema: &Schema,
    shown: &VisibleFields,
) -> Value {
    let mut fields: Vec<(FieldPath, Value)> = Vec::new();
    if cells.is_valid(row) {
        for (column, value) in rest_fields(cells.value(row)) {
            let path = schema.undeclared_path(column);
            if let Some(path) = path.filter(|path| shown.shows(path))
                && let Some(value) = canonical::decode(value)
            {
                fields.push((path, value));
            }
        }
    }
    // What is stored is in the order of its columns.
    if !schema.deleted().is_empty() {
        fields.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
    }
    let fields = fields.into_iter();
    let object = fields.fold(Object::new(), |mut object, (path, value)| {
        object.insert(path.as_str(), value);
        object
    });
    object.into()
}

/// The rows of actors: each with the bits of the steps in which it was seen.
///
/// # Errors
/// [`LakeError::LimitExceeded`] when they would be more than an answer may hold.
pub(crate) fn actor_rows(query: &ActorQuery, batches: &[RecordBatch]) -> Result<Vec<Row>> {
    let (mut rows, mut held) = (Vec::new(), ResultSize::default());
    for batch in batches {
        if batch.num_columns() != 2 {
            let lack = format!("the answer lacks {} and its steps", query.actor);
            return Err(LakeError::Internal(lack));
        }
        let (actors, steps) = (batch.column(0), batch.column(1));
        let readers = [
            CellReader::new(actors.as_ref()),
            CellReader::new(steps.as_ref()),
        ];
        for at in 0..batch.num_rows() {
            let row: Row = readers.iter().map(|r| r.cell(at).into_value()).collect();
            held = held.and(ResultSize::of(&row));
            held.check()?;
            rows.push(row);
        }
    }
    Ok(rows)
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
pub(crate) fn rows_in_pieces(
    query: &Arc<RecordQuery>,
    schema: &Schema,
    batch: RecordBatch,
) -> RowStream {
    let (query, schema) = (query.clone(), schema.clone());
    let pieces = futures::stream::unfold((batch, 0), move |(batch, from)| {
        let (query, schema) = (query.clone(), schema.clone());
        async move {
            let rows = ROWS_AT_ONCE.min(batch.num_rows() - from);
            if from > 0 {
                tokio::task::yield_now().await;
            }
            let piece =
                (rows > 0).then(|| record_rows(&query, &schema, &batch.slice(from, rows)))?;
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

/// The groups of the batches of an aggregation. Values take more memory than
/// their columns, so that it is looked at while they are made.
///
/// # Errors
/// [`LakeError::LimitExceeded`] when they would be more than an answer may hold.
pub(crate) fn groups(query: &AggregateQuery, batches: &[RecordBatch]) -> Result<Vec<Group>> {
    let (mut groups, mut held) = (Vec::new(), ResultSize::default());
    for batch in batches {
        let buckets = batch
            .column_by_name(BUCKET)
            .filter(|_| query.series.is_some());
        let skip = usize::from(buckets.is_some());
        let keys = query.groups.len();
        let values = |row: usize, from: usize, to: usize| -> Row {
            (from..to)
                .map(|at| value_at(batch.column(at).as_ref(), row))
                .collect()
        };
        for row in 0..batch.num_rows() {
            let bucket = buckets.and_then(|array| bucket_number(array.as_ref(), row));
            let group = Group {
                bucket,
                keys: values(row, skip, skip + keys),
                results: values(row, skip + keys, batch.num_columns()),
            };
            held = held.and(ResultSize::of(group.keys.iter().chain(&group.results)));
            held.check()?;
            groups.push(group);
        }
    }
    Ok(groups)
}

/// Bytes that are as much work as a cell.
pub(crate) const CELL_BYTES: usize = 64;

/// The cells of batches, of which values are made; much text is many.
pub(crate) fn cells(batches: &[RecordBatch]) -> usize {
    let cells = batches.iter().map(|batch| {
        let cells = batch.num_rows().saturating_mul(batch.num_columns());
        cells + batch.get_array_memory_size() / CELL_BYTES
    });
    cells.sum()
}

fn bucket_number(array: &dyn Array, row: usize) -> Option<u32> {
    match value_at(array, row) {
        model::value::Value::Integer(number) => u32::try_from(number).ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
