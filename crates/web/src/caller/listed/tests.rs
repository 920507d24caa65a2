use std::time::Duration;

use axum::body::Body;
use futures::StreamExt as _;
use http::Request;
use model::limits::KEYED_BODY_BYTES_MAX;
use serde_json::{Value as Json, json};

use crate::testing::keyed::{HOST, Keyed, RECORDS, key, refused, rows, writer};
use crate::testing::listed::{JAVA, JSON_OF_JAVA, Listed, NODE, PYTHON};
use crate::testing::{Reply, World};

const JSON: &str = "application/json";

/// A record that is written by a signed request.
fn record(world: &World, secret: &str) -> Listed {
    Listed {
        body: json!([{ "customer": "a" }]).to_string(),
        ..Listed::now(world, secret, "POST", RECORDS)
    }
}

fn reads(world: &World, secret: &str) -> Listed {
    Listed::now(world, secret, "GET", "/v1/views/all/data")
}

fn all_rows() -> Json {
    json!([{ "on": "view:all", "actions": ["read"], "constraints": "all_rows" }])
}

#[test]
fn k12_the_client_of_the_tests_signs_as_the_vector_says() {
    let call = Listed {
        method: "POST",
        host: "127.0.0.1:8080".to_owned(),
        target: "/api/v0/encryption/key".to_owned(),
        body: r#"{"uses": 1}"#.to_owned(),
        media_type: JSON,
        date: "Tue, 14 Nov 2023 22:13:20 GMT",
        created: 1_700_000_000,
        list: PYTHON,
        key_id: "AAAAAAAAAAAA".to_owned(),
        secret: "c2lnbmluZy1rZXk=".to_owned(),
    };
    let of_vector =
        "Bn4mYugPpsL5gLuT2ZwhoGD9FE/esEmhjOh7Frj7T2a8ZMt7vTuYpVvWLrzlwEWUb2dy2XQeeU48nKw+Uf7aNA==";
    let signature = call.signature();
    assert!(signature.contains(of_vector), "{signature}");
}

#[tokio::test]
async fn k12_what_each_client_lists_is_let_in_once_and_the_bearer_is_not() {
    let world = World::with_sales().await;
    let (_, token, secret) = writer(&world).await;
    let body = json!([{ "customer": "a" }]);
    let call = format!("POST {RECORDS}");
    let by_token = world.call(&token, &call, &body).await.expect(401);
    assert_eq!(by_token.code(), "signature_required");
    let clients = [(PYTHON, JSON), (NODE, JSON), (JAVA, JSON_OF_JAVA)];
    for (stored, (list, media_type)) in (6..).zip(clients) {
        world.clock.advance(Duration::from_secs(1));
        let shown = Listed {
            list,
            media_type,
            ..record(&world, &secret)
        };
        shown.send(&world).await.expect(200);
        assert_eq!(rows(&world).await, stored, "{list}");
        for _ in 0..334 {
            refused(shown.send(&world).await, "with this signature");
        }
        // Neither under another name of the same key.
        let renamed = Listed {
            key_id: token[6..18].to_owned(),
            ..shown.clone()
        };
        refused(renamed.send(&world).await, "with this signature");
        assert_eq!(rows(&world).await, stored, "none of the replays was let in");
    }
    // A query is signed as it stands there, and the other scheme goes on beside.
    let (_, _, reader) = key(&world, json!({ "grants": all_rows() })).await;
    let with_query = Listed {
        target: "/v1/views/all/data?limit=2".to_owned(),
        ..reads(&world, &reader)
    };
    let seen = with_query.send(&world).await.expect(200).json();
    assert_eq!(seen["data"].as_array().map(Vec::len), Some(2));
    let other = Keyed::now(&world, &reader, "GET", "/v1/views/all/data");
    other.send(&world).await.expect(200);
    // A token of the key names its signing secret, too.
    let (_, token, secret) = key(&world, json!({ "grants": all_rows() })).await;
    let named = Listed {
        key_id: token[6..18].to_owned(),
        ..reads(&world, &secret)
    };
    named.send(&world).await.expect(200);
}

#[tokio::test]
async fn k12_of_the_same_listed_request_64_times_at_once_one_is_let_in() {
    let world = World::with_sales().await;
    let (_, _, secret) = writer(&world).await;
    let call = record(&world, &secret);
    let all = (0..64).map(|_| call.send(&world));
    let all = futures::future::join_all(all).await;
    let good = all.iter().filter(|reply| reply.status == 200).count();
    assert_eq!((good, rows(&world).await), (1, 6));
}

