//! What each failure of the rooms beneath is on the wire.

use std::time::Duration;

use control::{ControlError, OverLimit, Refusal, ReportError, Spent};
use model::fault::Fault;
use model::keys::AuthError;
use model::limits::SEEN_RECENTLY_MINUTES;
use model::permit::Denied;

use super::{ApiError, Code};
use crate::plane::PlaneError;

/// The one sentence for every caller who is not let in.
const UNAUTHENTICATED: &str =
    "this call needs a key that is in use, sent as \"Authorization: Bearer <token>\"";
/// For the holder of a secret in use, who learns where it is not to be used.
const ADDRESS_NOT_ALLOWED: &str = "the key is not for requests from this address; \
    send them from a network of its restrictions.ip_ranges, or ask who administers it to add this one";
/// The same, for pages.
const PAGE_NOT_ALLOWED: &str = "the key is not for requests from this page, or the request does not say of which page it is; \
    it needs the header Origin, or without it Referer, of a page of the key's restrictions.allowed_domains";
/// For the holder of a secret who showed it where it should have signed.
const SIGNATURE_REQUIRED: &str = "the key takes signed requests alone (restrictions.signed_requests); \
    sign the request with the key pair of its token and do not send the token";
/// For the holder of a secret that was reported as leaked.
const QUARANTINED: &str = "the secret was reported as leaked and lets in from the usual networks of its key alone; \
    ask who administers the key for a new secret";
/// After how long some of many derived tokens may have ended.
const DERIVED_WAIT: Duration = Duration::from_secs(60);
/// What a client is told to wait when only another person can help.
const HELP_WAIT: Duration = Duration::from_secs(86_400);

impl From<Fault> for ApiError {
    fn from(fault: Fault) -> Self {
        let mut error = Self::new(Code::of(fault.code), fault.detail);
        error.0.pointer = (!fault.pointer.is_empty()).then_some(fault.pointer);
        error.0.field = fault.field;
        error
    }
}

impl From<Denied> for ApiError {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::NoGrant(_) => Self::new(Code::ActionNotGranted, denied.to_string()),
            Denied::Quarantined(_) => Self::new(Code::Quarantined, denied.to_string()),
            Denied::KeptByServer => Self::new(Code::KeptByServer, denied.to_string()),
            Denied::NotFound => Self::not_found(),
        }
    }
}

impl From<AuthError> for ApiError {
    fn from(error: AuthError) -> Self {
        let (code, detail) = match error {
            AuthError::Unknown
            | AuthError::Disabled
            | AuthError::Expired
            | AuthError::IssuerEnded
            | AuthError::NotUnderstood => (Code::Unauthenticated, UNAUTHENTICATED),
            AuthError::AddressNotAllowed => (Code::AddressNotAllowed, ADDRESS_NOT_ALLOWED),
            AuthError::PageNotAllowed => (Code::OriginNotAllowed, PAGE_NOT_ALLOWED),
            AuthError::Quarantined => (Code::Quarantined, QUARANTINED),
            AuthError::Unsigned => (Code::SignatureRequired, SIGNATURE_REQUIRED),
            AuthError::Derived(fault) => {
                return Self::new(Code::DerivedRefused, fault.to_string()).logged(error);
            }
            AuthError::TooManyDerived => {
                let rule = format!("{error}; use each for longer, or wait until some have ended");
                return Self::new(Code::TooManyDerived, rule).retry_after(DERIVED_WAIT);
            }
        };
        Self::new(code, detail).logged(error)
    }
}

impl From<OverLimit> for ApiError {
    fn from(over: OverLimit) -> Self {
        let rule = over.to_string();
        match over {
            OverLimit::Rate { retry_after, .. }
            | OverLimit::TokenRate { retry_after, .. }
            | OverLimit::IssuerRate { retry_after, .. } => {
                let detail =
                    format!("{rule}; send it again after as many seconds as Retry-After says");
                Self::new(Code::RateLimited, detail).retry_after(retry_after)
            }
            // When one of them ends is not known.
            OverLimit::Questions { .. } | OverLimit::IssuerQuestions { .. } => {
                let detail = format!("{rule}; wait for one of the key's questions to be answered");
                Self::new(Code::TooManyQueries, detail).retry_after(Duration::from_secs(1))
            }
        }
    }
}

impl From<Spent> for ApiError {
    fn from(spent: Spent) -> Self {
        match spent {
            Spent::Key(spent) => {
                let detail = format!("{spent}; the next one begins at {}", spent.resets_at);
                Self::new(Code::CreditsSpent, detail).retry_after(spent.resets_in)
            }
            Spent::Gone => Refusal::CallerChanged.into(),
            // They do not come back.
            Spent::Slice(spent) => {
                let detail = format!("{spent}; another token may be held to more");
                Self::new(Code::CreditsSpent, detail)
            }
            Spent::Issuer { resets_in, .. } | Spent::Deriver { resets_in, .. } => {
                let detail =
                    format!("{spent}; send it again after as many seconds as Retry-After says");
                Self::new(Code::CreditsSpent, detail).retry_after(resets_in)
            }
        }
    }
}

