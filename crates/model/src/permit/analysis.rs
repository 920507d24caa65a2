//! From permits and a question of analytics to constrained questions.

use std::collections::BTreeMap;

use super::{AskPool, ConstrainedQuery, Extract, Permit};
use crate::analyses::compile::{
    Scope, aggregation, extraction, over_no_pool, parts, rows_of_no_pool, step_rows,
};
use crate::analyses::{
    Aggregation, Answer, Extraction, Form, Funnel, Step, TooManyResults, Typing,
};
use crate::fault::{Fault, FaultCode};
use crate::names::Name;
use crate::queries::{ActorQuery, Query, Row};
use crate::time::Timestamp;
use crate::views::{Delivery, time_fault};

/// A question of analytics as constrained questions, each of one pool and over
/// the rows that the key sees there alone, and the form of its answer.
#[derive(Clone, Debug)]
pub struct ConstrainedAnalysis {
    parts: Vec<ConstrainedQuery>,
    form: Form,
}

impl ConstrainedAnalysis {
    /// Functions over a pool that is absent or hidden, for a question of
    /// [`Typing::Loose`]: of no rows, whose answer has all of its form.
    ///
    /// # Errors
    /// What is wrong with the question whatever the pool is.
    pub fn of_nothing(asked: &Aggregation, now: Timestamp) -> Result<Self, Fault> {
        asked.check()?;
        Ok(Self {
            parts: Vec::new(),
            form: over_no_pool(asked, now)?,
        })
    }

    /// Rows of a pool that is absent or hidden, for a question of
    /// [`Typing::Loose`]: none.
    ///
    /// # Errors
    /// What is wrong with the question whatever the pool is.
    pub fn no_rows(asked: &Extraction, now: Timestamp) -> Result<Self, Fault> {
        asked.check()?;
        Ok(Self {
            parts: Vec::new(),
            form: rows_of_no_pool(asked, now)?,
        })
    }

    /// The questions: one, or of a funnel one for each pool, grant and field
    /// of actors. Each is answered by one reading of its pool. None, where
    /// a question of [`Typing::Loose`] asks for nothing that is there.
    pub fn parts(&self) -> &[ConstrainedQuery] {
        &self.parts
    }

    /// How the answer is made of their rows.
    pub fn form(&self) -> &Form {
        &self.form
    }

    /// The answer from the rows of each of [`ConstrainedAnalysis::parts`].
    ///
    /// # Errors
    /// [`TooManyResults`] when it would be larger than allowed.
    pub fn answer(&self, rows: Vec<Vec<Row>>) -> Result<Answer, TooManyResults> {
        self.form.answer(rows)
    }

    /// The only question and the form, for an extraction that is paged or streamed.
    pub fn into_rows(mut self) -> Option<(ConstrainedQuery, crate::analyses::RowsForm)> {
        match self.form {
            Form::Rows(form) => Some((self.parts.pop()?, form)),
            _ => None,
        }
    }
}

impl Permit<AskPool> {
    /// Functions over the rows that the key sees.
    ///
    /// # Errors
    /// A fault of the question, which is checked as [`crate::analyses::Analysis::check`]
    /// does, since not every tree was made by its parser; whether there is one depends on the question
    /// and the definitions alone, never on a row.
    pub fn constrain(
        &self,
        asked: &Aggregation,
        now: Timestamp,
    ) -> Result<ConstrainedAnalysis, Fault> {
        asked.check()?;
        let (rows, visible) = self.chosen(asked.source.grant)?;
        let scope = Scope {
            pool: self.pool(),
            visible: &visible,
            now,
        };
        let (query, form) = aggregation(asked, scope)?;
        Ok(ConstrainedAnalysis {
            parts: vec![self.asking(rows, Query::Aggregate(query))],
            form: Form::Measured(Box::new(form)),
        })
    }

    /// A funnel over the rows that the key sees in each of the pools, whose
    /// permits are found by their names. In a pool without a permit nobody is
    /// seen, where steps are of [`Typing::Loose`].
    ///
    /// # Errors
    /// As [`Permit::constrain`]; and a fault where a pool has no permit.
    pub fn constrain_funnel(
        permits: &BTreeMap<Name, Self>,
        funnel: &Funnel,
        now: Timestamp,
    ) -> Result<ConstrainedAnalysis, Fault> {
        funnel.check()?;
        let mut constrained = Vec::new();
        let parts = parts(funnel);
        // Who is who matters where they are listed, and between one question and another.
        let counted = parts.len() == 1 && !funnel.steps.iter().any(|step| step.with_actors);
        for part in parts {
            let at = format!("/steps/{}", part.steps[0].0);
            let is_loose = |(_, step): &(usize, &Step)| step.source.typing == Typing::Loose;
            let is_loose = part.steps.iter().all(is_loose);
            let permit = permits.get(part.pool);
            if is_loose && permit.is_none() {
                continue;
            }
            let permit = permit.ok_or_else(|| {
                Fault::new(
                    FaultCode::UnknownResource,
                    "there is no such pool for this key",
                )
                .at(format!("{at}/pool"))
            })?;
            let (rows, visible) = permit.chosen(part.grant).map_err(|f| f.under(&at))?;
            let scope = Scope {
                pool: permit.pool(),
                visible: &visible,
                now,
            };
            if is_loose && scope.known(part.actor).is_err() {
                continue;
            }
            let steps = part.steps.iter();
            let steps = steps.map(|(at, step)| step_rows(*at, step, scope));
            let query = ActorQuery {
                actor: part.actor.clone(),
                steps: steps.collect::<Result<_, _>>()?,
                counted,
            };
            constrained.push(permit.asking(rows, Query::Actors(query)));
        }
        Ok(ConstrainedAnalysis {
            parts: constrained,
            form: Form::Funnel {
                funnel: funnel.clone(),
                counted,
                steps: funnel.steps_at(now).map_err(time_fault("timeframe"))?,
            },
        })
    }
}

impl Permit<Extract> {
    /// Rows that the key sees, as they are.
    ///
    /// # Errors
    /// A fault of the question; whether there is one depends on the question
    /// and the definitions alone, never on a row.
    pub fn constrain(
        &self,
        asked: &Extraction,
        delivery: Delivery,
        now: Timestamp,
    ) -> Result<ConstrainedAnalysis, Fault> {
        asked.check()?;
        let (rows, visible) = self.chosen(asked.source.grant)?;
        let scope = Scope {
            pool: self.pool(),
            visible: &visible,
            now,
        };
        let (query, form) = extraction(asked, scope, delivery)?;
        Ok(ConstrainedAnalysis {
            parts: vec![self.asking(rows, Query::Records(query))],
            form: Form::Rows(form),
        })
    }
}
