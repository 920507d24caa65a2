//! What is shown once is shown, also to who clicks twice without a script: a
//! browser throws the first answer away then.

use std::time::Duration;

use serde_json::{Value as Json, json};

use super::world::{COOKIES, OWN, after, between, browse_plainly as browse, given};
use crate::testing::people::{FIRST, PASSWORD, SignedIn, first_signed_in, joined};
use crate::testing::{Reply, World, text};

const KEYS: &str = "/console/projects/default/keys";

/// What a form that a page shows holds: its token, and its name.
async fn blank(world: &World, cookie: &str, path: &str) -> [(&'static str, String); 2] {
    let page = browse(world, &format!("GET {path}"), cookie, OWN, None).await;
    let html = page.expect(200).text();
    let main = html.split("<main").nth(1).expect("a page").to_owned();
    ["_token", "once"].map(|name| {
        let value = between(&main, &format!("name=\"{name}\" value=\""), "\"");
        (name, value.to_owned())
    })
}

async fn send(world: &World, cookie: &str, path: &str, form: &[(&str, String)]) -> Reply {
    let form: Vec<(&str, &str)> = form.iter().map(|(n, v)| (*n, v.as_str())).collect();
    browse(world, &format!("POST {path}"), cookie, OWN, Some(&form)).await
}

/// The cookies that an answer gives, as a browser sends them back.
fn cookie_of(reply: &Reply) -> String {
    after(reply, "")
}

/// Where an answer says that its page is.
fn place(reply: &Reply) -> String {
    assert_eq!(reply.status, 303, "{}", reply.text());
    let place = reply.header("location").to_owned();
    assert!(place.starts_with("/console/shown-once/"), "{place}");
    place
}

async fn look(world: &World, cookie: &str, place: &str) -> String {
    let call = format!("GET {place}");
    browse(world, &call, cookie, OWN, None)
        .await
        .expect(200)
        .text()
}

/// A world with a key, and the form that rolls it with a code.
async fn rolling() -> (World, SignedIn, String, Vec<(&'static str, String)>) {
    let world = World::with_sales().await;
    let ada = first_signed_in(&world).await;
    let (id, _) = world.key(json!([])).await;
    let path = format!("{KEYS}/{id}/roll");
    let mut form = blank(&world, &ada.cookie(), &path).await.to_vec();
    form.extend([("grace", "24h".to_owned()), ("code", ada.code(&world))]);
    (world, ada, path, form)
}

#[tokio::test]
async fn a_second_click_has_the_answer_of_the_first_and_the_session_goes_on() {
    let (world, ada, path, form) = rolling().await;
    let old = ada.cookie();
    // The browser threw this answer away, cookie and all.
    let thrown_away = send(&world, &old, &path, &form).await;
    let second = send(&world, &old, &path, &form).await;
    assert_eq!(place(&second), place(&thrown_away));
    // The cookie of an earlier page may have ended between the clicks.
    let earlier = format!("{old}; {}={}", COOKIES[1], "0".repeat(64));
    let third = send(&world, &earlier, &path, &form).await;
    assert_eq!(place(&third), place(&second));
    let new = cookie_of(&second);
    assert_eq!(new, cookie_of(&thrown_away));
    assert!(new != old && !new.is_empty());
    // Also one that kept the cookie, and threw away the page alone.
    let third = send(&world, &new, &path, &form).await;
    assert_eq!(place(&third), place(&second));
    let html = look(&world, &new, &place(&second)).await;
    let token = between(&html, "<code id=\"token\">", "<").to_owned();
    world
        .call(&token, "GET /v1/whoami", &Json::Null)
        .await
        .expect(200);
    let again = look(&world, &new, &place(&second)).await;
    assert!(again.contains("That was done already"), "{again}");
    assert!(
        again.contains("roll the key") && !again.contains(&token),
        "{again}"
    );
    // It was rolled once.
    let id = path.split('/').nth_back(1).expect("an id");
    let key = world
        .get(&format!("/v1/keys/{id}"))
        .await
        .expect(200)
        .json();
    assert_eq!(key["secrets"].as_array().map(Vec::len), Some(2), "{key}");
}

#[tokio::test]
async fn two_clicks_at_the_same_time_are_one_form() {
    let (world, ada, path, form) = rolling().await;
    let old = ada.cookie();
    let both = tokio::join!(
        send(&world, &old, &path, &form),
        send(&world, &old, &path, &form),
    );
    assert_eq!(place(&both.0), place(&both.1));
    assert_eq!(cookie_of(&both.0), cookie_of(&both.1));
    let html = look(&world, &cookie_of(&both.1), &place(&both.1)).await;
    assert!(html.contains("<code id=\"token\">"), "{html}");
}

#[tokio::test]
async fn a_cookie_that_was_replaced_counts_for_that_very_form_alone() {
    let (world, ada, path, form) = rolling().await;
    let old = ada.cookie();
    let first = send(&world, &old, &path, &form).await;
    place(&first);
    let account = browse(&world, "GET /console/account", &old, OWN, None).await;
    assert!(account.expect(303).header("location").contains("sign-in"));
    for (name, value) in [
        ("grace", "1h"),
        ("code", "000000"),
        ("once", ""),
        ("more", ""),
    ] {
        let mut other = form.clone();
        other.retain(|(known, _)| *known != name);
        other.push((name, value.to_owned()));
        // It is kept over a sign-in, which is asked for.
        let reply = send(&world, &old, &path, &other).await.expect(401);
        assert!(reply.text().contains("<title>Sign in"), "{name}");
        assert_eq!(cookie_of(&reply), "", "{name}");
    }
    let elsewhere = send(&world, &old, &format!("{KEYS}/new"), &form).await;
    assert_eq!(cookie_of(&elsewhere), "");
    assert!(elsewhere.text().contains("<title>Sign in"));
    // Nor from another site, nor later.
    let pairs: Vec<(&str, &str)> = form.iter().map(|(n, v)| (*n, v.as_str())).collect();
    let call = format!("POST {path}");
    let cross = [("sec-fetch-site", "cross-site")];
    browse(&world, &call, &old, &cross, Some(&pairs))
        .await
        .expect(403);
    world.clock.advance(Duration::from_secs(60));
    let late = send(&world, &old, &path, &form).await.expect(401);
    assert!(late.text().contains("<title>Sign in"));
}

#[tokio::test]
async fn the_page_is_for_its_session_for_the_last_who_asks_and_for_a_minute() {
    let (mut world, ada, path, form) = rolling().await;
    world.second_click(Duration::from_millis(50));
    let bob = joined(&world, &ada, "bob", json!([{ "role": "viewer" }])).await;
    let sent = send(&world, &ada.cookie(), &path, &form).await;
    let (there, own) = (place(&sent), cookie_of(&sent));
    let call = format!("GET {there}");
    let nobody = browse(&world, &call, "", OWN, None).await;
    assert!(nobody.expect(303).header("location").contains("sign-in"));
    let shows = |html: &str| html.contains("<code id=\"token\">");
    assert!(!shows(&look(&world, &bob.cookie(), &there).await));
    browse(&world, &format!("HEAD {there}"), &own, OWN, None)
        .await
        .expect(200);
    // The first of them was thrown away by the browser that made the second.
    let (thrown_away, kept) = tokio::join!(look(&world, &own, &there), look(&world, &own, &there));
    assert!(!shows(&thrown_away) && shows(&kept), "{thrown_away}");
    // Nobody came for this one.
    world.second_click(Duration::ZERO);
    let path = format!("{KEYS}/new");
    let mut form = blank(&world, &own, &format!("{path}?for=ask"))
        .await
        .to_vec();
    let typed = [
        ("for", "ask"),
        ("name", "Late"),
        ("on", "pool:sales"),
        ("action", "query"),
        ("rows", "all"),
    ];
    form.extend(typed.map(|(name, value)| (name, value.to_owned())));
    let sent = send(&world, &own, &path, &form).await;
    let (there, own) = (place(&sent), after(&sent, &own));
    world.clock.advance(Duration::from_secs(60));
    let html = look(&world, &own, &there).await;
    assert!(
        !shows(&html) && html.contains("That was done already"),
        "{html}"
    );
    let unknown = look(&world, &own, "/console/shown-once/none").await;
    assert!(unknown.contains("is kept nowhere"), "{unknown}");
}

#[tokio::test]
async fn the_address_alone_shows_nothing_in_the_same_session_and_with_its_cookie_once() {
    let (world, ada, path, form) = rolling().await;
    let sent = send(&world, &ada.cookie(), &path, &form).await;
    let there = place(&sent);
    let [session, once] = COOKIES.map(|name| given(&sent, name).expect("it is given"));
    let told = sent.headers.get_all("set-cookie").iter();
    let told: Vec<&str> = told.filter_map(|told| told.to_str().ok()).collect();
    let attributes = told
        .iter()
        .find_map(|told| told.strip_prefix(once.as_str()));
    assert_eq!(
        attributes,
        Some("; Path=/; Max-Age=60; Secure; HttpOnly; SameSite=Strict"),
        "{told:?}"
    );
    // Without it, with another one, with two, and with it alone.
    let other = format!("{session}; {}={}", COOKIES[1], "0".repeat(64));
    let twice = format!("{session}; {once}; {once}");
    for cookie in [&session, &other, &twice] {
        let html = look(&world, cookie, &there).await;
        assert!(!html.contains("<code id=\"token\">"), "{cookie}: {html}");
        assert!(html.contains("was shown already"), "{cookie}: {html}");
    }
    let call = format!("GET {there}");
    let nobody = browse(&world, &call, &once, OWN, None).await;
    assert!(nobody.expect(303).header("location").contains("sign-in"));
    // None of them took anything from who has both, once.
    let own = format!("{session}; {once}");
    let html = look(&world, &own, &there).await;
    assert!(html.contains("<code id=\"token\">"), "{html}");
    let again = look(&world, &own, &there).await;
    assert!(!again.contains("<code id=\"token\">"), "{again}");
    assert!(again.contains("That was done already"), "{again}");
}

#[tokio::test]
async fn the_page_is_for_a_role_that_still_has_what_it_was_made_by() {
    let world = World::with_sales().await;
    let ada = first_signed_in(&world).await;
    let bob = joined(&world, &ada, "bob", json!([{ "role": "admin" }])).await;
    let (id, _) = world.key(json!([])).await;
    let path = format!("{KEYS}/{id}/roll");
    let mut form = blank(&world, &bob.cookie(), &path).await.to_vec();
    form.extend([("grace", "24h".to_owned()), ("code", bob.code(&world))]);
    let sent = send(&world, &bob.cookie(), &path, &form).await;
    let (call, own) = (format!("GET {}", place(&sent)), cookie_of(&sent));
    let change = format!("PATCH /v1/people/{}", bob.id);
    let roles = |role: &str| json!({ "roles": [{ "role": role }] });
    let narrowed = ada.call(&world, &change, &roles("viewer")).await;
    narrowed.expect(200);
    let refused = browse(&world, &call, &own, OWN, None).await;
    let html = refused.expect(403).text();
    assert!(!html.contains("<code id=\"token\">"), "{html}");
}

#[tokio::test]
async fn neither_page_nor_cookie_lies_in_memory_for_longer_than_a_minute() {
    let (world, ada, path, form) = rolling().await;
    let sent = send(&world, &ada.cookie(), &path, &form).await;
    let (there, own) = (place(&sent), cookie_of(&sent));
    assert!(!own.is_empty());
    // No other form comes, and nobody asks for the page.
    for (wait, held) in [(0, (1, 1)), (59_999, (1, 1)), (1, (0, 0))] {
        world.clock.advance(Duration::from_millis(wait));
        world.state.let_go_of_pages();
        assert_eq!(world.state.handing.held(), held, "after {wait} ms more");
    }
    let html = look(&world, &own, &there).await;
    assert!(html.contains("That was done already"), "{html}");
    world.clock.advance(Duration::from_secs(540));
    world.state.let_go_of_pages();
    let html = look(&world, &own, &there).await;
    assert!(html.contains("is kept nowhere"), "{html}");
}

#[tokio::test]
async fn whoever_has_no_session_yet_loses_no_codes_by_a_second_click() {
    let world = World::new().await;
    let page = |path: &'static str| {
        let world = &world;
        async move {
            let call = format!("GET {path}");
            let html = browse(world, &call, "", OWN, None).await.expect(200).text();
            between(&html, "name=\"once\" value=\"", "\"").to_owned()
        }
    };
    let set_up = "/console/set-up";
    let typed = [
        ("once", page(set_up).await),
        ("master", world.admin.clone()),
        ("sign_in", FIRST.to_owned()),
        ("name", "Ada".to_owned()),
        ("password", PASSWORD.to_owned()),
    ];
    let both = tokio::join!(
        send(&world, "", set_up, &typed),
        send(&world, "", set_up, &typed),
    );
    assert_eq!(place(&both.0), place(&both.1));
    // The address alone is nobody's.
    let alone = look(&world, "", &place(&both.1)).await;
    assert!(alone.contains("was shown already") && !alone.contains("<li><code>"));
    let own = cookie_of(&both.1);
    assert_eq!(own, cookie_of(&both.0));
    let html = look(&world, &own, &place(&both.1)).await;
    assert_eq!(html.matches("<li><code>").count(), 10, "{html}");
    // Groups are for the eye: what is copied is the code alone.
    let code = between(&html, "<li><code>", "</code>");
    assert!(code.matches("<span>").count() > 1, "{code}");
    let code = code.replace("<span>", "").replace("</span>", "");
    let copied = between(&html, "data-copy=\"", "\"");
    assert_eq!(copied.lines().next(), Some(code.as_str()));
    let again = look(&world, &own, &place(&both.1)).await;
    assert!(again.contains("You are the owner") && !again.contains("<li><code>"));
    // Another form finds somebody here.
    let fresh = [("once", "B".repeat(26))];
    let other = [&fresh[..], &typed[1..]].concat();
    let reply = send(&world, "", set_up, &other).await.expect(303);
    assert_eq!(reply.header("location"), "/console/sign-in");
}

#[tokio::test]
async fn whoever_joins_or_takes_other_codes_loses_none_by_a_second_click() {
    let world = World::new().await;
    let ada = first_signed_in(&world).await;
    let draft = json!({ "sign_in": "bob@example.com", "roles": [{ "role": "viewer" }] });
    let invited = ada.call(&world, "POST /v1/invitations", &draft).await;
    let token = text(&invited.expect(201).json(), "/token").to_owned();
    let join = [
        ("invitation", token),
        ("name", "Bob".to_owned()),
        ("password", PASSWORD.to_owned()),
    ];
    let first = send(&world, "", "/console/join", &join).await;
    let second = send(&world, "", "/console/join", &join).await;
    assert_eq!(place(&first), place(&second));
    let html = look(&world, &cookie_of(&second), &place(&second)).await;
    assert!(html.contains("bob@example.com"), "{html}");
    assert_eq!(html.matches("<li><code>").count(), 10);

    let codes = "/console/account/codes";
    let mut form = blank(&world, &ada.cookie(), codes).await.to_vec();
    form.extend([
        ("password", PASSWORD.to_owned()),
        ("code", ada.code(&world)),
    ]);
    let first = send(&world, &ada.cookie(), codes, &form).await;
    let second = send(&world, &ada.cookie(), codes, &form).await;
    assert_eq!(place(&first), place(&second));
    let own = after(&second, &ada.cookie());
    let html = look(&world, &own, &place(&second)).await;
    assert_eq!(html.matches("<li><code>").count(), 10);
    let again = look(&world, &own, &place(&second)).await;
    assert!(again.contains("Ask for others"), "{again}");
}

#[tokio::test]
async fn a_script_sends_a_form_once_and_is_answered_by_the_page_itself() {
    let (world, ada, path, form) = rolling().await;
    let form: Vec<(&str, &str)> = form.iter().map(|(n, v)| (*n, v.as_str())).collect();
    let said = [OWN[0], ("hx-request", "true")];
    let call = format!("POST {path}");
    let reply = browse(&world, &call, &ada.cookie(), &said, Some(&form)).await;
    let html = reply.expect(200).text();
    assert!(html.contains("<code id=\"token\">"), "{html}");
}

#[tokio::test]
async fn a_form_that_no_page_gave_counts_neither_time() {
    let (world, ada, path, form) = rolling().await;
    // Without the token of the session nothing is carried out, twice or not.
    let bare: Vec<_> = form
        .iter()
        .filter(|(name, _)| *name != "_token")
        .cloned()
        .collect();
    for _ in 0..2 {
        send(&world, &ada.cookie(), &path, &bare).await.expect(403);
    }
}
