//! The first steps in a project, for whoever may take all of them: from a pool to
//! a customer who reads.

use model::grants::Action;
use model::keys::KeyRecord;
use model::people::Area;
use model::pools::Pool;
use std::sync::Arc;

use crate::console::visitor::InProject;
use crate::state::AppState;

/// One step.
pub(super) struct Step {
    pub(super) title: &'static str,
    pub(super) text: &'static str,
    /// Where it is taken, and what the link says; `None` while something before it is not done.
    pub(super) link: Option<(String, &'static str)>,
    pub(super) is_done: bool,
}

/// How far keys for programs and customers have come; those that administer are neither.
struct Keys {
    writes: bool,
    /// The first one that reads.
    reader: Option<Arc<KeyRecord>>,
    /// Whether one that reads was ever used.
    is_used: bool,
}

impl Keys {
    fn of(here: &InProject, state: &AppState) -> Self {
        let keys = here.definitions.keys();
        let keys = keys.filter(|key| here.access.knows(key) && !key.draft().is_admin());
        let keys: Vec<&Arc<KeyRecord>> = keys.collect();
        let can = |key: &KeyRecord, actions: &[Action]| {
            let mut grants = key.grants().iter();
            grants.any(|grant| actions.iter().any(|action| grant.allows(*action)))
        };
        let readers = keys.iter().filter(|key| can(key, &READS));
        let readers: Vec<&Arc<KeyRecord>> = readers.copied().collect();
        let mut used = readers
            .iter()
            .map(|key| state.control.last_used(key.id()).is_some());
        Self {
            writes: keys.iter().any(|key| can(key, &[Action::Ingest])),
            reader: readers.first().map(|key| Arc::clone(key)),
            is_used: used.any(|is_used| is_used),
        }
    }
}

/// What a key for reading may do.
const READS: [Action; 5] = [
    Action::Read,
    Action::Query,
    Action::Extract,
    Action::Run,
    Action::Retrieve,
];

/// The steps, done or not; none when all are, and for whom some are not.
pub(super) fn steps(
    here: &InProject,
    state: &AppState,
    (pools, has_records): (&[Arc<Pool>], bool),
) -> Vec<Step> {
    let may_all = [Area::Definitions, Area::Keys].map(|area| here.may(area));
    if may_all.contains(&false) {
        return Vec::new();
    }
    let keys = Keys::of(here, state);
    let first = pools.first();
    let of_pool =
        |below: &str| first.map(|pool| here.address(&format!("/pools/{}{below}", pool.id)));
    let on_pool = |what: &str| {
        let on = first.map(|pool| format!("pool:{}", pool.draft.name))?;
        crate::console::keys::address_for(here, what, &on)
    };
    let of_reader = |below: &str| {
        let reader = keys.reader.as_ref();
        reader.map(|key| here.address(&format!("/keys/{}{below}", key.id())))
    };
    let all = vec![
        Step {
            title: "Make a pool",
            text: "It holds records of one kind: orders, readings, page views.",
            link: Some((here.address("/new-pool"), "New pool")),
            is_done: first.is_some(),
        },
        Step {
            title: "Give a program a key that writes",
            text: "Its token is shown once, with a line to try.",
            link: on_pool("write").map(|href| (href, "Make a write key")),
            is_done: keys.writes,
        },
        Step {
            title: "Send records",
            text: "By that key, or as a file. They are there as soon as they are accepted.",
            link: of_pool("/records").map(|href| (href, "Watch records arrive")),
            is_done: has_records,
        },
        Step {
            title: "Make a key that reads some rows",
            text: "For a customer, a report, a dashboard: it sees what you say and nothing else.",
            link: on_pool("ask").map(|href| (href, "Make a read key")),
            is_done: keys.reader.is_some(),
        },
        Step {
            title: "Check what it sees",
            text: "The rows of the key, before anybody else has it.",
            link: of_reader("/preview").map(|href| (href, "See what it sees")),
            is_done: keys.is_used,
        },
        Step {
            title: "Hand it over",
            text: "Send the text that the token was shown with, by a way that reaches one person. It is done when the key is first used.",
            link: of_reader("").map(|href| (href, "To the key")),
            is_done: keys.is_used,
        },
    ];
    match all.iter().all(|step| step.is_done) {
        true => Vec::new(),
        false => all,
    }
}

#[cfg(test)]
pub(super) fn sample(text: &str) -> Vec<Step> {
    let step = |is_done| Step {
        title: "",
        text: "",
        link: Some((crate::console::frame::address(text, "/x"), "")),
        is_done,
    };
    vec![step(true), step(false)]
}
