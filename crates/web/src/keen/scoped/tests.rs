//! Scoped keys over the router: what they may do, and what becomes of them in
//! the hands of one who alters texts.

#[path = "../../../../model/src/secrets/scoped/made.rs"]
pub(crate) mod made;

use serde_json::{Value as Json, json};

use super::super::tests::{base, error_code, send};
use super::*;
use crate::testing::{Log, Reply, World};

const VECTOR: [u8; 16] = [5; 16];

/// A world that speaks the dialect and lets scoped keys in, with its master key.
pub(crate) async fn scoping(world: World) -> (World, String) {
    let body = json!({ "scoped_keys": true });
    let keys = world.post("/v1/projects/default/keen", &body).await;
    let master = keys.expect(201).json()["master_key"].clone();
    (world, master.as_str().expect("a key").to_owned())
}

/// A scoped key that says this.
pub(crate) fn key(master: &str, said: &Json) -> String {
    made::scoped(master, &said.to_string(), VECTOR)
}

fn own(customer: &str) -> Json {
    json!([{ "property_name": "customer.id", "operator": "eq", "property_value": customer }])
}

fn reads(customer: &str) -> Json {
    json!({ "allowed_operations": ["read"], "filters": own(customer) })
}

async fn shop() -> (World, String) {
    let (world, master) = scoping(World::with_sales().await).await;
    let events: Vec<Json> = (1..=6)
        .map(|n| json!({ "customer": { "id": format!("c{}", n % 3) }, "amount": n }))
        .collect();
    let call = format!("POST {}/events", base(&world));
    let sent = send(&world, &master, &call, &json!({ "orders": events })).await;
    sent.expect(200);
    (world, master)
}

async fn count(world: &World, key: &str, filters: Json) -> Reply {
    let call = format!("POST {}/queries/sum", base(world));
    let body = json!({ "event_collection": "orders", "target_property": "amount",
        "timeframe": "this_1_days", "filters": filters });
    send(world, key, &call, &body).await
}

