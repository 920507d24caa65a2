//! Settings of a project: its name, its end, and another project beside it.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use control::Carried;
use http::StatusCode;
use model::fault::{Fault, FaultCode};
use model::names::Name;
use model::people::Area;

use super::forms::{self, Fields, Form, Kept, KeptOnce, ONCE, Sent};
use super::frame::{Frame, Section, address, page};
use super::go_to;
use super::handing::For;
use super::visitor::InProject;
use crate::error::ApiError;
use crate::input::Parameters;
use crate::state::AppState;
use crate::step_up;

/// The parameter `done` says what was done a moment ago.
pub(super) const PARAMETERS: &[&str] = &["done"];

#[derive(Template)]
#[template(path = "console/settings.html")]
struct Page {
    frame: Frame,
    form: Fields,
    id: String,
    action: String,
    another: String,
    delete: String,
    done: Option<&'static str>,
}

fn show(here: &InProject, form: Fields, done: Option<&'static str>) -> Result<Response, ApiError> {
    let shown = Page {
        frame: Frame::of("Settings", here, Section::Settings),
        id: here.access.project().to_string(),
        action: here.address("/settings"),
        another: here.address("/settings/another"),
        delete: here.address("/settings/delete"),
        done,
        form,
    };
    shown.form.shown_in(&shown)
}

/// The settings of the project.
pub(super) async fn read(here: InProject, parameters: Parameters) -> Result<Response, ApiError> {
    here.caller(Area::Projects)?;
    let form = Fields::blank().with("name", here.definitions.project().name.clone());
    let done = parameters
        .get("done")
        .map(|_| "The project has this name now.");
    show(&here, form, done)
}

fn name(form: &Form) -> Result<Name, Fault> {
    let name = Name::parse(form.text("name").trim());
    name.map_err(|rule| Fault::new(FaultCode::InvalidName, rule.to_string()).at("/name"))
}

/// Calls the project something else.
pub(super) async fn rename(
    State(state): State<AppState>,
    Kept(here, form, counts): Kept<InProject>,
) -> Result<Response, ApiError> {
    let caller = here.caller(Area::Projects)?;
    let fields = Fields::typed(&form, &["name"], &[]);
    if let Err(error) = counts {
        return show(&here, fields.refused(error)?, None);
    }
    let name = match name(&form) {
        Ok(name) => name,
        Err(fault) => return show(&here, fields.refused(fault)?, None),
    };
    let id = here.access.project();
    let control = &state.control;
    match control
        .change_project(&caller.0, id, Some(&name), None)
        .await
    {
        Ok(()) => Ok(go_to(&address(name.as_str(), "/settings?done=name"))),
        Err(error) => show(&here, fields.refused(error)?, None),
    }
}

#[derive(Template)]
#[template(path = "console/another_project.html")]
struct Another {
    frame: Frame,
    form: Fields,
    action: String,
    back: String,
}

fn show_another(here: &InProject, form: Fields) -> Result<Response, ApiError> {
    let shown = Another {
        frame: Frame::of("Make another project", here, Section::Settings),
        action: here.address("/settings/another"),
        back: here.address("/settings"),
        form,
    };
    shown.form.shown_in(&shown)
}

/// The page that makes another project.
pub(super) async fn another_form(
    here: InProject,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    here.caller(Area::Projects)?;
    show_another(&here, Fields::blank().with(ONCE, forms::fresh(&state)))
}

#[derive(Template)]
#[template(path = "console/project_made.html")]
struct Made {
    frame: Frame,
    name: String,
    /// `None` of a form that was sent again.
    token: Option<String>,
    href: String,
}

fn made(here: &InProject, name: &Name, token: Option<String>) -> Made {
    Made {
        frame: Frame::of("The project is made", here, Section::Settings),
        token,
        href: address(name.as_str(), ""),
        name: name.to_string(),
    }
}

/// Makes another project, and shows the token of its master key once.
pub(super) async fn another(
    State(state): State<AppState>,
    KeptOnce(here, form, turn, counts): KeptOnce<InProject>,
) -> Result<Response, ApiError> {
    let caller = here.caller(Area::Projects)?;
    let fields = Fields::typed(&form, &["name", ONCE], &["code"]);
    if let Err(error) = counts {
        return show_another(&here, fields.refused(error)?);
    }
    let (name, proof) = match name(&form).and_then(|name| Ok((name, form.proof()?))) {
        Ok(read) => read,
        Err(fault) => return show_another(&here, fields.refused(fault)?),
    };
    let control = state.control.proving(proof);
    let once = forms::once(&form, here.address("/settings/another"), name.as_str());
    match control.create_project_once(&caller.0, &name, once).await {
        Ok(Carried::Now((_, secret))) => {
            let shown = made(&here, &name, Some(secret.reveal().to_owned()));
            let first = step_up::finish(&control, page(StatusCode::OK, &shown));
            let again = made(&here, &name, None);
            let of = For::role(&here, Area::Projects);
            turn.hand(&state, of, first, &again).await
        }
        Ok(Carried::Before(_)) => page(StatusCode::OK, &made(&here, &name, None)),
        Err(error) => show_another(&here, fields.refused(error)?),
    }
}

#[derive(Template)]
#[template(path = "console/delete_project.html")]
struct Delete {
    frame: Frame,
    form: Fields,
    name: String,
    keys: usize,
    action: String,
    back: String,
}

fn show_delete(here: &InProject, form: Fields) -> Result<Response, ApiError> {
    let shown = Delete {
        frame: Frame::of("Delete the project", here, Section::Settings),
        name: here.definitions.project().name.clone(),
        keys: here.definitions.keys().count(),
        action: here.address("/settings/delete"),
        back: here.address("/settings"),
        form,
    };
    shown.form.shown_in(&shown)
}

/// Asks before it deletes the project.
pub(super) async fn delete_form(here: InProject) -> Result<Response, ApiError> {
    here.caller(Area::Projects)?;
    show_delete(&here, Fields::blank())
}

/// Deletes the project.
pub(super) async fn delete(
    State(state): State<AppState>,
    Sent(here, _): Sent<InProject>,
) -> Result<Response, ApiError> {
    let caller = here.caller(Area::Projects)?;
    let id = here.access.project();
    match state.control.delete_project(&caller.0, id).await {
        Ok(()) => Ok(go_to(super::ROOT)),
        Err(error) => show_delete(&here, Fields::blank().refused(error)?),
    }
}

#[cfg(test)]
pub(super) fn sample(text: &str) -> Vec<super::samples::Sample> {
    use super::samples::{form, frame, sample};
    let place = || address(text, "/x");
    let page = Page {
        frame: frame(text),
        form: form(text, &["name"]),
        id: text.to_owned(),
        action: place(),
        another: place(),
        delete: place(),
        done: Some(""),
    };
    let another = Another {
        frame: frame(text),
        form: form(text, &["name", ONCE, "code"]),
        action: place(),
        back: place(),
    };
    let made = |token: Option<&str>| Made {
        frame: frame(text),
        name: text.to_owned(),
        token: token.map(str::to_owned),
        href: place(),
    };
    let delete = Delete {
        frame: frame(text),
        form: form(text, &[]),
        name: text.to_owned(),
        keys: 2,
        action: place(),
        back: place(),
    };
    vec![
        sample("settings.html", &page),
        sample("another_project.html", &another),
        sample("project_made.html", &made(Some(text))),
        sample("project_made.html", &made(None)),
        sample("delete_project.html", &delete),
    ]
}
