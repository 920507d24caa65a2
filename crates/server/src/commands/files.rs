//! Local files that commands read and write.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use model::limits::DEFINITION_BYTES_MAX;

use super::CommandError;

/// The definition in a file, or on standard input for `-`.
///
/// # Errors
/// When it cannot be read, is larger than the server takes, or is not JSON.
pub(super) fn read_definition(path: &Path) -> Result<Vec<u8>, CommandError> {
    let told = |error| CommandError::File(format!("{} cannot be read: {error}", path.display()));
    let mut bytes = Vec::new();
    let most = DEFINITION_BYTES_MAX as u64 + 1;
    if path == Path::new("-") {
        std::io::stdin().lock().take(most).read_to_end(&mut bytes)
    } else {
        let file = File::open(path).map_err(told)?;
        file.take(most).read_to_end(&mut bytes)
    }
    .map_err(told)?;
    if bytes.len() > DEFINITION_BYTES_MAX {
        return Err(CommandError::Usage(format!(
            "{}: a definition has at most {DEFINITION_BYTES_MAX} bytes",
            path.display()
        )));
    }
    serde_json::from_slice::<serde::de::IgnoredAny>(&bytes)
        .map_err(|error| CommandError::Usage(format!("{} is not JSON: {error}", path.display())))?;
    Ok(bytes)
}

/// A new file that its owner alone can read and write.
fn new_private(path: &Path) -> Result<File, CommandError> {
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    file.map_err(|error| {
        CommandError::File(format!(
            "the token file {} cannot be made: {error}",
            path.display()
        ))
    })
}

/// A new file that its owner alone can read and write, made before the secret
/// that it will hold, so that no secret is lost for want of a place. Dropped
/// without a secret, the file is removed.
#[derive(Debug)]
pub(super) struct NewSecret {
    path: PathBuf,
    file: Option<File>,
}

impl NewSecret {
    /// Makes the file.
    ///
    /// # Errors
    /// When there is such a file already, which is left as it is, or it
    /// cannot be made.
    pub(super) fn reserve(path: &Path) -> Result<Self, CommandError> {
        Ok(Self {
            path: path.to_owned(),
            file: Some(new_private(path)?),
        })
    }

    /// Writes the secret as one line; when this returns, it is on disk.
    ///
    /// # Errors
    /// When it cannot be written; then it is lost.
    pub(super) fn keep(mut self, secret: &str) -> Result<PathBuf, CommandError> {
        let mut file = self
            .file
            .take()
            .expect("it is taken only here and when dropped");
        let written = file
            .write_all(format!("{secret}\n").as_bytes())
            .and_then(|()| file.sync_all());
        written.map_err(|error| {
            CommandError::File(format!(
                "the token could not be written to {}: {error}; it is lost, so make another key",
                self.path.display()
            ))
        })?;
        Ok(self.path.clone())
    }
}

impl Drop for NewSecret {
    fn drop(&mut self) {
        if self.file.is_some() {
            // An empty file in the way helps nobody, and harms nobody either.
            let _kept = std::fs::remove_file(&self.path);
        }
    }
}

/// A new file that its owner alone can read and write, for secrets that come
/// one after another. Dropped without any, the file is removed.
#[derive(Debug)]
pub(super) struct SecretLines {
    path: PathBuf,
    file: File,
    lines: u64,
}

impl SecretLines {
    /// Makes the file.
    ///
    /// # Errors
    /// As [`NewSecret::reserve`].
    pub(super) fn reserve(path: &Path) -> Result<Self, CommandError> {
        Ok(Self {
            path: path.to_owned(),
            file: new_private(path)?,
            lines: 0,
        })
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// How many lines it holds.
    pub(super) fn lines(&self) -> u64 {
        self.lines
    }

    /// Writes a line with the secret of the key `name`; when this returns, it
    /// is on disk.
    ///
    /// # Errors
    /// When it cannot be written; then it is lost.
    pub(super) fn add(&mut self, line: &str, name: &str) -> Result<(), CommandError> {
        // Half a line may hold half a secret: the file stays from here on.
        self.lines += 1;
        let written = self.file.write_all(format!("{line}\n").as_bytes());
        written
            .and_then(|()| self.file.sync_all())
            .map_err(|error| {
                CommandError::File(format!(
                    "key {} is made, but its text could not be written to {}: {error}; delete the key and make another",
                    crate::output::printable(name),
                    self.path.display()
                ))
            })
    }
}

impl Drop for SecretLines {
    fn drop(&mut self) {
        if self.lines == 0 {
            // As of one secret: an empty file in the way harms nobody.
            let _kept = std::fs::remove_file(&self.path);
        }
    }
}
