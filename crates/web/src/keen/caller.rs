//! Callers of the dialect: which project is meant, then whose key it is.

use std::sync::Arc;

use axum::extract::{FromRequestParts, RawPathParams};
use control::Definitions;
use http::request::Parts;
use http::{HeaderMap, header};
use model::ids::ProjectId;
use model::keys::{AuthError, KeyKind};
use model::permit::{Access, Admin, Denied, On, Permit, Right};
use model::pools::Pool;
use model::secrets::{ScopedText, Secret};

use super::{Parameters, failed, is_on, scoped};
use crate::caller::{admitted, circumstances, let_in};
use crate::error::{ApiError, Code};
use crate::metering::LetIn;
use crate::state::AppState;

/// A caller whose key belongs to the project that the path names, whatever the
/// key may do there. What it may do is asked of [`Access::permit`].
#[derive(Debug)]
pub(crate) struct Caller {
    /// Who it is.
    pub(crate) access: Access,
    /// What the project defines.
    pub(crate) definitions: Arc<Definitions>,
    /// What the request holds of the key's limits, and does.
    pub(crate) let_in: LetIn,
}

/// The variable segments of a path, decoded.
#[derive(Debug)]
pub(crate) struct Segments(Vec<(String, String)>);

impl Segments {
    /// The segment of this name; empty for one that is not encoded UTF-8,
    /// which names nothing.
    pub(crate) fn get(&self, name: &str) -> &str {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map_or("", |(_, text)| text.as_str())
    }
}

impl Caller {
    /// The collection of this name. Usage is none.
    pub(crate) fn collection(&self, name: &str) -> Option<&Arc<Pool>> {
        let pool = self.definitions.pool(name);
        pool.filter(|pool| !pool.is_usage())
    }

    /// Whether the key has the right `A` on some pool.
    ///
    /// # Errors
    /// It has it on none.
    pub(crate) fn may<A: Right>(&self) -> Result<(), ApiError> {
        match self.access.permit::<A>(On::Pool(None)) {
            Err(denied @ (Denied::NoGrant(_) | Denied::Quarantined(_))) => Err(denied.into()),
            Err(Denied::NotFound | Denied::KeptByServer) | Ok(_) => Ok(()),
        }
    }

    /// The proof that this is the holder of a master key.
    ///
    /// # Errors
    /// It is another key: of the dialect's own two others the error is 401, as
    /// its clients know it, and of all others, scoped ones too, 403.
    pub(crate) fn master(&self) -> Result<Permit<Admin>, ApiError> {
        let key = self.definitions.key(self.access.key());
        let is_default = key.is_some_and(|key| {
            let draft = key.draft();
            draft.kind == KeyKind::Legacy && draft.dialect.is_none() && !self.access.is_scoped()
        });
        let refused = |_| match is_default {
            true => failed(
                Code::Unauthenticated,
                "AdminOnlyEndpointError",
                "master key required",
            ),
            false => failed(
                Code::ActionNotGranted,
                "RequestForbiddenError",
                "only the master key may do this",
            ),
        };
        self.access.permit(On::Project).map_err(refused)
    }

    /// The path that everything of the project is under.
    pub(crate) fn base(&self) -> String {
        format!("/3.0/projects/{}", self.access.project())
    }
}

/// A caller of a path that names no project: its key's own is meant.
#[derive(Debug)]
pub(crate) struct OwnCaller(pub(crate) Caller);

impl FromRequestParts<AppState> for OwnCaller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let parameters = Parameters::from_request_parts(parts, state).await?;
        // A scoped key belongs to the project that is named beside it.
        let Some(Presented::Key(secret)) = presented(&parts.headers, &parameters) else {
            return Err(not_let_in());
        };
        let access = let_in(parts, state, &secret)?;
        let let_in = LetIn::from_request_parts(parts, state).await?;
        let definitions = state.control.definitions(access.project());
        if !is_on(&definitions) {
            return Err(no_project());
        }
        Ok(Self(Caller {
            access,
            definitions,
            let_in,
        }))
    }
}

impl FromRequestParts<AppState> for Segments {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let Ok(segments) = RawPathParams::from_request_parts(parts, state).await else {
            return Ok(Self(Vec::new()));
        };
        let segments = segments.iter();
        Ok(Self(
            segments
                .map(|(name, text)| (name.to_owned(), text.to_owned()))
                .collect(),
        ))
    }
}

impl FromRequestParts<AppState> for Caller {
    type Rejection = ApiError;

    /// An unknown project answers before any key is looked at.
    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let segments = Segments::from_request_parts(parts, state).await?;
        // Ids have one text; clients may write it in lower case.
        let id = segments.get("project").to_ascii_uppercase();
        let project = ProjectId::parse(&id).map_err(|_| no_project())?;
        let definitions = state.control.definitions(project);
        if !is_on(&definitions) {
            return Err(no_project());
        }
        let parameters = Parameters::from_request_parts(parts, state).await?;
        let access = match presented(&parts.headers, &parameters) {
            Some(Presented::Key(secret)) => let_in(parts, state, &secret)?,
            Some(Presented::Scoped(text)) => {
                let seen = circumstances(parts);
                let access = scoped::let_in(&state.control, project, &text, &seen)?;
                admitted(parts, state, &access)?;
                access
            }
            None => return Err(not_let_in()),
        };
        let let_in = LetIn::from_request_parts(parts, state).await?;
        if access.project() != project {
            return Err(not_let_in());
        }
        Ok(Self {
            access,
            definitions,
            let_in,
        })
    }
}

fn no_project() -> ApiError {
    failed(
        Code::NotFound,
        "ResourceNotFoundError",
        "there is no such project",
    )
}

fn not_let_in() -> ApiError {
    AuthError::Unknown.into()
}

/// What a client shows to be let in.
enum Presented {
    Key(Secret),
    Scoped(ScopedText),
}

impl Presented {
    fn parse(text: &str) -> Option<Self> {
        let key = Secret::parse(text).map(Self::Key);
        key.or_else(|| ScopedText::parse(text).map(Self::Scoped))
    }
}

/// The key: what the header holds, without a scheme or as a bearer, else the
/// parameter `api_key`. Clients that have a header may send a parameter that
/// means nothing beside it.
fn presented(headers: &HeaderMap, parameters: &Parameters) -> Option<Presented> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    if let Some(value) = values.next() {
        let text = value.to_str().ok()?.trim();
        if values.next().is_some() {
            return None;
        }
        if !text.is_empty() {
            let token = match text.split_once(' ') {
                Some((scheme, token)) if scheme.eq_ignore_ascii_case("Bearer") => token.trim(),
                Some(_) => return None,
                None => text,
            };
            return Presented::parse(token);
        }
    }
    Presented::parse(parameters.text("api_key")?.trim())
}
