//! The directory `_delta_log`: its names, reading it, and adding to it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use model::time::Timestamp;
use serde_json::{Value, json};

use super::commit::{Commit, digest};
use super::state::{Checkpoint, Found, State};
use super::{PublishError, TOMBSTONE_MILLISECONDS, checkpoint};
use crate::disk::{Disk, DiskFile};

/// The name of the log's directory in the pool's.
pub(crate) const DIRECTORY: &str = "_delta_log";
/// The file that names the newest checkpoint.
pub(super) const LAST: &str = "_last_checkpoint";
/// What the name of every file of the log begins with until it is whole; readers do not know it.
const UNFINISHED: &str = "_unfinished";
/// How many files may be unfinished at once: those of as many writers.
const UNFINISHED_MAX: usize = 1_000;
const COMMIT: &str = ".json";
const CHECKPOINT: &str = ".checkpoint.parquet";

/// The log of one pool, opened by its only writer.
#[derive(Debug)]
pub(super) struct Log<'a> {
    disk: &'a dyn Disk,
    directory: PathBuf,
    pub(super) commits: BTreeSet<u64>,
    pub(super) checkpoints: BTreeSet<u64>,
    pub(super) has_last: bool,
    unfinished: Vec<String>,
}

impl<'a> Log<'a> {
    /// The log in a pool's directory; an empty one is made when there is none.
    ///
    /// # Errors
    /// [`PublishError::Damaged`] for a file that only another writer makes and that would change
    /// what readers see.
    pub(super) fn open(disk: &'a dyn Disk, pool: &Path) -> Result<Self, PublishError> {
        if let Some(log) = Self::find(disk, pool)? {
            return Ok(log);
        }
        let directory = pool.join(DIRECTORY);
        disk.create_directory(&directory)?;
        disk.sync_directory(pool)?;
        Self::of_names(disk, directory, Vec::new())
    }

