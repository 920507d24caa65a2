//! From an answer to what is drawn of it: names and numbers.

use std::collections::HashMap;

use model::analyses::{Answer, GroupResult, Measured, Results};
use model::time::{TimeRange, TimeZone};
use model::value::Value;

use super::dates::{self, Moment, Pace};
use super::{Drawing, Kind, LINES_MAX, funnel, numbers};

/// Bars that any chart has room for.
const BARS_MAX: usize = 100;
/// Characters of a name that are looked at.
const NAME_CHARS_MAX: usize = 200;
/// Lines, bars and steps that the description goes through.
const DESCRIBED_MAX: usize = 8;
const DESCRIBED_CHARS_MAX: usize = 60;

/// What is drawn.
#[derive(Clone, Debug)]
pub(super) enum Picture {
    /// There is nothing to draw.
    Nothing,
    /// Numbers over all rows.
    Figures(Vec<Figure>),
    /// Numbers over intervals.
    Lines(Lines),
    /// Numbers over groups.
    Bars(Bars),
    /// How many came how far.
    Funnel(Vec<Step>),
}

/// A number by itself.
#[derive(Clone, Debug)]
pub(super) struct Figure {
    pub(super) label: Option<String>,
    pub(super) text: String,
}

/// Numbers over intervals, of each group or function.
#[derive(Clone, Debug)]
pub(super) struct Lines {
    pub(super) starts: Vec<Moment>,
    pub(super) pace: Pace,
    pub(super) zone: String,
    /// Those that are drawn.
    pub(super) lines: Vec<Line>,
    /// How many there are.
    pub(super) all: usize,
    /// As what they are drawn, when that was chosen.
    pub(super) kind: Option<Kind>,
}

/// One line; `None` is a gap.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) name: String,
    pub(super) values: Vec<Option<f64>>,
}

impl Line {
    /// Its highest value.
    pub(super) fn peak(&self) -> f64 {
        let values = self.values.iter().flatten().copied();
        values.fold(f64::NEG_INFINITY, f64::max)
    }
}

/// Numbers over groups, in the order of the answer.
#[derive(Clone, Debug)]
pub(super) struct Bars {
    /// The first of them.
    pub(super) bars: Vec<Bar>,
    /// How many there are.
    pub(super) all: usize,
}

/// A group.
#[derive(Clone, Debug)]
pub(super) struct Bar {
    pub(super) name: String,
    pub(super) value: Option<f64>,
    pub(super) text: String,
}

/// A step of a funnel.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) name: String,
    pub(super) count: u64,
    /// The number of the step that it goes on from, and how many came through that.
    pub(super) before: Option<(usize, u64)>,
}

/// What is drawn of this answer.
pub(super) fn picture(answer: &Answer, drawing: &Drawing) -> Picture {
    match answer {
        Answer::Rows(_) => Picture::Nothing,
        Answer::Funnel { tally, steps } => Picture::Funnel(funnel::steps(tally, steps)),
        Answer::Measured(measured) => match &measured.results {
            Results::Whole(results) => figures(measured, results, drawing),
            Results::Groups(groups) => bars(groups, drawing),
            Results::Intervals(intervals) => lines(measured, intervals, drawing),
            Results::GroupsOfIntervals(intervals) => lines_of_groups(intervals, drawing),
        },
    }
}

fn figures(measured: &Measured, results: &[Value], drawing: &Drawing) -> Picture {
    let figures = drawing.metrics.iter().filter_map(|at| {
        Some(Figure {
            label: label(measured, *at),
            text: told(results.get(*at)?, &drawing.zone),
        })
    });
    let figures: Vec<Figure> = figures.collect();
    match figures.is_empty() {
        true => Picture::Nothing,
        false => Picture::Figures(figures),
    }
}

fn label(measured: &Measured, at: usize) -> Option<String> {
    let labels = measured.labels.as_ref()?;
    labels.get(at).map(|label| cut(label))
}

fn bars(groups: &[GroupResult], drawing: &Drawing) -> Picture {
    if groups.is_empty() {
        return Picture::Nothing;
    }
    let bars = groups.iter().take(BARS_MAX).map(|group| {
        let value = drawing
            .metrics
            .first()
            .and_then(|at| group.results.get(*at));
        let value = value.unwrap_or(&Value::Null);
        Bar {
            name: name(&group.keys, &drawing.zone),
            value: numbers::number(value),
            text: told(value, &drawing.zone),
        }
    });
    Picture::Bars(Bars {
        bars: bars.collect(),
        all: groups.len(),
    })
}

fn lines(measured: &Measured, intervals: &[(TimeRange, Vec<Value>)], drawing: &Drawing) -> Picture {
    let lines = drawing.metrics.iter().map(|at| Line {
        name: label(measured, *at).unwrap_or_default(),
        values: intervals
            .iter()
            .map(|(_, results)| results.get(*at).and_then(numbers::number))
            .collect(),
    });
    let lines: Vec<Line> = lines.collect();
    let all = lines.len();
    let lines = lines.into_iter().take(LINES_MAX).collect();
    over(
        intervals.iter().map(|(range, _)| *range),
        lines,
        all,
        drawing,
    )
}

