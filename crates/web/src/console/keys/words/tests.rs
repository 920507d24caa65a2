use model::filters::parse_list;
use model::grants::{GrantLookup, parse_grants};
use model::ids::{DatasetId, GrantId, PoolId, SavedQueryId, ViewId};
use model::pools::{Schema, SchemaMode};

use super::*;

/// Knows every name.
struct Everything;

impl GrantLookup for Everything {
    fn pool(&self, _: &Name) -> Option<(PoolId, Schema)> {
        Some((PoolId::from_bytes([1; 16]), open()))
    }
    fn view(&self, _: &Name) -> Option<(ViewId, Schema)> {
        Some((ViewId::from_bytes([2; 16]), open()))
    }
    fn saved_query(&self, _: &Name) -> Option<(SavedQueryId, Option<Schema>)> {
        Some((SavedQueryId::from_bytes([3; 16]), None))
    }
    fn dataset(&self, _: &Name) -> Option<(DatasetId, Option<Schema>)> {
        None
    }
    fn existing(&self, _: GrantId) -> Option<Grant> {
        None
    }
    fn fresh_id(&self) -> GrantId {
        use std::sync::atomic::{AtomicU8, Ordering};
        static NEXT: AtomicU8 = AtomicU8::new(0);
        GrantId::from_bytes([NEXT.fetch_add(1, Ordering::Relaxed); 16])
    }
}

fn open() -> Schema {
    Schema::new(SchemaMode::Open, Vec::new())
}

fn grants(json: &str) -> Vec<Grant> {
    let value = model::json::parse(json.as_bytes()).expect("JSON");
    parse_grants(&value, &Everything).expect("grants")
}

#[test]
fn conditions_are_said_as_they_are_meant() {
    for (filters, words) in [
        (
            r#"[{"field":"a.b","operator":"eq","value":"x"}]"#,
            "a.b is “x”",
        ),
        (
            r#"[{"field":"n","operator":"gte","value":3}]"#,
            "n is at least 3",
        ),
        (
            r#"[{"field":"n","operator":"in","value":["a","b"]}]"#,
            "n is one of “a”, “b”",
        ),
        (
            r#"[{"field":"n","operator":"exists","value":false}]"#,
            "n is missing",
        ),
        (
            r#"[{"any":[{"field":"a","operator":"eq","value":1},{"not":{"field":"b","operator":"eq","value":true}}]}]"#,
            "(a is 1 or not b is true)",
        ),
    ] {
        let value = model::json::parse(filters.as_bytes()).expect("JSON");
        let filter = parse_list(&value).expect("filters");
        assert_eq!(conditions(&filter), [words], "{filters}");
    }
    let filters =
        r#"[{"field":"a","operator":"eq","value":1},{"field":"b","operator":"eq","value":2}]"#;
    let value = model::json::parse(filters.as_bytes()).expect("JSON");
    assert_eq!(
        conditions(&parse_list(&value).expect("filters")),
        ["a is 1", "b is 2"]
    );
}

#[test]
fn a_grant_says_what_it_lets_its_holder_do() {
    let all = grants(
        r#"[{"on":"pool:sales","actions":["ingest"],"injections":{"customer":"a"},"on_conflict":"reject"},
            {"on":"view:by_day","actions":["read"],"constraints":[{"field":"customer","operator":"eq","value":"a"}],
             "fields":{"deny":["email"]},"time":{"field":"_ingested_at","last":"90d"}},
            {"on":"pool:*","actions":["query","schema"],"constraints":"all_rows","except":["secret"]}]"#,
    );
    let [writes, reads, asks] = &all[..] else {
        panic!("three grants");
    };
    let words = GrantWords::of(writes);
    assert_eq!(
        (words.does.as_str(), words.on.as_str()),
        ("Writes records to", "the pool")
    );
    assert_eq!(words.name.as_deref(), Some("sales"));
    assert_eq!(words.stamps, [("customer".to_owned(), "“a”".to_owned())]);
    assert!(words.rejects && words.rows.is_empty() && !words.is_all);
    let words = GrantWords::of(reads);
    assert_eq!(words.rows, ["customer is “a”"]);
    assert_eq!(words.fields, ["all but email"]);
    assert_eq!(words.times, ["_ingested_at of the last 90d"]);
    let words = GrantWords::of(asks);
    assert_eq!(words.does, "Asks questions of and sees the fields of");
    assert_eq!(words.on, "every pool, later ones too, but for secret");
    assert!(words.is_all);
}

#[test]
fn a_summary_puts_together_what_is_alike() {
    let all = grants(
        r#"[{"on":"view:a","actions":["read"],"constraints":[{"field":"c","operator":"eq","value":"x"}]},
            {"on":"view:b","actions":["read"],"constraints":[{"field":"c","operator":"eq","value":"x"}]},
            {"on":"view:c","actions":["read"],"constraints":"all_rows"},
            {"on":"pool:p","actions":["ingest"],"injections":{"c":"x"}},
            {"on":"project","actions":["admin"]}]"#,
    );
    let lines = summary(&all);
    let told: Vec<String> = lines
        .iter()
        .map(|line| format!("{} {} / {}", line.verb, line.what, line.how))
        .collect();
    assert_eq!(
        told,
        [
            "Reads a and b / where c is “x”",
            "Reads c / every row",
            "Writes p / stamps c = “x”",
            "Administers the project / ",
        ]
    );
}