#[tokio::test]
async fn k12_a_listed_replay_is_refused_after_a_kill() {
    let world = World::with_sales().await;
    let (_, _, secret) = key(&world, json!({ "grants": all_rows() })).await;
    let whoami = Listed::now(&world, &secret, "GET", "/v1/whoami");
    whoami.send(&world).await.expect(200);
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("control");
    world.left_behind_whole(&file);
    let world = World::over(&file).await;
    refused(whoami.send(&world).await, "with this signature");
    // The secret itself was read back: another request of it is let in.
    world.clock.advance(Duration::from_secs(300));
    let later = Listed::now(&world, &secret, "GET", "/v1/whoami");
    later.send(&world).await.expect(200);
    refused(whoami.send(&world).await, "with this signature");
}

#[tokio::test]
async fn k12_a_listed_request_counts_for_its_window_alone() {
    let world = World::with_sales().await;
    let (_, _, secret) = writer(&world).await;
    let now = record(&world, &secret).created;
    for (created, is_in) in [
        (now - 300, true),
        (now - 301, false),
        (now + 30, true),
        (now + 31, false),
        (0, false),
        (i64::MAX, false),
    ] {
        let call = Listed {
            created,
            ..record(&world, &secret)
        };
        let reply = call.send(&world).await;
        match is_in {
            true => drop(reply.expect(200)),
            false => refused(reply, "at most 300 s ago and 30 s ahead"),
        }
    }
    assert_eq!(rows(&world).await, 7);
}

