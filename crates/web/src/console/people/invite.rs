//! Inviting somebody, and taking an invitation back.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use control::{Carried, ControlError, Refusal};
use http::StatusCode;
use model::fault::{Fault, FaultCode};
use model::filters::Filter;
use model::ids::InvitationId;
use model::people::{Area, PersonDraft, Role, SignInName};

use super::super::forms::{self, Fields, Form, KeptOnce, ONCE, Sent};
use super::super::frame::{Frame, Section, page};
use super::super::handing::For;
use super::super::rows::Wrong;
use super::super::visitor::InProject;
use super::super::{ROOT, go_to};
use super::held::{self, Held};
use super::{Choice, choices, given};
use crate::error::ApiError;
use crate::state::AppState;
use crate::step_up;

/// The form's fields but for its rows.
const OWN: [&str; 4] = ["sign_in", "role", "place", ONCE];

#[derive(Template)]
#[template(path = "console/invite.html")]
struct Page {
    frame: Frame,
    form: Fields,
    action: String,
    back: String,
    project: String,
    roles: Vec<Choice>,
    offers_everywhere: bool,
    is_everywhere: bool,
    held: Option<Held>,
}

/// A role for every project is given by who has one without a constraint.
fn offers_everywhere(here: &InProject) -> bool {
    let mut own = here.visitor.person.parts().draft.roles.iter();
    let has = own.any(|role| role.project.is_none() && role.constraints.is_none());
    has && here.access.within().is_none()
}

fn show(here: &InProject, form: Fields) -> Result<Response, ApiError> {
    let role = match form.value("role") {
        "" => "viewer",
        role => role,
    };
    let shown = Page {
        frame: Frame::of("Invite somebody", here, Section::People),
        action: here.address("/people/invite"),
        back: here.address("/people"),
        project: here.definitions.project().name.clone(),
        roles: choices(here, role),
        offers_everywhere: offers_everywhere(here),
        is_everywhere: form.value("place") == "everywhere",
        held: Some(Held::of(&here.definitions, &form)),
        form,
    };
    shown.form.shown_in(&shown)
}

/// The page that invites.
pub(in super::super) async fn form(
    here: InProject,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    here.caller(Area::People)?;
    show(&here, Fields::blank().with(ONCE, forms::fresh(&state)))
}

#[derive(Template)]
#[template(path = "console/invited.html")]
struct Invited {
    frame: Frame,
    sign_in: String,
    /// `None` of a form that was sent again.
    link: Option<String>,
    back: String,
}

fn invited(here: &InProject, sign_in: String, link: Option<String>) -> Invited {
    Invited {
        frame: Frame::of("Invited", here, Section::People),
        sign_in,
        link,
        back: here.address("/people"),
    }
}

/// Invites somebody, and shows the link once.
pub(in super::super) async fn send(
    State(state): State<AppState>,
    KeptOnce(here, form, turn, counts): KeptOnce<InProject>,
) -> Result<Response, ApiError> {
    let caller = here.caller(Area::People)?;
    let kept: Vec<&str> = OWN.into_iter().chain(held::names()).collect();
    let fields = Fields::typed(&form, &kept, &["code"]).meaning("roles", "role");
    if let Err(error) = counts {
        return show(&here, fields.refused(error)?);
    }
    let rows = match held::conditions(&form, &here.definitions) {
        Ok(rows) => rows,
        Err(Wrong(field, rule)) => return show(&here, fields.broken(field, &rule)),
    };
    let (sign_in, draft) = match read(&here, &form, rows) {
        Ok(read) => read,
        Err(fault) => return show(&here, fields.refused(fault)?),
    };
    let control = match form.proof() {
        Ok(proof) => state.control.proving(proof),
        Err(fault) => return show(&here, fields.refused(fault)?),
    };
    let name = sign_in.to_string();
    let told = format!("{name} {}", model::json::to_text(&draft.to_value()));
    let once = forms::once(&form, here.address("/people/invite"), &told);
    match control.invite_once(&caller.0, sign_in, draft, once).await {
        Ok(Carried::Now((_, token))) => {
            let link = format!("{ROOT}/join#{}", token.reveal());
            let shown = invited(&here, name.clone(), Some(link));
            let first = step_up::finish(&control, page(StatusCode::OK, &shown));
            let of = For::role(&here, Area::People);
            let again = invited(&here, name, None);
            turn.hand(&state, of, first, &again).await
        }
        Ok(Carried::Before(_)) => page(StatusCode::OK, &invited(&here, name, None)),
        Err(ControlError::Refused(refusal @ Refusal::NotAllowed(_))) => {
            show(&here, fields.broken("role", &refusal.to_string()))
        }
        Err(error) => show(&here, fields.refused(error)?),
    }
}

