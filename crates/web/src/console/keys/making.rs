//! Making a key: what it is for, what it may do, who may use it and how much.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use model::grants::Action;
use model::people::Area;
use model::permit::Admin;
use model::value::{Object, Value};

use super::super::forms::{Fields, Form, KeptOnce};
use super::super::frame::{Frame, Section, page, segment};
use super::super::handing::Turn;
use super::super::rows::Wrong;
use super::super::visitor::InProject;
use super::grants::{Chosen, GrantFields, Purpose, Said, blank, names, said};
use super::limits::{self, Choices};
use super::once::{self, ONCE};
use crate::api::keys::draft;
use crate::caller::Caller;
use crate::error::ApiError;
use crate::input::Parameters;
use crate::state::AppState;

/// What the key is for, what it is to be on, as a grant says it, and where it is kept.
pub(in super::super) const PARAMETERS: &[&str] = &["for", "on", "kind"];

/// Where somebody who manages keys makes one for this (a [`For::word`]), on what
/// a grant calls so.
pub(in super::super) fn address_for(here: &InProject, what: &str, on: &str) -> Option<String> {
    let address = || here.address(&format!("/keys/new?for={what}&on={}", segment(on)));
    here.may(Area::Keys).then(address)
}

/// Where a key for a web page is made that reads what a grant calls so.
pub(in super::super) fn address_for_page(here: &InProject, on: &str) -> Option<String> {
    address_for(here, "read", on).map(|address| format!("{address}&kind=publishable"))
}

/// Fields that are about the key itself.
const OWN: [&str; 6] = ["name", "description", "kind", "reach", "for", ONCE];

/// What a key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum For {
    Data(Purpose),
    /// Running the project.
    Administers,
}

impl For {
    const ALL: [Self; 4] = [
        Self::Data(Purpose::Read),
        Self::Data(Purpose::Ask),
        Self::Data(Purpose::Write),
        Self::Administers,
    ];

    fn word(self) -> &'static str {
        match self {
            Self::Data(purpose) => purpose.word(),
            Self::Administers => "admin",
        }
    }

    fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.word() == word)
    }

    /// Its name and what it is good for.
    fn words(self) -> [&'static str; 2] {
        match self {
            Self::Data(Purpose::Read) => [
                "Read results",
                "For a dashboard, a report or a customer: it reads views, saved queries and datasets, and only the rows that you say.",
            ],
            Self::Data(Purpose::Ask) => [
                "Ask pools",
                "For a program that counts, sums and searches by itself, or takes records out, over the rows that you say.",
            ],
            Self::Data(Purpose::Write) => [
                "Write records",
                "For what sends data. The key can stamp each record with values that its holder cannot choose, such as the customer.",
            ],
            Self::Administers => [
                "Administer",
                "For your own tools: it makes pools, views and keys. Keep it on a server, and make few of them.",
            ],
        }
    }
}

#[derive(Template)]
#[template(path = "console/key_for.html")]
struct Choose {
    frame: Frame,
    cards: Vec<Card>,
    back: String,
}

struct Card {
    title: &'static str,
    text: &'static str,
    href: String,
}

#[derive(Template)]
#[template(path = "console/key_new.html")]
struct Page {
    frame: Frame,
    form: Fields,
    title: &'static str,
    lead: &'static str,
    is_for: &'static str,
    is_admin: bool,
    in_page: bool,
    reaches_all: bool,
    fields: GrantFields,
    choices: Choices,
    action: String,
    back: String,
    /// Where a pool and a view are made, for whom definitions are.
    make: Option<(String, String)>,
}

fn show(
    here: &InProject,
    (caller, state): (&Caller<Admin>, &AppState),
    what: For,
    (form, chosen): (Fields, Chosen),
) -> Result<Response, ApiError> {
    let [title, lead] = what.words();
    let definitions = caller.definitions(state);
    let purpose = match what {
        For::Data(purpose) => purpose,
        For::Administers => Purpose::Read,
    };
    let shown = Page {
        frame: Frame::of("Make a key", here, Section::Keys),
        title,
        lead,
        is_for: what.word(),
        is_admin: what == For::Administers,
        in_page: form.value("kind") == "publishable",
        reaches_all: form.value("reach") == "all",
        fields: GrantFields::of((&definitions, &here.access), purpose, (&form, &chosen)),
        choices: Choices::of(&form),
        action: here.address("/keys/new"),
        back: here.address("/keys/new"),
        make: here
            .may(Area::Definitions)
            .then(|| (here.address("/new-pool"), here.address("/new-view"))),
        form,
    };
    shown.form.shown_in(&shown)
}

/// Asks what a key is to be for, and then shows the form of it.
pub(in super::super) async fn form(
    here: InProject,
    parameters: Parameters,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    let caller = here.caller(Area::Keys)?;
    let Some(what) = parameters.get("for").and_then(For::parse) else {
        // Who is held to some rows gives nobody more than those.
        let offered = For::ALL.into_iter();
        let offered =
            offered.filter(|what| *what != For::Administers || here.access.within().is_none());
        let cards = offered.map(|what| {
            let [title, text] = what.words();
            let href = here.address(&format!("/keys/new?for={}", what.word()));
            Card { title, text, href }
        });
        let shown = Choose {
            frame: Frame::of("Make a key", &here, Section::Keys),
            cards: cards.collect(),
            back: here.address("/keys"),
        };
        return page(StatusCode::OK, &shown);
    };
    let fields = match what {
        For::Data(purpose) => blank(&caller.definitions(&state), purpose),
        For::Administers => Fields::blank(),
    };
    let mut fields = fields.with(ONCE, once::fresh(&state));
    if parameters.get("kind") == Some("publishable") {
        fields = fields.with("kind", "publishable");
    }
    fields.needs_code = what == For::Administers;
    let chosen = Chosen {
        on: parameters
            .get("on")
            .map(str::to_owned)
            .into_iter()
            .collect(),
        actions: vec![Action::Query.name().to_owned()],
    };
    show(&here, (&caller, &state), what, (fields, chosen))
}

