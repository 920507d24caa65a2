use std::time::Duration;

use http::StatusCode;
use model::fault::{Fault, FaultCode};
use serde_json::Value as Json;

use super::*;
use crate::plane::PlaneError;

fn answered(error: ApiError) -> (StatusCode, String, String) {
    use axum::response::IntoResponse;
    let mut response = error.into_response();
    let problem = response
        .extensions_mut()
        .remove::<std::sync::Arc<Problem>>();
    let problem = problem.expect("every error leaves its problem");
    let body = body(&problem, RequestId::from_bytes([1; 16]));
    let json: Json = serde_json::from_slice(&body).expect("JSON");
    let text = |name: &str| json[name].as_str().expect("text").to_owned();
    (status(&problem), text("error_code"), text("message"))
}

#[test]
fn every_error_has_a_name_and_a_status() {
    use FaultCode as F;
    let fault = |code, pointer: &str| ApiError::from(Fault::new(code, "why").at(pointer));
    let cases = [
        (
            fault(F::InvalidValue, "/timeframe"),
            400,
            "TimeframeDefinitionError",
        ),
        (
            fault(F::MissingMember, "/timeframe"),
            400,
            "TimeframeDefinitionError",
        ),
        (
            fault(F::InvalidValue, "/steps/1/timeframe"),
            400,
            "TimeframeDefinitionError",
        ),
        (
            fault(F::MalformedBody, "/filters"),
            400,
            "InvalidFilterError",
        ),
        (
            fault(F::WrongType, "/filters/0/operator"),
            400,
            "InvalidFilterError",
        ),
        (fault(F::InvalidFilter, ""), 400, "InvalidFilterError"),
        (
            fault(F::UnknownTimezone, "/timezone"),
            400,
            "InvalidTimezoneError",
        ),
        (
            fault(F::MissingMember, "/event_collection"),
            400,
            "MissingParameterError",
        ),
        (fault(F::MalformedBody, ""), 400, "InvalidJsonError"),
        (fault(F::WrongType, "/limit"), 400, "InvalidParameterError"),
        (
            ApiError::from(Fault::new(F::LimitExceeded, "large")).of_body(),
            413,
            "RequestTooLargeError",
        ),
        (
            ApiError::from(PlaneError::Deadline(Duration::from_secs(9))),
            504,
            "QueryTimeoutError",
        ),
        (ApiError::from(PlaneError::Full), 507, "InternalServerError"),
        (
            failed(Code::Unauthenticated, "AdminOnlyEndpointError", "no"),
            401,
            "AdminOnlyEndpointError",
        ),
    ];
    for (error, expected, name) in cases {
        let shown = format!("{error:?}");
        let (status, code, message) = answered(error);
        assert_eq!(
            (status.as_u16(), code.as_str()),
            (expected, name),
            "{shown}"
        );
        assert!(!message.is_empty());
    }
}

#[test]
fn a_failure_of_ours_tells_its_request_alone() {
    let (status, code, message) = answered(ApiError::internal("the disk of rack 7"));
    assert_eq!(
        (status.as_u16(), code.as_str()),
        (500, "InternalServerError")
    );
    assert!(!message.contains("rack"), "{message}");
    assert!(
        message.contains(&RequestId::from_bytes([1; 16]).to_string()),
        "{message}"
    );
}
