//! One entry, and the bytes that are hashed of it.

use std::fmt;
use std::net::IpAddr;

use sha2::{Digest as _, Sha256};

use crate::ids::{AuditId, ProjectId};
use crate::secrets::SecretId;
use crate::time::Timestamp;

/// What the hashed bytes begin with. Another form of entries gets another one,
/// so that no entry of one form can be taken for one of another.
const FORM: &str = "tidegate audit entry 1";

/// A SHA-256.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// A stored digest.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes to store.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Reads 64 lower-case hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        let is_hex = text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        if text.len() != 64 || !is_hex {
            return None;
        }
        let mut bytes = [0; 32];
        for (at, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[2 * at..2 * at + 2], 16).ok()?;
        }
        Some(Self(bytes))
    }

    /// SHA-256 over the parts, one after the other.
    pub(super) fn over(parts: &[&[u8]]) -> Self {
        let mut hasher = Sha256::new();
        for part in parts {
            hasher.update(part);
        }
        Self(hasher.finalize().into())
    }
}

/// 64 hexadecimal digits.
impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// One change. It is in the database exactly when the change is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    /// Names the entry.
    pub id: AuditId,
    /// The project that was changed.
    pub project: ProjectId,
    /// When.
    pub at: Timestamp,
    /// Who: `server`, or `key:` and an id.
    pub actor: String,
    /// The public part of the secret that the caller presented; none for the
    /// server itself, and in entries of versions that did not note it.
    pub secret: Option<SecretId>,
    /// Where the caller was seen; none for the server itself, and in entries
    /// of versions that did not note it.
    pub address: Option<IpAddr>,
    /// What was done, such as `key.create`.
    pub action: String,
    /// The id of what was changed.
    pub subject_id: String,
    /// Its name at the time, after the change.
    pub subject_name: String,
    /// The definition before, as JSON text; never a token or its hash.
    pub before: Option<String>,
    /// The definition afterwards, as JSON text; never a token or its hash.
    pub after: Option<String>,
}

impl AuditEntry {
    /// The entry's leaf in the tree of its project, when it is the one with
    /// this number: SHA-256 over a zero byte (RFC 6962, 2.1) and the canonical
    /// form, which names every part with its length, so that no two different
    /// entries share one.
    pub fn leaf(&self, sequence: u64) -> Digest {
        let mut form = Vec::with_capacity(512);
        form.push(0);
        let secret = self.secret.map(|secret| secret.to_string());
        let address = self.address.map(|address| address.to_string());
        let texts = [
            Some(FORM),
            Some(&self.project.to_string()),
            Some(&sequence.to_string()),
            Some(&self.id.to_string()),
            Some(&self.at.as_microsecond().to_string()),
            Some(&self.actor),
            secret.as_deref(),
            address.as_deref(),
            Some(&self.action),
            Some(&self.subject_id),
            Some(&self.subject_name),
            self.before.as_deref(),
            self.after.as_deref(),
        ];
        for text in texts {
            match text {
                None => form.push(b'-'),
                Some(text) => {
                    form.extend_from_slice(text.len().to_string().as_bytes());
                    form.push(b':');
                    form.extend_from_slice(text.as_bytes());
                }
            }
            form.push(b',');
        }
        Digest::over(&[&form])
    }
}

/// An entry at its place in the log of its project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainedEntry {
    /// How many entries of the project stand before it.
    pub sequence: u64,
    /// What binds it to those before it.
    pub link: Digest,
    /// What it says.
    pub entry: AuditEntry,
}
