//! What a derived token claims.

use std::num::NonZeroU32;
use std::sync::Arc;

use super::narrow::Laid;
use super::{Derived, DerivedFault, DerivedId, DerivedLimits};
use crate::document::Document;
use crate::fault::Fault;
use crate::grants::VisibleFields;
use crate::ids::ProjectId;
use crate::json;
use crate::keys::Restrictions;
use crate::limits::{CREDITS_MAX, DERIVED_SECONDS_MAX, REQUESTS_PER_SECOND_MAX};
use crate::value::Value;

/// Every claim that there is, in the order in which they are described.
const CLAIMS: [&str; 10] = [
    "aud",
    "iat",
    "nbf",
    "exp",
    "jti",
    "grants",
    "constraints",
    "fields",
    "restrictions",
    "limits",
];
/// The last second that times are told of here: that of the year 9999.
const SECONDS_MAX: i64 = 253_402_300_799;

/// What a derived token claims, each part of it understood.
#[derive(Debug)]
pub(super) struct Claims {
    pub(super) project: ProjectId,
    pub(super) issued: i64,
    /// The same as `issued` when it is not said.
    pub(super) not_before: i64,
    pub(super) terms: Arc<Derived>,
    /// What is laid on the grants.
    pub(super) laid: Laid,
}

impl Claims {
    /// Reads what the holder of a secret signed.
    ///
    /// # Errors
    /// The first claim that is not as it must be, or that there is none of
    /// that name.
    pub(super) fn parse(payload: &[u8]) -> Result<Self, DerivedFault> {
        let value = json::parse(payload).map_err(|_| DerivedFault::UnknownClaim)?;
        let members = value.as_object().ok_or(DerivedFault::UnknownClaim)?;
        if !members.iter().all(|(name, _)| CLAIMS.contains(&name)) {
            return Err(DerivedFault::UnknownClaim);
        }
        let mut document = Document::new(&value).map_err(|_| DerivedFault::UnknownClaim)?;
        let project = document.text("aud").map_err(claim("aud"))?;
        let project = ProjectId::parse(project).map_err(|_| DerivedFault::Claim("aud"))?;
        let issued = second(&mut document, "iat")?.ok_or(DerivedFault::Claim("iat"))?;
        let not_before = second(&mut document, "nbf")?.unwrap_or(issued);
        let ends = second(&mut document, "exp")?.ok_or(DerivedFault::Claim("exp"))?;
        let id = document.text("jti").map_err(claim("jti"))?;
        let id = DerivedId::parse(id).ok_or(DerivedFault::Claim("jti"))?;
        let is_life = id.ends == ends
            && (1..=DERIVED_SECONDS_MAX).contains(&(ends - issued))
            && (issued..ends).contains(&not_before);
        if !is_life {
            return Err(DerivedFault::Life);
        }
        let terms = Derived {
            id,
            limits: match document.optional("limits") {
                None => DerivedLimits::default(),
                Some(value) => limits(value).map_err(claim("limits"))?,
            },
            restrictions: match document.optional("restrictions") {
                None => Restrictions::NONE,
                Some(value) => restrictions(value).map_err(claim("restrictions"))?,
            },
        };
        Ok(Self {
            project,
            issued,
            not_before,
            terms: Arc::new(terms),
            laid: Laid::read(&mut document)?,
        })
    }
}

/// What the fault of a claim is to whoever sent it: which claim it is.
pub(super) fn claim(name: &'static str) -> impl Fn(Fault) -> DerivedFault {
    move |_| DerivedFault::Claim(name)
}

fn second(document: &mut Document<'_>, name: &'static str) -> Result<Option<i64>, DerivedFault> {
    let second = document.optional_integer(name, 0..=SECONDS_MAX);
    second.map_err(claim(name))
}

fn limits(value: &Value) -> Result<DerivedLimits, Fault> {
    let mut document = Document::new(value)?;
    let requests = document.optional_integer(
        "requests_per_second",
        1..=i64::from(REQUESTS_PER_SECOND_MAX),
    )?;
    let (mut core, mut premium) = (None, None);
    if let Some(credits) = document.optional("credits") {
        let mut credits = Document::new(credits)?;
        core = credits.optional_integer("core", 0..=CREDITS_MAX)?;
        premium = credits.optional_integer("premium", 0..=CREDITS_MAX)?;
        credits.finish()?;
    }
    document.finish()?;
    let requests = requests.and_then(|number| u32::try_from(number).ok());
    let number = |credits: Option<i64>| credits.and_then(|number| u64::try_from(number).ok());
    Ok(DerivedLimits {
        requests_per_second: requests.and_then(NonZeroU32::new),
        core: number(core),
        premium: number(premium),
    })
}

/// Addresses and pages; a token is no signature of a request, and ends by `exp`.
fn restrictions(value: &Value) -> Result<Restrictions, Fault> {
    let mut document = Document::new(value)?;
    let (ip_ranges, allowed_domains) = Restrictions::read_places(&mut document)?;
    document.finish()?;
    Ok(Restrictions {
        ip_ranges,
        allowed_domains,
        signed_requests: false,
    })
}

/// Which fields are left.
pub(super) fn fields(document: &mut Document<'_>) -> Result<VisibleFields, DerivedFault> {
    let Some(value) = document.optional("fields") else {
        return Ok(VisibleFields::All);
    };
    VisibleFields::parse(value).map_err(claim("fields"))
}
