//! Usage, as the database has it.

use std::ops::Range;

use model::ids::{KeyId, PoolId, ProjectId, ViewId};
use model::keys::review::RecordedUse;
use model::secrets::SecretId;
use model::time::{Date, Timestamp};
use sqlx::sqlite::SqliteRow;

use super::load::{column, id};
use super::write::Query;
use super::{Store, failed, text};
use crate::error::{ControlError, InternalError};
use crate::reading::ROWS_IN_A_TURN;
use crate::totals::Unpublished;
use crate::usage::{UsageAsked, UsageBy, UsageCounts, UsageOf, UsagePart};

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

    /// Which of these days, from the first one on, are looked at in one turn:
    /// those of some rows, one day at least. `None` when there is nothing more.
    pub(crate) async fn days_in_a_turn(
        &mut self,
        project: ProjectId,
        days: &Range<i32>,
    ) -> Result<Option<Range<i32>>, ControlError> {
        let mut bounds = [0, ROWS_IN_A_TURN].map(|rows| (rows, None));
        for (rows, day) in &mut bounds {
            let found = sqlx::query_scalar(text::SELECT_DAY_OF_USE)
                .bind(project.to_string())
                .bind(days.start)
                .bind(days.end)
                .bind(i64::try_from(*rows).unwrap_or(i64::MAX));
            let found: Option<i64> = found
                .fetch_optional(&mut self.connection)
                .await
                .map_err(failed("reading usage"))?;
            *day = found.and_then(|day| i32::try_from(day).ok());
        }
        let [(_, first), (_, beyond)] = bounds;
        Ok(first.map(|first| match beyond {
            None => first..days.end,
            Some(beyond) => first..beyond.max(first.saturating_add(1)),
        }))
    }

    /// The usage of a project on some days summed up by something, by what
    /// comes first.
    pub(crate) async fn usage_sums(
        &mut self,
        project: ProjectId,
        key: Option<KeyId>,
        days: Range<i32>,
        by: UsageBy,
    ) -> Result<Vec<(UsagePart, UsageCounts)>, ControlError> {
        let statement = match by {
            UsageBy::Day => text::SUM_USAGE_BY_DAY,
            UsageBy::Key => text::SUM_USAGE_BY_KEY,
            UsageBy::Pool => text::SUM_USAGE_BY_POOL,
            UsageBy::Secret => text::SUM_USAGE_BY_SECRET,
        };
        let key = key.map(|key| key.to_string()).unwrap_or_default();
        let rows = sqlx::query(statement)
            .bind(project.to_string())
            .bind(days.start)
            .bind(days.end)
            .bind(key);
        let rows = rows.fetch_all(&mut self.connection).await;
        let rows = rows.map_err(failed("reading usage"))?;
        let sum = |row| Ok((part(row, by)?, counts(row, 1)?));
        rows.iter().map(sum).collect()
    }

    /// Totals that the pools of usage do not hold, so many at most, project by
    /// project in the order of their ids.
    pub(crate) async fn unpublished_usage(
        &mut self,
        which: Unpublished,
        limit: usize,
    ) -> Result<Vec<(UsageOf, UsageCounts)>, ControlError> {
        let (of, after) = match which {
            Unpublished::All => (String::new(), String::new()),
            Unpublished::Of(project) => (project.to_string(), String::new()),
            Unpublished::After(project) => (String::new(), project.to_string()),
        };
        let rows = sqlx::query(text::SELECT_UNPUBLISHED)
            .bind(of)
            .bind(after)
            .bind(i64::try_from(limit).unwrap_or(i64::MAX));
        let rows = rows.fetch_all(&mut self.connection).await;
        let rows = rows.map_err(failed("reading usage"))?;
        let total = |row| read(row, id(row, 8, ProjectId::parse)?);
        rows.iter().map(total).collect()
    }
}

/// A statement about one total.
pub(super) fn of_total<'q>(
    statement: &'static str,
    of: &UsageOf,
    counts: UsageCounts,
) -> Query<'q> {
    let id = |id: Option<String>| id.unwrap_or_default();
    sqlx::query(statement)
        .bind(of.project.to_string())
        .bind(of.day)
        .bind(of.key.to_string())
        .bind(of.secret.to_string())
        .bind(id(of.pool.map(|id| id.to_string())))
        .bind(id(of.view.map(|id| id.to_string())))
        .bind(number(counts.requests))
        .bind(number(counts.refused))
        .bind(number(counts.records))
}

impl Store {
    /// Since when anything is recorded of a project.
    pub(crate) async fn first_use(
        &mut self,
        project: ProjectId,
    ) -> Result<Option<Timestamp>, ControlError> {
        let reading = failed("reading usage");
        let first = sqlx::query_scalar(text::SELECT_FIRST_USE).bind(project.to_string());
        let first: Option<i64> = first
            .fetch_one(&mut self.connection)
            .await
            .map_err(&reading)?;
        let since = first.and_then(|day| Date::from_days(i32::try_from(day).ok()?));
        Ok(since.map(Date::midnight))
    }

    /// Adds which pools and views each key of a project had to do with on some
    /// days.
    pub(crate) async fn recorded_use(
        &mut self,
        project: ProjectId,
        days: Range<i32>,
        recorded: &mut RecordedUse,
    ) -> Result<(), ControlError> {
        let rows = sqlx::query(text::SELECT_USED)
            .bind(project.to_string())
            .bind(days.start)
            .bind(days.end);
        let rows = rows.fetch_all(&mut self.connection).await;
        for row in rows.map_err(failed("reading usage"))? {
            let key = id(&row, 0, KeyId::parse)?;
            let (pool, view): (String, String) = (column(&row, 1)?, column(&row, 2)?);
            // What is none is written as an empty text.
            recorded
                .pools
                .extend(PoolId::parse(&pool).map(|pool| (key, pool)));
            recorded
                .views
                .extend(ViewId::parse(&view).map(|view| (key, view)));
        }
        Ok(())
    }
}

fn read(row: &SqliteRow, project: ProjectId) -> Result<(UsageOf, UsageCounts), ControlError> {
    let some = |index| -> Result<bool, ControlError> {
        let text: String = column(row, index)?;
        Ok(!text.is_empty())
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
    Ok((of, counts(row, 5)?))
}

/// What a sum is about.
fn part(row: &SqliteRow, by: UsageBy) -> Result<UsagePart, ControlError> {
    Ok(match by {
        UsageBy::Day => UsagePart::Day(
            i32::try_from(column::<i64>(row, 0)?)
                .map_err(|_| InternalError::new("usage is noted of no day"))?,
        ),
        UsageBy::Key => UsagePart::Key(id(row, 0, KeyId::parse)?),
        UsageBy::Pool => {
            let text: String = column(row, 0)?;
            UsagePart::Pool(match text.is_empty() {
                true => None,
                false => Some(id(row, 0, PoolId::parse)?),
            })
        }
        UsageBy::Secret => {
            let text: String = column(row, 0)?;
            let secret = SecretId::parse(&text)
                .ok_or_else(|| InternalError::new("usage is noted of a secret that is none"))?;
            UsagePart::Secret(secret)
        }
    })
}

/// The counts that begin in this column.
pub(super) fn counts(row: &SqliteRow, first: usize) -> Result<UsageCounts, ControlError> {
    let number = |index| -> Result<u64, ControlError> {
        let number: i64 = column(row, index)?;
        Ok(u64::try_from(number).unwrap_or(0))
    };
    Ok(UsageCounts {
        requests: number(first)?,
        refused: number(first + 1)?,
        records: number(first + 2)?,
    })
}

/// A count, as it is written.
pub(super) fn number(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
