//! Charts in pages: a picture by itself, once for light and once for dark.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, header};
use model::analyses::Answer;
use model::time::TimeZone;

use crate::charts::{Drawing, Look, Theme};
use crate::error::ApiError;
use crate::input::Parameters;

/// How wide and high charts are in pages.
const SIZE: (u32, u32) = (960, 360);
/// The same where a page has several beside each other.
const SMALL: (u32, u32) = (560, 260);

/// The addresses of a chart in both themes.
pub(super) struct Chart {
    pub(super) light: String,
    pub(super) dark: String,
    /// What it is called.
    pub(super) title: String,
    pub(super) width: u32,
    pub(super) height: u32,
}

impl Chart {
    /// At this address, which has parameters already.
    pub(super) fn at(address: &str, title: impl Into<String>) -> Self {
        Self {
            light: format!("{address}&theme=light"),
            dark: format!("{address}&theme=dark"),
            title: title.into(),
            width: SIZE.0,
            height: SIZE.1,
        }
    }

    /// A smaller one.
    pub(super) fn small(address: &str, title: impl Into<String>) -> Self {
        Self {
            width: SMALL.0,
            height: SMALL.1,
            ..Self::at(&format!("{address}&size=small"), title)
        }
    }
}

/// How the chart of a request is to look.
pub(super) fn look_of(parameters: &Parameters) -> Look {
    let (width, height) = match parameters.get("size") {
        Some("small") => SMALL,
        _ => SIZE,
    };
    Look {
        width,
        height,
        theme: match parameters.get("theme") {
            Some("dark") => Theme::Dark,
            _ => Theme::Light,
        },
        title: None,
        metric: None,
    }
}

/// A picture; where there is none, the page around it says why, and the
/// picture that there is no data.
pub(super) fn svg(drawn: Result<String, ApiError>, parameters: &Parameters) -> Response {
    let drawn = drawn.unwrap_or_else(|error| {
        let told = error.problem().detail();
        tracing::info!(told, "a chart of a page was not drawn");
        let look = look_of(parameters);
        let nothing = Drawing::of_table(look, TimeZone::utc(), None, (Vec::new(), None));
        nothing.draw(&Answer::Rows(Vec::new()))
    });
    let svg = HeaderValue::from_static("image/svg+xml");
    ([(header::CONTENT_TYPE, svg)], drawn).into_response()
}

#[cfg(test)]
pub(super) fn sample(text: &str) -> Chart {
    Chart {
        title: text.to_owned(),
        ..Chart::at(&format!("{}?x=1", super::frame::address(text, "/x")), "")
    }
}
