//! What clients say of copying a key.

use super::KeyDraft;
use super::draft::{parse_expires_at, parse_rotate_after};
use crate::document::Document;
use crate::fault::{Fault, FaultCode};
use crate::limits::KEY_NAME_CHARS_MAX;
use crate::time::{Span, Timestamp};

/// What a copy has of its own. What is not said is as the original has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyCopy {
    name: Option<String>,
    expires_at: Said<Timestamp>,
    rotate_after: Said<Span>,
}

/// A member that may be left out, or be said to be none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Said<T> {
    #[default]
    Nothing,
    Is(Option<T>),
}

impl<T> Said<T> {
    fn or(self, original: Option<T>) -> Option<T> {
        match self {
            Self::Nothing => original,
            Self::Is(said) => said,
        }
    }
}

impl KeyCopy {
    /// A copy under this name, with the life of the original.
    pub fn named(name: impl Into<String>) -> Self {
        Self {
            name: Some(name.into()),
            ..Self::default()
        }
    }

    /// Reads `name`, `expires_at` and `rotate_after`.
    ///
    /// # Errors
    /// A fault that names the member which is none.
    pub fn read(document: &mut Document<'_>) -> Result<Self, Fault> {
        let name = document.optional_text("name")?.map(str::to_owned);
        let expires_at = match document.present("expires_at") {
            None => Said::Nothing,
            Some(_) => {
                let text = document.optional_text("expires_at")?;
                Said::Is(text.map(parse_expires_at).transpose()?)
            }
        };
        let rotate_after = match document.present("rotate_after") {
            None => Said::Nothing,
            Some(_) => {
                let text = document.optional_text("rotate_after")?;
                Said::Is(text.map(parse_rotate_after).transpose()?)
            }
        };
        Ok(Self {
            name,
            expires_at,
            rotate_after,
        })
    }

    /// The copy of a key, made at `now`.
    ///
    /// # Errors
    /// A fault where the copy would be over when it is made: by an end that is
    /// said, or by that of the original when none is.
    pub fn of(self, original: &KeyDraft, now: Timestamp) -> Result<KeyDraft, Fault> {
        let is_said = self.expires_at != Said::Nothing;
        let expires_at = self.expires_at.or(original.expires_at);
        if let Some(end) = expires_at.filter(|end| *end <= now) {
            let rule = match is_said {
                true => "expires_at lies in the future".to_owned(),
                false => format!(
                    "the key ended at {end}, and its copy would be over, too: say when the copy ends, or null for never"
                ),
            };
            return Err(Fault::new(FaultCode::InvalidValue, rule).at("/expires_at"));
        }
        Ok(KeyDraft {
            name: self.name.unwrap_or_else(|| name_of_copy(&original.name)),
            expires_at,
            rotate_after: self.rotate_after.or(original.rotate_after),
            ..original.clone()
        })
    }
}

fn name_of_copy(name: &str) -> String {
    const MARK: &str = " (copy)";
    let kept = KEY_NAME_CHARS_MAX - MARK.len();
    name.chars().take(kept).chain(MARK.chars()).collect()
}
