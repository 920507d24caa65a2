use serde_json::{Value as Json, json};

use crate::testing::{World, request};

const GET: &str = "GET /v1/views/all/data";

fn customer(name: &str) -> Json {
    json!([{ "field": "customer", "operator": "eq", "value": name }])
}

async fn reader(world: &World, constraints: Json) -> String {
    let grant = json!([{ "on": "view:all", "actions": ["read"], "constraints": constraints }]);
    world.key(grant).await.1
}

/// Percent-encodes everything but letters and digits.
fn encode(text: &str) -> String {
    let encode = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    text.bytes().map(encode).collect()
}

#[tokio::test]
async fn a_key_sees_its_rows_by_get_and_by_post() {
    let world = World::with_sales().await;
    let (a, b) = (
        reader(&world, customer("a")).await,
        reader(&world, customer("b")).await,
    );
    for (token, amounts) in [(&a, json!([4, 2, 1])), (&b, json!([5, 3]))] {
        let get = world.call(token, GET, &Json::Null).await.expect(200);
        let post = world
            .call(token, "POST /v1/views/all/data", &json!({}))
            .await
            .expect(200);
        assert_eq!(get.body, post.body);
        assert_eq!(get.header("content-type"), "application/json");
        let rows = get.json();
        let shown: Vec<&Json> = rows["data"]
            .as_array()
            .expect("rows")
            .iter()
            .map(|row| &row["amount"])
            .collect();
        assert_eq!(json!(shown), amounts);
        assert_eq!(
            (&rows["before"], &rows["after"]),
            (&Json::Null, &Json::Null)
        );
    }
}

#[tokio::test]
async fn parameters_say_the_same_as_a_body() {
    let world = World::with_sales().await;
    let conditions = json!([{ "field": "amount", "operator": "gt", "value": 1 }]);
    let body = json!({ "conditions": conditions, "limit": 2, "timezone": "Europe/Berlin",
        "order_by": [{ "field": "customer", "direction": "desc" }, { "field": "amount" }] });
    let post = world.post("/v1/views/all/data", &body).await.expect(200);
    assert!(
        post.text().contains("2026-04-03T02:00:00+02:00"),
        "{}",
        post.text()
    );
    let conditions = encode(&conditions.to_string());
    for order in [
        "customer:desc,amount".to_owned(),
        "customer:desc,amount:asc".to_owned(),
        encode(&body["order_by"].to_string()),
    ] {
        let path = format!(
            "/v1/views/all/data?conditions={conditions}&limit=2&timezone=Europe/Berlin&order_by={order}"
        );
        let get = world.get(&path).await.expect(200);
        assert_eq!(get.json()["data"], post.json()["data"], "{order}");
    }
    let string = world
        .get("/v1/views/all/data?integers=string&limit=1")
        .await;
    assert_eq!(string.expect(200).json()["data"][0]["amount"], 5);
}

#[tokio::test]
async fn bad_questions_are_answered_with_the_rule_that_they_break() {
    let world = World::with_sales().await;
    for (query, code, pointer) in [
        ("limit=0", "invalid_value", "/limit"),
        ("limit=1.5", "wrong_type", "/limit"),
        ("limit=1001", "limit_exceeded", "/limit"),
        ("limit=1&limit=1", "duplicate_member", "/limit"),
        ("colour=red", "unknown_member", "/colour"),
        ("timezone=Mars/Olympus", "unknown_timezone", "/timezone"),
        ("from=yesterday", "invalid_value", "/from"),
        ("timeframe=this_fortnight", "invalid_value", "/timeframe"),
        ("interval=daily", "invalid_value", "/interval"),
        ("order_by=nowhere", "field_not_in_view", "/order_by/0/field"),
        ("order_by=[1", "malformed_body", "/order_by"),
        ("conditions=", "malformed_body", "/conditions"),
        ("conditions=[]", "invalid_filter", "/conditions"),
        ("after=x", "invalid_cursor", "/after"),
        ("before=x", "invalid_cursor", "/before"),
        ("after=x&before=y", "invalid_value", "/before"),
        ("format=xml", "invalid_value", "/format"),
        ("format=csv&after=x", "invalid_value", "/after"),
        ("integers=hex", "invalid_value", "/integers"),
        ("grant=x", "invalid_value", "/grant"),
    ] {
        let reply = world
            .get(&format!("/v1/views/all/data?{query}"))
            .await
            .expect(400);
        assert_eq!(reply.code(), code, "{query}");
        assert_eq!(reply.json()["pointer"], pointer, "{query}");
    }
    let mut picky = request(&world.admin, GET, &Json::Null);
    let accept = "image/png".parse().expect("a header");
    picky.headers_mut().insert("accept", accept);
    assert_eq!(world.send(picky).await.expect(406).code(), "not_acceptable");
}

