//! How many bytes rows have in memory.

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::DataType;

use super::BLOCK_BYTES;

/// The bytes of the rows of a batch, whatever else its buffers hold.
pub(crate) fn bytes_of(batch: &RecordBatch) -> usize {
    batch.columns().iter().map(bytes_of_column).sum()
}

fn bytes_of_column(array: &ArrayRef) -> usize {
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
