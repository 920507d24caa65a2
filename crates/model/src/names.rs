//! Names of resources, and dotted paths of fields.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, LazyLock};

use crate::limits::{FIELD_DEPTH_MAX, FIELD_PATH_BYTES_MAX, NAME_CHARS_MAX};

/// The name of a pool or view: 1 to 64 printable ASCII characters without
/// `/ : * $`, not starting with `_` or `.`, case-sensitive.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name(Arc<str>);

/// The rule that a name broke.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a name has 1 to 64 printable ASCII characters without / : * $ and does not start with _ or ."
)]
pub struct NameError;

impl Name {
    /// Checks the rule above.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let legal = |c: char| (' '..='~').contains(&c) && !"/:*$".contains(c);
        let first_is_legal = !text.starts_with(['_', '.', ' ']) && !text.ends_with(' ');
        if (1..=NAME_CHARS_MAX).contains(&text.len()) && text.chars().all(legal) && first_is_legal {
            Ok(Self(text.into()))
        } else {
            Err(NameError)
        }
    }

    /// What the pool of usage is called, which every project has.
    pub const USAGE: &str = "_usage";

    /// Checks the rule for what a question, a view or a grant calls a pool:
    /// that of [`Name::parse`], or [`Name::USAGE`].
    pub fn parse_pool(text: &str) -> Result<Self, NameError> {
        match text {
            Self::USAGE => Ok(Self::of_usage()),
            _ => Self::parse(text),
        }
    }

    /// That name.
    pub(crate) fn of_usage() -> Self {
        static NAME: LazyLock<Name> = LazyLock::new(|| Name(Name::USAGE.into()));
        NAME.clone()
    }

    /// Whether it is a name that nobody can give.
    pub fn is_reserved(&self) -> bool {
        self.0.starts_with('_')
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A dotted path to a field: `customer.id` is member `id` of member
/// `customer`. A member whose own name contains a dot means the same path.
#[derive(Clone, Debug, Eq, PartialOrd, Ord)]
pub struct FieldPath(Arc<str>);

impl PartialEq for FieldPath {
    fn eq(&self, other: &Self) -> bool {
        // Most paths that meet are copies of one, which is seen without reading them.
        Arc::ptr_eq(&self.0, &other.0) || self.0 == other.0
    }
}

impl Hash for FieldPath {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

/// The rule that a path broke.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FieldPathError {
    /// The path is empty or has an empty segment.
    #[error("a field name is not empty, and neither is any part of it between dots")]
    Empty,
    /// The path is longer than [`FIELD_PATH_BYTES_MAX`].
    #[error("a field name has at most 256 bytes")]
    TooLong,
    /// The path has more segments than [`FIELD_DEPTH_MAX`].
    #[error("a field name has at most 16 parts between dots")]
    TooDeep,
    /// The path holds a control or an invisible formatting character.
    #[error("a field name holds no control or invisible formatting characters")]
    Control,
    /// The path, or a part of it, starts with `_`.
    #[error("names starting with _ are kept for system fields (_id, _ingested_at, _key)")]
    Reserved,
}

/// The name of the record id that the server assigns.
pub const ID: &str = "_id";
/// The name of the time at which the server admitted the record.
pub const INGESTED_AT: &str = "_ingested_at";
/// The name of the id of the key that wrote the record.
pub const KEY: &str = "_key";
/// The name of what stands for all undeclared fields of a record.
pub const REST: &str = "_rest";

impl FieldPath {
    /// A path to a field that clients may write.
    pub fn parse(text: &str) -> Result<Self, FieldPathError> {
        check_path(text)?;
        if text.split('.').any(|part| part.starts_with('_')) {
            return Err(FieldPathError::Reserved);
        }
        Ok(Self(text.into()))
    }

    /// A path to a field that clients may read: also the system fields.
    pub fn parse_readable(text: &str) -> Result<Self, FieldPathError> {
        match text {
            ID | INGESTED_AT | KEY => Ok(Self(text.into())),
            _ => Self::parse(text),
        }
    }

    /// The path of the record id.
    pub fn id() -> Self {
        static PATH: LazyLock<FieldPath> = LazyLock::new(|| FieldPath(ID.into()));
        PATH.clone()
    }

    /// The same path in memory of its own.
    pub(crate) fn unshared(&self) -> Self {
        Self(Arc::from(&*self.0))
    }

    /// The path of the time of ingestion.
    pub fn ingested_at() -> Self {
        static PATH: LazyLock<FieldPath> = LazyLock::new(|| FieldPath(INGESTED_AT.into()));
        PATH.clone()
    }

    /// The path of the writing key's id.
    pub fn key() -> Self {
        static PATH: LazyLock<FieldPath> = LazyLock::new(|| FieldPath(KEY.into()));
        PATH.clone()
    }

    /// What stands for all fields of a record that its pool does not declare.
    /// No client can name it.
    pub fn rest() -> Self {
        Self(REST.into())
    }

    /// Whether the server alone writes this field.
    pub fn is_system(&self) -> bool {
        self.0.starts_with('_')
    }

    /// The path as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The paths above this one, outermost first.
    pub fn ancestors(&self) -> impl Iterator<Item = &str> {
        self.0.match_indices('.').map(|(at, _)| &self.0[..at])
    }

    /// Whether `self` names a member at or somewhere below `other`.
    pub fn is_at_or_below(&self, other: &FieldPath) -> bool {
        is_at_or_below(&self.0, &other.0)
    }

    /// Whether one of the two paths contains the other: they cannot both
    /// hold a value in one record.
    pub fn overlaps(&self, other: &FieldPath) -> bool {
        self.is_at_or_below(other) || other.is_at_or_below(self)
    }
}

impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::borrow::Borrow<str> for FieldPath {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// What a declared field's values are stored under, for ever: the path that the
/// field was added with, or that path and an ordinal when an earlier field of
/// the pool was given it. A field keeps it through every renaming, and no other
/// field of the pool is ever given it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ColumnName(Arc<str>);

impl ColumnName {
    /// The first choice for a field that is added with this path.
    pub fn of(path: &FieldPath) -> Self {
        Self(path.0.clone())
    }

    /// The choice for a field that is added with this path, when `ordinal - 1`
    /// choices are taken; `ordinal` counts from 2. No path of a client can be
    /// it: a part that starts with `_` is reserved.
    pub(crate) fn numbered(path: &FieldPath, ordinal: usize) -> Self {
        Self(format!("{path}._{ordinal}").into())
    }

    /// A name that was given before it was stored.
    pub(crate) fn restore(text: &str) -> Self {
        Self(text.into())
    }

    /// Reads a name that was given.
    pub fn parse(text: &str) -> Result<Self, FieldPathError> {
        let ordinal = |digits: &str| {
            digits
                .parse()
                .is_ok_and(|n: u32| n >= 2 && n.to_string() == digits)
        };
        let path = match text.rsplit_once("._") {
            Some((path, digits)) if ordinal(digits) => path,
            _ => text,
        };
        FieldPath::parse_readable(path)?;
        Ok(Self(text.into()))
    }

    /// The name where the name of a field stands, in filters and records that
    /// name columns. It may be one that no client can say.
    pub fn to_path(&self) -> FieldPath {
        FieldPath(self.0.clone())
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ColumnName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::borrow::Borrow<str> for ColumnName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

fn is_at_or_below(path: &str, ancestor: &str) -> bool {
    path.strip_prefix(ancestor)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

fn check_path(text: &str) -> Result<(), FieldPathError> {
    if text.len() > FIELD_PATH_BYTES_MAX {
        return Err(FieldPathError::TooLong);
    }
    if text.split('.').any(str::is_empty) {
        return Err(FieldPathError::Empty);
    }
    if text.split('.').count() > FIELD_DEPTH_MAX {
        return Err(FieldPathError::TooDeep);
    }
    if text.chars().any(is_invisible) {
        return Err(FieldPathError::Control);
    }
    Ok(())
}

/// Characters that make two different names look the same on a screen.
fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}'
            | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
            | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_rule() {
        for good in ["sales", "by day", "a", "A-b.c", &"x".repeat(64)] {
            assert_eq!(Name::parse(good).expect("legal").as_str(), good);
        }
        let long = "x".repeat(65);
        for bad in [
            "", "_a", ".a", "a/b", "a:b", "*", "a$", "é", "a\n", " a", "a ", &long,
        ] {
            assert_eq!(Name::parse(bad), Err(NameError), "{bad:?}");
        }
    }

    #[test]
    fn paths_follow_the_rule() {
        assert!(FieldPath::parse("customer.id").is_ok());
        assert!(FieldPath::parse("größe").is_ok());
        assert_eq!(FieldPath::parse("a..b"), Err(FieldPathError::Empty));
        assert_eq!(FieldPath::parse(""), Err(FieldPathError::Empty));
        assert_eq!(FieldPath::parse("a._b"), Err(FieldPathError::Reserved));
        assert_eq!(FieldPath::parse("_id"), Err(FieldPathError::Reserved));
        assert_eq!(FieldPath::parse("a\u{200b}"), Err(FieldPathError::Control));
        assert_eq!(
            FieldPath::parse("a.".repeat(17).trim_end_matches('.')),
            Err(FieldPathError::TooDeep)
        );
        assert!(FieldPath::parse_readable("_id").is_ok());
        assert!(FieldPath::parse_readable("_other").is_err());
    }

    #[test]
    fn no_path_is_a_numbered_column() {
        for text in ["a", "customer.id", "größe"] {
            let path = FieldPath::parse(text).expect("legal");
            assert_eq!(ColumnName::of(&path).as_str(), text);
            let numbered = ColumnName::numbered(&path, 2);
            assert_eq!(numbered.as_str(), format!("{text}._2"));
            let as_path = FieldPath::parse_readable(numbered.as_str());
            assert_eq!(as_path, Err(FieldPathError::Reserved));
            assert_eq!(ColumnName::parse(text).as_ref(), Ok(&ColumnName::of(&path)));
            assert_eq!(ColumnName::parse(numbered.as_str()).as_ref(), Ok(&numbered));
            for other in ["._1", "._02", "._2._2", "._x", "._"] {
                let other = format!("{text}{other}");
                assert_eq!(ColumnName::parse(&other), Err(FieldPathError::Reserved));
            }
        }
    }

    #[test]
    fn overlap_is_by_whole_parts() {
        let path = |text| FieldPath::parse(text).expect("legal");
        assert!(path("a.b").overlaps(&path("a")));
        assert!(path("a").overlaps(&path("a.b.c")));
        assert!(!path("ab").overlaps(&path("a")));
        assert!(!path("a.b").overlaps(&path("a.c")));
    }
}
