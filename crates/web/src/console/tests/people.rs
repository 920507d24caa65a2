//! People, invitations and projects: what is shown once, and what somebody
//! else changes meanwhile.

use model::ids::ProjectId;
use serde_json::{Value as Json, json};

use super::world::{OWN, between, browse, form_token, keep_cookie, open, send as personal};
use crate::testing::people::{FIRST, SignedIn, first_signed_in, joined};
use crate::testing::{Reply, World, text};

async fn see(world: &World, by: &SignedIn, below: &str) -> String {
    let path = format!("/console/projects/default{below}");
    open(world, by, &path).await.expect(200).text()
}

/// Sends a form of the project with this cookie, and keeps the one that the
/// answer gives.
async fn send_as(
    world: &World,
    by: &SignedIn,
    (below, cookie): (&str, &str),
    form: &[(&str, &str)],
) -> Reply {
    let projects = world.get("/v1/projects").await.expect(200).json();
    let id = ProjectId::parse(text(&projects, "/items/0/id")).expect("an id");
    let token = form_token(world, by, id);
    let form = [&[("_token", token.as_str())], form].concat();
    let call = format!("POST /console/projects/default{below}");
    let reply = browse(world, &call, cookie, OWN, Some(&form)).await;
    keep_cookie(by, &reply);
    reply
}

async fn send(world: &World, by: &SignedIn, below: &str, form: &[(&str, &str)]) -> Reply {
    send_as(world, by, (below, &by.cookie()), form).await
}

fn hidden(html: &str, name: &str) -> String {
    between(html, &format!("name=\"{name}\" value=\""), "\"").to_owned()
}

#[tokio::test]
async fn who_was_changed_meanwhile_is_shown_and_not_removed() {
    let world = World::with_sales().await;
    let ada = first_signed_in(&world).await;
    let bob = joined(&world, &ada, "bob", json!([{ "role": "viewer" }])).await;
    let remove = format!("/people/{}/remove", bob.id);
    let html = see(&world, &ada, &remove).await;
    assert!(html.contains("Viewer") || html.contains("viewer"), "{html}");
    let old = hidden(&html, "revision");
    let call = format!("PATCH /v1/people/{}", bob.id);
    let patch = json!({ "roles": [{ "role": "developer" }] });
    ada.call(&world, &call, &patch).await.expect(200);
    for stale in [&[("revision", old.as_str())][..], &[]] {
        let html = send(&world, &ada, &remove, stale).await.expect(412).text();
        assert!(
            html.contains("Somebody changed it") && html.contains("developer everywhere"),
            "{html}"
        );
        assert_ne!(hidden(&html, "revision"), old);
    }
    assert!(see(&world, &ada, "/people").await.contains("bob@"));
    let now = hidden(&see(&world, &ada, &remove).await, "revision");
    let form = [("revision", now.as_str())];
    send(&world, &ada, &remove, &form).await.expect(303);
    assert!(!see(&world, &ada, "/people").await.contains("bob@"));
}

#[tokio::test]
async fn who_was_changed_meanwhile_is_shown_beside_what_was_typed() {
    let world = World::with_sales().await;
    let ada = first_signed_in(&world).await;
    let projects = ada.call(&world, "GET /v1/projects", &Json::Null).await;
    let project = text(&projects.expect(200).json(), "/items/0/id").to_owned();
    let viewer = json!([{ "role": "viewer", "project": project }]);
    let bob = joined(&world, &ada, "bob", viewer).await;
    let path = format!("/people/{}", bob.id);
    let old = hidden(&see(&world, &ada, &path).await, "revision");
    let call = format!("PATCH /v1/people/{}", bob.id);
    let held = json!([{ "field": "customer", "operator": "eq", "value": "a" }]);
    let roles = json!([{ "role": "developer", "project": project, "constraints": held }]);
    let patch = json!({ "name": "Robert", "roles": roles });
    ada.call(&world, &call, &patch).await.expect(200);
    let typed = |revision: &str| {
        let pairs = [
            ("name", "Bob the first"),
            ("here", "analyst"),
            ("everywhere", ""),
            ("held", "shown"),
            ("field_1", "customer"),
            ("operator_1", "eq"),
            ("value_1", "b"),
            ("widens", "yes"),
            ("revision", revision),
        ];
        pairs.map(|(name, value)| (name, value.to_owned()))
    };
    let sent = async |revision: &str| {
        let form = typed(revision);
        let form: Vec<(&str, &str)> = form.iter().map(|(n, v)| (*n, v.as_str())).collect();
        send(&world, &ada, &path, &form).await
    };
    let html = sent(&old).await.expect(412).text();
    for part in [
        // What is so now, and what was typed.
        "Somebody changed it while you looked at it",
        "<h1>Robert</h1>",
        "developer in default, where",
        "value=\"Bob the first\"",
        "<option value=\"analyst\" selected>",
        "value=\"b\"",
        // What saving changes.
        "It is “Robert” now, and saving this form changes that.",
        "It is “Developer” now, and saving this form changes that.",
        "The role is over other rows now",
    ] {
        assert!(html.contains(part), "{part} in {html}");
    }
    let call = format!("GET /v1/people/{}", bob.id);
    let told = ada.call(&world, &call, &Json::Null).await;
    assert_eq!(told.expect(200).json()["name"], "Robert");
    // Another mistake does not make it a look at what is so now.
    let mut wrong = typed(&old);
    wrong[0].1 = String::new();
    let wrong: Vec<(&str, &str)> = wrong.iter().map(|(n, v)| (*n, v.as_str())).collect();
    let again = send(&world, &ada, &path, &wrong).await.expect(400).text();
    assert_eq!(hidden(&again, "revision"), old);
    // Whoever has seen it saves, or learns what else it asks for.
    let now = hidden(&html, "revision");
    assert_ne!(now, old);
    let html = sent(&now).await.expect(403).text();
    assert!(html.contains("id=\"e-code\""), "{html}");
    assert!(!html.contains("saving this form changes that"), "{html}");
}

