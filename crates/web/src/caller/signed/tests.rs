use std::time::Duration;

use axum::body::Body;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::Request;
use model::secrets::Secret;
use serde_json::json;

use super::*;
use crate::testing::{Reply, World, text};

const HOST: &str = "data.example";
const RECORDS: &str = "/v1/pools/sales/records";

/// What is signed, and what of it is sent otherwise.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) method: &'static str,
    pub(crate) scheme: &'static str,
    pub(crate) path: String,
    pub(crate) body: String,
    pub(crate) content_type: Option<&'static str>,
    pub(crate) components: Vec<&'static str>,
    pub(crate) created: i64,
    pub(crate) nonce: String,
    pub(crate) keyid: String,
    pub(crate) more: &'static str,
}

impl Call {
    pub(crate) fn post(world: &World, token: &str, nonce: &str) -> Self {
        let now = world.clock.advance(Duration::ZERO).as_microsecond();
        Self {
            method: "POST",
            scheme: "https",
            path: RECORDS.to_owned(),
            body: json!([{ "customer": "a" }]).to_string(),
            content_type: Some("application/json"),
            components: vec!["@method", "@target-uri", "content-digest", "content-type"],
            created: now / 1_000_000,
            nonce: format!("{nonce:0>16}"),
            keyid: Secret::parse(token).expect("a token").id().to_string(),
            more: "",
        }
    }

    /// The headers of the request, signed under the token.
    fn headers(&self, token: &str) -> Vec<(&'static str, String)> {
        let digest = STANDARD.encode(Sha256::digest(&self.body));
        let digest = format!("sha-256=:{digest}:");
        let list: Vec<String> = self.components.iter().map(|c| format!("\"{c}\"")).collect();
        let params = format!(
            "({});created={};nonce=\"{}\";keyid=\"{}\"{}",
            list.join(" "),
            self.created,
            self.nonce,
            self.keyid,
            self.more
        );
        let mut base = String::new();
        for component in &self.components {
            let value = match *component {
                "@method" => self.method.to_owned(),
                "@target-uri" => format!("{}://{HOST}{}", self.scheme, self.path),
                "content-digest" => digest.clone(),
                _ => self.content_type.unwrap_or_default().to_owned(),
            };
            base += &format!("\"{component}\": {value}\n");
        }
        base += &format!("\"@signature-params\": {params}");
        let secret = Secret::parse(token).expect("a token");
        let signature = STANDARD.encode(secret.sign(base.as_bytes()));
        let mut headers = vec![
            ("host", HOST.to_owned()),
            ("content-digest", digest),
            ("signature-input", format!("sig={params}")),
            ("signature", format!("sig=:{signature}:")),
        ];
        headers.extend(
            self.content_type
                .map(|known| ("content-type", known.to_owned())),
        );
        headers
    }

    fn request(&self, headers: &[(&str, String)]) -> Request<Body> {
        let mut request = Request::builder().method(self.method).uri(&self.path);
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        request
            .body(Body::from(self.body.clone()))
            .expect("a request")
    }

    pub(crate) async fn send(&self, world: &World, token: &str) -> Reply {
        world.send(self.request(&self.headers(token))).await
    }
}

/// A key that writes and takes signed requests alone: its id and its token.
async fn key(world: &World) -> (String, String) {
    let body = json!({ "name": "signs", "restrictions": { "signed_requests": true },
        "grants": [{ "on": "pool:sales", "actions": ["ingest"] }] });
    let made = world.post("/v1/keys", &body).await.expect(201).json();
    let text = |pointer| text(&made, pointer).to_owned();
    (text("/id"), text("/token"))
}

async fn rows(world: &World) -> usize {
    let rows = world.get("/v1/views/all/data").await.expect(200).json();
    rows["data"].as_array().expect("rows").len()
}

#[tokio::test]
async fn k11_a_key_for_signed_requests_takes_no_token_and_each_request_once() {
    let world = World::with_sales().await;
    let (_, token) = key(&world).await;
    let body = json!([{ "customer": "a" }]);
    let shown = world
        .call(&token, &format!("POST {RECORDS}"), &body)
        .await
        .expect(401);
    assert_eq!(shown.code(), "signature_required");
    let call = Call::post(&world, &token, "1");
    call.send(&world, &token).await.expect(200);
    assert_eq!(rows(&world).await, 6);
    for _ in 0..1_000 {
        let again = call.send(&world, &token).await.expect(401);
        assert_eq!(again.code(), "signature_refused");
    }
    assert_eq!(rows(&world).await, 6, "none of 1,000 replays was let in");
    // Any key may sign, and a request without a body signs the digest of none.
    let who = Call {
        method: "GET",
        scheme: "http",
        path: "/v1/whoami".to_owned(),
        body: String::new(),
        content_type: None,
        components: vec!["content-digest", "@target-uri", "@method"],
        more: ";alg=\"ed25519\"",
        ..Call::post(&world, &world.admin, "2")
    };
    who.send(&world, &world.admin).await.expect(200);
}

