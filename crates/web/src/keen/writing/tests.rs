mod uniqueness;

use axum::body::Body;
use http::Request;
use serde_json::{Value as Json, json};

use crate::keen::tests::{base, error_code, send};
use crate::plane::PlaneError;
use crate::testing::{Log, Reply, World};

/// A world that speaks the dialect, with its keys.
struct Keen {
    world: World,
    master: String,
    write: String,
    read: String,
}

impl Keen {
    async fn new() -> Self {
        let world = World::new().await;
        let keys = world.post("/v1/projects/default/keen", &json!({})).await;
        let keys = keys.expect(201).json();
        let key = |name: &str| keys[name].as_str().expect("a key").to_owned();
        Self {
            master: key("master_key"),
            write: key("write_key"),
            read: key("read_key"),
            world,
        }
    }

    async fn call(&self, key: &str, method: &str, path: &str, body: &Json) -> Reply {
        let call = format!("{method} {}{path}", base(&self.world));
        send(&self.world, key, &call, body).await
    }

    async fn post(&self, path: &str, body: &Json) -> Reply {
        self.call(&self.write, "POST", path, body).await
    }

    async fn get(&self, path: &str) -> Reply {
        self.call("", "GET", path, &Json::Null).await
    }

    /// What a collection holds: the fields of each event, system fields left out.
    fn stored(&self, collection: &str) -> Vec<Json> {
        let project = self.world.state.control.pools();
        let pool = project
            .iter()
            .find(|pool| pool.draft.name.as_str() == collection);
        let Some(pool) = pool else {
            return Vec::new();
        };
        let records = self.world.plane.records(pool.id);
        let show = |record: &model::records::Record| {
            let fields = record.fields().filter(|(path, _)| !path.is_system());
            let fields = fields.map(|(path, value)| {
                let text = model::json::to_text(value);
                (path.to_string(), serde_json::from_str(&text).expect("JSON"))
            });
            Json::Object(fields.collect())
        };
        records.iter().map(show).collect()
    }

    /// The same without what the server adds.
    fn sent(&self, collection: &str) -> Vec<Json> {
        let mut events = self.stored(collection);
        for event in &mut events {
            let fields = event.as_object_mut().expect("an object");
            fields.retain(|path, _| !path.starts_with("keen."));
        }
        events
    }

    fn collections(&self) -> Vec<String> {
        let pools = self.world.state.control.pools();
        pools
            .iter()
            .map(|pool| pool.draft.name.to_string())
            .collect()
    }
}

#[tokio::test]
async fn an_event_is_stored_and_its_first_one_makes_the_collection() {
    let keen = Keen::new().await;
    let event = json!({ "amount": 10, "sku": "a", "customer": { "id": "c1" }, "tags": ["x", "y"],
        "keen": { "timestamp": "2024-03-04T10:00:00+01:00", "id": "forged", "created_at": "1999-01-01" } });
    let reply = keen.post("/events/orders", &event).await.expect(201);
    assert_eq!(reply.text(), "{\"created\":true}");
    let stored = keen.stored("orders");
    let id = stored[0]["keen.id"].as_str().expect("an id").to_owned();
    assert!(
        id.len() == 24 && id.bytes().all(|byte| byte.is_ascii_hexdigit()),
        "{id}"
    );
    assert_eq!(
        stored,
        [
            json!({ "amount": 10, "sku": "a", "customer.id": "c1", "tags": ["x", "y"], "keen.id": id,
            "keen.timestamp": "2024-03-04T09:00:00Z", "keen.created_at": "2026-05-01T12:00:00Z" })
        ]
    );
    keen.post("/events/orders", &json!({})).await.expect(201);
    assert_eq!(
        keen.stored("orders")[1]["keen.timestamp"],
        "2026-05-01T12:00:00Z"
    );
    assert_eq!(keen.collections(), ["orders"]);
    let pool = keen.world.get("/v1/pools/orders").await.expect(200).json();
    assert_eq!(
        (&pool["schema"], &pool["time_field"]),
        (&json!("open"), &json!("keen.timestamp"))
    );
}

