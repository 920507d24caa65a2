//! The schemas of keys and grants.

use model::limits::{
    KEY_ALLOWED_DOMAINS_MAX, KEY_DOMAIN_CHARS_MAX, KEY_IP_RANGES_MAX, KEY_NETWORKS_MAX,
};
use serde_json::{Value as Json, json};

use crate::openapi::refer;
use crate::step_up;

/// The body of a call that takes none.
pub(crate) fn empty_object() -> Json {
    json!({ "application/json": { "schema": { "type": "object", "additionalProperties": false } } })
}

/// The body of a call that takes a proof alone.
pub(super) fn proof() -> Json {
    let mut schema = json!({ "type": "object", "additionalProperties": false, "properties": {} });
    step_up::describe(&mut schema);
    json!({ "application/json": { "schema": schema } })
}

/// The body of a copy.
pub(super) fn copy_request() -> Json {
    let mut schema = json!({
        "type": "object", "additionalProperties": false,
        "properties": { "name": {
            "type": ["string", "null"], "minLength": 1, "maxLength": 256,
            "description": "The new key's name; that of the old one, marked as a copy, when left out.",
        }, "expires_at": {
            "type": ["string", "null"], "format": "date-time",
            "description": "When the copy ends, null for never. Left out: when the old key does, which must \
                be to come. A longer life than the old key's takes a code, as lengthening that does.",
        }, "rotate_after": {
            "type": ["string", "null"], "pattern": "^[0-9]{1,9}[smhd]$",
            "description": "When to be told to roll the copy, null for never. Left out: as of the old key.",
        } },
    });
    step_up::describe(&mut schema);
    json!({ "application/json": { "schema": schema } })
}

/// The body of a roll of an issued key, which nobody stands behind.
pub(super) fn roll_issued_request() -> Json {
    json!({ "application/json": { "schema": roll() } })
}

/// The body of a roll.
pub(super) fn roll_request() -> Json {
    let mut schema = roll();
    step_up::describe(&mut schema);
    json!({ "application/json": { "schema": schema } })
}

fn roll() -> Json {
    json!({ "type": "object", "additionalProperties": false, "properties": {
        "grace": { "type": ["string", "null"], "pattern": "^[0-9]{1,9}[smhd]$",
            "description": "How long the old secret goes on: from 0s to 7d." },
        "ends_at": { "type": ["string", "null"], "format": "date-time",
            "description": "When the old secret ends, in the place of grace." },
        "end_after_silence": { "type": ["integer", "null"],
            "minimum": 1, "maximum": model::limits::SILENCE_MINUTES_MAX,
            "description": "Minutes after which the old secret ends when nobody uses it." },
        "force": { "type": ["boolean", "null"],
            "description": "Let the old secret end at once although it was used a short while ago." },
    } })
}

/// The body of a call that ends a secret.
pub(super) fn force_request() -> Json {
    json!({ "application/json": { "schema": {
        "type": "object", "additionalProperties": false,
        "properties": { "force": { "type": ["boolean", "null"],
            "description": "End it although it was used a short while ago." } },
    } } })
}

/// The same for one that gives a secret its life back.
pub(super) fn undo_request() -> Json {
    let mut request = force_request();
    step_up::describe(&mut request["application/json"]["schema"]);
    request
}

