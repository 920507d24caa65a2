use std::time::Duration;

use futures::StreamExt as _;
use model::limits::KEYED_BODY_BYTES_MAX;
use serde_json::{Value as Json, json};

use crate::caller::seen::tests::from as from_network;
use crate::testing::keyed::{Keyed, RECORDS, key, made_for, refused, rows, writer};
use crate::testing::people::first_signed_in;
use crate::testing::{World, text};

mod dribbling;

fn request_of(call: &Keyed) -> http::Request<axum::body::Body> {
    call.request(&call.headers())
}

/// A record that is written by a signed request.
fn record(world: &World, secret: &str) -> Keyed {
    Keyed {
        body: json!([{ "customer": "a" }]).to_string(),
        ..Keyed::now(world, secret, "POST", RECORDS)
    }
}

#[tokio::test]
async fn k12_a_signed_request_is_let_in_once_and_its_bearer_is_not() {
    let world = World::with_sales().await;
    let (_, token, secret) = writer(&world).await;
    let shown = record(&world, &secret);
    let body = serde_json::from_str(&shown.body).expect("JSON");
    let call = format!("POST {RECORDS}");
    let by_token = world.call(&token, &call, &body).await.expect(401);
    assert_eq!(by_token.code(), "signature_required");
    // A signing secret is no token.
    world.call(&secret, &call, &body).await.expect(401);
    shown.send(&world).await.expect(200);
    assert_eq!(rows(&world).await, 6);
    for _ in 0..1_000 {
        refused(shown.send(&world).await, "with this signature");
    }
    // Neither under another name of the same key.
    let renamed = Keyed {
        credential: token[6..18].to_owned(),
        ..shown.clone()
    };
    assert_ne!(renamed.authorization(), shown.authorization());
    refused(renamed.send(&world).await, "with this signature");
    assert_eq!(rows(&world).await, 6, "none of the replays was let in");
    // A second later the same call is another request.
    world.clock.advance(Duration::from_secs(1));
    record(&world, &secret).send(&world).await.expect(200);
    assert_eq!(rows(&world).await, 7);
}

#[tokio::test]
async fn k12_of_the_same_request_64_times_at_once_one_is_let_in() {
    let world = World::with_sales().await;
    let (_, _, secret) = writer(&world).await;
    let call = record(&world, &secret);
    let all = (0..64).map(|_| call.send(&world));
    let all = futures::future::join_all(all).await;
    let good = all.iter().filter(|reply| reply.status == 200).count();
    assert_eq!((good, rows(&world).await), (1, 6));
}

#[tokio::test]
async fn k12_a_replay_is_refused_after_a_kill() {
    let world = World::with_sales().await;
    let grants = json!([{ "on": "view:all", "actions": ["read"], "constraints": "all_rows" }]);
    let (_, _, secret) = key(&world, json!({ "grants": grants })).await;
    let whoami = Keyed::now(&world, &secret, "GET", "/v1/whoami");
    whoami.send(&world).await.expect(200);
    let unsent = Keyed {
        query: "x=1".to_owned(),
        ..whoami.clone()
    };
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("control");
    world.left_behind_whole(&file);
    let world = World::over(&file).await;
    refused(whoami.send(&world).await, "with this signature");
    // The secret itself was read back: another request of it is let in.
    unsent.send(&world).await.expect(400);
    let again = Keyed {
        path: "/v1/whoami".to_owned(),
        ..Keyed::now(&world, &secret, "GET", "/v1/whoami")
    };
    world.clock.advance(Duration::from_secs(2));
    let later = Keyed {
        date: Keyed::now(&world, &secret, "GET", "/").date,
        ..again
    };
    later.send(&world).await.expect(200);
}

#[tokio::test]
async fn k12_a_request_counts_for_its_window_alone() {
    let world = World::with_sales().await;
    let (_, _, secret) = writer(&world).await;
    let signed_at = |seconds: u64| {
        world.clock.advance(Duration::from_secs(seconds));
        record(&world, &secret)
    };
    let (older, old, now) = (signed_at(0), signed_at(1), signed_at(300));
    refused(older.send(&world).await, "at most 300 s ago");
    old.send(&world).await.expect(200);
    now.send(&world).await.expect(200);
    let at = |date: &str| Keyed {
        date: date.to_owned(),
        ..record(&world, &secret)
    };
    // It is 12:05:01.
    at("20260501T120531Z").send(&world).await.expect(200);
    refused(at("20260501T120532Z").send(&world).await, "30 s ahead");
    refused(at("20260502T120501Z").send(&world).await, "30 s ahead");
}