#[tokio::test]
async fn what_breaks_a_rule_is_refused_by_its_name_and_makes_no_collection() {
    let keen = Keen::new().await;
    let reply = keen
        .post("/events/orders", &json!({ "bad.name": 1 }))
        .await
        .expect(400);
    assert_eq!(
        reply.json(),
        json!({ "error_code": "InvalidPropertyNameError",
            "message": "property name 'bad.name' must not contain a dot" })
    );
    for (path, event, status, code) in [
        ("/events/$x", json!({}), 400, "InvalidCollectionNameError"),
        (
            "/events/a%2Fb",
            json!({}),
            400,
            "InvalidCollectionNameError",
        ),
        ("/events/%FF", json!({}), 404, "ResourceNotFoundError"),
        (
            "/events/a",
            json!({ "x": "y".repeat(10_000) }),
            400,
            "InvalidPropertyValueError",
        ),
        ("/events/a", json!([]), 400, "InvalidEventError"),
        ("/events/a", json!("x"), 400, "InvalidEventError"),
        ("/events/a", json!({ "keen": 5 }), 400, "NamespaceTypeError"),
        (
            "/events/a",
            json!({ "keen": { "x": 1 } }),
            400,
            "InvalidKeenNamespaceProperty",
        ),
        (
            "/events/a",
            json!({ "keen": { "addons": {} } }),
            400,
            "InvalidKeenNamespaceProperty",
        ),
        (
            "/events/a",
            json!({ "keen": { "timestamp": "x" } }),
            400,
            "InvalidPropertyValueError",
        ),
        (
            "/events/a",
            json!({ "x": vec!["y".repeat(9_000); 101] }),
            413,
            "RequestTooLargeError",
        ),
    ] {
        let reply = keen.post(path, &event).await.expect(status);
        assert_eq!(error_code(&reply), code, "{path}");
    }
    assert_eq!(keen.collections(), [""; 0]);
}

#[tokio::test]
async fn many_events_have_an_outcome_each_in_their_order() {
    let keen = Keen::new().await;
    let sent = json!({ "orders": [{ "amount": 1 }, { "$x": 2 }, 7, { "amount": 3 }, { "keen": 5 }],
        "visits": [{ "user": "u9" }], "_bad": [{}, {}], "none": [] });
    let reply = keen.post("/events", &sent).await.expect(200);
    let failed = |name: &str, description: &str| json!({ "success": false, "error": { "name": name, "description": description } });
    let good = json!({ "success": true });
    let bad_name = failed(
        "InvalidCollectionNameError",
        "collection name '_bad' must not start with '_'",
    );
    assert_eq!(
        reply.json(),
        json!({
            "orders": [
                good,
                failed("InvalidPropertyNameError", "property name '$x' must not start with '$'"),
                failed("InvalidPropertyValueError", "an event is an object, got an integer"),
                good,
                failed("InvalidPropertyNameError", "'keen' is kept for an object, got an integer"),
            ],
            "visits": [good], "_bad": [bad_name, bad_name], "none": [],
        })
    );
    assert_eq!(
        keen.sent("orders"),
        [json!({ "amount": 1 }), json!({ "amount": 3 })]
    );
    assert_eq!(keen.sent("visits"), [json!({ "user": "u9" })]);
    assert_eq!(keen.collections(), ["orders", "visits"]);
    let names: Vec<String> = serde_json::from_str::<serde_json::Map<_, _>>(&reply.text())
        .expect("an object")
        .keys()
        .cloned()
        .collect();
    assert_eq!(
        names,
        ["orders", "visits", "_bad", "none"],
        "as they were sent"
    );
    assert_eq!(
        keen.post("/events", &json!({})).await.expect(200).text(),
        "{}"
    );
}

