//! Predicates over batches: the vectorised twin of
//! [`model::filters::Predicate::test`], which stays the reference.
//!
//! Evaluation is total: no stored value makes it fail.

use std::sync::Arc;

use arrow_arith::boolean::{and_kleene, not, or_kleene};
use arrow_array::{Array, ArrayRef, BooleanArray, Datum, RecordBatch, Scalar};
use arrow_buffer::{BooleanBuffer, NullBuffer};
use arrow_ord::cmp;
use model::fields::{ColumnType, FieldType, ScalarType};
use model::filters::{Leaf, OrderTest, Predicate, Test, Truth};
use model::value::{Number, Value};

use crate::columns::{Cell, CellReader, Encoded, array_of};
use crate::error::{LakeError, Result};

/// The truth of the predicate for each row: true, false, or null for unknown.
///
/// # Errors
/// [`LakeError::Internal`] when the batch lacks a column that the predicate
/// names; whether that is so depends on the plan alone, never on a row.
pub(crate) fn evaluate(predicate: &Predicate, batch: &RecordBatch) -> Result<BooleanArray> {
    let rows = batch.num_rows();
    match predicate {
        Predicate::Nothing => Ok(constant(false, rows)),
        Predicate::All(parts) => parts.iter().try_fold(constant(true, rows), |all, part| {
            Ok(and_kleene(&all, &evaluate(part, batch)?)?)
        }),
        Predicate::Any(parts) => parts.iter().try_fold(constant(false, rows), |any, part| {
            Ok(or_kleene(&any, &evaluate(part, batch)?)?)
        }),
        Predicate::Not(part) => Ok(not(&evaluate(part, batch)?)?),
        Predicate::Leaf(leaf) => {
            let column = batch.column_by_name(leaf.field.as_str()).ok_or_else(|| {
                LakeError::Internal(format!("the batch has no column {}", leaf.field))
            })?;
            match Encoded::of(column.as_ref()) {
                Some(encoded) if !encoded.is_constant() => {
                    let in_use: ArrayRef = Arc::new(encoded.in_use()?);
                    Ok(test_column(leaf, &in_use))
                }
                _ => Ok(test_column(leaf, column)),
            }
        }
    }
}

/// The rows that the predicate admits: those where it is definitely true.
pub(crate) fn admitted(predicate: &Predicate, batch: &RecordBatch) -> Result<BooleanArray> {
    let truth = evaluate(predicate, batch)?;
    Ok(match truth.nulls() {
        None => truth,
        Some(known) => BooleanArray::new(truth.values() & known.inner(), None),
    })
}

/// Whether the predicate admits every row, whatever is in it.
pub(crate) fn admits_all(predicate: &Predicate) -> bool {
    match predicate {
        Predicate::All(parts) => parts.iter().all(admits_all),
        Predicate::Nothing | Predicate::Any(_) | Predicate::Not(_) | Predicate::Leaf(_) => false,
    }
}

/// How many rows the predicate admits.
///
/// # Errors
/// As [`evaluate`].
pub(crate) fn count_admitted(predicate: &Predicate, batch: &RecordBatch) -> Result<usize> {
    if admits_all(predicate) {
        return Ok(batch.num_rows());
    }
    Ok(admitted(predicate, batch)?.true_count())
}

fn constant(truth: bool, rows: usize) -> BooleanArray {
    let values = if truth {
        BooleanBuffer::new_set(rows)
    } else {
        BooleanBuffer::new_unset(rows)
    };
    BooleanArray::new(values, None)
}

fn test_column(leaf: &Leaf, column: &ArrayRef) -> BooleanArray {
    if let Test::Exists(expected) = leaf.test {
        let present = match column.nulls() {
            None => BooleanBuffer::new_set(column.len()),
            Some(valid) => valid.inner().clone(),
        };
        return BooleanArray::new(if expected { present } else { !&present }, None);
    }
    if let Some(encoded) = Encoded::of(column.as_ref()) {
        return test_encoded(leaf, encoded);
    }
    if let Some(truth) = compare_natively(leaf, column) {
        return truth;
    }
    let reader = CellReader::new(column.as_ref());
    (0..column.len())
        .map(|row| test_cell(&leaf.test, reader.cell(row)))
        .collect()
}

/// Each value of a dictionary is tested once; all of them stand in some row.
fn test_encoded(leaf: &Leaf, encoded: Encoded<'_>) -> BooleanArray {
    let (codes, truths) = (encoded.codes(), test_column(leaf, encoded.values()));
    if encoded.is_constant() && truths.is_valid(0) {
        return constant(truths.value(0), codes.len());
    }
    let at = |row: usize| usize::try_from(codes.values()[row]).unwrap_or(usize::MAX);
    let holds = |bits: &BooleanBuffer| {
        BooleanBuffer::collect_bool(codes.len(), |row| {
            let code = at(row);
            code < bits.len() && bits.value(code)
        })
    };
    let known = truths
        .nulls()
        .map(|known| NullBuffer::new(holds(known.inner())));
    let known = NullBuffer::union(codes.nulls(), known.as_ref());
    BooleanArray::new(holds(truths.values()), known)
}

