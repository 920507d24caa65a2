//! The records of one pool, between the journal's thread that changes them
//! and the requests that read them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::records::Records;
use super::touches::Touches;
use crate::snapshot::Snapshot;

/// The records of one pool. Which there are, the journal's thread alone
/// changes; what the pool's definition says of them, upkeep may tell as well.
/// Where both locks are held, that of `before` was taken first.
#[derive(Debug)]
pub(super) struct Held {
    /// What readers are given while a long change is under way.
    before: Mutex<Option<(Snapshot, Touches)>>,
    records: Mutex<Records>,
    /// What [`Records::stored_bytes`] was after the last change: each write of
    /// the pool, and of others of its project, may ask.
    stored: AtomicU64,
}

impl Held {
    pub(super) fn new(records: Records) -> Self {
        Self {
            before: Mutex::default(),
            stored: AtomicU64::new(records.stored_bytes()),
            records: Mutex::new(records),
        }
    }

    /// The records as the last change left them, at once.
    pub(super) fn snapshot(&self) -> Snapshot {
        let before = lock(&self.before);
        match &*before {
            Some((snapshot, _)) => snapshot.clone(),
            None => lock(&self.records).snapshot(),
        }
    }

    /// What has changed, up to the last change that a snapshot shows from now on.
    pub(super) fn touched<T>(&self, ask: impl FnOnce(&Touches) -> T) -> T {
        let before = lock(&self.before);
        match &*before {
            Some((_, touches)) => ask(touches),
            None => ask(lock(&self.records).touches()),
        }
    }

    /// Makes a short change, for which readers wait.
    pub(super) fn change<T>(&self, change: impl FnOnce(&mut Records) -> T) -> T {
        let mut records = lock(&self.records);
        let done = change(&mut records);
        self.note_stored(&records);
        done
    }

    fn note_stored(&self, records: &Records) {
        self.stored.store(records.stored_bytes(), Ordering::Relaxed);
    }

    /// Bytes that the pool takes, as the last change left them, at once.
    pub(super) fn stored_bytes(&self) -> u64 {
        self.stored.load(Ordering::Relaxed)
    }

    /// Makes a change that may take long, such as a delete by a costly filter.
    /// Readers do not wait: a thread that answers requests must not.
    pub(super) fn change_at_length<T>(&self, change: impl FnOnce(&mut Records) -> T) -> T {
        let _over = Over(self);
        let mut before = lock(&self.before);
        let mut records = lock(&self.records);
        *before = Some((records.snapshot(), records.touches().clone()));
        drop(before);
        let done = change(&mut records);
        self.note_stored(&records);
        drop(records);
        done
    }
}

/// Ends the time in which readers are given what was before, however the
/// change ends.
struct Over<'a>(&'a Held);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        *lock(&self.0.before) = None;
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::{Arc, mpsc};
    use std::time::Duration;

    use model::filters::Predicate;
    use model::pools::Pool;

    use super::super::records::Span;
    use super::*;
    use crate::buffer::Segment;
    use crate::columns::Layout;
    use crate::journal::Position;
    use crate::lake::tests::fixtures::{Request, open_pool};
    use crate::simulation::SimulatedDisk;
    use crate::tables::{PoolFiles, Tables};

    fn home(pool: &Pool) -> Arc<PoolFiles> {
        let disk = Arc::new(SimulatedDisk::new(1));
        let tables = Tables::new(disk, Path::new(SimulatedDisk::ROOT), 1 << 20);
        Arc::new(PoolFiles::new(Arc::new(tables), pool.id))
    }

    #[test]
    fn readers_do_not_wait_for_a_delete_and_see_it_once_it_is_done() {
        let pool = open_pool(1);
        let schema = &pool.draft.schema;
        let held = &Held::new(Records::new(&pool, home(&pool)));
        let batch = Request::new(&pool, r#"[{"n":1},{"n":2}]"#).admit();
        let segment = Segment::of_records(&Layout::of(schema), batch.records()).unwrap();
        held.change(|records| records.push(Span::of(Position::FIRST), segment))
            .unwrap();
        let rows = |held: &Held| -> usize {
            let segments = held.snapshot().segments;
            segments.iter().map(|segment| segment.alive_rows()).sum()
        };
        std::thread::scope(|scope| {
            let (tell, told) = mpsc::channel();
            let deleted = held.change_at_length(|records| {
                let deleted = records.buffer.delete(&Predicate::All(Vec::new()), None);
                scope.spawn(move || tell.send(rows(held)));
                let seen = told.recv_timeout(Duration::from_secs(60));
                assert_eq!(seen, Ok(2), "the reader answers while the delete runs");
                records.forget_times();
                let (tell, told) = mpsc::channel();
                scope.spawn(move || tell.send(held.touched(Touches::count)));
                let known = told.recv_timeout(Duration::from_secs(60));
                assert_eq!(known, Ok(1), "nobody is told of what no reader sees yet");
                deleted
            });
            assert_eq!(held.touched(Touches::count), 2);
            assert_eq!(deleted.unwrap(), 2);
        });
        assert_eq!(rows(held), 0);
    }
}
