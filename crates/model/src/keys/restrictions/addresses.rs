//! The addresses that a key may be used from.

use std::net::{IpAddr, Ipv6Addr};

use ipnet::IpNet;

use crate::document;
use crate::fault::{Fault, FaultCode, shorten};
use crate::limits::KEY_IP_RANGES_MAX;
use crate::value::Value;

/// Bits of an IPv6 address before those of an IPv4 address that is written in it.
const MAPPED_BITS: u8 = 96;

/// The networks that requests may come from; at least one. "From anywhere" is
/// no such list but its absence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IpRanges(Vec<IpNet>);

impl IpRanges {
    /// Reads a list of networks and addresses.
    ///
    /// # Errors
    /// A fault that points at the entry, for everything that is not written as
    /// an address or as a network with its first address; and for a list that
    /// is empty or too long.
    pub fn parse(list: &[Value]) -> Result<Self, Fault> {
        if list.is_empty() {
            return Err(Fault::new(
                FaultCode::InvalidValue,
                "an empty list would let nobody in; name a network such as \"192.0.2.0/24\", or send null for any address",
            ));
        }
        if list.len() > KEY_IP_RANGES_MAX {
            let detail = format!("a key has at most {KEY_IP_RANGES_MAX} networks");
            return Err(Fault::new(FaultCode::LimitExceeded, detail));
        }
        document::each(list, |entry| {
            let text = document::text(entry)?;
            network(text).map_err(|rule| {
                let detail = format!("{} is no network: {rule}", shorten(text));
                Fault::new(FaultCode::InvalidValue, detail)
            })
        })
        .map(Self)
    }

    /// The list that [`IpRanges::parse`] reads back.
    pub fn to_value(&self) -> Value {
        let text = |network: &IpNet| match network.prefix_len() == network.max_prefix_len() {
            true => network.addr().to_string(),
            false => network.to_string(),
        };
        Value::Array(self.0.iter().map(text).map(Value::from).collect())
    }

    /// Whether each of these networks is in one of the others.
    pub(super) fn are_within(&self, others: &Self) -> bool {
        let is_within = |network: &IpNet| others.0.iter().any(|other| other.contains(network));
        self.0.iter().all(is_within)
    }

    /// Whether one of the networks has the address.
    pub fn contain(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }
}

/// Reads `address` or `address/prefix length`, in which an IPv4 network in the
/// clothes of IPv6 is the IPv4 network.
fn network(text: &str) -> Result<IpNet, String> {
    let (address, prefix) = match text.split_once('/') {
        None => (text, None),
        Some((address, prefix)) => (address, Some(prefix)),
    };
    // The standard reader takes no zone, no leading zero and no short form.
    let address: IpAddr = address.parse().map_err(|_| {
        "write an IPv4 or IPv6 address, without zone, port, spaces or leading zeros, and the \
         length of a prefix behind / unless it is one address"
            .to_owned()
    })?;
    let bits = if address.is_ipv4() { 32 } else { 128 };
    let prefix = prefix.map_or(Ok(bits), |prefix| length(prefix, bits))?;
    let (address, prefix) = match address {
        IpAddr::V6(six) => unmapped(six, prefix),
        four => (four, prefix),
    };
    let network = IpNet::new(address, prefix).map_err(|error| error.to_string())?;
    if network.addr() != network.network() {
        return Err(format!(
            "bits are set behind the prefix; write {} for the network or {address} for the address alone",
            network.trunc()
        ));
    }
    Ok(network)
}

fn length(text: &str, bits: u8) -> Result<u8, String> {
    let is_plain =
        text.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    let length = text
        .parse::<u8>()
        .ok()
        .filter(|length| is_plain && *length <= bits);
    length.ok_or_else(|| {
        format!("the length of a prefix of such an address is 0 to {bits}, in plain digits")
    })
}

/// Shorter prefixes than that of all mapped addresses stay what they are:
/// networks of IPv6, in which no address of IPv4 is.
fn unmapped(address: Ipv6Addr, prefix: u8) -> (IpAddr, u8) {
    match (address.to_ipv4_mapped(), prefix.checked_sub(MAPPED_BITS)) {
        (Some(four), Some(prefix)) => (four.into(), prefix),
        _ => (address.into(), prefix),
    }
}
