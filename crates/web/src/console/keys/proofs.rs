//! What lets a key's holder in beside its token: secrets that requests are signed with, and
//! tokens that were derived from it. Shown on the key's page, and ended one by one.

use axum::extract::State;
use axum::response::Response;
use control::{ControlError, DerivedUse};
use model::keys::{DerivedId, SigningRecord};
use model::secrets::SecretId;

use super::super::forms::{Fields, Sent};
use super::super::go_to;
use super::super::shown::grouped;
use super::super::times::Moment;
use super::super::visitor::InProject;
use super::Here;
use super::asking::{self, Asks, Fact, ask};
use crate::error::ApiError;
use crate::state::AppState;

/// Derived tokens that the page of a key lists; of the others it says how many there are.
const LISTED: usize = 50;

/// A secret that requests are signed with.
pub(super) struct SigningLine {
    pub(super) hint: String,
    pub(super) id: String,
    pub(super) made: Moment,
    pub(super) used: Option<Moment>,
    pub(super) end: String,
}

impl SigningLine {
    fn of(here: &Here, state: &AppState, signing: &SigningRecord) -> Self {
        Self {
            hint: signing.hint.clone(),
            id: signing.id.to_string(),
            made: signing.created_at.into(),
            used: state.control.secret_last_used(signing.id).map(Moment::from),
            end: here.address(&format!("/signing/{}/end", signing.id)),
        }
    }
}

/// A derived token that was used or revoked.
pub(super) struct DerivedLine {
    pub(super) id: String,
    pub(super) ends: Moment,
    pub(super) used: Option<Moment>,
    pub(super) requests: String,
    pub(super) revoked: Option<Moment>,
    /// Where it is ended; `None` of one that was.
    pub(super) revoke: Option<String>,
}

impl DerivedLine {
    fn of(here: &Here, token: &DerivedUse) -> Self {
        let revoke = here.address(&format!("/derived/{}/revoke", token.id));
        Self {
            id: token.id.to_string(),
            ends: token.id.ends().into(),
            used: token.last_used.map(Moment::from),
            requests: grouped(token.requests.into()),
            revoked: token.revoked.map(Moment::from),
            revoke: token.revoked.is_none().then_some(revoke),
        }
    }
}

/// What lets the holder of a key in beside its token.
#[derive(Default)]
pub(super) struct Proofs {
    pub(super) signing: Vec<SigningLine>,
    pub(super) derived: Vec<DerivedLine>,
    /// Derived tokens that are not listed.
    pub(super) more: usize,
    /// Whether its holder may derive tokens.
    pub(super) derives: bool,
}

impl Proofs {
    /// Of this key.
    pub(super) fn of(here: &Here, state: &AppState) -> Self {
        let signing = here.key.signing_secrets().iter();
        let signing = signing.map(|signing| SigningLine::of(here, state, signing));
        let derived = state.control.derived_tokens(here.key.id());
        let listed = derived.iter().take(LISTED);
        Self {
            signing: signing.collect(),
            more: derived.len().saturating_sub(LISTED),
            derived: listed.map(|token| DerivedLine::of(here, token)).collect(),
            derives: here.key.draft().derived_tokens,
        }
    }

    #[cfg(test)]
    pub(super) fn sample(text: &str) -> Self {
        use crate::console::samples::moment;
        let address = || crate::console::frame::address(text, "/x");
        let derived = |is_revoked: bool| DerivedLine {
            id: text.to_owned(),
            ends: moment(text),
            used: (!is_revoked).then(|| moment(text)),
            requests: text.to_owned(),
            revoked: is_revoked.then(|| moment(text)),
            revoke: (!is_revoked).then(address),
        };
        Self {
            signing: vec![SigningLine {
                hint: text.to_owned(),
                id: text.to_owned(),
                made: moment(text),
                used: Some(moment(text)),
                end: address(),
            }],
            derived: vec![derived(true), derived(false)],
            more: 1,
            derives: true,
        }
    }
}

fn ending(below: String) -> Asks {
    Asks {
        title: "End the signing secret?".to_owned(),
        lead: "Requests that are signed with it are refused from the next one on, for good. The key, its token and its other secrets stay as they are.",
        label: "End the secret",
        below,
        is_danger: true,
        widens: false,
    }
}

