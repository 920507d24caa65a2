//! Who is in front of a page.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::{FromRequestParts, Path};
use control::Definitions;
use http::request::Parts;
use model::ids::ProjectId;
use model::people::{Area, PersonRecord, SessionRecord};
use model::permit::{Access, Admin, On, Permit};
use model::sealed::Seal;

use crate::caller::Caller;
use crate::error::ApiError;
use crate::session::{self, InSession};
use crate::state::AppState;

/// What the tokens of forms are sealed for.
const PURPOSE: &str = "console form";
const VERSION: u8 = 1;

/// Somebody who signed in, in front of a page that is about no project.
pub(super) struct Visitor {
    pub(super) person: Arc<PersonRecord>,
    pub(super) session: SessionRecord,
    /// The projects in which the person has a role.
    pub(super) projects: Vec<(ProjectId, Arc<Definitions>)>,
    /// What forms of the page bring back.
    pub(super) token: String,
}

/// Somebody who signed in, in front of a page of the project that the segment
/// `project` of the path names.
pub(super) struct InProject {
    pub(super) visitor: Visitor,
    pub(super) access: Access,
    pub(super) definitions: Arc<Definitions>,
    path: HashMap<String, String>,
}

impl FromRequestParts<AppState> for Visitor {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let InSession { person, session } = InSession::from_request_parts(parts, state).await?;
        let projects = state.control.projects_open_to(&person);
        let token = token_of(state, &session);
        Ok(Self {
            person,
            session,
            projects,
            token,
        })
    }
}

impl FromRequestParts<AppState> for InProject {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let visitor = Visitor::from_request_parts(parts, state).await?;
        let path = Path::<HashMap<String, String>>::from_request_parts(parts, state);
        let Path(path) = path.await.map_err(|_| ApiError::not_found())?;
        let name = path.get("project").ok_or_else(ApiError::not_found)?;
        let is_meant = |(id, of): &&(ProjectId, Arc<Definitions>)| {
            of.project().name == *name || id.to_string() == *name
        };
        let found = visitor.projects.iter().find(is_meant);
        let (id, definitions) = found.cloned().ok_or_else(ApiError::not_found)?;
        let token = session::presented(&parts.headers).ok_or(model::keys::AuthError::Unknown)?;
        let access = session::enter_project(parts, state, &token, Some(&id.to_string()))?;
        Ok(Self {
            visitor,
            access,
            definitions,
            path,
        })
    }
}

impl Visitor {
    /// Stands there by this session from now on.
    pub(super) fn renew(&mut self, state: &AppState, session: SessionRecord) {
        self.token = token_of(state, &session);
        self.session = session;
    }

    /// Whether a form brings a token that a page showed to this very session.
    pub(super) fn gave(&self, state: &AppState, token: &str) -> bool {
        let binding = self.session.id.to_bytes();
        seal(state).open(VERSION, &binding, token).is_some()
    }
}

impl InProject {
    /// Whether the person's role has this in the project.
    pub(super) fn may(&self, area: Area) -> bool {
        self.access.person().is_some_and(|person| person.may(area))
    }

    /// The person's role, as a word.
    pub(super) fn role(&self) -> &'static str {
        self.access.person().map_or("", |person| person.role.name())
    }

    /// What the calls of this area under `/v1` ask for, too: a caller that
    /// administers the project, and whose role has the area.
    ///
    /// # Errors
    /// [`crate::error::Code::RoleNotAllowed`].
    pub(super) fn caller(&self, area: Area) -> Result<Caller<Admin>, ApiError> {
        let person = self.access.person().ok_or_else(ApiError::not_found)?;
        if !person.may(area) {
            return Err(session::role_refused(person));
        }
        let permit: Permit<Admin> = self.access.permit(On::Project)?;
        Ok(Caller(permit))
    }

    /// A variable segment of the path, beside the project.
    pub(super) fn segment(&self, name: &str) -> &str {
        self.path.get(name).map_or("", String::as_str)
    }

    /// The address of a page of this project; `below` begins with a slash.
    pub(super) fn address(&self, below: &str) -> String {
        super::frame::address(&self.definitions.project().name, below)
    }
}

fn token_of(state: &AppState, session: &SessionRecord) -> String {
    seal(state).seal(VERSION, &session.id.to_bytes(), &[], &*state.random)
}

fn seal(state: &AppState) -> Seal {
    Seal::new(state.control.pepper(), PURPOSE)
}
