//! Forms that are shown again when they cannot count: after the session that their
//! page was made for, and when more was typed than a form may hold.

use axum::extract::{FromRequest, Request};
use axum::response::{IntoResponse, Response};
use http::request::Parts;

use super::{
    CODE, FIELDS_MAX, FORM_BYTES_MAX, Form, Sender, TOKEN, read, read_most, read_with_files,
    require_token,
};
use crate::error::{ApiError, Code};
use crate::session::require_own_page;
use crate::state::AppState;

/// Fields that are never kept over a sign-in: whoever signs in types them anew.
const SECRET: [&str; 7] = [
    TOKEN,
    CODE,
    "password",
    "new_password",
    "recovery_code",
    "invitation",
    "master",
];

/// A form of somebody who signed in, sent from the console's own page; and whether
/// it counts. One that does not is shown again with what was typed and a fresh
/// token, and nothing of it is done: a person sends it a second time.
pub(in crate::console) struct Kept<V>(
    pub(in crate::console) V,
    pub(in crate::console) Form,
    pub(in crate::console) Result<(), ApiError>,
);

/// The same that may bring a file, as large as a body of records.
pub(in crate::console) struct KeptFile<V>(
    pub(in crate::console) V,
    pub(in crate::console) Form,
    pub(in crate::console) Result<(), ApiError>,
);

/// In an extension of a refusal: what somebody typed who must sign in first,
/// without anything that is secret.
#[derive(Clone, Debug)]
pub(crate) struct Typed(pub(crate) Vec<(String, String)>);

/// Fields that stand around what is kept over a sign-in, at most.
const SIGN_IN_FIELDS_MAX: usize = 16;

/// Why a form reached nobody, with what was typed into it.
pub(in crate::console) struct Refusal(pub(super) ApiError, pub(super) Option<Typed>);

impl From<ApiError> for Refusal {
    fn from(error: ApiError) -> Self {
        Self(error, None)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = self.0.into_response();
        if let Some(typed) = self.1 {
            response.extensions_mut().insert(typed);
        }
        response
    }
}

impl<V: Sender> FromRequest<AppState> for Kept<V> {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, Refusal> {
        let (visitor, form, counts) = came(request, state, read).await?;
        Ok(Self(visitor, form, counts))
    }
}

impl<V: Sender> FromRequest<AppState> for KeptFile<V> {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, Refusal> {
        let (visitor, form, counts) = came(request, state, read_with_files).await?;
        Ok(Self(visitor, form, counts))
    }
}

async fn came<V: Sender>(
    request: Request,
    state: &AppState,
    read_all: impl AsyncFnOnce(Request, &AppState) -> Result<Form, ApiError>,
) -> Result<(V, Form, Result<(), ApiError>), Refusal> {
    let (mut parts, body) = request.into_parts();
    if let Err(error) = V::from_request_parts(&mut parts, state).await {
        let is_own = require_own_page(&parts).is_ok();
        if error.problem().code() != Code::Unauthenticated || !is_own {
            return Err(error.into());
        }
        // Of whoever is not let in, no file is read.
        let request = Request::from_parts(parts, body);
        let form = read_most(request, FORM_BYTES_MAX, state).await.ok();
        return Err(Refusal(error, form.and_then(|form| typed(&form))));
    }
    let form = read_all(Request::from_parts(parts.clone(), body), state).await?;
    // The session may have ended while the form came.
    let visitor = match V::from_request_parts(&mut parts, state).await {
        Ok(visitor) => visitor,
        Err(error) => return Err(Refusal(error, typed(&form))),
    };
    let counts = counts(&visitor, (&form, &parts), state)?;
    Ok((visitor, form, counts))
}

/// Whether a form counts.
///
/// # Errors
/// [`Code::CrossSite`] of one that is not to be shown again either: from another
/// site, or from a page about another project.
pub(super) fn counts<V: Sender>(
    visitor: &V,
    (form, parts): (&Form, &Parts),
    state: &AppState,
) -> Result<Result<(), ApiError>, ApiError> {
    let Err(error) = require_token(visitor, form, state) else {
        return Ok(form.fits());
    };
    require_own_page(parts)?;
    let mut tokens = form.all(TOKEN);
    match tokens.any(|token| visitor.gave(state, token) || visitor.gave_elsewhere(state, token)) {
        true => Err(error),
        false => Ok(Err(error)),
    }
}

/// What is kept over a sign-in; `None` where nothing was typed.
pub(super) fn typed(form: &Form) -> Option<Typed> {
    let is_too_much = form.pairs().count() + SIGN_IN_FIELDS_MAX > FIELDS_MAX;
    if form.fits().is_err() || is_too_much {
        return None;
    }
    let ordinary = form.pairs().filter(|(name, _)| !SECRET.contains(name));
    let ordinary: Vec<(String, String)> = ordinary
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let is_said = ordinary.iter().any(|(_, value)| !value.trim().is_empty());
    is_said.then_some(Typed(ordinary))
}