#[tokio::test]
async fn k12_whatever_of_a_listed_request_is_altered_is_refused() {
    let world = World::with_sales().await;
    let (_, token, secret) = writer(&world).await;
    let (_, other_token, other) = writer(&world).await;
    let before = rows(&world).await;
    let signed = Listed {
        list: PYTHON,
        media_type: JSON,
        ..record(&world, &secret)
    };
    let headers = signed.headers();
    let value = |name: &str| {
        let found = headers.iter().find(|(known, _)| *known == name);
        found.expect("a header").1.clone()
    };
    let without = |name: &str| {
        let mut headers = headers.clone();
        headers.retain(|(known, _)| *known != name);
        (signed.clone(), headers)
    };
    let with = |name: &'static str, value: &str| {
        let (call, mut headers) = without(name);
        headers.push((name, value.to_owned()));
        (call, headers)
    };
    let twice = |name: &'static str| {
        let mut headers = headers.clone();
        headers.push((name, value(name)));
        (signed.clone(), headers)
    };
    let beside = |name: &'static str, value: String| {
        let mut headers = headers.clone();
        headers.push((name, value));
        (signed.clone(), headers)
    };
    let to = |target: &str| {
        let call = Listed {
            target: target.to_owned(),
            ..signed.clone()
        };
        (call, headers.clone())
    };
    let signature = value("signature");
    let replaced = |from: &str, to: &str| {
        let altered = signature.replacen(from, to, 1);
        assert_ne!(altered, signature, "{from}");
        with("signature", &altered)
    };
    let mut cases = vec![
        to("/v1/pools/sales/delete"),
        to("/v1/pools/s%61les/records"),
        to(&format!("{RECORDS}/")),
        to(&format!("{RECORDS}?")),
        to(&format!("{RECORDS}?x=1")),
        (
            Listed {
                method: "PUT",
                ..signed.clone()
            },
            headers.clone(),
        ),
    ];
    for (name, values) in [
        (
            "host",
            ["data.example", "data.example:8081", "DATA.example:8080"],
        ),
        (
            "content-type",
            ["application/x-ndjson", "application/JSON", JSON_OF_JAVA],
        ),
        ("content-length", ["0", "020", "+20"]),
        (
            "date",
            [
                "Fri, 01 May 2026 12:00:01 GMT",
                "Fri, 01 May 2026 12:00:00 UTC",
                "",
            ],
        ),
        (
            "digest",
            [
                "SHA-512=z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg/SpIdNs6c5H0NE8XYXysP+DGNKHfuwvY7kxvUdBeoGlODJ6+SfaPg==",
                "SHA-256=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
                "SHA-512=",
            ],
        ),
    ] {
        cases.extend(values.into_iter().map(|value| with(name, value)));
        cases.extend([without(name), twice(name)]);
    }
    let digest = value("digest");
    let last = digest.trim_end_matches('=').chars().next_back();
    let last = last.expect("base64");
    // The same bytes in another spelling.
    let again = |text: &str, last: char| {
        let next = char::from(last as u8 + 1);
        text.replace(&format!("{last}=="), &format!("{next}=="))
    };
    let last_signed = signature.trim_end_matches(['=', '"']).chars().next_back();
    let last_signed = last_signed.expect("base64");
    cases.extend([
        with("digest", &again(&digest, last)),
        with("digest", digest.trim_end_matches('=')),
        with("digest", &digest.replace("SHA-512", "sha-512")),
        with("digest", &format!("{digest},{digest}")),
        with("signature", &again(&signature, last_signed)),
        without("signature"),
        twice("signature"),
        beside("signature", "keyId=\"\"".to_owned()),
        replaced("==\"", "\""),
        replaced("keyId", "keyid"),
        replaced(", algorithm=\"hmac-sha512\"", ""),
        replaced("hmac-sha512", "hmac-sha256"),
        replaced("hmac-sha512", "HMAC-SHA512"),
        replaced("created=1", "created=2"),
        replaced("created=1777636800", "created=1777636801"),
        replaced("created=1777636800", "created=1777636799"),
        replaced("created=1777636800", "created=\"1777636800\""),
        replaced("created=1777636800", "created=01777636800"),
        replaced(
            "created=1777636800",
            "created=1777636800, expires=1777637100",
        ),
        replaced("(created) (request-target)", "(request-target) (created)"),
        replaced("date digest", "digest date"),
        replaced("(created) ", ""),
        replaced("(request-target) ", ""),
        replaced("content-length ", ""),
        replaced("content-type ", ""),
        replaced("date ", ""),
        replaced("digest ", ""),
        replaced(" host\"", "\""),
        replaced(" host\"", " Host\""),
        replaced(" host\"", " host \""),
        replaced(" host\"", " host host\""),
        replaced(" host\"", " host user-agent\""),
        replaced(" host\"", " host (expires)\""),
        replaced(", headers", ",headers"),
        replaced(", headers", "; headers"),
        replaced(&secret[6..18], &other[6..18]),
        replaced(&secret[6..18], &other_token[6..18]),
        replaced(&secret[6..18], "AAAAAAAAAAAA"),
        replaced(&secret[6..18], ""),
        // What must not be sent.
        replaced(&secret[6..18], &secret),
        replaced(&secret[6..18], &token),
        with("signature", &format!("{signature}, {signature}")),
        with("signature", "keyId="),
        with("signature", ""),
        beside("idempotency-key", "a".to_owned()),
        beside("content-encoding", "identity".to_owned()),
        beside("authorization", format!("Bearer {token}")),
        beside("authorization", "Basic AAAA".to_owned()),
        beside("signature-input", "sig=()".to_owned()),
    ]);
    // What is signed is not what must be, by the secret or under another.
    for list in [
        "(request-target) content-type digest host",
        "(created) content-type digest host",
        "(created) (request-target) digest host",
        "(created) (request-target) content-type host",
        "(created) (request-target) content-type digest",
        "(created) (request-target) content-type digest host host",
        "(created) (request-target) content-type Digest digest host",
        "(created) (request-target) content-type digest host x-absent",
    ] {
        let call = Listed {
            list,
            ..signed.clone()
        };
        cases.push((call.clone(), call.headers()));
    }
    for wrong in [&other[..], &token[..], "", "tg_hs_------------_"] {
        let call = Listed {
            secret: wrong.to_owned(),
            ..signed.clone()
        };
        cases.push((call.clone(), call.headers()));
    }
    assert!(cases.len() >= 80, "{}", cases.len());
    for (call, headers) in cases {
        let reply = world.send(call.request(&headers)).await;
        // Where the router finds nothing, nobody was let in either.
        let is_elsewhere = call.target != RECORDS || call.method != "POST";
        let expected: &[u16] = match is_elsewhere {
            true => &[400, 401, 404, 405],
            false => &[401],
        };
        assert!(
            expected.contains(&reply.status),
            "{call:?} {headers:?}: {}",
            reply.text()
        );
        if reply.status == 401 {
            let code = reply.code();
            let known = ["signature_refused", "unauthenticated"];
            assert!(known.contains(&code.as_str()), "{code}");
        }
        assert!(!reply.text().contains(&secret[19..]), "{}", reply.text());
    }
    assert_eq!(rows(&world).await, before);
    // What was signed is still unspent.
    signed.send(&world).await.expect(200);
}

