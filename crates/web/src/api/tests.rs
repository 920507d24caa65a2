use std::time::Duration;

use serde_json::{Value as Json, json};

use crate::testing::{Reply, World, request, text};

/// Sends a change with `If-Match`.
async fn change(world: &World, call: &str, if_match: &str, body: &Json) -> Reply {
    let mut request = request(&world.admin, call, body);
    let tag = if_match.parse().expect("a header");
    request.headers_mut().insert("if-match", tag);
    world.send(request).await
}

#[tokio::test]
async fn lists_page_oldest_first_and_survive_what_goes() {
    let world = World::new().await;
    let mut ids = Vec::new();
    for name in ["c", "a", "d", "b"] {
        let body = json!({ "name": name, "schema": "open" });
        let made = world.post("/v1/pools", &body).await.expect(201).json();
        ids.push(text(&made, "/id").to_owned());
        world.clock.advance(Duration::from_millis(2));
    }
    let names = |page: &Json| -> Vec<String> {
        let items = page["items"].as_array().expect("items").iter();
        items.map(|item| text(item, "/name").to_owned()).collect()
    };
    let all = world.get("/v1/pools").await.expect(200).json();
    assert_eq!(names(&all), ["c", "a", "d", "b"]);
    assert_eq!(all["next"], Json::Null);
    let first = world.get("/v1/pools?limit=2").await.expect(200).json();
    assert_eq!(names(&first), ["c", "a"]);
    let next = text(&first, "/next").to_owned();
    let call = "DELETE /v1/pools/a";
    world
        .call(&world.admin, call, &Json::Null)
        .await
        .expect(204);
    let rest = world.get(&format!("/v1/pools?limit=2&after={next}")).await;
    let rest = rest.expect(200).json();
    assert_eq!(names(&rest), ["d", "b"]);
    assert_eq!(rest["next"], Json::Null);
    let last = world.get(&format!("/v1/pools?after={}", ids[3])).await;
    assert_eq!(names(&last.expect(200).json()), [""; 0]);
    for (query, code) in [
        ("limit=0", "invalid_value"),
        ("limit=1001", "invalid_value"),
        ("limit=x", "invalid_value"),
        ("limit=1&limit=1", "duplicate_member"),
        ("after=x", "invalid_cursor"),
        ("before=x", "unknown_member"),
    ] {
        let reply = world.get(&format!("/v1/pools?{query}")).await.expect(400);
        assert_eq!(reply.code(), code, "{query}");
    }
}

#[tokio::test]
async fn a_definition_changes_only_from_the_revision_that_was_read() {
    let world = World::with_sales().await;
    for (path, patch) in [
        ("/v1/pools/sales", json!({ "description": "new" })),
        ("/v1/views/all", json!({ "order_by": [{ "field": "at" }] })),
    ] {
        let read = world.get(path).await.expect(200);
        let tag = read.header("etag").to_owned();
        let call = format!("PATCH {path}");
        for stale in ["\"other\"", &format!("W/{tag}"), "\"a\", \"b\""] {
            let reply = change(&world, &call, stale, &patch).await.expect(412);
            assert_eq!(reply.code(), "stale_revision");
        }
        assert_eq!(
            change(&world, &call, "x", &patch).await.expect(400).code(),
            "invalid_value"
        );
        let changed = change(&world, &call, &tag, &patch).await.expect(200);
        assert_ne!(changed.header("etag"), tag, "another tag after a change");
        let (member, _) = patch
            .as_object()
            .and_then(|p| p.iter().next())
            .expect("one");
        assert_ne!(changed.json()[member], read.json()[member], "{path}");
        let again = change(&world, &call, &tag, &json!({ "name": "x" })).await;
        again.expect(412);
        let call = format!("DELETE {path}");
        change(&world, &call, &tag, &Json::Null).await.expect(412);
        let fresh = world.get(path).await.expect(200);
        assert_eq!(fresh.header("etag"), changed.header("etag"));
        // Whatever there is, and no condition at all.
        let call = format!("PATCH {path}");
        change(&world, &call, "*", &json!({})).await.expect(200);
        world
            .call(&world.admin, &call, &json!({}))
            .await
            .expect(200);
    }
}

