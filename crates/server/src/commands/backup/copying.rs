//! Copying files and knowing what was copied.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use super::super::CommandError;
use super::make_directory;
use crate::client::Hasher;

/// Bytes that are read at once.
const STEP: usize = 1 << 20;

fn failed(verb: &str, path: &Path, error: &std::io::Error) -> CommandError {
    CommandError::File(format!("{} cannot be {verb}: {error}", path.display()))
}

/// Copies a file to a new one, of mode 0600; answers its length and SHA-256 as
/// they were read.
pub(super) fn copy(
    from: &Path,
    to: &Path,
    progress: &dyn Fn(u64),
) -> Result<(u64, [u8; 32]), CommandError> {
    if let Some(parent) = to.parent() {
        make_directory(parent)?;
    }
    let mut target = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(to)
        .map_err(|error| failed("made", to, &error))?;
    let read = read(from, |bytes| {
        progress(bytes.len() as u64);
        target
            .write_all(bytes)
            .map_err(|error| failed("written", to, &error))
    })?;
    target
        .sync_all()
        .map_err(|error| failed("written", to, &error))?;
    Ok(read)
}

/// The length and SHA-256 of a file, whose bytes are shown.
pub(super) fn read(
    from: &Path,
    mut show: impl FnMut(&[u8]) -> Result<(), CommandError>,
) -> Result<(u64, [u8; 32]), CommandError> {
    let mut source = File::open(from).map_err(|error| failed("read", from, &error))?;
    let (mut hasher, mut length) = (Hasher::new(), 0);
    let mut buffer = vec![0; STEP];
    loop {
        let count = source.read(&mut buffer);
        match count.map_err(|error| failed("read", from, &error))? {
            0 => break,
            count => {
                let bytes = &buffer[..count];
                hasher.update(bytes);
                show(bytes)?;
                length += count as u64;
            }
        }
    }
    let mut digest = [0; 32];
    digest.copy_from_slice(hasher.digest().bytes());
    Ok((length, digest))
}

/// Brings the names of files below `root`, and of the directories that they
/// are in, to stable storage.
pub(super) fn sync<'a>(
    root: &Path,
    files: impl Iterator<Item = &'a str>,
) -> Result<(), CommandError> {
    let mut directories = BTreeSet::from([root.to_owned()]);
    for file in files {
        let parents = Path::new(file).ancestors().skip(1);
        directories.extend(parents.map(|parent| root.join(parent)));
    }
    directories
        .iter()
        .rev()
        .try_for_each(|path| sync_directory(path))
}

/// Brings the names in a directory to stable storage.
pub(super) fn sync_directory(path: &Path) -> Result<(), CommandError> {
    File::open(path)
        .and_then(|directory| directory.sync_all())
        .map_err(|error| failed("written", path, &error))
}
