//! Batches whose records come with tokens of uniqueness.

use std::collections::HashSet;
use std::sync::Arc;

use model::answers::AppendReceipt;
use model::permit::AdmittedBatch;
use model::uniqueness::{self, TokenTag};

use super::Lake;
use crate::error::{LakeError, Result};
use crate::store::{Operation, Outcome};
use crate::uniqueness::NewTokens;

/// How often a batch is looked at again before its sender is put off.
const ROUNDS: usize = 5;

impl Lake {
    /// Stores the records of a batch whose tokens are not known.
    ///
    /// Tokens in the store are looked for here, and those of the journal where
    /// it writes, in its order. What was found is left out, and what is left is
    /// submitted anew: each time it is less, or tokens were moved meanwhile.
    /// While that happens again and again, the sender is put off, and nothing
    /// of the batch is stored.
    pub(super) async fn append_unique(
        &self,
        batch: AdmittedBatch,
        receipt: AppendReceipt,
    ) -> Result<AppendReceipt> {
        let repeated = repeated_within(batch.tokens());
        let mut batch = Arc::new(batch.without(&repeated));
        for _ in 0..ROUNDS {
            // Before the store is asked: what is moved meanwhile may be in neither answer.
            let looked = self.tokens.moves();
            let known = self.known_tokens(&batch).await?;
            batch = left_of(batch, &known);
            if batch.records().is_empty() && batch.idempotency().is_none() {
                return Ok(receipt);
            }
            let operation = self.append_operation(batch.clone(), &receipt).await?;
            match self.submit(with_tokens(operation, &batch, looked)).await? {
                Outcome::TokensRepeated(places) => batch = left_of(batch, &places),
                Outcome::LookAgain => {}
                outcome => return self.appended(outcome, receipt),
            }
        }
        Err(LakeError::Busy)
    }

    /// Whether every record of a batch comes with a token that is known: such a
    /// batch stores nothing.
    pub(super) async fn has_every_token(&self, batch: &AdmittedBatch) -> Result<bool> {
        let tokens = batch.tokens();
        if tokens.is_empty() || tokens.len() < batch.records().len() {
            return Ok(false);
        }
        let now = self.clock.now();
        // Memory first: what is moved meanwhile is in the store by then.
        let is_recent = |(_, tag): &&(usize, TokenTag)| self.tokens.knows(tag, now);
        let older = tokens.iter().filter(|token| !is_recent(token));
        let older: Vec<TokenTag> = older.map(|(_, tag)| *tag).collect();
        if older.is_empty() || self.token_store.is_empty() {
            return Ok(older.is_empty());
        }
        let known = self.token_store.known(&older, now).await?;
        Ok(known.into_iter().all(|is_known| is_known))
    }

    /// The places of the records whose tokens are in the store.
    async fn known_tokens(&self, batch: &AdmittedBatch) -> Result<Vec<usize>> {
        if batch.tokens().is_empty() || self.token_store.is_empty() {
            return Ok(Vec::new());
        }
        let tags: Vec<TokenTag> = batch.tokens().iter().map(|(_, tag)| *tag).collect();
        let known = self.token_store.known(&tags, self.clock.now()).await?;
        let places = batch.tokens().iter().zip(known);
        let places = places.filter(|(_, is_known)| *is_known);
        Ok(places.map(|((place, _), _)| *place).collect())
    }
}

/// The places of records whose token an earlier one of the batch has.
fn repeated_within(tokens: &[(usize, TokenTag)]) -> Vec<usize> {
    let mut seen = HashSet::with_capacity(tokens.len());
    let repeated = tokens.iter().filter(|(_, tag)| !seen.insert(*tag));
    repeated.map(|(place, _)| *place).collect()
}

fn left_of(batch: Arc<AdmittedBatch>, gone: &[usize]) -> Arc<AdmittedBatch> {
    if gone.is_empty() {
        return batch;
    }
    Arc::new(Arc::unwrap_or_clone(batch).without(gone))
}

/// The operation of a batch with the tokens of its records.
pub(crate) fn with_tokens(operation: Operation, batch: &AdmittedBatch, looked: u64) -> Operation {
    let new = (!batch.tokens().is_empty()).then(|| NewTokens {
        tags: batch.tokens().to_vec(),
        ends: uniqueness::ends(batch.at()),
        looked,
    });
    match operation {
        Operation::Append {
            pool,
            payload,
            segment,
            saved,
            ..
        } => Operation::Append {
            pool,
            payload,
            segment,
            saved,
            tokens: new.map(Box::new),
        },
        other => other,
    }
}

#[cfg(test)]
impl Lake {
    /// A batch without the records whose tokens an earlier one has or the store knows.
    pub(super) async fn unknown_of(&self, batch: AdmittedBatch) -> Result<AdmittedBatch> {
        let repeated = repeated_within(batch.tokens());
        let batch = batch.without(&repeated);
        let known = self.known_tokens(&batch).await?;
        Ok(batch.without(&known))
    }
}
