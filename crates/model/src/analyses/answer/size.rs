//! How much memory answers take, for those who keep them.

use super::{Answer, GroupResult, Grouped, Results};
use crate::value::Value;

/// About how many bytes of memory a value takes.
fn memory(value: &Value) -> usize {
    let held = match value {
        Value::String(text) => text.capacity(),
        Value::Array(values) => values.iter().map(memory).sum(),
        Value::Object(object) => object
            .iter()
            .map(|(name, value)| size_of::<String>() + name.len() + memory(value))
            .sum(),
        _ => 0,
    };
    size_of::<Value>() + held
}

impl Grouped {
    /// About how many bytes of memory it takes.
    pub fn bytes(&self) -> usize {
        let values = self.keys.iter().chain(&self.results);
        size_of::<Self>() + values.map(memory).sum::<usize>()
    }
}

impl Answer {
    /// About how many bytes of memory it takes.
    pub fn bytes(&self) -> usize {
        let all = |values: &[Value]| values.iter().map(memory).sum::<usize>();
        let group = |group: &GroupResult| all(&group.keys) + all(&group.results);
        match self {
            Self::Rows(rows) => all(rows),
            Self::Funnel { tally, steps } => {
                let actors = tally.actors.iter().flatten();
                all(steps) + actors.map(|actors| all(actors)).sum::<usize>()
            }
            Self::Measured(measured) => match &measured.results {
                Results::Whole(results) => all(results),
                Results::Groups(groups) => groups.iter().map(group).sum(),
                Results::Intervals(intervals) => {
                    intervals.iter().map(|(_, results)| all(results)).sum()
                }
                Results::GroupsOfIntervals(intervals) => {
                    let groups = intervals.iter().flat_map(|(_, groups)| groups);
                    groups.map(group).sum()
                }
            },
        }
    }
}
