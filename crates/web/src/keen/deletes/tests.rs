use axum::body::Body;
use http::Request;
use serde_json::{Value as Json, json};

use crate::keen::tests::{base, error_code, send};
use crate::testing::{Reply, World};

struct Orders {
    world: World,
    base: String,
    keys: Json,
}

impl Orders {
    /// The collection of the contract's examples.
    async fn new() -> Self {
        let world = World::new().await;
        let keys = world.post("/v1/projects/default/keen", &json!({})).await;
        let keys = keys.expect(201).json();
        let base = base(&world);
        let orders = Self { world, base, keys };
        let event = |at: &str, sku: Json, amount: i64| json!({ "sku": sku, "amount": amount, "keen": { "timestamp": at } });
        let events = json!({ "orders": [
            event("2024-03-04T09:00:00.000Z", json!("a"), 10),
            event("2024-03-04T21:30:00.000Z", json!("b"), 20),
            event("2024-03-05T02:15:00.000Z", json!("a"), 30),
            event("2024-03-05T23:59:59.999Z", json!(null), 5),
            event("2024-03-07T00:00:00.000Z", json!("c"), 50),
        ] });
        let call = format!("POST {}/events", orders.base);
        let write = orders.key("write");
        send(&orders.world, &write, &call, &events)
            .await
            .expect(200);
        orders
    }

    fn key(&self, name: &str) -> String {
        let key = &self.keys[format!("{name}_key")];
        key.as_str().expect("a key").to_owned()
    }

    async fn delete(&self, query: &str, body: &str) -> Reply {
        let path = format!("{}/events/orders{query}", self.base);
        let request = Request::delete(path)
            .header("authorization", self.key("master"))
            .header("content-type", "application/json");
        let request = request.body(Body::from(body.to_owned()));
        self.world.send(request.expect("a request")).await
    }

    /// The amounts that are left; `None` when the collection is gone.
    fn left(&self) -> Option<Vec<i64>> {
        let pools = self.world.state.control.pools();
        let pool = pools
            .iter()
            .find(|pool| pool.draft.name.as_str() == "orders")?;
        let records = self.world.plane.records(pool.id);
        let amount = |record: &model::records::Record| {
            let text = model::json::to_text(record.get("amount").expect("an amount"));
            text.parse().expect("a number")
        };
        Some(records.iter().map(amount).collect())
    }
}

/// A text as a parameter.
fn encoded(json: &Json) -> String {
    json.to_string()
        .bytes()
        .map(|byte| format!("%{byte:02X}"))
        .collect()
}

fn sku(value: &str) -> Json {
    json!([{ "property_name": "sku", "operator": "eq", "property_value": value }])
}

fn tf() -> Json {
    json!({ "start": "2024-03-04T00:00:00Z", "end": "2024-03-07T00:00:00Z" })
}

#[tokio::test]
async fn matching_events_go_and_nothing_else() {
    for (query, left) in [
        // The worked example, with the segments and the quotes that clients send.
        (
            format!(
                "?&api_key=MK&timeframe={}&filters={}&timezone=%22US%2FPacific%22",
                encoded(&tf()),
                encoded(&sku("b"))
            ),
            &[10, 30, 5, 50][..],
        ),
        (
            format!("?filters={}&&api_key=MK&", encoded(&sku("a"))),
            &[20, 5, 50],
        ),
        (format!("?timeframe={}", encoded(&tf())), &[50]),
        (format!("?timeframe={}&filters=[]", encoded(&tf())), &[50]),
        // Times without an offset are of the zone.
        (
            format!(
                "?timezone=US/Pacific&timeframe={}",
                encoded(&json!({ "start": "2024-03-04", "end": "2024-03-05" }))
            ),
            &[5, 50],
        ),
        (
            "?timeframe=previous_1_days".to_owned(),
            &[10, 20, 30, 5, 50],
        ),
        (
            "?timeframe=%22previous_5_years%22&timezone=0".to_owned(),
            &[],
        ),
        (
            format!("?filters={}", encoded(&sku("nothing"))),
            &[10, 20, 30, 5, 50],
        ),
    ] {
        let orders = Orders::new().await;
        let reply = orders.delete(&query, "").await.expect(204);
        assert!(reply.body.is_empty(), "{query}");
        assert_eq!(orders.left().as_deref(), Some(left), "{query}");
    }
}

