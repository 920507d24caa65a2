//! Restrictions and limits of a key as fields of a form.

#[cfg(test)]
mod tests;

use model::credits::{Allowance, Period};
use model::keys::KeyDraft;
use model::limits::ROTATE_AFTER_DAYS_MAX;
use model::time::Timestamp;
use model::value::{Object, Value};

use super::super::forms::{Fields, Form};
use super::super::rows::{Choice, choices};

/// The fields.
pub(super) const NAMES: [&str; 11] = [
    "ip_ranges",
    "allowed_domains",
    "signed_requests",
    "expires_at",
    "requests_per_second",
    "concurrent_queries",
    "core_amount",
    "core_period",
    "premium_amount",
    "premium_period",
    "rotate_days",
];

/// Those that the page folds away together: who may use the key and until when,
/// and how much it may take.
const USE: [&str; 5] = [
    "ip_ranges",
    "allowed_domains",
    "signed_requests",
    "expires_at",
    "rotate_days",
];
const TAKE: [&str; 6] = [
    "requests_per_second",
    "concurrent_queries",
    "core_amount",
    "core_period",
    "premium_amount",
    "premium_period",
];

/// Where errors of a definition point, and which field stands for it.
const PLACES: [(&str, &str); 9] = [
    ("/restrictions/ip_ranges", "ip_ranges"),
    ("/restrictions/allowed_domains", "allowed_domains"),
    ("/restrictions/signed_requests", "signed_requests"),
    ("/restrictions/expires_at", "expires_at"),
    ("/limits/requests_per_second", "requests_per_second"),
    ("/limits/concurrent_queries", "concurrent_queries"),
    ("/limits/credits/core", "core_amount"),
    ("/limits/credits/premium", "premium_amount"),
    ("/rotate_after", "rotate_days"),
];

const PERIODS: [(&str, &str); 3] = [("month", "month"), ("week", "week"), ("day", "day")];

/// What the page shows of these fields beside their values.
pub(super) struct Choices {
    pub(super) core: Vec<Choice>,
    pub(super) premium: Vec<Choice>,
    pub(super) is_signed: bool,
    /// Whether some of the restrictions or limits is filled in, or wrong.
    pub(super) is_open: [bool; 2],
}

impl Choices {
    /// Those of this form.
    pub(super) fn of(form: &Fields) -> Self {
        let is_used = |name: &&&str| !form.value(name).is_empty() || form.error(name).is_some();
        let is_amount = |name: &&&str| !name.ends_with("_period");
        Self {
            core: choices(&PERIODS, form.value("core_period")),
            premium: choices(&PERIODS, form.value("premium_period")),
            is_signed: form.value("signed_requests") == "yes",
            // A key in a page is to say of which pages.
            is_open: [
                form.value("kind") == "publishable" || USE.iter().any(|name| is_used(&name)),
                TAKE.iter()
                    .filter(|n| is_amount(n))
                    .any(|name| is_used(&name)),
            ],
        }
    }
}

/// The form in which errors of these members are said at their fields.
pub(super) fn placed(form: Fields) -> Fields {
    let places = PLACES.into_iter();
    let form = places.fold(form, |form, (pointer, field)| form.placed(pointer, field));
    let rule = format!("Whole days, from 1 to {ROTATE_AFTER_DAYS_MAX}.");
    form.saying("rotate_days", rule)
}

