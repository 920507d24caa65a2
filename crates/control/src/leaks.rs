//! Leaked tokens: whoever finds one reports it, and it is in quarantine before
//! the report is acknowledged.

use std::collections::HashMap;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use model::ids::{KeyId, NoticeId};
use model::keys::{
    DerivedId, DerivedText, DerivedToken, Envelope, KeyRecord, Network, Quarantine, SecretRecord,
    shown_agent,
};
use model::limits::{REPORTERS_MAX, REPORTS_PER_SECOND};
use model::permit::{Admin, Permit};
use model::rate::RateLog;
use model::secrets::{Secret, SecretId, SigningSecret};
use model::time::{Clock as _, Timestamp};

use crate::audit::Author;
use crate::change::Change;
use crate::control::Control;
use crate::error::ControlError;
use crate::keys::find;
use crate::notices::{News, NewsOf, NoticeKind};
use crate::store::Write;

/// What somebody says who found a token.
#[derive(Debug)]
pub struct LeakReport {
    /// The token, when the text is one.
    pub token: Option<Leaked>,
    /// Where it was found, in the finder's words.
    pub found_at: Option<String>,
    /// Where the report comes from.
    pub address: Option<IpAddr>,
}

/// A text that has the form of a token.
#[derive(Debug)]
pub enum Leaked {
    /// Of a key.
    Secret(Secret),
    /// Derived from one.
    Derived(DerivedText),
    /// What a key's holder signs with.
    Signing(SigningSecret),
}

impl Leaked {
    /// The token that a text is, by its form alone.
    pub fn read(text: &str) -> Option<Self> {
        if let Some(secret) = Secret::parse(text) {
            return Some(Self::Secret(secret));
        }
        match SigningSecret::parse(text) {
            Some(signing) => Some(Self::Signing(signing)),
            None => DerivedText::read(text).map(Self::Derived),
        }
    }
}

/// Why a report was not taken.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// Too many came from the same network just before.
    #[error("too many reports come from this network")]
    TooMany {
        /// Who comes after so long is heard.
        wait: Duration,
    },
    /// The quarantine could not be written; nothing is acknowledged.
    #[error(transparent)]
    Control(#[from] ControlError),
}

/// How many reports came from each network within the last second. What is not
/// known of its network counts as one.
#[derive(Debug, Default)]
pub(crate) struct Reporters(Mutex<HashMap<Option<Network>, RateLog>>);

impl Reporters {
    fn enter(&self, address: Option<IpAddr>, now: Timestamp) -> Result<(), ReportError> {
        let limit = NonZeroU32::new(REPORTS_PER_SECOND).unwrap_or(NonZeroU32::MIN);
        let from = address.map(Network::of);
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= REPORTERS_MAX && !known.contains_key(&from) {
            known.retain(|_, log| log.look(limit, now).remaining < limit.get());
        }
        if known.len() >= REPORTERS_MAX && !known.contains_key(&from) {
            let wait = Duration::from_secs(1);
            return Err(ReportError::TooMany { wait });
        }
        let log = known.entry(from).or_default();
        let taken = log.take(limit, now);
        taken.map_err(|wait| ReportError::TooMany { wait })?;
        Ok(())
    }
}

impl Control {
    /// Takes the report of a leaked token: whether it is one of this server.
    /// The secret is in quarantine when this returns, and was so before if it
    /// was reported before. Only who has the whole token can bring that about,
    /// who could also end it. A token that is meant to stand in pages is no
    /// secret, and stays as it is.
    ///
    /// # Errors
    /// See [`ReportError`].
    pub async fn report_leak(&self, report: LeakReport) -> Result<bool, ReportError> {
        let now = self.0.options.clock.now();
        self.0.reporters.enter(report.address, now)?;
        let token = match &report.token {
            None => return Ok(false),
            Some(Leaked::Derived(text)) => return self.report_derived(text, &report, now).await,
            Some(Leaked::Signing(signing)) => return self.report_signing(signing, &report).await,
            Some(Leaked::Secret(token)) => token,
        };
        let Some(key) = self.0.callers.key_of(token, self.pepper()) else {
            return Ok(false);
        };
        if key.may_be_in_a_page() || held(&key, token.id()) {
            return Ok(true);
        }
        let author = reporter(&report, token.id());
        let found_at = report.found_at.as_deref();
        let (id, project) = (key.id(), key.project());
        let changed = self.change_as(author, project, |change| {
            let before = find(change, id, None)?;
            if held(&before, token.id()) {
                return Ok(());
            }
            self.quarantine(change, &before, &[token.id()], found_at)?;
            Ok(())
        });
        match changed.await {
            // The key was deleted meanwhile; so the token lets nobody in.
            Ok(()) | Err(ControlError::NotFound) => {}
            Err(error) => return Err(error.into()),
        }
        tracing::warn!(key = %id, secret = %token.id(), "a token was reported as leaked; its secret is in quarantine");
        Ok(true)
    }

