use super::*;
use model::random::SeededRandom;

fn read(json: &str) -> Result<Namespace, EventFault> {
    Namespace::read(Some(model::json::parse(json.as_bytes()).expect("JSON")))
}

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).expect("a time")
}

#[test]
fn times_are_read_with_any_offset_and_without_one_as_utc() {
    for (sent, meant) in [
        ("2024-03-04T10:00:00+01:00", "2024-03-04T09:00:00Z"),
        ("2024-03-04T09:00:00", "2024-03-04T09:00:00Z"),
        ("2024-03-04T09:00:00.000Z", "2024-03-04T09:00:00Z"),
        ("2020-01-02T03:04:05.678901", "2020-01-02T03:04:05.678901Z"),
        ("2024-03-04", "2024-03-04T00:00:00Z"),
    ] {
        let namespace = read(&format!("{{\"timestamp\":\"{sent}\"}}")).expect(sent);
        assert_eq!(namespace.timestamp, Some(at(meant)), "{sent}");
    }
    for nothing in ["null", "{}", "{\"timestamp\":null}", "{\"timestamp\":\"\"}"] {
        assert_eq!(read(nothing).expect(nothing), Namespace::default());
    }
}

#[test]
fn what_is_stored_has_a_time_an_arrival_an_id_and_no_more() {
    let now = at("2026-05-01T12:00:00.123456Z");
    let random = SeededRandom::new(1);
    let sent = read(
        "{\"id\":\"mine\",\"created_at\":\"1999-01-01\",\"timestamp\":\"2024-03-04T09:00:00.9999Z\",\
         \"location\":{\"coordinates\":[13.4,52.5]},\"addons\":[]}",
    );
    let stored = sent.expect("legal").stored(now, &random);
    let members: Vec<&str> = stored.iter().map(|(name, _)| name).collect();
    assert_eq!(members, ["timestamp", "created_at", "id", "location"]);
    let time = |name| stored.get(name).cloned().expect("a member");
    assert_eq!(
        time("timestamp"),
        Value::DateTime(at("2024-03-04T09:00:00.999Z"))
    );
    assert_eq!(
        time("created_at"),
        Value::DateTime(at("2026-05-01T12:00:00.123Z"))
    );
    let id = |object: &Object| {
        object
            .get("id")
            .and_then(Value::as_str)
            .expect("text")
            .to_owned()
    };
    let is_hex = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
    assert!(
        id(&stored).len() == 24 && id(&stored).chars().all(is_hex),
        "{}",
        id(&stored)
    );
    let other = Namespace::default().stored(now, &random);
    assert_ne!(id(&stored), id(&other));
    assert_eq!(
        other.get("timestamp"),
        Some(&Value::DateTime(at("2026-05-01T12:00:00.123Z")))
    );
}

#[test]
fn what_is_not_known_or_means_nothing_is_refused_by_its_name() {
    use EventRule::{Namespace as Shape, NamespaceProperty as Member, PropertyValue as Content};
    for (sent, rule) in [
        ("5", Shape),
        ("[]", Shape),
        ("\"x\"", Shape),
        ("{\"colour\":1}", Member),
        ("{\"location\":{\"name\":1}}", Member),
        ("{\"uniqueness_token\":\"\"}", Content),
        ("{\"uniqueness_token\":5}", Content),
        ("{\"uniqueness_token\":[\"t\"]}", Content),
        ("{\"timestamp\":\"yesterday\"}", Content),
        ("{\"timestamp\":1700000000}", Content),
        ("{\"timestamp\":\"2024-02-30T00:00:00Z\"}", Content),
        ("{\"location\":[1,2]}", Content),
        ("{\"location\":{\"coordinates\":[1]}}", Content),
        ("{\"location\":{\"coordinates\":[181,0]}}", Content),
        ("{\"location\":{\"coordinates\":[0,91]}}", Content),
        ("{\"location\":{\"coordinates\":[\"1\",\"2\"]}}", Content),
    ] {
        let fault = read(sent).expect_err(sent);
        assert_eq!(fault.rule, rule, "{sent}");
        assert!(fault.message.contains("keen"), "{}", fault.message);
    }
}

#[test]
fn a_token_is_a_text_of_up_to_sixty_four_characters_and_is_not_stored() {
    let parsed = |text: &str| UniquenessToken::parse(text);
    for text in ["t".to_owned(), "ö".repeat(64)] {
        let namespace = read(&format!("{{\"uniqueness_token\":\"{text}\"}}")).expect("legal");
        assert_eq!(namespace.token, parsed(&text));
        let stored = namespace.stored(at("2026-05-01T12:00:00Z"), &SeededRandom::new(1));
        assert_eq!(stored.get("uniqueness_token"), None);
    }
    assert_eq!(
        read("{\"uniqueness_token\":null}").expect("none").token,
        None
    );
    let long = format!("{{\"uniqueness_token\":\"{}\"}}", "ö".repeat(65));
    let fault = read(&long).expect_err("too long");
    assert_eq!(fault.rule, EventRule::PropertyValue);
    assert_eq!(
        fault.message,
        "the value of property 'keen.uniqueness_token' is no text of 1 to 64 characters"
    );
}
