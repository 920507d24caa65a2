//! Answers on their way out: from rows to bytes.
//!
//! A page of JSON is whole before its first byte is sent, so that what goes
//! wrong has a status. What is streamed ends with an error when the rows do:
//! a body that was cut off must not look like a complete one.

mod csv;
mod format;
mod json;
mod layout;
mod ndjson;
mod trees;

pub(crate) use csv::csv;
pub(crate) use format::{AnswerFormat, Offered};
pub(crate) use json::{page, summary};
pub(crate) use layout::{Layout, Style};
pub(crate) use ndjson::ndjson;
pub(crate) use trees::{Trees, table};

use bytes::Bytes;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use model::queries::Row;

use crate::plane::{ByteStream, PlaneError};

type Rows = BoxStream<'static, Result<Vec<Row>, PlaneError>>;

/// The rows as bytes: `head` in front, then what `write` makes of each row.
/// The first error is the last item. `head` comes with the first rows, so
/// that a first item which is no error means that rows could be read.
fn encode(
    rows: Rows,
    head: Vec<u8>,
    write: impl FnMut(&Row, &mut Vec<u8>) -> Result<(), PlaneError> + Send + 'static,
) -> ByteStream {
    let state = Some((rows, head, write));
    stream::unfold(state, async |state| {
        let (mut rows, mut out, mut write) = state?;
        loop {
            let Some(chunk) = rows.next().await else {
                return (!out.is_empty()).then(|| (Ok(Bytes::from(out)), None));
            };
            let written = chunk.and_then(|chunk| {
                chunk.iter().try_for_each(|row| write(row, &mut out))?;
                Ok(!chunk.is_empty())
            });
            match written {
                Ok(false) => {}
                Ok(true) => {
                    return Some((Ok(Bytes::from(out)), Some((rows, Vec::new(), write))));
                }
                Err(error) => return Some((Err(error), None)),
            }
        }
    })
    .boxed()
}

/// The same bytes, once the first of them are there.
///
/// # Errors
/// What the stream would have begun with; nothing was sent, so the answer
/// can still have the error's status.
pub(crate) async fn started(mut bytes: ByteStream) -> Result<ByteStream, PlaneError> {
    match bytes.next().await {
        None => Ok(stream::empty().boxed()),
        Some(Err(error)) => Err(error),
        Some(Ok(first)) => Ok(stream::once(async { Ok(first) }).chain(bytes).boxed()),
    }
}

#[cfg(test)]
mod tests;
