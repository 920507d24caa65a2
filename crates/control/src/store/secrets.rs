//! The rows of secrets, written and read back.

use std::fmt::Display;

use model::ids::KeyId;
use model::json;
use model::keys::{Quarantine, SecretRecord, Silence};
use model::secrets::{SecretHash, SecretId};
use model::time::Timestamp;
use sqlx::sqlite::SqliteRow;

use super::load::{bytes, column, damaged, optional_time, time};
use super::sealed::{seal, unseal};
use super::text;
use super::write::Query;
use crate::callers::UsedFrom;
use crate::error::ControlError;

/// The public part of a secret.
pub(super) fn secret_id(text: String) -> Result<SecretId, ControlError> {
    SecretId::parse(&text).ok_or_else(|| damaged("secret", &text, "its id is none"))
}

/// A stored secret.
pub(super) fn secret(row: &SqliteRow) -> Result<SecretRecord, ControlError> {
    let stored = SecretRecord {
        id: secret_id(column(row, 0)?)?,
        hash: SecretHash::from_bytes(bytes(row, 2)?),
        public_key: bytes(row, 3)?,
        hint: column(row, 4)?,
        created_at: time(row, 5)?,
        expires_at: optional_time(row, 6)?,
        silence: silence(row)?,
        replaced_by: column::<Option<String>>(row, 14)?
            .map(secret_id)
            .transpose()?,
        quarantine: quarantine(row)?,
    };
    with_about(&stored, |about| {
        let hint = unseal(KIND, &stored.id, about, stored.hint.clone())?;
        Ok(SecretRecord {
            hint,
            ..stored.clone()
        })
    })
}

/// The row of a secret that a key has from now on.
pub(super) fn insert(key: KeyId, secret: &SecretRecord) -> Query<'_> {
    sqlx::query(text::INSERT_SECRET)
        .bind(secret.id.to_string())
        .bind(key.to_string())
        .bind(secret.hash.as_bytes().as_slice())
        .bind(secret.public_key.as_slice())
        .bind(sealed_hint(secret))
        .bind(secret.created_at.as_microsecond())
        .bind(secret.expires_at.map(Timestamp::as_microsecond))
        .bind(secret.silence.map(|silence| silence.since.as_microsecond()))
        .bind(secret.silence.map(|silence| i64::from(silence.minutes)))
        .bind(secret.replaced_by.map(|by| by.to_string()))
}

/// When a secret ends, and by which roll.
pub(super) fn end(secret: &SecretRecord) -> Query<'_> {
    sqlx::query(text::END_SECRET)
        .bind(secret.id.to_string())
        .bind(secret.expires_at.map(Timestamp::as_microsecond))
        .bind(secret.silence.map(|silence| silence.since.as_microsecond()))
        .bind(secret.silence.map(|silence| i64::from(silence.minutes)))
        .bind(sealed_hint(secret))
        .bind(secret.replaced_by.map(|by| by.to_string()))
}

const KIND: &str = "secret";

/// The hint of a secret with the checksum of when it ends and what it is told by.
fn sealed_hint(secret: &SecretRecord) -> String {
    with_about(secret, |about| seal(KIND, &secret.id, about, &secret.hint))
}

fn with_about<T>(secret: &SecretRecord, then: impl FnOnce(&[&dyn Display]) -> T) -> T {
    let number = |number: Option<i64>| number.map_or_else(String::new, |number| number.to_string());
    // Written out here, since how a list prints itself may change with the compiler.
    let list = |bytes: &[u8]| {
        let numbers: Vec<String> = bytes.iter().map(u8::to_string).collect();
        format!("[{}]", numbers.join(", "))
    };
    let (hash, public) = (list(secret.hash.as_bytes()), list(&secret.public_key));
    let ends = number(secret.expires_at.map(Timestamp::as_microsecond));
    let since = number(secret.silence.map(|silence| silence.since.as_microsecond()));
    let minutes = number(secret.silence.map(|silence| i64::from(silence.minutes)));
    let mut about: Vec<&dyn Display> = vec![&hash, &public, &ends, &since, &minutes];
    // Without one the checksum is that of before there was any, so that rows of
    // then are read, and none loses or gains one unseen.
    if let Some(by) = &secret.replaced_by {
        about.push(by);
    }
    then(&about)
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
