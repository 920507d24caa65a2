//! What the keys of pools tell of their fields: by which of them records lie.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use model::ids::PoolId;
use model::isolation::Carried;
use model::names::FieldPath;
use model::pools::Pool;

use super::records::Records;
use super::{Operation, Pools};

/// What was told of each pool at last.
#[derive(Debug, Default)]
pub(super) struct Taught(RwLock<HashMap<PoolId, Arc<Carried>>>);

impl Taught {
    /// Tells the records of a pool what is known of its keys; answers whether
    /// they lie by something else now.
    pub(super) fn teach(&self, pool: PoolId, records: &mut Records) -> bool {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let carried = known.get(&pool).cloned();
        drop(known);
        carried.is_some_and(|carried| records.learn(&carried))
    }

    fn note(&self, pool: PoolId, carried: Carried) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        known.insert(pool, Arc::new(carried));
    }

    pub(super) fn forget(&self, pool: PoolId) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        known.remove(&pool);
    }
}

impl Pools {
    /// Takes over what the keys of these pools tell, now or once a pool has
    /// its first record. Of other pools nothing new is known.
    pub(crate) fn learn(&self, carried: Vec<(PoolId, Carried)>) {
        for (id, carried) in carried {
            // Noted first: a pool that gets its first record meanwhile asks for it.
            self.carried.note(id, carried);
            if self.is_dropped(id) {
                self.carried.forget(id);
                continue;
            }
            let Some(held) = self.find(id) else {
                continue;
            };
            held.change(|records| {
                if self.carried.teach(id, records) {
                    let field = records.isolation().column().map(FieldPath::as_str);
                    let name = &records.pool().draft.name;
                    tracing::info!(
                        pool = %id, %name, field,
                        "by what its keys carry, the files of a pool lie by another field from now on"
                    );
                }
            });
        }
    }

    /// The column that tells the customers of a pool apart where the pool
    /// itself names none. Nobody waits for a change that is under way.
    pub(crate) fn learned(&self, pool: &Pool) -> Option<FieldPath> {
        if pool.draft.isolation_field.is_some() {
            return None;
        }
        self.find(pool.id)?.snapshot().isolation
    }
}

impl Operation {
    /// The same; the rows of a larger batch are found by their values of this
    /// column, unless they are found by those of another.
    pub(crate) fn indexed(self, column: Option<&FieldPath>) -> Self {
        match self {
            Self::Append {
                pool,
                payload,
                segment,
                saved,
                tokens,
            } => Self::Append {
                pool,
                payload,
                segment: segment.indexed(column),
                saved,
                tokens,
            },
            other => other,
        }
    }
}