/// Makes a key, and shows its token once.
pub(in super::super) async fn send(
    State(state): State<AppState>,
    KeptOnce(here, form, turn, counts): KeptOnce<InProject>,
) -> Result<Response, ApiError> {
    let caller = here.caller(Area::Keys)?;
    let what = For::parse(form.text("for")).unwrap_or(For::Data(Purpose::Read));
    let mut kept = names();
    kept.extend(OWN);
    kept.extend(limits::NAMES);
    let fields = limits::placed(Fields::typed(&form, &kept, &["code", "on", "action"]));
    let chosen = Chosen::of(&form);
    let with = (&caller, &state);
    if let Err(error) = counts {
        return show(&here, with, what, (fields.refused(error)?, chosen));
    }
    let (body, said) = match body(&form, what, with) {
        Ok(read) => read,
        Err(Wrong(field, rule)) => {
            let fields = fields.broken(field, &rule);
            return show(&here, with, what, (fields, chosen));
        }
    };
    let fields = match what {
        For::Data(_) => said.place(fields),
        For::Administers => fields.placed("/grants", "reach"),
    };
    match make(&here, with, (&form, turn), &body).await {
        Ok(response) => Ok(response),
        Err(error) => show(&here, with, what, (fields.refused(error)?, chosen)),
    }
}

async fn make(
    here: &InProject,
    (caller, state): (&Caller<Admin>, &AppState),
    (form, turn): (&Form, Turn),
    body: &Value,
) -> Result<Response, ApiError> {
    let draft = draft(caller, state, body, None)?;
    let control = state.control.proving(form.proof()?);
    let told = model::json::to_text(body);
    let once = once::once(form, here.address("/keys/new"), &told);
    let made = control.create_key_once(&caller.0, draft, once).await?;
    let with = (here, state, &control);
    once::show(with, turn, ("The key is made", false), &made).await
}

/// What the form says, as the body of the native call, and where errors of it belong.
fn body(
    form: &Form,
    what: For,
    (caller, state): (&Caller<Admin>, &AppState),
) -> Result<(Value, Said), Wrong> {
    let name = form.text("name").trim();
    if name.is_empty() {
        return Err(Wrong("name", "say whom or what the key is for".to_owned()));
    }
    let said = match what {
        For::Data(purpose) => said(form, purpose, &caller.definitions(state), 0)?,
        For::Administers => Said {
            grants: administering(form.text("reach") == "all"),
            places: Vec::new(),
        },
    };
    let kind = match form.text("kind") {
        "publishable" if what != For::Administers => "publishable",
        _ => "secret",
    };
    let body = Object::new()
        .with("name", name)
        .with("description", form.text("description").trim())
        .with("kind", kind)
        .with("grants", said.grants.clone());
    let members = limits::said(form, None).into_members().into_iter();
    let body = members.fold(body, |body, (name, value)| body.with(name, value));
    Ok((Value::Object(body), said))
}

/// The grants of a key that administers: alone, or with everything over all rows.
fn administering(all: bool) -> Vec<Value> {
    let grant = |on: &str, actions: &[Action]| {
        let actions: Vec<&str> = actions.iter().map(|action| action.name()).collect();
        Object::new().with("on", on).with("actions", actions)
    };
    let mut grants = vec![Value::Object(grant("project", &[Action::Admin]))];
    if all {
        let data = [
            grant("pool:*", &Action::POOL),
            grant("view:*", &Action::VIEW),
            grant("saved:*", &Action::SAVED),
            grant("cached:*", &Action::CACHED),
            grant("dataset:*", &Action::DATASET),
        ];
        let data = data.into_iter();
        grants.extend(data.map(|grant| Value::Object(grant.with("constraints", "all_rows"))));
    }
    grants
}

#[cfg(test)]
pub(super) fn sample(text: &str) -> Vec<crate::console::samples::Sample> {
    use crate::console::samples::{form, frame, sample};
    let address = || crate::console::frame::address(text, "/x");
    let names: Vec<&'static str> = OWN.into_iter().chain(limits::NAMES).collect();
    let choose = Choose {
        frame: frame(text),
        cards: vec![Card {
            title: "",
            text: "",
            href: address(),
        }],
        back: address(),
    };
    let page = |is_admin: bool| Page {
        frame: frame(text),
        form: form(text, &names),
        title: "",
        lead: "",
        is_for: "read",
        is_admin,
        in_page: true,
        reaches_all: true,
        fields: GrantFields::sample(text, true),
        choices: Choices::of(&form(text, &names)),
        action: address(),
        back: address(),
        make: Some((address(), address())),
    };
    vec![
        sample("key_for.html", &choose),
        sample("key_new.html", &page(true)),
        sample("key_new.html", &page(false)),
    ]
}
