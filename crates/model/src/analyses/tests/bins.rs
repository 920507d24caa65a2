//! Which bin a number lies in.

use super::*;
use crate::value::Number;

fn floor(size: &str, number: &str) -> String {
    let size = BinSize::new(json(size).as_number().unwrap()).unwrap();
    let floor = size.floor(json(number).as_number().unwrap());
    crate::json::to_text(&floor.into())
}

#[test]
fn a_bin_is_known_by_its_lower_bound() {
    let cases = [
        ("10", "0", "0"),
        ("10", "9.999999999999998", "0"),
        ("10", "10", "10"),
        ("10", "-1", "-10"),
        ("10", "-10.5", "-20"),
        ("10", "18446744073709551615", "18446744073709551610"),
        ("10", "1e30", "1000000000000000019884624838650"),
        ("10", "1e300", "null"),
        // Bounds are decimal multiples, whatever doubles make of them.
        ("0.1", "0.3", "0.3"),
        ("0.1", "0.30000000000000004", "0.3"),
        ("0.1", "0.29999999999999993", "0.2"),
        ("0.1", "-0.05", "-0.1"),
        ("0.1", "1", "1"),
        ("0.5", "2.75", "2.5"),
        ("0.000001", "1e300", "null"),
        ("2.5", "18446744073709551615", "null"),
        // Amounts of billions have bins of fractions as well.
        ("0.5", "10000000000.75", "10000000000.5"),
        ("0.1", "12345678901.29", "12345678901.2"),
        ("0.1", "-12345678901.29", "-12345678901.3"),
        ("0.01", "100000000000", "100000000000"),
        ("0.01", "100000000000.019", "100000000000.01"),
        ("4.5", "9007199254740993", "9007199254740992.0"),
        ("1234567.5", "18014398509481985", "18014398508281545"),
        // The last bin of a fraction on each side.
        ("0.5", "1125899906842624.25", "1125899906842624"),
        ("0.5", "1125899906842624.5", "null"),
        ("0.5", "-1125899906842624", "-1125899906842624"),
        ("0.5", "-1125899906842624.5", "null"),
    ];
    for (size, number, bound) in cases {
        assert_eq!(floor(size, number), bound, "{number} by {size}");
    }
}

#[test]
fn what_is_no_number_and_what_no_range_holds_has_no_bin() {
    let Analysis::Aggregation(question) = analysis(
        r#"{"analysis":"count","pool":"p","group_by":[{"field":"a","ranges":[{"to":0},{"from":0,"to":2,"as":"few"},{"from":2.5}]}]}"#,
    ) else {
        panic!("an aggregation")
    };
    let bins = question.group_by[0].bins.as_ref().unwrap();
    let cases = [
        ("-1e300", "\"<0\""),
        ("0", "\"few\""),
        ("1.9999999999999998", "\"few\""),
        ("2", "null"),
        ("2.5", "\">=2.5\""),
        ("\"1\"", "null"),
        ("null", "null"),
        ("[1]", "null"),
        ("true", "null"),
    ];
    for (value, label) in cases {
        let key = bins.key(&json(value));
        assert_eq!(crate::json::to_text(&bins.label(&key)), label, "{value}");
    }
}

fn any_number() -> impl Strategy<Value = Number> {
    prop_oneof![
        any::<i64>().prop_map(|n| Number::Integer(n.into())),
        (-1_000_000_i64..1_000_000).prop_map(|n| Number::Float(n as f64 / 1_000.0)),
        (-1e12..1e12).prop_map(Number::Float),
        (-1_i64 << 57..1 << 57).prop_map(|n| Number::Float(n as f64)),
        (-1e16..1e16).prop_map(Number::Float),
        any::<f64>()
            .prop_filter("finite", |n| n.is_finite())
            .prop_map(Number::Float),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    #[test]
    fn bins_follow_each_other(
        size in prop_oneof![
            (1_i128..1_000).prop_map(Number::Integer),
            (1_u32..5_000_000).prop_map(|n| Number::Float(f64::from(n) / 1e6)),
        ],
        a in any_number(),
        b in any_number(),
    ) {
        let size = BinSize::new(size).unwrap();
        let floors = (size.floor(a), size.floor(b));
        let number = |floor: &Value| floor.as_number().unwrap();
        if let (Some(one), Some(two)) = &floors {
            // Not above the number, and in the order of the numbers.
            let (less, more) = if a.compare(b).is_le() { (one, two) } else { (two, one) };
            prop_assert!(number(less).compare(number(more)).is_le());
        }
        if let Some(floor) = &floors.0 {
            prop_assert!(number(floor).compare(a).is_le());
            // Within a size of it, but for the rounding of a bound to its double.
            let gap = a.to_f64() - number(floor).to_f64();
            let of = size.value().as_number().unwrap().to_f64();
            prop_assert!(gap <= of * 1.5 + a.to_f64().abs() * 1e-15, "{gap}");
            // A whole number and the same as a double lie in one bin.
            if let (Number::Float(double), true) = (a, a.to_f64().fract() == 0.0) {
                let whole = Number::Integer(double as i128);
                if whole.compare(a).is_eq() {
                    prop_assert_eq!(&size.floor(whole), &floors.0);
                }
            }
            // The bound begins its own bin.
            let again = size.floor(number(floor));
            prop_assert_eq!(again.as_ref(), Some(floor));
        }
    }
}
