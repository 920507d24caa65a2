//! An answer as a table.

use model::analyses::{Analysis, Answer, Measured, RESULT, Results};
use model::time::TimeRange;
use model::value::Value;

use crate::charts::interval_name;
use crate::console::filters;
use crate::console::shown::Table;
use crate::console::times::interval_head;

/// Rows that a table shows.
const ROWS: usize = 200;

/// The rows of an answer to this question, the first of them as a table, and how many there are.
pub(in crate::console) fn table(question: &Analysis, answer: &Answer) -> (Table, usize) {
    match answer {
        Answer::Rows(rows) => (Table::of_trees(&rows[..rows.len().min(ROWS)]), rows.len()),
        Answer::Funnel { tally, steps } => of_funnel(&tally.counts, steps),
        Answer::Measured(measured) => of_measured(question, measured),
    }
}

/// Each step with its conditions, and what share of the first one and of the one
/// that it goes on from came through it.
fn of_funnel(counts: &[u64], steps: &[Value]) -> (Table, usize) {
    let first = counts.first().copied().unwrap_or(0);
    let mut before = None;
    let mut rows = Vec::with_capacity(counts.len());
    let mut has_conditions = false;
    for (at, (count, step)) in counts.iter().zip(steps).enumerate() {
        let member = |name: &str| step.as_object().and_then(|step| step.get(name));
        let is = |name: &str| matches!(member(name), Some(Value::Boolean(true)));
        let conditions = filters::in_words(member("filters"));
        has_conditions |= !conditions.is_empty();
        let pool = member("pool").and_then(Value::as_str).unwrap_or_default();
        let pool = if is("inverted") {
            format!("not in {pool}")
        } else {
            pool.to_owned()
        };
        rows.push(vec![
            Value::from(at as u64 + 1),
            Value::from(pool),
            Value::from(*count),
            percent(*count, first),
            before.map_or(Value::Null, |before| percent(*count, before)),
            Value::from(conditions.join(", ")),
        ]);
        if !is("optional") {
            before = Some(*count);
        }
    }
    let shares = ["% of step 1", "% of the step before"];
    let mut names = vec!["step", "pool", "actors", shares[0], shares[1], "where"];
    if !has_conditions {
        names.pop();
        for row in &mut rows {
            row.pop();
        }
    }
    of_rows(names.into_iter().map(str::to_owned).collect(), &rows)
}

/// A share in percent, with one digit behind the point.
fn percent(part: u64, of: u64) -> Value {
    #[expect(
        clippy::cast_precision_loss,
        reason = "a share is not exact to the last digit"
    )]
    let share = part as f64 / of as f64;
    match of {
        0 => Value::Null,
        _ => Value::Float((share * 1_000.0).round() / 10.0),
    }
}

/// Intervals are named by the clock of the question, as along the axis of its chart.
fn of_measured(question: &Analysis, measured: &Measured) -> (Table, usize) {
    let labels = measured.labels.clone();
    let labels = labels.unwrap_or_else(|| vec![RESULT.to_owned()]);
    let groups = measured.groups.clone();
    let cut = match question {
        Analysis::Aggregation(asked) => {
            let zone = &asked.source.calendar.zone;
            asked.interval.map(|interval| (interval, zone))
        }
        Analysis::Extraction(_) | Analysis::Funnel(_) => None,
    };
    let head = interval_head(cut.map(|(interval, _)| interval));
    let head = vec![head.to_owned()];
    let named = |range: TimeRange| match cut {
        Some((interval, zone)) => Value::from(interval_name(range.from(), zone, interval)),
        None => Value::DateTime(range.from()),
    };
    let (names, rows): (Vec<String>, Vec<Vec<Value>>) = match &measured.results {
        Results::Whole(results) => (labels, vec![results.clone()]),
        Results::Groups(all) => {
            let rows = all
                .iter()
                .map(|group| [&group.keys[..], &group.results].concat());
            ([groups, labels].concat(), rows.collect())
        }
        Results::Intervals(all) => {
            let rows = all
                .iter()
                .map(|(range, results)| [&[named(*range)][..], results].concat());
            ([head, labels].concat(), rows.collect())
        }
        Results::GroupsOfIntervals(all) => {
            let rows = all.iter().flat_map(|(range, groups)| {
                let named = [named(*range)];
                let rows = groups.iter();
                rows.map(move |group| [&named[..], &group.keys, &group.results].concat())
            });
            ([head, groups, labels].concat(), rows.collect())
        }
    };
    of_rows(names, &rows)
}

fn of_rows(names: Vec<String>, rows: &[Vec<Value>]) -> (Table, usize) {
    let shown = rows.iter().take(ROWS);
    let shown = shown.map(|row| row.iter().map(Some).collect());
    let shown: Vec<Vec<Option<&Value>>> = shown.collect();
    (Table::of(names, &shown), rows.len())
}
