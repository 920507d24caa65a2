use super::*;
use crate::json;

fn parse(text: &str) -> Result<KeyLimits, String> {
    let value = json::parse(text.as_bytes()).expect("JSON");
    KeyLimits::parse(&value).map_err(|fault| format!("{:?} {}", fault.code, fault.pointer))
}

#[test]
fn limits_are_read_back_as_they_were_written() {
    for text in [
        r#"{}"#,
        r#"{"requests_per_second":null,"concurrent_queries":null,"credits":null}"#,
        r#"{"requests_per_second":1,"concurrent_queries":10000}"#,
        r#"{"requests_per_second":100000}"#,
        r#"{"credits":{"core":{"amount":0,"period":"day"},"premium":null}}"#,
        r#"{"credits":{"premium":{"amount":1000000000000000,"period":"week"}}}"#,
        r#"{"credits":{"core":null,"premium":null}}"#,
    ] {
        let limits = parse(text).expect(text);
        let again = KeyLimits::parse(&Value::Object(limits.to_value())).expect("read back");
        assert_eq!(limits, again, "{text}");
    }
    assert_eq!(parse("{}"), Ok(KeyLimits::NONE));
}

#[test]
fn what_is_no_limit_is_refused_by_name() {
    for (text, fault) in [
        (
            r#"{"requests_per_second":0}"#,
            "InvalidValue /requests_per_second",
        ),
        (
            r#"{"requests_per_second":-1}"#,
            "InvalidValue /requests_per_second",
        ),
        (
            r#"{"requests_per_second":100001}"#,
            "InvalidValue /requests_per_second",
        ),
        (
            r#"{"requests_per_second":1.5}"#,
            "WrongType /requests_per_second",
        ),
        (
            r#"{"requests_per_second":"1"}"#,
            "WrongType /requests_per_second",
        ),
        (
            r#"{"concurrent_queries":0}"#,
            "InvalidValue /concurrent_queries",
        ),
        (
            r#"{"concurrent_queries":10001}"#,
            "InvalidValue /concurrent_queries",
        ),
        (
            r#"{"requests_per_minute":1}"#,
            "UnknownMember /requests_per_minute",
        ),
        (r#"{"credits":1}"#, "WrongType /credits"),
        (
            r#"{"credits":{"gold":null}}"#,
            "UnknownMember /credits/gold",
        ),
        (r#"{"credits":{"core":5}}"#, "WrongType /credits/core"),
        (
            r#"{"credits":{"core":{"period":"day"}}}"#,
            "MissingMember /credits/core/amount",
        ),
        (
            r#"{"credits":{"core":{"amount":1}}}"#,
            "MissingMember /credits/core/period",
        ),
        (
            r#"{"credits":{"core":{"amount":-1,"period":"day"}}}"#,
            "InvalidValue /credits/core/amount",
        ),
        (
            r#"{"credits":{"core":{"amount":1.5,"period":"day"}}}"#,
            "WrongType /credits/core/amount",
        ),
        (
            r#"{"credits":{"core":{"amount":1,"period":"year"}}}"#,
            "InvalidValue /credits/core/period",
        ),
        (
            r#"{"credits":{"core":{"amount":1,"period":"day","rollover":true}}}"#,
            "UnknownMember /credits/core/rollover",
        ),
        ("[]", "WrongType "),
    ] {
        assert_eq!(parse(text), Err(fault.to_owned()), "{text}");
    }
}

#[test]
fn more_of_anything_is_more() {
    let limits = |text: &str| parse(text).expect(text);
    let day = limits(
        r#"{"requests_per_second":5,"concurrent_queries":5,"credits":{"core":{"amount":5,"period":"day"}}}"#,
    );
    assert!(KeyLimits::NONE.allows_more_than(day));
    assert!(!day.allows_more_than(KeyLimits::NONE));
    assert!(!day.allows_more_than(day));
    let more = |change: fn(&mut KeyLimits)| {
        let mut changed = day;
        change(&mut changed);
        changed.allows_more_than(day)
    };
    assert!(more(
        |limits| limits.requests_per_second = NonZeroU32::new(6)
    ));
    assert!(more(|limits| limits.concurrent_queries = None));
    assert!(more(|limits| limits.core = None));
    assert!(more(
        |limits| limits.core = limits.core.map(|core| Allowance { amount: 6, ..core })
    ));
    assert!(more(|limits| {
        let period = crate::credits::Period::Month;
        limits.core = limits.core.map(|core| Allowance { period, ..core });
    }));
    assert!(!more(|limits| limits.premium = limits.core));
    assert!(!more(
        |limits| limits.requests_per_second = NonZeroU32::new(4)
    ));
}
