//! Lengths of time as clients write them.

use std::fmt;
use std::time::Duration;

const DAY: u64 = 86_400;
const UNITS: [(u64, char); 4] = [(DAY, 'd'), (3_600, 'h'), (60, 'm'), (1, 's')];

/// A length of time in whole seconds, such as `24h`, `0s` or `90d`. A day has
/// 24 hours, whatever a calendar says. Equal lengths have equal texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(u64);

impl Span {
    /// So many days.
    pub const fn days(days: u32) -> Self {
        Self(days as u64 * DAY)
    }

    /// Reads a whole number of up to 9 digits and one of `s`, `m`, `h`, `d`.
    pub fn parse(text: &str) -> Option<Self> {
        let unit = text.chars().next_back()?;
        let (seconds, _) = UNITS.into_iter().find(|(_, name)| *name == unit)?;
        let digits = text.strip_suffix(unit)?;
        let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
        let count: u64 = (is_number && digits.len() <= 9).then(|| digits.parse().ok())??;
        Some(Self(count * seconds))
    }

    /// The same as a duration.
    pub const fn as_duration(self) -> Duration {
        Duration::from_secs(self.0)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let divides = |(seconds, _): &(u64, char)| self.0 > 0 && self.0.is_multiple_of(*seconds);
        let (seconds, name) = UNITS.into_iter().find(divides).unwrap_or((1, 's'));
        write!(f, "{}{name}", self.0 / seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_read_and_written_back_in_their_largest_unit() {
        for (text, seconds, written) in [
            ("0s", 0, "0s"),
            ("0d", 0, "0s"),
            ("90s", 90, "90s"),
            ("60s", 60, "1m"),
            ("24h", 86_400, "1d"),
            ("36h", 129_600, "36h"),
            ("007d", 604_800, "7d"),
            ("999999999d", 86_399_999_913_600, "999999999d"),
        ] {
            let span = Span::parse(text).unwrap_or_else(|| panic!("{text} is a length"));
            assert_eq!(span.as_duration().as_secs(), seconds, "{text}");
            assert_eq!(span.to_string(), written);
            assert_eq!(Span::parse(written), Some(span));
        }
    }

    #[test]
    fn other_texts_are_none() {
        for text in [
            "",
            "s",
            "24",
            "24 h",
            " 24h",
            "+1h",
            "-1h",
            "1.5h",
            "1w",
            "1H",
            "1h30m",
            "٣h",
            "1000000000s",
            "h1",
        ] {
            assert_eq!(Span::parse(text), None, "{text}");
        }
    }
}
