//! Questions without declared types: nothing of them is refused, a hidden
//! field is one that is not there, and a pool that is not there has no rows.

use std::collections::BTreeMap;

use super::engine::{self, Pools};
use super::examples::{access, constrain, filled, shown};
use super::*;
use crate::fixtures::at;
use crate::permit::{AskPool, ConstrainedAnalysis, On, Permit};
use crate::time::Timestamp;
use crate::value::Object;

const ALL: &str = r#"[{"on":"pool:*","actions":["query"],"constraints":"all_rows"}]"#;

fn now() -> Timestamp {
    at("2026-03-28T12:00:00Z")
}

fn loose(mut analysis: Analysis) -> Analysis {
    match &mut analysis {
        Analysis::Aggregation(asked) => asked.source.typing = Typing::Loose,
        Analysis::Extraction(asked) => asked.source.typing = Typing::Loose,
        Analysis::Funnel(funnel) => {
            for step in &mut funnel.steps {
                step.source.typing = Typing::Loose;
            }
        }
    }
    analysis
}

fn answered(analysis: &Analysis, grants: &str, pools: &Pools) -> Result<String, String> {
    let constrained = constrain(analysis, &access(grants), pools, now());
    let constrained = constrained.map_err(|fault| fault.detail)?;
    let zone = analysis.sources()[0].calendar.zone.clone();
    Ok(shown(&engine::answer(&constrained, pools), zone))
}

