//! The one list of the console's pages, beside that of the API. The table of
//! `crates/web/src/console/tests` that proves K10 and K23 is made from it.

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{MethodRouter, get, post};

use super::{
    account, again, assets, audit, explore, first, handing, home, join, keys, people, pools, saved,
    settings, sign_in, usage, views,
};
use crate::layers;
use crate::revoked::while_let_in;
use crate::state::AppState;

/// Who an address is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum For {
    /// Whoever comes.
    Anybody,
    /// Somebody who signed in.
    Person,
    /// Somebody who signed in and has a role in the project of the path.
    Role,
}

/// One address of the console.
#[derive(Debug)]
pub(super) struct PageRoute {
    /// `GET` or `POST`. Each address that takes a form has a page, too: whoever
    /// must sign in first comes back to it.
    pub(super) method: &'static str,
    /// The path, with its variable segments in braces.
    pub(super) pattern: &'static str,
    /// Who it is for; the handler's signature asks for the same.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "tests hold every address to it")
    )]
    pub(super) of: For,
    /// The query parameters that it knows.
    pub(super) parameters: &'static [&'static str],
    handler: fn() -> MethodRouter<AppState>,
}

macro_rules! pages {
    ($($method:ident $pattern:literal $of:ident $parameters:expr, $handler:path;)+) => {
        /// Every address of the console.
        pub(super) const PAGES: &[PageRoute] = &[$(PageRoute {
            method: stringify!($method),
            pattern: $pattern,
            of: For::$of,
            parameters: $parameters,
            handler: || pages!(@ $method $handler),
        },)+];
    };
    (@ GET $handler:path) => { get($handler) };
    (@ POST $handler:path) => { post($handler) };
}

