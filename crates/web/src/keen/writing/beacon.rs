//! An event in the address of an image, a script or a link.

use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderName, HeaderValue, Method, StatusCode, header};
use model::permit::Ingest;

use super::{Head, created, store_one};
use crate::error::{ApiError, Code};
use crate::keen::caller::{Caller, Segments};
use crate::keen::events::fault::{EventFault, EventRule};
use crate::keen::transport::{Callback, script};
use crate::keen::{Parameters, beacons, failed};
use crate::state::AppState;

/// Stores an event that stands in the address, and answers what a page or a
/// person expects there: a script, a page elsewhere, or an image.
pub(crate) async fn beacon(state: AppState, mut parts: Parts, data: String) -> Response {
    let callback = match callback(&mut parts, &state).await {
        Ok(callback) => callback,
        Err(error) => return error.into_response(),
    };
    match answer_beacon(&state, parts, &data, callback.as_ref()).await {
        Ok(response) => response,
        Err(error) => {
            let mut response = error.into_response();
            if let Some(callback) = callback {
                response.extensions_mut().insert(callback);
            }
            response
        }
    }
}

async fn callback(parts: &mut Parts, state: &AppState) -> Result<Option<Callback>, ApiError> {
    let parameters = Parameters::from_request_parts(parts, state).await?;
    match parameters.text("jsonp") {
        None => Ok(None),
        Some(name) if beacons::is_callback(name) => Ok(Some(Callback(name.to_owned()))),
        Some(_) => Err(failed(
            Code::InvalidValue,
            "InvalidParameterError",
            "jsonp is the name of a function: letters, digits, _ and $, with dots between names",
        )),
    }
}

async fn answer_beacon(
    state: &AppState,
    mut parts: Parts,
    data: &str,
    callback: Option<&Callback>,
) -> Result<Response, ApiError> {
    let caller = Caller::from_request_parts(&mut parts, state).await?;
    caller.may::<Ingest>()?;
    let parameters = Parameters::from_request_parts(&mut parts, state).await?;
    let target = parameters.text("redirect").map(|text| {
        beacons::target(text).ok_or_else(|| {
            let detail = "redirect is an absolute address that begins with http:// or https://";
            failed(Code::InvalidValue, "InvalidParameterError", detail)
        })
    });
    let target = target.transpose()?;
    let text = beacons::decode(data).ok_or_else(|| {
        let fault = EventFault::new(EventRule::Event, "data is no event as JSON in base 64");
        ApiError::from(fault)
    })?;
    let segments = Segments::from_request_parts(&mut parts, state).await?;
    // Who asks for the head alone looks and does not come.
    if parts.method != Method::HEAD {
        let collection = segments.get("collection");
        store_one(&caller, state, collection, text.into(), &Head::of(&parts)).await?;
    }
    Ok(match (target, callback) {
        (Some(target), _) => elsewhere(target),
        (None, Some(callback)) => script(callback, &model::json::to_text(&created())),
        (None, None) => {
            let gif = HeaderValue::from_static("image/gif");
            ([(header::CONTENT_TYPE, gif)], beacons::PIXEL).into_response()
        }
    })
}

/// Sends a browser elsewhere, where nobody is told of the key in this address.
fn elsewhere(target: HeaderValue) -> Response {
    let silent = HeaderValue::from_static("no-referrer");
    let policy = HeaderName::from_static("referrer-policy");
    let headers = [(header::LOCATION, target), (policy, silent)];
    (StatusCode::FOUND, headers).into_response()
}