#[tokio::test]
async fn k12_a_body_that_is_not_the_one_of_digest_does_nothing_and_any_size_is_taken() {
    let world = World::with_sales().await;
    let (_, _, secret) = writer(&world).await;
    let body = record(&world, &secret).body;
    for other in [
        json!([{ "customer": "b" }]).to_string(),
        format!("{body} "),
        format!("{body}\n{body}"),
        body[..body.len() - 1].to_owned(),
        String::new(),
    ] {
        world.clock.advance(Duration::from_secs(1));
        let signed = record(&world, &secret);
        let sent = Listed {
            body: other,
            ..signed.clone()
        };
        let reply = world.send(sent.request(&signed.headers())).await;
        refused(reply, "not the one of Digest;");
    }
    // The digest of nothing says that nothing was signed.
    let empty = Listed {
        body: String::new(),
        ..record(&world, &secret)
    };
    let full = Listed {
        body,
        ..empty.clone()
    };
    let reply = world.send(full.request(&empty.headers())).await;
    refused(reply, "not the one of Digest;");
    assert_eq!(rows(&world).await, 5);
    // Nobody holds it before the sender is known, so it may be larger than such a body.
    world.clock.advance(Duration::from_secs(1));
    let small = record(&world, &secret);
    let large = Listed {
        body: format!("{}{}", small.body, " ".repeat(KEYED_BODY_BYTES_MAX)),
        ..small
    };
    large.send(&world).await.expect(200);
    assert_eq!(rows(&world).await, 6);
}

#[tokio::test]
async fn k12_the_body_of_a_listed_request_may_take_longer_than_the_window() {
    let world = World::with_sales().await;
    let (_, _, secret) = writer(&world).await;
    for (age, status) in [(300, 200), (301, 401)] {
        let mut call = record(&world, &secret);
        call.created -= age;
        let request = call.request(&call.headers());
        // The second half of the body comes an hour after the first.
        let (head, tail) = call.body.split_at(5);
        let (head, tail) = (head.to_owned(), tail.to_owned());
        let clock = world.clock.clone();
        let pieces = futures::stream::iter([head, tail]).map(move |piece| {
            clock.advance(Duration::from_secs(1_800));
            Ok::<_, std::io::Error>(piece)
        });
        let request = request.map(|_| Body::from_stream(pieces));
        world.send(request).await.expect(status);
    }
    assert_eq!(rows(&world).await, 6);
}

#[tokio::test]
async fn k12_a_request_is_signed_in_one_scheme_and_has_no_secret_beside() {
    let world = World::with_sales().await;
    let (_, token, secret) = writer(&world).await;
    let call = record(&world, &secret);
    let other = Keyed {
        body: call.body.clone(),
        ..Keyed::now(&world, &secret, "POST", RECORDS)
    };
    let input = "sig=(\"@method\");created=1;nonce=\"0123456789abcdef\";keyid=\"AAAAAAAAAAAA\"";
    for (name, value, rule) in [
        ("signature-input", input.to_owned(), "in one scheme"),
        (
            "authorization",
            format!("Bearer {token}"),
            "no Authorization",
        ),
        ("authorization", other.authorization(), "no Authorization"),
    ] {
        let mut headers = call.headers();
        headers.push((name, value));
        headers.push(("x-iex-date", other.date.clone()));
        // It is refused whatever its body, of which nothing comes.
        let never = futures::stream::pending::<Result<String, std::io::Error>>();
        let request = call.request(&headers).map(|_| Body::from_stream(never));
        refused(world.send(request).await, rule);
    }
    // What means nothing here is no signature, and stands in nobody's way.
    let (_, token, _) = key(&world, json!({ "grants": all_rows() })).await;
    let request = Request::builder()
        .uri("/v1/views/all/data")
        .header("authorization", format!("Bearer {token}"))
        .header("signature", "sig=:AAAA:")
        .body(Body::empty());
    let reply = world.send(request.expect("a request")).await;
    reply.expect(200);
    call.send(&world).await.expect(200);
}

#[tokio::test]
async fn k12_what_is_asked_as_in_http_2_stands_for_the_host() {
    let world = World::with_sales().await;
    let (_, _, secret) = key(&world, json!({ "grants": all_rows() })).await;
    for (host, asked_as, is_in) in [
        (None, HOST, true),
        (None, "data.example", false),
        (None, "other.example:8080", false),
        (Some(HOST), "other.example:8080", false),
        (Some("other.example:8080"), HOST, false),
        (Some(HOST), HOST, true),
    ] {
        world.clock.advance(Duration::from_secs(1));
        let call = reads(&world, &secret);
        let mut headers = call.headers();
        headers.retain(|(name, _)| *name != "host");
        headers.extend(host.map(|host| ("host", host.to_owned())));
        let mut request = call.request(&headers);
        let uri = format!("https://{asked_as}{}", call.target);
        *request.uri_mut() = uri.parse().expect("an address");
        let expected = if is_in { 200 } else { 401 };
        let reply = world.send(request).await;
        assert_eq!(reply.status, expected, "{host:?} {asked_as}");
    }
}

