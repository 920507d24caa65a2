//! The shapes of a simulation.

use serde_json::{Value as Json, json};

use crate::openapi::refer;

/// The schemas of these calls.
pub(crate) fn schema() -> Json {
    let rows =
        |what: &str| json!({ "type": ["integer", "null"], "minimum": 0, "description": what });
    let fields =
        |what: &str| json!({ "type": "array", "description": what, "items": { "type": "string" } });
    let seen = json!({ "type": "array", "items": {
        "type": "object", "required": ["name", "among", "rows", "fields"],
        "properties": {
            "name": { "type": "string" },
            "among": rows("The rows of the pool that the calling key sees."),
            "rows": rows("How many of those the key sees."),
            "fields": fields("The declared fields of the pool that the key and the calling key see."),
            "rows_after": rows("The same after the change."),
            "rows_gained": rows("How many of those it did not see before."),
            "rows_lost": rows("How many it does not see any more."),
            "fields_gained": fields("Fields that it did not see before."),
            "fields_lost": fields("Fields that it does not see any more."),
            "reason": { "type": "string", "description": "Why a number is not told." },
        },
    } });
    let stored = |what: &str| {
        let mut seen = seen.clone();
        seen["description"] = Json::from(format!(
            "{what} that the key may read: rows are those of its pool that the answer is made over, \
             before the question's own filters and timeframe."
        ));
        seen
    };
    json!({
        "type": "object", "required": ["key", "changed", "pools", "views", "saved_queries", "datasets"],
        "properties": {
            "key": refer("Id"),
            "changed": { "type": "boolean", "description": "Whether a change was simulated." },
            "pools": seen,
            "views": seen,
            "saved_queries": stored("Saved and cached queries"),
            "datasets": stored("Datasets"),
        },
    })
}

/// The body of a simulation.
pub(super) fn request() -> Json {
    json!({ "application/json": { "schema": {
        "type": "object", "additionalProperties": false,
        "properties": { "change": {
            "anyOf": [refer("KeyPatch"), { "type": "null" }],
            "description": "What a PATCH of the key would say; nothing of it is saved.",
        } },
    } } })
}
