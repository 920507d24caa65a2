//! The files of a pool from when they are written to when they are taken away.

use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{PoisonError, RwLockReadGuard, TryLockError};

use model::ids::{PoolId, RawId};

use super::run::Run;
use super::{Lake, Names, Tending};
use crate::error::{LakeError, Result};
use crate::journal::{JournalError, Position};
use crate::manifest::ManifestChange;
use crate::published;
use crate::store::{Operation, Outcome, PoolState, Written};
use crate::tables::{ASIDE, Batches, FileEntry, FileId, Plan, commit_names, discard, parse_name};

impl Lake {
    pub(super) fn fresh_id(&self) -> RawId {
        RawId::generate(self.clock.now(), self.random.as_ref())
    }

    /// To be held by whoever writes files until a manifest names them.
    pub(super) fn unfinished(&self) -> RwLockReadGuard<'_, ()> {
        let unfinished = self.upkeep.unfinished.read();
        unfinished.unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes rows, in the order of a run's plan, to its files, which no
    /// manifest names yet. When that fails, nothing is left of them.
    pub(super) fn write_files(
        &self,
        pool: PoolId,
        run: Run<'_>,
        rows: Batches,
    ) -> Result<Vec<FileEntry>> {
        self.make_directory(pool)?;
        self.write_run(pool, run, rows)
    }

    /// Writes rows, in the order of the plan, to files that no manifest will
    /// name, and that a restart takes away. When that fails, nothing is left
    /// of them.
    pub(super) fn set_aside(
        &self,
        pool: PoolId,
        plan: Plan,
        rows: Batches,
        cleaned: Position,
    ) -> Result<Vec<FileEntry>> {
        self.write_run(pool, Run::aside(self, pool, plan, cleaned), rows)
    }

    fn write_run(&self, pool: PoolId, mut run: Run<'_>, rows: Batches) -> Result<Vec<FileEntry>> {
        match run.write_all(rows) {
            Ok(()) => Ok(run.done),
            Err(error) => {
                let begun = std::mem::take(&mut run.begun);
                drop(run);
                self.discard(pool, &begun);
                Err(error)
            }
        }
    }

    fn make_directory(&self, pool: PoolId) -> Result<()> {
        let (disk, root) = (self.tables.disk(), self.tables.root());
        disk.create_directory(root)?;
        let parent = root.parent().filter(|p| !p.as_os_str().is_empty());
        disk.sync_directory(parent.unwrap_or(Path::new(".")))?;
        disk.create_directory(&self.tables.directory(pool))?;
        Ok(disk.sync_directory(root)?)
    }

    /// Takes files away that no manifest names.
    pub(super) fn discard(&self, pool: PoolId, files: &[FileId]) {
        let directory = self.tables.directory(pool);
        let disk = self.tables.disk().as_ref();
        for id in files {
            if let Err(error) = discard(disk, &directory, *id) {
                // The next start takes it away.
                tracing::warn!(%error, "an unfinished file of records stays on the disk");
            }
        }
    }

