//! The rows of signing secrets.

use std::collections::HashMap;

use model::ids::KeyId;
use model::keys::SigningRecord;
use model::secrets::{SealedSigning, SecretId};
use model::time::Timestamp;

use super::Store;
use super::load::{LoadedSecret, column, id, optional_time, time};
use super::secrets::secret_id;
use super::write::Query;
use crate::error::ControlError;

const INSERT: &str = "INSERT INTO signing_secrets (id, key_id, sealed, hint, created_at) \
     VALUES ($1, $2, $3, $4, $5)";
const DELETE: &str = "DELETE FROM signing_secrets WHERE id = $1";
const DELETE_OF: &str = "DELETE FROM signing_secrets WHERE key_id = $1";
const USE: &str = "UPDATE signing_secrets SET last_used_at = $2 WHERE id = $1";
const ON_PAGE: &str = "UPDATE signing_secrets SET page_at = $2 WHERE id = $1";
const SELECT: &str = "SELECT id, key_id, sealed, hint, created_at, last_used_at, page_at \
     FROM signing_secrets ORDER BY created_at, id";

/// The signing secrets of keys, and what is known of their use.
pub(super) type Signing = HashMap<KeyId, Vec<(SigningRecord, LoadedSecret)>>;

pub(super) fn insert(key: KeyId, known: &SigningRecord) -> Query<'_> {
    sqlx::query(INSERT)
        .bind(known.id.to_string())
        .bind(key.to_string())
        .bind(known.sealed.as_str())
        .bind(&known.hint)
        .bind(known.created_at.as_microsecond())
}

pub(super) fn delete(id: SecretId) -> Query<'static> {
    sqlx::query(DELETE).bind(id.to_string())
}

pub(super) fn delete_of(key: KeyId) -> Query<'static> {
    sqlx::query(DELETE_OF).bind(key.to_string())
}

pub(super) fn used(id: SecretId, at: Timestamp) -> Query<'static> {
    sqlx::query(USE)
        .bind(id.to_string())
        .bind(at.as_microsecond())
}

pub(super) fn on_page(id: SecretId, at: Timestamp) -> Query<'static> {
    sqlx::query(ON_PAGE)
        .bind(id.to_string())
        .bind(at.as_microsecond())
}

impl Store {
    /// Reads all of them.
    pub(super) async fn load_signing(&mut self) -> Result<Signing, ControlError> {
        let mut signing = Signing::new();
        for row in self.rows(SELECT).await? {
            let record = SigningRecord {
                id: secret_id(column(&row, 0)?)?,
                sealed: SealedSigning::from_text(column(&row, 2)?),
                hint: column(&row, 3)?,
                created_at: time(&row, 4)?,
            };
            let loaded = LoadedSecret {
                id: record.id,
                last_used: optional_time(&row, 5)?,
                used_from: None,
                on_page: optional_time(&row, 6)?,
                signs: true,
            };
            let of_key = signing.entry(id(&row, 1, KeyId::parse)?).or_default();
            of_key.push((record, loaded));
        }
        Ok(signing)
    }
}
