//! Cursors: where the next page of records starts, in a form that says
//! nothing and fits nowhere else.
//!
//! A cursor is encrypted and bound to the key, the rows that the key sees and
//! the question, through [`page_digest`]. It holds the order values of a row
//! that its holder saw, never a position.
//!
//! [`page_digest`]: model::permit::ConstrainedQuery::page_digest

use model::canonical;
use model::fault::{Fault, FaultCode};
use model::limits::CURSOR_SECONDS_MAX;
use model::queries::{Seek, Side};
use model::random::RandomSource;
use model::sealed::Seal;
use model::secrets::Pepper;
use model::time::Timestamp;
use model::value::Value;

use crate::plane::PlaneError;

/// The layout of what is encrypted.
const VERSION: u8 = 1;
/// Issue time and side, in front of the values.
const HEAD_BYTES: usize = 8 + 1;
/// Encoded order values in one cursor; as text it fits into a request's body.
const VALUES_BYTES_MAX: usize = 512 << 10;
/// Characters of the longest cursor that is ever made.
const CURSOR_CHARS_MAX: usize = Seal::chars(HEAD_BYTES + VALUES_BYTES_MAX);

const REFUSAL: &str = "this cursor is not one that continues this request: it was altered, is older \
    than 24 hours, or belongs to another key, view or question; start again without it";

/// The key that seals cursors.
#[derive(Debug)]
pub(crate) struct CursorKey(Seal);

impl CursorKey {
    /// The key under this pepper. Cursors outlive a restart.
    pub(crate) fn new(pepper: &Pepper) -> Self {
        Self(Seal::new(pepper, "cursor"))
    }

    /// A cursor of URL-safe characters that continues at `seek`, for the
    /// question with this binding alone.
    ///
    /// # Errors
    /// [`PlaneError::LimitExceeded`] when the order values are longer than a
    /// request could send back.
    pub(crate) fn seal(
        &self,
        seek: &Seek,
        binding: &[u8; 32],
        now: Timestamp,
        random: &dyn RandomSource,
    ) -> Result<String, PlaneError> {
        let mut plain = now.as_microsecond().to_be_bytes().to_vec();
        plain.push(side_byte(seek.side));
        canonical::encode(&Value::Array(seek.values.clone()), &mut plain);
        if plain.len() > HEAD_BYTES + VALUES_BYTES_MAX {
            return Err(PlaneError::LimitExceeded {
                limit: format!(
                    "the values that a page is ordered by have at most {VALUES_BYTES_MAX} bytes; \
                     order by shorter ones, or ask for ndjson"
                ),
            });
        }
        Ok(self.0.seal(VERSION, binding, &plain, random))
    }

    /// Where the cursor continues, when it was sealed here for this binding
    /// and side, with this many values, at most [`CURSOR_SECONDS_MAX`] ago. A
    /// whole float comes back as the integer that equals it.
    ///
    /// # Errors
    /// [`FaultCode::InvalidCursor`], one sentence for every reason.
    pub(crate) fn open(
        &self,
        cursor: &str,
        binding: &[u8; 32],
        values: usize,
        side: Side,
        now: Timestamp,
    ) -> Result<Seek, Fault> {
        self.read(cursor, binding, now)
            .filter(|seek| seek.side == side && seek.values.len() == values)
            .ok_or_else(|| {
                let member = match side {
                    Side::After => "/after",
                    Side::Before => "/before",
                };
                Fault::new(FaultCode::InvalidCursor, REFUSAL).at(member)
            })
    }

    fn read(&self, cursor: &str, binding: &[u8; 32], now: Timestamp) -> Option<Seek> {
        if cursor.len() > CURSOR_CHARS_MAX {
            return None;
        }
        let plain = self.0.open(VERSION, binding, cursor)?;
        let (issued, rest) = plain.split_first_chunk::<8>()?;
        let age = now
            .as_microsecond()
            .checked_sub(i64::from_be_bytes(*issued))?;
        // The clock may have been set back since; by more than a life it was wrong.
        if age.abs() > CURSOR_SECONDS_MAX * 1_000_000 {
            return None;
        }
        let (side, values) = rest.split_first()?;
        let side = [Side::After, Side::Before]
            .into_iter()
            .find(|known| side_byte(*known) == *side)?;
        match canonical::decode(values)? {
            Value::Array(values) => Some(Seek { values, side }),
            _ => None,
        }
    }
}

fn side_byte(side: Side) -> u8 {
    match side {
        Side::After => 0,
        Side::Before => 1,
    }
}

#[cfg(test)]
mod tests;
