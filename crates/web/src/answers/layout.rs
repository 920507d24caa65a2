//! Where each value of a row goes in an answer, and how it is written.

use std::borrow::Cow;
use std::io::Write;

use model::json::{WideIntegers, Written};
use model::queries::{OutputColumn, Row};
use model::time::TimeZone;
use model::value::Value;
use model::views::{Shape, ViewDraft, ViewFieldRole};
use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};

use crate::plane::{Cell, PageColumn, PlaneError};

/// What the request says of how values are written.
#[derive(Clone, Debug)]
pub(crate) struct Style {
    /// The zone whose offset every date-time carries, starts of intervals
    /// too; UTC writes `Z`.
    pub(crate) zone: TimeZone,
    /// How integers beyond 2^53 are written in JSON.
    pub(crate) wide: WideIntegers,
}

/// How the rows of an answer are written.
pub(crate) trait RowShape {
    /// How many values of a row are shown; behind them are its order values.
    fn width(&self) -> usize;

    /// Appends the row as one JSON object.
    fn write(&self, row: &Row, out: &mut Vec<u8>) -> Result<(), PlaneError>;

    /// Appends a row of a page as one JSON object, the same as [`RowShape::write`]
    /// makes of its values. The columns are as many as are shown.
    fn write_cells(
        &self,
        columns: &[Box<dyn PageColumn + '_>],
        row: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), PlaneError>;

    /// The row's values that are shown, and behind them its order values.
    fn split<'a>(&self, row: &'a Row) -> Result<(&'a [Value], &'a [Value]), PlaneError> {
        row.split_at_checked(self.width()).ok_or_else(|| {
            PlaneError::Internal(format!(
                "a row of {} values under {} columns",
                row.len(),
                self.width()
            ))
        })
    }
}

/// One member of a row of the answer.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) name: String,
    /// The name as JSON writes it, with the colon behind it.
    key: Vec<u8>,
    /// The position among the columns.
    pub(super) column: usize,
}

/// The members of an answer's rows in their order, and the levels that
/// grouped output nests by.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    members: Vec<Member>,
    levels: Vec<usize>,
    width: usize,
    style: Style,
}

impl Layout {
    /// The layout of `view`'s answers with these columns: the start of the
    /// interval first, then the view's fields in the view's order. A field
    /// without a column, hidden from the key, is not in it.
    pub(crate) fn new(view: &ViewDraft, columns: &[OutputColumn], style: Style) -> Self {
        let find = |name: &str| columns.iter().position(|column| column.name == name);
        let interval = match &view.shape {
            Shape::TimeSeries { interval_field } => find(interval_field.as_str()),
            _ => None,
        };
        let groups = view
            .fields
            .iter()
            .filter(|field| view.grouped_output && matches!(field.role, ViewFieldRole::Group(_)));
        let groups = groups.filter_map(|field| find(field.name.as_str()));
        let levels = interval.filter(|_| view.grouped_output);
        let fields = view.fields.iter();
        let fields = fields.filter_map(|field| find(field.name.as_str()));
        let members = interval.into_iter().chain(fields);
        let members = members.map(|column| Member::new(&columns[column].name, column));
        Self {
            members: members.collect(),
            levels: levels.into_iter().chain(groups).collect(),
            width: columns.len(),
            style,
        }
    }

    /// The layout of a table with these columns.
    pub(crate) fn of_table(columns: &[OutputColumn], style: Style) -> Self {
        let members = columns.iter().enumerate();
        let members = members.map(|(at, column)| Member::new(&column.name, at));
        Self {
            members: members.collect(),
            levels: Vec::new(),
            width: columns.len(),
            style,
        }
    }

    /// The members of a flat row.
    pub(super) fn members(&self) -> &[Member] {
        &self.members
    }

    /// The members that are left in a row when the others are levels.
    pub(super) fn leaf_members(&self) -> Vec<Member> {
        let is_level = |member: &&Member| self.levels.contains(&member.column);
        let leaves = self.members.iter().filter(|member| !is_level(member));
        leaves.cloned().collect()
    }

    /// The columns that grouped output nests by, outermost first; none when
    /// the answer is flat.
    pub(super) fn levels(&self) -> &[usize] {
        &self.levels
    }

    /// Appends the row as one JSON object of these members.
    pub(super) fn write_object(
        &self,
        members: &[Member],
        row: &Row,
        out: &mut Vec<u8>,
    ) -> Result<(), PlaneError> {
        let (values, _) = self.split(row)?;
        out.push(b'{');
        for (at, member) in members.iter().enumerate() {
            if at > 0 {
                out.push(b',');
            }
            out.extend_from_slice(&member.key);
            let value = &values[member.column];
            write_value(value, &self.style, out)?;
        }
        out.push(b'}');
        Ok(())
    }

