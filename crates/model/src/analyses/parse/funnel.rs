//! From the wire's tree of values to a funnel.

use super::{invalid, path, period, source_in};
use crate::analyses::{Calendar, Funnel, Period, Step};
use crate::document::{Document, each};
use crate::fault::{Fault, FaultCode};
use crate::filters::Operator;
use crate::limits::{FILTER_NODES_MAX, FILTER_REGEXES_MAX, FUNNEL_STEPS_MAX};
use crate::value::Value;

pub(super) fn parse(document: &mut Document<'_>) -> Result<Funnel, Fault> {
    let (outer, calendar) = period(document, None)?;
    let values = document.list("steps")?;
    if values.is_empty() || values.len() > FUNNEL_STEPS_MAX {
        let rule = format!("a funnel has 1 to {FUNNEL_STEPS_MAX} steps");
        return Err(invalid(rule).at("/steps"));
    }
    let steps =
        each(values, |value| step(value, outer, &calendar)).map_err(|f| f.under("/steps"))?;
    let first = &steps[0];
    for (is_said, member) in [(first.inverted, "inverted"), (first.optional, "optional")] {
        if is_said {
            return Err(invalid(format!(
                "the first step says who is in the funnel; it cannot be {member}"
            ))
            .at(format!("/steps/0/{member}")));
        }
    }
    check_filters(&steps)?;
    Ok(Funnel { steps })
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

fn step(value: &Value, outer: Option<Period>, calendar: &Calendar) -> Result<Step, Fault> {
    let mut document = Document::new(value)?;
    let (period, calendar) = period(&mut document, Some((outer, calendar)))?;
    let source = source_in(&mut document, period, calendar)?;
    let actor = path(document.text("actor")?, "/actor")?;
    let mut flag = |member| {
        let said = document.optional_boolean(member)?;
        Ok(said.unwrap_or(false))
    };
    let step = Step {
        source,
        actor,
        inverted: flag("inverted")?,
        optional: flag("optional")?,
        with_actors: flag("with_actors")?,
    };
    document.finish()?;
    Ok(step)
}