#[tokio::test]
async fn events_that_never_can_be_stored_say_so_in_words_that_clients_know() {
    let keen = Keen::new().await;
    let deep = (0..70).fold(json!(1), |inner, _| json!({ "a": inner }));
    let sent = json!({ "c": [
        { "keen": { "uniqueness_token": "" } }, { "keen": { "addons": [{}] } }, deep,
        { "x": vec!["y".repeat(9_000); 101] }, { "_x": 1 }, { "x": 9_223_372_036_854_775_808_u64 }, [],
    ] });
    let reply = keen.post("/events", &sent).await.expect(200).json();
    let outcomes = reply["c"].as_array().expect("outcomes");
    assert_eq!(outcomes.len(), 7);
    for outcome in outcomes {
        let name = outcome["error"]["name"].as_str().expect("a name");
        let known = [
            "InvalidCollectionNameError",
            "InvalidPropertyNameError",
            "InvalidPropertyValueError",
        ];
        assert!(known.contains(&name), "{outcome}");
    }
    assert_eq!(keen.collections(), [""; 0]);
}

#[tokio::test]
async fn what_is_no_object_of_lists_is_refused_whole() {
    let keen = Keen::new().await;
    let path = format!("{}/events", base(&keen.world));
    let post = async |text: String| {
        let sent = Request::post(&path).header("authorization", &keen.write);
        keen.world
            .send(sent.body(Body::from(text)).expect("a request"))
            .await
    };
    let many = vec!["{}"; 100_001].join(",");
    let collections: Vec<String> = (0..1_001).map(|n| format!("\"c{n}\":[]")).collect();
    for (body, status, code) in [
        ("[]".to_owned(), 400, "InvalidBatchError"),
        (String::new(), 400, "InvalidBatchError"),
        ("{\"a\":{}}".to_owned(), 400, "InvalidBatchError"),
        ("{\"a\":[{}],\"b\":5}".to_owned(), 400, "InvalidBatchError"),
        (
            "{\"a\":[{}],\"a\":[{}]}".to_owned(),
            400,
            "InvalidBatchError",
        ),
        ("{\"a\":[{}]".to_owned(), 400, "InvalidBatchError"),
        ("{\"a\":[{},]}".to_owned(), 400, "InvalidBatchError"),
        ("{\"a\":[{\"x\":]}".to_owned(), 400, "InvalidBatchError"),
        ("{\"a\":[{}]} {}".to_owned(), 400, "InvalidBatchError"),
        (format!("{{\"a\":[{many}]}}"), 413, "RequestTooLargeError"),
        (
            format!("{{{}}}", collections.join(",")),
            413,
            "RequestTooLargeError",
        ),
        (" ".repeat((10 << 20) + 1), 413, "RequestTooLargeError"),
    ] {
        let shown: String = body.chars().take(40).collect();
        let reply = post(body).await.expect(status);
        assert_eq!(error_code(&reply), code, "{shown}");
    }
    assert_eq!(keen.collections(), [""; 0]);
    let spaced = " { \"a\" : [ { \"x\" : 1 } , { } ] , \"b\" : [ ] } ";
    let reply = post(spaced.to_owned()).await.expect(200).json();
    assert_eq!(
        reply,
        json!({ "a": [{ "success": true }, { "success": true }], "b": [] })
    );
}

#[tokio::test]
async fn a_json_text_of_another_type_is_read_as_browsers_send_it() {
    let keen = Keen::new().await;
    for path in ["/events/pages", "/events"] {
        let path = format!("{}{path}?api_key={}", base(&keen.world), keen.write);
        let body = if path.contains("/pages") {
            "{\"n\":1}"
        } else {
            "{\"pages\":[{\"n\":2}]}"
        };
        let sent = Request::post(path)
            .header("content-type", "text/plain;charset=UTF-8")
            .header("origin", "https://shop.example");
        let reply = keen
            .world
            .send(sent.body(Body::from(body)).expect("a request"))
            .await;
        assert!(matches!(reply.status, 200 | 201), "{}", reply.text());
    }
    assert_eq!(keen.sent("pages"), [json!({ "n": 1 }), json!({ "n": 2 })]);
}

