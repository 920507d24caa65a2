//! Whole numbers of any size, and the one rounding that turns an exact
//! number into a double.

/// Bits of a digit.
pub(super) const DIGIT_BITS: i64 = 32;
/// More low digits than a divisor of 64 bits and a rounding to 64 bits can use up.
const DIVISION_DIGITS: usize = 5;

/// A whole number that is not negative.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Natural {
    /// The digits, lowest first; the last is not 0.
    digits: Vec<u32>,
}

/// A number: `±digits · 2^exponent`.
#[derive(Clone, Debug)]
pub(super) struct Exact {
    pub(super) negative: bool,
    pub(super) digits: Natural,
    pub(super) exponent: i64,
}

impl Natural {
    /// The number with these digits, lowest first.
    pub(super) fn from_digits(mut digits: Vec<u32>) -> Self {
        while digits.last() == Some(&0) {
            digits.pop();
        }
        Self { digits }
    }

    /// The number itself.
    pub(super) fn from_u128(number: u128) -> Self {
        Self::from_digits(
            (0..4)
                .map(|digit| (number >> (32 * digit)) as u32)
                .collect(),
        )
    }

    /// The number, when it is below 2^128.
    pub(super) fn to_u128(&self) -> Option<u128> {
        (self.digits.len() <= 4).then(|| {
            self.digits
                .iter()
                .rev()
                .fold(0, |number, digit| number << 32 | u128::from(*digit))
        })
    }

    fn bits(&self) -> i64 {
        self.digits.last().map_or(0, |top| {
            self.digits.len() as i64 * DIGIT_BITS - i64::from(top.leading_zeros())
        })
    }

    /// Multiplies by 2^bits, rounding down; says whether anything was lost.
    pub(super) fn shift(&mut self, bits: i64) -> bool {
        let whole = usize::try_from(bits.unsigned_abs() / 32).expect("far below 2^32 digits");
        let part = (bits.unsigned_abs() % 32) as u32;
        if bits >= 0 {
            let mut carry = 0_u64;
            for digit in &mut self.digits {
                carry |= u64::from(*digit) << part;
                *digit = carry as u32;
                carry >>= 32;
            }
            self.digits.push(carry as u32);
            self.digits.splice(0..0, std::iter::repeat_n(0, whole));
            *self = Self::from_digits(std::mem::take(&mut self.digits));
            return false;
        }
        let dropped: Vec<u32> = self.digits.drain(..whole.min(self.digits.len())).collect();
        let mut carry = 0_u64;
        for digit in self.digits.iter_mut().rev() {
            carry = carry << 32 | u64::from(*digit);
            *digit = (carry >> part) as u32;
            carry &= (1 << part) - 1;
        }
        *self = Self::from_digits(std::mem::take(&mut self.digits));
        carry != 0 || dropped.iter().any(|digit| *digit != 0)
    }

    fn multiply(&mut self, by: u64) {
        let mut carry = 0_u128;
        for digit in &mut self.digits {
            carry += u128::from(*digit) * u128::from(by);
            *digit = carry as u32;
            carry >>= 32;
        }
        self.digits.extend([carry as u32, (carry >> 32) as u32]);
        *self = Self::from_digits(std::mem::take(&mut self.digits));
    }

    fn square(&self) -> Self {
        let mut product = vec![0_u32; self.digits.len() * 2];
        for (i, a) in self.digits.iter().enumerate() {
            let mut carry = 0_u64;
            for (j, b) in self.digits.iter().enumerate() {
                carry += u64::from(product[i + j]) + u64::from(*a) * u64::from(*b);
                product[i + j] = carry as u32;
                carry >>= 32;
            }
            product[i + self.digits.len()] = carry as u32;
        }
        Self::from_digits(product)
    }

    /// Takes away `other`, which is not greater.
    fn subtract(&mut self, other: &Self) {
        let mut borrow = 0_i64;
        for (i, digit) in self.digits.iter_mut().enumerate() {
            borrow += i64::from(*digit) - i64::from(other.digits.get(i).copied().unwrap_or(0));
            *digit = borrow as u32;
            borrow >>= 32;
        }
        debug_assert!(borrow == 0 && other.digits.len() <= self.digits.len());
        *self = Self::from_digits(std::mem::take(&mut self.digits));
    }

