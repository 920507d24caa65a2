//! Records that are read like the one before them, and those that only seem to be.

use super::*;

/// A record that is read when it is asked for, or would be.
struct Text<'a>(&'a str);

impl Sent for Text<'_> {
    fn json(&self) -> Option<&[u8]> {
        Some(self.0.as_bytes())
    }

    fn read(self) -> SentRecord {
        crate::json::parse(self.0.as_bytes()).map_err(|fault| {
            RecordFault::new(usize::MAX, RecordFaultCode::MalformedRecord, fault.detail)
        })
    }
}

/// What is admitted of these texts, read like the one before them and not.
fn both(grant: &str, pool: &std::sync::Arc<Pool>, sent: &[String]) -> [AdmittedBatch; 2] {
    let access = Project::new().access(&format!("[{grant}]"));
    let permit = access
        .permit::<Ingest>(On::Pool(Some(pool)))
        .expect("covered");
    let texts = sent.iter().map(|text| Text(text));
    let values = sent.iter().map(|text| Text(text).read());
    [
        permit.admit(texts, None, noon(), &SeededRandom::new(3)),
        permit.admit(values, None, noon(), &SeededRandom::new(3)),
    ]
}

fn agree(sent: &[String]) {
    let typed = pool(
        9,
        r#"{"name":"t","schema":"open","fields":[{"name":"a","type":"Int8"},{"name":"b.c","type":"String"},{"name":"d","type":"DateTime"}]}"#,
    );
    for pool in [open(), strict(), typed] {
        for grant in [PLAIN, STAMP, REJECT] {
            let [texts, values] = both(grant, &pool, sent);
            assert_eq!(texts.records(), values.records(), "{grant} {sent:?}");
            assert_eq!(texts.faults(), values.faults(), "{grant} {sent:?}");
        }
    }
}

#[test]
fn a_record_like_the_last_one_is_stored_as_if_it_came_alone() {
    let first = r#"{"a":1,"b.c":"x","d":"2026-01-01T00:00:00Z","e":[1],"customer":{"name":"n"}}"#;
    let flat = r#"{"a":1,"b.c":"x","d":"2026-01-01T00:00:00Z","e":[1]}"#;
    let others = [
        r#"{"a":2,"b.c":"y","d":"2026-01-02T00:00:00Z","e":[]}"#,
        // Another order, fewer, more, twice, nested.
        r#"{"b.c":"y","a":2,"d":"2026-01-02T00:00:00Z","e":[]}"#,
        r#"{"a":2,"b.c":"y","d":"2026-01-02T00:00:00Z"}"#,
        r#"{"a":2,"b.c":"y","d":"2026-01-02T00:00:00Z","e":[],"f":1}"#,
        r#"{"a":2,"b.c":"y","d":"2026-01-02T00:00:00Z","e":[],"e":[]}"#,
        r#"{"a":2,"b":{"c":"y"},"d":"2026-01-02T00:00:00Z","e":[]}"#,
        // Other values: none, of the wrong type, with members, too deep, not JSON.
        r#"{"a":null,"b.c":"y","d":"2026-01-02T00:00:00Z","e":[]}"#,
        r#"{"a":300,"b.c":"y","d":"2026-01-02T00:00:00Z","e":[]}"#,
        r#"{"a":2,"b.c":"y","d":"yesterday","e":[]}"#,
        r#"{"a":2,"b.c":"y","d":"2026-01-02T00:00:00Z","e":{"f":1}}"#,
        r#"{"a":2,"b.c":"y","d":"2026-01-02T00:00:00Z","e":{}}"#,
        r#"{"a":2,"b.c":"y","d":"2026-01-02T00:00:00Z","e":[{"g":1,"g":2}]}"#,
        r#"{"a":2,"b.c":"y","d":"2026-01-02T00:00:00Z","e":[]} {}"#,
        r#"{"a":2,"b.c":"y","d":"2026-01-02T00:00:00Z","e":[]"#,
        r#"{"\u0061":2,"b.c":"y","d":"2026-01-02T00:00:00Z","e":[2.0]}"#,
        r#"{"a":2,"b.c":"y","d":"2026-01-02T00:00:00Z","e":[],"customer.id":"evil"}"#,
        "[]",
        "",
    ];
    for first in [first, flat] {
        for other in others {
            let sent = [first, other, first, other, other, flat];
            agree(&sent.map(str::to_owned));
        }
    }
    let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
    let deep = format!(r#"{{"a":2,"b.c":"y","d":"2026-01-02T00:00:00Z","e":{deep}}}"#);
    agree(&[flat.to_owned(), deep]);
    let long = "x".repeat(RECORD_BYTES_MAX);
    let long = format!(r#"{{"a":2,"b.c":"{long}","d":"2026-01-02T00:00:00Z","e":[]}}"#);
    agree(&[flat.to_owned(), long, flat.to_owned()]);
}

#[test]
fn records_that_share_their_fields_share_the_list_of_them() {
    let sent = [r#"{"a":1,"b":2}"#, r#"{"a":3,"b":4}"#].map(str::to_owned);
    let [texts, values] = both(STAMP, &open(), &sent);
    for batch in [texts, values] {
        let [one, other] = batch.records() else {
            panic!("both are stored");
        };
        assert!(std::sync::Arc::ptr_eq(one.paths(), other.paths()));
    }
}

/// The same record with other values.
fn altered(value: &Value, by: i64) -> Value {
    match value {
        Value::Integer(_) => Value::from(by),
        Value::String(_) => Value::from(format!("s{by}")),
        Value::Object(object) => {
            let members = object
                .iter()
                .map(|(name, value)| (name.to_owned(), altered(value, by)));
            Value::Object(crate::value::Object::from_members(members.collect()).expect("distinct"))
        }
        other => other.clone(),
    }
}

proptest! {
    #[test]
    fn whatever_follows_whatever(
        records in proptest::collection::vec((crate::json::tests::any_json(), any::<i64>()), 1..4),
    ) {
        let alike = records.iter().flat_map(|(value, by)| [value.clone(), altered(value, *by)]);
        let sent: Vec<String> = alike.map(|value| crate::json::to_text(&value)).collect();
        agree(&sent);
    }
}
