//! The records and definitions of the pools that are opened by a Delta reader. The same numbers
//! give the same records.

use serde_json::{Map, Value, json};

/// The scalar types, each of which has a field, and a field of its arrays.
const TYPES: [&str; 15] = [
    "Int8", "Int16", "Int32", "Int64", "UInt8", "UInt16", "UInt32", "UInt64", "Float32", "Float64",
    "String", "Boolean", "Date", "DateTime", "UUID",
];

const CUSTOMERS: u64 = 7;

/// The pools that are made by definitions; one more is made by an import.
pub(super) fn pools() -> [Value; 4] {
    let field = |name: &str, own: &str| json!({"name": name, "type": own});
    let mut typed = vec![field("customer", "String")];
    for own in TYPES {
        typed.push(field(&format!("one.{own}"), own));
        typed.push(field(&format!("many_{own}"), &format!("Array({own})")));
    }
    [
        json!({"name": "events", "schema": "open", "isolation_field": "customer",
            "time_field": "at", "fields": [field("customer", "String"), field("at", "DateTime"),
                field("amount", "Float64")]}),
        json!({"name": "typed", "schema": "strict", "isolation_field": "customer",
            "fields": typed}),
        json!({"name": "orders", "schema": "strict", "isolation_field": "customer",
            "unique": ["order"], "fields": [field("customer", "String"), field("order", "UInt32"),
                field("state", "String"), field("amount", "Float32")]}),
        json!({"name": "private", "schema": "open", "isolation_field": "customer",
            "layout": "file_per_customer", "fields": [field("customer", "String")]}),
    ]
}

/// The records of a pool with these numbers, as written in this round.
pub(super) fn records(pool: &str, numbers: std::ops::Range<u64>, round: u64) -> Value {
    numbers
        .map(|n| match pool {
            "events" => event(n),
            "typed" => typed(n),
            "orders" => order(n, round),
            _ => note(n),
        })
        .collect()
}

fn customer(n: u64) -> String {
    format!("c{}", n % CUSTOMERS)
}

fn instant(n: u64) -> String {
    let (day, hour, second) = (1 + n % 28, n / 7 % 24, n % 60);
    match n % 3 {
        0 => format!("2026-02-{day:02}T{hour:02}:00:{second:02}Z"),
        1 => format!(
            "2026-02-{day:02}T{hour:02}:30:{second:02}.{:03}Z",
            1 + n % 999
        ),
        _ => format!(
            "2026-02-{day:02}T{hour:02}:45:{second:02}.{:06}+02:00",
            1 + n % 99_999
        ),
    }
}

/// Fields of every kind of value, some of another kind in each record.
fn event(n: u64) -> Value {
    let took = match n % 9 {
        0 => json!(n),
        1 => json!(n as f64 / 16.0),
        2 => json!(format!("{n} ms")),
        3 => json!(n.is_multiple_of(2)),
        4 => json!([n, "a", null, {"unit": "ms", "x": [0.5, true]}]),
        5 => json!({}),
        6 => json!(-i64::try_from(n).unwrap_or_default()),
        7 => json!(1e300 * n as f64),
        _ => Value::Null,
    };
    let mut event = json!({"customer": customer(n), "at": instant(n), "amount": n as f64 / 8.0,
        "took": took, "page": format!("/page/{}", n % 20), "device": {"os": if n.is_multiple_of(2) { "mac" } else { "linux" }},
        "big": 9_007_199_254_740_993 + n, "negative": -9_007_199_254_740_993_i64 - i64::from(n as u32),
        "größe \u{1d11e}": format!("„{n}\" \\ \n"), "0.1": 0.1, "whole": 3.0});
    event[format!("rare{}", n % 60)] = json!(n);
    event
}

fn typed(n: u64) -> Value {
    let mut record = Map::new();
    record.insert("customer".to_owned(), customer(n).into());
    for (at, own) in TYPES.into_iter().enumerate() {
        let turn = n + at as u64;
        if !turn.is_multiple_of(6) {
            record.insert(format!("one.{own}"), sample(own, turn));
        }
        if !turn.is_multiple_of(4) {
            let many = (0..turn % 4).map(|more| sample(own, turn + more));
            record.insert(format!("many_{own}"), many.collect());
        }
    }
    record.into()
}

/// A value of a type: its ends now and then.
fn sample(own: &str, turn: u64) -> Value {
    let ends = |least: i64, greatest: u64| match turn % 5 {
        0 => json!(least),
        1 => json!(greatest),
        _ => json!(turn % 100),
    };
    let signed = |bits: u32| ends(-(1_i64 << (bits - 1)), (1 << (bits - 1)) - 1);
    match own {
        "Int8" => signed(8),
        "Int16" => signed(16),
        "Int32" => signed(32),
        "Int64" => ends(i64::MIN, i64::MAX as u64),
        "UInt8" => ends(0, u64::from(u8::MAX)),
        "UInt16" => ends(0, u64::from(u16::MAX)),
        "UInt32" => ends(0, u64::from(u32::MAX)),
        "UInt64" => ends(0, u64::MAX),
        "Float32" => json!([0.1, 0.0, 3.0, -1.5e-30, 16_777_216.0][turn as usize % 5]),
        "Float64" => json!([0.1, 0.0, 5e-324, f64::MIN, turn as f64][turn as usize % 5]),
        "String" => json!(["", "ä 𝄞", "a\n\"b\"", "plain", "'"][turn as usize % 5]),
        "Boolean" => json!(turn.is_multiple_of(2)),
        "Date" => json!(["0001-01-01", "9999-12-31", "2024-02-29"][turn as usize % 3]),
        "DateTime" => json!(instant(turn)),
        _ => json!(format!("01234567-89AB-cdef-0123-{turn:012x}")),
    }
}

fn order(n: u64, round: u64) -> Value {
    json!({"customer": customer(n), "order": n, "state": format!("round {round}"),
        "amount": (n + round) as f32 / 3.0})
}

fn note(n: u64) -> Value {
    let mut note = json!({"customer": customer(n)});
    note[format!("own{}", n % CUSTOMERS)] = match n % 3 {
        0 => json!(n),
        1 => json!(n.to_string()),
        _ => json!([n]),
    };
    note
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_records_hold_values_of_every_kind() {
        let Value::Array(events) = records("events", 0..9, 0) else {
            panic!("an array");
        };
        let kinds: Vec<_> = events.iter().map(|event| event["took"].clone()).collect();
        for is_kind in [
            Value::is_u64,
            Value::is_f64,
            Value::is_string,
            Value::is_boolean,
            Value::is_array,
            Value::is_object,
            Value::is_i64,
            Value::is_null,
        ] {
            assert!(kinds.iter().any(is_kind), "{kinds:?}");
        }
        let fields: usize = TYPES.len() * 2 + 1;
        assert_eq!(pools()[1]["fields"].as_array().map(Vec::len), Some(fields));
    }
}
