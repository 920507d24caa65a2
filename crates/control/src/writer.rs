//! The writer: one change at a time, in the database and then in memory.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use model::time::Clock as _;
use tokio::sync::OwnedMutexGuard;

use crate::change::Change;
use crate::control::Inner;
use crate::error::{ControlError, InternalError};
use crate::fatal::end_by_failed_sync;
use crate::sorted::SortedMap;
use crate::store::{Ballast, Claim, Failed, Loaded, Store, Write};

/// Whoever holds its lock may change database and memory.
#[derive(Debug)]
pub(crate) struct Writer {
    pub(crate) link: Link,
    /// The next ordinal that is free.
    pub(crate) ordinal: i64,
    /// What is given up for changes when the disk is full.
    pub(crate) ballast: Ballast,
}

/// The writer's way to the database.
#[derive(Debug)]
pub(crate) enum Link {
    /// Memory is what the database holds.
    Open(Store),
    /// What the database holds is not known; it is read anew before anything
    /// else happens.
    Lost,
    /// For good.
    Closed,
}

/// How long, and how often, a change that may take a right away waits for room
/// on a full disk when no ballast is left.
const ROOM_WAIT: Duration = Duration::from_millis(100);
const ROOM_WAITS_MAX: u32 = 50;

impl Inner {
    /// The right to change something. Memory is what the database holds when
    /// this returns.
    pub(crate) async fn writer(self: &Arc<Self>) -> Result<OwnedMutexGuard<Writer>, ControlError> {
        let mut writer = Arc::clone(&self.writer).lock_owned().await;
        match writer.link {
            Link::Open(_) => Ok(writer),
            Link::Closed => Err(InternalError::new("the control plane is closed").into()),
            Link::Lost => {
                let inner = Arc::clone(self);
                in_a_task(async move {
                    inner.recover(&mut writer).await?;
                    Ok(writer)
                })
                .await
            }
        }
    }

    /// Writes the rows in one transaction and lets them take effect in memory.
    /// On a full disk it gives up as much of the ballast as `claim` may use.
    ///
    /// It runs in a task of its own, so that a caller who goes away cannot
    /// leave memory behind what the database took.
    pub(crate) async fn carry_out(
        self: &Arc<Self>,
        mut writer: OwnedMutexGuard<Writer>,
        writes: Vec<Write>,
        ordinal: i64,
        claim: Claim,
        apply: impl FnOnce(&Inner) + Send + 'static,
    ) -> Result<(), ControlError> {
        let inner = Arc::clone(self);
        in_a_task(async move {
            let (before, mut waits) = (writer.ordinal, 0);
            loop {
                match inner.attempt(&mut writer, &writes, before..ordinal).await {
                    Ok(()) => break,
                    Err(ControlError::Full) if writer.ballast.release(claim).await => {}
                    // What else writes may have taken the room that was given up,
                    // and gives it back when it fails itself.
                    Err(ControlError::Full)
                        if claim == Claim::Everything && waits < ROOM_WAITS_MAX =>
                    {
                        waits += 1;
                        tokio::time::sleep(ROOM_WAIT).await;
                    }
                    Err(error) => return Err(error),
                }
            }
            apply(&inner);
            writer.ordinal = ordinal;
            writer.ballast.refill().await;
            Ok(())
        })
        .await
    }

    /// Writes the rows, once what the database holds is known; to read it anew
    /// may need room, too.
    async fn attempt(
        self: &Arc<Self>,
        writer: &mut Writer,
        writes: &[Write],
        ordinals: Range<i64>,
    ) -> Result<(), ControlError> {
        if let Link::Lost = writer.link {
            self.recover(writer).await?;
        }
        // Whatever may be repeated has an audit entry. When it is in the
        // database that was read anew, here or by a commit that failed, so is
        // the change.
        if !ordinals.is_empty() && writer.ordinal == ordinals.end {
            return Ok(());
        }
        self.commit(writer, writes).await
    }

