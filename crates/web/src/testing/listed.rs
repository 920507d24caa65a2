//! Requests that are signed by HMAC over a list of headers, as clients of Ubiq
//! make them: written from the description of the scheme, and not from the
//! server's own code.

use axum::body::Body;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::Request;
use sha2::{Digest, Sha512};

use super::keyed::HOST;
use super::{Reply, World};

/// What the clients of three languages list, of a request with a body.
pub(crate) const PYTHON: &str =
    "(created) (request-target) content-length content-type date digest host";
pub(crate) const NODE: &str = "content-type date host (created) (request-target) digest";
pub(crate) const JAVA: &str = "(created) (request-target) content-type digest host";

/// What the client of Java calls JSON.
pub(crate) const JSON_OF_JAVA: &str = "application/json; charset=UTF-8";

/// What is signed, and with what.
#[derive(Clone, Debug)]
pub(crate) struct Listed {
    pub(crate) method: &'static str,
    pub(crate) host: String,
    /// The path with the query.
    pub(crate) target: String,
    pub(crate) body: String,
    pub(crate) media_type: &'static str,
    pub(crate) date: &'static str,
    pub(crate) created: i64,
    pub(crate) list: &'static str,
    pub(crate) key_id: String,
    pub(crate) secret: String,
}

/// RFC 2104 over SHA-512, for keys of at most a block.
fn hmac(key: &str, message: &str) -> Vec<u8> {
    let mut block = [0_u8; 128];
    block[..key.len()].copy_from_slice(key.as_bytes());
    let inner = Sha512::new()
        .chain_update(block.map(|byte| byte ^ 0x36))
        .chain_update(message)
        .finalize();
    let outer = Sha512::new()
        .chain_update(block.map(|byte| byte ^ 0x5c))
        .chain_update(inner)
        .finalize();
    outer.to_vec()
}

impl Listed {
    /// A request of this moment under a signing secret that names itself, as the
    /// client of Java sends it.
    pub(crate) fn now(world: &World, secret: &str, method: &'static str, target: &str) -> Self {
        Self {
            method,
            host: HOST.to_owned(),
            target: target.to_owned(),
            body: String::new(),
            media_type: JSON_OF_JAVA,
            date: "Fri, 01 May 2026 12:00:00 GMT",
            created: world.state.clock.now().as_microsecond() / 1_000_000,
            list: JAVA,
            key_id: secret[6..18].to_owned(),
            secret: secret.to_owned(),
        }
    }

    /// The headers that it is sent with beside its signature. The digest of the
    /// body, its type and the host are sent whether they are listed or not.
    fn unsigned(&self) -> Vec<(&'static str, String)> {
        let digest = STANDARD.encode(Sha512::digest(&self.body));
        let mut headers = vec![
            ("host", self.host.clone()),
            ("content-type", self.media_type.to_owned()),
            ("digest", format!("SHA-512={digest}")),
        ];
        for (name, value) in [
            ("date", self.date.to_owned()),
            ("content-length", self.body.len().to_string()),
        ] {
            if self.list.split(' ').any(|listed| listed == name) {
                headers.push((name, value));
            }
        }
        headers
    }

    /// The header `Signature`.
    pub(crate) fn signature(&self) -> String {
        let headers = self.unsigned();
        let mut message = String::new();
        for name in self.list.split(' ') {
            let value = match name {
                "(created)" => self.created.to_string(),
                "(request-target)" => {
                    format!("{} {}", self.method.to_lowercase(), self.target)
                }
                name => {
                    let mut headers = headers.iter();
                    let found = headers.find(|(known, _)| *known == name);
                    found.map_or_else(String::new, |(_, value)| value.clone())
                }
            };
            message += &format!("{name}: {value}\n");
        }
        format!(
            "keyId=\"{}\", algorithm=\"hmac-sha512\", created={}, headers=\"{}\", signature=\"{}\"",
            self.key_id,
            self.created,
            self.list,
            STANDARD.encode(hmac(&self.secret, &message))
        )
    }

    /// The headers that it is sent with.
    pub(crate) fn headers(&self) -> Vec<(&'static str, String)> {
        let mut headers = self.unsigned();
        headers.push(("signature", self.signature()));
        headers
    }

    /// The request with these headers in the place of its own.
    pub(crate) fn request(&self, headers: &[(&str, String)]) -> Request<Body> {
        let mut request = Request::builder().method(self.method).uri(&self.target);
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
