//! Which data directory it is. A small file at its root says which journal
//! belongs to it and how far that one goes, so that a start with a part missing,
//! or with an older one put back, is refused and is no start with empty pools.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lake::Lake;
use lake::disk::{Disk, RealDisk};
use lake::journal::{self, Extent};
use serde_json::Value;

use super::ServeError;
use super::files::{self, control_file, journal_directory, tables_directory};
use crate::config::ServeSettings;

/// The version of the file.
const FORMAT: u64 = 1;

/// What a directory was found to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// Nobody's yet.
    New,
    /// A server's, of which nothing is noted: an earlier version's, or a restored one.
    Unnoted,
    /// That of the noted journal.
    Noted,
}

fn file(data_dir: &Path) -> PathBuf {
    data_dir.join("identity.json")
}

/// Tells what a directory is, and changes nothing.
///
/// # Errors
/// A part is missing or is another's, or there is something that no server
/// wrote; says which file it is and what to do.
pub(super) fn check(
    data_dir: &Path,
    settings: Option<&ServeSettings>,
) -> Result<Found, ServeError> {
    let noted = read(data_dir)?;
    let journal = journal_of(data_dir)?;
    let tables = tables_directory(data_dir);
    let has_files = has_files(&tables);
    let control = control_file(data_dir);
    if !control.exists() {
        if noted.is_some() || journal.is_some() || has_files {
            return Err(missing(
                &control,
                "the keys and definitions of this data directory",
                "put it back from a backup; none of what it said is in another file",
            ));
        }
        refuse_foreign(data_dir, settings)?;
        return Ok(Found::New);
    }
    let directory = journal_directory(data_dir);
    let go_on = format!(
        "to go on without what is not there, move {} away, and {} too if the journal is gone as a whole",
        file(data_dir).display(),
        tables.display()
    );
    match (noted, journal) {
        (None, None) if has_files => Err(missing(
            &directory,
            "the journal, which says what the files of records are",
            &format!(
                "put it back, or to go on without any record move {} away",
                tables.display()
            ),
        )),
        (None, _) => Ok(Found::Unnoted),
        (Some(_), None) => Err(missing(
            &directory,
            "the journal, which says what the files of records are",
            &format!("put it back; {go_on}"),
        )),
        (Some(noted), Some(found)) if noted.identity != found.identity => {
            Err(ServeError::Other(format!(
                "{} is not the journal of this data directory; nothing was changed; put the right one \
                 back; {go_on}",
                directory.display()
            )))
        }
        (Some(noted), Some(found)) if found.last < noted.last => Err(missing(
            &journal::segment_file(&directory, noted.last),
            "the last segment of the journal that was written",
            &format!("put it back, and all after {}; {go_on}", found.last),
        )),
        _ => Ok(Found::Noted),
    }
}

fn missing(path: &Path, what: &str, advice: &str) -> ServeError {
    ServeError::Other(format!(
        "{} is missing: {what}; nothing was changed; {advice}",
        path.display()
    ))
}

fn journal_of(data_dir: &Path) -> Result<Option<Extent>, ServeError> {
    let directory = journal_directory(data_dir);
    if !directory.exists() {
        return Ok(None);
    }
    let disk: Arc<dyn Disk> = Arc::new(RealDisk);
    let found = journal::check(&disk, &directory);
    Ok(found.map_err(lake::LakeError::from)?)
}

/// Whether there is something in the directory of a pool.
fn has_files(tables: &Path) -> bool {
    let pools = std::fs::read_dir(tables).into_iter().flatten().flatten();
    pools
        .filter_map(|pool| std::fs::read_dir(pool.path()).ok())
        .any(|mut files| files.next().is_some())
}

/// What a first start may leave by itself, and what a new disk has.
const OURS: [&str; 5] = ["lock", "journal", "tables", "lost+found", "tidegate.toml"];
/// How the names of files begin that a first start may leave: some are made
/// before the control database is.
const OUR_BEGINNINGS: [&str; 5] = [
    "control.",
    "nonces.sqlite",
    "tokens.sqlite",
    "identity.json",
    "scrub.json",
];

/// The names in the data directory of what the settings name, or of what that
/// lies in.
fn given_within(data_dir: &Path, settings: Option<&ServeSettings>) -> Vec<OsString> {
    let pepper = settings.and_then(|settings| settings.pepper_file.as_deref());
    let mut given = vec![files::pepper_file(data_dir, pepper)];
    if let Some(settings) = settings {
        let named = [
            &settings.admin_token_file,
            &settings.places_file,
            &settings.audit_checkpoint_dir,
        ];
        given.extend(named.into_iter().flatten().cloned());
        let tls = settings.tls.iter();
        given.extend(tls.flat_map(|tls| [tls.cert.clone(), tls.key.clone()]));
    }
    // As they are written, and where they lead: either may go through a link.
    let both = |path: &Path| [std::path::absolute(path).ok(), files::real(path).ok()];
    let roots = both(data_dir);
    let pairs = given.iter().flat_map(|path| roots.iter().zip(both(path)));
    let names = pairs.filter_map(|(root, path)| {
        let path = path?;
        let below = path.strip_prefix(root.as_ref()?).ok()?;
        Some(below.components().next()?.as_os_str().to_owned())
    });
    names.collect()
}

