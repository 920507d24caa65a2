//! What the right answer is, by exact arithmetic that shares nothing with
//! the implementation: whole numbers in digits of 24 bits, and a result is
//! right when the exact number lies between the middles to its neighbours.

use std::cmp::Ordering;

use model::value::Number;

/// A whole number, in digits of 24 bits, lowest first, the last of which has the sign.
#[derive(Clone, Debug)]
pub(super) struct Big(Vec<i128>);

const DIGIT: u32 = 24;

impl Big {
    fn carried(mut digits: Vec<i128>) -> Self {
        let mut carry = 0;
        for digit in &mut digits {
            let sum = *digit + carry;
            *digit = sum.rem_euclid(1 << DIGIT);
            carry = sum.div_euclid(1 << DIGIT);
        }
        while carry != 0 && carry != -1 {
            digits.push(carry.rem_euclid(1 << DIGIT));
            carry = carry.div_euclid(1 << DIGIT);
        }
        digits.push(carry);
        Self(digits)
    }

    pub(super) fn from(number: i128) -> Self {
        Self::carried(vec![number])
    }

    fn shifted(&self, bits: u32) -> Self {
        let mut digits = vec![0; (bits / DIGIT) as usize];
        digits.extend(self.0.iter().map(|digit| digit << (bits % DIGIT)));
        Self::carried(digits)
    }

    /// A number in units of the least double.
    pub(super) fn scaled(number: Number) -> Self {
        match number {
            Number::Integer(integer) => Self::from(integer).shifted(1_074),
            Number::Float(float) => {
                let bits = float.to_bits();
                let field = (bits >> 52) as u32 & 0x7FF;
                let fraction = (bits & ((1 << 52) - 1)) as i128;
                let size = match field {
                    0 => Self::from(fraction),
                    field => Self::from(fraction + (1 << 52)).shifted(field - 1),
                };
                if float < 0.0 {
                    Self::from(0).minus(&size)
                } else {
                    size
                }
            }
        }
    }

    pub(super) fn plus(&self, other: &Self) -> Self {
        let at = |big: &Self, i: usize| big.0.get(i).copied().unwrap_or(0);
        let length = self.0.len().max(other.0.len());
        Self::carried((0..length).map(|i| at(self, i) + at(other, i)).collect())
    }

    pub(super) fn minus(&self, other: &Self) -> Self {
        self.plus(&other.times(&Self(vec![-1])))
    }

    pub(super) fn times(&self, other: &Self) -> Self {
        let mut product = vec![0; self.0.len() + other.0.len()];
        for (i, a) in self.0.iter().enumerate() {
            for (j, b) in other.0.iter().enumerate() {
                product[i + j] += a * b;
            }
        }
        Self::carried(product)
    }

    pub(super) fn compare(&self, other: &Self) -> Ordering {
        let difference = self.minus(other).0;
        match difference.last() {
            Some(-1) => Ordering::Less,
            _ if difference.iter().all(|digit| *digit == 0) => Ordering::Equal,
            _ => Ordering::Greater,
        }
    }
}

/// Twice the middle between a double, not negative, and the next, scaled.
fn twice_middle_above(double: f64) -> Big {
    let next = if double == f64::MAX {
        Big::from(1).shifted(1_024 + 1_074)
    } else {
        Big::scaled(Number::Float(double.next_up()))
    };
    Big::scaled(Number::Float(double)).plus(&next)
}

/// Whether `result` is `exact` rounded to a double, where `compare` tells
/// how twice the magnitude of `exact` compares with a scaled number.
fn is_rounded(result: Option<f64>, compare: impl Fn(&Big) -> Ordering) -> bool {
    let Some(result) = result else {
        return compare(&twice_middle_above(f64::MAX)).is_ge();
    };
    let even = result.to_bits() & 1 == 0;
    let below_upper = match compare(&twice_middle_above(result)) {
        Ordering::Less => true,
        Ordering::Equal => even && result != f64::MAX,
        Ordering::Greater => false,
    };
    let above_lower = result == 0.0
        || match compare(&twice_middle_above(result.next_down())) {
            Ordering::Greater => true,
            Ordering::Equal => even,
            Ordering::Less => false,
        };
    below_upper && above_lower
}

/// Whether `result` is the double nearest to `scaled` / `count`, ties to
/// even, or `None` where that is beyond all doubles.
pub(super) fn is_quotient(scaled: &Big, count: u64, result: Option<f64>) -> bool {
    let negative = scaled.compare(&Big::from(0)).is_lt();
    let magnitude = if negative {
        Big::from(0).minus(scaled)
    } else {
        scaled.clone()
    };
    if result.is_some_and(|result| result.is_sign_negative() && (!negative || result == 0.0)) {
        return false;
    }
    if negative && result.is_some_and(|result| result > 0.0) {
        return false;
    }
    let twice = magnitude.plus(&magnitude);
    is_rounded(result.map(f64::abs), |other| {
        twice.compare(&other.times(&Big::from(count.into())))
    })
}

/// Whether `result` is the double nearest to the population standard
/// deviation of these numbers.
pub(super) fn is_deviation(numbers: &[Number], result: f64) -> bool {
    let count = Big::from(numbers.len() as i128);
    let (mut sum, mut squares) = (Big::from(0), Big::from(0));
    for number in numbers {
        let scaled = Big::scaled(*number);
        sum = sum.plus(&scaled);
        squares = squares.plus(&scaled.times(&scaled));
    }
    let spread = count.times(&squares).minus(&sum.times(&sum));
    let four = spread.times(&Big::from(4));
    !result.is_sign_negative()
        && is_rounded(Some(result), |other| {
            let bound = other.times(&count);
            four.compare(&bound.times(&bound))
        })
}

#[test]
fn the_oracle_accepts_one_double_alone() {
    let numbers = [0.1, 0.2, 1e300, -1e300, -5e-324].map(Number::Float);
    let sum = numbers
        .iter()
        .fold(Big::from(0), |sum, number| sum.plus(&Big::scaled(*number)));
    let right = 0.1 + 0.2;
    assert!(
        !is_quotient(&sum, 1, Some(right)),
        "0.1 + 0.2 is a tie, which the least double breaks"
    );
    assert!(is_quotient(&sum, 1, Some(right.next_down())));
    assert!(!is_quotient(&sum, 1, Some(right.next_down().next_down())));
    assert!(!is_quotient(&sum, 1, Some(-right.next_down())));
    assert!(!is_quotient(&sum, 1, None));
    assert!(!is_quotient(&Big::from(0), 1, Some(-0.0)));
    assert!(is_deviation(
        &[1, 2, 3].map(Number::Integer),
        (2.0_f64 / 3.0).sqrt()
    ));
    assert!(!is_deviation(
        &[1, 2, 3].map(Number::Integer),
        (2.0_f64 / 3.0).sqrt().next_up()
    ));
}