#[tokio::test]
async fn k12_whatever_is_altered_is_refused() {
    let world = World::with_sales().await;
    let (_, token, secret) = writer(&world).await;
    let (_, other_token, other) = writer(&world).await;
    let before = rows(&world).await;
    let signed = record(&world, &secret);
    let headers = signed.headers();
    let value = |name: &str| {
        let found = headers.iter().find(|(known, _)| *known == name);
        found.expect("a header").1.clone()
    };
    let without = |name: &str| {
        let mut headers = headers.clone();
        headers.retain(|(known, _)| *known != name);
        headers
    };
    let with = |name: &'static str, value: String| {
        let mut headers = without(name);
        headers.push((name, value));
        (signed.clone(), headers)
    };
    let twice = |name: &'static str| {
        let mut headers = headers.clone();
        headers.push((name, value(name)));
        (signed.clone(), headers)
    };
    let sent = |call: Keyed| (call, headers.clone());
    let authorization = value("authorization");
    let replaced =
        |from: &str, to: &str| with("authorization", authorization.replacen(from, to, 1));
    let mut flipped = authorization.clone();
    let last = if flipped.pop() == Some('0') { '1' } else { '0' };
    flipped.push(last);
    let of = |call: Keyed| (call.clone(), call.headers());
    let cases = vec![
        sent(Keyed {
            method: "PUT",
            ..signed.clone()
        }),
        sent(Keyed {
            path: "/v1/pools/sales/delete".to_owned(),
            ..signed.clone()
        }),
        sent(Keyed {
            path: "/v1/pools/s%61les/records".to_owned(),
            ..signed.clone()
        }),
        sent(Keyed {
            query: "x=1".to_owned(),
            ..signed.clone()
        }),
        sent(Keyed {
            body: json!([{ "customer": "b" }]).to_string(),
            ..signed.clone()
        }),
        sent(Keyed {
            body: format!("{} ", signed.body),
            ..signed.clone()
        }),
        sent(Keyed {
            body: String::new(),
            ..signed.clone()
        }),
        with("host", "data.example".to_owned()),
        with("host", "data.example:8081".to_owned()),
        with("host", "DATA.example:8080".to_owned()),
        (signed.clone(), without("host")),
        twice("host"),
        with("x-iex-date", "20260501T120001Z".to_owned()),
        with("x-iex-date", "20260501T115959Z".to_owned()),
        with("x-iex-date", "2026-05-01T12:00:00Z".to_owned()),
        (signed.clone(), without("x-iex-date")),
        twice("x-iex-date"),
        twice("authorization"),
        with("authorization", flipped),
        replaced("IEX-HMAC-SHA256", "iex-hmac-sha256"),
        replaced("IEX-HMAC-SHA256 ", "IEX-HMAC-SHA256  "),
        replaced(&secret[6..18], &other[6..18]),
        replaced(&secret[6..18], &other_token[6..18]),
        replaced(&secret[6..18], "AAAAAAAAAAAA"),
        replaced(&secret[6..18], ""),
        // What must not be sent.
        replaced(&secret[6..18], &secret),
        replaced(&secret[6..18], &token),
        replaced("20260501/", "20260502/"),
        replaced("iex_request", "aws4_request"),
        replaced("host;x-iex-date", "host"),
        replaced("host;x-iex-date", "x-iex-date;host"),
        replaced(", Signature=", ",Signature="),
        replaced(", Signature=", ", signature="),
        with("authorization", format!("{authorization}, Signature=00")),
        with("authorization", "IEX-HMAC-SHA256".to_owned()),
        // Signed with what is not the key's.
        of(Keyed {
            secret: other.clone(),
            ..signed.clone()
        }),
        of(Keyed {
            secret: token.clone(),
            credential: token[6..18].to_owned(),
            ..signed.clone()
        }),
        of(Keyed {
            secret: String::new(),
            ..signed.clone()
        }),
    ];
    assert!(cases.len() >= 38, "{}", cases.len());
    for (call, headers) in cases {
        let reply = world.send(call.request(&headers)).await;
        // Where the router finds nothing, nobody was let in either.
        let is_elsewhere = call.path != RECORDS || call.method != "POST";
        let expected: &[u16] = if is_elsewhere {
            &[401, 405]
        } else {
            &[400, 401]
        };
        assert!(
            expected.contains(&reply.status),
            "{call:?} {headers:?}: {}",
            reply.text()
        );
        if reply.status != 405 {
            let code = reply.code();
            let known = ["signature_refused", "unauthenticated", "unknown_member"];
            assert!(known.contains(&code.as_str()), "{code}");
        }
        assert!(!reply.text().contains(&secret[19..]), "{}", reply.text());
    }
    assert_eq!(rows(&world).await, before);
    // What was signed is still unspent.
    signed.send(&world).await.expect(200);
}

