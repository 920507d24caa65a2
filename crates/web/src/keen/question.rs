//! From the parameters of a question to the tree that everything in the house
//! asks. What is not known is ignored; null and the empty text are as good as
//! nothing.

mod funnel;
mod groups;
mod metrics;
mod reader;
mod removal;
mod times;

use model::analyses::{
    Aggregation, Analysis, Calendar, Extraction, Metrics, Period, Selection, Source, Typing,
};
use model::fault::{Fault, FaultCode};
use model::names::{FieldPath, Name};
use model::time::{Interval, TimeZone};
use model::value::{Object, Value};

use super::filters::{GEO_RULE, filters};
use super::{Parameters, failed};
use crate::error::{ApiError, Code};

pub(crate) use funnel::shown as shown_step;
use reader::Reader;
pub(crate) use removal::Removal;

/// The parameters that a question may have.
const KNOWN: [&str; 19] = [
    "event_collection",
    "target_property",
    "percentile",
    "timeframe",
    "timezone",
    "interval",
    "filters",
    "group_by",
    "order_by",
    "limit",
    "max_age",
    "latest",
    "property_names",
    "email",
    "content_type",
    "content_encoding",
    "analyses",
    "steps",
    "include_metadata",
];

/// A question of the dialect, read.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Question {
    /// What is asked.
    pub(crate) analysis: Analysis,
    /// The zone of the bounds of intervals.
    pub(crate) zone: TimeZone,
    /// Whether the answer tells what it took.
    pub(crate) has_metadata: bool,
    /// The caller's own words, which the answer repeats.
    pub(crate) echo: Object,
    /// The steps of a funnel, as far as the caller said them.
    pub(crate) steps: Vec<funnel::Told>,
}

impl Question {
    /// Reads a question. `kind` is the name of the analysis, `sent` the
    /// parameters as the body of a POST has them.
    ///
    /// # Errors
    /// [`Code::NotFound`] for an analysis that does not exist, else a fault
    /// that names the parameter.
    pub(crate) fn read(kind: &str, sent: &Object) -> Result<Self, ApiError> {
        let reader = Reader::new(sent);
        let read = match kind {
            "extraction" => extraction(&reader),
            "funnel" => return Self::funnel(&reader).map_err(named),
            "multi_analysis" => metrics::labelled(&reader)
                .and_then(|metrics| aggregation(&reader, Metrics::Labelled(metrics))),
            kind => match metrics::function(kind) {
                Some(function) => metrics::metric(kind, function, &reader)
                    .and_then(|metric| aggregation(&reader, Metrics::One(metric))),
                None => {
                    let detail = "there is no such analysis";
                    return Err(failed(Code::NotFound, "ResourceNotFoundError", detail));
                }
            },
        };
        let analysis = read.map_err(named)?;
        let first = analysis.sources()[0].calendar.zone.clone();
        Self::of(kind, analysis, first, Vec::new(), &reader).map_err(named)
    }

    fn funnel(reader: &Reader<'_>) -> Result<Self, Fault> {
        let zone = times::zone(reader)?.unwrap_or_else(TimeZone::utc);
        let (funnel, told) = funnel::read(reader)?;
        Self::of("funnel", Analysis::Funnel(funnel), zone, told, reader)
    }

    fn of(
        kind: &str,
        analysis: Analysis,
        zone: TimeZone,
        steps: Vec<funnel::Told>,
        reader: &Reader<'_>,
    ) -> Result<Self, Fault> {
        analysis.check()?;
        Ok(Self {
            analysis,
            zone,
            has_metadata: reader.truth("include_metadata")?.unwrap_or(false),
            echo: echo(kind, reader),
            steps,
        })
    }

    /// Reads the question of a query string.
    ///
    /// # Errors
    /// As [`Question::read`].
    pub(crate) fn of_parameters(kind: &str, sent: &Parameters) -> Result<Self, ApiError> {
        Self::read(kind, &sent.to_object(&KNOWN)?)
    }
}

/// The timeframe of a query string; times without an offset are of the zone's clock.
///
/// # Errors
/// A fault that names the parameter.
pub(crate) fn period_of(sent: &Parameters, zone: &TimeZone) -> Result<Option<Period>, Fault> {
    let object = sent.to_object(&["timeframe"])?;
    times::period(&Reader::new(&object), zone)
}

