//! What a caller is answered, whole: faults, columns, rows, order, bytes.

use futures::TryStreamExt;
use model::answers::SeenField;
use model::fault::Fault;
use model::permit::{Access, AskPool, ConstrainedQuery, Delete, SeeSchema};
use model::queries::{OutputColumn, Query, Row, Seek, Side};
use model::views::{Delivery, ViewRequest};

use super::case::{Case, Question};
use super::project::noon;
use crate::error::LakeError;
use crate::lake::Lake;

/// One answer.
#[derive(Debug, PartialEq)]
pub(crate) enum Response {
    /// A fault of the request.
    Refused(Fault),
    /// A failure of the lake.
    Failed(String),
    /// Rows, page by page.
    Rows {
        columns: Vec<OutputColumn>,
        pages: Vec<Vec<Row>>,
    },
    /// A file.
    File(Vec<u8>),
    /// Fields.
    Fields(Vec<SeenField>),
    /// How many were deleted.
    Deleted(u64),
}

impl From<LakeError> for Response {
    fn from(error: LakeError) -> Self {
        Self::Failed(format!("{error:?} {error}"))
    }
}

impl From<Fault> for Response {
    fn from(fault: Fault) -> Self {
        Self::Refused(fault)
    }
}

impl Response {
    pub(crate) fn is_refused(&self) -> bool {
        matches!(self, Self::Refused(_) | Self::Failed(_))
    }

    /// Everything that leaves the house, for a search of bytes. Files are
    /// compressed and are read back first.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut text = format!("{self:?}").into_bytes();
        if let Self::File(bytes) = self {
            text.extend(bytes);
            for format in [
                model::answers::Columnar::Parquet,
                model::answers::Columnar::ArrowStream,
            ] {
                if let Ok(records) = crate::columnar::decode(format, bytes.clone().into()) {
                    text.extend(format!("{records:?}").into_bytes());
                }
            }
        }
        text
    }
}

/// What `access` is answered to the case's question.
pub(crate) async fn respond(lake: &Lake, case: &Case, access: &Access) -> Response {
    ask(lake, case, access)
        .await
        .unwrap_or_else(|refused| refused)
}

async fn ask(lake: &Lake, case: &Case, access: &Access) -> Result<Response, Response> {
    match &case.question {
        Question::Pages(request) => {
            let query = case
                .reader(access)
                .constrain(request, Delivery::Pages, noon())?;
            pages(lake, query, request).await
        }
        Question::Stream(request) => {
            rows(
                lake,
                case.reader(access)
                    .constrain(request, Delivery::Stream, noon())?,
            )
            .await
        }
        Question::Export(request, format) => {
            let query = case
                .reader(access)
                .constrain(request, Delivery::Stream, noon())?;
            let pieces: Vec<_> = lake.export(query, *format).await?.try_collect().await?;
            Ok(Response::File(pieces.concat()))
        }
        Question::CountView => rows(lake, case.reader(access).count()).await,
        Question::CountPool => rows(lake, case.on_pool::<AskPool>(access).count()).await,
        Question::Fields => {
            let asked = case.on_pool::<SeeSchema>(access).constrain(None)?;
            Ok(Response::Fields(lake.schema(asked).await?))
        }
        Question::Delete(filter) => {
            let asked = case.on_pool::<Delete>(access).constrain(filter.clone())?;
            Ok(Response::Deleted(lake.delete(asked).await?))
        }
    }
}

async fn rows(lake: &Lake, query: ConstrainedQuery) -> Result<Response, Response> {
    let answer = lake.query(query).await?;
    let chunks: Vec<Vec<Row>> = answer.rows.try_collect().await?;
    Ok(Response::Rows {
        columns: answer.columns,
        pages: vec![chunks.concat()],
    })
}

/// The most pages that are turned in each direction.
pub(crate) const PAGES_MAX: usize = 6;

/// Turns the pages as a client does with cursors: forwards, then back.
async fn pages(
    lake: &Lake,
    query: ConstrainedQuery,
    request: &ViewRequest,
) -> Result<Response, Response> {
    let Query::Records(records) = query.query() else {
        return rows(lake, query).await;
    };
    let size = usize::try_from(request.limit.unwrap_or(100)).unwrap();
    let values = records.order.len();
    let seek = |row: &Row, side| Seek {
        values: row[row.len() - values..].to_vec(),
        side,
    };
    let mut pages = Vec::new();
    let mut next = query.clone();
    let mut side = Side::After;
    loop {
        let found = lake.page(next).await?;
        let columns = found.columns;
        let mut page = found.rows.to_rows();
        let more = page.len() > size;
        if more {
            match side {
                Side::After => page.truncate(size),
                Side::Before => drop(page.remove(0)),
            }
        }
        let ends = (page.first().cloned(), page.last().cloned());
        pages.push(page);
        let turned = side == Side::After && (!more || pages.len() >= PAGES_MAX);
        let (Some(first), Some(last)) = ends else {
            return Ok(Response::Rows { columns, pages });
        };
        if side == Side::Before && !more {
            return Ok(Response::Rows { columns, pages });
        }
        if turned {
            side = Side::Before;
        }
        let beside = if side == Side::After { &last } else { &first };
        next = query.clone().starting_at(seek(beside, side));
    }
}
