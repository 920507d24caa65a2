//! Requests that make what is shown once, carried out at most once for each
//! name that their sender gives them.

use std::sync::Arc;

use model::ids::{KeyId, ProjectId};
use model::keys::KeyRecord;
use model::limits::IDEMPOTENCY_SECONDS;
use model::permit::{Access, Admin, Permit};
use model::secrets::Secret;
use std::time::Duration;

use crate::audit::Author;
use crate::change::Change;
use crate::control::Control;
use crate::error::{ControlError, InternalError, Refusal};
use crate::store::{RepeatRow, Write};
use crate::writer::Link;

/// The name that the sender of a request gave it.
#[derive(Debug)]
pub struct Once {
    /// The call.
    pub path: String,
    /// The idempotency key.
    pub name: String,
    /// What is the same exactly when the request is.
    pub fingerprint: [u8; 32],
}

/// What a request that makes a token came to.
#[derive(Debug)]
pub enum Made {
    /// The key with the token. It can be had this one time.
    Now(Arc<KeyRecord>, Secret),
    /// The same request made it before: the key as it is now. Nobody can say
    /// its token again.
    Before(Arc<KeyRecord>),
}

impl Made {
    /// The key.
    pub fn key(&self) -> &Arc<KeyRecord> {
        match self {
            Self::Now(key, _) | Self::Before(key) => key,
        }
    }
}

/// What a request that its sender may repeat came to.
#[derive(Debug)]
pub enum Carried<T> {
    /// It was carried out, with what is shown this one time.
    Now(T),
    /// The same request was carried out before, and made what has this id.
    Before(String),
}

impl Control {
    /// Carries a change out unless the caller's request of this name did
    /// already. That it did is written in the transaction of the change.
    ///
    /// # Errors
    /// As the change; [`ControlError::OtherRequest`] for another request of
    /// the same name, [`ControlError::NotFound`] when the key that was made
    /// is gone.
    pub(crate) async fn change_once(
        &self,
        by: &Permit<Admin>,
        once: Option<Once>,
        plan: impl FnOnce(&mut Change) -> Result<(Arc<KeyRecord>, Secret), ControlError>,
    ) -> Result<Made, ControlError> {
        self.change_once_by(by.access(), once, plan).await
    }

    /// The same in the name of a caller whose right to it was proven.
    pub(crate) async fn change_once_by(
        &self,
        access: &Access,
        once: Option<Once>,
        plan: impl FnOnce(&mut Change) -> Result<(Arc<KeyRecord>, Secret), ControlError>,
    ) -> Result<Made, ControlError> {
        let plan = |change: &mut Change| {
            let (key, secret) = plan(change)?;
            let id = key.id().to_string();
            Ok(((key, secret), id))
        };
        let project = access.project();
        match self.change_once_in((access, project), once, plan).await? {
            Carried::Now((key, secret)) => Ok(Made::Now(key, secret)),
            Carried::Before(id) => {
                let id = KeyId::parse(&id).map_err(|_| ControlError::NotFound)?;
                let definitions = self.definitions(project);
                // It may have been given more than the caller may know of.
                let key = definitions.key(id).filter(|key| access.knows(key));
                key.cloned().map(Made::Before).ok_or(ControlError::NotFound)
            }
        }
    }

    /// The same for whatever is shown once, in a project that need not be the
    /// caller's own. The plan answers that, and the id of what it makes.
    pub(crate) async fn change_once_in<T>(
        &self,
        (access, project): (&Access, ProjectId),
        once: Option<Once>,
        plan: impl FnOnce(&mut Change) -> Result<(T, String), ControlError>,
    ) -> Result<Carried<T>, ControlError> {
        let Some(once) = once else {
            let (made, _) = self.change_in(access, project, plan).await?;
            return Ok(Carried::Now(made));
        };
        // A person may be in several projects.
        let path = format!("{} {}", access.project(), once.path);
        let once = Once { path, ..once };
        let mut writer = self.0.writer().await?;
        let mut change = self.begin(&writer, Author::of(access), project);
        self.check_author(&change, access)?;
        let since = change
            .now
            .checked_sub(Duration::from_secs(IDEMPOTENCY_SECONDS.unsigned_abs()));
        let since = since.unwrap_or(model::time::Timestamp::MIN);
        let Link::Open(store) = &mut writer.link else {
            return Err(InternalError::new("the writer was given without a database").into());
        };
        if let Some((fingerprint, made)) = store.repeated(access.key(), &once, since).await? {
            return match fingerprint == once.fingerprint {
                true => Ok(Carried::Before(made)),
                false => Err(ControlError::OtherRequest),
            };
        }
        let planned = self.carry_plan(&mut change, access, plan)?;
        if let Some((_, id)) = &planned {
            change.writes.push(Write::ForgetRepeats(since));
            change.writes.push(Write::InsertRepeat(RepeatRow {
                caller: access.key(),
                path: once.path,
                name: once.name,
                fingerprint: once.fingerprint,
                made: id.clone(),
                made_at: change.now,
            }));
        }
        self.finish(writer, change).await?;
        let made = planned.map(|(made, _)| Carried::Now(made));
        made.ok_or_else(|| Refusal::WrongCode.into())
    }
}