#[tokio::test]
async fn k11_of_the_same_request_64_times_at_once_one_is_let_in() {
    let world = World::with_sales().await;
    let (_, token) = key(&world).await;
    let call = Call::post(&world, &token, "1");
    let all = (0..64).map(|_| call.send(&world, &token));
    let all = futures::future::join_all(all).await;
    let good = all.iter().filter(|reply| reply.status == 200).count();
    assert_eq!(good, 1);
    assert_eq!(rows(&world).await, 6);
}

#[tokio::test]
async fn k11_a_request_counts_for_its_window_alone() {
    let world = World::with_sales().await;
    let (_, token) = key(&world).await;
    let now = Call::post(&world, &token, "0").created;
    for (nonce, created, status) in [
        ("1", now - 300, 200),
        ("2", now - 301, 401),
        ("3", now + 30, 200),
        ("4", now + 31, 401),
        ("5", 0, 401),
        ("6", i64::MAX, 401),
    ] {
        let call = Call {
            created,
            ..Call::post(&world, &token, nonce)
        };
        call.send(&world, &token).await.expect(status);
    }
}

#[tokio::test]
async fn k11_a_body_may_take_longer_than_the_window() {
    let world = World::with_sales().await;
    let (_, token) = key(&world).await;
    for (nonce, age, status) in [("1", 300, 200), ("2", 301, 401)] {
        let mut call = Call::post(&world, &token, nonce);
        call.created -= age;
        let request = call.request(&call.headers(&token));
        // The second half of the body comes an hour after the first.
        let (head, tail) = call.body.split_at(5);
        let (head, tail) = (head.to_owned(), tail.to_owned());
        let clock = world.clock.clone();
        let pieces = stream::iter([head, tail]).map(move |piece| {
            clock.advance(Duration::from_secs(1_800));
            Ok::<_, std::io::Error>(piece)
        });
        let request = request.map(|_| Body::from_stream(pieces));
        world.send(request).await.expect(status);
    }
    assert_eq!(rows(&world).await, 6);
    // Once it is there it counts once, as any other.
    let mut call = Call::post(&world, &token, "1");
    call.created -= 300;
    call.send(&world, &token).await.expect(401);
}

#[tokio::test]
async fn k11_what_a_limit_refuses_spends_no_nonce_and_a_replay_takes_of_no_limit() {
    let world = World::with_sales().await;
    let (id, token) = key(&world).await;
    let limits = json!({ "limits": { "requests_per_second": 2 } });
    let patch = format!("PATCH /v1/keys/{id}");
    world.call(&world.admin, &patch, &limits).await.expect(200);
    let call = |nonce| Call::post(&world, &token, nonce);
    let first = call("1");
    first.send(&world, &token).await.expect(200);
    for _ in 0..100 {
        let again = first.send(&world, &token).await.expect(401);
        assert_eq!(again.code(), "signature_refused");
    }
    // None of them took the second place of this second.
    call("2").send(&world, &token).await.expect(200);
    let third = call("3");
    for _ in 0..5 {
        let over = third.send(&world, &token).await.expect(429);
        assert_eq!(over.code(), "rate_limited");
    }
    assert_eq!(rows(&world).await, 7);
    world.clock.advance(Duration::from_secs(1));
    third.send(&world, &token).await.expect(200);
    third.send(&world, &token).await.expect(401);
    assert_eq!(rows(&world).await, 8);
}

#[tokio::test]
async fn k11_what_was_signed_before_a_false_time_was_taken_back_is_refused() {
    let world = World::with_sales().await;
    let (_, token) = key(&world).await;
    let whoami = |created: i64, nonce: &str| Call {
        method: "GET",
        path: "/v1/whoami".to_owned(),
        body: String::new(),
        content_type: None,
        components: vec!["@method", "@target-uri", "content-digest"],
        created,
        ..Call::post(&world, &token, nonce)
    };
    let now = Call::post(&world, &token, "0").created;
    let (before, after) = (whoami(now, "1"), whoami(now + 10, "2"));
    let accepted = world.clock.advance(Duration::from_secs(10));
    let taken_back = world.state.control.accept_clock(accepted).await;
    taken_back.expect("taken back");
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("control");
    world.left_behind(&file);
    let world = World::over(&file).await;
    let refused = before.send(&world, &token).await.expect(401);
    assert!(
        refused.text().contains("clock was set right"),
        "{}",
        refused.text()
    );
    after.send(&world, &token).await.expect(200);
}

