//! What a view or a saved question is defined as, in words: a line for each thing that its
//! definition says. The definition as the API has it is beside them, to be copied.

#[cfg(test)]
mod tests;

use model::pools::Pool;
use model::value::{Object, Value};
use model::views::View;

use super::filters;
use super::shown::{counted, grouped, pretty, text_of};

/// A definition for people.
pub(super) struct Definition {
    pub(super) lines: Vec<Line>,
    /// The same as the API has it.
    pub(super) json: String,
}

/// One thing that a definition says.
pub(super) struct Line {
    pub(super) name: String,
    pub(super) parts: Vec<String>,
    /// Whether the parts are names, which stand beside each other, and no sentences.
    pub(super) is_names: bool,
}

impl Line {
    fn names(name: &str, parts: Vec<String>) -> Self {
        Self {
            name: name.to_owned(),
            parts,
            is_names: true,
        }
    }

    fn says(name: &str, parts: Vec<String>) -> Self {
        Self {
            is_names: false,
            ..Self::names(name, parts)
        }
    }

    fn one(name: &str, part: impl Into<String>) -> Self {
        Self::says(name, vec![part.into()])
    }
}

impl Definition {
    /// That of a question, a saved query or a dataset. Its name is not among the lines.
    pub(super) fn of(definition: &Value) -> Self {
        let lines = definition.as_object().map(lines_of);
        Self {
            lines: lines.unwrap_or_default(),
            json: pretty(definition),
        }
    }

    /// That of a view of this pool, with what it has of the pool where it says nothing itself.
    pub(super) fn of_view(view: &View, pool: &Pool) -> Self {
        let mut definition = Self::of(&view.draft.to_value());
        let whose = match view.draft.tier {
            Some(_) => "whatever its pool has",
            None => "as its pool",
        };
        let tier = format!("{}, {whose}", view.tier(pool).name());
        let public = match view.draft.public {
            true => "may read it without a constraint",
            false => "read it with a constraint alone",
        };
        definition.lines.push(Line::one("Credits", tier));
        definition.lines.push(Line::one("Keys in pages", public));
        definition
    }
}

fn lines_of(object: &Object) -> Vec<Line> {
    let members = object.iter();
    let lines = members.flat_map(|(name, value)| match name {
        "query" => value.as_object().map(lines_of).unwrap_or_default(),
        "fields" => of_fields(value),
        "steps" => of_steps(value),
        _ => line_of(name, value, object).into_iter().collect(),
    });
    lines.collect()
}

/// What a member says; nothing where it is said with another one, or says nothing.
fn line_of(name: &str, value: &Value, object: &Object) -> Option<Line> {
    let text = || text_of(value);
    let words = || text_of(value).replace('_', " ");
    let each = |of: fn(&Value) -> String| value.as_array().unwrap_or_default().iter().map(of);
    Some(match name {
        "name" | "field" | "percentile" | "tier" | "public" => return None,
        "pool" => Line::names("Pool", vec![text()]),
        "shape" => Line::one("Shape", shape(&text())),
        "interval_field" => Line::names("Time field", vec![text()]),
        "filters" => Line::says("Only records where", filters::in_words(Some(value))),
        "order_by" => Line::says("Order", each(order).collect()),
        "group_by" => Line::names("Groups", each(group).collect()),
        "index_by" => Line::names("Kept for each", each(text_of).collect()),
        "grouped_output" => match value {
            Value::Boolean(true) => Line::one("Nesting", "answers are nested by their groups"),
            _ => return None,
        },
        "analysis" => match value.as_str()? {
            "multi_analysis" => return None,
            "extraction" => Line::one("Finds", "records as they are"),
            "funnel" => Line::one("Finds", "how many go on from step to step"),
            name => Line::one("Finds", function(name, object)),
        },
        "analyses" => Line::says("Finds", functions(value.as_object()?)),
        "timeframe" => Line::one("When", words()),
        "from" => Line::one("From", text()),
        "to" => Line::one("Before", text()),
        "timezone" => Line::one("Time zone", text()),
        "week_start" => Line::one("Weeks begin on", text()),
        "interval" => Line::one("Split by", words()),
        "limit" => Line::one("At most", number(value)),
        "latest" => Line::one("Records", format!("the latest {}", number(value))),
        "actor" => Line::names("Who it was", vec![text()]),
        "inverted" => Line::one("Counts", "those who did not"),
        "optional" => Line::one("Later steps", "do without it"),
        "with_actors" => Line::one("Answers", "with who it was"),
        "typing" => Line::one("Fields that are not there", "are missing in every record"),
        "refresh_rate" => Line::one("Answers are kept", kept(value)),
        "display_name" | "metadata" if is_empty(value) => return None,
        "display_name" => Line::one("Called", text()),
        "metadata" => Line::one("Kept with it", text()),
        other => Line::one(&other.replace('_', " "), text()),
    })
}

