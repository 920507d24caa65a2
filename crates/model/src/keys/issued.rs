//! Keys that a key issued: never more than that one is at the same moment.
//! `docs/adr/028-issued-keys.md`.

use std::sync::Arc;

use super::{AuthError, Circumstances, KeyDraft, KeyRecord, KeyStatus, Proof};
use crate::fault::{Fault, FaultCode};
use crate::grants::{Action, Grant};
use crate::ids::KeyId;
use crate::permit::{Issuer, held_under, lay_under};
use crate::time::Timestamp;

impl Action {
    /// Whether a key that a key issued may have it, whatever its issuer has. So
    /// there is one step alone, from a key to those that it issued.
    pub fn may_be_issued(self) -> bool {
        !matches!(self, Self::Admin | Self::Issue)
    }
}

impl KeyDraft {
    /// The definition as a key may have it that is issued by one of the
    /// definition `maker`: of restrictions, end and limits, what is not said is
    /// the other's. What `before` has already is not asked again. Grants are
    /// checked for their actions alone; narrowing them is another step.
    ///
    /// # Errors
    /// A fault that points at what is more than the other has.
    pub fn within_maker(mut self, maker: &Self, before: Option<&Self>) -> Result<Self, Fault> {
        let known: &[Grant] = before.map_or(&[], |before| &before.grants);
        for (index, grant) in self.grants.iter().enumerate() {
            let mut actions = grant.actions.iter().filter(|_| !known.contains(grant));
            if let Some(never) = actions.find(|action| !action.may_be_issued()) {
                let detail = format!(
                    "a key that a key issued never has the action {}; an administrator makes a key that has",
                    never.name()
                );
                let at = format!("/grants/{index}/actions");
                return Err(Fault::new(FaultCode::InvalidValue, detail).at(at));
            }
        }
        if before.is_none_or(|before| before.restrictions != self.restrictions) {
            self.restrictions = self.restrictions.within(&maker.restrictions)?;
        }
        if before.is_none_or(|before| before.limits != self.limits) {
            self.limits = self.limits.within(maker.limits)?;
        }
        if before.is_none_or(|before| before.expires_at != self.expires_at) {
            self.expires_at = self.end_within(maker)?;
        }
        let derives_anew = before.is_none_or(|before| !before.derived_tokens);
        if self.derived_tokens && !maker.derived_tokens && derives_anew {
            let detail = "the key that issues it makes no derived tokens itself";
            return Err(Fault::new(FaultCode::InvalidValue, detail).at("/derived_tokens"));
        }
        Ok(self)
    }

    fn end_within(&self, maker: &Self) -> Result<Option<Timestamp>, Fault> {
        match (self.expires_at, maker.expires_at) {
            (None, end) | (end, None) => Ok(end),
            (Some(end), Some(latest)) if end <= latest => Ok(Some(end)),
            (Some(_), Some(_)) => {
                let detail = "a key that a key issues ends no later than that one";
                Err(Fault::new(FaultCode::InvalidValue, detail).at("/restrictions/expires_at"))
            }
        }
    }
}

impl KeyRecord {
    /// The key as it is under the one that issued it: its grants as far as that
    /// one's reach now. Unless this was done, a key that a key issued lets
    /// nobody in.
    #[must_use]
    pub fn under(&self, maker: &Arc<Self>) -> Self {
        let grants: Arc<[Grant]> = maker.leaves(&self.grants).into();
        let mut key = self.clone();
        key.draft.grants = grants.to_vec();
        key.draft.derived_tokens &= maker.draft.derived_tokens;
        key.issuer = Some(Arc::new(Issuer::new(
            Arc::clone(maker),
            Arc::clone(&self.grants),
        )));
        key.grants = grants;
        key
    }

    /// What of these grants a key would have that this one issued.
    pub fn leaves(&self, grants: &[Grant]) -> Vec<Grant> {
        held_under(grants, &self.grants)
    }

    /// The grants as a key may have them that this one issued, for somebody who
    /// may give them otherwise. One that stands in `before` stays as it is.
    ///
    /// # Errors
    /// A fault that points at the first grant that this key could not give.
    pub fn narrow_issued(&self, grants: Vec<Grant>, before: &[Grant]) -> Result<Vec<Grant>, Fault> {
        let narrow = |(index, grant): (usize, Grant)| {
            match before.contains(&grant) {
            true => Ok(grant),
            false => lay_under(grant, &self.grants).map_err(|fault| {
                let at = format!("/grants/{index}");
                let detail = format!(
                    "the key {} that issued this one does not reach so far; an administrator makes a key that does",
                    self.id
                );
                Fault { detail, ..fault }.under(&at)
            }),
        }
        };
        grants.into_iter().enumerate().map(narrow).collect()
    }

    /// The key that issued it, as it was laid on this one.
    pub fn issuer(&self) -> Option<&Arc<Issuer>> {
        self.issuer.as_ref()
    }

    /// Whether this is the key that is meant and the keys that it issued go on:
    /// it is in use, has a secret by which it could let somebody in, and the one
    /// that it has now is not known to have leaked.
    pub fn is_in_use(&self, meant: KeyId, now: Timestamp) -> bool {
        let mut secrets = self.secrets.iter();
        self.id == meant
            && self.status(now) == KeyStatus::Active
            && secrets.any(|secret| secret.expires_at.is_none_or(|end| end > now))
    }

    /// Refuses a request of a key that a key issued, which that one would
    /// refuse by its state or its restrictions.
    pub(super) fn check_issuer(
        &self,
        (proof, seen): (Proof, &Circumstances<'_>),
        now: Timestamp,
    ) -> Result<(), AuthError> {
        let Some(meant) = self.draft.issued_by else {
            return Ok(());
        };
        let maker = self.issuer.as_ref().map(|issuer| issuer.record());
        let maker = maker.filter(|maker| maker.is_in_use(meant, now));
        // One that was itself issued would be a second step.
        let maker =
            maker.filter(|maker| maker.draft.issued_by.is_none() && maker.project == self.project);
        let maker = maker.ok_or(AuthError::IssuerEnded)?;
        maker.restrictions.check(proof, seen)
    }
}
