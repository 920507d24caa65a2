//! The source of randomness, passed in so that tests can repeat themselves.

use std::fmt::Debug;
use std::sync::Mutex;

/// A source of random bytes. The production source is the operating
/// system's; nothing in the house draws randomness from anywhere else.
pub trait RandomSource: Send + Sync + Debug {
    /// Fills the whole slice.
    fn fill(&self, bytes: &mut [u8]);
}

/// Bytes of a source, drawn ahead for many small uses. None is given twice.
#[derive(Debug)]
pub struct DrawnAhead<'a> {
    source: &'a dyn RandomSource,
    /// Bytes, the last of which are still to be given; and how many.
    drawn: Mutex<(Vec<u8>, usize)>,
}

impl<'a> DrawnAhead<'a> {
    /// Draws about `bytes` at once, if they are neither few nor too many.
    pub fn new(source: &'a dyn RandomSource, bytes: usize) -> Self {
        const FEW: usize = 256;
        const MOST: usize = 4_096;
        let ahead = if bytes < FEW { 0 } else { bytes.min(MOST) };
        Self {
            source,
            drawn: Mutex::new((vec![0; ahead], 0)),
        }
    }
}

impl RandomSource for DrawnAhead<'_> {
    fn fill(&self, bytes: &mut [u8]) {
        let mut drawn = self
            .drawn
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let (ahead, left) = &mut *drawn;
        if bytes.len() > ahead.len() {
            return self.source.fill(bytes);
        }
        if bytes.len() > *left {
            self.source.fill(ahead);
            *left = ahead.len();
        }
        let end = *left;
        *left -= bytes.len();
        bytes.copy_from_slice(&ahead[*left..end]);
        ahead[*left..end].fill(0);
    }
}

/// A repeatable source for tests and simulations (SplitMix64): the same seed
/// gives the same bytes. It protects nothing.
#[derive(Debug)]
pub struct SeededRandom(Mutex<u64>);

impl SeededRandom {
    /// A source that starts from `seed`.
    pub fn new(seed: u64) -> Self {
        Self(Mutex::new(seed))
    }

    /// The next 64 bits.
    pub fn next_u64(&self) -> u64 {
        let mut state = self
            .0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = *state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

impl RandomSource for SeededRandom {
    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            chunk.copy_from_slice(&self.next_u64().to_le_bytes()[..chunk.len()]);
        }
    }
}

#[cfg(test)]
mod tests;
