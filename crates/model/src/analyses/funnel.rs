//! Funnels: who was seen in which step, and how many came how far.

use std::collections::BTreeMap;

use super::Source;
use crate::names::FieldPath;
use crate::queries::{ResultSize, TooManyResults};
use crate::value::Value;

/// How many of those who did one thing did the next.
///
/// What is asked is who was seen in each step, not when: a later step may have
/// happened earlier.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Funnel {
    /// The steps: 1 to [`crate::limits::FUNNEL_STEPS_MAX`], the first neither inverted nor optional.
    pub steps: Vec<Step>,
}

/// A step of a funnel.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Step {
    /// The rows in which its actors are seen.
    pub source: Source,
    /// The field whose value is the actor; a row without one shows nobody.
    pub actor: FieldPath,
    /// Whether it keeps those who are not seen in it.
    pub inverted: bool,
    /// Whether it only counts, and later steps go on from the one before it.
    pub optional: bool,
    /// Whether its actors are listed.
    pub with_actors: bool,
}

/// Those who were seen, each with the steps in which.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Actors(BTreeMap<Vec<u8>, u64>);

/// How many came through each step, and who.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tally {
    /// One number for each step.
    pub counts: Vec<u64>,
    /// For each step that lists its actors, who they are, in the order of their values.
    pub actors: Vec<Option<Vec<Value>>>,
}

impl Actors {
    /// Adds that `actor` was seen in these steps, one bit for each, the first
    /// step's the lowest. No value is nobody.
    pub fn add(&mut self, actor: &Value, steps: u64) {
        if !actor.is_null() {
            *self.0.entry(crate::canonical::to_bytes(actor)).or_default() |= steps;
        }
    }
}

impl Funnel {
    /// Whether someone who was seen in the steps `seen` comes through each step.
    fn passes(&self, seen: u64) -> impl Iterator<Item = bool> {
        let mut so_far = true;
        let bits = (0..).map(move |bit| seen >> bit & 1 == 1);
        self.steps.iter().zip(bits).map(move |(step, was_seen)| {
            let passes = so_far && was_seen != step.inverted;
            if !step.optional {
                so_far = passes;
            }
            passes
        })
    }

    /// How many came through each step, from the bits of steps and how many
    /// actors were seen in just these.
    pub fn tally_of(&self, seen: impl Iterator<Item = (u64, u64)>) -> Tally {
        let mut counts = vec![0; self.steps.len()];
        for (bits, many) in seen {
            for (count, passes) in counts.iter_mut().zip(self.passes(bits)) {
                *count += if passes { many } else { 0 };
            }
        }
        Tally {
            counts,
            actors: vec![None; self.steps.len()],
        }
    }

    /// How many of those who were seen came through each step, and who.
    ///
    /// # Errors
    /// [`TooManyResults`] when the steps list more than an answer may hold
    /// together, an actor counted in each list.
    pub fn tally(&self, actors: &Actors) -> Result<Tally, TooManyResults> {
        let mut listed = ResultSize::default();
        let mut counts = vec![0; self.steps.len()];
        let lists = self.steps.iter();
        let mut lists: Vec<_> = lists.map(|step| step.with_actors.then(Vec::new)).collect();
        for (actor, seen) in &actors.0 {
            for (at, passes) in self.passes(*seen).enumerate() {
                counts[at] += u64::from(passes);
                if passes && let Some(list) = &mut lists[at] {
                    let actor = crate::canonical::decode(actor);
                    listed = listed.and(ResultSize::of(&actor));
                    listed.check()?;
                    list.extend(actor);
                }
            }
        }
        Ok(Tally {
            counts,
            actors: lists,
        })
    }
}