    /// Writes the rows in one transaction. After a failure that leaves open
    /// whether they were written, memory is what the database holds; a sync
    /// that failed ends the process.
    async fn commit(&self, writer: &mut Writer, writes: &[Write]) -> Result<(), ControlError> {
        // Whatever ends this early leaves `Lost` behind.
        let link = std::mem::replace(&mut writer.link, Link::Lost);
        let Link::Open(mut store) = link else {
            return Err(InternalError::new("the writer was given without a database").into());
        };
        match store.commit(writes).await {
            Ok(()) => {
                writer.link = Link::Open(store);
                Ok(())
            }
            Err(Failed::Undone(error)) => {
                end_by_failed_sync(&error);
                writer.link = Link::Open(store);
                Err(error)
            }
            Err(Failed::Unknown(error)) => {
                end_by_failed_sync(&error);
                store.close().await;
                // The caller is told of the first failure; a second one
                // has already let memory forget everything.
                let _ = self.recover(writer).await;
                Err(error.unheard())
            }
        }
    }

    /// Reads the database anew. When that fails, nobody is let in any more
    /// until it succeeds: an old state may let in whom the database does not.
    async fn recover(&self, writer: &mut Writer) -> Result<(), ControlError> {
        let recovered = async {
            let store = Store::reopen(&self.file).await?;
            self.load(writer, store).await
        };
        let recovered = recovered.await.inspect_err(end_by_failed_sync);
        if let Err(error) = &recovered {
            let inside = match error {
                ControlError::Internal(cause) => cause.to_string(),
                other => other.to_string(),
            };
            tracing::error!(
                cause = inside,
                "the control plane's database is lost; nobody is let in"
            );
            self.forget_everything();
        }
        recovered
    }

    /// Takes what the database holds for memory.
    pub(crate) async fn load(
        &self,
        writer: &mut Writer,
        mut store: Store,
    ) -> Result<(), ControlError> {
        let loaded = store.load().await;
        let Loaded {
            projects,
            keys,
            people,
            ordinal,
            high,
            derived,
        } = match loaded {
            Ok(loaded) => loaded,
            Err(error) => {
                store.close().await;
                return Err(error);
            }
        };
        self.clock.raise(high);
        let mut by_id = SortedMap::default();
        for (id, definitions) in projects {
            by_id.insert(id, Arc::new(definitions));
        }
        let known: HashSet<_> = keys.iter().map(|loaded| loaded.key.id()).collect();
        let derived = derived.into_iter().filter(|row| known.contains(&row.key));
        self.derived.take_in(derived, self.clock.now());
        self.callers.replace_all(keys);
        self.people.replace_all(people);
        self.projects.store(Arc::new(by_id));
        self.changes.send_replace(());
        writer.ordinal = ordinal;
        writer.link = Link::Open(store);
        Ok(())
    }

    /// Lets a change take effect. Only the holder of the writer calls it.
    pub(crate) fn apply(&self, change: Change) {
        self.people.apply(change.people);
        for (key, id) in change.revoked {
            self.derived.revoke(key, id, change.now);
        }
        for caller in &change.callers {
            self.callers
                .replace(caller.id, caller.before.as_deref(), caller.after.as_ref());
            if caller.after.is_none() {
                self.meters.forget(caller.id);
                self.ledger.forget(caller.id);
                self.derived.forget(caller.id);
            }
        }
        let mut projects = SortedMap::clone(&self.projects.load());
        if change.is_deleted {
            projects.remove(&change.project);
        } else {
            projects.insert(change.project, Arc::new(change.definitions));
        }
        self.projects.store(Arc::new(projects));
        self.changes.send_replace(());
    }

    /// Fails closed: nobody is let in, and nothing is defined.
    pub(crate) fn forget_everything(&self) {
        self.callers.clear();
        self.people.clear();
        self.projects.store(Arc::default());
        self.changes.send_replace(());
    }
}

/// Runs to the end even when nobody waits for it any more.
pub(crate) async fn in_a_task<T: Send + 'static>(
    work: impl Future<Output = Result<T, ControlError>> + Send + 'static,
) -> Result<T, ControlError> {
    let joined = tokio::spawn(work).await;
    joined.unwrap_or_else(|error| {
        Err(InternalError::caused("changing the control plane", error).into())
    })
}
