//! People and invitations.

mod schemas;

pub(super) use schemas::password as password_schema;
pub(crate) use schemas::schemas;

use std::sync::Arc;

use axum::extract::{FromRequestParts as _, State};
use axum::response::Response;
use control::{ControlError, NewPerson, Shown};
use http::StatusCode;
use http::request::Parts;
use model::document::{Document, merge_patch};
use model::fault::{Fault, FaultCode};
use model::ids::{InvitationId, PersonId};
use model::people::{
    InvitationRecord, InvitationToken, Password, PersonDraft, PersonRecord, RoleGrant, SignInName,
};
use model::permit::{Admin, Permit};
use model::value::{Object, Value};

use super::{CHANGE_ATTEMPTS, done, json, page, tag, tagged, with_members};
use crate::caller::circumstances;
use crate::caller::{Caller, Named};
use crate::error::ApiError;
use crate::input::{IfMatch, JsonBody, Parameters};
use crate::openapi::Operation;
use crate::session::{InSession, NotCrossSite};
use crate::state::AppState;
use crate::step_up;

/// A person as the wire shows one.
pub(super) fn show(person: &PersonRecord) -> Object {
    show_as(person, &person.parts().draft)
}

/// The same with as much of its roles as the caller may be told of.
fn show_to(state: &AppState, by: &Permit<Admin>, person: &PersonRecord) -> Object {
    show_as(person, &state.control.told_of(by, &person.parts().draft))
}

fn show_as(person: &PersonRecord, draft: &PersonDraft) -> Object {
    let parts = person.parts();
    let front = Object::new()
        .with("id", parts.id.to_string())
        .with("sign_in", parts.sign_in.as_str());
    let left = i64::try_from(parts.recovery.len()).unwrap_or(0);
    with_members(front, draft.to_value())
        .with("recovery_codes_left", left)
        .with("created_by", parts.created_by.as_str())
        .with("created_at", parts.created_at.to_string())
}

/// What a person is shown once.
pub(super) fn show_once(person: &PersonRecord, shown: &Shown) -> Object {
    let secret = shown.totp.reveal();
    let address = shown.totp.address(&person.parts().sign_in);
    let app = Object::new()
        .with("secret", secret.as_str())
        .with("address", address.as_str());
    let codes = shown.recovery.iter().map(|code| Value::from(code.reveal()));
    Object::new()
        .with("person", show(person))
        .with("app", app)
        .with("recovery_codes", codes.collect::<Vec<_>>())
}

/// With what the one who asks may know of the roles.
fn show_invitation(invitation: &InvitationRecord, told: &PersonDraft) -> Object {
    let front = Object::new()
        .with("id", invitation.id.to_string())
        .with("sign_in", invitation.sign_in.as_str());
    with_members(front, told.to_value())
        .with("created_by", invitation.created_by.as_str())
        .with("created_at", invitation.created_at.to_string())
        .with("expires_at", invitation.ends_at.to_string())
}

fn answer(state: &AppState, by: &Permit<Admin>, person: &PersonRecord) -> Response {
    let tag = tag(person.id(), person.parts().revision);
    tagged(
        StatusCode::OK,
        &Value::Object(show_to(state, by, person)),
        &tag,
    )
}

pub(super) fn sign_in_name(document: &mut Document<'_>) -> Result<SignInName, Fault> {
    SignInName::parse(document.text("sign_in")?).map_err(|f| f.at("/sign_in"))
}

/// A password that somebody chooses, in the member of this name.
pub(super) fn chosen(
    document: &mut Document<'_>,
    member: &'static str,
    about: &[&str],
) -> Result<Password, Fault> {
    let text = document.text(member)?;
    Password::choose(text, about).map_err(|f| f.at(format!("/{member}")))
}

fn name(document: &mut Document<'_>) -> Result<String, Fault> {
    PersonDraft::parse_name(document.text("name")?).map_err(|f| f.at("/name"))
}

fn find(people: &[Arc<PersonRecord>], id: &str) -> Result<Arc<PersonRecord>, ApiError> {
    let id = PersonId::parse(id).ok();
    let found = people.iter().find(|person| Some(person.id()) == id);
    found.cloned().ok_or_else(ApiError::not_found)
}

/// Describes [`first`].
pub(crate) fn first_operation() -> Operation {
    Operation::new(
        "setUpFirstOwner",
        "Makes the first owner, with the master key and while there is nobody. No other answer holds what the app needs.",
    )
    .takes("FirstOwner")
    .answers(201, "The owner, with what is shown once.", "NewPerson")
    .problems([409, 429, 507])
}