#[tokio::test]
async fn what_cannot_be_read_deletes_nothing() {
    let orders = Orders::new().await;
    let twice = encoded(&Json::from(encoded(&sku("a"))));
    for (query, body, code) in [
        ("?filters=notjson".to_owned(), "", "InvalidFilterError"),
        ("?filters=".to_owned(), "", "InvalidFilterError"),
        ("?filters=null".to_owned(), "", "InvalidFilterError"),
        ("?filters=[]".to_owned(), "", "InvalidFilterError"),
        ("?filters=%7B%7D".to_owned(), "", "InvalidFilterError"),
        ("?filters=[%7B%7D]".to_owned(), "", "InvalidFilterError"),
        (format!("?filters={twice}"), "", "InvalidFilterError"),
        (
            format!("?filters={}", encoded(&sku("a")).replace('%', "%25")),
            "",
            "InvalidFilterError",
        ),
        (
            format!("?filters={0}&filters={0}", encoded(&sku("a"))),
            "",
            "InvalidFilterError",
        ),
        ("?timeframe=".to_owned(), "", "InvalidFilterError"),
        (
            "?timeframe=whenever".to_owned(),
            "",
            "TimeframeDefinitionError",
        ),
        (
            "?timeframe=this_0_days".to_owned(),
            "",
            "TimeframeDefinitionError",
        ),
        (
            "?timeframe=%7B%22start%22:1%7D".to_owned(),
            "",
            "TimeframeDefinitionError",
        ),
        (
            "?timeframe=today&timeframe=today".to_owned(),
            "",
            "TimeframeDefinitionError",
        ),
        ("?timezone=Nowhere".to_owned(), "", "InvalidTimezoneError"),
        (
            "?timeframe=today&timezone=%2522UTC%2522".to_owned(),
            "",
            "InvalidTimezoneError",
        ),
        (
            "?timeframe[start]=2024-03-04&timeframe[end]=2024-03-05".to_owned(),
            "",
            "InvalidParameterError",
        ),
        ("?filter=x".to_owned(), "", "InvalidParameterError"),
        ("?Filters=x".to_owned(), "", "InvalidParameterError"),
        (String::new(), "{\"filters\":[]}", "InvalidFilterError"),
        (
            String::new(),
            "{\"timeframe\":\"today\"}",
            "TimeframeDefinitionError",
        ),
        (String::new(), "[]", "InvalidParameterError"),
        (String::new(), "{", "InvalidJsonError"),
    ] {
        let reply = orders.delete(&query, body).await.expect(400);
        assert_eq!(error_code(&reply), code, "{query} {body}");
        assert_eq!(
            orders.left(),
            Some(vec![10, 20, 30, 5, 50]),
            "{query} {body}"
        );
    }
}

#[tokio::test]
async fn a_collection_goes_when_nothing_less_was_meant() {
    for (query, body) in [
        ("", ""),
        ("?&api_key=MK&", "{}"),
        ("?timezone=0", "{\"timezone\":0}"),
        ("", "{\"filters\":null}"),
    ] {
        let orders = Orders::new().await;
        let reply = orders.delete(query, body).await.expect(204);
        assert!(reply.body.is_empty());
        assert_eq!(orders.left(), None, "{query} {body}");
        let reply = orders.delete(query, body).await.expect(404);
        assert_eq!(error_code(&reply), "ResourceNotFoundError");
        // Nothing of it comes back with its name.
        let call = format!("POST {}/events/orders", orders.base);
        let event = json!({ "amount": 7 });
        send(&orders.world, &orders.key("write"), &call, &event)
            .await
            .expect(201);
        assert_eq!(orders.left(), Some(vec![7]));
    }
}

#[tokio::test]
async fn only_the_master_key_deletes() {
    let orders = Orders::new().await;
    let grants = json!([{ "on": "pool:*", "actions": ["delete"], "constraints": "all_rows" }]);
    let (_, native) = orders.world.key(grants).await;
    for path in [
        "/events/orders",
        "/events/orders/properties/sku",
        "/events/nowhere",
    ] {
        let call = format!("DELETE {}{path}", orders.base);
        for (key, status, code) in [
            (orders.key("read"), 401, "AdminOnlyEndpointError"),
            (orders.key("write"), 401, "AdminOnlyEndpointError"),
            (native.clone(), 403, "RequestForbiddenError"),
            ("0".repeat(64), 401, "InvalidApiKeyError"),
        ] {
            let reply = send(&orders.world, &key, &call, &Json::Null)
                .await
                .expect(status);
            assert_eq!(error_code(&reply), code, "{path}");
        }
    }
    assert_eq!(orders.left().map(|left| left.len()), Some(5));
}

/// What the collection's schema and an extraction say of a property, and of those beneath it.
async fn told(orders: &Orders, property: &str) -> (usize, usize) {
    let (world, master) = (&orders.world, orders.key("master"));
    let is_one = |name: &str| name == property || name.starts_with(&format!("{property}."));
    let call = format!("GET {}/events/orders", orders.base);
    let schema = send(world, &master, &call, &Json::Null).await.expect(200);
    let schema = schema.json()["properties"].clone();
    let named = schema.as_object().expect("an object").keys();
    let call = format!("POST {}/queries/extraction", orders.base);
    let body = json!({ "event_collection": "orders", "timeframe": "this_100_years" });
    let events = send(world, &master, &call, &body).await.expect(200);
    let events = events.json()["result"].clone();
    let parts: Vec<&str> = property.split('.').collect();
    let pointer = format!("/{}", parts.join("/"));
    let held = events.as_array().expect("events").iter();
    let held = held.filter(|event| {
        event
            .pointer(&pointer)
            .is_some_and(|value| !value.is_null())
    });
    (named.filter(|name| is_one(name)).count(), held.count())
}

