//! Asking.

use axum::response::Response;
use http::StatusCode;
use model::permit::AskPool;
use model::value::{Object, Value};

use super::{Caller, json};
use crate::error::ApiError;

/// The names under which [`list`] shows each analysis; their irregular
/// endings are the vendor's.
const LISTED: [(&str, &str); 11] = [
    ("count_url", "count"),
    ("count_unique_url", "count_unique"),
    ("minimum", "minimum"),
    ("maximum", "maximum"),
    ("sum", "sum"),
    ("average", "average"),
    ("median", "median"),
    ("percentile", "percentile"),
    ("select_unique_url", "select_unique"),
    ("extraction_url", "extraction"),
    ("funnel_url", "funnel"),
];

/// `GET P/queries`: where each analysis is asked for.
pub(crate) async fn list(caller: Caller) -> Result<Response, ApiError> {
    caller.may::<AskPool>()?;
    let base = format!("{}/queries", caller.base());
    let links = LISTED
        .iter()
        .fold(Object::new(), |links, (name, analysis)| {
            links.with(*name, format!("{base}/{analysis}"))
        });
    Ok(json(StatusCode::OK, &Value::Object(links)))
}