/// What an answer says, but for what is of each answer alone.
fn said(reply: Reply) -> (u16, Json) {
    let mut said = reply.json();
    said["request_id"] = Json::Null;
    (reply.status, said)
}

#[tokio::test]
async fn k12_no_answer_tells_whether_there_is_what_key_id_names() {
    let world = World::with_sales().await;
    let (_, _, there) = writer(&world).await;
    let (_, _, other) = writer(&world).await;
    let (disabled_id, _, disabled) = writer(&world).await;
    let path = format!("/v1/keys/{disabled_id}/disable");
    world.post(&path, &Json::Null).await.expect(200);
    let nobody = format!("tg_hs_{}_", "0".repeat(12));
    let reference = world.call("", &format!("POST {RECORDS}"), &json!([])).await;
    let reference = said(reference.expect(401));
    let guessed = |named: &str, secret: &str| Listed {
        secret: secret.to_owned(),
        ..record(&world, named)
    };
    for call in [
        guessed(&there, "tg_hs_guessed"),
        guessed(&there, &other),
        guessed(&disabled, "tg_hs_guessed"),
        guessed(&disabled, &disabled),
        guessed(&nobody, "tg_hs_guessed"),
    ] {
        let reply = call.send(&world).await;
        assert_eq!(said(reply), reference, "{call:?}");
    }
    // It was the key that was switched off, and nothing else.
    world.clock.advance(Duration::from_secs(1));
    let path = format!("/v1/keys/{disabled_id}/enable");
    world.post(&path, &Json::Null).await.expect(200);
    record(&world, &disabled).send(&world).await.expect(200);
    // A signing secret that is deleted signs nothing.
    let call = format!(
        "DELETE /v1/keys/{disabled_id}/signing-secrets/{}?force=true",
        &disabled[6..18]
    );
    world
        .call(&world.admin, &call, &Json::Null)
        .await
        .expect(204);
    world.clock.advance(Duration::from_secs(1));
    let gone = record(&world, &disabled).send(&world).await;
    assert_eq!(said(gone), reference);
}

#[tokio::test]
async fn k12_a_limit_refuses_and_spends_no_listed_signature() {
    let world = World::with_sales().await;
    let (id, _, secret) = writer(&world).await;
    let limits = json!({ "limits": { "requests_per_second": 2 } });
    let patch = format!("PATCH /v1/keys/{id}");
    world.call(&world.admin, &patch, &limits).await.expect(200);
    let now = record(&world, &secret).created;
    let at = |second: i64| Listed {
        created: now + second,
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
async fn k12_by_a_listed_signature_nobody_administers() {
    let world = World::with_sales().await;
    let everything = json!([{ "on": "project", "actions": ["admin", "issue"] },
        { "on": "view:all", "actions": ["read"], "constraints": "all_rows" }]);
    let (_, token, secret) = key(&world, json!({ "grants": everything })).await;
    for path in ["/v1/keys", "/v1/pools", "/v1/audit", "/v1/issued-keys"] {
        world
            .call(&token, &format!("GET {path}"), &Json::Null)
            .await
            .expect(200);
        let signed = Listed::now(&world, &secret, "GET", path);
        refused(signed.send(&world).await, "nobody administers");
    }
    reads(&world, &secret).send(&world).await.expect(200);
    // It ends itself, and nothing else of its key.
    let ends = Listed::now(&world, &secret, "POST", "/v1/keys/self/revoke");
    ends.send(&world).await.expect(204);
    world.clock.advance(Duration::from_secs(1));
    let again = reads(&world, &secret).send(&world).await;
    again.expect(401);
}

#[tokio::test]
async fn k12_a_secret_that_is_sent_as_key_id_is_refused_by_name() {
    let world = World::with_sales().await;
    let draft = json!({ "kind": "publishable", "grants": [] });
    let (_, public, secret) = key(&world, draft).await;
    for sent in [&public, &secret, &world.admin] {
        let call = Listed {
            key_id: sent.clone(),
            ..Listed::now(&world, &secret, "GET", "/v1/whoami")
        };
        let reply = call.send(&world).await.expect(401);
        assert!(!reply.text().contains(&sent[19..]), "{}", reply.text());
        refused(reply, "stays where it is: replace");
    }
}
