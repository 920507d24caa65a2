use serde_json::{Value as Json, json};

use crate::testing::{World, request};

mod oracle;

const ASK: &str = "POST /v1/query";

/// A key that may ask `sales` anything about these rows.
async fn asker(world: &World, constraints: Json) -> String {
    let grant = json!([{ "on": "pool:sales", "actions": ["query", "extract"],
        "constraints": constraints }]);
    world.key(grant).await.1
}

fn customer(name: &str) -> Json {
    json!([{ "field": "customer", "operator": "eq", "value": name }])
}

fn group(customer: &str, result: i64) -> Json {
    json!({ "customer": customer, "result": result })
}

fn day(day: u8, value: Json) -> Json {
    json!({ "timeframe": {
        "start": format!("2026-04-0{day}T00:00:00+02:00"),
        "end": format!("2026-04-0{}T00:00:00+02:00", day + 1),
    }, "value": value })
}

/// What the examples of the document are answered.
fn answers() -> [Json; 6] {
    let large = json!([{ "field": "amount", "operator": "gt", "value": 2 }]);
    [
        json!({ "result": [group("a", 3), group("b", 2)] }),
        json!({ "result": [
            day(1, json!([group("a", 1), group("b", 0)])),
            day(2, json!([group("a", 2), group("b", 0)])),
            day(3, json!([group("a", 0), group("b", 3)])),
        ] }),
        json!({ "result": [
            { "size": 0, "result": 1 }, { "size": 2, "result": 2 }, { "size": 4, "result": 2 },
        ] }),
        json!({ "result": { "orders": 3, "p90": 5 } }),
        json!({ "result": [
            { "at": "2026-04-05T00:00:00Z", "amount": 5 },
            { "at": "2026-04-04T00:00:00Z", "amount": 4 },
        ], "before": null, "after": null }),
        json!({ "result": [2, 2], "actors": [null, ["a", "b"]], "steps": [
            { "pool": "sales", "actor": "customer" },
            { "pool": "sales", "filters": large, "actor": "customer", "with_actors": true },
        ] }),
    ]
}

#[tokio::test]
async fn the_examples_of_the_document_are_answered() {
    let world = World::with_sales().await;
    for ((name, _, question), expected) in super::schemas::examples().into_iter().zip(answers()) {
        let reply = world.post("/v1/query", &question).await.expect(200);
        assert_eq!(reply.json(), expected, "{name}");
        assert_eq!(reply.header("content-type"), "application/json");
        assert_eq!(reply.header("cache-control"), "no-store");
    }
}

#[tokio::test]
async fn a_key_asks_over_its_own_rows() {
    let world = World::with_sales().await;
    let (a, b) = (
        asker(&world, customer("a")).await,
        asker(&world, customer("b")).await,
    );
    for (question, of_a, of_b) in [
        (
            json!({ "analysis": "count", "pool": "sales" }),
            json!(3),
            json!(2),
        ),
        (
            json!({ "analysis": "select_unique", "field": "email", "pool": "sales" }),
            json!(["a1@example.com", "a2@example.com", "a4@example.com"]),
            json!(["b3@example.com", "b5@example.com"]),
        ),
        (
            json!({ "analysis": "sum", "field": "amount", "pool": "sales", "group_by": ["customer"] }),
            json!([group("a", 7)]),
            json!([group("b", 8)]),
        ),
        (
            json!({ "analysis": "extraction", "pool": "sales", "fields": ["amount"] }),
            json!([{ "amount": 1 }, { "amount": 2 }, { "amount": 4 }]),
            json!([{ "amount": 3 }, { "amount": 5 }]),
        ),
        (
            json!({ "analysis": "funnel", "steps": [{ "pool": "sales", "actor": "customer" },
                { "pool": "sales", "actor": "customer", "inverted": true,
                  "filters": [{ "field": "amount", "operator": "eq", "value": 5 }] }] }),
            json!([1, 1]),
            json!([1, 0]),
        ),
    ] {
        for (token, expected) in [(&a, of_a), (&b, of_b)] {
            let reply = world.call(token, ASK, &question).await.expect(200);
            assert_eq!(reply.json()["result"], expected, "{question}");
        }
    }
}

