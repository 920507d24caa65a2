//! What was counted, summed up for pages.

use std::ops::Range;

use control::{UsageAsked, UsageBy, UsageCounts, UsagePart};
use model::ids::KeyId;
use model::keys::KeyRecord;
use model::limits::USAGE_ROWS_MAX;
use model::permit::Admin;
use model::secrets::SecretId;

use super::super::shown::grouped;
use super::super::times::{Moment, day_of};
use super::super::visitor::InProject;
use super::chart::{Chart, Line};
use super::{PARTS, date};
use crate::api::usage::sums;
use crate::caller::Caller;
use crate::error::ApiError;
use crate::state::AppState;

/// Secrets of a key that have a line of their own: more are live or in grace at no time.
const SECRETS_DRAWN: usize = 4;

/// A row of a table: what it is about, and how much there was of it.
#[derive(Clone)]
pub(in super::super) struct Part {
    pub(in super::super) name: String,
    pub(in super::super) href: Option<String>,
    pub(in super::super) requests: String,
    pub(in super::super) refused: String,
    pub(in super::super) records: String,
    counts: UsageCounts,
}

impl Part {
    pub(in super::super) fn new(name: String, href: Option<String>, counts: UsageCounts) -> Self {
        Self {
            name,
            href,
            requests: grouped(counts.requests.into()),
            refused: grouped(counts.refused.into()),
            records: grouped(counts.records.into()),
            counts,
        }
    }

    /// Whether nothing was done.
    pub(in super::super) fn is_nothing(&self) -> bool {
        self.counts == UsageCounts::default()
    }

    #[cfg(test)]
    pub(in super::super) fn sample(text: &str) -> Self {
        Self {
            requests: text.to_owned(),
            refused: text.to_owned(),
            records: text.to_owned(),
            ..Self::new(
                text.to_owned(),
                Some(crate::console::frame::address(text, "/x")),
                UsageCounts::default(),
            )
        }
    }
}

/// What was counted in some days, summed up.
pub(in super::super) struct Sums {
    days: Range<i32>,
    /// By day.
    by_day: Vec<(UsagePart, UsageCounts)>,
}

impl Sums {
    /// The sums of these days, of one key or of all that the caller knows.
    ///
    /// # Errors
    /// Those of the native call.
    pub(in super::super) async fn of(
        caller: &Caller<Admin>,
        (days, key): (Range<i32>, Option<KeyId>),
        state: &AppState,
    ) -> Result<Self, ApiError> {
        let asked = asked(&days, key, usize::MAX);
        let by_day = sums(caller, asked, UsageBy::Day, state).await?;
        Ok(Self { days, by_day })
    }

    fn total_counts(&self) -> UsageCounts {
        let mut total = UsageCounts::default();
        self.by_day.iter().for_each(|(_, counts)| total += *counts);
        total
    }

    /// All of it.
    pub(in super::super) fn total(&self) -> Part {
        Part::new(String::new(), None, self.total_counts())
    }

    /// Day by day, the last one first; days on which nothing was done are left out.
    pub(in super::super) fn by_day(&self) -> Vec<Part> {
        let days = self.by_day.iter().filter_map(|(part, counts)| match part {
            UsagePart::Day(day) => Some((*day, *counts)),
            _ => None,
        });
        let mut days: Vec<(i32, UsageCounts)> = days.collect();
        days.sort_by_key(|(day, _)| std::cmp::Reverse(*day));
        let last = date(self.days.end - 1);
        let days = days.into_iter();
        days.map(|(day, counts)| Part::new(day_of(&date(day), &last), None, counts))
            .collect()
    }

    /// Requests day by day, and refused ones among them.
    pub(in super::super) fn chart(&self) -> Option<Chart> {
        let line = |value: fn(UsageCounts) -> u64| -> Vec<u64> {
            let days = self.days.clone();
            let of = |day| {
                let mut known = self.by_day.iter();
                let found = known.find(|(part, _)| *part == UsagePart::Day(day));
                found.map_or(0, |(_, counts)| value(*counts))
            };
            days.map(of).collect()
        };
        let mut lines: Vec<Line> = vec![
            ("Requests".to_owned(), line(|counts| counts.requests)),
            ("of them refused".to_owned(), line(|counts| counts.refused)),
        ];
        lines.retain(|(_, values)| values.iter().any(|value| *value > 0));
        Chart::of(self.days.clone(), &lines)
    }

