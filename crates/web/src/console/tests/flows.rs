//! What people do, without a script: from the first owner on.

use model::people::Totp;
use serde_json::json;

use super::world::{OWN, between, browse, open, send};
use crate::testing::people::{FIRST, PASSWORD, first_owner, first_signed_in};
use crate::testing::{World, text};

#[tokio::test]
async fn the_first_owner_is_made_by_who_has_the_master_token_and_signs_in() {
    let world = World::new().await;
    let door = browse(&world, "GET /console", "", OWN, None)
        .await
        .expect(303);
    assert_eq!(door.header("location"), "/console/set-up");
    let (_, other) = world.key(json!([])).await;
    let set_up = |master: &str, password: &str| {
        [
            ("master", master.to_owned()),
            ("sign_in", FIRST.to_owned()),
            ("name", "Ada <b>".to_owned()),
            ("password", password.to_owned()),
        ]
    };
    for (master, password, marked) in [
        ("nonsense", PASSWORD, "e-master"),
        (other.as_str(), PASSWORD, "e-master"),
        (world.admin.as_str(), "short", "e-password"),
    ] {
        let form = set_up(master, password);
        let form: Vec<(&str, &str)> = form.iter().map(|(n, v)| (*n, v.as_str())).collect();
        let page = browse(&world, "POST /console/set-up", "", OWN, Some(&form)).await;
        let html = page.expect(400).text();
        assert!(html.contains(&format!("id=\"{marked}\"")), "{html}");
        assert!(html.contains("value=\"Ada &#60;b&#62;\""), "{html}");
        assert!(!html.contains(password) && !html.contains(master), "{html}");
    }
    let form = set_up(&world.admin, PASSWORD);
    let form: Vec<(&str, &str)> = form.iter().map(|(n, v)| (*n, v.as_str())).collect();
    let shown = browse(&world, "POST /console/set-up", "", OWN, Some(&form)).await;
    let html = shown.expect(200).text();
    let address = between(&html, "href=\"otpauth:", "\"").replace("&#38;", "&");
    let secret = address.split("secret=").nth(1).expect("a secret");
    let secret = secret.split('&').next().expect("its text");
    let app = Totp::parse(secret).expect("what an app reads");
    assert_eq!(html.matches("<li><code>").count(), 10);
    // It is over now; the same form has the same answer, without what it showed.
    let same = browse(&world, "POST /console/set-up", "", OWN, Some(&form)).await;
    let same = same.expect(200).text();
    assert!(same.contains("That was done already") && !same.contains("otpauth:"));
    let form = [&form[..], &[("other", "")]].concat();
    let again = browse(&world, "POST /console/set-up", "", OWN, Some(&form)).await;
    assert_eq!(again.expect(303).header("location"), "/console/sign-in");

    let code = app.shown_at(world.state.clock.now());
    for (to, there) in [
        ("", "/console"),
        ("?to=%2Fconsole%2Faccount", "/console/account"),
        ("?to=https%3A%2F%2Fevil.example", "/console"),
    ] {
        world.clock.advance(std::time::Duration::from_secs(30));
        let code = match to {
            "" => code.as_str().to_owned(),
            _ => app.shown_at(world.state.clock.now()).as_str().to_owned(),
        };
        let form = [("sign_in", FIRST), ("password", PASSWORD), ("code", &code)];
        let call = format!("POST /console/sign-in{to}");
        let entered = browse(&world, &call, "", OWN, Some(&form))
            .await
            .expect(303);
        let cookie = entered.header("set-cookie").split(';').next().expect("one");
        let place = entered.header("location").to_owned();
        let kept = browse(&world, &format!("GET {place}"), cookie, OWN, None).await;
        let expected = match there {
            "/console" => "/console/projects/default",
            there => there,
        };
        assert_eq!(kept.expect(303).header("location"), expected, "{to}");
        let lost = browse(&world, &format!("GET {place}"), "", OWN, None).await;
        assert!(lost.expect(200).text().contains("kept no cookie"));
    }
}

/// Whoever signs in next learns that somebody used a recovery code.
#[tokio::test]
async fn k9_the_first_page_says_how_many_recovery_codes_were_used() {
    let world = World::with_sales().await;
    let made = world.post("/v1/people/first", &first_owner()).await;
    let made = made.expect(201).json();
    let app = Totp::parse(text(&made, "/app/secret")).expect("a secret");
    let enter = async |member: &str, code: &str| {
        let mut asked = json!({ "sign_in": FIRST, "password": PASSWORD });
        asked[member] = json!(code);
        let entered = world
            .call("", "POST /v1/sessions", &asked)
            .await
            .expect(201);
        let cookie = entered.header("set-cookie").split(';').next();
        cookie.expect("a value").to_owned()
    };
    for (codes, told) in [
        (0, None),
        (1, Some("1 of your recovery codes was used.")),
        (2, Some("3 of your recovery codes were used.")),
    ] {
        for _ in 0..codes {
            let people = world.get("/v1/people").await.expect(200).json();
            let left = people["items"][0]["recovery_codes_left"].as_u64();
            let at = 10 - left.expect("a number");
            enter(
                "recovery_code",
                text(&made, &format!("/recovery_codes/{at}")),
            )
            .await;
        }
        world.clock.advance(std::time::Duration::from_secs(30));
        let code = app.shown_at(world.state.clock.now());
        let cookie = enter("code", code.as_str()).await;
        let home = browse(&world, "GET /console/projects/default", &cookie, OWN, None).await;
        let html = home.expect(200).text();
        match told {
            None => assert!(!html.contains("of your recovery codes"), "{html}"),
            Some(told) => assert!(html.contains(told), "{html}"),
        }
    }
}

