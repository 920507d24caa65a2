//! Notices, as the database has them.

use std::time::Duration;

use model::ids::{KeyId, NoticeId, ProjectId};
use model::limits::{NOTICE_DAYS, NOTICES_MAX};
use model::time::Timestamp;
use sqlx::sqlite::SqliteRow;

use super::load::{column, id, optional_time, time};
use super::write::Query;
use super::{Store, failed, text};
use crate::error::{ControlError, InternalError};
use crate::notices::{News, NewsOf, Notice, NoticeKind};

const KEPT: Duration = Duration::from_secs(NOTICE_DAYS * 24 * 60 * 60);

/// Writes a notice, or counts it where there is one of the same; that of a
/// state stays as it is.
pub(super) fn put<'q>(id: NoticeId, of: &'q NewsOf, seen: &'q News) -> Query<'q> {
    let sql = match of.kind.is_of_state() {
        true => text::PUT_NOTICE_ONCE,
        false => text::PUT_NOTICE,
    };
    sqlx::query(sql)
        .bind(id.to_string())
        .bind(of.project.to_string())
        .bind(of.key.to_string())
        .bind(of.kind.name())
        .bind(of.about.as_str())
        .bind(seen.detail.as_str())
        .bind(seen.first.as_microsecond())
        .bind(seen.last.as_microsecond())
        .bind(i64::try_from(seen.times).unwrap_or(i64::MAX))
}

/// Forgets the notices of a project that are too old or too many.
pub(super) fn trim<'q>(project: ProjectId, now: Timestamp) -> Query<'q> {
    let oldest = now.checked_sub(KEPT).unwrap_or(Timestamp::MIN);
    sqlx::query(text::TRIM_NOTICES)
        .bind(project.to_string())
        .bind(oldest.as_microsecond())
        .bind(i64::try_from(NOTICES_MAX).unwrap_or(i64::MAX))
}

impl Store {
    /// The notices of a project, oldest first.
    pub(crate) async fn notices(
        &mut self,
        project: ProjectId,
    ) -> Result<Vec<Notice>, ControlError> {
        let rows = sqlx::query(text::SELECT_NOTICES).bind(project.to_string());
        let rows = rows.fetch_all(&mut self.connection).await;
        let rows = rows.map_err(failed("reading notices"))?;
        rows.iter().map(read).collect()
    }
}

fn read(row: &SqliteRow) -> Result<Notice, ControlError> {
    let kind: String = column(row, 2)?;
    let times: i64 = column(row, 6)?;
    Ok(Notice {
        id: id(row, 0, NoticeId::parse)?,
        key: id(row, 1, KeyId::parse)?,
        kind: NoticeKind::parse(&kind)
            .ok_or_else(|| InternalError::new("a notice is of no known kind"))?,
        detail: column(row, 3)?,
        first_at: time(row, 4)?,
        last_at: time(row, 5)?,
        times: u64::try_from(times).unwrap_or(0),
        dismissed_at: optional_time(row, 7)?,
    })
}