    /// The log in a pool's directory, if there is one.
    ///
    /// # Errors
    /// As [`Log::open`].
    pub(super) fn find(disk: &'a dyn Disk, pool: &Path) -> Result<Option<Self>, PublishError> {
        let directory = pool.join(DIRECTORY);
        match disk.list(&directory) {
            Ok(names) => Self::of_names(disk, directory, names).map(Some),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn of_names(
        disk: &'a dyn Disk,
        directory: PathBuf,
        names: Vec<String>,
    ) -> Result<Self, PublishError> {
        let mut log = Self {
            disk,
            directory,
            commits: BTreeSet::new(),
            checkpoints: BTreeSet::new(),
            has_last: false,
            unfinished: Vec::new(),
        };
        for name in names {
            match (version_of(&name), name.get(20..)) {
                (Some(version), Some(COMMIT)) => drop(log.commits.insert(version)),
                (Some(version), Some(CHECKPOINT)) => drop(log.checkpoints.insert(version)),
                (Some(_), _) => return Err(log.damaged(&name, "is of a kind that we never write")),
                _ if name.starts_with(UNFINISHED) => log.unfinished.push(name.clone()),
                _ => log.has_last |= name == LAST,
            }
        }
        Ok(log)
    }

    /// Removes every file that we write, in a pool's directory, the pointer to a checkpoint
    /// first. On return they are gone from stable storage.
    pub(super) fn withdraw(disk: &dyn Disk, pool: &Path) -> Result<(), PublishError> {
        let directory = pool.join(DIRECTORY);
        let names = match disk.list(&directory) {
            Ok(names) => names,
            Err(error) if error.is_not_found() => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        let is_version = |name: &String| {
            version_of(name).is_some() && [Some(COMMIT), Some(CHECKPOINT)].contains(&name.get(20..))
        };
        let (versions, others): (Vec<_>, Vec<_>) = names.into_iter().partition(is_version);
        let others = others
            .iter()
            .filter(|name| *name == LAST || name.starts_with(UNFINISHED));
        for name in others.chain(&versions) {
            disk.remove(&directory.join(name))?;
        }
        disk.sync_directory(&directory)?;
        Ok(())
    }

    /// Takes away what a writer that ended left unfinished. Nobody else may write now.
    pub(super) fn sweep(&mut self) -> Result<(), PublishError> {
        for name in std::mem::take(&mut self.unfinished) {
            self.disk.remove(&self.directory.join(name))?;
        }
        Ok(())
    }

    /// The table at the newest version, and the newest checkpoint.
    ///
    /// # Errors
    /// [`PublishError::Damaged`] for a log that is not wholly ours or not of the table `id`.
    pub(super) fn load(&self, id: &str) -> Result<Found, PublishError> {
        let newest_checkpoint = self.checkpoints.last().copied();
        let Some(newest) = self.commits.last().copied() else {
            return match newest_checkpoint {
                Some(version) => Err(self.missing(version)),
                None if self.has_last => {
                    Err(self.damaged(LAST, "names a checkpoint that is not there"))
                }
                None => Ok(Found::default()),
            };
        };
        let mut found = Found::default();
        if let Some(version) = newest_checkpoint {
            self.load_checkpoint(version, &mut found)?;
        }
        // A checkpoint's own commit is read too: readers look at it for its time.
        let first = newest_checkpoint.unwrap_or(0);
        for version in first..=newest.max(first) {
            let commit = self.read_commit(version)?;
            if Some(version) == newest_checkpoint {
                continue;
            }
            if let Some(state) = &found.state {
                let unknown = commit
                    .removed
                    .keys()
                    .find(|name| !state.files.contains_key(*name));
                if let Some(name) = unknown {
                    let what = format!("removes {name}, which is no file of the table");
                    return Err(self.damaged(&commit_name(version), what));
                }
            }
            found.follow(commit);
        }
        match &found.state {
            Some(state) if state.metadata.id == id => Ok(found),
            Some(state) => {
                let what = format!("belongs to the table {}, not to {id}", state.metadata.id);
                Err(self.damaged(&commit_name(newest), what))
            }
            None => Err(self.damaged(&commit_name(first), "tells no schema")),
        }
    }

    fn load_checkpoint(&self, version: u64, found: &mut Found) -> Result<(), PublishError> {
        let (state, checkpoint) = self.read_checkpoint(version)?;
        found.checkpoint = Some(checkpoint);
        found.state = Some(state);
        Ok(())
    }

    pub(super) fn read_checkpoint(
        &self,
        version: u64,
    ) -> Result<(State, Checkpoint), PublishError> {
        let name = checkpoint_name(version);
        let bytes = self.read(&name)?;
        let facts = digest(&bytes);
        // What `_last_checkpoint` says of another version says nothing of this one.
        let hint = self.read_last()?;
        if hint["version"].as_u64() == Some(version)
            && let Some(expected) = hint["tags"]["sha256"].as_str()
            && expected != facts
        {
            let what = format!("is torn or was changed: its digest does not match that in {LAST}");
            return Err(self.damaged(&name, what));
        }
        let length = bytes.len();
        let (state, actions) =
            checkpoint::decode(version, bytes).map_err(|what| self.damaged(&name, what))?;
        let checkpoint = Checkpoint {
            version,
            actions,
            files: state.files.len(),
            bytes: length,
            digest: facts,
        };
        Ok((state, checkpoint))
    }

    pub(super) fn read_commit(&self, version: u64) -> Result<Commit, PublishError> {
        if !self.commits.contains(&version) {
            return Err(self.missing(version));
        }
        let name = commit_name(version);
        Commit::decode(version, &self.read(&name)?).map_err(|what| self.damaged(&name, what))
    }

    /// `_last_checkpoint`; null when it is missing or no JSON, since it is only a hint that is
    /// written again.
    fn read_last(&self) -> Result<Value, PublishError> {
        if !self.has_last {
            return Ok(Value::Null);
        }
        Ok(serde_json::from_slice(&self.read(LAST)?).unwrap_or(Value::Null))
    }

    /// Writes the file of a version. On return it is on stable storage.
    pub(super) fn write_commit(&mut self, commit: &Commit) -> Result<(), PublishError> {
        let name = commit_name(commit.version);
        if self.commits.contains(&commit.version) {
            return Err(PublishError::Internal(format!("{name} is there already")));
        }
        let unnamed = self.write_unnamed(commit.encode().as_bytes())?;
        let path = self.directory.join(&name);
        match self.disk.rename_new(&unnamed, &path) {
            Err(error) if error.is_taken() => {
                self.disk.remove(&unnamed)?;
                return Err(PublishError::Taken(path));
            }
            named => named?,
        }
        self.disk.sync_directory(&self.directory)?;
        self.commits.insert(commit.version);
        Ok(())
    }

    /// Writes the checkpoint of a state, without the tombstones that have expired at `now`. On
    /// return it is on stable storage.
    pub(super) fn write_checkpoint(
        &mut self,
        state: &State,
        now: Timestamp,
    ) -> Result<Checkpoint, PublishError> {
        let expired = super::table::milliseconds(now) - TOMBSTONE_MILLISECONDS;
        let (bytes, actions) = checkpoint::encode(state, expired)?;
        self.write(&checkpoint_name(state.version), &bytes)?;
        self.checkpoints.insert(state.version);
        Ok(Checkpoint {
            version: state.version,
            actions,
            files: state.files.len(),
            bytes: bytes.len(),
            digest: digest(&bytes),
        })
    }

    /// Makes `_last_checkpoint` name the newest checkpoint, if it does not yet.
    pub(super) fn name_checkpoint(&mut self, checkpoint: &Checkpoint) -> Result<(), PublishError> {
        let wanted = pointer(checkpoint);
        if self.read_last()? != wanted {
            self.write(LAST, wanted.to_string().as_bytes())?;
            self.has_last = true;
        }
        Ok(())
    }

    /// Removes what is older than the last two checkpoints, oldest first. The last two are on
    /// stable storage by then, so a removal that a power cut undoes does no harm.
    pub(super) fn clean(&mut self) -> Result<(), PublishError> {
        let Some(keep) = self.checkpoints.iter().rev().nth(1).copied() else {
            return Ok(());
        };
        let commits: Vec<u64> = self.commits.range(..keep).copied().collect();
        let checkpoints: Vec<u64> = self.checkpoints.range(..keep).copied().collect();
        if commits.is_empty() && checkpoints.is_empty() {
            return Ok(());
        }
        for version in commits {
            self.disk
                .remove(&self.directory.join(commit_name(version)))?;
            self.commits.remove(&version);
        }
        for version in checkpoints {
            self.disk
                .remove(&self.directory.join(checkpoint_name(version)))?;
            self.checkpoints.remove(&version);
        }
        self.disk.sync_directory(&self.directory)?;
        Ok(())
    }

    /// Gives a name to whole bytes. A reader finds the name with all of them or not at all, and
    /// on return both are on stable storage.
    fn write(&mut self, name: &str, bytes: &[u8]) -> Result<(), PublishError> {
        let unnamed = self.write_unnamed(bytes)?;
        self.disk.rename(&unnamed, &self.directory.join(name))?;
        self.disk.sync_directory(&self.directory)?;
        Ok(())
    }

    /// Writes a file that no reader knows and no other writer touches. On return its bytes are on
    /// stable storage.
    fn write_unnamed(&self, bytes: &[u8]) -> Result<PathBuf, PublishError> {
        let (path, file) = self.create_unfinished()?;
        file.write_at(0, bytes)?;
        file.sync_all()?;
        Ok(path)
    }

    /// A file of this writer's own: names of other writers' are taken.
    fn create_unfinished(&self) -> Result<(PathBuf, Arc<dyn DiskFile>), PublishError> {
        for number in 0..UNFINISHED_MAX {
            let path = match number {
                0 => self.directory.join(UNFINISHED),
                more => self.directory.join(format!("{UNFINISHED}-{more}")),
            };
            match self.disk.create(&path) {
                Err(error) if error.is_taken() => {}
                created => return Ok((path, created?)),
            }
        }
        let what = format!("{UNFINISHED_MAX} files are unfinished at once");
        Err(PublishError::Internal(what))
    }

    pub(super) fn read(&self, name: &str) -> Result<Vec<u8>, PublishError> {
        let file = self.disk.open(&self.directory.join(name))?;
        let length = usize::try_from(file.length()?).map_err(PublishError::internal)?;
        let mut bytes = vec![0; length];
        let read = file.read_at(0, &mut bytes)?;
        bytes.truncate(read);
        Ok(bytes)
    }

    pub(super) fn missing(&self, version: u64) -> PublishError {
        let what = "is missing, although later files of the log are there";
        self.damaged(&commit_name(version), what)
    }

    pub(super) fn damaged(&self, name: &str, what: impl Into<String>) -> PublishError {
        PublishError::damaged(&self.directory, name, what)
    }
}

/// What `_last_checkpoint` says of a checkpoint.
pub(super) fn pointer(checkpoint: &Checkpoint) -> Value {
    json!({
        "version": checkpoint.version, "size": checkpoint.actions,
        "sizeInBytes": checkpoint.bytes, "numOfAddFiles": checkpoint.files,
        "tags": {"sha256": checkpoint.digest}})
}

/// The version that a file's name begins with.
fn version_of(name: &str) -> Option<u64> {
    let (digits, rest) = name.split_at_checked(20)?;
    let is_version = digits.bytes().all(|byte| byte.is_ascii_digit()) && rest.starts_with('.');
    is_version.then(|| digits.parse().ok()).flatten()
}

pub(super) fn commit_name(version: u64) -> String {
    format!("{version:020}{COMMIT}")
}

pub(super) fn checkpoint_name(version: u64) -> String {
    format!("{version:020}{CHECKPOINT}")
}
