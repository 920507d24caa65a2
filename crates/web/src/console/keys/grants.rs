//! Grants of a key: giving one more, changing one, taking one away. Before any
//! of it is saved, the page says which rows are gained and lost.

mod filled;
mod form;
mod removing;
mod said;

pub(super) use form::{Chosen, GrantFields, Purpose, blank, is_editable, names};
pub(in super::super) use removing::{AGAIN_PARAMETERS, again, again_form, remove, remove_form};
pub(super) use said::{Said, said};

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use model::document::merge_patch;
use model::grants::Grant;
use model::ids::GrantId;
use model::value::{Object, Value};
use sha2::{Digest, Sha256};

use super::super::forms::{Fields, Form, Kept};
use super::super::frame::{Frame, Section};
use super::super::go_to;
use super::super::rows::Wrong;
use super::super::visitor::InProject;
use super::Here;
use super::asking::CHANGED;
use super::preview::{Change, changes};
use super::words::GrantWords;
use crate::api::keys::draft;
use crate::error::{ApiError, Code};
use crate::input::Parameters;
use crate::state::AppState;
use crate::step_up;
use filled::filled;
use said::changed;

/// What a new grant is for.
pub(in super::super) const GRANT_PARAMETERS: &[&str] = &["for"];

#[derive(Template)]
#[template(path = "console/key_grant.html")]
struct Page {
    frame: Frame,
    form: Fields,
    key: String,
    /// What an existing grant is now.
    now: Option<GrantWords>,
    purpose: &'static str,
    purposes: Vec<(String, &'static str, bool)>,
    fields: GrantFields,
    preview: Preview,
    action: String,
    back: String,
}

/// What the page says of a change before it is saved.
enum Preview {
    /// Nothing yet.
    None,
    /// Which rows it gives and takes.
    Counted(Vec<Change>),
    /// They cannot be counted now.
    NotNow,
}

/// What a form of a grant is about.
#[derive(Clone, Copy)]
enum About<'a> {
    New(Purpose),
    Existing(&'a Grant),
}

fn words(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Read => "Read results",
        Purpose::Ask => "Ask pools",
        Purpose::Write => "Write records",
    }
}

fn show(
    here: &Here,
    state: &AppState,
    about: About<'_>,
    (form, chosen): (Fields, Chosen),
    preview: Preview,
) -> Result<Response, ApiError> {
    let definitions = here.caller.definitions(state);
    let access = &here.page.access;
    let (title, now, fields, below) = match about {
        About::New(purpose) => (
            "Let the key do more",
            None,
            GrantFields::of((&definitions, access), purpose, (&form, &chosen)),
            "/grants/new".to_owned(),
        ),
        About::Existing(grant) => (
            "Change what the key may do",
            Some(GrantWords::of(grant)),
            GrantFields::of_grant(&definitions, grant, (&form, &chosen)),
            format!("/grants/{}", grant.id),
        ),
    };
    let purpose = match about {
        About::New(purpose) => Some(purpose),
        About::Existing(..) => None,
    };
    let own = here.address(&below);
    let purposes = Purpose::ALL.into_iter().filter(|_| purpose.is_some());
    let purposes = purposes.map(|one| {
        let href = format!("{own}?for={}", one.word());
        (href, words(one), Some(one) == purpose)
    });
    let shown = Page {
        frame: Frame::of(title, &here.page, Section::Keys),
        key: here.name().to_owned(),
        now,
        purpose: purpose.map_or("", Purpose::word),
        purposes: purposes.collect(),
        fields,
        preview,
        action: own,
        back: here.address(""),
        form,
    };
    shown.form.shown_in(&shown)
}

fn existing<'a>(here: &'a Here, text: &str) -> Result<(&'a Grant, usize), ApiError> {
    let id = GrantId::parse(text).ok();
    let mut grants = here.key.grants().iter().enumerate();
    let found = grants.find(|(_, grant)| Some(grant.id) == id);
    let (place, grant) = found.ok_or_else(ApiError::not_found)?;
    Ok((grant, place))
}

