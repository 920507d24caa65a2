use model::permit::{Ingest, On, Permit};
use model::secrets::Secret;
use serde_json::{Value as Json, json};

use super::*;
use crate::testing::World;

/// A world with the collection `orders`, and the permit of a key that stamps
/// these values on what it writes there.
async fn stamping(injections: Json, on_conflict: &str) -> (World, Permit<Ingest>) {
    let world = World::new().await;
    let pool = json!({
        "name": "orders", "schema": "open", "time_field": "keen.timestamp",
        "fields": [
            { "name": "keen.timestamp", "type": "DateTime" },
            { "name": "keen.created_at", "type": "DateTime" },
            { "name": "keen.id", "type": "String" },
        ],
    });
    world.post("/v1/pools", &pool).await.expect(201);
    let mut grant = json!({ "on": "pool:*", "actions": ["ingest"], "on_conflict": on_conflict });
    if injections != json!({}) {
        grant["injections"] = injections;
    }
    let grants = json!([grant]);
    let (_, token) = world.key(grants).await;
    let secret = Secret::parse(&token).expect("a token");
    let access = world
        .state
        .control
        .authenticate(&secret, &model::keys::Circumstances::unknown())
        .expect("a key");
    let definitions = world.state.control.definitions(access.project());
    let permit = access
        .permit(On::Pool(definitions.pool("orders")))
        .expect("a grant");
    (world, permit)
}

/// The event as it is stored, `keen` left out.
fn stored(world: &World, permit: &Permit<Ingest>, event: &Json) -> Result<Json, EventFault> {
    let sent = model::json::parse(event.to_string().as_bytes()).expect("JSON");
    let arrival = Arrival {
        now: world.state.clock.now(),
        from: Some("::ffff:192.0.2.7".parse().expect("an address")),
        agent: Some("curl/8".to_owned()),
        random: &*world.state.random,
        places: None,
    };
    let record = record(sent, permit.injections(), &arrival)?;
    let batch = permit.admit([record], None, arrival.now, arrival.random);
    if let Some(fault) = batch.faults().first() {
        return Err(fault.clone().into());
    }
    let record = &batch.records()[0];
    assert!(batch.holds_injections(record));
    let fields = record
        .fields()
        .filter(|(path, _)| !path.is_system() && !path.as_str().starts_with("keen."));
    let fields = fields.map(|(path, value)| {
        let text = model::json::to_text(value);
        (path.to_string(), serde_json::from_str(&text).expect("JSON"))
    });
    Ok(Json::Object(fields.collect()))
}

#[tokio::test]
async fn nothing_that_a_client_sends_stands_where_the_key_stamps() {
    let (world, permit) = stamping(json!({ "customer.id": "c1" }), "override").await;
    let addon = |name: &str, input: Json, output: &str| json!({ "name": name, "input": input, "output": output });
    let url = "https://x.example/?id=c2";
    for (event, expected) in [
        (json!({}), json!({ "customer.id": "c1" })),
        (
            json!({ "customer": { "id": "c2", "vip": true } }),
            json!({ "customer.id": "c1", "customer.vip": true }),
        ),
        (json!({ "customer": 5 }), json!({ "customer.id": "c1" })),
        (json!({ "customer": null }), json!({ "customer.id": "c1" })),
        (
            json!({ "customer": [{ "id": "c2" }] }),
            json!({ "customer.id": "c1" }),
        ),
        (
            json!({ "customer": { "id": { "id": "c2" } } }),
            json!({ "customer.id": "c1" }),
        ),
        (
            json!({ "customer": { "id": "${keen.ip}" } }),
            json!({ "customer.id": "c1" }),
        ),
        // Additions onto the path itself, above it and below it.
        (
            json!({ "u": url, "keen": { "addons": [addon("keen:url_parser", json!({ "url": "u" }), "customer.id")] } }),
            json!({ "customer.id": "c1", "u": url }),
        ),
        (
            json!({ "u": url, "keen": { "addons": [addon("keen:url_parser", json!({ "url": "u" }), "customer.id.x")] } }),
            json!({ "customer.id": "c1", "u": url }),
        ),
        (
            json!({ "u": "//x.example", "customer": "gone",
                "keen": { "addons": [addon("keen:url_parser", json!({ "url": "u" }), "customer")] } }),
            json!({ "customer.id": "c1", "customer.domain": "x.example", "u": "//x.example" }),
        ),
        // The address that is to be removed is the stamped value.
        (
            json!({ "keen": { "addons": [addon("keen:ip_to_geo",
                json!({ "ip": "customer.id", "remove_ip_property": true }), "geo")] } }),
            json!({ "customer.id": "c1" }),
        ),
        (
            json!({ "keen": { "addons": [addon("keen:ip_to_geo",
                json!({ "ip": "customer", "remove_ip_property": true }), "geo")] } }),
            json!({ "customer.id": "c1" }),
        ),
    ] {
        assert_eq!(stored(&world, &permit, &event), Ok(expected), "{event}");
    }
    for (event, rule) in [
        (json!({ "customer.id": "c2" }), EventRule::PropertyName),
        (
            json!({ "customer": { "id.x": "c2" } }),
            EventRule::PropertyName,
        ),
        (json!({ "_key": "x" }), EventRule::PropertyName),
        (json!([]), EventRule::Event),
        (json!("customer"), EventRule::Event),
    ] {
        let fault = stored(&world, &permit, &event).expect_err("refused");
        assert_eq!(fault.rule, rule, "{event}");
    }
}