#[tokio::test]
async fn k12_a_key_in_a_page_is_named_by_its_token_and_signed_for_elsewhere() {
    let world = World::with_sales().await;
    let rows = json!([{ "field": "customer", "operator": "eq", "value": "a" }]);
    let draft = json!({ "kind": "publishable",
        "grants": [{ "on": "view:all", "actions": ["read"], "constraints": rows }] });
    let (_, token, secret) = key(&world, draft).await;
    let named = |credential: &str, date: &str| Keyed {
        credential: credential.to_owned(),
        date: date.to_owned(),
        query: "limit=2".to_owned(),
        ..Keyed::now(&world, &secret, "GET", "/v1/views/all/data")
    };
    for (credential, second) in [(&token[..], 1), (&token[6..18], 2), (&secret[6..18], 3)] {
        let call = named(credential, &format!("20260501T12000{second}Z"));
        let seen = call.send(&world).await.expect(200).json();
        assert_eq!(seen["data"].as_array().map(Vec::len), Some(2));
    }
    // The token lets in by itself, and signs nothing.
    let by_token = Keyed {
        secret: token.clone(),
        ..named(&token, "20260501T120004Z")
    };
    by_token.send(&world).await.expect(401);
    let (_, other, _) = key(&world, json!({ "kind": "publishable", "grants": [] })).await;
    let foreign = named(&other, "20260501T120005Z");
    foreign.send(&world).await.expect(401);
    // In the address a token stands in every log; that is refused as ever.
    let in_address = Keyed {
        query: format!("token={token}"),
        ..named(&token, "20260501T120006Z")
    };
    let reply = in_address.send(&world).await.expect(400);
    assert_eq!(reply.code(), "key_in_query");
    // So is a signing secret, wherever it stands there.
    let in_path = format!("/v1/pools/{secret}");
    let reply = world.get(&in_path).await.expect(400);
    assert_eq!(reply.code(), "key_in_query");
    assert!(reply.text().contains(&secret[6..18]) && !reply.text().contains(&secret[19..]));
}

