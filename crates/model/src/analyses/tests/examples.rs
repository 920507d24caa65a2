//! The worked examples of the contract, as far as they can be said without
//! HTTP, keys and names of another vendor: example 8 to 17 and 19. Each is
//! answered by the plain interpreter and by way of constrained questions.

use std::collections::BTreeMap;

use super::engine::{self, Pools};
use super::naive::{self, Seen};
use super::*;
use crate::analyses::{Answer, AnswerText};
use crate::fixtures::{access_of, at, pool};
use crate::grants::{Action, Grant};
use crate::permit::{Access, AskPool, ConstrainedAnalysis, Extract, Ingest, On};
use crate::random::SeededRandom;
use crate::records::SentRecord;
use crate::time::Timestamp;
use crate::value::Object;
use crate::views::Delivery;

pub(super) const ALL_ROWS: &str = r#"[{"on":"pool:*","actions":["ingest"]},
    {"on":"pool:*","actions":["query"],"constraints":"all_rows"}]"#;

/// A caller with these grants, and with the right to extract where it may query.
pub(super) fn access(grants: &str) -> Access {
    let grants = crate::fixtures::Project::new().grants(grants);
    let grants = grants
        .expect("legal grants")
        .into_iter()
        .map(|mut grant: Grant| {
            if grant.allows(Action::Query) {
                grant.actions.insert(Action::Extract);
            }
            grant
        });
    access_of(grants.collect())
}

/// A pool with what was sent to it.
pub(super) fn filled(number: u8, definition: &str, sent: &[Value]) -> Pools {
    let pool = pool(number, definition);
    let access = access(ALL_ROWS);
    let permit = access.permit::<Ingest>(On::Pool(Some(&pool))).unwrap();
    let sent = sent.iter().cloned().map(SentRecord::Ok);
    let now = at("2026-03-28T12:00:00Z");
    let batch = permit.admit(sent, None, now, &SeededRandom::new(number.into()));
    assert!(batch.faults().is_empty(), "{:?}", batch.faults());
    vec![(pool, batch.records().to_vec())]
}

/// The constrained question.
pub(super) fn constrain(
    analysis: &Analysis,
    access: &Access,
    pools: &Pools,
    now: Timestamp,
) -> Result<ConstrainedAnalysis, crate::fault::Fault> {
    let find = |source: &Source| {
        let found = pools
            .iter()
            .find(|(pool, _)| pool.draft.name == source.pool);
        &found.expect("a pool that is there").0
    };
    let ask = |source: &Source| {
        access
            .permit::<AskPool>(On::Pool(Some(find(source))))
            .unwrap()
    };
    match analysis {
        Analysis::Aggregation(asked) => ask(&asked.source).constrain(asked, now),
        Analysis::Extraction(asked) => {
            let permit = access.permit::<Extract>(On::Pool(Some(find(&asked.source))));
            permit.unwrap().constrain(asked, Delivery::Stream, now)
        }
        Analysis::Funnel(asked) => {
            let sources = asked.steps.iter().map(|step| &step.source);
            let permits = sources.map(|source| (source.pool.clone(), ask(source)));
            let permits: BTreeMap<_, _> = permits.collect();
            crate::permit::Permit::constrain_funnel(&permits, asked, now)
        }
    }
}

/// The members of the answer over visible rows, by the plain interpreter.
pub(super) fn plainly(
    analysis: &Analysis,
    constrained: &ConstrainedAnalysis,
    pools: &Pools,
    now: Timestamp,
    zone: &TimeZone,
) -> Object {
    let seen = pools.iter().map(|(pool, records)| {
        let part = constrained
            .parts()
            .iter()
            .find(|part| part.pool().id == pool.id);
        let records =
            part.map_or_else(Vec::new, |part| engine::visible(part.rows(), pool, records));
        Seen { pool, records }
    });
    let seen: Vec<Seen<'_>> = seen.collect();
    naive::answer(analysis, &seen, now, zone)
}

/// The text of the members, without the steps that a funnel repeats.
pub(super) fn shown(answer: &Answer, zone: TimeZone) -> String {
    let members = answer.to_members(&AnswerText::in_zone(zone)).into_members();
    let members = members.into_iter().filter(|(name, _)| name != "steps");
    let members = Object::from_members(members.collect()).unwrap();
    crate::json::to_text(&members.into())
}

