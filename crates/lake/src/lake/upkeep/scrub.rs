//! Files are read again as wholes, from time to time, so that rot is found
//! before anybody needs what rots.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use model::ids::{PoolId, RawId};
use model::permit::{Permit, Upkeep};

use super::Lake;
use crate::error::{LakeError, Result};
use crate::store::PoolState;
use crate::tables::{FileId, Part, Verification, path_of};

/// How far reading all files has come.
#[derive(Debug, Default)]
pub(super) struct Scrub(Mutex<Progress>);

#[derive(Debug, Default)]
struct Progress {
    /// The last file that was read to its end, or found damaged.
    after: Option<FileId>,
    /// The file that is being read.
    current: Option<(FileId, PathBuf, Verification)>,
    /// Files that are not what was written.
    damaged: BTreeMap<FileId, PathBuf>,
}

/// What a step of reading all files did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scrubbed {
    /// So many bytes were read, all of them what was written.
    Bytes(u64),
    /// This file was read to its end; its name is a place to go on from.
    File(String),
    /// This file is not what was written, or the disk does not give it. It was told of; all others
    /// go on.
    Damaged(PathBuf),
    /// Nothing: the process may open no more files now. The place is the same.
    Later,
    /// Every file was read. The next step begins anew.
    All,
}

impl Scrub {
    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many of the files of these pools were found damaged, or are of those that could not be
    /// read.
    pub(super) fn damaged(&self, states: &[PoolState], unreadable: &BTreeSet<FileId>) -> u64 {
        let progress = self.progress();
        let is_meant = |id: &FileId| progress.damaged.contains_key(id) || unreadable.contains(id);
        let files = states.iter().flat_map(|state| state.manifest.files.iter());
        let damaged = files.filter(|file| is_meant(&file.id));
        damaged.count() as u64
    }
}

impl Lake {
    /// Goes on with reading all files after the one of this name, which
    /// [`Scrubbed::File`] gave, in this process or one before.
    pub fn scrub_after(&self, _: &Permit<Upkeep>, file: &str) {
        let mut progress = self.upkeep.scrub.progress();
        progress.after = RawId::parse(file).ok().map(FileId);
        progress.current = None;
    }

    /// Reads on in the files of records, at most so many bytes, and compares
    /// each file with its digest, the oldest files first.
    pub fn scrub(&self, _: &Permit<Upkeep>, bytes: u64) -> Scrubbed {
        let mut progress = self.upkeep.scrub.progress();
        let (id, path, mut verification) = match progress.current.take() {
            Some(current) => current,
            None => {
                let Some((pool, id, begun)) = self.next_file(progress.after) else {
                    *progress = Progress {
                        damaged: std::mem::take(&mut progress.damaged),
                        ..Progress::default()
                    };
                    self.upkeep.counters.scrubs.add(1);
                    return Scrubbed::All;
                };
                let path = path_of(&self.tables.directory(pool), id, Part::Records);
                match begun {
                    Ok(verification) => (id, path, verification),
                    Err(error) => return self.found(&mut progress, (id, path), &error),
                }
            }
        };
        match verification.step(bytes) {
            Err(error) => self.found(&mut progress, (id, path), &error),
            Ok(0) => {
                progress.after = Some(id);
                progress.damaged.remove(&id);
                self.note_read(id);
                Scrubbed::File(id.to_string())
            }
            Ok(read) => {
                self.upkeep.counters.scrubbed_bytes.add(read);
                progress.current = Some((id, path, verification));
                Scrubbed::Bytes(read)
            }
        }
    }

    /// The oldest file after this one. While it is read, it is not taken away.
    fn next_file(&self, after: Option<FileId>) -> Option<(PoolId, FileId, Result<Verification>)> {
        let states = self.pools.states();
        let files = states.iter().flat_map(|state| {
            let files = state.manifest.files.iter();
            files.map(|file| (file.id, state.id, file))
        });
        let later = files.filter(|(id, ..)| Some(*id) > after);
        let (id, pool, entry) = later.min_by_key(|(id, ..)| *id)?;
        let (disk, directory) = (self.tables.disk(), self.tables.directory(pool));
        Some((pool, id, Verification::begin(disk, &directory, entry)))
    }
}

impl Lake {
    /// Tells of a file, and goes on behind it. What the disk did not give is read again by
    /// [`Lake::tend`], long before the next round.
    fn found(
        &self,
        progress: &mut Progress,
        (id, path): (FileId, PathBuf),
        error: &LakeError,
    ) -> Scrubbed {
        if !error.is_of_a_file() {
            tracing::warn!(file = %path.display(), %error, "files are read again later");
            return Scrubbed::Later;
        }
        progress.after = Some(id);
        if error.may_pass() {
            // It is known from now on for as long as that lasts.
            progress.damaged.remove(&id);
            let found = BTreeSet::from([id]);
            self.upkeep.note_unreadable(error, &found, self.clock.now());
            tracing::error!(
                file = %path.display(), %error,
                "a file of records cannot be read; questions that need it are refused for as long \
                 as it cannot"
            );
            return Scrubbed::Damaged(path);
        }
        tracing::error!(
            file = %path.display(), %error,
            "a file of records is not what was written; questions that need it are refused"
        );
        progress.damaged.insert(id, path.clone());
        Scrubbed::Damaged(path)
    }
}
