//! From the wire's tree of values to a funnel.

use super::{path, period, source_in};
use crate::analyses::{Calendar, Funnel, Period, Step};
use crate::document::{Document, each};
use crate::fault::Fault;
use crate::value::Value;

pub(super) fn parse(document: &mut Document<'_>) -> Result<Funnel, Fault> {
    let (outer, calendar) = period(document, None)?;
    let values = document.list("steps")?;
    let steps = each(values, |value| step(value, outer, &calendar));
    Ok(Funnel {
        steps: steps.map_err(|f| f.under("/steps"))?,
    })
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
