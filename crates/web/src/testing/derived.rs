//! Derived tokens, as holders of keys make them.

use model::keys::Envelope;
use model::secrets::Secret;
use serde_json::{Value as Json, json};

use super::{World, text};

/// The second of [`super::NOW`].
pub(crate) const SECOND: i64 = 1_777_636_800;

impl World {
    /// Makes a key that derives, with these grants: its id and its token.
    pub(crate) async fn deriving(&self, mut draft: Json) -> (String, String) {
        draft["name"] = "derives".into();
        draft["derived_tokens"] = true.into();
        let made = self.post("/v1/keys", &draft).await.expect(201).json();
        (
            text(&made, "/id").to_owned(),
            text(&made, "/token").to_owned(),
        )
    }

    /// The project of the first key.
    pub(crate) async fn project(&self) -> String {
        let me = self.get("/v1/whoami").await.expect(200).json();
        text(&me, "/project").to_owned()
    }
}

/// The id of a token of 15 minutes with this number.
pub(crate) fn id(number: u32) -> String {
    format!("{}-{number:0>16}", SECOND + 900)
}

/// A token of 15 minutes with this number that claims more beside what it must.
pub(crate) fn derive(token: &str, project: &str, number: u32, more: Json) -> String {
    let mut claims = json!({ "aud": project, "iat": SECOND, "exp": SECOND + 900, "jti": id(number),
        "grants": "all_grants" });
    for (name, value) in more.as_object().expect("claims") {
        claims[name] = value.clone();
    }
    let secret = Secret::parse(token).expect("a token");
    let claims = model::json::parse(claims.to_string().as_bytes()).expect("JSON");
    Envelope::sign(&secret, &claims)
}
