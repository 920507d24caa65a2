//! Answers as lines of JSON.

use super::{Layout, encode};
use crate::plane::{Answer, ByteStream};

/// One JSON object for each row, each with its line end.
pub(crate) fn ndjson(answer: Answer, layout: Layout) -> ByteStream {
    encode(answer.rows, Vec::new(), move |row, out| {
        layout.write_object(layout.members(), row, out)?;
        out.push(b'\n');
        Ok(())
    })
}