#[tokio::test]
async fn pools_and_views_are_made_renamed_and_deleted() {
    let world = World::with_sales().await;
    let twice = json!({ "name": "sales", "schema": "open" });
    assert_eq!(
        world.post("/v1/pools", &twice).await.expect(409).code(),
        "name_taken"
    );
    let gone = world
        .call(&world.admin, "DELETE /v1/pools/sales", &Json::Null)
        .await
        .expect(409);
    assert_eq!(gone.code(), "in_use");
    assert_eq!(gone.json()["errors"], json!([{ "detail": "all" }]));
    let renamed = json!({ "name": "sold" });
    let patched = world
        .call(&world.admin, "PATCH /v1/pools/sales", &renamed)
        .await
        .expect(200);
    assert_eq!(patched.json()["name"], "sold");
    world.get("/v1/pools/sales").await.expect(404);
    let view = world.get("/v1/views/all").await.expect(200).json();
    assert_eq!(view["pool"], "sold");
    let unknown = json!({ "name": "v", "pool": "sales", "shape": "records",
        "fields": [{ "field": "amount" }] });
    let reply = world.post("/v1/views", &unknown).await.expect(400);
    assert_eq!(
        (reply.code().as_str(), text(&reply.json(), "/pointer")),
        ("unknown_resource", "/pool")
    );
    let kept = json!({ "fields": [] });
    let reply = world
        .call(&world.admin, "PATCH /v1/pools/sold", &kept)
        .await;
    reply.expect(400);
    world
        .call(&world.admin, "DELETE /v1/views/all", &Json::Null)
        .await
        .expect(204);
    let pool = world.state.control.pools()[0].id;
    world
        .call(&world.admin, "DELETE /v1/pools/sold", &Json::Null)
        .await
        .expect(204);
    assert_eq!(*world.plane.dropped.lock().expect("not poisoned"), [pool]);
}

#[tokio::test]
async fn a_key_is_told_what_it_may_do_and_how_much_it_sees() {
    let world = World::with_sales().await;
    let hidden = json!({ "name": "hidden", "schema": "open" });
    world.post("/v1/pools", &hidden).await.expect(201);
    let (id, token) = world
        .key(json!([
            { "on": "pool:sales", "actions": ["query"],
                "constraints": [{ "field": "customer", "operator": "eq", "value": "a" }] },
            { "on": "view:*", "actions": ["read"],
                "constraints": [{ "field": "customer", "operator": "eq", "value": "b" }] },
        ]))
        .await;
    let me = world
        .call(&token, "GET /v1/whoami", &Json::Null)
        .await
        .expect(200);
    assert!(!me.text().contains("hidden"), "{}", me.text());
    let me = me.json();
    for (pointer, value) in [
        ("/id", json!(id)),
        ("/name", json!("k")),
        ("/kind", json!("secret")),
        ("/status", json!("active")),
        ("/expires_at", Json::Null),
        ("/grants/0/constraints/0/value", json!("a")),
        ("/pools", json!([{ "name": "sales", "rows": 3 }])),
        ("/views", json!([{ "name": "all", "rows": 2 }])),
    ] {
        assert_eq!(me.pointer(pointer), Some(&value), "{pointer} of {me}");
    }
    let version = world
        .call("", "GET /v1/version", &Json::Null)
        .await
        .expect(200);
    assert_eq!(version.json()["version"], "1.2.3");
}

