//! Local files that commands read and write.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use model::limits::DEFINITION_BYTES_MAX;

use super::CommandError;

/// The definition in a file, or on standard input for `-`.
///
/// # Errors
/// When it cannot be read, is larger than the server takes, or is not JSON.
pub(super) fn read_definition(path: &Path) -> Result<Vec<u8>, CommandError> {
    let told =
        |error| CommandError::File(format!("{} cannot be read: {error}", path.display()));
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
    serde_json::from_slice::<serde::de::IgnoredAny>(&bytes).map_err(|error| {
        CommandError::Usage(format!("{} is not JSON: {error}", path.display()))
    })?;
    Ok(bytes)
}

/// Makes a file that its owner alone can read and write, with one line in it.
/// A file that is there already is left as it is.
///
/// # Errors
/// When there is such a file, or it cannot be written.
pub(super) fn write_secret(path: &Path, line: &str) -> Result<(), CommandError> {
    let written = create_secret(path).and_then(|mut file| {
        file.write_all(format!("{line}\n").as_bytes())?;
        file.sync_all()
    });
    written.map_err(|error| secret_error(path, &error))
}

/// [`write_secret`] in two steps, so that a secret is asked for only when
/// there is a place to keep it.
///
/// # Errors
/// As [`write_secret`].
pub(super) fn reserve_secret(path: &Path) -> Result<File, CommandError> {
    create_secret(path).map_err(|error| secret_error(path, &error))
}

fn create_secret(path: &Path) -> std::io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
}

fn secret_error(path: &Path, error: &std::io::Error) -> CommandError {
    CommandError::File(format!(
        "the token file {} cannot be made: {error}",
        path.display()
    ))
}
