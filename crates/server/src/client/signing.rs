//! Requests that prove the holder of a token instead of showing it, in the
//! one form that docs/restrictions.md demands.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderName, HeaderValue, Method, Uri, header};
use model::random::RandomSource;
use model::secrets::Secret;
use model::time::{Clock, Timestamp};

use super::{ClientError, Hasher, Token};
use crate::clock::SystemClock;
use crate::random::SystemRandom;

/// Signs requests under the key pair of one token.
#[derive(Debug)]
pub(super) struct Signing(Secret);

impl Signing {
    /// By this token.
    ///
    /// # Errors
    /// When it is no token of a key of the native API.
    pub(super) fn by(token: &Token) -> Result<Self, ClientError> {
        let secret = token
            .secret()
            .filter(|s| s.kind() != model::keys::KeyKind::Legacy);
        secret.map(Self).ok_or_else(|| {
            let rule = "--sign needs the token of a key of the native API (tg_…); this is none, or it is mistyped";
            ClientError::Settings(rule.to_owned())
        })
    }

    /// The headers that sign a request with this body, with a fresh nonce.
    ///
    /// # Errors
    /// When the address is none.
    pub(super) fn headers(
        &self,
        method: &Method,
        target: &str,
        content_type: Option<&str>,
        body: &[u8],
    ) -> Result<[(HeaderName, HeaderValue); 4], ClientError> {
        let mut nonce = [0; 16];
        SystemRandom.fill(&mut nonce);
        let nonce: String = nonce.iter().map(|byte| format!("{byte:02x}")).collect();
        self.headers_of(
            (method, target, content_type),
            body,
            SystemClock.now(),
            &nonce,
        )
    }

    fn headers_of(
        &self,
        (method, target, content_type): (&Method, &str, Option<&str>),
        body: &[u8],
        now: Timestamp,
        nonce: &str,
    ) -> Result<[(HeaderName, HeaderValue); 4], ClientError> {
        let not_signed = || ClientError::Settings("the request cannot be signed".to_owned());
        let uri: Uri = target.parse().map_err(|_| not_signed())?;
        let host = uri.authority().ok_or_else(not_signed)?.as_str();
        let mut hash = Hasher::new();
        hash.update(body);
        let digest = format!("sha-256=:{}:", STANDARD.encode(hash.digest().bytes()));
        let mut covered = vec![
            ("@method", method.as_str()),
            ("@target-uri", target),
            ("content-digest", &digest),
        ];
        covered.extend(content_type.map(|known| ("content-type", known)));
        let names: Vec<String> = covered.iter().map(|(n, _)| format!("\"{n}\"")).collect();
        let params = format!(
            "({});created={};nonce=\"{nonce}\";keyid=\"{}\"",
            names.join(" "),
            now.as_microsecond().div_euclid(1_000_000),
            self.0.id(),
        );
        let mut base: String = covered
            .iter()
            .map(|(n, v)| format!("\"{n}\": {v}\n"))
            .collect();
        base.push_str(&format!("\"@signature-params\": {params}"));
        let signature = STANDARD.encode(self.0.sign(base.as_bytes()));
        let name = HeaderName::from_static;
        let value = |text: String| HeaderValue::from_str(&text).map_err(|_| not_signed());
        Ok([
            // What is signed is what is sent, whatever a library would make of the port.
            (header::HOST, value(host.to_owned())?),
            (name("content-digest"), value(digest.clone())?),
            (name("signature-input"), value(format!("sig={params}"))?),
            (name("signature"), value(format!("sig=:{signature}:"))?),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of docs/restrictions.md is what `restrictions/sign.py`
    /// makes; both must sign alike, so one token's headers are compared whole.
    #[test]
    fn a_request_is_signed_as_the_documented_form_says() {
        let text = Secret::generate(model::keys::KeyKind::Secret, &SystemRandom);
        let token = Token::new(text.reveal(), "x").expect("token");
        let signing = Signing::by(&token).expect("signs");
        let now = Timestamp::from_microsecond(1_772_366_400_999_999).expect("a time");
        let target = "https://data.example:8443/v1/query?a=%20b";
        let call = (&Method::POST, target, Some("application/json"));
        let headers = signing
            .headers_of(call, b"{}", now, "0123456789abcdef")
            .expect("signed");
        let value = |name: &str| {
            let found = headers.iter().find(|(known, _)| known.as_str() == name);
            found.expect(name).1.to_str().expect("text").to_owned()
        };
        let id = text.id();
        assert_eq!(value("host"), "data.example:8443");
        let digest = "sha-256=:RBNvo1WzZ4oRRq0W9+hknpT7T8If536DEMBg9hyq/4o=:";
        assert_eq!(value("content-digest"), digest);
        let params = format!(
            "(\"@method\" \"@target-uri\" \"content-digest\" \"content-type\");created=1772366400;nonce=\"0123456789abcdef\";keyid=\"{id}\""
        );
        assert_eq!(value("signature-input"), format!("sig={params}"));
        let base = format!(
            "\"@method\": POST\n\"@target-uri\": {target}\n\"content-digest\": {digest}\n\"content-type\": application/json\n\"@signature-params\": {params}"
        );
        let signature = STANDARD.encode(text.sign(base.as_bytes()));
        assert_eq!(value("signature"), format!("sig=:{signature}:"));
        let bare = signing
            .headers_of((&Method::GET, target, None), b"", now, "0123456789abcdef")
            .expect("signed");
        let input = bare[2].1.to_str().expect("text");
        assert!(!input.contains("content-type"), "{input}");
    }

    #[test]
    fn what_is_no_native_token_signs_nothing() {
        for text in ["tg_sk_nope", "plain"] {
            let token = Token::new(text, "x").expect("text");
            let told = Signing::by(&token).expect_err(text).to_string();
            assert!(told.contains("--sign") && !told.contains(text), "{told}");
        }
    }
}
