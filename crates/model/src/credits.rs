//! Credits: what a key may use up in a period of the calendar, and what calls
//! cost.
//!
//! A cost follows from the call alone: never from rows that are hidden from
//! its caller, and of an ingest from the records that the caller sent.

use std::ops::Range;

use crate::document::Document;
use crate::fault::{Fault, FaultCode};
use crate::limits::{CREDITS_MAX, ROWS_PER_CREDIT, STREAM_CREDITS};
use crate::time::{Date, Timestamp};
use crate::value::Object;

/// The price class of a pool or view; each has a balance of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Tier {
    /// The usual one.
    Core,
    /// The other one.
    Premium,
}

impl Tier {
    /// Every tier.
    pub const ALL: [Self; 2] = [Self::Core, Self::Premium];

    /// The tier's name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Core => "core",
            Self::Premium => "premium",
        }
    }

    /// The tier of this name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|tier| tier.name() == text)
    }

    /// Reads the member `tier` of a definition; `None` when it says nothing.
    pub(crate) fn read(document: &mut Document<'_>) -> Result<Option<Self>, Fault> {
        let Some(text) = document.optional_text("tier")? else {
            return Ok(None);
        };
        let tier = Self::parse(text).ok_or_else(|| {
            Fault::new(FaultCode::InvalidValue, "tier is core or premium").at("/tier")
        })?;
        Ok(Some(tier))
    }
}

/// A period of the calendar in UTC, in which credits are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Period {
    /// From midnight.
    Day,
    /// Seven days from a Monday.
    Week,
    /// From the first day of a month.
    Month,
}

impl Period {
    /// Every period.
    pub const ALL: [Self; 3] = [Self::Day, Self::Week, Self::Month];

    /// The period's name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
        }
    }

    /// The days, counted from 1970-01-01, of the period that an instant is in.
    pub fn days(self, at: Timestamp) -> Range<i32> {
        let date = at.date();
        let today = date.as_days();
        match self {
            Self::Day => today..today + 1,
            Self::Week => {
                // 1970-01-01 was a Thursday.
                let monday = today - (today + 3).rem_euclid(7);
                monday..monday + 7
            }
            Self::Month => date.month(),
        }
    }

    /// When the next period begins.
    pub fn ends(self, at: Timestamp) -> Timestamp {
        let end = Date::from_days(self.days(at).end);
        end.map_or(Timestamp::MAX, Date::midnight)
    }
}

/// How much may be used up in a period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// Credits in each period; 0 lets nothing in that costs something.
    pub amount: u64,
    /// The period.
    pub period: Period,
}

impl Allowance {
    /// Reads `{"amount", "period"}`.
    pub(crate) fn parse(document: &mut Document<'_>) -> Result<Self, Fault> {
        let amount = document.optional_integer("amount", 0..=CREDITS_MAX)?;
        let period = document.text("period")?;
        let amount = amount.and_then(|amount| u64::try_from(amount).ok());
        let amount = amount.ok_or_else(|| {
            Fault::new(FaultCode::MissingMember, "the member amount is needed").at("/amount")
        })?;
        let known = Period::ALL.into_iter().find(|known| known.name() == period);
        let period = known.ok_or_else(|| {
            Fault::new(FaultCode::InvalidValue, "period is day, week or month").at("/period")
        })?;
        Ok(Self { amount, period })
    }

    /// What [`Allowance::parse`] reads back.
    pub(crate) fn to_object(self) -> Object {
        Object::new()
            .with("amount", self.amount)
            .with("period", self.period.name())
    }
}

/// What an answer costs that is one document: one page, one summary, one chart.
pub const DOCUMENT_COST: u64 = 1;

/// What a streamed answer of rows costs, by the most rows that its caller asked for.
pub fn stream_cost(limit: Option<u64>) -> u64 {
    limit.map_or(STREAM_CREDITS, |rows| {
        rows.div_ceil(ROWS_PER_CREDIT).clamp(1, STREAM_CREDITS)
    })
}

/// What storing so many records costs.
pub fn ingest_cost(records: u64) -> u64 {
    records.div_ceil(ROWS_PER_CREDIT)
}

#[cfg(test)]
mod tests;
