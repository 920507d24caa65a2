//! From the wire's tree of values to a question of analytics.
//!
//! Strict: a member that is not known, or not for this analysis, is refused by
//! its name. What is wrong is decided from the question alone; whether the
//! pool has the fields is decided where it is compiled. What the tree itself
//! must keep to, [`Analysis::check`] decides, since other readers make it too.
//!
//! ```text
//! rows       "pool", "grant"?, "filters"?: [filter], "typing"?: "strict"|"loose",
//!            "timeframe"?: "this_14_days" or "from"?, "to"?, "timezone"?, "week_start"?: "monday"|"sunday"
//! functions  "analysis": "count", "count_unique", "minimum", "maximum", "sum", "average", "median",
//!                        "percentile" (with "percentile": 0 < p <= 100), "standard_deviation", "select_unique";
//!            "field" (count may go without), "interval"?: "daily",
//!            "group_by"?: ["path" or {"field", "as"?, "bin_size"? or "ranges"?: [{"from"?, "to"?, "as"?}]}],
//!            "order_by"?: [{"field": a group's or result's name, "direction"?: "asc"|"desc"}], "limit"?
//! several    "analysis": "multi_analysis", "analyses": {label: {"analysis", "field"?, "percentile"?}}, and the same
//! rows as they are  "analysis": "extraction", "fields"?: ["path"], "latest"? or "order_by"?, "limit"?, "after"? or "before"?
//! funnel     "analysis": "funnel", period?, "steps": [rows with "actor": "path", "inverted"?, "optional"?, "with_actors"?]
//! ```

mod extraction;
mod funnel;
mod groups;

use super::{
    Aggregation, Analysis, Calendar, Function, Metric, Metrics, Period, Source, Typing, check,
};
use crate::document::{Document, expected, text};
use crate::fault::{Fault, FaultCode, shorten, step};
use crate::filters::parse_list;
use crate::limits::RESULT_ROWS_MAX;
use crate::names::{FieldPath, Name};
use crate::time::{Interval, TimeZone, Timeframe, WeekStart};
use crate::value::Value;
use crate::views::{parse_grant, parse_order_of, parse_percentile, parse_side, time_fault};

impl Analysis {
    /// Reads a question.
    ///
    /// # Errors
    /// A fault that names the member at fault and says what to do.
    pub fn parse(value: &Value) -> Result<Self, Fault> {
        let mut document = Document::new(value)?;
        let analysis = match document.text("analysis")? {
            "extraction" => Self::Extraction(extraction::parse(&mut document)?),
            "funnel" => Self::Funnel(funnel::parse(&mut document)?),
            name => Self::Aggregation(aggregation(name, &mut document)?),
        };
        document.finish()?;
        analysis.check()?;
        Ok(analysis)
    }
}

fn invalid(detail: impl Into<String>) -> Fault {
    Fault::new(FaultCode::InvalidValue, detail)
}

fn aggregation(name: &str, document: &mut Document<'_>) -> Result<Aggregation, Fault> {
    let metrics = match name {
        "multi_analysis" => Metrics::Labelled(labelled(document)?),
        name => Metrics::One(metric(name, document)?),
    };
    let source = source(document)?;
    let interval = document.optional_text("interval")?.map(Interval::parse);
    let group_by = groups::parse(document).map_err(|f| f.under("/group_by"))?;
    let order_by = document.optional_list("order_by")?;
    let order_by = order_by.map(|values| parse_order_of(values, |sent| Ok(sent.to_owned())));
    let order_by = order_by.transpose().map_err(|f| f.under("/order_by"))?;
    Ok(Aggregation {
        source,
        metrics,
        interval: interval.transpose().map_err(time_fault("interval"))?,
        group_by,
        order_by: order_by.unwrap_or_default(),
        limit: count(document, "limit")?,
    })
}

/// One function with its field, of an analysis of this name.
fn metric(name: &str, document: &mut Document<'_>) -> Result<Metric, Fault> {
    let percentile = |document: &mut Document<'_>| {
        let value = document.required("percentile")?;
        parse_percentile(value).map_err(|f| f.under("/percentile"))
    };
    let function = match name {
        "percentile" => Function::Percentile(percentile(document)?),
        "median" => Function::MEDIAN,
        name => match Function::NAMED.iter().find(|(known, _)| *known == name) {
            Some((_, function)) => *function,
            None => return Err(unknown_analysis(name)),
        },
    };
    let field = document.optional_text("field")?;
    Ok(Metric {
        function,
        field: field.map(|sent| path(sent, "/field")).transpose()?,
    })
}

fn unknown_analysis(name: &str) -> Fault {
    let known: Vec<_> = Function::NAMED.iter().map(|(name, _)| *name).collect();
    invalid(format!(
        "{} is not an analysis; there are {}, median, percentile, multi_analysis, extraction, funnel",
        shorten(name),
        known.join(", ")
    ))
    .at("/analysis")
}

