//! What was typed is there again: after a refusal of any kind, over a sign-in, and
//! beside what somebody else made of it meanwhile.

use std::time::Duration;

use model::ids::ProjectId;
use serde_json::{Value as Json, json};

use super::world::{OWN, between, browse, filled, form_token, open, send_to, with};
use crate::plane::PlaneError;
use crate::testing::people::{FIRST, PASSWORD, SignedIn, first_signed_in, joined};
use crate::testing::{Reply, World, text};

const DEFAULT: &str = "/console/projects/default";

async fn project(world: &World) -> ProjectId {
    let projects = world.get("/v1/projects").await.expect(200).json();
    ProjectId::parse(text(&projects, "/items/0/id")).expect("an id")
}

async fn pool(world: &World) -> String {
    let pools = world.get("/v1/pools").await.expect(200).json();
    text(&pools, "/items/0/id").to_owned()
}

async fn send(world: &World, by: &SignedIn, below: &str, form: &[(&str, &str)]) -> Reply {
    let project = project(world).await;
    let own = form
        .iter()
        .copied()
        .filter(|(name, _)| *name != "_token")
        .collect::<Vec<_>>();
    send_to(world, by, (&format!("{DEFAULT}{below}"), project), &own).await
}

async fn see(world: &World, by: &SignedIn, below: &str) -> String {
    let page = open(world, by, &format!("{DEFAULT}{below}")).await;
    page.expect(200).text()
}

/// What a form says in this field.
fn said<'f>(form: &'f [(String, String)], name: &str) -> Option<&'f str> {
    let mut fields = form.iter();
    let found = fields.find(|(field, _)| field == name);
    found.map(|(_, value)| value.as_str())
}

/// Fields and what is typed into them.
type Typed = &'static [(&'static str, &'static str)];

/// Forms that make something, what is typed into each, and how it is sent. The last
/// one gives the project another name, and with it all their addresses.
const FORMS: [(&str, Typed, &str); 7] = [
    (
        "/new-view",
        &[
            ("pool", "sales"),
            ("g1", "at"),
            ("f1", "customer"),
            ("v1", "a"),
            ("name", "mine"),
        ],
        "post",
    ),
    (
        "/new-question",
        &[
            ("pool", "sales"),
            ("analysis", "count"),
            ("f1", "customer"),
            ("v1", "a"),
        ],
        "get",
    ),
    (
        "/keys/new",
        &[
            ("for", "read"),
            ("name", "Ada shop"),
            ("field_1", "customer"),
            ("value_1", "a"),
            ("rotate_days", "90"),
        ],
        "post",
    ),
    (
        "/new-pool",
        &[
            ("name", "orders"),
            ("schema", "strict"),
            ("field", "customer"),
            ("type", "String"),
        ],
        "post",
    ),
    (
        "/people/invite",
        &[
            ("sign_in", "cy@example.com"),
            ("role", "analyst"),
            ("field_1", "customer"),
            ("value_1", "a"),
        ],
        "post",
    ),
    ("/settings/another", &[("name", "north")], "post"),
    ("/settings", &[("name", "south")], "post"),
];

/// The same of forms about a key and a person that are there.
async fn forms_of(world: &World, by: &SignedIn) -> Vec<(String, Typed)> {
    const ROLL: Typed = &[("grace", "72h"), ("silence", "30")];
    const COPY: Typed = &[("name", "the second"), ("expires_at", "2099-01-02T08:30")];
    const PERSON: Typed = &[
        ("name", "Ada the first"),
        ("here", "viewer"),
        ("held", "shown"),
        ("field_1", "customer"),
        ("value_1", "a"),
    ];
    let (key, _) = world.key(json!([])).await;
    vec![
        (format!("/keys/{key}/roll"), ROLL),
        (format!("/keys/{key}/copy"), COPY),
        (format!("/people/{}", by.id), PERSON),
    ]
}

fn check_kept(html: &str, (_, typed, method): (&str, &[(&str, &str)], &str)) {
    let form = filled(html, method);
    for (name, value) in typed {
        assert_eq!(said(&form, name), Some(*value), "{name}: {html}");
    }
}

