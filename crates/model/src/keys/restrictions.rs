//! What a request must be for a key to let its sender in, beside the secret.

mod addresses;
mod domains;

pub use addresses::IpRanges;
pub use domains::{AllowedDomains, Page, Site};

use super::{AuthError, Circumstances, Proof};
use crate::document::Document;
use crate::fault::{Fault, FaultCode};
use crate::value::{Object, Value};

/// The restrictions of a key but for its end. Each that is `None` restricts nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restrictions {
    /// Where requests must come from.
    pub ip_ranges: Option<IpRanges>,
    /// Which pages requests must come from, as far as they say so.
    pub allowed_domains: Option<AllowedDomains>,
    /// Whether each request must be signed.
    pub signed_requests: bool,
}

impl Restrictions {
    /// No restriction, in a word.
    pub const NONE: Self = Self {
        ip_ranges: None,
        allowed_domains: None,
        signed_requests: false,
    };

    /// Takes the members out of `restrictions` that are read here.
    pub(super) fn read(document: &mut Document<'_>) -> Result<Self, Fault> {
        let signed_requests = document.optional_boolean("signed_requests")?;
        let (ip_ranges, allowed_domains) = Self::read_places(document)?;
        Ok(Self {
            ip_ranges,
            allowed_domains,
            signed_requests: signed_requests.unwrap_or(false),
        })
    }

    /// Takes the members that say where a request must come from.
    pub(super) fn read_places(
        document: &mut Document<'_>,
    ) -> Result<(Option<IpRanges>, Option<AllowedDomains>), Fault> {
        let ip_ranges = document.optional_list("ip_ranges")?;
        let ip_ranges = ip_ranges.map(IpRanges::parse).transpose();
        let domains = document.optional_list("allowed_domains")?;
        let domains = domains.map(AllowedDomains::parse).transpose();
        Ok((
            ip_ranges.map_err(|fault| fault.under("/ip_ranges"))?,
            domains.map_err(|fault| fault.under("/allowed_domains"))?,
        ))
    }

    /// The members that [`Restrictions::read`] takes.
    pub(super) fn to_object(&self) -> Object {
        self.places_to_object()
            .with("signed_requests", self.signed_requests)
    }

    /// Those that say where a request must come from.
    pub fn places_to_object(&self) -> Object {
        let ip_ranges = self.ip_ranges.as_ref().map(IpRanges::to_value);
        let domains = self.allowed_domains.as_ref().map(AllowedDomains::to_value);
        Object::new()
            .with("ip_ranges", ip_ranges.unwrap_or(Value::Null))
            .with("allowed_domains", domains.unwrap_or(Value::Null))
    }

    /// Whether every request that these let through the others do, too; in
    /// doubt they do not.
    pub fn are_within(&self, others: &Self) -> bool {
        let addresses = match (&self.ip_ranges, &others.ip_ranges) {
            (_, None) => true,
            (None, Some(_)) => false,
            (Some(these), Some(others)) => these.are_within(others),
        };
        let pages = match (&self.allowed_domains, &others.allowed_domains) {
            (_, None) => true,
            (None, Some(_)) => false,
            (Some(these), Some(others)) => these.are_among(others),
        };
        addresses && pages && (self.signed_requests || !others.signed_requests)
    }

    /// These as a key may have them that is issued by one with the others:
    /// what is not said is the other's.
    ///
    /// # Errors
    /// A fault where these let a request through that the others do not.
    pub fn within(mut self, others: &Self) -> Result<Self, Fault> {
        if self.ip_ranges.is_none() {
            self.ip_ranges.clone_from(&others.ip_ranges);
        }
        if self.allowed_domains.is_none() {
            self.allowed_domains.clone_from(&others.allowed_domains);
        }
        self.signed_requests |= others.signed_requests;
        let of_addresses = Self {
            ip_ranges: self.ip_ranges.clone(),
            ..others.clone()
        };
        let member = match (self.are_within(others), of_addresses.are_within(others)) {
            (true, _) => return Ok(self),
            (false, false) => "ip_ranges",
            (false, true) => "allowed_domains",
        };
        let detail = "a key that a key issues takes no requests that that one does not take";
        Err(Fault::new(FaultCode::InvalidValue, detail).at(format!("/restrictions/{member}")))
    }

    /// Refuses a request that is not as it must be.
    pub(super) fn check(&self, proof: Proof, seen: &Circumstances<'_>) -> Result<(), AuthError> {
        if self.signed_requests && proof == Proof::Token {
            return Err(AuthError::Unsigned);
        }
        if let Some(ranges) = &self.ip_ranges
            && !seen.address().is_some_and(|from| ranges.contain(from))
        {
            return Err(AuthError::AddressNotAllowed);
        }
        if let Some(domains) = &self.allowed_domains
            && !domains.admit(seen)
        {
            return Err(AuthError::PageNotAllowed);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