    /// Divides, rounding down; says whether anything was lost.
    fn divide(&mut self, by: u64) -> bool {
        let mut rest = 0_u128;
        for digit in self.digits.iter_mut().rev() {
            rest = rest << 32 | u128::from(*digit);
            *digit = (rest / u128::from(by)) as u32;
            rest %= u128::from(by);
        }
        *self = Self::from_digits(std::mem::take(&mut self.digits));
        rest != 0
    }

    /// The double nearest to `self · 2^exponent`, ties to even, or `None`
    /// beyond the range of doubles. `more` says that the number meant is a
    /// little greater, by less than 1 in the place of the lowest bit; then
    /// there must be at least 55 bits.
    fn round(mut self, exponent: i64, more: bool) -> Option<f64> {
        const LEAST: i64 = -1_074;
        let bits = self.bits();
        if bits == 0 {
            return Some(0.0);
        }
        let more = self.shift(64 - bits) || more;
        let top = self.to_u128().expect("it was shifted to 64 bits");
        let place = exponent + bits - 64;
        let lowest = (place + 11).max(LEAST);
        let drop = lowest - place;
        if drop > 64 {
            return Some(0.0);
        }
        let (kept, rest, half) = (top >> drop, top & ((1 << drop) - 1), 1_u128 << (drop - 1));
        let up = rest > half || (rest == half && (more || kept & 1 == 1));
        // The exponent's field is counted up by the leading bit of `kept`,
        // and once more where rounding up carries out of it.
        let field = u128::try_from(lowest - LEAST).expect("it is at least the least");
        let pattern = (field << 52) + kept + u128::from(up);
        (pattern < u128::from(f64::INFINITY.to_bits())).then(|| f64::from_bits(pattern as u64))
    }
}

impl Exact {
    /// The nearest double, or `None` beyond the range of doubles.
    pub(super) fn round(self) -> Option<f64> {
        signed(self.negative, self.digits.round(self.exponent, false))
    }

    /// The double nearest to the quotient by `count`, which is not 0.
    pub(super) fn divide(mut self, count: u64) -> Option<f64> {
        let more_bits = DIVISION_DIGITS as i64 * DIGIT_BITS;
        self.digits.shift(more_bits);
        let lost = self.digits.divide(count);
        signed(
            self.negative,
            self.digits.round(self.exponent - more_bits, lost),
        )
    }
}

fn signed(negative: bool, magnitude: Option<f64>) -> Option<f64> {
    // `+ 0.0` since a quotient that rounds to zero is zero, never `-0.0`.
    magnitude.map(|magnitude| if negative { -magnitude } else { magnitude } + 0.0)
}

/// The double nearest to the population standard deviation of `count`
/// numbers, at least one, with this sum and this sum of squares.
pub(super) fn deviation(count: u64, sum: &Exact, squares: Exact) -> Option<f64> {
    // count · Σx² − (Σx)², both at the lesser exponent.
    let mut spread = squares.digits;
    spread.multiply(count);
    let mut square = sum.digits.square();
    let exponent = squares.exponent.min(sum.exponent * 2);
    spread.shift(squares.exponent - exponent);
    square.shift(sum.exponent * 2 - exponent);
    spread.subtract(&square);
    if spread.bits() == 0 {
        return Some(0.0);
    }
    // The root of spread / count², from a quotient of 126 to 128 bits whose
    // exponent is even.
    let divisor = Natural::from_u128(u128::from(count).pow(2));
    let mut bits = 126 + divisor.bits() - spread.bits();
    bits += (exponent - bits).rem_euclid(2);
    let mut lost = spread.shift(bits);
    lost |= spread.divide(count);
    lost |= spread.divide(count);
    let quotient = spread
        .to_u128()
        .expect("it was shifted to at most 128 bits");
    let root = quotient.isqrt();
    Natural::from_u128(root).round((exponent - bits) / 2, lost || root * root != quotient)
}
