//! Which fields of a view are answered whom.

use super::{Shape, ViewDraft, ViewField, ViewFieldRole};
use crate::grants::VisibleFields;
use crate::names::FieldPath;
use crate::pools::Pool;
use crate::queries::Aggregate;

/// Whether who sees these fields of the pool is answered this field of a view.
pub(super) fn is_answered(field: &ViewField, pool: &Pool, visible: &VisibleFields) -> bool {
    // First and last go by time, and would tell the order of times that the reader must not see.
    let goes_by_time = matches!(
        field.role,
        ViewFieldRole::Measure(Aggregate::First | Aggregate::Last, _)
    );
    let hides_time = || {
        let time = pool.draft.time_field.as_ref();
        time.is_some_and(|time| !visible.shows(time))
    };
    let shown = field.source().is_none_or(|path| visible.shows(path));
    shown && !(goes_by_time && hides_time())
}

/// What a view answers who sees these fields of its pool: the field that the intervals of a
/// series go by, which is told with `None`, then the view's own fields in order. Nothing of a
/// series whose intervals go by a hidden field, which is refused.
pub fn answered<'v>(
    view: &'v ViewDraft,
    pool: &Pool,
    visible: &VisibleFields,
) -> Vec<(&'v FieldPath, Option<&'v ViewFieldRole>)> {
    let interval = match &view.shape {
        Shape::TimeSeries { interval_field } if !visible.shows(interval_field) => {
            return Vec::new();
        }
        Shape::TimeSeries { interval_field } => Some((interval_field, None)),
        Shape::Records | Shape::Aggregated => None,
    };
    let fields = view.fields.iter();
    let fields = fields.filter(|field| is_answered(field, pool, visible));
    let fields = fields.map(|field| (&field.name, Some(&field.role)));
    interval.into_iter().chain(fields).collect()
}
