//! The first page of a project: what there is, what is going on, and what wants
//! somebody's attention.

mod doing;
mod notices;
mod now;
mod steps;

pub(super) use notices::{
    PARAMETERS as NOTICE_PARAMETERS, dismiss, dismiss_form, list as list_notices,
};

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use model::limits::RECOVERY_CODES;
use model::people::Area;
use model::time::TimeZone;

use super::asking::{self, Numbers};
use super::frame::{Frame, Section, page, segment};
use super::pictures::{Chart, Size};
use super::pools::Line;
use super::shown::{self, grouped};
use super::visitor::InProject;
use crate::error::ApiError;
use crate::input::Parameters;
use crate::state::AppState;
use doing::{Attentions, Busy};
use now::Now;
use steps::Step;

/// The stretch of time that is looked at, and what of the page is brought anew.
pub(super) const PARAMETERS: &[&str] = &["range", now::PARAMETERS[0], now::PARAMETERS[1]];

/// Stretches to choose from, in days; the first is the usual one.
const RANGES: [(&str, &str, &str); 4] = [
    ("30", "this_30_days", "30 days"),
    ("7", "this_7_days", "7 days"),
    ("90", "this_90_days", "90 days"),
    ("365", "this_365_days", "a year"),
];
/// Pools whose records are drawn for somebody to whom usage is not told.
const DRAWN: usize = 2;

/// Pools that the page tells of; the list has all of them.
const POOLS_MAX: usize = 50;

/// A stretch of time to choose.
struct Range {
    label: &'static str,
    href: String,
    is_chosen: bool,
}

#[derive(Template)]
#[template(path = "console/home.html")]
struct Page {
    frame: Frame,
    project: String,
    role: &'static str,
    /// Of the person's recovery codes, how many were used: by somebody else, for all that is known.
    codes_used: usize,
    pools: Vec<Line>,
    /// Of all pools; `None` where the page does not tell of all.
    records: Option<String>,
    pools_count: usize,
    stored: Option<String>,
    views: usize,
    keys: Option<usize>,
    now: Option<Now>,
    ranges: Vec<Range>,
    charts: Vec<Chart>,
    busy: Vec<Busy>,
    tells_usage: bool,
    attention: Option<Attentions>,
    /// The first steps, while some are left.
    steps: Vec<Step>,
    has_records: bool,
    may_define: bool,
    create: String,
    sample: String,
    views_at: Option<String>,
    pools_at: Option<String>,
}

/// The charts of what keys did, for whom it is told; for others those of the
/// largest pools that they see.
fn charts(here: &InProject, pools: &[Line], timeframe: &str) -> Vec<Chart> {
    let series = |pool: &str, function: &str| {
        let pool = segment(pool);
        here.address(&format!(
            "/explore/chart.svg?pool={pool}&{function}&interval=daily&timeframe={timeframe}"
        ))
    };
    if here.access.sees_usage() {
        let usage = |field: &str, title: &str| {
            let address = series(
                model::names::Name::USAGE,
                &format!("analysis=sum&field={field}"),
            );
            Chart::at(&address, Size::Small, title).over_time(Some(&TimeZone::utc()))
        };
        return vec![
            usage("records", "Records stored by keys, each day"),
            usage("requests", "Requests of keys, each day"),
        ];
    }
    let drawn = pools.iter().take(DRAWN);
    let drawn = drawn.map(|pool| {
        let title = format!("Records of {} that you see, by day", pool.name);
        Chart::at(&series(&pool.name, "analysis=count"), Size::Small, title)
            .over_time(Some(&TimeZone::utc()))
    });
    drawn.collect()
}

/// The stretches of time to choose from.
fn ranges(here: &InProject, days: &str) -> Vec<Range> {
    let ranges = RANGES.iter().map(|(own, _, label)| Range {
        label,
        href: here.address(&format!("?range={own}")),
        is_chosen: *own == days,
    });
    ranges.collect()
}

