//! Proofs that a person stands behind a change: the members `person` and
//! `code` of a body, beside what the change is made of.

use axum::response::{IntoResponse, Response};
use control::{Control, Proof};
use http::header;
use model::document::text;
use model::fault::{Fault, FaultCode};
use model::people::{Code, SignInName};
use model::value::{Object, Value};
use serde_json::{Value as Json, json};

use crate::error::ApiError;
use crate::session;

const PERSON: &str = "person";
const CODE: &str = "code";

/// The body without its proof, and the proof.
///
/// # Errors
/// A fault for a malformed one, and for a person without a code.
pub(crate) fn split(body: Value) -> Result<(Value, Option<Proof>), Fault> {
    let Value::Object(object) = body else {
        return Ok((body, None));
    };
    let (mut person, mut code, mut rest) = (None, None, Vec::new());
    for (name, value) in object.into_members() {
        match name.as_str() {
            PERSON => person = Some(value).filter(|value| !value.is_null()),
            CODE => code = Some(value).filter(|value| !value.is_null()),
            _ => rest.push((name, value)),
        }
    }
    let rest = rest
        .into_iter()
        .fold(Object::new(), |object, (name, value)| {
            object.with(name, value)
        });
    let person = person.map(|value| {
        let name = text(&value).and_then(SignInName::parse);
        name.map_err(|f| f.at("/person"))
    });
    let person = person.transpose()?;
    let Some(code) = code else {
        if person.is_some() {
            let detail = "the member code is needed beside person";
            return Err(Fault::new(FaultCode::MissingMember, detail).at("/code"));
        }
        return Ok((Value::Object(rest), None));
    };
    let code = Code::parse(text(&code).map_err(|f| f.at("/code"))?).ok_or_else(|| {
        let detail = "code is the six digits that the person's app shows";
        Fault::new(FaultCode::InvalidValue, detail).at("/code")
    })?;
    Ok((Value::Object(rest), Some(Proof { person, code })))
}

/// The answer to a change that may have been proven: when it was, and the
/// caller came by a session, the browser is given that session's new token.
pub(crate) fn finish(control: &Control, answer: Result<Response, ApiError>) -> Response {
    let renewed = control.renewed().filter(|_| answer.is_ok());
    let mut response = answer.into_response();
    if let Some(token) = renewed {
        let cookie = session::give(&token);
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}

/// Puts the members of a proof into an object's schema.
pub(crate) fn describe(schema: &mut Json) {
    schema["properties"][PERSON] = json!({
        "type": ["string", "null"],
        "description": "With a key: the sign-in name of the person whose code is sent.",
    });
    schema["properties"][CODE] = json!({
        "type": ["string", "null"],
        "description": "A fresh one-time code, which changes that widen something need once there are people who manage keys.",
    });
}

#[cfg(test)]
mod tests;