#[tokio::test]
async fn each_step_of_a_funnel_sees_its_own_pool_alone() {
    let world = World::with_sales().await;
    let pool = json!({ "name": "visits", "schema": "open" });
    world.post("/v1/pools", &pool).await.expect(201);
    let visits = json!([{ "who": "a", "site": "x" }, { "who": "b", "site": "x" },
        { "who": "c", "site": "x" }, { "who": "b", "site": "y" }]);
    world
        .post("/v1/pools/visits/records", &visits)
        .await
        .expect(200);
    let site = json!([{ "field": "site", "operator": "eq", "value": "x" }]);
    let grants = json!([
        { "on": "pool:visits", "actions": ["query"], "constraints": site },
        { "on": "pool:sales", "actions": ["query"], "constraints": customer("b") },
    ]);
    let (_, token) = world.key(grants).await;
    let question = json!({ "analysis": "funnel", "steps": [
        { "pool": "visits", "actor": "who", "with_actors": true },
        { "pool": "sales", "actor": "customer", "with_actors": true } ] });
    let reply = world.call(&token, ASK, &question).await.expect(200).json();
    assert_eq!(reply["result"], json!([3, 1]));
    assert_eq!(reply["actors"], json!([["a", "b", "c"], ["b"]]));
}

#[tokio::test]
async fn cursors_lead_through_an_extraction_and_fit_nobody_else() {
    let world = World::with_sales().await;
    let token = asker(&world, customer("a")).await;
    let question = |more: Json| {
        let mut question = json!({ "analysis": "extraction", "pool": "sales",
            "fields": ["amount"], "limit": 1 });
        for (name, value) in more.as_object().expect("members") {
            question[name] = value.clone();
        }
        question
    };
    let mut amounts = Vec::new();
    let mut page = world
        .call(&token, ASK, &question(json!({})))
        .await
        .expect(200)
        .json();
    assert_eq!(page["before"], Json::Null);
    let mut cursor = Json::Null;
    loop {
        amounts.push(page["result"][0]["amount"].clone());
        if page["after"].is_null() {
            break;
        }
        cursor = page["after"].clone();
        let next = question(json!({ "after": cursor }));
        page = world.call(&token, ASK, &next).await.expect(200).json();
    }
    assert_eq!(json!(amounts), json!([1, 2, 4]));
    let back = question(json!({ "before": page["before"] }));
    let back = world.call(&token, ASK, &back).await.expect(200).json();
    assert_eq!(back["result"], json!([{ "amount": 2 }]));
    let others = [
        (
            asker(&world, customer("a")).await,
            question(json!({ "after": cursor })),
        ),
        (
            token.clone(),
            question(json!({ "after": cursor, "fields": ["amount", "at"] })),
        ),
        (token.clone(), question(json!({ "before": cursor }))),
        (
            token.clone(),
            question(json!({ "after": cursor,
            "filters": [{ "field": "amount", "operator": "gt", "value": 0 }] })),
        ),
        (
            token.clone(),
            question(json!({ "after": cursor,
            "order_by": [{ "field": "at", "direction": "desc" }] })),
        ),
    ];
    for (token, question) in others {
        let reply = world.call(&token, ASK, &question).await.expect(400);
        assert_eq!(reply.code(), "invalid_cursor", "{question}");
    }
}

#[tokio::test]
async fn the_latest_rows_have_no_pages() {
    let world = World::with_sales().await;
    let question = json!({ "analysis": "extraction", "pool": "sales", "fields": ["amount"],
        "latest": 2 });
    let page = world.post("/v1/query", &question).await.expect(200);
    assert_eq!(
        page.text(),
        r#"{"result":[{"amount":5},{"amount":4}],"before":null,"after":null}"#
    );
}

#[tokio::test]
async fn rows_come_in_other_formats_and_documents_do_not() {
    let world = World::with_sales().await;
    let token = asker(&world, customer("b")).await;
    let rows = json!({ "analysis": "extraction", "pool": "sales", "fields": ["amount", "at"],
        "timezone": "Europe/Berlin" });
    for (format, content_type, text) in [
        (
            "ndjson",
            "application/x-ndjson",
            "{\"amount\":3,\"at\":\"2026-04-03T02:00:00+02:00\"}\n{\"amount\":5,\"at\":\"2026-04-05T02:00:00+02:00\"}\n",
        ),
        (
            "csv",
            "text/csv; charset=utf-8; header=present",
            "amount,at\r\n3,2026-04-03T02:00:00+02:00\r\n5,2026-04-05T02:00:00+02:00\r\n",
        ),
        (
            "parquet",
            "application/vnd.apache.parquet",
            "2 rows of amount at",
        ),
        (
            "arrow",
            "application/vnd.apache.arrow.stream",
            "2 rows of amount at",
        ),
    ] {
        let call = format!("{ASK}?format={format}");
        let named = world.call(&token, &call, &rows).await.expect(200);
        assert_eq!(named.text(), text);
        assert_eq!(named.header("content-type"), content_type);
        let mut accepting = request(&token, ASK, &rows);
        let accept = content_type.split(';').next().expect("a type");
        let accept = accept.parse().expect("a header");
        accepting.headers_mut().insert("accept", accept);
        assert_eq!(world.send(accepting).await.expect(200).body, named.body);
        let count = json!({ "analysis": "count", "pool": "sales" });
        let refused = world.call(&token, &call, &count).await.expect(400);
        assert_eq!(refused.json()["pointer"], "/format");
        let mut accepting = request(&token, ASK, &count);
        let accept = content_type.parse().expect("a header");
        accepting.headers_mut().insert("accept", accept);
        assert_eq!(
            world.send(accepting).await.expect(406).code(),
            "not_acceptable"
        );
    }
}

