//! Answers as files of a columnar format.

use futures::StreamExt;
use model::answers::Columnar;
use model::permit::{ConstrainedAnalysis, ConstrainedQuery};

use super::{Answer, Lake};
use crate::columnar::{self, ByteStream};
use crate::error::{LakeError, Result};

impl Lake {
    /// Answers a question as a file of a columnar format.
    pub async fn export(&self, query: ConstrainedQuery, format: Columnar) -> Result<ByteStream> {
        let answer = self.query(query).await?;
        columnar::encode(answer, format)
    }

    /// Answers an extraction as a file of a columnar format, with the columns
    /// of [`model::analyses::RowsForm::table`].
    ///
    /// # Errors
    /// Limits of resources; and [`LakeError::Internal`] for another analysis.
    pub async fn export_rows(
        &self,
        extraction: ConstrainedAnalysis,
        format: Columnar,
    ) -> Result<ByteStream> {
        let other = || LakeError::Internal("only an extraction has rows".to_owned());
        let (query, form) = extraction.into_rows().ok_or_else(other)?;
        let answer = self.query(query).await?;
        let columns = form.table(&answer.columns);
        let rows = answer.rows.map(move |rows| {
            let rows = rows?.into_iter();
            Ok(rows.map(|row| form.cells(row)).collect())
        });
        let rows = rows.boxed();
        columnar::encode(Answer { columns, rows }, format)
    }
}
