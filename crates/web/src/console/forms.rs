//! Forms: what was sent, and how a page shows it again.

mod fields;
mod kept;
mod repeated;
mod turns;

pub(crate) use fields::Shown;
pub(super) use fields::{Fields, REVISION, Wrong, is_broken, said_of, sentence};
pub(crate) use kept::Typed;
pub(super) use kept::{Kept, KeptFile};
pub(super) use repeated::{ONCE, fresh, once};
pub(super) use turns::{AnybodyOnce, KeptOnce, SentOnce};

use axum::extract::{FromRequest, FromRequestParts, Request};
use bytes::Bytes;
use control::Proof;
use http::{HeaderMap, header};
use model::fault::{Fault, FaultCode};
use model::limits::BODY_BYTES_MAX;
use model::people::Code as OneTimeCode;

use super::multipart;
use super::visitor::{InProject, Visitor, is_token};
use crate::error::{ApiError, Code};
use crate::input::{Received, receive, sender};
use crate::session::require_own_page;
use crate::state::AppState;

/// Bytes of a form at most; longer texts are sent to `/v1`.
const FORM_BYTES_MAX: usize = 256 << 10;
/// Bytes of a form that are read, so that one that is too long is shown again.
const READ_BYTES_MAX: usize = 8 * FORM_BYTES_MAX;
/// Fields of a form at most: a page that shows it again takes many times what
/// an empty field takes on its way here.
const FIELDS_MAX: usize = 2_000;
/// The field with the token of the session that the page was shown to.
pub(super) const TOKEN: &str = "_token";
/// The field with a one-time code for what widens something.
pub(super) const CODE: &str = "code";

/// What a form sent. It can be had only after the token in it was compared, by
/// [`Anybody`], or as [`Kept`] together with the refusal of it.
pub(super) struct Form {
    fields: Vec<(String, String)>,
    files: Vec<(String, File)>,
    /// Whether more was typed than a form may hold.
    is_too_long: bool,
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
            is_too_long: false,
            _body: None,
        }
    }

    /// The value of a field; empty when it was not sent.
    pub(super) fn text(&self, name: &str) -> &str {
        self.sent(name).unwrap_or_default()
    }

    /// The value of a field; `None` when it was not sent.
    pub(super) fn sent(&self, name: &str) -> Option<&str> {
        let found = self.fields.iter().find(|(field, _)| field == name);
        found.map(|(_, value)| value.as_str())
    }

    /// Every field that was sent, in order.
    pub(super) fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        let fields = self.fields.iter();
        fields.map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Refuses more than a form may hold.
    ///
    /// # Errors
    /// [`Code::LimitExceeded`] as 413.
    fn fits(&self) -> Result<(), ApiError> {
        match self.is_too_long {
            false => Ok(()),
            true => {
                let rule = "what is typed into a form has at most 256 kB; make it shorter, or send it as a file";
                Err(ApiError::new(Code::LimitExceeded, rule).of_body())
            }
        }
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

    /// The revision of what the page of the form showed; one that nothing has
    /// when the form does not say.
    pub(super) fn revision(&self) -> i64 {
        self.text(REVISION).parse().unwrap_or(-1)
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

/// A form of somebody who signed in, sent from a page of the same session. It can
/// be had only once the token in it was compared.
pub(super) struct Sent<V>(pub(super) V, pub(super) Form);

/// A form of somebody who need not be signed in, sent from the console's own
/// page.
pub(super) struct Anybody(pub(super) Form);

/// Who may stand before a form.
pub(super) trait Sender: FromRequestParts<AppState, Rejection = ApiError> + Send {
    /// Whether a form brings the token of a page that this sender was shown.
    fn gave(&self, state: &AppState, token: &str) -> bool;

    /// Whether the token is that of a page of this session about something else.
    fn gave_elsewhere(&self, state: &AppState, token: &str) -> bool;
}

impl Sender for Visitor {
    fn gave(&self, state: &AppState, token: &str) -> bool {
        is_token(state, token, &self.session, None)
    }

    fn gave_elsewhere(&self, state: &AppState, token: &str) -> bool {
        let mut projects = self.projects.iter();
        projects.any(|(id, _)| is_token(state, token, &self.session, Some(*id)))
    }
}

impl Sender for InProject {
    fn gave(&self, state: &AppState, token: &str) -> bool {
        let project = Some(self.access.project());
        is_token(state, token, &self.visitor.session, project)
    }

    fn gave_elsewhere(&self, state: &AppState, token: &str) -> bool {
        self.visitor.gave(state, token) || self.visitor.gave_elsewhere(state, token)
    }
}

impl<V: Sender> FromRequest<AppState> for Sent<V> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, ApiError> {
        let (mut parts, body) = request.into_parts();
        V::from_request_parts(&mut parts, state).await?;
        let form = read(Request::from_parts(parts.clone(), body), state).await?;
        // The session may have ended while the form came.
        let visitor = V::from_request_parts(&mut parts, state).await?;
        require_token(&visitor, &form, state)?;
        form.fits()?;
        Ok(Self(visitor, form))
    }
}

/// Refuses a form without the token of a page that this sender was shown.
fn require_token<V: Sender>(visitor: &V, form: &Form, state: &AppState) -> Result<(), ApiError> {
    let tokens: Vec<&str> = form.all(TOKEN).collect();
    let is_own = match tokens[..] {
        [token] => visitor.gave(state, token),
        _ => false,
    };
    match is_own {
        true => Ok(()),
        false => {
            let detail = "the form does not hold the token that a page of this session gave it";
            Err(ApiError::new(Code::CrossSite, detail))
        }
    }
}

impl FromRequest<AppState> for Anybody {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, ApiError> {
        let (parts, body) = request.into_parts();
        require_own_page(&parts)?;
        let request = Request::from_parts(parts, body);
        // Around what is kept over a sign-in stands what signs in.
        let form = read_most(request, 2 * FORM_BYTES_MAX, state).await?;
        Ok(Self(form))
    }
}

async fn read(request: Request, state: &AppState) -> Result<Form, ApiError> {
    read_most(request, READ_BYTES_MAX, state).await
}

async fn read_most(request: Request, most: usize, state: &AppState) -> Result<Form, ApiError> {
    require_form(request.headers())?;
    let sender = sender(request.extensions());
    let body = receive(request.into_body(), most, sender, state).await?;
    if form_urlencoded::parse(&body.bytes).count() > FIELDS_MAX {
        let rule = format!("a form has at most {FIELDS_MAX} fields");
        return Err(ApiError::new(Code::LimitExceeded, rule).of_body());
    }
    Ok(Form {
        fields: form_urlencoded::parse(&body.bytes).into_owned().collect(),
        files: Vec::new(),
        is_too_long: body.bytes.len() > FORM_BYTES_MAX,
        _body: Some(body),
    })
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
    let mut is_too_long = false;
    for part in parts {
        match part.file {
            Some(name) => {
                let bytes = part.bytes;
                files.push((part.name, File { name, bytes }));
            }
            // What is longer than any form is not shown again either.
            None if part.bytes.len() > READ_BYTES_MAX => {
                let rule = "what is typed into a field has at most 256 kB; send the rest as a file";
                return Err(ApiError::new(Code::LimitExceeded, rule).of_body());
            }
            None => {
                is_too_long |= part.bytes.len() > FORM_BYTES_MAX;
                let text = String::from_utf8_lossy(&part.bytes).into_owned();
                fields.push((part.name, text));
            }
        }
    }
    Ok(Form {
        fields,
        files,
        is_too_long,
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
