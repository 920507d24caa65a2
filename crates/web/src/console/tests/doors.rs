//! Every address, for every kind of caller: who comes through, and what the
//! browser is told in any case.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header;
use model::ids::ProjectId;
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};

use super::world::{OWN, between, browse, form_token, send, token};
use crate::console::assets::ASSETS;
use crate::console::frame::segment;
use crate::console::headers::HEADERS;
use crate::console::routes::{For, PAGES, PageRoute};
use crate::testing::people::{SignedIn, first_signed_in, joined};
use crate::testing::{Reply, World};

/// A world in which there is something at every address.
pub(super) async fn stocked() -> World {
    let world = World::with_sales().await;
    let question = json!({ "analysis": "count", "pool": "sales", "interval": "daily",
        "timeframe": "this_30_days" });
    let saved = json!({ "name": "by day", "query": question });
    world.post("/v1/saved-queries", &saved).await.expect(201);
    let dataset = json!({ "name": "days", "query": question, "index_by": ["customer"] });
    world.post("/v1/datasets", &dataset).await.expect(201);
    // A secret that comes from a web page is something to be told of.
    let (_, token) = world.key(json!([])).await;
    let mut sent = crate::testing::request(&token, "GET /v1/whoami", &Json::Null);
    let origin = "https://shop.example".parse().expect("a header");
    sent.headers_mut().insert("origin", origin);
    world.send(sent).await.expect(403);
    let keys = world.get("/v1/keys").await.expect(200).json();
    let master = crate::testing::text(&keys, "/items/0/id");
    let path = format!("/v1/keys/{master}/signing-secrets");
    world.post(&path, &json!({})).await.expect(201);
    world
}

/// The address of a route, with what there is for its variable segments.
pub(super) async fn path_of(page: &PageRoute, world: &World, by: &SignedIn) -> String {
    let mut id = by.id.clone();
    if page.pattern.contains("/sessions/") {
        let sessions = by.call(world, "GET /v1/sessions", &Json::Null).await;
        let sessions = sessions.expect(200).json();
        id = crate::testing::text(&sessions, "/items/0/id").to_owned();
    }
    if page.pattern.contains("/invitations/") {
        let name = format!("{}@example.com", by.id.to_lowercase());
        let body = json!({ "sign_in": name, "roles": [{ "role": "viewer" }] });
        let made = by.call(world, "POST /v1/invitations", &body).await;
        if made.status == 201 {
            id = crate::testing::text(&made.json(), "/id").to_owned();
        } else {
            let all = by.call(world, "GET /v1/invitations", &Json::Null).await;
            id = crate::testing::text(&all.expect(200).json(), "/items/0/id").to_owned();
        }
    }
    let (mut grant, mut secret) = (String::new(), String::new());
    if page.pattern.contains("/keys/{id}") {
        let keys = world.get("/v1/keys").await.expect(200).json();
        id = crate::testing::text(&keys, "/items/0/id").to_owned();
        grant = crate::testing::text(&keys, "/items/0/grants/1/id").to_owned();
        secret = crate::testing::text(&keys, "/items/0/signing_secrets/0/id").to_owned();
    }
    for (below, list) in [
        ("/pools/{id}", "GET /v1/pools"),
        ("/views/{id}", "GET /v1/views"),
        ("/saved/{id}", "GET /v1/saved-queries"),
        ("/datasets/{id}", "GET /v1/datasets"),
        ("/notices/{id}", "GET /v1/notices"),
    ] {
        if page.pattern.contains(below) {
            let all = by.call(world, list, &Json::Null).await;
            id = crate::testing::text(&all.expect(200).json(), "/items/0/id").to_owned();
        }
    }
    let style = ASSETS.style.address.rsplit('/').next().expect("a name");
    page.pattern
        .replace("{project}", "default")
        .replace("{file}", style)
        .replace("{id}", &id)
        .replace("{grant}", &grant)
        .replace("{secret}", &secret)
        .replace("{token}", "4000000000-0123456789abcdef")
}

/// A picture that is opened by itself has its very own style, and nothing else.
fn check_styled(policy: &str, svg: &str) {
    let digest = Sha256::digest(between(svg, "<style>", "</style>"));
    let style = format!("style-src 'sha256-{}'", STANDARD.encode(digest));
    let parts: Vec<&str> = policy.split("; ").collect();
    let none = ["default-src", "form-action", "frame-ancestors", "base-uri"];
    let mut expected: Vec<String> = none.map(|what| format!("{what} 'none'")).to_vec();
    expected.insert(1, style);
    assert_eq!(parts, expected);
    assert!(svg.matches("<style").count() == 1 && !svg.contains(" style="));
}

