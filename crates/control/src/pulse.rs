//! What the keys of a project did in the last minute, second by second: for
//! whoever looks at it now. In memory alone; a start begins with nothing.

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use model::ids::ProjectId;
use model::permit::Access;
use model::time::Clock as _;
use model::usage::UsageCounts;

use crate::control::Control;

/// Seconds that are told, all of them over.
pub const PULSE_SECONDS: usize = 60;
/// The second that is not over has a place, too.
const PLACES: usize = PULSE_SECONDS + 1;
/// Projects that are counted; beyond, those of which nothing came go.
const PROJECTS_MAX: usize = 10_000;

/// What keys did in one second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Beat {
    /// What is counted of usage.
    pub counts: UsageCounts,
    /// Requests that asked for data: each once, of however many pools.
    pub questions: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Second {
    /// Seconds since 1970-01-01.
    at: i64,
    beat: Beat,
}

/// The last seconds of each project.
#[derive(Debug, Default)]
pub(crate) struct Pulses(Mutex<HashMap<ProjectId, [Second; PLACES]>>);

fn place(at: i64) -> usize {
    let places = i64::try_from(PLACES).unwrap_or(1);
    usize::try_from(at.rem_euclid(places)).unwrap_or(0)
}

impl Pulses {
    pub(crate) fn note(&self, project: ProjectId, at: i64, counts: UsageCounts) {
        self.note_in(project, at, |beat| beat.counts += counts);
    }

    pub(crate) fn note_question(&self, project: ProjectId, at: i64) {
        self.note_in(project, at, |beat| beat.questions += 1);
    }

    fn note_in(&self, project: ProjectId, at: i64, note: impl FnOnce(&mut Beat)) {
        let mut projects = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if projects.len() >= PROJECTS_MAX && !projects.contains_key(&project) {
            let oldest = at - i64::try_from(PULSE_SECONDS).unwrap_or(0);
            projects.retain(|_, seconds| seconds.iter().any(|second| second.at >= oldest));
        }
        let seconds = projects.entry(project);
        let seconds = seconds.or_insert([Second::default(); PLACES]);
        let Some(second) = seconds.get_mut(place(at)) else {
            return;
        };
        if second.at != at {
            *second = Second {
                at,
                beat: Beat::default(),
            };
        }
        note(&mut second.beat);
    }

    /// The seconds before this one, the oldest first.
    fn before(&self, project: ProjectId, now: i64) -> Vec<Beat> {
        let projects = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let seconds = projects.get(&project);
        let told = i64::try_from(PULSE_SECONDS).unwrap_or(0);
        let each = (now - told..now).map(|at| {
            let second = seconds.and_then(|seconds| seconds.get(place(at)));
            let second = second.filter(|second| second.at == at);
            second.map_or_else(Beat::default, |second| second.beat)
        });
        each.collect()
    }
}

impl Control {
    /// What the keys of the caller's project did in each of the last
    /// [`PULSE_SECONDS`] that are over, the oldest first; `None` for a caller to
    /// whom usage is not told.
    pub fn pulse(&self, by: &Access) -> Option<Vec<Beat>> {
        let now = self
            .0
            .options
            .clock
            .now()
            .as_microsecond()
            .div_euclid(1_000_000);
        let pulses = &self.0.pulses;
        by.sees_usage().then(|| pulses.before(by.project(), now))
    }
}