#[tokio::test]
async fn undeclared_fields_stand_in_trees_and_tables() {
    let world = World::new().await;
    let pool = json!({ "name": "events", "schema": "open",
        "fields": [{ "name": "user.id", "type": "String" }, { "name": "at", "type": "DateTime" }] });
    world.post("/v1/pools", &pool).await.expect(201);
    let records = json!([
        { "user": { "id": "u1", "plan": "pro" }, "at": "2026-01-01T00:00:00Z", "n": 1 },
        { "user": { "id": "u2" }, "n": { "deep": [1, 2] } },
    ]);
    world
        .post("/v1/pools/events/records", &records)
        .await
        .expect(200);
    let ask = async |fields: Json, format: &str| {
        let question = json!({ "analysis": "extraction", "pool": "events", "fields": fields,
            "order_by": [{ "field": "user.id" }] });
        let path = format!("/v1/query?format={format}");
        world.post(&path, &question).await.expect(200).text()
    };
    assert_eq!(
        ask(json!(["user", "n"]), "ndjson").await,
        "{\"user\":{\"id\":\"u1\",\"plan\":\"pro\"},\"n\":1}\n{\"user\":{\"id\":\"u2\"},\"n\":{\"deep\":[1,2]}}\n"
    );
    assert_eq!(
        ask(json!(["n", "user", "user_id"]), "csv").await,
        "n,user,user_id\r\n1,\"{\"\"id\"\":\"\"u1\"\",\"\"plan\"\":\"\"pro\"\"}\",\r\n\
         \"{\"\"deep\"\":[1,2]}\",\"{\"\"id\"\":\"\"u2\"\"}\",\r\n"
    );
    let whole = ask(Json::Null, "csv").await;
    let mut lines = whole.lines();
    assert_eq!(lines.next(), Some("user.id,at,_id,_ingested_at,_key,_rest"));
    let first = lines.next().expect("a row");
    let rest = r#","{""n"":1,""user.plan"":""pro""}""#;
    assert!(
        first.starts_with("u1,2026-01-01T00:00:00Z,") && first.ends_with(rest),
        "{first}"
    );
    let parquet = ask(Json::Null, "parquet").await;
    assert_eq!(parquet, "2 rows of user.id at _id _ingested_at _key _rest");
}

#[tokio::test]
async fn wide_integers_are_text_when_asked_for() {
    let world = World::with_sales().await;
    let wide = json!([{ "customer": "w", "amount": 9_007_199_254_740_993_i64 }]);
    world
        .post("/v1/pools/sales/records", &wide)
        .await
        .expect(200);
    let filters = customer("w");
    for question in [
        json!({ "analysis": "maximum", "field": "amount", "pool": "sales", "filters": filters }),
        json!({ "analysis": "extraction", "fields": ["amount"], "pool": "sales", "filters": filters }),
    ] {
        let numbers = world.post("/v1/query", &question).await.expect(200).text();
        assert!(numbers.contains(":9007199254740993"), "{numbers}");
        let strings = world.post("/v1/query?integers=string", &question).await;
        let strings = strings.expect(200).text();
        assert!(strings.contains(":\"9007199254740993\""), "{strings}");
    }
}

