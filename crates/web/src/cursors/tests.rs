use std::time::Duration;

use model::random::SeededRandom;
use model::time::Date;
use model::value::Object;
use proptest::prelude::*;

use super::*;

const BINDING: [u8; 32] = [7; 32];

fn key() -> CursorKey {
    CursorKey::new(&Pepper::from_bytes([1; 32]))
}

fn now() -> Timestamp {
    Timestamp::parse("2026-03-01T12:00:00Z").expect("a time")
}

fn later(seconds: i64) -> Timestamp {
    let micros = now().as_microsecond() + seconds * 1_000_000;
    Timestamp::from_microsecond(micros).expect("in range")
}

fn seek() -> Seek {
    Seek {
        values: vec![
            Value::DateTime(now()),
            Value::Null,
            Value::from("01ARZ3NDEKTSV4RRFFQ69G5FAV"),
        ],
        side: Side::After,
    }
}

fn sealed(seek: &Seek) -> String {
    key()
        .seal(seek, &BINDING, now(), &SeededRandom::new(1))
        .expect("short")
}

fn opened(cursor: &str) -> Result<Seek, Fault> {
    key().open(cursor, &BINDING, 3, Side::After, now())
}

#[test]
fn a_cursor_continues_where_it_was_sealed() {
    assert_eq!(opened(&sealed(&seek())), Ok(seek()));
    let back = Seek {
        side: Side::Before,
        ..seek()
    };
    let opened = key().open(&sealed(&back), &BINDING, 3, Side::Before, now());
    assert_eq!(opened, Ok(back));
}

#[test]
fn every_altered_character_is_refused() {
    let cursor = sealed(&seek());
    for place in 0..cursor.len() {
        for other in (b' '..=b'~').map(char::from) {
            let mut altered = cursor.clone();
            altered.replace_range(place..=place, &other.to_string());
            if altered != cursor {
                assert!(opened(&altered).is_err(), "{other:?} at {place}");
            }
        }
        assert!(opened(&cursor[..place]).is_err(), "cut at {place}");
    }
    assert!(opened(&format!("{cursor}A")).is_err());
    assert!(opened(&format!("{cursor}AAAA")).is_err());
    assert!(opened(&format!("{cursor}=")).is_err());
}

#[test]
fn a_cursor_fits_one_request_alone() {
    let cursor = sealed(&seek());
    let refused = [
        key().open(&cursor, &[8; 32], 3, Side::After, now()),
        key().open(&cursor, &BINDING, 2, Side::After, now()),
        key().open(&cursor, &BINDING, 4, Side::After, now()),
        key().open(&cursor, &BINDING, 3, Side::Before, now()),
        CursorKey::new(&Pepper::from_bytes([2; 32])).open(&cursor, &BINDING, 3, Side::After, now()),
        opened(""),
        opened("x"),
        opened("null"),
    ];
    for fault in refused.map(|opened| opened.expect_err("refused")) {
        assert_eq!(fault.code, FaultCode::InvalidCursor);
        assert_eq!(fault.detail, REFUSAL);
    }
    let pointer = |side| {
        let fault = key().open("x", &BINDING, 3, side, now());
        fault.expect_err("refused").pointer
    };
    assert_eq!(pointer(Side::After), "/after");
    assert_eq!(pointer(Side::Before), "/before");
}

#[test]
fn a_cursor_lives_for_a_day() {
    let cursor = sealed(&seek());
    let at = |now| key().open(&cursor, &BINDING, 3, Side::After, now);
    assert!(at(later(CURSOR_SECONDS_MAX)).is_ok());
    let just_after = later(CURSOR_SECONDS_MAX)
        .checked_add(Duration::from_micros(1))
        .expect("in range");
    assert!(at(just_after).is_err());
    assert!(at(later(-60)).is_ok());
    assert!(at(later(-CURSOR_SECONDS_MAX - 1)).is_err());
    assert!(at(Timestamp::MIN).is_err());
    assert!(at(Timestamp::MAX).is_err());
}

#[test]
fn the_length_is_bounded_on_both_ways() {
    let of_length = |length: usize| Seek {
        values: vec![Value::Null, Value::Null, Value::from("x".repeat(length))],
        side: Side::After,
    };
    let random = SeededRandom::new(1);
    let seal = |seek: &Seek| key().seal(seek, &BINDING, now(), &random);
    // One byte for the array, five for each null, five for the text.
    let longest = of_length(VALUES_BYTES_MAX - 16);
    let cursor = seal(&longest).expect("just fits");
    assert!(cursor.len() <= CURSOR_CHARS_MAX);
    assert_eq!(opened(&cursor), Ok(longest));
    assert!(matches!(
        seal(&of_length(VALUES_BYTES_MAX - 15)),
        Err(PlaneError::LimitExceeded { .. })
    ));
    assert!(opened(&"A".repeat(10 << 20)).is_err());
}

fn any_value() -> impl Strategy<Value = Value> {
    let uuid = model::fields::ScalarType::Uuid;
    let uuid = move |bits: u128| uuid.coerce(Value::from(format!("{bits:032x}")));
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i128>().prop_map(Value::from),
        any::<f64>().prop_filter_map("finite and broken", |n| {
            Value::float(n).filter(|_| n.fract() != 0.0)
        }),
        ".{0,20}".prop_map(Value::from),
        any::<u128>().prop_map(move |bits| uuid(bits).expect("a UUID")),
        (-700_000..2_000_000_i32)
            .prop_filter_map("a date", |days| { Date::from_days(days).map(Value::Date) }),
        any::<i64>().prop_filter_map("a time", |micros| {
            Timestamp::from_microsecond(micros / 40).map(Value::DateTime)
        }),
        proptest::collection::vec(any::<i64>(), 0..4).prop_map(Value::from),
        any::<i64>().prop_map(|n| Value::Object(Object::new().with("a", n))),
    ]
}

proptest! {
    #[test]
    fn values_survive_the_round_trip(
        values in proptest::collection::vec(any_value(), 0..6),
        seed in any::<u64>(),
        binding in any::<[u8; 32]>(),
        is_after in any::<bool>(),
    ) {
        let side = if is_after { Side::After } else { Side::Before };
        let seek = Seek { values, side };
        let cursor = key().seal(&seek, &binding, now(), &SeededRandom::new(seed)).expect("short");
        let opened = key().open(&cursor, &binding, seek.values.len(), side, later(1));
        prop_assert_eq!(opened, Ok(seek));
    }

    #[test]
    fn no_text_makes_it_panic_or_opens(text in "[A-Za-z0-9_-]{0,200}") {
        prop_assert!(opened(&text).is_err());
    }
}
