//! Keys in the console: what people make, change, roll and end, without a script.

use model::ids::ProjectId;
use serde_json::{Value as Json, json};

use super::world::{between, open, send_to};
use crate::caller::seen::tests::from;
use crate::console::frame::segment;
use crate::testing::people::{SignedIn, first_signed_in, joined, sign_in_again};
use crate::testing::{Reply, World, request, text};

const KEYS: &str = "/console/projects/default/keys";

/// The project that the tests' world has.
async fn project(world: &World) -> ProjectId {
    let me = world.get("/v1/whoami").await.expect(200).json();
    ProjectId::parse(text(&me, "/project")).expect("an id")
}

/// Sends a form of a page about keys; `below` follows the address of the list.
async fn send(world: &World, by: &SignedIn, below: &str, form: &[(&str, &str)]) -> Reply {
    let project = project(world).await;
    send_to(world, by, (&format!("{KEYS}{below}"), project), form).await
}

/// Saves a change of what a key may do, as the page said before what it changes.
async fn confirm(world: &World, by: &SignedIn, below: &str, form: &[(&str, &str)]) -> Reply {
    let preview = send(world, by, below, form).await.expect(200).text();
    let seen = hidden(&preview, "seen").to_owned();
    let code = by.code(world);
    let mut form: Vec<(&str, &str)> = form.to_vec();
    form.extend([
        ("do", "save"),
        ("seen", seen.as_str()),
        ("code", code.as_str()),
    ]);
    send(world, by, below, &form).await
}

async fn page(world: &World, by: &SignedIn, below: &str) -> String {
    open(world, by, &format!("{KEYS}{below}"))
        .await
        .expect(200)
        .text()
}

/// The value of a hidden field.
fn hidden<'a>(html: &'a str, name: &str) -> &'a str {
    between(html, &format!("name=\"{name}\" value=\""), "\"")
}

async fn key(world: &World, id: &str) -> Json {
    let key = world.get(&format!("/v1/keys/{id}")).await.expect(200);
    key.json()
}

/// The token that a page shows, and the id of its key.
fn shown(html: &str) -> (String, String) {
    let token = between(html, "<code id=\"token\">", "<").to_owned();
    let id = between(
        html,
        "class=\"back\"><a href=\"/console/projects/default/keys/",
        "\"",
    );
    (token, id.to_owned())
}

async fn made(world: &World, by: &SignedIn, form: &[(&str, &str)]) -> (String, String) {
    shown(&send(world, by, "/new", form).await.expect(200).text())
}

#[tokio::test]
async fn a_key_that_reads_is_made_by_choosing() {
    let world = World::with_sales().await;
    let ada = first_signed_in(&world).await;
    let html = page(&world, &ada, "/new?for=read").await;
    let once = hidden(&html, "once").to_owned();
    assert!(html.contains("value=\"view:all\"") && html.contains("value=\"view:*\""));
    assert!(
        html.contains("<option value=\"customer\">"),
        "fields are offered"
    );
    let form = [
        ("for", "read"),
        ("once", once.as_str()),
        ("name", "Ada <i>"),
        ("kind", "secret"),
        ("on", "view:all"),
        ("rows", "some"),
        ("field_1", "customer"),
        ("operator_1", "eq"),
        ("value_1", "a"),
        ("hidden_fields", "email"),
        ("requests_per_second", "50"),
        ("core_amount", "1000"),
        ("core_period", "week"),
        ("expires_at", "2027-01-31T12:30"),
    ];
    let (token, id) = made(&world, &ada, &form).await;
    let stored = key(&world, &id).await;
    for (pointer, value) in [
        ("/name", json!("Ada <i>")),
        ("/grants/0/on", json!("view:all")),
        ("/grants/0/constraints/0/value", json!("a")),
        ("/grants/0/fields/deny/0", json!("email")),
        ("/limits/requests_per_second", json!(50)),
        ("/limits/credits/core/period", json!("week")),
        ("/restrictions/expires_at", json!("2027-01-31T12:30:00Z")),
    ] {
        assert_eq!(
            stored.pointer(pointer),
            Some(&value),
            "{pointer} of {stored}"
        );
    }
    let rows = world
        .call(&token, "GET /v1/views/all/data", &Json::Null)
        .await;
    assert_eq!(
        rows.expect(200).json()["data"].as_array().map(Vec::len),
        Some(3)
    );
    // The token is on no other page, and the form counts once.
    let again = send(&world, &ada, "/new", &form).await.expect(200).text();
    assert!(
        again.contains("done already") && !again.contains(&token),
        "{again}"
    );
    for below in [
        "",
        "?q=ada",
        &format!("/{id}"),
        &format!("/{id}/preview"),
        &format!("/{id}/settings"),
    ] {
        let html = page(&world, &ada, below).await;
        assert!(!html.contains(&token[token.len() - 49..]), "{below}");
        assert!(
            html.contains("Ada &#60;i&#62;") && !html.contains("<i>"),
            "{below}"
        );
    }
    let keys = world.get("/v1/keys").await.expect(200).json();
    assert_eq!(keys["items"].as_array().map(Vec::len), Some(2));
}

