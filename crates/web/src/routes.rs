//! The one list of routes: the router, the OpenAPI document and the table of
//! who gets which status (`docs/route-by-caller.txt`) are made from it.

use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{MethodRouter, delete, get, patch, post};
use axum::{Extension, Router};
use model::grants::Action;

use crate::api::{
    audit, datasets, keys, notices, people, pools, projects, query, records, rows, saved_queries,
    sessions, tickets, usage, version, view_data, views, whoami,
};
use crate::console;
use crate::error::{ApiError, Code};
use crate::keen;
use crate::layers;
use crate::metering;
use crate::openapi::Operation;
use crate::revoked::while_let_in;
use crate::state::AppState;

/// What a caller must have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Needs {
    /// Nothing.
    Nothing,
    /// A key that is in use.
    Key,
    /// A session of a person, whatever the person's role is.
    Session,
    /// This action on the resource of the path, or on the project.
    Right(Action),
    /// One of these actions on the pools that the body names: the one that the
    /// question in it needs.
    OneOf(&'static [Action]),
    /// A ticket that counts, in the path, and a page that it is for.
    Ticket,
}

/// One call of the API.
#[derive(Debug)]
pub(crate) struct Route {
    /// The method.
    pub(crate) method: &'static str,
    /// The path, with its variable segments in braces.
    pub(crate) pattern: &'static str,
    /// What the caller must have; the handler's signature asks for the same.
    pub(crate) needs: Needs,
    /// The query parameters that the call knows.
    pub(crate) parameters: &'static [&'static str],
    /// The handler.
    pub(crate) handler: fn() -> MethodRouter<AppState>,
    /// What the call takes and answers.
    pub(crate) operation: fn() -> Operation,
}

impl Route {
    /// The names of the variable segments.
    pub(crate) fn path_parameters(&self) -> impl Iterator<Item = &'static str> {
        self.pattern
            .split('/')
            .filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'))
    }

    fn changes_something(&self) -> bool {
        let asks = matches!(self.needs, Needs::Right(Action::Read) | Needs::OneOf(_));
        // A simulation asks questions and changes nothing.
        self.method != "GET" && !asks && !self.pattern.ends_with("/simulate")
    }
}

const PAGED: &[&str] = &["limit", "after"];
const ADMIN: Needs = Needs::Right(Action::Admin);
const ISSUE: Needs = Needs::Right(Action::Issue);

macro_rules! routes {
    ($($method:ident $pattern:literal $needs:expr, $parameters:expr, $handler:path, $operation:path;)+) => {
        /// Every route of the native API.
        pub(crate) const ROUTES: &[Route] = &[$(Route {
            method: stringify!($method),
            pattern: $pattern,
            needs: $needs,
            parameters: $parameters,
            handler: || routes!(@ $method $handler),
            operation: $operation,
        },)+];
    };
    (@ GET $handler:path) => { get($handler) };
    (@ POST $handler:path) => { post($handler) };
    (@ PATCH $handler:path) => { patch($handler) };
    (@ DELETE $handler:path) => { delete($handler) };
}

