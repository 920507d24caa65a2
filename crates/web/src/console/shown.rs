//! Numbers, values and rows, as pages show them.

use std::collections::{HashMap, HashSet};

use model::value::Value;

use super::definition::Definition;
use crate::digits::{self, gaps};

/// Columns of a table of trees; what has more is shown without the last of them.
const COLUMNS_MAX: usize = 40;
/// Characters of a cell.
const CELL_CHARS_MAX: usize = 160;

/// Rows under their columns.
#[derive(Debug, Default)]
pub(super) struct Table {
    pub(super) columns: Vec<Column>,
    pub(super) rows: Vec<Line>,
    /// Columns that there was no room for.
    pub(super) left_out: usize,
}

/// One row of a table.
#[derive(Debug, Default)]
pub(super) struct Line {
    pub(super) cells: Vec<Cell>,
    /// Whether it came since the table was last looked at.
    pub(super) is_new: bool,
}

/// The head of a column.
#[derive(Debug)]
pub(super) struct Column {
    pub(super) name: String,
    /// Whether it holds numbers alone.
    pub(super) is_number: bool,
}

/// One value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Cell {
    pub(super) text: String,
    pub(super) is_missing: bool,
    /// The moment that it is, for the script that puts it into the reader's zone.
    pub(super) at: Option<String>,
    /// Whether it is a number.
    is_number: bool,
}

impl Cell {
    /// A value.
    pub(super) fn of(value: &Value) -> Self {
        let text = text_of(value);
        let text = match text.char_indices().nth(CELL_CHARS_MAX) {
            Some((at, _)) => format!("{}…", &text[..at]),
            None => text,
        };
        let at = match value {
            Value::DateTime(at) => Some(at.to_string()),
            _ => None,
        };
        Self {
            text,
            is_missing: value.is_null(),
            at,
            is_number: value.as_number().is_some(),
        }
    }

    /// The text in the pieces that a page leaves a gap between: the groups of the digits of a
    /// larger number. Together they are the text, so that whoever copies it has the number.
    pub(super) fn parts(&self) -> Vec<&str> {
        let digits = self.text.trim_start_matches('-');
        let sign = self.text.len() - digits.len();
        let whole = digits.find('.').unwrap_or(digits.len());
        let is_plain = digits
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'.');
        if !self.is_number || !is_plain {
            return vec![&self.text];
        }
        let (mut parts, mut from) = (Vec::new(), 0);
        for gap in gaps(whole) {
            parts.push(&self.text[from..sign + gap]);
            from = sign + gap;
        }
        parts.push(&self.text[from..]);
        parts
    }

    /// Nothing.
    pub(super) fn missing() -> Self {
        Self::of(&Value::Null)
    }
}

/// A value as text, without quotes round a text.
pub(super) fn text_of(value: &Value) -> String {
    match value {
        Value::Null => "–".to_owned(),
        Value::Float(number) => short_float(*number),
        other => match other.as_str() {
            Some(text) => text.to_owned(),
            None => model::json::to_text(other).trim_matches('"').to_owned(),
        },
    }
}

/// A value as JSON with an indented line for each member.
pub(super) fn pretty(value: &Value) -> String {
    let text = model::json::to_text(value);
    let read: Result<serde_json::Value, _> = serde_json::from_str(&text);
    let pretty = read.and_then(|json| serde_json::to_string_pretty(&json));
    pretty.unwrap_or(text)
}

