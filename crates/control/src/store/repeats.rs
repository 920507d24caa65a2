//! The stored form of requests that must not be carried out twice.

use model::ids::KeyId;
use model::time::Timestamp;

use super::load::{bytes, column};
use super::write::Query;
use super::{Store, failed, text};
use crate::error::ControlError;
use crate::once::Once;

/// A request that made what is shown once.
#[derive(Debug)]
pub(crate) struct RepeatRow {
    pub(crate) caller: KeyId,
    pub(crate) path: String,
    pub(crate) name: String,
    pub(crate) fingerprint: [u8; 32],
    /// The id of what it made: of a key, an invitation or a project.
    pub(crate) made: String,
    pub(crate) made_at: Timestamp,
}

impl RepeatRow {
    pub(super) fn insert(&self) -> Query<'_> {
        sqlx::query(text::INSERT_REPEAT)
            .bind(self.caller.to_string())
            .bind(&self.path)
            .bind(&self.name)
            .bind(self.fingerprint.as_slice())
            .bind(&self.made)
            .bind(self.made_at.as_microsecond())
    }
}

impl Store {
    /// What the caller's request of this name made since then: its
    /// fingerprint and the id.
    pub(crate) async fn repeated(
        &mut self,
        caller: KeyId,
        once: &Once,
        since: Timestamp,
    ) -> Result<Option<([u8; 32], String)>, ControlError> {
        let row = sqlx::query(text::SELECT_REPEAT)
            .bind(caller.to_string())
            .bind(&once.path)
            .bind(&once.name)
            .bind(since.as_microsecond())
            .fetch_optional(&mut self.connection)
            .await
            .map_err(failed("looking for an earlier request"))?;
        row.map(|row| Ok((bytes(&row, 0)?, column(&row, 1)?)))
            .transpose()
    }
}
