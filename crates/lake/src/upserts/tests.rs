//! Keys are equal exactly when one record replaces the other.

use std::sync::Arc;

use super::*;
use crate::buffer::Segment;
use crate::columns::Layout;
use crate::lake::tests::fixtures::{Request, path, pool};

const POOL: &str = r#"{"name":"p","schema":"open","isolation_field":"c","unique":["id"],"fields":[
    {"name":"c","type":"String"},{"name":"id","type":"Int64"}]}"#;

/// The keys of records in one batch, in their order.
fn keys(records: &str, injected: &[&str]) -> Vec<Box<[u8]>> {
    let pool = pool(1, POOL);
    let batch = Request::new(&pool, records).admit();
    assert!(batch.faults().is_empty(), "{:?}", batch.faults());
    let layout = Layout::of(&pool.draft.schema);
    let injected: Vec<_> = injected.iter().map(|name| path(name)).collect();
    let sameness = Sameness::of(&pool.draft.unique, injected.iter()).unwrap();
    let segment = Segment::of_records(&layout, batch.records()).unwrap();
    let mut segment = segment.replacing(&layout, sameness).unwrap();
    let replacement = segment.take_replaced().unwrap();
    replacement.keys.into_iter().map(|(_, key)| key).collect()
}

#[test]
fn the_parts_of_a_key_do_not_run_into_each_other() {
    let records = r#"[{"c":"a","id":1},{"c":"a1","id":1},{"c":"a","id":11},{"c":"","id":1}]"#;
    assert_eq!(keys(records, &[]).len(), 4);
    let records = r#"[{"c":"a","id":1,"x":"b","y":"c"},{"c":"a","id":1,"x":"bc","y":""},
        {"c":"a","id":1,"x":"b"},{"c":"a","id":1,"x":"b","y":1},{"c":"a","id":1,"x":"b","y":"1"}]"#;
    assert_eq!(keys(records, &["y", "x"]).len(), 5);
    assert_eq!(keys(records, &["x"]).len(), 2);
    assert_eq!(keys(records, &["c", "id"]).len(), 1);
}

#[test]
fn what_a_key_injects_counts_in_any_order_and_once() {
    let fields = |injected: &[&str]| {
        let injected: Vec<_> = injected.iter().map(|name| path(name)).collect();
        Sameness::of(&[path("c"), path("id")], injected.iter()).unwrap()
    };
    assert_eq!(fields(&["y", "c", "x"]), fields(&["x", "y"]));
    assert_eq!(fields(&["y"]).injected(), [path("y")]);
    assert_eq!(fields(&["y"]).unique(), [path("c"), path("id")]);
    assert_eq!(Sameness::of(&[], [path("y")].iter()), None);
}

fn replacement(records: &str) -> Replacement {
    let pool = pool(1, POOL);
    let layout = Layout::of(&pool.draft.schema);
    let batch = Request::new(&pool, records).admit();
    let sameness = Sameness::of(&pool.draft.unique, std::iter::empty()).unwrap();
    let segment = Segment::of_records(&layout, batch.records()).unwrap();
    let mut segment = segment.replacing(&layout, sameness).unwrap();
    segment.take_replaced().unwrap()
}

fn canonical(text: &str) -> Vec<u8> {
    model::canonical::to_bytes(&text.into())
}

#[test]
fn a_reader_sees_the_keys_of_its_moment_and_whose_they_are() {
    let ledger = Arc::new(Ledger::default());
    assert!(ledger.is_empty());
    ledger.add(replacement(r#"[{"c":"b","id":1}]"#));
    let early: Hidden = [ledger.now()].into_iter().collect();
    ledger.add(replacement(r#"[{"c":"b","id":1},{"c":"d","id":1}]"#));
    let late: Hidden = [ledger.now()].into_iter().collect();
    let concerns =
        |hidden: &Hidden, from: &str, to: &str| hidden.concerns(&canonical(from), &canonical(to));
    assert!(concerns(&early, "a", "c") && concerns(&early, "b", "b"));
    assert!(!concerns(&early, "c", "e") && !concerns(&early, "c", "b"));
    assert!(concerns(&late, "c", "e") && !concerns(&late, "e", "f"));
}

#[test]
fn keys_are_held_once_and_counted() {
    let ledger = Arc::new(Ledger::default());
    let first = replacement(r#"[{"c":"b","id":1},{"c":"b","id":2}]"#);
    let bytes = first.bytes();
    ledger.add(first.clone());
    let held = ledger.bytes();
    assert!(held >= bytes, "{held} {bytes}");
    ledger.add(first);
    assert_eq!(ledger.bytes(), held);
}
