//! The rows of secrets, read back.

use model::json;
use model::keys::{Quarantine, SecretRecord, Silence};
use model::secrets::{SecretHash, SecretId};
use sqlx::sqlite::SqliteRow;

use super::load::{bytes, column, damaged, optional_time, time};
use crate::callers::UsedFrom;
use crate::error::ControlError;

/// The public part of a secret.
pub(super) fn secret_id(text: String) -> Result<SecretId, ControlError> {
    SecretId::parse(&text).ok_or_else(|| damaged("secret", &text, "its id is none"))
}

/// A stored secret.
pub(super) fn secret(row: &SqliteRow) -> Result<SecretRecord, ControlError> {
    Ok(SecretRecord {
        id: secret_id(column(row, 0)?)?,
        hash: SecretHash::from_bytes(bytes(row, 2)?),
        public_key: bytes(row, 3)?,
        hint: column(row, 4)?,
        created_at: time(row, 5)?,
        expires_at: optional_time(row, 6)?,
        silence: silence(row)?,
        quarantine: quarantine(row)?,
    })
}

fn quarantine(row: &SqliteRow) -> Result<Option<Quarantine>, ControlError> {
    let Some(stored) = column::<Option<String>>(row, 13)? else {
        return Ok(None);
    };
    let read = json::parse(stored.as_bytes()).ok();
    let read = read.and_then(|stored| Quarantine::restore(&stored));
    let id: String = column(row, 0)?;
    // Who cannot be told from whom is not let in.
    read.map(Some)
        .ok_or_else(|| damaged("secret", id, "its quarantine is none"))
}

/// What is not as it was written is not known: nobody is let in or kept out by it.
pub(super) fn used_from(row: &SqliteRow) -> Result<Option<UsedFrom>, ControlError> {
    let address: Option<String> = column(row, 11)?;
    let agent: Option<String> = column(row, 12)?;
    Ok(agent.map(|agent| UsedFrom {
        address: address.and_then(|address| address.parse().ok()),
        agent,
    }))
}

fn silence(row: &SqliteRow) -> Result<Option<Silence>, ControlError> {
    let minutes: Option<i64> = column(row, 9)?;
    let minutes = minutes.and_then(|minutes| u32::try_from(minutes).ok());
    let since = optional_time(row, 8)?;
    Ok(since
        .zip(minutes)
        .map(|(since, minutes)| Silence { since, minutes }))
}
