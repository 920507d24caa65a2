//! One byte string for one value: two values are equal by meaning exactly
//! when their encodings are equal, and encodings sort as values do.
//!
//! Used for fields without a declared type, for group keys, for distinct
//! counts and for digests. The order is: booleans, numbers, text, dates,
//! date-times, UUIDs, arrays, objects. The layout is part of the journal's
//! and the tables' format: it may grow by new tags and may not change.
//!
//! ```text
//! null 00 | boolean 10 b | number 20 d[8] r | text 30 utf-8
//! date 40 i32 | date-time 50 i64 | uuid 60 [16]
//! array 70 (length u32, element)* | object 80 (length u32, name, length u32, value)* sorted by name
//! ```
//!
//! A number is the largest double not above it, with its bits turned so that
//! they sort, followed by the whole distance to it: nothing below 2^53 (none is
//! possible there), two bytes below 2^65, ten beyond.

use crate::time::{Date, Timestamp};
use crate::value::{Number, Object, Value};

const NULL: u8 = 0x00;
const BOOLEAN: u8 = 0x10;
const NUMBER: u8 = 0x20;
const TEXT: u8 = 0x30;
const DATE: u8 = 0x40;
const DATE_TIME: u8 = 0x50;
const UUID: u8 = 0x60;
const ARRAY: u8 = 0x70;
const OBJECT: u8 = 0x80;

/// Appends the encoding of `value`. A float that is a whole number encodes
/// as that whole number.
pub fn encode(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Null => out.push(NULL),
        Value::Boolean(truth) => out.extend([BOOLEAN, u8::from(*truth)]),
        Value::Integer(number) => encode_integer(*number, out),
        Value::Float(number) => encode_float(*number, out),
        Value::String(text) => encode_text(text, out),
        Value::Date(date) => {
            out.push(DATE);
            out.extend((date.as_days() as u32 ^ 0x8000_0000).to_be_bytes());
        }
        Value::DateTime(instant) => {
            out.push(DATE_TIME);
            out.extend((instant.as_microsecond() as u64 ^ (1 << 63)).to_be_bytes());
        }
        Value::Uuid(uuid) => {
            out.push(UUID);
            out.extend(uuid.as_bytes());
        }
        Value::Array(values) => {
            out.push(ARRAY);
            values
                .iter()
                .for_each(|value| encode_framed(out, |out| encode(value, out)));
        }
        Value::Object(object) => encode_object(object, out),
    }
}

/// The encoding of `value` on its own.
pub fn to_bytes(value: &Value) -> Vec<u8> {
    let mut out = Vec::with_capacity(16);
    encode(value, &mut out);
    out
}

/// Appends the encoding of a text.
pub fn encode_text(text: &str, out: &mut Vec<u8>) {
    out.push(TEXT);
    out.extend(text.as_bytes());
}

fn encode_object(object: &Object, out: &mut Vec<u8>) {
    out.push(OBJECT);
    let mut members: Vec<_> = object.iter().collect();
    members.sort_unstable_by_key(|(name, _)| *name);
    for (name, value) in members {
        encode_framed(out, |out| out.extend(name.as_bytes()));
        encode_framed(out, |out| encode(value, out));
    }
}

fn encode_framed(out: &mut Vec<u8>, content: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend([0; 4]);
    content(out);
    let length = u32::try_from(out.len() - start - 4).expect("a body is far below 4 GiB");
    out[start..start + 4].copy_from_slice(&length.to_be_bytes());
}

/// Appends the encoding of a whole number.
#[expect(
    clippy::cast_precision_loss,
    reason = "the rounding is corrected right below"
)]
pub fn encode_integer(number: i128, out: &mut Vec<u8>) {
    let mut below = number as f64;
    if below >= TWO_TO_127 || below as i128 > number {
        below = below.next_down();
    }
    encode_number(below, number - below as i128, out);
}

const TWO_TO_127: f64 = 170_141_183_460_469_231_731_687_303_715_884_105_728.0;
const TWO_TO_65: f64 = 36_893_488_147_419_103_232.0;
const TWO_TO_53: f64 = 9_007_199_254_740_992.0;

/// Appends the encoding of a finite number.
pub fn encode_float(number: f64, out: &mut Vec<u8>) {
    encode_number(number + 0.0, 0, out);
}

