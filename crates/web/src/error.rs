//! The one table from errors to answers: status, code, title and words.
//!
//! Every error of the wire becomes an [`ApiError`] here, and nowhere else is a
//! status chosen for one. What an error says outside is its problem document;
//! what it says inside goes to the log, once, under the request's id.

mod from;
mod table;

pub use table::Code;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use model::fault::FaultCode;
use model::ids::RequestId;
use serde_json::{Map, Value as Json};

/// The media type of problem documents (RFC 9457).
pub(crate) const PROBLEM_TYPE: &str = "application/problem+json";

/// The one sentence for what does not exist and for what the key may not see.
const NOT_FOUND: &str = "there is no such resource for this key";
/// The one sentence of every failure of ours; the request id leads to its cause.
const SERVER_SIDE: &str =
    "the request was not carried out; the server's log has the cause under this request id";

/// Why a request was not carried out.
#[derive(Debug)]
pub(crate) struct ApiError(Box<Problem>);

/// What an [`ApiError`] says, outside and inside.
#[derive(Debug)]
pub(crate) struct Problem {
    code: Code,
    status: StatusCode,
    detail: Cow<'static, str>,
    pointer: Option<String>,
    field: Option<String>,
    errors: Vec<String>,
    retry_after: Option<Duration>,
    inside: Option<String>,
    /// What a dialect calls it, where it has a name of its own.
    name: Option<&'static str>,
}

impl ApiError {
    /// An error of this code. Of a failure of ours, `detail` is for the log alone.
    pub(crate) fn new(code: Code, detail: impl Into<Cow<'static, str>>) -> Self {
        let (detail, inside) = if code.is_ours() {
            (Cow::Borrowed(SERVER_SIDE), Some(detail.into().into_owned()))
        } else {
            (detail.into(), None)
        };
        Self(Box::new(Problem {
            code,
            status: code.status(),
            detail,
            pointer: None,
            field: None,
            errors: Vec::new(),
            retry_after: None,
            inside,
            name: None,
        }))
    }

    /// What is wrong on our side; `cause` is for the log alone.
    pub(crate) fn internal(cause: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Code::Internal, cause)
    }

    /// The answer where nothing is, or nothing that the key may see.
    pub(crate) fn not_found() -> Self {
        Self::new(Code::NotFound, NOT_FOUND)
    }

    /// The answer to a stale `If-Match`.
    pub(crate) fn stale() -> Self {
        Self::new(
            Code::StaleRevision,
            "the definition is not the one that If-Match names; read it again and repeat the change",
        )
    }

    /// The same error; a stated limit that a whole body breaks is 413.
    #[must_use]
    pub(crate) fn of_body(mut self) -> Self {
        if self.0.code == Code::LimitExceeded {
            self.0.status = StatusCode::PAYLOAD_TOO_LARGE;
        }
        self
    }

    /// The same error, said of the member at `pointer`.
    #[must_use]
    pub(crate) fn at(mut self, pointer: String) -> Self {
        self.0.pointer = Some(pointer);
        self
    }

    /// The same error with a word for the log.
    #[must_use]
    pub(crate) fn logged(mut self, inside: impl ToString) -> Self {
        self.0.inside = Some(inside.to_string());
        self
    }

    /// The same error with the name that a dialect has for it.
    #[must_use]
    pub(crate) fn called(mut self, name: &'static str) -> Self {
        self.0.name = Some(name);
        self
    }

    /// What the error says.
    pub(crate) fn problem(&self) -> &Problem {
        &self.0
    }

    /// What the error says, for who shows it in another form.
    pub(crate) fn into_problem(self) -> Arc<Problem> {
        Arc::new(*self.0)
    }

    fn listing(mut self, errors: Vec<String>) -> Self {
        self.0.errors = errors;
        self
    }

    fn retry_after(mut self, after: Duration) -> Self {
        self.0.retry_after = Some(after);
        self
    }
}

