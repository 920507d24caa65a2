//! The pages that a key may be used from.
//!
//! A brake for browsers and not a lock: a browser says of which page a request
//! comes, and whoever is no browser says what they like.

use crate::document;
use crate::fault::{Fault, FaultCode, shorten};
use crate::keys::{Circumstances, Said};
use crate::limits::{KEY_ALLOWED_DOMAINS_MAX, KEY_DOMAIN_CHARS_MAX};
use crate::origins::is_host;
use crate::value::Value;

/// The pages that requests may come from; at least one entry. "From any page"
/// is no such list but its absence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllowedDomains(Vec<Entry>);

/// One entry: pages of a site, all or those below a path.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    site: Site,
    /// What the address of a page begins with behind its host; `None` for all.
    path: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Scheme {
    Http,
    Https,
}

impl Scheme {
    const ALL: [Self; 2] = [Self::Http, Self::Https];

    fn prefix(self) -> &'static str {
        match self {
            Self::Http => "http://",
            Self::Https => "https://",
        }
    }

    fn port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }

    fn strip(text: &str) -> Option<(Self, &str)> {
        let mut all = Self::ALL.into_iter();
        all.find_map(|scheme| Some((scheme, text.strip_prefix(scheme.prefix())?)))
    }
}

/// Where pages are: a host, or all hosts below a name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Site {
    /// `None` for both.
    scheme: Option<Scheme>,
    /// Whether the hosts below `host` are meant, and not itself.
    below: bool,
    /// In lower case; an address of IPv6 in its brackets.
    host: String,
    /// `None` for the usual one of the scheme.
    port: Option<u16>,
}

/// The page that a request comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page<'r> {
    scheme: Scheme,
    host: &'r str,
    port: Option<u16>,
    /// `None` when the request does not say.
    path: Option<&'r str>,
}

impl AllowedDomains {
    /// Reads a list of hosts and addresses of pages.
    ///
    /// # Errors
    /// A fault that points at the entry that is none; for a list that is empty
    /// or too long.
    pub fn parse(list: &[Value]) -> Result<Self, Fault> {
        if list.is_empty() {
            return Err(Fault::new(
                FaultCode::InvalidValue,
                "an empty list would let no page in; name a host such as \"www.example.com\", or send null for any page",
            ));
        }
        if list.len() > KEY_ALLOWED_DOMAINS_MAX {
            let detail = format!("a key has at most {KEY_ALLOWED_DOMAINS_MAX} domains");
            return Err(Fault::new(FaultCode::LimitExceeded, detail));
        }
        document::each(list, |value| {
            let text = document::text(value)?;
            Entry::parse(text).map_err(|rule| {
                let detail = format!("{} names no page: {rule}", shorten(text));
                Fault::new(FaultCode::InvalidValue, detail)
            })
        })
        .map(Self)
    }

    /// The list that [`AllowedDomains::parse`] reads back.
    pub fn to_value(&self) -> Value {
        Value::Array(self.0.iter().map(|entry| entry.text().into()).collect())
    }

    /// Whether the request says that it comes from one of the pages. What
    /// `Origin` says counts, and `Referer` only where that is absent, or for
    /// the path that `Origin` never has.
    pub fn admit(&self, seen: &Circumstances<'_>) -> bool {
        Page::of(seen).is_some_and(|page| self.0.iter().any(|entry| entry.admits(&page)))
    }

    /// Whether each of these entries is one of the others.
    pub(super) fn are_among(&self, others: &Self) -> bool {
        self.0.iter().all(|entry| others.0.contains(entry))
    }

    /// Where the pages are.
    pub fn sites(&self) -> impl Iterator<Item = &Site> {
        self.0.iter().map(|entry| &entry.site)
    }
}

impl Entry {
    fn parse(text: &str) -> Result<Self, &'static str> {
        const FORM: &str = "write a host such as www.example.com, *.example.com for all hosts below a name, before it \
            https:// where only that is meant, behind it a port where it is not the usual one, and a path";
        if text.len() > KEY_DOMAIN_CHARS_MAX {
            return Err("it is too long");
        }
        if !text.is_ascii() {
            return Err(
                "write international names in their ASCII form (xn--…), as browsers send them",
            );
        }
        let (scheme, rest) = match Scheme::strip(text) {
            Some((scheme, rest)) => (Some(scheme), rest),
            None => (None, text),
        };
        let (below, rest) = match rest.strip_prefix("*.") {
            Some(rest) => (true, rest),
            None => (false, rest),
        };
        let (authority, path) = match rest.find('/') {
            Some(at) => (&rest[..at], Some(&rest[at..])),
            None => (rest, None),
        };
        let (host, port) = authority_of(authority).ok_or(FORM)?;
        let host = host.to_ascii_lowercase();
        if !is_host(&host) || !is_plain_number(&host) {
            return Err(FORM);
        }
        if below && (!host.contains('.') || host.starts_with('[') || ends_in_number(&host)) {
            return Err("* stands for labels before a name of at least two, such as *.example.com");
        }
        let path = path.filter(|path| *path != "/");
        if path.is_some_and(|path| !is_straight(path) || path.contains(['?', '#'])) {
            return Err("a path has neither dots for other folders nor ? nor #");
        }
        // A port that only one scheme has by itself says which scheme is meant.
        let by_port = Scheme::ALL
            .into_iter()
            .find(|scheme| port == Some(scheme.port()));
        let scheme = scheme.or(by_port);
        let port = port.filter(|port| scheme.is_none_or(|scheme| scheme.port() != *port));
        Ok(Self {
            site: Site {
                scheme,
                below,
                host,
                port,
            },
            path: path.map(str::to_owned),
        })
    }

    fn text(&self) -> String {
        let Site {
            scheme,
            below,
            host,
            port,
        } = &self.site;
        let scheme = scheme.map_or("", Scheme::prefix);
        let below = if *below { "*." } else { "" };
        let port = port.map_or(String::new(), |port| format!(":{port}"));
        let path = self.path.as_deref().unwrap_or_default();
        format!("{scheme}{below}{host}{port}{path}")
    }

    fn admits(&self, page: &Page<'_>) -> bool {
        let begins = |prefix: &str| {
            page.path
                .is_some_and(|path| is_straight(path) && path.starts_with(prefix))
        };
        self.site.has(page) && self.path.as_deref().is_none_or(begins)
    }
}

