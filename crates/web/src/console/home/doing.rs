//! What keys do, and what of them wants attention.

use control::{Notice, NoticeKind};
use model::analyses::{Analysis, Answer, Results};
use model::ids::KeyId;
use model::people::Area;
use model::value::{Object, Value};

use crate::console::asking::{self, ask};
use crate::console::forms::sentence;
use crate::console::shown::grouped;
use crate::console::times::{Moment, with_days};
use crate::console::visitor::InProject;
use crate::error::ApiError;
use crate::state::AppState;

/// Keys that are told of as the busiest.
const BUSIEST: u64 = 5;
/// Notices that the first page tells; their own page has all of them.
const NOTICES: usize = 6;

/// A key and what it did.
pub(super) struct Busy {
    pub(super) name: String,
    pub(super) href: Option<String>,
    pub(super) requests: String,
    pub(super) refused: String,
    pub(super) records: String,
}

/// Something that somebody should look at.
pub(super) struct Attention {
    pub(super) what: &'static str,
    pub(super) is_urgent: bool,
    pub(super) key: String,
    pub(super) href: Option<String>,
    pub(super) detail: String,
    pub(super) at: Moment,
    /// Where the key is rolled, where that is what to do about it.
    pub(super) roll: Option<String>,
    /// Where a notice is dealt with; `None` for what ends by itself.
    pub(super) dismiss: Option<String>,
}

/// What wants attention, and where there is more of it.
pub(super) struct Attentions {
    pub(super) told: Vec<Attention>,
    /// Notices that are not told here.
    pub(super) more: usize,
    pub(super) all: String,
}

fn question(timeframe: &str) -> Object {
    let sum = |field: &str| Object::new().with("analysis", "sum").with("field", field);
    let order = Object::new()
        .with("field", "requests")
        .with("direction", "desc");
    Object::new()
        .with("analysis", "multi_analysis")
        .with("pool", model::names::Name::USAGE)
        .with(
            "analyses",
            Object::new()
                .with("requests", sum("requests"))
                .with("refused", sum("refused"))
                .with("records", sum("records")),
        )
        .with("group_by", vec!["key"])
        .with("order_by", vec![order])
        .with("limit", BUSIEST)
        .with("timeframe", timeframe)
}

fn number(value: Option<&Value>) -> String {
    match value {
        Some(Value::Integer(number)) => grouped(*number),
        _ => grouped(0),
    }
}

/// The keys with the most requests; none where it is not known now.
pub(super) async fn busiest(here: &InProject, timeframe: &str, state: &AppState) -> Vec<Busy> {
    let asked = async {
        asking::bring_usage(here, state).await?;
        let question = Analysis::parse(&Value::Object(question(timeframe)))?;
        ask(here, &question, state).await
    };
    let groups = match asked.await {
        Ok(Answer::Measured(measured)) => match measured.results {
            Results::Groups(groups) => groups,
            _ => Vec::new(),
        },
        Ok(_) => Vec::new(),
        Err(error) => {
            let told = error.problem().detail();
            tracing::info!(told, "the busiest keys were not answered");
            Vec::new()
        }
    };
    let lines = groups.iter().map(|group| {
        let id = group.keys.first().and_then(Value::as_str);
        let id = id.and_then(|id| KeyId::parse(id).ok());
        let (name, href) = named(here, id);
        Busy {
            name,
            href,
            requests: number(group.results.first()),
            refused: number(group.results.get(1)),
            records: number(group.results.get(2)),
        }
    });
    lines.collect()
}

/// What a key is called, and its page.
fn named(here: &InProject, id: Option<KeyId>) -> (String, Option<String>) {
    let key = id.and_then(|id| here.definitions.key(id));
    match key.filter(|key| here.access.knows(key)) {
        Some(key) => (
            key.draft().name.to_string(),
            Some(here.address(&format!("/keys/{}", key.id()))),
        ),
        None => ("a key that is gone".to_owned(), None),
    }
}

fn word(kind: NoticeKind) -> (&'static str, bool) {
    match kind {
        NoticeKind::Leaked => ("Leaked", true),
        NoticeKind::UsedFromPage => ("Used from a page", true),
        NoticeKind::NewNetwork => ("New network", false),
        NoticeKind::RotationDue => ("Rotation due", false),
        NoticeKind::Credits => ("Credits", false),
        NoticeKind::GraceEnding => ("Grace ends", true),
        NoticeKind::SigningSecret => ("Signing secret made", false),
    }
}

/// The notices that nobody dealt with, the urgent ones first.
///
/// # Errors
/// The person's role has no keys, or the database failed.
pub(super) async fn open_notices(
    here: &InProject,
    state: &AppState,
) -> Result<Vec<Notice>, ApiError> {
    let caller = here.caller(Area::Keys)?;
    let mut notices = state.control.notices(&caller.0).await?;
    notices.retain(|notice| notice.dismissed_at.is_none());
    notices.sort_by_key(|notice| {
        let (_, is_urgent) = word(notice.kind);
        (!is_urgent, std::cmp::Reverse(notice.last_at))
    });
    Ok(notices)
}

/// A notice in words.
pub(super) fn of_notice(here: &InProject, notice: &Notice) -> Attention {
    let (what, is_urgent) = word(notice.kind);
    let (key, href) = named(here, Some(notice.key));
    let roll = match notice.kind {
        NoticeKind::Leaked | NoticeKind::UsedFromPage | NoticeKind::RotationDue => href.as_ref(),
        _ => None,
    };
    Attention {
        what,
        is_urgent,
        key,
        roll: roll.map(|key| format!("{key}/roll")),
        href,
        detail: sentence(&with_days(&notice.detail)),
        at: notice.last_at.into(),
        dismiss: Some(here.address(&format!("/notices/{}/dismiss", notice.id))),
    }
}

/// Notices that nobody dealt with, and keys whose old secret still lets in.
pub(super) async fn attention(here: &InProject, state: &AppState) -> Result<Attentions, ApiError> {
    let notices = open_notices(here, state).await?;
    let told = notices.iter().take(NOTICES);
    let told = told.map(|notice| of_notice(here, notice));
    let now = state.clock.now();
    let known = here.definitions.keys();
    let known = known.filter(|key| here.access.knows(key) && !key.is_disabled());
    let in_grace = known.filter_map(|key| {
        let old = key.replaced_secret()?;
        let ends = state.control.secret_ends_at(old);
        let ends = ends.filter(|ends| *ends > now)?;
        let (name, href) = named(here, Some(key.id()));
        Some(Attention {
            what: "In grace",
            is_urgent: false,
            key: name,
            href,
            roll: None,
            detail: "The old secret lets in until then.".to_owned(),
            at: ends.into(),
            dismiss: None,
        })
    });
    Ok(Attentions {
        told: told.chain(in_grace).collect(),
        more: notices.len().saturating_sub(NOTICES),
        all: here.address("/notices"),
    })
}

#[cfg(test)]
pub(super) fn busy_sample(text: &str) -> Busy {
    Busy {
        name: text.to_owned(),
        href: Some(crate::console::frame::address(text, "/x")),
        requests: text.to_owned(),
        refused: text.to_owned(),
        records: text.to_owned(),
    }
}

#[cfg(test)]
pub(super) fn attention_sample(text: &str) -> Attention {
    Attention {
        what: "",
        is_urgent: true,
        key: text.to_owned(),
        href: Some(crate::console::frame::address(text, "/x")),
        roll: Some(crate::console::frame::address(text, "/x")),
        detail: text.to_owned(),
        at: crate::console::samples::moment(text),
        dismiss: Some(crate::console::frame::address(text, "/x")),
    }
}
