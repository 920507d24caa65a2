//! How many bytes rows have in memory.

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::DataType;

use super::BLOCK_BYTES;
use crate::columns::Encoded;

/// The bytes of the rows of a batch, whatever else its buffers hold.
pub(crate) fn bytes_of(batch: &RecordBatch) -> usize {
    batch.columns().iter().map(bytes_of_column).sum()
}

/// The bytes of some rows of a column, as a column of them in its plain type would hold them.
pub(crate) fn bytes_of_rows(array: &dyn Array, rows: impl Iterator<Item = usize>) -> usize {
    let offset = size_of::<i32>();
    if let Some(encoded) = Encoded::of(array) {
        let (codes, values) = (encoded.codes(), encoded.values().as_ref());
        let offsets = match values.data_type() {
            DataType::Utf8 => values.as_string::<i32>().value_offsets(),
            DataType::Binary => values.as_binary::<i32>().value_offsets(),
            // No other columns are encoded.
            _ => &[],
        };
        let length = |row: usize| {
            let code = usize::try_from(codes.value(row)).ok();
            let ends = code.and_then(|code| offsets.get(code..code + 2));
            ends.map_or(0, |ends| (ends[1] - ends[0]) as usize)
        };
        let bytes = rows.map(|row| match codes.is_null(row) {
            true => offset,
            false => offset + length(row),
        });
        return bytes.sum();
    }
    match array.data_type() {
        DataType::Utf8 => {
            let texts = array.as_string::<i32>();
            rows.map(|row| offset + texts.value(row).len()).sum()
        }
        DataType::Binary => {
            let values = array.as_binary::<i32>();
            rows.map(|row| offset + values.value(row).len()).sum()
        }
        DataType::List(_) => {
            let list = array.as_list::<i32>();
            rows.map(|row| offset + bytes_of_column(&list.value(row)))
                .sum()
        }
        DataType::FixedSizeBinary(width) => rows.count() * usize::try_from(*width).unwrap_or(0),
        other => rows.count() * other.primitive_width().unwrap_or(1),
    }
}

pub(super) fn bytes_of_column(array: &ArrayRef) -> usize {
    if matches!(array.data_type(), DataType::List(_)) {
        let list = array.as_list::<i32>();
        let offsets = list.offsets();
        let (from, to) = (offsets[0] as usize, offsets[list.len()] as usize);
        return size_of_val(offsets.as_ref())
            + bytes_of_column(&list.values().slice(from, to - from));
    }
    array.to_data().get_slice_memory_size().unwrap_or(0)
}

/// The rows of a batch in parts that one block has room for.
pub(super) fn parts(batch: RecordBatch) -> Vec<RecordBatch> {
    let (mut parts, mut whole) = (Vec::new(), vec![batch]);
    while let Some(batch) = whole.pop() {
        let rows = batch.num_rows();
        if rows < 2 || bytes_of(&batch) <= BLOCK_BYTES {
            parts.push(batch);
        } else {
            let half = rows / 2;
            whole.push(batch.slice(half, rows - half));
            whole.push(batch.slice(0, half));
        }
    }
    parts
}