#[tokio::test]
async fn a_form_of_an_older_session_is_shown_again_with_a_fresh_token_and_nothing_is_done() {
    let world = World::with_sales().await;
    let ada = first_signed_in(&world).await;
    let bob = joined(&world, &ada, "bob", json!([{ "role": "owner" }])).await;
    let project = project(&world).await;
    let (own, older) = (
        form_token(&world, &ada, project),
        form_token(&world, &bob, project),
    );
    let entries = world.get("/v1/audit?limit=1000").await.expect(200).json();
    for form in FORMS {
        let call = format!("POST {DEFAULT}{}", form.0);
        for token in [&[older.as_str()][..], &[""], &[]] {
            let tokens = token.iter().map(|token| ("_token", *token));
            let pairs: Vec<(&str, &str)> = tokens.chain(form.1.iter().copied()).collect();
            let reply = browse(&world, &call, &ada.cookie(), OWN, Some(&pairs)).await;
            let html = reply.expect(403).text();
            assert!(html.contains("signed in anew"), "{html}");
            check_kept(&html, form);
            assert!(html.contains("name=\"_token\" value=\"") && !html.contains(&older));
            // Of another site's form nothing is shown.
            for said in [&[("sec-fetch-site", "cross-site")][..], &[]] {
                let reply = browse(&world, &call, &ada.cookie(), said, Some(&pairs)).await;
                let html = reply.expect(403).text();
                assert!(!html.contains("value=\"a\"") && !html.contains("customer"));
            }
        }
        // Nor of one with a token that counts elsewhere, or one too many.
        let elsewhere = super::world::token(&world, &ada).await;
        for tokens in [&[elsewhere.as_str()][..], &[&own, &own]] {
            let tokens = tokens.iter().map(|token| ("_token", *token));
            let pairs: Vec<(&str, &str)> = tokens.chain(form.1.iter().copied()).collect();
            let reply = browse(&world, &call, &ada.cookie(), OWN, Some(&pairs)).await;
            assert!(!reply.expect(403).text().contains("signed in anew"));
        }
    }
    let after = world.get("/v1/audit?limit=1000").await.expect(200).json();
    assert_eq!(entries, after, "something was done");
}

#[tokio::test]
async fn forms_about_a_key_and_a_person_keep_what_was_typed_and_no_code() {
    let world = World::with_sales().await;
    let ada = first_signed_in(&world).await;
    let forms = forms_of(&world, &ada).await;
    let entries = world.get("/v1/audit?limit=1000").await.expect(200).json();
    let long = "x".repeat(257 << 10);
    for (below, typed) in &forms {
        let (below, typed) = (below.as_str(), *typed);
        let call = format!("POST {DEFAULT}{below}");
        let pairs = [typed, &[("_token", "older"), ("code", "314159")]].concat();
        let kept = |html: &str| {
            assert!(!html.contains("314159"), "{html}");
            check_kept(html, (below, typed, "post"));
        };
        // A page of an older session.
        let reply = browse(&world, &call, &ada.cookie(), OWN, Some(&pairs)).await;
        let html = reply.expect(403).text();
        assert!(html.contains("without codes and passwords"), "{html}");
        kept(&html);
        // And one whose session is over: what is typed waits for the sign-in.
        let reply = browse(&world, &call, "", OWN, Some(&pairs)).await;
        let html = reply.expect(401).text();
        assert!(
            html.contains("never kept") && !html.contains("314159"),
            "{html}"
        );
        let waiting = filled(&html, "post");
        for (name, value) in typed {
            let found = said(&waiting, &format!("kept.{name}"));
            assert_eq!(found, Some(*value), "{below}: {html}");
        }
        let pairs = [typed, &[("code", "314159"), ("note", long.as_str())]].concat();
        let html = send(&world, &ada, below, &pairs).await.expect(413).text();
        kept(&html);
    }
    let after = world.get("/v1/audit?limit=1000").await.expect(200).json();
    assert_eq!(entries, after, "something was done");
}

#[tokio::test]
async fn a_form_of_too_many_fields_is_refused_and_shown_to_nobody() {
    let world = World::with_sales().await;
    let ada = first_signed_in(&world).await;
    let token = form_token(&world, &ada, project(&world).await);
    let sent = async |call: &str, cookie: &str, count: usize| {
        let mut form = vec![("_token", token.as_str()), ("name", "wholly mine")];
        form.resize(count, ("a", ""));
        browse(&world, call, cookie, OWN, Some(&form)).await
    };
    let refused = |reply: Reply| {
        let html = reply.expect(413).text();
        assert!(html.contains("at most 2000 fields"), "{html}");
        assert!(!html.contains("wholly mine"), "{html}");
    };
    for form in FORMS {
        let call = format!("POST {DEFAULT}{}", form.0);
        refused(sent(&call, &ada.cookie(), 2_001).await);
        assert_ne!(sent(&call, &ada.cookie(), 2_000).await.status, 413);
        // Of whoever must sign in first it is not kept, nor is what would not
        // fit into the form that signs in.
        for count in [2_001, 2_000] {
            let html = sent(&call, "", count).await.expect(303).text();
            assert!(!html.contains("kept."), "{html}");
        }
        let html = sent(&call, "", 1_984).await.expect(401).text();
        assert!(html.contains("kept.name"), "{html}");
    }
    for call in ["POST /console/sign-in", "POST /console/join"] {
        refused(sent(call, "", 2_001).await);
        assert_ne!(sent(call, "", 2_000).await.status, 413);
    }
}

