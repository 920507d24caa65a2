//! Local files that commands read and write.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use model::limits::DEFINITION_BYTES_MAX;
use serde_json::{Value, json};
use tempfile::NamedTempFile;

use super::CommandError;

/// The body of a simulation: of the change in a file, as [`read_definition`] reads it, or of none.
///
/// # Errors
/// As [`read_definition`].
pub(super) fn read_change(path: Option<&Path>) -> Result<Vec<u8>, CommandError> {
    let change: Value = match path {
        None => Value::Null,
        Some(path) => serde_json::from_slice(&read_definition(path)?)
            .map_err(|error| CommandError::Usage(format!("the change is no JSON: {error}")))?,
    };
    Ok(json!({ "change": change }).to_string().into_bytes())
}

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

/// What a new file may take the place of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Over {
    /// Of nothing.
    Nothing,
    /// Of a file of the name; of a link itself and not of what it leads to.
    AFile,
}

/// A file that its owner alone can read and write, made before the secret
/// that it will hold, so that no secret is lost for want of a place. It has its
/// name only when the whole secret is in it; dropped before, nothing is left.
#[derive(Debug)]
pub(super) struct NewSecret {
    path: PathBuf,
    over: Over,
    file: NamedTempFile,
}

/// A secret did not come into its file.
#[derive(Debug)]
pub(super) struct NotKept {
    /// What happened.
    pub(super) error: Box<CommandError>,
    /// Whether the file has it all the same, and a crash may take it.
    pub(super) may_be_there: bool,
}

impl From<NotKept> for CommandError {
    fn from(lost: NotKept) -> Self {
        *lost.error
    }
}

impl NewSecret {
    /// Makes the file, beside the place where it will be.
    ///
    /// # Errors
    /// When there is something of the name that may not be replaced, which is
    /// left as it is, or the file cannot be made.
    pub(super) fn reserve(path: &Path, over: Over) -> Result<Self, CommandError> {
        let told = |why: String| {
            let path = path.display();
            CommandError::File(format!("the token file {path} cannot be made: {why}"))
        };
        match (path.symlink_metadata(), over) {
            (Ok(_), Over::Nothing) => {
                let hint = "there is one already; --replace writes over it where that is meant";
                return Err(told(hint.to_owned()));
            }
            (Ok(there), Over::AFile) if there.is_dir() => {
                return Err(told("there is a directory of this name".to_owned()));
            }
            _ => {}
        }
        // The owner alone may read and write what this makes.
        let mut beside = tempfile::Builder::new();
        let file = beside.prefix(".token-").tempfile_in(folder_of(path));
        Ok(Self {
            path: path.to_owned(),
            over,
            file: file.map_err(|error| told(error.to_string()))?,
        })
    }

    /// Writes the secret as one line and gives the file its name; when this
    /// returns, it is on disk.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn keep(self, secret: &str) -> Result<PathBuf, NotKept> {
        let Self {
            path,
            over,
            mut file,
        } = self;
        let not_kept = |error: std::io::Error, may_be_there| NotKept {
            error: Box::new(CommandError::File(format!(
                "the token could not be written to {}: {error}",
                path.display()
            ))),
            may_be_there,
        };
        file.write_all(format!("{secret}\n").as_bytes())
            .and_then(|()| file.as_file().sync_all())
            .map_err(|error| not_kept(error, false))?;
        let named = match over {
            Over::Nothing => file.persist_noclobber(&path),
            Over::AFile => file.persist(&path),
        };
        named.map_err(|error| not_kept(error.error, false))?;
        File::open(folder_of(&path))
            .and_then(|folder| folder.sync_all())
            .map_err(|error| not_kept(error, true))?;
        Ok(path)
    }
}

fn folder_of(path: &Path) -> &Path {
    let parent = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    parent.unwrap_or(Path::new("."))
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
    /// When there is such a file already, which is left as it is, or it
    /// cannot be made.
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
            // An empty file in the way helps nobody, and harms nobody either.
            let _kept = std::fs::remove_file(&self.path);
        }
    }
}