/// A double with as many digits as people read.
fn short_float(number: f64) -> String {
    let is_plain = number == 0.0 || (1e-4..1e15).contains(&number.abs());
    if !is_plain {
        return model::json::to_text(&Value::Float(number));
    }
    let text = format!("{number:.6}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

impl Table {
    /// Rows that are trees: a column for each field, in the order in which they
    /// come, up to as many as anybody reads.
    pub(super) fn of_trees(trees: &[Value]) -> Self {
        Self::of_members(trees, |_| true)
    }

    /// Records of a pool, without what the server added to them, unless they have nothing else.
    pub(super) fn of_records(records: &[Value]) -> Self {
        let table = Self::of_members(records, |name| !name.starts_with('_'));
        match table.columns.is_empty() {
            true => Self::of_trees(records),
            false => table,
        }
    }

    /// Rows that are trees, with the fields alone that are shown.
    fn of_members(trees: &[Value], is_shown: impl Fn(&str) -> bool) -> Self {
        let mut names: Vec<String> = Vec::new();
        let mut places: HashMap<String, usize> = HashMap::new();
        let mut others: HashSet<String> = HashSet::new();
        let mut rows: Vec<HashMap<usize, &Value>> = Vec::with_capacity(trees.len());
        for tree in trees {
            let mut members = Vec::new();
            flatten("", tree, &mut members);
            members.retain(|(name, _)| is_shown(name));
            let mut row = HashMap::new();
            for (name, value) in members {
                let known = places.get(&name).copied();
                let place = known.or_else(|| {
                    // What the server adds has its place in any case.
                    (names.len() < COLUMNS_MAX || name.starts_with('_')).then(|| {
                        places.insert(name.clone(), names.len());
                        names.push(name.clone());
                        names.len() - 1
                    })
                });
                match place {
                    Some(place) => {
                        row.insert(place, value);
                    }
                    None => {
                        others.insert(name);
                    }
                }
            }
            rows.push(row);
        }
        // It stands behind what was sent.
        let mut order: Vec<usize> = (0..names.len()).collect();
        order.sort_by_key(|place| names[*place].starts_with('_'));
        let rows = rows.iter().map(|row| {
            let cells = order.iter().map(|place| row.get(place).copied());
            cells.collect()
        });
        let rows: Vec<Vec<Option<&Value>>> = rows.collect();
        let names = order.iter().map(|place| names[*place].clone()).collect();
        Self {
            left_out: others.len(),
            ..Self::of(names, &rows)
        }
    }

    /// Rows of values, one for each of the columns.
    pub(super) fn of(names: Vec<String>, rows: &[Vec<Option<&Value>>]) -> Self {
        let columns = names.into_iter().enumerate();
        let columns = columns.map(|(at, name)| {
            let mut values = rows.iter().filter_map(|row| row.get(at).copied().flatten());
            let is_number = |value: &Value| value.is_null() || value.as_number().is_some();
            let is_number = rows
                .iter()
                .any(|row| row.get(at).copied().flatten().is_some())
                && values.all(is_number);
            Column { name, is_number }
        });
        let columns = columns.collect();
        let rows = rows.iter().map(|row| {
            let cells = row.iter();
            let cells = cells.map(|value| value.map_or_else(Cell::missing, Cell::of));
            Line {
                cells: cells.collect(),
                is_new: false,
            }
        });
        Self {
            columns,
            rows: rows.collect(),
            left_out: 0,
        }
    }
}

fn flatten<'a>(path: &str, value: &'a Value, members: &mut Vec<(String, &'a Value)>) {
    match value {
        Value::Object(object) if !object.is_empty() => {
            for (name, value) in object.iter() {
                let below = match path.is_empty() {
                    true => name.to_owned(),
                    false => format!("{path}.{name}"),
                };
                flatten(&below, value, members);
            }
        }
        value => members.push((path.to_owned(), value)),
    }
}

/// A whole number with its digits in groups.
pub(super) fn grouped(number: i128) -> String {
    let text = digits::grouped(&number.unsigned_abs().to_string());
    match number < 0 {
        true => format!("−{text}"),
        false => text,
    }
}

/// A number that stands by itself, with its digits in groups.
pub(super) fn in_groups(number: &Value) -> String {
    Cell::of(number).parts().join(digits::GAP)
}

/// So many bytes, in the unit that people read.
pub(super) fn bytes(number: u64) -> String {
    const UNITS: [&str; 5] = ["kB", "MB", "GB", "TB", "PB"];
    if number < 1_000 {
        return format!("{number} B");
    }
    let (mut tenths, mut unit) = (u128::from(number) * 10 / 1_000, 0);
    while tenths >= 10_000 && unit + 1 < UNITS.len() {
        tenths /= 1_000;
        unit += 1;
    }
    match tenths < 1_000 {
        true => format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit]),
        false => format!(
            "{} {}",
            grouped((tenths / 10).try_into().unwrap_or(0)),
            UNITS[unit]
        ),
    }
}

/// `1 record`, `2 records`.
pub(super) fn counted(number: i128, one: &str, many: &str) -> String {
    let word = if number == 1 { one } else { many };
    format!("{} {word}", grouped(number))
}

/// How many rows there are, and how many of them the table below has where it has not all.
pub(super) fn rows_of(all: usize, shown: usize) -> String {
    let rows = counted(all as i128, "row", "rows");
    match shown < all {
        true => format!("{rows}, the first {shown} below"),
        false => rows,
    }
}

/// What is there now, beside what somebody typed over something older.
#[derive(Default)]
pub(super) struct Now {
    /// What has another value than the form, and which.
    pub(super) lines: Vec<(&'static str, String)>,
    /// What it is defined as, of what has a definition.
    pub(super) definition: Option<Definition>,
}

#[cfg(test)]
pub(super) fn sample(text: &str) -> Table {
    let cell = |at: Option<&str>| Cell {
        text: text.to_owned(),
        at: at.map(str::to_owned),
        ..Cell::default()
    };
    let line = |is_new| Line {
        cells: vec![cell(None), cell(Some(text))],
        is_new,
    };
    let column = |is_number| Column {
        name: text.to_owned(),
        is_number,
    };
    Table {
        columns: vec![column(true), column(false)],
        rows: vec![line(true), line(false)],
        left_out: 2,
    }
}

#[cfg(test)]
mod tests;
