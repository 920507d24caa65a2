//! What the page of a key is made of.

use control::UsedFrom;
use model::keys::{KeyDraft, KeyKind, KeyRecord, SecretRecord, SeenNetwork};
use model::time::{Span, Timestamp};
use model::value::Value;

use super::super::super::shown::{counted, grouped};
use super::super::super::times::Moment;
use super::super::words::{GrantWords, listed};
use crate::state::AppState;

/// A grant, and where it is changed.
pub(super) struct GrantLine {
    pub(super) words: GrantWords,
    /// Where the records that it writes are watched.
    pub(super) watch: Option<(String, String)>,
    pub(super) edit: Option<String>,
    pub(super) remove: Option<String>,
}

/// Something that a request must be, or that it may take.
pub(super) struct Restriction {
    pub(super) label: &'static str,
    pub(super) text: String,
    /// Whether it is there at all.
    pub(super) is_set: bool,
    pub(super) at: Option<Moment>,
}

impl Restriction {
    fn new(label: &'static str, set: Option<String>, unset: &str) -> Self {
        Self {
            label,
            is_set: set.is_some(),
            text: set.unwrap_or_else(|| unset.to_owned()),
            at: None,
        }
    }
}

/// What a request must be for the key to let its sender in.
pub(super) fn restrictions(draft: &KeyDraft) -> Vec<Restriction> {
    let places = draft.restrictions.places_to_object();
    let texts = |name: &str| {
        let texts = match places.get(name) {
            Some(Value::Array(texts)) => texts.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        };
        (!texts.is_empty()).then(|| listed(&texts, "or"))
    };
    let mut all = vec![Restriction::new(
        "Comes from",
        texts("ip_ranges"),
        "any address",
    )];
    if draft.kind != KeyKind::Secret {
        all.push(Restriction::new(
            "On pages of",
            texts("allowed_domains"),
            "any site",
        ));
    }
    let signed = draft.restrictions.signed_requests;
    let signed = signed.then(|| "signed requests alone".to_owned());
    all.push(Restriction::new("Proves itself by", signed, "its token"));
    let mut ends = Restriction::new("Ends", None, "never by itself");
    if let Some(end) = draft.expires_at {
        ends.is_set = true;
        ends.at = Some(end.into());
    }
    all.push(ends);
    let rolls = draft
        .rotate_after
        .map(|age| format!("when a secret is older than {}", in_days(age)));
    all.push(Restriction::new("Asks to be rolled", rolls, "never"));
    all
}

/// A length of time as forms ask for it, where it is one of whole days.
fn in_days(age: Span) -> String {
    let seconds = age.as_duration().as_secs();
    match seconds.is_multiple_of(86_400) {
        true => counted((seconds / 86_400).into(), "day", "days"),
        false => age.to_string(),
    }
}

/// How much the key may take, and what of it is left.
pub(super) fn limits(state: &AppState, key: &KeyRecord) -> Vec<Restriction> {
    let (limits, left) = (key.draft().limits, state.control.limits_left(key));
    let told = |limit: Option<std::num::NonZeroU32>, left: Option<u32>| {
        let left = left.map_or_else(String::new, |left| {
            format!(", of which {} are left now", grouped(left.into()))
        });
        limit.map(|limit| format!("{}{left}", grouped(limit.get().into())))
    };
    vec![
        Restriction::new(
            "Requests per second",
            told(limits.requests_per_second, left.requests_per_second),
            "without a limit",
        ),
        Restriction::new(
            "Questions at one time",
            told(limits.concurrent_queries, left.concurrent_queries),
            "without a limit",
        ),
    ]
}

/// A secret of a key.
pub(super) struct SecretLine {
    pub(super) hint: String,
    pub(super) is_current: bool,
    pub(super) made: Moment,
    pub(super) ends: Option<Moment>,
    /// Minutes of silence after which it ends sooner.
    pub(super) silence: Option<u32>,
    pub(super) used: Option<Moment>,
    pub(super) address: Option<String>,
    pub(super) agent: Option<String>,
    pub(super) on_page: Option<Moment>,
    pub(super) held: Option<Moment>,
}

impl SecretLine {
    /// Of a secret that still lets somebody in.
    pub(super) fn of(
        state: &AppState,
        key: &KeyRecord,
        secret: &SecretRecord,
        now: Timestamp,
    ) -> Option<Self> {
        let control = &state.control;
        let ends = control.secret_ends_at(secret);
        if secret.is_replaced() && ends.is_some_and(|end| end <= now) {
            return None;
        }
        let from = control.secret_used_from(secret.id);
        let (address, agent) = from.map_or((None, String::new()), |UsedFrom { address, agent }| {
            (
                address.map(|address| address.to_string()),
                agent.to_string(),
            )
        });
        Some(Self {
            hint: secret.hint.clone(),
            is_current: key
                .current_secret()
                .is_some_and(|live| live.id == secret.id),
            made: secret.created_at.into(),
            ends: ends.map(Moment::from),
            silence: secret.silence.map(|silence| silence.minutes),
            used: control.secret_last_used(secret.id).map(Moment::from),
            address,
            agent: Some(agent).filter(|agent| !agent.is_empty()),
            on_page: control.last_on_page(secret.id).map(Moment::from),
            held: secret.quarantine.as_ref().map(|held| held.since.into()),
        })
    }
}

/// A network that the key was used from.
pub(super) struct NetworkLine {
    pub(super) network: String,
    pub(super) first: Moment,
    pub(super) last: Moment,
}

impl NetworkLine {
    pub(super) fn of(seen: &SeenNetwork) -> Self {
        Self {
            network: seen.network.to_string(),
            first: seen.first.into(),
            last: seen.last.into(),
        }
    }
}

#[cfg(test)]
impl Restriction {
    pub(super) fn sample(text: &str) -> Self {
        Self {
            label: "Ends",
            text: text.to_owned(),
            is_set: true,
            at: None,
        }
    }
}

#[cfg(test)]
pub(super) fn sample_grants(text: &str, is_full: bool) -> Vec<GrantLine> {
    let address = || crate::console::frame::address(text, "/x");
    vec![GrantLine {
        words: GrantWords::sample(text, is_full),
        watch: is_full.then(|| (text.to_owned(), address())),
        edit: is_full.then(address),
        remove: is_full.then(address),
    }]
}

#[cfg(test)]
pub(super) fn sample_secrets(text: &str, is_full: bool) -> Vec<SecretLine> {
    use crate::console::samples::moment;
    let told = || is_full.then(|| text.to_owned());
    let at = || is_full.then(|| moment(text));
    vec![SecretLine {
        hint: text.to_owned(),
        is_current: !is_full,
        made: moment(text),
        ends: at(),
        silence: is_full.then_some(5),
        used: at(),
        address: told(),
        agent: told(),
        on_page: at(),
        held: at(),
    }]
}

#[cfg(test)]
pub(super) fn sample_networks(text: &str, is_full: bool) -> Vec<NetworkLine> {
    use crate::console::samples::moment;
    let line = is_full.then(|| NetworkLine {
        network: text.to_owned(),
        first: moment(text),
        last: moment(text),
    });
    line.into_iter().collect()
}
