use proptest::prelude::*;

use super::*;
use crate::fixtures::{json, refusal};
use crate::value::Value;

mod bins;
mod checked;
mod compiled;
mod dice;
mod engine;
#[path = "../../../../fuzz/entries/analysis.rs"]
mod entry;
mod examples;
mod loose;
mod naive;
mod properties;
mod questions;
mod refusals;
mod sizes;

fn analysis(text: &str) -> Analysis {
    Analysis::parse(&json(text))
        .unwrap_or_else(|fault| panic!("{fault} at {}: {text}", fault.pointer))
}

fn written(text: &str) -> String {
    crate::json::to_text(&analysis(text).to_value())
}

/// A question over three fields, as a client may send it.
fn any_question() -> impl Strategy<Value = Value> {
    any::<u64>().prop_map(|seed| questions::any(&mut dice::dice(seed), &["a", "b.c", "at"]))
}

#[test]
fn what_says_the_same_is_written_the_same() {
    let cases = [
        (
            r#"{"pool":"p","timezone":"utc","week_start":"monday","limit":null,"analysis":"count"}"#,
            r#"{"analysis":"count","pool":"p"}"#,
        ),
        (
            r#"{"analysis":"percentile","percentile":50.0,"pool":"p","field":"a"}"#,
            r#"{"analysis":"median","field":"a","pool":"p"}"#,
        ),
        (
            r#"{"analysis":"percentile","percentile":95.5,"pool":"p","field":"a","timeframe":"this_1_days"}"#,
            r#"{"analysis":"percentile","field":"a","percentile":95.5,"pool":"p","timeframe":"this_day"}"#,
        ),
        (
            r#"{"analysis":"count","pool":"p","timezone":"europe/berlin","from":"2026-03-01","to":"2026-03-02T00:00:00+01:00",
               "group_by":[{"field":"a"},{"field":"b","as":"b","bin_size":10.0},{"field":"c","ranges":[{"to":0},{"from":0.5,"to":2},{"from":2,"as":"many"}]}],
               "order_by":[{"field":"result","direction":"desc"},{"field":"a"}],"interval":"every_1_days"}"#,
            r#"{"analysis":"count","pool":"p","from":"2026-02-28T23:00:00Z","to":"2026-03-01T23:00:00Z","timezone":"Europe/Berlin","interval":"daily","#,
        ),
        (
            r#"{"analysis":"funnel","timeframe":"this_week","week_start":"sunday","steps":[{"pool":"p","actor":"user"},
               {"pool":"q","actor":"user","timeframe":"this_day","week_start":"monday","inverted":true}]}"#,
            r#"{"analysis":"funnel","steps":[{"pool":"p","timeframe":"this_week","week_start":"sunday","actor":"user"},{"pool":"q","timeframe":"this_day","actor":"user","inverted":true}]}"#,
        ),
        (
            r#"{"analysis":"multi_analysis","pool":"p","analyses":{"z":{"analysis":"count"},"a":{"field":"x","analysis":"sum"}}}"#,
            r#"{"analysis":"multi_analysis","analyses":{"z":{"analysis":"count"},"a":{"analysis":"sum","field":"x"}},"pool":"p"}"#,
        ),
        (
            r#"{"analysis":"extraction","pool":"p","fields":["b.c","a"],"latest":3}"#,
            r#"{"analysis":"extraction","pool":"p","fields":["b.c","a"],"latest":3}"#,
        ),
    ];
    for (sent, expected) in cases {
        let text = written(sent);
        assert!(text.starts_with(expected), "{text}");
    }
}

#[test]
fn bins_are_written_as_they_are_meant() {
    let text = written(
        r#"{"analysis":"count","pool":"p","group_by":["a",{"field":"b","as":"b2","bin_size":10.0},
        {"field":"c","ranges":[{"to":0},{"from":0.5,"to":2},{"from":2,"as":"many"}]}]}"#,
    );
    let expected = r#""group_by":["a",{"field":"b","as":"b2","bin_size":10},{"field":"c","ranges":[{"to":0,"as":"<0"},{"from":0.5,"to":2,"as":"[0.5,2)"},{"from":2,"as":"many"}]}]}"#;
    assert!(text.ends_with(expected), "{text}");
}

#[test]
fn a_cache_tells_orders_of_labels_apart() {
    let digest = |labels: &str| {
        let text = format!(r#"{{"analysis":"multi_analysis","pool":"p","analyses":{labels}}}"#);
        analysis(&text).digest()
    };
    let (count, sum) = (
        r#""n":{"analysis":"count"}"#,
        r#""s":{"analysis":"sum","field":"x"}"#,
    );
    let one = digest(&format!("{{{count},{sum}}}"));
    assert_ne!(one, digest(&format!("{{{sum},{count}}}")));
    assert_eq!(
        one,
        digest(&format!("{{ {count}, {sum} }}").replace("count\"", "count\",\"field\":null"))
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn what_is_written_reads_back(sent in any_question()) {
        let text = crate::json::to_text(&sent);
        prop_assert!(entry::check(text.as_bytes()), "{:?}: {}", Analysis::parse(&sent), text);
    }

    #[test]
    fn another_question_has_another_digest(a in any_question(), b in any_question()) {
        let (a, b) = (Analysis::parse(&a).unwrap(), Analysis::parse(&b).unwrap());
        prop_assert_eq!(a == b, a.digest() == b.digest());
    }

    #[test]
    fn the_fuzz_entry_holds_for_json(value in crate::json::tests::any_json(), sent in any_question(), at in any::<prop::sample::Index>()) {
        entry::check(crate::json::to_text(&value).as_bytes());
        // The same question with one member exchanged.
        let mut members = sent.as_object().unwrap().clone().into_members();
        let at = at.index(members.len());
        members[at].1 = value;
        let changed = crate::value::Object::from_members(members).unwrap();
        entry::check(crate::json::to_text(&changed.into()).as_bytes());
    }
}
