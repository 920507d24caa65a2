//! Whatever grants a key has, it sees the rows that they name and no other.

use proptest::prelude::*;

use super::*;

const CONSTRAINTS: &[&str] = &[
    r#"[{"field":"customer.id","operator":"eq","value":"a"}]"#,
    r#"[{"field":"customer.id","operator":"in","value":["b","c"]}]"#,
    r#"[{"field":"customer.id","operator":"ne","value":"a"}]"#,
    r#"[{"field":"region","operator":"eq","value":"eu"},{"field":"n","operator":"gt","value":1}]"#,
    r#"[{"any":[{"field":"n","operator":"exists","value":false},{"field":"region","operator":"starts_with","value":"e"}]}]"#,
    r#"[{"not":{"field":"customer.id","operator":"contains","value":"b"}}]"#,
    "\"all_rows\"",
];

pub(super) fn any_constraint() -> impl Strategy<Value = &'static str> {
    // Everything is one of many, else it would hide what the others do.
    prop_oneof![9 => prop::sample::select(&CONSTRAINTS[..6]), 1 => Just(CONSTRAINTS[6])]
}

pub(super) fn any_record() -> impl Strategy<Value = Record> {
    let customer = prop::sample::select(vec![
        "",
        r#""customer.id":"a","#,
        r#""customer.id":"b","#,
        r#""customer.id":"c","#,
    ]);
    let region = prop::sample::select(vec!["", r#""region":"eu","#, r#""region":"us","#]);
    let n = prop::sample::select(vec![r#""n":1"#, r#""n":2"#, r#""x":0"#]);
    let time = prop::sample::select(vec![
        None,
        Some("2026-01-15T00:00:00Z"),
        Some("2026-02-10T00:00:00Z"),
        Some("2026-02-25T00:00:00Z"),
        Some("2026-03-10T00:00:00Z"),
    ]);
    (customer, region, n, time).prop_map(|(customer, region, n, time)| {
        let record = row(&format!("{{{customer}{region}{n}}}"));
        let fields = record.fields();
        let fields = fields.map(|(path, value)| (path.clone(), value.clone()));
        let time = time.map(|time| (path("at"), Value::DateTime(at(time))));
        let mut fields: Vec<_> = fields.chain(time).collect();
        fields.sort_by(|(a, _), (b, _)| a.cmp(b));
        Record::restore(fields).expect("each once")
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn a_pool_shows_the_union_of_its_grants_rows(
        constraints in proptest::collection::vec(any_constraint(), 1..5),
        record in any_record(),
    ) {
        let project = Project::new();
        let grants: Vec<String> = constraints.iter().map(|rows| query("pool:*", rows)).collect();
        let access = project.access(&format!("[{}]", grants.join(",")));
        let pool = project.strict();
        let expected = access.grants().iter().any(|grant| admits(grant.rows.as_ref().expect("said"), pool, &record));
        let on = On::Pool(Some(pool));
        let counted = access.permit::<AskPool>(on).expect("covered").count();
        prop_assert_eq!(admits(counted.rows(), pool, &record), expected);
        let schema = access.permit::<SeeSchema>(on).expect("covered").constrain(None).expect("one set of fields");
        prop_assert_eq!(admits(schema.rows(), pool, &record), expected);
        let delete = access.permit::<Delete>(on).expect("covered").constrain(None).expect("one set of fields");
        prop_assert_eq!(admits(delete.rows(), pool, &record), expected);
        for grant in access.grants() {
            let named = access.permit::<SeeSchema>(on).expect("covered").constrain(Some(grant.id)).expect("named");
            prop_assert_eq!(Some(named.rows()), grant.rows.as_ref());
        }
    }

    #[test]
    fn a_view_shows_of_those_only_what_it_is_about(
        constraints in proptest::collection::vec(any_constraint(), 1..4),
        about in prop::option::of(any_constraint()),
        condition in prop::option::of(prop::sample::select(vec!["a", "b"])),
        record in any_record(),
    ) {
        let project = Project::new();
        let pool = project.strict();
        let filters = about.filter(|rows| rows.starts_with('[')).map_or_else(String::new, |rows| format!(r#","filters":{rows}"#));
        let view = view(1, pool, &format!(r#"{{"name":"records","pool":"strict","shape":"records","fields":[{{"field":"customer.id","as":"who"}}]{filters}}}"#));
        let grants: Vec<String> = constraints.iter().map(|rows| read("view:records", &format!(r#""constraints":{rows}"#))).collect();
        let access = project.access(&format!("[{}]", grants.join(",")));
        let permit = access.permit::<Read>(On::View(Some((&view, pool)))).expect("covered");
        let conditions = condition.map_or_else(String::new, |who| format!(r#""conditions":[{{"any":[{{"field":"who","operator":"eq","value":"{who}"}},{{"field":"who","operator":"exists","value":false}},{{"field":"who","operator":"exists","value":true}}]}}]"#));
        let request = ViewRequest::parse(&json(&format!("{{{conditions}}}"))).expect("legal");
        let asked = permit.constrain(&request, Delivery::Pages, noon()).expect("legal");
        let mine = access.grants().iter().any(|grant| admits(grant.rows.as_ref().expect("said"), pool, &record));
        let about = view.draft.filters.clone().map_or(Constraint::AllRows, Constraint::Rows);
        let expected = mine && admits(&about, pool, &record);
        // Whatever the question is, the rows under it are the same.
        prop_assert_eq!(admits(asked.rows(), pool, &record), expected);
        let counted = permit.count();
        prop_assert_eq!(asked.rows(), counted.rows());
    }
}

#[test]
fn the_same_rows_from_two_grants_are_asked_for_once() {
    let project = Project::new();
    let access = project.access(&format!("[{0},{0}]", query("pool:strict", &only("a"))));
    let counted = access
        .permit::<AskPool>(On::Pool(Some(project.strict())))
        .expect("covered")
        .count();
    assert_eq!(counted.rows(), &Constraint::Rows(filter(&only("a"))));
    assert!(
        matches!(counted.query(), Query::Aggregate(query) if query.filter.is_none() && query.measures.len() == 1)
    );
}

#[test]
fn a_grant_without_the_action_adds_no_rows() {
    let project = Project::new();
    let wide = r#"{"on":"pool:*","actions":["query"],"constraints":"all_rows"}"#;
    let narrow = format!(
        r#"{{"on":"pool:*","actions":["delete"],"constraints":{}}}"#,
        only("a")
    );
    let access = project.access(&format!("[{wide},{narrow}]"));
    let delete = access
        .permit::<Delete>(On::Pool(Some(project.strict())))
        .expect("covered");
    assert_eq!(
        delete.constrain(None).expect("legal").rows(),
        &Constraint::Rows(filter(&only("a")))
    );
}

#[test]
fn a_constraint_that_cannot_be_resolved_admits_nothing() {
    let project = Project::new();
    let strict = project.strict();
    for rows in [
        r#"[{"field":"gone","operator":"eq","value":1}]"#,
        r#"[{"not":{"field":"gone","operator":"eq","value":1}}]"#,
        r#"[{"field":"gone","operator":"exists","value":false}]"#,
        r#"[{"any":[{"field":"gone","operator":"eq","value":1},{"field":"n","operator":"exists","value":true}]}]"#,
        r#"[{"field":"n","operator":"ne","value":"x"}]"#,
        r#"[{"field":"region","operator":"contains","value":5}]"#,
        r#"[{"field":"tags","operator":"gt","value":"a"}]"#,
    ] {
        let access = project.access(&format!("[{}]", query("pool:*", rows)));
        let counted = access
            .permit::<AskPool>(On::Pool(Some(strict)))
            .expect("covered")
            .count();
        let record = row(r#"{"customer.id":"a","n":1,"region":"eu","tags":["z"]}"#);
        assert!(!admits(counted.rows(), strict, &record), "{rows}");
    }
}
