//! Charts: from the answer to a question of analytics to an SVG picture.
//!
//! A pure function. Whether there is a picture, and which kinds fit, follows
//! from the question ([`Drawing::of`]); what is in it from the answer alone
//! ([`Drawing::draw`]), which never fails: what is no number is a gap. Why our
//! own: `docs/adr/021-tickets-and-charts.md`.

mod bars;
mod dates;
mod figures;
mod funnel;
mod kinds;
mod lines;
mod measure;
mod numbers;
mod read;
mod scale;
mod style;
mod svg;

use model::analyses::{Aggregation, Analysis, Answer, Function, Metrics};
use model::time::{Interval, TimeZone};

pub(crate) use dates::{MONTHS, interval_name};
pub(crate) use kinds::Kind;
use read::Picture;
use svg::Svg;
pub(crate) use svg::{Shape, Sketch};

/// Pixels that a chart may be wide.
pub(crate) const WIDTHS: std::ops::RangeInclusive<u32> = 200..=2_000;
/// Pixels that a chart may be high.
pub(crate) const HEIGHTS: std::ops::RangeInclusive<u32> = 120..=2_000;
/// How wide it is unless said.
pub(crate) const WIDTH: u32 = 720;
/// How high it is unless said.
pub(crate) const HEIGHT: u32 = 360;
/// Characters of a title.
pub(crate) const TITLE_CHARS_MAX: usize = 120;
/// Lines in one chart: as many as have a colour of their own.
const LINES_MAX: usize = 8;

/// The space round a chart, and between its parts.
const EDGE: f64 = 16.0;
/// What a line of text takes.
const ROW: f64 = 18.0;
/// What the title takes.
const TITLE: f64 = 28.0;

/// What a chart is to look like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Look {
    /// In pixels, within [`WIDTHS`].
    pub(crate) width: u32,
    /// In pixels, within [`HEIGHTS`].
    pub(crate) height: u32,
    /// Whether it may be lower, where that is all that it needs.
    pub(crate) fits: bool,
    /// Its colours.
    pub(crate) theme: Theme,
    /// What stands above it.
    pub(crate) title: Option<String>,
    /// Of several functions, the one that is drawn.
    pub(crate) metric: Option<String>,
}

/// Colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Theme {
    /// Dark on light.
    Light,
    /// Light on dark.
    Dark,
    /// Whichever the reader prefers.
    OfReader,
    /// As pages of the console are by day.
    ConsoleLight,
    /// As they are where the reader prefers them dark.
    ConsoleDark,
}

impl Theme {
    /// What a `Content-Security-Policy` names the style sheet of such pictures by.
    pub(crate) fn style_source(self) -> String {
        style::source(self)
    }
}

/// Why there is no picture of a question's answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoChart {
    /// It is rows or lists.
    #[error(
        "a chart needs numbers; the answer to this question is rows or lists, which …/result has"
    )]
    NoNumbers,
    /// No function of the question has the label.
    #[error("metric is the label of one of the question's functions{}", listed(.0))]
    NoMetric(Vec<String>),
}

fn listed(labels: &[String]) -> String {
    match labels {
        [] => "; this question has one function without a label".to_owned(),
        labels => format!(": {}", labels.join(", ")),
    }
}

/// How the answers to one question are drawn.
#[derive(Clone, Debug)]
pub(crate) struct Drawing {
    look: Look,
    zone: TimeZone,
    interval: Option<Interval>,
    /// The results that are drawn, by their places.
    metrics: Vec<usize>,
    /// The label of the one of several functions that groups are drawn of.
    caption: Option<String>,
    /// The kinds that fit, the usual one first.
    kinds: &'static [Kind],
    /// The one that was chosen.
    kind: Option<Kind>,
}

