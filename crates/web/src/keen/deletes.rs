//! Deleting events, collections and properties: for the master key alone.

use axum::response::Response;

use super::{Caller, failed};
use crate::error::{ApiError, Code};

/// Refuses to delete a property: what is stored of events is never rewritten
/// but by deleting them.
pub(crate) async fn property(caller: Caller) -> Result<Response, ApiError> {
    caller.master()?;
    Err(failed(
        Code::NotAvailable,
        "NotSupportedError",
        "a property of stored events cannot be deleted; delete the events, or let keys not see the field",
    ))
}