#[tokio::test]
async fn bad_questions_name_the_member_at_fault() {
    let world = World::with_sales().await;
    let count = |more: Json| {
        let mut question = json!({ "analysis": "count", "pool": "sales" });
        for (name, value) in more.as_object().expect("members") {
            question[name] = value.clone();
        }
        question
    };
    for (question, status, code, pointer) in [
        (json!({}), 400, "missing_member", "/analysis"),
        (json!([]), 400, "wrong_type", ""),
        (
            json!({ "analysis": "count" }),
            400,
            "missing_member",
            "/pool",
        ),
        (
            count(json!({ "analysis": "guess" })),
            400,
            "invalid_value",
            "/analysis",
        ),
        (
            count(json!({ "colour": "red" })),
            400,
            "unknown_member",
            "/colour",
        ),
        (
            count(json!({ "analysis": "sum" })),
            400,
            "missing_member",
            "/field",
        ),
        (
            count(json!({ "analysis": "sum", "field": "email" })),
            400,
            "wrong_type",
            "/field",
        ),
        (
            count(json!({ "field": "nowhere" })),
            400,
            "unknown_field",
            "/field",
        ),
        (
            count(json!({ "interval": "daily" })),
            400,
            "missing_member",
            "/timeframe",
        ),
        (
            count(json!({ "interval": "minutely", "timeframe": "this_1_years" })),
            400,
            "limit_exceeded",
            "/interval",
        ),
        (
            count(json!({ "timezone": "Mars/Olympus" })),
            400,
            "unknown_timezone",
            "/timezone",
        ),
        (
            count(json!({ "filters": [] })),
            400,
            "invalid_filter",
            "/filters",
        ),
        (
            count(json!({ "grant": "x" })),
            400,
            "invalid_value",
            "/grant",
        ),
        (
            count(json!({ "pool": "absent" })),
            404,
            "not_found",
            "/pool",
        ),
        (
            count(json!({ "analysis": "extraction", "limit": 1001 })),
            400,
            "limit_exceeded",
            "/limit",
        ),
        (
            count(json!({ "analysis": "extraction", "after": "x" })),
            400,
            "invalid_cursor",
            "/after",
        ),
        (
            json!({ "analysis": "funnel", "steps": [{ "pool": "sales", "actor": "customer" },
            { "pool": "absent", "actor": "x" }] }),
            404,
            "not_found",
            "/steps/1/pool",
        ),
        (
            json!({ "analysis": "funnel", "steps": [{ "pool": "sales", "actor": "customer" },
            { "pool": "sales", "actor": "x" }] }),
            400,
            "unknown_field",
            "/steps/1/actor",
        ),
    ] {
        let reply = world.post("/v1/query", &question).await.expect(status);
        assert_eq!(reply.code(), code, "{question}");
        let told = reply.json()["pointer"].as_str().unwrap_or("").to_owned();
        assert_eq!(told, pointer, "{question}");
    }
    // What the refusal says to do is there to be done.
    let latest = json!({ "analysis": "extraction", "pool": "sales", "latest": 1001 });
    let refused = world.post("/v1/query", &latest).await.expect(400).json();
    assert_eq!(refused["pointer"], "/latest");
    let told = refused["detail"].as_str().expect("a text");
    assert!(
        told.contains("ndjson") && !told.contains("cursor"),
        "{told}"
    );
    let stream = world.post("/v1/query?format=ndjson", &latest).await;
    stream.expect(200);
    for (call, pointer) in [("?format=xml", "/format"), ("?integers=hex", "/integers")] {
        let reply = world
            .post(&format!("/v1/query{call}"), &count(json!({})))
            .await;
        assert_eq!(reply.expect(400).json()["pointer"], pointer);
    }
}

#[tokio::test]
async fn who_may_ask_nothing_is_told_before_the_body_is_read() {
    let world = World::with_sales().await;
    let (_, token) = world
        .key(json!([{ "on": "view:*", "actions": ["read"], "constraints": "all_rows" }]))
        .await;
    for body in [json!({}), json!({ "analysis": "count", "pool": "sales" })] {
        let reply = world.call(&token, ASK, &body).await.expect(403);
        assert_eq!(reply.code(), "action_not_granted");
    }
}

#[tokio::test]
async fn a_pool_that_is_hidden_reads_as_one_that_is_absent() {
    let world = World::with_sales().await;
    let other = json!({ "name": "other", "schema": "open" });
    world.post("/v1/pools", &other).await.expect(201);
    let token = asker(&world, json!("all_rows")).await;
    for question in [
        json!({ "analysis": "count", "pool": "POOL" }),
        json!({ "analysis": "extraction", "pool": "POOL", "fields": ["x"] }),
        json!({ "analysis": "funnel", "steps": [{ "pool": "sales", "actor": "customer" },
            { "pool": "POOL", "actor": "x" }] }),
    ] {
        let mut told = Vec::new();
        for pool in ["other", "absent"] {
            let question = question.to_string().replace("POOL", pool);
            let question = serde_json::from_str(&question).expect("JSON");
            let mut reply = world.call(&token, ASK, &question).await.expect(404).json();
            reply["request_id"] = Json::Null;
            told.push(reply);
        }
        assert_eq!(told[0], told[1]);
    }
}
