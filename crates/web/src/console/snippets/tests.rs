use model::pools::PoolDraft;

use super::*;

fn parse(text: &str) -> Value {
    model::json::parse(text.as_bytes()).expect("JSON")
}

#[test]
fn a_record_has_a_value_of_each_declared_type_at_its_path() {
    let draft = parse(
        r#"{"name": "p", "schema": "strict", "fields": [
            {"name": "customer.id", "type": "String"}, {"name": "n", "type": "Int64"},
            {"name": "customer.age", "type": "UInt8"}, {"name": "at", "type": "DateTime"},
            {"name": "tags", "type": "Array(String)"}, {"name": "ok", "type": "Boolean"},
            {"name": "id", "type": "UUID"}, {"name": "day", "type": "Date"},
            {"name": "x", "type": "Float32"}]}"#,
    );
    let schema = PoolDraft::parse(&draft).expect("a pool").schema;
    let shown = record(&schema);
    assert_eq!(
        model::json::to_text(&shown),
        r#"{"n":1,"customer":{"id":"text","age":1},"at":"2026-05-31T12:00:00Z","tags":["text"],"ok":true,"id":"018f6e2a-7c00-7000-8000-000000000000","day":"2026-05-31","x":1.5}"#
    );
}

#[test]
fn quotes_of_a_body_end_no_text_of_any_language() {
    let body = parse(r#"{"a": "it's \"so\" \\ `${x}`"}"#);
    let all = sending("/v1/pools/a%20b/records", &body);
    let text = |language: &str| {
        let found = all.iter().find(|snippet| snippet.language == language);
        found.expect("a snippet").text.clone()
    };
    assert!(text("curl").contains(r#"-d '{"a":"it'\''s \"so\" \\ `${x}`"}'"#));
    assert!(text("JavaScript").contains(r#"JSON.stringify({"a":"it's \"so\" \\ `${x}`"})"#));
    assert!(text("Python").contains(r#"json.loads("{\"a\":\"it's \\\"so\\\" \\\\ `${x}`\"}")"#));
    for snippet in reading("/v1/views/a%20b/data") {
        assert!(
            snippet.text.contains("/v1/views/a%20b/data"),
            "{}",
            snippet.language
        );
    }
}
