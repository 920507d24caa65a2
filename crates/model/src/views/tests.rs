use super::*;
use crate::fault::{Fault, FaultCode};
use crate::fixtures::{Project, json, noon, path, refusal};
use crate::grants::VisibleFields;
use crate::queries::{AggregateQuery, Query, RecordQuery};

fn schema() -> crate::pools::Schema {
    Project::new().strict().draft.schema.clone()
}

fn draft(text: &str) -> Result<ViewDraft, Fault> {
    ViewDraft::parse(&json(text), &schema())
}

#[test]
fn a_definition_reads_back_as_it_was_written() {
    let mut drafts: Vec<ViewDraft> = Project::new()
        .views
        .iter()
        .map(|view| view.draft.clone())
        .collect();
    for text in [
        r#"{"name":"v","pool":"strict","shape":"records","fields":[{"field":"_id"},{"field":"_key"},{"field":"_ingested_at","as":"when"}],"order_by":[{"field":"when","direction":"desc"},{"field":"_id"}]}"#,
        r#"{"name":"v","pool":"strict","shape":"aggregated","fields":[{"field":"_key","group":true},{"field":"_id","aggregate":"count_unique"}]}"#,
        r#"{"name":"v","pool":"strict","shape":"aggregated","grouped_output":true,"fields":[{"field":"region","as":"r","group":true},
            {"aggregate":"count","as":"rows"},{"field":"n","aggregate":"median"},{"field":"n","as":"p","aggregate":"percentile","percentile":99.99},
            {"field":"n","as":"q","aggregate":"percentile","percentile":50},{"field":"n","as":"s","aggregate":"standard_deviation"},
            {"field":"tags","as":"f","aggregate":"first"},{"field":"region","as":"m","aggregate":"minimum"}]}"#,
        r#"{"name":"v","pool":"strict","shape":"time_series","interval_field":"_ingested_at","fields":[{"aggregate":"count"}],"tier":"core","public":false,
            "filters":[{"all":[{"field":"region","operator":"eq","value":"eu"}]}],"order_by":[{"field":"_ingested_at","direction":"desc"}]}"#,
        r#"{"name":"v","pool":"strict","shape":"records","fields":[{"field":"n"}],"filters":[{"field":"n","operator":">","value":1},{"not":{"field":"n","operator":"<","value":9}}]}"#,
    ] {
        drafts
            .push(draft(text).unwrap_or_else(|fault| panic!("{fault} {}: {text}", fault.pointer)));
    }
    for draft in drafts {
        assert_eq!(
            ViewDraft::parse(&draft.to_value(), &schema()),
            Ok(draft.clone())
        );
        let text = json(&crate::json::to_text(&draft.to_value()));
        assert_eq!(ViewDraft::parse(&text, &schema()), Ok(draft));
    }
}