async fn delete_property(orders: &Orders, property: &str) -> Reply {
    let call = format!("DELETE {}/events/orders/properties/{property}", orders.base);
    send(&orders.world, &orders.key("master"), &call, &Json::Null).await
}

#[tokio::test]
async fn a_property_goes_with_all_beneath_it_and_new_values_come_back_alone() {
    let orders = Orders::new().await;
    let (world, write) = (&orders.world, orders.key("write"));
    let call = format!("POST {}/events/orders", orders.base);
    let event = json!({ "amount": 1, "customer": { "id": "c1", "home": { "city": "Ulm" } } });
    send(world, &write, &call, &event).await.expect(201);
    assert_eq!(told(&orders, "customer").await, (2, 1));
    let deleted = delete_property(&orders, "customer").await.expect(204);
    assert!(deleted.body.is_empty());
    assert_eq!(told(&orders, "customer").await, (0, 0));
    assert_eq!(told(&orders, "sku").await, (1, 4));
    let call_count = format!("POST {}/queries/count", orders.base);
    let count = async |filters: Json| {
        let body = json!({ "event_collection": "orders", "timeframe": "this_100_years", "filters": filters });
        let answer = send(world, &orders.key("read"), &call_count, &body).await;
        answer.expect(200).json()["result"].clone()
    };
    let by = |operator: &str, value: Json| json!([{ "property_name": "customer.id", "operator": operator, "property_value": value }]);
    assert_eq!(count(by("eq", json!("c1"))).await, 0);
    assert_eq!(count(by("exists", json!(true))).await, 0);
    assert_eq!(count(by("eq", Json::Null)).await, 6);
    let event = json!({ "amount": 2, "customer": { "id": "c2" } });
    send(world, &write, &call, &event).await.expect(201);
    assert_eq!(told(&orders, "customer").await, (1, 1));
    assert_eq!(count(by("exists", json!(true))).await, 1);
    delete_property(&orders, "customer.id").await.expect(204);
    assert_eq!(told(&orders, "customer").await, (0, 0));
    for gone in ["customer", "customer.id", "nothing", "a..b", "_id", "%FF"] {
        let reply = delete_property(&orders, gone).await.expect(404);
        assert_eq!(error_code(&reply), "ResourceNotFoundError", "{gone}");
    }
    for kept in ["keen", "keen.timestamp", "keen.id", "keen.location.country"] {
        let reply = delete_property(&orders, kept).await.expect(400);
        assert_eq!(error_code(&reply), "InvalidParameterError", "{kept}");
    }
}

#[tokio::test]
async fn a_property_that_something_is_built_on_stays() {
    let orders = Orders::new().await;
    let world = &orders.world;
    let (master, base) = (orders.key("master"), &orders.base);
    let own = json!([{ "property_name": "sku", "operator": "eq", "property_value": "a" }]);
    let query = json!({ "analysis_type": "count", "event_collection": "orders",
        "timeframe": "this_3_days", "interval": "daily", "group_by": "sku" });
    let made = |name: &str| format!("{base}/{name}");
    for (make, body, user, take_away) in [
        (
            format!("POST {base}/keys"),
            json!({ "name": "customer", "permitted": ["queries"],
            "options": { "queries": { "filters": own } } }),
            "the key \\\"customer\\\"",
            None,
        ),
        (
            format!("POST {base}/keys"),
            json!({ "name": "stamps", "permitted": ["writes"],
            "options": { "writes": { "autofill": { "sku": "a" } } } }),
            "the key \\\"stamps\\\"",
            None,
        ),
        (
            format!("PUT {base}/queries/saved/by-sku"),
            json!({ "query": query }),
            "the saved query \\\"by-sku\\\"",
            Some(made("queries/saved/by-sku")),
        ),
        (
            format!("PUT {base}/datasets/skus"),
            json!({ "query": { "analysis_type": "count",
            "event_collection": "orders", "timeframe": "this_3_days", "interval": "daily" },
            "index_by": "sku" }),
            "the dataset \\\"skus\\\"",
            Some(made("datasets/skus")),
        ),
    ] {
        let reply = send(world, &master, &make, &body).await;
        assert!((200..300).contains(&reply.status), "{}", reply.text());
        let refused = delete_property(&orders, "sku").await.expect(409);
        assert_eq!(error_code(&refused), "ResourceConflictError");
        assert!(refused.text().contains(user), "{}", refused.text());
        let path = take_away.unwrap_or_else(|| {
            let key = reply.json()["key"].as_str().expect("a key").to_owned();
            made(&format!("keys/{key}"))
        });
        let call = format!("DELETE {path}");
        send(world, &master, &call, &Json::Null).await.expect(204);
    }
    assert_eq!(told(&orders, "sku").await, (1, 4));
    delete_property(&orders, "sku").await.expect(204);
    assert_eq!(told(&orders, "sku").await, (0, 0));
}
