//! The console: what a person does with Tidegate in a browser.
//!
//! Pages are made here as HTML, and every one of them works without a script.
//! A page acts through the same functions of `control` and of the data plane as
//! the calls under `/v1`: with a permit made of the person's role, with the same
//! audit, the same one-time codes and the same refusals. It has no way of its own to
//! a row. Why it is built so: `docs/adr/036-console.md`.
//!
//! A page is a module: a context that its template is checked against, and the
//! handlers that make it. To add one: the module, the template under
//! `crates/web/templates/console`, its rows in [`routes`], and for the navigation a
//! [`frame::Section`].

mod account;
mod again;
mod asking;
mod assets;
mod audit;
mod definition;
mod errors;
mod explore;
mod filters;
mod first;
mod forms;
mod frame;
mod handing;
mod headers;
mod home;
mod join;
mod keys;
mod multipart;
mod once;
mod paging;
mod people;
mod pictures;
mod pools;
mod readers;
mod routes;
mod rows;
mod saved;
mod settings;
mod shown;
mod sign_in;
mod snippets;
mod taken;
mod times;
mod usage;
mod views;
mod visitor;

pub(crate) use errors::{Came, finish_error};
pub(crate) use forms::Shown;
pub(crate) use handing::{Handing, SECOND_CLICK};
pub(crate) use headers::finish;
pub(crate) use routes::routes;

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};

/// Where the console begins.
pub(crate) const ROOT: &str = "/console";

/// Whether the console answers at this path.
pub(crate) fn serves(path: &str) -> bool {
    let rest = path.strip_prefix(ROOT);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Sends a browser to another page of the console, by GET.
fn go_to(place: &str) -> Response {
    let mut response = StatusCode::SEE_OTHER.into_response();
    // What is no header's value is no address of ours either.
    let place = HeaderValue::from_str(place).unwrap_or(HeaderValue::from_static(ROOT));
    response.headers_mut().insert(header::LOCATION, place);
    response
}

#[cfg(test)]
mod samples;
#[cfg(test)]
mod tests;
