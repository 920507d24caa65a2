//! Charts in pages: a picture by itself, once for light and once for dark.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, header};
use model::analyses::{Analysis, Answer};
use model::time::TimeZone;

use super::headers::Drawn;
use crate::charts::{Drawing, Look, Theme};
use crate::error::ApiError;
use crate::input::Parameters;

/// How wide and high a chart is: as large as the place that it has, since its
/// letters grow and shrink with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Size {
    /// As wide as a page.
    Large,
    /// Beside a form.
    Medium,
    /// Beside another one.
    Small,
    /// On a phone.
    Phone,
}

impl Size {
    const ALL: [Self; 4] = [Self::Large, Self::Medium, Self::Small, Self::Phone];

    fn name(self) -> &'static str {
        match self {
            Self::Large => "large",
            Self::Medium => "medium",
            Self::Small => "small",
            Self::Phone => "phone",
        }
    }

    fn pixels(self) -> (u32, u32) {
        match self {
            Self::Large => (920, 360),
            Self::Medium => (520, 300),
            Self::Small => (460, 240),
            Self::Phone => (350, 250),
        }
    }

    /// The size of this name.
    fn parse(name: Option<&str>) -> Self {
        let mut all = Self::ALL.into_iter();
        let found = all.find(|size| Some(size.name()) == name);
        found.unwrap_or(Self::Large)
    }
}

/// A chart for readers of wide and of narrow windows.
pub(super) struct Chart {
    pub(super) wide: Picture,
    pub(super) narrow: Picture,
    /// What it is called.
    pub(super) title: String,
    /// Whose days and hours its axis has, of one over time.
    pub(super) zone: Option<String>,
}

/// The addresses of a chart in one size.
pub(super) struct Picture {
    pub(super) light: String,
    pub(super) dark: String,
    pub(super) width: u32,
    pub(super) height: u32,
}

impl Chart {
    /// At this address, in this size where the window is wide.
    pub(super) fn at(address: &str, size: Size, title: impl Into<String>) -> Self {
        Self {
            wide: Picture::of(address, size),
            narrow: Picture::of(address, Size::Phone),
            title: title.into(),
            zone: None,
        }
    }

    /// The same, said to be over time by the clock of this zone.
    #[must_use]
    pub(super) fn over_time(mut self, zone: Option<&TimeZone>) -> Self {
        self.zone = zone.map(|zone| zone.as_str().to_owned());
        self
    }
}

impl Picture {
    fn of(address: &str, size: Size) -> Self {
        let mark = if address.contains('?') { '&' } else { '?' };
        let themed = |theme: &str| format!("{address}{mark}size={}&theme={theme}", size.name());
        let (width, height) = size.pixels();
        Self {
            light: themed("light"),
            dark: themed("dark"),
            width,
            height,
        }
    }
}

/// By which clock the answer of a question is cut into intervals; `None` for one that is not.
pub(super) fn clock_of(question: &Analysis) -> Option<&TimeZone> {
    match question {
        Analysis::Aggregation(asked) if asked.interval.is_some() => {
            Some(&asked.source.calendar.zone)
        }
        _ => None,
    }
}

/// How the chart of a request is to look.
pub(super) fn look_of(parameters: &Parameters) -> Look {
    let (width, height) = Size::parse(parameters.get("size")).pixels();
    Look {
        width,
        height,
        fits: true,
        theme: match parameters.get("theme") {
            Some("dark") => Theme::ConsoleDark,
            _ => Theme::ConsoleLight,
        },
        title: None,
        metric: None,
    }
}

/// A name of the look of a request's chart.
pub(super) fn style_of(parameters: &Parameters) -> &'static str {
    let is_dark = parameters.get("theme") == Some("dark");
    match (Size::parse(parameters.get("size")), is_dark) {
        (Size::Large, false) => "chart, large, light",
        (Size::Large, true) => "chart, large, dark",
        (Size::Medium, false) => "chart, medium, light",
        (Size::Medium, true) => "chart, medium, dark",
        (Size::Small, false) => "chart, small, light",
        (Size::Small, true) => "chart, small, dark",
        (Size::Phone, false) => "chart, phone, light",
        (Size::Phone, true) => "chart, phone, dark",
    }
}

/// A picture; where there is none, the picture says that, and the page around it
/// why.
pub(super) fn svg(drawn: Result<String, ApiError>, parameters: &Parameters) -> Response {
    let drawn = drawn.unwrap_or_else(|error| {
        let told = error.problem().detail();
        tracing::info!(told, "a chart of a page was not drawn");
        let look = Look {
            title: Some("Not answered now".to_owned()),
            ..look_of(parameters)
        };
        let nothing = Drawing::of_table(look, TimeZone::utc(), None, (Vec::new(), None));
        nothing.draw(&Answer::Rows(Vec::new()))
    });
    let svg = HeaderValue::from_static("image/svg+xml");
    let mut response = ([(header::CONTENT_TYPE, svg)], drawn).into_response();
    let drawn = Drawn(look_of(parameters).theme);
    response.extensions_mut().insert(drawn);
    response
}

#[cfg(test)]
pub(super) fn sample(text: &str) -> Chart {
    let mut chart = Chart::at(&super::frame::address(text, "/x"), Size::Large, text);
    chart.zone = Some(text.to_owned());
    chart
}