fn encode_number(below: f64, distance: i128, out: &mut Vec<u8>) {
    out.push(NUMBER);
    let bits = below.to_bits();
    let sortable = if bits >> 63 == 0 {
        bits ^ (1 << 63)
    } else {
        !bits
    };
    out.extend(sortable.to_be_bytes());
    let bytes = distance.to_be_bytes();
    out.extend(&bytes[16 - distance_width(below)..]);
}

fn distance_width(below: f64) -> usize {
    match below.abs() {
        magnitude if magnitude < TWO_TO_53 => 0,
        magnitude if magnitude < TWO_TO_65 => 2,
        magnitude if magnitude <= TWO_TO_127 => 10,
        _ => 0,
    }
}

/// The value that these bytes encode; `None` when they encode none.
pub fn decode(bytes: &[u8]) -> Option<Value> {
    let (&tag, rest) = bytes.split_first()?;
    Some(match tag {
        NULL if rest.is_empty() => Value::Null,
        BOOLEAN => match rest {
            [0] => Value::Boolean(false),
            [1] => Value::Boolean(true),
            _ => return None,
        },
        NUMBER => match decode_number(rest)? {
            Number::Integer(number) => Value::Integer(number),
            Number::Float(number) => Value::float(number)?,
        },
        TEXT => Value::String(std::str::from_utf8(rest).ok()?.to_owned()),
        DATE => Value::Date(Date::from_days(
            (u32::from_be_bytes(rest.try_into().ok()?) ^ 0x8000_0000) as i32,
        )?),
        DATE_TIME => Value::DateTime(Timestamp::from_microsecond(
            (u64::from_be_bytes(rest.try_into().ok()?) ^ (1 << 63)) as i64,
        )?),
        UUID => Value::Uuid(uuid::Uuid::from_slice(rest).ok()?),
        ARRAY => Value::Array(
            frames(rest)
                .map(|frame| decode(frame?))
                .collect::<Option<_>>()?,
        ),
        OBJECT => decode_object(rest)?,
        _ => return None,
    })
}

fn decode_object(rest: &[u8]) -> Option<Value> {
    let parts = frames(rest).collect::<Option<Vec<_>>>()?;
    let pairs = parts.chunks_exact(2);
    if !pairs.remainder().is_empty() {
        return None;
    }
    let members = pairs
        .map(|pair| {
            Some((
                std::str::from_utf8(pair[0]).ok()?.to_owned(),
                decode(pair[1])?,
            ))
        })
        .collect::<Option<Vec<_>>>()?;
    Object::from_members(members).ok().map(Value::Object)
}

fn frames(mut bytes: &[u8]) -> impl Iterator<Item = Option<&[u8]>> {
    std::iter::from_fn(move || {
        if bytes.is_empty() {
            return None;
        }
        let taken = bytes
            .split_first_chunk::<4>()
            .and_then(|(length, rest)| rest.split_at_checked(u32::from_be_bytes(*length) as usize));
        bytes = taken.map_or(&[], |(_, rest)| rest);
        Some(taken.map(|(frame, _)| frame))
    })
}

/// The number that these bytes encode, when they encode one.
pub fn number(bytes: &[u8]) -> Option<Number> {
    let (&tag, rest) = bytes.split_first()?;
    if tag == NUMBER {
        decode_number(rest)
    } else {
        None
    }
}

/// The text that these bytes encode, when they encode one.
pub fn text(bytes: &[u8]) -> Option<&str> {
    let (&tag, rest) = bytes.split_first()?;
    if tag == TEXT {
        std::str::from_utf8(rest).ok()
    } else {
        None
    }
}

fn decode_number(rest: &[u8]) -> Option<Number> {
    let (sortable, distance) = rest.split_first_chunk::<8>()?;
    let sortable = u64::from_be_bytes(*sortable);
    let bits = if sortable >> 63 == 1 {
        sortable ^ (1 << 63)
    } else {
        !sortable
    };
    let below = f64::from_bits(bits);
    if !below.is_finite() || distance.len() != distance_width(below) {
        return None;
    }
    if below.fract() != 0.0 || below.abs() > TWO_TO_127 || below == TWO_TO_127 {
        return Some(Number::Float(below));
    }
    let mut wide = [0_u8; 16];
    wide[16 - distance.len()..].copy_from_slice(distance);
    (below as i128)
        .checked_add(i128::from_be_bytes(wide))
        .map(Number::Integer)
}

#[cfg(test)]
mod tests;
