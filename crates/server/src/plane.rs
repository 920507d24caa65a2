//! The lake behind the wire's port.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use futures::future::BoxFuture;
use lake::journal::JournalError;
use lake::{Lake, LakeError, TokenStoreError};
use model::answers::{AppendReceipt, Columnar, PlaneMetrics, PoolVersion, SeenField, Touched};
use model::fault::Fault;
use model::filters::Constraint;
use model::ids::PoolId;
use model::permit::{
    AdmittedBatch, ConstrainedAnalysis, ConstrainedDelete, ConstrainedQuery, ConstrainedSchema,
    Permit, Upkeep,
};
use model::pools::Pool;
use model::records::SentRecord;
use web::plane::{Answer, ByteStream, Cell, DataPlane, Page, PageColumn, PageRows, PlaneError};

/// The lake as the wire sees it.
#[derive(Clone, Debug)]
pub(crate) struct LakePlane(pub(crate) Arc<Lake>);

/// A full queue empties in the time of a few syncs.
const QUEUE_RETRY: Duration = Duration::from_secs(1);
/// A full buffer empties when some of it has gone to files, which takes seconds, or as long as a
/// merge that is under way.
const BUFFER_RETRY: Duration = Duration::from_secs(2);

/// A place under an idempotency key is free when an older one is 24 hours old.
const ANSWERS_RETRY: Duration = Duration::from_secs(60);

/// Whether a damaged file is whole again is looked at once a minute.
const STUCK_RETRY: Duration = Duration::from_secs(60);

fn plane_error(error: LakeError) -> PlaneError {
    match error {
        LakeError::Journal(JournalError::Busy) | LakeError::Busy | LakeError::OutOfFiles => {
            PlaneError::Busy {
                retry_after: QUEUE_RETRY,
            }
        }
        LakeError::BufferFull { .. } | LakeError::TokensFull { .. } => PlaneError::Busy {
            retry_after: BUFFER_RETRY,
        },
        error @ LakeError::PoolStuck { .. } => {
            tracing::warn!(%error, "a write was refused");
            PlaneError::Busy {
                retry_after: STUCK_RETRY,
            }
        }
        LakeError::AnswersFull { .. } => PlaneError::Busy {
            retry_after: ANSWERS_RETRY,
        },
        LakeError::Journal(JournalError::Full) | LakeError::Tokens(TokenStoreError::Full) => {
            PlaneError::Full
        }
        LakeError::Journal(error @ JournalError::Oversized { .. }) => PlaneError::LimitExceeded {
            limit: error.to_string(),
        },
        LakeError::IdempotencyMismatch => PlaneError::IdempotencyMismatch,
        LakeError::LimitExceeded(limit) => PlaneError::LimitExceeded { limit },
        LakeError::Deadline(deadline) => PlaneError::Deadline(deadline),
        other => PlaneError::Internal(other.to_string()),
    }
}

/// Rows of a page as the wire sees them.
#[derive(Debug)]
struct LakeRows(lake::PageRows);

/// A column of them.
struct LakeColumn<'a>(lake::PageColumn<'a>);

impl PageRows for LakeRows {
    fn count(&self) -> usize {
        self.0.count()
    }

    fn columns(&self) -> Vec<Box<dyn PageColumn + '_>> {
        let columns = self.0.columns();
        let columns =
            columns.map(|column| -> Box<dyn PageColumn + '_> { Box::new(LakeColumn(column)) });
        columns.collect()
    }
}

impl PageColumn for LakeColumn<'_> {
    fn cell(&self, row: usize) -> Cell<'_> {
        match self.0.cell(row) {
            lake::PageCell::Text(text) => Cell::Text(text),
            lake::PageCell::Value(value) => Cell::Value(value),
        }
    }
}

