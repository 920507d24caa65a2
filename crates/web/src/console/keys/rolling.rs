//! Rolling a key: a new secret beside the old one, and what becomes of the old one.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use control::{ControlError, Ending};
use model::document::Document;
use model::fault::{Fault, FaultCode};
use model::keys::{KeyRecord, Roll, SecretRecord};
use model::value::{Object, Value};

use super::super::forms::{Fields, Form, KeptOnce, Sent};
use super::super::frame::{Frame, Section};
use super::super::go_to;
use super::super::handing::Turn;
use super::super::rows::{Choice, choices};
use super::super::visitor::InProject;
use super::Here;
use super::asking::{Asks, Fact, ask, refused, users};
use super::once::{self, ONCE};
use crate::error::ApiError;
use crate::state::AppState;
use crate::step_up;

/// How long the old secret may go on.
const GRACES: [(&str, &str); 5] = [
    ("0s", "Not at all: it ends at once"),
    ("1h", "For an hour"),
    ("24h", "For a day"),
    ("72h", "For three days"),
    ("7d", "For a week, which is the longest"),
];
const GRACE_USUAL: &str = "24h";

#[derive(Template)]
#[template(path = "console/key_roll.html")]
struct Page {
    frame: Frame,
    form: Fields,
    key: String,
    facts: Vec<Fact>,
    graces: Vec<Choice>,
    /// Whether it was refused since somebody uses the old token, and may be forced.
    offers_force: bool,
    action: String,
    back: String,
}

/// The secret that was replaced and still lets its holder in.
pub(super) fn going_on<'a>(state: &AppState, key: &'a KeyRecord) -> Option<&'a SecretRecord> {
    let now = state.clock.now();
    let has_ended = |secret: &SecretRecord| {
        let end = state.control.secret_ends_at(secret);
        end.is_some_and(|end| end <= now)
    };
    key.replaced_secret().filter(|secret| !has_ended(secret))
}

async fn show(
    here: &Here,
    state: &AppState,
    form: Fields,
    offers_force: bool,
) -> Result<Response, ApiError> {
    let mut form = form;
    // A roll always asks for one.
    form.needs_code = true;
    let shown = Page {
        frame: Frame::of("Roll the key", &here.page, Section::Keys),
        key: here.name().to_owned(),
        facts: users(here, state).await,
        graces: choices(&GRACES, form.value("grace")),
        offers_force,
        action: here.address("/roll"),
        back: here.address(""),
        form,
    };
    shown.form.shown_in(&shown)
}

/// Asks how long the old secret goes on.
pub(in super::super) async fn roll_form(
    page_of: InProject,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    let here = Here::find(page_of, &state)?;
    let form = Fields::blank()
        .with("grace", GRACE_USUAL)
        .with("silence", "")
        .with(ONCE, once::fresh(&state));
    show(&here, &state, form, false).await
}

/// Makes a new secret, and shows its token once.
pub(in super::super) async fn roll(
    State(state): State<AppState>,
    KeptOnce(page_of, form, turn, counts): KeptOnce<InProject>,
) -> Result<Response, ApiError> {
    let here = Here::find(page_of, &state)?;
    let rolled = match counts {
        Ok(()) => rolled(&here, &state, (&form, turn)).await,
        Err(error) => Err(Stopped::Fault(error)),
    };
    match rolled {
        Ok(response) => Ok(response),
        Err(error) => {
            let fields = Fields::typed(&form, &["grace", "silence", ONCE], &["code"]);
            let fields = fields.meaning("end_after_silence", "silence");
            let was_forced = form.text("force") == "yes";
            let (fields, may_force) = match error {
                Stopped::Control(error) => refused(fields, error)?,
                Stopped::Fault(fault) => (fields.refused(fault)?, false),
            };
            show(&here, &state, fields, may_force || was_forced).await
        }
    }
}

/// Why there is no new token.
enum Stopped {
    Control(ControlError),
    Fault(ApiError),
}

impl From<ControlError> for Stopped {
    fn from(error: ControlError) -> Self {
        Self::Control(error)
    }
}

impl From<Fault> for Stopped {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault.into())
    }
}

