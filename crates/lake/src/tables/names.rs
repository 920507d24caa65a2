//! The names of files of records.

use std::path::{Path, PathBuf};

use model::ids::RawId;

use super::entry::FileId;
use crate::disk::{Disk, DiskError};

/// Before the path of an undeclared field that has a column of its own. No
/// client's field begins so.
pub(super) const SHREDDED: &str = "_field.";

/// Behind the name of an unfinished file that a start found and did not take
/// away: it could not tell whether another journal names it.
pub(crate) const ASIDE: &str = ".aside";

/// What a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// Records, as Parquet.
    Records,
    /// What is known of them.
    Index,
    /// Records of a file that the manifest may not name yet.
    UnfinishedRecords,
    /// Its index.
    UnfinishedIndex,
}

impl Part {
    const ALL: [Self; 4] = [
        Self::Records,
        Self::Index,
        Self::UnfinishedRecords,
        Self::UnfinishedIndex,
    ];

    fn suffix(self) -> &'static str {
        match self {
            Self::Records => ".parquet",
            Self::Index => ".index",
            Self::UnfinishedRecords => ".parquet.tmp",
            Self::UnfinishedIndex => ".index.tmp",
        }
    }

    /// What it is called once the manifest names it.
    pub(crate) fn finished(self) -> Self {
        match self {
            Self::Records | Self::UnfinishedRecords => Self::Records,
            Self::Index | Self::UnfinishedIndex => Self::Index,
        }
    }

    /// Whether the manifest may not name it yet.
    pub(crate) fn is_unfinished(self) -> bool {
        matches!(self, Self::UnfinishedRecords | Self::UnfinishedIndex)
    }
}

/// The path of a part of a file.
pub(crate) fn path_of(directory: &Path, id: FileId, part: Part) -> PathBuf {
    directory.join(format!("{id}{}", part.suffix()))
}

/// The name of a file of records in its pool's directory.
pub(crate) fn records_name(id: FileId) -> String {
    format!("{id}{}", Part::Records.suffix())
}

/// What the name of a file says; `None` for a foreign one.
pub(crate) fn parse_name(name: &str) -> Option<(FileId, Part)> {
    Part::ALL.into_iter().find_map(|part| {
        let id = name.strip_suffix(part.suffix())?;
        Some((FileId(RawId::parse(id).ok()?), part))
    })
}

/// Gives the parts of a file that the manifest names their final names; those
/// that have them keep them. Durable once the directory is synced.
pub(crate) fn commit_names(disk: &dyn Disk, directory: &Path, id: FileId) -> Result<(), DiskError> {
    for (from, to) in [
        (Part::UnfinishedIndex, Part::Index),
        (Part::UnfinishedRecords, Part::Records),
    ] {
        match disk.rename(&path_of(directory, id, from), &path_of(directory, id, to)) {
            Err(error) if !error.is_not_found() => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// Takes all parts of a file away. Durable once the directory is synced.
pub(crate) fn discard(disk: &dyn Disk, directory: &Path, id: FileId) -> Result<(), DiskError> {
    for part in Part::ALL {
        match disk.remove(&path_of(directory, id, part)) {
            Err(error) if !error.is_not_found() => return Err(error),
            _ => {}
        }
    }
    Ok(())
}
