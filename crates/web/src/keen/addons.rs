//! Data enrichment: what a client asks to be added to its event.
//!
//! An entry names an add-on, where in the event its input is, and where its
//! output goes. Entries run in order and may read what an earlier one wrote.
//! What cannot be read gives no output, and the event is stored all the same.

pub(crate) mod agents;
pub(crate) mod places;
pub(crate) mod referrers;
pub(crate) mod times;
pub(crate) mod urls;

use std::net::IpAddr;

use model::fault::shorten;
use model::limits::KEEN_ADDONS_MAX;
use model::names::FieldPath;
use model::value::{Object, Value};

use super::events::fault::{EventFault, EventRule};
use super::events::tree;
use places::Places;

/// An add-on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Addon {
    /// Where an address is.
    IpToGeo,
    /// Device, browser and system of a user agent.
    UaParser,
    /// The parts of a URL.
    UrlParser,
    /// What sort of page somebody came from.
    ReferrerParser,
    /// The parts of a date and time.
    DateTimeParser,
}

impl Addon {
    const ALL: [Self; 5] = [
        Self::IpToGeo,
        Self::UaParser,
        Self::UrlParser,
        Self::ReferrerParser,
        Self::DateTimeParser,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::IpToGeo => "keen:ip_to_geo",
            Self::UaParser => "keen:ua_parser",
            Self::UrlParser => "keen:url_parser",
            Self::ReferrerParser => "keen:referrer_parser",
            Self::DateTimeParser => "keen:date_time_parser",
        }
    }
}

/// One entry of `keen.addons`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entry {
    addon: Addon,
    input: Object,
    output: FieldPath,
}

/// Reads `keen.addons`.
///
/// # Errors
/// What is no list of entries, too many of them, an add-on that is not known,
/// and an output that no property can have or that lies in `keen`.
pub(crate) fn read(addons: Option<&Value>) -> Result<Vec<Entry>, EventFault> {
    let entries = match addons {
        None => return Ok(Vec::new()),
        Some(Value::Array(entries)) => entries,
        Some(other) => return Err(refuse(format!("is a list, got {}", other.kind()))),
    };
    if entries.len() > KEEN_ADDONS_MAX {
        return Err(refuse(format!("has at most {KEEN_ADDONS_MAX} entries")));
    }
    entries.iter().map(entry).collect()
}

fn entry(entry: &Value) -> Result<Entry, EventFault> {
    let member = |name| entry.as_object().and_then(|entry| entry.get(name));
    let name = member("name").and_then(Value::as_str);
    let input = member("input").and_then(Value::as_object);
    let output = member("output").and_then(Value::as_str);
    let (Some(name), Some(input), Some(output)) = (name, input, output) else {
        let rule = "has entries {\"name\": text, \"input\": object, \"output\": path}";
        return Err(refuse(rule));
    };
    let addon = Addon::ALL.into_iter().find(|addon| addon.name() == name);
    let addon = addon.ok_or_else(|| {
        let known = Addon::ALL.map(Addon::name).join(", ");
        refuse(format!(
            "names the add-on '{}'; there are {known}",
            shorten(name)
        ))
    })?;
    let is_name = |part| super::events::rules::name_rule(part).is_none();
    let is_ours = output.split('.').next() == Some("keen");
    let path = FieldPath::parse(output).ok();
    let path = path.filter(|_| output.split('.').all(is_name) && !is_ours);
    let output = path.ok_or_else(|| {
        refuse(format!(
            "has the output '{}', which is no path of properties outside keen",
            shorten(output)
        ))
    })?;
    Ok(Entry {
        addon,
        input: input.clone(),
        output,
    })
}

fn refuse(rule: impl std::fmt::Display) -> EventFault {
    EventFault::new(
        EventRule::NamespaceProperty,
        format!("'keen.addons' {rule}"),
    )
}

/// The event after its entries ran. An address that is to be removed goes
/// when all have run, also where nothing is known of it.
pub(crate) fn run(entries: &[Entry], event: Object, places: Option<&Places>) -> Object {
    let event = entries
        .iter()
        .fold(event, |event, entry| match entry.answer(&event, places) {
            Some(answer) => tree::merged(event, entry.output.as_str(), answer),
            None => event,
        });
    let removed = entries.iter().filter_map(Entry::removed);
    removed.fold(event, tree::without)
}

impl Entry {
    fn answer(&self, event: &Object, places: Option<&Places>) -> Option<Object> {
        let text = |parameter| self.text(event, parameter);
        match self.addon {
            Addon::IpToGeo => {
                let address: IpAddr = text("ip")?.trim().parse().ok()?;
                places?.of(address)
            }
            Addon::UaParser => agents::parts(&text("ua_string")?),
            Addon::UrlParser => urls::Url::parse(&text("url")?).map(|url| url.parts()),
            Addon::ReferrerParser => {
                referrers::parts(&text("referrer_url")?, text("page_url").as_deref())
            }
            Addon::DateTimeParser => times::parts(&text("date_time")?),
        }
    }

    /// The text at the path that a parameter names.
    fn text(&self, event: &Object, parameter: &str) -> Option<String> {
        let path = self.input.get(parameter)?.as_str()?;
        match tree::at(event, path)? {
            Value::String(text) => Some(text.clone()),
            Value::DateTime(at) => Some(at.to_string()),
            _ => None,
        }
    }

    /// The path of the address that must not be kept.
    fn removed(&self) -> Option<&str> {
        let is_asked = self.input.get("remove_ip_property") == Some(&Value::Boolean(true));
        let path = self.input.get("ip")?.as_str()?;
        let is_ours = path.split('.').next() == Some("keen");
        (self.addon == Addon::IpToGeo && is_asked && !is_ours).then_some(path)
    }
}

#[cfg(test)]
mod tests;
