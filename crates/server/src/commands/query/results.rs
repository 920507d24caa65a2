//! Answers to analyses for people: as a table, or drawn.

use serde_json::{Map, Value};

use crate::commands::CommandError;
use crate::output::plot::{self, Bar, Series};
use crate::output::table::Cell;

/// Charts of groups of a series that are drawn one below the other.
const CHARTS_MAX: usize = 8;
/// What no row is told with.
const NO_ROW: &str =
    "no row that the key sees matches the question; `tidegate whoami` tells what it sees";

/// A table under its headers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Grid {
    pub(super) headers: Vec<String>,
    pub(super) rows: Vec<Vec<Cell>>,
}

/// An answer beside the question that it answers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Answered<'a> {
    pub(super) question: &'a Value,
    pub(super) answer: &'a Value,
}

/// One interval's or no interval's results of one group or of all rows.
struct Line<'a> {
    interval: Option<&'a str>,
    keys: Vec<Option<&'a Value>>,
    results: Vec<Option<&'a Value>>,
}

impl<'a> Answered<'a> {
    fn result(&self) -> &'a Value {
        &self.answer["result"]
    }

    /// The names of the groups.
    fn groups(&self) -> Vec<&'a str> {
        let groups = self.question["group_by"].as_array();
        let name = |group: &'a Value| {
            let named = [&group["as"], &group["field"], group];
            named.into_iter().find_map(Value::as_str)
        };
        groups.into_iter().flatten().filter_map(name).collect()
    }

    /// The labels of the results; `None` for a single one.
    fn labels(&self) -> Option<Vec<&'a str>> {
        let labels = self.question["analyses"].as_object();
        labels.map(|labels| labels.keys().map(String::as_str).collect())
    }

    /// The names of the results.
    fn names(&self) -> Vec<&'a str> {
        self.labels().unwrap_or_else(|| vec!["result"])
    }

    fn steps(&self) -> Option<&'a Vec<Value>> {
        self.answer.get("steps")?.as_array()
    }

    fn is_series(&self) -> bool {
        self.question["interval"].is_string()
    }

    /// The results line by line.
    fn lines(&self) -> Vec<Line<'a>> {
        if !self.is_series() {
            return self.lines_of(None, self.result());
        }
        let intervals = self.result().as_array().into_iter().flatten();
        let lines = intervals.flat_map(|interval| {
            let start = interval["timeframe"]["start"].as_str();
            self.lines_of(start, &interval["value"])
        });
        lines.collect()
    }

    fn lines_of(&self, interval: Option<&'a str>, value: &'a Value) -> Vec<Line<'a>> {
        let groups = self.groups();
        let of_object = |object: &'a Value| -> Vec<Option<&'a Value>> {
            self.names().iter().map(|name| object.get(name)).collect()
        };
        if groups.is_empty() {
            let results = match self.labels() {
                Some(_) => of_object(value),
                None => vec![Some(value)],
            };
            return vec![Line {
                interval,
                keys: Vec::new(),
                results,
            }];
        }
        let lines = value.as_array().into_iter().flatten();
        let lines = lines.map(|group| Line {
            interval,
            keys: groups.iter().map(|name| group.get(name)).collect(),
            results: of_object(group),
        });
        lines.collect()
    }

    /// The answer as a table; `None` for a single value.
    pub(super) fn grid(&self) -> Option<Grid> {
        if let Some(steps) = self.steps() {
            return Some(self.funnel(steps));
        }
        let is_list = self.question["analysis"] == "select_unique";
        let is_plain = !self.is_series() && self.groups().is_empty();
        if is_plain && self.labels().is_none() {
            let values = self.result().as_array().filter(|_| is_list)?;
            let name = self.question["field"].as_str().unwrap_or("value");
            return Some(Grid {
                headers: vec![name.to_owned()],
                rows: values.iter().map(|v| vec![Cell::of(Some(v))]).collect(),
            });
        }
        let lines = self.lines();
        let short = has_days(&lines);
        let interval = self.is_series().then_some("interval");
        let names = interval.into_iter().chain(self.groups());
        let headers = names.chain(self.names()).map(str::to_owned);
        let row = |line: &Line<'_>| {
            let start = line
                .interval
                .map(|start| Cell::text(shortened(start, short)));
            let values = line.keys.iter().chain(&line.results);
            start
                .into_iter()
                .chain(values.map(|v| Cell::of(*v)))
                .collect()
        };
        Some(Grid {
            headers: headers.collect(),
            rows: lines.iter().map(row).collect(),
        })
    }

    fn funnel(&self, steps: &[Value]) -> Grid {
        let counts = self.result().as_array().map_or(&[][..], Vec::as_slice);
        let actors = self.answer.get("actors").and_then(Value::as_array);
        let mut headers = vec!["step", "pool", "actors", "of the first"];
        headers.extend(actors.map(|_| "who"));
        let first = counts.first().and_then(number);
        let rows = steps.iter().enumerate().map(|(at, step)| {
            let count = counts.get(at);
            let share = count.and_then(number).zip(first);
            let share = share.filter(|(_, first)| *first > 0.0);
            let share = share.map(|(count, first)| format!("{:.1} %", 100.0 * count / first));
            let mut row = vec![
                Cell::number(at + 1),
                Cell::of(step.get("pool")),
                Cell::of(count),
                share.map_or(Cell::Empty, Cell::Text),
            ];
            row.extend(actors.map(|lists| Cell::of(lists.get(at))));
            row
        });
        Grid {
            rows: rows.collect(),
            headers: headers.into_iter().map(str::to_owned).collect(),
        }
    }

    /// The answer, drawn for a terminal of so many columns.
    ///
    /// # Errors
    /// When its results are no numbers, or there is nothing to set beside each other.
    pub(super) fn plot(&self, width: usize) -> Result<String, CommandError> {
        let usage = |rule: &str| CommandError::Usage(rule.to_owned());
        if let Some(steps) = self.steps() {
            let counts = self.result().as_array().into_iter().flatten();
            let bars = steps.iter().zip(counts).enumerate();
            let bars = bars.map(|(at, (step, count))| {
                let pool = step["pool"].as_str().unwrap_or_default();
                bar(format!("{} {pool}", at + 1), Some(count))
            });
            let bars: Option<Vec<Bar>> = bars.collect();
            return bars
                .map(|bars| plot::bars(&bars, width))
                .ok_or_else(|| usage("the numbers of the funnel are missing"));
        }
        if !self.is_series() && self.groups().is_empty() {
            return Err(usage(
                "one value is not drawn; ask with --interval for a series, or with --group-by for groups",
            ));
        }
        let lines = self.lines();
        let mut drawn = Vec::new();
        for (at, label) in self.names().into_iter().enumerate() {
            let chart = match self.is_series() {
                true => series(&lines, at, width),
                false => groups(&lines, at, width),
            };
            let chart = chart.ok_or_else(|| {
                usage("only numbers are drawn, and these results are none; leave --plot out")
            })?;
            if self.labels().is_some() {
                drawn.push(format!("{}\n{chart}", crate::output::printable(label)));
            } else {
                drawn.push(chart);
            }
        }
        Ok(drawn.join("\n\n"))
    }

    /// What an answer that shows little is told with.
    pub(super) fn remark(&self) -> Option<&'static str> {
        if self.steps().is_some() {
            let first = self.result().get(0).and_then(number);
            return (first == Some(0.0))
                .then_some("nobody is in the first step, as far as the key sees");
        }
        match self.result() {
            Value::Null => {
                Some("there is no value: no row that the key sees and that matches has one")
            }
            Value::Array(values) if values.is_empty() => Some(NO_ROW),
            _ if !self.is_series() => None,
            _ => {
                let lines = self.lines();
                let results = lines.iter().flat_map(|line| &line.results);
                let mut results = results.copied().flatten();
                results.all(is_nothing).then_some(NO_ROW)
            }
        }
    }
}

