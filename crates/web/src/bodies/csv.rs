//! Records as CSV.
//!
//! Our own reader of RFC 4180, since what the common ones forgive loses
//! records here: a quote that is never closed makes one cell of all that
//! follows, and text behind a closing quote is joined to it.

use std::borrow::Cow;
use std::collections::HashSet;

use model::fault::{Fault, FaultCode, shorten};
use model::fields::{FieldType, ScalarType};
use model::limits::RECORD_FIELDS_MAX;
use model::pools::{Schema, SchemaMode};
use model::records::{RecordFault, RecordFaultCode, SentRecord};
use model::value::{Object, Value};

use super::push;

/// The records of a CSV body; the rules for cells stand at
/// [`read_records`](super::read_records). Empty lines are no records.
pub(super) fn read(body: &[u8], schema: &Schema) -> Result<Vec<SentRecord>, Fault> {
    let mut rows = Rows {
        rest: body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body),
    };
    let columns = read_header(&mut rows, schema)?;
    let mut records = Vec::new();
    while let Some(row) = rows.next(columns.len())? {
        if row.has_stray_quote && row.spans_lines {
            // How many records went into the cell that spans them, nobody can tell.
            return Err(malformed(format!(
                "from record {} on the lines cannot be told apart: {STRAY_QUOTE}",
                records.len()
            )));
        }
        let record = read_row(records.len(), &row, &columns);
        push(&mut records, record)?;
    }
    Ok(records)
}

/// The header of a CSV body, and the cells of at most `most` lines below it;
/// `None` for an empty cell without quotes. Lines that cannot be read are left out.
///
/// # Errors
/// A fault of the header, or of the whole body.
pub(super) fn cells(body: &[u8], most: usize) -> Result<Table, Fault> {
    let mut rows = Rows {
        rest: body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body),
    };
    let columns = read_header(&mut rows, &Schema::new(SchemaMode::Open, Vec::new()))?;
    let mut lines = Vec::new();
    while lines.len() < most
        && let Some(row) = rows.next(columns.len())?
    {
        if row.has_stray_quote || row.width != columns.len() {
            continue;
        }
        let cells = row.cells.iter().map(|cell| {
            let text = String::from_utf8_lossy(&cell.text).into_owned();
            Some(text).filter(|text| cell.is_quoted || !text.is_empty())
        });
        lines.push(cells.collect());
    }
    let names = columns.into_iter().map(|column| column.name).collect();
    Ok((names, lines))
}

/// The names of columns, and the cells of each line.
pub(crate) type Table = (Vec<String>, Vec<Vec<Option<String>>>);

struct Column {
    name: String,
    field_type: Option<FieldType>,
}

fn read_header(rows: &mut Rows<'_>, schema: &Schema) -> Result<Vec<Column>, Fault> {
    let header = rows.next(RECORD_FIELDS_MAX)?.ok_or_else(|| {
        malformed("a CSV body starts with a header line of field names; this one is empty")
    })?;
    if header.width > RECORD_FIELDS_MAX {
        return Err(Fault::new(
            FaultCode::LimitExceeded,
            format!("a record has at most {RECORD_FIELDS_MAX} fields, and so has a CSV header"),
        ));
    }
    if header.has_stray_quote {
        return Err(malformed(format!("in the header, {STRAY_QUOTE}")));
    }
    let mut seen = HashSet::new();
    let mut columns = Vec::with_capacity(header.width);
    for (at, cell) in header.cells.iter().enumerate() {
        let name = std::str::from_utf8(&cell.text)
            .map_err(|_| malformed("the header of a CSV body is UTF-8 text"))?;
        if name.is_empty() {
            return Err(Fault::new(
                FaultCode::InvalidName,
                format!("column {} of the CSV header has no name", at + 1),
            ));
        }
        if !seen.insert(name.to_owned()) {
            return Err(Fault::new(
                FaultCode::DuplicateMember,
                format!(
                    "the CSV header names {} twice; name each column once",
                    shorten(name)
                ),
            )
            .on_field(name));
        }
        columns.push(Column {
            name: name.to_owned(),
            field_type: schema.field(name).map(|field| field.field_type),
        });
    }
    Ok(columns)
}

fn read_row(index: usize, row: &Row<'_>, columns: &[Column]) -> SentRecord {
    let refuse =
        |message: String| RecordFault::new(index, RecordFaultCode::MalformedRecord, message);
    if row.has_stray_quote {
        return Err(refuse(STRAY_QUOTE.to_owned()));
    }
    if row.width != columns.len() {
        return Err(refuse(format!(
            "the header has {} columns and this line has {} cells",
            columns.len(),
            row.width
        )));
    }
    let mut members = Vec::with_capacity(columns.len());
    for (cell, column) in row.cells.iter().zip(columns) {
        let Ok(text) = std::str::from_utf8(&cell.text) else {
            return Err(RecordFault {
                field: Some(shorten(&column.name)),
                ..refuse("the cell is not UTF-8 text".to_owned())
            });
        };
        if let Some(value) = read_cell(text, cell.is_quoted, column.field_type) {
            members.push((column.name.clone(), value));
        }
    }
    let object = Object::from_members(members).expect("the header's names are distinct");
    Ok(Value::Object(object))
}

