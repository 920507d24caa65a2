use proptest::prelude::*;

use super::*;
use crate::fixtures::{Project, json, noon, path, pool};
use crate::limits::{RECORD_BYTES_MAX, RECORD_FIELDS_MAX};
use crate::permit::{AdmittedBatch, Ingest, On};
use crate::pools::Pool;
use crate::random::SeededRandom;

#[path = "../../../../fuzz/entries/record.rs"]
mod entry;
mod follow;
mod hostile;

fn admit(grant: &str, pool: &std::sync::Arc<Pool>, sent: &[&str]) -> AdmittedBatch {
    let access = Project::new().access(&format!("[{grant}]"));
    let permit = access
        .permit::<Ingest>(On::Pool(Some(pool)))
        .expect("covered");
    let sent = sent.iter().map(|text| SentRecord::Ok(json(text)));
    permit.admit(sent, None, noon(), &SeededRandom::new(3))
}

const PLAIN: &str = r#"{"on":"pool:*","actions":["ingest"]}"#;
const STAMP: &str = r#"{"on":"pool:*","actions":["ingest"],"injections":{"customer.id":"93i"}}"#;
const REJECT: &str = r#"{"on":"pool:*","actions":["ingest"],"injections":{"customer.id":"93i"},"on_conflict":"reject"}"#;

fn open() -> std::sync::Arc<Pool> {
    Project::new().open().clone()
}

fn strict() -> std::sync::Arc<Pool> {
    Project::new().strict().clone()
}

/// The client's part of the only record, as `path=value` in stored order.
fn stored(batch: &AdmittedBatch) -> String {
    let [record] = batch.records() else {
        return format!("{:?}", batch.faults().first().map(|fault| fault.code));
    };
    let fields = record.fields().filter(|(path, _)| !path.is_system());
    let fields = fields.map(|(path, value)| format!("{path}={}", crate::json::to_text(value)));
    fields.collect::<Vec<_>>().join(" ")
}

#[test]
fn whatever_is_sent_the_injected_value_is_stored() {
    let cases = [
        "{}",
        r#"{"customer":{"id":"evil"}}"#,
        r#"{"customer.id":"evil"}"#,
        r#"{"customer.id":"evil","customer":{"id":"worse"}}"#,
        r#"{"customer":null}"#,
        r#"{"customer":"evil"}"#,
        r#"{"customer":{}}"#,
        r#"{"customer":[]}"#,
        r#"{"customer":[{"id":"evil"}]}"#,
        r#"{"customer":{"id":null}}"#,
        r#"{"customer":{"id":["evil"]}}"#,
        r#"{"customer":{"id":{}}}"#,
        r#"{"customer":{"id":{"id":"evil"}}}"#,
        r#"{"customer.id.x":"evil"}"#,
        r#"{"customer":{"id.x":"evil"}}"#,
        r#"{"customer.id":{"_x":1}}"#,
        r#"{"customer":{"id":"93i"}}"#,
    ];
    for sent in cases {
        assert_eq!(
            stored(&admit(STAMP, &open(), &[sent])),
            r#"customer.id="93i""#,
            "{sent}"
        );
        assert_eq!(
            stored(&admit(STAMP, &strict(), &[sent])),
            r#"customer.id="93i""#,
            "{sent}"
        );
    }
    for sent in [
        r#"{"customer.":1}"#,
        r#"{"customer":{"":1}}"#,
        r#"{".customer.id":1}"#,
        r#"{"customer..id":1}"#,
        r#"{"":{"customer":{"id":1}}}"#,
    ] {
        assert_eq!(
            stored(&admit(STAMP, &open(), &[sent])),
            "Some(InvalidName)",
            "{sent}"
        );
    }
}