impl DataPlane for LakePlane {
    fn append(&self, batch: AdmittedBatch) -> BoxFuture<'_, Result<AppendReceipt, PlaneError>> {
        Box::pin(async { self.0.append(batch).await.map_err(plane_error) })
    }

    fn repeated<'a>(
        &'a self,
        batch: &'a AdmittedBatch,
    ) -> BoxFuture<'a, Result<Option<AppendReceipt>, PlaneError>> {
        Box::pin(async { self.0.repeated(batch).await.map_err(plane_error) })
    }

    fn query(&self, query: ConstrainedQuery) -> BoxFuture<'_, Result<Answer, PlaneError>> {
        Box::pin(async {
            let answer = self.0.query(query).await.map_err(plane_error)?;
            let rows = answer.rows.map(|rows| rows.map_err(plane_error)).boxed();
            Ok(Answer {
                columns: answer.columns,
                rows,
            })
        })
    }

    fn page(&self, query: ConstrainedQuery) -> BoxFuture<'_, Result<Page, PlaneError>> {
        Box::pin(async {
            let page = self.0.page(query).await.map_err(plane_error)?;
            let rows = Box::new(LakeRows(page.rows));
            Ok(Page {
                columns: page.columns,
                rows,
            })
        })
    }

    fn export(
        &self,
        query: ConstrainedQuery,
        format: Columnar,
    ) -> BoxFuture<'_, Result<ByteStream, PlaneError>> {
        Box::pin(async move {
            let bytes = self.0.export(query, format).await.map_err(plane_error)?;
            Ok(bytes.map(|bytes| bytes.map_err(plane_error)).boxed())
        })
    }

    fn analyse(
        &self,
        analysis: ConstrainedAnalysis,
    ) -> BoxFuture<'_, Result<model::analyses::Answer, PlaneError>> {
        Box::pin(async { self.0.analyse(analysis).await.map_err(plane_error) })
    }

    fn export_rows(
        &self,
        extraction: ConstrainedAnalysis,
        format: Columnar,
    ) -> BoxFuture<'_, Result<ByteStream, PlaneError>> {
        Box::pin(async move {
            let bytes = self.0.export_rows(extraction, format).await;
            let bytes = bytes.map_err(plane_error)?;
            Ok(bytes.map(|bytes| bytes.map_err(plane_error)).boxed())
        })
    }

    fn delete(&self, delete: ConstrainedDelete) -> BoxFuture<'_, Result<u64, PlaneError>> {
        Box::pin(async { self.0.delete(delete).await.map_err(plane_error) })
    }

    fn schema(
        &self,
        schema: ConstrainedSchema,
    ) -> BoxFuture<'_, Result<Vec<SeenField>, PlaneError>> {
        Box::pin(async { self.0.schema(schema).await.map_err(plane_error) })
    }

    fn decode(
        &self,
        format: Columnar,
        body: Bytes,
    ) -> BoxFuture<'_, Result<Vec<SentRecord>, Fault>> {
        Box::pin(self.0.decode(format, body))
    }

    fn drop_pool(
        &self,
        permit: Permit<Upkeep>,
        pool: PoolId,
    ) -> BoxFuture<'_, Result<(), PlaneError>> {
        Box::pin(async move { self.0.drop_pool(&permit, pool).await.map_err(plane_error) })
    }

    fn touched(
        &self,
        permit: &Permit<Upkeep>,
        pool: &Arc<Pool>,
        since: Option<PoolVersion>,
    ) -> Touched {
        self.0.touched(permit, pool, since)
    }

    fn took_away(
        &self,
        permit: &Permit<Upkeep>,
        pool: &Arc<Pool>,
        since: PoolVersion,
        rows: &Constraint,
    ) -> bool {
        self.0.took_away(permit, pool, since, rows)
    }

    fn stored_bytes(&self, permit: &Permit<Upkeep>, pool: PoolId) -> u64 {
        self.0.stored_bytes(permit, pool)
    }

    fn metrics(&self) -> PlaneMetrics {
        self.0.metrics()
    }
}
