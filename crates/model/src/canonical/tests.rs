use std::cmp::Ordering;

use proptest::prelude::*;

use super::*;
use crate::value::compare;

fn any_number() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<i64>().prop_map(Value::from),
        any::<i128>().prop_map(Value::from),
        (-70_i128..70).prop_map(Value::Integer),
        ((0_u32..127), -2_i128..=2).prop_map(|(bit, near)| Value::Integer((1_i128 << bit) + near)),
        ((0_u32..126), -2_i128..=2).prop_map(|(bit, near)| Value::Integer(near - (1_i128 << bit))),
        any::<f64>().prop_filter_map("finite", Value::float),
        (-70_i32..70).prop_map(|n| Value::Float(f64::from(n) / 4.0)),
    ]
}

proptest! {
    #[test]
    fn numbers_sort_as_their_bytes(a in any_number(), b in any_number()) {
        let expected = compare(&a, &b).expect("numbers compare");
        prop_assert_eq!(to_bytes(&a).cmp(&to_bytes(&b)), expected);
    }

    #[test]
    fn numbers_survive(a in any_number()) {
        let back = decode(&to_bytes(&a)).expect("own bytes");
        prop_assert_eq!(compare(&a, &back), Some(Ordering::Equal));
    }

    #[test]
    fn values_survive(value in crate::json::tests::any_json()) {
        let back = decode(&to_bytes(&value)).expect("own bytes");
        prop_assert_eq!(to_bytes(&back), to_bytes(&value));
    }

    #[test]
    fn text_sorts_as_its_bytes(a in ".*", b in ".*") {
        prop_assert_eq!(
            to_bytes(&Value::from(a.clone())).cmp(&to_bytes(&Value::from(b.clone()))),
            a.cmp(&b)
        );
    }

    #[test]
    fn foreign_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        if let Some(value) = decode(&bytes) {
            prop_assert!(decode(&to_bytes(&value)).is_some());
        }
    }
}

#[test]
fn a_whole_float_is_the_whole_number() {
    assert_eq!(to_bytes(&Value::Float(3.0)), to_bytes(&Value::Integer(3)));
    assert_eq!(
        decode(&to_bytes(&Value::Float(3.0))),
        Some(Value::Integer(3))
    );
    assert_eq!(
        decode(&to_bytes(&Value::Float(0.5))),
        Some(Value::Float(0.5))
    );
    assert_eq!(
        decode(&to_bytes(&Value::Float(1e300))),
        Some(Value::Float(1e300))
    );
}

#[test]
fn nested_values_do_not_run_into_each_other() {
    let array = |parts: &[&str]| {
        to_bytes(&Value::Array(
            parts.iter().map(|p| Value::from(*p)).collect(),
        ))
    };
    assert_ne!(array(&["ab", "c"]), array(&["a", "bc"]));
    assert_ne!(array(&["ab"]), array(&["a", "b"]));
}
