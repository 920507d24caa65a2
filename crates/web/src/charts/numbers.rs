//! Numbers as a reader sees them: rounded, their digits in groups as in tables.
//! The exact ones are in the result.

use model::value::Value;

use crate::digits::grouped;

/// From here on up, and down from its inverse, a number is written with an exponent.
const LARGE: f64 = 1e15;
const SMALL: f64 = 1e-4;

/// A value of an answer in a few characters; a sign for none.
pub(super) fn text(value: &Value) -> String {
    match value {
        Value::Integer(whole) if whole.unsigned_abs() < 1_000_000_000_000_000 => {
            signed(*whole < 0, &grouped(&whole.unsigned_abs().to_string()))
        }
        _ => number(value).map_or_else(|| "–".to_owned(), of_float),
    }
}

/// The number of a value, as near as a double comes.
pub(super) fn number(value: &Value) -> Option<f64> {
    match value {
        #[expect(
            clippy::cast_precision_loss,
            reason = "a picture is not exact to the last digit"
        )]
        Value::Integer(whole) => Some(*whole as f64),
        Value::Float(number) => Some(*number),
        _ => None,
    }
}

/// A double in a few characters.
pub(super) fn of_float(number: f64) -> String {
    let size = number.abs();
    if size != 0.0 && !(SMALL..LARGE).contains(&size) {
        return with_exponent(number, 3);
    }
    let decimals = match size {
        _ if size >= 1.0 || size == 0.0 => 2,
        _ if size >= 0.1 => 4,
        _ if size >= 0.01 => 5,
        _ if size >= 0.001 => 6,
        _ => 7,
    };
    fixed(number, decimals, true)
}

/// With so many decimals, less the zeros at their end where `trim` says so.
pub(super) fn fixed(number: f64, decimals: usize, trim: bool) -> String {
    let digits = format!("{:.decimals$}", number.abs());
    let (whole, fraction) = digits.split_once('.').unwrap_or((&digits, ""));
    let fraction = match trim {
        true => fraction.trim_end_matches('0'),
        false => fraction,
    };
    let is_zero = digits.bytes().all(|digit| matches!(digit, b'0' | b'.'));
    let text = match fraction {
        "" => grouped(whole),
        fraction => format!("{}.{fraction}", grouped(whole)),
    };
    signed(number < 0.0 && !is_zero, &text)
}

/// Such as `1.5e21`, with so many digits behind the point at most.
pub(super) fn with_exponent(number: f64, decimals: usize) -> String {
    let text = format!("{:.decimals$e}", number.abs());
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let digits = match digits.contains('.') {
        true => digits.trim_end_matches('0').trim_end_matches('.'),
        false => digits,
    };
    let exponent = exponent.replace('-', "−");
    signed(number < 0.0, &format!("{digits}e{exponent}"))
}

/// A share in percent.
pub(super) fn percent(part: u64, of: u64) -> String {
    if of == 0 {
        return "–".to_owned();
    }
    #[expect(
        clippy::cast_precision_loss,
        reason = "a picture is not exact to the last digit"
    )]
    let share = part as f64 / of as f64 * 100.0;
    let decimals = usize::from(share < 10.0 && share > 0.0);
    format!("{} %", fixed(share, decimals, true))
}

fn signed(is_negative: bool, text: &str) -> String {
    match is_negative {
        true => format!("−{text}"),
        false => text.to_owned(),
    }
}
