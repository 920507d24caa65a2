//! Taking a grant away, after a look at what is lost.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use model::grants::Grant;
use model::value::{Object, Value};

use super::super::Here;
use super::super::preview::changes;
use super::super::words::GrantWords;
use super::{Preview, existing, refuse_dialect, refused, saved};
use crate::console::forms::{Fields, Sent};
use crate::console::frame::{Frame, Section};
use crate::console::visitor::InProject;
use crate::error::ApiError;
use crate::state::AppState;

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
        Ok(response) => Ok(response),
        Err(error) => {
            let fields = refused(Fields::typed(&form, &[], &["code"]), error)?;
            let fields = fields.with("revision", here.key.revision().to_string());
            show_removal(&here, &state, grant, fields).await
        }
    }
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