#[tokio::test]
async fn additions_read_what_is_stamped_and_not_what_is_sent() {
    let (world, permit) = stamping(json!({ "page": "https://mine.example/" }), "override").await;
    let event = json!({ "page": "https://forged.example/", "keen": { "addons": [
        { "name": "keen:url_parser", "input": { "url": "page" }, "output": "parsed" },
    ] } });
    let expected = json!({ "page": "https://mine.example/", "parsed.domain": "mine.example",
        "parsed.path": "/", "parsed.protocol": "https" });
    assert_eq!(stored(&world, &permit, &event), Ok(expected));
}

#[tokio::test]
async fn a_grant_that_rejects_conflicts_still_finds_them() {
    let (world, permit) = stamping(json!({ "customer.id": "c1" }), "reject").await;
    let same = json!({ "customer": { "id": "c1" } });
    assert_eq!(
        stored(&world, &permit, &same),
        Ok(json!({ "customer.id": "c1" }))
    );
    let fault =
        stored(&world, &permit, &json!({ "customer": { "id": "c2" } })).expect_err("a conflict");
    assert_eq!(fault.rule, EventRule::PropertyValue);
    assert!(fault.message.contains("customer.id"), "{}", fault.message);
}

#[tokio::test]
async fn placeholders_are_filled_in_before_additions_run() {
    let (world, permit) = stamping(json!({}), "override").await;
    let event = json!({
        "ip": "${keen.ip}", "deep": { "agent": "${keen.user_agent}" }, "list": ["${keen.ip}"],
        "text": "from ${keen.ip}",
        "keen": { "addons": [
            { "name": "keen:ua_parser", "input": { "ua_string": "deep.agent" }, "output": "tech" },
        ] },
    });
    let expected = json!({
        "deep.agent": "curl/8", "ip": "192.0.2.7", "list": ["192.0.2.7"],
        "tech.browser.family": "curl", "tech.browser.major": "8",
        "tech.device.family": "Other", "tech.device.type": "other", "tech.os.family": "Other",
        "text": "from ${keen.ip}",
    });
    assert_eq!(stored(&world, &permit, &event), Ok(expected));
}

#[tokio::test]
async fn what_the_house_cannot_store_is_refused_in_the_words_of_the_dialect() {
    let (world, permit) = stamping(json!({}), "override").await;
    let deep = (0..17).fold(json!(1), |inner, _| json!({ "a": inner }));
    let many: serde_json::Map<_, _> = (0..1_001).map(|n| (format!("p{n}"), json!(1))).collect();
    let invisible = json!({ "a\u{200b}": 1 });
    for (event, rule) in [
        (deep, EventRule::PropertyName),
        (invisible, EventRule::PropertyName),
        (Json::Object(many), EventRule::PropertyValue),
    ] {
        let fault = stored(&world, &permit, &event).expect_err("not storable");
        assert_eq!(fault.rule, rule, "{}", fault.message);
    }
}