fn read(
    here: &InProject,
    form: &Form,
    rows: Option<Filter>,
) -> Result<(SignInName, PersonDraft), Fault> {
    let sign_in = SignInName::parse(form.text("sign_in").trim()).map_err(|f| f.at("/sign_in"))?;
    let role = Role::parse(form.text("role")).ok_or_else(|| {
        let detail = "choose what the person is to be";
        Fault::new(FaultCode::InvalidValue, detail).at("/role")
    })?;
    // An owner is one of the whole organization.
    let is_everywhere = role == Role::Owner || form.text("place") == "everywhere";
    let draft = PersonDraft {
        // The person says later what to be called.
        name: sign_in.to_string(),
        roles: vec![given(here, role, is_everywhere, rows)],
    };
    Ok((sign_in, draft))
}

#[derive(Template)]
#[template(path = "console/uninvite.html")]
struct Back {
    frame: Frame,
    sign_in: String,
    action: String,
    back: String,
}

/// Asks before it takes an invitation back.
pub(in super::super) async fn uninvite_form(
    here: InProject,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    let caller = here.caller(Area::People)?;
    let invitations = state.control.invitations(&caller.0)?;
    let mut invitations = invitations.iter();
    let found = invitations.find(|one| one.id.to_string() == here.segment("id"));
    let found = found.ok_or_else(ApiError::not_found)?;
    let shown = Back {
        frame: Frame::of("Take an invitation back", &here, Section::People),
        sign_in: found.sign_in.to_string(),
        action: here.address(&format!("/people/invitations/{}/end", found.id)),
        back: here.address("/people"),
    };
    page(StatusCode::OK, &shown)
}

/// Takes an invitation back.
pub(in super::super) async fn uninvite(
    State(state): State<AppState>,
    Sent(here, _): Sent<InProject>,
) -> Result<Response, ApiError> {
    let caller = here.caller(Area::People)?;
    let id = InvitationId::parse(here.segment("id")).map_err(|_| ApiError::not_found())?;
    state.control.take_invitation_back(&caller.0, id).await?;
    Ok(go_to(&here.address("/people?done=uninvited")))
}

#[cfg(test)]
pub(super) fn sample(text: &str) -> Vec<crate::console::samples::Sample> {
    use crate::console::samples::{form, frame, sample};
    let address = || crate::console::frame::address(text, "/x");
    let page = Page {
        frame: frame(text),
        form: form(text, &["sign_in", "role", "place", ONCE, "code"]),
        action: address(),
        back: address(),
        project: text.to_owned(),
        roles: super::every_choice("viewer"),
        offers_everywhere: true,
        is_everywhere: true,
        held: Some(Held::sample(text)),
    };
    let invited = Invited {
        frame: frame(text),
        sign_in: text.to_owned(),
        link: Some(text.to_owned()),
        back: address(),
    };
    let again = Invited {
        frame: frame(text),
        sign_in: text.to_owned(),
        link: None,
        back: address(),
    };
    let back = Back {
        frame: frame(text),
        sign_in: text.to_owned(),
        action: address(),
        back: address(),
    };
    vec![
        sample("invite.html", &page),
        sample("invited.html", &invited),
        sample("invited.html", &again),
        sample("uninvite.html", &back),
    ]
}
