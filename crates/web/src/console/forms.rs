//! Forms: what was sent, and how a page shows it again.

use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::response::Response;
use bytes::Bytes;
use control::Proof;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use model::fault::{Fault, FaultCode};
use model::limits::BODY_BYTES_MAX;
use model::people::Code as OneTimeCode;

use super::multipart;
use super::visitor::{InProject, Visitor, is_token};
use crate::error::{ApiError, Code, Problem};
use crate::input::{Received, receive, sender};
use crate::session::require_own_page;
use crate::state::AppState;

/// Bytes of a form at most; longer texts are sent to `/v1`.
const FORM_BYTES_MAX: usize = 256 << 10;
/// The field with the token of the session that the page was shown to.
pub(super) const TOKEN: &str = "_token";
/// The field with a one-time code for what widens something.
pub(super) const CODE: &str = "code";

/// What a form sent. It can be had only after the token in it was compared, or
/// by [`Anybody`].
pub(super) struct Form {
    fields: Vec<(String, String)>,
    files: Vec<(String, File)>,
    /// The room that its bytes take of what all bodies may take together.
    _body: Option<Received>,
}

/// A file that a form brought.
pub(super) struct File {
    /// What it is called where it came from.
    pub(super) name: String,
    /// What is in it.
    pub(super) bytes: Bytes,
}

impl Form {
    /// A form that sends this.
    #[cfg(test)]
    pub(super) fn of(pairs: &[(&str, &str)]) -> Self {
        let pairs = pairs.iter();
        let pairs = pairs.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Self {
            fields: pairs.collect(),
            files: Vec::new(),
            _body: None,
        }
    }

    /// The value of a field; empty when it was not sent.
    pub(super) fn text(&self, name: &str) -> &str {
        let found = self.fields.iter().find(|(field, _)| field == name);
        found.map_or("", |(_, value)| value)
    }

    /// The values of a field that may stand many times.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let fields = self.fields.iter().filter(move |(field, _)| field == name);
        fields.map(|(_, value)| value.as_str())
    }

    /// The file of a field; `None` when nobody chose one.
    pub(super) fn file(&self, name: &str) -> Option<&File> {
        let mut files = self.files.iter();
        let found = files.find(|(field, file)| field == name && !file.bytes.is_empty());
        found.map(|(_, file)| file)
    }

    /// The one-time code beside a change, when one was typed.
    ///
    /// # Errors
    /// A fault for what is no code.
    pub(super) fn proof(&self) -> Result<Option<Proof>, Fault> {
        let code: String = self.text(CODE).split_whitespace().collect();
        if code.is_empty() {
            return Ok(None);
        }
        let code = OneTimeCode::parse(&code).ok_or_else(|| {
            let detail = "the code is the six digits that your app shows";
            Fault::new(FaultCode::InvalidValue, detail).at("/code")
        })?;
        Ok(Some(Proof { person: None, code }))
    }
}

/// A form of somebody who signed in, sent from a page of the same session.
pub(super) struct Sent<V>(pub(super) V, pub(super) Form);

/// The same that may bring a file, as large as a body of records.
pub(super) struct SentFile<V>(pub(super) V, pub(super) Form);

/// A form of somebody who need not be signed in, sent from the console's own
/// page.
pub(super) struct Anybody(pub(super) Form);

/// Who may stand before a form.
pub(super) trait Sender: FromRequestParts<AppState, Rejection = ApiError> + Send {
    /// Whether a form brings the token of a page that this sender was shown.
    fn gave(&self, state: &AppState, token: &str) -> bool;
}

impl Sender for Visitor {
    fn gave(&self, state: &AppState, token: &str) -> bool {
        is_token(state, token, &self.session, None)
    }
}

impl Sender for InProject {
    fn gave(&self, state: &AppState, token: &str) -> bool {
        let project = Some(self.access.project());
        is_token(state, token, &self.visitor.session, project)
    }
}

impl<V: Sender> FromRequest<AppState> for Sent<V> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, ApiError> {
        let (visitor, form) = sent(request, state, read).await?;
        Ok(Self(visitor, form))
    }
}

impl<V: Sender> FromRequest<AppState> for SentFile<V> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, ApiError> {
        let (visitor, form) = sent(request, state, read_with_files).await?;
        Ok(Self(visitor, form))
    }
}

