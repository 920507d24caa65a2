//! What the audit is told of the secrets of a key.

use model::keys::{KeyRecord, SecretRecord};
use model::value::{Object, Value};

fn quarantined_at(secret: &SecretRecord) -> Option<String> {
    let held = secret.quarantine.as_ref()?;
    Some(held.since.to_string())
}

/// What the audit keeps of a key's secrets: their public parts and ends.
pub(super) fn text(key: &KeyRecord) -> String {
    let secrets = key.secrets().iter().map(|secret| {
        let minutes = secret.silence.map(|silence| u64::from(silence.minutes));
        Object::new()
            .with("id", secret.id.to_string())
            .with("expires_at", secret.expires_at.map(|at| at.to_string()))
            .with("quarantined_at", quarantined_at(secret))
            .with("end_after_silence", minutes)
    });
    let secrets = secrets.collect::<Vec<_>>();
    model::json::to_text(&Value::Object(Object::new().with("secrets", secrets)))
}