#[tokio::test]
async fn a_form_keeps_what_was_typed_marks_the_field_and_says_the_rule() {
    let world = World::with_sales().await;
    let ada = first_signed_in(&world).await;
    let whole = [
        ("for", "ask"),
        ("name", "Typed name"),
        ("kind", "secret"),
        ("on", "pool:sales"),
        ("action", "query"),
        ("rows", "some"),
        ("field_1", "customer"),
        ("operator_1", "eq"),
        ("value_1", "a"),
    ];
    for (name, value, marked, status) in [
        ("name", "", "e-name", 422),
        ("on", "", "e-on", 422),
        ("action", "", "e-action", 422),
        ("field_1", "nonsense", "e-rows", 400),
        ("value_1", "", "e-field_1", 422),
        ("rows", "json", "e-filters", 422),
        ("hidden_fields", "a..b", "e-hidden_fields", 400),
        ("time_last", "soon", "e-time_field", 422),
        ("ip_ranges", "192.0.2.1/24", "e-ip_ranges", 400),
        (
            "allowed_domains",
            "www.example.com",
            "e-allowed_domains",
            400,
        ),
        ("expires_at", "tomorrow", "e-expires_at", 400),
        ("requests_per_second", "many", "e-requests_per_second", 400),
        ("core_amount", "-1", "e-core_amount", 400),
        ("rotate_days", "0", "e-rotate_days", 400),
        ("kind", "publishable", "", 200),
    ] {
        let mut form: Vec<(&str, &str)> = whole.to_vec();
        form.retain(|(field, _)| *field != name);
        form.push((name, value));
        let reply = send(&world, &ada, "/new", &form).await;
        let html = reply.text();
        assert_eq!(reply.status, status, "{name} {value}: {html}");
        if marked.is_empty() {
            continue;
        }
        assert!(
            html.contains(&format!("id=\"{marked}\"")),
            "{name} {value}: {html}"
        );
        if name == "rotate_days" {
            assert!(html.contains("Whole days, from 1 to 3650."), "{html}");
        }
        if name != "name" {
            assert!(html.contains("value=\"Typed name\""), "{name}");
        }
        if !["name", "on", "action", "rows", "kind"].contains(&name) && !value.is_empty() {
            assert!(html.contains(value), "{name} keeps {value}: {html}");
        }
    }
    // All rows in a page are refused with the rule of the API.
    let form = [
        ("for", "read"),
        ("name", "n"),
        ("kind", "publishable"),
        ("on", "view:all"),
        ("rows", "all"),
    ];
    let html = send(&world, &ada, "/new", &form).await.expect(400).text();
    assert!(html.contains("id=\"e-rows\""), "{html}");
    // Nothing was made of what was refused.
    let keys = world.get("/v1/keys").await.expect(200).json();
    assert_eq!(keys["items"].as_array().map(Vec::len), Some(2));
}

#[tokio::test]
async fn a_key_that_writes_stamps_and_one_that_administers_asks_for_a_code() {
    let world = World::with_sales().await;
    let ada = first_signed_in(&world).await;
    let form = [
        ("for", "write"),
        ("name", "Ada writer"),
        ("kind", "secret"),
        ("on", "pool:sales"),
        ("stamp_1", "customer"),
        ("with_1", "ada"),
        ("stamp_2", "amount"),
        ("with_2", "7"),
        ("conflict", "reject"),
    ];
    let (token, id) = made(&world, &ada, &form).await;
    let stored = key(&world, &id).await;
    assert_eq!(
        stored["grants"][0]["injections"],
        json!({ "customer": "ada", "amount": 7 })
    );
    assert_eq!(stored["grants"][0]["on_conflict"], "reject");
    let record = json!([{ "email": "x@example.com" }]);
    let call = "POST /v1/pools/sales/records";
    let receipt = world.call(&token, call, &record).await.expect(200).json();
    assert_eq!(receipt["accepted"], 1, "{receipt}");
    let form = [("for", "admin"), ("name", "Tools"), ("reach", "all")];
    let html = send(&world, &ada, "/new", &form).await.expect(403).text();
    assert!(
        html.contains("id=\"e-code\"") && html.contains("value=\"Tools\""),
        "{html}"
    );
    let code = ada.code(&world);
    let mut proven = form.to_vec();
    proven.push(("code", &code));
    let (token, _) = made(&world, &ada, &proven).await;
    world
        .call(&token, "GET /v1/keys", &Json::Null)
        .await
        .expect(200);
}