impl Drawing {
    /// How answers to this question are drawn.
    ///
    /// # Errors
    /// [`NoChart`], whatever the answer is.
    pub(crate) fn of(query: &Analysis, look: Look) -> Result<Self, NoChart> {
        let first = query.sources().into_iter().next();
        let zone = first.map_or_else(TimeZone::utc, |source| source.calendar.zone.clone());
        let (interval, metrics) = match query {
            Analysis::Aggregation(asked) => (asked.interval, metrics(asked, &look)?),
            Analysis::Extraction(_) => return Err(NoChart::NoNumbers),
            Analysis::Funnel(_) if look.metric.is_some() => {
                return Err(NoChart::NoMetric(Vec::new()));
            }
            Analysis::Funnel(_) => (None, Vec::new()),
        };
        let caption = match query {
            Analysis::Aggregation(asked) => caption(asked, &metrics),
            Analysis::Extraction(_) | Analysis::Funnel(_) => None,
        };
        Ok(Self {
            look,
            zone,
            interval,
            kinds: kinds::fitting(query, &metrics),
            metrics,
            caption,
            kind: None,
        })
    }

    /// The kinds that fit, the usual one first.
    pub(crate) fn kinds(&self) -> &'static [Kind] {
        self.kinds
    }

    /// The same as another kind, where that fits; else as the usual one.
    #[must_use]
    pub(crate) fn drawn_as(mut self, kind: Option<Kind>) -> Self {
        self.kind = kind.filter(|kind| self.kinds.contains(kind));
        self
    }

    /// How totals of days of UTC are drawn, for pages whose own style sheet has the colours.
    pub(crate) fn of_days(width: u32, height: u32, lines: usize) -> Self {
        Self {
            look: Look {
                width,
                height,
                fits: false,
                theme: Theme::OfReader,
                title: None,
                metric: None,
            },
            zone: TimeZone::utc(),
            interval: Interval::parse("daily").ok(),
            metrics: (0..lines).collect(),
            caption: None,
            kinds: &[],
            kind: None,
        }
    }

    /// How a table is drawn that was made an answer of: the results at these
    /// places, and what says which they are.
    pub(crate) fn of_table(
        look: Look,
        zone: TimeZone,
        interval: Option<Interval>,
        (metrics, caption): (Vec<usize>, Option<String>),
    ) -> Self {
        Self {
            look,
            zone,
            interval,
            metrics,
            caption,
            kinds: &[],
            kind: None,
        }
    }

    /// The picture of an answer to the question.
    pub(crate) fn draw(&self, answer: &Answer) -> String {
        self.sketch(answer).to_svg(self.look.theme)
    }

    /// The parts of the picture, for pages that have them in a picture of their own.
    pub(crate) fn sketch(&self, answer: &Answer) -> Sketch {
        let picture = read::picture(answer, self);
        let look = self.fitted(&picture);
        let mut svg = Svg::begin(&look, &picture.kind(), &picture.words());
        let area = self.area(&mut svg, &look);
        match picture {
            Picture::Nothing => nothing(&mut svg, &area),
            Picture::Figures(figures) => figures::draw(&mut svg, &area, &figures),
            Picture::Lines(lines) => lines::draw(&mut svg, area, &lines),
            Picture::Bars(bars) => bars::draw(&mut svg, area, &bars),
            Picture::Funnel(steps) => funnel::draw(&mut svg, area, &steps),
        }
        svg.end()
    }

    /// The look without room that rows of bars would leave empty.
    fn fitted(&self, picture: &Picture) -> Look {
        let rows = match picture {
            Picture::Bars(bars) => bars::count(bars.all) * bars::MOST,
            Picture::Funnel(steps) => bars::count(steps.len()) * bars::MOST * funnel::HIGHER,
            Picture::Nothing | Picture::Figures(_) | Picture::Lines(_) => return self.look.clone(),
        };
        let above = self.look.title.as_ref().map_or(0.0, |_| TITLE);
        let above = above + self.caption.as_ref().map_or(0.0, |_| ROW);
        let height = f64::from(self.look.height).min(rows + above + 2.0 * EDGE);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it is no more than a height, and not less than nothing"
        )]
        let height = (height.ceil() as u32).max(*HEIGHTS.start());
        Look {
            height: if self.look.fits {
                height
            } else {
                self.look.height
            },
            ..self.look.clone()
        }
    }

    /// Draws the title; answers where the rest has its place.
    fn area(&self, svg: &mut Svg, look: &Look) -> Area {
        let (width, height) = (f64::from(look.width), f64::from(look.height));
        let mut area = Area {
            left: EDGE,
            top: EDGE,
            right: width - EDGE,
            bottom: height - EDGE,
        };
        if let Some(title) = self.look.title.as_ref().filter(|t| !t.trim().is_empty()) {
            let title = measure::shortened(title, style::TITLE_SIZE * measure::BOLD, area.width());
            svg.text("t", area.left, area.top + 12.0, svg::Anchor::Start, &title);
            area.top += TITLE;
        }
        if let Some(caption) = &self.caption {
            let caption = measure::shortened(caption, style::TEXT_SIZE, area.width());
            svg.text("s", area.left, area.top + 8.0, svg::Anchor::Start, &caption);
            area.top += ROW;
        }
        area
    }
}