    /// Makes files that were written the pool's, in one moment for readers and
    /// for restarts; or gives up. What changes is found out when no other
    /// change can come in between.
    pub(super) fn commit(
        &self,
        pool: PoolId,
        is: Written,
        written: Result<Vec<FileEntry>>,
        change: impl FnOnce(Vec<FileEntry>) -> Result<ManifestChange>,
    ) -> Result<()> {
        let given_up = |error| {
            self.pools.give_up(pool, is);
            error
        };
        let files = written.map_err(given_up)?;
        let ids: Vec<FileId> = files.iter().map(|file| file.id).collect();
        let directory = self.tables.directory(pool);
        if !ids.is_empty() {
            // What the journal names is on stable storage before.
            if let Err(error) = self.tables.disk().sync_directory(&directory) {
                self.discard(pool, &ids);
                return Err(given_up(error.into()));
            }
        }
        #[cfg(test)]
        self.happens_meanwhile();
        // Until the files have their names: nobody is to name or sweep them before.
        let _changing = self.upkeep.changing();
        let change = change(files).map_err(|error| {
            self.discard(pool, &ids);
            given_up(error)
        })?;
        #[cfg(test)]
        let change = self.staged_commit(pool, change);
        let removed = change.removed.clone();
        match self.submit_upkeep(Operation::Commit { pool, change }) {
            Ok(Outcome::Dropped) => {
                self.discard(pool, &ids);
                return Ok(());
            }
            Ok(_) => {}
            // Perhaps it is in the journal; the restart knows.
            Err(error @ LakeError::Journal(JournalError::Stopped)) => return Err(error),
            Err(error) => {
                self.discard(pool, &ids);
                return Err(given_up(error));
            }
        }
        self.tables.forget(&removed);
        if ids.is_empty() {
            return Ok(());
        }
        let disk = self.tables.disk().as_ref();
        let named = ids
            .into_iter()
            .try_for_each(|id| commit_names(disk, &directory, id))
            .and_then(|()| disk.sync_directory(&directory));
        if named.is_err() {
            self.upkeep.unnamed.store(true, Ordering::Relaxed);
        }
        Ok(named?)
    }

    /// Submits an operation of upkeep and waits until the journal is done with
    /// it: the two never touch the disk at the same time for one purpose.
    pub(super) fn submit_upkeep(&self, operation: Operation) -> Result<Outcome> {
        #[cfg(test)]
        if self.staged_loss(&operation) {
            return Ok(Outcome::Carried(None));
        }
        let outcome = self.journal.submit_beyond_limit(operation)?;
        // What has taken effect has, whether or not the journal goes on.
        if let Err(error) = self.settle_journal() {
            tracing::debug!(%error, "the journal did not settle after a piece of upkeep");
        }
        Ok(outcome)
    }

    /// Waits until the journal has done everything that was asked of it.
    pub(super) fn settle_journal(&self) -> Result<()> {
        self.journal.submit_beyond_limit(Operation::Wait)?;
        Ok(())
    }

    /// Takes files from the disk that nobody needs and nobody reads.
    pub(super) fn sweep(
        &self,
        memory: &mut Tending,
        pool: PoolId,
        unused: &[FileId],
    ) -> Result<()> {
        if unused.is_empty() {
            return Ok(());
        }
        let _changing = self.upkeep.changing();
        self.tables.forget(unused);
        let directory = self.tables.directory(pool);
        let disk = self.tables.disk();
        for id in unused {
            discard(disk.as_ref(), &directory, *id)?;
            memory.leaving.remove(id);
        }
        match disk.sync_directory(&directory) {
            Err(error) if !error.is_not_found() => return Err(error.into()),
            _ => {}
        }
        if self.pools.is_dropped(pool) {
            // Without files the pool is forgotten, and nobody would think of its log.
            published::withdraw(disk.as_ref(), &directory).map_err(|error| {
                LakeError::Unpublished {
                    pool,
                    reason: error.to_string(),
                }
            })?;
        }
        self.pools.forget_obsolete(pool, unused);
        Ok(())
    }

    /// After a restart, and after a renaming that failed or of which it is not
    /// sure that it is durable: gives files that the journal names their final names,
    /// and takes away what was begun and never named. Files that the journal
    /// does not know are left where they are, and told of. While files are
    /// being written that is put off.
    pub(in crate::lake) fn settle_names(&self, are: Names) -> Result<()> {
        let _alone = match self.upkeep.unfinished.try_write() {
            Ok(alone) => alone,
            Err(TryLockError::Poisoned(alone)) => alone.into_inner(),
            Err(TryLockError::WouldBlock) => {
                self.upkeep.unnamed.store(true, Ordering::Relaxed);
                return Ok(());
            }
        };
        let disk = self.tables.disk();
        let names = match disk.list(self.tables.root()) {
            Ok(names) => names,
            Err(error) if error.is_not_found() => Vec::new(),
            Err(error) => return Err(error.into()),
        };
        let states = self.pools.states();
        for name in names {
            let Ok(pool) = PoolId::parse(&name) else {
                tracing::warn!(%name, "something foreign stands among the files of records");
                continue;
            };
            let state = states.iter().find(|state| state.id == pool);
            self.settle_pool(pool, state, are)?;
        }
        Ok(())
    }

