//! Deleting records.

use model::permit::ConstrainedDelete;

use super::{Lake, answered_otherwise};
use crate::buffer::{Foreseen, leaf_columns};
use crate::error::Result;
use crate::journal::Position;
use crate::manifest::{Removal, by_columns};
use crate::operation::encode_delete;
use crate::predicate::count_admitted;
use crate::reading::{Hints, Reading};
use crate::run::{Asker, Slot};
use crate::snapshot::{FileView, Snapshot};
use crate::store::{Operation, Outcome, Why};

/// How often the records in memory are looked at before a delete is written. Each time it is those that came
/// meanwhile; where that is always much, the rest is looked at while writers wait.
const LOOKS: usize = 6;

impl Lake {
    /// Deletes the records that the key sees and asks for, durably and at
    /// once; answers how many went, however long it takes to count them.
    /// Others write meanwhile; what was acknowledged before the delete took
    /// effect is gone, and what comes afterwards stays.
    ///
    /// # Errors
    /// Nothing is deleted, but for [`JournalError::Stopped`](crate::journal::JournalError::Stopped),
    /// after which the log tells at the restart, and for
    /// [`LakeError::Damaged`](crate::LakeError::Damaged), when a file cannot be
    /// read to count its rows.
    pub async fn delete(&self, delete: ConstrainedDelete) -> Result<u64> {
        // Once they are gone, nobody may be told that the server was too busy.
        let turn = self.runner.slot(delete.key()).await?;
        let (rows, filter) = by_columns(&delete);
        let removal = Removal::new(Position::FIRST, self.clock.now(), rows, filter);
        let (from_memory, before) = self.take_away(&delete, &removal, &turn).await?;
        if before.files.is_empty() {
            return Ok(from_memory);
        }
        // They are gone; how many they were is found out by whoever asked.
        let snapshot = Snapshot {
            segments: Vec::new(),
            stored: before,
            ..self.pools.snapshot(delete.pool())
        };
        let count = move |asker: &Asker| count_removed(snapshot, &removal, asker);
        Ok(from_memory + self.runner.complete(turn, count).await?)
    }

    /// Has the journal delete; answers how many went from memory, and the files as they were before.
    async fn take_away(
        &self,
        delete: &ConstrainedDelete,
        removal: &Removal,
        turn: &Slot,
    ) -> Result<(u64, FileView)> {
        let mut foreseen = foreseen(&self.pools.snapshot(delete.pool()), removal, None);
        for look in 0.. {
            if look == LOOKS {
                foreseen = foreseen.enough();
            }
            let operation = delete_operation(delete, Some(foreseen.clone()));
            match self.submit(operation).await? {
                Outcome::Deleted(done) => return done,
                Outcome::LookAgain => {}
                _ => break,
            }
            let (pools, pool, removal) =
                (self.pools.clone(), delete.pool().clone(), removal.clone());
            let look = move |asker: &Asker| {
                // What the pool has become is known before the look, lest that be in vain.
                pools.follow(std::slice::from_ref(&pool));
                let snapshot = pools.snapshot(&pool);
                let mut foreseen = self::foreseen(&snapshot, &removal, Some(foreseen));
                foreseen.look(&snapshot.segments, || asker.waits())?;
                Ok(foreseen)
            };
            foreseen = self.runner.part(turn, look).await?;
            #[cfg(test)]
            self.happens_meanwhile();
        }
        Err(answered_otherwise("a delete"))
    }
}

/// What is known of a removal, if it is of the columns of this snapshot.
fn foreseen(snapshot: &Snapshot, removal: &Removal, known: Option<Foreseen>) -> Foreseen {
    let columns = &snapshot.by_columns;
    let known = known.filter(|known| known.is_for(columns));
    known.unwrap_or_else(|| Foreseen::new(removal.predicate(columns), columns.clone()))
}

/// How many rows of the files a removal takes away that no other did before.
fn count_removed(snapshot: Snapshot, removal: &Removal, asker: &Asker) -> Result<u64> {
    let snapshot = snapshot.asked_by_columns();
    let predicate = removal.predicate(&snapshot.by_columns);
    let hints = Hints {
        customers: snapshot.customers(&predicate, None),
        time: None,
    };
    let columns = leaf_columns(&predicate);
    let reading = Reading::new(snapshot, columns.into(), hints);
    let mut count = 0;
    while let Some(batch) = reading.step() {
        asker.waits()?;
        if let Some(batch) = batch? {
            count += count_admitted(&predicate, &batch)? as u64;
        }
    }
    Ok(count)
}

pub(in crate::lake) fn delete_operation(
    delete: &ConstrainedDelete,
    foreseen: Option<Foreseen>,
) -> Operation {
    let mut payload = Vec::new();
    encode_delete(delete, &mut payload);
    let (rows, filter) = by_columns(delete);
    Operation::Delete {
        pool: delete.pool().clone(),
        payload,
        rows,
        filter,
        foreseen: foreseen.map(Box::new),
        why: Why::Asked,
    }
}