/// The schemas of this noun.
pub(crate) fn schemas() -> Json {
    let mut schemas = json!({
        "KeyDraft": {
            "type": "object", "required": ["name", "grants"], "additionalProperties": false,
            "properties": draft_members(),
        },
        "KeyPatch": { "type": "object", "additionalProperties": false, "properties": draft_members() },
        "Grant": grant(),
        "TimeWindow": {
            "type": "object", "required": ["field"], "additionalProperties": false,
            "properties": {
                "field": { "type": "string", "description": "A declared DateTime, or _ingested_at." },
                "from": { "type": ["string", "null"], "format": "date-time", "description": "Inclusive." },
                "to": { "type": ["string", "null"], "format": "date-time", "description": "Exclusive." },
                "last": { "type": ["string", "null"], "pattern": "^[1-9][0-9]*[mhd]$",
                    "description": "Minutes, hours or days up to now; the start moves on each full \
                        minute, from a week on each full hour." },
            },
        },
        "VisibleFields": {
            "type": "object", "additionalProperties": false,
            "properties": {
                "allow": { "type": "array", "minItems": 1, "items": { "type": "string" } },
                "deny": { "type": "array", "minItems": 1, "items": { "type": "string" } },
                "both": { "type": "array", "minItems": 2, "maxItems": 2,
                    "items": refer("VisibleFields") },
            },
        },
        "Restrictions": {
            "type": "object", "additionalProperties": false,
            "properties": {
                "ip_ranges": { "type": ["array", "null"], "minItems": 1, "maxItems": KEY_IP_RANGES_MAX,
                    "items": { "type": "string" },
                    "description": "Networks and addresses that requests must come from, such as \
                        192.0.2.0/24 and 2001:db8::1; null for any." },
                "allowed_domains": { "type": ["array", "null"], "minItems": 1,
                    "maxItems": KEY_ALLOWED_DOMAINS_MAX,
                    "items": { "type": "string", "maxLength": KEY_DOMAIN_CHARS_MAX },
                    "description": "Of a publishable key: hosts and addresses of pages that requests \
                        must come from, such as www.example.com and https://*.example.com; null for any. \
                        A brake for browsers, not a lock." },
                "signed_requests": { "type": ["boolean", "null"],
                    "description": "Whether each request must be signed (RFC 9421)." },
                "expires_at": { "type": ["string", "null"], "format": "date-time" },
            },
        },
        "Limits": {
            "type": "object", "additionalProperties": false,
            "properties": {
                "requests_per_second": { "type": ["integer", "null"], "minimum": 1,
                    "maximum": model::limits::REQUESTS_PER_SECOND_MAX,
                    "description": "Requests that are let in within any one second." },
                "concurrent_queries": { "type": ["integer", "null"], "minimum": 1,
                    "maximum": model::limits::CONCURRENT_QUERIES_MAX,
                    "description": "Questions that are answered at one time." },
                "credits": {
                    "type": ["object", "null"], "additionalProperties": false,
                    "properties": { "core": allowance(), "premium": allowance() },
                },
            },
        },
        "Left": left(),
        "DerivedToken": super::derived::schema(),
        "Key": key(None),
        "NewKey": key(Some(("token", json!({ "type": "string" })))),
        "RepeatedKey": key(Some(("repeated", json!({ "const": true })))),
        "KeyReview": super::review::schema(),
        "KeySimulation": super::simulate::schema(),
    });
    for (name, schema) in super::signing::signing_schemas() {
        schemas[name] = schema;
    }
    for proven in ["KeyDraft", "KeyPatch"] {
        step_up::describe(&mut schemas[proven]);
    }
    schemas
}

fn draft_members() -> Json {
    json!({
        "name": { "type": "string", "minLength": 1, "maxLength": 256 },
        "description": { "type": ["string", "null"], "maxLength": 4096 },
        "kind": { "enum": ["secret", "publishable", null] },
        "grants": { "type": "array", "maxItems": 100, "items": refer("Grant") },
        "restrictions": { "anyOf": [refer("Restrictions"), { "type": "null" }] },
        "limits": { "anyOf": [refer("Limits"), { "type": "null" }] },
        "rotate_after": { "type": ["string", "null"], "pattern": "^[0-9]{1,9}[smhd]$",
            "description": "From 1d to 3650d: how old a secret may become before an alert says to roll it." },
        "derived_tokens": { "type": ["boolean", "null"],
            "description": "Whether the key's holder may make derived tokens." },
        "issued_by": { "anyOf": [refer("Id"), { "type": "null" }],
            "description": "As it is shown; it cannot be set." },
    })
}

fn grant() -> Json {
    json!({
        "type": "object", "required": ["on", "actions"], "additionalProperties": false,
        "properties": {
            "id": { "anyOf": [refer("Id"), { "type": "null" }] },
            "on": { "type": "string", "pattern": "^(project|(pool|view|saved|cached|dataset):.+)$",
                "description": "project, or pool:<name>, view:<name>, saved:<name>, cached:<name> or \
                    dataset:<name>, with * for all." },
            "actions": { "type": "array", "minItems": 1, "items": { "enum": [
                "ingest", "query", "extract", "search", "schema", "update", "delete", "drop",
                "encrypt", "decrypt", "read", "run", "list", "retrieve", "issue", "admin"] } },
            "only": { "type": ["array", "null"], "items": refer("Name") },
            "except": { "type": ["array", "null"], "items": refer("Name") },
            "constraints": { "anyOf": [
                { "const": "all_rows" }, refer("Filters"), { "type": "null" }] },
            "injections": { "type": ["object", "null"], "minProperties": 1, "maxProperties": 100,
                "additionalProperties": { "type": ["string", "number", "boolean"] } },
            "on_conflict": { "enum": ["override", "reject", null] },
            "fields": { "anyOf": [refer("VisibleFields"), { "type": "null" }] },
            "time": { "anyOf": [refer("TimeWindow"),
                { "type": "array", "minItems": 1, "maxItems": 8, "items": refer("TimeWindow") },
                { "type": "null" }], "description": "Rows by a time that they hold; all windows must." },
            "index_by": { "type": ["object", "null"], "additionalProperties": { "type": "array" },
                "description": "Of a dataset: which values of its index the key sees." },
        },
    })
}

fn allowance() -> Json {
    json!({
        "type": ["object", "null"], "additionalProperties": false,
        "required": ["amount", "period"],
        "properties": {
            "amount": { "type": "integer", "minimum": 0, "maximum": model::limits::CREDITS_MAX },
            "period": { "enum": ["day", "week", "month"],
                "description": "Of the calendar in UTC; weeks begin on Monday." },
        },
    })
}

