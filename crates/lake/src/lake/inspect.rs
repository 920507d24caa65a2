//! The lake of a server that is not running, looked at without changing a byte.

mod pools;
mod strays;

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, PoisonError};

use model::ids::PoolId;
use model::isolation::{Carried, Isolation};
use model::pools::Pool;

use super::Environment;
use crate::disk::Disk;
use crate::error::Result;
use crate::journal::{self, JournalError};
use crate::manifest::Manifest;
use crate::operation::{Joining, Stored, decode};
use crate::published;
use crate::store::{PoolState, Pools, Store};
use crate::tables::{Part, Tables, Verification, path_of};
use crate::uniqueness::RecentTokens;

pub use pools::{InspectedFile, InspectedPart, InspectedPool};
pub use strays::Strays;

/// Bytes of a file that are read at once.
const STEP: u64 = 4 << 20;

/// What the journal and the directory of files say.
#[derive(Debug)]
pub struct Inspection {
    disk: Arc<dyn Disk>,
    tables: Arc<Tables>,
    /// The pools that hold something or have files, by their ids.
    pub pools: Vec<InspectedPool>,
    /// Records in the journal of pools that are not known.
    pub unknown_records: u64,
    /// Operations in the journal.
    pub operations: u64,
    /// Why the journal cannot be read. What is said of pools is then what is
    /// left of it, and files may seem foreign or missing that are not.
    pub journal_damage: Option<JournalError>,
    manifests: HashMap<PoolId, Manifest>,
}

impl Inspection {
    /// Reads the whole journal, of a lake of the `known` pools whose keys carry
    /// this. Nothing is written; the caller sees to it that nobody else does.
    ///
    /// # Errors
    /// Damage is no error, but part of what is found.
    pub fn open(
        environment: Environment,
        known: Vec<Arc<Pool>>,
        carried: Vec<(PoolId, Carried)>,
    ) -> Result<Self> {
        let Environment {
            disk,
            journal,
            tables,
            clock,
            ..
        } = environment;
        let tables = Arc::new(Tables::new(disk.clone(), &tables, 1 << 20));
        let pools = Arc::new(Pools::new(tables.clone()));
        pools.learn(carried);
        let names = known.iter().map(|pool| (pool.id, pool.draft.name.clone()));
        let names: HashMap<_, _> = names.collect();
        let tokens = Arc::new(RecentTokens::new(usize::MAX));
        let (mut store, replay) = Store::new(pools.clone(), u64::MAX, clock, known, tokens);
        let mut inspection = Self {
            disk,
            tables,
            pools: Vec::new(),
            unknown_records: 0,
            operations: 0,
            journal_damage: None,
            manifests: HashMap::new(),
        };
        let states = match journal::read(&inspection.disk, &journal, &mut store) {
            Ok(recovered) => {
                let mut replay = replay.lock().unwrap_or_else(PoisonError::into_inner);
                inspection.unknown_records = replay.finish()?.records as u64;
                inspection.operations = recovered.operations;
                pools.states()
            }
            Err(error) => {
                inspection.journal_damage = Some(error);
                salvage(inspection.disk.as_ref(), &journal)
            }
        };
        for state in states {
            let id = state.id;
            let held = pools.held_records(id);
            let name = names.get(&id).map(ToString::to_string);
            let directory = inspection.tables.directory(id);
            let dropped = pools.is_dropped(id);
            let pool = InspectedPool::new(&state, name, held, dropped, &directory);
            inspection.pools.push(pool);
            inspection.manifests.insert(id, state.manifest);
        }
        Ok(inspection)
    }

