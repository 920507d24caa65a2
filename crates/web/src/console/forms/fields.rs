//! A form as a page shows it.

use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::response::Response;
use http::{HeaderValue, StatusCode, header};

use super::{CODE, Form};
use crate::error::{ApiError, Code, Problem};

/// The field with the revision of what a page shows.
pub(in crate::console) const REVISION: &str = "revision";

/// What is said of a form whose page shows what is not so any more.
const CHANGED: &str = "Somebody changed it while you looked at it, and nothing of yours was done. Look at it as it is now, and decide anew.";

/// What is said of a form that made something else before.
const OTHER: &str = "This very form was sent before, with something else in it, which was done. Open the page again to do another thing.";

/// A form as a page shows it: what was typed, except for secrets, and what is
/// wrong with it.
#[derive(Debug, Default)]
pub(in crate::console) struct Fields {
    names: Vec<&'static str>,
    values: Vec<(&'static str, String)>,
    errors: Vec<(&'static str, String)>,
    /// What is wrong with the form as a whole.
    pub(in crate::console) error: Option<String>,
    /// Whether the change asks for a one-time code.
    pub(in crate::console) needs_code: bool,
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
    pub(in crate::console) fn blank() -> Self {
        Self::default()
    }

    /// The same with a value in a field.
    #[must_use]
    pub(in crate::console) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.names.push(name);
        self.values.push((name, value.into()));
        self
    }

    /// A form about what has this revision now.
    pub(in crate::console) fn of_revision(revision: i64) -> Self {
        Self::blank().with(REVISION, revision.to_string())
    }

    /// What was typed into the fields `kept`; `secret` ones are known by name
    /// and never shown again.
    pub(in crate::console) fn typed(
        form: &Form,
        kept: &[&'static str],
        secret: &[&'static str],
    ) -> Self {
        let values = kept.iter().map(|name| (*name, form.text(name).to_owned()));
        Self {
            names: kept.iter().chain(secret).copied().collect(),
            values: values.collect(),
            ..Self::default()
        }
    }

    /// The same, in which errors about `member` are said at `field`.
    #[must_use]
    pub(in crate::console) fn meaning(self, member: &'static str, field: &'static str) -> Self {
        self.placed(format!("/{member}"), field)
    }

    /// The same, in which errors that point there, or beneath it, are said at
    /// `field`. Of several such places the longest counts.
    #[must_use]
    pub(in crate::console) fn placed(
        mut self,
        pointer: impl Into<String>,
        field: &'static str,
    ) -> Self {
        self.places.push((pointer.into(), field));
        self
    }

    /// The same with what is wrong put where it belongs: at the field that the
    /// error's pointer names, or at the head of the form.
    ///
    /// # Errors
    /// The error again when no other input would mend it: then a page of its
    /// own says so.
    pub(in crate::console) fn refused(
        mut self,
        error: impl Into<ApiError>,
    ) -> Result<Self, ApiError> {
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
        let mut detail = match problem.code() {
            // The API's words are about members of a body.
            Code::CodeNeeded => "Type the six digits that your app shows now.".to_owned(),
            Code::StaleRevision => CHANGED.to_owned(),
            Code::IdempotencyMismatch => OTHER.to_owned(),
            _ => sentence(problem.detail()),
        };
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

    /// The same with what is wrong at the field that the error points at, or at
    /// the head of the form, whatever would mend it.
    #[must_use]
    pub(in crate::console) fn marked(mut self, error: &ApiError) -> Self {
        let problem = error.problem();
        let member = self.field_at(problem.pointer().unwrap_or_default());
        let known = self.names.iter().find(|name| **name == member);
        let detail = sentence(problem.detail());
        match known {
            Some(name) => self.errors.push((name, detail)),
            None => self.error = Some(detail),
        }
        self
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

    /// The same, in which errors may be said at these fields.
    #[must_use]
    pub(in crate::console) fn naming(mut self, names: &[&'static str]) -> Self {
        self.names.extend(names);
        self
    }

    /// The same with a rule that a field breaks.
    #[must_use]
    pub(in crate::console) fn broken(mut self, name: &'static str, rule: &str) -> Self {
        self.status = StatusCode::UNPROCESSABLE_ENTITY;
        self.errors.push((name, sentence(rule)));
        self
    }

    /// What stands in a field.
    pub(in crate::console) fn value(&self, name: &str) -> &str {
        let found = self.values.iter().find(|(field, _)| *field == name);
        found.map_or("", |(_, value)| value)
    }

    /// The rule that a field breaks.
    pub(in crate::console) fn error(&self, name: &str) -> Option<&str> {
        let found = self.errors.iter().find(|(field, _)| *field == name);
        found.map(|(_, error)| error.as_str())
    }

    /// Whether anything is wrong.
    pub(in crate::console) fn is_wrong(&self) -> bool {
        self.error.is_some() || !self.errors.is_empty()
    }

    /// The page that shows the form, as an answer.
    ///
    /// # Errors
    /// A failure of ours when the template could not be written.
    pub(in crate::console) fn shown_in(&self, page: &impl Template) -> Result<Response, ApiError> {
        let mut response = crate::console::frame::page(self.status, page)?;
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
pub(in crate::console) fn sentence(text: &str) -> String {
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