fn left() -> Json {
    let number = || json!({ "type": ["integer", "null"], "minimum": 0 });
    let count = || json!({ "type": "integer", "minimum": 0 });
    let credits = || {
        json!({
            "type": ["object", "null"],
            "required": ["spent", "reserved", "left", "resets_at", "alert"],
            "properties": {
                "spent": count(),
                "reserved": { "type": "integer", "minimum": 0,
                    "description": "Set aside for calls that are under way." },
                "left": count(),
                "resets_at": refer("Time"),
                "alert": { "enum": [80, 100, null],
                    "description": "The highest of these percentages that is used up." },
            },
        })
    };
    json!({
        "type": "object", "required": ["requests_per_second", "concurrent_queries", "credits"],
        "description": "What of the limits is left at this moment; null without a limit.",
        "properties": {
            "requests_per_second": number(),
            "concurrent_queries": number(),
            "credits": {
                "type": ["object", "null"], "required": ["core", "premium"],
                "properties": { "core": credits(), "premium": credits() },
            },
        },
    })
}

fn used_from() -> Json {
    json!({
        "type": ["object", "null"],
        "description": "Of the last request that showed the secret or was signed by it.",
        "required": ["address", "agent"],
        "properties": {
            "address": { "type": ["string", "null"] },
            "agent": { "type": ["string", "null"],
                "description": "What the program called itself; anybody can say anything there." },
        },
    })
}

fn key(more: Option<(&str, Json)>) -> Json {
    let mut required = vec![
        "id",
        "name",
        "description",
        "kind",
        "grants",
        "restrictions",
        "limits",
        "left",
        "status",
        "secrets",
        "signing_secrets",
        "networks",
        "alerts",
        "rotate_after",
        "derived_tokens",
        "issued_by",
        "created_by",
        "created_at",
        "last_used_at",
    ];
    let time = json!({ "type": ["string", "null"], "format": "date-time" });
    let mut schema = json!({
        "type": "object",
        "properties": {
            "id": refer("Id"),
            "name": { "type": "string" },
            "description": { "type": "string" },
            "kind": { "enum": ["secret", "publishable", "legacy"] },
            "grants": { "type": "array", "items": refer("Grant") },
            "restrictions": refer("Restrictions"),
            "limits": refer("Limits"),
            "left": refer("Left"),
            "dialect": { "type": "object",
                "description": "What a dialect was told of the key; its grants follow from it." },
            "status": { "enum": ["active", "disabled", "expired", "quarantined"] },
            "signing_secrets": { "type": "array", "items": refer("SigningSecret") },
            "secrets": { "type": "array", "items": {
                "type": "object",
                "required": ["id", "hint", "created_at", "replaced", "expires_at",
                    "end_after_silence", "ends_if_silent_at", "last_used_at",
                    "last_used_from", "used_from_page_at", "quarantined_at"],
                "properties": {
                    "id": { "type": "string" },
                    "hint": { "type": "string" },
                    "created_at": refer("Time"),
                    "replaced": { "type": "boolean",
                        "description": "Whether another one took its place." },
                    "expires_at": time,
                    "end_after_silence": { "type": ["integer", "null"] },
                    "ends_if_silent_at": time,
                    "last_used_at": time,
                    "last_used_from": used_from(),
                    "used_from_page_at": time,
                    "quarantined_at": { "type": ["string", "null"], "format": "date-time",
                        "description": "When it was reported as leaked." },
                },
            } },
            "networks": { "type": "array", "maxItems": KEY_NETWORKS_MAX,
                "description": "From where the key is used: /24 of IPv4, /48 of IPv6.",
                "items": {
                    "type": "object",
                    "required": ["network", "first_used_at", "last_used_at"],
                    "properties": {
                        "network": { "type": "string" },
                        "first_used_at": refer("Time"),
                        "last_used_at": refer("Time"),
                    },
                } },
            "alerts": { "type": "array", "items": {
                "type": "object", "required": ["code", "since", "detail"],
                "properties": {
                    "code": { "enum": ["rotation_due", "used_from_page", "no_secret", "leaked",
                        "issuer_ended"] },
                    "since": time,
                    "detail": { "type": "string" },
                },
            } },
            "rotate_after": { "type": ["string", "null"] },
            "derived_tokens": { "type": "boolean" },
            "issued_by": { "anyOf": [refer("Id"), { "type": "null" }],
                "description": "The key that issued it, whose credits it uses up, too." },
            "created_by": { "type": "string" },
            "created_at": refer("Time"),
            "last_used_at": time,
        },
    });
    if let Some((member, of)) = more {
        required.push(member);
        schema["properties"][member] = of;
    }
    schema["required"] = json!(required);
    schema
}
