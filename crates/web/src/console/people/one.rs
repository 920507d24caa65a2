//! One person: name and roles.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use control::{ControlError, Refusal};
use model::filters::Filter;
use model::ids::PersonId;
use model::people::{Area, PersonDraft, PersonRecord, Role, RoleGrant};
use model::permit::Admin;

use super::super::forms::{Fields, Form, Kept, REVISION};
use super::super::frame::{Frame, Section};
use super::super::go_to;
use super::super::rows::Wrong;
use super::super::times::Moment;
use super::super::visitor::InProject;
use super::held::{self, Held};
use super::leaving::sessions_of;
use super::roles::{Choosing, Chosen, Refused, changed};
use super::{Choice, choices, every_choice, roles_of};
use crate::caller::Caller;
use crate::error::ApiError;
use crate::state::AppState;
use crate::step_up;

/// The form's fields but for its rows.
const OWN: [&str; 4] = ["name", "here", "everywhere", "widens"];

#[derive(Template)]
#[template(path = "console/person.html")]
struct Page {
    frame: Frame,
    form: Fields,
    name: String,
    sign_in: String,
    roles: Vec<String>,
    since: Moment,
    codes_left: usize,
    /// How often the person is signed in, in words.
    sessions: Option<String>,
    action: String,
    end_sessions: String,
    remove: String,
    back: String,
    project: String,
    here: Vec<Choice>,
    everywhere: Option<Vec<Choice>>,
    /// `None` where rows of a form cannot say what the role is held to.
    held: Option<Held>,
    is_held: bool,
    is_you: bool,
}

pub(super) fn find(
    here: &InProject,
    state: &AppState,
    caller: &Caller<Admin>,
) -> Result<Arc<PersonRecord>, ApiError> {
    let id = PersonId::parse(here.segment("id")).ok();
    let people = state.control.people_of(&caller.0)?;
    let found = people.into_iter().find(|person| Some(person.id()) == id);
    found.ok_or_else(ApiError::not_found)
}

/// The address of a page of a person.
pub(super) fn below(here: &InProject, person: &PersonRecord, rest: &str) -> String {
    here.address(&format!("/people/{}{rest}", person.id()))
}

/// The role in the project itself, and that in all of them, as far as they
/// may be told; empty for none.
fn roles_now(here: &InProject, told: &PersonDraft) -> [&'static str; 2] {
    [Some(here.access.project()), None].map(|place| {
        let mut roles = told.roles.iter();
        let found = roles.find(|role| role.project == place);
        found.map_or("", |role| role.role.name())
    })
}

/// The rows of the role that counts in the project, as far as it may be told.
fn shown_rows<'a>(here: &InProject, told: &'a PersonDraft) -> Option<&'a Filter> {
    let role = told.role_in(here.access.project());
    role.and_then(|role| role.constraints.as_ref())
}

/// Whether a role for every project is shown to be changed: to somebody who
/// has one without a constraint, and never one that may not be told.
fn offers_everywhere(here: &InProject, before: &PersonDraft, told: &PersonDraft) -> bool {
    let of_all = |draft: &PersonDraft| draft.roles.iter().any(|role| role.project.is_none());
    let mut own = here.visitor.person.parts().draft.roles.iter();
    let has = own.any(|role| role.project.is_none() && role.constraints.is_none());
    has && here.access.within().is_none() && of_all(before) == of_all(told)
}