/// Refuses to begin in a directory that holds what no first start makes.
fn refuse_foreign(data_dir: &Path, settings: Option<&ServeSettings>) -> Result<(), ServeError> {
    let given = given_within(data_dir, settings);
    let entries = std::fs::read_dir(data_dir);
    let entries = entries.map_err(|error| ServeError::file("list", data_dir, error))?;
    for entry in entries {
        let entry = entry.map_err(|error| ServeError::file("list", data_dir, error))?;
        let name = entry.file_name();
        let text = name.to_string_lossy();
        let is_begun = |given: &OsString| *text == *format!("{}.partial", given.to_string_lossy());
        let is_ours = OURS.contains(&&*text)
            || OUR_BEGINNINGS.iter().any(|begin| text.starts_with(begin))
            || given.iter().any(|given| name == *given || is_begun(given));
        if !is_ours {
            return Err(ServeError::Setting(format!(
                "{} is there, and {} is no data directory; a new server begins in an empty one, so name \
                 another --data-dir",
                entry.path().display(),
                data_dir.display()
            )));
        }
    }
    Ok(())
}

fn read(data_dir: &Path) -> Result<Option<Extent>, ServeError> {
    let path = file(data_dir);
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(ServeError::file("read", &path, error)),
    };
    let told = |what: &str| ServeError::Other(format!("{} {what}", path.display()));
    let document: Option<Value> = serde_json::from_str(&text).ok();
    let format = document.as_ref().and_then(|found| found["format"].as_u64());
    if format.is_some_and(|format| format > FORMAT) {
        return Err(told(
            "is of a newer format; nothing was changed; start the newer release that wrote it",
        ));
    }
    let extent = document.and_then(|found| {
        Some(Extent {
            identity: u64::from_str_radix(found["journal"].as_str()?, 16).ok()?,
            last: found["segment"].as_u64()?,
        })
    });
    // To the letter: a bit that rots is no other directory.
    let extent = extent.filter(|extent| text_of(*extent) == text);
    extent.map(Some).ok_or_else(|| {
        told("is damaged; nothing was changed; put it back, or move it away where the journal is the right one")
    })
}

/// The whole file.
fn text_of(Extent { identity, last }: Extent) -> String {
    let said = format!(r#""format":{FORMAT},"journal":"{identity:016x}","segment":{last}"#);
    let crc32 = crc32fast::hash(said.as_bytes());
    format!("{{{said},\"crc32\":{crc32}}}\n")
}

/// What is noted of the journal, kept up with it.
#[derive(Debug)]
pub(super) struct Note {
    data_dir: PathBuf,
    written: Option<Extent>,
    is_told: bool,
}

impl Note {
    /// Of a directory. What the start wrote is not taken for known: the journal
    /// may have gone on since, or the start wrote nothing.
    pub(super) fn of(data_dir: &Path) -> Self {
        Self {
            data_dir: data_dir.to_owned(),
            written: None,
            is_told: false,
        }
    }

    /// Notes how far the journal goes, if that is not noted. Until it is, the
    /// loss of its last segment would not be noticed; nothing else waits for it.
    pub(super) fn keep(&mut self, lake: &Lake) {
        self.keep_extent(lake.journal_extent());
    }

    fn keep_extent(&mut self, now: Extent) {
        if self.written == Some(now) {
            return;
        }
        match write(&self.data_dir, now) {
            Ok(()) => (self.written, self.is_told) = (Some(now), false),
            Err(error) => {
                if !std::mem::replace(&mut self.is_told, true) {
                    tracing::warn!(%error, "how far the journal goes was not noted");
                }
            }
        }
    }
}

/// Notes at a start how far the journal goes, where that is not what is noted.
/// What a full disk keeps from being noted is noted later, as [`Note::keep`]
/// does: an older note of the same journal is true of it, and one that is
/// missing is what an earlier version leaves.
///
/// # Errors
/// Nothing is noted yet, and the file cannot be written for another reason than
/// a lack of room.
pub(super) fn begin(data_dir: &Path, now: Extent) -> Result<(), ServeError> {
    let noted = read(data_dir)?;
    if noted == Some(now) {
        return Ok(());
    }
    match write(data_dir, now) {
        Err(error) if noted.is_some() || is_full(&error) => {
            tracing::warn!(%error, "how far the journal goes was not noted at the start; it is tried again");
            Ok(())
        }
        written => written,
    }
}

fn is_full(error: &ServeError) -> bool {
    use std::io::ErrorKind::{QuotaExceeded, StorageFull};
    matches!(error, ServeError::File { source, .. } if matches!(source.kind(), StorageFull | QuotaExceeded))
}

/// Writes the file anew, durably: under its name it is there as a whole.
fn write(data_dir: &Path, extent: Extent) -> Result<(), ServeError> {
    let path = file(data_dir);
    let partial = data_dir.join("identity.json.partial");
    let failed = |error| ServeError::file("write", &path, error);
    let mut options = OpenOptions::new();
    let options = options.create(true).truncate(true).write(true).mode(0o600);
    let mut written = options.open(&partial).map_err(failed)?;
    written
        .write_all(text_of(extent).as_bytes())
        .and_then(|()| written.sync_all())
        .and_then(|()| std::fs::rename(&partial, &path))
        .and_then(|()| File::open(data_dir)?.sync_all())
        .map_err(failed)
}

#[cfg(test)]
mod tests;
