//! `tidegate restore`: everything is compared before anything is in its place.

use std::path::{Path, PathBuf};

use super::super::CommandError;
use super::super::check::data_dir;
use super::copying::{copy, sync, sync_directory};
use super::listing::{Listed, Listing};
use super::make_directory;
use crate::cli::RestoreArgs;
use crate::output::{self, progress};

/// Makes a data directory of a backup. When this returns, it is whole and on
/// stable storage, and every file is what the backup's listing says.
///
/// # Errors
/// When the backup is not whole, or the place is taken; then there is no data
/// directory, as before.
pub(in crate::commands) fn run(args: &RestoreArgs) -> Result<(), CommandError> {
    let data_dir = data_dir(&args.data)?;
    refuse_occupied(&data_dir, "a restored data directory")?;
    let listing = Listing::read(&args.from)?;
    let staging = staging(&data_dir)?;
    make_directory(&staging)?;
    let placed = fill(&args.from, &staging, &listing).and_then(|()| place(&staging, &data_dir));
    if placed.is_err() {
        // What was begun is of no use to anybody; the backup is untouched.
        let _kept = std::fs::remove_dir_all(&staging);
    }
    placed?;
    output::note(&format!(
        "{} holds {} files of the backup, each as it was written. Put the pepper of that server to \
         its place (usually {}.pepper, mode 0600) before you start: no token works without it",
        data_dir.display(),
        listing.files.len(),
        data_dir.display()
    ));
    Ok(())
}

/// Refuses a place where something is.
pub(super) fn refuse_occupied(path: &Path, what: &str) -> Result<(), CommandError> {
    let refused = |why: &str| {
        Err(CommandError::Usage(format!(
            "{} {why}; {what} goes to a new or empty directory",
            path.display()
        )))
    };
    match std::fs::read_dir(path) {
        Ok(mut entries) => match entries.next() {
            None => Ok(()),
            Some(_) => refused("is not empty"),
        },
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => refused(&format!("cannot be used ({error})")),
    }
}

/// A directory beside the data directory, on the same disk.
fn staging(data_dir: &Path) -> Result<PathBuf, CommandError> {
    let mut name = data_dir.file_name().unwrap_or_default().to_owned();
    if name.is_empty() {
        return Err(CommandError::Usage(format!(
            "{} has no name; name the directory itself",
            data_dir.display()
        )));
    }
    name.push(".restoring");
    let staging = data_dir.with_file_name(name);
    if staging.exists() {
        return Err(CommandError::Usage(format!(
            "{} is there: a restore was interrupted or is under way; when none is, remove it",
            staging.display()
        )));
    }
    Ok(staging)
}

fn fill(from: &Path, staging: &Path, listing: &Listing) -> Result<(), CommandError> {
    let bar = progress::bytes(listing.bytes());
    let mut problems = Vec::new();
    for file in &listing.files {
        bar.set_message(file.path.clone());
        let source = from.join(&file.path);
        match copy(&source, &staging.join(&file.path), &|read| bar.inc(read)) {
            Ok(copied) if Listed::new(&file.path, copied) == *file => {}
            Ok(_) => problems.push(format!("{} is not what was written", source.display())),
            Err(error) => problems.push(error.to_string()),
        }
    }
    bar.finish_and_clear();
    if !problems.is_empty() {
        return Err(CommandError::Failed(format!(
            "nothing was put in place: {}; use another backup",
            problems.join("; ")
        )));
    }
    sync(staging, listing.files.iter().map(|file| file.path.as_str()))
}

/// Gives the directory its name; an empty one of that name gives way.
fn place(staging: &Path, data_dir: &Path) -> Result<(), CommandError> {
    std::fs::rename(staging, data_dir).map_err(|error| {
        CommandError::File(format!("{} cannot be made: {error}", data_dir.display()))
    })?;
    let parent = data_dir
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    sync_directory(parent.unwrap_or(Path::new(".")))
}
