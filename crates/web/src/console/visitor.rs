//! Who is in front of a page.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{FromRequestParts, Path};
use control::{Definitions, OwnSession};
use http::request::Parts;
use model::ids::ProjectId;
use model::people::{Area, PersonRecord, SessionRecord, SessionToken};
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
    /// Where the request was seen.
    address: Option<IpAddr>,
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
    /// What forms of the page bring back: they are about this project, whatever
    /// is called by its name when they come.
    pub(super) token: String,
    path: HashMap<String, String>,
}

impl FromRequestParts<AppState> for Visitor {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let here = InSession::from_request_parts(parts, state).await?;
        let InSession {
            person,
            session,
            address,
        } = here;
        let projects = state.control.projects_open_to(&person);
        let token = token_of(state, &session, None);
        Ok(Self {
            person,
            session,
            address,
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
        let found = visitor.project(name);
        let (id, definitions) = found.ok_or_else(ApiError::not_found)?;
        let token = session::presented(&parts.headers).ok_or(model::keys::AuthError::Unknown)?;
        let access = session::enter_project(parts, state, &token, Some(&id.to_string()))?;
        if access.project() != id {
            return Err(ApiError::not_found());
        }
        let token = token_of(state, &visitor.session, Some(id));
        Ok(Self {
            visitor,
            access,
            definitions,
            token,
            path,
        })
    }
}

impl Visitor {
    /// Whoever has this session, for a page that only leads to others.
    pub(super) fn of(state: &AppState, token: &SessionToken) -> Option<Self> {
        let (person, session) = state.control.session(token).ok()?;
        let projects = state.control.projects_open_to(&person);
        let token = token_of(state, &session, None);
        Some(Self {
            person,
            session,
            address: None,
            projects,
            token,
        })
    }

    /// The project that is called so, among those in which the person has a role.
    fn project(&self, name: &str) -> Option<(ProjectId, Arc<Definitions>)> {
        // An id first: no name takes the place of another project's.
        let of_id = |(id, _): &&(ProjectId, Arc<Definitions>)| id.to_string() == name;
        let of_name = |(_, of): &&(ProjectId, Arc<Definitions>)| of.project().name == name;
        let found = self.projects.iter().find(of_id);
        found
            .or_else(|| self.projects.iter().find(of_name))
            .cloned()
    }

    /// What changes of the person's own are made by.
    pub(super) fn own(&self) -> OwnSession<'_> {
        OwnSession {
            person: &self.person,
            session: self.session.id,
            address: self.address,
        }
    }
}

impl InProject {
    /// Whoever has this session in the project that is called so, for a page that only leads to
    /// others; `None` without a role there.
    pub(super) fn of(state: &AppState, token: &SessionToken, name: &str) -> Option<Self> {
        let visitor = Visitor::of(state, token)?;
        let (id, definitions) = visitor.project(name)?;
        let access = state.control.enter(token, Some(&id.to_string())).ok()?;
        let token = token_of(state, &visitor.session, Some(id));
        Some(Self {
            visitor,
            access,
            definitions,
            token,
            path: HashMap::new(),
        })
    }

    /// Whether the person's role has this in the project.
    pub(super) fn may(&self, area: Area) -> bool {
        self.access.person().is_some_and(|person| person.may(area))
    }

    /// The person's role, as a word.
    pub(super) fn role(&self) -> &'static str {
        self.access.person().map_or("", |person| person.role.name())
    }

    /// Asks for an area that calls about single pools, views and queries have,
    /// which ask for their own rights besides.
    ///
    /// # Errors
    /// [`crate::error::Code::RoleNotAllowed`].
    pub(super) fn require(&self, area: Area) -> Result<(), ApiError> {
        let person = self.access.person().ok_or_else(ApiError::not_found)?;
        match person.may(area) {
            true => Ok(()),
            false => Err(session::role_refused(person)),
        }
    }

    /// What the calls of this area under `/v1` ask for, too: a caller that
    /// administers the project, and whose role has the area.
    ///
    /// # Errors
    /// [`crate::error::Code::RoleNotAllowed`].
    pub(super) fn caller(&self, area: Area) -> Result<Caller<Admin>, ApiError> {
        self.require(area)?;
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

/// The token of forms that are about this project, or about none.
pub(super) fn token_of(
    state: &AppState,
    session: &SessionRecord,
    project: Option<ProjectId>,
) -> String {
    seal(state).seal(VERSION, &binding(session, project), &[], &*state.random)
}

/// Whether a page gave this token to this very session, for a form about this
/// project.
pub(super) fn is_token(
    state: &AppState,
    token: &str,
    session: &SessionRecord,
    project: Option<ProjectId>,
) -> bool {
    let binding = binding(session, project);
    seal(state).open(VERSION, &binding, token).is_some()
}

fn binding(session: &SessionRecord, project: Option<ProjectId>) -> Vec<u8> {
    let mut binding = session.id.to_bytes().to_vec();
    binding.extend(project.into_iter().flat_map(ProjectId::to_bytes));
    binding
}

fn seal(state: &AppState) -> Seal {
    Seal::new(state.control.pepper(), PURPOSE)
}
