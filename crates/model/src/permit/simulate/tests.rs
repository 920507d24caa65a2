use super::*;
use crate::fixtures::{Project, noon, path};
use crate::permit::Access;

fn asker(project: &Project, rest: &str) -> Permit<AskPool> {
    let access = access(project, rest);
    let permit = access.permit(On::Pool(Some(project.strict())));
    permit.expect("may ask")
}

fn access(project: &Project, rest: &str) -> Access {
    project.access(&format!(
        r#"[{{"on":"pool:strict","actions":["query"],{rest}}}]"#
    ))
}

fn shown(project: &Project, rest: &str) -> Shown {
    let grants = format!(r#"[{{"on":"pool:strict","actions":["query"],{rest}}}]"#);
    let grants = project.grants(&grants).expect("grants");
    let on = On::Pool(Some(project.strict()));
    Shown::by(KeyKind::Secret, &grants, on, noon()).expect("shows something")
}

fn only(field: &str, value: &str) -> String {
    format!(r#""constraints":[{{"field":"{field}","operator":"eq","value":"{value}"}}]"#)
}

/// The rows of the question are the caller's, whatever key is simulated; what
/// that one is held to is a condition of the question and nothing else.
#[test]
fn a_simulation_is_a_question_of_the_caller_over_the_callers_rows() {
    let project = Project::new();
    let callers = [
        r#""constraints":"all_rows""#.to_owned(),
        only("region", "eu"),
    ];
    for caller in &callers {
        let permit = asker(&project, caller);
        for simulated in [
            r#""constraints":"all_rows""#.to_owned(),
            only("region", "us"),
            only("customer.id", "ada"),
        ] {
            let simulated = shown(&project, &simulated);
            let question = permit.count_among(simulated.rows()).expect("may be told");
            let own = permit.count();
            assert_eq!(question.rows(), own.rows());
            assert_eq!(question.key(), own.key());
            let Query::Aggregate(query) = question.query() else {
                panic!("a count");
            };
            let filter = query.filter.clone().map(Constraint::Rows);
            let asked = filter.unwrap_or(Constraint::AllRows);
            assert_eq!(&asked, simulated.rows());
        }
    }
}

/// K21, the rule: a field that the caller does not see is one that there is
/// not, so no constraint on it can be tried.
#[test]
fn what_is_chosen_by_a_field_that_the_caller_does_not_see_is_not_told() {
    let project = Project::new();
    let permit = asker(
        &project,
        r#""constraints":"all_rows","fields":{"deny":["region"]}"#,
    );
    let hidden = shown(&project, &only("region", "eu"));
    let refused = permit.count_among(hidden.rows()).expect_err("is hidden");
    assert_eq!(refused.code, FaultCode::UnknownField);
    assert!(!permit.sees(&path("region")) && permit.sees(&path("n")));
    // Nor as one of several conditions, or behind a view.
    let both = shown(&project, &only("customer.id", "ada"))
        .rows()
        .and(hidden.rows());
    permit.count_among(&both).expect_err("is hidden");
    let view =
        project.grants(r#"[{"on":"view:records","actions":["read"],"constraints":"all_rows"}]"#);
    let records = (&project.views[0], project.strict());
    let behind = Shown::by(
        KeyKind::Secret,
        &view.expect("grants"),
        On::View(Some(records)),
        noon(),
    );
    let behind = behind.expect("shows something");
    permit
        .count_among(behind.rows())
        .expect_err("the view's filter is on region");
    let sees_all = asker(&project, r#""constraints":"all_rows""#);
    sees_all.count_among(behind.rows()).expect("may be told");
    // The proof can fail: the question of the rows alone would be answered.
    let open = shown(&project, &only("customer.id", "ada"));
    permit.count_among(open.rows()).expect("may be told");
}

#[test]
fn grants_that_show_nothing_are_no_sight() {
    let project = Project::new();
    let grants = r#"[{"on":"pool:open","actions":["query"],"constraints":"all_rows"},
        {"on":"pool:strict","actions":["ingest"]}]"#;
    let grants = project.grants(grants).expect("grants");
    let sight = |on: On<'_>| Shown::by(KeyKind::Secret, &grants, on, noon());
    assert!(sight(On::Pool(Some(project.open()))).is_some());
    assert_eq!(sight(On::Pool(Some(project.strict()))), None);
    assert_eq!(sight(On::Pool(None)), None);
    assert_eq!(
        sight(On::View(Some((&project.views[0], project.strict())))),
        None
    );
    assert_eq!(sight(On::Project), None);
}

#[test]
fn k15_a_simulated_page_sees_what_is_public_and_a_tier_what_is_of_it() {
    let project = Project::new();
    let all = r#"[{"on":"pool:strict","actions":["query"],"constraints":"all_rows"}]"#;
    let tier = r#"[{"on":"tier:premium","actions":["query"],"constraints":"all_rows"}]"#;
    for (kind, grants, is_public, tiered, sees) in [
        (KeyKind::Secret, all, false, false, true),
        (KeyKind::Publishable, all, false, false, false),
        (KeyKind::Publishable, all, true, false, true),
        (KeyKind::Secret, tier, false, false, false),
        (KeyKind::Secret, tier, false, true, true),
    ] {
        let grants = project.grants(grants).expect("grants");
        let mut pool = (**project.strict()).clone();
        pool.draft.public = is_public;
        if tiered {
            pool.draft.tier = crate::credits::Tier::Premium;
        }
        let pool = std::sync::Arc::new(pool);
        let shown = Shown::by(kind, &grants, On::Pool(Some(&pool)), noon());
        assert_eq!(shown.is_some(), sees, "{kind:?} {is_public} {tiered}");
    }
}

/// A reader names one grant, so no field is answered by two of them together.
#[test]
fn what_a_view_answers_a_key_is_what_one_of_its_grants_shows() {
    let project = Project::new();
    let pool = project.strict();
    let draft = |text: &str| {
        let text = crate::fixtures::json(text);
        ViewDraft::parse(&text, &pool.draft.schema).expect("a view")
    };
    let grants = project.grants(
        r#"[{"on":"view:records","actions":["read"],"constraints":"all_rows","fields":{"deny":["at"]}},
        {"on":"view:records","actions":["read"],"constraints":"all_rows","fields":{"deny":["amount"]}}]"#,
    );
    let on = On::View(Some((&project.views[0], pool)));
    let shown = |grants: &[Grant]| {
        let shown = Shown::by(KeyKind::Secret, grants, on, noon());
        shown.expect("shows something")
    };
    let names = |shown: &Shown, view: &ViewDraft| -> Vec<String> {
        let told = shown.answered(view, pool).into_iter();
        told.map(|(name, _)| name.to_string()).collect()
    };
    let grants = grants.expect("grants");
    let (both, no_time) = (shown(&grants), shown(&grants[..1]));
    let sums = draft(
        r#"{"name":"v","pool":"strict","shape":"aggregated","fields":[{"field":"region","group":true},
        {"field":"amount","as":"first","aggregate":"first"},{"field":"amount","as":"total","aggregate":"sum"}]}"#,
    );
    assert_eq!(names(&both, &sums), ["region", "total"]);
    let days = &project.views[2].draft;
    assert_eq!(names(&both, days), ["at", "region", "count"]);
    assert!(names(&no_time, days).is_empty());
    let all = answered(&sums, pool, &VisibleFields::All);
    assert_eq!(all.len(), 3, "who sees both fields is answered");
}

