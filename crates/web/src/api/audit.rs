//! The audit of the caller's project: searched, exported, and signed.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use control::{AuditSearch, Control, ControlError};
use futures::stream;
use http::{StatusCode, header};
use model::audit::ChainedEntry;
use model::fault::{Fault, FaultCode};
use model::json::{parse, to_text};
use model::limits::LIST_ITEMS_MAX;
use model::permit::{Admin, Permit};
use model::time::Timestamp;
use model::value::{Object, Value};
use serde_json::{Value as Json, json};

use super::limit_of;
use crate::caller::Caller;
use crate::error::ApiError;
use crate::input::Parameters;
use crate::openapi::{Operation, refer};
use crate::state::AppState;

/// The query parameters of [`list`].
pub(crate) const LIST_PARAMETERS: &[&str] =
    &["limit", "after", "actor", "subject", "action", "from", "to"];

/// The query parameters of [`export`].
pub(crate) const EXPORT_PARAMETERS: &[&str] = &["format"];

/// Entries of an export that are read at once: changes wait meanwhile.
const EXPORTED_AT_ONCE: usize = 200;

/// The columns of an export as CSV.
const COLUMNS: [&str; 13] = [
    "sequence",
    "id",
    "project",
    "at",
    "actor",
    "secret",
    "address",
    "action",
    "subject_id",
    "subject_name",
    "before",
    "after",
    "link",
];

/// The schemas of this file.
pub(crate) fn schemas() -> Json {
    let text = || json!({ "type": "string" });
    let maybe = |what: &str| json!({ "type": ["string", "null"], "description": what });
    json!({
        "AuditEntry": {
            "type": "object", "required": COLUMNS,
            "properties": {
                "sequence": { "type": "integer", "minimum": 0,
                    "description": "How many entries of the project stand before it." },
                "id": refer("Id"),
                "project": refer("Id"),
                "at": refer("Time"),
                "actor": { "type": "string", "description": "server, or key: or person: and an id." },
                "secret": maybe("The public part of the secret that the caller presented."),
                "address": maybe("Where the caller was seen."),
                "action": text(),
                "subject_id": text(),
                "subject_name": text(),
                "before": { "description": "The definition before." },
                "after": { "description": "The definition afterwards." },
                "link": { "type": "string", "pattern": "^[0-9a-f]{64}$",
                    "description": "What binds it to the entries before it." },
            },
        },
        "AuditPage": {
            "type": "object", "required": ["items", "next"],
            "properties": {
                "items": { "type": "array", "items": refer("AuditEntry") },
                "next": { "type": ["string", "null"],
                    "description": "There is more to look at, be the page full or not." },
            },
        },
        "AuditCheckpoint": {
            "type": "object",
            "required": ["project", "at", "size", "root", "link", "verifier_key", "note"],
            "properties": {
                "project": refer("Id"),
                "at": refer("Time"),
                "size": { "type": "integer", "minimum": 0 },
                "root": { "type": "string", "pattern": "^[0-9a-f]{64}$",
                    "description": "The root of the tree over all entries (RFC 6962)." },
                "link": { "type": "string", "pattern": "^[0-9a-f]{64}$",
                    "description": "The link of the last entry." },
                "verifier_key": { "type": "string",
                    "description": "What verifies the note; compare it with what you noted before." },
                "note": { "type": "string", "description": "The signed text." },
            },
        },
    })
}

/// An entry as the wire shows it: the definitions as JSON.
fn show(entry: &ChainedEntry) -> Value {
    let members = entry.to_object().into_members().into_iter();
    let shown = members.fold(Object::new(), |shown, (name, value)| {
        let definition = match (name.as_str(), value.as_str()) {
            ("before" | "after", Some(text)) => parse(text.as_bytes()).ok(),
            _ => None,
        };
        shown.with(name, definition.unwrap_or(value))
    });
    Value::Object(shown)
}

fn time(parameters: &Parameters, name: &'static str) -> Result<Option<Timestamp>, Fault> {
    let text = parameters.get(name);
    let read = text.map(|text| {
        Timestamp::parse(text).map_err(|error| {
            Fault::new(FaultCode::InvalidValue, format!("{name}: {error}")).at(format!("/{name}"))
        })
    });
    read.transpose()
}

/// Describes [`list`].
pub(crate) fn list_operation() -> Operation {
    let text = || json!({ "type": "string" });
    Operation::new(
        "listAudit",
        "Who changed what in the project, newest first.",
    )
    .parameter(
        "limit",
        "Items at most.",
        json!({ "type": "integer", "minimum": 1, "maximum": LIST_ITEMS_MAX }),
    )
    .parameter("after", "The `next` of the page before.", text())
    .parameter("actor", "Entries of this actor alone.", text())
    .parameter(
        "subject",
        "Entries about what has this id, or had this name.",
        text(),
    )
    .parameter("action", "Entries of this action alone.", text())
    .parameter("from", "The first instant.", text())
    .parameter(
        "to",
        "The first instant that is not looked at any more.",
        text(),
    )
    .answers(200, "A page.", "AuditPage")
}