impl Site {
    fn has(&self, page: &Page<'_>) -> bool {
        let is_host = match self.below {
            false => self.host.eq_ignore_ascii_case(page.host),
            true => page
                .above()
                .any(|name| self.host.eq_ignore_ascii_case(name)),
        };
        is_host && self.port == page.port && self.scheme.is_none_or(|scheme| scheme == page.scheme)
    }
}

impl<'r> Page<'r> {
    /// The page that the request says it comes from.
    fn of(seen: &Circumstances<'r>) -> Option<Self> {
        let referer = match seen.referer() {
            Said::Text(referer) => Self::of_address(referer),
            Said::Nothing | Said::Unclear => None,
        };
        match seen.origin() {
            Said::Unclear => None,
            Said::Nothing => referer,
            Said::Text(origin) => {
                let page = Self::of_origin(origin)?;
                let path = referer.filter(|referer| page == referer.without_path());
                Some(Self {
                    path: path.and_then(|referer| referer.path),
                    ..page
                })
            }
        }
    }

    /// The page of an `Origin`, of which it says no path.
    pub fn of_origin(text: &'r str) -> Option<Self> {
        let (_, authority) = Scheme::strip(text)?;
        let has_path = authority.contains(['/', '?', '#']);
        let page = Self::of_address(text).filter(|_| !has_path)?;
        Some(page.without_path())
    }

    fn of_address(text: &'r str) -> Option<Self> {
        let is_plain = text.bytes().all(|b| b.is_ascii_graphic() && b != b'\\');
        let (scheme, rest) = Scheme::strip(text).filter(|_| is_plain)?;
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, rest) = rest.split_at(end);
        let (host, port) = authority_of(authority)?;
        let path = rest.split(['?', '#']).next().unwrap_or_default();
        Some(Self {
            scheme,
            host,
            port: port.filter(|port| *port != scheme.port()),
            path: Some(if path.is_empty() { "/" } else { path }),
        })
    }

    fn without_path(self) -> Self {
        Self { path: None, ..self }
    }

    /// The names that the host is below.
    fn above(&self) -> impl Iterator<Item = &'r str> {
        let host = self.host;
        host.match_indices('.')
            .map(move |(dot, _)| &host[dot + 1..])
    }

    /// Every site that has the page.
    pub fn sites(&self) -> impl Iterator<Item = Site> {
        let schemes = [None, Some(self.scheme)];
        let names =
            std::iter::once((false, self.host)).chain(self.above().map(|name| (true, name)));
        let port = self.port;
        names.flat_map(move |(below, host)| {
            schemes.map(|scheme| Site {
                scheme,
                below,
                host: host.to_ascii_lowercase(),
                port,
            })
        })
    }
}

/// The host and the port of `host`, `host:port` or `[address]:port`; nothing
/// else, no user before an `@` above all.
fn authority_of(text: &str) -> Option<(&str, Option<u16>)> {
    let end = match text.starts_with('[') {
        true => text.find(']')? + 1,
        false => text.find(':').unwrap_or(text.len()),
    };
    let (host, rest) = text.split_at(end);
    let is_known = |b: u8| b.is_ascii_alphanumeric() || b"-_.[]:".contains(&b);
    let is_whole = host.starts_with('[') || !host.split('.').any(str::is_empty);
    if host.is_empty() || !is_whole || !host.bytes().all(is_known) {
        return None;
    }
    let Some(port) = rest.strip_prefix(':') else {
        return rest.is_empty().then_some((host, None));
    };
    let number = port.parse::<u16>().ok();
    let number = number.filter(|number| *number > 0 && number.to_string() == port)?;
    Some((host, Some(number)))
}

fn ends_in_number(host: &str) -> bool {
    let last = host.rsplit('.').next().unwrap_or_default();
    last.bytes().all(|b| b.is_ascii_digit()) || last.starts_with("0x")
}

/// A host that ends in a number is an address of IPv4 in its one spelling.
fn is_plain_number(host: &str) -> bool {
    !ends_in_number(host) || host.parse::<std::net::Ipv4Addr>().is_ok()
}

/// Whether a path leads where its text says: no dots, no separators in disguise.
fn is_straight(path: &str) -> bool {
    let lower = path.to_ascii_lowercase();
    let hidden = ["%2e", "%2f", "%5c", "\\"]
        .iter()
        .any(|other| lower.contains(other));
    let is_plain = path.bytes().all(|b| b.is_ascii_graphic());
    is_plain && !hidden && path.split('/').all(|step| step != "." && step != "..")
}

#[cfg(test)]
mod tests;
