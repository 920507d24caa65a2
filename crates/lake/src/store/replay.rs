//! What the replay of the journal gathers: single records come by the
//! million, and a segment is made of many.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use model::ids::PoolId;
use model::names::FieldPath;
use model::pools::Pool;
use model::records::Record;
use model::time::Timestamp;

use super::Pools;
use super::records::Span;
use super::touches::Why;
use crate::columns::Layout;
use crate::error::Result;
use crate::journal::{JournalError, Position};
use crate::lake::segment_of;
use crate::manifest::{Manifest, Removal};
use crate::operation::{DecodeError, Joining, Stored, decode, weight};

/// Records of one pool gathered before they become a segment.
const GATHERED_ROWS: usize = 8_192;
/// Bytes of records of one pool, and of all, gathered before they become segments.
const GATHERED_BYTES: usize = 4 << 20;
const GATHERED_BYTES_IN_ALL: usize = 128 << 20;

/// The pools as the journal is read back.
#[derive(Debug)]
pub(crate) struct Replay {
    pools: Arc<Pools>,
    /// The pools that exist.
    known: HashMap<PoolId, Arc<Pool>>,
    gathered: HashMap<PoolId, Gathered>,
    /// Bytes of all that is gathered.
    bytes: usize,
    /// Records of pools that do not exist and were not dropped.
    unknown: HashMap<PoolId, Unknown>,
    dropped: HashSet<PoolId>,
    /// Up to where the records of a pool are in files.
    marks: HashMap<PoolId, Position>,
    manifests: HashMap<PoolId, Manifest>,
    /// As [`Leftover::since`].
    since: Option<Timestamp>,
}

#[derive(Debug)]
struct Gathered {
    span: Span,
    /// They are named by columns.
    records: Vec<Record>,
    /// What the keys of all of them inject, where that says what they replace.
    injected: Vec<FieldPath>,
    bytes: usize,
}

/// Records that cannot be shown to anybody.
#[derive(Debug)]
struct Unknown {
    records: usize,
    first: Position,
}

/// What a replay could not make visible.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Leftover {
    /// Records of pools that do not exist and that nobody dropped: an older
    /// control database may have been put back.
    pub(crate) records: usize,
    /// The first operation that brought some.
    pub(crate) first: Option<Position>,
    /// When the oldest operation came that may hold what is deleted by now,
    /// be it the delete that says what; `None` where there is none.
    pub(crate) since: Option<Timestamp>,
}

impl Replay {
    pub(super) fn new(pools: Arc<Pools>, known: Vec<Arc<Pool>>) -> Self {
        let known = known.into_iter().map(|pool| (pool.id, pool));
        Self {
            pools,
            known: known.collect(),
            gathered: HashMap::new(),
            bytes: 0,
            unknown: HashMap::new(),
            dropped: HashSet::new(),
            marks: HashMap::new(),
            manifests: HashMap::new(),
            since: None,
        }
    }

    /// Notes what an operation says of files, before any is replayed.
    pub(super) fn survey(&mut self, stored: &Stored) {
        let (pool, mark) = match stored {
            Stored::Commit { pool, change } => (pool, change.mark),
            Stored::State { pool, manifest } => (pool, manifest.mark),
            _ => return,
        };
        if let Some(mark) = mark {
            let known = self.marks.entry(*pool).or_insert(mark);
            *known = mark.max(*known);
        }
    }

    /// Ends the replay: what it gathered becomes visible, and so do the files.
    pub(crate) fn finish(&mut self) -> Result<Leftover> {
        self.flush_all()?;
        for (id, mut manifest) in std::mem::take(&mut self.manifests) {
            manifest.forget_carried_out(None);
            match self.known.get(&id) {
                Some(pool) => self.pools.restore(pool, manifest),
                None if manifest.is_empty() => {}
                None => self.pools.restore_stranger(id, manifest),
            }
        }
        Ok(Leftover {
            records: self.unknown.values().map(|unknown| unknown.records).sum(),
            first: self.unknown.values().map(|unknown| unknown.first).min(),
            since: self.since,
        })
    }

    fn flush_all(&mut self) -> Result<()> {
        let pools: Vec<PoolId> = self.gathered.keys().copied().collect();
        pools.into_iter().try_for_each(|pool| self.flush(pool))
    }

    fn flush(&mut self, id: PoolId) -> Result<()> {
        let Some(gathered) = self.gathered.remove(&id) else {
            return Ok(());
        };
        let Gathered {
            span,
            records,
            injected,
            bytes,
        } = gathered;
        self.bytes -= bytes;
        match self.known.get(&id) {
            None => Ok(()),
            Some(pool) => {
                let schema = &pool.draft.schema;
                // A delete that is replayed later may ask for what dropped fields held.
                let holds = |column: &FieldPath| {
                    records
                        .iter()
                        .any(|record| record.get(column.as_str()).is_some())
                };
                let layout = Layout::by_columns(schema, holds);
                let segment = segment_of(pool, &layout, &records, injected.iter())?;
                self.pools.push(span, pool, segment)
            }
        }
    }