fn orders() -> Pools {
    let event = |at: &str, customer: &str, rest: &str| {
        json(&format!(
            r#"{{"keen":{{"timestamp":"{at}"}},"customer":{{"id":"{customer}"}},{rest}}}"#
        ))
    };
    let events = [
        event(
            "2024-03-04T09:00:00.000Z",
            "c1",
            r#""amount":10,"sku":"a","tags":["x","y"]"#,
        ),
        event(
            "2024-03-04T21:30:00.000Z",
            "c2",
            r#""amount":20,"sku":"b","tags":["y"]"#,
        ),
        event("2024-03-05T02:15:00.000Z", "c1", r#""amount":30,"sku":"a""#),
        event(
            "2024-03-05T23:59:59.999Z",
            "c3",
            r#""amount":5,"sku":null,"tags":[]"#,
        ),
        event("2024-03-07T00:00:00.000Z", "c1", r#""amount":50,"sku":"c""#),
    ];
    let collection = |name: &str| {
        format!(
            r#"{{"name":"{name}","schema":"open","time_field":"keen.timestamp",
            "fields":[{{"name":"keen.timestamp","type":"DateTime"}}]}}"#
        )
    };
    let mut pools = filled(1, &collection("orders"), &events);
    for (number, name, users) in [
        (2, "visits", &["u1", "u2", "u3", "u4"][..]),
        (3, "signups", &["u1", "u2", "u5"]),
        (4, "refunds", &["u2"]),
    ] {
        let event = |user: &&str| {
            json(&format!(
                r#"{{"user":"{user}","keen":{{"timestamp":"2024-03-04T10:00:00Z"}}}}"#
            ))
        };
        let events: Vec<Value> = users.iter().map(event).collect();
        pools.extend(filled(number, &collection(name), &events));
    }
    pools
}

const TF: &str = r#""from":"2024-03-04T00:00:00Z","to":"2024-03-07T00:00:00Z""#;

fn asked_by(grants: &str, question: &str) -> String {
    let analysis = analysis(question);
    let (pools, now) = (orders(), at("2024-03-08T00:00:00Z"));
    let constrained = constrain(&analysis, &access(grants), &pools, now)
        .unwrap_or_else(|fault| panic!("{fault} at {}: {question}", fault.pointer));
    let zone = analysis.sources()[0].calendar.zone.clone();
    let answer = shown(&engine::answer(&constrained, &pools), zone.clone());
    let plain = plainly(&analysis, &constrained, &pools, now, &zone);
    assert_eq!(answer, crate::json::to_text(&plain.into()), "{question}");
    answer
}

