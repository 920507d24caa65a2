//! What stands above matched rows where they are grouped: columns that are
//! made of others, and the groups.

use std::sync::Arc;

use arrow_schema::DataType;
use datafusion_physical_plan::ExecutionPlan;
use model::filters::Predicate;
use model::pools::{Pool, Schema};
use model::queries::{ActorQuery, AggregateQuery, Query};

use super::derived::{Derived, DerivedExec, Others, TallyExec};
use super::group::GroupExec;
use super::matching::{MatchExec, matching};
use crate::aggregates::{self, GroupBy};
use crate::error::{LakeError, Result};
use crate::reading::Reading;

/// The name of the column of bucket numbers in an aggregation's output.
pub(crate) const BUCKET: &str = "_bucket";
/// The name of the column of steps in which an actor was seen.
const STEPS: &str = "_steps";

/// The rows of each step of a funnel; none of any other question.
pub(super) fn step_rows(query: &Query, schema: &Schema) -> Result<Vec<(u32, Predicate)>> {
    let steps = match query {
        Query::Actors(query) => &query.steps[..],
        Query::Records(_) | Query::Aggregate(_) => &[],
    };
    let steps = steps.iter().map(|step| {
        let filter = step.filter.as_ref();
        let filter = filter.map(|filter| schema.resolve(filter)).transpose();
        let filter = filter.map_err(|unresolved| LakeError::Internal(unresolved.to_string()))?;
        Ok((step.bit, matching(step.range.as_ref(), filter)))
    });
    steps.collect()
}

/// Actors with the steps in which they were seen, or how many were seen in the same ones.
pub(super) fn seen_in_steps(
    query: &ActorQuery,
    steps: Vec<(u32, Predicate)>,
    input: Arc<MatchExec>,
    reading: Reading,
) -> Result<Arc<dyn ExecutionPlan>> {
    let before = input.schema();
    let at = before.index_of(query.actor.as_str())?;
    let actor = before.field(at).data_type().clone();
    let bits = before.fields().len();
    let of_rows = |others| {
        let steps = Derived::Steps(steps, others);
        Arc::new(DerivedExec::new(input, vec![(STEPS.to_owned(), steps)]))
    };
    if query.counted {
        let tally = (STEPS.to_owned(), aggregates::tally((at, actor), bits));
        let plan = aggregates::Plan::new(Vec::new(), vec![tally]);
        let tally = GroupExec::new(of_rows(Others::Stay), plan, reading);
        return Ok(Arc::new(TallyExec::new(Arc::new(tally))));
    }
    let actor = (query.actor.to_string(), GroupBy::Value(at, actor));
    let steps = (STEPS.to_owned(), aggregates::bits(bits));
    let plan = aggregates::Plan::new(vec![actor], vec![steps]);
    Ok(Arc::new(GroupExec::new(of_rows(Others::Go), plan, reading)))
}

/// Groups with the results of functions.
pub(super) fn aggregated(
    query: &AggregateQuery,
    pool: &Pool,
    input: Arc<MatchExec>,
    reading: Reading,
) -> Result<Arc<dyn ExecutionPlan>> {
    let schema = input.schema();
    let mut groups = Vec::new();
    if let Some(series) = &query.series {
        let at = schema.index_of(series.field.as_str())?;
        let interval = GroupBy::Interval(at, Arc::new(series.buckets.clone()));
        groups.push((BUCKET.to_owned(), interval));
    }
    let mut derived = Vec::new();
    for group in &query.groups {
        let at = schema.index_of(group.field.as_str())?;
        let value = match &group.bins {
            None => GroupBy::Value(at, schema.field(at).data_type().clone()),
            Some(bins) => {
                let place = schema.fields().len() + derived.len();
                derived.push((format!("_bin{place}"), Derived::Bins(at, bins.clone())));
                GroupBy::Value(place, DataType::Binary)
            }
        };
        groups.push((group.name.clone(), value));
    }
    let time = pool.time_field();
    let order = [time.as_str(), model::names::ID];
    let mut functions = Vec::new();
    for measure in &query.measures {
        let called = aggregates::called(measure, &order, &schema)?;
        functions.push((measure.name.clone(), called));
    }
    let plan = aggregates::Plan::new(groups, functions);
    let input: Arc<dyn ExecutionPlan> = match derived.is_empty() {
        true => input,
        false => Arc::new(DerivedExec::new(input, derived)),
    };
    Ok(Arc::new(GroupExec::new(input, plan, reading)))
}
