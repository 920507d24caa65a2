use super::*;

fn object(query: &str, names: &[&str]) -> String {
    let object = Parameters::parse(query).to_object(names);
    let object = object.unwrap_or_else(|fault| panic!("{fault}"));
    model::json::to_text(&object.into())
}

#[test]
fn texts_are_read_as_clients_write_them() {
    for (query, expected) in [
        (
            "timezone=%22US%2FPacific%22",
            r#"{"timezone":"US/Pacific"}"#,
        ),
        ("timezone=US%2FPacific", r#"{"timezone":"US/Pacific"}"#),
        ("timezone=-28800", r#"{"timezone":"-28800"}"#),
        (
            "timeframe=%22this_3_months%22",
            r#"{"timeframe":"this_3_months"}"#,
        ),
        (
            "timeframe=%7B%22start%22:+%22a%22%7D",
            r#"{"timeframe":{"start":"a"}}"#,
        ),
        (
            "&&event_collection=User+posts.new&",
            r#"{"event_collection":"User posts.new"}"#,
        ),
        (
            "event_collection=User%20posts.new",
            r#"{"event_collection":"User posts.new"}"#,
        ),
        (
            "event_collection=%5Bodd%5D",
            r#"{"event_collection":"[odd]"}"#,
        ),
        ("filters=[]", r#"{"filters":[]}"#),
        ("filters=null", r#"{"filters":null}"#),
        ("filters=&api_key=undefined", "{}"),
        ("c=clv1&c=2&group_by=sku", r#"{"group_by":"sku"}"#),
        ("event_collection=%FF", r#"{"event_collection":"%FF"}"#),
    ] {
        let names = [
            "event_collection",
            "filters",
            "timeframe",
            "timezone",
            "group_by",
        ];
        assert_eq!(object(query, &names), expected, "{query}");
    }
}

#[test]
fn what_is_no_json_or_stands_twice_is_refused() {
    for (query, code, pointer) in [
        ("filters=[nope", FaultCode::MalformedBody, "/filters"),
        ("filters=%5B%7B%7D", FaultCode::MalformedBody, "/filters"),
        (
            "timeframe=a&timeframe=b",
            FaultCode::DuplicateMember,
            "/timeframe",
        ),
    ] {
        let fault = Parameters::parse(query).to_object(&["filters", "timeframe"]);
        let fault = fault.expect_err(query);
        assert_eq!(
            (fault.code, fault.pointer.as_str()),
            (code, pointer),
            "{query}"
        );
    }
}
