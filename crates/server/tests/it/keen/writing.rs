//! Events through every door of a real server, looked at by questions.

use std::path::Path;

use serde_json::{Value, json};

use super::Speaking;
use crate::injections::file;
use crate::support::launch::Launch;

/// All events of a collection as the read key is given them, oldest first.
pub(super) fn events(speaking: &Speaking, collection: &str) -> Vec<Value> {
    let question = json!({ "event_collection": collection,
        "timeframe": { "start": "2000-01-01T00:00:00Z", "end": "2100-01-01T00:00:00Z" } });
    let reply = speaking.send(
        &speaking.read,
        "POST",
        "queries/extraction",
        Some(&question),
    );
    let answer = reply.expect(200);
    answer["result"].as_array().expect("events").clone()
}

#[test]
fn an_event_comes_back_as_it_was_sent_through_every_door() {
    let speaking = Speaking::start();
    let (write, at) = (&speaking.write, "2024-03-04T10:00:00+01:00");
    let event = json!({ "amount": 10, "sku": "a", "customer": { "id": "c1" }, "tags": ["x", "y"],
        "keen": { "timestamp": at, "location": { "coordinates": [13.4, 52.5] } } });
    let made = speaking.send(write, "POST", "events/orders", Some(&event));
    assert_eq!(made.expect(201), json!({ "created": true }));
    let many = json!({ "orders": [{ "amount": 20, "keen": { "timestamp": "2024-03-05T00:00:00" } },
        { "bad.name": 1 }] });
    let outcomes = speaking
        .send(write, "POST", "events", Some(&many))
        .expect(200);
    assert_eq!(outcomes["orders"][0], json!({ "success": true }));
    assert_eq!(
        outcomes["orders"][1]["error"]["name"],
        "InvalidPropertyNameError"
    );
    let data = "eyJza3UiOiJhIiwiYW1vdW50IjoxfQ==";
    // The client follows the link to where the server says where projects are.
    let target = format!("{}/3.0", speaking.server.address.0);
    let target = target.replace(':', "%3A").replace('/', "%2F");
    for (extra, kind, begins) in [
        (String::new(), "image/gif", "GIF89a"),
        (
            "&jsonp=cb".to_owned(),
            "application/javascript",
            "cb({\"created\":true})",
        ),
        (
            format!("&redirect={target}"),
            "application/json",
            "{\"projects_resource_url\"",
        ),
    ] {
        let path = format!(
            "{}/events/orders?api_key={write}&data={data}{extra}",
            speaking.base
        );
        let reply = speaking
            .server
            .send("", "GET", &path, &[], None)
            .expect("an answer");
        assert_eq!(reply.header("content-type"), Some(kind), "{}", reply.text());
        assert!(reply.text().starts_with(begins), "{}", reply.text());
    }
    let stored = events(&speaking, "orders");
    assert_eq!(stored.len(), 5, "{stored:?}");
    assert_eq!(stored[0]["keen"]["timestamp"], "2024-03-04T09:00:00.000Z");
    assert_eq!(stored[1]["keen"]["timestamp"], "2024-03-05T00:00:00.000Z");
    for member in ["amount", "sku", "customer", "tags"] {
        assert_eq!(stored[0][member], event[member], "{member}");
    }
    let is_id = |event: &Value| {
        event["keen"]["id"]
            .as_str()
            .is_some_and(|id| id.len() == 24)
    };
    assert!(stored.iter().all(is_id), "{stored:?}");

    let schema = speaking
        .send(&speaking.read, "GET", "events/orders", None)
        .expect(200);
    assert_eq!(
        schema["properties"],
        json!({ "keen.timestamp": "datetime", "keen.created_at": "datetime", "keen.id": "string",
            "amount": "num", "customer.id": "string", "keen.location.coordinates": "geo",
            "sku": "string", "tags": "list" })
    );
    let all = speaking
        .send(&speaking.read, "GET", "events", None)
        .expect(200);
    assert_eq!(all, json!([schema]));
}

#[test]
fn a_key_stamps_whatever_is_sent_from_the_first_event_on() {
    let speaking = Speaking::start();
    let policy = json!({ "name": "customer c1", "is_active": true, "permitted": ["writes"],
        "options": { "writes": { "autofill": { "customer": { "id": "c1" } } } } });
    let made = speaking.send(&speaking.master, "POST", "keys", Some(&policy));
    let key = made.expect(201)["key"].as_str().expect("a key").to_owned();
    let addon = json!({ "name": "keen:url_parser", "input": { "url": "u" }, "output": "customer" });
    for event in [
        json!({ "customer": { "id": "c2", "vip": true } }),
        json!({ "customer": 5 }),
        json!({ "u": "https://x.example/?id=c2", "customer": { "id": "c2" }, "keen": { "addons": [addon] } }),
    ] {
        speaking
            .send(&key, "POST", "events/orders", Some(&event))
            .expect(201);
        let many = json!({ "orders": [event], "visits": [event] });
        speaking
            .send(&key, "POST", "events", Some(&many))
            .expect(200);
    }
    for (collection, count) in [("orders", 6), ("visits", 3)] {
        let stored = events(&speaking, collection);
        assert_eq!(stored.len(), count);
        assert!(
            stored.iter().all(|event| event["customer"]["id"] == "c1"),
            "{stored:?}"
        );
    }
}