#[tokio::test]
async fn an_image_records_what_is_in_its_address() {
    let keen = Keen::new().await;
    let key = &keen.write;
    let data = "eyJza3UiOiJhIiwiYW1vdW50IjoxfQ==";
    let path = format!("/events/orders?api_key={key}&data={data}&modified=1709560000000&c=clv1");
    let reply = keen.get(&path).await.expect(200);
    assert_eq!(reply.header("content-type"), "image/gif");
    assert_eq!(reply.header("cache-control"), "no-store");
    assert!(
        reply.body.starts_with(b"GIF89a\x01\0\x01\0"),
        "one pixel by one"
    );
    assert_eq!(keen.sent("orders"), [json!({ "sku": "a", "amount": 1 })]);
    keen.call("", "HEAD", &path, &Json::Null).await.expect(200);
    assert_eq!(keen.sent("orders").len(), 1, "a look is no visit");
    for data in [
        "eyJhIjogIj8/Pz4+PiJ9",
        "eyJhIjogIj8_Pz4-PiJ9",
        "eyJhIjogIj8%2FPz4%2BPiJ9",
    ] {
        keen.get(&format!("/events/raw?api_key={key}&data={data}"))
            .await
            .expect(200);
    }
    assert_eq!(keen.sent("raw"), vec![json!({ "a": "???>>>" }); 3]);
    for (query, status, code) in [
        (format!("?api_key={key}&data=!!"), 400, "InvalidEventError"),
        (format!("?api_key={key}&data=e30x"), 400, "InvalidJsonError"),
        (
            format!("?api_key={key}&data=eyIkeCI6MX0"),
            400,
            "InvalidPropertyNameError",
        ),
        (format!("?data={data}"), 401, "InvalidApiKeyError"),
        (
            format!("?api_key={}&data={data}", keen.read),
            403,
            "RequestForbiddenError",
        ),
    ] {
        let reply = keen
            .get(&format!("/events/refused{query}"))
            .await
            .expect(status);
        assert_eq!(error_code(&reply), code, "{query}");
    }
    assert_eq!(keen.collections(), ["orders", "raw"]);
}

#[tokio::test]
async fn a_script_is_called_with_the_answer_and_with_nothing_else() {
    let keen = Keen::new().await;
    let key = &keen.write;
    let data = "eyJub3RlIjoiPj4-Pz8_In0";
    let reply = keen
        .get(&format!(
            "/events/notes?api_key={key}&data={data}&jsonp=keenCb7"
        ))
        .await;
    let reply = reply.expect(200);
    assert_eq!(reply.header("content-type"), "application/javascript");
    assert_eq!(reply.text(), "keenCb7({\"created\":true})");
    assert_eq!(keen.sent("notes"), [json!({ "note": ">>>???" })]);
    for (query, code) in [
        (
            format!("api_key={key}&data=eyIkeCI6MX0"),
            "InvalidPropertyNameError",
        ),
        (format!("api_key=wrong&data={data}"), "InvalidApiKeyError"),
        (
            format!("api_key={}&data={data}", keen.read),
            "RequestForbiddenError",
        ),
    ] {
        let reply = keen
            .get(&format!("/events/notes?{query}&jsonp=a.b"))
            .await
            .expect(200);
        assert_eq!(reply.header("content-type"), "application/javascript");
        let text = reply.text();
        let json = text
            .strip_prefix("a.b(")
            .and_then(|text| text.strip_suffix(')'));
        let json: Json = serde_json::from_str(json.expect("a call")).expect("JSON");
        assert_eq!(json["error_code"], code, "{query}");
    }
    // A name in an error runs nothing.
    let hostile = "eyI8L3NjcmlwdD4uIjoxfQ"; // {"</script>.":1}
    let reply = keen
        .get(&format!(
            "/events/notes?api_key={key}&data={hostile}&jsonp=f"
        ))
        .await;
    assert!(!reply.text().contains('<'), "{}", reply.text());
    for callback in ["alert(1)//", "a%20b", "%3Cscript%3E"] {
        let path = format!("/events/notes?api_key={key}&data={data}&jsonp={callback}");
        let reply = keen.get(&path).await.expect(400);
        assert_eq!(error_code(&reply), "InvalidParameterError");
    }
    assert_eq!(keen.sent("notes").len(), 1);
}

