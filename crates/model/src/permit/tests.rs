use std::sync::Arc;

use super::*;
use crate::fault::FaultCode;
use crate::filters::{Constraint, parse_list};
use crate::fixtures::{
    Project, access_of, at, grant_id, json, noon, path, pool, pool_id, refusal, view,
};
use crate::queries::{Query, Seek, Side};
use crate::random::SeededRandom;
use crate::records::{Record, RecordFaultCode};
use crate::value::Value;
use crate::views::{Delivery, ViewRequest};

mod derived;
mod issued;
mod narrow;
mod resources;
mod rows;
mod usage;

fn row(text: &str) -> Record {
    let object = json(text);
    let members = object.as_object().expect("an object").iter();
    let mut fields: Vec<_> = members
        .map(|(name, value)| (path(name), value.clone()))
        .collect();
    fields.sort_by(|(a, _), (b, _)| a.cmp(b));
    Record::restore(fields).expect("each once")
}

fn admits(rows: &Constraint, pool: &Pool, record: &Record) -> bool {
    match rows {
        Constraint::AllRows => true,
        Constraint::Rows(filter) => pool
            .draft
            .schema
            .resolve(filter)
            .is_ok_and(|predicate| predicate.admits(record)),
    }
}

fn query(on: &str, rows: &str) -> String {
    format!(r#"{{"on":"{on}","actions":["query","schema","delete"],"constraints":{rows}}}"#)
}

fn read(on: &str, rest: &str) -> String {
    format!(r#"{{"on":"{on}","actions":["read"],{rest}}}"#)
}

fn only(customer: &str) -> String {
    format!(r#"[{{"field":"customer.id","operator":"eq","value":"{customer}"}}]"#)
}

fn filter(text: &str) -> crate::filters::Filter {
    parse_list(&json(text)).expect("legal")
}

/// Every kind of caller against every kind of resource, for the rule in words:
/// 403 when no grant has the action on any resource of the type, 404 when none
/// covers an existing one.
#[test]
fn who_is_refused_and_how() {
    let project = Project::new();
    let (open, strict) = (project.open(), project.strict());
    let all = r#""all_rows""#;
    let callers = [
        ("nothing", "[]".to_owned()),
        (
            "ingest open",
            r#"[{"on":"pool:open","actions":["ingest"]}]"#.to_owned(),
        ),
        ("query open", format!("[{}]", query("pool:open", all))),
        (
            "query * but open",
            format!(
                r#"[{{"on":"pool:*","actions":["query"],"except":["open"],"constraints":{all}}}]"#
            ),
        ),
        (
            "read records",
            format!("[{}]", read("view:records", r#""constraints":"all_rows""#)),
        ),
        (
            "read * but records",
            format!(
                "[{}]",
                read("view:*", r#""except":["records"],"constraints":"all_rows""#)
            ),
        ),
        (
            "admin",
            r#"[{"on":"project","actions":["admin"]}]"#.to_owned(),
        ),
    ];
    let verdict = |denied: Option<Denied>| match denied {
        None => "yes",
        Some(Denied::NoGrant(_) | Denied::Quarantined(_)) => "403",
        Some(Denied::KeptByServer) => "403 kept",
        Some(Denied::NotFound) => "404",
    };
    let records = Some((&project.views[0], strict));
    let sums = Some((&project.views[1], strict));
    let mut table = format!("{:20}", "");
    for head in [
        "ingest open",
        "ingest none",
        "query open",
        "query strict",
        "query none",
        "read records",
        "read sums",
        "read none",
        "admin",
    ] {
        table += &format!("  {head}");
    }
    for (caller, grants) in callers {
        let access = project.access(&grants);
        let cells = [
            verdict(access.permit::<Ingest>(On::Pool(Some(open))).err()),
            verdict(access.permit::<Ingest>(On::Pool(None)).err()),
            verdict(access.permit::<AskPool>(On::Pool(Some(open))).err()),
            verdict(access.permit::<AskPool>(On::Pool(Some(strict))).err()),
            verdict(access.permit::<AskPool>(On::Pool(None)).err()),
            verdict(access.permit::<Read>(On::View(records)).err()),
            verdict(access.permit::<Read>(On::View(sums)).err()),
            verdict(access.permit::<Read>(On::View(None)).err()),
            verdict(access.permit::<Admin>(On::Project).err()),
        ];
        table += &format!("\n{caller:20}");
        for (cell, width) in cells.into_iter().zip([11, 11, 10, 12, 10, 12, 9, 9, 5]) {
            table += &format!("  {cell:width$}");
        }
    }
    let trimmed: Vec<&str> = table.lines().map(str::trim_end).collect();
    insta::assert_snapshot!("who_is_refused", trimmed.join("\n"));
}

#[test]
fn a_right_on_one_type_is_none_on_another() {
    let project = Project::new();
    let strict = project.strict();
    let everything = project.access(
        r#"[{"on":"pool:*","actions":["ingest","query","schema","delete"],"constraints":"all_rows"},
            {"on":"view:*","actions":["read"],"constraints":"all_rows"},{"on":"project","actions":["admin"]}]"#,
    );
    let view = On::View(Some((&project.views[0], strict)));
    assert_eq!(
        everything.permit::<Read>(On::Pool(Some(strict))).err(),
        Some(Denied::NoGrant(Action::Read))
    );
    assert_eq!(
        everything.permit::<Read>(On::Project).err(),
        Some(Denied::NoGrant(Action::Read))
    );
    assert_eq!(
        everything.permit::<AskPool>(view).err(),
        Some(Denied::NoGrant(Action::Query))
    );
    assert_eq!(
        everything.permit::<Ingest>(view).err(),
        Some(Denied::NoGrant(Action::Ingest))
    );
    assert_eq!(
        everything.permit::<Delete>(On::Project).err(),
        Some(Denied::NoGrant(Action::Delete))
    );
    assert_eq!(
        everything.permit::<Admin>(On::Pool(Some(strict))).err(),
        Some(Denied::NoGrant(Action::Admin))
    );
}

#[test]
fn a_pool_made_again_under_the_name_is_another_pool() {
    let project = Project::new();
    let access = project.access(&format!("[{}]", query("pool:open", r#""all_rows""#)));
    assert!(
        access
            .permit::<AskPool>(On::Pool(Some(project.open())))
            .is_ok()
    );
    let again = pool(77, r#"{"name":"open","schema":"open"}"#);
    assert_eq!(
        access.permit::<AskPool>(On::Pool(Some(&again))).err(),
        Some(Denied::NotFound)
    );
    let star = project.access(&format!("[{}]", query("pool:*", r#""all_rows""#)));
    assert!(star.permit::<AskPool>(On::Pool(Some(&again))).is_ok());
}

#[test]
fn a_view_is_never_read_over_another_pool() {
    let project = Project::new();
    let access = project.access(&format!(
        "[{}]",
        read("view:*", r#""constraints":"all_rows""#)
    ));
    let records = &project.views[0];
    assert!(
        access
            .permit::<Read>(On::View(Some((records, project.strict()))))
            .is_ok()
    );
    assert_eq!(
        access
            .permit::<Read>(On::View(Some((records, project.open()))))
            .err(),
        Some(Denied::NotFound)
    );
    let again = pool(77, crate::fixtures::STRICT);
    assert_eq!(
        access
            .permit::<Read>(On::View(Some((records, &again))))
            .err(),
        Some(Denied::NotFound)
    );
}

#[test]
fn two_writing_grants_on_one_pool_store_nothing() {
    let project = Project::new();
    let mut grants = project
        .grants(r#"[{"on":"pool:open","actions":["ingest"],"injections":{"customer.id":"a"}}]"#)
        .expect("legal");
    grants.extend(
        project
            .grants(r#"[{"on":"pool:*","actions":["ingest"],"injections":{"customer.id":"b"}}]"#)
            .expect("legal"),
    );
    let access = access_of(grants);
    let permit = access
        .permit::<Ingest>(On::Pool(Some(project.open())))
        .expect("covered");
    let batch = permit.admit(
        [Ok(json("{}")), Ok(json("{}"))],
        None,
        noon(),
        &SeededRandom::new(1),
    );
    assert_eq!((batch.records().len(), batch.faults().len()), (0, 2));
    assert_eq!(batch.faults()[1].index, 1);
}

#[test]
fn grants_that_show_different_fields_are_told_apart_by_name() {
    let project = Project::new();
    let shown = |customer: &str, deny: &str| {
        read(
            "view:records",
            &format!(
                r#""constraints":{},"fields":{{"deny":["{deny}"]}}"#,
                only(customer)
            ),
        )
    };
    let access = project.access(&format!(
        "[{},{}]",
        shown("a", "secret"),
        shown("b", "amount")
    ));
    let permit = access
        .permit::<Read>(On::View(Some((&project.views[0], project.strict()))))
        .expect("covered");
    let ask = |request: &str| {
        permit.constrain(
            &ViewRequest::parse(&json(request)).expect("legal"),
            Delivery::Pages,
            noon(),
        )
    };
    assert_eq!(refusal(ask("{}")), "GrantAmbiguous /grant");
    let names = |grant: u8| {
        let asked = ask(&format!(r#"{{"grant":"{}"}}"#, grant_id(grant))).expect("named");
        let Query::Records(query) = asked.query() else {
            panic!("records")
        };
        let names: Vec<&str> = query
            .columns
            .iter()
            .map(|column| column.name.as_str())
            .collect();
        let eu = |customer: &str| row(&format!(r#"{{"customer.id":"{customer}","region":"eu"}}"#));
        let seen = ["a", "b"].map(|customer| admits(asked.rows(), project.strict(), &eu(customer)));
        (names.join(" "), seen)
    };
    assert_eq!(
        names(1),
        ("customer.id price tags at".to_owned(), [true, false])
    );
    assert_eq!(
        names(2),
        ("customer.id tags at cost".to_owned(), [false, true])
    );
    let unknown = format!(r#"{{"grant":"{}"}}"#, grant_id(9));
    assert_eq!(refusal(ask(&unknown)), "InvalidValue /grant");
}

#[test]
fn a_named_grant_must_cover_this_resource() {
    let project = Project::new();
    let all = r#""constraints":"all_rows""#;
    let access = project.access(&format!(
        "[{},{}]",
        read("view:records", &format!(r#""constraints":{}"#, only("a"))),
        read("view:sums", all)
    ));
    let permit = access
        .permit::<Read>(On::View(Some((&project.views[0], project.strict()))))
        .expect("covered");
    let request =
        ViewRequest::parse(&json(&format!(r#"{{"grant":"{}"}}"#, grant_id(2)))).expect("legal");
    let refused = permit
        .constrain(&request, Delivery::Pages, noon())
        .expect_err("it is on another view");
    assert_eq!(refused.code, FaultCode::InvalidValue);
}

#[test]
fn a_delete_by_a_hidden_field_is_refused_as_if_it_were_not_there() {
    let project = Project::new();
    let grant = r#"[{"on":"pool:*","actions":["delete"],"constraints":"all_rows","fields":{"deny":["secret"]}}]"#;
    let access = project.access(grant);
    let permit = access
        .permit::<Delete>(On::Pool(Some(project.strict())))
        .expect("covered");
    let ask = |text: &str| permit.constrain(Some(filter(text)));
    for condition in [
        r#"[{"field":"secret.cost","operator":"gt","value":1}]"#,
        r#"[{"field":"secret.cost","operator":"contains","value":"x"}]"#,
        r#"[{"field":"a","operator":"eq","value":1},{"field":"secret.cost","operator":"gt","value":1}]"#,
        r#"[{"field":"secret.cost","operator":"gt","value":1},{"field":"a","operator":"eq","value":1}]"#,
        r#"[{"any":[{"field":"n","operator":"eq","value":"x"},{"not":{"field":"secret.cost","operator":"exists","value":true}}]}]"#,
        r#"[{"not":{"field":"secret.cost","operator":"exists","value":true}},{"field":"n","operator":"eq","value":"x"}]"#,
    ] {
        let hidden = ask(condition).expect_err("hidden");
        let absent = ask(&condition.replace("secret.cost", "secret.gone")).expect_err("absent");
        assert_eq!(
            format!("{hidden:?}"),
            format!("{absent:?}").replace("secret.gone", "secret.cost"),
            "{condition}"
        );
    }
    assert!(ask(r#"[{"field":"n","operator":"gt","value":1}]"#).is_ok());
    assert_eq!(
        refusal(ask(r#"[{"field":"n","operator":"gt","value":"x"}]"#)),
        "WrongType /filters"
    );
    assert_eq!(
        permit.constrain(None).expect("all that it sees").rows(),
        &Constraint::AllRows
    );
    let open = access
        .permit::<Delete>(On::Pool(Some(project.open())))
        .expect("covered");
    let hidden = open.constrain(Some(filter(
        r#"[{"field":"secret.cost","operator":"gt","value":1}]"#,
    )));
    assert_eq!(refusal(hidden), "UnknownField /filters");
}

#[test]
fn a_page_digest_binds_key_rows_and_question_and_no_place() {
    let project = Project::new();
    let digest = |rows: &str, request: &str| {
        let access = project.access(&format!(
            "[{}]",
            read("view:records", &format!(r#""constraints":{rows}"#))
        ));
        let permit = access
            .permit::<Read>(On::View(Some((&project.views[0], project.strict()))))
            .expect("covered");
        let request = ViewRequest::parse(&json(request)).expect("legal");
        permit
            .constrain(&request, Delivery::Pages, noon())
            .expect("legal")
    };
    let base = digest(&only("a"), "{}");
    let same = digest(&only("a"), r#"{"limit":7}"#);
    assert_eq!(base.page_digest(), same.page_digest());
    let seek = Seek {
        values: vec![Value::from("x")],
        side: Side::After,
    };
    assert_eq!(
        base.clone().starting_at(seek).page_digest(),
        base.page_digest()
    );
    for other in [
        digest(&only("b"), "{}"),
        digest(r#""all_rows""#, "{}"),
        digest(&only("a"), r#"{"order_by":[{"field":"price"}]}"#),
        digest(
            &only("a"),
            r#"{"conditions":[{"field":"price","operator":"gt","value":1}]}"#,
        ),
        digest(
            &only("a"),
            r#"{"conditions":[{"field":"price","operator":"gte","value":1}]}"#,
        ),
    ] {
        assert_ne!(base.page_digest(), other.page_digest());
        assert_ne!(base, other);
    }
}

#[test]
fn upkeep_is_nobodys_right() {
    let permit = Permit::<Upkeep>::ours();
    assert!(permit.access.is_none() && permit.grants.is_empty());
}

#[test]
fn a_record_of_a_unique_pool_says_which_it_is_and_the_batch_what_it_stamps() {
    use crate::pools::PoolDraft;
    let mut project = Project::new();
    let strict = Arc::make_mut(&mut project.pools[1]);
    strict.draft = PoolDraft {
        unique: vec![path("customer.id"), path("n")],
        ..strict.draft.clone()
    };
    let grant = r#"[{"on":"pool:strict","actions":["ingest"],"injections":{"customer.id":"a","amount":1}}]"#;
    let access = project.access(grant);
    let permit = access.permit::<Ingest>(On::Pool(Some(project.strict())));
    let sent = [r#"{"n":1}"#, r#"{"region":"eu"}"#, r#"{"n":null}"#].map(|text| Ok(json(text)));
    let batch = permit
        .expect("may write")
        .admit(sent, None, noon(), &SeededRandom::new(3));
    assert_eq!(batch.records().len(), 1);
    for fault in batch.faults() {
        assert_eq!(fault.code, RecordFaultCode::MissingField);
        assert_eq!(fault.field.as_deref(), Some("n"));
    }
    assert_eq!(batch.faults().len(), 2);
    let stamped = [
        (path("amount"), Value::Float(1.0)),
        (path("customer.id"), Value::from("a")),
    ];
    assert_eq!(batch.injections(), stamped, "as they are stored");
    for (at, value) in batch.injections() {
        assert_eq!(batch.records()[0].get(at.as_str()), Some(value));
    }
    assert_eq!(batch.pool().draft.unique.len(), 2);
}
