//! Scoped keys: less than a key may do, said by whoever holds its secret.

use zeroize::Zeroizing;

use super::{AuthError, Circumstances, KeyRecord, Proof};
use crate::grants::{Action, Grant};
use crate::permit::{Access, Admin, On};
use crate::secrets::{Pepper, ScopedText, SealedSecret, SecretId};
use crate::time::Timestamp;

/// What a scoped key may have at most, whatever key it was made out of.
const ACTIONS: [Action; 8] = [
    Action::Ingest,
    Action::Query,
    Action::Extract,
    Action::Schema,
    Action::Run,
    Action::Read,
    Action::List,
    Action::Retrieve,
];

/// What a scoped key says, before it is understood. It lets nobody in:
/// [`Scoped::held_to`] does.
pub struct Scoped {
    maker: Access,
    said: Zeroizing<Vec<u8>>,
}

impl std::fmt::Debug for Scoped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Scoped")
    }
}

impl KeyRecord {
    /// Reads a text as a scoped key that was made out of this key's secret,
    /// whose sealed bytes these are.
    ///
    /// # Errors
    /// The key is not in use any more, or never had the secret. A text that
    /// was made under another one is no error yet: it says nothing that can be
    /// understood.
    pub fn read_scoped(
        &self,
        (secret, sealed): (SecretId, &SealedSecret),
        presented: &ScopedText,
        pepper: &Pepper,
        seen: &Circumstances<'_>,
        now: Timestamp,
    ) -> Result<Scoped, AuthError> {
        let said = sealed.read(secret, presented, pepper);
        let secret = self.secrets.iter().find(|live| live.id == secret);
        let (Some(said), Some(secret)) = (said, secret) else {
            return Err(AuthError::Unknown);
        };
        let maker = self.admit_by(secret, (Proof::Token, seen), now)?;
        Ok(Scoped { maker, said })
    }
}

impl Scoped {
    /// What was said; of a text that was not made under the secret, noise.
    pub fn said(&self) -> &[u8] {
        &self.said
    }

    /// Lets the holder in with these grants, narrowed to what the key may
    /// give that the scoped one was made out of.
    ///
    /// # Errors
    /// [`AuthError::NotUnderstood`] for a grant that the key may not give, or
    /// that no scoped key has.
    pub fn held_to(self, grants: Vec<Grant>) -> Result<Access, AuthError> {
        let is_scoped = |grant: &Grant| grant.actions.iter().all(|action| ACTIONS.contains(action));
        if !grants.iter().all(is_scoped) {
            return Err(AuthError::NotUnderstood);
        }
        let by = self.maker.permit::<Admin>(On::Project);
        let by = by.map_err(|_| AuthError::NotUnderstood)?;
        let grants = by
            .narrow(grants, &[])
            .map_err(|_| AuthError::NotUnderstood)?;
        Ok(self.maker.scoped(grants))
    }
}
