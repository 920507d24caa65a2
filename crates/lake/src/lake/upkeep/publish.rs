//! Each pool's Delta log follows its files: a copy for other readers, never
//! waited for by anything but the taking away of files that it names.
//!
//! A version holds exactly the rows of the pool's files at one moment. While a
//! removal waits to be carried out in a file, no version is made: rather an
//! older version than one with a deleted record in it. Records that are only
//! too old for the pool's retention are in it as long as they are in files.

use std::collections::BTreeSet;
use std::sync::{Arc, Weak};
use std::time::Duration;

use model::ids::PoolId;
use model::pools::Pool;
use model::time::Timestamp;

use super::retain::may_stay;
use super::{Lake, Tending};
use crate::columns::Layout;
use crate::published::{self, PublishError, PublishedFile, PublishedTable};
use crate::store::PoolState;
use crate::tables::{FileEntry, FileId, FileList, records_name};

/// How long after a failure it is tried again.
const RETRY: Duration = Duration::from_secs(60);

/// The files that a version was made of. They may go meanwhile.
type Files = Weak<FileList>;

/// What is known of a pool's log.
#[derive(Debug, Default)]
pub(super) struct Published {
    /// The files that its newest version names; `None` while that is not known.
    named: Option<BTreeSet<FileId>>,
    /// The pool and the files that it was made for, by this process.
    of: Option<(Arc<Pool>, Files)>,
    /// When it failed, if it did at last.
    failed: Option<Timestamp>,
}

impl Published {
    /// Whether the newest version is of this pool and these files.
    fn is_of(&self, pool: &Arc<Pool>, state: &PoolState) -> bool {
        self.of.as_ref().is_some_and(|(of, files)| {
            Arc::ptr_eq(of, pool) && files.as_ptr() == Arc::as_ptr(&state.manifest.files)
        })
    }
}

/// Whether so much time has passed.
pub(super) fn has_passed(since: Timestamp, now: Timestamp, time: Duration) -> bool {
    let passed = now.as_microsecond().saturating_sub(since.as_microsecond());
    u128::try_from(passed).is_ok_and(|passed| passed >= time.as_micros())
}

impl Lake {
    /// The pool whose log is to follow next.
    pub(super) fn next_publish(&self, memory: &Tending, states: &[PoolState]) -> Option<PoolId> {
        let now = self.clock.now();
        let mut due = states.iter().filter(|state| {
            let manifest = &state.manifest;
            let Some(published) = memory.published.get(&state.id) else {
                return !manifest.files.is_empty() || !manifest.obsolete.is_empty();
            };
            if let Some(failed) = published.failed {
                return has_passed(failed, now, RETRY);
            }
            match &state.pool {
                Some(pool) => self.is_publishable(pool, state) && !published.is_of(pool, state),
                None => self.pools.is_dropped(state.id) && published.named != Some(BTreeSet::new()),
            }
        });
        due.next().map(|state| state.id)
    }

    /// Whether no row of the files was deleted or replaced.
    fn is_publishable(&self, pool: &Pool, state: &PoolState) -> bool {
        let (manifest, now) = (&state.manifest, self.clock.now());
        let mut files = manifest.files.iter();
        files.all(|file| {
            let mut due = manifest.removals.iter().filter(|one| one.is_due(file));
            file.replaced.is_none() && due.all(|one| may_stay(pool, one, file, now).is_some())
        })
    }

    /// Makes the log of a pool say what its files are, if no removal waits in
    /// them; takes away that of a dropped pool. A failure is counted, told and
    /// remembered, and stops nothing else.
    pub(super) fn publish_pool(
        &self,
        memory: &mut Tending,
        pool: PoolId,
    ) -> Result<(), PublishError> {
        let _changing = self.upkeep.changing();
        let states = self.pools.states();
        let Some(state) = states.iter().find(|state| state.id == pool) else {
            return Ok(());
        };
        let begun = self.clock.now();
        let done = self.published(state);
        let published = memory.published.entry(state.id).or_default();
        match done {
            Ok(done) => {
                *published = done;
                let publishes = &self.upkeep.counters.publishes;
                publishes.done(0, begun, self.clock.now());
                Ok(())
            }
            Err(error) => {
                published.failed = Some(self.clock.now());
                self.upkeep.counters.publish_failures.add(1);
                tracing::warn!(
                    pool = %state.id, %error,
                    "the Delta log of a pool was not published; the pool itself is not touched"
                );
                Err(error)
            }
        }
    }

