//! What clients say of rolling a key.

use crate::document::Document;
use crate::fault::{Fault, FaultCode};
use crate::limits::{GRACE_DAYS_MAX, SILENCE_MINUTES_MAX};
use crate::time::{Span, Timestamp};

/// A new secret beside the old one: how long the old one goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Roll {
    grace: Grace,
    silence_minutes: Option<u32>,
    force: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Grace {
    For(Span),
    Until(Timestamp),
}

impl Roll {
    /// A roll with this grace, cut off at its longest.
    pub fn with_grace(grace: Span) -> Self {
        Self {
            grace: Grace::For(grace.min(Span::days(GRACE_DAYS_MAX))),
            silence_minutes: None,
            force: false,
        }
    }

    /// Reads `grace` or `ends_at`, `end_after_silence` and `force`.
    ///
    /// # Errors
    /// A fault when there is not exactly one of the first two, for a grace of
    /// more than [`GRACE_DAYS_MAX`] days, and for silence that would end
    /// nothing.
    pub fn read(document: &mut Document<'_>) -> Result<Self, Fault> {
        let grace = document.optional_text("grace")?;
        let ends_at = document.optional_text("ends_at")?;
        let grace = match (grace, ends_at) {
            (Some(text), None) => Grace::For(parse_grace(text)?),
            (None, Some(text)) => Grace::Until(Timestamp::parse(text).map_err(|_| {
                let rule = "ends_at is a date-time such as \"2027-01-31T00:00:00Z\"";
                Fault::new(FaultCode::InvalidValue, rule).at("/ends_at")
            })?),
            (None, None) => {
                let rule = "say how long the old secret goes on: \"grace\": \"24h\", or \"0s\" to \
                            end it at once, or \"ends_at\" with a time";
                return Err(Fault::new(FaultCode::MissingMember, rule).at("/grace"));
            }
            (Some(_), Some(_)) => {
                let rule = "send either grace or ends_at";
                return Err(Fault::new(FaultCode::InvalidValue, rule).at("/ends_at"));
            }
        };
        let range = 1..=SILENCE_MINUTES_MAX;
        let silence = document.optional_integer("end_after_silence", range)?;
        if silence.is_some() && grace == Grace::For(Span::days(0)) {
            let rule = "there is no grace that silence could end; leave end_after_silence out";
            return Err(Fault::new(FaultCode::InvalidValue, rule).at("/end_after_silence"));
        }
        Ok(Self {
            grace,
            silence_minutes: silence.and_then(|minutes| u32::try_from(minutes).ok()),
            force: document.optional_boolean("force")? == Some(true),
        })
    }

    /// When the old secret of a key with this expiry ends; `None` for at once.
    ///
    /// # Errors
    /// A fault for an `ends_at` that is not in the future, more than
    /// [`GRACE_DAYS_MAX`] days away, or later than the key itself ends. A
    /// `grace` that is longer than the key lives is cut off there.
    pub fn ends_at(
        self,
        now: Timestamp,
        key_ends: Option<Timestamp>,
    ) -> Result<Option<Timestamp>, Fault> {
        let longest = Span::days(GRACE_DAYS_MAX).as_duration();
        let latest = now.checked_add(longest).unwrap_or(Timestamp::MAX);
        let end = match self.grace {
            Grace::For(span) => {
                let end = now.checked_add(span.as_duration());
                let end = end.unwrap_or(latest);
                key_ends.map_or(end, |key_ends| end.min(key_ends))
            }
            Grace::Until(end) => {
                let rule = match key_ends {
                    _ if end <= now => "ends_at lies in the future; to end the old secret at once send \"grace\": \"0s\"".to_owned(),
                    _ if end > latest => format!("the old secret goes on for {GRACE_DAYS_MAX} days at most, until {latest}"),
                    Some(key_ends) if end > key_ends => format!("the key itself ends at {key_ends}; no secret of it goes on for longer"),
                    _ => return Ok(Some(end)),
                };
                return Err(Fault::new(FaultCode::InvalidValue, rule).at("/ends_at"));
            }
        };
        Ok((end > now).then_some(end))
    }

    /// Whether a secret that ends at once ends although somebody used it a
    /// short while ago.
    pub fn is_forced(self) -> bool {
        self.force
    }

    /// The minutes of silence that end the old secret sooner.
    pub fn silence_minutes(self) -> Option<u32> {
        self.silence_minutes
    }
}

fn parse_grace(text: &str) -> Result<Span, Fault> {
    let span = Span::parse(text).filter(|span| *span <= Span::days(GRACE_DAYS_MAX));
    span.ok_or_else(|| {
        let rule = format!(
            "grace is from \"0s\" to \"{GRACE_DAYS_MAX}d\": a whole number and one of s, m, h, d"
        );
        Fault::new(FaultCode::InvalidValue, rule).at("/grace")
    })
}

#[cfg(test)]
mod tests;
