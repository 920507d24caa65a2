//! What is wrong with a request, in words for the person who sent it.

use std::fmt;

/// Why a request is refused; the wire turns each into a code and a status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FaultCode {
    /// The text is not JSON, or not of the format that its type announces.
    MalformedBody,
    /// One object names a member twice.
    DuplicateMember,
    /// A member that the request does not know.
    UnknownMember,
    /// A member that the request needs is absent.
    MissingMember,
    /// A value is of another type than its place asks for.
    WrongType,
    /// A value is of the right type but outside what is allowed.
    InvalidValue,
    /// A name breaks the rule for names.
    InvalidName,
    /// A filter breaks a rule of filters.
    InvalidFilter,
    /// A field that the pool does not declare.
    UnknownField,
    /// A field that the view does not expose.
    FieldNotInView,
    /// A pool or view that a definition names and that does not exist.
    UnknownResource,
    /// More, longer or deeper than a stated limit.
    LimitExceeded,
    /// A time zone that is not known.
    UnknownTimezone,
    /// A cursor that this request cannot continue from.
    InvalidCursor,
    /// Several grants with different visible fields apply.
    GrantAmbiguous,
    /// Something else is built on what would go away.
    InUse,
    /// A feature that is designed but does not exist yet; nothing is accepted and not enforced.
    NotAvailable,
}

/// One fault: its code, where it is, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The kind of fault.
    pub code: FaultCode,
    /// The member at fault as an RFC 6901 pointer; empty for the whole body.
    pub pointer: String,
    /// The field at fault, when the fault is about one.
    pub field: Option<String>,
    /// A sentence: the rule that was broken and what to do.
    pub detail: String,
}

impl Fault {
    /// A fault of the whole body.
    pub fn new(code: FaultCode, detail: impl Into<String>) -> Self {
        Self {
            code,
            pointer: String::new(),
            field: None,
            detail: detail.into(),
        }
    }

    /// The same fault, said of the member at `pointer`.
    #[must_use]
    pub fn at(mut self, pointer: impl Into<String>) -> Self {
        self.pointer = pointer.into();
        self
    }

    /// The same fault, said of `field`.
    #[must_use]
    pub fn on_field(mut self, field: impl fmt::Display) -> Self {
        self.field = Some(shorten(&field.to_string()));
        self
    }

    /// The same fault, `prefix` levels further out in the document.
    #[must_use]
    pub fn under(mut self, prefix: &str) -> Self {
        self.pointer.insert_str(0, prefix);
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

impl std::error::Error for Fault {}

/// Text that a client sent, cut to what an error message may repeat.
pub fn shorten(text: &str) -> String {
    const ECHO_CHARS_MAX: usize = 64;
    if text.chars().count() <= ECHO_CHARS_MAX {
        return text.to_owned();
    }
    text.chars().take(ECHO_CHARS_MAX).chain(['…']).collect()
}

/// One step of an RFC 6901 pointer, escaped and with its leading slash.
pub fn step(name: impl fmt::Display) -> String {
    format!(
        "/{}",
        shorten(&name.to_string())
            .replace('~', "~0")
            .replace('/', "~1")
    )
}
