//! Limits of keys: how much of the server one key may take.

use std::num::NonZeroU32;

use crate::credits::{Allowance, Tier};
use crate::document::Document;
use crate::fault::{Fault, FaultCode};
use crate::limits::{CONCURRENT_QUERIES_MAX, REQUESTS_PER_SECOND_MAX};
use crate::value::{Object, Value};

/// What a key's owner allows it to take. What is `None` is without a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyLimits {
    /// Requests that are let in within any one second.
    pub requests_per_second: Option<NonZeroU32>,
    /// Questions that are being answered at one time.
    pub concurrent_queries: Option<NonZeroU32>,
    /// Credits for what is of the tier `core`.
    pub core: Option<Allowance>,
    /// Credits for what is of the tier `premium`.
    pub premium: Option<Allowance>,
}

impl KeyLimits {
    /// Of a key that says nothing of limits, as all keys of earlier versions.
    pub const NONE: Self = Self {
        requests_per_second: None,
        concurrent_queries: None,
        core: None,
        premium: None,
    };

    /// The credits for what is of this tier; `None` is without a limit.
    pub fn credits(self, tier: Tier) -> Option<Allowance> {
        match tier {
            Tier::Core => self.core,
            Tier::Premium => self.premium,
        }
    }

    /// Whether a key may take more of something than under `before`. Credits of
    /// another period count as more: they come back at other times.
    pub fn allows_more_than(self, before: Self) -> bool {
        let count = |now: Option<NonZeroU32>, before: Option<NonZeroU32>| match (now, before) {
            (_, None) => false,
            (None, Some(_)) => true,
            (Some(now), Some(before)) => now > before,
        };
        let credits = |tier| match (self.credits(tier), before.credits(tier)) {
            (_, None) => false,
            (None, Some(_)) => true,
            (Some(now), Some(before)) => now.period != before.period || now.amount > before.amount,
        };
        count(self.requests_per_second, before.requests_per_second)
            || count(self.concurrent_queries, before.concurrent_queries)
            || Tier::ALL.into_iter().any(credits)
    }

    /// These as a key may have them that is issued by one with the others:
    /// what is not said is the other's.
    ///
    /// # Errors
    /// A fault where these allow more than the others, or credits of another period.
    pub fn within(self, others: Self) -> Result<Self, Fault> {
        let limits = Self {
            requests_per_second: self.requests_per_second.or(others.requests_per_second),
            concurrent_queries: self.concurrent_queries.or(others.concurrent_queries),
            core: self.core.or(others.core),
            premium: self.premium.or(others.premium),
        };
        // Each by itself, so that the answer names the one that is too large.
        let of_one = [
            (
                "requests_per_second",
                Self {
                    requests_per_second: limits.requests_per_second,
                    ..others
                },
            ),
            (
                "concurrent_queries",
                Self {
                    concurrent_queries: limits.concurrent_queries,
                    ..others
                },
            ),
            (
                "credits/core",
                Self {
                    core: limits.core,
                    ..others
                },
            ),
            (
                "credits/premium",
                Self {
                    premium: limits.premium,
                    ..others
                },
            ),
        ];
        let mut of_one = of_one.into_iter();
        match of_one.find(|(_, one)| one.allows_more_than(others)) {
            None => Ok(limits),
            Some((member, _)) => {
                let detail = "a key that a key issues takes no more than that one may, of credits of the same period";
                Err(Fault::new(FaultCode::InvalidValue, detail).at(format!("/limits/{member}")))
            }
        }
    }

    /// Reads the member `limits` of a key.
    pub(super) fn parse(value: &Value) -> Result<Self, Fault> {
        let mut document = Document::new(value)?;
        let requests = count(
            &mut document,
            "requests_per_second",
            REQUESTS_PER_SECOND_MAX,
        )?;
        let queries = count(&mut document, "concurrent_queries", CONCURRENT_QUERIES_MAX)?;
        let [core, premium] = match document.optional("credits") {
            None => [None; 2],
            Some(credits) => allowances(credits).map_err(|f| f.under("/credits"))?,
        };
        document.finish()?;
        Ok(Self {
            requests_per_second: requests,
            concurrent_queries: queries,
            core,
            premium,
        })
    }

    /// The member that [`KeyLimits::parse`] reads back.
    pub(super) fn to_value(self) -> Object {
        let number = |limit: Option<NonZeroU32>| limit.map(|n| i64::from(n.get()));
        let credits = (self.core.is_some() || self.premium.is_some()).then(|| {
            Object::new()
                .with("core", self.core.map(Allowance::to_object))
                .with("premium", self.premium.map(Allowance::to_object))
        });
        Object::new()
            .with("requests_per_second", number(self.requests_per_second))
            .with("concurrent_queries", number(self.concurrent_queries))
            .with("credits", credits)
    }
}

/// Reads the member `credits`: the allowances of the tiers core and premium.
fn allowances(value: &Value) -> Result<[Option<Allowance>; 2], Fault> {
    let mut document = Document::new(value)?;
    let mut allowance = |tier: Tier| -> Result<Option<Allowance>, Fault> {
        let Some(value) = document.optional(tier.name()) else {
            return Ok(None);
        };
        let read = |value: &Value| -> Result<Allowance, Fault> {
            let mut document = Document::new(value)?;
            let allowance = Allowance::parse(&mut document)?;
            document.finish()?;
            Ok(allowance)
        };
        let at = format!("/{}", tier.name());
        read(value).map(Some).map_err(|fault| fault.under(&at))
    };
    let allowances = [allowance(Tier::Core)?, allowance(Tier::Premium)?];
    document.finish()?;
    Ok(allowances)
}

/// A whole number from 1 on; absent and null are the same.
fn count(
    document: &mut Document<'_>,
    name: &'static str,
    max: u32,
) -> Result<Option<NonZeroU32>, Fault> {
    let number = document.optional_integer(name, 1..=i64::from(max))?;
    let number = number.and_then(|number| u32::try_from(number).ok());
    Ok(number.and_then(NonZeroU32::new))
}

#[cfg(test)]
mod tests;
