//! Totals of days as a picture, drawn once for wide windows and once for
//! narrow ones.

use std::ops::Range;

use model::analyses::{Answer, Measured, Results};
use model::time::{Date, TimeRange};
use model::value::Value;

use crate::charts::{Drawing, Sketch};

/// A picture in two sizes; the stylesheet shows the one for the window.
pub(in super::super) struct Chart {
    pub(in super::super) wide: Sketch,
    pub(in super::super) slim: Sketch,
}

/// One line: what it is called, and its value on each day.
pub(in super::super) type Line = (String, Vec<u64>);

impl Chart {
    /// The picture of these lines over these days; `None` when there is nothing.
    pub(in super::super) fn of(days: Range<i32>, lines: &[Line]) -> Option<Self> {
        let is_something = lines
            .iter()
            .any(|(_, values)| values.iter().any(|n| *n > 0));
        if !is_something {
            return None;
        }
        let answer = answer(days, lines);
        let sketch = |width, height| Drawing::of_days(width, height, lines.len()).sketch(&answer);
        Some(Self {
            wide: sketch(920, 260),
            slim: sketch(360, 250),
        })
    }

    #[cfg(test)]
    pub(in super::super) fn sample(text: &str) -> Self {
        let lines = [
            (text.to_owned(), vec![1, 2]),
            ("other".to_owned(), vec![3, 4]),
        ];
        Self::of(0..2, &lines).expect("a picture")
    }
}

fn answer(days: Range<i32>, lines: &[Line]) -> Answer {
    let start = |day: i32| Date::from_days(day).map(Date::midnight);
    let intervals = days.enumerate().filter_map(|(at, day)| {
        let range = TimeRange::new(start(day)?, start(day + 1)?).ok()?;
        let values = lines.iter();
        let values = values.map(|(_, values)| Value::from(values.get(at).copied().unwrap_or(0)));
        Some((range, values.collect()))
    });
    let labels = lines.iter().map(|(name, _)| name.clone());
    Answer::Measured(Measured {
        groups: Vec::new(),
        labels: Some(labels.collect()),
        results: Results::Intervals(intervals.collect()),
    })
}