    /// What is known of the names of files now.
    pub(super) fn names(&self) -> Names {
        match self.upkeep.unnamed.load(Ordering::Relaxed) {
            true => Names::Unsure,
            false => Names::Found,
        }
    }

    /// Takes away what was begun and never named; sets it aside where it is not
    /// known that the journal, which does not name it, is the right one. What is
    /// set aside stays until somebody removes it, and `tidegate check` lists it.
    fn clear_away(&self, path: &Path) -> Result<()> {
        let disk = self.tables.disk();
        if self.upkeep.journal_is_known.load(Ordering::Relaxed) {
            return Ok(disk.remove(path)?);
        }
        let mut aside = path.as_os_str().to_owned();
        aside.push(ASIDE);
        tracing::warn!(
            file = %path.display(),
            "an unfinished file of records is set aside: this start cannot tell whether another journal names it"
        );
        Ok(disk.rename(path, Path::new(&aside))?)
    }

    /// Refuses a start without the directory that files of records are in, where
    /// the journal names some: a disk that is not mounted is no empty pool.
    pub(in crate::lake) fn check_tables(&self) -> Result<()> {
        let states = self.pools.states();
        let files: usize = states.iter().map(|state| state.manifest.files.len()).sum();
        let root = self.tables.root();
        match self.tables.disk().list(root) {
            Err(error) if error.is_not_found() && files > 0 => Err(LakeError::Damaged {
                file: root.to_owned(),
                detail: format!("it is missing, and the journal names {files} files in it"),
            }),
            Err(error) if !error.is_not_found() => Err(error.into()),
            _ => Ok(()),
        }
    }

    fn settle_pool(&self, pool: PoolId, state: Option<&PoolState>, are: Names) -> Result<()> {
        let directory = self.tables.directory(pool);
        let disk = self.tables.disk().as_ref();
        let manifest = state.map(|state| &state.manifest);
        // A file that has its name already looks as if nothing were to be done.
        let (mut unknown, mut aside, mut changed) = (0, 0, are == Names::Unsure);
        for name in disk.list(&directory)? {
            let Some((id, part)) = parse_name(&name) else {
                aside += usize::from(name.ends_with(ASIDE));
                continue;
            };
            let is_live = manifest.is_some_and(|m| m.files.iter().any(|file| file.id == id));
            if part.is_unfinished() && is_live {
                commit_names(disk, &directory, id)?;
                changed = true;
            } else if part.is_unfinished() {
                self.clear_away(&directory.join(&name))?;
                changed = true;
            } else if !is_live && !manifest.is_some_and(|m| m.obsolete.contains_key(&id)) {
                unknown += 1;
            }
        }
        if changed {
            disk.sync_directory(&directory)?;
        }
        if aside > 0 {
            tracing::warn!(
                %pool, files = aside,
                "unfinished files of records that a start set aside are still there, perhaps with records that were \
                 deleted since; `tidegate check` says of each what to do"
            );
        }
        if unknown > 0 {
            tracing::warn!(
                %pool, files = unknown,
                "files of records that the journal does not know; they are kept and not read"
            );
        }
        Ok(())
    }
}

/// The rows of files that were written.
pub(super) fn rows_of(written: &Result<Vec<FileEntry>>) -> u64 {
    let files = written.iter().flatten();
    files.map(|file| file.rows).sum()
}