fn check_told(page: &PageRoute, reply: &Reply) {
    let what = format!("{} {}: {}", page.method, page.pattern, reply.status);
    assert_eq!(reply.header("x-content-type-options"), "nosniff", "{what}");
    assert_ne!(reply.header("x-request-id"), "", "{what}");
    let shared = reply.headers.keys();
    let mut shared = shared.filter(|name| name.as_str().starts_with("access-control-"));
    assert_eq!(shared.next(), None, "{what}");
    if page.pattern == "/" {
        return;
    }
    let is_picture = page.pattern.ends_with(".svg") && reply.status == 200;
    for (name, value) in HEADERS {
        let told = reply.header(name.as_str());
        match is_picture && name == header::CONTENT_SECURITY_POLICY {
            true => check_styled(told, &reply.text()),
            false => assert_eq!(told, value, "{name} of {what}"),
        }
    }
    let is_file = page.pattern.contains("{file}") && reply.status == 200;
    let kept = match is_file {
        true => "public, max-age=31536000, immutable",
        false => "no-store",
    };
    assert_eq!(reply.header("cache-control"), kept, "{what}");
    if is_picture {
        assert_eq!(reply.header("content-type"), "image/svg+xml", "{what}");
    } else if !is_file && !reply.body.is_empty() {
        assert_eq!(
            reply.header("content-type"),
            "text/html; charset=utf-8",
            "{what}"
        );
        let html = reply.text();
        assert!(html.starts_with("<!doctype html>"), "{what}: {html}");
        assert!(
            !html.contains("<style") && !html.contains(" style="),
            "{what}"
        );
        assert!(!html.contains("javascript:"), "{what}: {html}");
    }
}

#[tokio::test]
async fn k23_whoever_comes_to_whatever_address_every_answer_has_the_headers() {
    let world = stocked().await;
    let ada = first_signed_in(&world).await;
    let forged = format!("__Host-tidegate={}", "A".repeat(43));
    for page in PAGES {
        let path = path_of(page, &world, &ada).await;
        let call = format!("{} {path}", page.method);
        let form = (page.method == "POST").then_some(&[][..]);
        for cookie in ["", forged.as_str(), &ada.cookie()] {
            for said in [OWN, &[]] {
                let reply = browse(&world, &call, cookie, said, form).await;
                check_told(page, &reply);
            }
        }
        // A method that it has not, a parameter that it does not know, and a key.
        for (call, said) in [
            (format!("PUT {path}"), OWN),
            (format!("GET {path}?nonsense=1"), OWN),
            (call.clone(), &[("authorization", "Bearer nonsense")][..]),
            (call.clone(), &[("origin", "https://shop.example")][..]),
        ] {
            let reply = browse(&world, &call, &ada.cookie(), said, form).await;
            check_told(page, &reply);
        }
    }
    for path in [
        "/console/nowhere",
        "/console/assets/x.js",
        "/console/projects/none",
    ] {
        let reply = browse(&world, &format!("GET {path}"), &ada.cookie(), OWN, None).await;
        check_told(&PAGES[1], &reply.expect(404));
    }
}

#[tokio::test]
async fn who_is_not_signed_in_is_sent_to_sign_in_and_back() {
    let world = stocked().await;
    let ada = first_signed_in(&world).await;
    let mut ended = Vec::new();
    for page in PAGES.iter().filter(|page| page.of != For::Anybody) {
        let path = path_of(page, &world, &ada).await;
        let to = format!("/console/sign-in?to={}", segment(&path));
        let to = match path.ends_with("/sign-out") {
            true => "/console/sign-in".to_owned(),
            false => to,
        };
        ended.push((format!("{} {path}", page.method), to));
    }
    let lasting = ada.cookie();
    ada.call(&world, "DELETE /v1/sessions/current", &Json::Null)
        .await
        .expect(204);
    for (call, to) in ended {
        for cookie in ["", "__Host-tidegate=x", &lasting] {
            let reply = browse(&world, &call, cookie, OWN, Some(&[])).await;
            assert_eq!(
                (reply.status, reply.header("location")),
                (303, to.as_str()),
                "{call}"
            );
        }
    }
}

