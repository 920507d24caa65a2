//! A key as the wire shows it.

use control::UsedFrom;
use model::keys::{KeyRecord, SecretRecord};
use model::time::Timestamp;
use model::value::Object;

use crate::api::with_members;
use crate::state::AppState;

/// A key as the wire shows it: its secrets as long as they let somebody in.
pub(super) fn show(state: &AppState, key: &KeyRecord) -> Object {
    let now = state.clock.now();
    let last_used = state.control.last_used(key.id());
    let secrets = key.secrets().iter();
    let secrets = secrets.filter_map(|secret| show_secret(state, secret, now));
    let front = Object::new().with("id", key.id().to_string());
    with_members(front, key.draft().to_value())
        .with("left", super::left(state, key))
        .with("status", key.status(now).name())
        .with("secrets", secrets.collect::<Vec<_>>())
        .with("signing_secrets", super::signing::show_all(state, key))
        .with("networks", networks(state, key))
        .with(
            "alerts",
            alerts(state, key, now)
                .iter()
                .map(Alert::to_object)
                .collect::<Vec<_>>(),
        )
        .with("created_by", key.created_by())
        .with("created_at", key.created_at().to_string())
        .with("last_used_at", last_used.map(|at| at.to_string()))
}

fn show_secret(state: &AppState, secret: &SecretRecord, now: Timestamp) -> Option<Object> {
    let ends_at = state.control.secret_ends_at(secret);
    if secret.is_replaced() && ends_at.is_some_and(|end| end <= now) {
        return None;
    }
    let last_used = state.control.secret_last_used(secret.id);
    // No later than its key.
    let ends = secret
        .expires_at
        .and_then(|_| state.control.grace_of(secret.id));
    let silence = secret.silence;
    let if_silent = ends_at.filter(|_| silence.is_some());
    let minutes = silence.map(|silence| u64::from(silence.minutes));
    let shown = Object::new()
        .with("id", secret.id.to_string())
        .with("hint", secret.hint.as_str())
        .with("created_at", secret.created_at.to_string())
        .with("replaced", secret.is_replaced())
        .with("expires_at", ends.map(|at| at.to_string()))
        .with("end_after_silence", minutes)
        .with("ends_if_silent_at", if_silent.map(|at| at.to_string()))
        .with("last_used_at", last_used.map(|at| at.to_string()))
        .with("last_used_from", used_from(state, secret))
        .with(
            "used_from_page_at",
            state
                .control
                .last_on_page(secret.id)
                .map(|at| at.to_string()),
        )
        .with("quarantined_at", quarantined_at(secret));
    Some(shown)
}

fn used_from(state: &AppState, secret: &SecretRecord) -> Option<Object> {
    let UsedFrom { address, agent } = state.control.secret_used_from(secret.id)?;
    let agent = Some(agent).filter(|agent| !agent.is_empty());
    let shown = Object::new()
        .with("address", address.map(|address| address.to_string()))
        .with("agent", agent);
    Some(shown)
}

fn networks(state: &AppState, key: &KeyRecord) -> Vec<Object> {
    let networks = state.control.networks_of(key.id());
    let shown = networks.all().iter().map(|known| {
        Object::new()
            .with("network", known.network.to_string())
            .with("first_used_at", known.first.to_string())
            .with("last_used_at", known.last.to_string())
    });
    shown.collect()
}

fn quarantined_at(secret: &SecretRecord) -> Option<String> {
    let held = secret.quarantine.as_ref()?;
    Some(held.since.to_string())
}

/// Something that the owner should do something about.
#[derive(Debug)]
pub(crate) struct Alert {
    code: &'static str,
    pub(crate) since: Option<Timestamp>,
    pub(crate) detail: &'static str,
}

impl Alert {
    fn to_object(&self) -> Object {
        Object::new()
            .with("code", self.code)
            .with("since", self.since.map(|since| since.to_string()))
            .with("detail", self.detail)
    }
}

/// What the owner should do something about.
pub(crate) fn alerts(state: &AppState, key: &KeyRecord, now: Timestamp) -> Vec<Alert> {
    let due = key.rotation_due(now);
    let due = due.map(|since| {
        let detail = "the secret is older than rotate_after; roll the key";
        alert("rotation_due", Some(since), detail)
    });
    let mut live = key.live_ids();
    let on_page = live.find_map(|id| state.control.last_on_page(id));
    let on_page = on_page.map(|since| {
        let detail = "a secret of the key came from a web page, where whoever opened it has it; \
                      the request was refused: roll the key";
        alert("used_from_page", Some(since), detail)
    });
    let none = key.secrets().is_empty().then(|| {
        let detail = "every secret of the key was revoked; roll the key to make it a new one";
        alert("no_secret", None, detail)
    });
    let mut secrets = key.secrets().iter();
    let leaked = secrets.find_map(|secret| secret.quarantine.as_ref());
    let leaked = leaked.map(|held| {
        let detail = "a secret of the key was reported as leaked and goes on at a trickle from the \
                      usual networks alone: roll the key and end the grace, or release it";
        alert("leaked", Some(held.since), detail)
    });
    let ended = is_ended_with_issuer(state, key, now).then(|| {
        let detail =
            "the key that issued this one is gone or not in use, so that this one lets nobody in";
        alert("issuer_ended", None, detail)
    });
    [leaked, due, on_page, none, ended]
        .into_iter()
        .flatten()
        .collect()
}

fn is_ended_with_issuer(state: &AppState, key: &KeyRecord, now: Timestamp) -> bool {
    key.draft().issued_by.is_some_and(|issuer| {
        let definitions = state.control.definitions(key.project());
        let maker = definitions.key(issuer);
        !maker.is_some_and(|maker| maker.is_in_use(issuer, now))
    })
}

fn alert(code: &'static str, since: Option<Timestamp>, detail: &'static str) -> Alert {
    Alert {
        code,
        since,
        detail,
    }
}