async fn rolled(
    here: &Here,
    state: &AppState,
    (form, turn): (&Form, Turn),
) -> Result<Response, Stopped> {
    let silence = form.text("silence").trim();
    let silence = (!silence.is_empty()).then(|| silence.parse::<i64>());
    let silence = silence.transpose().map_err(|_| {
        let rule = "type a whole number of minutes";
        Fault::new(FaultCode::WrongType, rule).at("/end_after_silence")
    })?;
    let grace = form.text("grace");
    let body = Object::new()
        .with("grace", Some(grace).filter(|grace| !grace.is_empty()))
        .with("end_after_silence", silence.map(Value::from))
        .with("force", form.text("force") == "yes");
    let body = Value::Object(body);
    let mut document = Document::new(&body)?;
    let roll = Roll::read(&mut document)?;
    let control = state.control.proving(form.proof()?);
    let told = model::json::to_text(&body);
    let once = once::once(form, here.address("/roll"), &told);
    let made = control
        .roll_key(&here.caller.0, here.key.id(), roll, once)
        .await?;
    let with = (&here.page, state, &control);
    let told = ("The key has a new token", grace != GRACES[0].0);
    let shown = once::show(with, turn, told, &made).await;
    shown.map_err(Stopped::Fault)
}

/// What a page asked: of the secrets that it told of, and no later ones.
fn ending_of(form: &Form) -> Ending {
    Ending {
        force: form.text("force") == "yes",
        expected: form.text("revision").parse().ok(),
    }
}

fn ending() -> Asks {
    Asks {
        title: "End the old secret now?".to_owned(),
        lead: "Whoever still has the old token is refused from the next request on. The newest one goes on.",
        label: "End the old secret",
        below: "/end-grace".to_owned(),
        is_danger: true,
        widens: false,
    }
}

fn undoing() -> Asks {
    Asks {
        title: "Take the roll back?".to_owned(),
        lead: "The new secret ends at once, and the old one goes on without an end, as it was before.",
        label: "Take it back",
        below: "/undo-roll".to_owned(),
        is_danger: true,
        widens: true,
    }
}

/// Asks before it ends the old secret.
pub(in super::super) async fn end_grace_form(
    page_of: InProject,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    let here = Here::find(page_of, &state)?;
    let told = (users(&here, &state).await, Vec::new());
    ask(&here, ending(), Fields::blank(), told, false)
}

/// Ends the old secret.
pub(in super::super) async fn end_grace(
    State(state): State<AppState>,
    Sent(page_of, form): Sent<InProject>,
) -> Result<Response, ApiError> {
    let here = Here::find(page_of, &state)?;
    let asked = ending_of(&form);
    let force = asked.force;
    let ended = state
        .control
        .end_grace(&here.caller.0, here.key.id(), asked);
    match ended.await {
        Ok(_) => Ok(go_to(&here.address("?done=grace"))),
        Err(error) => again(&here, &state, (ending(), Fields::blank(), force), error).await,
    }
}

/// Asks before it takes a roll back.
pub(in super::super) async fn undo_form(
    page_of: InProject,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    let here = Here::find(page_of, &state)?;
    let told = (users(&here, &state).await, Vec::new());
    ask(&here, undoing(), Fields::blank(), told, false)
}

/// Takes a roll back.
pub(in super::super) async fn undo(
    State(state): State<AppState>,
    Sent(page_of, form): Sent<InProject>,
) -> Result<Response, ApiError> {
    let here = Here::find(page_of, &state)?;
    let fields = Fields::typed(&form, &[], &["code"]);
    let asked = ending_of(&form);
    let force = asked.force;
    let proof = match form.proof() {
        Ok(proof) => proof,
        Err(fault) => {
            let told = (users(&here, &state).await, Vec::new());
            return ask(&here, undoing(), fields.refused(fault)?, told, force);
        }
    };
    let control = state.control.proving(proof);
    match control
        .undo_roll(&here.caller.0, here.key.id(), asked)
        .await
    {
        Ok(_) => {
            let answer = Ok(go_to(&here.address("?done=undone")));
            Ok(step_up::finish(&control, answer))
        }
        Err(error) => again(&here, &state, (undoing(), fields, force), error).await,
    }
}

async fn again(
    here: &Here,
    state: &AppState,
    (asks, fields, was_forced): (Asks, Fields, bool),
    error: ControlError,
) -> Result<Response, ApiError> {
    let (fields, may_force) = refused(fields, error)?;
    let told = (users(here, state).await, Vec::new());
    ask(here, asks, fields, told, may_force || was_forced)
}

#[cfg(test)]
pub(super) fn sample(text: &str) -> Vec<crate::console::samples::Sample> {
    use crate::console::samples::{form, frame, sample};
    let address = || crate::console::frame::address(text, "/x");
    let page = Page {
        frame: frame(text),
        form: form(text, &["grace", "silence", ONCE, "code"]),
        key: text.to_owned(),
        facts: vec![Fact {
            label: "Newest secret used",
            text: text.to_owned(),
            at: None,
        }],
        graces: choices(&GRACES, GRACE_USUAL),
        offers_force: true,
        action: address(),
        back: address(),
    };
    vec![sample("key_roll.html", &page)]
}