    /// The value as text: what a cell of CSV and the name of a group say.
    /// `None` for null; arrays and objects are JSON text.
    pub(super) fn text<'a>(&self, value: &'a Value) -> Option<Cow<'a, str>> {
        Some(match value {
            Value::Null => return None,
            Value::String(text) => Cow::Borrowed(text),
            Value::Date(date) => date.to_string().into(),
            Value::DateTime(instant) => instant.in_zone(&self.style.zone).to_string().into(),
            Value::Uuid(uuid) => uuid.to_string().into(),
            Value::Boolean(_)
            | Value::Integer(_)
            | Value::Float(_)
            | Value::Array(_)
            | Value::Object(_) => {
                let shown = Shown(value, &self.style.zone, WideIntegers::Numbers);
                serde_json::to_string(&shown)
                    .expect("a value has only string names and finite numbers")
                    .into()
            }
        })
    }
}

impl RowShape for Layout {
    fn width(&self) -> usize {
        self.width
    }

    fn write(&self, row: &Row, out: &mut Vec<u8>) -> Result<(), PlaneError> {
        self.write_object(&self.members, row, out)
    }

    fn write_cells(
        &self,
        columns: &[Box<dyn PageColumn + '_>],
        row: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), PlaneError> {
        out.push(b'{');
        for (at, member) in self.members.iter().enumerate() {
            if at > 0 {
                out.push(b',');
            }
            out.extend_from_slice(&member.key);
            match columns[member.column].cell(row) {
                Cell::Text(text) => write_text(text, out)?,
                Cell::Value(value) => write_value(&value, &self.style, out)?,
            }
        }
        out.push(b'}');
        Ok(())
    }
}

impl Member {
    fn new(name: &str, column: usize) -> Self {
        let key = serde_json::to_string(name).expect("a text is always JSON");
        Self {
            name: name.to_owned(),
            key: (key + ":").into_bytes(),
            column,
        }
    }
}

/// Appends a value as JSON.
pub(super) fn write_value(
    value: &Value,
    style: &Style,
    out: &mut Vec<u8>,
) -> Result<(), PlaneError> {
    if let Value::String(text) = value {
        return write_text(text, out);
    }
    Shown(value, &style.zone, style.wide)
        .write(out)
        .map_err(|error| PlaneError::Internal(error.to_string()))
}

/// Appends a text as JSON.
fn write_text(text: &str, out: &mut Vec<u8>) -> Result<(), PlaneError> {
    if is_plain(text) {
        out.reserve(text.len() + 2);
        out.push(b'"');
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
        return Ok(());
    }
    serde_json::to_writer(out, text).map_err(|error| PlaneError::Internal(error.to_string()))
}

/// A value in the answer's style.
struct Shown<'a>(&'a Value, &'a TimeZone, WideIntegers);

impl Shown<'_> {
    /// Appends the value as JSON.
    fn write(&self, out: &mut Vec<u8>) -> std::io::Result<()> {
        match self.0 {
            Value::Null => out.extend_from_slice(b"null"),
            Value::Boolean(true) => out.extend_from_slice(b"true"),
            Value::Boolean(false) => out.extend_from_slice(b"false"),
            // Nothing in it needs to be escaped.
            Value::DateTime(instant) => write!(out, "\"{}\"", instant.in_zone(self.1))?,
            // Most are short, and no style writes these as texts.
            Value::Integer(number) => match i32::try_from(*number) {
                Ok(short) => serde_json::to_writer(out, &short)?,
                Err(_) => serde_json::to_writer(out, self)?,
            },
            _ => serde_json::to_writer(out, self)?,
        }
        Ok(())
    }
}

/// Whether a text is in JSON what it is here. Most are, and many bytes at once
/// are looked at sooner than one after the other.
fn is_plain(text: &str) -> bool {
    const AT_ONCE: usize = 32;
    let needs_escape = |byte: &u8| *byte < b' ' || *byte == b'"' || *byte == b'\\';
    let mut pieces = text.as_bytes().chunks(AT_ONCE);
    pieces.all(|piece| {
        !piece
            .iter()
            .fold(false, |any, byte| any | needs_escape(byte))
    })
}

impl Serialize for Shown<'_> {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::DateTime(instant) => out.collect_str(&instant.in_zone(self.1)),
            Value::Array(values) => {
                let mut seq = out.serialize_seq(Some(values.len()))?;
                for value in values {
                    seq.serialize_element(&Shown(value, self.1, self.2))?;
                }
                seq.end()
            }
            Value::Object(object) => {
                let mut map = out.serialize_map(Some(object.len()))?;
                for (name, value) in object.iter() {
                    map.serialize_entry(name, &Shown(value, self.1, self.2))?;
                }
                map.end()
            }
            other => Written(other, self.2).serialize(out),
        }
    }
}
