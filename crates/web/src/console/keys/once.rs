//! A token, shown this one time: when a key is made, copied or rolled.

use askama::Template;
use axum::response::Response;
use control::Made;
use http::StatusCode;
use model::grants::{Action, Selector, Target};
use model::ids::RequestId;
use model::keys::{KeyKind, KeyRecord};
use sha2::{Digest, Sha256};

use super::super::forms::Form;
use super::super::frame::{Frame, Section, page, segment};
use super::super::visitor::InProject;
use crate::error::ApiError;
use crate::state::AppState;

/// The field that makes a form that is sent twice the same request.
pub(super) const ONCE: &str = "once";

/// A fresh name of a request.
pub(super) fn fresh(state: &AppState) -> String {
    RequestId::generate(state.clock.now(), &*state.random).to_string()
}

/// What makes a repetition of this form the same request.
pub(super) fn once(form: &Form, path: String, told: &str) -> Option<control::Once> {
    let name = form.text(ONCE);
    let is_name = name.len() == 26 && name.bytes().all(|byte| byte.is_ascii_alphanumeric());
    is_name.then(|| control::Once {
        path,
        name: format!("console-{name}"),
        fingerprint: Sha256::digest(told).into(),
    })
}

#[derive(Template)]
#[template(path = "console/key_once.html")]
struct Page {
    frame: Frame,
    title: &'static str,
    name: String,
    /// The token; `None` of a form that was sent again.
    token: Option<String>,
    file: String,
    is_publishable: bool,
    is_admin: bool,
    old_goes_on: bool,
    tries: Vec<Try>,
    key: String,
    preview: String,
}

/// Something to try with the token.
struct Try {
    what: String,
    command: String,
}

/// The page with the token.
///
/// # Errors
/// A failure of ours.
pub(super) fn show(
    here: &InProject,
    title: &'static str,
    made: &Made,
    old_goes_on: bool,
) -> Result<Response, ApiError> {
    let key = made.key();
    let own = format!("/keys/{}", key.id());
    let shown = Page {
        frame: Frame::of(title, here, Section::Keys),
        title,
        name: key.draft().name.clone(),
        token: match made {
            Made::Now(_, secret) => Some(secret.reveal().to_owned()),
            Made::Before(_) => None,
        },
        file: file_name(&key.draft().name),
        is_publishable: key.draft().kind == KeyKind::Publishable,
        is_admin: key.draft().is_admin(),
        old_goes_on,
        tries: tries(key),
        key: here.address(&own),
        preview: here.address(&format!("{own}/preview")),
    };
    page(StatusCode::OK, &shown)
}

/// The name of a file that the token is saved in.
fn file_name(name: &str) -> String {
    let chars = name.chars().map(|c| match c.is_ascii_alphanumeric() {
        true => c.to_ascii_lowercase(),
        false => '-',
    });
    let name: String = chars.take(40).collect();
    format!("{}.token", name.trim_matches('-'))
}

/// What can be tried at once, by what the key may do.
fn tries(key: &KeyRecord) -> Vec<Try> {
    let bearer = "-H \"Authorization: Bearer $TIDEGATE_TOKEN\"";
    let mut tries = vec![Try {
        what: "See what the key sees:".to_owned(),
        command: format!("curl -sS \"$TIDEGATE_URL/v1/whoami\" {bearer}"),
    }];
    let grants = key.grants().iter();
    tries.extend(grants.filter_map(|grant| match &grant.on {
        Target::View(Selector::One { name, .. }) if grant.allows(Action::Read) => Some(Try {
            what: format!("Read {name}:"),
            command: format!(
                "curl -sS \"$TIDEGATE_URL/v1/views/{}/data\" {bearer}",
                segment(name.as_str())
            ),
        }),
        Target::Pool(Selector::One { name, .. }) if grant.allows(Action::Ingest) => Some(Try {
            what: format!("Send a record to {name}:"),
            command: format!(
                "curl -sS \"$TIDEGATE_URL/v1/pools/{}/records\" {bearer} --json '{{\"…\": \"…\"}}'",
                segment(name.as_str())
            ),
        }),
        _ => None,
    }));
    tries.truncate(3);
    tries
}

#[cfg(test)]
pub(super) fn sample(text: &str) -> Vec<crate::console::samples::Sample> {
    use crate::console::samples::{frame, sample};
    let address = || crate::console::frame::address(text, "/x");
    let page = |is_first: bool| Page {
        frame: frame(text),
        title: "",
        name: text.to_owned(),
        token: is_first.then(|| text.to_owned()),
        file: text.to_owned(),
        is_publishable: !is_first,
        is_admin: is_first,
        old_goes_on: is_first,
        tries: vec![Try {
            what: text.to_owned(),
            command: text.to_owned(),
        }],
        key: address(),
        preview: address(),
    };
    vec![
        sample("key_once.html", &page(true)),
        sample("key_once.html", &page(false)),
    ]
}
