//! Tickets: for pages of one origin, the answer to one saved query for an
//! hour at most, over the rows of the key that made it.
//!
//! A ticket is no key: what it lets in ([`crate::keys::KeyRecord::admit`]) gets
//! a permit on its one query and on nothing else. Nothing of it is stored. It
//! names the secret that it was made by, and ends when that secret does.

use std::time::Duration;

use crate::fault::{Fault, FaultCode};
use crate::ids::{GrantId, KeyId, SavedQueryId};
use crate::limits::{ORIGIN_CHARS_MAX, TICKET_CLOCK_SECONDS_MAX, TICKET_SECONDS_MAX};
use crate::origins::Origin;
use crate::permit::{Permit, ReadCached, Right, RunSaved};
use crate::random::RandomSource;
use crate::saved_queries::SavedQuery;
use crate::sealed::Seal;
use crate::secrets::{Pepper, SecretId};
use crate::time::Timestamp;

/// The layout of what is sealed.
const VERSION: u8 = 1;
const SECRET_ID_CHARS: usize = 12;
/// Everything but the origin.
const FIXED_BYTES: usize = 8 + 8 + 16 + SECRET_ID_CHARS + 16 + 8 + 1 + 16;
/// Characters of the longest ticket that is ever made.
pub const TICKET_CHARS_MAX: usize = Seal::chars(FIXED_BYTES + ORIGIN_CHARS_MAX);

/// The right to one saved query as it is defined, for one origin and a time.
///
/// There are two ways to one: a permit on the query, and the text that was
/// sealed here before.
///
/// ```compile_fail,E0451
/// use model::tickets::Ticket;
/// fn forge(other: Ticket, saved: model::ids::SavedQueryId) -> Ticket { Ticket { saved, ..other } }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ticket {
    made: Timestamp,
    ends: Timestamp,
    key: KeyId,
    secret: SecretId,
    saved: SavedQueryId,
    revision: i64,
    grant: Option<GrantId>,
    origin: Origin,
}

/// What the maker of a ticket says of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// Whose pages may show the answer.
    pub origin: Origin,
    /// For how long; at most [`TICKET_SECONDS_MAX`].
    pub life: Duration,
    /// Which of the key's grants is meant.
    pub grant: Option<GrantId>,
}

/// Why a ticket lets nobody in. The wire says one sentence for all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TicketError {
    /// It was altered, cut off or made elsewhere.
    #[error("the ticket was not made here")]
    Unreadable,
    /// Its time is over.
    #[error("the ticket has ended")]
    Ended,
    /// It is from later than now: the clock was set back.
    #[error("the ticket is from later than now")]
    FromLater,
}

/// The key that seals tickets.
#[derive(Debug)]
pub struct TicketKey(Seal);

impl TicketKey {
    /// The key under this pepper. Tickets outlive a restart.
    pub fn new(pepper: &Pepper) -> Self {
        Self(Seal::new(pepper, "ticket"))
    }

    /// The key since a false time was taken back, [`Timestamp::EPOCH`] for
    /// never: what was sealed before that is unreadable, whatever its end.
    pub fn since(pepper: &Pepper, accepted: Timestamp) -> Self {
        match accepted {
            Timestamp::EPOCH => Self::new(pepper),
            accepted => Self(Seal::new(
                pepper,
                &format!("ticket {}", accepted.as_microsecond()),
            )),
        }
    }
}

impl Ticket {
    /// A ticket for a saved query.
    ///
    /// # Errors
    /// A fault when the question cannot be asked under the grant that is meant,
    /// and for a life that is too long.
    pub fn to_run(permit: &Permit<RunSaved>, terms: Terms, now: Timestamp) -> Result<Self, Fault> {
        permit.constrain(terms.grant, now)?;
        Self::of(permit, permit.saved_query(), terms, now)
    }

    /// A ticket for a cached query.
    ///
    /// # Errors
    /// As [`Ticket::to_run`].
    pub fn to_read(
        permit: &Permit<ReadCached>,
        terms: Terms,
        now: Timestamp,
    ) -> Result<Self, Fault> {
        permit.constrain(terms.grant, now)?;
        Self::of(permit, permit.saved_query(), terms, now)
    }