/// What a request says of where it comes from, and whether that is a page of
/// the server itself.
const SITES: [(&[(&str, &str)], bool); 9] = [
    (OWN, true),
    (&[("origin", "https://tide.example")], true),
    (&[("sec-fetch-site", "same-site")], false),
    (&[("sec-fetch-site", "cross-site")], false),
    (&[("sec-fetch-site", "none")], false),
    (&[("origin", "https://evil.example")], false),
    (&[("origin", "null")], false),
    (
        &[
            ("sec-fetch-site", "cross-site"),
            ("origin", "https://tide.example"),
        ],
        false,
    ),
    (&[], false),
];

#[tokio::test]
async fn k23_a_form_counts_with_the_token_of_its_session_from_the_servers_own_page_alone() {
    let world = stocked().await;
    let ada = first_signed_in(&world).await;
    let bob = joined(&world, &ada, "bob", json!([{ "role": "owner" }])).await;
    let (own, foreign) = (token(&world, &ada).await, token(&world, &bob).await);
    let mut torn = own.clone();
    torn.pop();
    let invitation = PAGES
        .iter()
        .find(|page| page.pattern.contains("/invitations/"));
    path_of(invitation.expect("a page"), &world, &ada).await;
    let entries = audited(&world).await;
    for page in PAGES.iter().filter(|page| page.method == "POST") {
        let path = path_of(page, &world, &ada).await;
        let call = format!("POST {path}");
        for (said, is_own) in SITES {
            if !is_own {
                let form = [("_token", own.as_str())];
                let reply = browse(&world, &call, &ada.cookie(), said, Some(&form)).await;
                assert_eq!(reply.status, 403, "{call} {said:?}");
            }
        }
        if page.of == For::Anybody {
            continue;
        }
        for tokens in [&[][..], &[""], &["x"], &[&torn], &[&foreign], &[&own, &own]] {
            let form: Vec<(&str, &str)> = tokens.iter().map(|token| ("_token", *token)).collect();
            let reply = browse(&world, &call, &ada.cookie(), OWN, Some(&form)).await;
            assert_eq!(reply.status, 403, "{call} {tokens:?}");
            assert!(reply.text().contains("token"), "{}", reply.text());
        }
        // The same in another form than pages send.
        let said = [OWN[0], ("content-type", "text/plain")];
        let reply = browse(&world, &call, &ada.cookie(), &said, None).await;
        assert_eq!(reply.status, 415, "{call}");
    }
    assert_eq!(audited(&world).await, entries, "something was changed");
    // The own token is good for all of that.
    send(&world, &ada, "/console/sign-out", &[])
        .await
        .expect(303);
    assert!(audited(&world).await > entries);
}

/// How many entries the audit has.
async fn audited(world: &World) -> usize {
    let entries = world.get("/v1/audit?limit=1000").await.expect(200).json();
    entries["items"].as_array().expect("items").len()
}

#[tokio::test]
async fn k23_opening_a_page_changes_nothing() {
    let world = stocked().await;
    let ada = first_signed_in(&world).await;
    let invitation = PAGES
        .iter()
        .find(|page| page.pattern.contains("/invitations/"));
    path_of(invitation.expect("a page"), &world, &ada).await;
    let entries = audited(&world).await;
    for page in PAGES.iter().filter(|page| page.method == "GET") {
        let path = path_of(page, &world, &ada).await;
        for call in [format!("GET {path}"), format!("HEAD {path}")] {
            let reply = browse(&world, &call, &ada.cookie(), OWN, None).await;
            assert!(
                reply.status < 400 || page.pattern == "/",
                "{call}: {}",
                reply.status
            );
        }
    }
    assert_eq!(audited(&world).await, entries);
}

#[test]
fn whoever_must_sign_in_before_a_form_counts_comes_back_to_a_page() {
    for page in PAGES.iter().filter(|page| page.method == "POST") {
        let is_its_page = |other: &&PageRoute| {
            (other.method, other.pattern, other.of) == ("GET", page.pattern, page.of)
        };
        assert!(
            PAGES.iter().any(|other| is_its_page(&other)),
            "{}",
            page.pattern
        );
    }
}

