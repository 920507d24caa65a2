//! Reporting what was found to the server that made it.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::super::CommandError;
use crate::cli::ScanArgs;
use crate::client::{Body, Client, ClientError, ClientSettings, Hasher};

/// How often a report is sent that the server asks to send later.
const ATTEMPTS: u32 = 10;
const PATH: &str = "/v1/keys/report";

/// Sends each token once.
#[derive(Debug)]
pub(super) struct Reporter {
    client: Client,
    /// Whether the server knows it, by the digest of the whole token: another one may have its public part.
    told: BTreeMap<String, bool>,
}

impl Reporter {
    /// One for the server that the arguments name, if they name one.
    ///
    /// # Errors
    /// When tokens would go to another machine in the clear, or the URL or the
    /// certificates cannot be used.
    pub(super) fn new(args: &ScanArgs) -> Result<Option<Self>, CommandError> {
        let Some(url) = &args.report else {
            return Ok(None);
        };
        let client = Client::new(&ClientSettings {
            url: url.clone(),
            token: None,
            ca_file: args.ca_file.clone(),
            sign: false,
        })?;
        if client.is_in_the_clear() {
            let rule =
                format!("{url} is not encrypted, and tokens would travel in the clear: use https");
            return Err(CommandError::Usage(rule));
        }
        let told = BTreeMap::new();
        Ok(Some(Self { client, told }))
    }

    /// Reports a token that stands at a place; whether it is one of the server.
    ///
    /// # Errors
    /// The server did not take the report.
    pub(super) fn report(&mut self, token: &str, place: &str) -> Result<bool, CommandError> {
        let mut hash = Hasher::new();
        hash.update(token.as_bytes());
        let tag = hash.digest().hex();
        if let Some(known) = self.told.get(&tag) {
            return Ok(*known);
        }
        let body = json!({ "token": token, "found_at": place }).to_string();
        let answer = self.send(&body)?;
        let answer: Value = serde_json::from_slice(&answer).unwrap_or_default();
        let valid = answer["valid"]
            .as_bool()
            .ok_or_else(|| ClientError::Foreign {
                url: self.client.url().to_owned(),
                reason: "it does not say whether the token is its own".to_owned(),
            })?;
        self.told.insert(tag, valid);
        Ok(valid)
    }

    fn send(&self, body: &str) -> Result<Vec<u8>, ClientError> {
        let mut attempt = 1;
        loop {
            let sent = self.client.post(PATH, Body::json(body.as_bytes()));
            match sent {
                Err(error) if attempt < ATTEMPTS => match error.retry() {
                    Some(Some(wait)) => pause(wait),
                    Some(None) | None => return Err(error),
                },
                sent => return sent,
            }
            attempt += 1;
        }
    }
}

/// What the server asks for is waited for.
#[expect(
    clippy::disallowed_methods,
    reason = "the server says how long, and there is no event to wait for"
)]
fn pause(wait: Duration) {
    std::thread::sleep(wait);
}
