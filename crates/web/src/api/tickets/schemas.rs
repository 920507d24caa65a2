//! The schemas of tickets.

use model::limits::{ORIGIN_CHARS_MAX, TICKET_SECONDS_DEFAULT, TICKET_SECONDS_MAX};
use model::tickets::TICKET_CHARS_MAX;
use serde_json::{Value as Json, json};

use crate::charts;
use crate::openapi::{Operation, refer};

/// The schemas of this noun.
pub(crate) fn schemas() -> Json {
    json!({
        "TicketDraft": {
            "type": "object",
            "required": ["saved_query", "origin"],
            "additionalProperties": false,
            "properties": {
                "saved_query": refer("Name"),
                "origin": { "type": "string", "maxLength": ORIGIN_CHARS_MAX,
                    "pattern": "^https?://[a-z0-9._:\\[\\]-]+$",
                    "description": "Whose pages may show the answer, as browsers send it: https://shop.example." },
                "expires_in": { "type": ["integer", "null"], "minimum": 1, "maximum": TICKET_SECONDS_MAX,
                    "default": TICKET_SECONDS_DEFAULT, "description": "For how many seconds." },
                "grant": { "anyOf": [refer("Id"), { "type": "null" }],
                    "description": "Which of the key's grants on the query is meant." },
            },
        },
        "TicketText": { "type": "string", "pattern": "^[A-Za-z0-9_-]+$", "minLength": 1,
            "maxLength": TICKET_CHARS_MAX },
        "Ticket": {
            "type": "object",
            "required": ["ticket", "url", "expires_at"],
            "properties": {
                "ticket": refer("TicketText"),
                "url": { "type": "string", "description": "The address of the chart on this server." },
                "expires_at": refer("Time"),
            },
        },
    })
}

/// Describes the making.
pub(super) fn create_operation() -> Operation {
    Operation::new(
        "createTicket",
        "A ticket: for pages of one origin, the answer to one saved query over the rows of the calling key.",
    )
    .takes("TicketDraft")
    .answers(201, "The ticket; nothing of it is stored.", "Ticket")
    .problems([404])
}

fn from_a_page(operation: Operation) -> Operation {
    let text = json!({ "type": "string" });
    operation
        .header(
            "Origin",
            "The ticket's origin, as browsers send it with what scripts ask for.",
            text.clone(),
        )
        .header(
            "Referer",
            "Without Origin: an address of the ticket's origin, as browsers send it with images.",
            text,
        )
}

/// Describes the result.
pub(super) fn result_operation() -> Operation {
    let operation = Operation::new(
        "readTicketResult",
        "The answer to the ticket's saved query, as the key that made the ticket is answered.",
    );
    from_a_page(operation)
        .parameter(
            "integers",
            "How integers beyond 2^53 are written.",
            json!({ "enum": ["number", "string"] }),
        )
        .answers(200, "The answer.", "SavedQueryResult")
}

/// Describes the chart.
pub(super) fn chart_operation() -> Operation {
    let side = |range: std::ops::RangeInclusive<u32>, usual: u32| {
        json!({ "type": "integer", "minimum": range.start(), "maximum": range.end(),
            "default": usual })
    };
    let operation = Operation::new(
        "readTicketChart",
        "The answer to the ticket's saved query as a picture.",
    );
    from_a_page(operation)
        .parameter("width", "In pixels.", side(charts::WIDTHS, charts::WIDTH))
        .parameter(
            "height",
            "In pixels.",
            side(charts::HEIGHTS, charts::HEIGHT),
        )
        .parameter(
            "theme",
            "Light or dark; without it, what the reader prefers.",
            json!({ "enum": ["light", "dark"] }),
        )
        .parameter(
            "title",
            "A title above the picture.",
            json!({ "type": "string", "maxLength": charts::TITLE_CHARS_MAX }),
        )
        .parameter(
            "metric",
            "Of several functions at once: the label of the one that is drawn.",
            json!({ "type": "string" }),
        )
        .answers_content(
            200,
            "The picture.",
            json!({ "image/svg+xml": { "schema": { "type": "string" } } }),
        )
        .problems([422])
}
