//! The shapes of a simulation of a view.

use serde_json::{Value as Json, json};

use crate::openapi::refer;

/// The schemas of these calls.
pub(crate) fn schema() -> Json {
    let rows =
        |what: &str| json!({ "type": ["integer", "null"], "minimum": 0, "description": what });
    let fields =
        |what: &str| json!({ "type": "array", "description": what, "items": { "type": "string" } });
    let key = json!({
        "type": "object", "required": ["id", "name", "status", "rows", "fields"],
        "properties": {
            "id": refer("Id"),
            "name": { "type": "string" },
            "status": { "enum": ["active", "disabled", "expired", "quarantined"] },
            "rows": rows("How many rows behind the view the key sees, of those that the calling key sees."),
            "rows_after": rows("The same after the change."),
            "rows_gained": rows("How many of those it did not see before."),
            "rows_lost": rows("How many it does not see any more."),
            "reason": { "type": "string", "description": "Why a number is not told." },
            "fields": fields("The names in the view's answers to the key."),
            "fields_gained": fields("Those that it does not get now, or that mean something else now."),
            "fields_lost": fields("Those that it gets no more, or that mean something else then."),
        },
    });
    json!({
        "type": "object",
        "required": ["view", "changed", "tier", "public", "among", "rows", "fields", "keys"],
        "properties": {
            "view": refer("Id"),
            "changed": { "type": "boolean", "description": "Whether a change was simulated." },
            "tier": { "enum": ["core", "premium"], "description": "Whose credits are used up by what is asked of it." },
            "tier_after": { "enum": ["core", "premium"] },
            "public": { "type": "boolean", "description": "Whether keys that live in pages may read it without a constraint." },
            "public_after": { "type": "boolean" },
            "among": rows("The rows of the pool that the calling key sees."),
            "rows": rows("How many of those the view is about, by its filters alone."),
            "rows_after": rows("The same after the change."),
            "rows_gained": rows("How many of those it was not about before."),
            "rows_lost": rows("How many it is not about any more."),
            "reason": { "type": "string", "description": "Why a number is not told." },
            "fields": fields("The names in the view's answers, to whom every field is shown."),
            "fields_gained": fields("Those that it does not have now, or that mean something else now."),
            "fields_lost": fields("Those that it has no more, or that mean something else then."),
            "keys": {
                "type": ["array", "null"],
                "description": "The keys that read the view now or after the change: those for which something \
                    changes first, then those that were used last. Null for a person whose role has no keys.",
                "items": key,
            },
            "keys_left": { "type": "integer", "minimum": 0, "description": "Keys that read the view and were not counted." },
            "stopped": {
                "enum": ["keys", "time", null],
                "description": "Why they were not counted: there are too many keys, or it took too long.",
            },
        },
    })
}

/// The body of a simulation.
pub(super) fn request() -> Json {
    json!({ "application/json": { "schema": {
        "type": "object", "additionalProperties": false,
        "properties": { "change": {
            "anyOf": [refer("ViewPatch"), { "type": "null" }],
            "description": "What a PATCH of the view would say; nothing of it is saved.",
        } },
    } } })
}