fn show(
    here: &InProject,
    state: &AppState,
    (caller, person): (&Caller<Admin>, &PersonRecord),
    form: Fields,
) -> Result<Response, ApiError> {
    let parts = person.parts();
    let told = state.control.told_of(&caller.0, &parts.draft);
    let mut in_project = choices(here, form.value("here"));
    // An owner is one of the whole organization.
    in_project.retain(|choice| choice.value != Role::Owner.name());
    let everywhere = offers_everywhere(here, &parts.draft, &told);
    let counts = |role: &&RoleGrant| {
        role.project
            .is_none_or(|project| project == here.access.project())
    };
    let mut counting = told.roles.iter().filter(counts);
    let is_held = counting.any(|role| role.constraints.is_some());
    let shown = Page {
        frame: Frame::of(parts.draft.name.clone(), here, Section::People),
        name: parts.draft.name.clone(),
        sign_in: parts.sign_in.to_string(),
        roles: roles_of(here, &told),
        since: parts.created_at.into(),
        codes_left: parts.recovery.len(),
        sessions: sessions_of(state, person),
        action: below(here, person, ""),
        end_sessions: below(here, person, "/end-sessions"),
        remove: below(here, person, "/remove"),
        back: here.address("/people"),
        project: here.definitions.project().name.clone(),
        here: in_project,
        everywhere: everywhere.then(|| choices(here, form.value("everywhere"))),
        held: (!form.value(held::SHOWN).is_empty()).then(|| Held::of(&here.definitions, &form)),
        is_held,
        is_you: person.id() == here.visitor.person.id(),
        form,
    };
    shown.form.shown_in(&shown)
}

/// The page of a person.
pub(in super::super) async fn read(
    here: InProject,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    let caller = here.caller(Area::People)?;
    let person = find(&here, &state, &caller)?;
    let draft = state.control.told_of(&caller.0, &person.parts().draft);
    let [own, everywhere] = roles_now(&here, &draft);
    let blank = || {
        Fields::blank()
            .with("name", draft.name.clone())
            .with("here", own)
            .with("everywhere", everywhere)
            .with(REVISION, person.parts().revision.to_string())
    };
    let rows = shown_rows(&here, &draft);
    let form = held::filled(blank(), &here.definitions, rows).unwrap_or_else(blank);
    show(&here, &state, (&caller, &person), form)
}

/// Changes a person's name and roles.
pub(in super::super) async fn change(
    State(state): State<AppState>,
    Kept(here, form, counts): Kept<InProject>,
) -> Result<Response, ApiError> {
    let caller = here.caller(Area::People)?;
    let person = find(&here, &state, &caller)?;
    let kept: Vec<&str> = OWN.into_iter().chain(held::names()).collect();
    let fields = || Fields::typed(&form, &kept, &["code"]).meaning("roles", "here");
    let again = |fields: Fields| {
        let revision = form.text(REVISION);
        show(
            &here,
            &state,
            (&caller, &person),
            fields.with(REVISION, revision),
        )
    };
    if let Err(error) = counts {
        return again(fields().refused(error)?);
    }
    let parts = person.parts();
    let told = state.control.told_of(&caller.0, &parts.draft);
    let roles = match roles_said(&here, &form, (&parts.draft, &told)) {
        Ok(roles) => roles,
        Err(Wrong(field, rule)) => return again(fields().broken(field, &rule)),
    };
    let name = PersonDraft::parse_name(form.text("name").trim()).map_err(|f| f.at("/name"));
    let (name, proof) = match name.and_then(|name| Ok((name, form.proof()?))) {
        Ok(read) => read,
        Err(fault) => return again(fields().refused(fault)?),
    };
    let draft = PersonDraft { name, roles };
    let control = state.control.proving(proof);
    let changed = control.change_person(&caller.0, person.id(), Some(form.revision()), draft);
    match changed.await {
        Ok(_) => {
            let answer = Ok(go_to(&here.address("/people?done=changed")));
            Ok(step_up::finish(&control, answer))
        }
        Err(ControlError::StaleRevision) => {
            // Of the person as it is now.
            let person = find(&here, &state, &caller)?;
            let told = state.control.told_of(&caller.0, &person.parts().draft);
            let fields = beside(&here, &told, (&form, fields()));
            let fields = fields.refused(ApiError::stale())?;
            let fields = fields.with(REVISION, person.parts().revision.to_string());
            show(&here, &state, (&caller, &person), fields)
        }
        Err(ControlError::Refused(refusal @ Refusal::NotAllowed(_))) => {
            again(fields().broken("here", &refusal.to_string()))
        }
        Err(error) => again(fields().refused(error)?),
    }
}

