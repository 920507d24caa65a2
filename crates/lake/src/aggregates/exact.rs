//! Sums without rounding.
//!
//! The crate `xsum` would add as exactly, but 0.1.6 rounds negative sums
//! wrongly (it makes -1 and -2 into -3.0000000000000004) and keeps its sums
//! to itself, so that they can be neither merged nor saved.

use model::value::Number;

use super::natural::{DIGIT_BITS, Exact, Natural};

/// A sum of integers and finite doubles that loses nothing: the same for
/// every order and every way of taking it apart and merging it.
#[derive(Clone, Debug, Default)]
pub(super) struct ExactSum {
    /// The sum of the integers, up to what went over into `wide`.
    integers: i128,
    /// The rest, which integers of 64 bits never need.
    wide: Option<Box<Wide>>,
}

/// A number in digits of 32 bits that carry only now and then.
#[derive(Clone, Debug, Default)]
struct Wide {
    /// The digits, lowest first, each with its own sign.
    digits: Vec<i64>,
    /// The place of the first digit: it counts in units of 2^(32 · low).
    low: i64,
    /// How often something was added since the digits last carried.
    additions: u32,
    /// Whether a double was added.
    floats: bool,
}

/// Each addition puts less than 2^32 on a digit, so that this many fit in 63
/// bits. Tests meet the limit early.
const ADDITIONS_MAX: u32 = if cfg!(test) { 3 } else { 1 << 30 };
const MASK: i64 = 0xFFFF_FFFF;

impl ExactSum {
    /// Adds a number; says how much memory that took. An infinity or NaN,
    /// which the lake never stores, adds nothing.
    pub(super) fn add(&mut self, number: Number) -> isize {
        match number {
            Number::Integer(integer) => self.add_integer(integer),
            Number::Float(float) if float.is_finite() => {
                let (mantissa, exponent) = parts(float);
                self.with_wide(|wide| {
                    wide.floats = true;
                    wide.add(float < 0.0, mantissa.into(), exponent);
                })
            }
            Number::Float(_) => 0,
        }
    }

    /// Adds the square of a number, likewise.
    pub(super) fn add_square(&mut self, number: Number) -> isize {
        match number {
            Number::Integer(integer) => match integer.checked_mul(integer) {
                Some(square) => self.add_integer(square),
                None => {
                    let size = integer.unsigned_abs();
                    let (high, low) = (size >> 64, size & u128::from(u64::MAX));
                    self.with_wide(|wide| {
                        wide.add(false, high * high, 128);
                        wide.add(false, high * low, 65);
                        wide.add(false, low * low, 0);
                    })
                }
            },
            Number::Float(float) if float.is_finite() => {
                let (mantissa, exponent) = parts(float);
                self.with_wide(|wide| {
                    wide.floats = true;
                    wide.add(false, u128::from(mantissa).pow(2), exponent * 2);
                })
            }
            Number::Float(_) => 0,
        }
    }

    /// Adds `±mantissa · 2^(exponent − 1,075)`, which doubles of this field of
    /// the exponent come to, or of field 0, which counts as 1; likewise.
    pub(super) fn add_scaled(&mut self, negative: bool, mantissa: u64, exponent: i64) -> isize {
        self.with_wide(|wide| {
            wide.floats = true;
            wide.add(negative, mantissa.into(), exponent.max(1) - 1_075);
        })
    }

    fn add_integer(&mut self, integer: i128) -> isize {
        if let Some(sum) = self.integers.checked_add(integer) {
            self.integers = sum;
            return 0;
        }
        let spilt = std::mem::replace(&mut self.integers, integer);
        self.with_wide(|wide| wide.add(spilt < 0, spilt.unsigned_abs(), 0))
    }

    /// Adds another sum; says how much memory that took.
    pub(super) fn merge(&mut self, other: Self) -> isize {
        let growth = self.add_integer(other.integers);
        let Some(mut other) = other.wide else {
            return growth;
        };
        growth
            + self.with_wide(|wide| {
                wide.floats |= other.floats;
                other.carry();
                wide.cover(other.low, other.digits.len());
                let start = usize::try_from(other.low - wide.low).expect("it was covered");
                for (digit, more) in wide.digits[start..].iter_mut().zip(&other.digits) {
                    *digit += more;
                }
                wide.count_addition();
            })
    }

    /// The memory held beside the value itself.
    pub(super) fn heap(&self) -> usize {
        self.wide.as_ref().map_or(0, |wide| {
            size_of::<Wide>() + wide.digits.capacity() * size_of::<i64>()
        })
    }