#[tokio::test]
async fn a_hidden_field_is_as_if_the_view_did_not_have_it() {
    let world = World::with_sales().await;
    let (_, token) = world
        .key(
            json!([{ "on": "view:all", "actions": ["read"], "constraints": customer("a"),
            "fields": { "deny": ["email"] } }]),
        )
        .await;
    let rows = world.call(&token, GET, &Json::Null).await.expect(200);
    assert!(!rows.text().contains("email"), "{}", rows.text());
    for member in ["conditions", "order_by"] {
        let ask = async |field: &str| {
            let body = match member {
                "conditions" => {
                    json!({ member: [{ "field": field, "operator": "exists", "value": true }] })
                }
                _ => json!({ member: [{ "field": field }] }),
            };
            let reply = world.call(&token, "POST /v1/views/all/data", &body).await;
            let mut problem = reply.expect(400).json();
            problem["request_id"] = Json::Null;
            problem.to_string().replace(field, "FIELD")
        };
        let (hidden, absent) = (ask("email").await, ask("nowhere").await);
        assert_eq!(hidden, absent);
        assert!(hidden.contains("field_not_in_view"), "{hidden}");
    }
}

#[tokio::test]
async fn cursors_lead_through_all_rows_and_fit_nobody_else() {
    let world = World::with_sales().await;
    let (token, other) = (
        reader(&world, customer("a")).await,
        reader(&world, customer("a")).await,
    );
    let page = async |query: &str| {
        let call = format!("{GET}?limit=1{query}");
        world
            .call(&token, &call, &Json::Null)
            .await
            .expect(200)
            .json()
    };
    let mut amounts = Vec::new();
    let mut query = String::new();
    let last = loop {
        let rows = page(&query).await;
        amounts.push(rows["data"][0]["amount"].clone());
        match rows["after"].as_str() {
            Some(after) => query = format!("&after={after}"),
            None => break rows,
        }
    };
    assert_eq!(json!(amounts), json!([4, 2, 1]));
    let before = last["before"].as_str().expect("a way back");
    let back = page(&format!("&before={before}")).await;
    assert_eq!(back["data"][0]["amount"], 2);
    for (token, extra) in [(&other, ""), (&token, "&order_by=amount")] {
        let call = format!("{GET}?limit=1{query}{extra}");
        let reply = world.call(token, &call, &Json::Null).await.expect(400);
        assert_eq!(reply.code(), "invalid_cursor");
    }
    world.clock.advance(std::time::Duration::from_secs(86_401));
    let call = format!("{GET}?limit=1{query}");
    let reply = world.call(&token, &call, &Json::Null).await.expect(400);
    assert_eq!(reply.code(), "invalid_cursor", "after a day");
}

#[tokio::test]
async fn other_formats_stream_all_rows() {
    let world = World::with_sales().await;
    let token = reader(&world, customer("a")).await;
    for (format, content_type, lines) in [
        ("ndjson", "application/x-ndjson", 3),
        ("csv", "text/csv; charset=utf-8; header=present", 4),
        ("parquet", "application/vnd.apache.parquet", 1),
        ("arrow", "application/vnd.apache.arrow.stream", 1),
    ] {
        let call = format!("{GET}?format={format}");
        let named = world.call(&token, &call, &Json::Null).await.expect(200);
        let mut accepting = request(&token, GET, &Json::Null);
        let accept = content_type.split(';').next().expect("a type");
        let accept = accept.parse().expect("a header");
        accepting.headers_mut().insert("accept", accept);
        let accepted = world.send(accepting).await.expect(200);
        assert_eq!(named.body, accepted.body, "{format}");
        assert_eq!(named.header("content-type"), content_type);
        assert_eq!(named.text().lines().count(), lines, "{}", named.text());
        assert!(!named.text().contains("b@"), "{}", named.text());
    }
}

#[tokio::test]
async fn a_window_of_time_moves_under_the_reader_and_its_cursors() {
    let world = World::with_sales().await;
    let window = json!({ "field": "at", "last": "29d" });
    let grant = json!([{ "on": "view:all", "actions": ["read"], "constraints": "all_rows", "time": window }]);
    let (_, token) = world.key(grant).await;
    let page = async |path: &str| {
        world
            .call(&token, path, &Json::Null)
            .await
            .expect(200)
            .json()
    };
    let amounts = |page: &Json| -> Vec<i64> {
        let rows = page["data"].as_array().expect("rows").iter();
        rows.map(|row| row["amount"].as_i64().expect("a number"))
            .collect()
    };
    assert_eq!(amounts(&page(GET).await), [5, 4, 3]);
    let first = page("GET /v1/views/all/data?limit=1").await;
    assert_eq!(amounts(&first), [5]);
    // Half a day later the third of April has left the window.
    world
        .clock
        .advance(std::time::Duration::from_secs(12 * 3_600 + 1));
    assert_eq!(amounts(&page(GET).await), [5, 4]);
    let after = first["after"].as_str().expect("a cursor");
    let rest = page(&format!("GET /v1/views/all/data?limit=5&after={after}")).await;
    assert_eq!(amounts(&rest), [4]);
    // The key is shown as it was written.
    let own = page("GET /v1/whoami").await;
    assert_eq!(own["grants"][0]["time"]["last"], "29d");
    assert_eq!(own["grants"][0]["constraints"], "all_rows");
}
