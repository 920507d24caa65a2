//! The dialect of Keen IO, under `/3.0`: what its published client libraries
//! send and expect, on the pools, keys and policies of the house.
//!
//! A collection is a pool. A project speaks the dialect when it was switched
//! on for it; any other answers as one that does not exist. Nothing here
//! decides what a key may do: callers are let in as everywhere, and questions
//! take the same road as native ones.

mod addons;
mod beacons;
mod caller;
mod datasets;
mod deletes;
mod error;
mod events;
mod filters;
mod keys;
mod parameters;
mod policy;
mod projects;
mod queries;
mod question;
mod saved;
mod schema;
pub(crate) mod scoped;
mod transport;
mod writing;

pub use addons::places::{NoPlaces, Places};
pub(crate) use caller::{Caller, Segments};
pub(crate) use error::failed;
pub(crate) use parameters::Parameters;
pub(crate) use question::Question;
pub(crate) use transport::{finish_error, preflight, serves, share};

use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::Response;
use axum::routing::MethodRouter;
use axum::{Extension, Router};
use control::Definitions;
use http::StatusCode;
use model::grants::Action;
use model::value::{Object, Value};

use crate::layers;
use crate::metering;
use crate::revoked::while_let_in;
use crate::routes::Needs;
use crate::state::AppState;

/// One call of the dialect.
#[derive(Debug)]
pub(crate) struct Route {
    /// The method.
    pub(crate) method: &'static str,
    /// The path, with its variable segments in braces.
    pub(crate) pattern: &'static str,
    /// What the caller must have; the handler asks for the same.
    #[cfg_attr(not(test), expect(dead_code, reason = "the table of callers reads it"))]
    pub(crate) needs: Needs,
    /// The handler.
    pub(crate) handler: fn() -> MethodRouter<AppState>,
}

impl Route {
    /// Whether a call may change something; a beacon is a GET that does.
    fn changes_something(&self) -> bool {
        let is_beacon = self.pattern.ends_with("/events/{collection}");
        is_beacon || self.method != "GET" && !self.pattern.contains("/queries/{")
    }
}

macro_rules! routes {
    ($($method:ident $pattern:literal $needs:expr, $handler:path;)+) => {
        /// Every route of the dialect.
        pub(crate) const ROUTES: &[Route] = &[$(Route {
            method: stringify!($method),
            pattern: $pattern,
            needs: $needs,
            handler: || routes!(@ $method $handler),
        },)+];
    };
    (@ GET $handler:path) => { axum::routing::get($handler) };
    (@ POST $handler:path) => { axum::routing::post($handler) };
    (@ PUT $handler:path) => { axum::routing::put($handler) };
    (@ DELETE $handler:path) => { axum::routing::delete($handler) };
}

const ADMIN: Needs = Needs::Right(Action::Admin);
const INGEST: Needs = Needs::Right(Action::Ingest);
const SCHEMA: Needs = Needs::Right(Action::Schema);
/// An extraction takes events as they are, all else asks about them.
const ASKS: Needs = Needs::OneOf(&[Action::Query, Action::Extract]);

routes! {
    GET "/3.0" Needs::Nothing, version;
    GET "/3.0/projects" ADMIN, projects::list;
    GET "/3.0/projects/{project}" ADMIN, projects::read;
    GET "/3.0/projects/{project}/limits" ADMIN, projects::limits;
    GET "/3.0/projects/{project}/organization-usage" ADMIN, projects::usage;

    POST "/3.0/projects/{project}/events" INGEST, writing::bulk;
    GET "/3.0/projects/{project}/events" SCHEMA, schema::list;
    POST "/3.0/projects/{project}/events/{collection}" INGEST, writing::one;
    GET "/3.0/projects/{project}/events/{collection}" SCHEMA, schema::read_or_beacon;
    DELETE "/3.0/projects/{project}/events/{collection}" ADMIN, deletes::events;
    GET "/3.0/projects/{project}/events/{collection}/properties" SCHEMA, schema::properties;
    GET "/3.0/projects/{project}/events/{collection}/properties/{property}" SCHEMA, schema::property;
    DELETE "/3.0/projects/{project}/events/{collection}/properties/{property}" ADMIN, deletes::property;

    GET "/3.0/projects/{project}/queries" Needs::Right(Action::Query), queries::list;
    GET "/3.0/projects/{project}/queries/{analysis}" ASKS, queries::get;
    POST "/3.0/projects/{project}/queries/{analysis}" ASKS, queries::post;

    GET "/3.0/projects/{project}/queries/saved" ADMIN, saved::list;
    GET "/3.0/projects/{project}/queries/saved/{saved}" ADMIN, saved::read;
    PUT "/3.0/projects/{project}/queries/saved/{saved}" ADMIN, saved::put;
    DELETE "/3.0/projects/{project}/queries/saved/{saved}" ADMIN, saved::delete;
    GET "/3.0/projects/{project}/queries/saved/{saved}/result"
        Needs::OneOf(&[Action::Run, Action::Read]), saved::result;

    GET "/3.0/projects/{project}/datasets" Needs::Right(Action::List), datasets::list;
    GET "/3.0/projects/{project}/datasets/{dataset}" Needs::Right(Action::Read), datasets::read;
    PUT "/3.0/projects/{project}/datasets/{dataset}" ADMIN, datasets::put;
    DELETE "/3.0/projects/{project}/datasets/{dataset}" ADMIN, datasets::delete;
    GET "/3.0/projects/{project}/datasets/{dataset}/results"
        Needs::Right(Action::Retrieve), datasets::results;

    POST "/3.0/projects/{project}/keys" ADMIN, keys::create;
    GET "/3.0/projects/{project}/keys" ADMIN, keys::list;
    GET "/3.0/projects/{project}/keys/{key}" ADMIN, keys::get;
    POST "/3.0/projects/{project}/keys/{key}" ADMIN, keys::change;
    POST "/3.0/projects/{project}/keys/{key}/revoke" ADMIN, keys::revoke;
    POST "/3.0/projects/{project}/keys/{key}/unrevoke" ADMIN, keys::unrevoke;
    DELETE "/3.0/projects/{project}/keys/{key}" ADMIN, keys::delete;
}

/// The routes of the dialect. What changes something runs to its end even when
/// its caller goes away.
pub(crate) fn routes(state: &AppState) -> Router<AppState> {
    ROUTES.iter().fold(Router::new(), |router, route| {
        let mut handler = (route.handler)();
        handler = match route.changes_something() {
            true => handler.route_layer(from_fn(layers::to_completion)),
            false => handler.route_layer(from_fn_with_state(state.clone(), while_let_in)),
        };
        if let Some(asks) = metering::Asks::of(route.pattern) {
            handler = handler.route_layer(Extension(asks));
        }
        router.route(route.pattern, handler)
    })
}

/// Whether the project of these definitions speaks the dialect.
fn is_on(definitions: &Definitions) -> bool {
    definitions.project().keen
}

/// A JSON answer of the dialect.
pub(crate) fn json(status: StatusCode, value: &Value) -> Response {
    crate::api::json(status, value)
}

/// Where projects are.
async fn version() -> Response {
    let links = Object::new().with("projects_resource_url", "/3.0/projects");
    json(StatusCode::OK, &Value::Object(links))
}

#[cfg(test)]
pub(crate) mod tests;
