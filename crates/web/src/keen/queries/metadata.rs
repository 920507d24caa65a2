//! What an answer took, over rows that the key sees.

use std::collections::{BTreeSet, HashMap};

use control::Definitions;
use model::analyses::{Aggregation, Analysis, Answer, Function, Metric, Metrics, Results, Source};
use model::permit::Access;
use model::time::Timestamp;
use model::value::{Object, Value};
use model::views::Delivery;

use super::super::Question;
use super::answer::{Seen, answered};
use crate::analyses::{Refusal, constrain};
use crate::error::ApiError;
use crate::state::AppState;

/// The time that a question took is told in steps of so many milliseconds, so
/// that it tells little of rows that the key does not see.
const STEP_MILLISECONDS: i64 = 50;
/// The property that every timeframe goes by.
const TIMESTAMP: &str = "keen.timestamp";

/// What a question reads.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tally {
    /// The visible events of its timeframes; `None` for those that it answers.
    events: Option<u64>,
    /// The properties that it names; `None` for all.
    properties: Option<u64>,
}

impl Tally {
    /// Counts the events of the timeframes of the question that the key sees.
    ///
    /// # Errors
    /// What the data plane fails with.
    pub(super) async fn of(
        access: &Access,
        definitions: &Definitions,
        question: &Question,
        now: Timestamp,
        state: &AppState,
    ) -> Result<Self, ApiError> {
        let mut events = 0;
        // Steps of a funnel often look at the same events.
        let mut counted: HashMap<Aggregation, u64> = HashMap::new();
        for source in question.analysis.sources() {
            let count = count_of(source);
            if let Some(known) = counted.get(&count) {
                events += known;
                continue;
            }
            let count = Analysis::Aggregation(count);
            let asked = match constrain(access, definitions, &count, Delivery::Stream, now) {
                // Whoever may extract and not ask is told of what he gets.
                Err(Refusal::NoGrant(_)) => {
                    return Ok(Self {
                        events: None,
                        properties: properties(&question.analysis),
                    });
                }
                asked => asked?,
            };
            let found = number(&answered(asked, state).await?);
            events += found;
            counted.insert(count_of(source), found);
        }
        Ok(Self {
            events: Some(events),
            properties: properties(&question.analysis),
        })
    }
}

/// How many events of the timeframe there are, whatever is asked of them.
fn count_of(source: &Source) -> Aggregation {
    Aggregation {
        source: Source {
            filters: None,
            ..source.clone()
        },
        metrics: Metrics::One(Metric {
            function: Function::Count,
            field: None,
        }),
        interval: None,
        group_by: Vec::new(),
        order_by: Vec::new(),
        limit: None,
    }
}

fn number(answer: &Answer) -> u64 {
    let Answer::Measured(measured) = answer else {
        return 0;
    };
    match &measured.results {
        Results::Whole(results) => match results.as_slice() {
            [Value::Integer(count)] => u64::try_from(*count).unwrap_or(0),
            _ => 0,
        },
        _ => 0,
    }
}

/// How many properties the question reads of each event.
fn properties(analysis: &Analysis) -> Option<u64> {
    let mut named = BTreeSet::from([TIMESTAMP]);
    for source in analysis.sources() {
        let fields = source.filters.as_ref().map(|filter| filter.fields());
        named.extend(fields.iter().flatten().map(|field| field.as_str()));
    }
    match analysis {
        Analysis::Aggregation(asked) => {
            let metrics = asked.metrics.named();
            let metrics = metrics.filter_map(|(_, metric)| metric.field.as_ref());
            named.extend(metrics.map(|field| field.as_str()));
            named.extend(asked.group_by.iter().map(|group| group.field.as_str()));
        }
        Analysis::Extraction(asked) => {
            named.extend(asked.fields.as_ref()?.iter().map(|field| field.as_str()));
        }
        Analysis::Funnel(funnel) => {
            named.extend(funnel.steps.iter().map(|step| step.actor.as_str()));
        }
    }
    u64::try_from(named.len()).ok()
}

/// What a question takes, when that is to be told.
#[derive(Clone, Copy, Debug)]
pub(super) struct Effort {
    tally: Option<Tally>,
    since: Timestamp,
}

impl Effort {
    /// Of a question that was begun at `since`.
    pub(super) fn new(tally: Option<Tally>, since: Timestamp) -> Self {
        Self { tally, since }
    }

    /// The member that tells it, or none.
    pub(super) fn took(&self, now: Timestamp, seen: Option<Seen>) -> Object {
        let Some(tally) = self.tally else {
            return Object::new();
        };
        let seen = seen.unwrap_or_default();
        let events = tally.events.unwrap_or(seen.events);
        let properties = tally.properties.unwrap_or(seen.properties);
        let micros = now.as_microsecond() - self.since.as_microsecond();
        let step = STEP_MILLISECONDS * 1_000;
        let steps = (micros.max(1) + step - 1).div_euclid(step);
        let metadata = Object::new()
            .with("events_scanned", events)
            .with("properties_per_event", properties)
            .with(
                "total_properties_scanned",
                events.saturating_mul(properties),
            )
            .with("total_processing_time", steps * STEP_MILLISECONDS);
        Object::new().with("execution_metadata", metadata)
    }
}

#[cfg(test)]
mod tests;