/// The groups with the highest values, in the order of the answer.
fn lines_of_groups(intervals: &[(TimeRange, Vec<GroupResult>)], drawing: &Drawing) -> Picture {
    let at = drawing.metrics.first().copied().unwrap_or(0);
    let mut known: HashMap<&[Value], usize> = HashMap::new();
    let mut peaks: Vec<(&[Value], f64)> = Vec::new();
    for group in intervals.iter().flat_map(|(_, groups)| groups) {
        let place = *known.entry(group.keys.as_slice()).or_insert_with(|| {
            peaks.push((group.keys.as_slice(), f64::NEG_INFINITY));
            peaks.len() - 1
        });
        let value = group.results.get(at).and_then(numbers::number);
        peaks[place].1 = value.map_or(peaks[place].1, |value| value.max(peaks[place].1));
    }
    let mut order: Vec<usize> = (0..peaks.len()).collect();
    order.sort_by(|a, b| peaks[*b].1.total_cmp(&peaks[*a].1));
    order.truncate(LINES_MAX);
    order.sort_unstable();
    let mut lines: Vec<Line> = order
        .iter()
        .map(|place| Line {
            name: name(peaks[*place].0, &drawing.zone),
            values: vec![None; intervals.len()],
        })
        .collect();
    for (interval, (_, groups)) in intervals.iter().enumerate() {
        for group in groups {
            let place = known.get(group.keys.as_slice());
            let line = place.and_then(|place| order.binary_search(place).ok());
            if let Some(line) = line {
                let value = group.results.get(at).and_then(numbers::number);
                lines[line].values[interval] = value;
            }
        }
    }
    let ranges = intervals.iter().map(|(range, _)| *range);
    over(ranges, lines, peaks.len(), drawing)
}

fn over(
    ranges: impl Iterator<Item = TimeRange>,
    lines: Vec<Line>,
    all: usize,
    drawing: &Drawing,
) -> Picture {
    let starts: Vec<Moment> = ranges
        .map(|range| Moment::of(range.from(), &drawing.zone))
        .collect();
    let has_values = lines
        .iter()
        .any(|line| line.values.iter().any(Option::is_some));
    if starts.is_empty() || !has_values {
        return Picture::Nothing;
    }
    Picture::Lines(Lines {
        starts,
        pace: Pace::of(drawing.interval),
        zone: drawing.zone.as_str().to_owned(),
        lines,
        all,
        kind: drawing.kind,
    })
}

/// A name of the values that make a group.
fn name(keys: &[Value], zone: &TimeZone) -> String {
    let keys = keys.iter().map(|key| match key {
        Value::Null => "(none)".to_owned(),
        Value::String(text) if text.trim().is_empty() => "(empty)".to_owned(),
        Value::Integer(number) => number.to_string(),
        key => told(key, zone),
    });
    keys.collect::<Vec<_>>().join(" · ")
}

/// A value in words.
pub(super) fn told(value: &Value, zone: &TimeZone) -> String {
    match value {
        Value::String(text) => cut(text),
        Value::Boolean(truth) => truth.to_string(),
        Value::DateTime(instant) => instant.in_zone(zone).to_string(),
        Value::Array(_) | Value::Object(_) | Value::Date(_) | Value::Uuid(_) => {
            let text = model::json::to_text(value);
            cut(text.trim_matches('"'))
        }
        Value::Null | Value::Integer(_) | Value::Float(_) => numbers::text(value),
    }
}

/// As much of a text as any chart has room for.
pub(super) fn cut(text: &str) -> String {
    cut_to(text, NAME_CHARS_MAX)
}

fn cut_to(text: &str, max: usize) -> String {
    match text.char_indices().nth(max) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

impl Picture {
    /// What it is, where nobody gave it a title.
    pub(super) fn kind(&self) -> String {
        match self {
            Self::Nothing => "No data",
            Self::Figures(_) => "Figures",
            Self::Lines(_) => "Values over time",
            Self::Bars(_) => "Values by group",
            Self::Funnel(_) => "Funnel",
        }
        .to_owned()
    }

    /// What it shows, for those who do not see it.
    pub(super) fn words(&self) -> String {
        let short = |text: &str| cut_to(text, DESCRIBED_CHARS_MAX);
        let listed = |items: Vec<String>, all: usize| {
            let more = all - items.len();
            let tail = match more {
                0 => ".".to_owned(),
                more => format!("; {more} more."),
            };
            items.join("; ") + &tail
        };
        match self {
            Self::Nothing => "There is nothing to show.".to_owned(),
            Self::Figures(figures) => {
                let each = figures.iter().take(DESCRIBED_MAX);
                let each = each.map(|figure| match &figure.label {
                    Some(label) => format!("{}: {}", short(label), short(&figure.text)),
                    None => short(&figure.text),
                });
                listed(each.collect(), figures.len())
            }
            Self::Bars(bars) => {
                let each = bars.bars.iter().take(DESCRIBED_MAX);
                let each = each.map(|bar| format!("{}: {}", short(&bar.name), short(&bar.text)));
                listed(each.collect(), bars.all)
            }
            Self::Funnel(steps) => {
                let first = steps.first().map_or(0, |step| step.count);
                let each = steps.iter().take(DESCRIBED_MAX).map(|step| {
                    let share = numbers::percent(step.count, first);
                    let count = numbers::text(&Value::Integer(step.count.into()));
                    format!("{} {count} ({share})", short(&step.name))
                });
                listed(each.collect(), steps.len())
            }
            Self::Lines(lines) => {
                let each = lines.lines.iter().filter_map(|line| {
                    let mut values = line.values.iter().flatten();
                    let first = *values.next()?;
                    let (low, high) = values.fold((first, first), |(low, high), value| {
                        (low.min(*value), high.max(*value))
                    });
                    let (low, high) = (numbers::of_float(low), numbers::of_float(high));
                    let name = short(&line.name);
                    let name = if name.is_empty() { name } else { name + ": " };
                    Some(format!("{name}from {low} to {high}"))
                });
                let each: Vec<String> = each.collect();
                let all = lines.all.max(each.len());
                let span = dates::span(&lines.starts, lines.pace, &lines.zone);
                format!("{span}: {}", listed(each, all))
            }
        }
    }
}
