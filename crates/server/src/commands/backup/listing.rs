//! `backup.json`: what a backup consists of. A directory without it is no
//! whole backup, since it is written last.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Component, Path};

use model::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::super::CommandError;
use super::copying::{read, sync_directory};
use crate::client::Hasher;

/// The name of the listing in the directory of the backup.
const NAME: &str = "backup.json";
/// The format that this version writes, and the highest that it reads.
const FORMAT: u32 = 1;

/// What a backup consists of.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Listing {
    /// The format.
    tidegate_backup: u32,
    made_at: String,
    made_by: String,
    /// Every file but this one.
    pub(super) files: Vec<Listed>,
    /// SHA-256 of the list of files.
    sha256: String,
}

/// One file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Listed {
    /// Where it is, from the directory of the backup on.
    pub(super) path: String,
    /// Its length.
    bytes: u64,
    /// Its SHA-256 in hexadecimal digits.
    sha256: String,
}

/// The format alone, which stays where it is in later formats.
#[derive(Deserialize)]
struct Format {
    tidegate_backup: u32,
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn digest_of(files: &[Listed]) -> String {
    let mut hasher = Hasher::new();
    for file in files {
        hasher.update(format!("{} {} {}\n", file.sha256, file.bytes, file.path).as_bytes());
    }
    hasher.digest().hex()
}

impl Listed {
    /// A file that was copied with this length and SHA-256.
    pub(super) fn new(path: &str, (bytes, digest): (u64, [u8; 32])) -> Self {
        Self {
            path: path.to_owned(),
            bytes,
            sha256: hex(&digest),
        }
    }

    /// A file of the backup in `root` as it is.
    pub(super) fn of(root: &Path, path: &str) -> Result<Self, CommandError> {
        Ok(Self::new(path, read(&root.join(path), |_| Ok(()))?))
    }
}

impl Listing {
    /// The listing of these files.
    pub(super) fn new(now: Timestamp, files: Vec<Listed>) -> Self {
        Self {
            tidegate_backup: FORMAT,
            made_at: now.to_string(),
            made_by: format!("tidegate {}", env!("CARGO_PKG_VERSION")),
            sha256: digest_of(&files),
            files,
        }
    }

    /// Bytes of all files.
    pub(super) fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }

    /// Writes it to stable storage: from now on the directory is a backup.
    pub(super) fn write(&self, root: &Path) -> Result<(), CommandError> {
        let path = root.join(NAME);
        let told =
            |error| CommandError::File(format!("{} cannot be written: {error}", path.display()));
        let mut options = std::fs::OpenOptions::new();
        let mut file = options
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .map_err(told)?;
        let text = serde_json::to_string_pretty(self).expect("texts and numbers are JSON");
        file.write_all(text.as_bytes()).map_err(told)?;
        file.sync_all().map_err(told)?;
        sync_directory(root)
    }

    /// Reads the listing of a backup.
    ///
    /// # Errors
    /// When there is none, it is not what was written, or a later version wrote it.
    pub(super) fn read(root: &Path) -> Result<Self, CommandError> {
        let path = root.join(NAME);
        let bytes = std::fs::read(&path).map_err(|error| {
            CommandError::Failed(format!(
                "{} is no whole backup: {} cannot be read: {error}",
                root.display(),
                path.display()
            ))
        })?;
        let broken = |what: &str| {
            CommandError::Failed(format!(
                "{} is damaged: {what}; use another backup",
                path.display()
            ))
        };
        let format: Format =
            serde_json::from_slice(&bytes).map_err(|error| broken(&error.to_string()))?;
        if format.tidegate_backup > FORMAT {
            return Err(CommandError::Failed(format!(
                "{} is of format {}, which a later version of tidegate wrote; restore it with that \
                 version",
                path.display(),
                format.tidegate_backup
            )));
        }
        let listing: Self =
            serde_json::from_slice(&bytes).map_err(|error| broken(&error.to_string()))?;
        if digest_of(&listing.files) != listing.sha256 {
            return Err(broken("its list of files is not what was written"));
        }
        let is_within = |file: &Listed| {
            let mut parts = Path::new(&file.path).components();
            !file.path.is_empty() && parts.all(|part| matches!(part, Component::Normal(_)))
        };
        match listing.files.iter().find(|file| !is_within(file)) {
            None => Ok(listing),
            Some(file) => Err(broken(&format!("{} lies outside of the backup", file.path))),
        }
    }
}
