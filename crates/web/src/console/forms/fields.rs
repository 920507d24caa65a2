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

/// What is said of a form whose page is from before somebody signed in anew.
const RENEWED: &str = "You signed in anew since this page was made, so nothing of it was done. What you typed is below, without codes and passwords, which are never kept: look at it, type those anew, and send it again.";

/// What is said of a form that the server has no time for.
const BUSY: &str =
    "The server is busy, and nothing was done. What you typed is kept: send it again in a moment.";

/// What is said of a form whose answer took longer than answers may.
const LATE: &str = "The server had no answer in time. What you typed is kept: look whether it was done before you send it again.";

/// What is said of a form that there is no room for.
const FULL: &str = "The server's disk is full, and nothing was done. What you typed is kept: send it again when who operates the server has made room.";

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
    /// What is said of fields whose own rule is about something else than is typed.
    rules: Vec<(&'static str, String)>,
    /// For the log, and what it says of when to try again.
    problem: Option<Arc<Problem>>,
}

/// The fields of a form that something said elsewhere is about.
#[derive(Debug, Default)]
pub(in crate::console) struct Wrong(pub(in crate::console) Vec<&'static str>);

impl Wrong {
    /// Whether it is about this one.
    pub(in crate::console) fn has(&self, name: &str) -> bool {
        self.0.contains(&name)
    }

    /// All of them, for the script.
    pub(in crate::console) fn listed(&self) -> String {
        self.0.join(" ")
    }
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

    /// The same with another value in a field.
    #[must_use]
    pub(in crate::console) fn set(self, name: &'static str, value: impl Into<String>) -> Self {
        let mut form = self;
        form.values.retain(|(field, _)| *field != name);
        form.with(name, value)
    }

    /// The same, about what is there now and the page shows beside what was typed,
    /// when it was refused since that changed: sent again, it counts.
    #[must_use]
    pub(in crate::console) fn renewed(self, revision: i64) -> Self {
        match self.is_stale() {
            true => self.set(REVISION, revision.to_string()),
            false => self,
        }
    }

    /// Whether it was refused since what it is about changed meanwhile.
    pub(in crate::console) fn is_stale(&self) -> bool {
        let problem = self.problem.as_ref();
        problem.is_some_and(|problem| problem.code() == Code::StaleRevision)
    }

    /// What in a definition it was refused for.
    pub(in crate::console) fn pointer(&self) -> Option<&str> {
        self.problem.as_ref()?.pointer()
    }

    /// The fields that break a rule, with the rule.
    pub(in crate::console) fn wrong(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let errors = self.errors.iter();
        errors.map(|(name, rule)| (*name, rule.as_str()))
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
    /// `field`. Of several such places the longest counts; before them one that
    /// names the pool's field that the error is about, behind a `#`.
    #[must_use]
    pub(in crate::console) fn placed(
        mut self,
        pointer: impl Into<String>,
        field: &'static str,
    ) -> Self {
        self.places.push((pointer.into(), field));
        self
    }

    /// The same, in which whatever is refused of a field is said by this rule.
    #[must_use]
    pub(in crate::console) fn saying(mut self, name: &'static str, rule: String) -> Self {
        self.rules.push((name, rule));
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
            Code::Unauthenticated | Code::RoleNotAllowed | Code::NotFound
        );
        if is_elsewhere || is_broken(&error) {
            return Err(error);
        }
        self.status = problem.status();
        let mut detail = match problem.code() {
            // The API's words are about members of a body.
            Code::CodeNeeded => "Type the six digits that your app shows now.".to_owned(),
            Code::StaleRevision => CHANGED.to_owned(),
            // It is that of an older session: of other sites no form is shown.
            Code::CrossSite => RENEWED.to_owned(),
            Code::Busy => BUSY.to_owned(),
            Code::DeadlineExceeded => LATE.to_owned(),
            Code::DiskFull => FULL.to_owned(),
            Code::IdempotencyMismatch => OTHER.to_owned(),
            _ => sentence(problem.detail()),
        };
        if let Some(wait) = problem.retry_after() {
            detail.push_str(&in_words(wait));
        }
        let is_code = matches!(problem.code(), Code::CodeNeeded | Code::CodeRefused);
        self.needs_code |= is_code;
        let member = match is_code {
            true => CODE,
            false => self.field_at(problem),
        };
        if let Some((_, rule)) = self.rules.iter().find(|(name, _)| *name == member) {
            detail.clone_from(rule);
        }
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
        let member = self.field_at(problem);
        let known = self.names.iter().find(|name| **name == member);
        let detail = said_of(error);
        match known {
            Some(name) => self.errors.push((name, detail)),
            None => self.error = Some(detail),
        }
        self
    }

    /// The same with the status of an error that the page says by itself.
    #[must_use]
    pub(in crate::console) fn with_status_of(mut self, error: &ApiError) -> Self {
        self.status = error.problem().status();
        self
    }

    /// The field that stands for what an error points at.
    fn field_at<'a>(&self, problem: &'a Problem) -> &'a str {
        let pointer = problem.pointer().unwrap_or_default();
        let named = problem.field().map(|field| format!("{pointer}#{field}"));
        let mut places = self.places.iter();
        if let Some((_, field)) = places.find(|(place, _)| Some(place) == named.as_ref()) {
            return field;
        }
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

/// Whether something broke on our side: no form mends that, nor waiting.
pub(in crate::console) fn is_broken(error: &ApiError) -> bool {
    let problem = error.problem();
    let passes = matches!(
        problem.code(),
        Code::Busy | Code::DeadlineExceeded | Code::DiskFull
    );
    problem.status().is_server_error() && !passes
}

/// What is wrong, said to a person at the place that shows it.
pub(in crate::console) fn said_of(error: &ApiError) -> String {
    let problem = error.problem();
    let mut said = match problem.status().is_server_error() {
        // Its own words are about a request and its number in a log.
        true => "The server is busy, and has no answer to this now.".to_owned(),
        false => sentence(problem.detail()),
    };
    if let Some(wait) = problem.retry_after() {
        said.push_str(&in_words(wait));
    }
    said
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

/// A rule as a sentence. The name of a member or field that it begins with stays as it is written.
pub(in crate::console) fn sentence(text: &str) -> String {
    let word = text.split(' ').next().unwrap_or_default();
    let is_name = word.trim_end_matches('.').contains(['_', '.']);
    let mut chars = text.chars();
    let first = chars.next().map(|first| match is_name {
        true => first.to_string(),
        false => first.to_uppercase().to_string(),
    });
    let rest = chars.as_str();
    let end = if text.ends_with(['.', '!', '?']) {
        ""
    } else {
        "."
    };
    format!("{}{rest}{end}", first.unwrap_or_default())
}
