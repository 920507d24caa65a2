//! The object `keen` of an event: what a client may say in it, and what the
//! server does.

use model::limits::UNIQUENESS_TOKEN_CHARS_MAX;
use model::random::RandomSource;
use model::time::Timestamp;
use model::uniqueness::UniquenessToken;
use model::value::{Object, Value};

use super::fault::{EventFault, EventRule};

/// Random bytes of an event's id: 24 hexadecimal digits.
const ID_BYTES: usize = 12;

/// What an event says of itself under `keen`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Namespace {
    /// When it happened.
    pub(crate) timestamp: Option<Timestamp>,
    /// Where it happened: longitude and latitude, within `coordinates`.
    pub(crate) location: Option<Object>,
    /// What is to be added to it, as it was sent.
    pub(crate) addons: Option<Value>,
    /// What it is known by, however often it is sent. It is not stored with it.
    pub(crate) token: Option<UniquenessToken>,
}

impl Namespace {
    /// Reads what stands at `keen`; null and the empty text are no value, but
    /// for a token, which whoever sends it relies on.
    ///
    /// # Errors
    /// [`EventRule::Namespace`] for what is no object,
    /// [`EventRule::NamespaceProperty`] for members that are not known, and
    /// [`EventRule::PropertyValue`] for values that mean nothing.
    pub(crate) fn read(keen: Option<Value>) -> Result<Self, EventFault> {
        let object = match keen {
            None | Some(Value::Null) => return Ok(Self::default()),
            Some(Value::Object(object)) => object,
            Some(other) => {
                let message = format!("'keen' is kept for an object, got {}", other.kind());
                return Err(EventFault::new(EventRule::Namespace, message));
            }
        };
        let mut namespace = Self::default();
        for (name, value) in object.into_members() {
            let is_empty = value.as_str() == Some("") && name != "uniqueness_token";
            if value.is_null() || is_empty {
                continue;
            }
            match name.as_str() {
                "timestamp" => namespace.timestamp = Some(timestamp(&value)?),
                "location" => namespace.location = Some(location(value)?),
                "addons" => namespace.addons = Some(value),
                // What the server says itself; a copied event may bring them along.
                "created_at" | "id" => {}
                "uniqueness_token" => namespace.token = Some(token(&value)?),
                other => return Err(unknown(other)),
            }
        }
        Ok(namespace)
    }

    /// The object as it is stored: the client's time or that of the arrival,
    /// the time of the arrival, a fresh id, and the place.
    pub(crate) fn stored(&self, now: Timestamp, random: &dyn RandomSource) -> Object {
        let mut id = [0; ID_BYTES];
        random.fill(&mut id);
        let id: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
        let at = self.timestamp.unwrap_or(now);
        let object = Object::new()
            .with("timestamp", Value::DateTime(in_milliseconds(at)))
            .with("created_at", Value::DateTime(in_milliseconds(now)))
            .with("id", id);
        match &self.location {
            None => object,
            Some(location) => object.with("location", location.clone()),
        }
    }
}

/// The instant without what lies below the millisecond: it is answered so,
/// and what is asked for as it was answered is found.
fn in_milliseconds(at: Timestamp) -> Timestamp {
    let micros = at.as_microsecond();
    Timestamp::from_microsecond(micros - micros.rem_euclid(1_000)).unwrap_or(at)
}

fn timestamp(value: &Value) -> Result<Timestamp, EventFault> {
    let parsed = value.as_str().map(Timestamp::parse);
    parsed.and_then(Result::ok).ok_or_else(|| {
        EventFault::value(
            "keen.timestamp",
            "is no ISO-8601 date-time such as 2024-03-04T09:00:00.000Z",
        )
    })
}

fn location(value: Value) -> Result<Object, EventFault> {
    let refuse = || {
        let rule = "is {\"coordinates\": [longitude, latitude]}, in degrees";
        EventFault::value("keen.location", rule)
    };
    let Value::Object(location) = value else {
        return Err(refuse());
    };
    for (name, value) in location.iter() {
        if name != "coordinates" {
            return Err(unknown(&format!("location.{name}")));
        }
        let degrees = value.as_array().and_then(|values| match values {
            [longitude, latitude] => Some((longitude.as_number()?, latitude.as_number()?)),
            _ => None,
        });
        let are_on_earth = degrees.is_some_and(|(longitude, latitude)| {
            longitude.to_f64().abs() <= 180.0 && latitude.to_f64().abs() <= 90.0
        });
        if !are_on_earth {
            return Err(refuse());
        }
    }
    Ok(location)
}

fn unknown(name: &str) -> EventFault {
    EventFault::new(
        EventRule::NamespaceProperty,
        format!(
            "'keen.{}' is not known; a client may send keen.timestamp, keen.location, keen.addons and keen.uniqueness_token",
            model::fault::shorten(name)
        ),
    )
}

fn token(value: &Value) -> Result<UniquenessToken, EventFault> {
    let token = value.as_str().and_then(UniquenessToken::parse);
    token.ok_or_else(|| {
        let rule = format!("is no text of 1 to {UNIQUENESS_TOKEN_CHARS_MAX} characters");
        EventFault::value("keen.uniqueness_token", &rule)
    })
}

#[cfg(test)]
mod tests;
