//! Sessions, and what people change of what lets them in.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use control::{OpenSession, SecondFactor, SignIn, SignedIn};
use http::{HeaderMap, StatusCode, header};
use model::document::Document;
use model::fault::{Fault, FaultCode};
use model::ids::SessionId;
use model::people::{Code, Password, RecoveryCode, SessionRecord};
use model::value::{Object, Value};
use serde_json::{Value as Json, json};

use super::people::{chosen, show as show_person, show_once, sign_in_name};
use super::{json as answer, page};
use crate::caller::{Named, Seen};
use crate::error::ApiError;
use crate::input::{JsonBody, Parameters};
use crate::openapi::{Operation, refer};
use crate::session::{InSession, NotCrossSite, give, take_back};
use crate::state::AppState;

/// What a path says instead of the id of the session that the request brings.
const CURRENT: &str = "current";

/// The schemas of this file.
pub(crate) fn schemas() -> Json {
    let text = || json!({ "type": "string" });
    let proofs = |members: Json| {
        let mut schema = json!({
            "type": "object", "required": ["password"], "additionalProperties": false,
            "description": "Beside the password either code or recovery_code.",
            "properties": {
                "password": text(),
                "code": { "type": ["string", "null"], "description": "Six digits of the app." },
                "recovery_code": { "type": ["string", "null"] },
            },
        });
        if let (Json::Object(more), Json::Object(held)) = (members, &mut schema["properties"]) {
            held.extend(more);
        }
        schema
    };
    json!({
        "SignIn": proofs(json!({ "sign_in": text() })),
        "PasswordChange": proofs(json!({ "new_password": super::people::password_schema() })),
        "FactorsChange": proofs(json!({})),
        "FactorsConfirmation": {
            "type": "object", "required": ["code"], "additionalProperties": false,
            "properties": {
                "code": { "type": "string", "description": "Six digits of the new app." },
            },
        },
        "Session": {
            "type": "object",
            "required": ["id", "current", "created_at", "expires_at", "last_used_at", "agent"],
            "properties": {
                "id": refer("Id"), "current": { "type": "boolean" }, "created_at": refer("Time"),
                "expires_at": refer("Time"), "last_used_at": refer("Time"), "agent": text(),
            },
        },
        "NewSession": {
            "type": "object", "required": ["session", "person"],
            "properties": { "session": refer("Session"), "person": refer("Person") },
        },
    })
}

fn show(session: &SessionRecord, last_used: String, current: bool) -> Object {
    Object::new()
        .with("id", session.id.to_string())
        .with("current", current)
        .with("created_at", session.created_at.to_string())
        .with("expires_at", session.ends_at.to_string())
        .with("last_used_at", last_used)
        .with("agent", session.agent.as_str())
}

/// The answer that gives the browser a session.
fn begun(status: StatusCode, signed_in: &SignedIn, members: Object) -> Response {
    let began = signed_in.session.created_at.to_string();
    let shown = members.with("session", show(&signed_in.session, began, true));
    let mut response = answer(status, &Value::Object(shown));
    let cookie = give(&signed_in.token);
    response.headers_mut().insert(header::SET_COOKIE, cookie);
    response
}

fn password(document: &mut Document<'_>) -> Result<Password, Fault> {
    let password = Password::presented(document.text("password")?);
    password.ok_or_else(|| {
        let detail = "no password is as long as this";
        Fault::new(FaultCode::InvalidValue, detail).at("/password")
    })
}

/// What stands beside the password: one of two members.
fn second(document: &mut Document<'_>) -> Result<SecondFactor, Fault> {
    let code = document.optional_text("code")?;
    let recovery = document.optional_text("recovery_code")?;
    let malformed = |member: &str, detail: &str| {
        Fault::new(FaultCode::InvalidValue, detail).at(format!("/{member}"))
    };
    match (code, recovery) {
        (Some(code), None) => Code::parse(code)
            .map(SecondFactor::Code)
            .ok_or_else(|| malformed("code", "code is the six digits that the app shows")),
        (None, Some(code)) => RecoveryCode::parse(code)
            .map(SecondFactor::Recovery)
            .ok_or_else(|| malformed("recovery_code", "a recovery code has 26 letters and digits")),
        (Some(_), Some(_)) => Err(malformed("recovery_code", "send code or recovery_code")),
        (None, None) => Err(Fault::new(
            FaultCode::MissingMember,
            "the member code is needed, or recovery_code when the app is lost",
        )
        .at("/code")),
    }
}

/// What the client calls itself.
pub(crate) fn agent(headers: &HeaderMap) -> String {
    let agent = headers.get(header::USER_AGENT);
    let agent = agent.and_then(|agent| agent.to_str().ok());
    agent.unwrap_or_default().to_owned()
}

/// Describes [`create`].
pub(crate) fn create_operation() -> Operation {
    Operation::new(
        "signIn",
        "Begins a session, which a cookie brings back. The code is used up.",
    )
    .takes("SignIn")
    .answers(201, "The session.", "NewSession")
    .problems([401, 403, 429, 507])
}

