//! What was charged, as the database has it.

use model::credits::Tier;
use model::ids::KeyId;

use super::load::{column, id};
use super::{Store, failed, text};
use crate::error::{ControlError, InternalError};
use crate::ledger::DayRow;

impl Store {
    /// What every key used up on each day from `first` on.
    pub(crate) async fn charges(&mut self, first: i32) -> Result<Vec<DayRow>, ControlError> {
        let rows = sqlx::query(text::SELECT_CHARGES).bind(first);
        let rows = rows.fetch_all(&mut self.connection).await;
        let rows = rows.map_err(failed("reading what was charged"))?;
        let rows = rows.iter().map(|row| -> Result<DayRow, ControlError> {
            let tier: String = column(row, 1)?;
            let tier = Tier::parse(&tier)
                .ok_or_else(|| InternalError::new("something was charged to no known tier"))?;
            Ok(DayRow {
                key: id(row, 0, KeyId::parse)?,
                tier,
                day: i32::try_from(column::<i64>(row, 2)?)
                    .map_err(|_| InternalError::new("something was charged on no day"))?,
                spent: column(row, 3)?,
            })
        });
        rows.collect()
    }
}
