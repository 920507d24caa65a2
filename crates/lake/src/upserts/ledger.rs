//! The keys that were written since files were last told of them. Rows of
//! those keys in files are replaced, and readers leave them out.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use arrow_array::RecordBatch;
use arrow_buffer::BooleanBuffer;
use arrow_buffer::BooleanBufferBuilder;
use model::fields::ColumnType;
use model::names::FieldPath;
use model::pools::Schema;

use super::keys::{Replacement, RowKeys, Sameness, customer_of};
use crate::error::Result;

/// Bytes that a key takes with what stands beside it, roughly.
pub(super) fn key_bytes(key: &[u8]) -> u64 {
    const ENTRY: usize = 56;
    (key.len() + ENTRY) as u64
}

/// Keys, each with the moment from which on it counts. It only grows, so that
/// a reader who knows its moment sees what was there then.
#[derive(Debug, Default)]
pub(crate) struct Ledger(RwLock<Written>);

#[derive(Debug, Default)]
struct Written {
    moment: u64,
    groups: Vec<Group>,
    /// The canonical isolation values of all keys.
    customers: BTreeMap<Box<[u8]>, u64>,
    bytes: u64,
}

/// The keys of one sameness.
#[derive(Debug)]
struct Group {
    sameness: Sameness,
    since: u64,
    keys: HashMap<Box<[u8]>, u64>,
}

impl Ledger {
    /// Adds the keys of a batch.
    pub(crate) fn add(&self, replacement: Replacement) {
        let mut written = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let Written {
            moment,
            groups,
            customers,
            bytes,
        } = &mut *written;
        *moment += 1;
        let now = *moment;
        let Replacement { sameness, keys } = replacement;
        let known = groups.iter().position(|group| group.sameness == sameness);
        let at = known.unwrap_or_else(|| {
            groups.push(Group {
                sameness,
                since: now,
                keys: HashMap::new(),
            });
            groups.len() - 1
        });
        for (_, key) in keys {
            let customer = customer_of(&key);
            if !customers.contains_key(customer) {
                *bytes += key_bytes(customer);
                customers.insert(customer.into(), now);
            }
            let size = key_bytes(&key);
            groups[at].keys.entry(key).or_insert_with(|| {
                *bytes += size;
                now
            });
        }
    }

    /// Whether records that agree with this key may be among those of the
    /// ledger; sure of keys that all inject the same fields.
    pub(crate) fn may_have(&self, sameness: &Sameness, key: &[u8]) -> bool {
        let written = self.read();
        let mut groups = written.groups.iter();
        groups.any(|group| group.sameness != *sameness || group.keys.contains_key(key))
    }

    fn read(&self) -> RwLockReadGuard<'_, Written> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Bytes held.
    pub(crate) fn bytes(&self) -> u64 {
        self.read().bytes
    }

    /// Whether nothing was ever added.
    pub(crate) fn is_empty(&self) -> bool {
        self.read().moment == 0
    }

    /// The keys as they are now.
    pub(crate) fn now(self: &Arc<Self>) -> Layer {
        let moment = self.read().moment;
        Layer {
            ledger: self.clone(),
            moment,
        }
    }
}

/// The keys of a ledger at one moment.
#[derive(Clone, Debug)]
pub(crate) struct Layer {
    ledger: Arc<Ledger>,
    moment: u64,
}

/// Keys whose rows in files are replaced. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Hidden(Vec<Layer>);

impl FromIterator<Layer> for Hidden {
    fn from_iter<I: IntoIterator<Item = Layer>>(layers: I) -> Self {
        Self(
            layers
                .into_iter()
                .filter(|layer| layer.moment > 0)
                .collect(),
        )
    }
}

impl Hidden {
    /// Whether rows of some customer between these two, in canonical form, may be replaced.
    pub(crate) fn concerns(&self, least: &[u8], greatest: &[u8]) -> bool {
        least <= greatest
            && self.0.iter().any(|layer| {
                let written = layer.ledger.read();
                let range = (Bound::Included(least), Bound::Included(greatest));
                let mut customers = written.customers.range::<[u8], _>(range);
                customers.any(|(_, since)| *since <= layer.moment)
            })
    }

    /// Whether no row is replaced.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The columns that tell which rows are replaced.
    pub(crate) fn columns(&self, schema: &Schema) -> Vec<(FieldPath, ColumnType)> {
        let mut columns: Vec<(FieldPath, ColumnType)> = Vec::new();
        for layer in &self.0 {
            for group in &layer.ledger.read().groups {
                for path in group.sameness.fields() {
                    if group.since <= layer.moment && !columns.iter().any(|(p, _)| p == path) {
                        let column = schema.column(path).unwrap_or(ColumnType::Undeclared);
                        columns.push((path.clone(), column));
                    }
                }
            }
        }
        columns
    }

    /// Which rows of a batch, which has those columns, are replaced.
    pub(crate) fn rows(&self, batch: &RecordBatch) -> Result<BooleanBuffer> {
        let guards: Vec<_> = self
            .0
            .iter()
            .map(|layer| (layer.ledger.read(), layer.moment))
            .collect();
        let mut tests = Vec::new();
        for (written, moment) in &guards {
            for group in written.groups.iter().filter(|g| g.since <= *moment) {
                let injected = RowKeys::new(batch, group.sameness.injected())?;
                tests.push((group, *moment, injected));
            }
        }
        let mut hidden = BooleanBufferBuilder::new(batch.num_rows());
        let Some((first, ..)) = tests.first() else {
            hidden.append_n(batch.num_rows(), false);
            return Ok(hidden.finish());
        };
        let (customer, others) = first.sameness.unique().split_at(1);
        let customers = RowKeys::new(batch, customer)?;
        let others = RowKeys::new(batch, others)?;
        let (mut last, mut key, mut is_known) = (Vec::new(), Vec::new(), false);
        for row in 0..batch.num_rows() {
            key.clear();
            customers.append(row, &mut key);
            if row == 0 || key != last {
                last.clone_from(&key);
                let customer = customer_of(&key);
                let mut guards = guards.iter();
                is_known = guards.any(|(written, moment)| {
                    let since = written.customers.get(customer);
                    since.is_some_and(|since| since <= moment)
                });
            }
            if !is_known {
                hidden.append(false);
                continue;
            }
            others.append(row, &mut key);
            let unique = key.len();
            hidden.append(tests.iter().any(|(group, moment, injected)| {
                key.truncate(unique);
                injected.append(row, &mut key);
                let since = group.keys.get(key.as_slice());
                since.is_some_and(|since| since <= moment)
            }));
        }
        Ok(hidden.finish())
    }
}