#[tokio::test]
async fn a_link_leads_on_without_telling_of_the_key() {
    let keen = Keen::new().await;
    let key = &keen.write;
    let link = |target: &str| {
        format!(
            "/events/mail_clicks?api_key={key}&data=eyJza3UiOiJhIiwiYW1vdW50IjoxfQ%3D%3D&redirect={target}"
        )
    };
    let (log, guard) = Log::start();
    let reply = keen
        .get(&link("https%3A%2F%2Fshop.example%2F"))
        .await
        .expect(302);
    drop(guard);
    assert_eq!(reply.header("location"), "https://shop.example/");
    assert_eq!(reply.header("referrer-policy"), "no-referrer");
    assert_eq!(
        keen.sent("mail_clicks"),
        [json!({ "sku": "a", "amount": 1 })]
    );
    assert!(log.text().contains("/events/{collection}") && !log.text().contains(key.as_str()));
    for target in [
        "javascript:alert(1)",
        "%2F%2Fevil.example",
        "data:text/html,x",
        "shop.example",
    ] {
        let reply = keen.get(&link(target)).await.expect(400);
        assert_eq!(error_code(&reply), "InvalidParameterError", "{target}");
        assert_eq!(reply.header("location"), "");
    }
    assert_eq!(
        keen.sent("mail_clicks").len(),
        1,
        "nothing is recorded of a link that leads nowhere"
    );
}

#[tokio::test]
async fn an_addition_is_stored_and_the_wish_for_it_is_not() {
    let keen = Keen::new().await;
    let event = json!({ "page": "https://shop.example/cart?coupon=SPRING#top", "keen": { "addons": [
        { "name": "keen:url_parser", "input": { "url": "page" }, "output": "parsed" },
        { "name": "keen:date_time_parser", "input": { "date_time": "keen.timestamp" }, "output": "time.utc" },
    ] } });
    keen.post("/events/pages", &event).await.expect(201);
    let stored = &keen.stored("pages")[0];
    for (path, value) in [
        ("parsed.protocol", json!("https")),
        ("parsed.domain", json!("shop.example")),
        ("parsed.path", json!("/cart")),
        ("parsed.query_string.coupon", json!("SPRING")),
        ("parsed.anchor", json!("top")),
        ("time.utc.hour_of_day", json!(12)),
        ("time.utc.day_of_week_string", json!("Friday")),
    ] {
        assert_eq!(stored[path], value, "{path}");
    }
    assert!(!stored.to_string().contains("addons"), "{stored}");
}