/// Begins a session.
pub(crate) async fn create(
    _: NotCrossSite,
    seen: Seen,
    headers: HeaderMap,
    State(state): State<AppState>,
    JsonBody(body): JsonBody,
) -> Result<Response, ApiError> {
    let mut document = Document::new(&body)?;
    let asked = SignIn {
        name: sign_in_name(&mut document)?,
        password: password(&mut document)?,
        second: second(&mut document)?,
        agent: agent(&headers),
        address: seen.circumstances().address(),
    };
    document.finish()?;
    let signed_in = state.control.sign_in(asked).await?;
    let members = Object::new().with("person", show_person(&signed_in.person));
    Ok(begun(StatusCode::CREATED, &signed_in, members))
}

/// Describes [`list`].
pub(crate) fn list_operation() -> Operation {
    Operation::new("listSessions", "The person's own sessions.").lists("Session")
}

/// The person's own sessions.
pub(crate) async fn list(
    own: InSession,
    parameters: Parameters,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    let sessions = state.control.sessions_of(own.person.id());
    page(
        &parameters,
        &sessions,
        |open: &OpenSession| open.record.id.to_bytes(),
        |open| {
            let is_current = open.record.id == own.session.id;
            Value::Object(show(&open.record, open.last_used.to_string(), is_current))
        },
    )
}

/// Describes [`delete`].
pub(crate) fn delete_operation() -> Operation {
    Operation::new(
        "endSession",
        "Ends one of the person's own sessions, at once; the id \"current\" is that of the request.",
    )
    .answers_nothing()
    .problems([507])
}

/// Ends a session.
pub(crate) async fn delete(
    own: InSession,
    Named(id): Named,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    let id = match id.as_str() {
        CURRENT => own.session.id,
        text => SessionId::parse(text).map_err(|_| ApiError::not_found())?,
    };
    state.control.end_session(own.own(), id).await?;
    let mut response = StatusCode::NO_CONTENT.into_response();
    if id == own.session.id {
        response
            .headers_mut()
            .insert(header::SET_COOKIE, take_back());
    }
    Ok(response)
}

/// Describes [`change_password`].
pub(crate) fn change_password_operation() -> Operation {
    Operation::new(
        "changePassword",
        "Gives the person another password. Every session ends but the one that is begun.",
    )
    .takes("PasswordChange")
    .answers(200, "The new session.", "NewSession")
    .problems([409, 429, 507])
}

/// Gives the person another password.
pub(crate) async fn change_password(
    own: InSession,
    State(state): State<AppState>,
    JsonBody(body): JsonBody,
) -> Result<Response, ApiError> {
    let mut document = Document::new(&body)?;
    let password = password(&mut document)?;
    let second = second(&mut document)?;
    let parts = own.person.parts();
    let about = [parts.sign_in.as_str(), parts.draft.name.as_str()];
    let new = chosen(&mut document, "new_password", &about)?;
    document.finish()?;
    let control = &state.control;
    let changed = control.change_password(own.own(), password, second, new);
    let signed_in = changed.await?;
    let members = Object::new().with("person", show_person(&signed_in.person));
    Ok(begun(StatusCode::OK, &signed_in, members))
}

/// Describes [`offer_factors`].
pub(crate) fn offer_factors_operation() -> Operation {
    Operation::new(
        "offerFactors",
        "Makes another secret for the person's app and other recovery codes. Until they are confirmed, within 15 minutes, those before count.",
    )
    .takes("FactorsChange")
    .answers(200, "What is shown once.", "NewPerson")
    .problems([409, 429, 507])
}

/// Makes another secret for the app and other recovery codes, to be confirmed.
pub(crate) async fn offer_factors(
    own: InSession,
    State(state): State<AppState>,
    JsonBody(body): JsonBody,
) -> Result<Response, ApiError> {
    let mut document = Document::new(&body)?;
    let password = password(&mut document)?;
    let second = second(&mut document)?;
    document.finish()?;
    let control = &state.control;
    let offered = control.offer_factors(own.own(), password, second);
    let members = show_once(&own.person, &offered.await?);
    Ok(answer(StatusCode::OK, &Value::Object(members)))
}

/// Describes [`confirm_factors`].
pub(crate) fn confirm_factors_operation() -> Operation {
    Operation::new(
        "confirmFactors",
        "Lets what was made last in this session count: those before are of no use. Every session ends but the one that is begun.",
    )
    .takes("FactorsConfirmation")
    .answers(200, "The new session.", "NewSession")
    .problems([403, 409, 429, 507])
}

/// Lets the factors count whose app shows the code.
pub(crate) async fn confirm_factors(
    own: InSession,
    State(state): State<AppState>,
    JsonBody(body): JsonBody,
) -> Result<Response, ApiError> {
    let mut document = Document::new(&body)?;
    let code = Code::parse(document.text("code")?).ok_or_else(|| {
        let detail = "code is the six digits that the new app shows";
        Fault::new(FaultCode::InvalidValue, detail).at("/code")
    })?;
    document.finish()?;
    let control = &state.control;
    let confirmed = control.confirm_factors(own.own(), code);
    let signed_in = confirmed.await?;
    let members = Object::new().with("person", show_person(&signed_in.person));
    Ok(begun(StatusCode::OK, &signed_in, members))
}

#[cfg(test)]
mod tests;
