//! Requests that are signed by HMAC, as a client of Apperate makes them: written
//! from the description of the scheme, and not from the server's own code.

use axum::body::Body;
use http::Request;
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};

use super::{Reply, World, text};

pub(crate) const RECORDS: &str = "/v1/pools/sales/records";
pub(crate) const HOST: &str = "data.example:8080";

/// What is signed, and with what.
#[derive(Clone, Debug)]
pub(crate) struct Keyed {
    pub(crate) method: &'static str,
    pub(crate) host: String,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) body: String,
    pub(crate) date: String,
    pub(crate) credential: String,
    pub(crate) secret: String,
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// RFC 2104 over SHA-256, for keys of at most a block.
fn hmac(key: &str, message: &str) -> String {
    let mut block = [0_u8; 64];
    match key.len() {
        0..=64 => block[..key.len()].copy_from_slice(key.as_bytes()),
        _ => block[..32].copy_from_slice(&Sha256::digest(key)),
    }
    let inner = Sha256::new()
        .chain_update(block.map(|byte| byte ^ 0x36))
        .chain_update(message)
        .finalize();
    let outer = Sha256::new()
        .chain_update(block.map(|byte| byte ^ 0x5c))
        .chain_update(inner)
        .finalize();
    hex(&outer)
}

impl Keyed {
    /// A request of this moment under a signing secret that names itself.
    pub(crate) fn now(world: &World, secret: &str, method: &'static str, path: &str) -> Self {
        let now = world.state.clock.now().to_string();
        let date: String = now.chars().filter(|c| !"-:".contains(*c)).collect();
        Self {
            method,
            host: HOST.to_owned(),
            path: path.to_owned(),
            query: String::new(),
            body: String::new(),
            date: format!("{}Z", &date[..15]),
            credential: secret[6..18].to_owned(),
            secret: secret.to_owned(),
        }
    }

    /// The header `Authorization`.
    pub(crate) fn authorization(&self) -> String {
        let (date, day) = (&self.date, &self.date[..8]);
        let canonical = format!(
            "{}\n{}\n{}\nhost:{}\nx-iex-date:{date}\n\nhost;x-iex-date\n{}",
            self.method,
            self.path,
            self.query,
            self.host,
            hex(&Sha256::digest(&self.body))
        );
        let scope = format!("{day}/iex_request");
        let to_sign = format!(
            "IEX-HMAC-SHA256\n{date}\n{scope}\n{}",
            hex(&Sha256::digest(canonical))
        );
        let key = hmac(&hmac(&self.secret, day), "iex_request");
        format!(
            "IEX-HMAC-SHA256 Credential={}/{scope}, SignedHeaders=host;x-iex-date, Signature={}",
            self.credential,
            hmac(&key, &to_sign)
        )
    }

    /// The headers that it is sent with.
    pub(crate) fn headers(&self) -> Vec<(&'static str, String)> {
        vec![
            ("host", self.host.clone()),
            ("x-iex-date", self.date.clone()),
            ("content-type", "application/json".to_owned()),
            ("authorization", self.authorization()),
        ]
    }

    /// The request with these headers in the place of its own.
    pub(crate) fn request(&self, headers: &[(&str, String)]) -> Request<Body> {
        let mark = if self.query.is_empty() { "" } else { "?" };
        let uri = format!("{}{mark}{}", self.path, self.query);
        let mut request = Request::builder().method(self.method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let body = Body::from(self.body.clone());
        request.body(body).expect("a request")
    }

    pub(crate) async fn send(&self, world: &World) -> Reply {
        world.send(self.request(&self.headers())).await
    }
}

/// A key with these grants and restrictions, with a signing secret: its id, its
/// token and the secret.
pub(crate) async fn key(world: &World, draft: Json) -> (String, String, String) {
    let mut body = json!({ "name": "signs" });
    for (name, value) in draft.as_object().expect("members") {
        body[name] = value.clone();
    }
    let made = world.post("/v1/keys", &body).await.expect(201).json();
    let (id, token) = (text(&made, "/id"), text(&made, "/token"));
    let secret = made_for(world, id).await;
    (id.to_owned(), token.to_owned(), secret)
}

pub(crate) async fn made_for(world: &World, id: &str) -> String {
    let path = format!("/v1/keys/{id}/signing-secrets");
    let made = world.post(&path, &Json::Null).await.expect(201);
    assert_eq!(made.header("cache-control"), "no-store");
    text(&made.json(), "/signing_secret").to_owned()
}

/// One that writes, and takes signed requests alone.
pub(crate) async fn writer(world: &World) -> (String, String, String) {
    let draft = json!({ "restrictions": { "signed_requests": true },
        "grants": [{ "on": "pool:sales", "actions": ["ingest"] }] });
    key(world, draft).await
}

pub(crate) async fn rows(world: &World) -> usize {
    let rows = world.get("/v1/views/all/data").await.expect(200).json();
    rows["data"].as_array().expect("rows").len()
}

pub(crate) fn refused(reply: Reply, with: &str) {
    let reply = reply.expect(401);
    assert_eq!(reply.code(), "signature_refused");
    assert!(reply.text().contains(with), "{}", reply.text());
}