/// The value of a cell; what does not read as the declared type stays text,
/// which the record's check then refuses under its field.
fn read_cell(text: &str, is_quoted: bool, field_type: Option<FieldType>) -> Option<Value> {
    let Some(field_type) = field_type else {
        return (is_quoted || !text.is_empty()).then(|| undeclared(text));
    };
    let is_text = field_type == FieldType::Scalar(ScalarType::String);
    if text.is_empty() && !(is_quoted && is_text) {
        return None;
    }
    let read = match field_type {
        FieldType::Array(_) => model::json::parse(text.as_bytes()).ok(),
        FieldType::Scalar(ScalarType::Float32 | ScalarType::Float64) => float(text),
        FieldType::Scalar(ScalarType::Boolean) => ["false", "true"]
            .iter()
            .position(|word| text.eq_ignore_ascii_case(word))
            .map(|truth| Value::Boolean(truth == 1)),
        // Text, and what is read from text anyway.
        FieldType::Scalar(_) => None,
    };
    Some(read.unwrap_or_else(|| Value::from(text)))
}

fn float(text: &str) -> Option<Value> {
    let is_numeral = |byte: u8| byte.is_ascii_digit() || b"+-.eE".contains(&byte);
    if !text.bytes().all(is_numeral) {
        return None;
    }
    Value::float(text.parse().ok()?)
}

fn undeclared(text: &str) -> Value {
    let may_be_typed = text
        .bytes()
        .next()
        .is_some_and(|first| matches!(first, b'-' | b'0'..=b'9' | b't' | b'f'));
    may_be_typed
        .then(|| model::json::parse(text.as_bytes()).ok())
        .flatten()
        // The nearest double, whatever the JSON reader settles for.
        .and_then(|value| match value {
            Value::Float(_) => float(text),
            other => Some(other),
        })
        .filter(|value| model::json::to_text(value) == text)
        .unwrap_or_else(|| Value::from(text))
}

const STRAY_QUOTE: &str =
    "a quote stands around a whole cell; inside one, quote the cell and double the quote";

fn malformed(detail: impl Into<String>) -> Fault {
    Fault::new(FaultCode::MalformedBody, detail)
}

struct Cell<'a> {
    text: Cow<'a, [u8]>,
    is_quoted: bool,
}

struct Row<'a> {
    /// The first cells, as many as were asked for.
    cells: Vec<Cell<'a>>,
    /// How many cells there are.
    width: usize,
    has_stray_quote: bool,
    /// Whether a quoted cell holds a line end.
    spans_lines: bool,
}

struct Rows<'a> {
    rest: &'a [u8],
}

impl<'a> Rows<'a> {
    /// The next line that is not empty, of which at most `kept` cells are held.
    fn next(&mut self, kept: usize) -> Result<Option<Row<'a>>, Fault> {
        while self.take_line_end() {}
        if self.rest.is_empty() {
            return Ok(None);
        }
        let mut row = Row {
            cells: Vec::new(),
            width: 0,
            has_stray_quote: false,
            spans_lines: false,
        };
        loop {
            let cell = self.cell(&mut row.has_stray_quote)?;
            row.width += 1;
            row.spans_lines |= cell.is_quoted && cell.text.iter().any(|b| b"\r\n".contains(b));
            if row.cells.len() < kept {
                row.cells.push(cell);
            }
            if let Some(rest) = self.rest.strip_prefix(b",") {
                self.rest = rest;
            } else {
                self.take_line_end();
                return Ok(Some(row));
            }
        }
    }

    fn take_line_end(&mut self) -> bool {
        let ends: [&[u8]; 3] = [b"\r\n", b"\n", b"\r"];
        let rest = ends.iter().find_map(|end| self.rest.strip_prefix(*end));
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn cell(&mut self, has_stray_quote: &mut bool) -> Result<Cell<'a>, Fault> {
        let Some(mut inside) = self.rest.strip_prefix(b"\"") else {
            let text = self.plain();
            *has_stray_quote |= text.contains(&b'"');
            return Ok(Cell {
                text: Cow::Borrowed(text),
                is_quoted: false,
            });
        };
        let mut text = Cow::Borrowed(&inside[..0]);
        loop {
            let quote = inside.iter().position(|byte| *byte == b'"');
            let quote = quote
                .ok_or_else(|| malformed("the body ends inside a quoted cell; close its quote"))?;
            let (piece, after) = (&inside[..quote], &inside[quote + 1..]);
            if let Some(more) = after.strip_prefix(b"\"") {
                text.to_mut().extend(&inside[..=quote]);
                inside = more;
                continue;
            }
            if text.is_empty() {
                text = Cow::Borrowed(piece);
            } else {
                text.to_mut().extend(piece);
            }
            self.rest = after;
            *has_stray_quote |= !self.plain().is_empty();
            return Ok(Cell {
                text,
                is_quoted: true,
            });
        }
    }

    /// The bytes before the next comma or line end.
    fn plain(&mut self) -> &'a [u8] {
        let end = self
            .rest
            .iter()
            .position(|byte| matches!(byte, b',' | b'\n' | b'\r'))
            .unwrap_or(self.rest.len());
        let (text, rest) = self.rest.split_at(end);
        self.rest = rest;
        text
    }
}

#[cfg(test)]
mod tests;
