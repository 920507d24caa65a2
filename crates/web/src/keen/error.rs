//! The dialect's table of errors: from the house's own to
//! `{"message", "error_code"}`, which its clients read both of.

use std::borrow::Cow;

use http::StatusCode;
use model::ids::RequestId;
use model::value::{Object, Value};

use crate::error::{ApiError, Code, Problem};

/// An error that the dialect has a name of its own for.
pub(crate) fn failed(
    code: Code,
    name: &'static str,
    detail: impl Into<Cow<'static, str>>,
) -> ApiError {
    ApiError::new(code, detail).called(name)
}

/// The body of an error. Of a failure of ours it says the request's id alone.
pub(crate) fn body(problem: &Problem, request: RequestId) -> Vec<u8> {
    let message = if problem.code().is_ours() {
        format!("{} {request}", problem.detail())
    } else {
        problem.detail().to_owned()
    };
    let body = Object::new()
        .with("message", message)
        .with("error_code", name(problem));
    model::json::to_text(&Value::Object(body)).into_bytes()
}

/// The status: the house's own, but for a question that took too long.
pub(crate) fn status(problem: &Problem) -> StatusCode {
    match problem.code() {
        Code::DeadlineExceeded => StatusCode::GATEWAY_TIMEOUT,
        _ => problem.status(),
    }
}

/// The name of an error that has no answer of its own.
pub(crate) fn name_of(error: &ApiError) -> &'static str {
    name(error.problem())
}

/// The name of the error: the one that it was given, else by its code and the
/// parameter that it points at.
fn name(problem: &Problem) -> &'static str {
    if let Some(name) = problem.name() {
        return name;
    }
    match problem.code() {
        Code::Unauthenticated | Code::SignatureRequired | Code::SignatureRefused => {
            "InvalidApiKeyError"
        }
        Code::ActionNotGranted
        | Code::OriginNotAllowed
        | Code::AddressNotAllowed
        | Code::KeptByServer
        | Code::Quarantined => "RequestForbiddenError",
        Code::NotFound | Code::MethodNotAllowed => "ResourceNotFoundError",
        Code::NameTaken | Code::InUse | Code::LastAdmin | Code::RecentlyUsed => {
            "ResourceConflictError"
        }
        Code::CallerChanged | Code::StaleRevision | Code::IdempotencyMismatch => {
            "ResourceConflictError"
        }
        Code::QuotaReached => "StorageQuotaReachedError",
        Code::CreditsSpent => "CreditsSpentError",
        Code::RateLimited | Code::TooManyQueries => "TooManyRequestsError",
        Code::Busy => "ServiceUnavailableError",
        Code::DeadlineExceeded => "QueryTimeoutError",
        Code::Internal | Code::DiskFull => "InternalServerError",
        Code::BodyTimeout => "RequestTimeoutError",
        Code::MissingMember => of_parameter(problem).unwrap_or("MissingParameterError"),
        Code::MalformedBody => of_parameter(problem).unwrap_or("InvalidJsonError"),
        Code::InvalidFilter => "InvalidFilterError",
        Code::UnknownTimezone => "InvalidTimezoneError",
        Code::InvalidName if problem.pointer() == Some("/event_collection") => {
            "InvalidCollectionNameError"
        }
        Code::InvalidName => of_parameter(problem).unwrap_or("InvalidPropertyNameError"),
        Code::LimitExceeded if problem.status() == StatusCode::PAYLOAD_TOO_LARGE => {
            "RequestTooLargeError"
        }
        _ => of_parameter(problem).unwrap_or("InvalidParameterError"),
    }
}

/// The name of what is wrong with a parameter that has one of its own.
fn of_parameter(problem: &Problem) -> Option<&'static str> {
    let mut steps = problem.pointer()?.split('/').skip(1);
    let first = steps.next()?;
    // A step of a funnel has the same parameters.
    let parameter = if first == "steps" {
        steps.nth(1)?
    } else {
        first
    };
    match parameter {
        "timeframe" | "from" | "to" => Some("TimeframeDefinitionError"),
        "filters" => Some("InvalidFilterError"),
        "timezone" => Some("InvalidTimezoneError"),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
