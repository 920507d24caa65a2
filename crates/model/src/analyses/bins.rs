//! Groups of numbers: bins of one size, or ranges that a question names.

use std::cmp::Ordering;

use crate::value::{Number, Value};

/// What a number is grouped by instead of its value. What is no number, and a
/// number in no bin, is in the group without a value.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Bins {
    /// Bins of one size, counted from zero; each is known by its lower bound.
    Size(BinSize),
    /// Ranges in ascending order, none reaching into the next.
    Ranges(Vec<Band>),
}

/// The size of a bin: a number above zero with at most six decimals.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BinSize(Value);

/// A range of numbers that includes `from` and excludes `to`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Band {
    /// What the group is called.
    pub label: String,
    /// The least number; `None` for no bound.
    pub from: Option<Value>,
    /// The least number above the range; `None` for no bound.
    pub to: Option<Value>,
}

const DECIMALS: f64 = 1e6;
const MILLIONTHS: i128 = 1_000_000;
const TWO_TO_53: f64 = 9_007_199_254_740_992.0;
/// Bins of a size with decimals on each side of zero.
const BINS_MAX: u128 = 1 << 51;

impl BinSize {
    /// The size, when the number is one. A whole number is held as one,
    /// however it was written.
    pub fn new(number: Number) -> Option<Self> {
        match number {
            Number::Integer(size) => (0 < size && size < 1 << 53).then_some(Self(size.into())),
            Number::Float(size) if size.fract() == 0.0 && 0.0 < size && size < TWO_TO_53 =>
            {
                #[expect(clippy::cast_possible_truncation, reason = "whole and in range")]
                Some(Self(Value::from(size as i64)))
            }
            Number::Float(size) => {
                let millionths = (size * DECIMALS).round();
                let is_decimal = (1.0..TWO_TO_53).contains(&millionths);
                (is_decimal && millionths / DECIMALS == size).then_some(Self(Value::Float(size)))
            }
        }
    }

    /// The size as a number.
    pub fn value(&self) -> &Value {
        &self.0
    }

    /// The lower bound of the bin that holds a number. `None` where bins
    /// cannot be told apart any more: more than 2^51 of a size that is not
    /// whole from zero, where doubles are about as far apart, and beyond 128 bits.
    ///
    /// The bounds of a size with decimals are the doubles nearest to its
    /// decimal multiples, so that 0.3 begins a bin of size 0.1.
    pub fn floor(&self, number: Number) -> Option<Value> {
        match (&self.0, number) {
            (Value::Integer(size), Number::Integer(number)) => (number.div_euclid(*size))
                .checked_mul(*size)
                .map(Value::Integer),
            (Value::Integer(_), Number::Float(number)) => {
                const TWO_TO_126: f64 = 85_070_591_730_234_615_865_843_651_857_942_052_864.0;
                let floor = number.floor();
                // The bin of a number that is not whole is that of the whole number below it.
                #[expect(clippy::cast_possible_truncation, reason = "whole and in range")]
                let whole = (floor.abs() <= TWO_TO_126).then_some(floor as i128)?;
                self.floor(Number::Integer(whole))
            }
            _ => self.decimal_floor(number),
        }
    }

    fn decimal_floor(&self, number: Number) -> Option<Value> {
        #[expect(clippy::cast_possible_truncation, reason = "checked when it was made")]
        let step = (self.0.as_number()?.to_f64() * DECIMALS).round() as i64;
        let mut bin = match number {
            Number::Integer(number) => number.checked_mul(MILLIONTHS)?.div_euclid(i128::from(step)),
            // It saturates far beyond the last bin.
            #[expect(clippy::cast_precision_loss, reason = "it is below 2^53")]
            #[expect(clippy::cast_possible_truncation, reason = "checked below")]
            Number::Float(number) => (number * DECIMALS / step as f64).floor() as i128,
        };
        if bin.unsigned_abs() > BINS_MAX + 2 {
            return None;
        }
        let start = |bin: i128| bound(bin * i128::from(step));
        while start(bin).compare(number).is_gt() {
            bin -= 1;
        }
        while start(bin + 1).compare(number).is_le() {
            bin += 1;
        }
        (bin.unsigned_abs() <= BINS_MAX).then(|| match start(bin) {
            Number::Integer(whole) => Value::Integer(whole),
            Number::Float(double) => Value::Float(double),
        })
    }
}

/// So many millionths as a number: whole where they are, else the double nearest to them.
fn bound(millionths: i128) -> Number {
    match millionths % MILLIONTHS {
        0 => Number::Integer(millionths / MILLIONTHS),
        _ => Number::Float(nearest(millionths)),
    }
}

/// The double nearest to so many millionths.
fn nearest(millionths: i128) -> f64 {
    if millionths.unsigned_abs() <= 1 << 53 {
        // Both are doubles, so that their quotient is rounded once.
        #[expect(clippy::cast_precision_loss, reason = "it is up to 2^53")]
        return millionths as f64 / DECIMALS;
    }
    let (whole, rest) = (millionths / MILLIONTHS, (millionths % MILLIONTHS).abs());
    // Reading a decimal rounds it once; a whole part beyond 2^53 has its sign.
    format!("{whole}.{rest:06}").parse().unwrap_or(0.0)
}

impl Band {
    /// Whether the range begins at or below the number.
    fn begins_by(&self, number: Number) -> bool {
        let from = self.from.as_ref().and_then(Value::as_number);
        from.is_none_or(|from| from.compare(number) != Ordering::Greater)
    }

    /// Whether the number lies in the range.
    pub fn holds(&self, number: Number) -> bool {
        let to = self.to.as_ref().and_then(Value::as_number);
        self.begins_by(number) && to.is_none_or(|to| to.compare(number) == Ordering::Greater)
    }
}

impl Bins {
    /// The key of the bin that a value lies in: the lower bound of a bin of
    /// one size, the position of a range. Keys sort as their bins do.
    pub fn key(&self, value: &Value) -> Value {
        let Some(number) = value.as_number() else {
            return Value::Null;
        };
        match self {
            Self::Size(size) => size.floor(number).unwrap_or(Value::Null),
            Self::Ranges(bands) => {
                // Ranges ascend: only the last that begins at or below the number can hold it.
                let begun = bands.partition_point(|band| band.begins_by(number));
                let at = begun.checked_sub(1);
                let at = at.filter(|at| bands[*at].holds(number));
                at.and_then(|at| i64::try_from(at).ok()).into()
            }
        }
    }

    /// What the bin of this key is called in an answer.
    pub fn label(&self, key: &Value) -> Value {
        match (self, key) {
            (Self::Ranges(bands), Value::Integer(at)) => {
                let band = usize::try_from(*at).ok().and_then(|at| bands.get(at));
                band.map(|band| band.label.as_str()).into()
            }
            (_, key) => key.clone(),
        }
    }
}
