//! What has changed since a moment.

use std::sync::Arc;

use model::answers::{PoolVersion, Touched, TouchedRecords};
use model::filters::Constraint;
use model::ids::PoolId;
use model::permit::{Permit, Upkeep};
use model::pools::Pool;
use model::time::Timestamp;

use super::Lake;
use crate::store::Since;

impl Lake {
    /// Bytes that a pool takes: its files with their indexes, and its records
    /// that are in no file yet, as they lie in memory. Records that are deleted
    /// or replaced count until files are written without them. It is known in
    /// memory. It is told to upkeep alone, since it speaks of all records.
    pub fn stored_bytes(&self, _: &Permit<Upkeep>, pool: PoolId) -> u64 {
        self.pools.stored_bytes(pool)
    }

    /// Whether records of a pool that `rows` admits may have gone since the
    /// moment `since`, as [`Touched::took_away`] says of all records. Where the
    /// rows are those of some customers, whom a field tells apart that the pool
    /// names and declares, it is not told of deletes that name other customers,
    /// nor of records that replaced those of others. Of what is too old it is
    /// told once, each time the border of the pool's retention has moved, and
    /// of pools in which nothing went as well.
    pub fn took_away(
        &self,
        _: &Permit<Upkeep>,
        pool: &Arc<Pool>,
        since: PoolVersion,
        rows: &Constraint,
    ) -> bool {
        let known = since.changes(pool, self.run);
        self.pools.took_away(pool, known, rows)
    }

    /// Which records of a pool, as it is defined now, may differ from those
    /// of the moment `since`: a record that came, went or was replaced has a
    /// time that is told, or everything is. After a restart, for a moment that
    /// is not known, and when the pool is defined otherwise than it was then,
    /// that is everything. It is known in memory and found at once. When the
    /// border of the pool's retention has moved, all times before it are told,
    /// whether or not records lay there.
    ///
    /// Whether records may have gone is told besides, since a delete by times
    /// touches its times alone.
    ///
    /// A question that is asked after this has returned sees all changes up to
    /// the version that is answered. It is told to upkeep alone, since it
    /// speaks of all records.
    pub fn touched(
        &self,
        _: &Permit<Upkeep>,
        pool: &Arc<Pool>,
        since: Option<PoolVersion>,
    ) -> Touched {
        let known = since.and_then(|since| since.changes(pool, self.run));
        let (count, touched, took_away) = self.pools.touched(pool, known);
        let instant = |micros: i64, beyond| Timestamp::from_microsecond(micros).unwrap_or(beyond);
        Touched {
            version: PoolVersion::new(pool, self.run, count),
            records: match touched {
                Since::Everything => TouchedRecords::Everything,
                Since::Times {
                    stretches,
                    timeless,
                } => TouchedRecords::At {
                    stretches: stretches
                        .into_iter()
                        .map(|(first, last)| {
                            let first = instant(first, Timestamp::MIN);
                            (first, instant(last, Timestamp::MAX))
                        })
                        .collect(),
                    timeless,
                },
            },
            took_away,
        }
    }
}
