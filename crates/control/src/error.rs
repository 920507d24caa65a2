//! What the control plane answers when it does not do what was asked.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use model::fault::Fault;
use model::keys::AuthError;
use model::limits::MAKER_CHANGES_PER_SECOND;
use model::people::Area;

/// Why a call was not carried out. The text of each is fit for the outside;
/// what only the log may say stands inside [`InternalError`].
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// Another resource of the project and type has this name.
    #[error("the name is taken; choose another name")]
    NameTaken,
    /// The project has nothing of this id.
    #[error("there is no such resource")]
    NotFound,
    /// The resource was changed since the revision that the caller expects.
    #[error("the resource was changed meanwhile; read it again")]
    StaleRevision,
    /// What the caller would delete is read by these views.
    #[error("it is in use; delete what uses it first")]
    InUse(Vec<String>),
    /// Its sender named another request before by the same idempotency key.
    #[error("this idempotency key came with another request before; use a fresh one")]
    OtherRequest,
    /// What would end was used a short while ago, by these.
    #[error("it was used a short while ago; end it with force, or wait until it is silent")]
    SeenRecently(Vec<String>),
    /// A rule forbids it, whatever the request says.
    #[error("{0}")]
    Refused(#[from] Refusal),
    /// The request breaks a rule.
    #[error("{0}")]
    Fault(#[from] Fault),
    /// The disk is full; nothing was changed.
    #[error("the control plane's disk is full")]
    Full,
    /// Anything else; the cause is for the log alone.
    #[error("the control plane could not do this")]
    Internal(#[source] InternalError),
}

/// A rule that stands above the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Nobody could administer the project any more.
    #[error("it is the last active key that administers the project; make another admin key first")]
    LastAdmin,
    /// The caller's key was revoked, or its grants changed, after the caller was let in.
    #[error(
        "the calling key was changed or revoked while the request was under way; send it again"
    )]
    CallerChanged,
    /// A replaced secret still goes on beside its successor.
    #[error(
        "an older secret of the key still goes on beside the current one, and a key has two at most; \
         end its grace or undo that roll first"
    )]
    Rolling,
    /// No replaced secret goes on.
    #[error("the key has one secret only: no roll is under way")]
    NotRolling,
    /// A replaced secret goes on, and its successor is gone.
    #[error(
        "the newest secret of the key is gone, and its roll with it: the old one keeps its end; \
         roll the key to make the next one"
    )]
    NewestGone,
    /// A replaced secret goes on that the roll of the newest one did not replace,
    /// or of which that is not known.
    #[error(
        "the roll that made the newest secret is not known to have given the old one its end, and taking a roll \
         back gives nothing else back; wait until the old one ends, or end its grace, and roll again"
    )]
    OtherRoll,
    /// The Keen dialect of the project is on already, and its keys are shown once.
    #[error(
        "the Keen dialect is switched on already; make further keys by the dialect, or copy one"
    )]
    KeenIsOn,
    /// The Keen dialect of the project is off.
    #[error("the Keen dialect is not switched on; switch it on first")]
    KeenIsOff,
    /// What was brought to sign in is not right; which part, nobody is told.
    #[error("the name, the password or the code is not right, or the code was used before")]
    SignIn,
    /// There were wrong attempts just before.
    #[error("there were too many wrong attempts; wait before the next one")]
    TooManyAttempts {
        /// How long to wait; `None` when only another person can help.
        wait: Option<Duration>,
    },
    /// The key made as many changes in this second as one may that does not administer.
    #[error(
        "the key makes more changes in a second of its derived tokens and issued keys than {MAKER_CHANGES_PER_SECOND}; \
         send it again after as many seconds as Retry-After says"
    )]
    TooManyChanges {
        /// Who comes after so long is let in, unless others of the key were faster.
        wait: Duration,
    },
    /// The change widens something and needs a code.
    #[error(
        "this change needs a fresh code of a person who manages keys: send \"code\", and with a key \"person\", too"
    )]
    NeedsCode,
    /// The code that was sent for a change is not right.
    #[error(
        "the code is not right, it was used before, or the person does not manage keys here; nothing was changed"
    )]
    WrongCode,
    /// It is no code of the app secret that was offered.
    #[error("the new app does not show this code now; nothing was changed")]
    NotTheNewApp,
    /// No other factors were offered in the session, or it was too long ago.
    #[error(
        "nothing waits to be confirmed in this session: ask for another app secret first, and send a code of it within 15 minutes"
    )]
    NothingOffered,
    /// As many passwords as may be are being compared.
    #[error("too many people are signing in at this moment; try again in a second")]
    TooManyPasswords,
    /// The first owner is there already.
    #[error("the organization has people already; an owner or admin among them invites others")]
    PeopleExist,
    /// Only a key that reaches as far as an owner sets up the first one.
    #[error(
        "the first owner is set up with the master key: one that may do everything over all rows"
    )]
    NeedsMasterKey,
    /// Only people manage people.
    #[error("people are managed by an owner or admin who signed in, not by a key")]
    NeedsPerson,
    /// No role has it; a key may.
    #[error("no role of a person has this; use a key")]
    NeedsKey,
    /// The person's role does not reach so far.
    #[error("the role of the person who signed in does not reach so far (it is about {})", .0.name())]
    NotAllowed(Area),
    /// Nobody could say who is an owner any more.
    #[error("it is the last owner of the organization; make another owner first")]
    LastOwner,
    /// The organization would have no project any more.
    #[error("it is the last project of the organization; make another one first")]
    LastProject,
    /// The pool of usage is the server's own.
    #[error(
        "the pool _usage is the server's own: it is asked like any other, and nobody changes or deletes it"
    )]
    KeptByServer,
    /// The invitation is unknown, used, taken back or too old.
    #[error(
        "the invitation does not count: it is unknown, used, taken back or too old; ask for another one"
    )]
    NoInvitation,
    /// Only at opening: the file was written by a newer version.
    #[error(
        "the control plane's file was written by a newer version (schema {found}, this version knows {known}); \
         start that version, or restore an older copy of the data directory"
    )]
    NewerSchema {
        /// The first schema version in the file that is not known here.
        found: i64,
        /// The last schema version that is known here.
        known: i64,
    },
    /// Only at opening: another process has the file open.
    #[error("another process has the control plane's file open; stop it first")]
    Locked,
}

