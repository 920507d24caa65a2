use super::*;
use crate::fixtures::{Project, json, refusal};
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