#[tokio::test]
async fn a_grant_is_changed_after_the_page_said_what_that_changes() {
    let world = World::with_sales().await;
    let ada = first_signed_in(&world).await;
    let (id, token) = world
        .key(json!([{ "on": "pool:sales", "actions": ["query"],
            "constraints": [{ "field": "customer", "operator": "eq", "value": "a" }] }]))
        .await;
    let grant = key(&world, &id).await["grants"][0]["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let below = format!("/{id}/grants/{grant}");
    let html = page(&world, &ada, &below).await;
    assert!(html.contains("value=\"customer\""), "{html}");
    let revision = hidden(&html, "revision").to_owned();
    let form = |customer: &'static str| {
        [
            ("revision", revision.as_str()),
            ("action", "query"),
            ("rows", "some"),
            ("field_1", "customer"),
            ("operator_1", "eq"),
            ("value_1", customer),
        ]
    };
    let html = send(&world, &ada, &below, &form("b")).await;
    let html = html.expect(200).text();
    assert!(html.contains("+2") && html.contains("−3"), "{html}");
    let seen = hidden(&html, "seen").to_owned();
    // What was not looked at is not saved, be it something else or nothing.
    for (customer, seen) in [("c", seen.as_str()), ("b", "")] {
        let mut save = form(customer).to_vec();
        save.extend([("do", "save"), ("seen", seen)]);
        let html = send(&world, &ada, &below, &save).await.expect(200).text();
        assert!(html.contains("What that changes"), "{html}");
    }
    let value = key(&world, &id).await["grants"][0]["constraints"][0]["value"].clone();
    assert_eq!(value, "a");
    let mut save = form("b").to_vec();
    save.extend([("do", "save"), ("seen", seen.as_str())]);
    let html = send(&world, &ada, &below, &save).await.expect(403).text();
    assert!(
        html.contains("id=\"e-code\"") && html.contains("+2"),
        "{html}"
    );
    let code = ada.code(&world);
    save.push(("code", &code));
    let saved = send(&world, &ada, &below, &save).await.expect(303);
    assert!(saved.header("location").ends_with("?done=grant"));
    let stored = key(&world, &id).await;
    assert_eq!(stored["grants"][0]["id"], grant.as_str());
    let me = world.call(&token, "GET /v1/whoami", &Json::Null).await;
    assert_eq!(me.expect(200).json()["pools"][0]["rows"], 2);
    // Of somebody who was slower nothing is saved, and the page says so.
    let html = send(&world, &ada, &below, &save).await.expect(412).text();
    assert!(html.contains("Somebody changed the key"), "{html}");
    assert!(html.contains("What that changes"), "{html}");
    // One more, and one away again.
    let html = page(&world, &ada, &format!("/{id}/grants/new?for=read")).await;
    let revision = hidden(&html, "revision").to_owned();
    let form = [
        ("revision", revision.as_str()),
        ("for", "read"),
        ("on", "view:all"),
        ("rows", "all"),
    ];
    let new = format!("/{id}/grants/new");
    confirm(&world, &ada, &new, &form).await.expect(303);
    let stored = key(&world, &id).await;
    assert_eq!(stored["grants"][1]["on"], "view:all");
    let below = format!("/{id}/grants/{}/remove", text(&stored, "/grants/1/id"));
    let html = page(&world, &ada, &below).await;
    assert!(html.contains("−5"), "{html}");
    let revision = hidden(&html, "revision").to_owned();
    let form = [("revision", revision.as_str())];
    let gone = send(&world, &ada, &below, &form).await.expect(303);
    let count = async || key(&world, &id).await["grants"].as_array().map(Vec::len);
    assert_eq!(count().await, Some(1));
    // And given again as it was, by the rules of giving it.
    let again = gone.header("location").to_owned();
    let html = open(&world, &ada, &again).await.expect(200).text();
    let revision = hidden(&html, "revision").to_owned();
    let was = hidden(&html, "was").to_owned();
    let form = [("revision", revision.as_str()), ("was", &was)];
    let below = format!("/{id}/grants/again");
    let html = send(&world, &ada, &below, &form).await.expect(403).text();
    assert!(html.contains("id=\"e-code\""), "{html}");
    assert_eq!(count().await, Some(1));
    let code = ada.code(&world);
    let form = [form[0], form[1], ("code", code.as_str())];
    send(&world, &ada, &below, &form).await.expect(303);
    let after = key(&world, &id).await["grants"][1].clone();
    for member in ["on", "actions", "constraints"] {
        assert_eq!(after[member], stored["grants"][1][member], "{member}");
    }
}

#[tokio::test]
async fn only_what_a_session_took_from_a_key_comes_back_and_is_shown_before() {
    let world = World::with_sales().await;
    let ada = first_signed_in(&world).await;
    let grants = json!([{ "on": "view:all", "actions": ["read"], "constraints": "all_rows" }]);
    let (id, _) = world.key(grants).await;
    let (other, _) = world.key(json!([])).await;
    let stored = key(&world, &id).await;
    let below = format!("/{id}/grants/{}/remove", text(&stored, "/grants/0/id"));
    let html = page(&world, &ada, &below).await;
    let form = [("revision", hidden(&html, "revision"))];
    let gone = send(&world, &ada, &below, &form).await.expect(303);
    let place = gone.header("location").to_owned();
    let html = open(&world, &ada, &place).await.expect(200).text();
    assert!(
        html.contains("<code class=\"name\">all</code>") && html.contains("every row"),
        "{html}"
    );
    let own = hidden(&html, "was").to_owned();
    let refuses = async |id: &str, was: &str| {
        let below = format!("/{id}/grants/again");
        let address = format!("{KEYS}{below}?was={}", segment(was));
        assert_eq!(open(&world, &ada, &address).await.status, 404, "{was}");
        let html = page(&world, &ada, &format!("/{id}/grants/new?for=read")).await;
        let revision = hidden(&html, "revision").to_owned();
        let code = ada.code(&world);
        let form = [
            ("revision", revision.as_str()),
            ("was", was),
            ("code", &code),
        ];
        let sent = send(&world, &ada, &below, &form).await;
        assert_eq!(sent.status, 404, "{was}");
        assert_eq!(key(&world, id).await["grants"], json!([]), "{was}");
    };
    for plain in [
        r#"{"on":"project","actions":["admin"]}"#,
        r#"{"on":"view:all","actions":["read"],"constraints":"all_rows"}"#,
        "nonsense",
    ] {
        refuses(&id, plain).await;
    }
    refuses(&other, &own).await;
    sign_in_again(&world, &ada).await;
    refuses(&id, &own).await;
}

#[tokio::test]
async fn signing_secrets_and_derived_tokens_are_shown_and_ended_one_by_one() {
    let world = World::with_sales().await;
    // Before there are people, who would be asked for a code.
    let (id, _) = world.key(json!([])).await;
    let path = format!("/v1/keys/{id}/signing-secrets");
    let mut hints = Vec::new();
    for _ in 0..2 {
        let made = world.post(&path, &json!({})).await.expect(201).json();
        hints.push((
            text(&made, "/id").to_owned(),
            text(&made, "/hint").to_owned(),
        ));
    }
    let ada = first_signed_in(&world).await;
    let html = page(&world, &ada, &format!("/{id}")).await;
    assert!(hints.iter().all(|(_, hint)| html.contains(hint)), "{html}");
    assert!(html.contains("A signing secret was made by"), "{html}");
    let below = format!("/{id}/signing/{}/end", hints[0].0);
    page(&world, &ada, &below).await;
    send(&world, &ada, &below, &[]).await.expect(303);
    let left = world.get(&path).await.expect(200).json();
    assert_eq!(left["items"].as_array().map(Vec::len), Some(1));
    assert_eq!(text(&left, "/items/0/id"), hints[1].0);
    assert_eq!(send(&world, &ada, &below, &[]).await.status, 404);
    // Of a derived token that nobody used yet, too.
    let below = format!("/{id}/derived/1777640400-0123456789abcdef/revoke");
    page(&world, &ada, &below).await;
    send(&world, &ada, &below, &[]).await.expect(303);
    let html = page(&world, &ada, &format!("/{id}")).await;
    assert!(
        html.contains("1777640400-0123456789abcdef") && html.contains("revoked <time"),
        "{html}"
    );
    let derived = world
        .get(&format!("/v1/keys/{id}/derived"))
        .await
        .expect(200)
        .json();
    assert_ne!(derived["items"][0]["revoked_at"], Json::Null, "{derived}");
    let other = open(
        &world,
        &ada,
        &format!("{KEYS}/{id}/derived/nonsense/revoke"),
    )
    .await;
    assert_eq!(other.status, 404);
}

