//! Signed checkpoints: what a log was at a moment, to be kept where the server
//! cannot change it.
//!
//! The text is a checkpoint of transparency logs (C2SP `tlog-checkpoint`) in a
//! signed note (C2SP `signed-note`), so that tools for these read it:
//!
//! ```text
//! tidegate/audit/01K2…            the project
//! 1234                            how many entries
//! BASE64                          the root of the tree over them
//! link HEX                        the link of the last one
//! at 2026-06-01T12:00:00Z         when
//!
//! — tidegate.audit BASE64         the signature: 4 bytes that name the key, and Ed25519
//! ```

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};

use super::{Digest, Head};
use crate::ids::ProjectId;
use crate::secrets::Pepper;
use crate::time::Timestamp;

const ORIGIN: &str = "tidegate/audit/";
const NAME: &str = "tidegate.audit";
/// The kind of key in notes that Ed25519 is.
const ED25519: u8 = 1;
const KEY_ID_BYTES: usize = 4;

/// Why a text is no checkpoint of this key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// It has another form.
    #[error("the text is no checkpoint of an audit log")]
    Malformed,
    /// It was signed by another key.
    #[error(
        "the checkpoint was signed by another key: that of another server, or of another pepper"
    )]
    OtherKey,
    /// The text is not what was signed.
    #[error("the checkpoint's signature does not hold: its text was changed")]
    Forged,
}

/// What a log was at a moment, as the server signed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Whose log.
    pub project: ProjectId,
    /// When.
    pub at: Timestamp,
    /// What it was.
    pub head: Head,
    pub(super) note: String,
}

impl Checkpoint {
    /// The signed text.
    pub fn note(&self) -> &str {
        &self.note
    }

    /// Reads a signed text.
    ///
    /// # Errors
    /// When it is none, or not signed by this key.
    pub fn open(note: &str, key: &VerifierKey) -> Result<Self, CheckpointError> {
        let (text, signature) = note.split_once("\n\n").ok_or(CheckpointError::Malformed)?;
        let signed = format!("{text}\n");
        let (project, at, head) = read(text).ok_or(CheckpointError::Malformed)?;
        let (id, signature) = read_signature(signature).ok_or(CheckpointError::Malformed)?;
        if id != key.id() {
            return Err(CheckpointError::OtherKey);
        }
        key.0
            .verify_strict(signed.as_bytes(), &signature)
            .map_err(|_| CheckpointError::Forged)?;
        Ok(Self {
            project,
            at,
            head,
            note: note.to_owned(),
        })
    }
}

/// The signed part of a note.
fn text(project: ProjectId, at: Timestamp, head: &Head) -> String {
    format!(
        "{ORIGIN}{project}\n{}\n{}\nlink {}\nat {at}\n",
        head.size,
        STANDARD.encode(head.root.as_bytes()),
        head.link
    )
}

fn read(signed: &str) -> Option<(ProjectId, Timestamp, Head)> {
    let mut lines = signed.split('\n');
    let project = ProjectId::parse(lines.next()?.strip_prefix(ORIGIN)?).ok()?;
    let size = lines.next()?.parse().ok()?;
    let root: [u8; 32] = STANDARD.decode(lines.next()?).ok()?.try_into().ok()?;
    let link = Digest::parse(lines.next()?.strip_prefix("link ")?)?;
    let at = Timestamp::parse(lines.next()?.strip_prefix("at ")?).ok()?;
    let root = Digest::from_bytes(root);
    let head = Head { size, link, root };
    // One checkpoint has one text.
    (text(project, at, &head) == format!("{signed}\n")).then_some((project, at, head))
}

fn read_signature(line: &str) -> Option<([u8; KEY_ID_BYTES], Signature)> {
    let line = line.strip_prefix("— ")?.strip_suffix('\n')?;
    let (name, encoded) = line.split_once(' ')?;
    let bytes = STANDARD.decode(encoded).ok()?;
    let (id, signature) = bytes.split_first_chunk::<KEY_ID_BYTES>()?;
    let signature = Signature::from_slice(signature).ok()?;
    (name == NAME).then_some((*id, signature))
}

/// The key that signs checkpoints. It follows from the pepper, which is in no
/// database and in no backup.
pub struct CheckpointKey(SigningKey);

impl CheckpointKey {
    /// The key under this pepper.
    pub fn new(pepper: &Pepper) -> Self {
        let seed = pepper.derive("audit checkpoints, ed25519, 1");
        Self(SigningKey::from_bytes(&seed))
    }

    /// The half that verifies.
    pub fn verifier(&self) -> VerifierKey {
        VerifierKey(self.0.verifying_key())
    }

    /// Signs what a log is.
    pub fn sign(&self, project: ProjectId, at: Timestamp, head: Head) -> Checkpoint {
        let text = text(project, at, &head);
        let mut signature = self.verifier().id().to_vec();
        signature.extend(self.0.sign(text.as_bytes()).to_bytes());
        let note = format!("{text}\n— {NAME} {}\n", STANDARD.encode(signature));
        Checkpoint {
            project,
            at,
            head,
            note,
        }
    }
}

impl fmt::Debug for CheckpointKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CheckpointKey")
    }
}

/// The public half, which says that a checkpoint is this server's. Its text is
/// the verifier key of a signed note: `tidegate.audit+<8 hex digits>+<base64>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifierKey(VerifyingKey);

impl VerifierKey {
    /// Reads the text.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, '+');
        let (name, id, encoded) = (parts.next()?, parts.next()?, parts.next()?);
        let bytes = STANDARD.decode(encoded).ok()?;
        let (kind, key) = bytes.split_first()?;
        let key = VerifyingKey::from_bytes(key.try_into().ok()?).ok()?;
        let read = Self(key);
        (name == NAME && *kind == ED25519 && read.id_text() == id).then_some(read)
    }

    /// The first bytes of SHA-256 over name and key, as signed notes have it.
    fn id(&self) -> [u8; KEY_ID_BYTES] {
        let hash = Digest::over(&[NAME.as_bytes(), b"\n", &[ED25519], self.0.as_bytes()]);
        let (id, _) = hash
            .as_bytes()
            .split_first_chunk()
            .expect("a digest is longer");
        *id
    }

    fn id_text(&self) -> String {
        format!("{:08x}", u32::from_be_bytes(self.id()))
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = vec![ED25519];
        bytes.extend(self.0.as_bytes());
        let key = STANDARD.encode(bytes);
        write!(f, "{NAME}+{}+{key}", self.id_text())
    }
}