    fn published(&self, state: &PoolState) -> Result<Published, PublishError> {
        let disk = self.tables.disk().as_ref();
        let directory = self.tables.directory(state.id);
        if self.pools.is_dropped(state.id) {
            published::withdraw(disk, &directory)?;
            return Ok(Published {
                named: Some(BTreeSet::new()),
                ..Published::default()
            });
        }
        let files = &state.manifest.files;
        if files.is_empty() && published::named(disk, &directory, state.id)?.is_none() {
            // A pool that never had files has no log.
            return Ok(Published {
                named: Some(BTreeSet::new()),
                of: state.pool.clone().map(|pool| (pool, Arc::downgrade(files))),
                failed: None,
            });
        }
        let publishable = |pool: &&Arc<Pool>| self.is_publishable(pool, state);
        let Some(pool) = state.pool.as_ref().filter(publishable) else {
            let named = published::named(disk, &directory, state.id)?;
            let named = named.unwrap_or_default();
            return Ok(Published {
                named: Some(named.iter().filter_map(|name| id_of(name)).collect()),
                ..Published::default()
            });
        };
        let layout = Layout::of(&pool.draft.schema);
        let table =
            PublishedTable::new(pool.id, pool.draft.name.as_str(), &layout, pool.created_at);
        let live: Vec<_> = files.iter().map(|file| published_file(file)).collect();
        published::publish(disk, &directory, &table, &live, self.clock.now())?;
        Ok(Published {
            named: Some(files.iter().map(|file| file.id).collect()),
            of: Some((pool.clone(), Arc::downgrade(files))),
            failed: None,
        })
    }

    /// Whether what is deleted waits in a file that cannot be read, so that the log says what it said.
    fn is_kept_back(&self, state: &PoolState) -> bool {
        let unreadable = self.upkeep.unreadable();
        let mut files = state.manifest.files.iter();
        files.any(|file| unreadable.contains_key(&file.id))
            && (state.pool.as_ref()).is_some_and(|pool| !self.is_publishable(pool, state))
    }

    /// Files that may be taken from the disk now: nobody needs them, nobody
    /// reads them, and no version of the log names them. One that is still
    /// named goes as well when half the time is over in which a deleted record
    /// must leave the disk, and at once where a file that cannot be read keeps
    /// the log from being made anew for nobody knows how long.
    pub(super) fn leaving(&self, memory: &mut Tending, state: &PoolState) -> Vec<FileId> {
        let mut unused = state.manifest.unused();
        let published = memory.published.get(&state.id);
        let named = published.and_then(|published| published.named.as_ref());
        let (now, patience) = (self.clock.now(), self.upkeep.options.purge_after / 2);
        let patience = match !unused.is_empty() && self.is_kept_back(state) {
            true => Duration::ZERO,
            false => patience,
        };
        let waiting = &mut memory.leaving;
        unused.retain(|id| {
            named.is_some_and(|named| !named.contains(id))
                || has_passed(*waiting.entry(*id).or_insert(now), now, patience)
        });
        unused
    }
}

fn published_file(file: &FileEntry) -> PublishedFile {
    PublishedFile {
        name: records_name(file.id),
        bytes: file.bytes,
        rows: file.rows,
        modified: file.id.0.made_at(),
        times: file
            .time
            .map(|time| (file.sorted_by.time.as_str().to_owned(), time)),
    }
}

fn id_of(name: &str) -> Option<FileId> {
    crate::tables::parse_name(name).map(|(id, _)| id)
}
