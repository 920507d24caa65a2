//! A key made by a key: whatever is asked for, no more than the maker has.

use proptest::prelude::*;

use super::rows::{any_constraint, any_record};
use super::*;
use crate::filters::to_value;
use crate::grants::{Grant, VisibleFields, parse_grants};
use crate::limits::{FILTER_DEPTH_MAX, FILTER_NODES_MAX, GRANT_INJECTIONS_MAX};

const ADMIN: &str = r#"{"on":"project","actions":["admin"]}"#;
const STAMPED: [&str; 4] = ["customer.id", "customer", "region", "n"];
const SHOWN: [&str; 6] = ["customer", "customer.id", "region", "n", "_id", "x"];

pub(super) fn any_grant() -> impl Strategy<Value = String> {
    let on = prop::sample::select(vec![
        r#""pool:*""#,
        r#""pool:open""#,
        r#""pool:strict""#,
        r#""pool:*","except":["open"]"#,
        r#""pool:*","except":["strict","open"]"#,
    ]);
    let actions = prop::sample::subsequence(vec!["query", "schema", "delete", "ingest"], 1..4);
    let fields = prop::sample::select(vec![
        "",
        "",
        r#","fields":{"deny":["customer.id"]}"#,
        r#","fields":{"allow":["customer","n"]}"#,
        r#","fields":{"deny":["n","_id"]}"#,
    ]);
    let injections = prop::sample::select(vec![
        "",
        r#""customer.id":"a""#,
        r#""customer.id":"b""#,
        r#""region":"eu""#,
        r#""region":"eu","customer.id":"a""#,
    ]);
    let time = prop::sample::select(vec![
        "",
        "",
        r#","time":{"field":"at","last":"30d"}"#,
        r#","time":[{"field":"at","last":"30d"},{"field":"at","from":"2026-02-20T00:00:00Z"}]"#,
        r#","time":{"field":"at","to":"2026-03-01T00:00:00Z"}"#,
    ]);
    (on, actions, any_constraint(), fields, injections, time).prop_map(
        |(on, actions, rows, fields, injections, time)| {
            let reads = actions.iter().any(|action| *action != "ingest");
            let rows = if reads {
                format!(r#","constraints":{rows}{fields}{time}"#)
            } else {
                String::new()
            };
            let stamps = actions.contains(&"ingest") && !injections.is_empty();
            let injections = if stamps {
                format!(r#","injections":{{{injections}}}"#)
            } else {
                String::new()
            };
            format!(
                r#"{{"on":{on},"actions":["{}"]{rows}{injections}}}"#,
                actions.join("\",\"")
            )
        },
    )
}

pub(super) fn grants(project: &Project, texts: &[String]) -> Option<Vec<Grant>> {
    project.grants(&format!("[{}]", texts.join(","))).ok()
}

fn maker(project: &Project, texts: &[String]) -> Option<Access> {
    let mut texts = texts.to_vec();
    texts.push(ADMIN.to_owned());
    grants(project, &texts).map(access_of)
}

fn reach<'a>(
    grants: &'a [Grant],
    action: Action,
    pool: &'a Pool,
) -> impl Iterator<Item = &'a Grant> {
    grants
        .iter()
        .filter(move |grant| grant.on.covers_pool(pool) && grant.allows(action))
}

/// Whether everything that `new` can do on the pools, `old` can do too, now and later.
pub(super) fn never_wider(
    new: &[Grant],
    old: &[Grant],
    pools: &[Arc<Pool>],
    record: &Record,
) -> Result<(), TestCaseError> {
    ["2026-03-01T12:00:00Z", "2026-03-22T00:00:00Z"]
        .into_iter()
        .try_for_each(|now| {
            let as_of = |grants: &[Grant]| -> Vec<Grant> {
                grants.iter().map(|grant| grant.at(at(now))).collect()
            };
            never_wider_as_they_are(&as_of(new), &as_of(old), pools, record)
        })
}

