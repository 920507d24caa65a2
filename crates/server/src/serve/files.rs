//! The files beside the journal: the lock, the pepper, the master token.

use std::fs::{File, OpenOptions};
use std::io::{IsTerminal, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use model::random::RandomSource;
use model::secrets::{Pepper, Secret};
use web::Places;

use super::ServeError;
use crate::config::ServeSettings;

/// The control plane's database.
pub(super) fn control_file(data_dir: &Path) -> PathBuf {
    data_dir.join("control.sqlite")
}

/// The tokens of uniqueness that the journal has let go of.
pub(super) fn tokens_file(data_dir: &Path) -> PathBuf {
    data_dir.join("tokens.sqlite")
}

/// The nonces of signed requests, beside the control plane's database.
pub(super) fn nonces_file(data_dir: &Path) -> PathBuf {
    control_file(data_dir).with_file_name("nonces.sqlite")
}

/// The journal's directory.
pub(super) fn journal_directory(data_dir: &Path) -> PathBuf {
    data_dir.join("journal")
}

/// The directory of the files of records.
pub(super) fn tables_directory(data_dir: &Path) -> PathBuf {
    data_dir.join("tables")
}

/// Makes the data directory, readable by its owner alone.
pub(super) fn make_directory(path: &Path) -> Result<(), ServeError> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|error| ServeError::file("make the directory", path, error))
}

/// Where a path leads, with every link followed; what is not there yet is taken
/// by its name, as it will be made.
pub(super) fn real(path: &Path) -> std::io::Result<PathBuf> {
    let mut real = PathBuf::new();
    for part in std::path::absolute(path)?.components() {
        if part == std::path::Component::ParentDir {
            real.pop();
            continue;
        }
        real.push(part);
        if let Ok(found) = real.canonicalize() {
            real = found;
        }
    }
    Ok(real)
}

/// Makes the names in a directory durable.
pub(super) fn sync_directory(path: &Path) -> Result<(), ServeError> {
    let synced = File::open(path).and_then(|directory| directory.sync_all());
    synced.map_err(|error| ServeError::file("sync", path, error))
}

/// The database of places by address, when one is named.
pub(super) fn places(path: Option<&Path>) -> Result<Option<Places>, ServeError> {
    let Some(path) = path else {
        return Ok(None);
    };
    let bytes = std::fs::read(path).map_err(|error| ServeError::file("read", path, error))?;
    let places = Places::read(bytes);
    places
        .map(Some)
        .map_err(|error| ServeError::Setting(format!("--places-file {}: {error}", path.display())))
}

/// Keeps a second server from the same directory while the file is held.
pub(super) fn lock(data_dir: &Path) -> Result<File, ServeError> {
    let path = data_dir.join("lock");
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(&path)
        .map_err(|error| ServeError::file("open", &path, error))?;
    locked(file, data_dir, &path)
}

/// Keeps servers from a directory that is read, which is not changed by that.
/// One that no server ever used, such as a backup, has nothing to lock.
pub(super) fn lock_to_read(data_dir: &Path) -> Result<Option<File>, ServeError> {
    let path = data_dir.join("lock");
    match File::open(&path) {
        Ok(file) => locked(file, data_dir, &path).map(Some),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(ServeError::file("open", &path, error)),
    }
}

fn locked(file: File, data_dir: &Path, path: &Path) -> Result<File, ServeError> {
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(ServeError::Setting(format!(
            "another server uses {}; stop it first, or name another --data-dir",
            data_dir.display()
        ))),
        Err(std::fs::TryLockError::Error(error)) => Err(ServeError::file("lock", path, error)),
    }
}

/// The pepper's file when none is named: beside the data directory, so that a
/// copy of the directory does not hold it.
pub(super) fn pepper_file(data_dir: &Path, named: Option<&Path>) -> PathBuf {
    named.map_or_else(
        || {
            let mut name = data_dir.file_name().unwrap_or_default().to_owned();
            if name.is_empty() {
                name.push("tidegate");
            }
            name.push(".pepper");
            let parent = data_dir.parent().unwrap_or(Path::new("."));
            parent.join(name)
        },
        Path::to_path_buf,
    )
}

/// The pepper of a new server, made when there is none.
pub(super) fn pepper(
    data_dir: &Path,
    named: Option<&Path>,
    random: &dyn RandomSource,
) -> Result<Pepper, ServeError> {
    let path = pepper_file(data_dir, named);
    if path.exists() {
        return read_pepper(&path);
    }
    let pepper = Pepper::generate(random);
    write_secret(&path, &hex(pepper.as_bytes()))?;
    Ok(pepper)
}