/// The functions of a `multi_analysis`, each with its label.
fn labelled(document: &mut Document<'_>) -> Result<Vec<(String, Metric)>, Fault> {
    let value = document.required("analyses")?;
    let members = value.as_object().ok_or_else(|| {
        expected("an object of labels, each with its analysis", value).at("/analyses")
    })?;
    let each = members.iter().map(|(label, value)| {
        let one = || {
            let mut document = Document::new(value)?;
            let metric = metric(document.text("analysis")?, &mut document)?;
            document.finish()?;
            Ok((label.to_owned(), metric))
        };
        one().map_err(|fault: Fault| fault.under(&format!("/analyses{}", step(label))))
    });
    each.collect()
}

/// Which rows: pool, grant, filters and period.
fn source(document: &mut Document<'_>) -> Result<Source, Fault> {
    let (period, calendar) = period(document, None)?;
    source_in(document, period, calendar)
}

fn source_in(
    document: &mut Document<'_>,
    period: Option<Period>,
    calendar: Calendar,
) -> Result<Source, Fault> {
    let pool = document.text("pool")?;
    let pool = Name::parse_pool(pool)
        .map_err(|rule| Fault::new(FaultCode::InvalidName, rule.to_string()).at("/pool"))?;
    let grant = document.optional_text("grant")?;
    let filters = document.optional("filters").map(parse_list);
    Ok(Source {
        pool,
        grant: grant.map(parse_grant).transpose()?,
        filters: filters.transpose().map_err(|f| f.under("/filters"))?,
        period,
        calendar,
        typing: match document.optional_text("typing")? {
            None | Some("strict") => Typing::Strict,
            Some("loose") => Typing::Loose,
            Some(_) => return Err(invalid("typing is strict or loose").at("/typing")),
        },
    })
}

/// The period, and the calendar by which it goes; what is not said is taken
/// from `outer`.
fn period(
    document: &mut Document<'_>,
    outer: Option<(Option<Period>, &Calendar)>,
) -> Result<(Option<Period>, Calendar), Fault> {
    let inherited = outer.map_or_else(Calendar::default, |(_, calendar)| calendar.clone());
    let zone = document.optional_text("timezone")?.map(TimeZone::parse);
    let zone = zone.transpose().map_err(time_fault("timezone"))?;
    let week_start = match document.optional_text("week_start")? {
        None => inherited.week_start,
        Some(day) => WeekStart::parse(day)
            .ok_or_else(|| invalid("week_start is monday or sunday").at("/week_start"))?,
    };
    let calendar = Calendar {
        zone: zone.unwrap_or(inherited.zone),
        week_start,
    };
    let timeframe = document.optional_text("timeframe")?.map(Timeframe::parse);
    let timeframe = timeframe.transpose().map_err(time_fault("timeframe"))?;
    let mut side = |member: &'static str| {
        let sent = document.optional_text(member)?;
        let side = sent.map(|text| parse_side(text, &calendar.zone));
        side.transpose().map_err(time_fault(member))
    };
    let (from, to) = (side("from")?, side("to")?);
    let period = match (timeframe, from, to) {
        (None, None, None) => outer.and_then(|(period, _)| period),
        (Some(timeframe), None, None) => Some(Period::Relative(timeframe)),
        (None, from, to) => Some(Period::Absolute { from, to }),
        _ => {
            return Err(invalid("give either timeframe or from and to").at("/timeframe"));
        }
    };
    Ok((period, calendar))
}

impl Period {
    /// Reads `timeframe`, or `from` and `to`, by the clock of a calendar; no
    /// other member is taken.
    ///
    /// # Errors
    /// A fault that names the member at fault.
    pub fn read(value: &Value, calendar: &Calendar) -> Result<Option<Self>, Fault> {
        let mut document = Document::new(value)?;
        let (period, _) = period(&mut document, Some((None, calendar)))?;
        document.finish()?;
        Ok(period)
    }
}

/// A number of rows or groups.
fn count(document: &mut Document<'_>, member: &'static str) -> Result<Option<u64>, Fault> {
    let most = i64::try_from(RESULT_ROWS_MAX).unwrap_or(i64::MAX);
    let count = document.optional_integer(member, 1..=most)?;
    Ok(count.and_then(|count| u64::try_from(count).ok()))
}

fn path(sent: &str, pointer: &str) -> Result<FieldPath, Fault> {
    FieldPath::parse_readable(sent).map_err(|rule| {
        Fault::new(FaultCode::InvalidName, rule.to_string())
            .at(pointer)
            .on_field(sent)
    })
}

fn field(value: &Value) -> Result<FieldPath, Fault> {
    path(text(value)?, "")
}
