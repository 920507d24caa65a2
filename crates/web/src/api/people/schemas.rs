//! The schemas of people and invitations.

use model::limits::{
    PASSWORD_CHARS_MAX, PASSWORD_CHARS_MIN, PERSON_NAME_CHARS_MAX, PERSON_ROLES_MAX,
};
use model::people::Role;
use serde_json::{Value as Json, json};

use crate::openapi::refer;
use crate::step_up;

fn name() -> Json {
    json!({ "type": "string", "minLength": 1, "maxLength": PERSON_NAME_CHARS_MAX })
}

fn sign_in() -> Json {
    json!({ "type": "string", "maxLength": 254, "description": "An e-mail address, in any case." })
}

/// A password that is chosen.
pub(in crate::api) fn password() -> Json {
    json!({
        "type": "string", "minLength": PASSWORD_CHARS_MIN, "maxLength": PASSWORD_CHARS_MAX,
        "description": "No kind of character is asked for; what is guessed early is refused.",
    })
}

fn roles() -> Json {
    json!({ "type": "array", "minItems": 1, "maxItems": PERSON_ROLES_MAX, "items": refer("RoleGrant") })
}

/// The schemas of this noun.
pub(crate) fn schemas() -> Json {
    let names: Vec<&str> = Role::ALL.iter().map(|role| role.name()).collect();
    let mut schemas = json!({
        "RoleGrant": {
            "type": "object", "required": ["role"], "additionalProperties": false,
            "properties": {
                "project": {
                    "type": ["string", "null"],
                    "description": "The id of a project; null for every project of the organization.",
                },
                "role": { "enum": names },
                "constraints": {
                    "description": "The rows that an analyst or viewer sees; null for all. Other roles cannot be held to rows in this version.",
                },
            },
        },
        "Person": {
            "type": "object",
            "required": ["id", "sign_in", "name", "roles", "recovery_codes_left", "created_by", "created_at"],
            "properties": {
                "id": refer("Id"), "sign_in": sign_in(), "name": name(), "roles": roles(),
                "recovery_codes_left": { "type": "integer", "minimum": 0 },
                "created_by": { "type": "string" }, "created_at": refer("Time"),
            },
        },
        "PersonPatch": {
            "type": "object", "additionalProperties": false,
            "properties": { "name": name(), "roles": roles() },
        },
        "FirstOwner": {
            "type": "object", "required": ["sign_in", "name", "password"], "additionalProperties": false,
            "properties": { "sign_in": sign_in(), "name": name(), "password": password() },
        },
        "NewPerson": {
            "type": "object", "required": ["person", "app", "recovery_codes"],
            "properties": {
                "person": refer("Person"),
                "app": {
                    "type": "object", "required": ["secret", "address"],
                    "description": "For an app that shows one-time codes: RFC 6238, SHA-1, six digits, 30 seconds.",
                    "properties": { "secret": { "type": "string" }, "address": { "type": "string" } },
                },
                "recovery_codes": { "type": "array", "items": { "type": "string" } },
            },
        },
        "InvitationDraft": {
            "type": "object", "required": ["sign_in", "roles"], "additionalProperties": false,
            "properties": { "sign_in": sign_in(), "roles": roles() },
        },
        "Invitation": invitation(&[]),
        "NewInvitation": invitation(&["token"]),
        "Acceptance": {
            "type": "object", "required": ["token"], "additionalProperties": false,
            "dependentRequired": { "name": ["password"], "password": ["name"] },
            "properties": {
                "token": { "type": "string" }, "name": name(), "password": password(),
            },
        },
    });
    for proven in ["PersonPatch", "InvitationDraft"] {
        step_up::describe(&mut schemas[proven]);
    }
    schemas
}

fn invitation(more: &[&str]) -> Json {
    let mut required = vec![
        "id",
        "sign_in",
        "roles",
        "created_by",
        "created_at",
        "expires_at",
    ];
    required.extend(more);
    let mut schema = json!({
        "type": "object", "required": required,
        "properties": {
            "id": refer("Id"), "sign_in": sign_in(), "name": name(), "roles": roles(),
            "created_by": { "type": "string" }, "created_at": refer("Time"),
            "expires_at": refer("Time"),
        },
    });
    for member in more {
        schema["properties"][*member] = json!({ "type": "string" });
    }
    schema
}
