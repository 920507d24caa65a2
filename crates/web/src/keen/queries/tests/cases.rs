//! The questions among the contract's worked examples, 8 to 16, with what they
//! are answered. Other crates' tests include this file, so it names nothing of
//! this one.

use serde_json::{Value as Json, json};

/// The timeframe of the examples.
pub(crate) fn tf() -> Json {
    json!({ "start": "2024-03-04T00:00:00Z", "end": "2024-03-07T00:00:00Z" })
}

/// An event of this time.
pub(crate) fn event(at: &str, members: &Json) -> Json {
    let mut event = members.clone();
    event["keen"] = json!({ "timestamp": at, "created_at": at, "id": format!("id-{at}") });
    event
}

/// The definition of the pool that a collection of this name is.
pub(crate) fn collection(name: &str) -> Json {
    json!({ "name": name, "schema": "open", "time_field": "keen.timestamp", "fields": [
        { "name": "keen.timestamp", "type": "DateTime" },
        { "name": "keen.created_at", "type": "DateTime" },
        { "name": "keen.id", "type": "String" },
    ] })
}

/// The collections of the examples with their events.
pub(crate) fn collections() -> Vec<(&'static str, Vec<Json>)> {
    let orders = [
        (
            "2024-03-04T09:00:00.000Z",
            json!({ "customer": { "id": "c1" }, "amount": 10, "sku": "a", "tags": ["x", "y"] }),
        ),
        (
            "2024-03-04T21:30:00.000Z",
            json!({ "customer": { "id": "c2" }, "amount": 20, "sku": "b", "tags": ["y"] }),
        ),
        (
            "2024-03-05T02:15:00.000Z",
            json!({ "customer": { "id": "c1" }, "amount": 30, "sku": "a" }),
        ),
        (
            "2024-03-05T23:59:59.999Z",
            json!({ "customer": { "id": "c3" }, "amount": 5, "sku": null, "tags": [] }),
        ),
        (
            "2024-03-07T00:00:00.000Z",
            json!({ "customer": { "id": "c1" }, "amount": 50, "sku": "c" }),
        ),
    ];
    let orders = orders.iter().map(|(at, members)| event(at, members));
    let mut all = vec![("orders", orders.collect())];
    for (name, users) in [
        ("visits", &["u1", "u2", "u3", "u4"][..]),
        ("signups", &["u1", "u2", "u5"]),
        ("refunds", &["u2"]),
    ] {
        let events = users.iter();
        let events = events.map(|user| event("2024-03-04T10:00:00Z", &json!({ "user": user })));
        all.push((name, events.collect()));
    }
    all
}

fn encoded(text: &str) -> String {
    let bytes = text.bytes().map(|byte| match byte {
        b' ' => "+".to_owned(),
        byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    });
    bytes.collect()
}

/// The parameters of a GET that says the same as this body.
pub(crate) fn parameters(body: &Json) -> String {
    let members = body.as_object().expect("an object").iter();
    let pairs = members.map(|(name, value)| {
        let text = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        format!("{name}={}", encoded(&text))
    });
    pairs.collect::<Vec<_>>().join("&")
}

/// A question over the orders of the examples.
pub(crate) fn orders(rest: &Json) -> Json {
    let mut body = json!({ "event_collection": "orders", "timeframe": tf() });
    let members = rest.as_object().expect("an object").clone();
    body.as_object_mut().expect("an object").extend(members);
    body
}

/// Questions over the orders: the analysis, what is asked beside collection
/// and timeframe, and the answer but for the question that it repeats.
pub(crate) fn cases() -> Vec<(&'static str, Json, &'static str)> {
    vec![
        // 8
        (
            "count",
            json!({ "analysis_type": "count", "timezone": 0 }),
            r#"{"result":4}"#,
        ),
        // 9
        (
            "count",
            json!({ "timezone": "US/Pacific", "interval": "daily" }),
            concat!(
                r#"{"result":["#,
                r#"{"timeframe":{"start":"2024-03-03T16:00:00.000-08:00","end":"2024-03-04T00:00:00.000-08:00"},"value":0},"#,
                r#"{"timeframe":{"start":"2024-03-04T00:00:00.000-08:00","end":"2024-03-05T00:00:00.000-08:00"},"value":3},"#,
                r#"{"timeframe":{"start":"2024-03-05T00:00:00.000-08:00","end":"2024-03-06T00:00:00.000-08:00"},"value":1},"#,
                r#"{"timeframe":{"start":"2024-03-06T00:00:00.000-08:00","end":"2024-03-06T16:00:00.000-08:00"},"value":0}]}"#,
            ),
        ),
        // 10
        (
            "sum",
            json!({ "target_property": "amount", "group_by": "sku", "order_by": [{ "property_name": "result", "direction": "DESC" }], "limit": 2 }),
            r#"{"result":[{"sku":"a","result":40},{"sku":"b","result":20}]}"#,
        ),
        (
            "sum",
            json!({ "target_property": "amount", "group_by": "sku", "order_by": { "property_name": "result", "direction": "DESC" } }),
            r#"{"result":[{"sku":"a","result":40},{"sku":"b","result":20},{"sku":null,"result":5}]}"#,
        ),
        // 11
        (
            "count",
            json!({ "interval": "daily", "group_by": ["sku"] }),
            concat!(
                r#"{"result":["#,
                r#"{"timeframe":{"start":"2024-03-04T00:00:00.000Z","end":"2024-03-05T00:00:00.000Z"},"value":[{"sku":"a","result":1},{"sku":"b","result":1},{"sku":null,"result":0}]},"#,
                r#"{"timeframe":{"start":"2024-03-05T00:00:00.000Z","end":"2024-03-06T00:00:00.000Z"},"value":[{"sku":"a","result":1},{"sku":"b","result":0},{"sku":null,"result":1}]},"#,
                r#"{"timeframe":{"start":"2024-03-06T00:00:00.000Z","end":"2024-03-07T00:00:00.000Z"},"value":[{"sku":"a","result":0},{"sku":"b","result":0},{"sku":null,"result":0}]}]}"#,
            ),
        ),
        // 12
        (
            "percentile",
            json!({ "target_property": "amount", "percentile": 95 }),
            r#"{"result":30}"#,
        ),
        (
            "median",
            json!({ "target_property": "amount" }),
            r#"{"result":10}"#,
        ),
        // 13
        (
            "select_unique",
            json!({ "target_property": "customer.id" }),
            r#"{"result":["c1","c2","c3"]}"#,
        ),
        (
            "count_unique",
            json!({ "target_property": "customer.id" }),
            r#"{"result":3}"#,
        ),
        // 14
        (
            "count",
            json!({ "filters": [{ "property_name": "tags", "operator": "eq", "property_value": "y" }] }),
            r#"{"result":2}"#,
        ),
        (
            "count",
            json!({ "filters": [{ "property_name": "tags", "operator": "exists", "property_value": false }] }),
            r#"{"result":1}"#,
        ),
        // 15
        (
            "extraction",
            json!({ "latest": 2, "property_names": ["sku", "amount"] }),
            r#"{"result":[{"sku":null,"amount":5},{"sku":"a","amount":30}]}"#,
        ),
        // 16
        (
            "multi_analysis",
            json!({ "group_by": "customer.id", "analyses": { "orders": { "analysis_type": "count" }, "revenue": { "analysis_type": "sum", "target_property": "amount" } } }),
            r#"{"result":[{"customer.id":"c1","orders":2,"revenue":40},{"customer.id":"c2","orders":1,"revenue":20},{"customer.id":"c3","orders":1,"revenue":5}]}"#,
        ),
    ]
}