/// Who changed what in the project.
pub(crate) async fn list(
    caller: Caller<Admin>,
    parameters: Parameters,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    let limit = limit_of(&parameters)?;
    let before = parameters.get("after").map(|after| {
        after.parse::<u64>().map_err(|_| {
            let detail = "after is the \"next\" of an earlier page";
            Fault::new(FaultCode::InvalidCursor, detail).at("/after")
        })
    });
    let text = |name| parameters.get(name).map(str::to_owned);
    let search = AuditSearch {
        actor: text("actor"),
        subject: text("subject"),
        action: text("action"),
        from: time(&parameters, "from")?,
        to: time(&parameters, "to")?,
    };
    let control = &state.control;
    let page = control.audit_page(&caller.0, &search, before.transpose()?, limit);
    let page = page.await?;
    let items: Vec<Value> = page.entries.iter().map(show).collect();
    let answer = Object::new()
        .with("items", items)
        .with("next", page.next.map(|next| next.to_string()));
    Ok(super::json(StatusCode::OK, &Value::Object(answer)))
}

/// Describes [`export`].
pub(crate) fn export_operation() -> Operation {
    let text = json!({ "schema": { "type": "string" } });
    Operation::new(
        "exportAudit",
        "The whole audit of the project, oldest first, with every text as it is hashed.",
    )
    .parameter(
        "format",
        "ndjson, which is also verified offline, or csv.",
        json!({ "enum": ["ndjson", "csv"] }),
    )
    .answers_content(
        200,
        "The entries.",
        json!({ "application/x-ndjson": text, "text/csv": text }),
    )
}

/// How an export is written.
#[derive(Clone, Copy, Debug)]
enum Format {
    Ndjson,
    Csv,
}

impl Format {
    fn of(parameters: &Parameters) -> Result<Self, Fault> {
        match parameters.get("format") {
            None | Some("ndjson") => Ok(Self::Ndjson),
            Some("csv") => Ok(Self::Csv),
            Some(_) => {
                let detail = "format is ndjson or csv";
                Err(Fault::new(FaultCode::InvalidValue, detail).at("/format"))
            }
        }
    }

    fn media_type(self) -> &'static str {
        match self {
            Self::Ndjson => "application/x-ndjson",
            Self::Csv => "text/csv; charset=utf-8; header=present",
        }
    }

    /// The entries as lines; `first` is whether nothing was written before.
    fn write(self, entries: &[ChainedEntry], first: bool) -> Vec<u8> {
        match self {
            Self::Ndjson => {
                let lines = entries.iter();
                let lines = lines.map(|entry| to_text(&entry.to_object().into()) + "\n");
                lines.collect::<String>().into_bytes()
            }
            Self::Csv => write_csv(entries, first).expect("memory takes whatever is written"),
        }
    }
}

fn write_csv(entries: &[ChainedEntry], first: bool) -> Result<Vec<u8>, csv::Error> {
    let terminator = csv::Terminator::CRLF;
    let mut builder = csv::WriterBuilder::new();
    let mut writer = builder.terminator(terminator).from_writer(Vec::new());
    if first {
        writer.write_record(COLUMNS)?;
    }
    for entry in entries {
        let object = entry.to_object();
        let cells = COLUMNS.map(|name| match object.get(name) {
            None | Some(Value::Null) => String::new(),
            Some(Value::String(text)) => text.clone(),
            Some(other) => to_text(other),
        });
        writer.write_record(cells)?;
    }
    writer
        .into_inner()
        .map_err(|error| csv::Error::from(error.into_error()))
}

/// The whole audit of the project.
pub(crate) async fn export(
    caller: Caller<Admin>,
    parameters: Parameters,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    let format = Format::of(&parameters)?;
    // The first part is read before the status is sent.
    let mut next = Some(0);
    let first = part(&state.control, &caller.0, format, &mut next).await?;
    let rest = (state.control.clone(), caller.0, next);
    let rest = stream::try_unfold(rest, move |(control, by, mut next)| async move {
        if next.is_none() {
            return Ok::<_, ControlError>(None);
        }
        let bytes = part(&control, &by, format, &mut next).await?;
        Ok(Some((bytes, (control, by, next))))
    });
    let first = stream::once(async { Ok(first) });
    let body = Body::from_stream(futures::StreamExt::chain(first, rest));
    let mut response = body.into_response();
    let media_type = http::HeaderValue::from_static(format.media_type());
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, media_type);
    Ok(response)
}

/// The entries from `next` on as bytes; `next` is where more are, if they are.
async fn part(
    control: &Arc<Control>,
    by: &Permit<Admin>,
    format: Format,
    next: &mut Option<u64>,
) -> Result<Bytes, ControlError> {
    let from = next.unwrap_or(0);
    let entries = control.audit_from(by, from, EXPORTED_AT_ONCE).await?;
    let last = entries.last().filter(|_| entries.len() == EXPORTED_AT_ONCE);
    *next = last.map(|last| last.sequence + 1);
    Ok(Bytes::from(format.write(&entries, from == 0)))
}

/// Describes [`checkpoint`].
pub(crate) fn checkpoint_operation() -> Operation {
    Operation::new(
        "signAudit",
        "What the audit of the project is now, signed. Keep it where the server cannot change it.",
    )
    .answers(200, "The checkpoint.", "AuditCheckpoint")
}

/// What the audit of the project is now, signed.
pub(crate) async fn checkpoint(
    caller: Caller<Admin>,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    let signed = state.control.audit_checkpoint(&caller.0).await?;
    let answer = Object::new()
        .with("project", signed.project.to_string())
        .with("at", signed.at.to_string())
        .with("size", signed.head.size)
        .with("root", signed.head.root.to_string())
        .with("link", signed.head.link.to_string())
        .with("verifier_key", state.control.audit_verifier().to_string())
        .with("note", signed.note());
    Ok(super::json(StatusCode::OK, &Value::Object(answer)))
}

#[cfg(test)]
mod tests;
