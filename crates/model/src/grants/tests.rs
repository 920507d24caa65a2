use proptest::prelude::*;

use super::*;
use crate::fixtures::{Project, grant_id, json, name, path, pool, pool_id, refusal, view_id};
use crate::limits::{GRANT_INJECTIONS_MAX, KEY_GRANTS_MAX};
use crate::records::OnConflict;
use crate::value::Value;

const ROWS: &str = r#"[{"field":"customer.id","operator":"eq","value":"93i"}]"#;

fn legal() -> Vec<String> {
    vec![
        r#"{"on":"project","actions":["admin"]}"#.to_owned(),
        r#"{"on":"pool:strict","actions":["ingest"],"injections":{"customer.id":"93i"},"on_conflict":"reject"}"#.to_owned(),
        r#"{"on":"pool:open","actions":["ingest"],"injections":{"a":1,"b":true,"c":2.5,"d.e":"x"}}"#.to_owned(),
        r#"{"on":"pool:*","actions":["ingest"],"except":["a","b c"],"on_conflict":"reject"}"#.to_owned(),
        format!(r#"{{"on":"pool:*","actions":["query","schema","delete"],"constraints":{ROWS}}}"#),
        format!(r#"{{"on":"pool:strict","actions":["ingest","query","delete"],"constraints":{ROWS},"injections":{{"n":"5"}}}}"#),
        r#"{"on":"view:records","actions":["read"],"constraints":"all_rows","fields":{"deny":["amount","_id"]}}"#.to_owned(),
        r#"{"on":"view:records","actions":["read"],"constraints":"all_rows","time":{"field":"at","from":null,"last":"90d"}}"#.to_owned(),
        r#"{"on":"view:*","actions":["read"],"constraints":"all_rows","time":[{"field":"_ingested_at","last":"5m"},{"field":"x.y","from":"2026-01-01T00:00:00+02:00","to":"2026-02-01T00:00:00.000001Z"}]}"#.to_owned(),
        r#"{"on":"view:*","actions":["read"],"constraints":"all_rows","fields":{"allow":["a.b","c"]}}"#.to_owned(),
        r#"{"on":"view:*","actions":["read"],"constraints":[{"all":[{"field":"a","operator":"eq","value":1}]}]}"#.to_owned(),
        r#"{"on":"view:*","actions":["read"],"constraints":[{"any":[[{"field":"a","operator":"=","value":[1]}],{"not":{"field":"b","operator":"<","value":2}}]},{"field":"c","operator":"exists","value":false}]}"#.to_owned(),
        r#"{"on":"view:*","actions":["read"],"constraints":"all_rows","fields":{"both":[{"allow":["a"]},{"both":[{"deny":["b"]},{"deny":["c"]}]}]}}"#.to_owned(),
    ]
}

#[test]
fn a_grant_reads_back_as_it_was_written() {
    for text in legal() {
        let mut project = Project::new();
        let read = project
            .grants(&format!("[{text}]"))
            .unwrap_or_else(|fault| panic!("{fault}: {text}"));
        project.existing = read.clone();
        let written = Value::Array(read.iter().map(Grant::to_value).collect());
        assert_eq!(parse_grants(&written, &project), Ok(read.clone()), "{text}");
        let through_text = json(&crate::json::to_text(&written));
        assert_eq!(parse_grants(&through_text, &project), Ok(read), "{text}");
    }
}

#[test]
fn whatever_is_wrong_or_not_enforced_is_refused_at_its_place() {
    let read = |rest: &str| format!(r#"{{"on":"pool:strict","actions":["query"],{rest}}}"#);
    let write = |rest: &str| format!(r#"{{"on":"pool:strict","actions":["ingest"],{rest}}}"#);
    let rows = |filter: &str| read(&format!(r#""constraints":{filter}"#));
    let timed = |window: &str| read(&format!(r#""constraints":"all_rows","time":{window}"#));
    let shown = |fields: &str| read(&format!(r#""constraints":"all_rows","fields":{fields}"#));
    let cases = [
        ("1".to_owned(), "WrongType /0"),
        ("{}".to_owned(), "MissingMember /0/on"),
        (r#"{"on":"project"}"#.to_owned(), "MissingMember /0/actions"),
        (r#"{"on":1,"actions":["admin"]}"#.to_owned(), "WrongType /0/on"),
        (r#"{"on":"everything","actions":["admin"]}"#.to_owned(), "InvalidValue /0/on"),
        (r#"{"on":"project:","actions":["admin"]}"#.to_owned(), "InvalidValue /0/on"),
        (r#"{"on":"project:*","actions":["admin"]}"#.to_owned(), "InvalidValue /0/on"),
        (r#"{"on":"Pool:open","actions":["ingest"]}"#.to_owned(), "InvalidValue /0/on"),
        (r#"{"on":"pool","actions":["ingest"]}"#.to_owned(), "InvalidName /0/on"),
        (r#"{"on":"pool:","actions":["ingest"]}"#.to_owned(), "InvalidName /0/on"),
        (r#"{"on":"pool:a:b","actions":["ingest"]}"#.to_owned(), "InvalidName /0/on"),
        (r#"{"on":"pool:s*","actions":["ingest"]}"#.to_owned(), "InvalidName /0/on"),
        (r#"{"on":"pool: *","actions":["ingest"]}"#.to_owned(), "InvalidName /0/on"),
        (r#"{"on":"pool:gone","actions":["ingest"]}"#.to_owned(), "UnknownResource /0/on"),
        (r#"{"on":"pool:records","actions":["ingest"]}"#.to_owned(), "UnknownResource /0/on"),
        (r#"{"on":"view:strict","actions":["read"],"constraints":"all_rows"}"#.to_owned(), "UnknownResource /0/on"),
        (r#"{"on":"saved:*","actions":["run"]}"#.to_owned(), "MissingMember /0/constraints"),
        (r#"{"on":"cached:a","actions":["read"]}"#.to_owned(), "UnknownResource /0/on"),
        (r#"{"on":"dataset:*","actions":["retrieve"],"index_by":[]}"#.to_owned(), "WrongType /0/index_by"),
        (r#"{"on":"tier:premium","actions":["query"]}"#.to_owned(), "MissingMember /0/constraints"),
        (r#"{"on":"tier:gold","actions":["query"],"constraints":"all_rows"}"#.to_owned(), "InvalidValue /0/on"),
        (r#"{"on":"tier:*","actions":["query"],"constraints":"all_rows"}"#.to_owned(), "InvalidValue /0/on"),
        (r#"{"on":"tier","actions":["query"],"constraints":"all_rows"}"#.to_owned(), "InvalidValue /0/on"),
        (r#"{"on":"tier:core","actions":["ingest"]}"#.to_owned(), "InvalidValue /0/actions/0"),
        (r#"{"on":"tier:core","actions":["query","delete"],"constraints":"all_rows"}"#.to_owned(), "InvalidValue /0/actions/1"),
        (r#"{"on":"tier:core","actions":["query"],"constraints":"all_rows","except":["a"]}"#.to_owned(), "InvalidValue /0/except"),
        (r#"{"on":"pool:open","actions":["ingest"],"except":["a"]}"#.to_owned(), "InvalidValue /0/except"),
        (r#"{"on":"project","actions":["admin"],"except":["a"]}"#.to_owned(), "InvalidValue /0/except"),
        (r#"{"on":"pool:*","actions":["ingest"],"except":"a"}"#.to_owned(), "WrongType /0/except"),
        (r#"{"on":"pool:*","actions":["ingest"],"except":["ok",1]}"#.to_owned(), "WrongType /0/except/1"),
        (r#"{"on":"pool:*","actions":["ingest"],"except":["a/b"]}"#.to_owned(), "InvalidName /0/except/0"),
        (r#"{"on":"pool:*","actions":"ingest"}"#.to_owned(), "WrongType /0/actions"),
        (r#"{"on":"pool:*","actions":[]}"#.to_owned(), "InvalidValue /0/actions"),
        (r#"{"on":"pool:*","actions":["ingest","admin"]}"#.to_owned(), "InvalidValue /0/actions/1"),
        (r#"{"on":"pool:*","actions":["*"]}"#.to_owned(), "InvalidValue /0/actions/0"),
        (r#"{"on":"pool:*","actions":["Ingest"]}"#.to_owned(), "InvalidValue /0/actions/0"),
        (r#"{"on":"pool:*","actions":["read"],"constraints":"all_rows"}"#.to_owned(), "InvalidValue /0/actions/0"),
        (r#"{"on":"view:*","actions":["query"],"constraints":"all_rows"}"#.to_owned(), "InvalidValue /0/actions/0"),
        (r#"{"on":"project","actions":["ingest"]}"#.to_owned(), "InvalidValue /0/actions/0"),
        (r#"{"on":"pool:*","actions":[null]}"#.to_owned(), "WrongType /0/actions/0"),
        (read(r#""constraints":null"#), "MissingMember /0/constraints"),
        (read(r#""on_conflict":null"#), "MissingMember /0/constraints"),
        (rows("[]"), "InvalidFilter /0/constraints"),
        (rows("true"), "WrongType /0/constraints"),
        (rows("{}"), "WrongType /0/constraints"),
        (rows("\"all\""), "WrongType /0/constraints"),
        (rows("\"ALL_ROWS\""), "WrongType /0/constraints"),
        (rows("[\"all_rows\"]"), "WrongType /0/constraints/0"),
        (rows(r#"[{"all":[]}]"#), "InvalidFilter /0/constraints/0/all"),
        (rows(r#"[{"field":"customer.id","operator":"eq","value":null}]"#), "InvalidFilter /0/constraints/0/value"),
        (rows(r#"[{"field":"other","operator":"eq","value":1}]"#), "UnknownField /0/constraints"),
        (rows(r#"[{"field":"customer","operator":"exists","value":true}]"#), "UnknownField /0/constraints"),
        (rows(r#"[{"field":"customer.id","operator":"eq","value":93}]"#), "WrongType /0/constraints"),
        (rows(r#"[{"field":"customer.id","operator":"contains","value":93}]"#), "WrongType /0/constraints"),
        (rows(r#"[{"field":"tags","operator":"gt","value":"a"}]"#), "WrongType /0/constraints"),
        (write(r#""constraints":"all_rows""#), "InvalidValue /0/constraints"),
        (write(r#""fields":{"deny":["n"]}"#), "InvalidValue /0/fields"),
        (r#"{"on":"project","actions":["admin"],"constraints":"all_rows"}"#.to_owned(), "InvalidValue /0/constraints"),
        (write(r#""injections":[]"#), "WrongType /0/injections"),
        (write(r#""injections":{}"#), "InvalidValue /0/injections"),
        (write(r#""injections":{"a..b":1}"#), "InvalidName /0/injections/a..b"),
        (write(r#""injections":{"_key":"x"}"#), "InvalidName /0/injections/_key"),
        (write(r#""injections":{"customer/id":"x"}"#), "UnknownField /0/injections/customer~1id"),
        (write(r#""injections":{"n":null}"#), "WrongType /0/injections/n"),
        (write(r#""injections":{"tags":["a"]}"#), "WrongType /0/injections/tags"),
        (write(r#""injections":{"tags":"a"}"#), "WrongType /0/injections/tags"),
        (write(r#""injections":{"n":{"a":1}}"#), "WrongType /0/injections/n"),
        (write(r#""injections":{"n":"five"}"#), "WrongType /0/injections/n"),
        (write(r#""injections":{"customer":"x"}"#), "UnknownField /0/injections/customer"),
        (r#"{"on":"pool:*","actions":["ingest"],"injections":{"a":1,"a.b":2}}"#.to_owned(), "InvalidValue /0/injections/a.b"),
        (r#"{"on":"pool:*","actions":["query"],"constraints":"all_rows","injections":{"a":1}}"#.to_owned(), "InvalidValue /0/injections"),
        (r#"{"on":"pool:*","actions":["query"],"constraints":"all_rows","on_conflict":"reject"}"#.to_owned(), "InvalidValue /0/on_conflict"),
        (write(r#""on_conflict":"merge""#), "InvalidValue /0/on_conflict"),
        (write(r#""on_conflict":true"#), "WrongType /0/on_conflict"),
        (shown("[]"), "WrongType /0/fields"),
        (shown("{}"), "InvalidValue /0/fields"),
        (shown(r#"{"deny":[]}"#), "InvalidValue /0/fields"),
        (shown(r#"{"allow":[]}"#), "InvalidValue /0/fields"),
        (shown(r#"{"allow":["a"],"deny":["b"]}"#), "InvalidValue /0/fields"),
        (shown(r#"{"deny":["a..b"]}"#), "InvalidName /0/fields/0"),
        (shown(r#"{"deny":"a"}"#), "WrongType /0/fields/deny"),
        (shown(r#"{"hide":["a"]}"#), "UnknownMember /0/fields/hide"),
        (shown(r#"{"both":[{"deny":["a"]}]}"#), "InvalidValue /0/fields"),
        (shown(&nested_both(9)), "InvalidValue /0/fields"),
        (timed(r#"{"field":"_ingested_at"}"#), "InvalidValue /0/time"),
        (timed(r#"{"last":"90d"}"#), "MissingMember /0/time/field"),
        (timed(r#"{"field":"n","last":"90d"}"#), "WrongType /0/time/field"),
        (timed(r#"{"field":"region","last":"90d"}"#), "WrongType /0/time/field"),
        (timed(r#"{"field":"absent","last":"90d"}"#), "UnknownField /0/time/field"),
        (timed(r#"{"field":"a..b","last":"90d"}"#), "InvalidName /0/time/field"),
        (timed(r#"{"field":"_ingested_at","last":"0d"}"#), "InvalidValue /0/time/last"),
        (timed(r#"{"field":"_ingested_at","last":"-1d"}"#), "InvalidValue /0/time/last"),
        (timed(r#"{"field":"_ingested_at","last":"1"}"#), "InvalidValue /0/time/last"),
        (timed(r#"{"field":"_ingested_at","last":""}"#), "InvalidValue /0/time/last"),
        (timed(r#"{"field":"_ingested_at","last":"1w"}"#), "InvalidValue /0/time/last"),
        (timed(r#"{"field":"_ingested_at","last":"d"}"#), "InvalidValue /0/time/last"),
        (timed(r#"{"field":"_ingested_at","last":"36501d"}"#), "InvalidValue /0/time/last"),
        (timed(r#"{"field":"_ingested_at","last":"99999999999999999999d"}"#), "InvalidValue /0/time/last"),
        (timed(r#"{"field":"_ingested_at","last":7}"#), "WrongType /0/time/last"),
        (timed(r#"{"field":"_ingested_at","from":"yesterday"}"#), "InvalidValue /0/time/from"),
        (timed(r#"{"field":"_ingested_at","from":"2026-01-01T00:00:00Z","to":"2026-01-01T00:00:00Z"}"#), "InvalidValue /0/time/to"),
        (timed(r#"{"field":"_ingested_at","last":"1d","until":null}"#), "UnknownMember /0/time/until"),
        (timed("[]"), "LimitExceeded /0/time"),
        (timed(&format!("[{}]", [r#"{"field":"_ingested_at","last":"1d"}"#; 9].join(","))), "LimitExceeded /0/time"),
        (timed(r#""90d""#), "WrongType /0/time"),
        (write(r#""time":{"field":"_ingested_at","last":"1d"}"#), "InvalidValue /0/time"),
        (read(r#""constraints":"all_rows","index_by":{"customer.id":["93i"]}"#), "InvalidValue /0/index_by"),
        (read(r#""constraints":"all_rows","constraint":[]"#), "UnknownMember /0/constraint"),
        (read(r#""constraints":"all_rows","id":"01ARZ3NDEKTSV4RRFFQ69G5FAV""#), "InvalidValue /0/id"),
        (read(r#""constraints":"all_rows","id":"x""#), "InvalidValue /0/id"),
        (read(r#""constraints":"all_rows","id":7"#), "WrongType /0/id"),
    ];
    let project = Project::new();
    for (text, expected) in cases {
        assert_eq!(
            refusal(project.grants(&format!("[{text}]"))),
            expected,
            "{text}"
        );
    }
    for (list, expected) in [
        ("{}", "WrongType "),
        ("null", "WrongType "),
        ("\"all\"", "WrongType "),
    ] {
        assert_eq!(refusal(project.grants(list)), expected);
    }
    let many = |n: usize| {
        format!(
            "[{}]",
            vec![r#"{"on":"project","actions":["admin"]}"#; n].join(",")
        )
    };
    assert_eq!(refusal(project.grants(&many(KEY_GRANTS_MAX))), "accepted");
    assert_eq!(
        refusal(project.grants(&many(KEY_GRANTS_MAX + 1))),
        "LimitExceeded "
    );
    let stamps = |n: usize| {
        let all: Vec<String> = (0..n).map(|i| format!("\"f{i}\":1")).collect();
        format!(
            r#"[{{"on":"pool:*","actions":["ingest"],"injections":{{{}}}}}]"#,
            all.join(",")
        )
    };
    assert_eq!(
        refusal(project.grants(&stamps(GRANT_INJECTIONS_MAX))),
        "accepted"
    );
    assert_eq!(
        refusal(project.grants(&stamps(GRANT_INJECTIONS_MAX + 1))),
        "InvalidValue /0/injections"
    );
}

fn nested_both(depth: usize) -> String {
    let leaf = |n: usize| format!(r#"{{"deny":["f{n}"]}}"#);
    (0..depth).fold(leaf(0), |inner, n| {
        format!(r#"{{"both":[{inner},{}]}}"#, leaf(n + 1))
    })
}

#[test]
fn two_writing_grants_never_meet_on_one_pool() {
    let write = |on: &str, rest: &str| format!(r#"{{"on":"{on}","actions":["ingest"]{rest}}}"#);
    let query = r#"{"on":"pool:open","actions":["query"],"constraints":"all_rows"}"#.to_owned();
    let clash = "InvalidValue /1";
    let cases = [
        (write("pool:open", ""), write("pool:open", ""), clash),
        (write("pool:open", ""), write("pool:*", ""), clash),
        (write("pool:*", ""), write("pool:open", ""), clash),
        (
            write("pool:*", r#","except":["open"]"#),
            write("pool:*", r#","except":["strict"]"#),
            clash,
        ),
        (
            write("pool:*", r#","except":["open"]"#),
            write("pool:strict", ""),
            clash,
        ),
        (
            write("pool:*", r#","except":["open"]"#),
            write("pool:open", ""),
            "accepted",
        ),
        (write("pool:open", ""), write("pool:strict", ""), "accepted"),
        (query.clone(), write("pool:open", ""), "accepted"),
        (query.clone(), query, "accepted"),
    ];
    for (one, two, expected) in cases {
        assert_eq!(
            refusal(Project::new().grants(&format!("[{one},{two}]"))),
            expected,
            "{one} {two}"
        );
    }
}

#[test]
fn a_grant_by_name_keeps_to_the_resource_that_was_meant() {
    let mut project = Project::new();
    let text = r#"[{"on":"pool:open","actions":["query"],"constraints":"all_rows"}]"#;
    let granted = project.grants(text).expect("legal");
    project.existing = granted.clone();
    project.pools[0] = pool(
        7,
        r#"{"name":"open","schema":"strict","fields":[{"name":"a","type":"Int8"}]}"#,
    );
    let kept = parse_grants(&Value::Array(vec![granted[0].to_value()]), &project).expect("kept");
    assert_eq!(
        kept, granted,
        "the re-created pool of the name is another one"
    );
    let fresh = project.grants(text).expect("legal");
    assert_eq!(
        fresh[0].on,
        Target::Pool(Selector::One {
            id: pool_id(7),
            name: name("open")
        })
    );
    project.pools.remove(0);
    assert_eq!(
        parse_grants(&Value::Array(vec![granted[0].to_value()]), &project),
        Ok(granted)
    );
}

#[test]
fn a_grant_that_is_sent_again_is_still_checked() {
    let mut project = Project::new();
    project.existing = project
        .grants(
            r#"[{"on":"pool:strict","actions":["query"],"constraints":"all_rows"},
            {"on":"pool:*","actions":["query"],"except":["open"],"constraints":"all_rows"},
            {"on":"view:records","actions":["read"],"constraints":"all_rows"}]"#,
        )
        .expect("legal");
    let again = |n: u8, rest: &str| format!(r#"[{{"id":"{}",{rest}}}]"#, grant_id(n));
    let unknown = r#""constraints":[{"field":"other","operator":"eq","value":1}]"#;
    let changed = again(
        1,
        &format!(r#""on":"pool:strict","actions":["query"],{unknown}"#),
    );
    assert_eq!(
        refusal(project.grants(&changed)),
        "UnknownField /0/constraints"
    );
    let changed = again(
        3,
        &format!(r#""on":"view:records","actions":["read"],{unknown}"#),
    );
    assert_eq!(
        refusal(project.grants(&changed)),
        "UnknownField /0/constraints"
    );
    let wider = again(
        2,
        r#""on":"pool:*","actions":["query"],"constraints":"all_rows""#,
    );
    let wider = project.grants(&wider).expect("legal");
    assert_eq!(
        wider[0].on,
        Target::Pool(Selector::All {
            only: None,
            except: BTreeSet::new()
        }),
        "what is said is what is meant"
    );
    let moved = again(
        1,
        r#""on":"pool:open","actions":["query"],"constraints":"all_rows""#,
    );
    let moved = project.grants(&moved).expect("legal");
    assert_eq!(
        (moved[0].id, moved[0].on.to_text().0.as_str()),
        (grant_id(1), "pool:open")
    );
    let twice = format!(
        "[{0},{0}]",
        again(1, r#""on":"project","actions":["admin"]"#).trim_matches(['[', ']'])
    );
    assert_eq!(refusal(project.grants(&twice)), "InvalidValue /1/id");
}

#[test]
fn targets_cover_and_overlap_by_id_and_by_name() {
    let all = |except: &[&str]| Selector::All {
        only: None,
        except: except.iter().map(|text| name(text)).collect(),
    };
    let one = |number: u8, text: &str| Selector::One {
        id: pool_id(number),
        name: name(text),
    };
    assert!(all(&[]).covers(pool_id(1), &name("a")));
    assert!(!all(&["a"]).covers(pool_id(1), &name("a")));
    assert!(
        all(&["a"]).covers(pool_id(1), &name("A")),
        "names are case-sensitive"
    );
    assert!(one(1, "a").covers(pool_id(1), &name("renamed")));
    assert!(!one(1, "a").covers(pool_id(2), &name("a")));
    let cases = [
        (all(&[]), all(&["a"]), true),
        (all(&["a"]), all(&[]), false),
        (all(&["a"]), all(&["a", "b"]), true),
        (all(&["a"]), all(&["b"]), false),
        (all(&["a"]), one(1, "a"), false),
        (all(&["a"]), one(1, "b"), true),
        (one(1, "a"), one(1, "a"), true),
        (one(1, "a"), one(2, "a"), false),
        (one(1, "a"), all(&[]), false),
        (one(1, "a"), all(&["b"]), false),
    ];
    for (wide, narrow, covers) in cases {
        assert_eq!(
            Target::Pool(wide.clone()).covers_all_of(&Target::Pool(narrow.clone()), Action::Query),
            covers,
            "{wide:?} {narrow:?}"
        );
    }
    let view = Target::View(Selector::One {
        id: view_id(1),
        name: name("a"),
    });
    for other in [Target::Project, Target::Pool(all(&[]))] {
        assert!(
            !other.covers_all_of(&view, Action::Read)
                && !view.covers_all_of(&other, Action::Read)
                && !other.overlaps(&view)
        );
    }
}

#[test]
fn visible_fields_stand_for_what_is_above_and_below() {
    let set = |paths: &[&str]| paths.iter().map(|text| path(text)).collect::<BTreeSet<_>>();
    let allow = |paths: &[&str]| VisibleFields::Allow(set(paths));
    let deny = |paths: &[&str]| VisibleFields::Deny(set(paths));
    let cases = [
        (
            allow(&["a.b"]),
            vec!["a.b", "a.b.c"],
            vec!["a", "a.bc", "ab", "b", "_id"],
        ),
        (
            deny(&["a.b"]),
            vec!["a.c", "ab", "a.bc", "_id"],
            vec!["a.b", "a.b.c", "a"],
        ),
        (allow(&["_id"]), vec!["_id"], vec!["_key", "a"]),
        (deny(&["_key"]), vec!["_id", "a"], vec!["_key"]),
        (
            allow(&["a"]).and(&deny(&["a.b"])),
            vec!["a.c"],
            vec!["a.b", "a.b.c", "a", "c"],
        ),
        (
            allow(&["a"]).and(&allow(&["a.b", "c"])),
            vec!["a.b", "a.b.c"],
            vec!["a", "c", "a.c"],
        ),
        (VisibleFields::All.and(&deny(&["a"])), vec!["b"], vec!["a"]),
    ];
    for (fields, shown, hidden) in cases {
        for text in shown {
            assert!(fields.shows(&path(text)), "{fields:?} {text}");
        }
        for text in hidden {
            assert!(!fields.shows(&path(text)), "{fields:?} {text}");
        }
    }
    assert_eq!(deny(&["a"]).and(&deny(&["a"])), deny(&["a"]));
}

#[test]
fn every_action_that_reaches_rows_needs_to_say_which() {
    let all = Action::POOL.into_iter().chain(Action::POOL_NOT_YET);
    let free = all.filter(|action| !action.touches_rows());
    assert_eq!(
        free.collect::<Vec<_>>(),
        [Action::Ingest, Action::Drop, Action::Encrypt]
    );
    assert!(Action::Read.touches_rows() && !Action::Admin.touches_rows());
    for action in Action::POOL
        .into_iter()
        .filter(|action| action.touches_rows())
    {
        let text = format!(
            r#"[{{"on":"pool:*","actions":["ingest","{}"]}}]"#,
            action.name()
        );
        assert_eq!(
            refusal(Project::new().grants(&text)),
            "MissingMember /0/constraints"
        );
    }
}

#[test]
fn nothing_is_injected_unless_said_and_override_is_the_habit() {
    let read = Project::new()
        .grants(r#"[{"on":"pool:open","actions":["ingest"]}]"#)
        .expect("legal");
    assert_eq!(
        (
            read[0].injections.values.len(),
            read[0].injections.on_conflict
        ),
        (0, OnConflict::Override)
    );
    assert_eq!(
        (&read[0].rows, &read[0].fields),
        (&None, &VisibleFields::All)
    );
}

fn any_fields() -> impl Strategy<Value = VisibleFields> {
    let paths = prop::sample::subsequence(vec!["a", "a.b", "a.b.c", "b", "c.d", "_id"], 1..4);
    let paths = paths.prop_map(|paths| paths.into_iter().map(path).collect::<BTreeSet<_>>());
    let leaf = prop_oneof![
        Just(VisibleFields::All),
        paths.clone().prop_map(VisibleFields::Allow),
        paths.prop_map(VisibleFields::Deny),
    ];
    leaf.prop_recursive(3, 8, 2, |inner| {
        (inner.clone(), inner).prop_map(|(a, b)| a.and(&b))
    })
}

proptest! {
    #[test]
    fn fields_in_common_are_shown_by_both(a in any_fields(), b in any_fields()) {
        let both = a.and(&b);
        for text in ["a", "a.b", "a.b.c", "a.b.c.d", "b", "c", "c.d", "c.e", "_id", "_key", "x"] {
            prop_assert_eq!(both.shows(&path(text)), a.shows(&path(text)) && b.shows(&path(text)));
        }
    }

    #[test]
    fn a_shown_field_hides_nothing_below_it(fields in any_fields(), below in "[a-d]") {
        for text in ["a", "a.b", "a.b.c", "b", "c", "c.d", "x"] {
            let deeper = path(&format!("{text}.{below}"));
            prop_assert!(!fields.shows(&path(text)) || fields.shows(&deeper), "{text} {below}");
        }
    }

    #[test]
    fn visible_fields_read_back(fields in any_fields()) {
        let mut project = Project::new();
        let mut grants = project.grants(r#"[{"on":"view:*","actions":["read"],"constraints":"all_rows"}]"#).expect("legal");
        grants[0].fields = fields;
        project.existing = grants.clone();
        prop_assert_eq!(parse_grants(&Value::Array(vec![grants[0].to_value()]), &project), Ok(grants));
    }
}

#[test]
fn an_action_that_no_call_asks_for_is_granted_to_nobody() {
    for action in Action::POOL_NOT_YET {
        let text = format!(
            r#"[{{"on":"pool:*","actions":["ingest","{}"],"constraints":"all_rows"}}]"#,
            action.name()
        );
        assert_eq!(
            refusal(Project::new().grants(&text)),
            "NotAvailable /0/actions/1"
        );
    }
}

#[test]
fn certain_names_of_a_kind_are_meant_be_they_made_later() {
    let mut project = Project::new();
    let text = r#"[{"on":"pool:*","only":["a","b"],"except":["b"],"actions":["query"],"constraints":"all_rows"}]"#;
    let grants = parse_grants(&json(text), &project).expect("legal");
    let Target::Pool(pools) = &grants[0].on else {
        panic!("a grant on pools");
    };
    assert!(pools.covers_name(&name("a")) && !pools.covers_name(&name("b")));
    assert!(!pools.covers_name(&name("c")));
    let all = Selector::<PoolId>::everything();
    assert!(all.covers_all_of(pools) && !pools.covers_all_of(&all));
    assert!(all.overlaps(pools) && pools.overlaps(&all));
    let b = |only: &str| Selector::<PoolId>::All {
        only: Some(BTreeSet::from([name(only)])),
        except: BTreeSet::new(),
    };
    assert!(pools.covers_all_of(&b("a")) && !pools.covers_all_of(&b("b")));
    assert!(pools.overlaps(&b("a")) && !pools.overlaps(&b("b")) && !b("c").overlaps(pools));
    project.existing = grants.clone();
    let read = parse_grants(&Value::Array(vec![grants[0].to_value()]), &project);
    assert_eq!(read.expect("reads back"), grants);
}

#[test]
fn what_covers_a_tier_is_that_tier_or_everything_of_the_action() {
    let premium = Target::Tier(Tier::Premium);
    let pools = |except: &[&str]| {
        Target::Pool(Selector::All {
            only: None,
            except: except.iter().map(|text| name(text)).collect(),
        })
    };
    let views = Target::View(Selector::everything());
    let one = Target::Pool(Selector::One {
        id: pool_id(1),
        name: name("a"),
    });
    for (wide, action, covers) in [
        (premium.clone(), Action::Query, true),
        (premium.clone(), Action::Read, true),
        (Target::Tier(Tier::Core), Action::Query, false),
        (pools(&[]), Action::Query, true),
        (pools(&[]), Action::Read, false),
        (pools(&["a"]), Action::Query, false),
        (views.clone(), Action::Read, true),
        (views, Action::Query, false),
        (one.clone(), Action::Query, false),
        (Target::Project, Action::Query, false),
    ] {
        assert_eq!(
            wide.covers_all_of(&premium, action),
            covers,
            "{wide:?} {action:?}"
        );
    }
    // What is of the tier now need not be of it later.
    for narrow in [one, pools(&[])] {
        assert!(!premium.covers_all_of(&narrow, Action::Query), "{narrow:?}");
    }
}

/// Whatever the field: what is shown by fields within others, those show, too.
#[test]
fn fields_within_others_show_none_but_theirs() {
    let paths = ["a", "a.b", "a.b.c", "d"].map(path);
    let sets = (1..16_usize).map(|bits| -> BTreeSet<FieldPath> {
        let chosen = paths.iter().enumerate();
        let chosen = chosen.filter(|(at, _)| bits & (1 << at) != 0);
        chosen.map(|(_, path)| path.clone()).collect()
    });
    let plain = sets.flat_map(|set| [VisibleFields::Allow(set.clone()), VisibleFields::Deny(set)]);
    let plain: Vec<_> = plain.chain([VisibleFields::All]).collect();
    let both = plain.iter().step_by(3).flat_map(|a| {
        let others = plain.iter().skip(1).step_by(4);
        others.map(|b| VisibleFields::Both(Box::new(a.clone()), Box::new(b.clone())))
    });
    let all: Vec<_> = plain.iter().cloned().chain(both).collect();
    let asked = ["a", "a.b", "a.b.c", "a.b.c.d", "a.x", "d", "d.e", "f"].map(path);
    let mut within = 0;
    for one in &all {
        assert!(
            one.are_within(one) || matches!(one, VisibleFields::Both(..)),
            "{one:?}"
        );
        for other in all.iter().filter(|other| one.are_within(other)) {
            within += 1;
            for field in &asked {
                assert!(
                    !one.shows(field) || other.shows(field),
                    "{one:?} in {other:?}: {field}"
                );
            }
        }
    }
    assert!(within > 3 * all.len(), "{within} of {}", all.len());
    let set = |texts: &[&str]| texts.iter().map(|text| path(text)).collect::<BTreeSet<_>>();
    let (allow, deny) = (
        |texts: &[&str]| VisibleFields::Allow(set(texts)),
        |texts: &[&str]| VisibleFields::Deny(set(texts)),
    );
    assert!(allow(&["a"]).are_within(&allow(&["a", "d"])));
    assert!(
        allow(&["a.b"]).are_within(&allow(&["a"])) && !allow(&["a"]).are_within(&allow(&["a.b"]))
    );
    assert!(
        deny(&["a", "d"]).are_within(&deny(&["a"])) && !deny(&["a"]).are_within(&deny(&["a", "d"]))
    );
    assert!(allow(&["d"]).are_within(&deny(&["a"])) && !allow(&["a"]).are_within(&deny(&["a.b"])));
}
