//! The OpenAPI document, put together from what stands beside each handler.
//!
//! It is written as JSON and not derived: bodies are read member by member by
//! `model`, so there are no serde types to derive a description from, and a
//! description of types that no code uses would drift.

use std::collections::BTreeSet;

use serde_json::{Map, Value as Json, json};

use crate::api;
use crate::error::{Code, PROBLEM_TYPE};
use crate::metering;
use crate::routes::{Needs, ROUTES, Route};

/// What one call takes and answers.
#[derive(Debug)]
pub(crate) struct Operation {
    id: &'static str,
    summary: &'static str,
    parameters: Vec<Json>,
    body: Option<Json>,
    answers: Vec<(u16, Json)>,
    problems: BTreeSet<u16>,
}

impl Operation {
    /// A call; `id` names it in generated clients.
    pub(crate) fn new(id: &'static str, summary: &'static str) -> Self {
        Self {
            id,
            summary,
            parameters: Vec::new(),
            body: None,
            answers: Vec::new(),
            // An address with a key in it, a failure of ours, too much at once.
            problems: BTreeSet::from([400, 500, 503]),
        }
    }

    /// It takes a JSON body of this schema.
    pub(crate) fn takes(self, schema: &str) -> Self {
        self.takes_content(
            true,
            json!({ "application/json": { "schema": refer(schema) } }),
        )
    }

    /// It takes a merge patch (RFC 7396) of this schema, and `If-Match`.
    pub(crate) fn patches(self, schema: &str) -> Self {
        let content = json!({ "schema": refer(schema) });
        let both = json!({ "application/merge-patch+json": content, "application/json": content });
        self.takes_content(true, both).conditional()
    }

    /// It takes a body of one of these media types.
    pub(crate) fn takes_content(mut self, required: bool, content: Json) -> Self {
        self.body = Some(json!({ "required": required, "content": content }));
        self.problems([408, 413, 415])
    }

    /// It takes `If-Match`.
    pub(crate) fn conditional(self) -> Self {
        self.header(
            "If-Match",
            "The ETag of the definition that the change is meant for.",
            json!({ "type": "string" }),
        )
        .problems([412])
    }

    /// It takes this header.
    pub(crate) fn header(mut self, name: &str, text: &str, schema: Json) -> Self {
        self.parameters
            .push(json!({ "name": name, "in": "header", "description": text, "schema": schema }));
        self
    }

    /// It takes this query parameter.
    pub(crate) fn parameter(mut self, name: &str, text: &str, schema: Json) -> Self {
        self.parameters
            .push(json!({ "name": name, "in": "query", "description": text, "schema": schema }));
        self
    }

    /// It answers a page of a list.
    pub(crate) fn lists(self, item: &str) -> Self {
        self.parameter(
            "limit",
            "Items at most.",
            json!({ "type": "integer", "minimum": 1, "maximum": model::limits::LIST_ITEMS_MAX }),
        )
        .parameter(
            "after",
            "The `next` of the page before.",
            json!({ "type": "string" }),
        )
        .answers_content(
            200,
            "A page, oldest first.",
            json!({ "application/json": { "schema": {
                "type": "object",
                "required": ["items", "next"],
                "properties": {
                    "items": { "type": "array", "items": refer(item) },
                    "next": { "type": ["string", "null"] },
                },
            } } }),
        )
    }

    /// It answers JSON of this schema.
    pub(crate) fn answers(self, status: u16, text: &str, schema: &str) -> Self {
        let content = json!({ "application/json": { "schema": refer(schema) } });
        self.answers_content(status, text, content)
    }

    /// It answers one of these media types.
    pub(crate) fn answers_content(mut self, status: u16, text: &str, content: Json) -> Self {
        self.answers
            .push((status, json!({ "description": text, "content": content })));
        self
    }

    /// It answers nothing but its status.
    pub(crate) fn answers_nothing(mut self) -> Self {
        self.answers.push((204, json!({ "description": "Done." })));
        self
    }

    /// It may refuse with these statuses, beside those that every call of its kind has.
    pub(crate) fn problems(mut self, statuses: impl IntoIterator<Item = u16>) -> Self {
        self.problems.extend(statuses);
        self
    }

