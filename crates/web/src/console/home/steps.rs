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
    let keys = here.definitions.keys();
    let keys = keys.filter(|key| here.access.knows(key) && !key.draft().is_admin());
    let keys: Vec<&Arc<KeyRecord>> = keys.collect();
    let can = |key: &KeyRecord, action: Action| {
        let mut grants = key.grants().iter();
        grants.any(|grant| grant.allows(action))
    };
    let reads = [
        Action::Read,
        Action::Query,
        Action::Extract,
        Action::Run,
        Action::Retrieve,
    ];
    let writer = keys.iter().find(|key| can(key, Action::Ingest));
    let readers = keys
        .iter()
        .filter(|key| reads.iter().any(|action| can(key, *action)));
    let readers: Vec<_> = readers.collect();
    let is_used = readers
        .iter()
        .any(|key| state.control.last_used(key.id()).is_some());
    let first = pools.first();
    let of_pool =
        |below: &str| first.map(|pool| here.address(&format!("/pools/{}{below}", pool.id)));
    let on_pool = |what: &str| {
        let on = first.map(|pool| format!("pool:{}", pool.draft.name))?;
        crate::console::keys::address_for(here, what, &on)
    };
    let of_reader = |below: &str| {
        readers
            .first()
            .map(|key| here.address(&format!("/keys/{}{below}", key.id())))
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
            is_done: writer.is_some(),
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
            is_done: !readers.is_empty(),
        },
        Step {
            title: "Check what it sees",
            text: "The rows of the key, before anybody else has it.",
            link: of_reader("/preview").map(|href| (href, "See what it sees")),
            is_done: is_used,
        },
        Step {
            title: "Hand it over",
            text: "Send the text that the token was shown with, by a way that reaches one person. It is done when the key is first used.",
            link: of_reader("").map(|href| (href, "To the key")),
            is_done: is_used,
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