/// The answer to the question read loosely over three records of a strict pool.
fn asked(rest: &str) -> String {
    let definition = r#"{"name":"p","schema":"strict","time_field":"at","fields":[{"name":"at","type":"DateTime"},
        {"name":"n","type":"Int64"},{"name":"s","type":"String"},{"name":"tags","type":"Array(String)"}]}"#;
    let records = [
        r#"{"at":"2026-03-27T10:00:00Z","n":1,"s":"x","tags":["a"]}"#,
        r#"{"at":"2026-03-27T11:00:00Z","n":2,"s":"y"}"#,
        r#"{"at":"2026-03-28T10:00:00Z","n":3,"s":"x"}"#,
    ];
    let pools = filled(1, definition, &records.map(json));
    let question = loose(analysis(&format!(r#"{{"pool":"p",{rest}}}"#)));
    answered(&question, ALL, &pools).unwrap_or_else(|fault| panic!("{fault}: {rest}"))
}

#[test]
fn functions_see_numbers_alone() {
    for (function, of_text) in [
        ("sum", "0"),
        ("average", "null"),
        ("median", "null"),
        ("standard_deviation", "null"),
        ("minimum", "null"),
        ("maximum", "null"),
        ("count_unique", "2"),
        ("select_unique", r#"["x","y"]"#),
    ] {
        let answer = asked(&format!(r#""analysis":"{function}","field":"s""#));
        assert_eq!(answer, format!(r#"{{"result":{of_text}}}"#), "{function}");
    }
    assert_eq!(
        asked(r#""analysis":"maximum","field":"n""#),
        r#"{"result":3}"#
    );
    assert_eq!(
        asked(r#""analysis":"minimum","field":"tags""#),
        r#"{"result":null}"#
    );
    assert_eq!(
        asked(r#""analysis":"maximum","field":"at""#),
        r#"{"result":null}"#
    );
    assert_eq!(
        asked(r#""analysis":"sum","field":"s","group_by":["s"]"#),
        r#"{"result":[{"s":"x","result":0},{"s":"y","result":0}]}"#
    );
}

#[test]
fn the_least_and_the_greatest_of_mixed_values_are_numbers() {
    let definition = r#"{"name":"p","schema":"open","fields":[]}"#;
    let records = [
        r#"{"g":1,"v":"text"}"#,
        r#"{"g":1,"v":true}"#,
        r#"{"g":2,"v":"text"}"#,
        r#"{"g":2,"v":7.5}"#,
        r#"{"g":3}"#,
        r#"{"g":4,"v":-1}"#,
    ];
    let pools = filled(1, definition, &records.map(json));
    let question = loose(analysis(
        r#"{"analysis":"maximum","pool":"p","field":"v","group_by":["g"],"order_by":[{"field":"result","direction":"desc"}],"limit":3}"#,
    ));
    assert_eq!(
        answered(&question, ALL, &pools).unwrap(),
        r#"{"result":[{"g":2,"result":7.5},{"g":4,"result":-1},{"g":1,"result":null}]}"#
    );
}

#[test]
fn a_field_that_is_not_there_is_missing_in_every_row() {
    for (rest, result) in [
        (r#""analysis":"sum","field":"none""#, "0"),
        (r#""analysis":"average","field":"none""#, "null"),
        (r#""analysis":"count_unique","field":"none""#, "0"),
        (r#""analysis":"select_unique","field":"none""#, "[null]"),
        (
            r#""analysis":"count","group_by":["none"]"#,
            r#"[{"none":null,"result":3}]"#,
        ),
        (
            r#""analysis":"count","group_by":["none","s"]"#,
            r#"[{"none":null,"s":"x","result":2},{"none":null,"s":"y","result":1}]"#,
        ),
        (
            r#""analysis":"count","group_by":[{"field":"s","bin_size":10}]"#,
            r#"[{"s":null,"result":3}]"#,
        ),
        (
            r#""analysis":"count","group_by":["none"],"filters":[{"field":"n","operator":"gt","value":9}]"#,
            "[]",
        ),
        (
            r#""analysis":"select_unique","field":"none","filters":[{"field":"n","operator":"gt","value":9}]"#,
            "[]",
        ),
        (
            r#""analysis":"extraction","fields":["none","n"],"latest":1"#,
            r#"[{"none":null,"n":3}]"#,
        ),
        (
            r#""analysis":"funnel","steps":[{"pool":"p","actor":"s"},{"pool":"p","actor":"none"}]"#,
            "[2,0]",
        ),
    ] {
        let answer = match rest.contains("funnel") {
            true => asked_whole(&format!("{{{rest}}}")),
            false => asked(rest),
        };
        assert_eq!(answer, format!(r#"{{"result":{result}}}"#), "{rest}");
    }
    let series = asked(
        r#""analysis":"count","group_by":["none"],"interval":"daily","from":"2026-03-27","to":"2026-03-29""#,
    );
    let values: Vec<&str> = series
        .split("\"value\":")
        .skip(1)
        .map(|v| &v[..26])
        .collect();
    assert_eq!(
        values,
        [
            r#"[{"none":null,"result":2}]"#,
            r#"[{"none":null,"result":1}]"#
        ]
    );
}

fn asked_whole(question: &str) -> String {
    let definition = r#"{"name":"p","schema":"strict","fields":[{"name":"s","type":"String"}]}"#;
    let records = [r#"{"s":"x"}"#, r#"{"s":"y"}"#, r#"{"s":"x"}"#];
    let pools = filled(1, definition, &records.map(json));
    answered(&loose(analysis(question)), ALL, &pools).expect("an answer")
}

#[test]
fn a_comparison_across_types_is_never_true() {
    let count = |filter: &str| asked(&format!(r#""analysis":"count","filters":[{filter}]"#));
    let compare = |field: &str, operator: &str, value: &str| {
        format!(r#"{{"field":"{field}","operator":"{operator}","value":{value}}}"#)
    };
    for (filter, expected) in [
        (compare("n", "eq", r#""x""#), 0),
        (compare("n", "ne", r#""x""#), 0),
        (compare("n", "contains", r#""x""#), 0),
        (compare("tags", "gt", "1"), 0),
        (compare("none", "eq", "1"), 0),
        (compare("none", "exists", "true"), 0),
        (compare("none", "exists", "false"), 3),
        (compare("s", "exists", "true"), 3),
        (
            format!(r#"{{"not":{}}}"#, compare("none", "exists", "true")),
            3,
        ),
        (format!(r#"{{"not":{}}}"#, compare("n", "eq", r#""x""#)), 0),
        (
            format!(
                r#"{{"any":[{},{}]}}"#,
                compare("n", "eq", r#""x""#),
                compare("n", "eq", "1")
            ),
            1,
        ),
        (
            format!(
                r#"{{"not":{{"all":[{},{}]}}}}"#,
                compare("n", "eq", r#""x""#),
                compare("n", "eq", "1")
            ),
            2,
        ),
        (
            format!(
                r#"{{"not":{{"any":[{},{}]}}}}"#,
                compare("none", "exists", "true"),
                compare("n", "eq", "1")
            ),
            2,
        ),
        (
            format!(
                r#"{{"any":[{{"not":{}}},{}]}}"#,
                compare("none", "eq", "1"),
                compare("none", "exists", "false")
            ),
            3,
        ),
    ] {
        assert_eq!(
            count(&filter),
            format!(r#"{{"result":{expected}}}"#),
            "{filter}"
        );
    }
}

#[test]
fn a_pool_that_is_not_there_answers_in_the_same_form() {
    for (rest, result) in [
        (r#""analysis":"count""#, "0"),
        (r#""analysis":"average","field":"n""#, "null"),
        (r#""analysis":"select_unique","field":"n""#, "[]"),
        (r#""analysis":"count","group_by":["n"]"#, "[]"),
        (
            r#""analysis":"multi_analysis","analyses":{"a":{"analysis":"count"},"b":{"analysis":"maximum","field":"n"}}"#,
            r#"{"a":0,"b":null}"#,
        ),
        (
            r#""analysis":"count","interval":"daily","from":"2026-03-27","to":"2026-03-28""#,
            r#"[{"timeframe":{"start":"2026-03-27T00:00:00Z","end":"2026-03-28T00:00:00Z"},"value":0}]"#,
        ),
    ] {
        let question = loose(analysis(&format!(r#"{{"pool":"p",{rest}}}"#)));
        let Analysis::Aggregation(asked) = &question else {
            panic!("{rest}");
        };
        let constrained = ConstrainedAnalysis::of_nothing(asked, now()).expect("legal");
        assert!(constrained.parts().is_empty());
        let answer = constrained.answer(Vec::new()).expect("small");
        assert_eq!(
            shown(&answer, TimeZone::utc()),
            format!(r#"{{"result":{result}}}"#),
            "{rest}"
        );
    }
}

#[test]
fn nobody_is_seen_in_a_pool_without_a_permit() {
    let definition = r#"{"name":"p","schema":"open","fields":[]}"#;
    let pools = filled(1, definition, &[json(r#"{"u":1}"#), json(r#"{"u":2}"#)]);
    let pool = &pools[0].0;
    let key = access(ALL);
    let permit = key.permit::<AskPool>(On::Pool(Some(pool))).unwrap();
    let permits = BTreeMap::from([(pool.draft.name.clone(), permit)]);
    let text = r#"{"analysis":"funnel","steps":[{"pool":"p","actor":"u"},{"pool":"gone","actor":"u","inverted":true,"with_actors":true},{"pool":"gone","actor":"u"}]}"#;
    let funnel = |analysis: Analysis| match analysis {
        Analysis::Funnel(funnel) => funnel,
        other => panic!("{other:?}"),
    };
    let strict = Permit::constrain_funnel(&permits, &funnel(analysis(text)), now());
    assert_eq!(strict.unwrap_err().pointer, "/steps/1/pool");
    let asked = funnel(loose(analysis(text)));
    let constrained = Permit::constrain_funnel(&permits, &asked, now()).unwrap();
    assert_eq!(constrained.parts().len(), 1);
    assert_eq!(
        shown(&engine::answer(&constrained, &pools), TimeZone::utc()),
        r#"{"result":[2,2,0],"actors":[null,[1,2],null]}"#
    );
    let constrained = Permit::constrain_funnel(&BTreeMap::new(), &asked, now()).unwrap();
    assert!(constrained.parts().is_empty());
    let answer = constrained.answer(Vec::new()).unwrap();
    assert_eq!(
        shown(&answer, TimeZone::utc()),
        r#"{"result":[0,0,0],"actors":[null,[],null]}"#
    );
}

/// The record without a member.
fn without(record: &Value, name: &str) -> Value {
    let members = record
        .as_object()
        .expect("an object")
        .clone()
        .into_members();
    let kept = members.into_iter().filter(|(member, _)| member != name);
    Object::from_members(kept.collect())
        .expect("members of an object")
        .into()
}

fn worlds(dice: &mut dice::Dice<'_>) -> (Pools, Pools) {
    let mode = ["strict", "open"][dice(2)];
    let (mut with, mut without_it) = (Pools::new(), Pools::new());
    for (number, name) in [(1, "p"), (2, "q")] {
        let fields = r#"{"name":"at","type":"DateTime"},{"name":"n","type":"Int64"},{"name":"s","type":"String"}"#;
        let hidden = [
            r#",{"name":"h","type":"Int64"}"#,
            r#",{"name":"h","type":"String"}"#,
        ][dice(2)];
        let hidden = if mode == "open" { "" } else { hidden };
        let is_text = hidden.contains("String");
        let definition = |more: &str| {
            format!(
                r#"{{"name":"{name}","schema":"{mode}","time_field":"at","fields":[{fields}{more}]}}"#
            )
        };
        let record = |dice: &mut dice::Dice<'_>| {
            let (n, h, day) = (dice(4), dice(3), 20 + dice(9));
            let h = if is_text {
                format!("\"{h}\"")
            } else {
                h.to_string()
            };
            json(&format!(
                r#"{{"at":"2026-03-{day}T10:00:00Z","n":{n},"s":"s{}","h":{h}}}"#,
                dice(3)
            ))
        };
        let records: Vec<Value> = (0..dice(20)).map(|_| record(dice)).collect();
        with.extend(filled(number, &definition(hidden), &records));
        let stripped: Vec<Value> = records.iter().map(|r| without(r, "h")).collect();
        without_it.extend(filled(number, &definition(""), &stripped));
    }
    (with, without_it)
}

const HIDING: &str =
    r#"[{"on":"pool:*","actions":["query"],"constraints":"all_rows","fields":{"deny":["h"]}}]"#;

/// A question over fields of which one is hidden, asked of both worlds.
fn in_both_worlds(seed: u64, key: &str) -> (Result<String, String>, Result<String, String>) {
    let dice = &mut dice::dice(seed);
    let (with, without_it) = worlds(dice);
    let sent = questions::any(dice, &["h", "n", "s", "at"]);
    let question = loose(Analysis::parse(&sent).expect("a question"));
    (
        answered(&question, key, &with),
        answered(&question, ALL, &without_it),
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_hidden_field_is_one_that_is_not_there(seed in any::<u64>()) {
        let (hidden, absent) = in_both_worlds(seed, HIDING);
        prop_assert_eq!(hidden, absent);
    }
}

#[test]
fn a_key_that_hides_nothing_is_found_out() {
    let differ = (0..300).filter(|seed| {
        let (shown, absent) = in_both_worlds(*seed, ALL);
        shown != absent
    });
    assert!(differ.count() > 20);
}

#[test]
fn a_loose_question_has_a_digest_of_its_own() {
    let strict = analysis(r#"{"analysis":"count","pool":"p"}"#);
    assert_ne!(strict.digest(), loose(strict.clone()).digest());
}