routes! {
    GET "/v1/version" Needs::Nothing, &[], version::read, version::read_operation;
    GET "/v1/openapi.json" Needs::Nothing, &[], version::openapi, version::openapi_operation;
    GET "/v1/whoami" Needs::Key, &[], whoami::read, whoami::read_operation;

    GET "/v1/pools" ADMIN, PAGED, pools::list, pools::list_operation;
    POST "/v1/pools" ADMIN, &[], pools::create, pools::create_operation;
    GET "/v1/pools/{pool}" ADMIN, &[], pools::read, pools::read_operation;
    PATCH "/v1/pools/{pool}" ADMIN, &[], pools::change, pools::change_operation;
    DELETE "/v1/pools/{pool}" ADMIN, &[], pools::delete, pools::delete_operation;
    GET "/v1/pools/{pool}/schema" Needs::Right(Action::Schema), pools::SCHEMA_PARAMETERS,
        pools::schema, pools::schema_operation;
    POST "/v1/pools/{pool}/records" Needs::Right(Action::Ingest), &[],
        records::ingest, records::ingest_operation;
    POST "/v1/pools/{pool}/delete" Needs::Right(Action::Delete), &[],
        records::delete, records::delete_operation;

    GET "/v1/views" ADMIN, PAGED, views::list, views::list_operation;
    POST "/v1/views" ADMIN, &[], views::create, views::create_operation;
    GET "/v1/views/{view}" ADMIN, &[], views::read, views::read_operation;
    PATCH "/v1/views/{view}" ADMIN, &[], views::change, views::change_operation;
    DELETE "/v1/views/{view}" ADMIN, &[], views::delete, views::delete_operation;
    GET "/v1/views/{view}/data" Needs::Right(Action::Read), view_data::GET_PARAMETERS,
        view_data::get, view_data::get_operation;
    POST "/v1/views/{view}/data" Needs::Right(Action::Read), rows::PARAMETERS,
        view_data::post, view_data::post_operation;
    POST "/v1/views/{view}/simulate" ADMIN, &[], views::simulate, views::simulate_operation;

    POST "/v1/query" Needs::OneOf(&[Action::Query, Action::Extract]), rows::PARAMETERS,
        query::ask, query::ask_operation;

    GET "/v1/saved-queries" ADMIN, PAGED, saved_queries::list, saved_queries::list_operation;
    POST "/v1/saved-queries" ADMIN, &[], saved_queries::create, saved_queries::create_operation;
    GET "/v1/saved-queries/{saved}" ADMIN, &[],
        saved_queries::read, saved_queries::read_operation;
    PATCH "/v1/saved-queries/{saved}" ADMIN, &[],
        saved_queries::change, saved_queries::change_operation;
    DELETE "/v1/saved-queries/{saved}" ADMIN, &[],
        saved_queries::delete, saved_queries::delete_operation;
    GET "/v1/saved-queries/{saved}/result" Needs::OneOf(&[Action::Run, Action::Read]),
        saved_queries::RESULT_PARAMETERS,
        saved_queries::result, saved_queries::result_operation;

    POST "/v1/tickets" Needs::OneOf(&[Action::Run, Action::Read]), &[],
        tickets::create, tickets::create_operation;
    GET "/v1/tickets/{ticket}/result" Needs::Ticket, tickets::RESULT_PARAMETERS,
        tickets::result, tickets::result_operation;
    GET "/v1/tickets/{ticket}/chart.svg" Needs::Ticket, tickets::CHART_PARAMETERS,
        tickets::chart, tickets::chart_operation;

    GET "/v1/datasets" Needs::Right(Action::List), PAGED,
        datasets::list, datasets::list_operation;
    POST "/v1/datasets" ADMIN, &[], datasets::create, datasets::create_operation;
    GET "/v1/datasets/{dataset}" Needs::Right(Action::Read), &[],
        datasets::read, datasets::read_operation;
    DELETE "/v1/datasets/{dataset}" ADMIN, &[],
        datasets::delete, datasets::delete_operation;
    GET "/v1/datasets/{dataset}/results" Needs::Right(Action::Retrieve),
        datasets::RESULT_PARAMETERS, datasets::results, datasets::results_operation;

    GET "/v1/keys" ADMIN, keys::LIST_PARAMETERS, keys::list, keys::list_operation;
    POST "/v1/keys" ADMIN, &[], keys::create, keys::create_operation;
    GET "/v1/keys/review" ADMIN, keys::REVIEW_PARAMETERS,
        keys::review, keys::review_operation;
    GET "/v1/keys/{id}" ADMIN, &[], keys::read, keys::read_operation;
    PATCH "/v1/keys/{id}" ADMIN, &[], keys::change, keys::change_operation;
    DELETE "/v1/keys/{id}" ADMIN, &["force"], keys::delete, keys::delete_operation;
    POST "/v1/keys/self/revoke" Needs::Key, &[], keys::revoke, keys::revoke_operation;
    GET "/v1/keys/self/derived" Needs::Key, PAGED,
        keys::list_own_derived, keys::list_own_derived_operation;
    POST "/v1/keys/self/derived/{jti}/revoke" Needs::Key, &[],
        keys::revoke_own_derived, keys::revoke_own_derived_operation;
    GET "/v1/keys/{id}/derived" ADMIN, PAGED,
        keys::list_derived, keys::list_derived_operation;
    POST "/v1/keys/{id}/derived/{jti}/revoke" ADMIN, &[],
        keys::revoke_derived, keys::revoke_derived_operation;
    POST "/v1/keys/{id}/disable" ADMIN, &[], keys::disable, keys::disable_operation;
    POST "/v1/keys/{id}/enable" ADMIN, &[], keys::enable, keys::enable_operation;
    POST "/v1/keys/{id}/copy" ADMIN, &[], keys::copy, keys::copy_operation;
    POST "/v1/keys/{id}/roll" ADMIN, &[], keys::roll, keys::roll_operation;
    POST "/v1/keys/{id}/end-grace" ADMIN, &[], keys::end_grace, keys::end_grace_operation;
    POST "/v1/keys/{id}/undo-roll" ADMIN, &[], keys::undo_roll, keys::undo_roll_operation;
    GET "/v1/keys/{id}/signing-secrets" ADMIN, &[],
        keys::list_signing, keys::list_signing_operation;
    POST "/v1/keys/{id}/signing-secrets" ADMIN, &[],
        keys::make_signing, keys::make_signing_operation;
    DELETE "/v1/keys/{id}/signing-secrets/{secret}" ADMIN, &["force"],
        keys::delete_signing, keys::delete_signing_operation;
    POST "/v1/keys/report" Needs::Nothing, &[], keys::report, keys::report_operation;
    POST "/v1/keys/{id}/quarantine" ADMIN, &[], keys::quarantine, keys::quarantine_operation;
    POST "/v1/keys/{id}/release" ADMIN, &[], keys::release, keys::release_operation;
    POST "/v1/keys/{id}/simulate" ADMIN, &[], keys::simulate, keys::simulate_operation;

    GET "/v1/issued-keys" ISSUE, PAGED, keys::list_issued, keys::list_issued_operation;
    POST "/v1/issued-keys" ISSUE, &[], keys::issue, keys::issue_operation;
    GET "/v1/issued-keys/{id}" ISSUE, &[], keys::read_issued, keys::read_issued_operation;
    DELETE "/v1/issued-keys/{id}" ISSUE, &["force"],
        keys::delete_issued, keys::delete_issued_operation;
    POST "/v1/issued-keys/{id}/disable" ISSUE, &[],
        keys::disable_issued, keys::disable_issued_operation;
    POST "/v1/issued-keys/{id}/roll" ISSUE, &[],
        keys::roll_issued, keys::roll_issued_operation;
    POST "/v1/issued-keys/{id}/end-grace" ISSUE, &[],
        keys::end_grace_issued, keys::end_grace_issued_operation;
    POST "/v1/issued-keys/{id}/undo-roll" ISSUE, &[],
        keys::undo_roll_issued, keys::undo_roll_issued_operation;

    GET "/v1/audit" ADMIN, audit::LIST_PARAMETERS, audit::list, audit::list_operation;
    GET "/v1/audit/export" ADMIN, audit::EXPORT_PARAMETERS,
        audit::export, audit::export_operation;
    GET "/v1/audit/checkpoint" ADMIN, &[], audit::checkpoint, audit::checkpoint_operation;
    GET "/v1/usage" ADMIN, usage::PARAMETERS, usage::list, usage::list_operation;

    GET "/v1/notices" ADMIN, notices::PARAMETERS, notices::list, notices::list_operation;
    POST "/v1/notices/{id}/dismiss" ADMIN, &[], notices::dismiss, notices::dismiss_operation;

    GET "/v1/people" ADMIN, PAGED, people::list, people::list_operation;
    POST "/v1/people/first" ADMIN, &[], people::first, people::first_operation;
    POST "/v1/people/me/password" Needs::Session, &[],
        sessions::change_password, sessions::change_password_operation;
    POST "/v1/people/me/factors" Needs::Session, &[],
        sessions::offer_factors, sessions::offer_factors_operation;
    POST "/v1/people/me/factors/confirm" Needs::Session, &[],
        sessions::confirm_factors, sessions::confirm_factors_operation;
    GET "/v1/people/{id}" ADMIN, &[], people::read, people::read_operation;
    PATCH "/v1/people/{id}" ADMIN, &[], people::change, people::change_operation;
    DELETE "/v1/people/{id}" ADMIN, &[], people::delete, people::delete_operation;
    DELETE "/v1/people/{id}/sessions" ADMIN, &[],
        people::end_sessions, people::end_sessions_operation;
    GET "/v1/invitations" ADMIN, PAGED, people::invitations, people::invitations_operation;
    POST "/v1/invitations" ADMIN, &[], people::invite, people::invite_operation;
    POST "/v1/invitations/accept" Needs::Nothing, &[], people::accept, people::accept_operation;
    DELETE "/v1/invitations/{id}" ADMIN, &[], people::uninvite, people::uninvite_operation;
    POST "/v1/sessions" Needs::Nothing, &[], sessions::create, sessions::create_operation;
    GET "/v1/sessions" Needs::Session, PAGED, sessions::list, sessions::list_operation;
    DELETE "/v1/sessions/{id}" Needs::Session, &[], sessions::delete, sessions::delete_operation;

    GET "/v1/projects" ADMIN, PAGED, projects::manage::list, projects::manage::list_operation;
    POST "/v1/projects" ADMIN, &[], projects::manage::create, projects::manage::create_operation;
    GET "/v1/projects/{project}" ADMIN, &[],
        projects::manage::read, projects::manage::read_operation;
    PATCH "/v1/projects/{project}" ADMIN, &[],
        projects::manage::change, projects::manage::change_operation;
    DELETE "/v1/projects/{project}" ADMIN, &[],
        projects::manage::delete, projects::manage::delete_operation;
    POST "/v1/projects/{project}/keen" ADMIN, &[], projects::keen, projects::keen_operation;
}

