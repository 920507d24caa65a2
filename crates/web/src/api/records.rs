//! Records on their way in, and their deletion.

use std::sync::Arc;

use axum::extract::{FromRequestParts, Request, State};
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use model::answers::AppendReceipt;
use model::document::Document;
use model::fault::{Fault, FaultCode};
use model::filters::{Filter, parse_list};
use model::limits::BODY_BYTES_MAX;
use model::permit::{AdmittedBatch, Delete, Idempotency, Ingest, Permit};
use model::pools::Pool;
use model::records::{RecordFault, RecordFaultCode};
use model::value::{Object, Value};
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};
use tokio::sync::OwnedSemaphorePermit;

use crate::bodies::{self, RecordFormat, TextFormat};
use crate::caller::OnPool;
use crate::error::{ApiError, Code};
use crate::input::{JsonBody, Under, idempotency_key, receive};
use crate::metering::LetIn;
use crate::openapi::{Operation, refer};
use crate::state::AppState;

/// Bytes of a body whose reading holds up nobody.
const SMALL_BODY_BYTES: usize = 64 << 10;

/// The schemas of this file.
pub(crate) fn schemas() -> Json {
    let codes: Vec<&str> = RECORD_FAULTS.iter().map(|(_, name)| *name).collect();
    json!({
        "Record": { "type": "object" },
        "Receipt": {
            "type": "object", "required": ["accepted", "rejected", "errors"],
            "properties": {
                "accepted": { "type": "integer", "minimum": 0,
                    "description": "On stable storage and visible to the next query." },
                "rejected": { "type": "integer", "minimum": 0 },
                "errors": { "type": "array", "description": "The first of the rejected records.",
                    "items": {
                        "type": "object", "required": ["index", "code", "message"],
                        "properties": {
                            "index": { "type": "integer", "minimum": 0 },
                            "code": { "enum": codes },
                            "field": { "type": "string" },
                            "message": { "type": "string" },
                        },
                    } },
            },
        },
        "DeleteRequest": {
            "type": "object", "additionalProperties": false,
            "minProperties": 1, "maxProperties": 1,
            "properties": { "filters": refer("Filters"), "all": { "const": true } },
        },
        "Filters": { "type": "array", "minItems": 1, "items": refer("Filter") },
        "Filter": { "anyOf": [
            {
                "type": "object", "required": ["field", "operator", "value"],
                "additionalProperties": false,
                "properties": {
                    "field": { "type": "string", "minLength": 1, "maxLength": 256 },
                    "operator": { "enum": operators() },
                    "value": {},
                },
            },
            { "type": "object", "required": ["all"], "additionalProperties": false,
                "properties": { "all": refer("Filters") } },
            { "type": "object", "required": ["any"], "additionalProperties": false,
                "properties": { "any": refer("Filters") } },
            { "type": "object", "required": ["not"], "additionalProperties": false,
                "properties": { "not": refer("Filter") } },
            refer("Filters"),
        ] },
    })
}

fn operators() -> Vec<&'static str> {
    let names = model::filters::Operator::ALL
        .into_iter()
        .map(model::filters::Operator::name);
    names.chain(["=", "!=", "<", "<=", ">", ">="]).collect()
}

const RECORD_FAULTS: [(RecordFaultCode, &str); 9] = [
    (RecordFaultCode::MalformedRecord, "malformed_record"),
    (RecordFaultCode::NotAnObject, "not_an_object"),
    (RecordFaultCode::DuplicateMember, "duplicate_member"),
    (RecordFaultCode::InvalidName, "invalid_name"),
    (RecordFaultCode::UnknownField, "unknown_field"),
    (RecordFaultCode::WrongType, "wrong_type"),
    (RecordFaultCode::MissingField, "missing_field"),
    (RecordFaultCode::InjectionConflict, "injection_conflict"),
    (RecordFaultCode::TooLarge, "too_large"),
];

fn fault_code(code: RecordFaultCode) -> &'static str {
    let known = RECORD_FAULTS.iter().find(|(known, _)| *known == code);
    known.expect("the table has every code").1
}

fn show_fault(fault: &RecordFault) -> Object {
    let object = Object::new()
        .with("index", u64::try_from(fault.index).unwrap_or(u64::MAX))
        .with("code", fault_code(fault.code));
    let object = match &fault.field {
        None => object,
        Some(field) => object.with("field", field.as_str()),
    };
    object.with("message", fault.message.as_str())
}

fn show(receipt: &AppendReceipt) -> Value {
    let faults: Vec<Object> = receipt.faults.iter().map(show_fault).collect();
    Value::Object(
        Object::new()
            .with("accepted", receipt.accepted)
            .with("rejected", receipt.rejected)
            .with("errors", faults),
    )
}

