//! The records of all pools, between the journal's thread that changes them
//! and the requests and the upkeep that read them.

mod border;
mod counts;

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use model::ids::PoolId;
use model::isolation::Isolation;
use model::names::FieldPath;
use model::pools::Pool;

use super::held::Held;
use super::learning::Taught;
use super::records::{Frozen, Records, Span, Written, time_column};
use super::touches::{Since, Touches};
use crate::buffer::Segment;
use crate::error::Result;
use crate::journal::Position;
use crate::manifest::{Manifest, ManifestChange};
use crate::snapshot::Snapshot;
use crate::tables::{FileId, PoolFiles, SortedBy, Tables};
use crate::upserts::Hidden;

/// The pools' records. The journal's thread alone changes them.
#[derive(Debug)]
pub(crate) struct Pools {
    tables: Arc<Tables>,
    pools: RwLock<HashMap<PoolId, Arc<Held>>>,
    /// Pools that were dropped. An id is never given again, and a request that
    /// was under way must not bring its pool back.
    pub(super) dropped: RwLock<HashSet<PoolId>>,
    /// Files of pools that are not known, because they were dropped or because
    /// an older control database was put back.
    strangers: Mutex<HashMap<PoolId, Manifest>>,
    /// What the keys of pools tell, of pools without records as well.
    pub(super) carried: Taught,
    /// Pools whose records cannot go to files, because one that there is cannot be read.
    stuck: RwLock<HashSet<PoolId>>,
    bytes: AtomicU64,
    /// The last operation that took effect.
    applied: AtomicU64,
}

/// What upkeep needs to know of a pool to choose its next work.
#[derive(Clone, Debug)]
pub(crate) struct PoolState {
    /// The pool.
    pub(crate) id: PoolId,
    /// What is known of it; `None` for one that was dropped or is not known.
    pub(crate) pool: Option<Arc<Pool>>,
    /// Bytes of records in memory.
    pub(crate) bytes: u64,
    /// The first operation whose records are in memory alone.
    pub(crate) oldest: Option<Position>,
    /// What its records lie by from now on; nothing, of one that is not known.
    pub(crate) isolation: Isolation,
    /// Its files.
    pub(crate) manifest: Manifest,
}

impl PoolState {
    /// The order of the files that are written now; `None` of a pool that is
    /// not known.
    pub(crate) fn sorted_by(&self) -> Option<SortedBy> {
        let pool = self.pool.as_ref()?;
        Some(SortedBy::of(pool, self.isolation.column()))
    }
}

impl Pools {
    /// No pools, whose files will be among the `tables`.
    pub(crate) fn new(tables: Arc<Tables>) -> Self {
        Self {
            tables,
            pools: RwLock::default(),
            dropped: RwLock::default(),
            strangers: Mutex::default(),
            carried: Taught::default(),
            stuck: RwLock::default(),
            bytes: AtomicU64::new(0),
            applied: AtomicU64::new(0),
        }
    }

    fn records_of(&self, pool: &Arc<Pool>) -> Records {
        let home = PoolFiles::new(self.tables.clone(), pool.id);
        let mut records = Records::new(pool, Arc::new(home));
        self.carried.teach(pool.id, &mut records);
        records
    }

    /// The records of a pool as they are now; an unknown pool has none.
    pub(crate) fn snapshot(&self, pool: &Arc<Pool>) -> Snapshot {
        let snapshot = match self.find(pool.id) {
            Some(held) => held.snapshot(),
            None => self.records_of(pool).snapshot(),
        };
        snapshot.asked_by(&pool.draft.schema)
    }

    /// What the changes touched behind the first `count` ones, as far as the
    /// pool's time field tells, how many there are, and whether they may have
    /// taken records away. Where `count` is not known, any record may have
    /// been touched.
    pub(crate) fn touched(&self, pool: &Pool, count: Option<u64>) -> (u64, Since, bool) {
        let column = time_column(pool);
        let since = |touches: &Touches| {
            let since = count.map(|count| touches.since(&column, count));
            let since = since.unwrap_or(Since::Everything);
            let took_away = count.is_none_or(|count| touches.took_away_since(count));
            let took_away = took_away || since == Since::Everything;
            (touches.count(), since, took_away)
        };
        match self.find(pool.id) {
            Some(held) => held.touched(since),
            None => since(&Touches::new(column.clone())),
        }
    }

    pub(super) fn find(&self, pool: PoolId) -> Option<Arc<Held>> {
        let pools = self.pools.read().unwrap_or_else(PoisonError::into_inner);
        pools.get(&pool).cloned()
    }