#[tokio::test]
async fn a_new_key_comes_with_a_first_call_for_whatever_it_is_granted() {
    let world = World::with_sales().await;
    let ada = first_signed_in(&world).await;
    let count = json!({ "analysis": "count", "pool": "sales" });
    let saved = json!({ "name": "tally", "query": count });
    world.post("/v1/saved-queries", &saved).await.expect(201);
    let cached = json!({ "name": "kept", "query": count, "refresh_rate": 14_400 });
    world.post("/v1/saved-queries", &cached).await.expect(201);
    let dataset = json!({ "name": "days", "index_by": ["customer"], "query": { "analysis": "count",
        "pool": "sales", "interval": "daily", "timeframe": "this_30_days" } });
    world.post("/v1/datasets", &dataset).await.expect(201);
    for (what, on, call) in [
        ("read", "view:all", "/v1/views/all/data"),
        ("read", "saved:tally", "/v1/saved-queries/tally/result"),
        ("read", "cached:kept", "/v1/saved-queries/kept/result"),
        (
            "read",
            "dataset:days",
            "/v1/datasets/days/results?index_by=",
        ),
        ("ask", "pool:sales", "/v1/query"),
        ("write", "pool:sales", "/v1/pools/sales/records"),
    ] {
        let form = [
            ("for", what),
            ("name", on),
            ("kind", "secret"),
            ("on", on),
            ("action", "query"),
            ("rows", "all"),
        ];
        let html = send(&world, &ada, "/new", &form).await.expect(200).text();
        let (token, _) = shown(&html);
        let text = between(&html, "class=\"copy handed\"", "</pre>");
        assert!(text.contains(&token) && text.contains(call), "{on}: {text}");
        assert!(text.contains("$TIDEGATE_URL"), "{text}");
        let is_writer = what == "write";
        assert_eq!(html.contains("Watch records arrive"), is_writer, "{html}");
    }
}

#[tokio::test]
async fn the_form_for_a_key_in_a_page_is_set_to_that() {
    let world = World::with_sales().await;
    let ada = first_signed_in(&world).await;
    let html = page(&world, &ada, "/new?for=read&on=view:all&kind=publishable").await;
    assert!(html.contains("value=\"publishable\" checked"), "{html}");
    assert_eq!(
        html.matches("<details class=\"more\" open>").count(),
        1,
        "{html}"
    );
    let html = page(&world, &ada, "/new?for=read&on=view:all").await;
    assert!(html.contains("value=\"secret\" checked"), "{html}");
    assert!(!html.contains("<details class=\"more\" open>"), "{html}");
}

#[tokio::test]
async fn settings_change_what_they_say_and_leave_the_rest() {
    let world = World::with_sales().await;
    let ada = first_signed_in(&world).await;
    let (id, _) = world
        .key(json!([{ "on": "view:all", "actions": ["read"], "constraints": "all_rows" }]))
        .await;
    let below = format!("/{id}/settings");
    let html = page(&world, &ada, &below).await;
    let revision = hidden(&html, "revision").to_owned();
    let form = [
        ("revision", revision.as_str()),
        ("name", "Renamed"),
        ("ip_ranges", "192.0.2.0/24"),
        ("requests_per_second", "5"),
    ];
    send(&world, &ada, &below, &form).await.expect(303);
    let stored = key(&world, &id).await;
    assert_eq!(stored["name"], "Renamed");
    assert_eq!(stored["restrictions"]["ip_ranges"], json!(["192.0.2.0/24"]));
    assert_eq!(stored["grants"][0]["on"], "view:all");
    // Less restricted is more, and asks for a code.
    let html = page(&world, &ada, &below).await;
    let revision = hidden(&html, "revision").to_owned();
    let form = [("revision", revision.as_str()), ("name", "Renamed")];
    let html = send(&world, &ada, &below, &form).await.expect(403).text();
    assert!(html.contains("id=\"e-code\""), "{html}");
}

