//! The axis of time: which intervals have a word beneath them, and which word.

use model::time::{Interval, TimeZone, Timestamp, Unit};

/// The names of the months, as axes and tables have them.
pub(crate) const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// What a local clock and calendar show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Moment {
    year: u32,
    month: u32,
    day: u32,
    hour: u32,
    minute: u32,
}

/// The interval that begins here, as a table names it: a date without a clock for a day and
/// longer, and the month or the year alone where it begins with it.
pub(crate) fn interval_name(start: Timestamp, zone: &TimeZone, interval: Interval) -> String {
    let at = Moment::of(start, zone);
    let pace = match Pace::of(Some(interval)) {
        Pace::Months if at.day != 1 => Pace::Days,
        Pace::Years if (at.month, at.day) != (1, 1) => Pace::Days,
        pace => pace,
    };
    at.in_full(pace)
}

/// How far intervals are apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pace {
    Minutes,
    Days,
    Weeks,
    Months,
    Years,
}

/// A word beneath an interval, and below it what it is part of, where that is
/// another than before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) at: usize,
    pub(super) text: String,
    pub(super) part_of: Option<String>,
}

impl Moment {
    /// What the clock of the zone shows.
    pub(super) fn of(instant: Timestamp, zone: &TimeZone) -> Self {
        // YYYY-MM-DDTHH:MM
        let text = instant.in_zone(zone).to_string();
        let number = |range| {
            let digits: Option<&str> = text.get(range);
            digits.and_then(|digits| digits.parse().ok()).unwrap_or(0)
        };
        Self {
            year: number(0..4),
            month: number(5..7),
            day: number(8..10),
            hour: number(11..13),
            minute: number(14..16),
        }
    }

    fn is_midnight(self) -> bool {
        (self.hour, self.minute) == (0, 0)
    }

    fn month_name(self) -> &'static str {
        let at = usize::try_from(self.month).unwrap_or(0);
        MONTHS.get(at.wrapping_sub(1)).copied().unwrap_or("")
    }

    fn date(self) -> String {
        format!("{} {}", self.day, self.month_name())
    }

    fn clock(self) -> String {
        format!("{:02}:{:02}", self.hour, self.minute)
    }

    /// The word for the interval that begins here.
    fn text(self, pace: Pace) -> String {
        match pace {
            Pace::Minutes => self.clock(),
            Pace::Days | Pace::Weeks => self.date(),
            Pace::Months => self.month_name().to_owned(),
            Pace::Years => self.year.to_string(),
        }
    }

    /// What that is part of.
    fn part_of(self, pace: Pace) -> Option<String> {
        match pace {
            Pace::Minutes => Some(self.date()),
            Pace::Days | Pace::Weeks | Pace::Months => Some(self.year.to_string()),
            Pace::Years => None,
        }
    }

    fn in_full(self, pace: Pace) -> String {
        match pace {
            Pace::Minutes => format!("{} {} {}", self.date(), self.year, self.clock()),
            Pace::Days | Pace::Weeks => format!("{} {}", self.date(), self.year),
            Pace::Months => format!("{} {}", self.month_name(), self.year),
            Pace::Years => self.year.to_string(),
        }
    }
}

impl Pace {
    pub(super) fn of(interval: Option<Interval>) -> Self {
        match interval.map(Interval::unit) {
            None | Some(Unit::Day) => Self::Days,
            Some(Unit::Minute | Unit::Hour) => Self::Minutes,
            Some(Unit::Week | Unit::SundayWeek) => Self::Weeks,
            Some(Unit::Month) => Self::Months,
            Some(Unit::Year) => Self::Years,
        }
    }