#[tokio::test]
async fn what_was_typed_is_kept_over_the_sign_in_without_what_is_secret() {
    let world = World::with_sales().await;
    let ada = first_signed_in(&world).await;
    let project = project(&world).await;
    for form in FORMS {
        let path = format!("{DEFAULT}{}", form.0);
        let call = format!("POST {path}");
        let secret = [
            ("_token", "older"),
            ("code", "314159"),
            ("password", "hidden harbour"),
            ("new_password", "hidden harbour"),
            ("recovery_code", "HIDDEN"),
        ];
        let pairs = [form.1, &secret].concat();
        let reply = browse(&world, &call, "", OWN, Some(&pairs)).await;
        let html = reply.expect(401).text();
        let action = between(&html, "method=\"post\" action=\"", "\"").to_owned();
        assert!(action.starts_with("/console/sign-in?to="), "{action}");
        assert!(!html.contains("314159") && !html.to_lowercase().contains("hidden harbour"));
        let kept = filled(&html, "post");
        for (name, _) in secret {
            assert_eq!(said(&kept, &format!("kept.{name}")), None, "{html}");
        }
        // A wrong password loses none of it.
        let wrong = with(
            &kept,
            &[
                ("sign_in", FIRST),
                ("password", "wrong wrong wrong"),
                ("code", "123456"),
            ],
        );
        let reply = browse(&world, &format!("POST {action}"), "", OWN, Some(&wrong)).await;
        let kept = filled(&reply.expect(401).text(), "post");
        world.clock.advance(Duration::from_secs(30));
        let code = ada.code(&world);
        let right = with(
            &kept,
            &[("sign_in", FIRST), ("password", PASSWORD), ("code", &code)],
        );
        let entered = browse(&world, &format!("POST {action}"), "", OWN, Some(&right)).await;
        let entered = entered.expect(200);
        let cookie = entered
            .header("set-cookie")
            .split(';')
            .next()
            .expect("one")
            .to_owned();
        let html = entered.text();
        assert!(html.contains(&format!("action=\"{path}\"")), "{html}");
        assert!(
            !html.contains(PASSWORD) && !html.contains("_token"),
            "{html}"
        );
        let brought = filled(&html, "post");
        let shown = browse(&world, &call, &cookie, OWN, Some(&with(&brought, &[]))).await;
        check_kept(&shown.expect(403).text(), form);
        // From another site nothing is carried along.
        let foreign = [("sec-fetch-site", "cross-site")];
        let reply = browse(&world, &call, "", &foreign, Some(&pairs)).await;
        assert!(!reply.text().contains("kept."), "{}", reply.text());
    }
    // Where something is typed that is secret alone, there is nothing to keep.
    let form = [
        ("new_password", "amber orchard over stone"),
        ("code", "123456"),
    ];
    let call = "POST /console/account/password";
    let reply = browse(&world, call, "", OWN, Some(&form)).await;
    reply.expect(303);
    let views = world.get("/v1/views").await.expect(200).json();
    assert_eq!(
        views["items"].as_array().map(Vec::len),
        Some(1),
        "{project}: {views}"
    );
}