#[tokio::test]
async fn an_invitation_that_is_sent_twice_is_made_once_and_its_link_counts() {
    let world = World::with_sales().await;
    let ada = first_signed_in(&world).await;
    let once = hidden(&see(&world, &ada, "/people/invite").await, "once");
    let invite = |name: &'static str, once: &str| {
        let pairs = [
            ("sign_in", name),
            ("role", "viewer"),
            ("place", "everywhere"),
            ("held", "shown"),
        ];
        let pairs = pairs.map(|(name, value)| (name, value.to_owned()));
        [&pairs[..], &[("once", once.to_owned())]].concat()
    };
    let sent = async |form: Vec<(&'static str, String)>| {
        let form: Vec<(&str, &str)> = form.iter().map(|(name, v)| (*name, v.as_str())).collect();
        send(&world, &ada, "/people/invite", &form).await
    };
    // What is refused first is not what counts.
    let html = sent(invite("no address", &once)).await.expect(400).text();
    assert_eq!(hidden(&html, "once"), once);
    let first = sent(invite("bob@example.com", &once)).await;
    let html = first.expect(200).text();
    let token = between(&html, "data-link=\"/console/join#", "\"").to_owned();
    let again = sent(invite("bob@example.com", &once)).await;
    let again = again.expect(200).text();
    assert!(
        again.contains("done already") && again.contains("bob@example.com was invited"),
        "{again}"
    );
    assert!(!again.contains(&token), "{again}");
    let other = sent(invite("eve@example.com", &once)).await;
    assert!(other.expect(422).text().contains("was sent before"));
    // A form of its own is another request: the name is taken.
    let fresh = hidden(&see(&world, &ada, "/people/invite").await, "once");
    assert_ne!(fresh, once);
    let taken = sent(invite("bob@example.com", &fresh)).await;
    assert_eq!(taken.status, 409, "{}", taken.text());
    let invitations = ada.call(&world, "GET /v1/invitations", &Json::Null).await;
    let invitations = invitations.expect(200).json();
    assert_eq!(invitations["items"].as_array().map(Vec::len), Some(1));
    let form = [
        ("invitation", token.as_str()),
        ("name", "Bob"),
        ("password", "violet harbour under glass"),
    ];
    let joined = browse(&world, "POST /console/join", "", OWN, Some(&form)).await;
    assert!(joined.expect(200).text().contains("bob@example.com"));
    // Who took it is not invited anew by the same form.
    let late = sent(invite("bob@example.com", &once)).await;
    assert!(late.expect(200).text().contains("done already"));
}

#[tokio::test]
async fn a_project_that_is_sent_twice_is_made_once_and_its_token_lets_in() {
    let world = World::with_sales().await;
    let ada = first_signed_in(&world).await;
    let another = "/settings/another";
    let once = hidden(&see(&world, &ada, another).await, "once");
    let code = ada.code(&world);
    let form = [
        ("name", "second"),
        ("once", once.as_str()),
        ("code", code.as_str()),
    ];
    let html = send(&world, &ada, another, &form).await.expect(200).text();
    let token = between(&html, "<div class=\"copy token\"><code>", "<").to_owned();
    let again = send(&world, &ada, another, &form).await.expect(200).text();
    assert!(
        again.contains("done already") && again.contains("/console/projects/second"),
        "{again}"
    );
    assert!(!again.contains(&token), "{again}");
    let whoami = world.call(&token, "GET /v1/whoami", &Json::Null).await;
    whoami.expect(200);
    let projects = ada.call(&world, "GET /v1/projects", &Json::Null).await;
    let projects = projects.expect(200).json();
    assert_eq!(projects["items"].as_array().map(Vec::len), Some(2));
    // Another name in the same form is another request.
    let other = [&[("name", "third")], &form[1..]].concat();
    let other = send(&world, &ada, another, &other).await;
    assert!(other.expect(422).text().contains("was sent before"));
    // It is not made again once it is gone.
    let gone = ada.call(&world, "DELETE /v1/projects/second", &Json::Null);
    gone.await.expect(204);
    assert_eq!(send(&world, &ada, another, &form).await.status, 404);
}