#[tokio::test]
async fn a_key_is_rolled_undone_and_its_grace_is_ended() {
    let world = World::with_sales().await;
    let ada = first_signed_in(&world).await;
    let (id, old) = world.key(json!([])).await;
    let roll = format!("/{id}/roll");
    let html = page(&world, &ada, &roll).await;
    assert!(
        html.contains("name=\"code\"") && html.contains("value=\"24h\" checked"),
        "{html}"
    );
    let once = hidden(&html, "once").to_owned();
    let form = [
        ("once", once.as_str()),
        ("grace", "24h"),
        ("code", "000000"),
    ];
    let html = send(&world, &ada, &roll, &form).await.expect(403).text();
    assert!(html.contains("id=\"e-code\""), "{html}");
    let proven = |code: &str| {
        let code = code.to_owned();
        [
            ("once", once.clone()),
            ("grace", "24h".to_owned()),
            ("code", code),
        ]
    };
    let form = proven(&ada.code(&world));
    let form: Vec<(&str, &str)> = form
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    let (new, _) = shown(&send(&world, &ada, &roll, &form).await.expect(200).text());
    for token in [&old, &new] {
        world
            .call(token, "GET /v1/whoami", &Json::Null)
            .await
            .expect(200);
    }
    let html = page(&world, &ada, &format!("/{id}")).await;
    assert!(
        html.contains(">live<") && html.contains(">in grace<"),
        "{html}"
    );
    // The new one was used: taking it back has to be forced, and is proven.
    let undo = format!("/{id}/undo-roll");
    page(&world, &ada, &undo).await;
    let code = ada.code(&world);
    let form = [("code", code.as_str())];
    let html = send(&world, &ada, &undo, &form).await.expect(409).text();
    assert!(html.contains("name=\"force\""), "{html}");
    let form = [("code", code.as_str()), ("force", "yes")];
    send(&world, &ada, &undo, &form).await.expect(303);
    world
        .call(&new, "GET /v1/whoami", &Json::Null)
        .await
        .expect(401);
    world
        .call(&old, "GET /v1/whoami", &Json::Null)
        .await
        .expect(200);
    // Once more, and the old one is ended.
    let html = page(&world, &ada, &roll).await;
    let (once, code) = (hidden(&html, "once").to_owned(), ada.code(&world));
    let form = [
        ("once", once.as_str()),
        ("grace", "1h"),
        ("code", code.as_str()),
    ];
    let (new, _) = shown(&send(&world, &ada, &roll, &form).await.expect(200).text());
    let end = format!("/{id}/end-grace");
    send(&world, &ada, &end, &[]).await.expect(409);
    send(&world, &ada, &end, &[("force", "yes")])
        .await
        .expect(303);
    world
        .call(&old, "GET /v1/whoami", &Json::Null)
        .await
        .expect(401);
    world
        .call(&new, "GET /v1/whoami", &Json::Null)
        .await
        .expect(200);
    send(&world, &ada, &end, &[]).await.expect(409);
}

/// A page that offers what is refused leads nowhere.
#[tokio::test]
async fn a_key_offers_to_take_a_roll_back_where_that_is_let_through() {
    let world = World::with_sales().await;
    // Before there are people, who would be asked for a code.
    let (id, _) = world.key(json!([])).await;
    let (other, _) = world.key(json!([])).await;
    let roll = async |id: &str| {
        let asked = json!({ "grace": "24h" });
        let rolled = world.post(&format!("/v1/keys/{id}/roll"), &asked).await;
        text(&rolled.expect(201).json(), "/token").to_owned()
    };
    let revoke = async |token: &str| {
        let revoke = "POST /v1/keys/self/revoke";
        world.call(token, revoke, &Json::Null).await.expect(204);
    };
    roll(&other).await;
    revoke(&roll(&id).await).await;
    let newest = roll(&id).await;
    let ada = first_signed_in(&world).await;
    let (undo, keeps) = ("Take the roll back", "The old one keeps its end");
    let html = page(&world, &ada, &format!("/{other}")).await;
    assert!(html.contains(undo) && !html.contains(keeps), "{html}");
    // First by a roll that did not replace the old one, then without a newest one.
    for is_last in [false, true] {
        if is_last {
            revoke(&newest).await;
        }
        let html = page(&world, &ada, &format!("/{id}")).await;
        assert!(html.contains("End the old one now"), "{html}");
        assert!(!html.contains(undo) && html.contains(keeps), "{html}");
    }
}

#[tokio::test]
async fn a_key_is_switched_held_copied_and_deleted() {
    let world = World::with_sales().await;
    let ada = first_signed_in(&world).await;
    let (id, token) = world
        .key(json!([{ "on": "view:all", "actions": ["read"], "constraints": "all_rows" }]))
        .await;
    world
        .call(&token, "GET /v1/whoami", &Json::Null)
        .await
        .expect(200);
    let at = |what: &str| format!("/{id}/{what}");
    send(&world, &ada, &at("disable"), &[]).await.expect(303);
    world
        .call(&token, "GET /v1/whoami", &Json::Null)
        .await
        .expect(401);
    send(&world, &ada, &at("enable"), &[]).await.expect(403);
    let code = ada.code(&world);
    send(&world, &ada, &at("enable"), &[("code", &code)])
        .await
        .expect(303);
    send(&world, &ada, &at("quarantine"), &[]).await.expect(303);
    let html = page(&world, &ada, &format!("/{id}")).await;
    assert!(
        html.contains(">quarantined<") && html.contains("Release"),
        "{html}"
    );
    let code = ada.code(&world);
    send(&world, &ada, &at("release"), &[("code", &code)])
        .await
        .expect(303);
    world
        .call(&token, "GET /v1/whoami", &Json::Null)
        .await
        .expect(200);
    let html = send(&world, &ada, &at("copy"), &[("name", "Second")])
        .await
        .expect(200)
        .text();
    let (copied, copy) = shown(&html);
    assert_eq!(key(&world, &copy).await["name"], "Second");
    world
        .call(&copied, "GET /v1/views/all/data", &Json::Null)
        .await
        .expect(200);
    // Somebody uses it: the page says who, and deletes it when that is said to be meant.
    let html = page(&world, &ada, &at("delete")).await;
    assert!(
        html.contains("Requests in 30 days") && html.contains("what it may do"),
        "{html}"
    );
    let revision = hidden(&html, "revision").to_owned();
    let form = [("revision", revision.as_str())];
    let html = send(&world, &ada, &at("delete"), &form)
        .await
        .expect(409)
        .text();
    assert!(html.contains("name=\"force\""), "{html}");
    let form = [("revision", revision.as_str()), ("force", "yes")];
    send(&world, &ada, &at("delete"), &form).await.expect(303);
    world.get(&format!("/v1/keys/{id}")).await.expect(404);
    let html = page(&world, &ada, "?done=deleted").await;
    assert!(html.contains("The key is gone"), "{html}");
}