    /// Reads a file and its index as wholes and compares them with what the
    /// journal says; tells how many bytes were read.
    ///
    /// # Errors
    /// [`LakeError::Damaged`](crate::LakeError::Damaged) and
    /// [`LakeError::NewerFile`](crate::LakeError::NewerFile) name the file.
    pub fn verify(&self, file: &InspectedFile, progress: &mut dyn FnMut(u64)) -> Result<()> {
        let directory = self.tables.directory(file.pool);
        let mut verification = Verification::begin(&self.disk, &directory, &file.entry)?;
        loop {
            match verification.step(STEP)? {
                0 => return Ok(()),
                read => progress(read),
            }
        }
    }

    /// The two files of which a file of records consists, as they are to be.
    pub fn parts(&self, file: &InspectedFile) -> [InspectedPart; 2] {
        let entry = &file.entry;
        [
            (
                &file.records,
                Part::UnfinishedRecords,
                entry.bytes,
                entry.digest,
            ),
            (
                &file.index,
                Part::UnfinishedIndex,
                entry.index.bytes,
                entry.index.digest,
            ),
        ]
        .map(|(named, unfinished, bytes, digest)| {
            let unfinished = path_of(&self.tables.directory(file.pool), entry.id, unfinished);
            let is_named = self.disk.open(named).is_ok() || self.disk.open(&unfinished).is_err();
            let now = if is_named { named.clone() } else { unfinished };
            InspectedPart {
                named: named.clone(),
                now,
                bytes,
                digest,
            }
        })
    }

    /// Whether the Delta log of a pool is whole, if it has one, older versions included.
    ///
    /// # Errors
    /// Says which file is not, and what to do.
    pub fn verify_published(&self, pool: &InspectedPool) -> Result<(), String> {
        let directory = self.tables.directory(pool.id);
        let verified = published::verify(self.disk.as_ref(), &directory, pool.id);
        verified.map_err(|error| error.to_string())
    }

    /// What lies among the files of records and is not one of them.
    ///
    /// # Errors
    /// When a directory cannot be listed.
    pub fn strays(&self) -> Result<Strays> {
        strays::find(self.disk.as_ref(), &self.tables, &self.manifests)
    }
}

/// Parts of an operation as a damaged journal shows them.
#[derive(Debug, Default)]
struct SalvagedParts {
    joining: Joining,
    /// Of how many the operation is that the last of them belongs to.
    of: Option<usize>,
}

impl SalvagedParts {
    /// What is said as a whole; with the last part, what all of them say. Parts
    /// of one operation follow each other: where something else stands between
    /// them, or parts of another number, some are lost.
    fn read(&mut self, payload: &[u8]) -> Option<Stored> {
        match decode(payload) {
            Ok(Stored::Part(part)) => {
                if self.of != Some(part.of) {
                    self.joining = Joining::default();
                }
                self.of = Some(part.of);
                let whole = self.joining.add(&part)?;
                decode(&whole).ok()
            }
            other => {
                *self = Self::default();
                other.ok()
            }
        }
    }
}

/// The files of pools, as far as intact operations of a damaged journal tell.
fn salvage(disk: &dyn Disk, directory: &Path) -> Vec<PoolState> {
    let mut manifests: HashMap<PoolId, Manifest> = HashMap::new();
    let mut parts = SalvagedParts::default();
    let shown = journal::salvage(disk, directory, &mut |payload| match parts.read(payload) {
        Some(Stored::Commit { pool, change }) => manifests.entry(pool).or_default().change(change),
        Some(Stored::State { pool, manifest }) => drop(manifests.insert(pool, manifest)),
        Some(Stored::Drop { pool }) => manifests.entry(pool).or_default().clear(),
        _ => {}
    });
    if let Err(error) = shown {
        tracing::warn!(%error, "nothing of the journal can be read");
    }
    let states = manifests.into_iter().map(|(id, manifest)| PoolState {
        id,
        pool: None,
        isolation: Isolation::Nothing,
        bytes: 0,
        oldest: None,
        manifest,
    });
    let mut states: Vec<_> = states.collect();
    states.sort_unstable_by_key(|state| state.id);
    states
}

#[cfg(test)]
mod tests;