/// The form with what a key is held to now.
pub(super) fn filled(form: Fields, draft: &KeyDraft) -> Fields {
    let places = draft.restrictions.places_to_object();
    let lines = |name: &str| match places.get(name) {
        Some(Value::Array(texts)) => {
            let texts: Vec<&str> = texts.iter().filter_map(Value::as_str).collect();
            texts.join("\n")
        }
        _ => String::new(),
    };
    let limits = draft.limits;
    let number = |limit: Option<std::num::NonZeroU32>| {
        limit.map_or_else(String::new, |limit| limit.to_string())
    };
    let amount = |of: Option<Allowance>| of.map_or_else(String::new, |of| of.amount.to_string());
    let period = |of: Option<Allowance>| of.map_or(Period::Month, |of| of.period).name();
    let days = draft
        .rotate_after
        .map(|age| age.as_duration().as_secs() / 86_400);
    form.with("ip_ranges", lines("ip_ranges"))
        .with("allowed_domains", lines("allowed_domains"))
        .with(
            "signed_requests",
            match draft.restrictions.signed_requests {
                true => "yes",
                false => "",
            },
        )
        .with(
            "expires_at",
            draft.expires_at.map_or_else(String::new, minute),
        )
        .with("requests_per_second", number(limits.requests_per_second))
        .with("concurrent_queries", number(limits.concurrent_queries))
        .with("core_amount", amount(limits.core))
        .with("core_period", period(limits.core))
        .with("premium_amount", amount(limits.premium))
        .with("premium_period", period(limits.premium))
        .with(
            "rotate_days",
            days.map_or_else(String::new, |days| days.to_string()),
        )
}

/// A moment as browsers write one into a field of a form, in UTC.
pub(super) fn minute(at: Timestamp) -> String {
    at.to_string().get(..16).unwrap_or_default().to_owned()
}

/// The members `restrictions`, `limits` and `rotate_after` that a form says.
/// What it shows of a key and leaves alone stays as it is to the second.
pub(super) fn said(form: &Form, before: Option<&KeyDraft>) -> Object {
    let lines = |name: &str| {
        let texts = form.text(name).split([',', '\n', '\r', ' ']);
        let texts: Vec<&str> = texts
            .map(str::trim)
            .filter(|text| !text.is_empty())
            .collect();
        (!texts.is_empty()).then_some(texts)
    };
    let restrictions = Object::new()
        .with("ip_ranges", lines("ip_ranges"))
        .with("allowed_domains", lines("allowed_domains"))
        .with("signed_requests", form.text("signed_requests") == "yes")
        .with("expires_at", ends(form, before));
    let credits = |amount: &str, period: &str| {
        let amount = number(form.text(amount))?;
        let period = Some(form.text(period)).filter(|period| !period.is_empty());
        Some(
            Object::new()
                .with("amount", amount)
                .with("period", period.unwrap_or(PERIODS[0].0)),
        )
    };
    let credits = Object::new()
        .with("core", credits("core_amount", "core_period"))
        .with("premium", credits("premium_amount", "premium_period"));
    let limits = Object::new()
        .with(
            "requests_per_second",
            number(form.text("requests_per_second")),
        )
        .with(
            "concurrent_queries",
            number(form.text("concurrent_queries")),
        )
        .with("credits", credits);
    Object::new()
        .with("restrictions", restrictions)
        .with("limits", limits)
        .with("rotate_after", rotates(form, before))
}

pub(super) fn ends(form: &Form, before: Option<&KeyDraft>) -> Option<String> {
    let text = form.text("expires_at").trim();
    let held = before.and_then(|draft| draft.expires_at);
    match (text.is_empty(), held) {
        (true, _) => None,
        (false, Some(held)) if minute(held) == text => Some(held.to_string()),
        // As browsers send it, with or without seconds; anything else is read as it is.
        (false, _) => Some(match text.len() {
            10 => format!("{text}T00:00:00Z"),
            16 => format!("{text}:00Z"),
            19 => format!("{text}Z"),
            _ => text.to_owned(),
        }),
    }
}

fn rotates(form: &Form, before: Option<&KeyDraft>) -> Option<String> {
    let text = form.text("rotate_days").trim();
    let held = before.and_then(|draft| draft.rotate_after);
    let days = |age: model::time::Span| age.as_duration().as_secs() / 86_400;
    match (text.is_empty(), held) {
        (true, _) => None,
        (false, Some(held)) if days(held).to_string() == text => Some(held.to_string()),
        (false, _) => Some(format!("{text}d")),
    }
}

/// A number as it was typed, with or without marks between its digits; what is
/// none stays a text, and is refused as such.
fn number(text: &str) -> Option<Value> {
    let text: String = text
        .chars()
        .filter(|c| !c.is_whitespace() && *c != '\u{202f}')
        .collect();
    if text.is_empty() {
        return None;
    }
    let number = text.parse::<i64>().map(Value::from);
    Some(number.unwrap_or_else(|_| Value::from(text)))
}