impl IntoResponse for ApiError {
    /// The status and headers. The document follows in
    /// [`crate::layers::around`], which knows the request's id.
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = self.0.status;
        let headers = response.headers_mut();
        if self.0.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if self.0.code == Code::BodyTimeout {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        if let Some(after) = self.0.retry_after {
            let seconds = after.as_secs() + u64::from(after.subsec_nanos() > 0);
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds.max(1)));
        }
        response.extensions_mut().insert(Arc::new(*self.0));
        response
    }
}

impl Problem {
    /// The code.
    pub(crate) fn code(&self) -> Code {
        self.code
    }

    /// The status.
    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }

    /// What is wrong, in words for the caller.
    pub(crate) fn detail(&self) -> &str {
        &self.detail
    }

    /// The field of the pool that it is about.
    pub(crate) fn field(&self) -> Option<&str> {
        self.field.as_deref()
    }

    /// The member at fault, when it is about one.
    pub(crate) fn pointer(&self) -> Option<&str> {
        self.pointer.as_deref()
    }

    /// After how long it may be tried again.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// What a dialect calls it.
    pub(crate) fn name(&self) -> Option<&'static str> {
        self.name
    }

    /// The problem document.
    pub(crate) fn document(&self, request: RequestId) -> Vec<u8> {
        let mut members = Map::new();
        let mut put = |name: &str, value: Json| members.insert(name.to_owned(), value);
        put(
            "type",
            format!("urn:tidegate:problem:{}", self.code.name()).into(),
        );
        put("title", self.code.title().into());
        put("status", self.status.as_u16().into());
        put("detail", self.detail.as_ref().into());
        put("code", self.code.name().into());
        put("request_id", request.to_string().into());
        if let Some(pointer) = &self.pointer {
            put("pointer", pointer.as_str().into());
        }
        if let Some(field) = &self.field {
            put("field", field.as_str().into());
        }
        if !self.errors.is_empty() {
            let errors = self.errors.iter();
            put(
                "errors",
                errors
                    .map(|detail| serde_json::json!({ "detail": detail }))
                    .collect(),
            );
        }
        Json::Object(members).to_string().into_bytes()
    }

    /// Writes the inside to the log: as an error when the fault is ours.
    pub(crate) fn log(&self, request: RequestId) {
        let (code, inside) = (self.code.name(), self.inside.as_deref().unwrap_or(""));
        if self.code.is_ours() {
            tracing::error!(%request, code, inside, "request failed");
        } else if self.inside.is_some() {
            tracing::info!(%request, code, inside, "request refused");
        }
    }
}

impl Code {
    /// Whether the failure is ours, and its cause for the log alone.
    pub(crate) fn is_ours(self) -> bool {
        self.status().is_server_error()
    }

    /// The code of a fault of the request.
    fn of(code: FaultCode) -> Self {
        match code {
            FaultCode::MalformedBody => Self::MalformedBody,
            FaultCode::DuplicateMember => Self::DuplicateMember,
            FaultCode::UnknownMember => Self::UnknownMember,
            FaultCode::MissingMember => Self::MissingMember,
            FaultCode::WrongType => Self::WrongType,
            FaultCode::InvalidValue => Self::InvalidValue,
            FaultCode::InvalidName => Self::InvalidName,
            FaultCode::InvalidFilter => Self::InvalidFilter,
            FaultCode::UnknownField => Self::UnknownField,
            FaultCode::FieldNotInView => Self::FieldNotInView,
            FaultCode::UnknownResource => Self::UnknownResource,
            FaultCode::LimitExceeded => Self::LimitExceeded,
            FaultCode::UnknownTimezone => Self::UnknownTimezone,
            FaultCode::InvalidCursor => Self::InvalidCursor,
            FaultCode::GrantAmbiguous => Self::GrantAmbiguous,
            FaultCode::InUse => Self::InUse,
            FaultCode::NotAvailable => Self::NotAvailable,
        }
    }
}

#[cfg(test)]
mod tests;