/// Why somebody who was let in may not go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Ended {
    /// The key or the secret would not let it in any more.
    #[error("{0}")]
    ShutOut(#[from] AuthError),
    /// The key's grants are others now.
    #[error("the grants of the key were changed")]
    Changed,
}

/// A failure of the database or of this crate. Its text is for the log: it
/// never holds a token, but it may speak of tables and files.
#[derive(Debug)]
pub struct InternalError {
    doing: String,
    cause: Option<Box<dyn Error + Send + Sync>>,
    /// Whether it may have been done all the same.
    is_unheard: bool,
    /// Whether the disk did not take what it was to keep.
    is_failed_sync: bool,
}

impl InternalError {
    pub(crate) fn new(doing: impl Into<String>) -> Self {
        Self {
            doing: doing.into(),
            cause: None,
            is_unheard: false,
            is_failed_sync: false,
        }
    }

    pub(crate) fn caused(
        doing: impl Into<String>,
        cause: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Self {
        Self {
            doing: doing.into(),
            cause: Some(cause.into()),
            is_unheard: false,
            is_failed_sync: false,
        }
    }

    /// The same of a sync that failed.
    pub(crate) fn of_sync(
        doing: impl Into<String>,
        cause: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Self {
        Self {
            is_failed_sync: true,
            ..Self::caused(doing, cause)
        }
    }
}

impl ControlError {
    /// The same of a transaction of which nobody heard whether it was written.
    pub(crate) fn unheard(self) -> Self {
        match self {
            Self::Internal(cause) => Self::Internal(InternalError {
                is_unheard: true,
                ..cause
            }),
            other => other,
        }
    }

    /// Whether a sync failed: what was written before may be gone, although it
    /// can still be read.
    pub fn is_failed_sync(&self) -> bool {
        matches!(self, Self::Internal(cause) if cause.is_failed_sync)
    }

    /// Whether what failed may have been written all the same.
    pub(crate) fn is_unheard(&self) -> bool {
        matches!(self, Self::Internal(cause) if cause.is_unheard)
    }
}

impl fmt::Display for InternalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.doing)?;
        let mut cause: Option<&dyn Error> = self.cause.as_deref().map(|cause| cause as _);
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

impl Error for InternalError {}

impl From<InternalError> for ControlError {
    fn from(error: InternalError) -> Self {
        Self::Internal(error)
    }
}
