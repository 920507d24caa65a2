//! Signed requests, as somebody on their way may keep and repeat them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::secrets::Secret;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::clock::seconds;
use super::{Address, Reply, Unanswered};

/// What the signer calls the server, wherever it listens after a restart.
const HOST: &str = "data.example";

/// A POST that was signed with the key pair of a token.
#[derive(Debug)]
pub(crate) struct SignedPost {
    path: &'static str,
    headers: Vec<(&'static str, String)>,
    body: String,
}

impl SignedPost {
    /// Signs it now, under the nonce of this number.
    pub(crate) fn new(secret: &Secret, path: &'static str, body: &Value, nonce: u64) -> Self {
        let body = body.to_string();
        let digest = format!("sha-256=:{}:", STANDARD.encode(Sha256::digest(&body)));
        let params = format!(
            "(\"@method\" \"@target-uri\" \"content-digest\" \"content-type\");created={};nonce=\"{nonce:032}\";keyid=\"{}\"",
            seconds(),
            secret.id()
        );
        let base = format!(
            "\"@method\": POST\n\"@target-uri\": https://{HOST}{path}\n\"content-digest\": {digest}\n\"content-type\": application/json\n\"@signature-params\": {params}"
        );
        let signature = STANDARD.encode(secret.sign(base.as_bytes()));
        let headers = vec![
            ("host", HOST.to_owned()),
            ("content-type", "application/json".to_owned()),
            ("content-digest", digest),
            ("signature-input", format!("sig={params}")),
            ("signature", format!("sig=:{signature}:")),
        ];
        Self {
            path,
            headers,
            body,
        }
    }

    /// Sends it, for the first time or again.
    pub(crate) fn send(&self, server: &Address) -> Result<Reply, Unanswered> {
        let headers: Vec<(&str, &str)> =
            self.headers.iter().map(|(n, v)| (*n, v.as_str())).collect();
        server.send("", "POST", self.path, &headers, Some(self.body.as_bytes()))
    }
}
