//! Advice about keys: what good practice would change, with a link to where
//! that is done.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use model::ids::KeyId;
use model::keys::review::AdviceRule;
use model::people::Area;

use super::super::forms::sentence;
use super::super::frame::{Frame, Section, page};
use super::super::visitor::InProject;
use crate::api::keys::advised;
use crate::error::ApiError;
use crate::state::AppState;

/// Pieces of advice that the page shows.
const SHOWN: usize = 200;

struct Line {
    key: String,
    href: String,
    why: String,
    fix: String,
    label: &'static str,
}

struct Group {
    title: &'static str,
    remedy: String,
    lines: Vec<Line>,
}

#[derive(Template)]
#[template(path = "console/key_review.html")]
struct Page {
    frame: Frame,
    groups: Vec<Group>,
    more: usize,
    back: String,
}

/// A rule, as a heading.
fn title(rule: AdviceRule) -> &'static str {
    match rule {
        AdviceRule::Unused => "Not used any more",
        AdviceRule::NeverRolled => "Never rolled",
        AdviceRule::OldSecretInUse => "An old secret is still in use",
        AdviceRule::WritesAndReads => "Writes and reads with one key",
        AdviceRule::FieldWritableByOthers => "Rows are chosen by a field that others may write",
        AdviceRule::ManyAdmins => "Many keys administer",
        AdviceRule::UsedFromPage => "Came from a web page",
        AdviceRule::RotationDue => "Is to be rolled",
        AdviceRule::WiderThanUsed => "May do more than it does",
        AdviceRule::IssuerEnded => "Its issuer is gone",
        AdviceRule::SharedAccount => "An account that two people may use",
    }
}

/// Where the remedy is: below the key's page, and what the link says.
fn fix(rule: AdviceRule) -> (&'static str, &'static str) {
    match rule {
        AdviceRule::Unused | AdviceRule::ManyAdmins => ("/disable", "Switch it off"),
        AdviceRule::NeverRolled | AdviceRule::RotationDue | AdviceRule::UsedFromPage => {
            ("/roll", "Roll it")
        }
        AdviceRule::OldSecretInUse => ("#secrets", "See its secrets"),
        AdviceRule::WritesAndReads
        | AdviceRule::FieldWritableByOthers
        | AdviceRule::WiderThanUsed => ("#grants", "See what it may do"),
        AdviceRule::IssuerEnded => ("/delete", "Delete it"),
        AdviceRule::SharedAccount => ("", "See the person"),
    }
}

/// A text in which keys that the visitor may know are called by their names.
fn with_names(text: &str, named: &impl Fn(KeyId) -> Option<String>) -> String {
    let words = text.split(' ').map(|word| {
        let id = word.trim_end_matches([',', '.']);
        let name = KeyId::parse(id).ok().and_then(named);
        name.map_or_else(|| word.to_owned(), |name| word.replace(id, &name))
    });
    words.collect::<Vec<String>>().join(" ")
}

/// The advice that there is, by rule.
pub(in super::super) async fn review(
    here: InProject,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    let caller = here.caller(Area::Keys)?;
    let definitions = caller.definitions(&state);
    let advice = advised(&caller, &state).await?;
    let shared = state.control.shared_accounts(&caller.0)?;
    let named = |id: KeyId| {
        let key = definitions.key(id).filter(|key| here.access.knows(key));
        key.map(|key| key.draft().name.clone())
    };
    let groups = AdviceRule::ALL.into_iter().filter_map(|rule| {
        let of_rule = advice
            .iter()
            .take(SHOWN)
            .filter(|advice| advice.rule == rule);
        let lines = of_rule.map(|advice| {
            let own = here.address(&format!("/keys/{}", advice.key));
            let name = definitions
                .key(advice.key)
                .map(|key| key.draft().name.clone());
            let (below, label) = fix(rule);
            Line {
                key: name.unwrap_or_default(),
                fix: format!("{own}{below}"),
                href: own,
                why: sentence(&with_names(&advice.why, &named)),
                label,
            }
        });
        let shared = shared.iter().filter(|_| rule == AdviceRule::SharedAccount);
        let shared = shared.map(|account| {
            let href = here.address(&format!("/people/{}", account.person.id()));
            Line {
                key: account.person.parts().sign_in.to_string(),
                why: sentence(&account.why),
                fix: href.clone(),
                href,
                label: fix(rule).1,
            }
        });
        let lines: Vec<Line> = lines.chain(shared).collect();
        (!lines.is_empty()).then(|| Group {
            title: title(rule),
            remedy: sentence(rule.remedy()),
            lines,
        })
    });
    let shown = Page {
        frame: Frame::of("Advice", &here, Section::Keys),
        groups: groups.collect(),
        more: advice.len().saturating_sub(SHOWN),
        back: here.address("/keys"),
    };
    page(StatusCode::OK, &shown)
}

#[cfg(test)]
pub(super) fn sample(text: &str) -> Vec<crate::console::samples::Sample> {
    use crate::console::samples::{frame, sample};
    let address = || crate::console::frame::address(text, "/x");
    let group = || Group {
        title: "",
        remedy: text.to_owned(),
        lines: vec![Line {
            key: text.to_owned(),
            href: address(),
            why: text.to_owned(),
            fix: address(),
            label: "",
        }],
    };
    let page = |groups| Page {
        frame: frame(text),
        groups,
        more: 1,
        back: address(),
    };
    vec![
        sample("key_review.html", &page(vec![group()])),
        sample("key_review.html", &page(Vec::new())),
    ]
}