#[tokio::test]
async fn k12_two_signing_secrets_at_most_so_that_one_takes_the_place_of_the_other() {
    let world = World::with_sales().await;
    let (id, _, first) = writer(&world).await;
    let path = format!("/v1/keys/{id}/signing-secrets");
    world.clock.advance(Duration::from_secs(1));
    let second = made_for(&world, &id).await;
    let third = world.post(&path, &Json::Null).await.expect(400);
    assert_eq!(third.code(), "limit_exceeded");
    for secret in [&first, &second] {
        record(&world, secret).send(&world).await.expect(200);
    }
    let listed = world.get(&path).await.expect(200);
    for secret in [&first, &second] {
        assert!(!listed.text().contains(&secret[19..]));
    }
    let listed = listed.json();
    for (at, secret) in [&first, &second].into_iter().enumerate() {
        assert_eq!(text(&listed, &format!("/items/{at}/id")), &secret[6..18]);
        let used = text(&listed, &format!("/items/{at}/last_used_at"));
        assert_eq!(used, "2026-05-01T12:00:01Z");
    }
    // No other answer has one, and none is in a file as it is.
    let shown = world.get(&format!("/v1/keys/{id}")).await.expect(200);
    for secret in [&first, &second] {
        assert!(!shown.text().contains(&secret[19..]));
    }
    world.state.control.save_last_used().await.expect("saved");
    for bytes in world.files() {
        for secret in [&first, &second] {
            let secret = &secret.as_bytes()[19..62];
            let is_there = memchr::memmem::find(&bytes, secret).is_some();
            assert!(!is_there, "a signing secret is in a file");
        }
    }
    let delete = |secret: &str| format!("DELETE {path}/{}?force=true", &secret[6..18]);
    let admin = &world.admin;
    world
        .call(admin, &delete(&first), &Json::Null)
        .await
        .expect(204);
    world
        .call(admin, &delete(&first), &Json::Null)
        .await
        .expect(404);
    world.clock.advance(Duration::from_secs(1));
    record(&world, &first).send(&world).await.expect(401);
    record(&world, &second).send(&world).await.expect(200);
    // Another key's is not found by this one.
    let (_, _, foreign) = writer(&world).await;
    world
        .call(admin, &delete(&foreign), &Json::Null)
        .await
        .expect(404);
    // With the key it goes.
    let gone = format!("DELETE /v1/keys/{id}?force=true");
    world.call(admin, &gone, &Json::Null).await.expect(204);
    world.clock.advance(Duration::from_secs(1));
    record(&world, &second).send(&world).await.expect(401);
}

#[tokio::test]
async fn k12_what_a_limit_refuses_spends_no_signature_and_a_replay_takes_of_no_limit() {
    let world = World::with_sales().await;
    let (id, _, secret) = writer(&world).await;
    let limits = json!({ "limits": { "requests_per_second": 2 } });
    let patch = format!("PATCH /v1/keys/{id}");
    world.call(&world.admin, &patch, &limits).await.expect(200);
    let at = |second: u8| Keyed {
        date: format!("20260501T12000{second}Z"),
        ..record(&world, &secret)
    };
    at(1).send(&world).await.expect(200);
    for _ in 0..100 {
        refused(at(1).send(&world).await, "with this signature");
    }
    at(2).send(&world).await.expect(200);
    for _ in 0..5 {
        let over = at(3).send(&world).await.expect(429);
        assert_eq!(over.code(), "rate_limited");
    }
    world.clock.advance(Duration::from_secs(1));
    at(3).send(&world).await.expect(200);
    refused(at(3).send(&world).await, "with this signature");
    assert_eq!(rows(&world).await, 8);
}

#[tokio::test]
async fn k12_a_body_is_held_before_anybody_is_let_in_so_it_is_small() {
    let world = World::with_sales().await;
    let (_, _, secret) = writer(&world).await;
    let blanks = |bytes: usize| {
        let call = record(&world, &secret);
        let blanks = " ".repeat(bytes - call.body.len());
        let body = format!("{}{blanks}", call.body);
        Keyed { body, ..call }
    };
    blanks(KEYED_BODY_BYTES_MAX).send(&world).await.expect(200);
    let large = blanks(KEYED_BODY_BYTES_MAX + 1).send(&world).await;
    assert_eq!(large.expect(413).code(), "limit_exceeded");
}

#[tokio::test]
async fn k12_a_body_that_takes_long_brings_no_repetition_through_a_restart() {
    let world = World::with_sales().await;
    let (_, _, secret) = writer(&world).await;
    let call = record(&world, &secret);
    call.send(&world).await.expect(200);
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("control");
    world.left_behind_whole(&file);
    let world = World::over(&file).await;
    world.clock.advance(Duration::from_secs(300));
    // The head comes in time, and the end of the body when all is forgotten.
    let request = call.request(&call.headers());
    let (head, tail) = call.body.split_at(5);
    let (head, tail) = (head.to_owned(), tail.to_owned());
    let clock = world.clock.clone();
    let pieces = futures::stream::iter([head, tail]).map(move |piece| {
        clock.advance(Duration::from_secs(300));
        Ok::<_, std::io::Error>(piece)
    });
    let slow = request.map(|_| axum::body::Body::from_stream(pieces));
    refused(world.send(slow).await, "cannot be told from a repetition");
}

