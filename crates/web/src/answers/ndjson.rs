//! Answers as lines of JSON.

use super::encode;
use super::layout::RowShape;
use crate::plane::{Answer, ByteStream};

/// One JSON object for each row, each with its line end.
pub(crate) fn ndjson(answer: Answer, shape: impl RowShape + Send + 'static) -> ByteStream {
    encode(answer.rows, Vec::new(), move |row, out| {
        shape.write(row, out)?;
        out.push(b'\n');
        Ok(())
    })
}
