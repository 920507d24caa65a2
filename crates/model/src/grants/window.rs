//! Windows of time: rows of a grant by the age of their data.

use std::time::Duration;

use crate::document::{Document, text};
use crate::fault::{Fault, FaultCode};
use crate::fields::{ColumnType, FieldType, ScalarType};
use crate::filters::{Comparison, Filter, Operator};
use crate::limits::TIME_WINDOW_DAYS_MAX;
use crate::names::FieldPath;
use crate::pools::Schema;
use crate::time::Timestamp;
use crate::value::{Object, Value};

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// Which rows a grant is about by a time that they hold: all of its bounds
/// hold. Rows without that time are outside.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TimeWindow {
    field: FieldPath,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    last: Option<Span>,
}

/// A whole number of one unit, as it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Span {
    number: u64,
    unit: char,
}

impl Span {
    fn parse(text: &str) -> Option<Self> {
        let unit = text.chars().last().filter(|unit| "mhd".contains(*unit))?;
        let digits = &text[..text.len() - 1];
        let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        let number = plain.then(|| digits.parse().ok()).flatten()?;
        let span = Self { number, unit };
        let bounds = MINUTE..=TIME_WINDOW_DAYS_MAX * DAY;
        (!digits.starts_with('0') && bounds.contains(&span.seconds())).then_some(span)
    }

    fn seconds(self) -> u64 {
        let unit = match self.unit {
            'm' => MINUTE,
            'h' => HOUR,
            _ => DAY,
        };
        self.number.saturating_mul(unit)
    }

    /// The start of the span that ends at `now`, on the next full minute, or
    /// of a week and more on the next full hour: never earlier than asked for,
    /// and the same for all who ask in that minute or hour, so that answers
    /// can be kept.
    fn start(self, now: Timestamp) -> Option<Timestamp> {
        let step = if self.seconds() < 7 * DAY {
            MINUTE
        } else {
            HOUR
        };
        let step = Duration::from_secs(step);
        let start = now.checked_sub(Duration::from_secs(self.seconds()))?;
        let micros = i64::try_from(step.as_micros()).ok()?;
        let past = start.as_microsecond().rem_euclid(micros);
        match past {
            0 => Some(start),
            past => Timestamp::from_microsecond(start.as_microsecond().checked_add(micros - past)?),
        }
    }
}

impl TimeWindow {
    /// Reads `{"field", "from"?, "to"?, "last"?}`, `from` inclusive and `to`
    /// exclusive, `last` a whole number of `m`, `h` or `d`.
    ///
    /// # Errors
    /// A fault when there is no bound, one is no instant or no span, or they
    /// leave no instant.
    pub(super) fn parse(value: &Value) -> Result<Self, Fault> {
        let refuse = |detail: &str, at: &str| Fault::new(FaultCode::InvalidValue, detail).at(at);
        let mut document = Document::new(value)?;
        let sent = text(document.required("field")?).map_err(|fault| fault.at("/field"))?;
        let field = FieldPath::parse_readable(sent).map_err(|rule| {
            Fault::new(FaultCode::InvalidName, rule.to_string())
                .at("/field")
                .on_field(sent)
        })?;
        let mut instant = |name: &'static str| -> Result<Option<Timestamp>, Fault> {
            let text = document.optional_text(name)?;
            let read = text.map(Timestamp::parse).transpose();
            read.map_err(|_| refuse("a time such as 2027-01-01T00:00:00Z", &format!("/{name}")))
        };
        let (from, to) = (instant("from")?, instant("to")?);
        let last = document.optional_text("last")?.map(|text| {
            Span::parse(text).ok_or_else(|| {
                let rule = format!(
                    "last is a whole number of minutes, hours or days, such as 90d, of at most {TIME_WINDOW_DAYS_MAX} days"
                );
                refuse(&rule, "/last")
            })
        });
        let last = last.transpose()?;
        document.finish()?;
        if from.is_none() && to.is_none() && last.is_none() {
            return Err(refuse(
                "a window has from, to or last; leave time out for all times",
                "",
            ));
        }
        if from.zip(to).is_some_and(|(from, to)| from >= to) {
            return Err(refuse("to comes after from", "/to"));
        }
        Ok(Self {
            field,
            from,
            to,
            last,
        })
    }

    /// What [`TimeWindow::parse`] reads back.
    pub(super) fn to_value(&self) -> Value {
        let time = |time: Option<Timestamp>| time.map(|time| time.to_string());
        let last = self
            .last
            .map(|span| format!("{}{}", span.number, span.unit));
        let object = Object::new()
            .with("field", self.field.as_str())
            .with("from", time(self.from))
            .with("to", time(self.to))
            .with("last", last);
        Value::Object(object)
    }

    /// Refuses a field that holds no times in a pool with this schema. Texts are
    /// none: they would be compared letter by letter.
    ///
    /// # Errors
    /// A fault on the field.
    pub(super) fn check_against(&self, schema: &Schema) -> Result<(), Fault> {
        let (code, detail) = match schema.column(&self.field) {
            Some(ColumnType::Declared(FieldType::Scalar(ScalarType::DateTime))) => return Ok(()),
            None => (FaultCode::UnknownField, "the pool declares no such field"),
            Some(_) => (
                FaultCode::WrongType,
                "a window is over a declared field of type DateTime, or _ingested_at",
            ),
        };
        Err(Fault::new(code, detail).on_field(&self.field))
    }

    /// The field that holds the time.
    pub fn field(&self) -> &FieldPath {
        &self.field
    }

    /// Whether it is at every instant about no rows but those that the other is about, too.
    pub fn is_within(&self, other: &Self) -> bool {
        let begins = |from| self.from.is_some_and(|own| own >= from);
        let ends = |to| self.to.is_some_and(|own| own <= to);
        // Starts are put off to full minutes and hours: less than that apart, nothing is said.
        let is_as_short = |last: Span| {
            self.last
                .is_some_and(|own| own == last || own.seconds() + HOUR <= last.seconds())
        };
        self.field == other.field
            && other.from.is_none_or(begins)
            && other.to.is_none_or(ends)
            && other.last.is_none_or(is_as_short)
    }

    /// The rows that the window is about at this instant.
    pub(crate) fn at(&self, now: Timestamp) -> Filter {
        let bound = |operator, time| {
            let time = Value::DateTime(time);
            Filter::Compare(Comparison::restore(self.field.clone(), operator, time))
        };
        let mut bounds = Vec::new();
        bounds.extend(self.from.map(|from| bound(Operator::Gte, from)));
        bounds.extend(self.to.map(|to| bound(Operator::Lt, to)));
        if let Some(last) = self.last {
            let start = last.start(now);
            bounds.push(match start {
                Some(start) => Filter::Compare(Comparison::moving(
                    self.field.clone(),
                    Operator::Gte,
                    Value::DateTime(start),
                )),
                // It cannot be said how young a row must be, so none is.
                None => Filter::Any(Vec::new()),
            });
        }
        Filter::all(bounds).unwrap_or(Filter::Any(Vec::new()))
    }
}

#[cfg(test)]
mod tests;