fn shape(name: &str) -> &'static str {
    match name {
        "aggregated" => "aggregated: a row for each group",
        "time_series" => "time series: a row for each interval and group",
        _ => "records as they are",
    }
}

fn is_empty(value: &Value) -> bool {
    value.as_object().is_some_and(Object::is_empty) || value.as_str() == Some("")
}

/// The fields of a view by what is done with them, or those of records.
fn of_fields(value: &Value) -> Vec<Line> {
    let (mut plain, mut groups, mut measures) = (Vec::new(), Vec::new(), Vec::new());
    for one in value.as_array().unwrap_or_default() {
        let Some(field) = one.as_object() else {
            plain.push(text_of(one));
            continue;
        };
        let aggregate = field.get("aggregate").and_then(Value::as_str);
        match (aggregate, field.get("group")) {
            (Some(name), _) => measures.push(called(function(name, field), field)),
            (None, Some(Value::Boolean(true))) => groups.push(group(one)),
            (None, _) => plain.push(group(one)),
        }
    }
    let lines = [
        Line::names("Fields", plain),
        Line::names("Groups", groups),
        Line::says("Measures", measures),
    ];
    let lines = lines.into_iter().filter(|line| !line.parts.is_empty());
    lines.collect()
}

/// The steps of a funnel, with what each says.
fn of_steps(value: &Value) -> Vec<Line> {
    let steps = value.as_array().unwrap_or_default().iter().enumerate();
    let lines = steps.map(|(at, step)| {
        let said = step.as_object().map(lines_of).unwrap_or_default();
        let said = said.into_iter().map(|line| {
            let joint = if line.is_names { ", " } else { " and " };
            format!("{}: {}", line.name, line.parts.join(joint))
        });
        Line::says(&format!("Step {}", at + 1), said.collect())
    });
    lines.collect()
}

/// A function over the values of a field.
fn function(name: &str, object: &Object) -> String {
    let field = object.get("field").and_then(Value::as_str);
    match (name, field) {
        ("count", None) => "number of records".to_owned(),
        ("count", Some(field)) => format!("number of values of {field}"),
        ("count_unique", Some(field)) => format!("number of distinct values of {field}"),
        ("select_unique", Some(field)) => format!("distinct values of {field}"),
        ("percentile", Some(field)) => {
            let which = object.get("percentile").map(text_of);
            format!("percentile {} of {field}", which.unwrap_or_default())
        }
        (name, Some(field)) => format!("{} of {field}", name.replace('_', " ")),
        (name, None) => name.replace('_', " "),
    }
}

/// Several functions, each with its label.
fn functions(labelled: &Object) -> Vec<String> {
    let each = labelled.iter().filter_map(|(label, one)| {
        let one = one.as_object()?;
        let name = one.get("analysis")?.as_str()?;
        Some(format!("{}, called {label}", function(name, one)))
    });
    each.collect()
}

/// A field whose values make groups, or the bins that they lie in.
fn group(value: &Value) -> String {
    let Some(object) = value.as_object() else {
        return text_of(value);
    };
    let field = object.get("field").map(text_of).unwrap_or_default();
    let size = object.get("bin_size").map(text_of);
    let ranges = object.get("ranges").and_then(Value::as_array);
    let bins = match (size, ranges) {
        (Some(size), _) => format!(" in steps of {size}"),
        (None, Some(ranges)) => {
            let labels = ranges
                .iter()
                .filter_map(|range| range.as_object()?.get("as")?.as_str());
            let labels: Vec<&str> = labels.collect();
            format!(" in the ranges {}", labels.join(", "))
        }
        (None, None) => String::new(),
    };
    called(field + &bins, object)
}

/// With the name in answers, where that is another one.
fn called(what: String, object: &Object) -> String {
    match object.get("as").and_then(Value::as_str) {
        Some(name) if name != what => format!("{what}, called {name}"),
        _ => what,
    }
}

fn order(value: &Value) -> String {
    let member = |name: &str| value.as_object()?.get(name)?.as_str();
    let way = match member("direction") {
        Some("desc") => "falling",
        _ => "rising",
    };
    format!("{}, {way}", member("field").unwrap_or_default())
}

fn number(value: &Value) -> String {
    match value {
        Value::Integer(number) => grouped(*number),
        other => text_of(other),
    }
}

fn kept(value: &Value) -> String {
    match value {
        Value::Integer(0) => "not at all: it is asked anew each time".to_owned(),
        Value::Integer(seconds) if seconds % 60 == 0 => {
            format!("for {}", counted(seconds / 60, "minute", "minutes"))
        }
        Value::Integer(seconds) => format!("for {}", counted(*seconds, "second", "seconds")),
        other => text_of(other),
    }
}

#[cfg(test)]
pub(super) fn sample(text: &str) -> Definition {
    let parts = || vec![text.to_owned(), text.to_owned()];
    Definition {
        lines: vec![Line::names(text, parts()), Line::says(text, parts())],
        json: text.to_owned(),
    }
}
