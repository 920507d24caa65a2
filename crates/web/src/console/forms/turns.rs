//! Forms that make what is shown once. One that was sent before is answered as it
//! was then, and not carried out: see [`handing`].

use axum::body::Body;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::request::Parts;
use model::ids::SessionId;

use super::kept::{Refusal, counts, typed};
use super::{Anybody, Form, Kept, Sender, read, require_token};
use crate::console::handing::{self, Turn};
use crate::error::{ApiError, Code};
use crate::session::{InSession, require_own_page};
use crate::state::AppState;

/// A form of somebody who signed in, as [`super::Sent`].
pub(in crate::console) struct SentOnce<V>(
    pub(in crate::console) V,
    pub(in crate::console) Form,
    pub(in crate::console) Turn,
);

/// One that is shown again where it does not count, as [`Kept`].
pub(in crate::console) struct KeptOnce<V>(
    pub(in crate::console) V,
    pub(in crate::console) Form,
    pub(in crate::console) Turn,
    pub(in crate::console) Result<(), ApiError>,
);

/// A form of somebody who need not be signed in, as [`Anybody`].
pub(in crate::console) struct AnybodyOnce(pub(in crate::console) Form, pub(in crate::console) Turn);

/// The session of whoever sends a form: the first answer may have brought another
/// cookie, and been thrown away.
async fn session_of(parts: &mut Parts, state: &AppState) -> Result<SessionId, ApiError> {
    let known = state.handing.session_of(&parts.headers, state.clock.now());
    match (InSession::from_request_parts(parts, state).await, known) {
        (Ok(here), _) => Ok(here.session.id),
        (Err(error), Some(session)) if error.problem().code() == Code::Unauthenticated => {
            require_own_page(parts)?;
            Ok(session)
        }
        (Err(error), _) => Err(error),
    }
}

/// The form, when its turn comes; else the answer to the one like it.
async fn in_turn(
    (parts, body): (&Parts, Body),
    session: SessionId,
    state: &AppState,
) -> Result<(Form, Turn), Response> {
    let form = read(Request::from_parts(parts.clone(), body), state).await;
    let form = form.map_err(ApiError::into_response)?;
    let by = handing::Sender::of(parts, Some(session));
    let turn = state
        .handing
        .turn(by, &form.fields, state.clock.now())
        .await;
    let turn = turn.map_err(|answer| answer.to_response())?;
    Ok((form, turn))
}

impl<V: Sender> FromRequest<AppState> for SentOnce<V> {
    type Rejection = Response;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        let refused = ApiError::into_response;
        let session = session_of(&mut parts, state).await.map_err(refused)?;
        let (form, turn) = in_turn((&parts, body), session, state).await?;
        let visitor = V::from_request_parts(&mut parts, state).await;
        let visitor = visitor.map_err(refused)?;
        require_token(&visitor, &form, state).map_err(refused)?;
        form.fits().map_err(refused)?;
        Ok(Self(visitor, form, turn))
    }
}

impl<V: Sender> FromRequest<AppState> for KeptOnce<V> {
    type Rejection = Response;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        let session = match session_of(&mut parts, state).await {
            Ok(session) => session,
            // Nothing is kept of what another site sent.
            Err(error) if error.problem().status() == StatusCode::FORBIDDEN => {
                return Err(error.into_response());
            }
            Err(error) => {
                // As of every form that is kept over a sign-in.
                let request = Request::from_parts(parts, body);
                let refused = Kept::<V>::from_request(request, state).await;
                return Err(match refused {
                    Ok(_) => error.into_response(),
                    Err(refusal) => refusal.into_response(),
                });
            }
        };
        let (form, turn) = in_turn((&parts, body), session, state).await?;
        let visitor = match V::from_request_parts(&mut parts, state).await {
            Ok(visitor) => visitor,
            Err(error) => return Err(Refusal(error, typed(&form)).into_response()),
        };
        let counts = counts(&visitor, (&form, &parts), state);
        let counts = counts.map_err(ApiError::into_response)?;
        Ok(Self(visitor, form, turn, counts))
    }
}

impl FromRequest<AppState> for AnybodyOnce {
    type Rejection = Response;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, Response> {
        let (parts, body) = request.into_parts();
        let by = handing::Sender::of(&parts, None);
        let request = Request::from_parts(parts, body);
        let form = Anybody::from_request(request, state).await;
        let Anybody(form) = form.map_err(ApiError::into_response)?;
        let turn = state
            .handing
            .turn(by, &form.fields, state.clock.now())
            .await;
        let turn = turn.map_err(|answer| answer.to_response())?;
        Ok(Self(form, turn))
    }
}
