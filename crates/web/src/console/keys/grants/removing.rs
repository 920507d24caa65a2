//! Taking a grant away, after a look at what is lost.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use http::header;
use model::grants::{Grant, parse_grants};
use model::value::{Object, Value};

use super::super::Here;
use super::super::preview::changes;
use super::super::words::GrantWords;
use super::{Preview, existing, refuse_dialect, refused, saved};
use crate::console::forms::{Fields, Sent};
use crate::console::frame::{Frame, Section, segment};
use crate::console::go_to;
use crate::console::taken::Taken;
use crate::console::visitor::InProject;
use crate::error::ApiError;
use crate::input::Parameters;
use crate::state::AppState;

/// What was taken away a moment ago, sealed.
pub(in crate::console) const AGAIN_PARAMETERS: &[&str] = &["was"];

/// What a grant that was taken away is sealed for.
const PURPOSE: &str = "console grant taken away";

/// Bytes of an address that browsers and proxies carry.
const ADDRESS_BYTES_MAX: usize = 6_000;

#[derive(Template)]
#[template(path = "console/key_ungrant.html")]
struct Remove {
    frame: Frame,
    form: Fields,
    key: String,
    words: GrantWords,
    preview: Preview,
    action: String,
    back: String,
}

async fn show_removal(
    here: &Here,
    state: &AppState,
    grant: &Grant,
    form: Fields,
) -> Result<Response, ApiError> {
    let patch = without(here, grant);
    let shown = Remove {
        frame: Frame::of("Take a grant away", &here.page, Section::Keys),
        key: here.name().to_owned(),
        words: GrantWords::of(grant),
        preview: match changes(here, state, &patch).await {
            Ok(changes) => Preview::Counted(changes),
            Err(_) => Preview::NotNow,
        },
        action: here.address(&format!("/grants/{}/remove", grant.id)),
        back: here.address(""),
        form,
    };
    shown.form.shown_in(&shown)
}

fn without(here: &Here, grant: &Grant) -> Value {
    let rest = here
        .key
        .grants()
        .iter()
        .filter(|other| other.id != grant.id);
    let rest: Vec<Value> = rest.map(Grant::to_value).collect();
    Value::Object(Object::new().with("grants", rest))
}

/// Asks before it takes a grant away, and says what is lost.
pub(in crate::console) async fn remove_form(
    page_of: InProject,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    let here = Here::find(page_of, &state)?;
    refuse_dialect(&here)?;
    let (grant, _) = existing(&here, here.page.segment("grant"))?;
    let form = Fields::blank().with("revision", here.key.revision().to_string());
    show_removal(&here, &state, grant, form).await
}

/// Takes a grant away.
pub(in crate::console) async fn remove(
    State(state): State<AppState>,
    Sent(page_of, form): Sent<InProject>,
) -> Result<Response, ApiError> {
    let here = Here::find(page_of, &state)?;
    refuse_dialect(&here)?;
    let (grant, _) = existing(&here, here.page.segment("grant"))?;
    match saved(&here, &state, &form, &without(&here, grant)).await {
        Ok(mut response) => {
            // The answer goes on with whatever the change gave the session.
            let was = sealed(&here, &state, grant);
            let place = here.address(&format!("/grants/again?was={}", segment(&was)));
            if let (true, Ok(place)) = (place.len() <= ADDRESS_BYTES_MAX, place.parse()) {
                response.headers_mut().insert(header::LOCATION, place);
            }
            Ok(response)
        }
        Err(error) => {
            let fields = refused(Fields::typed(&form, &[], &["code"]), error)?;
            let fields = fields.with("revision", here.key.revision().to_string());
            show_removal(&here, &state, grant, fields).await
        }
    }
}

/// A grant as it is made, without its id: one that ended names nothing any more.
fn was(grant: &Grant) -> Value {
    let members = match grant.to_value() {
        Value::Object(grant) => grant.into_members(),
        _ => Vec::new(),
    };
    let members = members.into_iter().filter(|(name, _)| name != "id");
    let grant = members.fold(Object::new(), |all, (name, value)| all.with(name, value));
    Value::Object(grant)
}