    fn describe(mut self, route: &Route) -> Json {
        match route.needs {
            Needs::Nothing => {}
            Needs::Key | Needs::Session | Needs::Right(_) | Needs::OneOf(_) | Needs::Ticket => {
                self.problems.extend([401, 403, 429]);
            }
        }
        if metering::costs(route.pattern) {
            self.problems.insert(402);
        }
        let mut parameters: Vec<Json> = Vec::new();
        for name in route.path_parameters() {
            let schema = match name {
                "id" => "Id",
                "ticket" => "TicketText",
                _ => "Name",
            };
            if name != "ticket" {
                self.problems.insert(404);
            }
            parameters.push(json!({
                "name": name, "in": "path", "required": true, "schema": refer(schema),
            }));
        }
        parameters.append(&mut self.parameters);
        let mut answers = Map::new();
        for (status, answer) in self.answers {
            answers.insert(status.to_string(), answer);
        }
        for status in self.problems {
            let answer = json!({ "$ref": format!("#/components/responses/Problem{status}") });
            answers.insert(status.to_string(), answer);
        }
        let mut operation = json!({
            "operationId": self.id,
            "summary": self.summary,
            "parameters": parameters,
            "responses": answers,
        });
        if let Some(body) = self.body {
            operation["requestBody"] = body;
        }
        if matches!(route.needs, Needs::Nothing | Needs::Ticket) {
            operation["security"] = json!([]);
        }
        if route.needs == Needs::Session {
            operation["security"] = json!([{ "session": [] }]);
        }
        operation
    }
}

/// A reference to a schema of the document.
pub(crate) fn refer(schema: &str) -> Json {
    json!({ "$ref": format!("#/components/schemas/{schema}") })
}

/// The whole document; the same for every caller.
pub(crate) fn document() -> Json {
    let mut paths = Map::new();
    for route in ROUTES {
        let path = paths.entry(route.pattern).or_insert_with(|| json!({}));
        let method = route.method.to_ascii_lowercase();
        path[method] = (route.operation)().describe(route);
    }
    let mut schemas = basic_schemas();
    for more in api::schemas() {
        let Json::Object(more) = more else {
            continue;
        };
        schemas.extend(more);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Tidegate",
            "version": "1",
            "description": "A data server in which every key carries its own row policy. \
                Clients ignore members of answers that they do not know.",
        },
        "security": [{ "key": [] }],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "key": { "type": "http", "scheme": "bearer" },
                "session": { "type": "apiKey", "in": "cookie", "name": "__Host-tidegate" },
            },
            "schemas": schemas,
            "responses": problem_responses(),
        },
    })
}

fn problem_responses() -> Map<String, Json> {
    let statuses: BTreeSet<u16> = Code::ALL
        .iter()
        .map(|code| code.status().as_u16())
        .chain([413])
        .collect();
    statuses
        .into_iter()
        .map(|status| {
            let codes = Code::ALL
                .iter()
                .filter(|code| {
                    let limit = status == 413 && **code == Code::LimitExceeded;
                    code.status().as_u16() == status || limit
                })
                .map(|code| format!("`{}`: {}", code.name(), code.title()));
            let answer = json!({
                "description": codes.collect::<Vec<_>>().join(" "),
                "content": { PROBLEM_TYPE: { "schema": refer("Problem") } },
            });
            (format!("Problem{status}"), answer)
        })
        .collect()
}

fn basic_schemas() -> Map<String, Json> {
    let codes: Vec<&str> = Code::ALL.iter().map(|code| code.name()).collect();
    let schemas = json!({
        "Id": { "type": "string", "pattern": "^[0-7][0-9A-HJKMNP-TV-Z]{25}$" },
        "Name": {
            "type": "string", "minLength": 1, "maxLength": model::limits::NAME_CHARS_MAX,
            "pattern": "^[!-#%-)+,\\-0-9;-\\^`-~]([ -#%-)+-.0-9;-~]*[!-#%-)+-.0-9;-~])?$",
        },
        "Time": { "type": "string", "format": "date-time" },
        "Problem": {
            "type": "object",
            "required": ["type", "title", "status", "detail", "code", "request_id"],
            "properties": {
                "type": { "type": "string" },
                "title": { "type": "string" },
                "status": { "type": "integer" },
                "detail": { "type": "string" },
                "code": { "type": "string", "enum": codes },
                "request_id": refer("Id"),
                "pointer": { "type": "string" },
                "field": { "type": "string" },
                "errors": { "type": "array", "items": {
                    "type": "object", "required": ["detail"],
                    "properties": { "detail": { "type": "string" } },
                } },
            },
        },
    });
    match schemas {
        Json::Object(schemas) => schemas,
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests;