#[tokio::test]
async fn k11_what_was_signed_by_a_false_time_is_refused_when_that_time_comes() {
    let world = World::with_sales().await;
    let (_, token) = key(&world).await;
    let truth = world.clock.advance(Duration::ZERO);
    let ahead = Duration::from_secs(30 * 86_400);
    world.clock.advance(ahead);
    let signed = |world: &World, nonce: &str| Call::post(world, &token, nonce);
    let of_then = signed(&world, "1");
    of_then.send(&world, &token).await.expect(200);
    let unsent = signed(&world, "2");
    let taken_back = world.state.control.accept_clock(truth).await;
    taken_back.expect("taken back");
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("control");
    world.left_behind(&file);
    let world = World::over(&file).await;
    // By the true time as ever, until it is that which was false.
    world.clock.advance(Duration::from_secs(1));
    let fresh = signed(&world, "3");
    fresh.send(&world, &token).await.expect(200);
    world.clock.advance(ahead);
    for call in [&of_then, &unsent, &signed(&world, "4")] {
        let refused = call.send(&world, &token).await.expect(401);
        assert!(
            refused.text().contains("while it was wrong"),
            "{}",
            refused.text()
        );
    }
    world.clock.advance(Duration::from_secs(3_600));
    let later = signed(&world, "5");
    later.send(&world, &token).await.expect(200);
}

#[tokio::test]
async fn k11_whatever_is_altered_is_refused() {
    let world = World::with_sales().await;
    let (_, token) = key(&world).await;
    let (_, other) = key(&world).await;
    let before = rows(&world).await;
    let mut altered = 0;
    // What is sent is not what was signed.
    let signed = Call::post(&world, &token, "1");
    let headers = signed.headers(&token);
    let value = |name: &str| {
        let found = headers.iter().find(|(known, _)| *known == name);
        found.expect("a header").1.clone()
    };
    let with = |name: &'static str, value: String| {
        let mut headers = headers.clone();
        headers.retain(|(known, _)| *known != name);
        headers.push((name, value));
        (signed.clone(), headers)
    };
    let without = |name: &str| {
        let mut headers = headers.clone();
        headers.retain(|(known, _)| *known != name);
        (signed.clone(), headers)
    };
    let twice = |name: &'static str| {
        let mut headers = headers.clone();
        headers.push((name, value(name)));
        (signed.clone(), headers)
    };
    let sent = |call: Call| (call, headers.clone());
    let (input, signature, digest) = (
        value("signature-input"),
        value("signature"),
        value("content-digest"),
    );
    let other_digest = format!("sha-256=:{}:", STANDARD.encode(Sha256::digest("[]")));
    let replaced = |from: &str, to: &str| with("signature-input", input.replace(from, to));
    let base64 = &signature["sig=:".len()..signature.len() - 1];
    let mut bytes = STANDARD.decode(base64).expect("base64");
    bytes[40] ^= 1;
    let flipped = format!("sig=:{}:", STANDARD.encode(&bytes));
    let mut cases = vec![
        sent(Call {
            method: "PUT",
            ..signed.clone()
        }),
        sent(Call {
            path: "/v1/pools/other/records".to_owned(),
            ..signed.clone()
        }),
        sent(Call {
            path: "/v1/pools/sales/delete".to_owned(),
            ..signed.clone()
        }),
        sent(Call {
            path: format!("{RECORDS}/"),
            ..signed.clone()
        }),
        sent(Call {
            path: "/v1/pools/s%61les/records".to_owned(),
            ..signed.clone()
        }),
        sent(Call {
            body: json!([{ "customer": "b" }]).to_string(),
            ..signed.clone()
        }),
        sent(Call {
            body: format!("{} ", signed.body),
            ..signed.clone()
        }),
        sent(Call {
            body: String::new(),
            ..signed.clone()
        }),
        with("host", "other.example".to_owned()),
        with("host", format!("{HOST}:8443")),
        with("host", HOST.to_ascii_uppercase()),
        without("host"),
        twice("host"),
        with("content-type", "application/x-ndjson".to_owned()),
        with("content-type", "application/json; charset=utf-8".to_owned()),
        without("content-type"),
        twice("content-type"),
        with("content-digest", other_digest.clone()),
        with("content-digest", digest.replace("sha-256", "sha-512")),
        with("content-digest", format!("{digest}, {other_digest}")),
        with("content-digest", format!("{digest} ").replace("=:", "= :")),
        without("content-digest"),
        twice("content-digest"),
        with("signature", flipped),
        with("signature", signature.replace("sig=", "sig1=")),
        with("signature", "sig=::".to_owned()),
        with("signature", signature.replace(":", "")),
        with("signature", format!("{signature}, {signature}")),
        without("signature"),
        twice("signature"),
        twice("signature-input"),
        replaced("sig=", "sig1="),
        replaced("\"@method\" ", ""),
        replaced(" \"content-digest\"", ""),
        replaced(" \"content-type\"", ""),
        replaced("\"@method\" \"@target-uri\"", "\"@target-uri\" \"@method\""),
        replaced("\"@method\"", "\"@path\""),
        replaced("\"@method\"", "\"@method\" \"@method\""),
        replaced("\"@method\"", "\"@method\";req"),
        replaced("\"@method\" ", "\"@method\"  "),
        replaced("created=", "created=1"),
        replaced("created=", "created=0"),
        replaced(";created", "; created"),
        replaced(";nonce", ";nounce"),
        replaced("nonce=\"0", "nonce=\"1"),
        replaced(&format!(";nonce=\"{}\"", signed.nonce), ""),
        replaced(
            &signed.keyid,
            &Secret::parse(&other).expect("a token").id().to_string(),
        ),
        replaced(&signed.keyid, "AAAAAAAAAAAA"),
        replaced(&signed.keyid, ""),
        with("signature-input", format!("{input};alg=\"ed25519\"")),
        with("signature-input", format!("{input};alg=\"hmac-sha256\"")),
        with("signature-input", format!("{input};expires=9999999999")),
        with(
            "signature-input",
            format!("{input};created={}", signed.created),
        ),
        with("signature-input", format!("{input}, b=();created=1")),
        with("signature-input", String::new()),
        with("signature-input", "sig=()".to_owned()),
    ];
    let mut and_token = headers.clone();
    and_token.push(("authorization", format!("Bearer {token}")));
    cases.push((signed.clone(), and_token));
    for (call, headers) in cases {
        let reply = world.send(call.request(&headers)).await;
        // Where the router finds nothing, nobody was let in either.
        assert!(
            [401, 404, 405].contains(&reply.status),
            "{call:?} {headers:?}: {}",
            reply.text()
        );
        if call.path == RECORDS && call.method == "POST" {
            assert_eq!(reply.status, 401, "{headers:?}");
        }
        altered += 1;
    }
    // What is signed is not what must be.
    for call in [
        Call {
            components: vec![],
            ..Call::post(&world, &token, "10")
        },
        Call {
            components: vec!["@method", "@target-uri", "content-type"],
            ..Call::post(&world, &token, "11")
        },
        Call {
            components: vec!["@method", "content-digest", "content-type"],
            ..Call::post(&world, &token, "12")
        },
        Call {
            components: vec!["@target-uri", "content-digest", "content-type"],
            ..Call::post(&world, &token, "13")
        },
        Call {
            components: vec!["@method", "@target-uri", "content-digest"],
            ..Call::post(&world, &token, "14")
        },
        Call {
            nonce: "short".to_owned(),
            ..Call::post(&world, &token, "15")
        },
        Call {
            nonce: "n".repeat(65),
            ..Call::post(&world, &token, "16")
        },
        Call {
            scheme: "ftp",
            ..Call::post(&world, &token, "17")
        },
    ] {
        assert_eq!(call.send(&world, &token).await.status, 401, "{call:?}");
        altered += 1;
    }
    // Under another key's secret.
    let stolen = Call {
        keyid: signed.keyid.clone(),
        ..Call::post(&world, &other, "18")
    };
    assert_eq!(
        stolen.send(&world, &other).await.expect(401).code(),
        "unauthenticated"
    );
    altered += 1;
    assert!(altered >= 40, "{altered}");
    assert_eq!(rows(&world).await, before);
}