/// Whether a function answered what it answers over no rows.
fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(values) => values.is_empty(),
        value => number(value) == Some(0.0),
    }
}

/// Rows as they are, as a table: a column for each path.
pub(super) fn flattened(rows: &[Value]) -> Vec<Value> {
    let flat = rows.iter().map(|row| {
        let mut members = Map::new();
        flatten("", row, &mut members);
        Value::Object(members)
    });
    flat.collect()
}

fn flatten(path: &str, value: &Value, into: &mut Map<String, Value>) {
    match value {
        Value::Object(members) if path.is_empty() || !members.is_empty() => {
            for (name, value) in members {
                let below = match path {
                    "" => name.clone(),
                    path => format!("{path}.{name}"),
                };
                flatten(&below, value, into);
            }
        }
        other => {
            into.insert(path.to_owned(), other.clone());
        }
    }
}

/// Whether all intervals start with a day.
fn has_days(lines: &[Line<'_>]) -> bool {
    let mut starts = lines.iter().filter_map(|line| line.interval);
    starts.all(|start| start.get(10..19) == Some("T00:00:00"))
}

fn shortened(start: &str, to_days: bool) -> &str {
    start.get(..10).filter(|_| to_days).unwrap_or(start)
}

/// A number; wide integers come as text of digits.
fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(digits) => {
            let all = digits.strip_prefix('-').unwrap_or(digits);
            let is_number = !all.is_empty() && all.bytes().all(|byte| byte.is_ascii_digit());
            digits.parse().ok().filter(|_| is_number)
        }
        _ => None,
    }
}

