//! What a request is seen as, out of its head.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use http::header::AsHeaderName;
use http::request::Parts;
use http::{HeaderMap, header};
use model::keys::{Circumstances, Network, Said};
use model::permit::Access;

use super::may_be_public;
use crate::proxies::ClientAddress;

/// What a request is seen as, for handlers that let somebody else in than who
/// sent the request.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    from: Option<ClientAddress>,
    headers: HeaderMap,
}

impl Seen {
    /// The same, borrowed.
    pub(crate) fn circumstances(&self) -> Circumstances<'_> {
        of(self.from, &self.headers)
    }
}

impl<S: Sync> FromRequestParts<S> for Seen {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self {
            from: parts.extensions.get().copied(),
            headers: parts.headers.clone(),
        })
    }
}

/// What a request with this head is seen as.
pub(crate) fn circumstances(parts: &Parts) -> Circumstances<'_> {
    of(parts.extensions.get().copied(), &parts.headers)
}

/// The network that a request came from, where that may be kept: not of who came
/// by what was made of a key, and not of who opened a page. The address is the one
/// that restrictions go by.
pub(super) fn kept_network(parts: &Parts, access: &Access) -> Option<Network> {
    let seen = circumstances(parts);
    let is_holder = !access.is_scoped() && access.derived_token().is_none();
    let may_be_kept = seen.may_be_kept(access.kind(), !may_be_public(access));
    let address = seen.address().filter(|_| is_holder && may_be_kept);
    address.map(Network::of)
}

fn of(from: Option<ClientAddress>, headers: &HeaderMap) -> Circumstances<'_> {
    let agent = match said(headers, header::USER_AGENT) {
        Said::Text(agent) => Some(agent),
        Said::Nothing | Said::Unclear => None,
    };
    Circumstances::from_address(from.and_then(ClientAddress::get))
        .of_page(
            said(headers, header::ORIGIN),
            said(headers, header::REFERER),
        )
        .by_agent(agent)
}

/// What a header says that should stand once.
pub(super) fn said(headers: &HeaderMap, name: impl AsHeaderName) -> Said<'_> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Said::Nothing,
        (Some(value), None) => value.to_str().map_or(Said::Unclear, Said::Text),
        (Some(_), Some(_)) => Said::Unclear,
    }
}

#[cfg(test)]
pub(crate) mod tests;
