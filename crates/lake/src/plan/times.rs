//! Which times a question asks for: hints by which rows may be left out.

use model::pools::{Pool, Schema};
use model::queries::{ActorQuery, Direction, RecordQuery, Side, TimeBound};
use model::value::Value;

use crate::reading::TimeHint;

/// A range of time that the caller asks for. It tests a column for its own
/// type and can neither fail nor be asked of a row, only of many at once.
pub(super) fn time_hint(range: &TimeBound, schema: &Schema) -> TimeHint {
    TimeHint {
        field: schema.column_path(&range.field),
        from: range.from.map(|from| from.as_microsecond()),
        to: range.to.map(|to| to.as_microsecond()),
        // A range without sides asks for no time at all.
        missing: range.from.is_none() && range.to.is_none(),
    }
}

/// The times that any step asks for, when all of them ask for some.
pub(super) fn steps_hint(query: &ActorQuery, schema: &Schema) -> Option<TimeHint> {
    let ranges = query.steps.iter().map(|step| step.range.as_ref());
    let hints = ranges.map(|range| range.map(|range| time_hint(range, schema)));
    let hints = hints.collect::<Option<Vec<_>>>()?;
    hints.into_iter().reduce(|a, b| TimeHint {
        from: a.from.zip(b.from).map(|(a, b)| a.min(b)),
        to: a.to.zip(b.to).map(|(a, b)| a.max(b)),
        missing: a.missing || b.missing,
        ..a
    })
}

/// The times that a question for records asks for: its range, and what lies
/// on the asked side of its place in the order. Both are the caller's words.
pub(super) fn page_hint(query: &RecordQuery, pool: &Pool) -> Option<TimeHint> {
    let schema = &pool.draft.schema;
    let range = query.range.as_ref();
    let range = range.map(|range| time_hint(range, schema));
    let (Some(first), Some(seek)) = (query.order.first(), &query.seek) else {
        return range;
    };
    let Some(Value::DateTime(at)) = seek.values.first() else {
        return range;
    };
    if first.field != pool.time_field() || range.is_some() {
        return range;
    }
    let at = at.as_microsecond();
    let is_forwards = seek.side == Side::After;
    let is_falling = (first.direction == Direction::Descending) == is_forwards;
    Some(TimeHint {
        field: schema.column_path(&first.field),
        from: (!is_falling).then_some(at),
        to: is_falling.then(|| at.saturating_add(1)),
        // Rows without a time come last.
        missing: is_forwards,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lake::tests::fixtures::open_pool;
    use model::names::FieldPath;
    use model::time::Timestamp;

    #[test]
    fn a_range_without_sides_leaves_no_row_out_also_beside_others() {
        let schema = &open_pool(1).draft.schema;
        let range = |from: Option<i64>| TimeBound {
            field: FieldPath::ingested_at(),
            from: from.and_then(Timestamp::from_microsecond),
            to: None,
        };
        assert!(time_hint(&range(None), schema).missing);
        assert!(!time_hint(&range(Some(1)), schema).missing);
        let step = |bit, from| model::queries::StepRows {
            bit,
            filter: None,
            range: Some(range(from)),
        };
        let query = ActorQuery {
            actor: FieldPath::id(),
            steps: vec![step(0, Some(1)), step(1, None)],
            counted: true,
        };
        let hint = steps_hint(&query, schema).unwrap();
        assert!(hint.missing && hint.from.is_none());
    }
}
