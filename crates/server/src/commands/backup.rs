//! `tidegate backup` and `tidegate restore`.

mod copying;
mod listing;
mod restore;

pub(super) use restore::run as restore;

use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use lake::Inspection;
use model::time::Clock as _;

use super::CommandError;
use super::check::data_dir;
use crate::cli::BackupArgs;
use crate::clock::SystemClock;
use crate::output::{self, progress};
use crate::serve::Offline;
use copying::{copy, sync};
use listing::{Listed, Listing};

/// A file that goes into a backup.
struct Source {
    /// Where it is.
    from: PathBuf,
    /// Where it goes, from the directory of the backup on.
    path: String,
    /// What the journal says of it, if it does: bytes and SHA-256.
    known: Option<(u64, [u8; 32])>,
}

/// Copies the data directory. When this returns, the backup is whole and on
/// stable storage.
///
/// # Errors
/// When something is damaged, or cannot be copied; then the directory that was
/// begun holds no `backup.json` and is no backup.
pub(super) fn run(args: &BackupArgs) -> Result<(), CommandError> {
    let data_dir = data_dir(&args.data)?;
    let offline = Offline::to_read(&data_dir)?;
    let control = offline.control()?;
    let defined = match (control.inspected, control.problems.first()) {
        (Some(inspected), None) => inspected,
        (_, problem) => {
            return Err(damaged(problem.map_or("", String::as_str)));
        }
    };
    let inspection = offline.lake(Some(&defined))?;
    if let Some(damage) = &inspection.journal_damage {
        return Err(damaged(&damage.to_string()));
    }
    make_target(&args.to, &data_dir)?;
    let control = "control.sqlite";
    offline.copy_control(&args.to.join(control))?;
    let mut files = vec![Listed::of(&args.to, control)?];
    let mut sources = sources(&data_dir, &inspection)?;
    sources.extend(tokens(&offline));
    let bytes = sources
        .iter()
        .filter_map(|source| source.from.metadata().ok());
    let bar = progress::bytes(bytes.map(|metadata| metadata.len()).sum());
    let mut problems = Vec::new();
    for source in &sources {
        bar.set_message(source.path.clone());
        let copied = copy(&source.from, &args.to.join(&source.path), &|read| {
            bar.inc(read)
        })?;
        if source.known.is_some_and(|known| known != copied) {
            problems.push(source.from.display().to_string());
        }
        files.push(Listed::new(&source.path, copied));
    }
    bar.finish_and_clear();
    if !problems.is_empty() {
        return Err(damaged(&format!(
            "these files are not what was written: {}",
            problems.join(", ")
        )));
    }
    sync(&args.to, files.iter().map(|file| file.path.as_str()))?;
    let listing = Listing::new(SystemClock.now(), files);
    let (count, bytes) = (listing.files.len(), listing.bytes());
    listing.write(&args.to)?;
    output::note(&format!(
        "{count} files, {bytes} bytes are in {}; the pepper is not among them, keep it elsewhere",
        args.to.display()
    ));
    Ok(())
}

fn damaged(what: &str) -> CommandError {
    CommandError::Failed(format!(
        "no backup was made of a damaged directory: {what}; tidegate check names all that is wrong"
    ))
}

/// The tokens of uniqueness: the database and its log, as they are.
fn tokens(offline: &Offline) -> impl Iterator<Item = Source> {
    let files = offline.tokens().into_iter();
    files.map(|(from, path)| Source {
        from,
        path,
        known: None,
    })
}

/// Journal and files of records. The Delta logs are copies themselves, and are
/// made anew by the server that is started on a restored directory.
fn sources(data_dir: &Path, inspection: &Inspection) -> Result<Vec<Source>, CommandError> {
    let mut sources = Vec::new();
    let journal = data_dir.join("journal");
    let told = |error| CommandError::File(format!("{} cannot be read: {error}", journal.display()));
    for entry in std::fs::read_dir(&journal).map_err(told)? {
        let name = entry
            .map_err(told)?
            .file_name()
            .to_string_lossy()
            .into_owned();
        if name.starts_with("segment-") {
            sources.push(Source {
                from: journal.join(&name),
                path: format!("journal/{name}"),
                known: None,
            });
        }
    }
    for pool in inspection.pools.iter().filter(|pool| !pool.dropped) {
        for file in &pool.files {
            for part in inspection.parts(file) {
                let name = part.named.file_name().unwrap_or_default().to_string_lossy();
                sources.push(Source {
                    path: format!("tables/{}/{name}", pool.id),
                    from: part.now,
                    known: Some((part.bytes, part.digest)),
                });
            }
        }
    }
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(sources)
}

/// Makes the directory of a backup, which must not hold anything yet.
fn make_target(to: &Path, data_dir: &Path) -> Result<(), CommandError> {
    restore::refuse_occupied(to, "a backup")?;
    let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    if absolute(to).starts_with(absolute(data_dir)) {
        return Err(CommandError::Usage(format!(
            "{} lies within the data directory; put a backup elsewhere, best on another disk",
            to.display()
        )));
    }
    make_directory(to)
}

/// Makes a directory that its owner alone can read.
fn make_directory(path: &Path) -> Result<(), CommandError> {
    let mut builder = std::fs::DirBuilder::new();
    let made = builder.recursive(true).mode(0o700).create(path);
    made.map_err(|error| CommandError::File(format!("{} cannot be made: {error}", path.display())))
}
