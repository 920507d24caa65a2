//! What is said of a key, who may use it, and how much it may take.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use model::value::{Object, Value};

use super::super::forms::{Fields, Form, Kept};
use super::super::frame::{Frame, Section};
use super::super::visitor::InProject;
use super::Here;
use super::grants::{refused, saved};
use super::limits::{self, Choices};
use crate::error::{ApiError, Code};
use crate::state::AppState;

const OWN: [&str; 4] = ["name", "description", "derived_tokens", "revision"];

#[derive(Template)]
#[template(path = "console/key_settings.html")]
struct Page {
    frame: Frame,
    form: Fields,
    key: String,
    has_pages: bool,
    derives: Option<bool>,
    choices: Choices,
    action: String,
    back: String,
}

fn show(here: &Here, form: Fields) -> Result<Response, ApiError> {
    let kind = here.key.draft().kind;
    let shown = Page {
        frame: Frame::of("Change a key", &here.page, Section::Keys),
        key: here.name().to_owned(),
        has_pages: kind != model::keys::KeyKind::Secret,
        derives: (!here.is_of_dialect()).then(|| form.value("derived_tokens") == "yes"),
        choices: Choices::of(&form),
        action: here.address("/settings"),
        back: here.address(""),
        form,
    };
    shown.form.shown_in(&shown)
}

/// The page that changes them.
pub(in super::super) async fn form(
    page_of: InProject,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    let here = Here::find(page_of, &state)?;
    let draft = here.key.draft();
    let derives = if draft.derived_tokens { "yes" } else { "" };
    let form = Fields::blank()
        .with("name", draft.name.clone())
        .with("description", draft.description.clone())
        .with("derived_tokens", derives)
        .with("revision", here.key.revision().to_string());
    show(&here, limits::filled(form, draft))
}

/// Changes them.
pub(in super::super) async fn change(
    State(state): State<AppState>,
    Kept(page_of, form, counts): Kept<InProject>,
) -> Result<Response, ApiError> {
    let here = Here::find(page_of, &state)?;
    let names: Vec<&'static str> = OWN[..3].iter().copied().chain(limits::NAMES).collect();
    let fields = limits::placed(Fields::typed(&form, &names, &["code"]));
    let patch = patch(&here, &form);
    let changed = match counts {
        Ok(()) => saved(&here, &state, &form, &patch).await,
        Err(error) => Err(error),
    };
    match changed {
        Ok(response) => Ok(response),
        Err(error) => {
            let is_stale = error.problem().code() == Code::StaleRevision;
            let fields = refused(fields, error)?;
            // Whoever was not told of another change has not seen it.
            let revision = match is_stale {
                true => here.key.revision().to_string(),
                false => form.text("revision").to_owned(),
            };
            show(&here, fields.with("revision", revision))
        }
    }
}

/// What the form says, as the body of the native call.
fn patch(here: &Here, form: &Form) -> Value {
    let draft = here.key.draft();
    let own = Object::new()
        .with("name", kept(form.text("name"), &draft.name))
        .with(
            "description",
            kept(form.text("description"), &draft.description),
        );
    let own = match here.is_of_dialect() {
        true => own,
        false => own.with("derived_tokens", form.text("derived_tokens") == "yes"),
    };
    let members = limits::said(form, Some(draft)).into_members().into_iter();
    Value::Object(members.fold(own, |own, (name, value)| own.with(name, value)))
}

/// What was typed; what a field of a form cannot show as it is stays as it is when
/// it was left alone.
fn kept<'a>(typed: &'a str, before: &'a str) -> &'a str {
    let plain = |text: &str| -> String {
        let text = text.trim().chars().filter(|c| !c.is_control());
        text.collect()
    };
    match plain(typed) == plain(before) {
        true => before,
        false => typed.trim(),
    }
}

#[cfg(test)]
pub(super) fn sample(text: &str) -> Vec<crate::console::samples::Sample> {
    use crate::console::samples::{form, frame, sample};
    let address = || crate::console::frame::address(text, "/x");
    let names: Vec<&'static str> = OWN.into_iter().chain(limits::NAMES).collect();
    let page = Page {
        frame: frame(text),
        form: form(text, &names),
        key: text.to_owned(),
        has_pages: true,
        derives: Some(true),
        choices: Choices::of(&form(text, &names)),
        action: address(),
        back: address(),
    };
    vec![sample("key_settings.html", &page)]
}