    /// Requests of one key day by day, a line for each of its secrets, and the refused ones of all;
    /// `None` when there is nothing.
    ///
    /// # Errors
    /// The database failed.
    pub(in super::super) async fn chart_by_secret(
        &self,
        caller: &Caller<Admin>,
        key: KeyId,
        name: &(dyn Fn(UsagePart) -> (String, Option<String>) + Sync),
        state: &AppState,
    ) -> Result<Option<Chart>, ApiError> {
        let asked = asked(&self.days, Some(key), USAGE_ROWS_MAX);
        let rows = state.control.usage(&caller.0, asked).await?;
        let mut secrets: Vec<(SecretId, Vec<u64>)> = Vec::new();
        let mut refused = vec![0; self.days.len()];
        for (of, counts) in rows {
            let at = usize::try_from(of.day - self.days.start).ok();
            let Some(at) = at.filter(|at| *at < refused.len()) else {
                continue;
            };
            let known = secrets.iter().position(|(secret, _)| *secret == of.secret);
            let place = known.unwrap_or_else(|| {
                secrets.push((of.secret, vec![0; self.days.len()]));
                secrets.len() - 1
            });
            secrets[place].1[at] += counts.requests;
            refused[at] += counts.refused;
        }
        secrets.sort_by_key(|(_, days)| std::cmp::Reverse(days.iter().sum::<u64>()));
        let rest = secrets.split_off(secrets.len().min(SECRETS_DRAWN));
        let named = secrets.into_iter().map(|(secret, days)| {
            let (name, _) = name(UsagePart::Secret(secret));
            (name, days)
        });
        let mut lines: Vec<Line> = named.collect();
        if !rest.is_empty() {
            let others = (0..self.days.len()).map(|at| rest.iter().map(|(_, days)| days[at]).sum());
            lines.push(("all older ones".to_owned(), others.collect()));
        }
        lines.push(("refused".to_owned(), refused));
        lines.retain(|(_, values)| values.iter().any(|value| *value > 0));
        Ok(Chart::of(self.days.clone(), &lines))
    }

    /// The parts of something with most requests; the others together.
    ///
    /// # Errors
    /// Those of the native call.
    pub(in super::super) async fn parts(
        &self,
        caller: &Caller<Admin>,
        (key, by): (Option<KeyId>, UsageBy),
        name: &(dyn Fn(UsagePart) -> (String, Option<String>) + Sync),
        state: &AppState,
    ) -> Result<Vec<Part>, ApiError> {
        let asked = asked(&self.days, key, PARTS);
        let found = sums(caller, asked, by, state).await?;
        let mut rest = self.total_counts();
        let mut parts: Vec<Part> = Vec::new();
        for (part, counts) in &found {
            let (name, href) = name(*part);
            parts.push(Part::new(name, href, *counts));
            rest.requests = rest.requests.saturating_sub(counts.requests);
            rest.refused = rest.refused.saturating_sub(counts.refused);
            rest.records = rest.records.saturating_sub(counts.records);
        }
        if found.len() == PARTS && rest != UsageCounts::default() {
            parts.push(Part::new("all others".to_owned(), None, rest));
        }
        Ok(parts)
    }
}

pub(super) fn asked(days: &Range<i32>, key: Option<KeyId>, limit: usize) -> UsageAsked {
    UsageAsked {
        from: days.start,
        to: days.end,
        key,
        limit,
    }
}

/// What is left of the credits of a key.
pub(in super::super) struct Credit {
    pub(in super::super) name: String,
    pub(in super::super) href: String,
    pub(in super::super) tier: &'static str,
    pub(in super::super) period: &'static str,
    pub(in super::super) amount: String,
    pub(in super::super) spent: String,
    pub(in super::super) left: String,
    /// Of a hundred.
    pub(in super::super) percent: u64,
    pub(in super::super) alert: Option<u64>,
    pub(in super::super) resets: Moment,
}

/// The credits of a key, by tier.
pub(in super::super) fn credits_of(
    here: &InProject,
    state: &AppState,
    key: &KeyRecord,
) -> Vec<Credit> {
    let credits = state.control.credits_left(key);
    let credits = credits.iter().map(|credits| {
        let taken = credits.spent.saturating_add(credits.reserved);
        let percent = match credits.allowance.amount {
            0 => 100,
            amount => {
                let percent = u128::from(taken) * 100 / u128::from(amount);
                u64::try_from(percent).map_or(100, |percent| percent.min(100))
            }
        };
        Credit {
            name: key.draft().name.clone(),
            href: here.address(&format!("/keys/{}", key.id())),
            tier: credits.tier.name(),
            period: credits.allowance.period.name(),
            amount: grouped(credits.allowance.amount.into()),
            spent: grouped(taken.into()),
            left: grouped(credits.left().into()),
            percent,
            alert: credits.alert(),
            resets: credits.resets_at.into(),
        }
    });
    credits.collect()
}

#[cfg(test)]
impl Credit {
    pub(in super::super) fn sample(text: &str) -> Self {
        Self {
            name: text.to_owned(),
            href: crate::console::frame::address(text, "/x"),
            tier: "core",
            period: "month",
            amount: text.to_owned(),
            spent: text.to_owned(),
            left: text.to_owned(),
            percent: 80,
            alert: Some(80),
            resets: crate::console::samples::moment(text),
        }
    }
}
