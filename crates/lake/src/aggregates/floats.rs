//! Adding up many doubles at once, without rounding.
//!
//! The mantissas of one sign and exponent are added as whole numbers, and each
//! such sum goes into the exact sum as one number: the "large superaccumulator"
//! of R. M. Neal, "Fast exact summation using small and large superaccumulators", 2015.

use super::exact::ExactSum;

/// Doubles from which on the way over whole numbers is worth it.
pub(super) const MANY: usize = 24;

/// A mantissa has 53 bits, so that the sum of so many has 64.
const ADDITIONS: usize = 1 << 11;
const MANTISSA_BITS: u32 = 52;
const FRACTION: u64 = (1 << MANTISSA_BITS) - 1;
/// Exponents, those of infinities and of what is no number included.
const EXPONENTS: usize = 1 << 11;

/// A sum of mantissas for each sign and exponent; all are zero between two calls.
#[derive(Debug)]
pub(super) struct Bins(Box<[u64]>);

impl Bins {
    /// Empty ones.
    pub(super) fn new() -> Self {
        Self(vec![0; 2 * EXPONENTS].into())
    }

    /// Adds the finite ones of the doubles to a sum; says how much memory that took.
    pub(super) fn add(&mut self, values: &[f64], sum: &mut ExactSum) -> isize {
        let mut growth = 0;
        for part in values.chunks(ADDITIONS) {
            let (mut least, mut greatest) = (EXPONENTS - 1, 0);
            for value in part {
                let bits = value.to_bits();
                let place = (bits >> MANTISSA_BITS) as usize;
                let exponent = place & (EXPONENTS - 1);
                let leading = u64::from(exponent != 0) << MANTISSA_BITS;
                self.0[place & (2 * EXPONENTS - 1)] += bits & FRACTION | leading;
                least = least.min(exponent);
                greatest = greatest.max(exponent);
            }
            growth += self.pass_on(least, greatest, sum);
        }
        growth
    }

    fn pass_on(&mut self, least: usize, greatest: usize, sum: &mut ExactSum) -> isize {
        let mut growth = 0;
        for exponent in least..=greatest {
            for negative in [false, true] {
                let place = exponent + if negative { EXPONENTS } else { 0 };
                let mantissas = std::mem::take(&mut self.0[place]);
                if mantissas != 0 && exponent != EXPONENTS - 1 {
                    growth += sum.add_scaled(negative, mantissas, exponent as i64);
                }
            }
        }
        growth
    }
}

/// Doubles that lie in groups, brought together by their group.
pub(super) fn by_group(
    values: &[f64],
    rows: impl Iterator<Item = (usize, usize)> + Clone,
    groups: usize,
) -> (Vec<f64>, Vec<usize>) {
    let mut ends = vec![0_usize; groups + 1];
    rows.clone().for_each(|(_, group)| ends[group + 1] += 1);
    for group in 0..groups {
        ends[group + 1] += ends[group];
    }
    let mut next = ends.clone();
    let mut sorted = vec![0.0; ends[groups]];
    for (row, group) in rows {
        sorted[next[group]] = values[row];
        next[group] += 1;
    }
    (sorted, ends)
}
