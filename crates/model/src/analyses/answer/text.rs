//! From an answer to the wire's tree of values.

use super::{Answer, GroupResult, Measured, Results};
use crate::analyses::RESULT;
use crate::time::{TimeRange, TimeZone, Timestamp};
use crate::value::{Object, Value};

/// How times stand in an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnswerText {
    /// The zone of the bounds of intervals.
    pub bounds: TimeZone,
    /// The zone of times that rows hold.
    pub values: TimeZone,
    /// The digits of the fraction of a second.
    pub digits: TimeText,
}

/// The digits of the fraction of a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeText {
    /// The fewest that lose nothing.
    Shortest,
    /// Three, always.
    Milliseconds,
}

impl AnswerText {
    /// All times in one zone, with the fewest digits that lose nothing.
    pub fn in_zone(zone: TimeZone) -> Self {
        Self {
            bounds: zone.clone(),
            values: zone,
            digits: TimeText::Shortest,
        }
    }

    fn time(&self, instant: Timestamp, zone: &TimeZone) -> Value {
        let shown = instant.in_zone(zone);
        match self.digits {
            TimeText::Shortest => shown,
            TimeText::Milliseconds => shown.in_milliseconds(),
        }
        .to_string()
        .into()
    }

    fn value(&self, value: &Value) -> Value {
        match value {
            Value::DateTime(instant) => self.time(*instant, &self.values),
            Value::Array(values) => Value::Array(values.iter().map(|v| self.value(v)).collect()),
            Value::Object(object) => {
                let members = object.iter();
                let members = members.map(|(name, value)| (name.to_owned(), self.value(value)));
                let members = Object::from_members(members.collect());
                Value::Object(members.expect("the names are those of an object"))
            }
            other => other.clone(),
        }
    }

    /// `{"start", "end"}`.
    pub fn range(&self, range: TimeRange) -> Value {
        let bound = |instant| self.time(instant, &self.bounds);
        let object = Object::new().with("start", bound(range.from()));
        Value::Object(object.with("end", bound(range.to())))
    }
}

impl Answer {
    /// The members of the answer in their order: `result`, and of a funnel
    /// `actors` where a step lists them, and `steps`.
    pub fn to_members(&self, text: &AnswerText) -> Object {
        let object = Object::new();
        match self {
            Self::Measured(measured) => object.with(RESULT, measured.to_value(text)),
            Self::Rows(rows) => {
                let rows = rows.iter().map(|row| text.value(row));
                object.with(RESULT, rows.collect::<Vec<_>>())
            }
            Self::Funnel { tally, steps } => {
                let mut object = object.with(RESULT, tally.counts.clone());
                if tally.actors.iter().any(Option::is_some) {
                    let lists = tally.actors.iter().map(|list| {
                        let list = list.as_ref()?.iter().map(|actor| text.value(actor));
                        Some(list.collect::<Vec<Value>>())
                    });
                    object = object.with("actors", lists.map(Value::from).collect::<Vec<_>>());
                }
                object.with("steps", steps.clone())
            }
        }
    }
}

impl Measured {
    fn to_value(&self, text: &AnswerText) -> Value {
        match &self.results {
            Results::Whole(results) => self.results(results, text),
            Results::Groups(groups) => self.groups(groups, text),
            Results::Intervals(intervals) => {
                let each = intervals.iter();
                let each = each.map(|(range, v)| interval(*range, self.results(v, text), text));
                Value::Array(each.collect())
            }
            Results::GroupsOfIntervals(intervals) => {
                let each = intervals.iter();
                let each = each.map(|(range, v)| interval(*range, self.groups(v, text), text));
                Value::Array(each.collect())
            }
        }
    }

    fn groups(&self, groups: &[GroupResult], text: &AnswerText) -> Value {
        Value::Array(groups.iter().map(|group| self.group(group, text)).collect())
    }

    /// The groups' values by their names, then the result or results.
    fn group(&self, group: &GroupResult, text: &AnswerText) -> Value {
        let keys = self.groups.iter().zip(&group.keys);
        let results = self.labelled(&group.results);
        let members = keys.map(|(name, key)| (name.as_str(), key)).chain(results);
        object(members, text)
    }

    fn results(&self, results: &[Value], text: &AnswerText) -> Value {
        match (&self.labels, results) {
            (None, [result]) => text.value(result),
            _ => object(self.labelled(results), text),
        }
    }

    fn labelled<'a>(&'a self, results: &'a [Value]) -> impl Iterator<Item = (&'a str, &'a Value)> {
        let labels = self.labels.as_deref();
        let labels = labels.map_or_else(
            || vec![RESULT],
            |labels| labels.iter().map(String::as_str).collect(),
        );
        labels.into_iter().zip(results)
    }
}

/// An object of members whose names differ, as was checked with the question.
fn object<'a>(members: impl Iterator<Item = (&'a str, &'a Value)>, text: &AnswerText) -> Value {
    let mut object = Object::new();
    for (name, value) in members {
        object.insert(name, text.value(value));
    }
    Value::Object(object)
}

fn interval(range: TimeRange, value: Value, text: &AnswerText) -> Value {
    let object = Object::new().with("timeframe", text.range(range));
    Value::Object(object.with("value", value))
}