#[test]
fn only_what_is_understood_to_the_last_member_is_a_policy() {
    let one = r#"{"property_name":"a","operator":"eq","property_value":1}"#;
    let first = r#""allowed_operations":["read"]"#;
    for said in [
        format!("{{{first},\"filters\":[]}}"),
        r#"{"allowed_operations":["write"]}"#.to_owned(),
        format!("{{{first},\"filters\":[{one},{one}]}}"),
        format!(" {{ \"filters\" : [{one}], {first} }} "),
        r#"{"allowed_operations":["write","read","read"],"filters":[]}"#.to_owned(),
        format!(r#"{{{first},"filters":[{{"operator":"or","operands":[{one}]}}]}}"#),
        format!(
            r#"{{{first},"filters":[{{"property_name":"a","operator":"eq","property_value":null,"coercion_type":"auto"}}]}}"#
        ),
    ] {
        let policy = policy(said.as_bytes()).expect(&said);
        assert!(policy.grants().is_ok(), "{said}");
    }
    for said in [
        String::new(),
        "[]".to_owned(),
        "{}".to_owned(),
        format!(r#"{{"filters":[{one}]}}"#),
        r#"{"allowed_operations":[]}"#.to_owned(),
        r#"{"allowed_operations":null}"#.to_owned(),
        r#"{"allowed_operations":"read"}"#.to_owned(),
        r#"{"allowed_operations":["read","delete"]}"#.to_owned(),
        r#"{"allowed_operations":["read",1]}"#.to_owned(),
        r#"{"allowed_operations":["READ"]}"#.to_owned(),
        format!("{{{first},\"filterz\":[{one}]}}"),
        format!("{{{first},\"filters\":{one}}}"),
        format!("{{{first},\"filters\":[{one}],\"filters\":[]}}"),
        format!("{{{first},{first}}}"),
        format!("{{{first}}}}}"),
        format!("{{{first}}}\0\0"),
        format!("{{{first}}}{{}}"),
        // Noise is sooner text where it need not be ASCII.
        format!(
            r#"{{{first},"filters":[{{"property_name":"a","operator":"eq","property_value":"é"}}]}}"#
        ),
        // Filters could have been cut off the front of it.
        format!("{{{first}}}"),
        format!("{{{first},\"filters\":null}}"),
        format!("{{\"filters\":[{one},{one}],{first}}}"),
        format!("{{\"filters\":[],{first}}}"),
        format!(r#"{{{first},"filters":[{{"property_name":"a","operator":"eq"}}]}}"#),
        format!(
            r#"{{{first},"filters":[{{"property_name":"a","operator":"like","property_value":1}}]}}"#
        ),
        format!(
            r#"{{{first},"filters":[{{"property_name":"a","operator":"eq","property_value":1,"x":2}}]}}"#
        ),
        format!(
            r#"{{{first},"filters":[{{"property_name":"a","operator":"eq","property_value":1,"operands":null}}]}}"#
        ),
        format!(
            r#"{{{first},"filters":[{{"operator":"or","operands":[{{"property_name":"a","operator":"eq"}}]}}]}}"#
        ),
        format!(r#"{{{first},"filters":[{{"operator":"or","operands":[]}}]}}"#),
        format!(r#"{{{first},"filters":[1]}}"#),
        format!(
            r#"{{{first},"filters":[{{"property_name":"a..b","operator":"eq","property_value":1}}]}}"#
        ),
        format!(
            r#"{{{first},"filters":[{{"property_name":"a","operator":"regex","property_value":"("}}]}}"#
        ),
    ] {
        let grants = policy(said.as_bytes()).and_then(|policy| policy.grants().ok());
        let parsed = grants.is_some();
        assert!(!parsed, "{said}");
    }
}

#[tokio::test]
async fn a_scoped_key_asks_over_its_rows_alone_however_it_is_asked() {
    let (world, master) = shop().await;
    let reader = key(&master, &reads("c1"));
    let sum = async |filters: Json| {
        count(&world, &reader, filters).await.expect(200).json()["result"].clone()
    };
    assert_eq!(sum(json!([])).await, 1 + 4);
    assert_eq!(sum(own("c2")).await, 0);
    let either = json!([{ "operator": "or", "operands": [own("c1")[0], own("c2")[0]] }]);
    assert_eq!(sum(either).await, 1 + 4);
    // In the address, in large letters, with a scheme.
    let query = "event_collection=orders&target_property=amount&timeframe=this_1_days";
    let call = format!(
        "GET {}/queries/sum?{query}&api_key={}",
        base(&world),
        reader.to_uppercase()
    );
    let answer = send(&world, "", &call, &Json::Null).await.expect(200);
    assert_eq!(answer.json()["result"], 1 + 4);
    assert!(!answer.text().contains("customer"), "{}", answer.text());
    let bearer = format!("Bearer {reader}");
    let answer = count(&world, &bearer, json!([])).await;
    assert_eq!(answer.expect(200).json()["result"], 1 + 4);
    // Nowhere but under its project and dialect.
    for (call, status) in [
        ("GET /v1/whoami", 401),
        ("GET /3.0/projects", 401),
        ("GET /3.0/projects/01ARZ3NDEKTSV4RRFFQ69G5FAV/queries", 404),
    ] {
        send(&world, &bearer, call, &Json::Null)
            .await
            .expect(status);
    }
    let unfiltered = key(
        &master,
        &json!({ "allowed_operations": ["read"], "filters": [] }),
    );
    let answer = count(&world, &unfiltered, json!([])).await;
    assert_eq!(answer.expect(200).json()["result"], 21);
}

#[tokio::test]
async fn what_is_allowed_is_what_the_default_keys_may_and_no_more() {
    let (world, master) = shop().await;
    let base = base(&world);
    let reader = key(&master, &reads("c1"));
    let said = json!({ "allowed_operations": ["write"], "filters": own("c1") });
    let writer = key(&master, &said);
    let both = key(
        &master,
        &json!({ "allowed_operations": ["read", "write"], "filters": own("c1") }),
    );
    let event = json!({ "customer": { "id": "c2" }, "amount": 100 });
    for (call, body, statuses) in [
        ("POST events/orders", event.clone(), [403, 201, 201]),
        ("POST events/fresh", event, [403, 201, 201]),
        (
            "GET queries/count?event_collection=orders&timeframe=this_1_days",
            Json::Null,
            [200, 403, 200],
        ),
        (
            "GET queries/extraction?event_collection=orders&timeframe=this_1_days",
            Json::Null,
            [200, 403, 200],
        ),
        ("GET events/orders", Json::Null, [200, 403, 200]),
        ("GET events", Json::Null, [200, 403, 200]),
        // What a dataset is made of says whom the filters hide.
        ("GET datasets", Json::Null, [403, 403, 403]),
        ("GET queries/saved", Json::Null, [403, 403, 403]),
        ("GET keys", Json::Null, [403, 403, 403]),
        ("DELETE events/orders", Json::Null, [403, 403, 403]),
        (
            "POST keys",
            json!({ "name": "k", "permitted": ["queries"] }),
            [403, 403, 403],
        ),
        (
            "PUT queries/saved/x",
            json!({ "query": {} }),
            [403, 403, 403],
        ),
    ] {
        let (method, path) = call.split_once(' ').expect("METHOD path");
        let call = format!("{method} {base}/{path}");
        for (token, status) in [&reader, &writer, &both].into_iter().zip(statuses) {
            let reply = send(&world, token, &call, &body).await.expect(status);
            if status == 403 {
                assert_eq!(error_code(&reply), "RequestForbiddenError", "{call}");
            }
        }
    }
    // Writing is held to no filter, as it never was.
    let all = count(&world, &master, own("c2")).await.expect(200).json();
    assert_eq!(all["result"], 2 + 5 + 200);
}

/// The status and the whole body of what a key is answered.
async fn answered(world: &World, key: &str) -> (u16, String) {
    let reply = count(world, key, json!([])).await;
    (reply.status, reply.text())
}

#[tokio::test]
async fn every_text_that_is_no_key_is_answered_with_the_same_bytes() {
    let (world, master) = shop().await;
    let good = key(&master, &reads("c1"));
    let refused = answered(&world, &"0".repeat(64)).await;
    assert_eq!(refused.0, 401);
    // Every bit, of the vector as well: its flips are those of the first letters.
    for at in 0..good.len() * 4 {
        let mut digits = good.clone().into_bytes();
        let digit = char::from(digits[at / 4]).to_digit(16).expect("hex") ^ 1 << (at % 4);
        digits[at / 4] =
            u8::try_from(char::from_digit(digit, 16).expect("a digit")).expect("ASCII");
        let flipped = String::from_utf8(digits).expect("ASCII");
        assert_eq!(answered(&world, &flipped).await, refused, "bit {at}");
    }
    // Every block left out, doubled, or put in front of all.
    let blocks: Vec<&str> = (0..good.len() / 32)
        .map(|at| &good[at * 32..][..32])
        .collect();
    for at in 0..blocks.len() {
        let without = [&blocks[..at], &blocks[at + 1..]].concat();
        let twice = [&blocks[..=at], &blocks[at..]].concat();
        let from = blocks[at..].to_vec();
        let to = blocks[..at].to_vec();
        for altered in [without, twice, from, to] {
            let altered = altered.concat();
            if altered != good && !altered.is_empty() {
                assert_eq!(answered(&world, &altered).await, refused, "block {at}");
            }
        }
    }
    let other = "ab".repeat(32);
    for said in [
        made::scoped(&other, &reads("c1").to_string(), VECTOR),
        made::scoped(&master, "no JSON", VECTOR),
        made::scoped(
            &master,
            &json!({ "allowed_operations": ["all"] }).to_string(),
            VECTOR,
        ),
        made::sealed(&master, &[0; 16], VECTOR),
        made::sealed(&master, &[16; 16], VECTOR),
        made::sealed(&master, &[0xff; 64], VECTOR),
        made::scoped(
            &master,
            &format!("{}{}", reads("c1"), " ".repeat(20_000)),
            VECTOR,
        ),
    ] {
        assert_eq!(answered(&world, &said).await, refused);
    }
    assert_eq!(answered(&world, &good).await.0, 200);
}

/// What anybody can do with a scoped key, without any secret: leave blocks out
/// in front, and say what the first block shall be.
fn beginning(key: &str, said: &str, block: usize, wanted: &str) -> String {
    let byte = |at: usize| u8::from_str_radix(&key[at * 2..at * 2 + 2], 16).expect("hex");
    let front = (0..16).map(|at| {
        let at_block = block * 16 + at;
        let vector = byte(at_block) ^ said.as_bytes()[at_block] ^ wanted.as_bytes()[at];
        format!("{vector:02x}")
    });
    front.collect::<String>() + &key[(block + 1) * 32..]
}

#[tokio::test]
async fn no_filter_can_be_cut_off_the_front() {
    let (world, master) = shop().await;
    let refused = answered(&world, &"0".repeat(64)).await;
    let filter =
        |name: &str| json!({ "property_name": name, "operator": "eq", "property_value": "c1" });
    let mut cut = 0;
    // The text shifts under the blocks with each length of the first name.
    for length in 1..=16 {
        let name = "x".repeat(length);
        for filters in [
            json!([filter(&name)]),
            json!([filter(&name), filter("customer.id")]),
        ] {
            let said = json!({ "filters": filters, "allowed_operations": ["read"] }).to_string();
            let key = made::scoped(&master, &said, VECTOR);
            let last = said.rfind("{\"property_name\"").expect("a filter");
            let operations = said.find("\"allowed").expect("operations");
            for (begins, front) in [
                (operations, "{"),
                (operations, "{\"filters\":[],"),
                (last, "{\"filters\":["),
            ] {
                // The block boundary behind which the text goes on.
                let boundary = begins.div_ceil(16) * 16;
                let wanted = format!("{front}{}", &said[begins..boundary]);
                // Where the first block stays what it was, nothing is cut off.
                if wanted.len() > 16 || said.starts_with(&wanted) {
                    continue;
                }
                let wanted = format!("{}{wanted}", " ".repeat(16 - wanted.len()));
                let altered = beginning(&key, &said, boundary / 16 - 1, &wanted);
                let text = format!("{wanted}{}", &said[boundary..]);
                assert!(json::parse(text.as_bytes()).is_ok(), "{text}");
                assert_eq!(answered(&world, &altered).await, refused, "{text}");
                cut += 1;
            }
        }
    }
    assert!(cut > 20, "{cut}");
}

#[tokio::test]
async fn they_are_let_in_while_they_are_switched_on() {
    let world = World::with_sales().await;
    let path = "/v1/projects/default/keen";
    let early = json!({ "scoped_keys": true, "master_key": "ab".repeat(32) });
    assert_eq!(
        world.post(path, &early).await.expect(400).json()["pointer"],
        "/master_key"
    );
    let keys = world.post(path, &json!({})).await.expect(201).json();
    assert_eq!(keys["scoped_keys"], false);
    let text = |name: &str| keys[name].as_str().expect("a key").to_owned();
    let reader = key(&text("master_key"), &reads("c1"));
    assert_eq!(answered(&world, &reader).await.0, 401);
    for (body, pointer) in [
        (json!({ "scoped_keys": true }), "/master_key"),
        (json!({ "scoped_keys": 1 }), "/scoped_keys"),
        (
            json!({ "scoped_keys": true, "master_key": text("read_key") }),
            "/master_key",
        ),
        (
            json!({ "scoped_keys": true, "master_key": "ab".repeat(32) }),
            "/master_key",
        ),
        (
            json!({ "scoped_keys": true, "master_key": "short" }),
            "/master_key",
        ),
        (
            json!({ "scoped_keys": false, "master_key": text("master_key") }),
            "/master_key",
        ),
        (json!({ "master_key": text("master_key") }), "/master_key"),
        (json!({ "scoped": true }), "/scoped"),
    ] {
        let refused = world.post(path, &body).await.expect(400);
        assert_eq!(refused.json()["pointer"], pointer, "{body}");
        assert!(!refused.text().contains(&text("master_key")));
    }
    let on = json!({ "scoped_keys": true, "master_key": text("master_key") });
    let switched = world.post(path, &on).await.expect(200);
    assert_eq!(
        switched.json(),
        json!({ "project_id": keys["project_id"], "scoped_keys": true })
    );
    world
        .post(path, &json!({ "scoped_keys": true }))
        .await
        .expect(200);
    world.post(path, &json!({})).await.expect(409);
    assert_eq!(answered(&world, &reader).await.0, 200);
    let off = json!({ "scoped_keys": false });
    world.post(path, &off).await.expect(200);
    world.post(path, &off).await.expect(200);
    assert_eq!(answered(&world, &reader).await.0, 401);
}

#[tokio::test]
async fn no_log_holds_a_scoped_key_nor_the_master_key() {
    let world = World::with_sales().await;
    let path = "/v1/projects/default/keen";
    let keys = world.post(path, &json!({})).await.expect(201).json();
    let master = keys["master_key"].as_str().expect("a key").to_owned();
    let (log, _guard) = Log::start();
    let on = json!({ "scoped_keys": true, "master_key": master });
    world.post(path, &on).await.expect(200);
    let reader = key(&master, &reads("canary-of-a-filter"));
    let call = format!(
        "GET {}/queries/count?event_collection=orders&timeframe=this_1_days&api_key=",
        base(&world)
    );
    send(&world, "", &format!("{call}{reader}"), &Json::Null)
        .await
        .expect(200);
    let wrong = key(
        &master,
        &json!({ "allowed_operations": ["canary-of-a-filter"] }),
    );
    send(&world, "", &format!("{call}{wrong}"), &Json::Null)
        .await
        .expect(401);
    let text = log.text();
    assert!(text.contains("/3.0/projects/{project}/queries"), "{text}");
    for secret in [
        &master[24..],
        &reader[32..],
        &wrong[32..],
        "canary-of-a-filter",
    ] {
        assert!(!text.contains(secret), "{text}");
    }
}
