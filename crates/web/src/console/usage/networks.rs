//! What one key did by network, summed up for its page.

use std::cmp::Reverse;
use std::ops::Range;

use control::{UsageCounts, Whence};
use model::ids::KeyId;
use model::limits::{USAGE_NETWORKS_MAX, USAGE_ROWS_MAX};
use model::permit::Admin;

use super::PARTS;
use super::chart::{Chart, Line};
use super::counted::{Part, asked};
use crate::api::usage::by_network;
use crate::caller::Caller;
use crate::error::ApiError;
use crate::state::AppState;

/// Networks that have a line of their own.
const NETWORKS_DRAWN: usize = 4;

/// Requests of a key by network.
pub(in super::super) struct Networks {
    /// Day by day; `None` when there is nothing.
    pub(in super::super) chart: Option<Chart>,
    /// The busiest networks, then the others, then what nothing is kept of.
    pub(in super::super) parts: Vec<Part>,
    /// How many are told apart on one day.
    pub(in super::super) apart: usize,
}

/// What came from somewhere: all of it, and the requests of each day.
#[derive(Clone)]
struct Came {
    whence: Whence,
    counts: UsageCounts,
    days: Vec<u64>,
}

impl Networks {
    /// What a key did in these days, by network.
    ///
    /// # Errors
    /// Those of the native call.
    pub(in super::super) async fn of(
        caller: &Caller<Admin>,
        (days, key): (Range<i32>, KeyId),
        state: &AppState,
    ) -> Result<Self, ApiError> {
        let asked = asked(&days, Some(key), USAGE_ROWS_MAX);
        let mut found: Vec<Came> = Vec::new();
        for (of, counts) in by_network(caller, asked, state).await? {
            let at = usize::try_from(of.day - days.start).ok();
            let Some(at) = at.filter(|at| *at < days.len()) else {
                continue;
            };
            let mut each = vec![0; days.len()];
            each[at] = counts.requests;
            let came = Came {
                whence: of.whence,
                counts,
                days: each,
            };
            add(&mut found, &came);
        }
        found.sort_by_key(|came| {
            (
                rank(came.whence),
                Reverse(came.counts.requests),
                came.whence,
            )
        });
        let lines = together(&found, NETWORKS_DRAWN).into_iter();
        let mut lines: Vec<Line> = lines.map(|came| (name(came.whence), came.days)).collect();
        lines.retain(|(_, values)| values.iter().any(|value| *value > 0));
        let parts = together(&found, PARTS).into_iter();
        let parts = parts.map(|came| Part::new(name(came.whence), None, came.counts));
        Ok(Self {
            chart: Chart::of(days, &lines),
            parts: parts.collect(),
            apart: USAGE_NETWORKS_MAX,
        })
    }

    #[cfg(test)]
    pub(in super::super) fn sample(text: &str) -> Self {
        Self {
            chart: Some(Chart::sample(text)),
            parts: vec![Part::sample(text)],
            apart: USAGE_NETWORKS_MAX,
        }
    }
}

/// These, of which so many networks are named and the rest is with the others.
/// Networks stand first.
fn together(found: &[Came], named: usize) -> Vec<Came> {
    let mut lines = Vec::new();
    for (at, came) in found.iter().enumerate() {
        let mut came = came.clone();
        if at >= named && matches!(came.whence, Whence::Network(_)) {
            came.whence = Whence::Others;
        }
        add(&mut lines, &came);
    }
    lines
}

fn add(lines: &mut Vec<Came>, came: &Came) {
    let known = lines.iter().position(|line| line.whence == came.whence);
    let Some(known) = known else {
        lines.push(came.clone());
        return;
    };
    let line = &mut lines[known];
    line.counts += came.counts;
    for (sum, more) in line.days.iter_mut().zip(&came.days) {
        *sum += more;
    }
}

fn rank(whence: Whence) -> u8 {
    match whence {
        Whence::Network(_) => 0,
        Whence::Others => 1,
        Whence::NotKept => 2,
    }
}

fn name(whence: Whence) -> String {
    match whence {
        Whence::Network(network) => network.to_string(),
        Whence::Others => "other networks".to_owned(),
        Whence::NotKept => "not kept".to_owned(),
    }
}
