//! What the tree of a question keeps to, whoever made it: the reader of the
//! native form, that of a dialect, or one of saved questions.

mod groups;

pub(super) use groups::group_count;

use std::collections::BTreeSet;

use super::{
    Aggregation, Analysis, Extraction, Function, Funnel, Metric, Metrics, Period, Selection,
    Source, Step,
};
use crate::fault::{Fault, FaultCode, shorten, step};
use crate::filters::Operator;
use crate::limits::{
    ANALYSES_MAX, EXTRACTION_FIELDS_MAX, FILTER_NODES_MAX, FILTER_REGEXES_MAX, FUNNEL_STEPS_MAX,
    LABEL_CHARS_MAX, ORDER_FIELDS_MAX, RESULT_ROWS_MAX,
};
use crate::names::FieldPath;
use crate::queries::OrderBy;
use crate::time::TimeRange;
use crate::views::time_fault;

fn invalid(detail: impl Into<String>) -> Fault {
    Fault::new(FaultCode::InvalidValue, detail)
}

impl Analysis {
    /// Whether the tree keeps to every limit and rule of a question, whatever
    /// its fields mean: what is accepted is what [`Analysis::parse`] reads of
    /// its written form. A permit
    /// asks this of each question that it constrains.
    ///
    /// # Errors
    /// A fault that names the member of the written form and says what to do.
    pub fn check(&self) -> Result<(), Fault> {
        match self {
            Self::Aggregation(aggregation) => aggregation.check(),
            Self::Extraction(extraction) => extraction.check(),
            Self::Funnel(funnel) => funnel.check(),
        }
    }
}

impl Aggregation {
    /// As [`Analysis::check`].
    ///
    /// # Errors
    /// Likewise.
    pub fn check(&self) -> Result<(), Fault> {
        self.metrics.check()?;
        self.source.check()?;
        if self.interval.is_some() && !has_both_sides(self.source.period) {
            return Err(Fault::new(
                FaultCode::MissingMember,
                "intervals need a range: from and to, or timeframe, such as this_14_days",
            )
            .at("/timeframe"));
        }
        groups::check(&self.group_by).map_err(|f| f.under("/group_by"))?;
        self.check_names()?;
        check_order_size(&self.order_by)?;
        self.check_order()?;
        check_count(self.limit, "limit")?;
        let only_for_groups = [
            ("order_by", !self.order_by.is_empty()),
            ("limit", self.limit.is_some()),
        ];
        match only_for_groups.iter().find(|(_, is_said)| *is_said) {
            Some((member, _)) if self.group_by.is_empty() => Err(invalid(format!(
                "{member} is for groups; say what makes them with group_by"
            ))
            .at(format!("/{member}"))),
            _ => Ok(()),
        }
    }

    /// Groups and results have names of their own.
    fn check_names(&self) -> Result<(), Fault> {
        let mut taken: BTreeSet<&str> = self.metrics.named().map(|(name, _)| name).collect();
        match (self.group_by.iter()).position(|group| !taken.insert(&group.name)) {
            None => Ok(()),
            Some(at) => Err(invalid(
                "a result or another group has this name; tell them apart with \"as\"",
            )
            .at(format!("/group_by/{at}"))),
        }
    }

    /// An order goes by the names of groups and results.
    fn check_order(&self) -> Result<(), Fault> {
        let groups = self.group_by.iter().map(|group| group.name.as_str());
        let known: Vec<&str> = groups
            .chain(self.metrics.named().map(|(name, _)| name))
            .collect();
        let is_unknown = |by: &OrderBy<String>| !known.contains(&by.field.as_str());
        let Some(at) = self.order_by.iter().position(is_unknown) else {
            return Ok(());
        };
        let known: Vec<_> = known.into_iter().map(shorten).collect();
        Err(invalid(format!(
            "no group and no result has this name; there are {}",
            known.join(", ")
        ))
        .at(format!("/order_by/{at}/field"))
        .on_field(&self.order_by[at].field))
    }
}

fn has_both_sides(period: Option<Period>) -> bool {
    match period {
        Some(Period::Absolute { from, to }) => from.is_some() && to.is_some(),
        Some(Period::Relative(_)) => true,
        None => false,
    }
}

impl Metrics {
    fn check(&self) -> Result<(), Fault> {
        let metrics = match self {
            Self::One(metric) => return metric.check(),
            Self::Labelled(metrics) => metrics,
        };
        if metrics.is_empty() || metrics.len() > ANALYSES_MAX {
            let rule = format!("a multi_analysis has 1 to {ANALYSES_MAX} labels");
            return Err(invalid(rule).at("/analyses"));
        }
        let mut seen = BTreeSet::new();
        metrics.iter().try_for_each(|(label, metric)| {
            let mut one = || {
                check_label(label)?;
                if !seen.insert(label) {
                    return Err(invalid("another result has this label"));
                }
                metric.check()
            };
            one().map_err(|fault: Fault| fault.under(&format!("/analyses{}", step(label))))
        })
    }
}

