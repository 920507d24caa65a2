//! Reading fixed-width text, and the serde form of types that have one text.

use super::civil;

/// Reads a text from left to right. Every method answers `None`, and the
/// reader is then of no further use, when the text is not what was asked for.
pub(super) struct Scanner<'a>(&'a [u8]);

impl<'a> Scanner<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self(text.as_bytes())
    }

    pub(super) fn at_end(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn finish(self) -> Option<()> {
        self.at_end().then_some(())
    }

    /// The next byte, when it is one of `allowed`.
    pub(super) fn one_of(&mut self, allowed: &[u8]) -> Option<u8> {
        let (&first, rest) = self.0.split_first()?;
        allowed.contains(&first).then(|| {
            self.0 = rest;
            first
        })
    }

    /// A number of exactly `width` decimal digits.
    pub(super) fn number(&mut self, width: usize) -> Option<i64> {
        let (digits, rest) = self.0.split_at_checked(width)?;
        let mut value = 0;
        for digit in digits {
            value = value * 10 + i64::from(decimal(*digit)?);
        }
        self.0 = rest;
        Some(value)
    }

    /// One or more decimal digits after a decimal point, in microseconds;
    /// digits beyond the sixth are dropped.
    pub(super) fn fraction_micros(&mut self) -> Option<i64> {
        let length = self
            .0
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        let (digits, rest) = self.0.split_at_checked(length)?;
        let (mut value, mut weight) = (0, civil::SECOND / 10);
        for digit in digits {
            value += i64::from(decimal(*digit)?) * weight;
            weight /= 10;
        }
        self.0 = rest;
        (length > 0).then_some(value)
    }

    /// A date `YYYY-MM-DD` that exists in the calendar, as days since
    /// 1970-01-01. The year may be 0000.
    pub(super) fn date(&mut self) -> Option<i64> {
        let year = self.number(4)?;
        self.one_of(b"-")?;
        let month = self.number(2).filter(|month| (1..=12).contains(month))?;
        self.one_of(b"-")?;
        let days = 1..=civil::days_in_month(year, month);
        let day = self.number(2).filter(|day| days.contains(day))?;
        Some(civil::days_from_civil(year, month, day))
    }

    /// Hours and minutes, `HH:MM` or `HHMM`, less than 24 hours, in minutes.
    pub(super) fn offset_minutes(&mut self) -> Option<i64> {
        let hours = self.number(2).filter(|hours| *hours < 24)?;
        self.one_of(b":");
        let minutes = self.number(2).filter(|minutes| *minutes < 60)?;
        Some(hours * 60 + minutes)
    }
}

fn decimal(byte: u8) -> Option<u8> {
    byte.is_ascii_digit().then(|| byte - b'0')
}

/// A count in plain decimal digits, without sign or leading zero.
pub(super) fn count(text: &str) -> Option<u32> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    (digits && !text.starts_with('0')).then(|| text.parse().ok())?
}

/// Serialises a type as its `Display` text and reads it back by `FromStr`.
macro_rules! serde_as_text {
    ($type:ty, $expecting:literal) => {
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Visitor;
                impl serde::de::Visitor<'_> for Visitor {
                    type Value = $type;

                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str($expecting)
                    }

                    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<$type, E> {
                        text.parse().map_err(E::custom)
                    }
                }
                deserializer.deserialize_str(Visitor)
            }
        }
    };
}
pub(super) use serde_as_text;