/// A bar; `None` for what is no number.
fn bar(name: String, value: Option<&Value>) -> Option<Bar> {
    let value = value.filter(|value| !value.is_null());
    let Some(value) = value else {
        return Some(Bar {
            name,
            value: None,
            shown: String::new(),
        });
    };
    Some(Bar {
        name,
        value: Some(number(value)?),
        shown: match value {
            Value::String(digits) => digits.clone(),
            other => other.to_string(),
        },
    })
}

/// The values that make a group.
type Keys<'a> = &'a [Option<&'a Value>];

fn key(keys: Keys<'_>) -> String {
    let texts = keys.iter().map(|key| match key {
        None | Some(Value::Null) => "(none)".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    });
    texts.collect::<Vec<_>>().join(", ")
}

/// The groups' results at this position as bars; `None` when one is no number.
fn groups(lines: &[Line<'_>], at: usize, width: usize) -> Option<String> {
    let bars = lines
        .iter()
        .map(|line| bar(key(&line.keys), line.results[at]));
    Some(plot::bars(&bars.collect::<Option<Vec<_>>>()?, width))
}

/// The results at this position as a chart for each group, all to one scale.
fn series(lines: &[Line<'_>], at: usize, width: usize) -> Option<String> {
    let mut starts: Vec<&str> = Vec::new();
    let mut all: Vec<(Keys<'_>, Vec<Option<f64>>)> = Vec::new();
    for line in lines {
        if starts.last().copied() != line.interval {
            starts.extend(line.interval);
        }
        let value = line.results[at].filter(|value| !value.is_null());
        let value = match value {
            None => None,
            Some(value) => Some(number(value)?),
        };
        let known = all.iter().position(|(keys, _)| *keys == line.keys);
        let known = known.unwrap_or(all.len());
        if known == all.len() {
            all.push((&line.keys, Vec::new()));
        }
        // A limit leaves groups out of some intervals.
        let values = &mut all[known].1;
        values.resize(starts.len().saturating_sub(1), None);
        values.push(value);
    }
    for (_, values) in &mut all {
        values.resize(starts.len(), None);
    }
    let short = has_days(lines);
    let ends = [starts.first(), starts.last()];
    let ends = ends.map(|start| shortened(start.copied().unwrap_or_default(), short));
    let left_out = all.len().saturating_sub(CHARTS_MAX);
    all.truncate(CHARTS_MAX);
    let all: Vec<Series> = all
        .into_iter()
        .map(|(keys, values)| Series {
            name: key(keys),
            values,
        })
        .collect();
    let mut chart = plot::columns(&all, ends, width);
    if left_out > 0 {
        chart += &format!("\n{left_out} more groups are not drawn; narrow them with --where");
    }
    Some(chart)
}

#[cfg(test)]
mod tests;
