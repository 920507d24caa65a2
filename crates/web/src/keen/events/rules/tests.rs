use super::*;

fn checked(json: &str) -> Result<(), (EventRule, String)> {
    let value = model::json::parse(json.as_bytes()).expect("JSON");
    let object = value.as_object().expect("an object");
    check(object).map_err(|fault| (fault.rule, fault.message))
}

#[test]
fn collections_are_called_as_the_contract_says() {
    let long = "x".repeat(64);
    for good in ["orders", "User posts.new", "a-b", "1", &long] {
        assert_eq!(collection(good).expect("legal").as_str(), good);
    }
    let longer = "x".repeat(65);
    for (bad, word) in [
        ("", "empty"),
        (longer.as_str(), "64"),
        ("größe", "ASCII"),
        ("a$b", "'$'"),
        ("_a", "'_'"),
        (".a", "'.'"),
        ("a.", "'.'"),
        ("a/b", "/ : *"),
        ("*", "/ : *"),
        ("a\tb", "control"),
        (" a", "space"),
    ] {
        let fault = collection(bad).expect_err(bad);
        assert_eq!(fault.rule, EventRule::CollectionName, "{bad}");
        assert!(fault.message.contains(word), "{}", fault.message);
    }
}

#[test]
fn properties_are_called_as_the_contract_says_at_every_level() {
    let long = "x".repeat(256);
    for good in [
        "{}".to_owned(),
        "{\"a\":{\"b\":[{\"c d\":1}]},\"größe\":null}".to_owned(),
        format!("{{\"{long}\":1}}"),
    ] {
        assert_eq!(checked(&good), Ok(()), "{good}");
    }
    for (bad, message) in [
        (
            "{\"bad.name\":1}".to_owned(),
            "property name 'bad.name' must not contain a dot",
        ),
        (
            "{\"$x\":2}".to_owned(),
            "property name '$x' must not start with '$'",
        ),
        (
            "{\"a\":{\"\":1}}".to_owned(),
            "property name '' must not be empty",
        ),
        (
            "{\"a\":[{\"b\":{\"$c\":1}}]}".to_owned(),
            "property name '$c' must not start with '$'",
        ),
        (
            "{\"a\":{\"_b\":1}}".to_owned(),
            "property name '_b' must not start with '_', which this server keeps for its own fields",
        ),
    ] {
        let refused = Err((EventRule::PropertyName, message.to_owned()));
        assert_eq!(checked(&bad), refused, "{bad}");
    }
    let (rule, message) = checked(&format!("{{\"{long}x\":1}}")).expect_err("too long");
    assert_eq!(rule, EventRule::PropertyName);
    assert!(
        message.ends_with("has more than 256 characters"),
        "{message}"
    );
}

#[test]
fn values_are_what_the_contract_says() {
    let text = |length: usize| format!("{{\"a\":{{\"b\":[\"{}\"]}}}}", "ä".repeat(length));
    assert_eq!(checked(&text(9_999)), Ok(()));
    for good in [
        "{\"a\":9223372036854775807,\"b\":-9223372036854775808}",
        "{\"a\":1.5e300,\"b\":true,\"c\":null,\"d\":[1,\"x\",{\"e\":1}]}",
    ] {
        assert_eq!(checked(good), Ok(()), "{good}");
    }
    for (bad, path) in [
        (text(10_000), "'a.b'"),
        ("{\"a\":{\"n\":9223372036854775808}}".to_owned(), "'a.n'"),
        ("{\"a\":[9223372036854775808]}".to_owned(), "'a'"),
    ] {
        let (rule, message) = checked(&bad).expect_err("beyond the limit");
        assert_eq!(rule, EventRule::PropertyValue);
        assert!(message.contains(path), "{message}");
    }
}