#[tokio::test]
async fn k11_a_ticket_of_a_key_that_signs_is_not_made() {
    let world = World::with_sales().await;
    let (id, token) = world
        .key(json!([{ "on": "saved:*", "actions": ["run"], "constraints": "all_rows" }]))
        .await;
    let query = json!({ "name": "total", "refresh_rate": 0,
        "query": { "analysis": "count", "pool": "sales" } });
    world.post("/v1/saved-queries", &query).await.expect(201);
    let body = json!({ "saved_query": "total", "origin": "https://shop.example" });
    let made = world
        .call(&token, "POST /v1/tickets", &body)
        .await
        .expect(201)
        .json();
    let patch = json!({ "restrictions": { "signed_requests": true } });
    world
        .call(&world.admin, &format!("PATCH /v1/keys/{id}"), &patch)
        .await
        .expect(200);
    let call = Call {
        path: "/v1/tickets".to_owned(),
        body: body.to_string(),
        ..Call::post(&world, &token, "1")
    };
    assert_eq!(
        call.send(&world, &token).await.expect(400).code(),
        "not_available"
    );
    let visit = Request::builder()
        .uri(format!("/v1/tickets/{}/result", text(&made, "/ticket")))
        .header("origin", "https://shop.example")
        .body(Body::empty())
        .expect("a request");
    world.send(visit).await.expect(401);
}
