//! Forms that are sent twice: by a second click, or by an answer that is loaded
//! again. What they make is shown once, so they are carried out once.

use model::ids::RequestId;
use sha2::{Digest, Sha256};

use super::Form;
use crate::state::AppState;

/// The field that makes a form that is sent twice the same request. The script
/// sends a form that has it once.
pub(in crate::console) const ONCE: &str = "once";

/// A fresh name of a request.
pub(in crate::console) fn fresh(state: &AppState) -> String {
    RequestId::generate(state.clock.now(), &*state.random).to_string()
}

/// What makes a repetition of this form, which says what is `told`, the same
/// request; `None` of one whose page gave it no name.
pub(in crate::console) fn once(form: &Form, path: String, told: &str) -> Option<control::Once> {
    let name = form.text(ONCE);
    let is_name = name.len() == 26 && name.bytes().all(|byte| byte.is_ascii_alphanumeric());
    is_name.then(|| control::Once {
        path,
        name: format!("console-{name}"),
        fingerprint: Sha256::digest(told).into(),
    })
}
