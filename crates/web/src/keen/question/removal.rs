//! Which events a request to delete means.

use model::analyses::{Calendar, Period};
use model::fault::{Fault, FaultCode};
use model::filters::{Filter, parse_filter};
use model::names::FieldPath;
use model::time::Timestamp;
use model::value::{Object, Value};

use super::reader::Reader;
use super::times;
use crate::keen::filters::filters;

/// The events that were asked for: of all, when nothing is said of them.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Removal {
    filter: Option<Filter>,
    period: Option<Period>,
    calendar: Calendar,
}

impl Removal {
    /// Reads filters, a timeframe and its zone.
    ///
    /// # Errors
    /// A fault that names the parameter.
    pub(crate) fn read(sent: &Object) -> Result<Self, Fault> {
        let reader = Reader::new(sent);
        let calendar = times::calendar(times::zone(&reader)?);
        let period = times::period(&reader, &calendar.zone)?;
        let filter = reader.value("filters").map(filters);
        let filter = filter.transpose().map_err(|f| f.under("/filters"))?;
        Ok(Self {
            filter: filter.flatten(),
            period,
            calendar,
        })
    }

    /// The condition on the events of a pool with this field of time; `None`
    /// when nothing was said of them.
    ///
    /// # Errors
    /// A timeframe that leaves the years that can be held.
    pub(crate) fn condition(
        self,
        time: &FieldPath,
        now: Timestamp,
    ) -> Result<Option<Filter>, Fault> {
        let sides = self.period.map(|period| period.sides(now, &self.calendar));
        let (from, to) = sides
            .transpose()
            .map_err(|error| {
                Fault::new(FaultCode::InvalidValue, error.to_string()).at("/timeframe")
            })?
            .unwrap_or((None, None));
        let side = |operator: &str, at: Timestamp| {
            let side = Object::new()
                .with("field", time.as_str())
                .with("operator", operator)
                .with("value", at.to_string());
            parse_filter(&Value::Object(side))
        };
        let from = from.map(|from| side("gte", from)).transpose()?;
        let to = to.map(|to| side("lt", to)).transpose()?;
        let parts = [self.filter, from, to].into_iter().flatten();
        Ok(Filter::all(parts.collect()))
    }
}
