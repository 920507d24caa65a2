//! The parts of a URL, as they stand in its text.

use model::limits::KEEN_QUERY_PARAMETERS_MAX;
use model::value::{Object, Value};

use crate::input::percent_decode;

/// A URL taken apart. What is not in its text is `None`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Url<'t> {
    /// What stands before `://`, in small letters.
    pub(crate) protocol: Option<String>,
    /// The host, in small letters, without user and port.
    pub(crate) domain: Option<String>,
    /// From the first slash behind it on.
    pub(crate) path: Option<&'t str>,
    /// What follows the question mark.
    pub(crate) query: Option<&'t str>,
    /// What follows the hash.
    pub(crate) anchor: Option<&'t str>,
}

impl<'t> Url<'t> {
    /// Takes apart a text that has a protocol and a host, or else begins with a slash.
    pub(crate) fn parse(text: &'t str) -> Option<Self> {
        let text = text.trim();
        let (rest, anchor) = cut(text, '#');
        let (rest, query) = cut(rest, '?');
        let (protocol, rest) = match rest.split_once("://") {
            Some((protocol, rest)) if is_protocol(protocol) => {
                (Some(protocol.to_ascii_lowercase()), Some(rest))
            }
            _ => (None, rest.strip_prefix("//")),
        };
        let (domain, path) = match rest {
            Some(rest) => {
                let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
                (Some(domain(authority)?), path)
            }
            None => {
                let path = cut(cut(text, '#').0, '?').0;
                (None, Some(path).filter(|path| path.starts_with('/'))?)
            }
        };
        let filled = |part: Option<&'t str>| part.filter(|part| !part.is_empty());
        Some(Self {
            protocol,
            domain,
            path: filled(Some(path)),
            query: filled(query),
            anchor: filled(anchor),
        })
    }

    /// The parameters of the query in their order, decoded where they are encoded well.
    pub(crate) fn parameters(&self) -> impl Iterator<Item = (String, String)> {
        let pairs = self.query.unwrap_or_default().split('&');
        pairs.filter(|pair| !pair.is_empty()).map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let decode = |text: &str| percent_decode(text).unwrap_or_else(|| text.to_owned());
            (decode(name), decode(value))
        })
    }

    /// The parts as they are added to an event. Of several parameters of one
    /// name the last one stays; one that no property can be called is left out.
    pub(crate) fn parts(&self) -> Object {
        let parameters = self.parameters().take(KEEN_QUERY_PARAMETERS_MAX);
        let parameters = parameters
            .filter(|(name, _)| crate::keen::events::rules::name_rule(name).is_none())
            .fold(Object::new(), |object, (name, value)| {
                object.with(name, value)
            });
        let query = (!parameters.is_empty()).then_some(Value::Object(parameters));
        let parts = [
            ("protocol", self.protocol.as_deref().map(Value::from)),
            ("domain", self.domain.as_deref().map(Value::from)),
            ("path", self.path.map(Value::from)),
            ("query_string", query),
            ("anchor", self.anchor.map(Value::from)),
        ];
        parts
            .into_iter()
            .fold(Object::new(), |object, (name, part)| match part {
                None => object,
                Some(part) => object.with(name, part),
            })
    }
}

fn cut(text: &str, at: char) -> (&str, Option<&str>) {
    text.split_once(at)
        .map_or((text, None), |(before, behind)| (before, Some(behind)))
}

fn is_protocol(text: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    text.starts_with(|first: char| first.is_ascii_alphabetic()) && text.bytes().all(legal)
}

/// The host of `user@host:port`; `None` when there is none.
fn domain(authority: &str) -> Option<String> {
    let host = authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host);
    let host = match host.strip_prefix('[').and_then(|host| host.split_once(']')) {
        Some((address, _)) => address,
        None => host.split_once(':').map_or(host, |(host, _)| host),
    };
    let is_host = !host.is_empty() && !host.contains(char::is_whitespace);
    is_host.then(|| host.to_lowercase())
}

#[cfg(test)]
mod tests;