#[tokio::test]
async fn k12_bodies_are_waited_for_of_whom_could_be_let_in_and_of_one_network_a_few() {
    let world = World::with_sales().await;
    let (_, _, secret) = writer(&world).await;
    let call = record(&world, &secret);
    let endless = |headers: &[(&str, String)]| {
        let never = futures::stream::pending::<Result<String, std::io::Error>>();
        let request = call.request(headers);
        request.map(|_| axum::body::Body::from_stream(never))
    };
    // What is refused in any case is refused at once.
    let mut headers = call.headers();
    headers.retain(|(name, _)| *name != "x-iex-date");
    refused(world.send(endless(&headers)).await, "x-iex-date");
    let send =
        |from: Option<&'static str>| Box::pin(from_network(&world, from, endless(&call.headers())));
    let mut waiting: Vec<_> = (0..4).map(|_| send(Some("192.0.2.7"))).collect();
    for one in &mut waiting {
        assert!(futures::poll!(one).is_pending());
    }
    let fifth = send(Some("192.0.2.8")).await.expect(503);
    assert_eq!(fifth.code(), "busy");
    let mut other = send(Some("198.51.100.7"));
    assert!(futures::poll!(&mut other).is_pending());
    drop(waiting);
    let mut again = send(Some("192.0.2.8"));
    assert!(futures::poll!(&mut again).is_pending());
}

#[tokio::test]
async fn k21_while_a_token_is_in_quarantine_so_is_what_the_key_signs_with() {
    let world = World::with_sales().await;
    let grants = json!([{ "on": "view:all", "actions": ["read"], "constraints": "all_rows" }]);
    let (id, _, secret) = key(&world, json!({ "grants": grants })).await;
    let reads = || Keyed::now(&world, &secret, "GET", "/v1/views/all/data");
    from_network(&world, Some("192.0.2.7"), request_of(&reads()))
        .await
        .expect(200);
    let path = format!("/v1/keys/{id}/quarantine");
    world.post(&path, &json!({})).await.expect(200);
    world.clock.advance(Duration::from_secs(1));
    let held = from_network(&world, Some("192.0.2.7"), request_of(&reads())).await;
    assert!([401, 403].contains(&held.status), "{}", held.text());
    // The roll shows that it goes on beside the new token, and there was a notice.
    let rolled = world
        .post(
            &format!("/v1/keys/{id}/roll"),
            &json!({ "grace": "0s", "force": true }),
        )
        .await;
    let rolled = rolled.expect(201).json();
    assert_eq!(text(&rolled, "/signing_secrets/0/id"), &secret[6..18]);
    let notices = world.get("/v1/notices").await.expect(200).json();
    let notices = notices["items"].as_array().expect("notices").iter();
    assert!(
        notices
            .clone()
            .any(|notice| notice["kind"] == "signing_secret")
    );
    world.clock.advance(Duration::from_secs(1));
    reads().send(&world).await.expect(200);
}

#[tokio::test]
async fn k12_with_a_signing_secret_nobody_administers() {
    let world = World::with_sales().await;
    let everything = json!([{ "on": "project", "actions": ["admin", "issue"] },
        { "on": "view:all", "actions": ["read"], "constraints": "all_rows" }]);
    let (_, token, secret) = key(&world, json!({ "grants": everything })).await;
    for path in ["/v1/keys", "/v1/pools", "/v1/audit", "/v1/issued-keys"] {
        world
            .call(&token, &format!("GET {path}"), &Json::Null)
            .await
            .expect(200);
        let signed = Keyed::now(&world, &secret, "GET", path);
        refused(signed.send(&world).await, "nobody administers");
    }
    let data = Keyed::now(&world, &secret, "GET", "/v1/views/all/data");
    data.send(&world).await.expect(200);
    // It ends itself, and nothing else of its key.
    let ends = Keyed::now(&world, &secret, "POST", "/v1/keys/self/revoke");
    ends.send(&world).await.expect(204);
    world.clock.advance(Duration::from_secs(1));
    let again = Keyed::now(&world, &secret, "GET", "/v1/views/all/data");
    again.send(&world).await.expect(401);
    world
        .call(&token, "GET /v1/whoami", &Json::Null)
        .await
        .expect(200);
}