#[tokio::test]
async fn sessions_of_others_are_ended_by_who_manages_them() {
    let world = World::with_sales().await;
    let ada = first_signed_in(&world).await;
    let bob = joined(&world, &ada, "bob", json!([{ "role": "admin" }])).await;
    let cy = joined(&world, &ada, "cy", json!([{ "role": "viewer" }])).await;
    let of = |person: &SignedIn| format!("/people/{}", person.id);
    let html = see(&world, &ada, &of(&cy)).await;
    assert!(html.contains("1 session"), "{html}");
    assert!(html.contains("/end-sessions\""), "{html}");
    // Nobody is led there from the own page, which the account page is for.
    assert!(
        !see(&world, &ada, &of(&ada))
            .await
            .contains("/end-sessions\"")
    );
    let end = |person: &SignedIn| format!("{}/end-sessions", of(person));
    see(&world, &ada, &end(&cy)).await;
    open(&world, &cy, "/console/account").await.expect(200);
    // An admin's role does not reach over an owner's.
    send(&world, &bob, &end(&ada), &[]).await.expect(403);
    send(&world, &cy, &end(&bob), &[]).await.expect(403);
    let done = send(&world, &bob, &end(&cy), &[]).await.expect(303);
    let there = done.header("location").to_owned();
    let html = open(&world, &bob, &there).await.expect(200).text();
    assert!(html.contains("Nobody is signed in"), "{html}");
    for call in ["GET /console/account", "GET /v1/whoami"] {
        let out = browse(&world, call, &cy.cookie(), OWN, None).await;
        assert!([303, 401].contains(&out.status), "{call}");
    }
    open(&world, &ada, "/console/account").await.expect(200);
    open(&world, &bob, "/console/account").await.expect(200);
    assert!(see(&world, &ada, &of(&cy)).await.contains("not now"));
    // The page says what is so, and a second time changes nothing.
    let html = see(&world, &ada, &end(&cy)).await;
    assert!(html.contains("is not signed in now"), "{html}");
    send(&world, &ada, &end(&cy), &[]).await.expect(303);
    let audit = world.get("/v1/audit?action=person.sign_out").await;
    let audit = audit.expect(200).json();
    let told: Vec<(&str, &str)> = audit["items"]
        .as_array()
        .expect("entries")
        .iter()
        .map(|entry| (text(entry, "/actor"), text(entry, "/subject_name")))
        .collect();
    let bobs = format!("person:{}", bob.id);
    assert_eq!(told, [(bobs.as_str(), "cy@example.com")], "{audit}");
    assert!(!audit.to_string().contains(FIRST));
}

#[tokio::test]
async fn whoever_is_here_takes_an_invitation_signed_in() {
    let world = World::with_sales().await;
    let ada = first_signed_in(&world).await;
    let projects = ada.call(&world, "GET /v1/projects", &Json::Null).await;
    let first = text(&projects.expect(200).json(), "/items/0/id").to_owned();
    let made = json!({ "name": "second", "code": ada.code(&world) });
    let made = ada.call(&world, "POST /v1/projects", &made).await;
    let second = text(&made.expect(201).json(), "/id").to_owned();
    let role = |role: &str, project: &str| json!([{ "role": role, "project": project }]);
    let bob = joined(&world, &ada, "bob", role("admin", &second)).await;
    let cara = joined(&world, &ada, "cara", role("viewer", &first)).await;
    let draft = json!({ "sign_in": "cara@example.com", "roles": role("analyst", &second) });
    let invited = bob.call(&world, "POST /v1/invitations", &draft).await;
    let invited = text(&invited.expect(201).json(), "/token").to_owned();
    // The page of those who are new sends her to her own.
    let new = [
        ("invitation", invited.as_str()),
        ("name", "Cara"),
        ("password", "violet harbour under glass"),
    ];
    let refused = browse(&world, "POST /console/join", "", OWN, Some(&new)).await;
    let refused = refused.expect(422).text();
    assert!(
        refused.contains("takes it signed in") && refused.contains("/console/account/join"),
        "{refused}"
    );
    let path = "/console/account/join";
    let wrong = "A".repeat(43);
    let kept = personal(&world, &cara, path, &[("invitation", &wrong)]).await;
    let kept = kept.expect(422).text();
    assert!(
        kept.contains(&wrong) && kept.contains("does not count for you"),
        "{kept}"
    );
    let short = personal(&world, &cara, path, &[("invitation", "A")]).await;
    assert!(short.expect(400).text().contains("43 characters"));
    let by_bob = personal(&world, &bob, path, &[("invitation", &invited)]).await;
    by_bob.expect(422);
    let done = personal(&world, &cara, path, &[("invitation", &invited)]).await;
    let done = done.expect(303).header("location").to_owned();
    let account = open(&world, &cara, &done).await.expect(200).text();
    assert!(
        account.contains("You joined") && account.contains("second"),
        "{account}"
    );
    let again = personal(&world, &cara, path, &[("invitation", &invited)]).await;
    again.expect(422);
}
