use model::analyses::Analysis;
use model::pools::SchemaMode;

use super::super::again::fields_of;
use super::*;

fn asked(sent: &[(&str, &str)]) -> Result<Value, Fault> {
    let get = |name: &str| {
        let found = sent.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| *value)
    };
    let schema = Schema::new(SchemaMode::Open, Vec::new());
    Asked::typed(&["sales".to_owned()], get).to_value(|_| &schema)
}

#[test]
fn the_form_asks_what_it_says() {
    for (sent, expected) in [
        (&[][..], r#"{"analysis":"count","pool":"sales"}"#),
        (
            &[
                ("analysis", "sum"),
                ("field", "amount"),
                ("by1", "customer"),
                ("order", "desc"),
            ],
            r#"{"analysis":"sum","pool":"sales","field":"amount","group_by":["customer"],"order_by":[{"field":"result","direction":"desc"}],"limit":100}"#,
        ),
        (
            &[
                ("analysis", "percentile"),
                ("field", "amount"),
                ("percentile", "90"),
                ("interval", "daily"),
            ],
            r#"{"analysis":"percentile","pool":"sales","field":"amount","percentile":90.0,"interval":"daily","timeframe":"this_12_months"}"#,
        ),
        (
            &[
                ("timeframe", "between"),
                ("from", "2026-04-01"),
                ("to", "2026-05-01"),
                ("f1", "amount"),
                ("o1", "gte"),
                ("v1", "2"),
            ],
            r#"{"analysis":"count","pool":"sales","from":"2026-04-01","to":"2026-05-01","filters":[{"field":"amount","operator":"gte","value":2}]}"#,
        ),
        (
            &[
                ("analysis", "extraction"),
                ("limit", "5"),
                ("interval", "daily"),
            ],
            r#"{"analysis":"extraction","pool":"sales","latest":5}"#,
        ),
        (
            &[
                ("analysis", "sum"),
                ("question", r#"{"analysis":"count","pool":"other"}"#),
            ],
            r#"{"analysis":"count","pool":"other"}"#,
        ),
        (
            &[
                ("ask", "several"),
                ("functions", "3"),
                ("k1", "count"),
                ("k2", "sum"),
                ("c2", "amount.net"),
                ("k3", "percentile"),
                ("c3", "amount"),
                ("q3", "90"),
                ("l3", "most"),
                ("by1", "city"),
                ("order", "desc"),
                // What another kind of question has.
                ("analysis", "extraction"),
                ("u1", "user"),
            ],
            r#"{"analysis":"multi_analysis","analyses":{"count":{"analysis":"count"},"sum_amount_net":{"analysis":"sum","field":"amount.net"},"most":{"analysis":"percentile","field":"amount","percentile":90.0}},"pool":"sales","group_by":["city"],"order_by":[{"field":"count","direction":"desc"}],"limit":100}"#,
        ),
        (
            &[
                ("ask", "funnel"),
                ("steps", "2"),
                ("u1", "user"),
                ("s2", "visits"),
                ("u2", "visitor"),
                ("w2", "both"),
                ("s2f1", "page"),
                ("s2o1", "eq"),
                ("s2v1", "shop"),
                ("timeframe", "this_7_days"),
                ("interval", "daily"),
                ("by1", "city"),
                ("f1", "x"),
            ],
            r#"{"analysis":"funnel","steps":[{"pool":"sales","actor":"user"},{"pool":"visits","actor":"visitor","inverted":true,"optional":true,"filters":[{"field":"page","operator":"eq","value":"shop"}]}],"timeframe":"this_7_days"}"#,
        ),
    ] {
        let value = asked(sent).expect("a question");
        assert_eq!(model::json::to_text(&value), expected);
        Analysis::parse(&value).expect("one that the API takes");
    }
    for wrong in [
        &[("analysis", "percentile"), ("field", "amount")][..],
        &[("by1", "customer"), ("limit", "many")],
        &[("question", "{")],
        &[("ask", "several"), ("k1", "percentile"), ("c1", "amount")],
        &[("ask", "several"), ("k1", "count"), ("k2", "count")],
        &[("ask", "several"), ("k1", "count"), ("c2", "amount")],
        &[("ask", "funnel"), ("u1", "user")],
        &[
            ("ask", "funnel"),
            ("u1", "user"),
            ("u2", "user"),
            ("s2f1", "x"),
        ],
        &[("filters", "{")],
    ] {
        assert!(asked(wrong).is_err(), "{wrong:?}");
    }
}

#[test]
fn a_question_comes_back_into_the_form_or_as_it_is() {
    for text in [
        r#"{"analysis":"count","pool":"sales"}"#,
        r#"{"analysis":"sum","pool":"sales","field":"amount","group_by":["customer","city"],"order_by":[{"field":"result","direction":"desc"}],"limit":5}"#,
        r#"{"analysis":"count","pool":"sales","interval":"daily","timeframe":"this_30_days","timezone":"Europe/Berlin"}"#,
        r#"{"analysis":"count","pool":"sales","interval":"daily","timeframe":"this_14_days"}"#,
        r#"{"analysis":"count","pool":"sales","interval":"every_2_days","timeframe":"this_30_days"}"#,
        r#"{"analysis":"count","pool":"sales","group_by":["city"]}"#,
        r#"{"analysis":"percentile","percentile":99.95,"field":"amount","pool":"sales"}"#,
        r#"{"analysis":"count","pool":"sales","from":"2026-04-01T00:00:00Z","filters":[{"any":[{"field":"a","operator":"eq","value":1}]}]}"#,
        r#"{"analysis":"count","pool":"sales","group_by":[{"field":"amount","bin_size":2}]}"#,
        r#"{"analysis":"funnel","steps":[{"pool":"sales","actor":"customer"}]}"#,
        r#"{"analysis":"funnel","from":"2026-04-01T00:00:00Z","steps":[{"pool":"sales","actor":"a"},{"pool":"visits","actor":"b","optional":true,"filters":[{"field":"page","operator":"eq","value":"shop"}]}]}"#,
        r#"{"analysis":"funnel","steps":[{"pool":"sales","actor":"a","with_actors":true}]}"#,
        r#"{"analysis":"multi_analysis","pool":"sales","analyses":{"n":{"analysis":"count"},"p 9":{"analysis":"percentile","field":"amount","percentile":9}},"group_by":["city"],"order_by":[{"field":"n","direction":"asc"}],"limit":5}"#,
        r#"{"analysis":"multi_analysis","pool":"sales","analyses":{"n":{"analysis":"count"},"m":{"analysis":"count","field":"a"}},"group_by":["city"],"order_by":[{"field":"m","direction":"asc"}],"limit":5}"#,
    ] {
        let question = model::json::parse(text.as_bytes()).expect("JSON");
        let schema = Schema::new(SchemaMode::Open, Vec::new());
        let fields = fields_of(&question, |_| &schema);
        let stored = Analysis::parse(&question).expect("a question").to_value();
        let is_whole =
            |fields: &[(&str, String)]| fields.iter().any(|(name, _)| *name == "question");
        // What is stored comes back as what was sent does.
        assert_eq!(
            is_whole(&fields_of(&stored, |_| &schema)),
            is_whole(&fields),
            "{text}"
        );
        let sent: Vec<(&str, &str)> = fields
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        let again = Analysis::parse(&asked(&sent).expect("a question")).expect("a question");
        let meant = Analysis::parse(&question).expect("a question");
        assert_eq!(again, meant, "{fields:?}");
    }
}

/// The form as it is shown again for what was sent.
fn shown(sent: &[(&str, &str)]) -> Asked {
    let get = |name: &str| {
        let found = sent.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| *value)
    };
    Asked::typed(&["sales".to_owned(), "visits".to_owned()], get)
}

#[test]
fn rows_are_added_and_removed_and_the_others_stay_what_they_are() {
    let sent = [
        ("ask", "funnel"),
        ("steps", "3"),
        ("s1", "sales"),
        ("u1", "a"),
        ("s2", "visits"),
        ("u2", "b"),
        ("s2f1", "page"),
        ("s2v1", "shop"),
        ("s3", "sales"),
        ("u3", "c"),
        ("w3", "optional"),
    ];
    let actors = |asked: &Asked| {
        let steps = asked.steps.steps.iter();
        steps.map(|step| step.actor.clone()).collect::<Vec<_>>()
    };
    assert_eq!(actors(&shown(&sent)), ["a", "b", "c"]);
    let added = shown(&[&sent[..], &[("do", "add")]].concat());
    // The new one begins with what the one before it has.
    assert_eq!(actors(&added), ["a", "b", "c", "c"]);
    assert!(added.steps.steps[3].is_new && added.steps.steps[3].pool() == "sales");
    let dropped = shown(&[&sent[..], &[("do", "drop-1")]].concat());
    assert_eq!(actors(&dropped), ["b", "c"]);
    let first = &dropped.steps.steps[0];
    assert_eq!((first.pool(), first.names.actor), ("visits", "u1"));
    let condition = &first.conditions[0];
    assert_eq!(
        (
            condition.names[0],
            condition.field.as_str(),
            condition.value.as_str()
        ),
        ("s1f1", "page", "shop")
    );
    // One is left, whatever is sent, and no more than there is room for.
    let one = [
        ("ask", "funnel"),
        ("steps", "1"),
        ("u1", "a"),
        ("do", "drop-1"),
    ];
    assert_eq!(actors(&shown(&one)), ["a"]);
    let full = [("ask", "funnel"), ("steps", "900"), ("do", "add")];
    let full = shown(&full);
    assert!(full.steps.steps.len() == 8 && !full.steps.may_add);

    let sent = [
        ("ask", "several"),
        ("functions", "3"),
        ("k1", "sum"),
        ("c1", "amount"),
        ("k2", "count"),
        ("l3", "typed"),
    ];
    let rows = |asked: &Asked| {
        let rows = asked.functions.rows.iter();
        rows.map(|row| (row.field.clone(), row.label.clone()))
            .collect::<Vec<_>>()
    };
    let pair = |field: &str, label: &str| (field.to_owned(), label.to_owned());
    let dropped = shown(&[&sent[..], &[("do", "drop-1")]].concat());
    assert_eq!(rows(&dropped), [pair("", ""), pair("", "typed")]);
    let added = shown(&[&sent[..], &[("do", "add")]].concat());
    assert_eq!(rows(&added).len(), 4);
}

#[test]
fn what_was_typed_for_another_kind_of_question_is_kept() {
    let sent = [
        ("ask", "one"),
        ("analysis", "sum"),
        ("field", "amount"),
        ("by1", "city"),
        ("as", "funnel"),
    ];
    let funnel = shown(&sent);
    assert!(funnel.kind.named("funnel"));
    for kept in [("analysis", "sum"), ("field", "amount"), ("by1", "city")] {
        let kept = (kept.0, kept.1.to_owned());
        assert!(funnel.kept.contains(&kept), "{kept:?}");
    }
    // The one function is the first of several.
    let several = shown(&[&sent[..4], &[("as", "several")]].concat());
    let first = &several.functions.rows[0];
    assert_eq!(first.field, "amount");
    assert!(
        first
            .functions
            .iter()
            .any(|one| one.is_chosen && one.value == "sum")
    );
    assert!(!several.kept.contains(&("by1", "city".to_owned())));
}
