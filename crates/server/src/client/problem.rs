//! Problem documents, as a person reads them.

use std::fmt;
use std::time::Duration;

use serde_json::Value;

use crate::output::printable;

/// One fault of several.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ProblemItem {
    /// The rule that was broken.
    pub(crate) detail: String,
    /// The kind of fault.
    pub(crate) code: Option<String>,
    /// The field at fault.
    pub(crate) field: Option<String>,
    /// The place in the body that was sent.
    pub(crate) pointer: Option<String>,
}

/// A refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    /// The HTTP status.
    pub(crate) status: u16,
    /// What is wrong.
    pub(crate) main: ProblemItem,
    /// More faults of the same request.
    pub(crate) errors: Vec<ProblemItem>,
    /// The server's name for the request.
    pub(crate) request_id: Option<String>,
    /// How long to wait before a new try.
    pub(crate) retry_after: Option<Duration>,
}

impl ProblemItem {
    fn read(value: &Value) -> Self {
        if let Some(detail) = value.as_str() {
            return Self {
                detail: printable(detail),
                ..Self::default()
            };
        }
        let text = |name: &str| value.get(name)?.as_str().map(printable);
        Self {
            detail: text("detail")
                .or_else(|| text("message"))
                .or_else(|| text("title"))
                .unwrap_or_default(),
            code: text("code").or_else(|| text("error_code")),
            field: text("field"),
            pointer: text("pointer").filter(|pointer| !pointer.is_empty()),
        }
    }
}

impl Problem {
    /// Reads the body of a refusal, of whatever kind it is.
    pub(super) fn read(status: u16, body: &[u8], retry_after: Option<Duration>, url: &str) -> Self {
        let document = serde_json::from_slice::<Value>(body).ok();
        // The native API says the status, the Keen dialect the name of the error.
        let is_ours = |document: &Value| {
            ["status", "error_code"]
                .iter()
                .any(|name| document.get(name).is_some())
        };
        let document = document.filter(is_ours);
        let Some(document) = document else {
            let detail = format!(
                "{url} answered with status {status} and no problem document; is this a Tidegate server?"
            );
            return Self {
                status,
                main: ProblemItem {
                    detail,
                    ..ProblemItem::default()
                },
                errors: Vec::new(),
                request_id: None,
                retry_after,
            };
        };
        let errors = document.get("errors").and_then(Value::as_array);
        Self {
            status,
            main: ProblemItem::read(&document),
            errors: errors
                .map(|errors| errors.iter().map(ProblemItem::read).collect())
                .unwrap_or_default(),
            request_id: document
                .get("request_id")
                .and_then(Value::as_str)
                .map(printable),
            retry_after,
        }
    }

    /// Whether the request itself was refused, rather than the server busy
    /// or broken.
    pub(crate) fn is_refusal(&self) -> bool {
        self.status < 500 && self.status != 429
    }
}

impl fmt::Display for ProblemItem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)?;
        let mut places = Vec::new();
        places.extend(self.field.as_ref().map(|field| format!("field {field}")));
        places.extend(self.pointer.as_ref().map(|at| format!("at {at}")));
        places.extend(self.code.as_ref().map(|code| format!("code {code}")));
        if !places.is_empty() {
            write!(f, " ({})", places.join(", "))?;
        }
        Ok(())
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.main)?;
        for error in &self.errors {
            write!(f, "\n  - {error}")?;
        }
        if self.status == 401 {
            f.write_str(
                "\n  the token comes from --token-file, TIDEGATE_TOKEN or TIDEGATE_TOKEN_COMMAND",
            )?;
        }
        if let Some(wait) = self.retry_after {
            write!(f, "\n  try again in {} s", wait.as_secs())?;
        }
        match &self.request_id {
            Some(id) => write!(f, "\n  request {id}"),
            None => Ok(()),
        }
    }
}