#[tokio::test]
async fn a_busy_server_a_full_disk_and_a_text_too_long_lose_nothing() {
    let world = World::with_sales().await;
    let ada = first_signed_in(&world).await;
    let upload = format!("/pools/{}/upload", pool(&world).await);
    let remove = format!("/pools/{}/remove", pool(&world).await);
    let record = ("text", "{\"customer\":\"a\"}");
    let condition = [(
        "definition",
        r#"[{"field":"customer","operator":"eq","value":"a"}]"#,
    )];
    for (failure, status) in [
        (PlaneError::Full, 507),
        (
            PlaneError::Busy {
                retry_after: Duration::from_secs(2),
            },
            503,
        ),
    ] {
        *world.plane.failure.lock().expect("not poisoned") = Some(failure);
        let html = send(&world, &ada, &upload, &[record])
            .await
            .expect(status)
            .text();
        assert!(
            html.contains("role=\"alert\"") && html.contains("is kept"),
            "{html}"
        );
        assert_eq!(said(&filled(&html, "post"), "text"), Some(record.1));
        let html = send(&world, &ada, &remove, &condition)
            .await
            .expect(status)
            .text();
        let kept = filled(&html, "get");
        assert_eq!(
            (said(&kept, "f1"), said(&kept, "v1")),
            (Some("customer"), Some("a"))
        );
        // The preview of a view is not the view: it is made all the same.
        let chosen = "/new-view?pool=sales&g1=at&f1=customer&v1=a";
        let page = open(&world, &ada, &format!("{DEFAULT}{chosen}")).await;
        let html = page.expect(status).text();
        let typed = filled(&html, "post");
        let name = format!("made-{status}");
        let form = with(&typed, &[("name", &name)]);
        send(&world, &ada, "/new-view", &form).await.expect(303);
        let stored = world
            .get(&format!("/v1/views/{name}"))
            .await
            .expect(200)
            .json();
        assert_eq!(stored["filters"][0]["value"], "a", "{stored}");
        let asked = "/explore?pool=sales&analysis=count&f1=customer&v1=a";
        let page = open(&world, &ada, &format!("{DEFAULT}{asked}")).await;
        assert_eq!(
            said(&filled(&page.expect(status).text(), "get"), "v1"),
            Some("a")
        );
    }
    *world.plane.failure.lock().expect("not poisoned") = None;
    let long = "x".repeat(257 << 10);
    for form in FORMS {
        let pairs = [form.1, &[("description", long.as_str())]].concat();
        let html = send(&world, &ada, form.0, &pairs).await.expect(413).text();
        assert!(html.contains("at most 256 kB"), "{}", form.0);
        check_kept(&html, form);
    }
}

#[tokio::test]
async fn records_that_were_partly_refused_stay_where_they_were_typed() {
    let world = World::with_sales().await;
    let ada = first_signed_in(&world).await;
    let upload = format!("/pools/{}/upload", pool(&world).await);
    let good = "{\"customer\":\"a\"}";
    let half = format!("{good}\n{{\"customer\":7}}");
    for (typed, left) in [(half.as_str(), half.as_str()), (good, "")] {
        let html = send(&world, &ada, &upload, &[("text", typed)]).await;
        let html = html.expect(200).text();
        assert_eq!(said(&filled(&html, "post"), "text"), Some(left), "{html}");
    }
}

#[tokio::test]
async fn a_pool_that_changed_meanwhile_is_shown_beside_what_was_typed_and_can_be_saved() {
    let world = World::with_sales().await;
    let ada = first_signed_in(&world).await;
    let settings = format!("/pools/{}/settings", pool(&world).await);
    let mine = filled(&see(&world, &ada, &settings).await, "post");
    let other = json!({ "description": "theirs", "retention_days": 700 });
    let call = "PATCH /v1/pools/sales";
    world.call(&world.admin, call, &other).await.expect(200);
    let form = with(&mine, &[("description", "mine")]);
    let html = send(&world, &ada, &settings, &form)
        .await
        .expect(412)
        .text();
    let now = between(&html, "As it is now", "</section>");
    assert!(
        now.contains("<dd>theirs</dd>") && now.contains("<dd>700</dd>"),
        "{html}"
    );
    assert!(
        !now.contains("Files"),
        "what is the same is not told: {now}"
    );
    let again = filled(&html, "post");
    assert_eq!(said(&again, "description"), Some("mine"));
    assert_ne!(said(&again, "revision"), said(&mine, "revision"));
    let again = with(&again, &[("retention_days", "700")]);
    send(&world, &ada, &settings, &again).await.expect(303);
    let stored = world.get("/v1/pools/sales").await.expect(200).json();
    assert_eq!(
        (&stored["description"], &stored["retention_days"]),
        (&json!("mine"), &json!(700))
    );
}

#[tokio::test]
async fn whoever_was_not_told_of_another_change_of_a_key_does_not_write_over_it() {
    let world = World::with_sales().await;
    let ada = first_signed_in(&world).await;
    let (id, _) = world.key(json!([])).await;
    let settings = format!("/keys/{id}/settings");
    let mine = filled(&see(&world, &ada, &settings).await, "post");
    let call = format!("PATCH /v1/keys/{id}");
    let other = json!({ "description": "theirs" });
    world.call(&world.admin, &call, &other).await.expect(200);
    // A value that is wrong is told first, and tells nothing of the other change.
    let wrong = with(&mine, &[("description", "mine"), ("ip_ranges", "nowhere")]);
    let html = send(&world, &ada, &settings, &wrong)
        .await
        .expect(400)
        .text();
    let mended = filled(&html, "post");
    let mended = with(&mended, &[("ip_ranges", "")]);
    let html = send(&world, &ada, &settings, &mended)
        .await
        .expect(412)
        .text();
    let again = filled(&html, "post");
    send(&world, &ada, &settings, &with(&again, &[]))
        .await
        .expect(303);
}