#[test]
fn addresses_become_places_by_the_file_that_the_server_is_given() {
    let home = tempfile::tempdir().expect("a folder");
    let path = home.path().join("places.mmdb");
    std::fs::write(&path, file("places.mmdb")).expect("written");
    let speaking = Speaking::start_with(&["--places-file", path.to_str().expect("UTF-8")]);
    let addon = json!({ "name": "keen:ip_to_geo", "output": "geo",
        "input": { "ip": "address", "remove_ip_property": true } });
    let event =
        json!({ "address": "192.0.2.7", "own": "${keen.ip}", "keen": { "addons": [addon] } });
    speaking
        .send(&speaking.write, "POST", "events/visits", Some(&event))
        .expect(201);
    let stored = &events(&speaking, "visits")[0];
    assert_eq!(stored["geo"]["city"], "Berlin", "{stored}");
    assert_eq!(stored["own"], "127.0.0.1");
    assert_eq!(stored["address"], Value::Null, "it was to go");
}

#[test]
fn a_file_that_holds_no_places_keeps_the_server_from_starting() {
    let home = tempfile::tempdir().expect("a folder");
    let path = home.path().join("places.mmdb");
    std::fs::write(&path, "no database").expect("written");
    let start = |file: &Path| {
        let options = ["--places-file", file.to_str().expect("UTF-8")];
        let server = home.path().join("server");
        std::fs::create_dir_all(&server).expect("made");
        Launch::at(&server)
            .options(&options)
            .start()
            .expect_err("refused")
    };
    let ended = start(&path);
    assert_eq!(ended.code, Some(2), "{}", ended.log);
    assert!(ended.log.contains("--places-file"), "{}", ended.log);
    assert_eq!(start(&home.path().join("nothing")).code, Some(74));
}

#[test]
fn deleted_events_are_in_no_answer_and_a_deleted_collection_is_not_there() {
    let speaking = Speaking::start();
    let event = |at: &str, sku: &str| json!({ "sku": sku, "keen": { "timestamp": at } });
    let many = json!({ "orders": [event("2024-03-04T21:30:00Z", "b"), event("2024-03-05T02:15:00Z", "a"),
        event("2024-03-07T00:00:00Z", "b")] });
    speaking
        .send(&speaking.write, "POST", "events", Some(&many))
        .expect(200);
    let skus = || -> Vec<Value> {
        let stored = events(&speaking, "orders").into_iter();
        stored.map(|event| event["sku"].clone()).collect()
    };
    let query = "timeframe=%7B%22start%22:%222024-03-04T00:00:00Z%22,%22end%22:%222024-03-07T00:00:00Z%22%7D\
        &filters=%5B%7B%22property_name%22:%22sku%22,%22operator%22:%22eq%22,%22property_value%22:%22b%22%7D%5D";
    let delete = |query: &str| {
        speaking.send(
            &speaking.master,
            "DELETE",
            &format!("events/orders?{query}"),
            None,
        )
    };
    let reply = delete(query);
    assert_eq!((reply.status, reply.body.len()), (204, 0));
    assert_eq!(skus(), ["a", "b"]);
    assert_eq!(delete("filters=notjson").status, 400);
    assert_eq!(skus(), ["a", "b"]);
    assert_eq!(delete("").status, 204);
    assert_eq!(skus(), [Value::Null; 0]);
    assert_eq!(
        speaking
            .send(&speaking.read, "GET", "events/orders", None)
            .status,
        404
    );
    assert_eq!(delete("").status, 404);
}

#[test]
fn a_schema_tells_nothing_of_events_that_a_key_does_not_see() {
    let own = json!([{ "customer": { "id": "c1" }, "amount": 1 }]);
    let hidden = json!([{ "customer": { "id": "c2" }, "secret": "x", "amount": "text" }]);
    let constraint = json!([{ "field": "customer.id", "operator": "eq", "value": "c1" }]);
    let grants = json!([{ "on": "pool:*", "actions": ["schema"], "constraints": constraint }]);
    let world = |with_hidden: bool| {
        let speaking = Speaking::start();
        let mut events = own.as_array().expect("events").clone();
        if with_hidden {
            events.extend(hidden.as_array().expect("events").clone());
        }
        let many = json!({ "orders": events });
        speaking
            .send(&speaking.write, "POST", "events", Some(&many))
            .expect(200);
        let key = speaking.server.key("reader", &grants);
        (speaking, key)
    };
    let (plain, both) = (world(false), world(true));
    for path in [
        "events",
        "events?include_schema=false",
        "events/orders",
        "events/orders/properties",
        "events/orders/properties/amount",
        "events/orders/properties/secret",
        "events/orders/properties/nowhere",
        "events/nowhere",
    ] {
        let [plain, both] = [&plain, &both].map(|(speaking, key)| {
            let reply = speaking.send(key, "GET", path, None);
            // Each server has a project of its own.
            (reply.status, reply.text().replace(&speaking.base, "BASE"))
        });
        assert_eq!(plain, both, "{path}");
        assert!(!both.1.contains("secret"), "{path}: {}", both.1);
    }
    let (speaking, _) = &both;
    let all = speaking
        .send(&speaking.read, "GET", "events/orders", None)
        .expect(200);
    assert_eq!(
        all["properties"]["secret"], "string",
        "who sees all rows sees it"
    );
}
