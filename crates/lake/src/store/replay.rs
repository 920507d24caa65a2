//! What the replay of the journal gathers: single records come by the
//! million, and a segment is made of many.

use std::collections::HashMap;
use std::sync::Arc;

use model::ids::PoolId;
use model::pools::Pool;
use model::records::Record;

use super::Pools;
use crate::buffer::Segment;
use crate::columns::Layout;
use crate::error::Result;
use crate::operation::{Stored, weight};

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
    known: HashMap<PoolId, (Arc<Pool>, Layout)>,
    gathered: HashMap<PoolId, Gathered>,
    /// Bytes of all that is gathered.
    bytes: usize,
    /// Records of pools that do not exist and were not dropped.
    unknown: HashMap<PoolId, usize>,
}

#[derive(Debug, Default)]
struct Gathered {
    records: Vec<Record>,
    bytes: usize,
}

impl Replay {
    pub(super) fn new(pools: Arc<Pools>, known: Vec<Arc<Pool>>) -> Self {
        let known = known.into_iter().map(|pool| {
            let layout = Layout::of(&pool.draft.schema);
            (pool.id, (pool, layout))
        });
        Self {
            pools,
            known: known.collect(),
            gathered: HashMap::new(),
            bytes: 0,
            unknown: HashMap::new(),
        }
    }

    /// How many records belong to pools that do not exist and that nobody
    /// dropped: an older control database may have been put back.
    pub(crate) fn unknown_records(&self) -> usize {
        self.unknown.values().sum()
    }

    /// Ends the replay: what it gathered becomes visible.
    pub(crate) fn finish(&mut self) -> Result<()> {
        let pools: Vec<PoolId> = self.gathered.keys().copied().collect();
        pools.into_iter().try_for_each(|pool| self.flush(pool))
    }

    fn flush(&mut self, id: PoolId) -> Result<()> {
        let Some(Gathered { records, bytes }) = self.gathered.remove(&id) else {
            return Ok(());
        };
        self.bytes -= bytes;
        match self.known.get(&id) {
            None => Ok(()),
            Some((pool, layout)) => {
                let segment = Segment::of_records(layout, &records)?;
                let isolation = pool.draft.isolation_field.as_ref();
                self.pools.push(pool, segment.indexed(isolation))
            }
        }
    }

    fn gather(&mut self, pool: PoolId, records: Vec<Record>) -> Result<()> {
        if !self.known.contains_key(&pool) {
            *self.unknown.entry(pool).or_default() += records.len();
            return Ok(());
        }
        if records.is_empty() {
            return Ok(());
        }
        let bytes = records.iter().map(weight).sum::<usize>();
        // A batch fitted into one segment when it came; two of them may not.
        let held = self.gathered.get(&pool);
        if held.is_some_and(|held| held.bytes + bytes > GATHERED_BYTES) {
            self.flush(pool)?;
        }
        let gathered = self.gathered.entry(pool).or_default();
        gathered.records.extend(records);
        gathered.bytes += bytes;
        self.bytes += bytes;
        if gathered.records.len() >= GATHERED_ROWS || gathered.bytes > GATHERED_BYTES {
            self.flush(pool)?;
        }
        if self.bytes > GATHERED_BYTES_IN_ALL {
            self.finish()?;
        }
        Ok(())
    }

    pub(super) fn add(&mut self, stored: Stored) -> Result<()> {
        match stored {
            Stored::Append { pool, records, .. } => self.gather(pool, records),
            Stored::Delete { pool, rows, filter } => {
                // It takes away what came before it and nothing that comes after it.
                self.flush(pool)?;
                match self.known.get(&pool) {
                    None => Ok(()),
                    Some((pool, _)) => self.pools.delete(pool, &rows, filter.as_ref()).map(|_| ()),
                }
            }
            Stored::Drop { pool } => {
                self.unknown.remove(&pool);
                if let Some(gathered) = self.gathered.remove(&pool) {
                    self.bytes -= gathered.bytes;
                }
                self.pools.drop_pool(pool);
                Ok(())
            }
        }
    }
}
