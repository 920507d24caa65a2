//! Questions without declared types: what of them a pool cannot answer is
//! decided here, from its fields alone, and never asked of an engine.

use crate::credits::Tier;
use crate::fields::ColumnType;
use crate::filters::{Comparison, Filter, Operator, Predicate};
use crate::ids::PoolId;
use crate::names::{FieldPath, Name};
use crate::pools::{FileLayout, Pool, PoolDraft, Schema, SchemaMode};
use crate::time::Timestamp;
use crate::value::Value;

/// What is left of a condition, as far as it can be definitely true.
enum Left {
    /// It is, for every row.
    Always,
    /// It is for none.
    Never,
    /// It is where this is.
    Where(Filter),
}

/// The filter that is definitely true where `filter` is, when a field that
/// `column_of` does not know is missing in every row and comparisons across
/// types are unknown. `None` is true everywhere.
pub(super) fn filter(
    filter: &Filter,
    column_of: &impl Fn(&FieldPath) -> Option<ColumnType>,
) -> Option<Filter> {
    if Predicate::resolve(filter, column_of).is_ok() {
        return Some(filter.clone());
    }
    match left_of(filter, false, column_of) {
        Left::Always => None,
        Left::Never => Some(Filter::Any(Vec::new())),
        Left::Where(filter) => Some(filter),
    }
}

/// What is left of the filter, or of its opposite. Negations are pushed down
/// to the comparisons: above them, what is unknown is as good as false.
fn left_of(
    filter: &Filter,
    is_negated: bool,
    column_of: &impl Fn(&FieldPath) -> Option<ColumnType>,
) -> Left {
    let parts = |parts: &[Filter]| -> Vec<Left> {
        let parts = parts.iter();
        parts
            .map(|part| left_of(part, is_negated, column_of))
            .collect()
    };
    match filter {
        // Nothing asked for is nothing, as everywhere.
        Filter::All(all) if all.is_empty() => known(is_negated),
        Filter::All(all) if is_negated => any_of(parts(all)),
        Filter::All(all) => all_of(parts(all)),
        Filter::Any(any) if is_negated => all_of(parts(any)),
        Filter::Any(any) => any_of(parts(any)),
        Filter::Not(part) => left_of(part, !is_negated, column_of),
        Filter::Compare(comparison) => match Predicate::resolve(filter, column_of) {
            Ok(_) if is_negated => Left::Where(Filter::Not(Box::new(filter.clone()))),
            Ok(_) => Left::Where(filter.clone()),
            Err(_) => unresolved(comparison, is_negated),
        },
    }
}

/// A comparison that means nothing for the pool: only whether something exists
/// that does not is known of it.
fn unresolved(comparison: &Comparison, is_negated: bool) -> Left {
    match (comparison.operator(), comparison.value()) {
        (Operator::Exists, Value::Boolean(expected)) => known(*expected == is_negated),
        _ => Left::Never,
    }
}

fn known(truth: bool) -> Left {
    if truth { Left::Always } else { Left::Never }
}

fn all_of(parts: Vec<Left>) -> Left {
    let mut filters = Vec::new();
    for part in parts {
        match part {
            Left::Always => {}
            Left::Never => return Left::Never,
            Left::Where(filter) => filters.push(filter),
        }
    }
    Filter::all(filters).map_or(Left::Always, Left::Where)
}

fn any_of(parts: Vec<Left>) -> Left {
    let mut filters = Vec::new();
    for part in parts {
        match part {
            Left::Always => return Left::Always,
            Left::Never => {}
            Left::Where(filter) => filters.push(filter),
        }
    }
    match filters.len() {
        0 => Left::Never,
        1 => filters.pop().map_or(Left::Never, Left::Where),
        _ => Left::Where(Filter::Any(filters)),
    }
}

/// A pool that is not there: any field may be asked for, and it has no rows.
pub(super) fn nowhere(name: Name) -> Pool {
    Pool {
        id: PoolId::from_bytes([0; 16]),
        draft: PoolDraft {
            name,
            description: String::new(),
            schema: Schema::new(SchemaMode::Open, Vec::new()),
            isolation_field: None,
            time_field: None,
            unique: Vec::new(),
            retention_days: None,
            layout: FileLayout::Shared,
            tier: Tier::Core,
            public: false,
            storage_bytes: None,
        },
        created_at: Timestamp::EPOCH,
        revision: 0,
    }
}
