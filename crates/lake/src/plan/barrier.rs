//! The barrier: the operator that makes row security.
//!
//! It stands directly above the scan, evaluates the key's constraint itself on
//! every batch, drops every row that is not definitely admitted and hands on
//! only the columns that the question may touch. Nothing of the caller's can
//! get below it: it takes no filter, limit, sort or dynamic filter from above
//! and says nothing of how many rows there are.
//!
//! Adding the constraint to the caller's conditions instead would not do: an
//! engine may evaluate the caller's part first, and then the question's
//! failure or time speaks of rows that are not the caller's.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use arrow_select::filter::filter_record_batch;
use datafusion_common::{DataFusionError, Result};
use datafusion_physical_plan::{ExecutionPlan, PlanProperties};
use model::filters::Predicate;

use super::node::{one_input_node, plain_properties};
use crate::predicate::{admits_all, admitted};

/// Lets through the rows that the constraint definitely admits.
#[derive(Debug)]
pub(crate) struct BarrierExec {
    input: Arc<dyn ExecutionPlan>,
    predicate: Arc<Predicate>,
    keep: Arc<[usize]>,
    properties: Arc<PlanProperties>,
}

/// The work on one batch.
#[derive(Debug)]
struct Work {
    predicate: Arc<Predicate>,
    /// Whether the constraint is none, so that no row needs a bit of its own.
    admits_all: bool,
    keep: Arc<[usize]>,
}

impl BarrierExec {
    /// A barrier over `input` that hands on the columns at `keep`.
    ///
    /// # Panics
    /// When `keep` names a column that the input does not have.
    pub(crate) fn new(
        input: Arc<dyn ExecutionPlan>,
        predicate: Predicate,
        keep: Vec<usize>,
    ) -> Self {
        let schema: SchemaRef = Arc::new(
            input
                .schema()
                .project(&keep)
                .expect("the barrier keeps columns of its own input"),
        );
        Self {
            input,
            predicate: Arc::new(predicate),
            keep: keep.into(),
            properties: plain_properties(schema),
        }
    }

    /// The constraint that is evaluated.
    pub(super) fn predicate(&self) -> &Predicate {
        &self.predicate
    }

    fn work(&self) -> Work {
        Work {
            admits_all: admits_all(&self.predicate),
            predicate: self.predicate.clone(),
            keep: self.keep.clone(),
        }
    }
}

impl Work {
    fn batch(&self, batch: RecordBatch) -> Result<Option<RecordBatch>> {
        if self.admits_all && batch.num_rows() > 0 {
            return Ok(Some(batch.project(&self.keep)?));
        }
        let admitted = admitted(&self.predicate, &batch)
            .map_err(|error| DataFusionError::External(Box::new(error)))?;
        let visible = match admitted.true_count() {
            0 => return Ok(None),
            count if count == batch.num_rows() => batch.project(&self.keep)?,
            _ => filter_record_batch(&batch.project(&self.keep)?, &admitted)?,
        };
        Ok(Some(visible))
    }
}

one_input_node!(BarrierExec);
