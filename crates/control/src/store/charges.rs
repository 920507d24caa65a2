//! What was charged, as the database has it.

use model::credits::Tier;
use model::ids::KeyId;
use model::time::Timestamp;
use sqlx::SqliteConnection;

use super::load::{column, damaged, id};
use super::sealed::{ROTTEN, checksum};
use super::{Store, failed, text};
use crate::error::{ControlError, InternalError};
use crate::ledger::{DayRow, SavedBatch};

const READING: &str = "reading which batches are charged";

const INSERT_BATCH: &str =
    "INSERT INTO charged_batches (at, name) VALUES ($1, $2) ON CONFLICT DO NOTHING";

const SELECT_BATCH: &str = "SELECT COUNT(*) FROM charged_batches WHERE at = $1 AND name = $2";

const SELECT_UNTIL: &str = "SELECT at FROM charged_until WHERE id = 1";

/// In this order: whichever is found without the other is told of as charged.
const FORGET_BATCHES: [&str; 2] = [
    "INSERT INTO charged_until (id, at) VALUES (1, $1) \
     ON CONFLICT (id) DO UPDATE SET at = MAX(charged_until.at, excluded.at)",
    "DELETE FROM charged_batches WHERE at <= $1",
];

/// What is written of batches under idempotency keys.
#[derive(Clone, Debug)]
pub(crate) enum BatchWrite {
    /// That it is charged. Written again, it stays the same.
    Charged(SavedBatch),
    /// That those which were stored until then are charged no more.
    Forget(Timestamp),
}

impl BatchWrite {
    pub(super) async fn execute(
        &self,
        connection: &mut SqliteConnection,
    ) -> Result<(), ControlError> {
        let failed = failed("writing which batches are charged");
        match self {
            Self::Charged(batch) => {
                let insert = sqlx::query(INSERT_BATCH)
                    .bind(batch.at.as_microsecond())
                    .bind(&batch.name[..]);
                insert.execute(connection).await.map_err(failed)?;
            }
            Self::Forget(until) => {
                for statement in FORGET_BATCHES {
                    let forget = sqlx::query(statement).bind(until.as_microsecond());
                    forget.execute(&mut *connection).await.map_err(&failed)?;
                }
            }
        }
        Ok(())
    }
}

/// The checksum that stands beside a total. It is one short digest for each
/// total of a transaction, some thousand times less than the transaction's sync.
/// The total of a derived token has none: it is held within its key's, which has.
pub(super) fn seal_of(row: &DayRow) -> String {
    let total = row.spent.to_string();
    checksum(
        "credits of key",
        &row.key,
        &[&row.tier.name(), &row.day],
        &total,
    )
}

impl Store {
    /// Whether a batch is charged, as far as that is not forgotten.
    pub(crate) async fn is_charged(&mut self, batch: &SavedBatch) -> Result<bool, ControlError> {
        let count = sqlx::query_scalar::<_, i64>(SELECT_BATCH)
            .bind(batch.at.as_microsecond())
            .bind(&batch.name[..])
            .fetch_one(&mut self.connection)
            .await
            .map_err(failed(READING))?;
        Ok(count > 0)
    }

    /// Until when batches were stored of which is not known any more whether they
    /// are charged; `None` for a database in which that was never noted.
    pub(crate) async fn charged_until(&mut self) -> Result<Option<Timestamp>, ControlError> {
        let until: Option<i64> = sqlx::query_scalar(SELECT_UNTIL)
            .fetch_optional(&mut self.connection)
            .await
            .map_err(failed(READING))?;
        Ok(until.and_then(Timestamp::from_microsecond))
    }

    /// What every key used up on each day from `first` on. A total that is not
    /// what was written is told of.
    pub(crate) async fn charges(&mut self, first: i32) -> Result<Vec<DayRow>, ControlError> {
        let rows = sqlx::query(text::SELECT_CHARGES).bind(first);
        let rows = rows.fetch_all(&mut self.connection).await;
        let rows = rows.map_err(failed("reading what was charged"))?;
        let rows = rows.iter().map(|row| -> Result<DayRow, ControlError> {
            let tier: String = column(row, 1)?;
            let tier = Tier::parse(&tier)
                .ok_or_else(|| InternalError::new("something was charged to no known tier"))?;
            let found = DayRow {
                key: id(row, 0, KeyId::parse)?,
                tier,
                day: i32::try_from(column::<i64>(row, 2)?)
                    .map_err(|_| InternalError::new("something was charged on no day"))?,
                spent: column(row, 3)?,
            };
            let seal: Option<String> = column(row, 4)?;
            match seal.is_none_or(|seal| seal == seal_of(&found)) {
                true => Ok(found),
                false => Err(damaged("credits of key", found.key, ROTTEN)),
            }
        });
        rows.collect()
    }
}