#[tokio::test]
async fn what_is_wrong_with_a_limit_is_not_folded_away() {
    let world = World::with_sales().await;
    let ada = first_signed_in(&world).await;
    let (id, _) = world.key(json!([])).await;
    for (name, value) in [
        ("ip_ranges", "nowhere"),
        ("expires_at", "soon"),
        ("rotate_days", "many"),
        ("requests_per_second", "many"),
        ("core_amount", "many"),
    ] {
        let form = [("name", "x"), ("revision", "1"), (name, value)];
        let reply = send(&world, &ada, &format!("/keys/{id}/settings"), &form).await;
        let html = reply.expect(400).text();
        let error = html
            .find(&format!("id=\"e-{name}\""))
            .expect("it is marked");
        let fold = html[..error].rfind("<details").expect("a fold");
        assert!(
            html[fold..].starts_with("<details class=\"more\" open"),
            "{name}: {html}"
        );
    }
}

#[tokio::test]
async fn what_is_to_be_tried_with_a_key_of_pages_says_of_which_page_it_comes() {
    let world = World::with_sales().await;
    let ada = first_signed_in(&world).await;
    for (name, domain, header, file) in [
        (
            "Shop",
            "www.example.com",
            "Origin: https://www.example.com",
            "shop",
        ),
        (
            "店",
            "*.example.com",
            "Origin: https://www.example.com",
            "tidegate-key",
        ),
        (
            "Ü",
            "http://localhost:8080",
            "Origin: http://localhost:8080",
            "tidegate-key",
        ),
        (
            "Page",
            "example.com/app",
            "Referer: https://example.com/app",
            "page",
        ),
    ] {
        let form = [
            ("for", "read"),
            ("name", name),
            ("kind", "publishable"),
            ("on", "view:all"),
            ("rows", "some"),
            ("field_1", "customer"),
            ("operator_1", "eq"),
            ("value_1", "a"),
            ("allowed_domains", domain),
        ];
        let html = send(&world, &ada, "/keys/new", &form)
            .await
            .expect(200)
            .text();
        assert!(
            html.contains(&format!("data-download=\"{file}.token\"")),
            "{html}"
        );
        let command = between(&html, "/v1/whoami", "</code>").replace("&#39;", "'");
        assert!(command.contains(&format!("-H '{header}'")), "{command}");
        // It is let in like that, and not without it.
        let token = between(&html, "<code id=\"token\">", "<");
        let bearer = format!("Bearer {token}");
        let (own, page) = header.split_once(": ").expect("a header");
        for (said, status) in [(Some((own, page)), 200), (None, 403)] {
            let mut request = http::Request::get("/v1/whoami").header("authorization", &bearer);
            if let Some((name, value)) = said {
                request = request.header(name, value);
            }
            let request = request.body(axum::body::Body::empty());
            let reply = world.send(request.expect("a request")).await;
            assert_eq!(reply.status, status, "{domain}: {}", reply.text());
        }
    }
}

#[tokio::test]
async fn the_row_of_a_pool_that_is_wrong_is_named_and_marked() {
    let world = World::with_sales().await;
    let ada = first_signed_in(&world).await;
    for (third, marked) in [(("a..b", "String"), "field"), (("city", ""), "type")] {
        let form = [
            ("name", "orders"),
            ("schema", "strict"),
            ("field", "customer"),
            ("type", "String"),
            ("field", ""),
            ("type", ""),
            ("field", third.0),
            ("type", third.1),
        ];
        let html = send(&world, &ada, "/new-pool", &form)
            .await
            .expect(400)
            .text();
        assert!(html.contains("id=\"e-fields\">Field 3: "), "{html}");
        assert_eq!(html.matches("aria-invalid").count(), 1, "{html}");
        let row = between(&html, "aria-label=\"Field 3\"", "</div>");
        let field = between(row, &format!("name=\"{marked}\""), ">");
        assert!(field.contains("aria-invalid=\"true\""), "{row}");
    }
    let blank: Json = world.get("/v1/pools").await.expect(200).json();
    assert_eq!(blank["items"].as_array().map(Vec::len), Some(1));
}
