//! What a reader asks of a view.

use crate::document::Document;
use crate::fault::{Fault, FaultCode, shorten};
use crate::filters::{Filter, parse_list};
use crate::ids::GrantId;
use crate::limits::{PAGE_ROWS_DEFAULT, PAGE_ROWS_MAX, RESULT_ROWS_MAX};
use crate::names::FieldPath;
use crate::queries::OrderBy;
use crate::time::{Date, Interval, TimeError, TimeRange, TimeZone, Timeframe, Timestamp};
use crate::value::Value;

/// A request for a view's data, before anything is known of the view.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct ViewRequest {
    /// Conditions over the view's names.
    pub conditions: Option<Filter>,
    /// The length of a time series' intervals.
    pub interval: Option<Interval>,
    /// The first instant.
    pub from: Option<Timestamp>,
    /// The first instant after the range.
    pub to: Option<Timestamp>,
    /// The range in words.
    pub timeframe: Option<Timeframe>,
    /// The zone of intervals and of times in the answer.
    pub timezone: Option<TimeZone>,
    /// Rows at most.
    pub limit: Option<u64>,
    /// The cursor to continue after.
    pub after: Option<String>,
    /// The cursor to go back from.
    pub before: Option<String>,
    /// The order.
    pub order_by: Option<Vec<OrderBy<FieldPath>>>,
    /// Which of the key's grants is meant.
    pub grant: Option<GrantId>,
}

/// How the rows are given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// In pages with cursors.
    Pages,
    /// All of them, streamed.
    Stream,
}

pub(crate) fn time_fault(member: &str) -> impl FnOnce(TimeError) -> Fault + '_ {
    move |error| {
        let code = match error {
            TimeError::UnknownTimeZone(_) => FaultCode::UnknownTimezone,
            _ => FaultCode::InvalidValue,
        };
        Fault::new(code, error.to_string()).at(format!("/{member}"))
    }
}

impl ViewRequest {
    /// Reads a request.
    pub fn parse(value: &Value) -> Result<Self, Fault> {
        let mut document = Document::new(value)?;
        let conditions = document
            .optional("conditions")
            .map(|value| parse_list(value).map_err(|f| f.under("/conditions")))
            .transpose()?;
        let interval = document.optional_text("interval")?.map(Interval::parse);
        let timeframe = document.optional_text("timeframe")?.map(Timeframe::parse);
        let timezone = document.optional_text("timezone")?.map(TimeZone::parse);
        let timezone = timezone.transpose().map_err(time_fault("timezone"))?;
        let zone = timezone.clone().unwrap_or_else(TimeZone::utc);
        let time = |text: Option<&str>, member| {
            text.map(|text| side(text, &zone))
                .transpose()
                .map_err(time_fault(member))
        };
        let order_by = document.optional_list("order_by")?.map(super::parse_order);
        let grant = document.optional_text("grant")?;
        let request = Self {
            conditions,
            interval: interval.transpose().map_err(time_fault("interval"))?,
            from: time(document.optional_text("from")?, "from")?,
            to: time(document.optional_text("to")?, "to")?,
            timeframe: timeframe.transpose().map_err(time_fault("timeframe"))?,
            timezone,
            limit: document
                .optional_integer(
                    "limit",
                    1..=i64::try_from(RESULT_ROWS_MAX).unwrap_or(i64::MAX),
                )?
                .and_then(|limit| u64::try_from(limit).ok()),
            after: document.optional_text("after")?.map(str::to_owned),
            before: document.optional_text("before")?.map(str::to_owned),
            order_by: order_by.transpose().map_err(|f| f.under("/order_by"))?,
            grant: grant.map(parse_grant).transpose()?,
        };
        document.finish()?;
        request.check()?;
        Ok(request)
    }

    fn check(&self) -> Result<(), Fault> {
        let refuse =
            |detail: &str, at: &str| Err(Fault::new(FaultCode::InvalidValue, detail).at(at));
        if self.timeframe.is_some() && (self.from.is_some() || self.to.is_some()) {
            return refuse("give either timeframe or from and to", "/timeframe");
        }
        if self.after.is_some() && self.before.is_some() {
            return refuse("give either after or before", "/before");
        }
        match (self.from, self.to) {
            (Some(from), Some(to)) => TimeRange::new(from, to)
                .map(|_| ())
                .map_err(time_fault("to")),
            _ => Ok(()),
        }
    }

    /// The zone asked for, else UTC.
    pub fn zone(&self) -> TimeZone {
        self.timezone.clone().unwrap_or_else(TimeZone::utc)
    }

    /// The sides of the range asked for, a timeframe resolved at `now`.
    pub(crate) fn sides(
        &self,
        now: Timestamp,
    ) -> Result<(Option<Timestamp>, Option<Timestamp>), Fault> {
        match self.timeframe {
            None => Ok((self.from, self.to)),
            Some(timeframe) => {
                let range = timeframe
                    .resolve(now, &self.zone())
                    .map_err(time_fault("timeframe"))?;
                Ok((Some(range.from()), Some(range.to())))
            }
        }
    }

    /// The rows of one page of records.
    pub(crate) fn page_rows(&self) -> Result<u64, Fault> {
        let limit = self.limit.unwrap_or(PAGE_ROWS_DEFAULT);
        if limit <= PAGE_ROWS_MAX {
            return Ok(limit);
        }
        Err(Fault::new(
            FaultCode::LimitExceeded,
            format!("a page has at most {PAGE_ROWS_MAX} rows; follow the cursors, or ask for ndjson, csv, parquet or arrow to get all"),
        )
        .at("/limit"))
    }
}

/// A side of a range: an instant, or a date, which means its first instant on
/// the clock of the zone that the request asks for.
pub(crate) fn side(text: &str, zone: &TimeZone) -> Result<Timestamp, TimeError> {
    match Date::parse(text) {
        Ok(date) => Ok(zone.start_of(date)),
        Err(_) => Timestamp::parse(text),
    }
}

pub(crate) fn parse_grant(sent: &str) -> Result<GrantId, Fault> {
    GrantId::parse(sent).map_err(|_| {
        Fault::new(
            FaultCode::InvalidValue,
            format!("{} is not the id of a grant", shorten(sent)),
        )
        .at("/grant")
    })
}