    /// The same for a derived token: it is revoked, alone, when this returns.
    /// Its holder could have done that, too. One that would let nobody in, and
    /// one of a key that is meant to stand in pages, stays as it is.
    async fn report_derived(
        &self,
        text: &DerivedText,
        report: &LeakReport,
        now: Timestamp,
    ) -> Result<bool, ReportError> {
        let Ok(envelope) = Envelope::read(text.reveal()) else {
            return Ok(false);
        };
        let Ok(token) = self.0.callers.verify_derived(&envelope) else {
            return Ok(false);
        };
        let Some(key) = self.0.callers.key_with(token.secret()) else {
            return Ok(false);
        };
        let counts = token.issued() >= self.clock_accepted() && !self.was_false(token.issued());
        if key.may_be_in_a_page() || !counts || !key.could_admit(&token, now) {
            return Ok(true);
        }
        let (id, project) = (key.id(), key.project());
        let author = reporter(report, token.secret());
        let found_at = report.found_at.as_deref();
        let changed = self.change_as(author, project, |change| {
            let key = find(change, id, None)?;
            self.end_reported(change, &key, &token, found_at)
        });
        match changed.await {
            // The key was deleted meanwhile; so the token lets nobody in.
            Ok(()) | Err(ControlError::NotFound) => {}
            Err(error) => return Err(error.into()),
        }
        tracing::warn!(key = %id, token = token.id().as_str(), "a derived token was reported as leaked");
        Ok(true)
    }

    /// The same for a signing secret: it is gone when this returns. Its holder
    /// could do all that its key may; whoever needs one is given another.
    async fn report_signing(
        &self,
        signing: &SigningSecret,
        report: &LeakReport,
    ) -> Result<bool, ReportError> {
        let key = self.0.callers.key_signing_with(signing, self.pepper());
        let Some(key) = key else {
            return Ok(false);
        };
        let (id, project) = (key.id(), key.project());
        let found_at = report.found_at.as_deref();
        let author = reporter(report, signing.id());
        let changed = self.change_as(author, project, |change| {
            let before = find(change, id, None)?;
            let key = change.end_signing("key.delete_signing_secret", &before, signing.id())?;
            let of = NewsOf::key(&key, NoticeKind::Leaked, signing.id());
            let news = News::once(told_of_signing(signing.id(), found_at), change.now);
            let notice = NoticeId::generate(change.now, &*change.random);
            change.writes.push(Write::Notice(notice, of, news));
            let trim = Write::TrimNotices(change.project, change.now);
            change.writes.push(trim);
            Ok(())
        });
        match changed.await {
            // It was deleted meanwhile, by itself or with its key.
            Ok(()) | Err(ControlError::NotFound) => {}
            Err(error) => return Err(error.into()),
        }
        tracing::warn!(key = %id, secret = %signing.id(), "a signing secret was reported as leaked; it is deleted");
        Ok(true)
    }

    /// Plans the end of a reported token, and that its key's owner is told:
    /// once a day, since whoever has the secret makes tokens at will.
    fn end_reported(
        &self,
        change: &mut Change,
        key: &Arc<KeyRecord>,
        token: &DerivedToken,
        found_at: Option<&str>,
    ) -> Result<(), ControlError> {
        let (secret, jti) = (token.secret(), token.id());
        let known = self.0.derived.find(key.id(), jti);
        // Of a secret in quarantine only what was in use: its thief makes others.
        let is_made_up = !known.is_some_and(|known| known.was_used());
        if !key.could_admit(token, change.now) || held(key, secret) && is_made_up {
            return Ok(());
        }
        if self.0.derived.has_no_room_for(key.id(), jti) {
            // Then all that the secret signed is held, with the secret.
            if !held(key, secret) {
                self.quarantine(change, key, &[secret], found_at)?;
            }
            return Ok(());
        }
        if self.end_derived(change, key, jti)? {
            let about = format!("derived {}", change.now.date());
            let of = NewsOf::key(key, NoticeKind::Leaked, about);
            let news = News::once(told_of_derived(jti, found_at), change.now);
            let id = NoticeId::generate(change.now, &*change.random);
            change.writes.push(Write::Notice(id, of, news));
            let trim = Write::TrimNotices(change.project, change.now);
            change.writes.push(trim);
        }
        Ok(())
    }