#[tokio::test]
async fn a_refused_sign_in_keeps_the_name_and_no_secret() {
    let world = World::new().await;
    first_signed_in(&world).await;
    for (form, status, marked) in [
        (
            [
                ("sign_in", FIRST),
                ("password", "wrong wrong wrong"),
                ("code", "123456"),
            ],
            401,
            "alert",
        ),
        (
            [("sign_in", FIRST), ("password", PASSWORD), ("code", "12")],
            400,
            "e-code",
        ),
        (
            [
                ("sign_in", "no address"),
                ("password", PASSWORD),
                ("code", "123456"),
            ],
            400,
            "e-sign_in",
        ),
    ] {
        let page = browse(&world, "POST /console/sign-in", "", OWN, Some(&form)).await;
        let html = page.expect(status).text();
        assert!(html.contains(marked), "{html}");
        assert!(html.contains(&format!("value=\"{}\"", form[0].1)), "{html}");
        assert!(
            !html.contains(form[1].1) && !html.contains("value=\"123456\""),
            "{html}"
        );
    }
}

#[tokio::test]
async fn an_invitation_makes_a_person_once() {
    let world = World::new().await;
    let ada = first_signed_in(&world).await;
    let draft = json!({ "sign_in": "bob@example.com", "roles": [{ "role": "viewer" }] });
    let invited = ada.call(&world, "POST /v1/invitations", &draft).await;
    let invited = invited.expect(201).json();
    let token = text(&invited, "/token");
    let form = [
        ("invitation", token),
        ("name", "Bob"),
        ("password", PASSWORD),
    ];
    let page = browse(&world, "POST /console/join", "", OWN, Some(&form)).await;
    let html = page.expect(200).text();
    assert!(
        html.contains("bob@example.com") && html.contains("otpauth:"),
        "{html}"
    );
    let form = [&form[..], &[("other", "")]].concat();
    let again = browse(&world, "POST /console/join", "", OWN, Some(&form)).await;
    assert!(again.expect(422).text().contains("id=\"e-invitation\""));
}

#[tokio::test]
async fn a_person_changes_the_password_and_the_codes_and_ends_sessions() {
    let world = World::new().await;
    let ada = first_signed_in(&world).await;
    let before = ada.cookie();
    let code = ada.code(&world);
    let form = [
        ("new_password", "amber orchard over stone"),
        ("password", PASSWORD),
        ("code", &code),
    ];
    let changed = send(&world, &ada, "/console/account/password", &form)
        .await
        .expect(303);
    assert_eq!(changed.header("location"), "/console/account?done=password");
    assert_ne!(ada.cookie(), before);
    let code = ada.code(&world);
    let form = [("password", "amber orchard over stone"), ("code", &code)];
    let renewed = send(&world, &ada, "/console/account/codes", &form)
        .await
        .expect(200);
    let html = renewed.text();
    let address = between(&html, "href=\"otpauth:", "\"").replace("&#38;", "&");
    let secret = address.split("secret=").nth(1).expect("a secret");
    let app = Totp::parse(secret.split('&').next().expect("its text")).expect("a secret");
    let before = ada.cookie();
    for (code, status, marked) in [("12", 400, "e-code"), ("000000", 403, "e-code")] {
        let form = [("code", code)];
        let again = send(&world, &ada, "/console/account/codes/confirm", &form).await;
        let html = again.expect(status).text();
        assert!(html.contains(&format!("id=\"{marked}\"")), "{html}");
    }
    assert_eq!(ada.cookie(), before, "nothing has changed");
    let code = app.shown_at(world.state.clock.now());
    let form = [("code", code.as_str())];
    let done = send(&world, &ada, "/console/account/codes/confirm", &form)
        .await
        .expect(303);
    assert_eq!(done.header("location"), "/console/account?done=codes");
    assert_ne!(ada.cookie(), before);
    let page = open(&world, &ada, "/console/account").await;
    let html = page.expect(200).text();
    let given = between(&html, "name=\"_token\" value=\"", "\"").to_owned();
    let form = [("_token", given.as_str())];
    let end = between(&html, "/console/account/sessions/", "\"");
    let call = format!("POST /console/account/sessions/{end}");
    let ended = browse(&world, &call, &ada.cookie(), OWN, Some(&form))
        .await
        .expect(303);
    assert_eq!(ended.header("location"), "/console/sign-in");
    let after = open(&world, &ada, "/console/account").await;
    assert_eq!(after.status, 303);
}