/// Makes the first owner.
pub(crate) async fn first(
    caller: Caller<Admin>,
    State(state): State<AppState>,
    JsonBody(body): JsonBody,
) -> Result<Response, ApiError> {
    let mut document = Document::new(&body)?;
    let sign_in = sign_in_name(&mut document)?;
    let name = name(&mut document)?;
    let password = chosen(&mut document, "password", &[sign_in.as_str(), &name])?;
    document.finish()?;
    let new = NewPerson { name, password };
    let made = state.control.set_up_first_owner(&caller.0, sign_in, new);
    let (person, shown) = made.await?;
    let shown = Value::Object(show_once(&person, &shown));
    Ok(json(StatusCode::CREATED, &shown))
}

/// Describes [`list`].
pub(crate) fn list_operation() -> Operation {
    Operation::new("listPeople", "The people of the organization.").lists("Person")
}

/// The people of the organization.
pub(crate) async fn list(
    caller: Caller<Admin>,
    parameters: Parameters,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    let people = state.control.people_of(&caller.0)?;
    page(
        &parameters,
        &people,
        |person| person.id().to_bytes(),
        |person| Value::Object(show_to(&state, &caller.0, person)),
    )
}

/// Describes [`read`].
pub(crate) fn read_operation() -> Operation {
    Operation::new("readPerson", "A person.").answers(200, "The person.", "Person")
}

/// A person.
pub(crate) async fn read(
    caller: Caller<Admin>,
    Named(id): Named,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    let people = state.control.people_of(&caller.0)?;
    Ok(answer(&state, &caller.0, &*find(&people, &id)?))
}

/// Describes [`change`].
pub(crate) fn change_operation() -> Operation {
    Operation::new(
        "changePerson",
        "Changes a person's name and roles; in force for the person's next request.",
    )
    .patches("PersonPatch")
    .answers(200, "The person.", "Person")
    .problems([409, 429, 507])
}

/// Changes a person by a merge patch.
pub(crate) async fn change(
    caller: Caller<Admin>,
    Named(id): Named,
    if_match: IfMatch,
    State(state): State<AppState>,
    JsonBody(patch): JsonBody,
) -> Result<Response, ApiError> {
    let (patch, proof) = step_up::split(patch)?;
    let control = state.control.proving(proof);
    for _ in 0..CHANGE_ATTEMPTS {
        let people = state.control.people_of(&caller.0)?;
        let person = find(&people, &id)?;
        let revision = person.parts().revision;
        if_match.check(&tag(person.id(), revision))?;
        let merged = merge_patch(&person.parts().draft.to_value(), &patch);
        let draft = PersonDraft::parse(&merged)?;
        let changed = control.change_person(&caller.0, person.id(), Some(revision), draft);
        match changed.await {
            Err(ControlError::StaleRevision) => {}
            changed => {
                let changed = changed.map(|person| answer(&state, &caller.0, &person));
                return Ok(step_up::finish(&control, changed.map_err(ApiError::from)));
            }
        }
    }
    Err(ApiError::stale())
}

/// Describes [`delete`].
pub(crate) fn delete_operation() -> Operation {
    Operation::new(
        "deletePerson",
        "Removes a person who leaves, at once. Keys that the person made live on.",
    )
    .conditional()
    .answers_nothing()
    .problems([409, 507])
}

/// Removes a person.
pub(crate) async fn delete(
    caller: Caller<Admin>,
    Named(id): Named,
    if_match: IfMatch,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    for _ in 0..CHANGE_ATTEMPTS {
        let people = state.control.people_of(&caller.0)?;
        let person = find(&people, &id)?;
        let revision = person.parts().revision;
        if_match.check(&tag(person.id(), revision))?;
        let control = &state.control;
        let removed = control.remove_person(&caller.0, person.id(), Some(revision));
        match removed.await {
            Err(ControlError::StaleRevision) => {}
            removed => {
                removed?;
                return Ok(done());
            }
        }
    }
    Err(ApiError::stale())
}

/// Describes [`end_sessions`].
pub(crate) fn end_sessions_operation() -> Operation {
    Operation::new(
        "endSessionsOfPerson",
        "Ends every session of a person, at once. The person stays, and signs in again.",
    )
    .answers_nothing()
    .problems([507])
}

/// Ends every session of a person.
pub(crate) async fn end_sessions(
    caller: Caller<Admin>,
    Named(id): Named,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    let id = PersonId::parse(&id).map_err(|_| ApiError::not_found())?;
    state.control.end_sessions_of(&caller.0, id).await?;
    Ok(done())
}