    /// Puts all secrets of a key into quarantine, at once.
    ///
    /// # Errors
    /// [`crate::Refusal::LastAdmin`], since nobody administers in quarantine.
    pub async fn quarantine_key(
        &self,
        by: &Permit<Admin>,
        id: KeyId,
    ) -> Result<Arc<KeyRecord>, ControlError> {
        self.change(by, |change| {
            let before = find(change, id, None)?;
            let free = before.secrets().iter();
            let free = free.filter(|secret| secret.quarantine.is_none());
            let free: Vec<SecretId> = free.map(|secret| secret.id).collect();
            if free.is_empty() {
                return Ok(before);
            }
            let key = self.quarantine(change, &before, &free, None)?;
            change.check_admin_left(&before)?;
            Ok(key)
        })
        .await
    }

    /// Lets all secrets of a key go on as if they had never been reported.
    ///
    /// # Errors
    /// [`ControlError::NotFound`]; a code is needed for it.
    pub async fn release_key(
        &self,
        by: &Permit<Admin>,
        id: KeyId,
    ) -> Result<Arc<KeyRecord>, ControlError> {
        self.change(by, |change| {
            let before = find(change, id, None)?;
            if before
                .secrets()
                .iter()
                .all(|secret| secret.quarantine.is_none())
            {
                return Ok(before);
            }
            let secrets = before.secrets().iter().map(|secret| SecretRecord {
                quarantine: None,
                ..secret.clone()
            });
            let secrets = secrets.collect();
            change.change_secrets("key.release", &before, secrets)
        })
        .await
    }

    /// Plans the quarantine of some secrets of a key, and that its owner is told.
    fn quarantine(
        &self,
        change: &mut Change,
        before: &Arc<KeyRecord>,
        leaked: &[SecretId],
        found_at: Option<&str>,
    ) -> Result<Arc<KeyRecord>, ControlError> {
        let networks = self.0.callers.networks_of(before.id());
        let held = Quarantine {
            since: change.now,
            networks: networks.usual(change.now).into(),
        };
        let secrets = before.secrets().iter().map(|secret| {
            let quarantine = match leaked.contains(&secret.id) {
                true => Some(held.clone()),
                false => secret.quarantine.clone(),
            };
            SecretRecord {
                quarantine,
                ..secret.clone()
            }
        });
        let key = change.change_secrets("key.quarantine", before, secrets.collect())?;
        for secret in leaked {
            let of = NewsOf::key(&key, NoticeKind::Leaked, format!("{secret} {}", change.now));
            let news = News::once(told(*secret, found_at), change.now);
            let id = NoticeId::generate(change.now, &*change.random);
            change.writes.push(Write::Notice(id, of, news));
        }
        change
            .writes
            .push(Write::TrimNotices(change.project, change.now));
        Ok(key)
    }
}

/// Whom the audit names.
fn reporter(report: &LeakReport, secret: SecretId) -> Author {
    Author {
        name: "report".to_owned(),
        secret: Some(secret),
        address: report.address,
        within: None,
    }
}

/// Whether the secret is in quarantine already.
fn held(key: &KeyRecord, secret: SecretId) -> bool {
    let mut secrets = key.secrets().iter();
    secrets.any(|known| known.id == secret && known.quarantine.is_some())
}

fn found(found_at: Option<&str>) -> String {
    let found = found_at.map(|text| {
        let text: String = shown_agent(text).collect();
        format!(", found at {text:?} as the finder says")
    });
    found.unwrap_or_default()
}

fn told(secret: SecretId, found_at: Option<&str>) -> String {
    format!(
        "the secret {secret} was reported as leaked{}; it goes on at a trickle from the usual networks of the key alone: \
         roll the key, bring its clients to the new secret and end the grace",
        found(found_at)
    )
}

fn told_of_signing(secret: SecretId, found_at: Option<&str>) -> String {
    format!(
        "the signing secret {secret} of the key was reported as leaked{}; it is deleted: make another one for whoever signs",
        found(found_at)
    )
}

fn told_of_derived(token: &DerivedId, found_at: Option<&str>) -> String {
    format!(
        "the derived token {} of the key was reported as leaked{}; it is revoked, and the key and its other tokens go on: \
         see where it was given out",
        token.as_str(),
        found(found_at)
    )
}
