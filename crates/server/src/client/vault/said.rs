//! What a server of the API refuses, in words, and what that means for a
//! secret that was on its way.

use serde_json::Value;

use super::Answer;
use super::VaultPath;
use crate::output::printable;

/// Characters of a server's own words that are repeated.
const WORDS_MAX: usize = 300;

/// Why nothing was read or written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum VaultError {
    /// What was asked for cannot be, or cannot be used.
    #[error("{0}")]
    Settings(String),
    /// Nobody is there; nothing was sent.
    #[error("{0}")]
    Absent(String),
    /// Somebody else changed the path since it was read; nothing was written.
    #[error("{0}")]
    Changed(String),
    /// The server refused, and did nothing.
    #[error("{0}")]
    Refused(String),
    /// Whether the server did something is not known.
    #[error("{0}")]
    Unreachable(String),
}

impl VaultError {
    /// Whether a write that ended so may have been carried out.
    pub(crate) fn may_have_written(&self) -> bool {
        matches!(self, Self::Unreachable(_))
    }

    /// The same; a server that repeats the secret in its refusal is not quoted.
    pub(super) fn without(self, secret: &str) -> Self {
        if !self.to_string().contains(secret) {
            return self;
        }
        let told = "the server refused, in words that are not shown".to_owned();
        match self {
            Self::Unreachable(_) => Self::Unreachable(told),
            Self::Changed(_) => Self::Changed(told),
            Self::Settings(_) | Self::Absent(_) | Self::Refused(_) => Self::Refused(told),
        }
    }
}

impl Answer {
    /// What an answer that is none of success means.
    pub(super) fn refusal(&self, path: &VaultPath, doing: &str) -> VaultError {
        let words = self.words();
        let is_changed = match self.status {
            400 => words.contains("check-and-set"),
            status => status == 404 && doing == "writing",
        };
        if is_changed {
            return VaultError::Changed(format!(
                "{path}: it was changed by somebody else meanwhile, and nothing was written; do it again{words}"
            ));
        }
        let what = match self.status {
            403 => format!(
                "the token in VAULT_TOKEN may not do this ({doing}); its policy needs read, and patch or create and update, on the path"
            ),
            503 if words.contains("sealed") => "the server is sealed; nothing was done".to_owned(),
            429 | 500.. => {
                return VaultError::Unreachable(format!(
                    "{path}: the server failed or is busy while {doing} (status {}){words}",
                    self.status
                ));
            }
            status => format!("refused while {doing} (status {status})"),
        };
        VaultError::Refused(format!("{path}: {what}{words}"))
    }

    /// The server's own words, in brackets.
    fn words(&self) -> String {
        let list = self.body["errors"].as_array();
        let texts = list.into_iter().flatten().filter_map(Value::as_str);
        let text = texts.map(str::trim).collect::<Vec<_>>().join("; ");
        if text.is_empty() {
            return text;
        }
        let text: String = text.chars().take(WORDS_MAX).collect();
        format!(" ({})", printable(&text))
    }
}