/// What makes a repetition of this request the same request, when its sender
/// named it.
fn idempotency(
    (method_and_path, policy): (&str, &[u8]),
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Option<Idempotency>, ApiError> {
    let Some(text) = idempotency_key(headers)? else {
        return Ok(None);
    };
    let mut digest = Sha256::new();
    let mut add = |part: &[u8]| {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part);
    };
    add(method_and_path.as_bytes());
    for name in [header::CONTENT_TYPE, header::CONTENT_ENCODING] {
        add(headers.get(name).map_or(b"", |value| value.as_bytes()));
    }
    add(body);
    // Holders of tokens of other policies know nothing of each other: each has its own names.
    let own = policy.iter().map(|byte| format!("{byte:02x}"));
    let own: String = own.collect();
    Ok(Some(Idempotency {
        key: format!("{own}{text}"),
        fingerprint: digest.finalize().into(),
    }))
}

fn one_header<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, Fault> {
    let mut values = headers.get_all(name).iter();
    let value = values.next().map(HeaderValue::to_str).transpose();
    match (value, values.next()) {
        (Ok(value), None) => Ok(value),
        _ => Err(Fault::new(
            FaultCode::InvalidValue,
            format!("the header {name} stands once and holds ASCII"),
        )),
    }
}

fn unsupported(fault: Fault) -> ApiError {
    ApiError::new(Code::UnsupportedMediaType, fault.detail)
}

fn decompress(headers: &HeaderMap, body: Bytes) -> Result<Bytes, ApiError> {
    let encoding = one_header(headers, &header::CONTENT_ENCODING).map_err(unsupported)?;
    bodies::decompress(encoding, body, BODY_BYTES_MAX).map_err(|fault| match fault.code {
        FaultCode::InvalidValue => unsupported(fault),
        _ => ApiError::from(fault).of_body(),
    })
}

/// Which records to delete: `None` was asked for in so many words.
fn parse_delete(body: &Value) -> Result<Option<Filter>, Fault> {
    let mut document = Document::new(body)?;
    let (filters, all) = (document.present("filters"), document.present("all"));
    document.finish()?;
    let rule = |code| {
        let rule = "send either {\"filters\": [...]} or {\"all\": true}";
        Fault::new(code, rule)
    };
    match (filters, all) {
        (Some(filters), None) => parse_list(filters)
            .map(Some)
            .map_err(|f| f.under("/filters")),
        (None, Some(Value::Boolean(true))) => Ok(None),
        (None, Some(_)) => Err(rule(FaultCode::InvalidValue).at("/all")),
        (Some(_), Some(_)) => Err(rule(FaultCode::InvalidValue)),
        (None, None) => Err(rule(FaultCode::MissingMember)),
    }
}

/// Describes [`ingest`].
pub(crate) fn ingest_operation() -> Operation {
    let binary = || json!({ "schema": { "type": "string", "format": "binary" } });
    let text = || json!({ "schema": { "type": "string" } });
    let body = json!({
        "application/json": { "schema": { "anyOf": [
            refer("Record"),
            { "type": "array", "items": {} },
        ] } },
        "application/x-ndjson": text(),
        "text/csv": text(),
        "application/vnd.apache.parquet": binary(),
        "application/vnd.apache.arrow.stream": binary(),
    });
    Operation::new(
        "ingestRecords",
        "Stores records. Bad ones are listed one by one, and the good ones kept.",
    )
    .takes_content(true, body)
    .header(
        "Idempotency-Key",
        "Makes a repetition within 24 h answer what the first request was answered.",
        json!({ "type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$" }),
    )
    .header(
        "Content-Encoding",
        "How the body is compressed.",
        json!({ "enum": ["identity", "gzip", "zstd"] }),
    )
    .answers(200, "How many were stored.", "Receipt")
    .problems([409, 422, 507])
}

/// Does work that grows with a body; for a large one on a thread that answers
/// no other requests.
pub(crate) async fn aside<T: Send + 'static>(
    bytes: usize,
    state: &AppState,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, ApiError> {
    if bytes <= SMALL_BODY_BYTES {
        return Ok(work());
    }
    let done = state.threads.spawn_blocking(work).await;
    done.map_err(|_| ApiError::internal("reading a body panicked"))
}

