//! The axis of values: round numbers that hold all values between them.

use super::numbers;

/// An axis.
#[derive(Clone, Debug)]
pub(super) struct Axis {
    low: f64,
    high: f64,
    /// What values are multiplied by, so that no sum or step leaves the doubles.
    by: f64,
    /// The round numbers, ascending.
    pub(super) ticks: Vec<Tick>,
    /// Whether zero lies on it. It does, unless all values are far from zero
    /// and close to each other.
    pub(super) has_zero: bool,
}

/// A round number on an axis.
#[derive(Clone, Debug)]
pub(super) struct Tick {
    /// Where it lies, from 0 to 1.
    pub(super) share: f64,
    pub(super) text: String,
    pub(super) is_zero: bool,
}

/// Values whose spread is less of their size than this are far from zero...
const FAR: f64 = 0.2;
/// ...unless it is so small that digits run out.
const FAR_LEAST: f64 = 1e-9;

impl Axis {
    /// An axis for these values with about so many round numbers.
    pub(super) fn over(values: impl Iterator<Item = f64> + Clone, ticks: f64) -> Self {
        let (mut low, mut high) = values
            .clone()
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
                (low.min(value), high.max(value))
            });
        if low > high {
            (low, high) = (0.0, 0.0);
        }
        let size = low.abs().max(high.abs());
        let is_whole = size < 1e15 && values.into_iter().all(|value| value.fract() == 0.0);
        let by = match size {
            _ if size > 1e290 => 1e-100,
            _ if size > 0.0 && size < 1e-290 => 1e100,
            _ => 1.0,
        };
        (low, high) = (low * by, high * by);
        let spread = (high - low) / (size * by);
        let is_far = low * high > 0.0 && spread < FAR && spread > FAR_LEAST;
        if !is_far {
            (low, high) = (low.min(0.0), high.max(0.0));
        }
        if low == high {
            high = 1.0;
        }
        let mut step = nice((high - low) / ticks.max(1.0));
        if is_whole && by == 1.0 {
            step = step.max(1.0);
        }
        // What misses a round number by the last digit lies on it.
        let (first, last) = ((low / step + 1e-9).floor(), (high / step - 1e-9).ceil());
        let mut axis = Self {
            low: first * step,
            high: last * step,
            by,
            ticks: Vec::new(),
            has_zero: !is_far,
        };
        let text = TickText::of(axis.low.abs().max(axis.high.abs()), step, by);
        let mut at = first;
        while at <= last {
            let value = at * step;
            axis.ticks.push(Tick {
                share: axis.share_of(value),
                text: text.write(value),
                is_zero: at == 0.0,
            });
            at += 1.0;
        }
        axis
    }

    /// Where a value lies, from 0 to 1.
    pub(super) fn share(&self, value: f64) -> f64 {
        self.share_of(value * self.by)
    }

    fn share_of(&self, scaled: f64) -> f64 {
        (scaled / self.high_low() - self.low / self.high_low()).clamp(0.0, 1.0)
    }

    fn high_low(&self) -> f64 {
        self.high - self.low
    }
}

/// Lengths that are in proportion to values, on both sides of zero.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lengths {
    /// The size of the largest value, which the others are parts of.
    size: f64,
    low: f64,
    high: f64,
}

impl Lengths {
    /// Lengths for these values.
    pub(super) fn over(values: impl Iterator<Item = f64>) -> Self {
        let sides = values.fold((0.0_f64, 0.0_f64), |(low, high), value| {
            (low.min(value), high.max(value))
        });
        let size = sides.0.abs().max(sides.1);
        let size = if size == 0.0 { 1.0 } else { size };
        let (low, high) = (sides.0 / size, sides.1 / size);
        let high = if low == high { 1.0 } else { high };
        Self { size, low, high }
    }

    /// Where a value ends, from 0 to 1.
    pub(super) fn share(&self, value: f64) -> f64 {
        ((value / self.size - self.low) / (self.high - self.low)).clamp(0.0, 1.0)
    }
}

/// The least of 1, 2 and 5 times a power of ten that is not below `raw`.
fn nice(raw: f64) -> f64 {
    let power = 10_f64.powf(raw.log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0].map(|step| step * power);
    let fits = steps.into_iter().find(|step| *step >= raw * (1.0 - 1e-9));
    fits.unwrap_or(steps[3])
}

/// How the round numbers of an axis are written, all alike.
#[derive(Clone, Copy, Debug)]
enum TickText {
    /// In thousands and so on, with so many decimals.
    Plain {
        unit: f64,
        word: &'static str,
        decimals: usize,
    },
    /// With an exponent, which is this much larger than that of the value.
    Exponent { decimals: usize, more: i32 },
}

impl TickText {
    fn of(size: f64, step: f64, by: f64) -> Self {
        let digits = |number: f64| number.abs().log10().floor();
        if by != 1.0 || size >= 1e15 || step < 1e-6 {
            let decimals = (digits(size) - digits(step)).clamp(0.0, 6.0);
            #[expect(
                clippy::cast_possible_truncation,
                reason = "from 0 to 6, or 100 either way"
            )]
            return Self::Exponent {
                decimals: decimals as usize,
                more: -by.log10().round() as i32,
            };
        }
        let units = [(1e12, "T"), (1e9, "B"), (1e6, "M"), (1e4, "k")];
        let found = units.into_iter().find(|(from, _)| size >= *from);
        let (unit, word) = match found {
            Some((_, "k")) => (1e3, "k"),
            Some(unit) => unit,
            None => (1.0, ""),
        };
        let decimals = (-digits(step / unit)).clamp(0.0, 9.0);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "from 0 to 9"
        )]
        let decimals = decimals as usize;
        Self::Plain {
            unit,
            word,
            decimals,
        }
    }

    fn write(self, value: f64) -> String {
        match self {
            _ if value == 0.0 => "0".to_owned(),
            Self::Plain {
                unit,
                word,
                decimals,
            } => numbers::fixed(value / unit, decimals, false) + word,
            Self::Exponent { decimals, more } => {
                let text = numbers::with_exponent(value, decimals);
                let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
                let exponent = exponent.replace('−', "-").parse::<i32>().unwrap_or(0) + more;
                format!("{digits}e{exponent}").replace("e-", "e−")
            }
        }
    }
}
