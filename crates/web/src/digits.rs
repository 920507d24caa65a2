//! Large numbers in groups of three digits: one rule for pages, their tables and charts.

/// Digits from which on a number is shown in groups; years and the like stay whole.
const GROUPED_MIN: usize = 5;
/// What stands between two groups: a thin space at which no line is broken.
pub(crate) const GAP: &str = "\u{202f}";

/// The places in a whole number of so many digits that have a gap before them.
pub(crate) fn gaps(digits: usize) -> impl Iterator<Item = usize> {
    let first = match digits < GROUPED_MIN {
        true => digits,
        false => 1 + (digits - 1) % 3,
    };
    (first..digits).step_by(3)
}

/// The digits of a whole number in groups.
pub(crate) fn grouped(digits: &str) -> String {
    let mut text = String::with_capacity(2 * digits.len());
    let mut from = 0;
    for gap in gaps(digits.len()) {
        text.push_str(&digits[from..gap]);
        text.push_str(GAP);
        from = gap;
    }
    text.push_str(&digits[from..]);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_of_three_stand_apart_from_five_digits_on() {
        for (digits, text) in [
            ("", ""),
            ("7", "7"),
            ("2026", "2026"),
            ("10000", "10\u{202f}000"),
            ("123456", "123\u{202f}456"),
            ("1234567", "1\u{202f}234\u{202f}567"),
        ] {
            assert_eq!(grouped(digits), text);
        }
    }
}
