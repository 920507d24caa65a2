//! What becomes of a batch.

use model::answers::AppendReceipt;
use model::names::FieldPath;
use model::permit::AdmittedBatch;
use model::records::Record;
use model::uniqueness::{self, TokenTag};

use super::fields::renamed;
use super::{Change, FakePlane};
use crate::plane::PlaneError;

impl FakePlane {
    pub(super) fn store(&self, batch: AdmittedBatch) -> Result<AppendReceipt, PlaneError> {
        self.fails()?;
        self.takes_a_batch()?;
        if let Some(receipt) = self.saved_answer(&batch)? {
            return Ok(receipt);
        }
        let (key, pool) = (batch.key(), batch.pool().id);
        let receipt = AppendReceipt {
            accepted: batch.records().len() as u64,
            rejected: batch.faults().len() as u64,
            faults: batch.faults().to_vec(),
            repeated: false,
            saved_at: batch.idempotency().map(|_| batch.at()),
        };
        if let Some(sent) = batch.idempotency() {
            let name = (key, pool, sent.key.clone());
            let mut saved = self.saved.lock().expect("not poisoned");
            saved.insert(name, (sent.fingerprint, receipt.clone()));
        }
        let batch = self.first_of_each_token(batch);
        let change = Change::of(batch.pool(), batch.records(), false, false);
        let mut all = self.records.lock().expect("not poisoned");
        let draft = batch.pool().draft.clone();
        let column = |path: &FieldPath| draft.schema.column_path(path);
        let unique: Vec<FieldPath> = draft.unique.iter().map(column).collect();
        let records = batch.into_records().into_iter();
        let records = records.map(|record| renamed(&record, |path| Some(column(path))));
        let held = all.entry(pool).or_default();
        for record in records {
            // Without what keys stamp, which is for the lake.
            let is_same = |older: &Record| {
                let mut paths = unique.iter().map(FieldPath::as_str);
                !unique.is_empty() && paths.all(|path| older.get(path) == record.get(path))
            };
            held.retain(|older| !is_same(older));
            held.push(record);
        }
        self.note(pool, change);
        Ok(receipt)
    }

    pub(super) fn saved_answer(
        &self,
        batch: &AdmittedBatch,
    ) -> Result<Option<AppendReceipt>, PlaneError> {
        let Some(sent) = batch.idempotency() else {
            return Ok(None);
        };
        let name = (batch.key(), batch.pool().id, sent.key.clone());
        let saved = self.saved.lock().expect("not poisoned");
        match saved.get(&name) {
            None => Ok(None),
            Some((fingerprint, _)) if *fingerprint != sent.fingerprint => {
                Err(PlaneError::IdempotencyMismatch)
            }
            Some((_, receipt)) => Ok(Some(AppendReceipt {
                repeated: true,
                ..receipt.clone()
            })),
        }
    }

    /// The answer to a batch that brings nothing new.
    pub(super) fn answer_again(
        &self,
        batch: &AdmittedBatch,
    ) -> Result<Option<AppendReceipt>, PlaneError> {
        if batch.idempotency().is_some() {
            return self.saved_answer(batch);
        }
        let known = self.tokens.lock().expect("not poisoned");
        let is_known =
            |(_, tag): &(usize, TokenTag)| known.get(tag).is_some_and(|ends| *ends > batch.at());
        let tokens = batch.tokens();
        let all = !tokens.is_empty() && tokens.len() == batch.records().len();
        Ok((all && tokens.iter().all(is_known)).then(|| AppendReceipt {
            accepted: batch.records().len() as u64,
            rejected: 0,
            faults: Vec::new(),
            repeated: true,
            saved_at: None,
        }))
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
