//! Tables for people.

use comfy_table::{Cell as ShownCell, CellAlignment, ContentArrangement, Table, presets};
use serde_json::{Map, Value};

use super::printable;

/// One cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Cell {
    /// No value.
    Empty,
    /// A number, as the server wrote it.
    Number(String),
    /// Anything else.
    Text(String),
}

impl Cell {
    /// The cell of a text.
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// The cell of a whole number.
    pub(crate) fn number(number: impl ToString) -> Self {
        Self::Number(number.to_string())
    }

    /// The cell of a JSON value; arrays and objects as compact JSON.
    pub(crate) fn of(value: Option<&Value>) -> Self {
        match value {
            None | Some(Value::Null) => Self::Empty,
            Some(Value::Number(number)) => Self::Number(number.to_string()),
            Some(Value::String(text)) => Self::Text(text.clone()),
            Some(other) => Self::Text(other.to_string()),
        }
    }

    fn shown(&self) -> String {
        match self {
            Self::Empty => String::new(),
            Self::Number(text) | Self::Text(text) => printable(text),
        }
    }
}

/// The table of answered rows: a column for each member, in the order in
/// which they first occur.
pub(crate) fn of_rows(rows: &[Value]) -> (Vec<String>, Vec<Vec<Cell>>) {
    let mut headers: Vec<String> = Vec::new();
    for row in rows.iter().filter_map(Value::as_object) {
        for name in row.keys() {
            if !headers.contains(name) {
                headers.push(name.clone());
            }
        }
    }
    let empty = Map::new();
    let cells = rows
        .iter()
        .map(|row| {
            let row = row.as_object().unwrap_or(&empty);
            headers.iter().map(|name| Cell::of(row.get(name))).collect()
        })
        .collect();
    (headers, cells)
}

/// Draws a table. Columns of numbers are right-aligned, with their decimal
/// points below each other. Without any header's text there is no header. `fit` wraps long cells to the terminal's width;
/// without it no line is broken.
pub(crate) fn render(headers: &[&str], rows: &[Vec<Cell>], fit: bool) -> String {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_FULL_CONDENSED);
    table.set_content_arrangement(if fit {
        ContentArrangement::Dynamic
    } else {
        ContentArrangement::Disabled
    });
    let numeric: Vec<bool> = (0..headers.len())
        .map(|at| is_numeric(rows.iter().filter_map(|row| row.get(at))))
        .collect();
    let tails: Vec<usize> = (0..headers.len())
        .map(|at| {
            let column = rows.iter().filter_map(|row| row.get(at));
            column.map(|cell| tail(&cell.shown())).max().unwrap_or(0)
        })
        .collect();
    let aligned = |text: String, at: usize| {
        let cell = ShownCell::new(text);
        if numeric[at] {
            cell.set_alignment(CellAlignment::Right)
        } else {
            cell
        }
    };
    if headers.iter().any(|name| !name.is_empty()) {
        let names = headers.iter().enumerate();
        table.set_header(names.map(|(at, name)| aligned(printable(name), at)));
    }
    for row in rows {
        let cells = row.iter().take(headers.len()).enumerate();
        table.add_row(cells.map(|(at, cell)| {
            let mut text = cell.shown();
            if numeric[at] && !text.is_empty() {
                let missing = tails[at] - tail(&text);
                text.push_str(&"\u{a0}".repeat(missing));
            }
            aligned(text, at)
        }));
    }
    // Trailing padding would be trimmed if it were made of plain spaces.
    table.to_string().replace('\u{a0}', " ")
}

/// [`render`] for standard output: fitted when it is a terminal.
pub(crate) fn shown(headers: &[&str], rows: &[Vec<Cell>]) -> String {
    render(headers, rows, super::is_terminal())
}

/// Whether a column holds numbers; wide integers come as text of digits.
fn is_numeric<'a>(cells: impl Iterator<Item = &'a Cell>) -> bool {
    let mut numbers = false;
    for cell in cells {
        match cell {
            Cell::Empty => {}
            Cell::Number(_) => numbers = true,
            Cell::Text(text) => {
                let digits = text.strip_prefix('-').unwrap_or(text);
                if digits.len() < 16 || !digits.bytes().all(|b| b.is_ascii_digit()) {
                    return false;
                }
                numbers = true;
            }
        }
    }
    numbers
}

/// The characters from the decimal point on.
fn tail(number: &str) -> usize {
    number.find('.').map_or(0, |at| number.len() - at)
}