/// The fault, under the name that the dialect has for it.
fn named(fault: Fault) -> ApiError {
    let is_geo = fault.detail == GEO_RULE;
    let error = ApiError::from(fault);
    if is_geo {
        return error.called("InvalidPropertyNameForGeoFilter");
    }
    error
}

/// The question in the caller's own words, without what is not known of it.
fn echo(kind: &str, reader: &Reader<'_>) -> Object {
    let said = KNOWN
        .iter()
        .filter_map(|name| Some((*name, reader.value(name)?.clone())));
    said.fold(
        Object::new().with("analysis_type", kind),
        |echo, (name, value)| echo.with(name, value),
    )
}

/// Which rows: of which collection, when, and which of them.
fn source(
    reader: &Reader<'_>,
    period: Option<Period>,
    calendar: Calendar,
) -> Result<Source, Fault> {
    let collection = reader.required("event_collection")?;
    let pool = Name::parse(collection).map_err(|rule| {
        Fault::new(FaultCode::InvalidName, rule.to_string()).at("/event_collection")
    })?;
    let sent = reader.value("filters").map(filters);
    Ok(Source {
        pool,
        grant: None,
        filters: sent.transpose().map_err(|f| f.under("/filters"))?.flatten(),
        period: Some(period.ok_or_else(times::needed)?),
        calendar,
        typing: Typing::Loose,
    })
}

fn whole_source(reader: &Reader<'_>) -> Result<Source, Fault> {
    let calendar = times::calendar(times::zone(reader)?);
    // What names no collection is told so first.
    reader.required("event_collection")?;
    let period = times::period(reader, &calendar.zone)?;
    source(reader, period, calendar)
}

fn aggregation(reader: &Reader<'_>, metrics: Metrics) -> Result<Analysis, Fault> {
    let source = whole_source(reader)?;
    let interval = reader.text("interval")?.map(|text| {
        Interval::parse(text)
            .map_err(|error| Fault::new(FaultCode::InvalidValue, error.to_string()).at("/interval"))
    });
    let group_by = groups::group_by(reader, &metrics)?;
    let order_by = groups::order_by(reader, &metrics, &group_by)?;
    let limit = reader.count("limit")?;
    if limit.is_some() && order_by.is_empty() {
        let detail = "limit needs order_by, which says which groups come first";
        return Err(Fault::new(FaultCode::MissingMember, detail).at("/order_by"));
    }
    Ok(Analysis::Aggregation(Aggregation {
        source,
        metrics,
        interval: interval.transpose()?,
        group_by,
        order_by,
        limit,
    }))
}

fn extraction(reader: &Reader<'_>) -> Result<Analysis, Fault> {
    let source = whole_source(reader)?;
    if reader.value("email").is_some() {
        let detail =
            "extractions are not sent by mail; leave email out, and the answer holds the events";
        return Err(Fault::new(FaultCode::NotAvailable, detail).at("/email"));
    }
    let names = reader.value("property_names").map(property_names);
    let names = names.transpose().map_err(|f| f.under("/property_names"))?;
    let selection = match reader.count("latest")? {
        Some(latest) => Selection::Latest(latest),
        None => Selection::Ordered {
            order_by: Vec::new(),
            limit: None,
            cursor: None,
        },
    };
    Ok(Analysis::Extraction(Extraction {
        source,
        fields: names.filter(|names| !names.is_empty()),
        selection,
    }))
}

/// The properties of a list, or of one text. What stands twice, and what
/// another holds as a whole, is there once.
fn property_names(value: &Value) -> Result<Vec<FieldPath>, Fault> {
    let list = match value {
        Value::Array(list) => &list[..],
        one => std::slice::from_ref(one),
    };
    let mut names: Vec<FieldPath> = Vec::new();
    for (at, value) in list.iter().enumerate() {
        let name = reader::path(value).map_err(|f| f.under(&format!("/{at}")))?;
        if names.iter().any(|known| name.is_at_or_below(known)) {
            continue;
        }
        names.retain(|known| !known.is_at_or_below(&name));
        names.push(name);
    }
    Ok(names)
}

#[cfg(test)]
mod tests;
