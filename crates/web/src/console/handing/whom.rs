//! Whom a page is for that is shown once: who sent the form, as long as that
//! session lasts and its person may do such a thing.

use axum::extract::FromRequestParts;
use http::request::Parts;
use model::ids::{ProjectId, SessionId};
use model::keys::AuthError;
use model::people::{Area, SessionToken};

use crate::console::visitor::{InProject, Visitor};
use crate::error::ApiError;
use crate::session::{self, InSession};
use crate::state::AppState;

/// Whom a page is for.
#[derive(Clone, Copy, Debug)]
pub(in crate::console) struct For {
    /// `None` for somebody who has no session.
    pub(super) session: Option<SessionId>,
    /// What the person's role in a project must have.
    area: Option<(ProjectId, Area)>,
}

impl For {
    /// For whoever knows the address.
    pub(in crate::console) const ANYBODY: Self = Self {
        session: None,
        area: None,
    };

    /// For a person, of what is the person's own.
    pub(in crate::console) fn own(visitor: &Visitor) -> Self {
        Self {
            session: Some(visitor.session.id),
            area: None,
        }
    }

    /// For a person whose role in the project has this.
    pub(in crate::console) fn role(here: &InProject, area: Area) -> Self {
        Self {
            session: Some(here.visitor.session.id),
            area: Some((here.access.project(), area)),
        }
    }

    /// Refuses a person whose session is over, and one whose role has the area
    /// no more.
    pub(super) fn check(self, token: &SessionToken, state: &AppState) -> Result<(), ApiError> {
        let Some((project, area)) = self.area else {
            state.control.session(token)?;
            return Ok(());
        };
        let access = state.control.enter(token, Some(&project.to_string()))?;
        let person = access.person().ok_or_else(ApiError::not_found)?;
        match access.project() == project && person.may(area) {
            true => Ok(()),
            false => Err(session::role_refused(person)),
        }
    }
}

/// Who is there, if anybody who signed in: the session, and what it came by.
pub(in crate::console) struct Visiting(pub(super) Result<(SessionId, SessionToken), ApiError>);

impl FromRequestParts<AppState> for Visiting {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let here = InSession::from_request_parts(parts, state).await;
        let token = session::presented(&parts.headers).ok_or(AuthError::Unknown);
        Ok(Self(here.and_then(|here| Ok((here.session.id, token?)))))
    }
}
