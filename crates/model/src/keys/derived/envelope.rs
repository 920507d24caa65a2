//! The outer form of a derived token: a JWT (RFC 7519) in the compact form of
//! RFC 7515, in one spelling alone.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::{Signature, VerifyingKey};

use super::claims::Claims;
use super::{DERIVED_TYPE, DerivedFault};
use crate::json;
use crate::limits::DERIVED_CHARS_MAX;
use crate::secrets::{Secret, SecretId};
use crate::value::{Object, Value};

/// The one algorithm. What a token says of it decides nothing.
const ALGORITHM: &str = "EdDSA";

/// A derived token whose signature nobody has looked at yet.
#[derive(Clone, Debug)]
pub struct Envelope<'t> {
    /// The two parts that are signed, with the dot between them.
    signed: &'t str,
    payload: Vec<u8>,
    signature: [u8; 64],
    secret: SecretId,
}

/// A text that has the form of a derived token, whoever signed it. It is a
/// secret as long as the token lives.
#[derive(Clone, PartialEq, Eq)]
pub struct DerivedText {
    text: String,
    secret: SecretId,
}

impl std::fmt::Debug for DerivedText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DerivedText").finish_non_exhaustive()
    }
}

impl DerivedText {
    /// The token that a text is by its form; `None` for any other text.
    pub fn read(text: &str) -> Option<Self> {
        let secret = Envelope::read(text).ok()?.secret();
        let text = text.to_owned();
        Some(Self { text, secret })
    }

    /// The token itself.
    pub fn reveal(&self) -> &str {
        &self.text
    }

    /// The secret that it says it is signed under.
    pub fn secret(&self) -> SecretId {
        self.secret
    }
}

impl<'t> Envelope<'t> {
    /// Whether a text can be meant as a derived token, and as no other.
    pub fn is_meant(text: &str) -> bool {
        text.bytes().filter(|b| *b == b'.').count() == 2
    }

    /// Signs claims with the pair of a secret: what its holder does, without
    /// the server. Nothing here asks whether anybody is let in by them.
    pub fn sign(secret: &Secret, claims: &Value) -> String {
        let header = Object::new()
            .with("alg", ALGORITHM)
            .with("typ", DERIVED_TYPE)
            .with("kid", secret.id().to_string());
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(json::to_text(value));
        let signed = format!("{}.{}", part(&Value::Object(header)), part(claims));
        let signature = secret.sign(signed.as_bytes());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// The same for claims that any derived token can make: what would be
    /// refused whatever the key is, is not signed.
    ///
    /// # Errors
    /// What the server would answer to it.
    pub fn derive(secret: &Secret, claims: &Value) -> Result<String, DerivedFault> {
        let token = Self::sign(secret, claims);
        Claims::parse(Envelope::read(&token)?.payload())?;
        Ok(token)
    }

    /// Reads the three parts. What is claimed is looked at later, once it is
    /// known who claims it.
    ///
    /// # Errors
    /// [`DerivedFault::Form`] and [`DerivedFault::Header`].
    pub fn read(text: &'t str) -> Result<Self, DerivedFault> {
        if text.len() > DERIVED_CHARS_MAX {
            return Err(DerivedFault::Form);
        }
        let (signed, signature) = text.rsplit_once('.').ok_or(DerivedFault::Form)?;
        let (header, payload) = signed.split_once('.').ok_or(DerivedFault::Form)?;
        let signature = decode(signature)?.try_into();
        let envelope = Self {
            signed,
            payload: decode(payload)?,
            signature: signature.map_err(|_| DerivedFault::Form)?,
            secret: secret_of(&decode(header)?).ok_or(DerivedFault::Header)?,
        };
        Ok(envelope)
    }

    /// The secret that it says it is signed under.
    pub fn secret(&self) -> SecretId {
        self.secret
    }

    pub(super) fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// Whether the holder of the private half signed it.
    pub(super) fn is_by(&self, public_key: &[u8; 32]) -> bool {
        let Ok(key) = VerifyingKey::from_bytes(public_key) else {
            return false;
        };
        let signature = Signature::from_bytes(&self.signature);
        key.verify_strict(self.signed.as_bytes(), &signature)
            .is_ok()
    }
}

/// Each text of bytes has one spelling: bits that no byte holds are zero, and
/// there is neither padding nor anything between.
fn decode(part: &str) -> Result<Vec<u8>, DerivedFault> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| DerivedFault::Form)
}

/// The secret that a header names, when it says what it must and nothing else:
/// neither where a key is to be had (`jwk`, `jku`, `x5c`, `x5u`) nor that
/// something else must be understood (`crit`).
fn secret_of(header: &[u8]) -> Option<SecretId> {
    let header = json::parse(header).ok()?;
    let header = header.as_object()?;
    let text = |name| header.get(name).and_then(Value::as_str);
    let is_known =
        header.len() == 3 && text("alg") == Some(ALGORITHM) && text("typ") == Some(DERIVED_TYPE);
    SecretId::parse(text("kid").filter(|_| is_known)?)
}