    fn open(&self, pool: &Arc<Pool>) -> Arc<Held> {
        self.find(pool.id).unwrap_or_else(|| {
            let mut pools = self.pools.write().unwrap_or_else(PoisonError::into_inner);
            let held = pools.entry(pool.id);
            held.or_insert_with(|| Arc::new(Held::new(self.records_of(pool))))
                .clone()
        })
    }

    /// Whether the pool was dropped.
    pub(crate) fn is_dropped(&self, pool: PoolId) -> bool {
        let dropped = self.dropped.read().unwrap_or_else(PoisonError::into_inner);
        dropped.contains(&pool)
    }

    /// The pools that were dropped, in the order of their ids.
    pub(crate) fn dropped(&self) -> Vec<PoolId> {
        let dropped = self.dropped.read().unwrap_or_else(PoisonError::into_inner);
        let mut pools: Vec<_> = dropped.iter().copied().collect();
        pools.sort_unstable();
        pools
    }

    /// Notes that an operation took effect.
    pub(super) fn note_applied(&self, position: Position) {
        self.applied.fetch_max(position.get(), Ordering::Relaxed);
    }

    /// Counts the bytes that a change brings or takes.
    pub(super) fn counted<T>(
        &self,
        records: &mut Records,
        change: impl FnOnce(&mut Records) -> T,
    ) -> T {
        let before = records.bytes();
        let done = change(records);
        self.count_bytes(before, records.bytes());
        done
    }

    /// Adds records to a pool. Those of a dropped pool went with it.
    pub(super) fn push(&self, span: Span, pool: &Arc<Pool>, segment: Segment) -> Result<()> {
        if self.is_dropped(pool.id) || segment.rows() == 0 {
            return Ok(());
        }
        let held = self.open(pool);
        held.change(|records| {
            records.follow(pool);
            self.counted(records, |records| records.push(span, segment))
        })
    }

    /// Goes over to what pools have become, also where nothing is written any more.
    pub(crate) fn follow(&self, pools: &[Arc<Pool>]) {
        for pool in pools {
            if let Some(held) = self.find(pool.id) {
                held.change(|records| self.counted(records, |records| records.follow(pool)));
            }
        }
    }

