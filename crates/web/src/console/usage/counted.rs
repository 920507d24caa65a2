//! What was counted, summed up for pages.

use std::collections::BTreeMap;
use std::ops::Range;

use control::{UsageCounts, UsageOf};
use model::ids::{KeyId, PoolId};
use model::keys::KeyRecord;
use model::secrets::SecretId;

use super::super::shown::grouped;
use super::super::times::Moment;
use super::super::visitor::InProject;
use super::chart::{Chart, Line};
use super::date;
use crate::state::AppState;

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

/// The first of these, and the others together.
pub(super) fn cut(mut parts: Vec<Part>, most: usize) -> Vec<Part> {
    if parts.len() > most + 1 {
        let others = parts.split_off(most);
        let mut sum = UsageCounts::default();
        others.iter().for_each(|part| sum += part.counts);
        let name = format!("{} others together", others.len());
        parts.push(Part::new(name, None, sum));
    }
    parts
}

/// What was counted in some days.
pub(in super::super) struct Days {
    days: Range<i32>,
    rows: Vec<(UsageOf, UsageCounts)>,
}

impl Days {
    /// Of these days and rows.
    pub(in super::super) fn of(days: Range<i32>, rows: Vec<(UsageOf, UsageCounts)>) -> Self {
        Self { days, rows }
    }

    fn by<K: Ord>(&self, key: impl Fn(&UsageOf) -> K) -> BTreeMap<K, UsageCounts> {
        let mut sums: BTreeMap<K, UsageCounts> = BTreeMap::new();
        for (of, counts) in &self.rows {
            *sums.entry(key(of)).or_default() += *counts;
        }
        sums
    }

    /// All of it.
    pub(in super::super) fn total(&self) -> Part {
        let sum = self.by(|_| ()).into_values().next().unwrap_or_default();
        Part::new(String::new(), None, sum)
    }

    /// Day by day, the last one first, days on which nothing was done left out.
    pub(in super::super) fn by_day(&self) -> Vec<Part> {
        let days = self.by(|of| of.day).into_iter().rev();
        let days = days.map(|(day, counts)| Part::new(date(day), None, counts));
        days.collect()
    }

    /// By key, most requests first.
    pub(super) fn of_keys(&self, name: &impl Fn(KeyId) -> (String, Option<String>)) -> Vec<Part> {
        let parts = self.by(|of| of.key).into_iter().map(|(id, counts)| {
            let (name, href) = name(id);
            Part::new(name, href, counts)
        });
        most_first(parts.collect())
    }

    /// By pool, most requests first.
    pub(in super::super) fn of_pools(&self, name: &impl Fn(PoolId) -> String) -> Vec<Part> {
        let parts = self.by(|of| of.pool).into_iter().map(|(id, counts)| {
            let name = id.map_or_else(|| "about no pool".to_owned(), name);
            Part::new(name, None, counts)
        });
        most_first(parts.collect())
    }

    /// By secret, most requests first.
    pub(in super::super) fn of_secrets(&self, name: &impl Fn(SecretId) -> String) -> Vec<Part> {
        let parts = self.by(|of| of.secret).into_iter();
        let parts = parts.map(|(id, counts)| Part::new(name(id), None, counts));
        most_first(parts.collect())
    }

    /// Requests day by day, of each of the keys with most of them.
    pub(super) fn chart_of_keys(
        &self,
        name: &impl Fn(KeyId) -> (String, Option<String>),
        lines: usize,
    ) -> Option<Chart> {
        let mut keys: Vec<(KeyId, UsageCounts)> = self.by(|of| of.key).into_iter().collect();
        keys.sort_by_key(|(_, counts)| std::cmp::Reverse(counts.requests));
        let others = keys.split_off(keys.len().min(lines));
        let mut drawn: Vec<Line> = keys
            .iter()
            .map(|(id, _)| (name(*id).0, self.line(|of| of.key == *id, |c| c.requests)))
            .collect();
        if !others.is_empty() {
            let is_other = |of: &UsageOf| others.iter().any(|(id, _)| *id == of.key);
            let label = format!("{} others", others.len());
            drawn.push((label, self.line(is_other, |counts| counts.requests)));
        }
        Chart::of(self.days.clone(), &drawn)
    }

    /// Requests day by day, refused ones among them, and records where there are any.
    pub(in super::super) fn chart(&self) -> Option<Chart> {
        let mut lines = vec![
            ("Requests".to_owned(), self.line(|_| true, |c| c.requests)),
            (
                "of them refused".to_owned(),
                self.line(|_| true, |c| c.refused),
            ),
        ];
        lines.retain(|(_, values)| values.iter().any(|value| *value > 0));
        Chart::of(self.days.clone(), &lines)
    }

    fn line(
        &self,
        is_meant: impl Fn(&UsageOf) -> bool,
        value: impl Fn(UsageCounts) -> u64,
    ) -> Vec<u64> {
        let rows = self.rows.iter().filter(|(of, _)| is_meant(of));
        let mut sums: BTreeMap<i32, u64> = BTreeMap::new();
        for (of, counts) in rows {
            *sums.entry(of.day).or_default() += value(*counts);
        }
        let days = self.days.clone();
        days.map(|day| sums.get(&day).copied().unwrap_or(0))
            .collect()
    }
}

fn most_first(mut parts: Vec<Part>) -> Vec<Part> {
    parts.sort_by_key(|part| std::cmp::Reverse((part.counts.requests, part.counts.records)));
    parts
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
