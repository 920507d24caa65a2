//! Callers: from the `Authorization` header to the permit that a handler
//! names in its signature.
//!
//! A handler that takes one of these types cannot run for a caller without
//! the right, and a handler that takes none of them can reach neither a
//! definition nor a row.

mod keyed;
mod listed;
mod scheme;
pub(crate) mod seen;
pub(crate) mod signed;

pub(crate) use keyed::{Unverified, held};
pub(crate) use seen::{Seen, circumstances};
pub(crate) use signed::{checked, refusal_of};

use std::sync::Arc;

use axum::extract::{FromRequestParts, Path};
use control::Definitions;
use http::request::Parts;
use http::{HeaderMap, Method, Uri, header};
use model::grants::Action;
use model::keys::{AuthError, Envelope, KeyKind, Page};
use model::permit::{Access, Admin, AskPool, Denied, Extract, Issue, On, Permit, Right};
use model::pools::Pool;
use model::secrets::{Secret, SecretId, SigningSecret};
use model::views::View;

use crate::error::{ApiError, Code};
use crate::input;
use crate::keen;
use crate::metering::LetIn;
use crate::session;
use crate::state::AppState;
use scheme::Scheme;

/// Characters of a token; see [`model::secrets`].
const TOKEN_CHARS: usize = 6 + 12 + 1 + 43 + 6;
/// Parameters that other services take keys in.
const KEY_PARAMETERS: [&str; 6] = [
    "api_key",
    "apikey",
    "access_token",
    "authorization",
    "key",
    "token",
];

/// A caller with a key that is in use, whatever the key may do.
#[derive(Debug)]
pub(crate) struct Authenticated(pub(crate) Access);

/// A caller whose key has the right `A` on the project.
#[derive(Debug)]
pub(crate) struct Caller<A>(pub(crate) Permit<A>);

/// A caller whose key has the right `A` on the pool that the path names.
#[derive(Debug)]
pub(crate) struct OnPool<A>(pub(crate) Permit<A>, pub(crate) Arc<Pool>);

/// A caller whose key has the right `A` on the view that the path names.
#[derive(Debug)]
pub(crate) struct OnView<A>(pub(crate) Permit<A>, pub(crate) Arc<View>);

/// A caller whose key may ask some pool for its rows or for functions over
/// them. Which pool, and for what, the body says.
#[derive(Debug)]
pub(crate) struct Asker(pub(crate) Access);

/// The variable segment of the path; empty for a text that is not encoded
/// UTF-8, which names nothing just like an unused name.
#[derive(Debug)]
pub(crate) struct Named(pub(crate) String);

impl<A: Right> Caller<A> {
    /// The definitions of the caller's project.
    pub(crate) fn definitions(&self, state: &AppState) -> Arc<Definitions> {
        state.control.definitions(self.0.access().project())
    }
}

impl FromRequestParts<AppState> for Authenticated {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        if let Some(token) = session::presented(&parts.headers) {
            return session::enter(parts, state, &token).map(Self);
        }
        match Scheme::of(&parts.headers)? {
            Some(Scheme::Message) => return signed::let_in(parts, state).await.map(Self),
            Some(Scheme::Apperate) => return keyed::let_in(parts, state).await.map(Self),
            Some(Scheme::Listed) => return listed::let_in(parts, state).await.map(Self),
            None => {}
        }
        match presented(&parts.headers).ok_or(AuthError::Unknown)? {
            Presented::Secret(secret) => let_in(parts, state, &secret).map(Self),
            Presented::Derived(token) => {
                let seen = circumstances(parts);
                let access = state.control.authenticate_derived(token, &seen)?;
                admitted(parts, state, &access)?;
                Ok(Self(access))
            }
        }
    }
}

/// What a caller shows to be let in.
enum Presented<'r> {
    Secret(Secret),
    Derived(&'r str),
}

