//! Tokens of uniqueness through every door that writes events.

use std::time::Duration;

use super::*;

fn event(n: u32, token: &str) -> Json {
    json!({ "n": n, "keen": { "uniqueness_token": token } })
}

#[tokio::test]
async fn only_the_first_event_of_a_token_is_kept_and_all_are_answered_alike() {
    let keen = Keen::new().await;
    let first = keen
        .post("/events/orders", &event(1, "t"))
        .await
        .expect(201);
    let again = keen
        .post("/events/orders", &event(2, "t"))
        .await
        .expect(201);
    assert_eq!(
        (&first.body, again.text().as_str()),
        (&again.body, "{\"created\":true}")
    );
    let many = json!({
        "orders": [event(3, "t"), event(4, "u"), event(5, "u"), { "n": 6 }, { "n": 7 }, event(8, "v")],
        "visits": [event(9, "t")],
    });
    let good = json!({ "success": true });
    let expected = json!({ "orders": vec![good.clone(); 6], "visits": [good.clone()] });
    for _ in 0..2 {
        let reply = keen.post("/events", &many).await.expect(200);
        assert_eq!(reply.json(), expected);
    }
    let numbers = |collection| -> Vec<Json> {
        let sent = keen.sent(collection);
        sent.iter().map(|event| event["n"].clone()).collect()
    };
    assert_eq!(numbers("orders"), [1, 4, 6, 7, 8, 6, 7]);
    assert_eq!(numbers("visits"), [9]);
    let data = "eyJuIjoxMCwia2VlbiI6eyJ1bmlxdWVuZXNzX3Rva2VuIjoidCJ9fQ"; // {"n":10,"keen":{"uniqueness_token":"t"}}
    let key = &keen.write;
    for (collection, count) in [("orders", 7), ("visits", 1), ("mails", 1), ("mails", 1)] {
        let path = format!("/events/{collection}?api_key={key}&data={data}");
        let reply = keen.get(&path).await.expect(200);
        assert!(reply.body.starts_with(b"GIF89a"));
        assert_eq!(keen.sent(collection).len(), count, "{collection}");
    }
    for event in keen.stored("orders") {
        let names = event.as_object().expect("an object").keys();
        let of_keen: Vec<_> = names.filter(|name| name.starts_with("keen")).collect();
        assert_eq!(of_keen, ["keen.created_at", "keen.id", "keen.timestamp"]);
    }
}

#[tokio::test]
async fn no_key_keeps_out_or_finds_out_what_was_sent_by_one_that_stamps_otherwise() {
    let keen = Keen::new().await;
    let stamping = async |customer: &str| {
        let grants = json!([{ "on": "pool:*", "actions": ["ingest"],
            "injections": { "customer": customer } }]);
        keen.world.key(grants).await.1
    };
    let (a, again, b) = (
        stamping("a").await,
        stamping("a").await,
        stamping("b").await,
    );
    let post = async |key: &str, n: u32| {
        let reply = keen
            .call(key, "POST", "/events/orders", &event(n, "t"))
            .await
            .expect(201);
        let many = json!({ "orders": [event(n + 100, "t")] });
        let bulk = keen.call(key, "POST", "/events", &many).await.expect(200);
        (reply.text(), bulk.text())
    };
    let first = post(&a, 1).await;
    for (key, n) in [(&b, 2), (&keen.write, 3), (&again, 4), (&b, 5), (&a, 6)] {
        assert_eq!(post(key, n).await, first, "{n}");
    }
    let stored = keen.sent("orders");
    assert_eq!(
        stored,
        [
            json!({ "n": 1, "customer": "a" }),
            json!({ "n": 2, "customer": "b" }),
            json!({ "n": 3 })
        ]
    );
}

#[tokio::test]
async fn a_token_is_free_again_after_a_month() {
    let keen = Keen::new().await;
    let post = async |n: u32| {
        keen.post("/events/orders", &event(n, "t"))
            .await
            .expect(201);
        keen.sent("orders").len()
    };
    assert_eq!(post(1).await, 1);
    keen.world
        .clock
        .advance(Duration::from_secs(31 * 86_400 - 1));
    assert_eq!(post(2).await, 1);
    keen.world.clock.advance(Duration::from_secs(1));
    assert_eq!(post(3).await, 2);
    assert_eq!(post(4).await, 2);
}

#[tokio::test]
async fn what_is_no_token_is_refused_and_the_field_is_named() {
    let keen = Keen::new().await;
    for token in [json!(""), json!(5), json!(["t"]), json!("ö".repeat(65))] {
        let event = json!({ "keen": { "uniqueness_token": token } });
        let reply = keen.post("/events/orders", &event).await.expect(400);
        assert_eq!(error_code(&reply), "InvalidPropertyValueError");
        assert!(
            reply.text().contains("keen.uniqueness_token"),
            "{}",
            reply.text()
        );
        let many = json!({ "orders": [event, { "n": 1 }] });
        let reply = keen.post("/events", &many).await.expect(200).json();
        assert_eq!(
            reply["orders"][0]["error"]["name"],
            "InvalidPropertyValueError"
        );
        assert_eq!(reply["orders"][1], json!({ "success": true }));
    }
    assert_eq!(keen.sent("orders"), vec![json!({ "n": 1 }); 4]);
}

#[tokio::test]
async fn a_repetition_is_answered_as_before_while_a_quota_is_reached_and_nothing_new_is() {
    let keen = Keen::new().await;
    let first = keen.post("/events/orders", &event(1, "t")).await;
    let first = first.expect(201);
    let both = json!({ "orders": [event(2, "t"), event(3, "u")] });
    let many = keen.post("/events", &both).await.expect(200);
    let full = json!({ "storage_bytes": 1 });
    let world = &keen.world;
    let call = "PATCH /v1/pools/orders";
    world.call(&world.admin, call, &full).await.expect(200);
    for _ in 0..2 {
        let again = keen.post("/events/orders", &event(4, "t")).await;
        assert_eq!(again.expect(201).body, first.body);
        let again = keen.post("/events", &both).await.expect(200);
        assert_eq!(again.body, many.body);
    }
    // Where something is new, or has no token, nothing is stored of the request.
    for new in [event(5, "v"), json!({ "n": 6 })] {
        let refused = keen.post("/events/orders", &new).await;
        assert!(refused.status >= 400, "{}", refused.text());
        let mixed = json!({ "orders": [event(7, "t"), new] });
        let refused = keen.post("/events", &mixed).await;
        assert!(refused.status >= 400, "{}", refused.text());
    }
    assert_eq!(keen.sent("orders").len(), 2);
}
