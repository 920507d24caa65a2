//! The pool that a collection of the Keen dialect is.

use super::PoolDraft;
use crate::fault::Fault;
use crate::fields::ScalarType;
use crate::names::Name;
use crate::value::{Object, Value};

/// The time of an event; the dialect's questions go by it.
pub const KEEN_TIMESTAMP: &str = "keen.timestamp";

impl PoolDraft {
    /// The pool of a collection as its first write makes it: it takes whatever
    /// comes, and its time is that of the events. Whoever carries events over
    /// from elsewhere makes the same one.
    ///
    /// # Errors
    /// As of [`PoolDraft::parse`].
    pub fn of_collection(name: &Name) -> Result<Self, Fault> {
        let field = |name: &str, kind: ScalarType| {
            Object::new()
                .with("name", name)
                .with("type", kind.to_string())
        };
        let fields = vec![
            field(KEEN_TIMESTAMP, ScalarType::DateTime),
            field("keen.created_at", ScalarType::DateTime),
            field("keen.id", ScalarType::String),
        ];
        let pool = Object::new()
            .with("name", name.as_str())
            .with("schema", "open")
            .with("fields", fields)
            .with("time_field", KEEN_TIMESTAMP);
        Self::parse(&Value::Object(pool))
    }
}