fn never_wider_as_they_are(
    new: &[Grant],
    old: &[Grant],
    pools: &[Arc<Pool>],
    record: &Record,
) -> Result<(), TestCaseError> {
    for pool in pools {
        for action in [Action::Query, Action::Schema, Action::Delete] {
            for grant in reach(new, action, pool) {
                let rows = grant.rows.as_ref().expect("an action on rows says which");
                if !admits(rows, pool, record) {
                    continue;
                }
                let held = reach(old, action, pool)
                    .filter(|held| admits(held.rows.as_ref().expect("said"), pool, record));
                let held: Vec<&Grant> = held.collect();
                prop_assert!(
                    !held.is_empty(),
                    "{:?} on {} widened",
                    action,
                    pool.draft.name
                );
                for text in SHOWN.map(path) {
                    let shown = held.iter().any(|held| held.fields.shows(&text));
                    prop_assert!(!grant.fields.shows(&text) || shown, "{} shown", text);
                }
            }
        }
        for grant in reach(new, Action::Ingest, pool) {
            let held = reach(old, Action::Ingest, pool).next();
            prop_assert!(held.is_some(), "ingest to {} given", pool.draft.name);
            for stamp in held.into_iter().flat_map(|held| &held.injections.values) {
                prop_assert!(grant.injections.values.contains(stamp), "{:?} lost", stamp);
            }
            let overlaps = STAMPED.map(path).map(|stamp| {
                grant
                    .injections
                    .values
                    .iter()
                    .filter(|(held, _)| held.overlaps(&stamp))
                    .count()
            });
            prop_assert!(overlaps.iter().all(|count| *count <= 1));
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { max_global_rejects: 100_000, ..ProptestConfig::with_cases(1_500) })]

    #[test]
    fn narrowing_never_widens(
        held in proptest::collection::vec(any_grant(), 1..5),
        asked in proptest::collection::vec(any_grant(), 1..3),
        again in proptest::collection::vec(any_grant(), 1..2),
        record in any_record(),
    ) {
        let mut project = Project::new();
        project.pools.push(pool(9, r#"{"name":"third","schema":"open"}"#));
        let (Some(maker), Some(asked)) = (maker(&project, &held), grants(&project, &asked)) else {
            return Err(TestCaseError::reject("no legal grants"));
        };
        let permit = maker.permit::<Admin>(On::Project).expect("an administrator");
        let Ok(given) = permit.narrow(asked, &[]) else {
            return Err(TestCaseError::reject("the maker does not have that"));
        };
        never_wider(&given, maker.grants_of_key(), &project.pools, &record)?;
        // What is stored can be read back as what was given.
        project.existing = given.clone();
        let written = Value::Array(given.iter().map(Grant::to_value).collect());
        prop_assert_eq!(parse_grants(&written, &project), Ok(given.clone()));
        // And the key's key reaches no further than the first maker.
        let mut second = given.clone();
        second.extend(grants(&project, &[ADMIN.to_owned()]).expect("legal"));
        let second = access_of(second);
        let permit = second.permit::<Admin>(On::Project).expect("an administrator");
        if let Some(third) = grants(&project, &again).and_then(|again| permit.narrow(again, &[]).ok()) {
            never_wider(&third, second.grants_of_key(), &project.pools, &record)?;
            never_wider(&third, maker.grants_of_key(), &project.pools, &record)?;
        }
    }
}

/// The same for grants on tiers, also when a pool has left the tier since.
#[test]
fn narrowing_a_grant_on_a_tier_never_widens() {
    let mut project = Project::new();
    let mut left = (**project.open()).clone();
    left.draft.tier = crate::credits::Tier::Premium;
    project.pools.push(Arc::new(left));
    let (a, b) = (only("a"), only("b"));
    let ons = ["tier:core", "tier:premium", "pool:*", "pool:open"];
    let mut given = 0;
    for (held_on, asked_on) in ons.iter().flat_map(|held| ons.map(|asked| (held, asked))) {
        for (held_rows, asked_rows) in [(&a, &b), (&a, &r#""all_rows""#.to_owned())] {
            let grant = |on: &str, rows: &str| {
                format!(r#"{{"on":"{on}","actions":["query"],"constraints":{rows}}}"#)
            };
            let held = maker(&project, &[grant(held_on, held_rows)]).expect("legal");
            let asked = grants(&project, &[grant(asked_on, asked_rows)]).expect("legal");
            let permit = held.permit::<Admin>(On::Project).expect("an administrator");
            let Ok(narrowed) = permit.narrow(asked, &[]) else {
                continue;
            };
            given += 1;
            for customer in ["a", "b"] {
                let record = row(&format!(r#"{{"customer.id":"{customer}"}}"#));
                never_wider(&narrowed, held.grants_of_key(), &project.pools, &record)
                    .expect("no wider");
            }
        }
    }
    // Each its own kind, all pools, and all pools for a tier or a pool.
    assert_eq!(given, 2 * 7);
}

#[test]
fn what_the_maker_has_not_it_cannot_give() {
    let project = Project::new();
    let held = [
        format!(
            r#"{{"on":"pool:*","actions":["query"],"except":["strict"],"constraints":{}}}"#,
            only("a")
        ),
        r#"{"on":"pool:strict","actions":["ingest"],"injections":{"customer.id":"a"}}"#.to_owned(),
        read("view:records", r#""constraints":"all_rows""#),
    ];
    let access = maker(&project, &held).expect("legal");
    let permit = access
        .permit::<Admin>(On::Project)
        .expect("an administrator");
    let cases = [
        (query("pool:open", r#""all_rows""#), "InvalidValue /grants/0/actions"),
        (r#"{"on":"pool:open","actions":["query"],"constraints":"all_rows"}"#.to_owned(), "accepted"),
        (r#"{"on":"pool:strict","actions":["query"],"constraints":"all_rows"}"#.to_owned(), "InvalidValue /grants/0/actions"),
        (r#"{"on":"pool:*","actions":["query"],"constraints":"all_rows"}"#.to_owned(), "InvalidValue /grants/0/actions"),
        (r#"{"on":"pool:*","actions":["query"],"except":["open"],"constraints":"all_rows"}"#.to_owned(), "InvalidValue /grants/0/actions"),
        (r#"{"on":"pool:*","actions":["query"],"except":["open","strict"],"constraints":"all_rows"}"#.to_owned(), "accepted"),
        (r#"{"on":"pool:strict","actions":["ingest"]}"#.to_owned(), "accepted"),
        (r#"{"on":"pool:open","actions":["ingest"]}"#.to_owned(), "InvalidValue /grants/0/actions"),
        (r#"{"on":"pool:strict","actions":["ingest"],"injections":{"customer.id":"b"}}"#.to_owned(), "InvalidValue /grants/0/injections"),
        (r#"{"on":"pool:strict","actions":["ingest"],"injections":{"customer.id":"a","n":1}}"#.to_owned(), "accepted"),
        (r#"{"on":"pool:strict","actions":["delete"],"constraints":"all_rows"}"#.to_owned(), "InvalidValue /grants/0/actions"),
        (read("view:records", r#""constraints":"all_rows""#), "accepted"),
        (read("view:sums", r#""constraints":"all_rows""#), "InvalidValue /grants/0/actions"),
        (read("view:*", r#""constraints":"all_rows""#), "InvalidValue /grants/0/actions"),
        (ADMIN.to_owned(), "accepted"),
    ];
    for (asked, expected) in cases {
        let asked =
            grants(&project, std::slice::from_ref(&asked)).unwrap_or_else(|| panic!("{asked}"));
        assert_eq!(
            refusal(permit.narrow(asked.clone(), &[])),
            expected,
            "{asked:?}"
        );
    }
}

#[test]
fn several_grants_of_the_maker_give_their_rows_united_and_their_fields_in_common() {
    let project = Project::new();
    let held = ["a", "b"].map(|customer| {
        let hidden = if customer == "a" { "n" } else { "region" };
        format!(r#"{{"on":"pool:*","actions":["query"],"constraints":{},"fields":{{"deny":["{hidden}"]}}}}"#, only(customer))
    });
    let access = maker(&project, &held).expect("legal");
    let permit = access
        .permit::<Admin>(On::Project)
        .expect("an administrator");
    let asked = r#"{"on":"pool:open","actions":["query"],"constraints":"all_rows"}"#.to_owned();
    let given = permit
        .narrow(grants(&project, &[asked]).expect("legal"), &[])
        .expect("held");
    let rows = given[0].rows.as_ref().expect("said");
    let sees = ["a", "b", "c"].map(|customer| {
        admits(
            rows,
            project.open(),
            &row(&format!(r#"{{"customer.id":"{customer}"}}"#)),
        )
    });
    assert_eq!(sees, [true, true, false]);
    assert_eq!(
        ["n", "region", "x"].map(|text| given[0].fields.shows(&path(text))),
        [false, false, true]
    );
}

#[test]
fn a_grant_that_stood_before_stays_and_one_that_changed_is_narrowed() {
    let mut project = Project::new();
    let wide = grants(&project, &[query("pool:open", r#""all_rows""#)]).expect("legal");
    project.existing = wide.clone();
    let access = maker(&project, &[query("pool:*", &only("a"))]).expect("legal");
    let permit = access
        .permit::<Admin>(On::Project)
        .expect("an administrator");
    assert_eq!(
        permit.narrow(wide.clone(), &wide),
        Ok(wide.clone()),
        "a change of the name alone takes nothing away"
    );
    // The same id on another pool, or with other rows, is no grant that stood before.
    let id = wide[0].id;
    let again = |on: &str, rows: &str| {
        let text =
            format!(r#"[{{"id":"{id}","on":"{on}","actions":["query"],"constraints":{rows}}}]"#);
        permit
            .narrow(project.grants(&text).expect("legal"), &wide)
            .expect("held")
    };
    for (on, rows, pool) in [
        ("pool:strict", r#""all_rows""#, project.strict()),
        (
            "pool:open",
            r#"[{"field":"n","operator":"exists","value":true}]"#,
            project.open(),
        ),
        ("pool:open", r#""all_rows""#, project.open()),
    ] {
        let given = again(on, rows);
        assert_eq!(given[0].id, id);
        let foreign = row(r#"{"customer.id":"b","n":1}"#);
        assert!(
            !admits(given[0].rows.as_ref().expect("said"), pool, &foreign),
            "{on} {rows}"
        );
    }
    let recreated = Target::Pool(crate::grants::Selector::One {
        id: pool_id(77),
        name: crate::fixtures::name("open"),
    });
    let moved = Grant {
        on: recreated,
        ..wide[0].clone()
    };
    let given = permit.narrow(vec![moved], &wide).expect("held");
    assert_ne!(given[0].rows, Some(Constraint::AllRows));
}

#[test]
fn a_grant_that_could_not_be_read_back_is_not_given() {
    let project = Project::new();
    let narrow = |held: String, asked: String| {
        let access = maker(&project, &[held]).expect("legal");
        let permit = access
            .permit::<Admin>(On::Project)
            .expect("an administrator");
        refusal(permit.narrow(grants(&project, &[asked]).expect("legal"), &[]))
    };
    let one = |n: usize| format!(r#"{{"field":"f{n}","operator":"eq","value":1}}"#);
    let wide = |from: usize, n: usize| {
        let parts: Vec<String> = (from..from + n).map(one).collect();
        query("pool:*", &format!(r#"[{{"any":[{}]}}]"#, parts.join(",")))
    };
    assert_eq!(narrow(wide(0, 400), wide(400, 400)), "accepted");
    assert_eq!(
        narrow(
            wide(0, FILTER_NODES_MAX / 2),
            wide(1_000, FILTER_NODES_MAX / 2)
        ),
        "LimitExceeded /grants/0/constraints"
    );
    let deep = |n: usize| {
        query(
            "pool:*",
            &format!("[{}{}{}]", r#"{"not":"#.repeat(n), one(n), "}".repeat(n)),
        )
    };
    assert_eq!(narrow(deep(1), deep(2)), "accepted");
    let shallow = format!("[{},{}]", one(1), one(2));
    let list = query("pool:*", &shallow);
    let deepest = |n: usize| {
        query(
            "pool:*",
            &format!(
                "[{0}{shallow}{1},{2}]",
                r#"{"not":"#.repeat(n),
                "}".repeat(n),
                one(3)
            ),
        )
    };
    assert_eq!(
        narrow(list.clone(), deepest(FILTER_DEPTH_MAX - 2)),
        "LimitExceeded /grants/0/constraints"
    );
    assert_eq!(narrow(list, deepest(FILTER_DEPTH_MAX - 4)), "accepted");

    let stamps = |from: usize, n: usize| {
        let all: Vec<String> = (from..from + n).map(|i| format!("\"f{i}\":1")).collect();
        format!(
            r#"{{"on":"pool:*","actions":["ingest"],"injections":{{{}}}}}"#,
            all.join(",")
        )
    };
    assert_eq!(
        narrow(stamps(0, GRANT_INJECTIONS_MAX), stamps(0, 1)),
        "accepted"
    );
    assert_eq!(
        narrow(stamps(0, GRANT_INJECTIONS_MAX), stamps(500, 1)),
        "LimitExceeded /grants/0/injections"
    );
}

#[test]
fn fields_nest_as_deep_as_they_read_back_and_no_deeper() {
    let mut project = Project::new();
    let hide = |n: usize| {
        format!(
            r#"{{"on":"pool:*","actions":["query"],"constraints":"all_rows","fields":{{"deny":["f{n}"]}}}}"#
        )
    };
    let mut held = grants(&project, &[hide(0)]).expect("legal");
    let mut generations = 0;
    loop {
        let mut all = held.clone();
        all.extend(grants(&project, &[ADMIN.to_owned()]).expect("legal"));
        let access = access_of(all);
        let permit = access
            .permit::<Admin>(On::Project)
            .expect("an administrator");
        let asked = grants(&project, &[hide(generations + 1)]).expect("legal");
        match permit.narrow(asked, &[]) {
            Ok(given) => held = given,
            Err(fault) => {
                assert_eq!(
                    (fault.code, fault.pointer.as_str()),
                    (FaultCode::LimitExceeded, "/grants/0/fields")
                );
                break;
            }
        }
        generations += 1;
        project.existing = held.clone();
        assert_eq!(
            parse_grants(&Value::Array(vec![held[0].to_value()]), &project),
            Ok(held.clone())
        );
        assert!((0..=generations).all(|n| !held[0].fields.shows(&path(&format!("f{n}")))));
    }
    assert!(
        generations >= 4 && matches!(held[0].fields, VisibleFields::Both(..)),
        "{generations}"
    );
}

#[test]
fn the_makers_rows_are_written_beside_the_asked_ones() {
    let project = Project::new();
    let access = maker(&project, &[query("pool:*", &only("a"))]).expect("legal");
    let permit = access
        .permit::<Admin>(On::Project)
        .expect("an administrator");
    let asked = r#"{"on":"pool:open","actions":["query"],"constraints":[{"field":"n","operator":"gt","value":1}]}"#;
    let given = permit
        .narrow(grants(&project, &[asked.to_owned()]).expect("legal"), &[])
        .expect("held");
    let Some(Constraint::Rows(rows)) = &given[0].rows else {
        panic!("a filter")
    };
    let text = crate::json::to_text(&to_value(rows));
    assert_eq!(
        text,
        r#"{"all":[{"field":"n","operator":"gt","value":1},{"field":"customer.id","operator":"eq","value":"a"}]}"#
    );
}