    /// Whether some of these columns are of fields that were dropped, or of
    /// properties that were deleted, since a key saw the pool. Files may be being written without them already.
    pub(super) fn forgot<'a>(
        &self,
        pool: &Pool,
        mut columns: impl Iterator<Item = &'a FieldPath>,
    ) -> bool {
        let Some(held) = self.find(pool.id) else {
            return false;
        };
        let known = held.change(|records| records.pool().clone());
        let schema = &known.draft.schema;
        known.revision > pool.revision && columns.any(|column| schema.gave_up(column))
    }

    /// Forgets a pool; its files are not needed any more.
    pub(super) fn drop_pool(&self, pool: PoolId) {
        let mut dropped = self.dropped.write().unwrap_or_else(PoisonError::into_inner);
        dropped.insert(pool);
        drop(dropped);
        self.carried.forget(pool);
        let mut pools = self.pools.write().unwrap_or_else(PoisonError::into_inner);
        let held = pools.remove(&pool);
        drop(pools);
        let manifest =
            held.map(|held| held.change(|records| self.counted(records, Records::clear)));
        let mut strangers = self.strangers();
        let known = manifest.or_else(|| strangers.remove(&pool));
        if let Some(mut manifest) = known {
            manifest.clear();
            strangers.insert(pool, manifest);
        }
    }

    /// Carries out a change of a pool's files.
    pub(super) fn commit(&self, pool: PoolId, change: ManifestChange) {
        match self.find(pool) {
            Some(held) => held.change(|records| {
                self.counted(records, |records| records.commit(change));
            }),
            None => {
                let mut strangers = self.strangers();
                let manifest = strangers.entry(pool).or_default();
                manifest.change(change);
                if self.is_dropped(pool) {
                    manifest.clear();
                }
            }
        }
    }

    /// Takes over what a restart found of a known pool's files.
    pub(super) fn restore(&self, pool: &Arc<Pool>, manifest: Manifest) {
        self.open(pool).change(|records| {
            records.restore(manifest);
            self.carried.teach(pool.id, records);
        });
    }

    /// Takes over what a restart found of the files of a pool that is not known.
    pub(super) fn restore_stranger(&self, pool: PoolId, manifest: Manifest) {
        self.strangers().insert(pool, manifest);
    }

    fn strangers(&self) -> MutexGuard<'_, HashMap<PoolId, Manifest>> {
        self.strangers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// What a restart needs to know of a pool's files.
    pub(crate) fn manifest(&self, pool: PoolId) -> Manifest {
        match self.find(pool) {
            Some(held) => held.change(|records| records.manifest.clone()),
            None => self.strangers().get(&pool).cloned().unwrap_or_default(),
        }
    }

    /// Sets the records of a pool apart to be written to files.
    pub(crate) fn freeze(&self, pool: PoolId) -> Option<Frozen> {
        self.find(pool)?.change(Records::freeze)
    }

    /// The files of a pool, to be written anew; see [`Records::rewrite`].
    pub(crate) fn rewrite(&self, pool: PoolId) -> Option<(Arc<Pool>, Snapshot, Position)> {
        let held = self.find(pool)?;
        Some(held.change(|records| self.counted(records, Records::rewrite)))
    }

    /// Ends what [`Pools::freeze`] or [`Pools::rewrite`] began without a result.
    pub(crate) fn give_up(&self, pool: PoolId, written: Written) {
        if let Some(held) = self.find(pool) {
            held.change(|records| self.counted(records, |records| records.give_up(written)));
        }
    }

    /// The keys of records that went to files since [`Pools::rewrite`]; see
    /// [`Records::flushed`].
    pub(crate) fn flushed(&self, pool: PoolId, known: usize) -> (Hidden, usize) {
        let held = self.find(pool);
        held.map_or_else(Default::default, |held| {
            held.change(|records| records.flushed(known))
        })
    }

    /// Notes that files which were not needed are gone from the disk.
    pub(crate) fn forget_obsolete(&self, pool: PoolId, gone: &[FileId]) {
        let forget = |manifest: &mut Manifest| {
            gone.iter()
                .for_each(|id| drop(manifest.obsolete.remove(id)))
        };
        match self.find(pool) {
            Some(held) => held.change(|records| forget(&mut records.manifest)),
            None => {
                let mut strangers = self.strangers();
                if let Some(manifest) = strangers.get_mut(&pool) {
                    forget(manifest);
                    if manifest.is_empty() {
                        strangers.remove(&pool);
                    }
                }
            }
        }
    }

    /// What upkeep needs to know of every pool.
    pub(crate) fn states(&self) -> Vec<PoolState> {
        let pools = self.pools.read().unwrap_or_else(PoisonError::into_inner);
        let held: Vec<_> = pools.iter().map(|(id, held)| (*id, held.clone())).collect();
        drop(pools);
        let known = held.into_iter().map(|(id, held)| {
            held.change(|records| PoolState {
                id,
                pool: Some(records.pool().clone()),
                isolation: records.isolation().clone(),
                bytes: records.buffer.bytes(),
                oldest: records.oldest(),
                manifest: records.manifest.clone(),
            })
        });
        let mut states: Vec<_> = known.collect();
        let strangers = self.strangers();
        states.extend(strangers.iter().map(|(id, manifest)| PoolState {
            id: *id,
            pool: None,
            isolation: Isolation::Nothing,
            bytes: 0,
            oldest: None,
            manifest: manifest.clone(),
        }));
        drop(strangers);
        states.sort_unstable_by_key(|state| state.id);
        states
    }

    /// The last operation that took effect.
    pub(crate) fn applied(&self) -> Option<Position> {
        let number = self.applied.load(Ordering::Relaxed);
        (number > 0).then(|| Position::new(number))
    }

    fn count_bytes(&self, before: u64, after: u64) {
        if after >= before {
            self.bytes.fetch_add(after - before, Ordering::Relaxed);
        } else {
            self.bytes.fetch_sub(before - after, Ordering::Relaxed);
        }
    }

    /// Notes whether the records of a pool cannot go to files.
    pub(crate) fn note_stuck(&self, pool: PoolId, is_stuck: bool) {
        let mut stuck = self.stuck.write().unwrap_or_else(PoisonError::into_inner);
        match is_stuck {
            true => stuck.insert(pool),
            false => stuck.remove(&pool),
        };
    }

    /// Bytes in memory of a pool whose records cannot go to files; `None` of any other.
    pub(super) fn stuck_bytes(&self, pool: PoolId) -> Option<u64> {
        let stuck = self.stuck.read().unwrap_or_else(PoisonError::into_inner);
        let is_stuck = stuck.contains(&pool);
        drop(stuck);
        let held = is_stuck.then(|| self.find(pool)).flatten()?;
        Some(held.change(|records| records.buffer.bytes()))
    }

    /// Bytes held in memory, of all pools.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// For mutants: does something to a pool that nothing else does.
    #[cfg(test)]
    pub(crate) fn damage(&self, pool: PoolId, damage: impl FnOnce(&mut Records)) {
        if let Some(held) = self.find(pool) {
            held.change(|records| self.counted(records, damage));
        }
    }
}
