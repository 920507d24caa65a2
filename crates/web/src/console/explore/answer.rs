//! An answer as a table.

use model::analyses::{Answer, Measured, RESULT, Results};
use model::time::TimeRange;
use model::value::Value;

use crate::console::shown::Table;

/// Rows that a table shows.
const ROWS: usize = 200;

/// The rows of an answer, the first of them as a table, and how many there are.
pub(in crate::console) fn table(answer: &Answer) -> (Table, usize) {
    match answer {
        Answer::Rows(rows) => (Table::of_trees(&rows[..rows.len().min(ROWS)]), rows.len()),
        Answer::Funnel { tally, steps } => {
            let pools = steps.iter().map(|step| {
                let pool = step.as_object().and_then(|step| step.get("pool"));
                pool.cloned().unwrap_or(Value::Null)
            });
            let counts = tally.counts.iter().map(|count| Value::from(*count));
            let rows = pools.zip(counts).enumerate();
            let rows =
                rows.map(|(at, (pool, count))| vec![Value::from(at as u64 + 1), pool, count]);
            let names = ["step", "pool", "actors"].map(str::to_owned);
            of_rows(names.to_vec(), &rows.collect::<Vec<_>>())
        }
        Answer::Measured(measured) => of_measured(measured),
    }
}

fn of_measured(measured: &Measured) -> (Table, usize) {
    let labels = measured.labels.clone();
    let labels = labels.unwrap_or_else(|| vec![RESULT.to_owned()]);
    let groups = measured.groups.clone();
    let bounds = || ["from".to_owned(), "to".to_owned()];
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
                .map(|(range, results)| [&sides(*range)[..], results].concat());
            ([bounds().to_vec(), labels].concat(), rows.collect())
        }
        Results::GroupsOfIntervals(all) => {
            let rows = all.iter().flat_map(|(range, groups)| {
                let sides = sides(*range);
                let rows = groups.iter();
                rows.map(move |group| [&sides[..], &group.keys, &group.results].concat())
            });
            ([bounds().to_vec(), groups, labels].concat(), rows.collect())
        }
    };
    of_rows(names, &rows)
}

fn sides(range: TimeRange) -> [Value; 2] {
    [Value::DateTime(range.from()), Value::DateTime(range.to())]
}

fn of_rows(names: Vec<String>, rows: &[Vec<Value>]) -> (Table, usize) {
    let shown = rows.iter().take(ROWS);
    let shown = shown.map(|row| row.iter().map(Some).collect());
    let shown: Vec<Vec<Option<&Value>>> = shown.collect();
    (Table::of(names, &shown), rows.len())
}