/// Describes [`invite`].
pub(crate) fn invite_operation() -> Operation {
    Operation::new(
        "invitePerson",
        "Invites somebody for a week. No other answer holds the invitation's token.",
    )
    .takes("InvitationDraft")
    .answers(201, "The invitation with its token.", "NewInvitation")
    .problems([409, 429, 507])
}

/// Invites somebody.
pub(crate) async fn invite(
    caller: Caller<Admin>,
    State(state): State<AppState>,
    JsonBody(body): JsonBody,
) -> Result<Response, ApiError> {
    let (body, proof) = step_up::split(body)?;
    let mut document = Document::new(&body)?;
    let sign_in = sign_in_name(&mut document)?;
    let roles = RoleGrant::parse_all(document.required("roles")?);
    let roles = roles.map_err(|f| f.under("/roles"))?;
    document.finish()?;
    let draft = PersonDraft {
        // The person says later what to be called.
        name: sign_in.to_string(),
        roles,
    };
    let control = state.control.proving(proof);
    let invited = control.invite(&caller.0, sign_in, draft).await;
    let invited = invited.map(|(invitation, token)| {
        let shown = show_invitation(&invitation, &invitation.draft).with("token", token.reveal());
        json(StatusCode::CREATED, &Value::Object(shown))
    });
    Ok(step_up::finish(&control, invited.map_err(ApiError::from)))
}

/// Describes [`invitations`].
pub(crate) fn invitations_operation() -> Operation {
    Operation::new(
        "listInvitations",
        "The invitations that count, without their tokens.",
    )
    .lists("Invitation")
}

/// The invitations that count.
pub(crate) async fn invitations(
    caller: Caller<Admin>,
    parameters: Parameters,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    let invitations = state.control.invitations(&caller.0)?;
    page(
        &parameters,
        &invitations,
        |invitation| invitation.id.to_bytes(),
        |invitation| {
            let told = state.control.told_of(&caller.0, &invitation.draft);
            Value::Object(show_invitation(invitation, &told))
        },
    )
}

/// Describes [`uninvite`].
pub(crate) fn uninvite_operation() -> Operation {
    Operation::new("deleteInvitation", "Takes an invitation back, at once.")
        .answers_nothing()
        .problems([507])
}

/// Takes an invitation back.
pub(crate) async fn uninvite(
    caller: Caller<Admin>,
    Named(id): Named,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    let id = InvitationId::parse(&id).map_err(|_| ApiError::not_found())?;
    state.control.take_invitation_back(&caller.0, id).await?;
    Ok(done())
}

/// Describes [`accept`].
pub(crate) fn accept_operation() -> Operation {
    Operation::new(
        "acceptInvitation",
        "Makes the person who was invited; no other answer holds what the app needs. With the token alone, \
         and the cookie of somebody who signed in under the name that was invited: gives that person the roles.",
    )
    .takes("Acceptance")
    .answers(200, "The person who signed in, with the further roles.", "Person")
    .answers(201, "The person, with what is shown once.", "NewPerson")
    .problems([401, 403, 404, 409, 429, 507])
}

/// Makes the person who was invited, or lets somebody who is there join.
pub(crate) async fn accept(
    _: NotCrossSite,
    State(state): State<AppState>,
    mut parts: Parts,
    JsonBody(body): JsonBody,
) -> Result<Response, ApiError> {
    let mut document = Document::new(&body)?;
    let token = InvitationToken::parse(document.text("token")?);
    let token = token.ok_or_else(|| {
        let detail = "token is the 43 characters that the invitation showed";
        Fault::new(FaultCode::InvalidValue, detail).at("/token")
    })?;
    let is_new = ["name", "password"].map(|name| document.present(name).is_some());
    if is_new == [false; 2] {
        document.finish()?;
        let here = InSession::from_request_parts(&mut parts, &state).await?;
        let joined = state.control.join_by_invitation(here.own(), &token);
        let joined = joined.await?;
        return Ok(json(StatusCode::OK, &Value::Object(show(&joined))));
    }
    let name = name(&mut document)?;
    let password = chosen(&mut document, "password", &[&name])?;
    document.finish()?;
    let new = NewPerson { name, password };
    let address = circumstances(&parts).address();
    let made = state.control.accept_invitation(&token, new, address);
    let (person, shown) = made.await?;
    let shown = Value::Object(show_once(&person, &shown));
    Ok(json(StatusCode::CREATED, &shown))
}