fn asked(analysis: &str, rest: &str) -> String {
    let question = format!(r#"{{"analysis":"{analysis}","pool":"orders",{TF}{rest}}}"#);
    asked_by(ALL_ROWS, &question)
}

#[test]
fn example_8_counts() {
    assert_eq!(asked("count", ""), r#"{"result":4}"#);
}

#[test]
fn example_9_cuts_days_in_a_zone() {
    let zone = TimeZone::parse("US/Pacific").unwrap();
    let question = analysis(&format!(
        r#"{{"analysis":"count","pool":"orders",{TF},"timezone":"US/Pacific","interval":"daily"}}"#
    ));
    let (pools, now) = (orders(), at("2024-03-08T00:00:00Z"));
    let constrained = constrain(&question, &access(ALL_ROWS), &pools, now).unwrap();
    let text = AnswerText {
        digits: crate::analyses::TimeText::Milliseconds,
        ..AnswerText::in_zone(zone)
    };
    let members = engine::answer(&constrained, &pools).to_members(&text);
    let expected = [
        (
            "2024-03-03T16:00:00.000-08:00",
            "2024-03-04T00:00:00.000-08:00",
            0,
        ),
        (
            "2024-03-04T00:00:00.000-08:00",
            "2024-03-05T00:00:00.000-08:00",
            3,
        ),
        (
            "2024-03-05T00:00:00.000-08:00",
            "2024-03-06T00:00:00.000-08:00",
            1,
        ),
        (
            "2024-03-06T00:00:00.000-08:00",
            "2024-03-06T16:00:00.000-08:00",
            0,
        ),
    ];
    let expected = expected.map(|(start, end, value)| {
        format!(r#"{{"timeframe":{{"start":"{start}","end":"{end}"}},"value":{value}}}"#)
    });
    let expected = format!(r#"{{"result":[{}]}}"#, expected.join(","));
    assert_eq!(crate::json::to_text(&members.into()), expected);
    // In UTC the values are others.
    let utc = asked("count", r#","interval":"daily""#);
    let values: Vec<&str> = utc
        .split("\"value\":")
        .skip(1)
        .map(|rest| &rest[..1])
        .collect();
    assert_eq!(values, ["2", "2", "0"]);
}

#[test]
fn example_10_orders_and_limits_groups() {
    let rest = r#","field":"amount","group_by":["sku"],"order_by":[{"field":"result","direction":"desc"}]"#;
    assert_eq!(
        asked("sum", &format!(r#"{rest},"limit":2"#)),
        r#"{"result":[{"sku":"a","result":40},{"sku":"b","result":20}]}"#
    );
    assert_eq!(
        asked("sum", rest),
        r#"{"result":[{"sku":"a","result":40},{"sku":"b","result":20},{"sku":null,"result":5}]}"#
    );
}

#[test]
fn example_11_fills_every_interval_with_every_group() {
    let days = [
        ("2024-03-04T00:00:00Z", "2024-03-05T00:00:00Z", [1, 1, 0]),
        ("2024-03-05T00:00:00Z", "2024-03-06T00:00:00Z", [1, 0, 1]),
        ("2024-03-06T00:00:00Z", "2024-03-07T00:00:00Z", [0, 0, 0]),
    ];
    let days = days.map(|(start, end, [a, b, none])| {
        format!(
            r#"{{"timeframe":{{"start":"{start}","end":"{end}"}},"value":[{{"sku":"a","result":{a}}},{{"sku":"b","result":{b}}},{{"sku":null,"result":{none}}}]}}"#
        )
    });
    assert_eq!(
        asked("count", r#","interval":"daily","group_by":["sku"]"#),
        format!(r#"{{"result":[{}]}}"#, days.join(","))
    );
}

#[test]
fn example_12_takes_the_nearest_rank() {
    let field = r#","field":"amount""#;
    assert_eq!(
        asked("percentile", &format!(r#"{field},"percentile":95"#)),
        r#"{"result":30}"#
    );
    assert_eq!(asked("median", field), r#"{"result":10}"#);
}

#[test]
fn example_13_lists_and_counts_what_is_distinct() {
    let field = r#","field":"customer.id""#;
    assert_eq!(
        asked("select_unique", field),
        r#"{"result":["c1","c2","c3"]}"#
    );
    assert_eq!(asked("count_unique", field), r#"{"result":3}"#);
    assert_eq!(
        asked("select_unique", r#","field":"sku""#),
        r#"{"result":["a","b",null]}"#
    );
}

#[test]
fn example_14_filters_lists_and_what_is_missing() {
    let filter = |operator: &str, value: &str| {
        asked(
            "count",
            &format!(r#","filters":[{{"field":"tags","operator":"{operator}","value":{value}}}]"#),
        )
    };
    assert_eq!(filter("eq", "\"y\""), r#"{"result":2}"#);
    assert_eq!(filter("exists", "false"), r#"{"result":1}"#);
}

#[test]
fn example_15_extracts_the_newest() {
    assert_eq!(
        asked("extraction", r#","latest":2,"fields":["sku","amount"]"#),
        r#"{"result":[{"sku":null,"amount":5},{"sku":"a","amount":30}]}"#
    );
    // Named above, fields come with everything below; the oldest come first.
    let first = asked(
        "extraction",
        r#","limit":1,"fields":["customer","keen.timestamp"]"#,
    );
    assert_eq!(
        first,
        r#"{"result":[{"customer":{"id":"c1"},"keen":{"timestamp":"2024-03-04T09:00:00Z"}}]}"#
    );
    let whole = asked("extraction", r#","limit":1"#);
    assert!(
        whole.starts_with(
            r#"{"result":[{"keen":{"timestamp":"2024-03-04T09:00:00Z"},"amount":10,"customer":{"id":"c1"},"sku":"a","tags":["x","y"],"_id":""#
        ),
        "{whole}"
    );
}

#[test]
fn example_16_answers_several_functions_at_once() {
    let rest = r#","group_by":["customer.id"],"analyses":{"orders":{"analysis":"count"},"revenue":{"analysis":"sum","field":"amount"}}"#;
    assert_eq!(
        asked("multi_analysis", rest),
        r#"{"result":[{"customer.id":"c1","orders":2,"revenue":40},{"customer.id":"c2","orders":1,"revenue":20},{"customer.id":"c3","orders":1,"revenue":5}]}"#
    );
    assert_eq!(
        asked(
            "multi_analysis",
            r#","analyses":{"z":{"analysis":"maximum","field":"amount"},"a":{"analysis":"count"}}"#
        ),
        r#"{"result":{"z":30,"a":4}}"#
    );
}

#[test]
fn example_17_follows_a_funnel() {
    let step = |pool: &str, rest: &str| format!(r#"{{"pool":"{pool}","actor":"user"{rest}}}"#);
    let steps = [
        step("visits", ""),
        step("signups", ""),
        step("refunds", r#","inverted":true,"with_actors":true"#),
    ];
    let question = format!(
        r#"{{"analysis":"funnel",{TF},"steps":[{}]}}"#,
        steps.join(",")
    );
    assert_eq!(
        asked_by(ALL_ROWS, &question),
        r#"{"result":[4,2,1],"actors":[null,null,["u1"]]}"#
    );
    // An optional step counts and lets everybody go on.
    let steps = [
        step("visits", r#","with_actors":true"#),
        step("refunds", r#","optional":true"#),
        step("signups", ""),
    ];
    let question = format!(r#"{{"analysis":"funnel","steps":[{}]}}"#, steps.join(","));
    assert_eq!(
        asked_by(ALL_ROWS, &question),
        r#"{"result":[4,1,2],"actors":[["u1","u2","u3","u4"],null,null]}"#
    );
}

#[test]
fn a_funnel_repeats_its_steps_with_the_periods_that_were_meant() {
    let question = analysis(
        r#"{"analysis":"funnel","timeframe":"previous_day","steps":[{"pool":"visits","actor":"user"},{"pool":"visits","actor":"user","inverted":true}]}"#,
    );
    let (pools, now) = (orders(), at("2024-03-05T08:00:00Z"));
    let constrained = constrain(&question, &access(ALL_ROWS), &pools, now).unwrap();
    assert_eq!(constrained.parts().len(), 1, "one reading of one pool");
    let text = AnswerText::in_zone(TimeZone::utc());
    let members = engine::answer(&constrained, &pools).to_members(&text);
    let period = r#""from":"2024-03-04T00:00:00Z","to":"2024-03-05T00:00:00Z","actor":"user""#;
    assert_eq!(
        crate::json::to_text(&members.into()),
        format!(
            r#"{{"result":[4,0],"steps":[{{"pool":"visits",{period}}},{{"pool":"visits",{period},"inverted":true}}]}}"#
        )
    );
}

#[test]
fn example_19_is_held_to_the_rows_of_the_key() {
    let key = r#"[{"on":"pool:*","actions":["query"],"constraints":[{"field":"customer.id","operator":"eq","value":"c1"}]}]"#;
    let count = |filter: &str| {
        asked_by(
            key,
            &format!(r#"{{"analysis":"count","pool":"orders",{TF}{filter}}}"#),
        )
    };
    assert_eq!(count(""), r#"{"result":2}"#);
    let other = r#","filters":[{"field":"customer.id","operator":"eq","value":"c2"}]"#;
    assert_eq!(count(other), r#"{"result":0}"#);
    let either = r#","filters":[{"any":[{"field":"customer.id","operator":"eq","value":"c2"},{"field":"amount","operator":"gt","value":0}]}]"#;
    assert_eq!(count(either), r#"{"result":2}"#);
    // Nobody is seen in rows of others, and no group is made of them.
    let groups = format!(r#"{{"analysis":"count","pool":"orders",{TF},"group_by":["sku"]}}"#);
    assert_eq!(
        asked_by(key, &groups),
        r#"{"result":[{"sku":"a","result":2}]}"#
    );
    let steps = r#"[{"pool":"visits","actor":"user","with_actors":true}]"#;
    let funnel = format!(r#"{{"analysis":"funnel","steps":{steps}}}"#);
    assert_eq!(asked_by(key, &funnel), r#"{"result":[0],"actors":[[]]}"#);
}

#[test]
fn nothing_is_answered_as_the_contract_says() {
    let nothing = r#","filters":[{"field":"amount","operator":"gt","value":1000}]"#;
    for (name, result) in [
        ("count", "0"),
        ("count_unique", "0"),
        ("sum", "0"),
        ("minimum", "null"),
        ("maximum", "null"),
        ("average", "null"),
        ("median", "null"),
        ("standard_deviation", "null"),
        ("select_unique", "[]"),
    ] {
        let rest = format!(r#"{nothing},"field":"amount""#);
        assert_eq!(
            asked(name, &rest),
            format!(r#"{{"result":{result}}}"#),
            "{name}"
        );
        let rest = format!(r#"{rest},"group_by":["sku"]"#);
        assert_eq!(asked(name, &rest), r#"{"result":[]}"#, "{name}");
    }
    assert_eq!(asked("extraction", nothing), r#"{"result":[]}"#);
}

#[test]
fn bins_group_numbers() {
    assert_eq!(
        asked("count", r#","group_by":[{"field":"amount","bin_size":20}]"#),
        r#"{"result":[{"amount":0,"result":2},{"amount":20,"result":2}]}"#
    );
    let ranges = r#"[{"to":10,"as":"small"},{"from":10,"to":30},{"from":100}]"#;
    let group = format!(r#","group_by":[{{"field":"amount","as":"size","ranges":{ranges}}}]"#);
    assert_eq!(
        asked("sum", &format!(r#"{group},"field":"amount""#)),
        r#"{"result":[{"size":"small","result":5},{"size":"[10,30)","result":30},{"size":null,"result":30}]}"#
    );
    let order = format!(r#"{group},"order_by":[{{"field":"size","direction":"desc"}}]"#);
    assert_eq!(
        asked("count", &order),
        r#"{"result":[{"size":"[10,30)","result":2},{"size":"small","result":1},{"size":null,"result":1}]}"#
    );
}
