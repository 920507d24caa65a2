use std::collections::HashSet;
use std::sync::Arc;

use super::*;
use crate::fixtures::{access_of, json, noon, pool};
use crate::permit::{AdmittedBatch, Ingest, On};
use crate::random::SeededRandom;

const OPEN: &str = r#"{"name":"open","schema":"open"}"#;
const ISOLATED: &str = r#"{"name":"open","schema":"open","isolation_field":"who",
    "fields":[{"name":"who","type":"String"},{"name":"n","type":"Int64"}]}"#;

fn token(text: &str) -> UniquenessToken {
    UniquenessToken::parse(text).expect("a token")
}

/// Records, each with a token or none, written by a key that stamps these values.
fn admit(pool: &Arc<Pool>, injections: &str, sent: &[(&str, Option<&str>)]) -> AdmittedBatch {
    let project = crate::fixtures::Project::new();
    let grant = format!(r#"[{{"on":"pool:*","actions":["ingest"],"injections":{injections}}}]"#);
    let grant = grant.replace(r#","injections":{}"#, "");
    let access = access_of(project.grants(&grant).expect("legal"));
    let permit = access
        .permit::<Ingest>(On::Pool(Some(pool)))
        .expect("covered");
    let sent = sent.iter().map(|(record, text)| WithToken {
        record: json(record),
        token: text.map(token),
    });
    permit.admit(sent, None, noon(), &SeededRandom::new(1))
}

fn tag(pool: &Arc<Pool>, injections: &str, record: &str, text: &str) -> TokenTag {
    let batch = admit(pool, injections, &[(record, Some(text))]);
    assert_eq!(batch.records().len(), 1, "{:?}", batch.faults());
    batch.tokens()[0].1
}

#[test]
fn a_token_has_one_character_to_sixty_four() {
    assert!(UniquenessToken::parse("").is_none());
    assert!(UniquenessToken::parse("t").is_some());
    assert!(UniquenessToken::parse(&"ö".repeat(64)).is_some());
    assert!(UniquenessToken::parse(&"ö".repeat(65)).is_none());
    assert_eq!(format!("{:?}", token("secret")), "UniquenessToken");
}

#[test]
fn a_tag_is_of_the_pool_the_stamps_the_isolation_value_and_the_token() {
    let (open, isolated) = (pool(1, OPEN), pool(2, ISOLATED));
    let tags = [
        tag(&open, "{}", "{}", "t"),
        tag(&open, "{}", "{}", "u"),
        tag(&pool(3, OPEN), "{}", "{}", "t"),
        tag(&open, r#"{"a":"b"}"#, "{}", "t"),
        tag(&open, r#"{"a":1}"#, "{}", "t"),
        tag(&open, r#"{"a":"1"}"#, "{}", "t"),
        tag(&open, r#"{"ab":""}"#, "{}", "t"),
        tag(&open, r#"{"a":"b","c":"d"}"#, "{}", "t"),
        tag(&isolated, "{}", "{}", "t"),
        tag(&isolated, "{}", r#"{"who":"x"}"#, "t"),
        tag(&isolated, "{}", r#"{"who":"y"}"#, "t"),
        tag(&isolated, "{}", r#"{"who":"xt"}"#, "t"),
        tag(&isolated, "{}", r#"{"who":"x"}"#, "tt"),
        tag(&isolated, r#"{"who":"x"}"#, "{}", "t"),
    ];
    let different: HashSet<_> = tags.iter().collect();
    assert_eq!(different.len(), tags.len());
}

#[test]
fn what_a_record_says_besides_and_who_writes_it_does_not_matter() {
    let isolated = pool(2, ISOLATED);
    let one = tag(&isolated, r#"{"z":5}"#, r#"{"who":"x","n":1}"#, "t");
    let other = tag(&isolated, r#"{"z":5}"#, r#"{"who":"x","n":2,"z":7}"#, "t");
    assert_eq!(one, other, "the stamp wins over what is sent");
    let mut renamed = Pool::clone(&isolated);
    renamed.revision += 1;
    assert_eq!(
        tag(&Arc::new(renamed), r#"{"z":5}"#, r#"{"who":"x"}"#, "t"),
        one
    );
}

/// Tags are stored for a month, and what they are made of may never change.
#[test]
fn a_tag_is_what_it_always_was() {
    let isolated = pool(2, ISOLATED);
    let made = tag(&isolated, r#"{"z":5}"#, r#"{"who":"x"}"#, "t").to_bytes();
    let hex: String = made.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex, "e4f262b663bf9af477fb40c62267bd1d");
    assert_eq!(TokenTag::from_bytes(made).to_bytes(), made);
}

#[test]
fn records_leave_a_batch_with_their_tokens_and_the_others_stay_in_order() {
    let open = pool(1, OPEN);
    let sent = [
        (r#"{"n":0}"#, Some("a")),
        (r#"{"n":1}"#, None),
        (r#"{"_id":"refused"}"#, Some("r")),
        (r#"{"n":2}"#, Some("b")),
        (r#"{"n":3}"#, Some("c")),
    ];
    let batch = admit(&open, "{}", &sent);
    let places = |batch: &AdmittedBatch| -> Vec<usize> {
        batch.tokens().iter().map(|(place, _)| *place).collect()
    };
    assert_eq!((batch.records().len(), batch.faults().len()), (4, 1));
    assert_eq!(places(&batch), [0, 2, 3]);
    let last = batch.tokens()[2].1;
    let left = batch.clone().without(&[0, 2]);
    let numbers = |batch: &AdmittedBatch| -> Vec<Value> {
        let records = batch.records().iter();
        records.filter_map(|r| r.get("n").cloned()).collect()
    };
    assert_eq!(numbers(&left), [Value::from(1), Value::from(3)]);
    assert_eq!(left.tokens(), [(1, last)]);
    assert_eq!(left.faults().len(), 1);
    assert_eq!(numbers(&batch.clone().without(&[])).len(), 4);
    let nothing = batch.without(&[0, 1, 2, 3]);
    assert!(nothing.records().is_empty() && nothing.tokens().is_empty());
}