/// Lets the holder of a secret in, as far as the key's limits go, and notes
/// the key for the access log.
///
/// # Errors
/// Whoever is not let in, a secret key that is used from a page, and a limit of
/// the key that is reached.
pub(crate) fn let_in(parts: &Parts, state: &AppState, secret: &Secret) -> Result<Access, ApiError> {
    let access = state.control.authenticate(secret, &circumstances(parts))?;
    LetIn::note_secret(parts);
    admitted(parts, state, &access)?;
    Ok(access)
}

/// Lets one whose key is in use in as far as the key's limits go, and notes of
/// a secret key that is used from a page that it was.
///
/// # Errors
/// A secret key that is used from a page; a limit of the key that is reached.
pub(crate) fn admitted(parts: &Parts, state: &AppState, access: &Access) -> Result<(), ApiError> {
    LetIn::note(parts, access);
    if let Some(network) = seen::kept_network(parts, access) {
        LetIn::note_network(parts, network);
    }
    refuse_from_page(access, &parts.headers).inspect_err(|_| {
        // A derived token in a page gives nobody the secret.
        if access.derived_token().is_some() {
            return;
        }
        let page = parts.headers.get(header::ORIGIN);
        let page = page.and_then(|page| page.to_str().ok());
        state.control.note_page(access.secret(), page);
    })?;
    let page = parts.headers.get(header::ORIGIN);
    let page = page.filter(|page| {
        let text = page.to_str();
        text.is_ok_and(|text| Page::of_origin(text).is_some())
    });
    if access.kind() == KeyKind::Publishable
        && let Some(page) = page
    {
        LetIn::note_page(parts, page);
    }
    LetIn::enter(parts, state, access)
}

impl FromRequestParts<AppState> for Caller<Admin> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        keyed::refuse_to_administer(&parts.headers)?;
        let Authenticated(access) = Authenticated::from_request_parts(parts, state).await?;
        // A key of a dialect administers by its dialect alone.
        if access.kind() == KeyKind::Legacy {
            return Err(Denied::NoGrant(Action::Admin).into());
        }
        let permit = access.permit(On::Project)?;
        session::check_role(parts, &access)?;
        Ok(Self(permit))
    }
}

impl FromRequestParts<AppState> for Caller<Issue> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        keyed::refuse_to_administer(&parts.headers)?;
        let Authenticated(access) = Authenticated::from_request_parts(parts, state).await?;
        let permit = access.permit(On::Project)?;
        // Whatever is not read changes something.
        if parts.method != Method::GET {
            state.control.take_change(&access)?;
        }
        Ok(Self(permit))
    }
}

impl<A: Right> FromRequestParts<AppState> for OnPool<A> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let Authenticated(access) = Authenticated::from_request_parts(parts, state).await?;
        let Named(name) = Named::from_request_parts(parts, state).await?;
        let definitions = state.control.definitions(access.project());
        let pool = definitions.pool(&name);
        let permit = access.permit(On::Pool(pool))?;
        let pool = pool.ok_or_else(ApiError::not_found)?;
        Ok(Self(permit, pool.clone()))
    }
}

impl<A: Right> FromRequestParts<AppState> for OnView<A> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let Authenticated(access) = Authenticated::from_request_parts(parts, state).await?;
        let Named(name) = Named::from_request_parts(parts, state).await?;
        let definitions = state.control.definitions(access.project());
        let view = definitions.view(&name);
        let permit = access.permit(On::View(view))?;
        let (view, _) = view.ok_or_else(ApiError::not_found)?;
        Ok(Self(permit, view.clone()))
    }
}

impl FromRequestParts<AppState> for Asker {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let Authenticated(access) = Authenticated::from_request_parts(parts, state).await?;
        let on = On::Pool(None);
        let is_refused = |denied: Option<Denied>| matches!(denied, Some(Denied::NoGrant(_)));
        let denied = [
            access.permit::<AskPool>(on).err(),
            access.permit::<Extract>(on).err(),
        ];
        // Whoever sees the usage of all keys may ask the pool that tells it.
        if denied.into_iter().all(is_refused) && !access.sees_usage() {
            return Err(ApiError::new(
                Code::ActionNotGranted,
                "no grant of this key has the action query or extract on any pool",
            ));
        }
        Ok(Self(access))
    }
}