fn reader(project: &Project, rest: &str) -> Permit<crate::permit::Read> {
    let grants = format!(r#"[{{"on":"view:records","actions":["read"],{rest}}}]"#);
    let view = On::View(Some((&project.views[0], project.strict())));
    project.access(&grants).permit(view).expect("may read")
}

fn behind(project: &Project, grants: &str) -> Shown {
    let grants = project.grants(grants).expect("grants");
    let view = On::View(Some((&project.views[0], project.strict())));
    Shown::by(KeyKind::Secret, &grants, view, noon()).expect("shows something")
}

fn read(permit: &Permit<crate::permit::Read>) -> Result<ConstrainedQuery, Fault> {
    let request = crate::views::ViewRequest::parse(&crate::fixtures::json("{}"))?;
    permit.constrain(&request, crate::views::Delivery::Stream, noon())
}

/// The conditions that all must hold, in an order that does not matter.
fn conditions(rows: &crate::filters::Constraint) -> Vec<String> {
    use crate::filters::{Constraint, Filter};
    fn parts_of(filter: &Filter) -> Vec<String> {
        match filter {
            Filter::All(parts) => parts.iter().flat_map(parts_of).collect(),
            other => vec![format!("{other:?}")],
        }
    }
    let mut parts = match rows {
        Constraint::AllRows => Vec::new(),
        Constraint::Rows(filter) => parts_of(filter),
    };
    parts.sort();
    parts
}

/// Whoever looks as a key gets the rows and fields of both, and what the key is not let to see
/// they are not told either.
#[test]
fn a_permit_that_is_held_to_a_key_reaches_no_further_than_either() {
    let project = Project::new();
    let of = |rest: &str| format!(r#"[{{"on":"view:records","actions":["read"],{rest}}}]"#);
    let key = behind(&project, &of(&only("customer.id", "ada")));
    for caller in [
        r#""constraints":"all_rows""#.to_owned(),
        only("customer.id", "bob"),
    ] {
        let own = reader(&project, &caller);
        let seen = own.clone().seen_by(&key).expect("may be told");
        let (own, seen) = (read(&own).expect("asks"), read(&seen).expect("asks"));
        assert_eq!(
            conditions(seen.rows()),
            conditions(&own.rows().and(&key.granted))
        );
        assert_eq!(seen.query(), own.query(), "the view's own question");
    }
    // Fields: those of both. What the key does not see is refused as to the key.
    let all = reader(&project, r#""constraints":"all_rows""#);
    let hidden = of(r#""constraints":"all_rows","fields":{"deny":["secret"]}"#);
    let seen = all
        .clone()
        .seen_by(&behind(&project, &hidden))
        .expect("may be told");
    let of_key = project.access(&hidden);
    let view = On::View(Some((&project.views[0], project.strict())));
    let of_key = of_key.permit(view).expect("may read");
    let asked =
        |permit: &Permit<crate::permit::Read>| read(permit).map(|asked| asked.query().clone());
    assert_eq!(asked(&seen), asked(&of_key));
    assert_ne!(asked(&seen), asked(&all));
}

#[test]
fn nobody_looks_as_a_key_whose_rows_are_chosen_by_what_they_do_not_see() {
    let project = Project::new();
    let of = |rest: &str| format!(r#"{{"on":"view:records","actions":["read"],{rest}}}"#);
    let held = reader(
        &project,
        r#""constraints":"all_rows","fields":{"deny":["n"]}"#,
    );
    let by_number = r#""constraints":[{"field":"n","operator":"eq","value":1}]"#;
    let by_number = behind(&project, &format!("[{}]", of(by_number)));
    let refused = held.seen_by(&by_number).expect_err("is hidden");
    assert_eq!(refused.code, FaultCode::UnknownField);
    let all = reader(&project, r#""constraints":"all_rows""#);
    all.clone().seen_by(&by_number).expect("may be told");
    // A key that must say which grant is meant is answered nothing without that.
    let some = of(r#""constraints":"all_rows","fields":{"deny":["n"]}"#);
    let both = format!("[{},{some}]", of(&only("customer.id", "ada")));
    let refused = all
        .seen_by(&behind(&project, &both))
        .expect_err("is ambiguous");
    assert_eq!(refused.code, FaultCode::GrantAmbiguous);
}
