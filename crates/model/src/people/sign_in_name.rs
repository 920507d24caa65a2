//! The name that somebody signs in with.

use std::fmt;

use crate::fault::{Fault, FaultCode};

const CHARS_MAX: usize = 254;

/// An e-mail address as text, in lower case: `Ada@Example.com` and
/// `ada@example.com` are one. Nothing is ever sent to it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SignInName(String);

impl SignInName {
    /// Reads a name.
    ///
    /// # Errors
    /// A fault for what is no address: it has text on both sides of one `@`,
    /// neither blanks nor control characters, and at most 254 characters.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        let has_sides = text
            .split_once('@')
            .is_some_and(|(user, host)| !user.is_empty() && !host.is_empty());
        let plain = |c: char| !c.is_whitespace() && !c.is_control();
        let fits = text.chars().count() <= CHARS_MAX;
        if has_sides && text.matches('@').count() == 1 && text.chars().all(plain) && fits {
            return Ok(Self(text.to_lowercase()));
        }
        Err(Fault::new(
            FaultCode::InvalidValue,
            "sign_in is an e-mail address such as ada@example.com, of at most 254 characters",
        ))
    }

    /// The name in lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SignInName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
