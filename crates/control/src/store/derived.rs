//! The stored form of what is known of derived tokens.

use model::credits::Tier;
use model::ids::KeyId;
use model::keys::DerivedId;
use model::time::Timestamp;
use sqlx::sqlite::SqliteRow;

use super::load::{column, damaged, id, optional_time};
use super::write::Query;
use super::{Store, failed, text};
use crate::error::ControlError;

/// What is known of one derived token.
#[derive(Clone, Debug)]
pub(crate) struct DerivedRow {
    pub(crate) key: KeyId,
    pub(crate) id: DerivedId,
    pub(crate) first_used: Option<Timestamp>,
    pub(crate) last_used: Option<Timestamp>,
    pub(crate) requests: u64,
    /// By tier.
    pub(crate) spent: [u64; Tier::ALL.len()],
    pub(crate) revoked: Option<Timestamp>,
}

impl DerivedRow {
    /// Of a token that nothing is known of.
    pub(crate) fn of(key: KeyId, id: DerivedId) -> Self {
        Self {
            key,
            id,
            first_used: None,
            last_used: None,
            requests: 0,
            spent: [0; Tier::ALL.len()],
            revoked: None,
        }
    }

    /// Whether it keeps somebody out, or counts what was used up.
    pub(crate) fn must_be_remembered(&self) -> bool {
        self.revoked.is_some() || self.spent != [0; 2]
    }

    fn bind(&self, sql: &'static str) -> Query<'_> {
        sqlx::query(sql)
            .bind(self.key.to_string())
            .bind(self.id.as_str())
            .bind(self.id.ends().as_microsecond())
    }

    pub(super) fn used(&self) -> Query<'_> {
        self.bind(text::USE_DERIVED)
            .bind(self.first_used.map(Timestamp::as_microsecond))
            .bind(self.last_used.map(Timestamp::as_microsecond))
            .bind(number(self.requests))
    }

    pub(super) fn charged(&self, tier: Tier) -> Query<'_> {
        let sql = match tier {
            Tier::Core => text::CHARGE_DERIVED_CORE,
            Tier::Premium => text::CHARGE_DERIVED_PREMIUM,
        };
        self.bind(sql).bind(number(self.spent[tier as usize]))
    }

    pub(super) fn revoked(&self) -> Query<'_> {
        self.bind(text::REVOKE_DERIVED)
            .bind(self.revoked.map(Timestamp::as_microsecond))
    }
}

fn number(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

impl Store {
    /// What is known of the derived tokens of all keys.
    pub(super) async fn load_derived(&mut self) -> Result<Vec<DerivedRow>, ControlError> {
        let rows = sqlx::query(text::SELECT_DERIVED);
        let rows = rows.fetch_all(&mut self.connection).await;
        let rows = rows.map_err(failed("reading what is known of derived tokens"))?;
        rows.iter().map(read).collect()
    }
}

fn read(row: &SqliteRow) -> Result<DerivedRow, ControlError> {
    let text: String = column(row, 1)?;
    let damaged = || damaged("derived token", &text, "its id is none");
    let number = |index| -> Result<u64, ControlError> {
        let number: i64 = column(row, index)?;
        Ok(u64::try_from(number).unwrap_or(0))
    };
    Ok(DerivedRow {
        key: id(row, 0, KeyId::parse)?,
        id: DerivedId::parse(&text).ok_or_else(damaged)?,
        first_used: optional_time(row, 2)?,
        last_used: optional_time(row, 3)?,
        requests: number(4)?,
        spent: [number(5)?, number(6)?],
        revoked: optional_time(row, 7)?,
    })
}
