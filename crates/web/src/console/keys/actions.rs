//! What is done with a key as a whole. Each asks first, on a page of its own.

use axum::extract::State;
use axum::response::Response;
use control::{Control, ControlError, Made};
use model::document::Document;
use model::keys::{KeyCopy, KeyRecord};
use model::value::{Object, Value};

use super::super::forms::{Fields, Form, KeptOnce, Sent};
use super::super::go_to;
use super::super::handing::Turn;
use super::super::visitor::InProject;
use super::asking::{Asks, CHANGED, ask, refused, users};
use super::once::{self, ONCE};
use super::{Here, limits, words};
use crate::error::ApiError;
use crate::state::AppState;
use crate::step_up;

fn disabling() -> Asks {
    Asks {
        title: "Switch the key off?".to_owned(),
        lead: "Whoever brings it is refused from the next request on, until you switch it on again. Nothing of it is lost.",
        label: "Switch it off",
        below: "/disable".to_owned(),
        is_danger: true,
        widens: false,
    }
}

fn enabling() -> Asks {
    Asks {
        title: "Switch the key on again?".to_owned(),
        lead: "Whoever has its token is let in again, with what the key may do now.",
        label: "Switch it on",
        below: "/enable".to_owned(),
        is_danger: false,
        widens: true,
    }
}

fn holding() -> Asks {
    Asks {
        title: "Hold the key, since it may have leaked?".to_owned(),
        lead: "It goes on at a trickle, and only from the networks that it is usually used from, so that nothing breaks at once and a thief gets little. Then roll it.",
        label: "Hold it",
        below: "/quarantine".to_owned(),
        is_danger: true,
        widens: false,
    }
}

fn releasing() -> Asks {
    Asks {
        title: "Let the key go on as before?".to_owned(),
        lead: "Its secrets count as if they had never been reported. Do so only when you know that nobody else has them; otherwise roll the key and end the grace.",
        label: "Release it",
        below: "/release".to_owned(),
        is_danger: false,
        widens: true,
    }
}

/// What a switch of a key is called, and what the control plane does for it.
#[derive(Clone, Copy)]
enum Switch {
    Off,
    On,
    Hold,
    Release,
}

impl Switch {
    fn asks(self) -> Asks {
        match self {
            Self::Off => disabling(),
            Self::On => enabling(),
            Self::Hold => holding(),
            Self::Release => releasing(),
        }
    }

    fn done(self) -> &'static str {
        match self {
            Self::Off => "?done=disabled",
            Self::On => "?done=enabled",
            Self::Hold => "?done=held",
            Self::Release => "?done=released",
        }
    }

    async fn carry_out(self, control: &Control, here: &Here) -> Result<(), ControlError> {
        let (by, id) = (&here.caller.0, here.key.id());
        match self {
            Self::Off => control.set_key_disabled(by, id, true).await,
            Self::On => control.set_key_disabled(by, id, false).await,
            Self::Hold => control.quarantine_key(by, id).await,
            Self::Release => control.release_key(by, id).await,
        }
        .map(|_| ())
    }
}

async fn switch_form(
    page_of: InProject,
    state: &AppState,
    switch: Switch,
) -> Result<Response, ApiError> {
    let here = Here::find(page_of, state)?;
    let facts = users(&here, state).await;
    ask(
        &here,
        switch.asks(),
        Fields::blank(),
        (facts, Vec::new()),
        false,
    )
}

async fn switch(
    state: &AppState,
    page_of: InProject,
    form: &Form,
    switch: Switch,
) -> Result<Response, ApiError> {
    let here = Here::find(page_of, state)?;
    match switched(&here, state, form, switch).await {
        Ok(response) => Ok(response),
        // Who uses it is looked for afterwards: nothing of that keeps a key on.
        Err(error) => {
            let fields = Fields::typed(form, &[], &["code"]).refused(error)?;
            let facts = users(&here, state).await;
            ask(&here, switch.asks(), fields, (facts, Vec::new()), false)
        }
    }
}

async fn switched(
    here: &Here,
    state: &AppState,
    form: &Form,
    switch: Switch,
) -> Result<Response, ApiError> {
    let control = state.control.proving(form.proof()?);
    switch.carry_out(&control, here).await?;
    let answer = Ok(go_to(&here.address(switch.done())));
    Ok(step_up::finish(&control, answer))
}

macro_rules! switches {
    ($($form:ident $send:ident $switch:ident;)+) => {$(
        /// Asks first.
        pub(in super::super) async fn $form(
            page_of: InProject,
            State(state): State<AppState>,
        ) -> Result<Response, ApiError> {
            switch_form(page_of, &state, Switch::$switch).await
        }

        /// Does it.
        pub(in super::super) async fn $send(
            State(state): State<AppState>,
            Sent(page_of, form): Sent<InProject>,
        ) -> Result<Response, ApiError> {
            switch(&state, page_of, &form, Switch::$switch).await
        }
    )+};
}

switches! {
    disable_form disable Off;
    enable_form enable On;
    quarantine_form quarantine Hold;
    release_form release Release;
}

fn copying() -> Asks {
    Asks {
        title: "Copy the key?".to_owned(),
        lead: "The copy may do the same, under the same restrictions and limits, with a token, a life and credits of its own.",
        label: "Make the copy",
        below: "/copy".to_owned(),
        is_danger: false,
        widens: false,
    }
}