    /// Which intervals may have a word, from many to few.
    fn choices(self) -> &'static [fn(usize, Moment) -> bool] {
        match self {
            Self::Minutes => &[
                |_, _| true,
                |_, at| at.minute.is_multiple_of(5),
                |_, at| at.minute.is_multiple_of(15),
                |_, at| at.minute.is_multiple_of(30),
                |_, at| at.minute == 0,
                |_, at| at.minute == 0 && at.hour.is_multiple_of(3),
                |_, at| at.minute == 0 && at.hour.is_multiple_of(6),
                |_, at| at.minute == 0 && at.hour.is_multiple_of(12),
                |_, at| at.is_midnight(),
                |_, at| at.is_midnight() && at.day % 2 == 1,
                |_, at| at.is_midnight() && at.day % 7 == 1 && at.day < 28,
                |_, at| at.is_midnight() && at.day == 1,
            ],
            Self::Days => &[
                |_, _| true,
                |index, _| index.is_multiple_of(2),
                |index, _| index.is_multiple_of(7),
                |index, _| index.is_multiple_of(14),
                |_, at| at.day == 1,
                |_, at| at.day == 1 && at.month % 3 == 1,
                |_, at| at.day == 1 && at.month == 1,
            ],
            Self::Weeks => &[
                |_, _| true,
                |index, _| index.is_multiple_of(2),
                |index, _| index.is_multiple_of(4),
                |index, _| index.is_multiple_of(13),
                |index, _| index.is_multiple_of(26),
                |index, _| index.is_multiple_of(52),
            ],
            Self::Months => &[
                |_, _| true,
                |_, at| at.month % 2 == 1,
                |_, at| at.month % 3 == 1,
                |_, at| at.month % 6 == 1,
                |_, at| at.month == 1,
                |_, at| at.month == 1 && at.year.is_multiple_of(5),
                |_, at| at.month == 1 && at.year.is_multiple_of(10),
            ],
            Self::Years => &[
                |_, _| true,
                |_, at| at.year.is_multiple_of(2),
                |_, at| at.year.is_multiple_of(5),
                |_, at| at.year.is_multiple_of(10),
                |_, at| at.year.is_multiple_of(50),
                |_, at| at.year.is_multiple_of(100),
            ],
        }
    }
}

/// At most `most` words for these intervals, on round times where there are such.
pub(super) fn marks(starts: &[Moment], pace: Pace, most: usize) -> Vec<Mark> {
    let most = most.max(1);
    let chosen = |choice: &fn(usize, Moment) -> bool| {
        let starts = starts.iter().enumerate();
        let chosen = starts.filter(|(index, at)| choice(*index, **at));
        chosen.map(|(index, _)| index).collect::<Vec<usize>>()
    };
    let mut choices = pace.choices().iter().map(chosen);
    let fits = choices.find(|chosen| {
        let is_enough = chosen.len() > 1 || starts.len() == 1 || most == 1;
        chosen.len() <= most && is_enough && !chosen.is_empty()
    });
    let places = fits.unwrap_or_else(|| {
        let step = starts.len().div_ceil(most).max(1);
        (0..starts.len()).step_by(step).collect()
    });
    let mut before = None;
    let marks = places.into_iter().map(|at| {
        let part_of = starts[at].part_of(pace);
        let is_news = part_of != before;
        before.clone_from(&part_of);
        Mark {
            at,
            text: starts[at].text(pace),
            part_of: part_of.filter(|_| is_news),
        }
    });
    let marks: Vec<Mark> = marks.collect();
    // Midnights would all say 00:00.
    match pace == Pace::Minutes && marks.len() > 1 && marks.iter().all(|m| m.text == "00:00") {
        true => of_days(starts, &marks),
        false => marks,
    }
}

/// The same marks by their dates: all of them are midnights.
fn of_days(starts: &[Moment], marks: &[Mark]) -> Vec<Mark> {
    let mut before = None;
    let marks = marks.iter().map(|mark| {
        let at = starts[mark.at];
        let year = Some(at.year.to_string());
        let is_news = year != before;
        before.clone_from(&year);
        Mark {
            at: mark.at,
            text: at.date(),
            part_of: year.filter(|_| is_news),
        }
    });
    marks.collect()
}

/// From when to when, in words.
pub(super) fn span(starts: &[Moment], pace: Pace, zone: &str) -> String {
    match starts {
        [] => String::new(),
        [one] => format!("1 interval, {} ({zone})", one.in_full(pace)),
        [first, .., last] => format!(
            "{} intervals from {} to {} ({zone})",
            starts.len(),
            first.in_full(pace),
            last.in_full(pace)
        ),
    }
}