/// The places of the results that are drawn: the one that is asked for; of
/// groups the first, since their bars have one scale; else all.
fn metrics(asked: &Aggregation, look: &Look) -> Result<Vec<usize>, NoChart> {
    let is_number = |function: Function| function != Function::SelectUnique;
    let named = asked.metrics.named().enumerate();
    let drawn = named.filter(|(_, (_, metric))| is_number(metric.function));
    let drawn: Vec<(usize, &str)> = drawn.map(|(at, (name, _))| (at, name)).collect();
    if drawn.is_empty() {
        return Err(NoChart::NoNumbers);
    }
    if let Some(wanted) = &look.metric {
        let found = drawn.iter().find(|(_, name)| name == wanted);
        let has_labels = matches!(asked.metrics, Metrics::Labelled(_));
        return match found.filter(|_| has_labels) {
            Some((at, _)) => Ok(vec![*at]),
            None => {
                let labels = drawn.iter().filter(|_| has_labels);
                let labels = labels.map(|(_, name)| (*name).to_owned());
                Err(NoChart::NoMetric(labels.collect()))
            }
        };
    }
    let shown = match asked.group_by.is_empty() {
        true => drawn.len(),
        false => 1,
    };
    Ok(drawn[..shown].iter().map(|(at, _)| *at).collect())
}

/// Which of several functions groups are drawn of: nothing else in the picture says it.
fn caption(asked: &Aggregation, metrics: &[usize]) -> Option<String> {
    let Metrics::Labelled(labelled) = &asked.metrics else {
        return None;
    };
    let (label, _) = labelled.get(*metrics.first()?)?;
    (!asked.group_by.is_empty()).then(|| label.clone())
}

/// A part of the picture.
#[derive(Clone, Copy, Debug)]
struct Area {
    left: f64,
    top: f64,
    right: f64,
    bottom: f64,
}

impl Area {
    fn width(&self) -> f64 {
        self.right - self.left
    }

    fn height(&self) -> f64 {
        (self.bottom - self.top).max(0.0)
    }

    /// The middle of it that is so high, for rows that need no more.
    fn around(self, height: f64) -> Self {
        let (_, middle) = self.middle();
        let half = height.min(self.height()) / 2.0;
        Self {
            top: middle - half,
            bottom: middle + half,
            ..self
        }
    }

    fn middle(&self) -> (f64, f64) {
        (
            f64::midpoint(self.left, self.right),
            f64::midpoint(self.top, self.bottom),
        )
    }
}

fn nothing(svg: &mut Svg, area: &Area) {
    let (x, y) = area.middle();
    svg.text("s", x, y + 4.0, svg::Anchor::Middle, "No data");
}

/// How many more there are than are drawn, in words.
fn left_out(shown: usize, all: usize, what: &str) -> Option<String> {
    let word = match shown {
        1 => what.strip_suffix('s').unwrap_or(what),
        _ => what,
    };
    (all > shown).then(|| format!("{shown} {word} of {all}"))
}

#[cfg(test)]
mod tests;
