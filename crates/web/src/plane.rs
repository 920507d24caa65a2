//! The port to the data plane: the one way from the wire to the rows.
//!
//! Implemented in the `server` crate round the lake, so that building and
//! testing the wire never waits for the query engine. Everything that goes in
//! is a type that only a permit can make.

mod pages;

pub use pages::{Cell, Page, PageColumn, PageRows};

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use model::answers::{AppendReceipt, Columnar, PlaneMetrics, PoolVersion, SeenField, Touched};
use model::fault::Fault;
use model::filters::Constraint;
use model::ids::PoolId;
use model::permit::{
    AdmittedBatch, ConstrainedAnalysis, ConstrainedDelete, ConstrainedQuery, ConstrainedSchema,
    Permit, Upkeep,
};
use model::pools::Pool;
use model::queries::{OutputColumn, Row, TooManyResults};
use model::records::SentRecord;

/// Why the data plane did not do what was asked. What the caller is told of
/// it is decided in the one error table.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlaneError {
    /// Too much is waiting or held in memory.
    #[error("the data plane is busy")]
    Busy {
        /// After how long a retry makes sense.
        retry_after: Duration,
    },
    /// The disk is full.
    #[error("the disk is full")]
    Full,
    /// The idempotency key was used with another body.
    #[error("the idempotency key was used with another body")]
    IdempotencyMismatch,
    /// The question needs more than a stated limit.
    #[error("{limit}")]
    LimitExceeded {
        /// The limit in words, with its number.
        limit: String,
    },
    /// The question took longer than it may.
    #[error("the question took longer than {} s", .0.as_secs())]
    Deadline(Duration),
    /// Anything else; for the log alone.
    #[error("{0}")]
    Internal(String),
}

impl From<TooManyResults> for PlaneError {
    fn from(limit: TooManyResults) -> Self {
        Self::LimitExceeded {
            limit: limit.to_string(),
        }
    }
}

/// The rows of an answer, in pieces, under their columns.
pub struct Answer {
    /// The columns.
    pub columns: Vec<OutputColumn>,
    /// The rows; each has a value for each column, and behind them the order
    /// values that the question asked for.
    pub rows: BoxStream<'static, Result<Vec<Row>, PlaneError>>,
}

impl Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Answer")
            .field("columns", &self.columns)
            .finish_non_exhaustive()
    }
}

/// Bytes of an answer, in pieces.
pub type ByteStream = BoxStream<'static, Result<Bytes, PlaneError>>;

/// The data plane as the wire sees it.
pub trait DataPlane: Send + Sync + Debug {
    /// Stores a batch. When it returns, the accepted records are on stable
    /// storage and visible to every query that starts afterwards.
    fn append(&self, batch: AdmittedBatch) -> BoxFuture<'_, Result<AppendReceipt, PlaneError>>;

    /// The saved answer to a batch that was stored under its idempotency key,
    /// or is being stored, and the answer to one of which each record comes with
    /// a token of uniqueness that is known; `None` for any other. Nothing is stored.
    fn repeated<'a>(
        &'a self,
        batch: &'a AdmittedBatch,
    ) -> BoxFuture<'a, Result<Option<AppendReceipt>, PlaneError>>;

    /// Answers a question over the rows that its constraint admits.
    fn query(&self, query: ConstrainedQuery) -> BoxFuture<'_, Result<Answer, PlaneError>>;

    /// Answers a question for one page of records.
    fn page(&self, query: ConstrainedQuery) -> BoxFuture<'_, Result<Page, PlaneError>> {
        Box::pin(async { Page::of(self.query(query).await?).await })
    }

    /// Answers a question as a file of a columnar format.
    fn export(
        &self,
        query: ConstrainedQuery,
        format: Columnar,
    ) -> BoxFuture<'_, Result<ByteStream, PlaneError>>;

    /// Answers a question of analytics over the rows that its constraints
    /// admit. Rows of an extraction are asked for by [`DataPlane::query`] and
    /// [`DataPlane::export_rows`], and refused here.
    fn analyse(
        &self,
        analysis: ConstrainedAnalysis,
    ) -> BoxFuture<'_, Result<model::analyses::Answer, PlaneError>>;

    /// Answers an extraction as a file of a columnar format, with the columns
    /// of [`model::analyses::RowsForm::table`].
    fn export_rows(
        &self,
        extraction: ConstrainedAnalysis,
        format: Columnar,
    ) -> BoxFuture<'_, Result<ByteStream, PlaneError>>;

    /// Deletes records, durably and at once; answers how many the key saw go.
    fn delete(&self, delete: ConstrainedDelete) -> BoxFuture<'_, Result<u64, PlaneError>>;

    /// The fields that a key sees, in the order of their paths, declared ones first.
    fn schema(
        &self,
        schema: ConstrainedSchema,
    ) -> BoxFuture<'_, Result<Vec<SeenField>, PlaneError>>;

    /// Reads the records of a columnar body.
    fn decode(
        &self,
        format: Columnar,
        body: Bytes,
    ) -> BoxFuture<'_, Result<Vec<SentRecord>, Fault>>;

    /// Forgets a pool whose definition is gone, with all its records.
    fn drop_pool(
        &self,
        permit: Permit<Upkeep>,
        pool: PoolId,
    ) -> BoxFuture<'_, Result<(), PlaneError>>;

    /// Which records of a pool may have changed since `since`; any, where that
    /// is not known. A question that is asked afterwards sees all changes up to
    /// the version that is answered.
    fn touched(
        &self,
        permit: &Permit<Upkeep>,
        pool: &Arc<Pool>,
        since: Option<PoolVersion>,
    ) -> Touched;

    /// Whether records of a pool that `rows` admits may have gone since
    /// `since`. That it is said of others, too, does no harm to answers; it
    /// tells whoever asks that something went.
    fn took_away(
        &self,
        permit: &Permit<Upkeep>,
        pool: &Arc<Pool>,
        since: PoolVersion,
        _rows: &Constraint,
    ) -> bool {
        self.touched(permit, pool, Some(since)).took_away
    }

    /// Bytes that a pool takes, hidden records and those that wait to be taken
    /// from the disk included. It is known in memory.
    fn stored_bytes(&self, permit: &Permit<Upkeep>, pool: PoolId) -> u64;

    /// Counters for operators.
    fn metrics(&self) -> PlaneMetrics;
}
