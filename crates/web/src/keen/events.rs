//! Events on their way in: from what a client sent to a record that its
//! permit may admit.
//!
//! The permit has the last word: whatever happens to an event here, what the
//! key stamps is put on the record by `Permit<Ingest>::admit` afterwards.

pub(crate) mod fault;
pub(crate) mod namespace;
pub(crate) mod rules;
pub(crate) mod tree;

use std::net::IpAddr;

use model::limits::KEEN_STRING_CHARS_MAX;
use model::names::FieldPath;
use model::random::RandomSource;
use model::records::{Injections, OnConflict};
use model::time::Timestamp;
use model::uniqueness::WithToken;
use model::value::{Object, Value};

use super::addons::{self, places::Places};
use fault::{EventFault, EventRule};
use namespace::Namespace;

/// What stands for the address and for the name of a sender.
pub(crate) const PLACEHOLDERS: [&str; 2] = [IP, USER_AGENT];
const IP: &str = "${keen.ip}";
const USER_AGENT: &str = "${keen.user_agent}";

/// What is known of a request besides its events.
#[derive(Debug)]
pub(crate) struct Arrival<'a> {
    /// When it came.
    pub(crate) now: Timestamp,
    /// The address that it came from.
    pub(crate) from: Option<IpAddr>,
    /// What its sender calls itself.
    pub(crate) agent: Option<String>,
    /// Where ids come from.
    pub(crate) random: &'a dyn RandomSource,
    /// Where addresses are, if the server knows.
    pub(crate) places: Option<&'a Places>,
}

/// The record of one event, before its permit has stamped it: the values that
/// the key injects where additions read them, placeholders and additions
/// filled in, the object `keen` made anew. Its token goes beside it.
///
/// # Errors
/// The rule that the event breaks.
pub(crate) fn record(
    sent: Value,
    injections: &Injections,
    arrival: &Arrival<'_>,
) -> Result<WithToken, EventFault> {
    let Value::Object(event) = sent else {
        let message = format!("an event is an object, got {}", sent.kind());
        return Err(EventFault::new(EventRule::Event, message));
    };
    let mut members = stamped(event, injections).into_members();
    let keen = members.iter().position(|(name, _)| name == "keen");
    let keen = keen.map(|place| members.remove(place).1);
    let namespace = Namespace::read(keen)?;
    let entries = addons::read(namespace.addons.as_ref())?;
    let event = Object::from_members(members).expect("members of one object");
    rules::check(&event)?;
    let event = filled(event, arrival);
    let event = event.with("keen", namespace.stored(arrival.now, arrival.random));
    Ok(WithToken {
        record: Value::Object(addons::run(&entries, event, arrival.places)),
        token: namespace.token,
    })
}

/// The event with what the key injects, so that nothing is made of values
/// that will not be stored. A grant that rejects conflicts is left to find them.
fn stamped(event: Object, injections: &Injections) -> Object {
    if injections.on_conflict == OnConflict::Reject {
        return event;
    }
    let is_ours = |path: &&FieldPath| path.as_str().split('.').next() != Some("keen");
    let injected = injections.values.iter();
    injected
        .filter(|(path, _)| is_ours(&path))
        .fold(event, |event, (path, value)| {
            tree::with(event, path.as_str(), value.clone())
        })
}

/// The event with its placeholders filled in; nothing where nothing is known.
fn filled(event: Object, arrival: &Arrival<'_>) -> Object {
    let members = event.into_members().into_iter();
    let members = members.map(|(name, value)| (name, fill(value, arrival)));
    Object::from_members(members.collect()).expect("members of one object")
}

fn fill(value: Value, arrival: &Arrival<'_>) -> Value {
    match value {
        Value::String(text) if text == IP => {
            Value::from(arrival.from.map(|from| from.to_canonical().to_string()))
        }
        Value::String(text) if text == USER_AGENT => {
            let agent = arrival.agent.as_deref().map(|agent| {
                let kept = agent.chars().take(KEEN_STRING_CHARS_MAX - 1);
                kept.collect::<String>()
            });
            Value::from(agent)
        }
        Value::Object(object) => Value::Object(filled(object, arrival)),
        Value::Array(values) => {
            let values = values.into_iter().map(|value| fill(value, arrival));
            Value::Array(values.collect())
        }
        value => value,
    }
}

#[cfg(test)]
mod tests;