/// What was typed, and at each field that says something else than is so now,
/// what that is: saving the form as it is changes it.
fn beside(here: &InProject, told: &PersonDraft, (form, typed): (&Form, Fields)) -> Fields {
    let [own, everywhere] = roles_now(here, told);
    let role_of = |name: &str| {
        let mut all = every_choice(name).into_iter();
        let found = all.find(|choice| choice.is_chosen);
        found.map_or_else(|| "none".to_owned(), |choice| format!("“{}”", choice.label))
    };
    let now = [
        ("name", told.name.as_str(), format!("“{}”", told.name)),
        ("here", own, role_of(own)),
        ("everywhere", everywhere, role_of(everywhere)),
    ];
    let mut fields = typed;
    for (field, value, words) in now {
        let was_shown = field != "everywhere" || form.sent(field).is_some();
        if was_shown && form.text(field).trim() != value {
            let rule = format!("it is {words} now, and saving this form changes that");
            fields = fields.broken(field, &rule);
        }
    }
    let rows = shown_rows(here, told);
    let is_other = match held::said(form, &here.definitions) {
        Ok(held::Rows::Only(said)) => {
            !rows.is_some_and(|rows| said.says_all_of(rows) && rows.says_all_of(&said))
        }
        Ok(held::Rows::All) => rows.is_some(),
        Ok(held::Rows::Same) | Err(_) => false,
    };
    match is_other {
        true => fields.broken(
            held::SHOWN,
            "the role is over other rows now, as said above, and saving this form changes that",
        ),
        false => fields,
    }
}

/// The roles as the form has them.
fn roles_said(
    here: &InProject,
    form: &Form,
    (before, told): (&PersonDraft, &PersonDraft),
) -> Result<Vec<RoleGrant>, Wrong> {
    let choosing = choosing(here, form, (before, told))?;
    let roles = changed(before, &choosing);
    roles.map_err(|Refused(field, rule)| Wrong(field, rule.to_owned()))
}

/// What the form chooses; a field that shows what is there chooses nothing.
fn choosing<'a>(
    here: &'a InProject,
    form: &Form,
    (before, told): (&PersonDraft, &PersonDraft),
) -> Result<Choosing<'a>, Wrong> {
    let [own, everywhere] = roles_now(here, told);
    let widens = form.text("widens") == "yes";
    let chosen = |field: &'static str, now: &str, widens: bool| match form.text(field) {
        // The same role over more rows is a change, too.
        text if text == now && (!widens || text.is_empty()) => Ok(Chosen::Same),
        "" => Ok(Chosen::None),
        text => Role::parse(text)
            .map(Chosen::Role)
            .ok_or_else(|| Wrong(field, "there is no such role".to_owned())),
    };
    let everywhere = match offers_everywhere(here, before, told) {
        // More rows are meant of the role that counts here afterwards.
        true => chosen(
            "everywhere",
            everywhere,
            widens && form.text("here").is_empty(),
        )?,
        false => Chosen::Same,
    };
    Ok(Choosing {
        project: here.access.project(),
        here: chosen("here", own, widens)?,
        everywhere,
        rows: held::said(form, &here.definitions)?,
        shown: shown_rows(here, told).cloned(),
        own: here.access.within().map(|held| &**held),
        widens,
    })
}

#[cfg(test)]
pub(super) fn sample(text: &str) -> Vec<crate::console::samples::Sample> {
    use crate::console::samples::{form, frame, moment, sample};
    let address = || crate::console::frame::address(text, "/x");
    let page = Page {
        frame: frame(text),
        form: form(text, &["name", "here", "everywhere", "revision", "code"]),
        name: text.to_owned(),
        sign_in: text.to_owned(),
        roles: vec![text.to_owned()],
        since: moment(text),
        codes_left: 1,
        sessions: Some(text.to_owned()),
        action: address(),
        end_sessions: address(),
        remove: address(),
        back: address(),
        project: text.to_owned(),
        here: every_choice(""),
        everywhere: Some(every_choice("")),
        held: Some(Held::sample(text)),
        is_held: true,
        is_you: false,
    };
    vec![sample("person.html", &page)]
}
