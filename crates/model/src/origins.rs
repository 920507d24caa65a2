//! Origins of pages, as browsers say them (RFC 6454): a scheme, a host and a port.

use std::fmt;
use std::net::Ipv6Addr;

use crate::limits::ORIGIN_CHARS_MAX;

/// The origin of a page, in the one spelling that browsers send:
/// `https://shop.example`, `http://localhost:3000`.
///
/// What is sent by a browser is compared with it letter by letter. Whoever is
/// no browser sends what they like: an origin keeps pages apart, not people.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Origin(String);

/// A text is not an origin as browsers send it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "an origin is https:// or http://, a host in lower case and, unless it is the usual one, a port, as browsers \
     send it: https://shop.example; no path, no *, international names in their ASCII form (xn--…)"
)]
pub struct OriginError;

impl Origin {
    /// Reads an origin in the spelling of browsers and in no other.
    ///
    /// # Errors
    /// [`OriginError`] for every other text.
    pub fn parse(text: &str) -> Result<Self, OriginError> {
        is_origin(text)
            .then(|| Self(text.to_owned()))
            .ok_or(OriginError)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a `Referer` is the address of a page of this origin, or the
    /// origin itself, which is what browsers send to others.
    pub fn is_of_address(&self, address: &str) -> bool {
        let rest = address.strip_prefix(self.as_str());
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?', '#']))
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_origin(text: &str) -> bool {
    let schemes = [("https://", 443), ("http://", 80)];
    let found = schemes
        .iter()
        .find_map(|(scheme, port)| Some((text.strip_prefix(scheme)?, *port)));
    let Some((authority, usual)) = found.filter(|_| text.len() <= ORIGIN_CHARS_MAX) else {
        return false;
    };
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    };
    is_host(host) && port.is_none_or(|port| is_port(port, usual))
}

fn is_port(text: &str, usual: u16) -> bool {
    let port = text.parse::<u16>();
    port.is_ok_and(|port| port > 0 && port != usual && port.to_string() == text)
}

pub(crate) fn is_host(host: &str) -> bool {
    let address = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
    if let Some(address) = address {
        let read = address.parse::<Ipv6Addr>();
        return read.is_ok_and(|read| read.to_string() == address);
    }
    let is_label = |label: &str| {
        let known = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
        (1..=63).contains(&label.len()) && label.bytes().all(known)
    };
    host.len() <= 253 && host.split('.').all(is_label)
}

#[cfg(test)]
mod tests;