    fn with_wide(&mut self, change: impl FnOnce(&mut Wide)) -> isize {
        let before = self.heap();
        change(self.wide.get_or_insert_default());
        self.heap() as isize - before as isize
    }

    /// Whether a double is in the sum.
    pub(super) fn has_floats(&self) -> bool {
        self.wide.as_ref().is_some_and(|wide| wide.floats)
    }

    /// The sum as a number.
    pub(super) fn exact(mut self) -> Exact {
        let Some(mut wide) = self.wide.take() else {
            return Exact {
                negative: self.integers < 0,
                digits: Natural::from_u128(self.integers.unsigned_abs()),
                exponent: 0,
            };
        };
        wide.add(self.integers < 0, self.integers.unsigned_abs(), 0);
        wide.carry();
        let negative = wide.digits.last().is_some_and(|top| *top < 0);
        if negative {
            wide.digits.iter_mut().for_each(|digit| *digit = -*digit);
            wide.carry();
        }
        Exact {
            negative,
            digits: Natural::from_digits(wide.digits.iter().map(|digit| *digit as u32).collect()),
            exponent: wide.low * DIGIT_BITS,
        }
    }

    /// A sum of integers, when it is one of 128 bits.
    pub(super) fn integer(self) -> Option<i128> {
        if self.wide.is_none() {
            return Some(self.integers);
        }
        let mut exact = self.exact();
        let lost = exact.digits.shift(exact.exponent);
        let size = exact.digits.to_u128().filter(|_| !lost)?;
        if exact.negative {
            0_i128.checked_sub_unsigned(size)
        } else {
            i128::try_from(size).ok()
        }
    }
}

/// The magnitude of a finite double: a whole number and its power of two.
fn parts(float: f64) -> (u64, i64) {
    let bits = float.to_bits();
    let fraction = bits & ((1 << 52) - 1);
    match (bits >> 52 & 0x7FF) as i64 {
        0 => (fraction, -1_074),
        field => (fraction | 1 << 52, field - 1_075),
    }
}

impl Wide {
    /// Adds `±magnitude · 2^exponent`.
    fn add(&mut self, negative: bool, magnitude: u128, exponent: i64) {
        if magnitude == 0 {
            return;
        }
        let place = exponent.div_euclid(DIGIT_BITS);
        let shift = exponent.rem_euclid(DIGIT_BITS) as u32;
        let bits = 128 - magnitude.leading_zeros() + shift;
        self.cover(place, bits.div_ceil(32) as usize);
        let start = usize::try_from(place - self.low).expect("it was covered");
        // The lowest digit takes what is left of it above `shift`.
        let mut digit = ((magnitude << shift) as i64) & MASK;
        let mut rest = magnitude >> (32 - shift);
        for sum in &mut self.digits[start..] {
            *sum += if negative { -digit } else { digit };
            if rest == 0 {
                break;
            }
            digit = rest as i64 & MASK;
            rest >>= 32;
        }
        self.count_addition();
    }

    /// Makes sure that there are `count` digits from `place` up.
    fn cover(&mut self, place: i64, count: usize) {
        if self.digits.is_empty() {
            self.low = place;
        }
        if place < self.low {
            let missing = usize::try_from(self.low - place).expect("it is positive");
            self.digits.splice(0..0, std::iter::repeat_n(0, missing));
            self.low = place;
        }
        let needed = usize::try_from(place - self.low).expect("it is not below") + count;
        if self.digits.len() < needed {
            self.digits.resize(needed, 0);
        }
    }

    fn count_addition(&mut self) {
        self.additions += 1;
        if self.additions == ADDITIONS_MAX {
            self.carry();
        }
    }

    /// Brings every digit but the last into 32 bits without a sign. There is
    /// a last one, it has the sign of the number, and it is 0 only for zero.
    fn carry(&mut self) {
        self.additions = 0;
        let mut carry = 0;
        for digit in &mut self.digits {
            let sum = *digit + carry;
            *digit = sum & MASK;
            carry = sum >> 32;
        }
        self.digits.push(carry);
        while let [.., below, top] = self.digits.as_mut_slice() {
            // A top digit of -1 is only the sign of the one below it.
            match *top {
                0 => {}
                -1 if *below != 0 => *below -= 1 << 32,
                _ => break,
            }
            self.digits.pop();
        }
    }
}
