//! What becomes of questions: how many readings, and what is refused.

use super::examples::{ALL_ROWS, access, constrain};
use super::*;
use crate::fixtures::{STRICT, at, path, pool};
use crate::queries::Query;

fn refused(grants: &str, question: &str) -> String {
    let open = r#"{"name":"open","schema":"open","fields":[{"name":"n","type":"Int64"},{"name":"list","type":"Array(Int64)"}]}"#;
    let pools = vec![(pool(1, open), Vec::new()), (pool(2, STRICT), Vec::new())];
    let asked = analysis(question);
    refusal(constrain(
        &asked,
        &access(grants),
        &pools,
        at("2026-03-01T12:00:00Z"),
    ))
}

#[test]
fn what_means_nothing_for_the_pool_is_refused() {
    let strict = |rest: &str| format!(r#"{{"pool":"strict",{rest}}}"#);
    let cases = [
        (strict(r#""analysis":"count","field":"nope""#), "UnknownField /field"),
        (strict(r#""analysis":"sum","field":"region""#), "WrongType /field"),
        (strict(r#""analysis":"minimum","field":"tags""#), "WrongType /field"),
        (strict(r#""analysis":"count_unique","field":"tags""#), "accepted"),
        (strict(r#""analysis":"multi_analysis","analyses":{"a":{"analysis":"count"},"b/c":{"analysis":"median","field":"at"}}"#), "WrongType /analyses/b~1c/field"),
        (strict(r#""analysis":"count","filters":[{"field":"nope","operator":"exists","value":true}]"#), "UnknownField /filters"),
        (strict(r#""analysis":"count","filters":[{"field":"n","operator":"eq","value":"x"}]"#), "WrongType /filters"),
        (strict(r#""analysis":"count","group_by":["region","nope"]"#), "UnknownField /group_by/1"),
        (strict(r#""analysis":"count","group_by":[{"field":"nope","bin_size":1}]"#), "UnknownField /group_by/0/field"),
        (strict(r#""analysis":"count","group_by":[{"field":"region","bin_size":1}]"#), "WrongType /group_by/0/field"),
        (strict(r#""analysis":"count","group_by":[{"field":"amount","bin_size":1}]"#), "accepted"),
        (strict(r#""analysis":"count","interval":"minutely","timeframe":"this_10_years""#), "LimitExceeded /interval"),
        (strict(r#""analysis":"count","timeframe":"previous_1000000_years""#), "InvalidValue /timeframe"),
        (strict(r#""analysis":"extraction","fields":["region","nope"]"#), "UnknownField /fields/1"),
        (strict(r#""analysis":"extraction","fields":["customer","secret.cost"]"#), "accepted"),
        (strict(r#""analysis":"extraction","order_by":[{"field":"tags"}]"#), "WrongType /order_by/0/field"),
        (strict(r#""analysis":"extraction","order_by":[{"field":"nope"}]"#), "UnknownField /order_by/0/field"),
        (strict(r#""analysis":"extraction","after":"x""#), "InvalidValue /after"),
        (r#"{"analysis":"extraction","pool":"open","order_by":[{"field":"list"}]}"#.to_owned(), "WrongType /order_by/0/field"),
        (r#"{"analysis":"sum","pool":"open","field":"whatever"}"#.to_owned(), "accepted"),
        (r#"{"analysis":"funnel","steps":[{"pool":"open","actor":"u"},{"pool":"strict","actor":"u"}]}"#.to_owned(), "UnknownField /steps/1/actor"),
        (r#"{"analysis":"funnel","steps":[{"pool":"open","actor":"u"},{"pool":"strict","actor":"n","filters":[{"field":"x","operator":"eq","value":1}]}]}"#.to_owned(), "UnknownField /steps/1/filters"),
    ];
    for (question, expected) in cases {
        assert_eq!(refused(ALL_ROWS, &question), expected, "{question}");
    }
}

#[test]
fn a_hidden_field_is_one_that_the_pool_does_not_have() {
    let blind = r#"[{"on":"pool:*","actions":["query"],"constraints":"all_rows","fields":{"deny":["secret","at"]}}]"#;
    let ask = |question: &str| {
        let pools = vec![(pool(2, STRICT), Vec::new())];
        let now = at("2026-03-01T12:00:00Z");
        let fault = constrain(&analysis(question), &access(blind), &pools, now);
        let fault = fault.expect_err("refused");
        (fault.code, fault.pointer, fault.detail)
    };
    let places = [
        r#"{"analysis":"sum","pool":"strict","field":"FIELD"}"#,
        r#"{"analysis":"count","pool":"strict","group_by":["FIELD"]}"#,
        r#"{"analysis":"count","pool":"strict","filters":[{"field":"FIELD","operator":"gt","value":1}]}"#,
        r#"{"analysis":"extraction","pool":"strict","fields":["FIELD"]}"#,
        r#"{"analysis":"extraction","pool":"strict","order_by":[{"field":"FIELD"}]}"#,
        r#"{"analysis":"funnel","steps":[{"pool":"strict","actor":"FIELD"}]}"#,
    ];
    for place in places {
        let hidden = ask(&place.replace("FIELD", "secret.cost"));
        let absent = ask(&place.replace("FIELD", "secret.none"));
        let renamed = |detail: &str| detail.replace("secret.cost", "secret.none");
        assert_eq!((hidden.0, hidden.1, renamed(&hidden.2)), absent, "{place}");
    }
    // A period would tell of the time, as would rows in its order.
    for (question, pointer) in [
        (
            r#"{"analysis":"count","pool":"strict","timeframe":"today"}"#,
            "/timeframe",
        ),
        (
            r#"{"analysis":"count","pool":"strict","to":"2026-01-01"}"#,
            "/to",
        ),
        (
            r#"{"analysis":"count","pool":"strict","interval":"daily","timeframe":"today"}"#,
            "/timeframe",
        ),
    ] {
        assert_eq!(ask(question).1, pointer);
    }
}

fn compiled(grants: &str, question: &str) -> Vec<Query> {
    let pools = vec![
        (pool(1, r#"{"name":"open","schema":"open"}"#), Vec::new()),
        (pool(2, STRICT), Vec::new()),
    ];
    let now = at("2026-03-01T12:00:00Z");
    let constrained = constrain(&analysis(question), &access(grants), &pools, now);
    let constrained = constrained.unwrap_or_else(|fault| panic!("{fault}: {question}"));
    constrained
        .parts()
        .iter()
        .map(|part| part.query().clone())
        .collect()
}

#[test]
fn rows_come_without_what_is_hidden() {
    let blind = r#"[{"on":"pool:*","actions":["query"],"constraints":"all_rows","fields":{"deny":["secret","at","_key"]}}]"#;
    let queries = compiled(blind, r#"{"analysis":"extraction","pool":"strict"}"#);
    let Query::Records(query) = &queries[0] else {
        panic!("records")
    };
    let names: Vec<&str> = query.columns.iter().map(|c| c.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "customer.id",
            "region",
            "amount",
            "n",
            "tags",
            "_id",
            "_ingested_at"
        ]
    );
    assert_eq!(query.rest, None, "a strict pool has no other fields");
    let order: Vec<&str> = query.order.iter().map(|by| by.field.as_str()).collect();
    assert_eq!(order, ["_id"], "not in the order of a hidden time");
    let queries = compiled(
        blind,
        r#"{"analysis":"extraction","pool":"open","fields":["a"]}"#,
    );
    let Query::Records(query) = &queries[0] else {
        panic!("records")
    };
    let shown = query.rest.as_ref().expect("undeclared fields");
    let shows = ["a", "a.b", "b", "secret.x"].map(|name| shown.shows(&path(name)));
    assert_eq!(shows, [true, true, false, false]);
}

#[test]
fn a_funnel_reads_each_pool_once() {
    let steps = |steps: &[(&str, &str)]| {
        let steps = steps.iter().map(|(pool, actor)| {
            format!(r#"{{"pool":"{pool}","actor":"{actor}","filters":[{{"field":"n","operator":"gt","value":1}}]}}"#)
        });
        let steps: Vec<String> = steps.collect();
        let question = format!(r#"{{"analysis":"funnel","steps":[{}]}}"#, steps.join(","));
        let parts = compiled(ALL_ROWS, &question)
            .into_iter()
            .map(|query| match query {
                Query::Actors(actors) => actors.steps.iter().map(|step| step.bit).collect(),
                other => panic!("{other:?}"),
            });
        parts.collect::<Vec<Vec<u32>>>()
    };
    assert_eq!(
        steps(&[("open", "u"), ("open", "u"), ("open", "u")]),
        [[0, 1, 2]]
    );
    assert_eq!(
        steps(&[("open", "u"), ("strict", "n"), ("open", "u")]),
        [vec![0, 2], vec![1]]
    );
    assert_eq!(steps(&[("open", "u"), ("open", "w")]), [[0], [1]]);
}

#[test]
fn a_key_with_two_sights_says_which_it_means() {
    let two = r#"[{"on":"pool:*","actions":["query"],"constraints":"all_rows","fields":{"deny":["n"]}},
        {"on":"pool:*","actions":["query"],"constraints":[{"field":"region","operator":"eq","value":"eu"}]}]"#;
    let cases = [
        (
            r#"{"analysis":"count","pool":"strict"}"#,
            "GrantAmbiguous /grant",
        ),
        (
            r#"{"analysis":"extraction","pool":"strict"}"#,
            "GrantAmbiguous /grant",
        ),
        (
            r#"{"analysis":"funnel","steps":[{"pool":"strict","actor":"region"}]}"#,
            "GrantAmbiguous /steps/0/grant",
        ),
    ];
    for (question, expected) in cases {
        assert_eq!(refused(two, question), expected, "{question}");
    }
    let named = format!(
        r#"{{"analysis":"count","pool":"strict","field":"n","grant":"{}"}}"#,
        crate::fixtures::grant_id(2)
    );
    assert_eq!(refused(two, &named), "accepted");
    let named = named.replace(
        &crate::fixtures::grant_id(2).to_string(),
        &crate::fixtures::grant_id(1).to_string(),
    );
    assert_eq!(refused(two, &named), "UnknownField /field");
}
