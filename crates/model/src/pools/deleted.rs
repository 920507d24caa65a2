//! Undeclared properties of an open pool that were deleted.
//!
//! A deleted property takes everything beneath it along. What is stored of it
//! stays where it lies until that is written anew, under a name that nobody
//! can say any more: from then on the paths stand for other columns.

use std::collections::BTreeMap;

use crate::limits::PROPERTIES_DELETED_MAX;
use crate::names::{ColumnName, FieldPath};

/// The paths that were deleted, each with the number of the last time; a
/// number is never given twice in a pool.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Deleted(BTreeMap<FieldPath, u32>);

/// The number of the first deletion: the first column of a path has none.
const FIRST: u32 = 2;

impl Deleted {
    /// What was stored.
    pub(super) fn restore(paths: BTreeMap<FieldPath, u32>) -> Self {
        Self(paths)
    }

    /// The paths with their numbers.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&FieldPath, u32)> {
        self.0.iter().map(|(path, number)| (path, *number))
    }

    /// Whether nothing was ever deleted.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The same after one more deletion; `None` when there were too many.
    #[must_use]
    pub fn and(&self, path: &FieldPath) -> Option<Self> {
        let last = self.0.values().max().copied();
        let number = last.map_or(FIRST, |last| last.saturating_add(1));
        let mut paths = self.0.clone();
        paths.retain(|deleted, _| !deleted.is_at_or_below(path));
        paths.insert(path.clone(), number);
        (paths.len() <= PROPERTIES_DELETED_MAX).then_some(Self(paths))
    }

    /// When an undeclared path was deleted last, itself or with one above it.
    fn number(&self, path: &FieldPath) -> Option<u32> {
        if self.0.is_empty() {
            return None;
        }
        let all = path.ancestors().chain([path.as_str()]);
        all.filter_map(|path| self.0.get(path).copied()).max()
    }

    /// The column that an undeclared path stands for now.
    pub fn column(&self, path: &FieldPath) -> FieldPath {
        match self.number(path) {
            None => path.clone(),
            Some(number) => ColumnName::numbered(path, number as usize).to_path(),
        }
    }

    /// The undeclared path that stands for this column now; `None` for the
    /// column of a deleted one.
    pub fn path(&self, column: &str) -> Option<FieldPath> {
        let numbered = column.rsplit_once("._").and_then(|(path, number)| {
            let number: u32 = number.parse().ok()?;
            Some((FieldPath::parse(path).ok()?, number))
        });
        match numbered {
            Some((path, number)) => (self.number(&path) == Some(number)).then_some(path),
            None => {
                let path = FieldPath::parse_readable(column).ok()?;
                self.number(&path).is_none().then_some(path)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> FieldPath {
        FieldPath::parse(text).expect("a path")
    }

    #[test]
    fn a_path_that_was_deleted_stands_for_another_column_with_all_beneath_it() {
        let deleted = Deleted::default();
        assert_eq!(deleted.column(&path("a.b")), path("a.b"));
        let inner = deleted.and(&path("a.b")).expect("few");
        for (named, column) in [
            ("a", "a"),
            ("a.b", "a.b._2"),
            ("a.b.c", "a.b.c._2"),
            ("a.bc", "a.bc"),
        ] {
            assert_eq!(inner.column(&path(named)).as_str(), column);
            assert_eq!(inner.path(column), Some(path(named)));
        }
        assert_eq!(inner.path("a.b"), None);
        assert_eq!(inner.path("a.b.c"), None);
        assert_eq!(inner.path("a._2"), None);
        let outer = inner.and(&path("a")).expect("few");
        assert_eq!(outer.iter().collect::<Vec<_>>(), [(&path("a"), 3)]);
        for gone in ["a", "a.b", "a.b._2", "a.b.c._2", "a._2"] {
            assert_eq!(outer.path(gone), None, "{gone}");
        }
        assert_eq!(outer.path("a.b.c._3"), Some(path("a.b.c")));
        let again = outer.and(&path("a.b")).expect("few");
        assert_eq!(again.column(&path("a.b")).as_str(), "a.b._4");
        assert_eq!(again.column(&path("a.c")).as_str(), "a.c._3");
        assert_eq!(again.path("a.b._3"), None);
    }

    #[test]
    fn a_pool_deletes_so_many_and_no_more() {
        let mut deleted = Deleted::default();
        for at in 0..PROPERTIES_DELETED_MAX {
            deleted = deleted.and(&path(&format!("p{at}"))).expect("few");
        }
        assert!(deleted.and(&path("q")).is_none());
        assert!(deleted.and(&path("p0")).is_some());
    }
}
