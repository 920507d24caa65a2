use model::analyses::Analysis;
use model::pools::SchemaMode;

use super::*;

fn asked(sent: &[(&str, &str)]) -> Result<Value, Fault> {
    let get = |name: &str| {
        let found = sent.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| *value)
    };
    let schema = Schema::new(SchemaMode::Open, Vec::new());
    Asked::typed(&["sales".to_owned()], get).to_value(&schema)
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
    ] {
        let value = asked(sent).expect("a question");
        assert_eq!(model::json::to_text(&value), expected);
        Analysis::parse(&value).expect("one that the API takes");
    }
    for wrong in [
        &[("analysis", "percentile"), ("field", "amount")][..],
        &[("by1", "customer"), ("limit", "many")],
        &[("question", "{")],
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
    ] {
        let question = model::json::parse(text.as_bytes()).expect("JSON");
        let fields = fields_of(&question, &Schema::new(SchemaMode::Open, Vec::new()));
        let sent: Vec<(&str, &str)> = fields
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        let again = Analysis::parse(&asked(&sent).expect("a question")).expect("a question");
        let meant = Analysis::parse(&question).expect("a question");
        assert_eq!(again, meant, "{fields:?}");
    }
}
