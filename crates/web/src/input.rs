//! What a request brings: parameters, conditions on revisions, bodies.

mod receiving;

pub(crate) use receiving::{Received, each_piece, receive};

use std::sync::Arc;

use axum::extract::{FromRequest, FromRequestParts, Request};
use http::request::Parts;
use http::{HeaderMap, Method, header};
use model::fault::{Fault, FaultCode, shorten, step};
use model::ids::KeyId;
use model::limits::{DEFINITION_BYTES_MAX, IDEMPOTENCY_KEY_CHARS_MAX};
use model::value::Value;

use crate::error::{ApiError, Code};
use crate::metering::LetIn;
use crate::state::AppState;

/// The parameters of a request, each name once; all are known to the route.
#[derive(Clone, Debug, Default)]
pub(crate) struct Parameters(Arc<[(String, String)]>);

impl Parameters {
    /// Reads a query string for a route that knows these names.
    ///
    /// # Errors
    /// A name that is not known or stands twice, and text that is not
    /// percent-encoded UTF-8.
    pub(crate) fn parse(query: &str, known: &[&str]) -> Result<Self, Fault> {
        let mut parameters: Vec<(String, String)> = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let malformed = || {
                Fault::new(
                    FaultCode::MalformedBody,
                    "the query string is not percent-encoded UTF-8",
                )
            };
            let name = percent_decode(name).ok_or_else(malformed)?;
            let value = percent_decode(value).ok_or_else(malformed)?;
            if !known.contains(&name.as_str()) {
                let detail = match known {
                    [] => "the call takes no parameters".to_owned(),
                    known => format!(
                        "the parameter {} is not known here; there are {}",
                        shorten(&name),
                        known.join(", ")
                    ),
                };
                return Err(Fault::new(FaultCode::UnknownMember, detail).at(step(name)));
            }
            if parameters.iter().any(|(other, _)| *other == name) {
                let detail = format!("the parameter {name} stands twice; send it once");
                return Err(Fault::new(FaultCode::DuplicateMember, detail).at(step(name)));
            }
            parameters.push((name, value));
        }
        Ok(Self(parameters.into()))
    }

    /// The value of a parameter.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    /// All parameters as they were sent.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (&**name, &**value))
    }
}

/// The name that the sender of a request gave it.
///
/// # Errors
/// [`Code::InvalidValue`] for a header that cannot be one.
pub(crate) fn idempotency_key(headers: &HeaderMap) -> Result<Option<&str>, ApiError> {
    let mut keys = headers.get_all("idempotency-key").iter();
    let Some(key) = keys.next() else {
        return Ok(None);
    };
    let legal = |key: &[u8]| {
        (1..=IDEMPOTENCY_KEY_CHARS_MAX).contains(&key.len()) && key.iter().all(u8::is_ascii_graphic)
    };
    let text = key.to_str().ok().filter(|key| legal(key.as_bytes()));
    let text = text.filter(|_| keys.next().is_none());
    text.map(Some).ok_or_else(|| {
        let detail = format!(
            "Idempotency-Key stands once and has 1 to {IDEMPOTENCY_KEY_CHARS_MAX} visible ASCII characters"
        );
        ApiError::new(Code::InvalidValue, detail)
    })
}

impl<S: Send + Sync> FromRequestParts<S> for Parameters {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        parts
            .extensions
            .get::<Self>()
            .cloned()
            .ok_or_else(|| ApiError::internal("the route does not say which parameters it knows"))
    }
}

/// Decodes `%XX` and `+` of a query string; `None` for anything that is not
/// encoded UTF-8.
pub(crate) fn percent_decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digits = [rest.next()?, rest.next()?];
                let is_hex = digits.iter().all(u8::is_ascii_hexdigit);
                let digits = std::str::from_utf8(&digits).ok().filter(|_| is_hex)?;
                u8::from_str_radix(digits, 16).ok()?
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

/// What `If-Match` asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum IfMatch {
    /// Nothing, or whatever there is.
    Any,
    /// One of these entity tags.
    OneOf(Vec<String>),
}

impl IfMatch {
    /// Whether a change of what has this tag may go on.
    pub(crate) fn check(&self, tag: &str) -> Result<(), ApiError> {
        match self {
            Self::Any => Ok(()),
            Self::OneOf(tags) if tags.iter().any(|known| known == tag) => Ok(()),
            Self::OneOf(_) => Err(ApiError::stale()),
        }
    }