#[tokio::test]
async fn who_has_no_role_in_a_project_finds_nothing_there() {
    let world = stocked().await;
    let ada = first_signed_in(&world).await;
    let body = json!({ "name": "north", "code": ada.code(&world) });
    ada.call(&world, "POST /v1/projects", &body)
        .await
        .expect(201);
    let projects = ada.call(&world, "GET /v1/projects", &Json::Null).await;
    let projects = projects.expect(200).json();
    let first = crate::testing::text(&projects, "/items/0/id").to_owned();
    let role = json!([{ "role": "viewer", "project": first }]);
    let bob = joined(&world, &ada, "bob", role).await;
    let north = crate::testing::text(&projects, "/items/1/id");
    let north = ProjectId::parse(north).expect("an id");
    let token = form_token(&world, &bob, north);
    for page in PAGES.iter().filter(|page| page.of == For::Role) {
        let form = [("_token", token.as_str())];
        let form = (page.method == "POST").then_some(&form[..]);
        let mut told = Vec::new();
        for project in ["north", "nowhere"] {
            let path = page.pattern.replace("{project}", project);
            let path = path.replace("{id}", &ada.id);
            let path = path.replace("{secret}", "none").replace("{token}", "none");
            let call = format!("{} {path}", page.method);
            let reply = browse(&world, &call, &bob.cookie(), OWN, form).await;
            assert_eq!(reply.status, 404, "{call}");
            let id = reply.header("x-request-id").to_owned();
            told.push(without_tokens(&reply.text()).replace(&id, ""));
        }
        assert_eq!(told[0], told[1], "{}", page.pattern);
    }
}

/// A page without the tokens of its forms, which are sealed anew for each.
fn without_tokens(html: &str) -> String {
    let mut parts = html.split("name=\"_token\" value=\"");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| {
        let (_, rest) = part.split_once('"').expect("an end");
        text + rest
    })
}

#[tokio::test]
async fn whoever_is_signed_in_keeps_the_navigation_where_there_is_no_page() {
    let world = stocked().await;
    let ada = first_signed_in(&world).await;
    let bob = joined(&world, &ada, "bob", json!([{ "role": "analyst" }])).await;
    let get = async |path: &str, cookie: &str| {
        let reply = browse(&world, &format!("GET {path}"), cookie, OWN, None).await;
        (reply.status, reply.text())
    };
    let people = "/console/projects/default/people";
    let (status, html) = get(people, &bob.cookie()).await;
    assert_eq!(status, 403);
    let said = "Your role, analyst, does not reach this page.";
    assert!(html.contains(said), "{html}");
    // That of the role, and no more.
    let leads = |below: &str| html.contains(&format!("href=\"/console/projects/default{below}\""));
    assert!(leads("/pools") && !leads("/people"), "{html}");
    let nowhere = "/console/projects/default/nowhere";
    for (path, cookie, has_person, has_project) in [
        (nowhere, bob.cookie(), true, true),
        ("/console/nowhere", bob.cookie(), true, false),
        (nowhere, String::new(), false, false),
    ] {
        let (status, html) = get(path, &cookie).await;
        assert_eq!(status, 404, "{path}");
        assert_eq!(html.contains("Sign out</button>"), has_person, "{html}");
        assert_eq!(html.contains("<nav"), has_project, "{html}");
    }
    let (_, html) = get("/console/projects/default/audit", &ada.cookie()).await;
    assert!(html.contains("<span>an invitation</span>"), "{html}");
}

#[tokio::test]
async fn a_form_is_about_the_project_that_its_page_was_about() {
    let world = stocked().await;
    let ada = first_signed_in(&world).await;
    let body = json!({ "name": "north", "code": ada.code(&world) });
    ada.call(&world, "POST /v1/projects", &body)
        .await
        .expect(201);
    let projects = ada.call(&world, "GET /v1/projects", &Json::Null).await;
    let projects = projects.expect(200).json();
    let ids = ["/items/0/id", "/items/1/id"].map(|at| {
        let id = crate::testing::text(&projects, at);
        ProjectId::parse(id).expect("an id")
    });
    // The page was about `default`; what has that name now is another one.
    let token = form_token(&world, &ada, ids[0]);
    for (path, name) in [(ids[0], "south"), (ids[1], "default")] {
        let call = format!("PATCH /v1/projects/{path}");
        ada.call(&world, &call, &json!({ "name": name }))
            .await
            .expect(200);
    }
    let form = [("_token", token.as_str()), ("name", "mistaken")];
    let call = "POST /console/projects/default/settings";
    let reply = browse(&world, call, &ada.cookie(), OWN, Some(&form)).await;
    assert_eq!(reply.status, 403);
    let call = "POST /console/projects/south/settings";
    let reply = browse(&world, call, &ada.cookie(), OWN, Some(&form)).await;
    assert_eq!(
        reply.expect(303).header("location"),
        "/console/projects/mistaken/settings?done=name"
    );
}