    fn gather(
        &mut self,
        at: Position,
        pool: PoolId,
        records: Vec<Record>,
        injected: Vec<FieldPath>,
    ) -> Result<()> {
        let in_files = self.marks.get(&pool).is_some_and(|mark| at <= *mark);
        if records.is_empty() || in_files || self.dropped.contains(&pool) {
            return Ok(());
        }
        if !self.known.contains_key(&pool) {
            let nothing = Unknown {
                records: 0,
                first: at,
            };
            self.unknown.entry(pool).or_insert(nothing).records += records.len();
            return Ok(());
        }
        let bytes = records.iter().map(weight).sum::<usize>();
        // A batch fitted into one segment when it came; two of them may not.
        // And what one replaces, another may leave.
        let held = self.gathered.get(&pool);
        if held.is_some_and(|held| held.bytes + bytes > GATHERED_BYTES || held.injected != injected)
        {
            self.flush(pool)?;
        }
        let nothing = Gathered {
            span: Span::of(at),
            records: Vec::new(),
            injected,
            bytes: 0,
        };
        let gathered = self.gathered.entry(pool).or_insert(nothing);
        gathered.span.last = at;
        gathered.records.extend(records);
        gathered.bytes += bytes;
        self.bytes += bytes;
        if gathered.records.len() >= GATHERED_ROWS || gathered.bytes > GATHERED_BYTES {
            self.flush(pool)?;
        }
        if self.bytes > GATHERED_BYTES_IN_ALL {
            self.flush_all()?;
        }
        Ok(())
    }

    /// Replays an operation.
    pub(super) fn add(&mut self, at: Position, now: Timestamp, stored: Stored) -> Result<()> {
        // A delete does not say when it came; it came after the batches before it.
        let came = match &stored {
            Stored::Append { at, .. } => Some(*at),
            Stored::Delete { .. } => Some(Timestamp::MIN),
            _ => None,
        };
        self.since = self.since.or(came);
        match stored {
            Stored::Append {
                pool,
                records,
                injected,
                ..
            } => self.gather(at, pool, records, injected)?,
            Stored::Delete { pool, rows, filter } => {
                let removal = Removal::new(at, now, rows, filter);
                self.delete(pool, removal)?;
            }
            Stored::Drop { pool } => {
                self.unknown.remove(&pool);
                if let Some(gathered) = self.gathered.remove(&pool) {
                    self.bytes -= gathered.bytes;
                }
                self.dropped.insert(pool);
                self.pools.drop_pool(pool);
                self.manifests.entry(pool).or_default().clear();
            }
            Stored::Commit { pool, change } => {
                let manifest = self.manifests.entry(pool).or_default();
                manifest.change(change);
                if self.dropped.contains(&pool) {
                    manifest.clear();
                }
            }
            Stored::State { pool, manifest } => {
                self.manifests.insert(pool, manifest);
            }
            Stored::Dropped(pools) => {
                for pool in pools {
                    self.dropped.insert(pool);
                    self.pools.drop_pool(pool);
                }
            }
            Stored::Answers(_) | Stored::Tokens(_) | Stored::Part(_) => {}
        }
        self.pools.note_applied(at);
        Ok(())
    }

    /// Takes away what came before the removal and nothing that comes after
    /// it. Files that were being written at its time come only later, so the
    /// note of it is kept until all is replayed.
    fn delete(&mut self, id: PoolId, removal: Removal) -> Result<()> {
        self.flush(id)?;
        if let Some(pool) = self.known.get(&id) {
            // Nothing is noted of what was before this process.
            self.pools.delete(pool, removal.clone(), None, Why::Asked)?;
        }
        self.manifests.entry(id).or_default().remove(removal);
        Ok(())
    }
}

/// What a record says, if it says something whole.
pub(super) fn read(
    position: Position,
    payload: &[u8],
    parts: &mut Joining,
) -> Result<Option<Stored>, JournalError> {
    let decode = |payload: &[u8]| {
        decode(payload).map_err(|error: DecodeError| unreadable(position, error.to_string()))
    };
    match decode(payload)? {
        Stored::Part(part) => parts.add(&part).map(|whole| decode(&whole)).transpose(),
        stored => Ok(Some(stored)),
    }
}

pub(super) fn unreadable(position: Position, reason: String) -> JournalError {
    JournalError::Unreadable {
        file: None,
        position,
        reason,
    }
}