/// The same for the address of the page after it, and back.
fn sealed(here: &Here, state: &AppState, grant: &Grant) -> String {
    let key = here.key.id().to_bytes();
    taken(&key).seal(&here.page, state, &was(grant))
}

fn opened(here: &Here, state: &AppState, sealed: &str) -> Result<Value, ApiError> {
    let key = here.key.id().to_bytes();
    taken(&key).open(&here.page, state, sealed)
}

fn taken(key: &[u8]) -> Taken<'_> {
    Taken {
        purpose: PURPOSE,
        place: key,
    }
}

/// A grant that was taken away, for people; `None` where it cannot be given
/// again, as when what it was on is gone.
fn words_of(here: &Here, state: &AppState, grant: &Value) -> Option<GrantWords> {
    let project = here.page.access.project();
    let lookup = state.control.grant_lookup(project, &[]);
    let grants = parse_grants(&Value::from(vec![grant.clone()]), &lookup).ok()?;
    grants.first().map(GrantWords::of)
}

#[derive(Template)]
#[template(path = "console/key_again.html")]
struct Again {
    frame: Frame,
    form: Fields,
    key: String,
    words: Option<GrantWords>,
    action: String,
    back: String,
}

fn show_again(
    here: &Here,
    state: &AppState,
    grant: &Value,
    form: Fields,
) -> Result<Response, ApiError> {
    let form = form.with("revision", here.key.revision().to_string());
    let shown = Again {
        frame: Frame::of("The grant is gone", &here.page, Section::Keys),
        key: here.name().to_owned(),
        words: words_of(here, state, grant),
        action: here.address("/grants/again"),
        back: here.address(""),
        form,
    };
    shown.form.shown_in(&shown)
}

/// Says that a grant was taken away, and offers to give it again.
pub(in crate::console) async fn again_form(
    page_of: InProject,
    parameters: Parameters,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    let here = Here::find(page_of, &state)?;
    match parameters.get("was") {
        None => Ok(go_to(&here.address(""))),
        Some(was) => {
            let grant = opened(&here, &state, was)?;
            show_again(&here, &state, &grant, Fields::blank().with("was", was))
        }
    }
}

/// Gives the key the grant again, by the rules of giving it one.
pub(in crate::console) async fn again(
    State(state): State<AppState>,
    Sent(page_of, form): Sent<InProject>,
) -> Result<Response, ApiError> {
    let here = Here::find(page_of, &state)?;
    refuse_dialect(&here)?;
    let grant = opened(&here, &state, form.text("was"))?;
    let mut grants: Vec<Value> = here.key.grants().iter().map(Grant::to_value).collect();
    grants.push(grant.clone());
    let patch = Value::Object(Object::new().with("grants", grants));
    match saved(&here, &state, &form, &patch).await {
        Ok(response) => Ok(response),
        Err(error) => {
            let fields = refused(Fields::typed(&form, &["was"], &["code"]), error)?;
            show_again(&here, &state, &grant, fields)
        }
    }
}

#[cfg(test)]
pub(super) fn again_sample(text: &str) -> crate::console::samples::Sample {
    use crate::console::samples::{form, frame, sample};
    let again = Again {
        frame: frame(text),
        form: form(text, &["was", "revision", "code"]),
        key: text.to_owned(),
        words: Some(GrantWords::sample(text, true)),
        action: crate::console::frame::address(text, "/x"),
        back: crate::console::frame::address(text, "/x"),
    };
    sample("key_again.html", &again)
}

#[cfg(test)]
pub(super) fn sample(text: &str) -> crate::console::samples::Sample {
    use super::super::preview::Change;
    use crate::console::samples::{form, frame, sample};
    let address = || crate::console::frame::address(text, "/x");
    let remove = Remove {
        frame: frame(text),
        form: form(text, &["revision", "code"]),
        key: text.to_owned(),
        words: GrantWords::sample(text, true),
        preview: Preview::Counted(vec![Change::sample(text)]),
        action: address(),
        back: address(),
    };
    sample("key_ungrant.html", &remove)
}
