//! The schemas of datasets.

use serde_json::{Value as Json, json};

use crate::openapi::{Operation, refer};

/// The schemas of this noun.
pub(crate) fn schemas() -> Json {
    let field = || json!({ "type": "string", "minLength": 1, "maxLength": 256 });
    let fields = || json!({ "type": "array", "minItems": 1, "maxItems": 4, "items": field() });
    json!({
        "DatasetDraft": {
            "type": "object", "required": ["name", "query", "index_by"],
            "additionalProperties": false,
            "properties": {
                "name": refer("Name"),
                "display_name": { "type": ["string", "null"] },
                "query": { "allOf": [refer("Question")],
                    "description": "Functions with an interval and a timeframe." },
                "index_by": { "anyOf": [field(), fields()],
                    "description": "The fields by whose values the dataset is read." },
            },
        },
        "Dataset": {
            "type": "object",
            "required": ["id", "name", "display_name", "query", "index_by", "created_at"],
            "properties": {
                "id": refer("Id"),
                "name": refer("Name"),
                "display_name": { "type": "string" },
                "query": refer("Question"),
                "index_by": fields(),
                "created_at": refer("Time"),
            },
        },
    })
}

/// Describes the results.
pub(super) fn results_operation() -> Operation {
    let text = || json!({ "type": "string" });
    let times = [
        ("timeframe", "The period in words, by the dataset's clock."),
        ("from", "The first instant of the period."),
        ("to", "The first instant after the period."),
    ];
    let operation = Operation::new(
        "readDatasetResults",
        "The dataset's intervals that begin in a period, for one index, over the rows that the key's grant \
         on it says.",
    )
    .parameter(
        "index_by",
        "A value, a JSON list of one for each field, or an object that names the fields.",
        text(),
    );
    let operation = times
        .into_iter()
        .fold(operation, |operation, (name, words)| {
            operation.parameter(name, words, text())
        });
    operation
        .parameter("grant", "Which of the key's grants is meant.", refer("Id"))
        .parameter(
            "integers",
            "How integers beyond 2^53 are written.",
            json!({ "enum": ["number", "string"] }),
        )
        .answers(200, "The intervals.", "QueryAnswer")
}