#[tokio::test]
async fn a_key_stamps_through_every_door_whatever_is_sent() {
    let keen = Keen::new().await;
    let grants = json!([{ "on": "pool:*", "actions": ["ingest"], "except": ["secret"],
        "injections": { "customer.id": "c1" } }]);
    let (_, key) = keen.world.key(grants).await;
    let forged = json!({ "amount": 7, "customer": { "id": "c2", "vip": true } });
    // The first write makes the collection and is stamped already.
    keen.call(&key, "POST", "/events/orders", &forged)
        .await
        .expect(201);
    let many = json!({ "orders": [forged, { "customer": 5, "amount": 7 }] });
    keen.call(&key, "POST", "/events", &many).await.expect(200);
    let data = "eyJjdXN0b21lciI6eyJpZCI6ImMyIn19"; // {"customer":{"id":"c2"}}
    keen.get(&format!("/events/orders?api_key={key}&data={data}"))
        .await
        .expect(200);
    let stored = keen.sent("orders");
    assert_eq!(stored.len(), 4);
    assert!(
        stored.iter().all(|event| event["customer.id"] == "c1"),
        "{stored:?}"
    );
    assert_eq!(
        stored[0],
        json!({ "amount": 7, "customer.id": "c1", "customer.vip": true })
    );
    // What is there and not for the key, and what is not there, are refused alike.
    keen.post("/events/secret", &json!({ "x": 1 }))
        .await
        .expect(201);
    let one = async |path: &str| {
        keen.call(&key, "POST", path, &json!({ "x": 2 }))
            .await
            .expect(403)
    };
    let (there, many) = (
        one("/events/secret").await,
        json!({ "orders": [{}], "secret": [{}] }),
    );
    assert_eq!(error_code(&there), "RequestForbiddenError");
    let refused = keen.call(&key, "POST", "/events", &many).await.expect(403);
    assert_eq!(refused.json(), there.json());
    assert_eq!(
        keen.sent("orders").len(),
        4,
        "a request that is refused stores nothing"
    );
    keen.call(&keen.master, "DELETE", "/events/nothing", &Json::Null)
        .await;
    let (_, narrow) = keen
        .world
        .key(json!([{ "on": "pool:orders", "actions": ["ingest"] }]))
        .await;
    for path in ["/events/secret", "/events/nowhere"] {
        let reply = keen
            .call(&narrow, "POST", path, &json!({}))
            .await
            .expect(403);
        assert_eq!(reply.json(), there.json(), "{path}");
    }
    assert!(!keen.collections().contains(&"nowhere".to_owned()));
}

#[tokio::test]
async fn only_who_may_write_writes() {
    let keen = Keen::new().await;
    for (key, status) in [
        (keen.write.as_str(), 201),
        (keen.master.as_str(), 201),
        (keen.world.admin.as_str(), 201),
        (keen.read.as_str(), 403),
        ("", 401),
        ("0".repeat(64).as_str(), 401),
    ] {
        keen.call(key, "POST", "/events/orders", &json!({}))
            .await
            .expect(status);
    }
    let nowhere = "POST /3.0/projects/riker/events/x";
    let reply = send(&keen.world, "whatever", nowhere, &json!({}))
        .await
        .expect(404);
    assert_eq!(error_code(&reply), "ResourceNotFoundError");
}

#[tokio::test]
async fn what_a_failing_disk_keeps_from_being_stored_may_be_sent_again() {
    let keen = Keen::new().await;
    keen.post("/events/a", &json!({})).await.expect(201);
    *keen.world.plane.failure.lock().expect("not poisoned") = Some(PlaneError::Full);
    keen.post("/events/a", &json!({})).await.expect(507);
    let both = json!({ "a": [{}, { "$x": 1 }] });
    keen.post("/events", &both).await.expect(507);
    *keen.world.plane.failure.lock().expect("not poisoned") = None;
    keen.world.plane.fail_after(1);
    let both = json!({ "a": [{}], "b": [{}, { "$x": 1 }] });
    let reply = keen.post("/events", &both).await.expect(200).json();
    assert_eq!(reply["a"], json!([{ "success": true }]));
    let known = [
        "InvalidCollectionNameError",
        "InvalidPropertyNameError",
        "InvalidPropertyValueError",
    ];
    let names = reply["b"].as_array().expect("outcomes").iter();
    let names: Vec<&str> = names
        .map(|outcome| outcome["error"]["name"].as_str().expect("a name"))
        .collect();
    assert_eq!(names.len(), 2);
    assert!(!known.contains(&names[0]), "{names:?}: it would be lost");
    assert_eq!(keen.stored("a").len(), 2);
    assert_eq!(keen.stored("b").len(), 0);
}