impl FromRequestParts<AppState> for Named {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let text = Path::<String>::from_request_parts(parts, state).await.ok();
        Ok(Self(text.map_or_else(String::new, |Path(text)| text)))
    }
}

/// Whether the token may stand in a page, where everybody has it.
pub(crate) fn may_be_public(access: &Access) -> bool {
    match access.kind() {
        KeyKind::Secret => false,
        KeyKind::Publishable => true,
        KeyKind::Legacy => {
            let mut grants = access.grants().iter();
            !grants.any(|grant| grant.allows(Action::Admin))
        }
    }
}

/// Refuses a key that must not be in a page: a secret one, and one of a
/// dialect that administers.
///
/// # Errors
/// [`Code::OriginNotAllowed`], for a request that comes from a page.
fn refuse_from_page(access: &Access, headers: &HeaderMap) -> Result<(), ApiError> {
    if may_be_public(access) || !headers.contains_key(header::ORIGIN) {
        return Ok(());
    }
    Err(ApiError::new(
        Code::OriginNotAllowed,
        "the request comes from a page (it has the header Origin), where a secret key must not be; \
         replace the key, since whoever opened the page has it",
    )
    .logged(format_args!(
        "secret {} was used from a page",
        access.secret()
    )))
}

/// The token of the one `Authorization: Bearer` header.
fn presented(headers: &HeaderMap) -> Option<Presented<'_>> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let value = values.next()?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    let is_bearer = scheme.eq_ignore_ascii_case("Bearer") && values.next().is_none();
    let token = token.trim();
    match is_bearer {
        false => None,
        true if Envelope::is_meant(token) => Some(Presented::Derived(token)),
        true => Secret::parse(token).map(Presented::Secret),
    }
}

/// Refuses an address with a key in it, be it named as one or look like one.
/// The clients of the Keen dialect cannot do otherwise, so theirs pass: its
/// keys are made for pages, and no log has an address.
///
/// # Errors
/// [`Code::KeyInQuery`], naming the public part of the token, so that its
/// owner knows what to replace.
pub(crate) fn refuse_key_in_address(uri: &Uri) -> Result<(), ApiError> {
    if keen::serves(uri.path()) {
        return Ok(());
    }
    let query = uri.query().unwrap_or_default();
    let named = query.split('&').any(|pair| {
        let name = pair.split('=').next().unwrap_or_default();
        let name = input::percent_decode(name).unwrap_or_default();
        KEY_PARAMETERS.contains(&name.to_ascii_lowercase().as_str())
    });
    let address = uri.path_and_query().map_or("", |address| address.as_str());
    let texts = [Some(address.to_owned()), input::percent_decode(address)];
    let token = texts.iter().flatten().find_map(|text| token_in(text));
    if !named && token.is_none() {
        return Ok(());
    }
    let rule = "a key must not stand in an address, which logs and browsers keep; \
                send it as \"Authorization: Bearer <token>\"";
    Err(ApiError::new(
        Code::KeyInQuery,
        match token {
            None => rule.to_owned(),
            Some((secret, of)) => {
                format!("{rule}, and {of} the secret {secret}, which is exposed now")
            }
        },
    ))
}

/// The secret of the first token that stands anywhere in a text, and what its
/// owner should do about it.
fn token_in(text: &str) -> Option<(SecretId, &'static str)> {
    let known = text.match_indices("tg_").find_map(|(at, _)| {
        let text = text.get(at..at + TOKEN_CHARS)?;
        let key = Secret::parse(text).map(|secret| (secret.id(), "replace the key with"));
        key.or_else(|| SigningSecret::parse(text).map(|signing| (signing.id(), "delete")))
    });
    known.or_else(|| {
        let is_of_token = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        let mut words = text.split(|c| !is_of_token(c));
        let token = words.find_map(|word| Envelope::read(word).ok())?;
        Some((
            token.secret(),
            "revoke the derived token that was signed under",
        ))
    })
}

#[cfg(test)]
mod tests;