/// The native API.
pub fn router(state: AppState) -> Router {
    with_layers(routes(&state), state)
}

fn routes(state: &AppState) -> Router<AppState> {
    let beside = keen::routes(state).merge(console::routes(state));
    ROUTES.iter().fold(beside, |router, route| {
        let mut handler = (route.handler)();
        handler = match route.changes_something() {
            true => handler.route_layer(from_fn(layers::to_completion)),
            false => handler.route_layer(from_fn_with_state(state.clone(), while_let_in)),
        };
        if let Some(asks) = metering::Asks::of(route.pattern) {
            handler = handler.route_layer(Extension(asks));
        }
        let parameters = from_fn_with_state(route.parameters, layers::read_parameters);
        router.route(route.pattern, handler.route_layer(parameters))
    })
}

/// The routes with what is around every one of them.
pub(crate) fn with_layers(routes: Router<AppState>, state: AppState) -> Router {
    routes
        .fallback(|| async {
            ApiError::new(
                Code::NotFound,
                "there is no such call; /v1/openapi.json lists them all",
            )
        })
        .method_not_allowed_fallback(|| async {
            ApiError::new(
                Code::MethodNotAllowed,
                "the address has other methods, listed in the header Allow",
            )
        })
        .layer(from_fn_with_state(state.clone(), layers::around))
        .with_state(state)
}

#[cfg(test)]
mod tests;