#[tokio::test]
async fn the_last_key_that_administers_stays() {
    let world = World::with_sales().await;
    let ada = first_signed_in(&world).await;
    let me = world.get("/v1/whoami").await.expect(200).json();
    let id = text(&me, "/id");
    for (what, form) in [
        ("delete", &[("force", "yes")][..]),
        ("disable", &[]),
        ("quarantine", &[]),
    ] {
        let html = send(&world, &ada, &format!("/{id}/{what}"), form)
            .await
            .expect(409)
            .text();
        assert!(
            html.contains("last active key that administers"),
            "{what}: {html}"
        );
    }
}

#[tokio::test]
async fn keys_are_found_put_in_order_and_paged() {
    let world = World::with_sales().await;
    let ada = first_signed_in(&world).await;
    for number in 0..60 {
        let body = json!({ "name": format!("key {number:02}"), "grants": [] });
        world.post("/v1/keys", &body).await.expect(201);
    }
    let (id, token) = world.key(json!([])).await;
    world
        .call(&token, "GET /v1/whoami", &Json::Null)
        .await
        .expect(200);
    let names = |html: &str| -> Vec<String> {
        let rows = html.split("<th scope=\"row\"><a href=\"").skip(1);
        rows.map(|row| between(row, "\">", "</a>").to_owned())
            .collect()
    };
    let html = page(&world, &ada, "").await;
    assert_eq!(names(&html).len(), 50);
    assert_eq!(names(&html)[..2], ["k", "key 00"]);
    let more = between(
        &html,
        "href=\"/console/projects/default/keys?q=&#38;sort=name&#38;after=",
        "\"",
    );
    let html = page(&world, &ada, &format!("?q=&sort=name&after={more}")).await;
    assert_eq!(names(&html).len(), 12);
    assert_eq!(names(&html).last().map(String::as_str), Some("master"));
    for sort in ["used", "volume"] {
        let html = page(&world, &ada, &format!("?sort={sort}")).await;
        assert!(
            ["k", "master"].contains(&names(&html)[0].as_str()),
            "{sort}"
        );
        assert!(
            ["k", "master"].contains(&names(&html)[1].as_str()),
            "{sort}"
        );
    }
    let html = page(&world, &ada, "?q=EY+59").await;
    assert_eq!(names(&html), ["key 59"]);
    let html = page(&world, &ada, &format!("?q={id}")).await;
    assert_eq!(names(&html), ["k"]);
    let html = page(&world, &ada, "?q=nothing+like+it").await;
    assert!(html.contains("No key fits"), "{html}");
}

/// An admin of customer `a` in the world of the tests.
async fn held(world: &World, ada: &SignedIn) -> SignedIn {
    let rows = json!([{ "field": "customer", "operator": "eq", "value": "a" }]);
    let role = json!([{ "role": "admin", "project": project(world).await.to_string(),
        "constraints": rows }]);
    joined(world, ada, "held", role).await
}

#[tokio::test]
async fn a_held_admin_makes_keys_within_the_own_rows_and_knows_no_others() {
    let world = World::with_sales().await;
    let ada = first_signed_in(&world).await;
    let held = held(&world, &ada).await;
    let (foreign, _) = world
        .key(json!([{ "on": "view:all", "actions": ["read"], "constraints": "all_rows" }]))
        .await;
    for below in ["", "/settings", "/preview", "/roll", "/delete"] {
        open(&world, &held, &format!("{KEYS}/{foreign}{below}"))
            .await
            .expect(404);
    }
    let html = page(&world, &held, "").await;
    assert!(
        !html.contains(&foreign) && !html.contains("master"),
        "{html}"
    );
    let html = page(&world, &held, "/new").await;
    assert!(!html.contains("?for=admin"), "{html}");
    // Every row is every row of the own.
    let form = [
        ("for", "ask"),
        ("name", "Own"),
        ("kind", "secret"),
        ("on", "pool:sales"),
        ("action", "query"),
        ("rows", "all"),
    ];
    let html = send(&world, &held, "/new", &form).await.expect(200).text();
    let (token, id) = shown(&html);
    let me = world
        .call(&token, "GET /v1/whoami", &Json::Null)
        .await
        .expect(200)
        .json();
    assert_eq!(me["pools"][0]["rows"], 3);
    let html = page(&world, &held, &format!("/{id}/preview")).await;
    assert!(
        html.contains("a4@example.com") && !html.contains("b5@example.com"),
        "{html}"
    );
    // The audit is not for who is held to some rows.
    let html = page(&world, &held, &format!("/{id}")).await;
    assert!(!html.contains("id=\"history\""), "{html}");
    let usage = "/console/projects/default/usage";
    let html = open(&world, &held, usage).await.expect(200).text();
    assert!(html.contains("Own") && !html.contains("master"), "{html}");
    let html = open(&world, &held, &format!("{usage}?of={foreign}")).await;
    html.expect(404);
    for nonsense in ["garbage", "01ARZ3NDEKTSV4RRFFQ69G5FAV"] {
        let html = open(&world, &held, &format!("{usage}?of={nonsense}")).await;
        html.expect(404);
    }
}

