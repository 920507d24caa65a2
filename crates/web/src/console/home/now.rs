//! What keys do now: the last minute, second by second, brought anew while
//! somebody looks.

use askama::Template;
use axum::response::Response;
use control::{Beat, PULSE_SECONDS};
use http::StatusCode;

use crate::console::frame::page;
use crate::console::shown::grouped;
use crate::console::visitor::InProject;
use crate::error::ApiError;
use crate::input::Parameters;
use crate::state::AppState;

/// The part of the page, and how often it was brought.
pub(super) const PARAMETERS: [&str; 2] = ["part", "turn"];

/// Seconds over which a rate is told.
const RATE_SECONDS: usize = 10;
/// How often the page looks again by itself: for ten minutes. Whoever went away
/// is not kept signed in by it.
const TURNS_MAX: u32 = 200;
/// Units of the picture: of one second in width, and in height.
const WIDTH: usize = 4;
const HEIGHT: u64 = 40;

/// One kind of what is counted.
pub(super) struct Rate {
    pub(super) label: &'static str,
    /// A second, on the average of the last ones.
    pub(super) rate: String,
    /// The most in one second of the minute.
    pub(super) most: String,
    pub(super) bars: Vec<Bar>,
}

/// A second of the picture.
pub(super) struct Bar {
    pub(super) x: usize,
    pub(super) y: u64,
    pub(super) height: u64,
}

/// The last minute.
pub(super) struct Now {
    pub(super) rates: Vec<Rate>,
    /// Where it is brought anew; `None` when that was done for long enough.
    pub(super) next: Option<String>,
    pub(super) again: String,
}

#[derive(Template)]
#[template(path = "console/now.html")]
struct Part {
    now: Now,
}

impl Rate {
    fn of(label: &'static str, seconds: &[u64]) -> Self {
        let most = seconds.iter().copied().max().unwrap_or(0);
        let last = seconds.iter().rev().take(RATE_SECONDS);
        let bars = seconds.iter().enumerate().filter(|(_, count)| **count > 0);
        let bars = bars.map(|(at, count)| {
            // What there is can be seen, however little it is.
            let height = (count * HEIGHT).div_ceil(most.max(1));
            Bar {
                x: at * WIDTH,
                y: HEIGHT - height.min(HEIGHT),
                height,
            }
        });
        Self {
            label,
            rate: a_second(last.sum()),
            most: grouped(i128::from(most)),
            bars: bars.collect(),
        }
    }
}

/// How many a second there were of so many in [`RATE_SECONDS`].
fn a_second(count: u64) -> String {
    let seconds = RATE_SECONDS as u64;
    match (count / seconds, count % seconds) {
        (whole @ 0..10, tenths) if tenths > 0 => format!("{whole}.{tenths}"),
        (whole, tenths) => grouped(i128::from(whole + u64::from(tenths * 2 >= seconds))),
    }
}

impl Now {
    fn of(here: &InProject, seconds: &[Beat], turn: u32) -> Self {
        let each = |of: fn(&Beat) -> u64| seconds.iter().map(of).collect::<Vec<u64>>();
        let turned = turn.saturating_add(1);
        let next = here.address(&format!("?part=now&turn={turned}"));
        Self {
            rates: vec![
                Rate::of("Records stored a second", &each(|one| one.counts.records)),
                Rate::of("Questions a second", &each(|one| one.questions)),
                Rate::of("Requests refused a second", &each(|one| one.counts.refused)),
            ],
            next: Some(next).filter(|_| turn < TURNS_MAX),
            again: here.address(""),
        }
    }

    /// For whom usage is told.
    pub(super) fn read(here: &InProject, state: &AppState, turn: u32) -> Option<Self> {
        let seconds = state.control.pulse(&here.access)?;
        Some(Self::of(here, &seconds, turn))
    }
}

/// The part of the page alone, when that is asked for.
pub(super) fn part(
    here: &InProject,
    parameters: &Parameters,
    state: &AppState,
) -> Option<Result<Response, ApiError>> {
    parameters.get("part").filter(|part| *part == "now")?;
    let turn = parameters.get("turn").and_then(|turn| turn.parse().ok());
    let now = Now::read(here, state, turn.unwrap_or(0));
    let now = now.ok_or_else(ApiError::not_found);
    Some(now.and_then(|now| page(StatusCode::OK, &Part { now })))
}

/// The width of the picture.
pub(super) const PICTURE_WIDTH: usize = WIDTH * PULSE_SECONDS;

#[cfg(test)]
pub(super) fn sample(text: &str) -> Now {
    Now {
        rates: vec![Rate::of("", &[1, 0, 3])],
        next: Some(crate::console::frame::address(text, "/x")),
        again: crate::console::frame::address(text, "/x"),
    }
}

#[cfg(test)]
pub(super) fn sample_part(text: &str) -> crate::console::samples::Sample {
    let part = Part { now: sample(text) };
    crate::console::samples::sample("now.html", &part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_those_of_the_last_seconds_and_bars_those_of_all() {
        let mut seconds = vec![0; PULSE_SECONDS];
        seconds[0] = 80;
        seconds[55] = 7;
        seconds[59] = 1;
        let rate = Rate::of("", &seconds);
        assert_eq!((&*rate.rate, &*rate.most), ("0.8", "80"));
        let bars = rate.bars.iter().map(|bar| (bar.x, bar.y, bar.height));
        assert_eq!(
            bars.collect::<Vec<_>>(),
            [(0, 0, 40), (220, 36, 4), (236, 39, 1)]
        );
        assert_eq!(Rate::of("", &[0; 60]).bars.len(), 0);
    }

    #[test]
    fn small_rates_have_tenths_and_large_ones_are_whole() {
        let told = [0, 3, 10, 99, 100, 104, 105, 123_456].map(a_second);
        assert_eq!(
            told,
            ["0", "0.3", "1", "9.9", "10", "10", "11", "12\u{202f}346"].map(str::to_owned)
        );
    }
}