#[tokio::test]
async fn k12_making_one_asks_for_what_a_roll_asks_for_and_is_audited() {
    let world = World::with_sales().await;
    let (id, _) = world.key(json!([])).await;
    let ada = first_signed_in(&world).await;
    let call = format!("POST /v1/keys/{id}/signing-secrets");
    let refused = ada.call(&world, &call, &json!({})).await.expect(403);
    assert_eq!(refused.code(), "code_needed");
    let proof = json!({ "code": ada.code(&world) });
    let made = ada.call(&world, &call, &proof).await.expect(201).json();
    let audit = world
        .get(&format!("/v1/audit?subject={id}"))
        .await
        .expect(200)
        .json();
    let entry = &audit["items"][0];
    assert_eq!(entry["action"], "key.make_signing_secret", "{audit}");
    assert!(entry.to_string().contains(text(&made, "/id")), "{entry}");
    let secret = text(&made, "/signing_secret");
    assert!(!audit.to_string().contains(&secret[19..]));
}

#[tokio::test]
async fn k21_a_signing_secret_that_is_reported_is_gone() {
    let world = World::with_sales().await;
    let (id, _, secret) = writer(&world).await;
    let report = |token: &str| json!({ "token": token });
    let path = "/v1/keys/report";
    let mut typo = secret.clone();
    typo.replace_range(30..31, if &typo[30..31] == "x" { "y" } else { "x" });
    for (token, valid) in [(&typo, false), (&secret, true), (&secret, false)] {
        let answer = world
            .call("", &format!("POST {path}"), &report(token))
            .await;
        assert_eq!(answer.expect(200).json()["valid"], valid);
    }
    record(&world, &secret).send(&world).await.expect(401);
    let notices = world.get("/v1/notices").await.expect(200).json();
    let notices = notices["items"].as_array().expect("notices");
    let leaked = notices.iter().find(|notice| notice["kind"] == "leaked");
    let leaked = leaked.expect("the owner is told");
    assert_eq!(leaked["key"]["id"], json!(id), "{leaked}");
}

#[tokio::test]
async fn k12_a_key_of_a_dialect_has_none() {
    let world = World::with_sales().await;
    let keen = world
        .post("/v1/projects/default/keen", &json!({}))
        .await
        .expect(201);
    assert!(keen.json()["master_key"].is_string());
    let keys = world.get("/v1/keys").await.expect(200).json();
    let legacy = keys["items"].as_array().expect("keys").iter();
    let mut legacy = legacy.filter(|key| key["kind"] == "legacy");
    let id = text(legacy.next_back().expect("one"), "/id").to_owned();
    let path = format!("/v1/keys/{id}/signing-secrets");
    let refused = world.post(&path, &Json::Null).await.expect(400);
    assert_eq!(refused.code(), "not_available");
    // The token of a key is no signing secret.
    let call = Keyed::now(&world, &world.admin, "GET", "/v1/whoami");
    call.send(&world).await.expect(401);
}

#[tokio::test]
async fn k6_a_signing_secret_that_somebody_uses_is_ended_by_force_alone() {
    let world = World::with_sales().await;
    let grants = json!([{ "on": "view:all", "actions": ["read"], "constraints": "all_rows" }]);
    let (id, _, secret) = key(&world, json!({ "grants": grants })).await;
    let read = || Keyed::now(&world, &secret, "GET", "/v1/views/all/data");
    read().send(&world).await.expect(200);
    world.clock.advance(Duration::from_secs(1));
    let call = format!("DELETE /v1/keys/{id}/signing-secrets/{}", &secret[6..18]);
    let delete = async |call: &str| world.call(&world.admin, call, &Json::Null).await;
    let refused = delete(&call).await.expect(409);
    assert_eq!(refused.code(), "recently_used");
    read().send(&world).await.expect(200);
    let unclear = delete(&format!("{call}?force=yes")).await.expect(400);
    assert_eq!(unclear.json()["pointer"], "/force");
    delete(&format!("{call}?force=true")).await.expect(204);
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(read().send(&world).await.status, 401);
    // One that nobody uses goes without.
    let silent = made_for(&world, &id).await;
    let call = format!("DELETE /v1/keys/{id}/signing-secrets/{}", &silent[6..18]);
    delete(&call).await.expect(204);
}
