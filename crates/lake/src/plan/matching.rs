//! The caller's own conditions, over visible rows alone.

use std::cmp::Ordering;
use std::sync::Arc;

use arrow_array::{Array, ArrayRef, BooleanArray, RecordBatch};
use arrow_ord::ord::{DynComparator, make_comparator};
use arrow_schema::SortOptions;
use arrow_select::filter::filter_record_batch;
use datafusion_common::{DataFusionError, Result, internal_err};
use datafusion_physical_plan::{ExecutionPlan, PlanProperties};
use model::fields::{ColumnType, FieldType, ScalarType};
use model::filters::{Leaf, OrderTest, Predicate, Test};
use model::names::FieldPath;
use model::queries::{Seek, Side, TimeBound};
use model::value::Value;

use super::node::{one_input_node, plain_properties};
use crate::columns::{array_of, plain};
use crate::error::LakeError;
use crate::predicate::{admits_all, admitted};

/// What the caller asks of visible rows.
#[derive(Debug)]
pub(crate) struct Conditions {
    /// The filter.
    pub(super) filter: Option<Predicate>,
    /// The range of time.
    pub(super) range: Option<TimeBound>,
    /// The place in the order.
    pub(super) place: Option<Place>,
}

/// A place in an order of rows.
#[derive(Debug)]
pub(crate) struct Place {
    /// The ordered fields and how each is ordered when read forwards.
    pub(super) columns: Vec<(FieldPath, ColumnType, SortOptions)>,
    /// The row beside which to start.
    pub(super) seek: Seek,
}

/// Lets through the visible rows that the caller asks for.
#[derive(Debug)]
pub(crate) struct MatchExec {
    input: Arc<dyn ExecutionPlan>,
    work: Arc<Work>,
    properties: Arc<PlanProperties>,
}

#[derive(Debug)]
struct Work {
    predicate: Predicate,
    /// Whether nothing is asked of the rows.
    wants_all: bool,
    place: Option<Place>,
}

impl MatchExec {
    pub(super) fn new(input: Arc<dyn ExecutionPlan>, conditions: Conditions) -> Self {
        let properties = plain_properties(input.schema());
        let predicate = matching(conditions.range.as_ref(), conditions.filter);
        let work = Arc::new(Work {
            wants_all: conditions.place.is_none() && admits_all(&predicate),
            predicate,
            place: conditions.place,
        });
        Self {
            input,
            work,
            properties,
        }
    }

    fn work(&self) -> Arc<Work> {
        self.work.clone()
    }
}

/// The rows that lie in a range and pass a filter.
pub(super) fn matching(range: Option<&TimeBound>, filter: Option<Predicate>) -> Predicate {
    let mut parts = Vec::new();
    if let Some(range) = range {
        let side = |order, at| {
            Predicate::Leaf(Leaf {
                field: range.field.clone(),
                column: ColumnType::Declared(FieldType::Scalar(ScalarType::DateTime)),
                test: Test::Order(order, Value::DateTime(at)),
            })
        };
        parts.extend(range.from.map(|from| side(OrderTest::Gte, from)));
        parts.extend(range.to.map(|to| side(OrderTest::Lt, to)));
    }
    parts.extend(filter);
    Predicate::All(parts)
}

impl Work {
    fn batch(&self, batch: RecordBatch) -> Result<Option<RecordBatch>> {
        if self.wants_all && batch.num_rows() > 0 {
            return Ok(Some(batch));
        }
        let mut wanted = admitted(&self.predicate, &batch).map_err(external)?;
        if let Some(place) = &self.place {
            let beyond = place.beyond(&batch)?;
            wanted = BooleanArray::new(wanted.values() & beyond.values(), None);
        }
        Ok(match wanted.true_count() {
            0 => None,
            count if count == batch.num_rows() => Some(batch),
            _ => Some(filter_record_batch(&batch, &wanted)?),
        })
    }
}

impl Place {
    /// The rows that lie on the asked side of the place.
    fn beyond(&self, batch: &RecordBatch) -> Result<BooleanArray> {
        let comparators = self.comparators(batch)?;
        let compare = |row: usize| {
            comparators
                .iter()
                .map(|comparator| comparator(row, 0))
                .find(|ordering| ordering.is_ne())
                .unwrap_or(Ordering::Equal)
        };
        let wanted = match self.seek.side {
            Side::After => Ordering::Greater,
            Side::Before => Ordering::Less,
        };
        Ok((0..batch.num_rows())
            .map(|row| Some(compare(row) == wanted))
            .collect())
    }

    fn comparators(&self, batch: &RecordBatch) -> Result<Vec<DynComparator>> {
        if self.columns.len() != self.seek.values.len() {
            return internal_err!("a place in an order has a value for each ordered field");
        }
        let columns = self.columns.iter().zip(&self.seek.values);
        columns
            .map(|((path, column, options), value)| {
                let Some(array) = batch.column_by_name(path.as_str()) else {
                    return internal_err!("the batch lacks an ordered column");
                };
                let array = plain(array).map_err(external)?;
                let value = Some(value).filter(|value| !value.is_null());
                let place: ArrayRef =
                    array_of(*column, std::iter::once(value)).map_err(external)?;
                Ok(make_comparator(
                    array.as_ref() as &dyn Array,
                    place.as_ref(),
                    *options,
                )?)
            })
            .collect()
    }
}

fn external(error: LakeError) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

one_input_node!(MatchExec);
