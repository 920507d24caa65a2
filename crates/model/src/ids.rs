//! Typed identifiers. Each is a ULID: 48 bits of time, 80 bits of fresh
//! randomness, 26 characters of text.

use std::fmt;

use crate::random::RandomSource;
use crate::time::Timestamp;

/// A text was not an identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an id has 26 characters of Crockford's base 32")]
pub struct IdError;

/// A ULID without a meaning yet; the typed ids below wrap it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RawId(ulid::Ulid);

impl RawId {
    /// A fresh id of this moment. The random part is drawn anew for every
    /// id, never counted up, so that an id tells nothing of its neighbours.
    pub fn generate(now: Timestamp, random: &dyn RandomSource) -> Self {
        let mut bytes = [0_u8; 16];
        random.fill(&mut bytes[6..]);
        let milliseconds = u64::try_from(now.as_microsecond().max(0) / 1_000).unwrap_or(0);
        bytes[..6].copy_from_slice(&milliseconds.to_be_bytes()[2..]);
        Self(ulid::Ulid::from_bytes(bytes))
    }

    /// The 128 bits, most significant first; they sort as the text does.
    pub fn to_bytes(self) -> [u8; 16] {
        self.0.to_bytes()
    }

    /// The moment that it was made for, to the millisecond.
    pub fn made_at(self) -> Timestamp {
        let microseconds = i64::try_from(self.0.timestamp_ms()).unwrap_or(0) * 1_000;
        Timestamp::from_microsecond(microseconds).unwrap_or(Timestamp::MAX)
    }

    /// The id of these 128 bits.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(ulid::Ulid::from_bytes(bytes))
    }

    /// Reads the canonical text.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        let id = ulid::Ulid::from_string(text).map_err(|_| IdError)?;
        // The decoder also takes lower case and look-alike letters; one id has one text.
        if id.to_string() == text {
            Ok(Self(id))
        } else {
            Err(IdError)
        }
    }
}

impl fmt::Display for RawId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.to_string())
    }
}

impl fmt::Debug for RawId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

macro_rules! typed_ids {
    ($($(#[$doc:meta])* $name:ident)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(RawId);

        impl $name {
            /// A fresh id of this moment.
            pub fn generate(now: Timestamp, random: &dyn RandomSource) -> Self {
                Self(RawId::generate(now, random))
            }

            /// Reads the canonical text.
            pub fn parse(text: &str) -> Result<Self, IdError> {
                RawId::parse(text).map(Self)
            }

            /// The 128 bits, most significant first.
            pub fn to_bytes(self) -> [u8; 16] {
                self.0.to_bytes()
            }

            /// The id of these 128 bits.
            pub fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(RawId::from_bytes(bytes))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }
    )+};
}

typed_ids! {
    /// Names an organization, the tenant of the server.
    OrganizationId
    /// Names a project.
    ProjectId
    /// Names a pool; a re-created pool of the same name has another id.
    PoolId
    /// Names a view.
    ViewId
    /// Names a saved query.
    SavedQueryId
    /// Names a cached dataset.
    DatasetId
    /// Names a key.
    KeyId
    /// Names a grant of a key.
    GrantId
    /// Names a person.
    PersonId
    /// Names a session of a person; it lets nobody in.
    SessionId
    /// Names an invitation; it lets nobody in.
    InvitationId
    /// Names one audit entry.
    AuditId
    /// Names a notice to a project's owners.
    NoticeId
    /// Names a record of a pool.
    RecordId
    /// Names one request, in answers and logs.
    RequestId
}