/// Asks what the copy is to be called.
pub(in super::super) async fn copy_form(
    page_of: InProject,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    let here = Here::find(page_of, &state)?;
    let now = state.clock.now();
    let end = here.key.draft().expires_at.filter(|end| *end > now);
    let form = Fields::blank()
        .with("name", String::new())
        .with("expires_at", end.map_or_else(String::new, limits::minute))
        .with(ONCE, once::fresh(&state));
    ask(&here, copying(), form, (Vec::new(), Vec::new()), false)
}

/// Makes a key with the same grants, and shows its token once.
pub(in super::super) async fn copy(
    State(state): State<AppState>,
    KeptOnce(page_of, form, turn, counts): KeptOnce<InProject>,
) -> Result<Response, ApiError> {
    let here = Here::find(page_of, &state)?;
    let fields = Fields::typed(&form, &["name", "expires_at", ONCE], &["code"]);
    let copied = match counts {
        Ok(()) => copied(&here, &state, (&form, turn)).await,
        Err(error) => Err(error),
    };
    match copied {
        Ok(response) => Ok(response),
        Err(error) => {
            let nothing = (Vec::new(), Vec::new());
            ask(&here, copying(), fields.refused(error)?, nothing, false)
        }
    }
}

async fn copied(
    here: &Here,
    state: &AppState,
    (form, turn): (&Form, Turn),
) -> Result<Response, ApiError> {
    let name = Some(form.text("name").trim()).filter(|name| !name.is_empty());
    let body = Object::new()
        .with("name", name)
        .with("expires_at", limits::ends(form, Some(here.key.draft())));
    let body = Value::Object(body);
    let asked = KeyCopy::read(&mut Document::new(&body)?)?;
    let control = state.control.proving(form.proof()?);
    let told = model::json::to_text(&body);
    let once = once::once(form, here.address("/copy"), &told);
    let id = here.key.id();
    let made: Made = control
        .copy_key_once(&here.caller.0, id, asked, once)
        .await?;
    let with = (&here.page, state, &control);
    once::show(with, turn, ("The copy is made", false), &made).await
}

fn deleting() -> Asks {
    Asks {
        title: "Delete the key?".to_owned(),
        lead: "This is final: nobody brings a deleted key back. What it wrote stays in its pools, what it did stays in the audit and in usage.",
        label: "Delete it for good",
        below: "/delete".to_owned(),
        is_danger: true,
        widens: false,
    }
}

/// What goes with the key.
fn destroyed(here: &Here, state: &AppState) -> Vec<String> {
    let key: &KeyRecord = &here.key;
    let count = |number: usize, one: &str, many: &str| {
        let word = if number == 1 { one } else { many };
        (number > 0).then(|| format!("{number} {word}"))
    };
    let definitions = here.caller.definitions(state);
    let issued = definitions.keys();
    let issued = issued
        .filter(|other| here.page.access.knows(other))
        .filter(|other| other.draft().issued_by == Some(key.id()))
        .count();
    let derived = state.control.derived_tokens(key.id());
    let derived = derived
        .iter()
        .filter(|token| token.revoked.is_none())
        .count();
    let grants = words::summary(key.grants()).into_iter();
    let grants = grants.map(|line| format!("{} {}", line.verb, line.what));
    let mut all: Vec<String> = grants
        .map(|line| format!("what it may do: {line}"))
        .collect();
    all.extend(count(key.secrets().len(), "secret", "secrets"));
    let derived = count(derived, "derived token in use", "derived tokens in use");
    all.extend(derived);
    let issued = count(
        issued,
        "key that it issued, which lets nobody in any more",
        "keys that it issued, which let nobody in any more",
    );
    all.extend(issued);
    all
}

/// Asks before it deletes a key, and says who still uses it and what goes with it.
pub(in super::super) async fn delete_form(
    page_of: InProject,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    let here = Here::find(page_of, &state)?;
    let told = (users(&here, &state).await, destroyed(&here, &state));
    let form = Fields::blank().with("revision", here.key.revision().to_string());
    ask(&here, deleting(), form, told, false)
}

/// Deletes a key.
pub(in super::super) async fn delete(
    State(state): State<AppState>,
    Sent(page_of, form): Sent<InProject>,
) -> Result<Response, ApiError> {
    let here = Here::find(page_of, &state)?;
    let force = form.text("force") == "yes";
    let revision = form.text("revision").parse().ok();
    let control = &state.control;
    match control
        .end_key(&here.caller.0, here.key.id(), revision, force)
        .await
    {
        Ok(()) => Ok(go_to(&here.page.address("/keys?done=deleted"))),
        Err(error) => {
            let is_stale = matches!(error, ControlError::StaleRevision);
            let (mut fields, may_force) = refused(Fields::typed(&form, &[], &[]), error)?;
            if is_stale {
                fields.error = Some(CHANGED.to_owned());
            }
            let fields = fields.with("revision", here.key.revision().to_string());
            let told = (users(&here, &state).await, destroyed(&here, &state));
            ask(&here, deleting(), fields, told, may_force || force)
        }
    }
}
