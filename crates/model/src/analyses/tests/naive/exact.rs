//! Numbers without rounding, and the double nearest to one: found by halving
//! all doubles until one is left.

use std::cmp::Ordering;

use model::value::{Number, Value};

/// A whole number that is not negative: digits of 32 bits, the lowest first,
/// the highest not 0.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Natural(Vec<u32>);

impl Natural {
    fn new(mut digits: Vec<u32>) -> Self {
        while digits.last() == Some(&0) {
            digits.pop();
        }
        Self(digits)
    }

    fn of(number: u128) -> Self {
        Self::new((0..4).map(|at| (number >> (32 * at)) as u32).collect())
    }

    fn shifted(&self, bits: usize) -> Self {
        let mut digits = vec![0; bits / 32];
        let mut carry = 0_u64;
        for digit in &self.0 {
            carry |= u64::from(*digit) << (bits % 32);
            digits.push(carry as u32);
            carry >>= 32;
        }
        digits.push(carry as u32);
        Self::new(digits)
    }

    fn plus(&self, other: &Self) -> Self {
        let mut carry = 0_u64;
        let mut digits = Vec::new();
        for at in 0..=self.0.len().max(other.0.len()) {
            carry += u64::from(self.0.get(at).copied().unwrap_or(0));
            carry += u64::from(other.0.get(at).copied().unwrap_or(0));
            digits.push(carry as u32);
            carry >>= 32;
        }
        Self::new(digits)
    }

    /// The difference of two numbers, of which `other` is not the greater one.
    fn minus(&self, other: &Self) -> Self {
        let mut borrow = 0_i64;
        let mut digits = Vec::new();
        for at in 0..self.0.len() {
            borrow += i64::from(self.0[at]) - i64::from(other.0.get(at).copied().unwrap_or(0));
            digits.push(borrow as u32);
            borrow >>= 32;
        }
        assert_eq!(borrow, 0);
        Self::new(digits)
    }

    fn times(&self, other: &Self) -> Self {
        let mut digits = vec![0_u32; self.0.len() + other.0.len() + 1];
        for (i, a) in self.0.iter().enumerate() {
            let mut carry = 0_u64;
            for (j, b) in other.0.iter().enumerate() {
                carry += u64::from(digits[i + j]) + u64::from(*a) * u64::from(*b);
                digits[i + j] = carry as u32;
                carry >>= 32;
            }
            digits[i + other.0.len()] = carry as u32;
        }
        Self::new(digits)
    }
}

impl PartialOrd for Natural {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Natural {
    fn cmp(&self, other: &Self) -> Ordering {
        let length = self.0.len().cmp(&other.0.len());
        length.then_with(|| self.0.iter().rev().cmp(other.0.iter().rev()))
    }
}

/// How many times 2^-1074, the least double, goes into a double that is not negative.
fn units(double: f64) -> Natural {
    let (fraction, field) = (double.to_bits() & ((1 << 52) - 1), double.to_bits() >> 52);
    if field == 0 {
        return Natural::of(fraction.into());
    }
    Natural::of((fraction | 1 << 52).into()).shifted(field as usize - 1)
}

/// A sum in units of 2^-1074.
pub(super) struct Exact {
    negative: bool,
    size: Natural,
}

/// The sign of a number and its size in units.
fn parts(number: &Value) -> (bool, Natural) {
    match number.as_number().expect("a number") {
        Number::Integer(integer) => (
            integer < 0,
            Natural::of(integer.unsigned_abs()).shifted(1_074),
        ),
        Number::Float(double) => (double < 0.0, units(double.abs())),
    }
}

impl Exact {
    pub(super) fn sum(numbers: &[&Value]) -> Self {
        let (mut above, mut below) = (Natural::default(), Natural::default());
        for (negative, size) in numbers.iter().map(|number| parts(number)) {
            let side = if negative { &mut below } else { &mut above };
            *side = side.plus(&size);
        }
        let negative = above < below;
        let size = if negative {
            below.minus(&above)
        } else {
            above.minus(&below)
        };
        Self { negative, size }
    }

    /// The double nearest to the quotient by `count`; `None` beyond them.
    pub(super) fn divided(&self, count: u64) -> Option<f64> {
        let count = Natural::of(count.into());
        let size = nearest(
            |double| double.times(&count).cmp(&self.size),
            |halves| halves.times(&count).cmp(&self.size.shifted(1)),
        );
        size.map(|size| if self.negative { -size } else { size } + 0.0)
    }
}

/// The double nearest to the population standard deviation; `None` beyond them.
pub(super) fn deviation(numbers: &[&Value]) -> Option<f64> {
    let sum = Exact::sum(numbers).size;
    let squares = numbers.iter().map(|number| parts(number).1);
    let squares = squares.fold(Natural::default(), |all, size| all.plus(&size.times(&size)));
    let count = Natural::of(numbers.len() as u128);
    // (count · deviation)², in units squared.
    let spread = squares.times(&count).minus(&sum.times(&sum));
    let squared = |number: &Natural| {
        let product = number.times(&count);
        product.times(&product)
    };
    nearest(
        |double| squared(double).cmp(&spread),
        |halves| squared(halves).cmp(&spread.shifted(2)),
    )
}

/// The double nearest to a number, ties to the even one. `stands` says how a
/// number of units stands to it, `stands_in_halves` a number of half units.
fn nearest(
    stands: impl Fn(&Natural) -> Ordering,
    stands_in_halves: impl Fn(&Natural) -> Ordering,
) -> Option<f64> {
    let (mut low, mut high) = (0, f64::MAX.to_bits() + 1);
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if stands(&units(f64::from_bits(middle))).is_le() {
            low = middle;
        } else {
            high = middle;
        }
    }
    // Beyond the greatest double there would be 2^1024.
    let above = if low == f64::MAX.to_bits() {
        Natural::of(1).shifted(1_024 + 1_074)
    } else {
        units(f64::from_bits(low + 1))
    };
    let middle = units(f64::from_bits(low)).plus(&above);
    let rounds_up = match stands_in_halves(&middle) {
        Ordering::Less => true,
        Ordering::Equal => low & 1 == 1,
        Ordering::Greater => false,
    };
    let bits = low + u64::from(rounds_up);
    (bits <= f64::MAX.to_bits()).then(|| f64::from_bits(bits))
}