#[tokio::test]
async fn what_a_held_admin_is_shown_of_keys_does_not_depend_on_other_customers_rows() {
    let mut worlds = Vec::new();
    for has_others in [true, false] {
        let world = World::with_sales().await;
        let ada = first_signed_in(&world).await;
        let held = held(&world, &ada).await;
        let made = |on: &str| {
            json!([{ "on": on, "actions": [if on == "view:all" { "read" } else { "query" }],
                "constraints": "all_rows" }])
        };
        let mut pages = Vec::new();
        for on in ["pool:sales", "view:all"] {
            let body = json!({ "name": on, "grants": made(on) });
            let key = held
                .call(&world, "POST /v1/keys", &body)
                .await
                .expect(201)
                .json();
            pages.push(format!("/{}/preview", text(&key, "/id")));
            let grant = text(&key, "/grants/0/id");
            pages.push(format!("/{}/grants/{grant}/remove", text(&key, "/id")));
        }
        if !has_others {
            let body =
                json!({ "filters": [{ "field": "customer", "operator": "ne", "value": "a" }] });
            let gone = world
                .post("/v1/pools/sales/delete", &body)
                .await
                .expect(200)
                .json();
            assert_eq!(gone["deleted"], 2);
        }
        let mut told = Vec::new();
        for below in pages {
            let html = page(&world, &held, &below).await;
            let main = between(&html, "<main", "</main>");
            assert!(
                main.contains("3</strong> of 3") || main.contains("−3"),
                "{main}"
            );
            // Tokens of forms are fresh on each page.
            let token = main.split("name=\"_token\" value=\"").nth(1);
            let token = token.and_then(|rest| rest.split('"').next()).unwrap_or("-");
            told.push(main.replace(token, ""));
        }
        worlds.push(told);
    }
    assert_eq!(worlds[0], worlds[1]);
    assert!(worlds[0][0].contains("a4@example.com"), "{}", worlds[0][0]);
}

#[tokio::test]
async fn the_preview_shows_the_rows_that_the_key_itself_gets() {
    let world = World::with_sales().await;
    let ada = first_signed_in(&world).await;
    let rows = json!([{ "field": "customer", "operator": "eq", "value": "b" }]);
    let (id, _) = world
        .key(json!([
            { "on": "view:all", "actions": ["read"], "constraints": rows, "fields": { "deny": ["email"] } },
        ]))
        .await;
    let html = page(&world, &ada, &format!("/{id}/preview")).await;
    assert!(html.contains(">2</strong> of 5 rows"), "{html}");
    assert!(!html.contains("@example.com"), "a hidden field: {html}");
    assert!(
        html.contains("<td class=\"number\">5</td>")
            && !html.contains("<td class=\"number\">4</td>"),
        "{html}"
    );
    let (none, _) = world.key(json!([])).await;
    let html = page(&world, &ada, &format!("/{none}/preview")).await;
    assert!(html.contains("Nothing at all"), "{html}");
}

/// A saved query, a cached one and a dataset over every row are no grants of "no rows".
#[tokio::test]
async fn stored_questions_are_simulated_like_everything_else_that_a_key_reads() {
    let world = World::with_sales().await;
    let ada = first_signed_in(&world).await;
    let sum = json!({ "analysis": "sum", "pool": "sales", "field": "amount" });
    let saved = json!({ "name": "total", "query": sum });
    world.post("/v1/saved-queries", &saved).await.expect(201);
    let cached = json!({ "name": "kept", "query": sum, "refresh_rate": 14_400 });
    world.post("/v1/saved-queries", &cached).await.expect(201);
    let dataset = json!({ "name": "days", "index_by": ["customer"], "query": { "analysis": "count",
        "pool": "sales", "interval": "daily", "timeframe": "this_30_days" } });
    world.post("/v1/datasets", &dataset).await.expect(201);
    let rows = json!([{ "field": "customer", "operator": "eq", "value": "b" }]);
    let (id, token) = world
        .key(json!([
            { "on": "saved:total", "actions": ["run"], "constraints": rows },
            { "on": "cached:kept", "actions": ["read"], "constraints": rows },
            { "on": "dataset:days", "actions": ["retrieve"], "constraints": "all_rows" },
        ]))
        .await;
    let html = page(&world, &ada, &format!("/{id}/preview")).await;
    let total = world
        .call(&token, "GET /v1/saved-queries/total/result", &Json::Null)
        .await;
    let total = total.expect(200).json()["result"].clone();
    let total = total.to_string();
    let cell = format!("<td class=\"number\">{}</td>", total.trim_end_matches(".0"));
    assert_eq!(html.matches(&cell).count(), 2, "{cell} of both in {html}");
    assert_eq!(html.matches(">2</strong> of 5 rows").count(), 2, "{html}");
    assert!(html.contains(">5</strong> of 5 rows"), "{html}");
    assert!(html.contains("not simulated here"), "{html}");
    // A change that gives such a grant says what it gives.
    let (none, _) = world.key(json!([])).await;
    let below = format!("/{none}/grants/new");
    let html = page(&world, &ada, &format!("{below}?for=read")).await;
    let revision = hidden(&html, "revision").to_owned();
    let form = [
        ("revision", revision.as_str()),
        ("for", "read"),
        ("on", "saved:total"),
        ("on", "dataset:days"),
        ("rows", "all"),
    ];
    let html = send(&world, &ada, &below, &form).await.expect(200).text();
    assert!(!html.contains("sees no rows"), "{html}");
    assert_eq!(html.matches("+5").count(), 2, "{html}");
}

#[tokio::test]
async fn advice_leads_to_where_it_is_done() {
    let world = World::with_sales().await;
    let ada = first_signed_in(&world).await;
    let grants = json!([
        { "on": "pool:sales", "actions": ["ingest"] },
        { "on": "view:all", "actions": ["read"],
            "constraints": [{ "field": "customer", "operator": "eq", "value": "a" }] },
    ]);
    let (id, _) = world.key(grants).await;
    let html = page(&world, &ada, "/review").await;
    assert!(html.contains("Writes and reads with one key"), "{html}");
    assert!(html.contains(&format!("/keys/{id}#grants")), "{html}");
    assert!(
        html.contains("into which holders of k write"),
        "keys by their names: {html}"
    );
    world
        .clock
        .advance(std::time::Duration::from_secs(100 * 86_400));
    sign_in_again(&world, &ada).await;
    let html = page(&world, &ada, "/review").await;
    assert!(html.contains(&format!("/keys/{id}/roll")), "{html}");
    assert!(html.contains(&format!("/keys/{id}/disable")), "{html}");
}

