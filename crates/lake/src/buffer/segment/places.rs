//! Where the fields of a record go.

use std::sync::Arc;

use model::names::FieldPath;

use crate::columns::Layout;

/// Where the fields of one record go, and of every other with the same fields.
pub(super) struct Places<'a> {
    pub(super) paths: &'a Arc<[FieldPath]>,
    /// For each column of a field its place in the record.
    pub(super) columns: Vec<Option<usize>>,
    /// The fields that have no column, each by what it is stored under and
    /// with its place, in the order of the former.
    pub(super) rest: Vec<(FieldPath, usize)>,
}

impl<'a> Places<'a> {
    /// The places of these fields, which are in order.
    pub(super) fn of(paths: &'a Arc<[FieldPath]>, layout: &Layout) -> Self {
        let mut has_column = vec![false; paths.len()];
        let columns = layout.paths().iter().map(|path| {
            let at = paths.binary_search(path).ok()?;
            has_column[at] = true;
            Some(at)
        });
        let columns = columns.collect();
        let rest = (0..paths.len()).filter(|at| !has_column[*at]);
        let rest = rest.map(|at| (layout.deleted().column(&paths[at]), at));
        let mut rest: Vec<_> = rest.collect();
        rest.sort_unstable();
        Self {
            paths,
            columns,
            rest,
        }
    }
}