/// What a key of a dialect may do is said by the dialect: there is no such page.
fn refuse_dialect(here: &Here) -> Result<(), ApiError> {
    match here.is_of_dialect() {
        true => Err(ApiError::not_found()),
        false => Ok(()),
    }
}

/// The page that gives a key one more grant.
pub(in super::super) async fn add_form(
    page_of: InProject,
    parameters: Parameters,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    let here = Here::find(page_of, &state)?;
    refuse_dialect(&here)?;
    let purpose = parameters.get("for").and_then(Purpose::parse);
    let purpose = purpose.unwrap_or(Purpose::Read);
    let definitions = here.caller.definitions(&state);
    let form = blank(&definitions, purpose).with("revision", here.key.revision().to_string());
    let chosen = Chosen {
        on: Vec::new(),
        actions: vec!["query".to_owned()],
    };
    show(
        &here,
        &state,
        About::New(purpose),
        (form, chosen),
        Preview::None,
    )
}

/// Gives a key one more grant, or says first what that would change.
pub(in super::super) async fn add(
    State(state): State<AppState>,
    Kept(page_of, form, counts): Kept<InProject>,
) -> Result<Response, ApiError> {
    let here = Here::find(page_of, &state)?;
    refuse_dialect(&here)?;
    let purpose = Purpose::parse(form.text("for")).unwrap_or(Purpose::Read);
    let definitions = here.caller.definitions(&state);
    let place = here.key.grants().len();
    let said = said(&form, purpose, &definitions, place);
    let grants = said.map(|said| {
        let mut all = written(&here);
        all.extend(said.grants.iter().cloned());
        (all, said)
    });
    save(&here, &state, About::New(purpose), (&form, counts), grants).await
}

/// The page that changes a grant.
pub(in super::super) async fn change_form(
    page_of: InProject,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    let here = Here::find(page_of, &state)?;
    let (grant, _) = existing(&here, here.page.segment("grant"))?;
    if !is_editable(grant) || here.is_of_dialect() {
        return Err(ApiError::not_found());
    }
    let (form, chosen) = filled(grant, &here.caller.definitions(&state));
    let form = form.with("revision", here.key.revision().to_string());
    show(
        &here,
        &state,
        About::Existing(grant),
        (form, chosen),
        Preview::None,
    )
}

/// Changes a grant, or says first what that would change.
pub(in super::super) async fn change(
    State(state): State<AppState>,
    Kept(page_of, form, counts): Kept<InProject>,
) -> Result<Response, ApiError> {
    let here = Here::find(page_of, &state)?;
    let (grant, place) = existing(&here, here.page.segment("grant"))?;
    if !is_editable(grant) || here.is_of_dialect() {
        return Err(ApiError::not_found());
    }
    let definitions = here.caller.definitions(&state);
    let grants = changed(&form, grant, &definitions, place).map(|said| {
        let mut all = written(&here);
        if let Some(new) = said.grants.first() {
            all[place] = new.clone();
        }
        (all, said)
    });
    save(
        &here,
        &state,
        About::Existing(grant),
        (&form, counts),
        grants,
    )
    .await
}

/// The key's grants as the wire has them.
fn written(here: &Here) -> Vec<Value> {
    here.key.grants().iter().map(Grant::to_value).collect()
}

