//! Pages that ask before something is done with a key.

use askama::Template;
use axum::response::Response;
use control::{ControlError, UsageAsked, UsageBy};

use super::super::forms::{Fields, sentence};
use super::super::frame::{Frame, Section};
use super::super::shown::grouped;
use super::super::times::Moment;
use super::Here;
use crate::error::ApiError;
use crate::state::AppState;

/// What somebody reads who was slower than somebody else.
pub(super) const CHANGED: &str = "Somebody changed the key while you looked at it. What you typed is below; look at the key as it is now, and decide anew.";

/// A page that asks before it does something.
#[derive(Template)]
#[template(path = "console/key_ask.html")]
pub(super) struct Page {
    frame: Frame,
    form: Fields,
    key: String,
    title: String,
    lead: &'static str,
    /// What is to be known before.
    facts: Vec<Fact>,
    /// What is destroyed.
    ends: Vec<String>,
    label: &'static str,
    is_danger: bool,
    takes_name: bool,
    /// Whether it was refused since somebody uses it, and may be forced.
    offers_force: bool,
    action: String,
    back: String,
}

/// Something to know.
pub(super) struct Fact {
    pub(super) label: &'static str,
    pub(super) text: String,
    pub(super) at: Option<Moment>,
}

/// What a page asks, in words.
pub(super) struct Asks {
    pub(super) title: String,
    pub(super) lead: &'static str,
    pub(super) label: &'static str,
    pub(super) below: String,
    pub(super) is_danger: bool,
    /// Whether it gives more than before, and so always asks for a code.
    pub(super) widens: bool,
}

/// The page that asks.
pub(super) fn ask(
    here: &Here,
    asks: Asks,
    form: Fields,
    (facts, ends): (Vec<Fact>, Vec<String>),
    offers_force: bool,
) -> Result<Response, ApiError> {
    let takes_name = asks.below == "/copy";
    // Of the key that is looked at.
    let mut form = match form.value("revision") {
        "" => form.with("revision", here.key.revision().to_string()),
        _ => form,
    };
    form.needs_code |= asks.widens;
    let shown = Page {
        frame: Frame::of(asks.title.clone(), &here.page, Section::Keys),
        key: here.name().to_owned(),
        title: asks.title,
        lead: asks.lead,
        facts,
        ends,
        label: asks.label,
        is_danger: asks.is_danger,
        takes_name,
        offers_force,
        action: here.address(&asks.below),
        back: here.address(""),
        form,
    };
    shown.form.shown_in(&shown)
}

/// A form that was refused: with what is wrong, and whether it may be forced.
pub(super) fn refused(form: Fields, error: ControlError) -> Result<(Fields, bool), ApiError> {
    let may_force = matches!(error, ControlError::SeenRecently(_));
    let mut form = form.refused(error)?;
    if may_force {
        let rule = "it was used in the last 10 minutes: somebody will miss it. Wait until it is silent, or say below that it is meant all the same";
        form.error = Some(sentence(rule));
    }
    Ok((form, may_force))
}

/// Who used the key last, for whoever is about to end something of it.
pub(super) async fn users(here: &Here, state: &AppState) -> Vec<Fact> {
    let (key, control) = (&here.key, &state.control);
    let mut facts = vec![match control.last_used(key.id()) {
        None => Fact {
            label: "Last used",
            text: "never".to_owned(),
            at: None,
        },
        Some(at) => Fact {
            label: "Last used",
            text: String::new(),
            at: Some(at.into()),
        },
    }];
    for secret in key.secrets() {
        let Some(from) = control.secret_used_from(secret.id) else {
            continue;
        };
        let address = from.address.map(|address| address.to_string());
        let agent = Some(from.agent).filter(|agent| !agent.is_empty());
        let parts: Vec<String> = address.into_iter().chain(agent).collect();
        let current = key.current_secret();
        facts.push(Fact {
            label: match current.is_some_and(|live| live.id == secret.id) {
                true => "Newest secret used",
                false => "Old secret used",
            },
            text: format!("{} from {}", secret.hint, parts.join(", ")),
            at: control.secret_last_used(secret.id).map(Moment::from),
        });
    }
    facts.push(Fact {
        label: "Requests in 30 days",
        text: requests(here, state).await,
        at: None,
    });
    facts
}

/// How many requests came with the key; a page that asks is there also when
/// that is not known.
async fn requests(here: &Here, state: &AppState) -> String {
    let asked = UsageAsked {
        from: state.clock.now().date().as_days() - super::list::VOLUME_DAYS + 1,
        to: i32::MAX,
        key: Some(here.key.id()),
        limit: 1,
    };
    let sums = state
        .control
        .usage_sums(&here.caller.0, asked, UsageBy::Key)
        .await;
    match sums {
        Ok(sums) => grouped(sums.first().map_or(0, |(_, sum)| sum.requests).into()),
        Err(_) => "not known now".to_owned(),
    }
}

#[cfg(test)]
pub(super) fn sample(text: &str) -> Vec<crate::console::samples::Sample> {
    use crate::console::samples::{form, frame, moment, sample};
    let address = || crate::console::frame::address(text, "/x");
    let page = |is_full: bool| Page {
        frame: frame(text),
        form: form(
            text,
            &["name", "expires_at", super::once::ONCE, "revision", "code"],
        ),
        key: text.to_owned(),
        title: text.to_owned(),
        lead: "",
        facts: vec![Fact {
            label: "Newest secret used",
            text: text.to_owned(),
            at: Some(moment(text)),
        }],
        ends: vec![text.to_owned()],
        label: "",
        is_danger: is_full,
        takes_name: is_full,
        offers_force: is_full,
        action: address(),
        back: address(),
    };
    vec![
        sample("key_ask.html", &page(true)),
        sample("key_ask.html", &page(false)),
    ]
}
