//! Funnels: steps that look at the same rows by the same field are one
//! question, so one scan. A row of its answer is an actor with the steps in
//! which it was seen, and those of all questions are put together by the actor.

use super::Scope;
use crate::analyses::{Funnel, Step};
use crate::fault::Fault;
use crate::ids::GrantId;
use crate::names::{FieldPath, Name};
use crate::queries::StepRows;

/// The steps that one question answers.
#[derive(Debug)]
pub(crate) struct Part<'a> {
    pub(crate) pool: &'a Name,
    pub(crate) grant: Option<GrantId>,
    pub(crate) actor: &'a FieldPath,
    /// The steps with their positions in the funnel; never empty.
    pub(crate) steps: Vec<(usize, &'a Step)>,
}

/// The questions of a funnel.
pub(crate) fn parts(funnel: &Funnel) -> Vec<Part<'_>> {
    let mut parts: Vec<Part<'_>> = Vec::new();
    for (at, step) in funnel.steps.iter().enumerate() {
        let source = &step.source;
        let same = parts.iter_mut().find(|part| {
            (part.pool, part.grant, part.actor) == (&source.pool, source.grant, &step.actor)
        });
        match same {
            Some(part) => part.steps.push((at, step)),
            None => parts.push(Part {
                pool: &source.pool,
                grant: source.grant,
                actor: &step.actor,
                steps: vec![(at, step)],
            }),
        }
    }
    parts
}

/// The rows in which the actors of a step are seen.
pub(crate) fn step_rows(at: usize, step: &Step, scope: Scope<'_>) -> Result<StepRows, Fault> {
    let rows = || {
        scope.known(&step.actor).map_err(|f| f.at("/actor"))?;
        Ok(StepRows {
            bit: u32::try_from(at).unwrap_or(u32::MAX),
            filter: scope.filter(&step.source)?,
            range: scope.range(&step.source)?,
        })
    };
    rows().map_err(|fault: Fault| fault.under(&format!("/steps/{at}")))
}
