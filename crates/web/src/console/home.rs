//! The first page of a project: what there is, and what to do next.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use model::people::Area;
use model::permit::{AskPool, On};
use model::pools::SchemaMode;
use model::value::Value;

use super::frame::{Frame, Section, page};
use super::visitor::InProject;
use crate::error::ApiError;
use crate::state::AppState;

struct PoolLine {
    name: String,
    description: String,
    fields: usize,
    is_open: bool,
    records: Known,
}

/// How many records there are for the visitor.
enum Known {
    Records(String),
    /// The lake is busy, or failed; the page is there all the same.
    NotNow,
    NotForRole,
}

#[derive(Template)]
#[template(path = "console/home.html")]
struct Page {
    frame: Frame,
    project: String,
    role: &'static str,
    pools: Vec<PoolLine>,
    views: usize,
    keys: Option<usize>,
    may_define: bool,
}

/// The first page of a project.
pub(super) async fn read(
    here: InProject,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    let mut pools = Vec::new();
    // What the server writes of keys is no pool of the project's own.
    let own = here.definitions.pools().filter(|pool| !pool.is_usage());
    for pool in own {
        // How many is told by the permit that shows the records themselves.
        let permit = here.access.permit::<AskPool>(On::Pool(Some(pool))).ok();
        if permit.is_none() && !here.may(Area::Definitions) {
            continue;
        }
        let records = match permit {
            None => Known::NotForRole,
            Some(permit) => match crate::api::whoami::count(&state, permit.count()).await {
                Ok(Value::Integer(count)) => Known::Records(grouped(count)),
                Ok(_) => Known::NotNow,
                Err(error) => {
                    tracing::info!(%error, "a count for a page was not answered");
                    Known::NotNow
                }
            },
        };
        pools.push(PoolLine {
            name: pool.draft.name.to_string(),
            description: pool.draft.description.clone(),
            fields: pool.draft.schema.declared().len(),
            is_open: pool.draft.schema.mode() == SchemaMode::Open,
            records,
        });
    }
    let access = &here.access;
    let keys = here.definitions.keys().filter(|key| access.knows(key));
    let shown = Page {
        frame: Frame::of("Home", &here, Section::Home),
        project: here.definitions.project().name.clone(),
        role: here.role(),
        pools,
        views: here.definitions.views().count(),
        keys: here.may(Area::Keys).then(|| keys.count()),
        may_define: here.may(Area::Definitions),
    };
    page(StatusCode::OK, &shown)
}

/// A number with a thin space between each three digits.
pub(super) fn grouped(number: i128) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    match number < 0 {
        true => format!("−{text}"),
        false => text,
    }
}

#[cfg(test)]
pub(super) fn sample(text: &str) -> Vec<super::samples::Sample> {
    let pool = PoolLine {
        name: text.to_owned(),
        description: text.to_owned(),
        fields: 1,
        is_open: true,
        records: Known::Records(text.to_owned()),
    };
    let page = Page {
        frame: super::samples::frame(text),
        project: text.to_owned(),
        role: "owner",
        pools: vec![pool],
        views: 1,
        keys: Some(1),
        may_define: true,
    };
    vec![super::samples::sample("home.html", &page)]
}