/// Comparisons for which Arrow has a kernel of exactly the same meaning: a
/// scalar column against one literal that its own type holds exactly.
fn compare_natively(leaf: &Leaf, column: &ArrayRef) -> Option<BooleanArray> {
    let ColumnType::Declared(FieldType::Scalar(scalar)) = leaf.column else {
        return None;
    };
    let (literal, order) = match &leaf.test {
        Test::In(literals) if literals.len() == 1 => (&literals[0], None),
        Test::Order(order, literal) => (literal, Some(*order)),
        _ => return None,
    };
    if !holds_exactly(scalar, literal) {
        return None;
    }
    let literal = array_of(leaf.column, std::iter::once(Some(literal))).ok()?;
    if literal.data_type() != column.data_type() {
        return None;
    }
    let literal = Scalar::new(literal);
    let column: &dyn Datum = column;
    match order {
        None => cmp::eq(column, &literal),
        Some(OrderTest::Lt) => cmp::lt(column, &literal),
        Some(OrderTest::Lte) => cmp::lt_eq(column, &literal),
        Some(OrderTest::Gt) => cmp::gt(column, &literal),
        Some(OrderTest::Gte) => cmp::gt_eq(column, &literal),
    }
    .ok()
}

/// Whether the column's own type holds the literal without rounding.
fn holds_exactly(scalar: ScalarType, literal: &Value) -> bool {
    match (scalar, literal) {
        (ScalarType::String, Value::String(_))
        | (ScalarType::Boolean, Value::Boolean(_))
        | (ScalarType::Date, Value::Date(_))
        | (ScalarType::DateTime, Value::DateTime(_))
        | (ScalarType::Uuid, Value::Uuid(_))
        | (ScalarType::Float64, Value::Float(_)) => true,
        (scalar, Value::Integer(number)) => scalar
            .integer_range()
            .is_some_and(|(least, greatest)| (least..=greatest).contains(number)),
        _ => false,
    }
}

/// The truth of a test for one cell; the same as [`Test::test`] on its value.
fn test_cell(test: &Test, cell: Cell<'_>) -> Truth {
    match (test, cell) {
        (_, Cell::Null) => test.test(None),
        (Test::In(literals), Cell::Number(number)) => any_equal(literals, |literal| {
            literal
                .as_number()
                .map(|literal| number.compare(literal).is_eq())
        }),
        (Test::In(literals), Cell::Text(text)) => any_equal(literals, |literal| {
            literal.as_str().map(|literal| literal == text)
        }),
        (Test::Order(order, literal), Cell::Number(number)) => literal
            .as_number()
            .map(|literal| order.admits(number.compare(literal))),
        (Test::Order(order, literal), Cell::Text(text)) => literal
            .as_str()
            .map(|literal| order.admits(text.cmp(literal))),
        (Test::Contains(Value::String(part)), Cell::Text(text)) => {
            Some(text.contains(part.as_str()))
        }
        (Test::StartsWith(part), Cell::Text(text)) => Some(text.starts_with(part.as_str())),
        (Test::EndsWith(part), Cell::Text(text)) => Some(text.ends_with(part.as_str())),
        (Test::Regex(regex), Cell::Text(text)) => Some(regex.is_match(text)),
        (test, cell) => test.test(Some(&cell.into_value())),
    }
}

fn any_equal(literals: &[Value], equal: impl Fn(&Value) -> Truth) -> Truth {
    let mut any = Some(false);
    for literal in literals {
        match equal(literal) {
            Some(true) => return Some(true),
            None => any = None,
            Some(false) => {}
        }
    }
    any
}

/// The values that a row's `field` must equal one of to be admitted, when the
/// predicate implies such a list: a hint for finding rows, never the check.
pub(crate) fn required_values<'a>(
    predicate: &'a Predicate,
    field: &model::names::FieldPath,
) -> Option<&'a [Value]> {
    match predicate {
        Predicate::All(parts) => parts.iter().find_map(|part| required_values(part, field)),
        Predicate::Leaf(Leaf {
            field: tested,
            test: Test::In(values),
            ..
        }) if tested == field => Some(values),
        _ => None,
    }
}

/// A number in the form in which equal numbers are equal bytes.
pub(crate) fn index_key(value: &Value, out: &mut Vec<u8>) {
    out.clear();
    model::canonical::encode(value, out);
}

/// The same for a cell.
pub(crate) fn cell_index_key(cell: &Cell<'_>, out: &mut Vec<u8>) {
    out.clear();
    match cell {
        Cell::Null => model::canonical::encode(&Value::Null, out),
        Cell::Number(Number::Integer(number)) => model::canonical::encode_integer(*number, out),
        Cell::Number(Number::Float(number)) => model::canonical::encode_float(*number, out),
        Cell::Text(text) => model::canonical::encode_text(text, out),
        Cell::Other(value) => model::canonical::encode(value, out),
    }
}

#[cfg(test)]
mod tests;