    fn of<A: Right>(
        permit: &Permit<A>,
        saved: &SavedQuery,
        terms: Terms,
        now: Timestamp,
    ) -> Result<Self, Fault> {
        let access = permit.access();
        let too_long = || {
            let detail = format!("a ticket lives for 1 to {TICKET_SECONDS_MAX} seconds");
            Fault::new(FaultCode::InvalidValue, detail).at("/expires_in")
        };
        if access.is_by_ticket() {
            let detail = "a ticket makes no tickets, or it would never end";
            return Err(Fault::new(FaultCode::NotAvailable, detail));
        }
        if access.person().is_some() {
            let detail = "a ticket ends with the key that makes it; make it by a key";
            return Err(Fault::new(FaultCode::NotAvailable, detail));
        }
        // A ticket remembers a key and not what a scoped key left of it.
        if access.is_scoped() {
            let detail = "a scoped key makes no tickets";
            return Err(Fault::new(FaultCode::NotAvailable, detail));
        }
        if access.derived_token().is_some() {
            let detail = "a derived token makes no tickets";
            return Err(Fault::new(FaultCode::NotAvailable, detail));
        }
        // A ticket has what its key was given, and not what follows from administering.
        if permit.is_implied() {
            let detail = "the query reads usage, which the calling key sees by administering and by no grant; \
                          make the ticket by a key with a grant on the query by its name";
            return Err(Fault::new(FaultCode::NotAvailable, detail));
        }
        let life = Duration::from_secs(1)..=Duration::from_secs(TICKET_SECONDS_MAX);
        if !life.contains(&terms.life) {
            return Err(too_long());
        }
        Ok(Self {
            made: now,
            ends: now.checked_add(terms.life).ok_or_else(too_long)?,
            key: access.key(),
            secret: access.secret(),
            saved: saved.id,
            revision: saved.revision,
            grant: terms.grant,
            origin: terms.origin,
        })
    }

    /// The ticket's text: URL-safe characters that say nothing.
    pub fn seal(&self, key: &TicketKey, random: &dyn RandomSource) -> String {
        let mut plain = Vec::with_capacity(FIXED_BYTES + self.origin.as_str().len());
        plain.extend(self.made.as_microsecond().to_be_bytes());
        plain.extend(self.ends.as_microsecond().to_be_bytes());
        plain.extend(self.key.to_bytes());
        plain.extend(self.secret.to_string().as_bytes());
        plain.extend(self.saved.to_bytes());
        plain.extend(self.revision.to_be_bytes());
        plain.push(u8::from(self.grant.is_some()));
        plain.extend(self.grant.map_or([0; 16], GrantId::to_bytes));
        plain.extend(self.origin.as_str().as_bytes());
        key.0.seal(VERSION, &[], &plain, random)
    }

    /// The ticket of this text, when it was sealed here and counts now.
    ///
    /// # Errors
    /// [`TicketError`], for the log.
    pub fn open(text: &str, key: &TicketKey, now: Timestamp) -> Result<Self, TicketError> {
        let ticket = Self::read(text, key).ok_or(TicketError::Unreadable)?;
        let slack = Duration::from_secs(TICKET_CLOCK_SECONDS_MAX);
        if ticket.ends <= now {
            return Err(TicketError::Ended);
        }
        if now.checked_add(slack).is_some_and(|now| now < ticket.made) {
            return Err(TicketError::FromLater);
        }
        Ok(ticket)
    }

    fn read(text: &str, key: &TicketKey) -> Option<Self> {
        if text.len() > TICKET_CHARS_MAX {
            return None;
        }
        let plain = key.0.open(VERSION, &[], text)?;
        let mut rest = plain.as_slice();
        let made = micros(take(&mut rest)?)?;
        let ends = micros(take(&mut rest)?)?;
        let key = KeyId::from_bytes(*take(&mut rest)?);
        let secret: &[u8; SECRET_ID_CHARS] = take(&mut rest)?;
        let secret = SecretId::parse(std::str::from_utf8(secret).ok()?)?;
        let saved = SavedQueryId::from_bytes(*take(&mut rest)?);
        let revision = i64::from_be_bytes(*take(&mut rest)?);
        let [has_grant] = *take(&mut rest)?;
        let grant = GrantId::from_bytes(*take(&mut rest)?);
        let origin = Origin::parse(std::str::from_utf8(rest).ok()?).ok()?;
        Some(Self {
            made,
            ends,
            key,
            secret,
            saved,
            revision,
            grant: (has_grant == 1).then_some(grant),
            origin,
        })
    }

    /// When it ends, at the latest.
    pub fn ends(&self) -> Timestamp {
        self.ends
    }

    /// The key that made it.
    pub fn key(&self) -> KeyId {
        self.key
    }

    /// The secret that it was made by.
    pub fn secret(&self) -> SecretId {
        self.secret
    }

    /// The saved query that it opens.
    pub fn saved_query(&self) -> SavedQueryId {
        self.saved
    }

    /// Whether the query is the one that the ticket was made for, unchanged.
    pub fn is_for(&self, saved: &SavedQuery) -> bool {
        saved.id == self.saved && saved.revision == self.revision
    }

    /// Which of the key's grants is meant.
    pub fn grant(&self) -> Option<GrantId> {
        self.grant
    }

    /// Whose pages may show the answer.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }
}

fn take<'a, const BYTES: usize>(rest: &mut &'a [u8]) -> Option<&'a [u8; BYTES]> {
    let (first, others) = rest.split_first_chunk()?;
    *rest = others;
    Some(first)
}

fn micros(bytes: &[u8; 8]) -> Option<Timestamp> {
    Timestamp::from_microsecond(i64::from_be_bytes(*bytes))
}

#[cfg(test)]
mod tests;
