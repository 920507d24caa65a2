//! Operations on files that are too large for one record of the journal, as parts: version 5 of the format.
//!
//! ```text
//! part   number u32, of u32, bytes
//! ```
//!
//! Parts follow each other in the log. What they say together is an operation of another version, and counts
//! with the last of them; parts without it, or without the first, are of nothing.

use super::bytes::{Reader, put_u32};
use super::{DecodeError, Part, manifest};

pub(super) const VERSION: u8 = 5;
pub(super) const PART: u8 = 9;

/// Bytes of a part before those of the operation.
const HEAD_BYTES: usize = 2 + 4 + 4;

/// The payloads, each of at most `limit` bytes, that say together what an operation on files says; `None` of
/// another operation, which is to be small enough, and where nothing fits.
pub(crate) fn encode_parts(payload: &[u8], limit: usize) -> Option<Vec<Vec<u8>>> {
    let is_of_files = matches!(
        payload,
        [
            manifest::VERSION | manifest::WITH_REPLACED,
            manifest::COMMIT | manifest::STATE,
            ..
        ]
    );
    let room = limit.checked_sub(HEAD_BYTES).filter(|room| *room > 0)?;
    let chunks = payload.chunks(room);
    let of = chunks.len();
    let parts = chunks.enumerate().map(|(number, bytes)| {
        let mut part = Vec::with_capacity(HEAD_BYTES + bytes.len());
        part.extend([VERSION, PART]);
        put_u32(&mut part, number);
        put_u32(&mut part, of);
        part.extend(bytes);
        part
    });
    is_of_files.then(|| parts.collect())
}

/// Reads a part.
pub(super) fn part(reader: &mut Reader<'_>) -> Result<Part, DecodeError> {
    let (number, of) = (reader.u32()?, reader.u32()?);
    if number >= of {
        return Err(DecodeError::Malformed("a part is behind the last"));
    }
    let bytes = std::mem::take(&mut reader.0).to_vec();
    Ok(Part { number, of, bytes })
}

/// Puts parts together as the log shows them.
#[derive(Debug, Default)]
pub(crate) struct Joining {
    bytes: Vec<u8>,
    /// How many there are; none where the first was not seen.
    known: Option<usize>,
}

impl Joining {
    /// Adds a part; with the last, answers the whole payload. Where the first parts are missing, their segment was
    /// freed: what they say was written down anew behind them.
    pub(crate) fn add(&mut self, part: &Part) -> Option<Vec<u8>> {
        if part.number == 0 {
            self.bytes.clear();
            self.known = Some(0);
        }
        if self.known != Some(part.number) {
            *self = Self::default();
            return None;
        }
        self.bytes.extend(&part.bytes);
        self.known = Some(part.number + 1);
        (part.number + 1 == part.of).then(|| std::mem::take(self).bytes)
    }
}