pages! {
    GET "/" Anybody &[], sign_in::front;
    GET "/console" Anybody &[], sign_in::enter;
    GET "/console/" Anybody &[], sign_in::enter;
    GET "/console/assets/{file}" Anybody &[], assets::read;

    GET "/console/set-up" Anybody &[], first::form;
    POST "/console/set-up" Anybody &[], first::send;
    GET "/console/sign-in" Anybody sign_in::PARAMETERS, sign_in::form;
    POST "/console/sign-in" Anybody sign_in::PARAMETERS, sign_in::send;
    GET "/console/signed-in" Anybody sign_in::PARAMETERS, sign_in::arrived;
    GET "/console/join" Anybody &[], join::form;
    POST "/console/join" Anybody &[], join::send;
    GET "/console/shown-once/{id}" Anybody &[], handing::read;
    GET "/console/sign-out" Person &[], sign_in::out_form;
    POST "/console/sign-out" Person &[], sign_in::out;

    GET "/console/account" Person account::PARAMETERS, account::read;
    GET "/console/account/password" Person &[], account::password_form;
    POST "/console/account/password" Person &[], account::password;
    GET "/console/account/codes" Person &[], account::codes_form;
    POST "/console/account/codes" Person &[], account::codes;
    GET "/console/account/codes/confirm" Person &[], account::confirm_form;
    POST "/console/account/codes/confirm" Person &[], account::confirm;
    GET "/console/account/join" Person &[], join::here_form;
    POST "/console/account/join" Person &[], join::here;
    GET "/console/account/sessions/{id}/end" Person &[], account::end_form;
    POST "/console/account/sessions/{id}/end" Person &[], account::end;

    GET "/console/projects/{project}" Role home::PARAMETERS, home::read;
    GET "/console/projects/{project}/notices" Role home::NOTICE_PARAMETERS, home::list_notices;
    GET "/console/projects/{project}/notices/{id}/dismiss" Role &[], home::dismiss_form;
    POST "/console/projects/{project}/notices/{id}/dismiss" Role &[], home::dismiss;

    GET "/console/projects/{project}/pools" Role pools::PARAMETERS, pools::list;
    GET "/console/projects/{project}/new-pool" Role &[], pools::create_form;
    POST "/console/projects/{project}/new-pool" Role &[], pools::create;
    GET "/console/projects/{project}/new-pool/sample" Role &[], pools::infer_form;
    POST "/console/projects/{project}/new-pool/sample" Role &[], pools::infer;
    GET "/console/projects/{project}/pools/{id}" Role pools::ONE_PARAMETERS, pools::read;
    GET "/console/projects/{project}/pools/{id}/records" Role pools::TAIL_PARAMETERS, pools::tail;
    GET "/console/projects/{project}/pools/{id}/upload" Role &[], pools::upload_form;
    POST "/console/projects/{project}/pools/{id}/upload" Role &[], pools::upload;
    GET "/console/projects/{project}/pools/{id}/remove" Role pools::REMOVE_PARAMETERS, pools::remove_form;
    POST "/console/projects/{project}/pools/{id}/remove" Role &[], pools::remove;
    GET "/console/projects/{project}/pools/{id}/settings" Role &[], pools::change_form;
    POST "/console/projects/{project}/pools/{id}/settings" Role &[], pools::change;
    GET "/console/projects/{project}/pools/{id}/drop" Role &[], pools::drop_form;
    POST "/console/projects/{project}/pools/{id}/drop" Role &[], pools::drop_pool;

    GET "/console/projects/{project}/views" Role views::PARAMETERS, views::list;
    GET "/console/projects/{project}/new-view" Role views::BUILD_PARAMETERS, views::create_form;
    POST "/console/projects/{project}/new-view" Role &[], views::create;
    GET "/console/projects/{project}/new-view/chart.svg" Role views::CHART_PARAMETERS, views::chart;
    GET "/console/projects/{project}/views/{id}" Role views::ONE_PARAMETERS, views::read;
    GET "/console/projects/{project}/views/{id}/chart.svg" Role
        views::ONE_CHART_PARAMETERS, views::chart_of_one;
    GET "/console/projects/{project}/views/{id}/change" Role views::BUILD_PARAMETERS, views::change_form;
    POST "/console/projects/{project}/views/{id}/change" Role &[], views::change;
    GET "/console/projects/{project}/views/{id}/delete" Role &[], views::delete_form;
    POST "/console/projects/{project}/views/{id}/delete" Role &[], views::delete;

    GET "/console/projects/{project}/explore" Role explore::PARAMETERS, explore::read;
    GET "/console/projects/{project}/new-question" Role explore::PARAMETERS, explore::save_form;
    POST "/console/projects/{project}/new-question" Role &[], explore::save;
    GET "/console/projects/{project}/explore/chart.svg" Role explore::CHART_PARAMETERS, explore::chart;
    GET "/console/projects/{project}/saved" Role saved::PARAMETERS, saved::list;
    GET "/console/projects/{project}/saved/{id}" Role saved::ONE_PARAMETERS, saved::read;
    GET "/console/projects/{project}/saved/{id}/chart.svg" Role saved::CHART_PARAMETERS, saved::chart;
    GET "/console/projects/{project}/saved/{id}/delete" Role &[], saved::delete_form;
    POST "/console/projects/{project}/saved/{id}/delete" Role &[], saved::delete;
    GET "/console/projects/{project}/datasets/{id}" Role saved::DATASET_PARAMETERS, saved::read_dataset;
    GET "/console/projects/{project}/datasets/{id}/chart.svg" Role
        saved::DATASET_CHART_PARAMETERS, saved::dataset_chart;
    GET "/console/projects/{project}/datasets/{id}/delete" Role &[], saved::delete_dataset_form;
    POST "/console/projects/{project}/datasets/{id}/delete" Role &[], saved::delete_dataset;

    GET "/console/projects/{project}/make-again" Role again::PARAMETERS, again::form;
    POST "/console/projects/{project}/make-again" Role &[], again::send;

    GET "/console/projects/{project}/keys" Role keys::LIST_PARAMETERS, keys::list;
    GET "/console/projects/{project}/keys/new" Role keys::NEW_PARAMETERS, keys::new_form;
    POST "/console/projects/{project}/keys/new" Role &[], keys::make;
    GET "/console/projects/{project}/keys/review" Role &[], keys::review;
    GET "/console/projects/{project}/keys/{id}" Role keys::KEY_PARAMETERS, keys::read;
    GET "/console/projects/{project}/keys/{id}/preview" Role &[], keys::preview;
    GET "/console/projects/{project}/keys/{id}/settings" Role &[], keys::settings_form;
    POST "/console/projects/{project}/keys/{id}/settings" Role &[], keys::change_settings;
    GET "/console/projects/{project}/keys/{id}/grants/new" Role keys::GRANT_PARAMETERS, keys::add_form;
    POST "/console/projects/{project}/keys/{id}/grants/new" Role &[], keys::add;
    GET "/console/projects/{project}/keys/{id}/grants/again" Role keys::AGAIN_PARAMETERS, keys::grant_again_form;
    POST "/console/projects/{project}/keys/{id}/grants/again" Role &[], keys::grant_again;
    GET "/console/projects/{project}/keys/{id}/grants/{grant}" Role &[], keys::grant_form;
    POST "/console/projects/{project}/keys/{id}/grants/{grant}" Role &[], keys::change_grant;
    GET "/console/projects/{project}/keys/{id}/grants/{grant}/remove" Role &[], keys::remove_grant_form;
    POST "/console/projects/{project}/keys/{id}/grants/{grant}/remove" Role &[], keys::remove_grant;
    GET "/console/projects/{project}/keys/{id}/roll" Role &[], keys::roll_form;
    POST "/console/projects/{project}/keys/{id}/roll" Role &[], keys::roll;
    GET "/console/projects/{project}/keys/{id}/end-grace" Role &[], keys::end_grace_form;
    POST "/console/projects/{project}/keys/{id}/end-grace" Role &[], keys::end_grace;
    GET "/console/projects/{project}/keys/{id}/undo-roll" Role &[], keys::undo_roll_form;
    POST "/console/projects/{project}/keys/{id}/undo-roll" Role &[], keys::undo_roll;
    GET "/console/projects/{project}/keys/{id}/disable" Role &[], keys::disable_form;
    POST "/console/projects/{project}/keys/{id}/disable" Role &[], keys::disable;
    GET "/console/projects/{project}/keys/{id}/enable" Role &[], keys::enable_form;
    POST "/console/projects/{project}/keys/{id}/enable" Role &[], keys::enable;
    GET "/console/projects/{project}/keys/{id}/quarantine" Role &[], keys::quarantine_form;
    POST "/console/projects/{project}/keys/{id}/quarantine" Role &[], keys::quarantine;
    GET "/console/projects/{project}/keys/{id}/release" Role &[], keys::release_form;
    POST "/console/projects/{project}/keys/{id}/release" Role &[], keys::release;
    GET "/console/projects/{project}/keys/{id}/signing/{secret}/end" Role &[], keys::end_signing_form;
    POST "/console/projects/{project}/keys/{id}/signing/{secret}/end" Role &[], keys::end_signing;
    GET "/console/projects/{project}/keys/{id}/derived/{token}/revoke" Role &[], keys::revoke_derived_form;
    POST "/console/projects/{project}/keys/{id}/derived/{token}/revoke" Role &[], keys::revoke_derived;
    GET "/console/projects/{project}/keys/{id}/copy" Role &[], keys::copy_form;
    POST "/console/projects/{project}/keys/{id}/copy" Role &[], keys::copy;
    GET "/console/projects/{project}/keys/{id}/delete" Role &[], keys::delete_form;
    POST "/console/projects/{project}/keys/{id}/delete" Role &[], keys::delete;

    GET "/console/projects/{project}/usage" Role usage::PARAMETERS, usage::read;

    GET "/console/projects/{project}/people" Role people::PARAMETERS, people::list;
    GET "/console/projects/{project}/people/invite" Role &[], people::invite_form;
    POST "/console/projects/{project}/people/invite" Role &[], people::invite;
    GET "/console/projects/{project}/people/invitations/{id}/end" Role &[], people::uninvite_form;
    POST "/console/projects/{project}/people/invitations/{id}/end" Role &[], people::uninvite;
    GET "/console/projects/{project}/people/{id}" Role &[], people::read;
    POST "/console/projects/{project}/people/{id}" Role &[], people::change;
    GET "/console/projects/{project}/people/{id}/end-sessions" Role &[], people::end_sessions_form;
    POST "/console/projects/{project}/people/{id}/end-sessions" Role &[], people::end_sessions;
    GET "/console/projects/{project}/people/{id}/remove" Role &[], people::remove_form;
    POST "/console/projects/{project}/people/{id}/remove" Role &[], people::remove;

    GET "/console/projects/{project}/audit" Role audit::PARAMETERS, audit::list;

    GET "/console/projects/{project}/settings" Role settings::PARAMETERS, settings::read;
    POST "/console/projects/{project}/settings" Role &[], settings::rename;
    GET "/console/projects/{project}/settings/another" Role &[], settings::another_form;
    POST "/console/projects/{project}/settings/another" Role &[], settings::another;
    GET "/console/projects/{project}/settings/delete" Role &[], settings::delete_form;
    POST "/console/projects/{project}/settings/delete" Role &[], settings::delete;
}

/// The console's pages, to be put beside the calls of the API.
pub(crate) fn routes(state: &AppState) -> Router<AppState> {
    PAGES.iter().fold(Router::new(), |router, page| {
        let mut handler = (page.handler)();
        handler = match page.method {
            "GET" => handler.route_layer(from_fn_with_state(state.clone(), while_let_in)),
            _ => handler.route_layer(from_fn(layers::to_completion)),
        };
        let parameters = from_fn_with_state(page.parameters, layers::read_parameters);
        router.route(page.pattern, handler.route_layer(parameters))
    })
}
