//! From a question to the wire's tree of values: one form for every question,
//! which [`Analysis::parse`] reads back to the same.

use sha2::{Digest, Sha256};

use super::{
    Aggregation, Analysis, Band, Bins, Cursor, Extraction, GroupBy, Metric, Metrics, Period,
    Selection, Source, Step, Typing,
};
use crate::filters::to_list;
use crate::queries::{Direction, OrderBy};
use crate::time::{TimeError, TimeZone, Timestamp, WeekStart};
use crate::value::{Object, Value};
use crate::views::percent_value;

impl Analysis {
    /// The form that [`Analysis::parse`] reads back to the same question. What
    /// was left out, and what says the same as leaving it out, is not there;
    /// what steps take from their funnel stands with each of them.
    pub fn to_value(&self) -> Value {
        let object = Object::new().with("analysis", self.name());
        Value::Object(match self {
            Self::Aggregation(aggregation) => write_aggregation(object, aggregation),
            Self::Extraction(extraction) => write_extraction(object, extraction),
            Self::Funnel(funnel) => {
                let steps = funnel.steps.iter();
                object.with("steps", steps.map(Step::to_value).collect::<Vec<_>>())
            }
        })
    }

    /// SHA-256 of the written form: what a cache knows the question by. The
    /// order of labels is part of it, as it is of the answer.
    pub fn digest(&self) -> [u8; 32] {
        Sha256::digest(crate::json::to_text(&self.to_value())).into()
    }
}

fn write_aggregation(object: Object, aggregation: &Aggregation) -> Object {
    let object = match &aggregation.metrics {
        Metrics::One(metric) => write_metric(object, metric),
        Metrics::Labelled(metrics) => {
            let mut labels = Object::new();
            for (label, metric) in metrics {
                let name = Object::new().with("analysis", metric.function.name());
                labels.insert(label, write_metric(name, metric));
            }
            object.with("analyses", labels)
        }
    };
    let mut object = write_source(object, &aggregation.source);
    if let Some(interval) = aggregation.interval {
        object = object.with("interval", interval.to_string());
    }
    if !aggregation.group_by.is_empty() {
        let groups = aggregation.group_by.iter().map(GroupBy::to_value);
        object = object.with("group_by", groups.collect::<Vec<_>>());
    }
    let object = write_order(object, &aggregation.order_by, String::as_str);
    with_optional(object, "limit", aggregation.limit)
}

fn write_metric(object: Object, metric: &Metric) -> Object {
    let field = metric.field.as_ref().map(|field| field.as_str());
    let object = with_optional(object, "field", field);
    match metric.function {
        super::Function::MEDIAN => object,
        super::Function::Percentile(hundredths) => {
            object.with("percentile", percent_value(hundredths))
        }
        _ => object,
    }
}

fn with_optional(object: Object, name: &str, value: Option<impl Into<Value>>) -> Object {
    match value {
        Some(value) => object.with(name, value),
        None => object,
    }
}

fn write_source(object: Object, source: &Source) -> Object {
    let object = object.with("pool", source.pool.as_str());
    let grant = source.grant.map(|grant| grant.to_string());
    let object = with_optional(object, "grant", grant);
    let object = with_optional(object, "filters", source.filters.as_ref().map(to_list));
    let time = |instant: Option<Timestamp>| instant.map(|instant| instant.to_string());
    let object = match source.period {
        None => object,
        Some(Period::Relative(timeframe)) => object.with("timeframe", timeframe.to_string()),
        Some(Period::Absolute { from, to }) => {
            with_optional(with_optional(object, "from", time(from)), "to", time(to))
        }
    };
    let calendar = &source.calendar;
    let zone = (calendar.zone != TimeZone::utc()).then(|| calendar.zone.as_str());
    let object = with_optional(object, "timezone", zone);
    let week_start =
        (calendar.week_start != WeekStart::default()).then(|| calendar.week_start.name());
    let object = with_optional(object, "week_start", week_start);
    let typing = (source.typing == Typing::Loose).then_some("loose");
    with_optional(object, "typing", typing)
}

fn write_order<Field>(
    object: Object,
    order: &[OrderBy<Field>],
    name: impl Fn(&Field) -> &str,
) -> Object {
    if order.is_empty() {
        return object;
    }
    let by = order.iter().map(|by| {
        let direction = match by.direction {
            Direction::Ascending => "asc",
            Direction::Descending => "desc",
        };
        Object::new()
            .with("field", name(&by.field))
            .with("direction", direction)
    });
    object.with("order_by", by.collect::<Vec<_>>())
}

fn write_extraction(object: Object, extraction: &Extraction) -> Object {
    let object = write_source(object, &extraction.source);
    let fields = extraction.fields.as_ref().map(|fields| {
        let names = fields.iter().map(|field| field.as_str());
        names.collect::<Vec<_>>()
    });
    let object = with_optional(object, "fields", fields);
    match &extraction.selection {
        Selection::Latest(latest) => object.with("latest", *latest),
        Selection::Ordered {
            order_by,
            limit,
            cursor,
        } => {
            let object = write_order(object, order_by, |field| field.as_str());
            let object = with_optional(object, "limit", *limit);
            match cursor {
                None => object,
                Some(Cursor::After(place)) => object.with("after", place.as_str()),
                Some(Cursor::Before(place)) => object.with("before", place.as_str()),
            }
        }
    }
}

impl GroupBy {
    fn to_value(&self) -> Value {
        let is_plain = self.bins.is_none() && self.name == self.field.as_str();
        if is_plain {
            return self.field.as_str().into();
        }
        let object = Object::new().with("field", self.field.as_str());
        let called = (self.name != self.field.as_str()).then_some(self.name.as_str());
        let object = with_optional(object, "as", called);
        Value::Object(match &self.bins {
            None => object,
            Some(Bins::Size(size)) => object.with("bin_size", size.value().clone()),
            Some(Bins::Ranges(bands)) => {
                let ranges = bands.iter().map(Band::to_value);
                object.with("ranges", ranges.collect::<Vec<_>>())
            }
        })
    }
}

impl Band {
    fn to_value(&self) -> Value {
        let object = with_optional(Object::new(), "from", self.from.clone());
        let object = with_optional(object, "to", self.to.clone());
        Value::Object(object.with("as", self.label.as_str()))
    }
}

impl super::Funnel {
    /// The steps as an answer repeats them: their periods are those that are
    /// meant at the instant `now`.
    ///
    /// # Errors
    /// As [`Period::sides`].
    pub fn steps_at(&self, now: Timestamp) -> Result<Vec<Value>, TimeError> {
        let steps = self.steps.iter().map(|step| {
            let mut step = step.clone();
            if let Some(period) = step.source.period {
                let (from, to) = period.sides(now, &step.source.calendar)?;
                step.source.period = Some(Period::Absolute { from, to });
            }
            Ok(step.to_value())
        });
        steps.collect()
    }
}

impl Step {
    fn to_value(&self) -> Value {
        let object = write_source(Object::new(), &self.source);
        let mut object = object.with("actor", self.actor.as_str());
        let flags = [
            ("inverted", self.inverted),
            ("optional", self.optional),
            ("with_actors", self.with_actors),
        ];
        for (name, _) in flags.into_iter().filter(|(_, is_said)| *is_said) {
            object = object.with(name, true);
        }
        Value::Object(object)
    }
}