#[test]
fn neighbours_of_the_injected_field_are_kept_as_sent() {
    let sent = r#"{"customer":{"name":"n","idx":1},"customer.i":2,"Customer":{"id":"x"},"customerid":3,"xcustomer":{"id":4}}"#;
    assert_eq!(
        stored(&admit(STAMP, &open(), &[sent])),
        r#"Customer.id="x" customer.i=2 customer.id="93i" customer.idx=1 customer.name="n" customerid=3 xcustomer.id=4"#
    );
    for invisible in [
        "\\u200b",
        "\\u00ad",
        "\\u2060",
        "\\ufeff",
        "\\u202e",
        "\\u0000",
        "\\u034f",
        "\\u115f",
        "\\u3164",
        "\\ufe0f",
        "\\u180e",
        "\\u061c",
        "\\udb40\\udd00",
    ] {
        let sent = format!(r#"{{"customer.id{invisible}":"evil"}}"#);
        assert_eq!(
            stored(&admit(STAMP, &open(), &[&sent])),
            "Some(InvalidName)",
            "{sent}"
        );
    }
}

#[test]
fn a_rejecting_grant_takes_only_records_that_agree() {
    for sent in [
        "{}",
        r#"{"customer":{"id":"93i"}}"#,
        r#"{"customer.id":"93i"}"#,
        r#"{"customer":{"id":"93i"},"customer.id":"93i"}"#,
    ] {
        assert_eq!(
            stored(&admit(REJECT, &open(), &[sent])),
            r#"customer.id="93i""#,
            "{sent}"
        );
    }
    for sent in [
        r#"{"customer":{"id":"94i"}}"#,
        r#"{"customer.id":"93I"}"#,
        r#"{"customer.id":["93i"]}"#,
        r#"{"customer.id":{"x":"93i"}}"#,
        r#"{"customer":"93i"}"#,
        r#"{"customer":[]}"#,
        r#"{"customer.id.x":"93i"}"#,
        r#"{"customer.id":"93i","customer":{"id":"94i"}}"#,
    ] {
        let batch = admit(REJECT, &open(), &[sent]);
        assert_eq!(stored(&batch), "Some(InjectionConflict)", "{sent}");
        assert!(
            !batch.faults()[0].message.contains("93i"),
            "the value itself is not told"
        );
    }
}

#[test]
fn injected_values_take_the_declared_form() {
    let typed = pool(
        9,
        r#"{"name":"t","schema":"strict","fields":[{"name":"d","type":"Date"},{"name":"n","type":"Int8"}]}"#,
    );
    let grant =
        |values: &str| format!(r#"{{"on":"pool:*","actions":["ingest"],"injections":{values}}}"#);
    let batch = admit(
        &grant(r#"{"d":"2026-02-28","n":"5"}"#),
        &typed,
        &[r#"{"d":"1999-01-01","n":1}"#],
    );
    assert_eq!(stored(&batch), r#"d="2026-02-28" n=5"#);
    assert!(batch.holds_injections(&batch.records()[0]));
    for misfit in [r#"{"d":"tomorrow"}"#, r#"{"n":300}"#, r#"{"x":1}"#] {
        assert_eq!(
            stored(&admit(&grant(misfit), &typed, &["{}"])),
            "Some(WrongType)",
            "{misfit}"
        );
    }
    let batch = admit(&grant(r#"{"a":5.0,"b":true}"#), &open(), &[r#"{"a":6}"#]);
    assert_eq!(stored(&batch), "a=5 b=true");
    assert!(batch.holds_injections(&batch.records()[0]));
    let foreign = admit(PLAIN, &open(), &[r#"{"a":6,"b":true}"#]);
    assert!(!batch.holds_injections(&foreign.records()[0]));
}

#[test]
fn what_a_strict_pool_refuses() {
    let cases = [
        (r#"{"customer.id":"x"}"#, r#"customer.id="x""#),
        (
            r#"{"customer":{"id":"x"},"n":"7","amount":3,"tags":["a"],"at":"2026-01-01T01:00:00+01:00"}"#,
            r#"amount=3.0 at="2026-01-01T00:00:00Z" customer.id="x" n=7 tags=["a"]"#,
        ),
        (r#"{"customer.id":"x","region":null}"#, r#"customer.id="x""#),
        ("{}", "Some(MissingField)"),
        (r#"{"customer.id":null}"#, "Some(MissingField)"),
        (r#"{"customer.id":1}"#, "Some(WrongType)"),
        (r#"{"customer.id":"x","n":1.5}"#, "Some(WrongType)"),
        (
            r#"{"customer.id":"x","n":9223372036854775808}"#,
            "Some(WrongType)",
        ),
        (
            r#"{"customer.id":"x","region":{"eu":1}}"#,
            "Some(WrongType)",
        ),
        (r#"{"customer.id":"x","region.eu":1}"#, "Some(WrongType)"),
        (r#"{"customer.id":"x","tags":"a"}"#, "Some(WrongType)"),
        (
            r#"{"customer.id":"x","tags":["a",null]}"#,
            "Some(WrongType)",
        ),
        (r#"{"customer.id":"x","other":1}"#, "Some(UnknownField)"),
        (
            r#"{"customer.id":"x","other":{"deep":{"er":1}}}"#,
            "Some(UnknownField)",
        ),
        (r#"{"customer.id":"x","Region":"eu"}"#, "Some(UnknownField)"),
        (
            r#"{"customer.id":"x","customer":{"id":"x"}}"#,
            "Some(DuplicateMember)",
        ),
        (r#"{"customer.id":"x","_id":"y"}"#, "Some(InvalidName)"),
        (r#"{"customer.id":"x","_key":null}"#, "Some(InvalidName)"),
        (r#"{"customer.id":"x","a":{"_b":1}}"#, "Some(InvalidName)"),
        ("[]", "Some(NotAnObject)"),
        ("null", "Some(NotAnObject)"),
        ("\"x\"", "Some(NotAnObject)"),
        (r#"[{"customer.id":"x"}]"#, "Some(NotAnObject)"),
    ];
    for (sent, expected) in cases {
        assert_eq!(
            stored(&admit(PLAIN, &strict(), &[sent])),
            expected,
            "{sent}"
        );
    }
}

#[test]
fn an_open_pool_keeps_every_value_in_one_form() {
    let cases = [
        ("{}", ""),
        (r#"{"b":2,"a":{"y":1,"x":0}}"#, "a.x=0 a.y=1 b=2"),
        (
            r#"{"a":5.0,"b":5.5,"c":1e2,"d":-0.0}"#,
            "a=5 b=5.5 c=100 d=0",
        ),
        (r#"{"a":[1.0,{"b":2.0}]}"#, r#"a=[1,{"b":2}]"#),
        (r#"{"a":18446744073709551615}"#, "a=18446744073709551615"),
        (r#"{"a":{},"b":[],"c":""}"#, r#"a={} b=[] c="""#),
        (r#"{"a":null,"b":{"c":null}}"#, ""),
        (r#"{"a":"2026-01-01"}"#, r#"a="2026-01-01""#),
        (r#"{"a":{"b":1},"a.b":1}"#, "Some(DuplicateMember)"),
        (r#"{"a":1,"a.b":1}"#, "Some(DuplicateMember)"),
        (r#"{"a":1,"a b":2,"a.b":1}"#, "Some(DuplicateMember)"),
        (r#"{"a":{},"a.b.c":1}"#, "Some(DuplicateMember)"),
        (
            r#"{"a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q":1}"#,
            "Some(InvalidName)",
        ),
    ];
    for (sent, expected) in cases {
        assert_eq!(stored(&admit(PLAIN, &open(), &[sent])), expected, "{sent}");
    }
    let declared = pool(
        9,
        r#"{"name":"o","schema":"open","fields":[{"name":"a","type":"Int64"},{"name":"b.c","type":"Int8"}]}"#,
    );
    for (sent, expected) in [
        (r#"{"a":{"b":1}}"#, "Some(WrongType)"),
        (r#"{"a.b":1}"#, "Some(WrongType)"),
        (r#"{"a.b.c":1}"#, "Some(WrongType)"),
        (r#"{"b":{"c":1,"d":2}}"#, "b.c=1 b.d=2"),
        (r#"{"b":7}"#, "b=7"),
        (r#"{"b":{"c":128}}"#, "Some(WrongType)"),
    ] {
        assert_eq!(
            stored(&admit(PLAIN, &declared, &[sent])),
            expected,
            "{sent}"
        );
    }
}

#[test]
fn a_fault_names_its_record_and_its_field() {
    let sent = [
        r#"{"customer.id":"a"}"#,
        r#"{"customer":{"id":5}}"#,
        "7",
        r#"{"customer.id":"b"}"#,
        r#"{"region":"eu"}"#,
    ];
    let batch = admit(PLAIN, &strict(), &sent);
    let faults = batch
        .faults()
        .iter()
        .map(|fault| (fault.index, fault.code, fault.field.as_deref()));
    assert_eq!(
        faults.collect::<Vec<_>>(),
        [
            (1, RecordFaultCode::WrongType, Some("customer.id")),
            (2, RecordFaultCode::NotAnObject, None),
            (4, RecordFaultCode::MissingField, Some("customer.id")),
        ]
    );
    let kept = batch
        .records()
        .iter()
        .map(|record| record.get("customer.id").cloned());
    assert_eq!(
        kept.collect::<Vec<_>>(),
        [Some(Value::from("a")), Some(Value::from("b"))]
    );
    let long = format!(r#"{{"{}":1}}"#, "é".repeat(5_000));
    let batch = admit(PLAIN, &open(), &[&long]);
    assert!(
        batch.faults()[0]
            .field
            .as_ref()
            .expect("named")
            .chars()
            .count()
            <= 65
    );
}

#[test]
fn a_fault_of_the_text_keeps_its_place() {
    let access = Project::new().access(&format!("[{PLAIN}]"));
    let pool = open();
    let permit = access
        .permit::<Ingest>(On::Pool(Some(&pool)))
        .expect("covered");
    let broken = RecordFault::new(99, RecordFaultCode::MalformedRecord, "not JSON");
    let sent = vec![Ok(json("{}")), Err(broken), Ok(json("{}"))];
    let batch = permit.admit(sent, None, noon(), &SeededRandom::new(3));
    assert_eq!((batch.records().len(), batch.faults()[0].index), (2, 1));
}

#[test]
fn the_server_writes_the_system_fields() {
    let batch = admit(PLAIN, &open(), &["{}", "{}"]);
    let ids: Vec<_> = batch
        .records()
        .iter()
        .map(|record| record.get("_id").cloned())
        .collect();
    assert_ne!(ids[0], ids[1]);
    for record in batch.records() {
        let id = record.get("_id").and_then(Value::as_str).expect("text");
        assert!(crate::ids::RecordId::parse(id).is_ok());
        assert_eq!(
            record.get("_key"),
            Some(&Value::from(batch.key().to_string()))
        );
        assert_eq!(record.get("_ingested_at"), Some(&Value::DateTime(noon())));
        assert_eq!((batch.at(), batch.pool().id), (noon(), open().id));
    }
}

#[test]
fn the_limits_are_the_stated_ones() {
    let wide = |n: usize| {
        let members: Vec<String> = (0..n).map(|i| format!("\"f{i}\":1")).collect();
        format!("{{{}}}", members.join(","))
    };
    assert_eq!(
        admit(PLAIN, &open(), &[&wide(RECORD_FIELDS_MAX)])
            .records()
            .len(),
        1
    );
    assert_eq!(
        stored(&admit(PLAIN, &open(), &[&wide(RECORD_FIELDS_MAX + 1)])),
        "Some(TooLarge)"
    );
    let heavy = |n: usize| format!(r#"{{"a":"{}"}}"#, "x".repeat(n));
    assert_eq!(
        admit(PLAIN, &open(), &[&heavy(RECORD_BYTES_MAX - 9)])
            .records()
            .len(),
        1
    );
    assert_eq!(
        stored(&admit(PLAIN, &open(), &[&heavy(RECORD_BYTES_MAX - 8)])),
        "Some(TooLarge)"
    );
}

#[test]
fn a_stored_record_comes_back_only_in_order() {
    let field = |name: &str| (path(name), Value::from(1));
    assert!(Record::restore(vec![field("a"), field("b")]).is_some());
    assert!(Record::restore(vec![field("b"), field("a")]).is_none());
    assert!(Record::restore(vec![field("a"), field("a")]).is_none());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn the_fuzz_entry_holds_for_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        entry::check(&bytes);
    }

    #[test]
    fn the_fuzz_entry_holds_for_json(value in crate::json::tests::any_json()) {
        entry::check(crate::json::to_text(&value).as_bytes());
    }

    #[test]
    fn fields_are_stored_in_order_each_once(value in crate::json::tests::any_json()) {
        let text = crate::json::to_text(&value);
        for record in admit(PLAIN, &open(), &[&text]).records() {
            prop_assert!(record.fields().is_sorted_by(|(a, _), (b, _)| a < b));
            let fields = record.fields().map(|(path, value)| (path.clone(), value.clone()));
            let restored = Record::restore(fields.collect());
            prop_assert_eq!(restored.as_ref(), Some(record));
            for (path, value) in record.fields() {
                prop_assert_eq!(record.get(path.as_str()), Some(value));
            }
        }
    }
}
