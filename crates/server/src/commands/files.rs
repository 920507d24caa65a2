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
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path);
        let file = file.map_err(|error| {
            CommandError::File(format!(
                "the token file {} cannot be made: {error}",
                path.display()
            ))
        })?;
        Ok(Self {
            path: path.to_owned(),
            file: Some(file),
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
                "the key is made, but its token could not be written to {}: {error}; delete the key and make another",
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
