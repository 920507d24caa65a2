//! The schemas of questions of analytics and of their answers, with examples.

use model::limits::{
    ANALYSES_MAX, EXTRACTION_FIELDS_MAX, FUNNEL_STEPS_MAX, GROUP_FIELDS_MAX, GROUP_RANGES_MAX,
    LABEL_CHARS_MAX, RESULT_ROWS_MAX,
};
use serde_json::{Map, Value as Json, json};

use crate::openapi::refer;

/// What the answer is.
pub(super) const ANSWER: &str =
    "The answer, over the rows that the key sees. Only an extraction has other formats than JSON.";

fn text() -> Json {
    json!({ "type": ["string", "null"] })
}

fn or_null(schema: &str) -> Json {
    json!({ "anyOf": [refer(schema), { "type": "null" }] })
}

fn field() -> Json {
    json!({ "type": "string", "minLength": 1, "maxLength": 256 })
}

fn label() -> Json {
    json!({ "type": ["string", "null"], "minLength": 1, "maxLength": LABEL_CHARS_MAX })
}

fn count() -> Json {
    json!({ "type": ["integer", "null"], "minimum": 1, "maximum": RESULT_ROWS_MAX })
}

/// The members that say when.
fn period() -> Json {
    json!({
        "timeframe": { "type": ["string", "null"],
            "description": "The period in words, such as `this_14_days`, instead of from and to." },
        "from": { "type": ["string", "null"], "description": "The first instant." },
        "to": { "type": ["string", "null"], "description": "The first instant after the period." },
        "timezone": { "type": ["string", "null"],
            "description": "Whose clock and calendar the period and intervals go by, and times in the answer." },
        "week_start": { "enum": ["monday", "sunday", null] },
    })
}

/// The members that say which rows.
fn source() -> Json {
    let rows = json!({
        "pool": refer("Name"),
        "grant": or_null("Id"),
        "filters": or_null("Filters"),
    });
    joined([rows, period()])
}

/// The members that say what makes groups and intervals.
fn groups() -> Json {
    json!({
        "interval": text(),
        "group_by": { "type": ["array", "null"], "minItems": 1, "maxItems": GROUP_FIELDS_MAX,
            "items": refer("GroupBy") },
        "order_by": or_null("OrderBy"),
        "limit": count(),
    })
}

fn joined<const N: usize>(parts: [Json; N]) -> Json {
    let mut all = Map::new();
    for part in parts {
        if let Json::Object(members) = part {
            all.extend(members);
        }
    }
    Json::Object(all)
}

fn closed(required: &[&str], properties: Json) -> Json {
    json!({ "type": "object", "required": required, "additionalProperties": false,
        "properties": properties })
}

/// A function with its field.
fn metric() -> Json {
    json!({
        "analysis": { "enum": ["count", "count_unique", "minimum", "maximum", "sum", "average",
            "median", "percentile", "standard_deviation", "select_unique"] },
        "field": { "type": ["string", "null"], "minLength": 1, "maxLength": 256,
            "description": "The field whose values it goes over; only count may go without." },
        "percentile": { "type": ["number", "null"], "exclusiveMinimum": 0, "maximum": 100 },
    })
}

/// The schemas of this file.
pub(crate) fn schemas() -> Json {
    joined([questions(), parts(), answers()])
}

fn questions() -> Json {
    let labels = json!({ "type": "object", "minProperties": 1, "maxProperties": ANALYSES_MAX,
        "additionalProperties": closed(&["analysis"], metric()) });
    let extraction = json!({
        "analysis": { "const": "extraction" },
        "fields": { "type": ["array", "null"], "minItems": 1, "maxItems": EXTRACTION_FIELDS_MAX,
            "items": field(), "description": "The fields; all that the key sees without it." },
        "latest": count(),
        "order_by": or_null("OrderBy"),
        "limit": count(),
        "after": text(),
        "before": text(),
    });
    let steps = json!({ "type": "array", "minItems": 1, "maxItems": FUNNEL_STEPS_MAX,
        "items": refer("FunnelStep") });
    json!({
        "Question": { "anyOf": [
            refer("AggregationRequest"), refer("MultiAnalysisRequest"),
            refer("ExtractionRequest"), refer("FunnelRequest"),
        ] },
        "AggregationRequest":
            closed(&["analysis", "pool"], joined([metric(), source(), groups()])),
        "MultiAnalysisRequest": closed(&["analysis", "analyses", "pool"], joined([
            json!({ "analysis": { "const": "multi_analysis" }, "analyses": labels }),
            source(), groups(),
        ])),
        "ExtractionRequest": closed(&["analysis", "pool"], joined([extraction, source()])),
        "FunnelRequest": closed(&["analysis", "steps"], joined([
            json!({ "analysis": { "const": "funnel" }, "steps": steps }), period(),
        ])),
    })
}