async fn save(
    here: &Here,
    state: &AppState,
    about: About<'_>,
    (form, counts): (&Form, Result<(), ApiError>),
    grants: Result<(Vec<Value>, Said), Wrong>,
) -> Result<Response, ApiError> {
    let mut kept = names();
    kept.push("for");
    let fields = Fields::typed(form, &kept, &["code", "on", "action"]);
    let chosen = Chosen::of(form);
    if let Err(error) = counts {
        // It holds no revision that was looked at: that of the key as it is now.
        let fields = fields
            .refused(error)?
            .with("revision", here.key.revision().to_string());
        return show(here, state, about, (fields, chosen), Preview::None);
    }
    let (grants, fields) = match grants {
        Ok((grants, said)) => (grants, said.place(fields)),
        Err(Wrong(field, rule)) => {
            let fields = fields
                .broken(field, &rule)
                .with("revision", here.key.revision().to_string());
            return show(here, state, about, (fields, chosen), Preview::None);
        }
    };
    let patch = Value::Object(Object::new().with("grants", grants));
    let seen = digest(here, &patch);
    // What is saved is what the page said of it, and of the key as it is now.
    let is_seen = form.text("do") == "save" && form.text("seen") == seen;
    let mut fields = fields.with("seen", seen);
    let is_stale = form.text("revision") != here.key.revision().to_string();
    if form.text("do") == "save" && is_stale {
        fields = refused(fields, ApiError::stale())?;
    }
    if is_seen {
        match saved(here, state, form, &patch).await {
            Ok(response) => return Ok(response),
            Err(error) => fields = refused(fields, error)?,
        }
    }
    let fields = fields.with("revision", here.key.revision().to_string());
    match changes(here, state, &patch).await {
        Ok(seen) => show(here, state, about, (fields, chosen), Preview::Counted(seen)),
        // Busy, or broken: that is no reason against the change itself.
        Err(error) if error.problem().status().is_server_error() => {
            show(here, state, about, (fields, chosen), Preview::NotNow)
        }
        Err(error) => show(
            here,
            state,
            about,
            (fields.refused(error)?, chosen),
            Preview::None,
        ),
    }
}

/// The form with what a save was refused for, in words for people.
pub(super) fn refused(fields: Fields, error: ApiError) -> Result<Fields, ApiError> {
    let is_stale = error.problem().code() == Code::StaleRevision;
    let mut fields = fields.refused(error)?;
    if is_stale {
        fields.error = Some(CHANGED.to_owned());
    }
    Ok(fields)
}

/// What a preview was of: this change, of the key as it is now.
fn digest(here: &Here, patch: &Value) -> String {
    let text = format!("{} {}", here.key.revision(), model::json::to_text(patch));
    let digest = Sha256::digest(text);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Saves a change of a key that the form was shown for.
pub(super) async fn saved(
    here: &Here,
    state: &AppState,
    form: &Form,
    patch: &Value,
) -> Result<Response, ApiError> {
    let merged = merge_patch(&here.key.draft().to_value(), patch);
    let draft = draft(&here.caller, state, &merged, Some(&here.key))?;
    let control = state.control.proving(form.proof()?);
    let revision = form.text("revision").parse().unwrap_or(-1);
    let changed = control.change_key(&here.caller.0, here.key.id(), Some(revision), draft);
    match changed.await {
        Ok(_) => {
            let done = match patch.as_object().and_then(|patch| patch.get("grants")) {
                Some(_) => "?done=grant",
                None => "?done=settings",
            };
            Ok(step_up::finish(&control, Ok(go_to(&here.address(done)))))
        }
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
pub(super) fn sample(text: &str) -> Vec<crate::console::samples::Sample> {
    use crate::console::samples::{form, frame, sample};
    let address = || crate::console::frame::address(text, "/x");
    let page = |is_full: bool| Page {
        frame: frame(text),
        form: form(
            text,
            &["rows", "filters", "hidden_fields", "on", "revision", "code"],
        ),
        key: text.to_owned(),
        now: is_full.then(|| GrantWords::sample(text, true)),
        purpose: "read",
        purposes: vec![(address(), "Read results", true)],
        fields: GrantFields::sample(text, is_full),
        preview: match is_full {
            true => Preview::Counted(vec![Change::sample(text)]),
            false => Preview::NotNow,
        },
        action: address(),
        back: address(),
    };
    vec![
        sample("key_grant.html", &page(true)),
        sample("key_grant.html", &page(false)),
        removing::sample(text),
        removing::again_sample(text),
    ]
}
