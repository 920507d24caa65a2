//! All notices of the project's keys that nobody dealt with, and dealing with one.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use control::Notice;
use http::StatusCode;
use model::ids::NoticeId;
use model::people::Area;

use super::doing::{Attention, of_notice, open_notices};
use crate::console::forms::{Fields, Sent};
use crate::console::frame::{Frame, Section, page};
use crate::console::go_to;
use crate::console::paging::{self, Ways};
use crate::console::visitor::InProject;
use crate::error::ApiError;
use crate::input::Parameters;
use crate::state::AppState;

/// What was done a moment ago, and which page of the list.
pub(in crate::console) const PARAMETERS: &[&str] = &["done", "page"];

#[derive(Template)]
#[template(path = "console/notices.html")]
struct Page {
    frame: Frame,
    notices: Vec<Attention>,
    ways: Ways,
    done: bool,
    back: String,
}

/// All of them.
pub(in crate::console) async fn list(
    here: InProject,
    parameters: Parameters,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    let notices = open_notices(&here, &state).await?;
    let paged = paging::page(notices, (&here, "/notices"), &parameters);
    let shown = Page {
        frame: Frame::of("Notices", &here, Section::Home),
        notices: paged
            .items
            .iter()
            .map(|notice| of_notice(&here, notice))
            .collect(),
        ways: paged.ways,
        done: parameters.get("done").is_some(),
        back: here.address(""),
    };
    page(StatusCode::OK, &shown)
}

#[derive(Template)]
#[template(path = "console/dismiss.html")]
struct Dismiss {
    frame: Frame,
    form: Fields,
    notice: Attention,
    action: String,
    back: String,
}

/// The notice that the segment `id` of the path names, while nobody dealt with it.
async fn found(here: &InProject, state: &AppState) -> Result<Notice, ApiError> {
    let notices = open_notices(here, state).await?;
    let id = NoticeId::parse(here.segment("id")).map_err(|_| ApiError::not_found())?;
    let found = notices.into_iter().find(|notice| notice.id == id);
    found.ok_or_else(ApiError::not_found)
}

fn show(here: &InProject, notice: &Notice, form: Fields) -> Result<Response, ApiError> {
    let shown = Dismiss {
        frame: Frame::of("Dismiss a notice", here, Section::Home),
        notice: of_notice(here, notice),
        action: here.address(&format!("/notices/{}/dismiss", notice.id)),
        back: here.address("/notices"),
        form,
    };
    shown.form.shown_in(&shown)
}

/// Asks before a notice goes from the lists.
pub(in crate::console) async fn dismiss_form(
    here: InProject,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    let notice = found(&here, &state).await?;
    show(&here, &notice, Fields::blank())
}

/// Notes that a notice is dealt with.
pub(in crate::console) async fn dismiss(
    State(state): State<AppState>,
    Sent(here, _): Sent<InProject>,
) -> Result<Response, ApiError> {
    let caller = here.caller(Area::Keys)?;
    let id = NoticeId::parse(here.segment("id")).map_err(|_| ApiError::not_found())?;
    match state.control.dismiss_notice(&caller.0, id).await {
        Ok(_) => Ok(go_to(&here.address("/notices?done=dismissed"))),
        Err(error) => {
            let notice = found(&here, &state).await?;
            show(&here, &notice, Fields::blank().refused(error)?)
        }
    }
}

#[cfg(test)]
pub(super) fn sample(text: &str) -> Vec<crate::console::samples::Sample> {
    use super::doing::attention_sample;
    use crate::console::frame::address;
    use crate::console::samples::{form, frame, sample};
    let list = Page {
        frame: frame(text),
        notices: vec![attention_sample(text)],
        ways: paging::sample(text),
        done: true,
        back: address(text, "/x"),
    };
    let dismiss = Dismiss {
        frame: frame(text),
        form: form(text, &[]),
        notice: attention_sample(text),
        action: address(text, "/x"),
        back: address(text, "/x"),
    };
    vec![
        sample("notices.html", &list),
        sample("dismiss.html", &dismiss),
    ]
}