#[tokio::test]
async fn a_schema_shows_what_the_grant_shows() {
    let world = World::with_sales().await;
    let (_, token) = world
        .key(json!([
            { "on": "pool:sales", "actions": ["schema"], "constraints": "all_rows",
                "fields": { "deny": ["email"] } },
            { "on": "pool:*", "actions": ["schema"], "constraints": "all_rows" },
        ]))
        .await;
    let call = "GET /v1/pools/sales/schema";
    let reply = world.call(&token, call, &Json::Null).await.expect(400);
    assert_eq!(reply.code(), "grant_ambiguous");
    let me = world
        .call(&token, "GET /v1/whoami", &Json::Null)
        .await
        .expect(200)
        .json();
    let shown = world
        .call(
            &token,
            &format!("{call}?grant={}", text(&me, "/grants/0/id")),
            &Json::Null,
        )
        .await
        .expect(200)
        .json();
    assert_eq!(
        shown["fields"][0],
        json!({ "name": "customer", "type": "String", "declared": true, "required": true })
    );
    assert!(!shown.to_string().contains("email"), "{shown}");
    for grant in ["x", "01ARZ3NDEKTSV4RRFFQ69G5FAV"] {
        let call = format!("{call}?grant={grant}");
        let reply = world.call(&token, &call, &Json::Null).await.expect(400);
        assert_eq!(reply.code(), "invalid_value");
    }
}

#[tokio::test]
async fn fields_are_added_renamed_and_dropped() {
    let world = World::with_sales().await;
    let admin = world.admin.clone();
    let patch = |body: Json| {
        let (world, admin) = (&world, &admin);
        async move { world.call(admin, "PATCH /v1/pools/sales", &body).await }
    };
    let read = world.get("/v1/pools/sales").await.expect(200).json();
    assert_eq!(read["unique"], Json::Null);
    assert_eq!(read["retention_days"], Json::Null);
    assert_eq!(read["layout"], "shared");
    let with = |extra: &[Json]| {
        let mut fields = read["fields"].as_array().expect("a list").clone();
        fields.extend_from_slice(extra);
        json!({ "fields": fields })
    };
    let same = patch(with(&[])).await.expect(200);
    let described = patch(json!({ "description": "d" })).await.expect(200);
    assert_ne!(same.header("etag"), described.header("etag"));

    let region = json!({ "name": "region", "type": "String", "required": true });
    let grown = patch(with(std::slice::from_ref(&region))).await.expect(200);
    assert_eq!(grown.json()["fields"][4], region);
    let old = world.get("/v1/views/all/data").await.expect(200).json();
    assert_eq!(old["data"].as_array().expect("rows").len(), 5);
    let short = json!({ "customer": "a" });
    let receipt = world.post("/v1/pools/sales/records", &short).await;
    let receipt = receipt.expect(200).json();
    assert_eq!(text(&receipt, "/errors/0/code"), "missing_field");

    let renamed = json!({ "name": "area", "type": "String", "renamed_from": "region" });
    let renamed = patch(with(&[renamed])).await.expect(200).json();
    let area = json!({ "name": "area", "type": "String", "required": false });
    assert_eq!(renamed["fields"][4], area, "without renamed_from");
    let dropped = patch(with(&[])).await.expect(200);
    assert_eq!(dropped.json()["fields"], read["fields"]);
    let again = patch(with(&[area])).await.expect(200).text();
    assert!(
        !again.contains("column") && !again.contains("._2"),
        "{again}"
    );
}

#[tokio::test]
async fn a_field_that_is_built_on_is_kept_and_its_users_are_named() {
    let world = World::with_sales().await;
    let fields = json!({ "fields": [{ "name": "customer", "type": "String" },
        { "name": "at", "type": "DateTime" }, { "name": "amount", "type": "Int64" }] });
    let reply = world
        .call(&world.admin, "PATCH /v1/pools/sales", &fields)
        .await
        .expect(409);
    assert_eq!(reply.code(), "in_use");
    let problem = reply.json();
    assert_eq!(text(&problem, "/pointer"), "/fields");
    assert_eq!(text(&problem, "/field"), "email");
    let detail = text(&problem, "/detail");
    assert!(detail.contains("the view \"all\""), "{detail}");
    let own = json!({ "fields": [{ "name": "customer", "type": "String" }] });
    let reply = world
        .call(&world.admin, "PATCH /v1/pools/sales", &own)
        .await
        .expect(409);
    let detail = reply.json()["detail"].to_string();
    assert!(detail.contains("time_field"), "{detail}");
}
