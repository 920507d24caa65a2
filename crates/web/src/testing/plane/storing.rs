//! What becomes of a batch.

use model::answers::AppendReceipt;
use model::permit::{AdmittedBatch, Idempotency};
use model::uniqueness;

use super::fields::renamed;
use super::{Change, FakePlane};
use crate::plane::PlaneError;

impl FakePlane {
    pub(super) fn store(&self, batch: AdmittedBatch) -> Result<AppendReceipt, PlaneError> {
        self.fails()?;
        self.takes_a_batch()?;
        let (key, pool) = (batch.key(), batch.pool().id);
        let idempotency = batch.idempotency().cloned();
        let name = |idempotency: &Idempotency| (key, pool, idempotency.key.clone());
        let mut saved = self.saved.lock().expect("not poisoned");
        if let Some(sent) = &idempotency
            && let Some((fingerprint, receipt)) = saved.get(&name(sent))
        {
            return if *fingerprint == sent.fingerprint {
                Ok(receipt.clone())
            } else {
                Err(PlaneError::IdempotencyMismatch)
            };
        }
        let receipt = AppendReceipt {
            accepted: batch.records().len() as u64,
            rejected: batch.faults().len() as u64,
            faults: batch.faults().to_vec(),
            repeated: false,
        };
        if let Some(sent) = idempotency {
            saved.insert(name(&sent), (sent.fingerprint, receipt.clone()));
        }
        let batch = self.first_of_each_token(batch);
        let change = Change::of(batch.pool(), batch.records(), false, false);
        let mut all = self.records.lock().expect("not poisoned");
        let schema = batch.pool().draft.schema.clone();
        let records = batch.into_records().into_iter();
        let records = records.map(|record| renamed(&record, |path| Some(schema.column_path(path))));
        all.entry(pool).or_default().extend(records);
        self.note(pool, change);
        Ok(receipt)
    }

    /// The batch without the records whose tokens are known.
    fn first_of_each_token(&self, batch: AdmittedBatch) -> AdmittedBatch {
        let mut known = self.tokens.lock().expect("not poisoned");
        let now = batch.at();
        let repeated = batch.tokens().iter().filter_map(|(place, tag)| {
            if known.get(tag).is_some_and(|ends| *ends > now) {
                return Some(*place);
            }
            known.insert(*tag, uniqueness::ends(now));
            None
        });
        let repeated: Vec<usize> = repeated.collect();
        batch.without(&repeated)
    }
}
