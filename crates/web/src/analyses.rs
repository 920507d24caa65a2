//! From a caller and a question of analytics to the answer, for whatever asks
//! one: the native route, saved queries, dialects.
//!
//! This is the only way to a [`ConstrainedAnalysis`] in this crate, so that
//! every road asks for the same rights.

use std::collections::BTreeMap;
use std::sync::Arc;

use control::Definitions;
use model::analyses::{Analysis, Answer, AnswerText, Funnel, GroupResult, Results, Source, Typing};
use model::fault::Fault;
use model::grants::Action;
use model::json::{WideIntegers, Written};
use model::names::Name;
use model::permit::{Access, AskPool, ConstrainedAnalysis, Denied, Extract, On, Permit, Right};
use model::time::Timestamp;
use model::value::{Object, Value};
use model::views::Delivery;

use crate::error::ApiError;
use crate::state::AppState;

/// Why a question is not asked. Nothing of it depends on a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// No grant of the key has the action on any pool.
    NoGrant(Action),
    /// The pool that this member names is absent or hidden, which is the same.
    NoPool {
        /// The member, as a pointer into the question.
        pointer: String,
    },
    /// Something is wrong with the question.
    Fault(Fault),
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NoGrant(action) => Denied::NoGrant(action).into(),
            Refusal::NoPool { pointer } => Self::not_found().at(pointer),
            Refusal::Fault(fault) => fault.into(),
        }
    }
}

/// The question over the rows that the caller's key sees in each of the pools
/// that it names, at the instant `now`. `delivery` says whether rows of an
/// extraction are wanted page by page.
///
/// # Errors
/// A [`Refusal`], in this order: of the action, of a pool, of the question.
pub(crate) fn constrain(
    access: &Access,
    definitions: &Definitions,
    analysis: &Analysis,
    delivery: Delivery,
    now: Timestamp,
) -> Result<ConstrainedAnalysis, Refusal> {
    let constrained = match analysis {
        Analysis::Aggregation(asked) => {
            match permit::<AskPool>(access, definitions, &asked.source, "/pool")? {
                Some(permit) => permit.constrain(asked, now),
                None => ConstrainedAnalysis::of_nothing(asked, now),
            }
        }
        Analysis::Extraction(asked) => {
            match permit::<Extract>(access, definitions, &asked.source, "/pool")? {
                Some(permit) => permit.constrain(asked, delivery, now),
                None => ConstrainedAnalysis::no_rows(asked, now),
            }
        }
        Analysis::Funnel(funnel) => {
            let permits = permits(access, definitions, funnel)?;
            Permit::constrain_funnel(&permits, funnel, now)
        }
    };
    constrained.map_err(Refusal::Fault)
}

/// The permits on the pools of all steps. Every pool is looked up before
/// anything else is said of the question. A step of [`Typing::Loose`] may name
/// a pool that is not there for the key: nobody is seen in it.
fn permits(
    access: &Access,
    definitions: &Definitions,
    funnel: &Funnel,
) -> Result<BTreeMap<Name, Permit<AskPool>>, Refusal> {
    let steps = funnel.steps.iter().enumerate();
    let mut permits = BTreeMap::new();
    for (at, step) in steps {
        let pointer = format!("/steps/{at}/pool");
        if let Some(permit) = permit(access, definitions, &step.source, &pointer)? {
            permits.insert(step.source.pool.clone(), permit);
        }
    }
    Ok(permits)
}

/// The permit on the pool of these rows; none where it is absent or hidden and
/// the question has a meaning without it.
fn permit<A: Right>(
    access: &Access,
    definitions: &Definitions,
    source: &Source,
    pointer: &str,
) -> Result<Option<Permit<A>>, Refusal> {
    let pool = definitions.pool(source.pool.as_str());
    match access.permit(On::Pool(pool)) {
        Ok(permit) => Ok(Some(permit)),
        Err(Denied::NoGrant(action) | Denied::Quarantined(action)) => Err(Refusal::NoGrant(action)),
        Err(Denied::NotFound) if source.typing == Typing::Loose => Ok(None),
        Err(Denied::NotFound | Denied::KeptByServer) => Err(Refusal::NoPool {
            pointer: pointer.to_owned(),
        }),
    }
}

/// Values of an answer that are written by the request's own thread; larger
/// ones are written by the threads for large bodies, so that no other request
/// waits for it.
const VALUES_AT_HAND: usize = 4_096;

/// The answer as JSON text.
///
/// # Errors
/// A failure of ours alone.
pub(crate) async fn written(
    answer: Answer,
    text: AnswerText,
    wide: WideIntegers,
    state: &AppState,
) -> Result<Vec<u8>, ApiError> {
    written_with(Arc::new(answer), text, wide, Object::new(), state).await
}

/// The answer as JSON text, with more members behind its own.
///
/// # Errors
/// A failure of ours alone.
pub(crate) async fn written_with(
    answer: Arc<Answer>,
    text: AnswerText,
    wide: WideIntegers,
    more: Object,
    state: &AppState,
) -> Result<Vec<u8>, ApiError> {
    let write = move |answer: &Answer| {
        let mut members = answer.to_members(&text);
        for (name, value) in more.into_members() {
            members.insert(name, value);
        }
        let members = Value::Object(members);
        serde_json::to_vec(&Written(&members, wide))
            .map_err(|error| ApiError::internal(error.to_string()))
    };
    if at_hand(&answer) {
        return write(&answer);
    }
    let written = state.threads.spawn_blocking(move || write(&answer)).await;
    written.map_err(|_| ApiError::internal("writing an answer panicked"))?
}

/// Whether the request's own thread writes the answer.
pub(crate) fn at_hand(answer: &Answer) -> bool {
    values(answer) <= VALUES_AT_HAND
}

/// About how many values an answer holds.
fn values(answer: &Answer) -> usize {
    match answer {
        Answer::Rows(rows) => size(rows),
        Answer::Funnel { tally, .. } => {
            let lists = tally.actors.iter().flatten();
            lists.map(|list| size(list)).sum()
        }
        Answer::Measured(measured) => match &measured.results {
            Results::Whole(results) => size(results),
            Results::Groups(groups) => of_groups(groups),
            Results::Intervals(intervals) => {
                let each = intervals.iter();
                each.map(|(_, results)| 1 + size(results)).sum()
            }
            Results::GroupsOfIntervals(intervals) => {
                let each = intervals.iter();
                each.map(|(_, groups)| 1 + of_groups(groups)).sum()
            }
        },
    }
}

fn of_groups(groups: &[GroupResult]) -> usize {
    let each = groups.iter();
    each.map(|group| size(&group.keys) + size(&group.results))
        .sum()
}

fn size(values: &[Value]) -> usize {
    let each = values.iter();
    each.map(|value| value.as_array().map_or(1, |list| 1 + list.len()))
        .sum()
}

#[cfg(test)]
mod tests;