/// Stores records.
pub(crate) async fn ingest(
    OnPool(permit, _): OnPool<Ingest>,
    let_in: LetIn,
    State(state): State<AppState>,
    request: Request,
) -> Result<Response, ApiError> {
    let (mut parts, body) = request.into_parts();
    let format = one_header(&parts.headers, &header::CONTENT_TYPE).and_then(RecordFormat::of);
    let format = format.map_err(unsupported)?;
    let sender = Some(permit.access().key());
    let received = receive(body, BODY_BYTES_MAX, sender, &state).await?;
    // The body may have taken long to come, and the key may be revoked by now.
    let OnPool(permit, pool) = OnPool::<Ingest>::from_request_parts(&mut parts, &state).await?;
    let access = permit.access().clone();
    let method_and_path = format!("{} {}", parts.method, parts.uri.path());
    // What a derived token leaves of its key.
    let policy = access.derived_policy();
    let policy = policy.as_ref().map_or(&[][..], |digest| digest);
    let idempotency = idempotency((&method_and_path, policy), &parts.headers, &received.bytes)?;
    // Held until the records are stored: what is made of a body takes many times its bytes.
    let mut room = match is_dense(&parts.headers, format) {
        true => room_for(BODY_BYTES_MAX, &state).await,
        false => room_for(received.bytes.len(), &state).await,
    };
    let (headers, sent) = (parts.headers, received.bytes.clone());
    let plain = aside(sent.len(), &state, move || decompress(&headers, sent)).await??;
    let bytes = plain.len();
    if let (Some(room), RecordFormat::Text(_)) = (&mut room, format) {
        drop(room.split(room.num_permits().saturating_sub(bytes)));
    }
    let (now, random) = (state.clock.now(), state.random.clone());
    let batch = match format {
        RecordFormat::Columnar(format) => {
            let sent = state.plane.decode(format, plain).await;
            let admit = move || sent.map(|sent| permit.admit(sent, idempotency, now, &*random));
            let admitted = aside(bytes, &state, admit).await?;
            admitted.map_err(|fault: Fault| ApiError::from(fault).of_body())?
        }
        RecordFormat::Text(format) => {
            let sent = (format, plain);
            admit_text((permit, pool), sent, idempotency, &state).await?
        }
    };
    let receipt = let_in.store(&state, &access, batch).await?;
    Ok(super::json(StatusCode::OK, &show(&receipt)))
}

/// The records of a text, for [`LetIn::store`]; each bad one is listed in its place.
///
/// # Errors
/// A fault of the whole text, as one of the body.
pub(crate) async fn admit_text(
    (permit, pool): (Permit<Ingest>, Arc<Pool>),
    (format, text): (TextFormat, Bytes),
    idempotency: Option<Idempotency>,
    state: &AppState,
) -> Result<AdmittedBatch, ApiError> {
    let (now, random) = (state.clock.now(), state.random.clone());
    let bytes = text.len();
    let admit = move || match format {
        // Each record is checked as soon as it is read, while it is near.
        TextFormat::Ndjson => {
            let sent = bodies::lines(&text)?;
            Ok(permit.admit(sent, idempotency, now, &*random))
        }
        format => {
            let sent = bodies::read_records(format, &text, &pool.draft.schema)?;
            Ok(permit.admit(sent, idempotency, now, &*random))
        }
    };
    let admitted = aside(bytes, state, admit).await?;
    admitted.map_err(|fault: Fault| ApiError::from(fault).of_body())
}

/// Waits until a large body of so many bytes may be read; a small one may be
/// at any time.
pub(crate) async fn room_for(bytes: usize, state: &AppState) -> Option<OwnedSemaphorePermit> {
    if bytes <= SMALL_BODY_BYTES {
        return None;
    }
    let bytes = u32::try_from(bytes.min(state.large_bodies_bytes)).unwrap_or(u32::MAX);
    let room = state.large_bodies.clone().acquire_many_owned(bytes).await;
    room.ok()
}

/// Whether a short body may hold much.
fn is_dense(headers: &HeaderMap, format: RecordFormat) -> bool {
    matches!(format, RecordFormat::Columnar(_)) || headers.contains_key(header::CONTENT_ENCODING)
}

/// Describes [`delete`].
pub(crate) fn delete_operation() -> Operation {
    let content = json!({ "application/json": { "schema": {
        "type": "object", "required": ["deleted"],
        "properties": { "deleted": { "type": "integer", "minimum": 0 } },
    } } });
    Operation::new(
        "deleteRecords",
        "Deletes records, of those that the key's constraint admits.",
    )
    .takes("DeleteRequest")
    .answers_content(200, "How many were deleted.", content)
    .problems([507])
}

/// Deletes records, of those that the key's constraint admits.
pub(crate) async fn delete(
    State(state): State<AppState>,
    Under(OnPool(permit, _), JsonBody(body)): Under<OnPool<Delete>, JsonBody>,
) -> Result<Response, ApiError> {
    let request = permit.constrain(parse_delete(&body)?)?;
    let deleted = state.plane.delete(request).await?;
    let answer = Object::new().with("deleted", deleted);
    Ok(super::json(StatusCode::OK, &Value::Object(answer)))
}

#[cfg(test)]
mod tests;
