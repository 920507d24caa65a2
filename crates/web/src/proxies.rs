//! Where a request comes from, as far as it can be known.

use std::net::IpAddr;

use http::HeaderMap;
use ipnet::IpNet;

const X_FORWARDED_FOR: &str = "x-forwarded-for";
const FORWARDED: &str = "forwarded";

/// The address that a request came from, as far as the server trusts what it
/// is told; put into the extensions of a request by whoever accepted it.
/// [`Proxies::client`] alone makes one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientAddress(Option<IpAddr>);

impl ClientAddress {
    /// The address; `None` when it cannot be known.
    pub fn get(self) -> Option<IpAddr> {
        self.0
    }
}

/// The networks of our own proxies, whose word is taken for where a request
/// came from. None, unless the operator names some.
#[derive(Clone, Debug, Default)]
pub struct Proxies(Vec<IpNet>);

impl Proxies {
    /// Proxies in these networks; with one of them, those on this machine are ours, too.
    pub fn new(networks: Vec<IpNet>) -> Self {
        Self(networks)
    }

    /// Whether a connection from there is to be answered: behind a proxy, only
    /// the proxy may connect, since whoever else does would speak in clear.
    pub fn admit(&self, peer: IpAddr) -> bool {
        self.0.is_empty() || self.are(peer.to_canonical())
    }

    /// The address that a request came from, by a connection from `peer`.
    ///
    /// Each proxy adds the address that it saw behind those it was told. So the
    /// list is walked from its end to the first address that is not ours; what
    /// stands before that one, anybody may have written, and nobody reads it.
    /// An entry on the way that is no address makes the address unknown.
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> ClientAddress {
        ClientAddress(self.walk(peer.to_canonical(), headers))
    }

    fn walk(&self, peer: IpAddr, headers: &HeaderMap) -> Option<IpAddr> {
        if !self.are(peer) {
            return Some(peer);
        }
        let mut client = peer;
        let lines = headers.get_all(X_FORWARDED_FOR);
        // A proxy that tells it another way would be taken for its clients.
        if lines.iter().next().is_none() && headers.contains_key(FORWARDED) {
            return None;
        }
        for line in lines.iter().rev() {
            for entry in line.as_bytes().rsplit(|byte| *byte == b',') {
                client = address(entry)?;
                if !self.are(client) {
                    return Some(client);
                }
            }
        }
        Some(client)
    }

    fn are(&self, address: IpAddr) -> bool {
        let is_named = self.0.iter().any(|network| network.contains(&address));
        is_named || (!self.0.is_empty() && address.is_loopback())
    }
}

/// An address alone: no port, no brackets, no zone, no leading zeros.
fn address(entry: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(entry).ok()?;
    let address: IpAddr = text.trim_matches([' ', '\t']).parse().ok()?;
    Some(address.to_canonical())
}

#[cfg(test)]
mod tests;