impl Metric {
    fn check(&self) -> Result<(), Fault> {
        let name = self.function.name();
        match &self.field {
            Some(field) => check_path(field).map_err(|f| f.at("/field"))?,
            None if self.function == Function::Count => {}
            None => {
                return Err(Fault::new(
                    FaultCode::MissingMember,
                    format!("{name} needs field, the field whose values it goes over"),
                )
                .at("/field"));
            }
        }
        match self.function {
            Function::Percentile(hundredths) if !(1..=10_000).contains(&hundredths) => {
                Err(invalid("percentile is a number above 0 and up to 100").at("/percentile"))
            }
            _ => Ok(()),
        }
    }
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

/// A field that clients may name.
fn check_path(path: &FieldPath) -> Result<(), Fault> {
    match FieldPath::parse_readable(path.as_str()) {
        Ok(_) => Ok(()),
        Err(rule) => Err(Fault::new(FaultCode::InvalidName, rule.to_string()).on_field(path)),
    }
}

/// A number of rows or groups.
fn check_count(count: Option<u64>, member: &str) -> Result<(), Fault> {
    let most = RESULT_ROWS_MAX as u64;
    match count {
        Some(count) if !(1..=most).contains(&count) => Err(invalid(format!(
            "{member} is a whole number from 1 to {most}"
        ))
        .at(format!("/{member}"))),
        _ => Ok(()),
    }
}

fn check_order_size<Field>(order: &[OrderBy<Field>]) -> Result<(), Fault> {
    if order.len() <= ORDER_FIELDS_MAX {
        return Ok(());
    }
    let rule = format!("an order has at most {ORDER_FIELDS_MAX} fields");
    Err(Fault::new(FaultCode::LimitExceeded, rule).at("/order_by"))
}

impl Source {
    fn check(&self) -> Result<(), Fault> {
        if let Some(filter) = &self.filters {
            filter.check().map_err(|f| f.under("/filters"))?;
        }
        match self.period {
            Some(Period::Absolute { from, to }) => match (from, to) {
                // It would ask for rows that have a time and say nothing of it.
                (None, None) => {
                    let rule = "a period has from, to or both; leave it out for whenever";
                    Err(Fault::new(FaultCode::MissingMember, rule).at("/from"))
                }
                (Some(from), Some(to)) => {
                    let range = TimeRange::new(from, to);
                    range.map(|_| ()).map_err(time_fault("to"))
                }
                _ => Ok(()),
            },
            Some(Period::Relative(_)) | None => Ok(()),
        }
    }
}

impl Extraction {
    /// As [`Analysis::check`].
    ///
    /// # Errors
    /// Likewise.
    pub fn check(&self) -> Result<(), Fault> {
        self.source.check()?;
        if let Some(fields) = &self.fields {
            check_fields(fields).map_err(|f| f.under("/fields"))?;
        }
        match &self.selection {
            Selection::Latest(latest) => check_count(Some(*latest), "latest"),
            Selection::Ordered {
                order_by, limit, ..
            } => {
                check_order_size(order_by)?;
                for (at, by) in order_by.iter().enumerate() {
                    check_path(&by.field).map_err(|f| f.at(format!("/order_by/{at}/field")))?;
                }
                check_count(*limit, "limit")
            }
        }
    }
}

/// A row is a tree, in which a value has no members.
fn check_fields(fields: &[FieldPath]) -> Result<(), Fault> {
    if fields.is_empty() || fields.len() > EXTRACTION_FIELDS_MAX {
        return Err(invalid(format!(
            "an extraction names 1 to {EXTRACTION_FIELDS_MAX} fields; leave the member out for all"
        )));
    }
    let mut before: BTreeSet<&str> = BTreeSet::new();
    for (at, field) in fields.iter().enumerate() {
        check_path(field).map_err(|f| f.at(format!("/{at}")))?;
        let below = format!("{field}.");
        let first = before.range(below.as_str()..).next();
        let is_above = first.is_some_and(|other| other.starts_with(&below));
        let is_below = field.ancestors().any(|above| before.contains(above));
        if is_above || is_below || !before.insert(field.as_str()) {
            return Err(
                invalid("a field is named once, and neither with one above nor below it")
                    .at(format!("/{at}"))
                    .on_field(field),
            );
        }
    }
    Ok(())
}

impl Funnel {
    /// As [`Analysis::check`].
    ///
    /// # Errors
    /// Likewise.
    pub fn check(&self) -> Result<(), Fault> {
        let first = match self.steps.first() {
            Some(first) if self.steps.len() <= FUNNEL_STEPS_MAX => first,
            _ => {
                let rule = format!("a funnel has 1 to {FUNNEL_STEPS_MAX} steps");
                return Err(invalid(rule).at("/steps"));
            }
        };
        for (is_said, member) in [(first.inverted, "inverted"), (first.optional, "optional")] {
            if is_said {
                return Err(invalid(format!(
                    "the first step says who is in the funnel; it cannot be {member}"
                ))
                .at(format!("/steps/0/{member}")));
            }
        }
        for (at, step) in self.steps.iter().enumerate() {
            let checked = step.source.check();
            let checked =
                checked.and_then(|()| check_path(&step.actor).map_err(|f| f.at("/actor")));
            checked.map_err(|f| f.under(&format!("/steps/{at}")))?;
        }
        check_filters(&self.steps)
    }
}

/// The filters of all steps together are held to the limits of one.
fn check_filters(steps: &[Step]) -> Result<(), Fault> {
    let (mut nodes, mut regexes) = (0, 0);
    for (at, step) in steps.iter().enumerate() {
        let Some(filter) = &step.source.filters else {
            continue;
        };
        nodes += filter.size().0;
        filter.for_each_comparison(&mut |comparison| {
            regexes += usize::from(comparison.operator() == Operator::Regex);
        });
        if nodes > FILTER_NODES_MAX || regexes > FILTER_REGEXES_MAX {
            return Err(Fault::new(
                FaultCode::LimitExceeded,
                format!(
                    "the filters of all steps have at most {FILTER_NODES_MAX} parts and \
                     {FILTER_REGEXES_MAX} regular expressions together"
                ),
            )
            .at(format!("/steps/{at}/filters")));
        }
    }
    Ok(())
}
