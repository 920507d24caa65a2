//! From the wire's tree of values to a question of analytics.
//!
//! Strict: a member that is not known, or not for this analysis, is refused by
//! its name. What is wrong is decided from the question alone; whether the
//! pool has the fields is decided where it is compiled.
//!
//! ```text
//! rows       "pool", "grant"?, "filters"?: [filter],
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

use super::{Aggregation, Analysis, Calendar, Function, Metric, Metrics, Period, Source};
use crate::document::{Document, expected, text};
use crate::fault::{Fault, FaultCode, shorten, step};
use crate::filters::parse_list;
use crate::limits::{ANALYSES_MAX, LABEL_CHARS_MAX, RESULT_ROWS_MAX};
use crate::names::{FieldPath, Name};
use crate::queries::OrderBy;
use crate::time::{Interval, TimeRange, TimeZone, Timeframe, WeekStart};
use crate::value::Value;
use crate::views::{parse_grant, parse_percentile, parse_side, time_fault};

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
    let interval = interval.transpose().map_err(time_fault("interval"))?;
    if interval.is_some() && !has_both_sides(source.period) {
        return Err(Fault::new(
            FaultCode::MissingMember,
            "intervals need a range: from and to, or timeframe, such as this_14_days",
        )
        .at("/timeframe"));
    }
    let group_by = groups::parse(document).map_err(|f| f.under("/group_by"))?;
    check_names(&metrics, &group_by)?;
    let order_by = match document.optional_list("order_by")? {
        None => Vec::new(),
        Some(values) => order(values, &metrics, &group_by).map_err(|f| f.under("/order_by"))?,
    };
    let limit = count(document, "limit")?;
    let without_groups = |member: &str| {
        invalid(format!(
            "{member} is for groups; say what makes them with group_by"
        ))
        .at(format!("/{member}"))
    };
    match (group_by.is_empty(), order_by.is_empty(), limit) {
        (true, false, _) => Err(without_groups("order_by")),
        (true, true, Some(_)) => Err(without_groups("limit")),
        _ => Ok(Aggregation {
            source,
            metrics,
            interval,
            group_by,
            order_by,
            limit,
        }),
    }
}

fn has_both_sides(period: Option<Period>) -> bool {
    match period {
        Some(Period::Absolute { from, to }) => from.is_some() && to.is_some(),
        Some(Period::Relative(_)) => true,
        None => false,
    }
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
    if field.is_none() && function != Function::Count {
        return Err(Fault::new(
            FaultCode::MissingMember,
            format!("{name} needs field, the field whose values it goes over"),
        )
        .at("/field"));
    }
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
    if members.is_empty() || members.len() > ANALYSES_MAX {
        let rule = format!("a multi_analysis has 1 to {ANALYSES_MAX} labels");
        return Err(invalid(rule).at("/analyses"));
    }
    let each = members.iter().map(|(label, value)| {
        let one = || {
            check_label(label)?;
            let mut document = Document::new(value)?;
            let metric = metric(document.text("analysis")?, &mut document)?;
            document.finish()?;
            Ok((label.to_owned(), metric))
        };
        one().map_err(|fault: Fault| fault.under(&format!("/analyses{}", step(label))))
    });
    each.collect()
}

fn check_label(label: &str) -> Result<(), Fault> {
    let is_legal = (1..=LABEL_CHARS_MAX).contains(&label.chars().count());
    if is_legal && !label.chars().any(char::is_control) {
        return Ok(());
    }
    Err(invalid(format!(
        "a label has 1 to {LABEL_CHARS_MAX} characters, none of them a control character"
    )))
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
    let pool = Name::parse(pool)
        .map_err(|rule| Fault::new(FaultCode::InvalidName, rule.to_string()).at("/pool"))?;
    let grant = document.optional_text("grant")?;
    let filters = document.optional("filters").map(parse_list);
    Ok(Source {
        pool,
        grant: grant.map(parse_grant).transpose()?,
        filters: filters.transpose().map_err(|f| f.under("/filters"))?,
        period,
        calendar,
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
    if let (Some(from), Some(to)) = (from, to) {
        TimeRange::new(from, to).map_err(time_fault("to"))?;
    }
    Ok((period, calendar))
}

/// Groups and results have names of their own.
fn check_names(metrics: &Metrics, groups: &[super::GroupBy]) -> Result<(), Fault> {
    for (index, group) in groups.iter().enumerate() {
        let is_taken = metrics.named().any(|(name, _)| name == group.name);
        if is_taken || groups[..index].iter().any(|other| other.name == group.name) {
            return Err(invalid(
                "a result or another group has this name; tell them apart with \"as\"",
            )
            .at(format!("/group_by/{index}")));
        }
    }
    Ok(())
}

/// An order over the names of groups and results.
fn order(
    values: &[Value],
    metrics: &Metrics,
    groups: &[super::GroupBy],
) -> Result<Vec<OrderBy<String>>, Fault> {
    let by = crate::views::parse_order_of(values, |sent| Ok(sent.to_owned()))?;
    let is_known = |name: &str| {
        metrics.named().any(|(known, _)| known == name)
            || groups.iter().any(|group| group.name == name)
    };
    match by.iter().position(|by| !is_known(&by.field)) {
        None => Ok(by),
        Some(index) => {
            let names = groups.iter().map(|group| group.name.as_str());
            let results = metrics.named().map(|(name, _)| name);
            let known: Vec<_> = names.chain(results).map(shorten).collect();
            Err(invalid(format!(
                "no group and no result has this name; there are {}",
                known.join(", ")
            ))
            .at(format!("/{index}/field"))
            .on_field(&by[index].field))
        }
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