impl From<ControlError> for ApiError {
    fn from(error: ControlError) -> Self {
        match error {
            ControlError::NameTaken => Self::new(
                Code::NameTaken,
                "the name is taken by another of the project; choose another name",
            ),
            ControlError::NotFound => Self::not_found(),
            ControlError::StaleRevision => Self::stale(),
            ControlError::InUse(by) => Self::new(
                Code::InUse,
                "others are built on it, listed under errors; delete those first",
            )
            .listing(by),
            ControlError::OtherRequest => Self::new(
                Code::IdempotencyMismatch,
                "this Idempotency-Key came with another request before; use a fresh one",
            ),
            ControlError::SeenRecently(by) => Self::new(
                Code::RecentlyUsed,
                format!(
                    "what would end was used in the last {SEEN_RECENTLY_MINUTES} minutes, see errors; \
                     whoever uses it would fail: force ends it all the same"
                ),
            )
            .listing(by),
            ControlError::Refused(refusal) => refusal.into(),
            ControlError::Fault(fault) => fault.into(),
            ControlError::Full => Self::new(Code::DiskFull, "the control plane's disk is full"),
            ControlError::Internal(cause) => Self::internal(cause.to_string()),
        }
    }
}

impl From<ReportError> for ApiError {
    fn from(error: ReportError) -> Self {
        match error {
            ReportError::TooMany { wait } => Self::new(
                Code::TooManyAttempts,
                "too many reports come from this network; send it again after as many seconds as Retry-After says",
            )
            .retry_after(wait),
            ReportError::Control(error) => error.into(),
        }
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::LastAdmin => Self::new(Code::LastAdmin, refusal.to_string()),
            Refusal::CallerChanged => Self::new(Code::CallerChanged, refusal.to_string()),
            Refusal::Rolling => Self::new(Code::Rolling, refusal.to_string()),
            Refusal::NotRolling | Refusal::NewestGone | Refusal::OtherRoll => {
                Self::new(Code::NotRolling, refusal.to_string())
            }
            Refusal::KeenIsOn => Self::new(Code::AlreadyOn, refusal.to_string()),
            Refusal::KeenIsOff => Self::not_found(),
            Refusal::SignIn => Self::new(Code::SignInRefused, refusal.to_string()),
            Refusal::TooManyAttempts { wait } => {
                let error = Self::new(Code::TooManyAttempts, refusal.to_string());
                error.retry_after(wait.unwrap_or(HELP_WAIT))
            }
            Refusal::TooManyChanges { wait } => {
                Self::new(Code::RateLimited, refusal.to_string()).retry_after(wait)
            }
            Refusal::TooManyPasswords => {
                let error = Self::new(Code::TooManyAttempts, refusal.to_string());
                error.retry_after(Duration::from_secs(1))
            }
            Refusal::NeedsCode => Self::new(Code::CodeNeeded, refusal.to_string()),
            Refusal::NothingOffered => Self::new(Code::NothingOffered, refusal.to_string()),
            Refusal::WrongCode | Refusal::NotTheNewApp => {
                Self::new(Code::CodeRefused, refusal.to_string())
            }
            Refusal::PeopleExist => Self::new(Code::PeopleExist, refusal.to_string()),
            Refusal::NeedsMasterKey | Refusal::NeedsKey => {
                Self::new(Code::KeyNeeded, refusal.to_string())
            }
            Refusal::NeedsPerson => Self::new(Code::PersonNeeded, refusal.to_string()),
            Refusal::NotAllowed(_) => Self::new(Code::RoleNotAllowed, refusal.to_string()),
            Refusal::LastProject => Self::new(Code::LastProject, refusal.to_string()),
            Refusal::LastOwner => Self::new(Code::LastOwner, refusal.to_string()),
            Refusal::KeptByServer => Self::new(Code::KeptByServer, refusal.to_string()),
            Refusal::NoInvitation => Self::new(Code::NotFound, refusal.to_string()),
            Refusal::NewerSchema { .. } | Refusal::Locked => Self::internal(refusal.to_string()),
        }
    }
}

impl From<PlaneError> for ApiError {
    fn from(error: PlaneError) -> Self {
        let inside = error.to_string();
        match error {
            PlaneError::Busy { retry_after } => {
                Self::new(Code::Busy, inside).retry_after(retry_after)
            }
            PlaneError::Full => Self::new(Code::DiskFull, inside),
            PlaneError::IdempotencyMismatch => Self::new(
                Code::IdempotencyMismatch,
                "this Idempotency-Key came with another request before; use a fresh one",
            ),
            PlaneError::LimitExceeded { limit } => Self::new(Code::LimitExceeded, limit),
            PlaneError::Deadline(_) => {
                Self::new(Code::DeadlineExceeded, inside).retry_after(Duration::from_secs(1))
            }
            PlaneError::Internal(_) => Self::internal(inside),
        }
    }
}