fn fact(label: &'static str, text: &str, at: Option<Moment>) -> Fact {
    Fact {
        label,
        text: text.to_owned(),
        at,
    }
}

fn signing_of(here: &Here) -> Result<&SigningRecord, ApiError> {
    let id = SecretId::parse(here.page.segment("secret"));
    let mut all = here.key.signing_secrets().iter();
    let found = all.find(|signing| Some(signing.id) == id);
    found.ok_or_else(ApiError::not_found)
}

fn show_ending(
    here: &Here,
    state: &AppState,
    form: Fields,
    offers_force: bool,
) -> Result<Response, ApiError> {
    let line = SigningLine::of(here, state, signing_of(here)?);
    let never = if line.used.is_none() { "never" } else { "" };
    let facts = vec![
        fact("Secret", &line.hint, None),
        fact("Made", "", Some(line.made)),
        fact("Last used", never, line.used),
    ];
    let below = format!("/signing/{}/end", line.id);
    ask(here, ending(below), form, (facts, Vec::new()), offers_force)
}

/// Asks before a signing secret ends.
pub(in super::super) async fn end_signing_form(
    page_of: InProject,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    let here = Here::find(page_of, &state)?;
    show_ending(&here, &state, Fields::blank(), false)
}

/// Ends a signing secret.
pub(in super::super) async fn end_signing(
    State(state): State<AppState>,
    Sent(page_of, form): Sent<InProject>,
) -> Result<Response, ApiError> {
    let here = Here::find(page_of, &state)?;
    let id = signing_of(&here)?.id;
    let force = form.text("force") == "yes";
    let control = &state.control;
    let ended = control.delete_signing_secret(&here.caller.0, here.key.id(), id, force);
    match ended.await {
        Ok(()) => Ok(go_to(&here.address("?done=signing"))),
        Err(error) => {
            let (fields, may_force) = asking::refused(Fields::typed(&form, &[], &[]), error)?;
            show_ending(&here, &state, fields, may_force || force)
        }
    }
}

fn refused(error: ControlError) -> Result<Fields, ApiError> {
    Fields::blank().refused(error)
}

fn revoking(below: String) -> Asks {
    Asks {
        title: "Revoke the derived token?".to_owned(),
        lead: "Whoever brings it is refused from the next request on, for good. Its key, and other tokens that were derived from it, stay as they are.",
        label: "Revoke it",
        below,
        is_danger: true,
        widens: false,
    }
}

fn derived_of(here: &Here) -> Result<DerivedId, ApiError> {
    DerivedId::parse(here.page.segment("token")).ok_or_else(ApiError::not_found)
}

fn show_revoking(here: &Here, state: &AppState, form: Fields) -> Result<Response, ApiError> {
    let id = derived_of(here)?;
    let known = state.control.derived_tokens(here.key.id());
    let used = known.iter().find(|token| token.id == id);
    let used = used.and_then(|token| token.last_used).map(Moment::from);
    let never = if used.is_none() { "never" } else { "" };
    let facts = vec![
        fact("Token", id.as_str(), None),
        fact("Ends by itself", "", Some(id.ends().into())),
        fact("Last used", never, used),
    ];
    let below = format!("/derived/{id}/revoke");
    ask(here, revoking(below), form, (facts, Vec::new()), false)
}

/// Asks before a derived token is revoked, also one that was not used yet.
pub(in super::super) async fn revoke_derived_form(
    page_of: InProject,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    let here = Here::find(page_of, &state)?;
    show_revoking(&here, &state, Fields::blank())
}

/// Revokes a derived token.
pub(in super::super) async fn revoke_derived(
    State(state): State<AppState>,
    Sent(page_of, _): Sent<InProject>,
) -> Result<Response, ApiError> {
    let here = Here::find(page_of, &state)?;
    let id = derived_of(&here)?;
    let control = &state.control;
    let revoked = control.revoke_derived(&here.caller.0, here.key.id(), &id);
    match revoked.await {
        Ok(()) => Ok(go_to(&here.address("?done=derived"))),
        Err(error) => show_revoking(&here, &state, refused(error)?),
    }
}
