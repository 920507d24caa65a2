//! The fields of the form, by their names.

use super::{functions, steps};

/// Fields of the form that every kind of question has, or that ask for one thing.
const FIELDS: [&str; 42] = [
    "ask",
    "as",
    "do",
    "pool",
    "analysis",
    "field",
    "percentile",
    "by1",
    "by2",
    "by3",
    "interval",
    "timeframe",
    "from",
    "to",
    "timezone",
    "order",
    "limit",
    "question",
    "chart",
    "filters",
    "f1",
    "o1",
    "v1",
    "f2",
    "o2",
    "v2",
    "f3",
    "o3",
    "v3",
    "f4",
    "o4",
    "v4",
    "f5",
    "o5",
    "v5",
    "f6",
    "o6",
    "v6",
    "name",
    "kind",
    "refresh_minutes",
    "index_by",
];
/// The saved query that the question came from.
const CAME: [&str; 2] = ["saved", "revision"];
/// How a chart is to look.
const LOOK: [&str; 2] = ["theme", "size"];
const ASKED: usize = FIELDS.len() + functions::FIELDS.len() + steps::FIELDS.len() + CAME.len();

/// What is asked.
pub(in crate::console) const PARAMETERS: &[&str] =
    &joined::<ASKED>(&[&FIELDS, &functions::FIELDS, &steps::FIELDS, &CAME]);
/// The same, and how its chart is to look.
pub(in crate::console) const CHART_PARAMETERS: &[&str] =
    &joined::<{ ASKED + LOOK.len() }>(&[&FIELDS, &functions::FIELDS, &steps::FIELDS, &CAME, &LOOK]);

/// Whether the form shows a field, which then says what is wrong with it.
pub(super) fn is_shown(name: &str) -> bool {
    let is_hidden = ["ask", "as", "do", functions::SHOWN, steps::SHOWN].contains(&name);
    !is_hidden && !CAME.contains(&name)
}

/// Lists of names one behind the other.
const fn joined<const ALL: usize>(lists: &[&[&'static str]]) -> [&'static str; ALL] {
    let mut all = [""; ALL];
    let (mut list, mut at) = (0, 0);
    while list < lists.len() {
        let mut next = 0;
        while next < lists[list].len() {
            all[at] = lists[list][next];
            (at, next) = (at + 1, next + 1);
        }
        list += 1;
    }
    all
}

/// Whether a row is to be added to the form.
pub(super) fn adds<'a>(get: &impl Fn(&str) -> Option<&'a str>) -> bool {
    get("do") == Some("add")
}

/// The number of the row that is to go.
pub(super) fn dropped<'a>(get: &impl Fn(&str) -> Option<&'a str>) -> Option<usize> {
    get("do")?.strip_prefix("drop-")?.parse().ok()
}
