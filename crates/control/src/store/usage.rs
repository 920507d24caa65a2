//! Usage, as the database has it.

use model::ids::{KeyId, PoolId, ProjectId, ViewId};
use model::secrets::SecretId;
use sqlx::sqlite::SqliteRow;

use super::load::{column, id};
use super::{Store, failed, text};
use crate::error::{ControlError, InternalError};
use crate::usage::{UsageAsked, UsageCounts, UsageOf};

impl Store {
    /// The usage of a project, by day, key, secret, pool and view.
    pub(crate) async fn usage(
        &mut self,
        project: ProjectId,
        asked: UsageAsked,
    ) -> Result<Vec<(UsageOf, UsageCounts)>, ControlError> {
        let key = asked.key.map(|key| key.to_string()).unwrap_or_default();
        let rows = sqlx::query(text::SELECT_USAGE)
            .bind(project.to_string())
            .bind(asked.from)
            .bind(asked.to)
            .bind(key)
            .bind(i64::try_from(asked.limit).unwrap_or(i64::MAX));
        let rows = rows.fetch_all(&mut self.connection).await;
        let rows = rows.map_err(failed("reading usage"))?;
        rows.iter().map(|row| read(row, project)).collect()
    }
}

fn read(row: &SqliteRow, project: ProjectId) -> Result<(UsageOf, UsageCounts), ControlError> {
    let some = |index| -> Result<bool, ControlError> {
        let text: String = column(row, index)?;
        Ok(!text.is_empty())
    };
    let number = |index| -> Result<u64, ControlError> {
        let number: i64 = column(row, index)?;
        Ok(u64::try_from(number).unwrap_or(0))
    };
    let secret: String = column(row, 2)?;
    let secret = SecretId::parse(&secret)
        .ok_or_else(|| InternalError::new("usage is noted of a secret that is none"))?;
    let of = UsageOf {
        project,
        key: id(row, 1, KeyId::parse)?,
        secret,
        pool: match some(3)? {
            true => Some(id(row, 3, PoolId::parse)?),
            false => None,
        },
        view: match some(4)? {
            true => Some(id(row, 4, ViewId::parse)?),
            false => None,
        },
        day: i32::try_from(column::<i64>(row, 0)?)
            .map_err(|_| InternalError::new("usage is noted of no day"))?,
    };
    let counts = UsageCounts {
        requests: number(5)?,
        refused: number(6)?,
        records: number(7)?,
    };
    Ok((of, counts))
}