    fn parse(headers: &HeaderMap) -> Option<Self> {
        let mut tags = Vec::new();
        for value in headers.get_all(header::IF_MATCH) {
            for tag in value.to_str().ok()?.split(',').map(str::trim) {
                let opaque = tag.strip_prefix("W/").unwrap_or(tag);
                let inner = opaque.strip_prefix('"').and_then(|t| t.strip_suffix('"'));
                match (tag, inner) {
                    ("*", _) => return Some(Self::Any),
                    (_, Some(inner)) if !inner.contains('"') => tags.push(tag.to_owned()),
                    _ => return None,
                }
            }
        }
        // A weak tag stays in the list as it was sent and so equals none of ours.
        Some(if headers.contains_key(header::IF_MATCH) {
            Self::OneOf(tags)
        } else {
            Self::Any
        })
    }
}

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        Self::parse(&parts.headers).ok_or_else(|| {
            ApiError::new(
                Code::InvalidValue,
                "If-Match holds * or the ETag of an earlier answer, quotes included",
            )
        })
    }
}

/// Whose key the request was let in with.
pub(crate) fn sender(extensions: &http::Extensions) -> Option<KeyId> {
    extensions.get::<LetIn>().and_then(LetIn::key)
}

/// A right and what was sent under it. The right is asked for before anything
/// of the body is read, and it holds when the body is there: that may take
/// long, and the key may be revoked meanwhile.
#[derive(Debug)]
pub(crate) struct Under<R, B>(pub(crate) R, pub(crate) B);

impl<R, B> FromRequest<AppState> for Under<R, B>
where
    R: FromRequestParts<AppState, Rejection = ApiError> + Send,
    B: FromRequest<AppState, Rejection = ApiError> + Send,
{
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, ApiError> {
        let (mut parts, body) = request.into_parts();
        R::from_request_parts(&mut parts, state).await?;
        let sent = B::from_request(Request::from_parts(parts.clone(), body), state).await?;
        Ok(Self(R::from_request_parts(&mut parts, state).await?, sent))
    }
}

/// A JSON body of a definition or request. PATCH also takes the media type of
/// RFC 7396.
#[derive(Debug)]
pub(crate) struct JsonBody(pub(crate) Value);

/// A JSON object that may be left out.
#[derive(Debug)]
pub(crate) struct OptionalJsonBody(pub(crate) Value);

impl FromRequest<AppState> for JsonBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, ApiError> {
        require_json(request.method(), request.headers())?;
        let sender = sender(request.extensions());
        let body = receive(request.into_body(), DEFINITION_BYTES_MAX, sender, state).await?;
        Ok(Self(model::json::parse(&body.bytes)?))
    }
}

impl FromRequest<AppState> for OptionalJsonBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, ApiError> {
        let (parts, body) = request.into_parts();
        let sender = sender(&parts.extensions);
        let body = receive(body, DEFINITION_BYTES_MAX, sender, state).await?;
        if body.bytes.is_empty() {
            return Ok(Self(Value::Object(model::value::Object::new())));
        }
        require_json(&parts.method, &parts.headers)?;
        Ok(Self(model::json::parse(&body.bytes)?))
    }
}

fn require_json(method: &Method, headers: &HeaderMap) -> Result<(), ApiError> {
    let content_type = headers.get(header::CONTENT_TYPE);
    let content_type = content_type.and_then(|value| value.to_str().ok());
    let essence = content_type.map(|value| value.split(';').next().unwrap_or_default().trim());
    let is_json = essence.is_some_and(|essence| {
        essence.eq_ignore_ascii_case("application/json")
            || (*method == Method::PATCH
                && essence.eq_ignore_ascii_case("application/merge-patch+json"))
    });
    let encoding = headers.get(header::CONTENT_ENCODING);
    let is_plain = encoding.is_none_or(|value| value.as_bytes().eq_ignore_ascii_case(b"identity"));
    if is_json && is_plain {
        return Ok(());
    }
    Err(ApiError::new(
        Code::UnsupportedMediaType,
        "the body of this call is JSON without a content encoding; send Content-Type: application/json",
    ))
}

#[cfg(test)]
mod tests;