#[tokio::test]
async fn a_keys_chart_has_a_line_for_each_of_its_secrets() {
    let world = World::with_sales().await;
    // Before there are people, who would be asked for a code.
    let (id, old) = world.key(json!([])).await;
    let roll = format!("/v1/keys/{id}/roll");
    let rolled = world
        .post(&roll, &json!({ "grace": "1h" }))
        .await
        .expect(201)
        .json();
    let new = text(&rolled, "/token").to_owned();
    let ada = first_signed_in(&world).await;
    for token in [&old, &new, &new] {
        world
            .call(token, "GET /v1/whoami", &Json::Null)
            .await
            .expect(200);
    }
    let html = page(&world, &ada, &format!("/{id}")).await;
    let drawn = between(&html, "Requests by secret", "</svg>");
    let secrets = key(&world, &id).await["secrets"].clone();
    let secrets = secrets.as_array().expect("secrets");
    assert_eq!(secrets.len(), 2);
    for secret in secrets {
        assert!(drawn.contains(text(secret, "/hint")), "{secret} in {drawn}");
    }
}

#[tokio::test]
async fn a_keys_page_tells_from_which_networks_it_was_used() {
    let world = World::with_sales().await;
    let (id, token) = world.key(json!([])).await;
    let ada = first_signed_in(&world).await;
    let html = page(&world, &ada, &format!("/{id}")).await;
    assert!(!html.contains("Requests by network"), "{html}");
    let whoami = || request(&token, "GET /v1/whoami", &Json::Null);
    world.send(whoami()).await.expect(200);
    let html = page(&world, &ada, &format!("/{id}")).await;
    let drawn = between(&html, "Requests by network", "</svg>");
    assert!(drawn.contains("not kept"), "{drawn}");
    for _ in 0..3 {
        let from = from(&world, Some("192.0.2.7"), whoami()).await;
        from.expect(200);
    }
    for number in 0..20 {
        let address = format!("198.18.{number}.1");
        from(&world, Some(&address), whoami()).await.expect(200);
    }
    let html = page(&world, &ada, &format!("/{id}")).await;
    let drawn = between(&html, "Requests by network", "</svg>");
    for name in ["192.0.2.0/24", "other networks", "not kept"] {
        assert!(drawn.contains(name), "{name} in {drawn}");
    }
    let table = between(&html, "aria-label=\"By network\"", "</table>");
    for (name, requests) in [
        ("192.0.2.0/24", 3),
        ("198.18.14.0/24", 1),
        ("other networks", 5),
        ("not kept", 1),
    ] {
        let row = format!("{name}</th><td class=\"number\">{requests}</td>");
        assert!(table.contains(&row), "{row} in {table}");
    }
    assert!(!table.contains("198.18.15.0"), "{table}");
    assert!(
        html.contains("The first 16 of a day are told apart"),
        "{html}"
    );
}

#[tokio::test]
async fn usage_and_credits_are_told_in_a_picture_and_in_tables() {
    let world = World::with_sales().await;
    let ada = first_signed_in(&world).await;
    let body = json!({ "name": "Ada Corp", "grants": [{ "on": "view:all", "actions": ["read"],
        "constraints": "all_rows" }],
        "limits": { "credits": { "core": { "amount": 10, "period": "month" } } } });
    let made = world.post("/v1/keys", &body).await.expect(201).json();
    let (id, token) = (
        text(&made, "/id").to_owned(),
        text(&made, "/token").to_owned(),
    );
    for _ in 0..9 {
        world
            .call(&token, "GET /v1/views/all/data", &Json::Null)
            .await
            .expect(200);
    }
    world
        .call(&token, "GET /v1/keys", &Json::Null)
        .await
        .expect(403);
    let usage = "/console/projects/default/usage";
    let html = open(&world, &ada, usage).await.expect(200).text();
    for part in [
        "<svg class=\"chart is-wide\"",
        "Ada Corp",
        "90",
        "90 % used",
        ">1 May<",
        ">sales<",
    ] {
        assert!(html.contains(part), "{part}: {html}");
    }
    let html = open(
        &world,
        &ada,
        &format!("{usage}?from=2026-04-01&to=2026-04-30"),
    )
    .await;
    assert!(html.expect(200).text().contains("Nothing in these days"));
    for (query, marked) in [
        ("from=x", "e-from"),
        ("from=2026-05-02&to=2026-05-01", "e-to"),
    ] {
        let html = open(&world, &ada, &format!("{usage}?{query}"))
            .await
            .expect(422)
            .text();
        assert!(
            html.contains(&format!("id=\"{marked}\"")),
            "{query}: {html}"
        );
    }
    let html = page(&world, &ada, &format!("/{id}")).await;
    assert!(
        html.contains("<svg class=\"chart is-slim\"") && html.contains("90 % used"),
        "{html}"
    );
    assert!(html.contains("Made by"), "its history: {html}");
}

#[tokio::test]
async fn a_key_that_has_expired_says_so_and_none_of_its_secrets_is_live() {
    let world = World::new().await;
    let ada = first_signed_in(&world).await;
    let body = json!({ "name": "Short", "grants": [],
        "restrictions": { "expires_at": "2026-05-01T12:30:00Z" } });
    let made = world.post("/v1/keys", &body).await.expect(201).json();
    let below = format!("/{}", text(&made, "/id"));
    let said = async |word: &str| page(&world, &ada, &below).await.contains(word);
    assert!(said(">live<").await && !said("This key has expired").await);
    world.clock.advance(std::time::Duration::from_secs(40 * 60));
    assert!(!said(">live<").await && said("This key has expired").await);
    assert!(said("<span class=\"tag is-bad\">expired</span>").await);
}

#[test]
fn a_sentence_keeps_the_name_that_it_begins_with() {
    for (rule, said) in [
        ("rotate_after is too long", "rotate_after is too long."),
        ("a.b is of type Int64", "a.b is of type Int64."),
        ("type six digits", "Type six digits."),
        ("nothing.", "Nothing."),
    ] {
        assert_eq!(crate::console::forms::sentence(rule), said);
    }
}
