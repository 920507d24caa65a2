//! The schemas of saved queries.

use model::limits::{REFRESH_SECONDS_MAX, REFRESH_SECONDS_MIN};
use serde_json::{Value as Json, json};

use crate::openapi::{Operation, refer};

fn members() -> Json {
    json!({
        "name": refer("Name"),
        "query": refer("Question"),
        "metadata": { "type": ["object", "null"], "description": "Whatever its owner keeps with it." },
        "refresh_rate": { "anyOf": [
            { "enum": [0, null] },
            { "type": "integer", "minimum": REFRESH_SECONDS_MIN, "maximum": REFRESH_SECONDS_MAX },
        ], "description": "For how many seconds an answer is kept; 0 for not at all. A query that keeps \
            its answers is a cached one, which grants on `cached:` open." },
    })
}

/// The schemas of this noun.
pub(crate) fn schemas() -> Json {
    json!({
        "SavedQueryDraft": { "type": "object", "required": ["name", "query"],
            "additionalProperties": false, "properties": members() },
        "SavedQueryPatch": { "type": "object", "additionalProperties": false,
            "properties": members() },
        "SavedQuery": {
            "type": "object",
            "required": ["id", "name", "query", "metadata", "refresh_rate", "created_at", "changed_at"],
            "properties": {
                "id": refer("Id"),
                "name": refer("Name"),
                "query": refer("Question"),
                "metadata": { "type": "object" },
                "refresh_rate": { "type": "integer", "minimum": 0 },
                "created_at": refer("Time"),
                "changed_at": refer("Time"),
            },
        },
        "SavedQueryResult": { "allOf": [refer("QueryAnswer"), {
            "type": "object",
            "properties": { "run": {
                "type": "object",
                "description": "Of a cached query: when its answer was made, and for how many seconds it is kept.",
                "required": ["at", "refresh_rate"],
                "properties": { "at": refer("Time"), "refresh_rate": { "type": "integer" } },
            } },
        }] },
    })
}

/// Describes the result.
pub(super) fn result_operation() -> Operation {
    Operation::new(
        "runSavedQuery",
        "The saved query's answer over the rows that the key's grant on it says.",
    )
    .parameter("grant", "Which of the key's grants is meant.", refer("Id"))
    .parameter(
        "integers",
        "How integers beyond 2^53 are written.",
        json!({ "enum": ["number", "string"] }),
    )
    .answers(200, "The answer.", "SavedQueryResult")
}