/// The first page of a project.
pub(super) async fn read(
    here: InProject,
    parameters: Parameters,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    if let Some(part) = now::part(&here, &parameters, &state) {
        return part;
    }
    let range = parameters.get("range");
    let known = RANGES.iter().find(|(days, ..)| Some(*days) == range);
    let (days, timeframe, _) = *known.unwrap_or(&RANGES[0]);
    let mut all = asking::pools(&here);
    let count = all.len();
    all.truncate(POOLS_MAX);
    let is_all = all.len() == count;
    let numbers = Numbers::of_all(&here, &all, &state).await;
    let records = numbers.iter().map(|numbers| numbers.records);
    let records: Option<i128> = records.sum();
    let records = records.filter(|_| is_all);
    let has_records = records.is_none_or(|records| records > 0) && count > 0;
    let stored = numbers.iter().map(|numbers| numbers.bytes);
    let stored: Option<u64> = stored.sum();
    let stored = stored.filter(|_| is_all && count > 0);
    let lines = all.iter().zip(numbers);
    let pools: Vec<Line> = lines
        .map(|(pool, numbers)| Line::of(&here, pool, numbers))
        .collect();
    let tells_usage = here.access.sees_usage();
    let busy = match tells_usage {
        true => doing::busiest(&here, timeframe, &state).await,
        false => Vec::new(),
    };
    let access = &here.access;
    let keys = here.definitions.keys().filter(|key| access.knows(key));
    let reads = here.may(Area::ReadRecords);
    let results = here.may(Area::ReadResults);
    let shown = Page {
        frame: Frame::of("Home", &here, Section::Home),
        project: here.definitions.project().name.clone(),
        role: here.role(),
        codes_used: RECOVERY_CODES.saturating_sub(here.visitor.person.parts().recovery.len()),
        // Before there is anything, the page teaches.
        charts: match reads && (count > 0 || !busy.is_empty()) {
            true => charts(&here, &pools, timeframe),
            false => Vec::new(),
        },
        records: records.map(grouped),
        pools_count: count,
        stored: stored.map(shown::bytes),
        views: super::views::readable(&here),
        keys: here.may(Area::Keys).then(|| keys.count()),
        now: Now::read(&here, &state, 0).filter(|_| count > 0),
        ranges: ranges(&here, days),
        busy,
        tells_usage,
        attention: match here.may(Area::Keys) {
            true => Some(doing::attention(&here, &state).await?),
            false => None,
        },
        steps: steps::steps(&here, &state, (&all, has_records)),
        has_records,
        may_define: here.may(Area::Definitions),
        create: here.address("/new-pool"),
        sample: here.address("/new-pool/sample"),
        views_at: results.then(|| here.address("/views")),
        pools_at: reads.then(|| here.address("/pools")),
        pools,
    };
    page(StatusCode::OK, &shown)
}

#[cfg(test)]
pub(super) fn sample(text: &str) -> Vec<super::samples::Sample> {
    let place = || super::frame::address(text, "/x");
    let page = Page {
        frame: super::samples::frame(text),
        project: text.to_owned(),
        role: "owner",
        codes_used: 1,
        pools: vec![super::pools::line(text)],
        records: Some(text.to_owned()),
        pools_count: 1,
        stored: Some(text.to_owned()),
        views: 1,
        keys: Some(1),
        now: Some(now::sample(text)),
        ranges: vec![Range {
            label: "",
            href: place(),
            is_chosen: true,
        }],
        charts: vec![super::pictures::sample(text)],
        busy: vec![doing::busy_sample(text)],
        tells_usage: true,
        attention: Some(Attentions {
            told: vec![doing::attention_sample(text)],
            more: 2,
            all: place(),
        }),
        steps: steps::sample(text),
        has_records: true,
        may_define: true,
        create: place(),
        sample: place(),
        views_at: Some(place()),
        pools_at: Some(place()),
    };
    let mut all = vec![
        super::samples::sample("home.html", &page),
        now::sample_part(text),
    ];
    all.extend(notices::sample(text));
    all
}
