//! Little-endian numbers and lengths.

use super::DecodeError;

/// Appends a number of 32 bits.
pub(super) fn put_u32(out: &mut Vec<u8>, number: usize) {
    let number = u32::try_from(number).expect("what one request holds is far below 4 Gi");
    out.extend(number.to_le_bytes());
}

/// Appends bytes behind their length.
pub(super) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_u32(out, bytes.len());
    out.extend(bytes);
}

/// Reads from the front of a payload.
#[derive(Debug)]
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let (taken, rest) = self
            .0
            .split_first_chunk::<N>()
            .ok_or(DecodeError::Malformed("it ends early"))?;
        self.0 = rest;
        Ok(*taken)
    }

    pub(super) fn u8(&mut self) -> Result<u8, DecodeError> {
        Ok(self.array::<1>()?[0])
    }

    /// Whether something follows: one byte, 0 or 1.
    pub(super) fn flag(&mut self) -> Result<bool, DecodeError> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(DecodeError::Malformed("a flag is neither 0 nor 1")),
        }
    }

    pub(super) fn u32(&mut self) -> Result<usize, DecodeError> {
        Ok(u32::from_le_bytes(self.array()?) as usize)
    }

    pub(super) fn u64(&mut self) -> Result<u64, DecodeError> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    pub(super) fn bytes(&mut self) -> Result<&'a [u8], DecodeError> {
        let length = self.u32()?;
        let (taken, rest) = self
            .0
            .split_at_checked(length)
            .ok_or(DecodeError::Malformed("it ends early"))?;
        self.0 = rest;
        Ok(taken)
    }

    pub(super) fn text(&mut self) -> Result<&'a str, DecodeError> {
        std::str::from_utf8(self.bytes()?)
            .map_err(|_| DecodeError::Malformed("a text is not UTF-8"))
    }

    pub(super) fn end(&self) -> Result<(), DecodeError> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(DecodeError::Malformed("it goes on too long"))
        }
    }
}

/// Nesting of arrays and objects in one stored value. What a client can send
/// is far below, and so is the end of a thread's stack far beyond.
const VALUE_DEPTH_MAX: usize = 256;

/// Whether a value in [`model::canonical`] form is nested no deeper than is
/// safe to read back. Bytes that are no value are judged when they are read.
pub(super) fn is_shallow(value: &[u8]) -> bool {
    const ARRAY: u8 = 0x70;
    const OBJECT: u8 = 0x80;
    if !matches!(value, [ARRAY | OBJECT, ..]) {
        return true;
    }
    let mut open = vec![(value, 0)];
    while let Some((value, depth)) = open.pop() {
        let Some((tag @ &(ARRAY | OBJECT), mut rest)) = value.split_first() else {
            continue;
        };
        if depth >= VALUE_DEPTH_MAX {
            return false;
        }
        let mut is_name = *tag == OBJECT;
        while let Some((length, after)) = rest.split_first_chunk::<4>() {
            let length = u32::from_be_bytes(*length) as usize;
            let Some((frame, after)) = after.split_at_checked(length) else {
                break;
            };
            if !is_name {
                open.push((frame, depth + 1));
            }
            is_name = !is_name && *tag == OBJECT;
            rest = after;
        }
    }
    true
}