fn parts() -> Json {
    let flag = || json!({ "type": ["boolean", "null"] });
    let step = json!({
        "actor": { "type": "string", "minLength": 1, "maxLength": 256,
            "description": "The field whose value says who it was." },
        "inverted": flag(),
        "optional": flag(),
        "with_actors": flag(),
    });
    let bound = || json!({ "type": ["number", "null"] });
    let range = json!({ "from": bound(), "to": bound(), "as": label() });
    let bins = json!({
        "field": field(),
        "as": label(),
        "bin_size": { "type": ["number", "null"], "exclusiveMinimum": 0 },
        "ranges": { "type": ["array", "null"], "minItems": 1, "maxItems": GROUP_RANGES_MAX,
            "items": closed(&[], range) },
    });
    json!({
        "FunnelStep": closed(&["pool", "actor"], joined([source(), step])),
        "GroupBy": { "anyOf": [field(), closed(&["field"], bins)] },
    })
}

fn answers() -> Json {
    let cursor = json!({ "type": ["string", "null"],
        "description": "Of an extraction: a cursor of this question of this key, or null." });
    json!({
        "QueryAnswer": {
            "type": "object", "required": ["result"],
            "properties": {
                "result": { "description": "A value; an object of labels; a list of groups, of intervals \
                    with their values, of rows, or of the numbers of a funnel." },
                "before": cursor,
                "after": cursor,
                "actors": { "type": "array", "description": "Of a funnel: who, for each step that lists them.",
                    "items": { "type": ["array", "null"] } },
                "steps": { "type": "array", "items": refer("FunnelStep"),
                    "description": "Of a funnel: its steps, their periods as they were meant." },
            },
        },
    })
}

/// The body of a question.
pub(super) fn question() -> Json {
    let named = examples().into_iter();
    let named = named.map(|(name, summary, value)| {
        let example = json!({ "summary": summary, "value": value });
        (name.to_owned(), example)
    });
    let examples: Map<String, Json> = named.collect();
    json!({ "application/json": { "schema": refer("Question"), "examples": examples } })
}

/// Questions with a name and a sentence.
pub(super) fn examples() -> [(&'static str, &'static str, Json); 6] {
    let large = json!([{ "field": "amount", "operator": "gt", "value": 2 }]);
    [
        (
            "count",
            "How many records there are of each customer, the most first.",
            json!({ "analysis": "count", "pool": "sales", "group_by": ["customer"],
                "order_by": [{ "field": "result", "direction": "desc" }], "limit": 10 }),
        ),
        (
            "series",
            "The sum of each day and customer.",
            json!({ "analysis": "sum", "field": "amount", "pool": "sales", "interval": "daily",
                "from": "2026-04-01", "to": "2026-04-04", "timezone": "Europe/Berlin",
                "group_by": ["customer"] }),
        ),
        (
            "bins",
            "How many records lie in each range of amounts.",
            json!({ "analysis": "count", "pool": "sales",
                "group_by": [{ "field": "amount", "as": "size", "bin_size": 2 }] }),
        ),
        (
            "several",
            "Several functions at once.",
            json!({ "analysis": "multi_analysis", "pool": "sales", "filters": large, "analyses": {
                "orders": { "analysis": "count" },
                "p90": { "analysis": "percentile", "field": "amount", "percentile": 90 },
            } }),
        ),
        (
            "extraction",
            "The records themselves, the newest first.",
            json!({ "analysis": "extraction", "pool": "sales", "fields": ["at", "amount"],
                "latest": 2 }),
        ),
        (
            "funnel",
            "How many customers bought at all, and then bought much.",
            json!({ "analysis": "funnel", "steps": [
                { "pool": "sales", "actor": "customer" },
                { "pool": "sales", "actor": "customer", "filters": large, "with_actors": true },
            ] }),
        ),
    ]
}
