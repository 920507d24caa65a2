//! Signing secrets of keys: made beside the key's tokens, for clients that sign
//! by HMAC. `docs/adr/037-keyed-signatures.md`.

use std::sync::Arc;

use model::fault::{Fault, FaultCode};
use model::ids::{KeyId, NoticeId};
use model::json;
use model::keys::{KeyKind, KeyRecord, SigningRecord};
use model::limits::SIGNING_SECRETS_MAX;
use model::permit::{Admin, Permit};
use model::secrets::{SecretId, SigningSecret};
use model::value::{Object, Value};

use crate::change::Change;
use crate::control::Control;
use crate::error::ControlError;
use crate::keys::{check_unchanged, find, row, subject};
use crate::notices::{News, NewsOf, NoticeKind};
use crate::store::Write;

impl Control {
    /// Makes a signing secret for a key. Whoever has it can do what the key
    /// may, so it takes what a roll takes. This is the only time that it can be had.
    ///
    /// # Errors
    /// A fault when the key has as many as may be, when it is one of a dialect,
    /// and when the caller could not make a key with these grants.
    pub async fn make_signing_secret(
        &self,
        by: &Permit<Admin>,
        id: KeyId,
    ) -> Result<(SigningRecord, SigningSecret), ControlError> {
        self.change(by, |change| {
            let before = find(change, id, None)?;
            check_unchanged(by, before.grants())?;
            if before.draft().kind == KeyKind::Legacy {
                let detail = "a key of a dialect signs nothing; make a secret or a publishable key";
                return Err(Fault::new(FaultCode::NotAvailable, detail).into());
            }
            let mut signing = before.signing_secrets().to_vec();
            if signing.len() >= SIGNING_SECRETS_MAX {
                let detail = format!(
                    "a key has {SIGNING_SECRETS_MAX} signing secrets at most, one in use and one to change to; \
                     delete the older one first"
                );
                return Err(Fault::new(FaultCode::LimitExceeded, detail).into());
            }
            let secret = SigningSecret::generate(&*change.random);
            let record = SigningRecord {
                id: secret.id(),
                sealed: secret.seal(id, self.pepper(), &*change.random),
                hint: secret.hint(),
                created_at: change.now,
            };
            signing.push(record.clone());
            let key = change.change_signing("key.make_signing_secret", &before, signing)?;
            let of = NewsOf::key(&key, NoticeKind::SigningSecret, record.id);
            let told = format!(
                "the signing secret {} was made: with it requests of the key are signed, and no roll ends it",
                record.id
            );
            let notice = NoticeId::generate(change.now, &*change.random);
            let news = News::once(told, change.now);
            change.writes.push(Write::Notice(notice, of, news));
            let trim = Write::TrimNotices(change.project, change.now);
            change.writes.push(trim);
            Ok((record, secret))
        })
        .await
    }

    /// Ends a signing secret for good: nothing that is signed with it is let in
    /// when this returns.
    ///
    /// # Errors
    /// [`ControlError::NotFound`] when the key has no such one; without force
    /// [`ControlError::SeenRecently`].
    pub async fn delete_signing_secret(
        &self,
        by: &Permit<Admin>,
        key: KeyId,
        id: SecretId,
        force: bool,
    ) -> Result<(), ControlError> {
        self.change(by, |change| {
            let before = find(change, key, None)?;
            let mut signing = before.signing_secrets().iter();
            if signing.any(|known| known.id == id) {
                self.check_silent(&[id], change.now, force)?;
            }
            change.end_signing("key.delete_signing_secret", &before, id)?;
            Ok(())
        })
        .await
    }
}

impl Change {
    /// Takes one signing secret from a key.
    pub(crate) fn end_signing(
        &mut self,
        action: &str,
        before: &Arc<KeyRecord>,
        id: SecretId,
    ) -> Result<Arc<KeyRecord>, ControlError> {
        let mut signing = before.signing_secrets().to_vec();
        signing.retain(|known| known.id != id);
        if signing.len() == before.signing_secrets().len() {
            return Err(ControlError::NotFound);
        }
        self.change_signing(action, before, signing)
    }

    fn change_signing(
        &mut self,
        action: &str,
        before: &Arc<KeyRecord>,
        signing: Vec<SigningRecord>,
    ) -> Result<Arc<KeyRecord>, ControlError> {
        let key = self.update_signing(before, signing)?;
        let texts = (Some(text(before)), Some(text(&key)));
        self.audit(action, subject(&key), texts.0, texts.1);
        Ok(key)
    }

    /// Gives a key other signing secrets; all else stays.
    fn update_signing(
        &mut self,
        before: &Arc<KeyRecord>,
        signing: Vec<SigningRecord>,
    ) -> Result<Arc<KeyRecord>, ControlError> {
        let is_in = |list: &[SigningRecord], id| list.iter().any(|known| known.id == id);
        let old = before.signing_secrets();
        let gone = old.iter().filter(|known| !is_in(&signing, known.id));
        self.writes
            .extend(gone.map(|known| Write::DeleteSigning(known.id)));
        let new = signing.iter().filter(|known| !is_in(old, known.id));
        let new = new.map(|known| Write::InsertSigning(before.id(), known.clone()));
        self.writes.extend(new);
        let row = row(before, before.draft(), before.is_disabled());
        let key = row.read(before.secrets().to_vec(), signing)?;
        Ok(self.put_key(before, row, key))
    }
}

/// What the audit keeps of a key's signing secrets: their public parts.
fn text(key: &KeyRecord) -> String {
    let ids = key.signing_secrets().iter();
    let ids: Vec<Value> = ids.map(|known| Value::from(known.id.to_string())).collect();
    json::to_text(&Value::Object(Object::new().with("signing_secrets", ids)))
}