/// Who sent a form, and the form, once the token in it was compared.
async fn sent<V: Sender>(
    request: Request,
    state: &AppState,
    read: impl AsyncFnOnce(Request, &AppState) -> Result<Form, ApiError>,
) -> Result<(V, Form), ApiError> {
    let (mut parts, body) = request.into_parts();
    V::from_request_parts(&mut parts, state).await?;
    let form = read(Request::from_parts(parts.clone(), body), state).await?;
    // The session may have ended while the form came.
    let visitor = V::from_request_parts(&mut parts, state).await?;
    let tokens: Vec<&str> = form.all(TOKEN).collect();
    let is_own = match tokens[..] {
        [token] => visitor.gave(state, token),
        _ => false,
    };
    if !is_own {
        let detail = "the form does not hold the token that a page of this session gave it";
        return Err(ApiError::new(Code::CrossSite, detail));
    }
    Ok((visitor, form))
}

impl FromRequest<AppState> for Anybody {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, ApiError> {
        let (parts, body) = request.into_parts();
        require_own_page(&parts)?;
        read(Request::from_parts(parts, body), state)
            .await
            .map(Self)
    }
}

async fn read(request: Request, state: &AppState) -> Result<Form, ApiError> {
    require_form(request.headers())?;
    let sender = sender(request.extensions());
    let body = receive(request.into_body(), FORM_BYTES_MAX, sender, state).await?;
    Ok(of_pairs(&body.bytes))
}

fn of_pairs(bytes: &[u8]) -> Form {
    Form {
        fields: form_urlencoded::parse(bytes).into_owned().collect(),
        files: Vec::new(),
        _body: None,
    }
}

async fn read_with_files(request: Request, state: &AppState) -> Result<Form, ApiError> {
    let content_type = request.headers().get(header::CONTENT_TYPE);
    let content_type = content_type.and_then(|value| value.to_str().ok());
    let Some(boundary) = content_type.and_then(multipart::boundary) else {
        return read(request, state).await;
    };
    let sender = sender(request.extensions());
    let most = BODY_BYTES_MAX + FORM_BYTES_MAX;
    let body = receive(request.into_body(), most, sender, state).await?;
    let parts = multipart::read(&boundary, &body.bytes)
        .map_err(|rule| ApiError::new(Code::MalformedBody, rule))?;
    let (mut fields, mut files) = (Vec::new(), Vec::new());
    for part in parts {
        match part.file {
            Some(name) => {
                let bytes = part.bytes;
                files.push((part.name, File { name, bytes }));
            }
            None if part.bytes.len() > FORM_BYTES_MAX => {
                let rule = "what is typed into a field has at most 256 kB; send the rest as a file";
                return Err(ApiError::new(Code::LimitExceeded, rule).of_body());
            }
            None => {
                let text = String::from_utf8_lossy(&part.bytes).into_owned();
                fields.push((part.name, text));
            }
        }
    }
    Ok(Form {
        fields,
        files,
        _body: Some(body),
    })
}

fn require_form(headers: &HeaderMap) -> Result<(), ApiError> {
    let content_type = headers.get(header::CONTENT_TYPE);
    let content_type = content_type.and_then(|value| value.to_str().ok());
    let essence = content_type.and_then(|value| value.split(';').next());
    let is_form = essence.is_some_and(|essence| {
        let essence = essence.trim();
        essence.eq_ignore_ascii_case("application/x-www-form-urlencoded")
    });
    match is_form {
        true => Ok(()),
        false => Err(ApiError::new(
            Code::UnsupportedMediaType,
            "pages send forms as application/x-www-form-urlencoded",
        )),
    }
}