/// The pepper of a server that has keys: without its own pepper no token is known any more.
pub(super) fn existing_pepper(data_dir: &Path, named: Option<&Path>) -> Result<Pepper, ServeError> {
    let path = pepper_file(data_dir, named);
    if !path.exists() {
        return Err(ServeError::Setting(format!(
            "the pepper file {} is missing; every stored token was hashed under it, so put it back or name it with --pepper-file",
            path.display()
        )));
    }
    read_pepper(&path)
}

/// The pepper where it is at hand: a named one must be there.
pub(super) fn pepper_at_hand(
    data_dir: &Path,
    named: Option<&Path>,
) -> Result<Option<Pepper>, ServeError> {
    if named.is_none() && !pepper_file(data_dir, None).exists() {
        return Ok(None);
    }
    existing_pepper(data_dir, named).map(Some)
}

fn read_pepper(path: &Path) -> Result<Pepper, ServeError> {
    let unreadable = |error| ServeError::file("read the pepper file", path, error);
    let mut file = File::open(path).map_err(unreadable)?;
    let mode = file.metadata().map_err(unreadable)?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(ServeError::Setting(format!(
            "the pepper file {} may be read by others; run: chmod 600 {}",
            path.display(),
            path.display()
        )));
    }
    let mut text = String::new();
    file.read_to_string(&mut text).map_err(unreadable)?;
    let bytes = unhex(text.trim()).ok_or_else(|| {
        ServeError::Setting(format!(
            "the pepper file {} does not hold 64 hexadecimal digits; restore it",
            path.display()
        ))
    })?;
    Ok(Pepper::from_bytes(bytes))
}

/// Writes a new file of mode 0600, durably, its directory entry included. Under its name it is
/// there as a whole or not at all: an empty pepper would keep the next start from beginning anew.
fn write_secret(path: &Path, text: &str) -> Result<(), ServeError> {
    let failed = |error| ServeError::file("write", path, error);
    if path.exists() {
        return Err(failed(std::io::ErrorKind::AlreadyExists.into()));
    }
    let mut partial = path.as_os_str().to_owned();
    partial.push(".partial");
    let partial = PathBuf::from(partial);
    match std::fs::remove_file(&partial) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    let mut file = OpenOptions::new()
        .create_new(true)
        .write(true)
        .mode(0o600)
        .open(&partial)
        .map_err(failed)?;
    file.write_all(format!("{text}\n").as_bytes())
        .map_err(failed)?;
    file.sync_all().map_err(failed)?;
    std::fs::rename(&partial, path).map_err(failed)?;
    let parent = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    let directory = File::open(parent.unwrap_or(Path::new("."))).map_err(failed)?;
    directory.sync_all().map_err(failed)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    if text.len() != 64 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let mut bytes = [0; 32];
    for (index, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * index..2 * index + 2], 16).ok()?;
    }
    Some(bytes)
}

/// Makes sure, before any key is made, that the master token can be handed over.
pub(super) fn check_hand_over(settings: &ServeSettings) -> Result<(), ServeError> {
    match &settings.admin_token_file {
        Some(path) if path.exists() => Err(ServeError::Setting(format!(
            "{} is there already; a new server's master token goes to a new file",
            path.display()
        ))),
        Some(_) => Ok(()),
        None if std::io::stdout().is_terminal() => Ok(()),
        None => Err(ServeError::Setting(
            "the first start makes a master key, and its token must go somewhere: name a file with --admin-token-file, or start from a terminal".to_owned(),
        )),
    }
}

/// Gives the master token to the file asked for, or to the terminal.
pub(super) fn hand_over(token: Option<Secret>, settings: &ServeSettings) -> Result<(), ServeError> {
    hand_over_to(token, settings, std::io::stdout().is_terminal())
}

fn hand_over_to(
    token: Option<Secret>,
    settings: &ServeSettings,
    is_terminal: bool,
) -> Result<(), ServeError> {
    let Some(token) = token else { return Ok(()) };
    match &settings.admin_token_file {
        Some(path) => write_secret(path, token.reveal()),
        // A first start that was interrupted comes here without having been checked.
        None if !is_terminal => Err(ServeError::Setting(format!(
            "an earlier first start was interrupted, and the master key's token must go somewhere; \
             run: tidegate keys recover --data-dir {} --admin-token-file FILE",
            settings.data_dir.display()
        ))),
        None => {
            let shown = format!(
                "The master key's token, shown this once:\n{}",
                token.reveal()
            );
            crate::output::line(&shown).map_err(|error| ServeError::other("show the token", error))
        }
    }
}

#[cfg(test)]
mod tests;
