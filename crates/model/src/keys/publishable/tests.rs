use super::*;
use std::sync::Arc;

use crate::fixtures::{Project, json, pool, refusal};
use crate::json::to_text as json_text;
use crate::keys::KeyDraft;

const OWN: &str = r#""constraints":[{"field":"customer.id","operator":"eq","value":"93i"}]"#;

fn draft(grants: &str) -> Result<KeyDraft, Fault> {
    let text = format!(r#"{{"name":"k","kind":"publishable","grants":{grants}}}"#);
    KeyDraft::parse(&json(&text), &Project::new())
}

#[test]
fn k15_a_key_for_pages_reads_under_a_constraint_or_writes_alone() {
    for grants in [
        "[]".to_owned(),
        format!(r#"[{{"on":"view:records","actions":["read"],{OWN}}}]"#),
        format!(r#"[{{"on":"pool:*","actions":["query","extract","schema"],{OWN}}}]"#),
        format!(
            r#"[{{"on":"saved:*","actions":["run"],{OWN}}},{{"on":"cached:*","actions":["read"],{OWN}}}]"#
        ),
        r#"[{"on":"pool:*","actions":["ingest"]}]"#.to_owned(),
        r#"[{"on":"pool:*","actions":["ingest"],"injections":{"customer.id":"93i"}}]"#.to_owned(),
    ] {
        let read = draft(&grants).expect(&grants);
        assert_eq!(read.kind, KeyKind::Publishable);
        assert!(!read.is_admin());
    }
    for (grants, expected) in [
        (
            r#"[{"on":"project","actions":["admin"]}]"#.to_owned(),
            "InvalidValue /grants/0/actions",
        ),
        (
            format!(
                r#"[{{"on":"pool:*","actions":["query"],{OWN}}},{{"on":"pool:*","actions":["delete"],{OWN}}}]"#
            ),
            "InvalidValue /grants/1/actions",
        ),
        (
            format!(r#"[{{"on":"pool:*","actions":["delete","query"],{OWN}}}]"#),
            "InvalidValue /grants/0/actions",
        ),
        (
            r#"[{"on":"view:records","actions":["read"],"constraints":"all_rows"}]"#.to_owned(),
            "InvalidValue /grants/0/constraints",
        ),
        (
            r#"[{"on":"pool:*","actions":["schema"],"constraints":"all_rows"}]"#.to_owned(),
            "InvalidValue /grants/0/constraints",
        ),
        (
            r#"[{"on":"dataset:*","actions":["list"]}]"#.to_owned(),
            "InvalidValue /grants/0/constraints",
        ),
        (
            format!(r#"[{{"on":"pool:*","actions":["ingest","query"],{OWN}}}]"#),
            "InvalidValue /grants",
        ),
        (
            format!(
                r#"[{{"on":"pool:*","actions":["ingest"]}},{{"on":"view:records","actions":["read"],{OWN}}}]"#
            ),
            "InvalidValue /grants",
        ),
    ] {
        assert_eq!(refusal(draft(&grants)), expected, "{grants}");
    }
}

#[test]
fn k15_no_action_that_comes_later_is_for_pages() {
    let all = Action::POOL.into_iter().chain(Action::POOL_NOT_YET);
    let all = all
        .chain(Action::DATASET)
        .chain([Action::Run, Action::Admin]);
    let never = all.filter(|action| !KeyKind::Publishable.may_ever(*action));
    let never: Vec<&str> = never.map(Action::name).collect();
    assert_eq!(
        never,
        [
            "delete", "search", "update", "drop", "encrypt", "decrypt", "admin"
        ]
    );
}

/// The fixtures' project, whose pool `open` and view `sums` are public.
fn partly_public() -> Project {
    let mut project = Project::new();
    project.pools[0] = pool(1, r#"{"name":"open","schema":"open","public":true}"#);
    let mut sums = (*project.views[1]).clone();
    sums.draft.public = true;
    project.views[1] = Arc::new(sums);
    project
}

#[test]
fn k15_a_key_for_pages_has_all_rows_of_what_is_public_by_name_alone() {
    let mut project = partly_public();
    let draft = |grants: &str, project: &Project| {
        let text = format!(r#"{{"name":"k","kind":"publishable","grants":[{grants}]}}"#);
        KeyDraft::parse(&json(&text), project)
    };
    for grant in [
        r#"{"on":"pool:open","actions":["query","extract","schema"],"constraints":"all_rows"}"#,
        r#"{"on":"view:sums","actions":["read"],"constraints":"all_rows"}"#,
    ] {
        let read = draft(grant, &project).expect(grant);
        // It is kept when the resource is public no more, as it is and not wider.
        let private = Project::new();
        let kept = read.grants.clone();
        let again = json_text(&kept[0].to_value());
        assert!(draft(&again, &private).is_err(), "new: {grant}");
        project.existing = kept;
        project.pools = private.pools;
        project.views = private.views;
        draft(&again, &project).expect("kept");
        let wider = again.replace("\"all_rows\"", r#""all_rows","fields":{"deny":["x"]}"#);
        let refused = refusal(draft(&wider, &project));
        assert_eq!(refused, "InvalidValue /grants/0/constraints", "{wider}");
        project = partly_public();
    }
    for grant in [
        r#"{"on":"pool:strict","actions":["query"],"constraints":"all_rows"}"#,
        r#"{"on":"pool:*","actions":["query"],"constraints":"all_rows"}"#,
        r#"{"on":"pool:*","only":["open"],"actions":["query"],"constraints":"all_rows"}"#,
        r#"{"on":"view:records","actions":["read"],"constraints":"all_rows"}"#,
        r#"{"on":"view:*","actions":["read"],"constraints":"all_rows"}"#,
        r#"{"on":"tier:core","actions":["query","read"],"constraints":"all_rows"}"#,
        r#"{"on":"saved:*","actions":["run"],"constraints":"all_rows"}"#,
    ] {
        let refused = refusal(draft(grant, &project));
        assert_eq!(refused, "InvalidValue /grants/0/constraints", "{grant}");
    }
}