/// A form as a page shows it: what was typed, except for secrets, and what is
/// wrong with it.
#[derive(Debug, Default)]
pub(super) struct Fields {
    names: Vec<&'static str>,
    values: Vec<(&'static str, String)>,
    errors: Vec<(&'static str, String)>,
    /// What is wrong with the form as a whole.
    pub(super) error: Option<String>,
    /// Whether the change asks for a one-time code.
    pub(super) needs_code: bool,
    status: StatusCode,
    /// Places that errors point at, and the fields that stand for them.
    places: Vec<(String, &'static str)>,
    /// For the log, and what it says of when to try again.
    problem: Option<Arc<Problem>>,
}

/// In an extension of a response: what a page shows as refused, for the log.
#[derive(Clone, Debug)]
pub(crate) struct Shown(pub(crate) Arc<Problem>);

impl Fields {
    /// A form that nobody has filled in.
    pub(super) fn blank() -> Self {
        Self::default()
    }

    /// The same with a value in a field.
    #[must_use]
    pub(super) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.names.push(name);
        self.values.push((name, value.into()));
        self
    }

    /// What was typed into the fields `kept`; `secret` ones are known by name
    /// and never shown again.
    pub(super) fn typed(form: &Form, kept: &[&'static str], secret: &[&'static str]) -> Self {
        let values = kept.iter().map(|name| (*name, form.text(name).to_owned()));
        Self {
            names: kept.iter().chain(secret).copied().collect(),
            values: values.collect(),
            ..Self::default()
        }
    }

    /// The same, in which errors about `member` are said at `field`.
    #[must_use]
    pub(super) fn meaning(self, member: &'static str, field: &'static str) -> Self {
        self.placed(format!("/{member}"), field)
    }

    /// The same, in which errors that point there, or beneath it, are said at
    /// `field`. Of several such places the longest counts.
    #[must_use]
    pub(super) fn placed(mut self, pointer: impl Into<String>, field: &'static str) -> Self {
        self.places.push((pointer.into(), field));
        self
    }

    /// The same with what is wrong put where it belongs: at the field that the
    /// error's pointer names, or at the head of the form.
    ///
    /// # Errors
    /// The error again when no other input would mend it: then a page of its
    /// own says so.
    pub(super) fn refused(mut self, error: impl Into<ApiError>) -> Result<Self, ApiError> {
        let error = error.into();
        let problem = error.problem();
        let is_elsewhere = matches!(
            problem.code(),
            Code::Unauthenticated | Code::RoleNotAllowed | Code::CrossSite | Code::NotFound
        );
        if problem.status().is_server_error() || is_elsewhere {
            return Err(error);
        }
        self.status = problem.status();
        let mut detail = sentence(problem.detail());
        if let Some(wait) = problem.retry_after() {
            detail.push_str(&in_words(wait));
        }
        let is_code = matches!(problem.code(), Code::CodeNeeded | Code::CodeRefused);
        self.needs_code |= is_code;
        let pointer = problem.pointer().unwrap_or_default();
        let member = match is_code {
            true => CODE,
            false => self.field_at(pointer),
        };
        let is_known = |name: &&&'static str| **name == member;
        match self.names.iter().find(is_known) {
            Some(name) => self.errors.push((name, detail)),
            None if is_code => self.errors.push((CODE, detail)),
            None => self.error = Some(detail),
        }
        self.problem = Some(error.into_problem());
        Ok(self)
    }

    /// The field that stands for what an error points at.
    fn field_at<'a>(&self, pointer: &'a str) -> &'a str {
        let is_there = |(place, _): &&(String, &'static str)| {
            let rest = pointer.strip_prefix(place.as_str());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let places = self.places.iter().filter(is_there);
        match places.max_by_key(|(place, _)| place.len()) {
            Some((_, field)) => field,
            None => pointer.split('/').nth(1).unwrap_or_default(),
        }
    }

    /// The same with a rule that a field breaks.
    #[must_use]
    pub(super) fn broken(mut self, name: &'static str, rule: &str) -> Self {
        self.status = StatusCode::UNPROCESSABLE_ENTITY;
        self.errors.push((name, sentence(rule)));
        self
    }

    /// What stands in a field.
    pub(super) fn value(&self, name: &str) -> &str {
        let found = self.values.iter().find(|(field, _)| *field == name);
        found.map_or("", |(_, value)| value)
    }

    /// The rule that a field breaks.
    pub(super) fn error(&self, name: &str) -> Option<&str> {
        let found = self.errors.iter().find(|(field, _)| *field == name);
        found.map(|(_, error)| error.as_str())
    }

    /// Whether anything is wrong.
    pub(super) fn is_wrong(&self) -> bool {
        self.error.is_some() || !self.errors.is_empty()
    }

    /// The page that shows the form, as an answer.
    ///
    /// # Errors
    /// A failure of ours when the template could not be written.
    pub(super) fn shown_in(&self, page: &impl Template) -> Result<Response, ApiError> {
        let mut response = super::frame::page(self.status, page)?;
        if let Some(problem) = &self.problem {
            if let Some(wait) = problem.retry_after() {
                let seconds = HeaderValue::from(whole_seconds(wait));
                response.headers_mut().insert(header::RETRY_AFTER, seconds);
            }
            let shown = Shown(Arc::clone(problem));
            response.extensions_mut().insert(shown);
        }
        Ok(response)
    }
}

fn whole_seconds(wait: Duration) -> u64 {
    (wait.as_secs() + u64::from(wait.subsec_nanos() > 0)).max(1)
}

fn in_words(wait: Duration) -> String {
    match whole_seconds(wait) {
        1 => " Try again in a second.".to_owned(),
        seconds if seconds < 120 => format!(" Try again in {seconds} seconds."),
        seconds if seconds < 7_200 => format!(" Try again in {} minutes.", seconds.div_ceil(60)),
        seconds => format!(" Try again in {} hours.", seconds.div_ceil(3_600)),
    }
}

/// A rule as a sentence.
pub(super) fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|first| first.to_uppercase().to_string());
    let rest = chars.as_str();
    let end = if text.ends_with(['.', '!', '?']) {
        ""
    } else {
        "."
    };
    format!("{}{rest}{end}", first.unwrap_or_default())
}