#[test]
fn whatever_is_wrong_or_not_enforced_is_refused_at_its_place() {
    let base = |shape: &str, rest: &str| {
        format!(r#"{{"name":"v","pool":"strict","shape":"{shape}",{rest}}}"#)
    };
    let fields = |fields: &str| {
        base(
            "records",
            &format!(r#""fields":[{{"field":"n"}},{fields}]"#),
        )
    };
    let sums = |fields: &str| {
        base(
            "aggregated",
            &format!(r#""fields":[{{"aggregate":"count","as":"c"}},{fields}]"#),
        )
    };
    let plain = |rest: &str| base("records", &format!(r#""fields":[{{"field":"n"}}],{rest}"#));
    let cases = [
        ("[]".to_owned(), "WrongType "),
        (
            r#"{"name":"v","shape":"records","fields":[{"field":"n"}]}"#.to_owned(),
            "MissingMember /pool",
        ),
        (
            r#"{"name":"v","pool":"a/b","shape":"records","fields":[{"field":"n"}]}"#.to_owned(),
            "InvalidName /pool",
        ),
        (
            r#"{"name":"*","pool":"strict","shape":"records","fields":[{"field":"n"}]}"#.to_owned(),
            "InvalidName /name",
        ),
        (
            r#"{"name":"v","pool":"strict","fields":[{"field":"n"}]}"#.to_owned(),
            "MissingMember /shape",
        ),
        (
            base("table", r#""fields":[{"field":"n"}]"#),
            "InvalidValue /shape",
        ),
        (base("records", r#""fields":[]"#), "InvalidValue /fields"),
        (base("records", r#""fields":null"#), "MissingMember /fields"),
        (
            base(
                "records",
                r#""fields":[{"field":"n"}],"interval_field":"at""#,
            ),
            "InvalidValue /interval_field",
        ),
        (
            base("time_series", r#""fields":[{"aggregate":"count"}]"#),
            "MissingMember /interval_field",
        ),
        (
            base(
                "time_series",
                r#""fields":[{"aggregate":"count"}],"interval_field":"n""#,
            ),
            "WrongType /interval_field",
        ),
        (
            base(
                "time_series",
                r#""fields":[{"aggregate":"count"}],"interval_field":"x""#,
            ),
            "UnknownField /interval_field",
        ),
        (
            base(
                "time_series",
                r#""fields":[{"aggregate":"count","as":"at"}],"interval_field":"at""#,
            ),
            "InvalidValue /fields/0",
        ),
        (
            base(
                "aggregated",
                r#""fields":[{"field":"region","group":true}]"#,
            ),
            "InvalidValue /fields",
        ),
        (fields("1"), "WrongType /fields/1"),
        (fields("{}"), "InvalidValue /fields/1"),
        (fields(r#"{"field":"x"}"#), "UnknownField /fields/1/field"),
        (
            fields(r#"{"field":"customer"}"#),
            "UnknownField /fields/1/field",
        ),
        (fields(r#"{"field":"_x"}"#), "InvalidName /fields/1/field"),
        (fields(r#"{"field":1}"#), "WrongType /fields/1/field"),
        (fields(r#"{"field":"n"}"#), "InvalidValue /fields/1"),
        (
            fields(r#"{"field":"amount","as":"n"}"#),
            "InvalidValue /fields/1",
        ),
        (
            fields(r#"{"field":"amount","as":"_id"}"#),
            "InvalidName /fields/1/as",
        ),
        (
            fields(r#"{"field":"amount","as":"_n"}"#),
            "InvalidName /fields/1/as",
        ),
        (
            fields(r#"{"field":"amount","group":true}"#),
            "InvalidValue /fields/1",
        ),
        (
            fields(r#"{"field":"amount","aggregate":"sum"}"#),
            "InvalidValue /fields/1",
        ),
        (
            fields(r#"{"field":"amount","label":"x"}"#),
            "UnknownMember /fields/1/label",
        ),
        (sums(r#"{"field":"region"}"#), "InvalidValue /fields/1"),
        (
            sums(r#"{"field":"n","group":true,"aggregate":"sum"}"#),
            "InvalidValue /fields/1",
        ),
        (
            sums(r#"{"field":"n","aggregate":"total"}"#),
            "InvalidValue /fields/1/aggregate",
        ),
        (
            sums(r#"{"aggregate":"sum"}"#),
            "MissingMember /fields/1/field",
        ),
        (
            sums(r#"{"field":"region","aggregate":"sum"}"#),
            "WrongType /fields/1/aggregate",
        ),
        (
            sums(r#"{"field":"tags","aggregate":"maximum"}"#),
            "WrongType /fields/1/aggregate",
        ),
        (
            sums(r#"{"field":"region","aggregate":"median"}"#),
            "WrongType /fields/1/aggregate",
        ),
        (
            sums(r#"{"field":"n","aggregate":"percentile"}"#),
            "InvalidValue /fields/1/percentile",
        ),
        (
            sums(r#"{"field":"n","aggregate":"percentile","percentile":0}"#),
            "InvalidValue /fields/1/percentile",
        ),
        (
            sums(r#"{"field":"n","aggregate":"percentile","percentile":100.01}"#),
            "InvalidValue /fields/1/percentile",
        ),
        (
            sums(r#"{"field":"n","aggregate":"percentile","percentile":9.999}"#),
            "InvalidValue /fields/1/percentile",
        ),
        (
            sums(r#"{"field":"n","aggregate":"percentile","percentile":"95"}"#),
            "InvalidValue /fields/1/percentile",
        ),
        (
            sums(r#"{"field":"n","aggregate":"sum","percentile":95}"#),
            "InvalidValue /fields/1/percentile",
        ),
        (plain(r#""filters":[]"#), "InvalidFilter /filters"),
        (
            plain(r#""filters":[{"field":"x","operator":"eq","value":1}]"#),
            "UnknownField /filters",
        ),
        (
            plain(r#""filters":[{"field":"n","operator":"eq","value":"x"}]"#),
            "WrongType /filters",
        ),
        (plain(r#""order_by":{}"#), "WrongType /order_by"),
        (
            plain(r#""order_by":[{"field":"amount"}]"#),
            "FieldNotInView /order_by/0/field",
        ),
        (
            plain(r#""order_by":[{"field":"n","direction":"up"}]"#),
            "InvalidValue /order_by/0/direction",
        ),
        (plain(r#""order_by":["n"]"#), "WrongType /order_by/0"),
        (
            plain(r#""grouped_output":true"#),
            "InvalidValue /grouped_output",
        ),
        (
            plain(r#""grouped_output":"yes""#),
            "WrongType /grouped_output",
        ),
        (plain(r#""tier":"gold""#), "InvalidValue /tier"),
        (plain(r#""public":"yes""#), "WrongType /public"),
        (plain(r#""sql":"select 1""#), "UnknownMember /sql"),
    ];
    for (text, expected) in cases {
        assert_eq!(refusal(draft(&text)), expected, "{text}");
    }
}

#[test]
fn a_malformed_request_is_refused_at_its_place() {
    let cases = [
        ("[]", "WrongType "),
        (r#"{"filters":[]}"#, "UnknownMember /filters"),
        (r#"{"conditions":[]}"#, "InvalidFilter /conditions"),
        (
            r#"{"conditions":[{"field":"a"}]}"#,
            "MissingMember /conditions/0/operator",
        ),
        (r#"{"interval":"fortnightly"}"#, "InvalidValue /interval"),
        (r#"{"interval":1}"#, "WrongType /interval"),
        (r#"{"from":"today"}"#, "InvalidValue /from"),
        (r#"{"to":5}"#, "WrongType /to"),
        (
            r#"{"from":"2026-01-02T00:00:00Z","to":"2026-01-01T00:00:00Z"}"#,
            "InvalidValue /to",
        ),
        (
            r#"{"timeframe":"this_week_or_so"}"#,
            "InvalidValue /timeframe",
        ),
        (
            r#"{"timeframe":"this_14_days","from":"2026-01-02T00:00:00Z"}"#,
            "InvalidValue /timeframe",
        ),
        (
            r#"{"timezone":"Mars/Olympus"}"#,
            "UnknownTimezone /timezone",
        ),
        (r#"{"limit":0}"#, "InvalidValue /limit"),
        (r#"{"limit":-1}"#, "InvalidValue /limit"),
        (r#"{"limit":"10"}"#, "WrongType /limit"),
        (r#"{"limit":1.5}"#, "WrongType /limit"),
        (r#"{"after":"x","before":"y"}"#, "InvalidValue /before"),
        (r#"{"after":7}"#, "WrongType /after"),
        (
            r#"{"order_by":[{"field":"a..b"}]}"#,
            "InvalidName /order_by/0/field",
        ),
        (
            r#"{"order_by":[{"field":"a","dir":"asc"}]}"#,
            "UnknownMember /order_by/0/dir",
        ),
        (r#"{"grant":"first"}"#, "InvalidValue /grant"),
        (r#"{"grant":1}"#, "WrongType /grant"),
        (r#"{"offset":10}"#, "UnknownMember /offset"),
    ];
    for (text, expected) in cases {
        assert_eq!(refusal(ViewRequest::parse(&json(text))), expected, "{text}");
    }
    assert!(ViewRequest::parse(&json("{}")).is_ok());
}

fn ask(view: usize, visible: &str, request: &str, delivery: Delivery) -> Result<Query, Fault> {
    let project = Project::new();
    let grant =
        format!(r#"[{{"on":"view:*","actions":["read"],"constraints":"all_rows"{visible}}}]"#);
    let fields = project.grants(&grant).expect("legal")[0].fields.clone();
    let request = ViewRequest::parse(&json(request))?;
    compile(
        &project.views[view],
        project.strict(),
        &fields,
        &request,
        delivery,
        noon(),
    )
}

fn records(visible: &str, request: &str) -> RecordQuery {
    match ask(0, visible, request, Delivery::Pages) {
        Ok(Query::Records(query)) => query,
        other => panic!("{other:?}"),
    }
}

fn sums(view: usize, visible: &str, request: &str) -> AggregateQuery {
    match ask(view, visible, request, Delivery::Pages) {
        Ok(Query::Aggregate(query)) => query,
        other => panic!("{other:?}"),
    }
}

const NO_COST: &str = r#","fields":{"deny":["secret"]}"#;

fn order_of(query: &RecordQuery) -> Vec<(&str, Direction)> {
    query
        .order
        .iter()
        .map(|by| (by.field.as_str(), by.direction))
        .collect()
}

#[test]
fn a_hidden_field_is_as_if_the_view_did_not_expose_it() {
    let names = |query: &RecordQuery| {
        query
            .columns
            .iter()
            .map(|column| column.name.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        names(&records("", "{}")),
        ["customer.id", "price", "tags", "at", "cost"]
    );
    assert_eq!(
        names(&records(NO_COST, "{}")),
        ["customer.id", "price", "tags", "at"]
    );
    let query = sums(1, NO_COST, "{}");
    assert_eq!(
        query
            .measures
            .iter()
            .map(|measure| measure.name.as_str())
            .collect::<Vec<_>>(),
        ["count", "total"]
    );
    for view in [0, 1] {
        for request in [
            r#"{"conditions":[{"field":"cost","operator":"gt","value":1}]}"#,
            r#"{"conditions":[{"not":{"any":[{"field":"cost","operator":"exists","value":false}]}}]}"#,
            r#"{"conditions":[{"field":"cost","operator":"contains","value":"x"}]}"#,
            r#"{"order_by":[{"field":"cost"}]}"#,
        ] {
            let hidden = ask(view, NO_COST, request, Delivery::Pages).expect_err("hidden");
            assert_eq!(hidden.code, FaultCode::FieldNotInView);
            let absent = ask(
                view,
                NO_COST,
                &request.replace("cost", "gone"),
                Delivery::Pages,
            )
            .expect_err("absent");
            assert_eq!(
                format!("{hidden:?}"),
                format!("{absent:?}").replace("gone", "cost")
            );
        }
        // The pool's own name for it opens nothing either, nor does any name that is not exposed.
        for name in ["secret.cost", "secret", "amount", "n", "_id"] {
            let request = format!(
                r#"{{"conditions":[{{"field":"{name}","operator":"exists","value":true}}]}}"#
            );
            assert_eq!(
                refusal(ask(view, "", &request, Delivery::Pages)),
                "FieldNotInView /conditions",
                "{name}"
            );
        }
    }
}

#[test]
fn a_fault_speaks_of_the_views_names_alone() {
    for request in [
        r#"{"conditions":[{"field":"cost","operator":"contains","value":"x"}]}"#,
        r#"{"conditions":[{"field":"cost","operator":"eq","value":true}]}"#,
    ] {
        for view in [0, 1] {
            let fault = ask(view, "", request, Delivery::Pages).expect_err("of another type");
            assert_eq!(
                (fault.code, fault.field.as_deref()),
                (FaultCode::WrongType, Some("cost"))
            );
            assert!(!format!("{fault:?}").contains("secret"), "{fault:?}");
        }
    }
}

#[test]
fn a_hidden_time_field_can_be_neither_ranged_nor_ordered_by() {
    let hidden = r#","fields":{"deny":["at"]}"#;
    for (request, place) in [
        (r#"{"from":"2026-01-01T00:00:00Z"}"#, "/from"),
        (r#"{"to":"2026-01-01T00:00:00Z"}"#, "/to"),
        (r#"{"timeframe":"this_14_days"}"#, "/timeframe"),
    ] {
        for view in [0, 1] {
            let fault = ask(view, hidden, request, Delivery::Pages).expect_err("hidden");
            assert_eq!(
                (fault.code, fault.pointer.as_str(), fault.field),
                (FaultCode::FieldNotInView, place, None)
            );
            assert!(ask(view, "", request, Delivery::Pages).is_ok());
        }
    }
    assert_eq!(
        order_of(&records(hidden, "{}")),
        [("_id", Direction::Descending)]
    );
    let request = r#"{"interval":"daily","timeframe":"this_14_days"}"#;
    assert_eq!(
        refusal(ask(2, hidden, request, Delivery::Pages)),
        "FieldNotInView "
    );
    assert!(ask(2, "", request, Delivery::Pages).is_ok());
    assert_eq!(
        refusal(ask(
            0,
            hidden,
            r#"{"order_by":[{"field":"at"}]}"#,
            Delivery::Pages
        )),
        "FieldNotInView /order_by/0/field"
    );
}

#[test]
fn every_order_of_records_ends_with_the_id() {
    use Direction::{Ascending, Descending};
    assert_eq!(
        order_of(&records("", "{}")),
        [("at", Descending), ("_id", Descending)]
    );
    let asked = r#"{"order_by":[{"field":"price"},{"field":"price","direction":"desc"}]}"#;
    assert_eq!(
        order_of(&records("", asked)),
        [("amount", Ascending), ("_id", Ascending)]
    );
    assert_eq!(
        refusal(ask(
            0,
            "",
            r#"{"order_by":[{"field":"tags"}]}"#,
            Delivery::Pages
        )),
        "WrongType /order_by/0/field"
    );
}

#[test]
fn conditions_speak_of_the_pools_fields_once_checked() {
    let query = records(
        "",
        r#"{"conditions":[{"field":"price","operator":"gt","value":5}],"limit":7}"#,
    );
    let fields: Vec<String> = query
        .filter
        .iter()
        .flat_map(Filter::fields)
        .map(ToString::to_string)
        .collect();
    assert_eq!((fields, query.limit), (vec!["amount".to_owned()], Some(8)));
}

#[test]
fn conditions_on_groups_choose_rows_and_on_functions_choose_answers() {
    let group = r#"{"field":"region","operator":"eq","value":"eu"}"#;
    let count = r#"{"field":"count","operator":"gt","value":5}"#;
    let ask_sums = |conditions: &str| {
        let query = sums(1, "", &format!(r#"{{"conditions":[{conditions}]}}"#));
        let names = |filter: Option<Filter>| {
            filter.map(|filter| {
                filter
                    .fields()
                    .iter()
                    .map(ToString::to_string)
                    .collect::<Vec<_>>()
                    .join(",")
            })
        };
        (names(query.filter), names(query.having))
    };
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(ask_sums(group), (some("region"), None));
    assert_eq!(ask_sums(count), (None, some("count")));
    assert_eq!(
        ask_sums(&format!("{group},{count}")),
        (some("region"), some("count"))
    );
    // One part that speaks of both is about the answer as a whole: no half of it is lost.
    assert_eq!(
        ask_sums(&format!(r#"{{"any":[{group},{count}]}}"#)),
        (None, some("count,region"))
    );
    assert_eq!(
        ask_sums(&format!(r#"{{"not":[{group},{count}]}}"#)),
        (None, some("count,region"))
    );
    let wrong = r#"{"conditions":[{"any":[{"field":"region","operator":"eq","value":5},{"field":"count","operator":"gt","value":5}]}]}"#;
    assert_eq!(
        refusal(ask(1, "", wrong, Delivery::Pages)),
        "WrongType /conditions"
    );
    let wrong = r#"{"conditions":[{"field":"total","operator":"contains","value":"5"}]}"#;
    assert_eq!(
        refusal(ask(1, "", wrong, Delivery::Pages)),
        "WrongType /conditions"
    );
}

#[test]
fn what_belongs_to_another_shape_is_refused() {
    let cases = [
        (
            0,
            Delivery::Pages,
            r#"{"interval":"daily"}"#,
            "InvalidValue /interval",
        ),
        (
            0,
            Delivery::Pages,
            r#"{"limit":1001}"#,
            "LimitExceeded /limit",
        ),
        (0, Delivery::Stream, r#"{"limit":1001}"#, "accepted"),
        (
            0,
            Delivery::Stream,
            r#"{"after":"x"}"#,
            "InvalidValue /after",
        ),
        (
            0,
            Delivery::Stream,
            r#"{"before":"x"}"#,
            "InvalidValue /before",
        ),
        (
            1,
            Delivery::Pages,
            r#"{"interval":"daily"}"#,
            "InvalidValue /interval",
        ),
        (
            1,
            Delivery::Pages,
            r#"{"after":"x"}"#,
            "InvalidValue /after",
        ),
        (
            1,
            Delivery::Pages,
            r#"{"before":"x"}"#,
            "InvalidValue /before",
        ),
        (2, Delivery::Pages, "{}", "MissingMember /interval"),
        (
            2,
            Delivery::Pages,
            r#"{"interval":"daily"}"#,
            "MissingMember /timeframe",
        ),
        (
            2,
            Delivery::Pages,
            r#"{"interval":"daily","from":"2026-01-01T00:00:00Z"}"#,
            "MissingMember /timeframe",
        ),
        (
            2,
            Delivery::Pages,
            r#"{"interval":"minutely","timeframe":"this_2_years"}"#,
            "LimitExceeded /interval",
        ),
        (
            2,
            Delivery::Pages,
            r#"{"interval":"daily","timeframe":"this_14_days","after":"x"}"#,
            "InvalidValue /after",
        ),
    ];
    for (view, delivery, request, expected) in cases {
        assert_eq!(
            refusal(ask(view, "", request, delivery)),
            expected,
            "{view} {request}"
        );
    }
}

#[test]
fn a_view_names_its_own_grant_target() {
    let project = Project::new();
    let target = project.views[0].target();
    assert_eq!(target.to_text().0, "view:records");
    assert_eq!(path("at"), project.strict().time_field());
}

#[test]
fn a_plain_date_is_the_first_instant_of_that_day_where_the_reader_is() {
    let sides = |text: &str| {
        let request = crate::json::parse(text.as_bytes()).expect("json");
        let request = ViewRequest::parse(&request).expect("a request");
        (
            request.from.expect("from").to_string(),
            request.to.expect("to").to_string(),
        )
    };
    let utc = sides(r#"{"from":"2026-01-01","to":"2026-01-02"}"#);
    assert_eq!(
        utc,
        (
            "2026-01-01T00:00:00Z".to_owned(),
            "2026-01-02T00:00:00Z".to_owned()
        )
    );
    let local =
        sides(r#"{"from":"2026-01-01","to":"2026-01-02T00:00:00Z","timezone":"America/New_York"}"#);
    assert_eq!(
        local,
        (
            "2026-01-01T05:00:00Z".to_owned(),
            "2026-01-02T00:00:00Z".to_owned()
        )
    );
    let skipped =
        sides(r#"{"from":"2018-11-04","to":"2018-11-05","timezone":"America/Sao_Paulo"}"#);
    assert_eq!(
        skipped,
        (
            "2018-11-04T03:00:00Z".to_owned(),
            "2018-11-05T02:00:00Z".to_owned()
        )
    );
}

#[test]
fn first_and_last_are_hidden_with_the_time_that_they_go_by() {
    let project = Project::new();
    let text = r#"{"name":"ends","pool":"strict","shape":"aggregated","fields":[
        {"aggregate":"count"},{"field":"n","aggregate":"first","as":"a"},{"field":"n","aggregate":"last","as":"z"}]}"#;
    let view = View {
        draft: draft(text).expect("legal"),
        ..project.views[0].as_ref().clone()
    };
    let measures = |visible: &VisibleFields| {
        let request = ViewRequest::default();
        match compile(
            &view,
            project.strict(),
            visible,
            &request,
            Delivery::Pages,
            noon(),
        ) {
            Ok(Query::Aggregate(query)) => query.columns,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(measures(&VisibleFields::All), ["count", "a", "z"]);
    let timeless = VisibleFields::Deny([path("at")].into());
    assert_eq!(measures(&timeless), ["count"]);
}
