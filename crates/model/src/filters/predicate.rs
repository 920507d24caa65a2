//! A filter made ready for the fields of one pool: literals in the fields'
//! types, expressions compiled. This file is the reference for what every
//! operator means; the lake's vectorised evaluation is tested against it.

use std::cmp::Ordering;

use super::{Comparison, Filter, Operator};
use crate::fields::{ColumnType, FieldType, ScalarType};
use crate::limits::{REGEX_BYTES_MAX, REGEX_COMPILED_BYTES_MAX};
use crate::names::FieldPath;
use crate::value::{Value, compare};

/// True, false or unknown (`None`).
pub type Truth = Option<bool>;

/// A filter whose comparisons are resolved against a pool.
#[derive(Clone, Debug)]
pub enum Predicate {
    /// No row.
    Nothing,
    /// Every part holds.
    All(Vec<Predicate>),
    /// Some part holds.
    Any(Vec<Predicate>),
    /// The part is definitely false.
    Not(Box<Predicate>),
    /// A test of one field.
    Leaf(Leaf),
}

/// A test of one field.
#[derive(Clone, Debug)]
pub struct Leaf {
    /// The field tested.
    pub field: FieldPath,
    /// What the pool says of the field.
    pub column: ColumnType,
    /// The test.
    pub test: Test,
}

/// What a leaf tests; `ne`, `not_in` and `not_contains` are a `Not` around one of these.
#[derive(Clone, Debug)]
pub enum Test {
    /// The field has a value.
    Exists(bool),
    /// The value, or some element of the array, equals one of these.
    In(Vec<Value>),
    /// The value stands so to the literal.
    Order(OrderTest, Value),
    /// The text contains this text, or some element of the array equals this value.
    Contains(Value),
    /// The text starts with this.
    StartsWith(String),
    /// The text ends with this.
    EndsWith(String),
    /// The text has a match.
    Regex(regex::Regex),
    /// The point lies in the circle.
    Within(Circle),
}

/// The four orderings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderTest {
    /// Below.
    Lt,
    /// Below or equal.
    Lte,
    /// Above.
    Gt,
    /// Above or equal.
    Gte,
}

impl OrderTest {
    /// Whether a value that stands so to the literal passes.
    pub fn admits(self, ordering: Ordering) -> bool {
        match self {
            Self::Lt => ordering.is_lt(),
            Self::Lte => ordering.is_le(),
            Self::Gt => ordering.is_gt(),
            Self::Gte => ordering.is_ge(),
        }
    }
}

/// A circle on the globe.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Circle {
    longitude: f64,
    latitude: f64,
    radius_meters: f64,
}

impl Circle {
    /// Reads `{"center": [longitude, latitude], "radius_meters": number}`.
    pub fn parse(value: &Value) -> Option<Self> {
        let object = value.as_object().filter(|object| object.len() == 2)?;
        let (longitude, latitude) = point(object.get("center")?)?;
        let radius_meters = object.get("radius_meters")?.as_number()?.to_f64();
        (radius_meters > 0.0).then_some(Self {
            longitude,
            latitude,
            radius_meters,
        })
    }
}

fn point(value: &Value) -> Option<(f64, f64)> {
    let [longitude, latitude] = value.as_array()? else {
        return None;
    };
    let (longitude, latitude) = (
        longitude.as_number()?.to_f64(),
        latitude.as_number()?.to_f64(),
    );
    (longitude.abs() <= 180.0 && latitude.abs() <= 90.0).then_some((longitude, latitude))
}

/// Whether a `[longitude, latitude]` value lies in the circle, by great-circle
/// distance on a sphere of 6,371,008.8 m (haversine); unknown for anything else.
pub fn within(circle: &Circle, value: &Value) -> Truth {
    const EARTH_RADIUS_METERS: f64 = 6_371_008.8;
    let (longitude, latitude) = point(value)?;
    let (lat1, lat2) = (circle.latitude.to_radians(), latitude.to_radians());
    let sin_lat = ((lat2 - lat1) / 2.0).sin();
    let sin_lon = ((longitude - circle.longitude).to_radians() / 2.0).sin();
    let h = sin_lat * sin_lat + lat1.cos() * lat2.cos() * sin_lon * sin_lon;
    Some(2.0 * EARTH_RADIUS_METERS * h.sqrt().min(1.0).asin() <= circle.radius_meters)
}

/// Compiles an expression of the linear-time kind within the stated limits.
pub(super) fn compile_regex(source: &str) -> Result<regex::Regex, &'static str> {
    if source.len() > REGEX_BYTES_MAX {
        return Err("the regular expression is too long");
    }
    regex::RegexBuilder::new(source)
        .size_limit(REGEX_COMPILED_BYTES_MAX)
        .nest_limit(50)
        .build()
        .map_err(|_| "the regular expression cannot be used")
}

/// Why a comparison means nothing for a pool.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unresolved {
    /// The pool is strict and declares no such field.
    #[error("the pool has no field {0}")]
    NoField(FieldPath),
    /// The literal is of another type than the field.
    #[error("{field} is of type {field_type}, which this value or operator does not fit")]
    Type {
        /// The field compared.
        field: FieldPath,
        /// Its declared type.
        field_type: FieldType,
    },
}

impl Unresolved {
    /// The field that could not be compared.
    pub fn field(&self) -> &FieldPath {
        match self {
            Self::NoField(field) | Self::Type { field, .. } => field,
        }
    }
}

/// The fields of one row.
pub trait RowView {
    /// The value of a field; `None` where it is missing or null.
    fn field(&self, path: &FieldPath) -> Option<&Value>;
}

impl Predicate {
    /// Resolves a filter against the fields that `column_of` knows
    /// (`None`: no such field).
    pub fn resolve(
        filter: &Filter,
        column_of: &impl Fn(&FieldPath) -> Option<ColumnType>,
    ) -> Result<Self, Unresolved> {
        let parts = |parts: &[Filter]| {
            parts
                .iter()
                .map(|part| Self::resolve(part, column_of))
                .collect::<Result<Vec<_>, _>>()
        };
        Ok(match filter {
            // Nothing asked for is not everything.
            Filter::All(all) if all.is_empty() => Self::Nothing,
            Filter::All(all) => Self::All(parts(all)?),
            Filter::Any(any) => Self::Any(parts(any)?),
            Filter::Not(part) => Self::Not(Box::new(Self::resolve(part, column_of)?)),
            Filter::Compare(comparison) => {
                let field = comparison.field();
                let column = column_of(field).ok_or_else(|| Unresolved::NoField(field.clone()))?;
                resolve_comparison(comparison, column)?
            }
        })
    }

    /// The truth of the predicate for one row.
    pub fn test(&self, row: &impl RowView) -> Truth {
        match self {
            Self::Nothing => Some(false),
            Self::All(parts) => and(parts.iter().map(|part| part.test(row))),
            Self::Any(parts) => or(parts.iter().map(|part| part.test(row))),
            Self::Not(part) => part.test(row).map(|truth| !truth),
            Self::Leaf(leaf) => leaf.test.test(row.field(&leaf.field)),
        }
    }

    /// Calls `visit` for each test of the predicate.
    pub fn for_each_leaf<'a>(&'a self, visit: &mut impl FnMut(&'a Leaf)) {
        match self {
            Self::Nothing => {}
            Self::All(parts) | Self::Any(parts) => {
                parts.iter().for_each(|part| part.for_each_leaf(visit));
            }
            Self::Not(part) => part.for_each_leaf(visit),
            Self::Leaf(leaf) => visit(leaf),
        }
    }

    /// Whether the row is admitted: only a definite *true* admits.
    pub fn admits(&self, row: &impl RowView) -> bool {
        self.test(row) == Some(true)
    }
}

fn and(truths: impl Iterator<Item = Truth>) -> Truth {
    let mut all = Some(true);
    for truth in truths {
        match truth {
            Some(false) => return Some(false),
            None => all = None,
            Some(true) => {}
        }
    }
    all
}

fn or(truths: impl Iterator<Item = Truth>) -> Truth {
    and(truths.map(|truth| truth.map(|truth| !truth))).map(|truth| !truth)
}

fn resolve_comparison(
    comparison: &Comparison,
    column: ColumnType,
) -> Result<Predicate, Unresolved> {
    use Operator as O;
    let field = comparison.field().clone();
    let mismatch = |field_type| Unresolved::Type {
        field: field.clone(),
        field_type,
    };
    let literal = |value: &Value| resolve_literal(value, column).map_err(mismatch);
    // A literal that is no text fits no text: read as the empty text it would be in every row.
    let text = || match (column, comparison.value().as_str()) {
        (ColumnType::Declared(FieldType::Scalar(ScalarType::String)), Some(text))
        | (ColumnType::Undeclared, Some(text)) => Ok(text.to_owned()),
        (ColumnType::Declared(found), _) => Err(mismatch(found)),
        (ColumnType::Undeclared, None) => Err(Unresolved::NoField(field.clone())),
    };
    let order = |order| match column {
        ColumnType::Declared(
            found @ (FieldType::Array(_) | FieldType::Scalar(ScalarType::Boolean)),
        ) => Err(mismatch(found)),
        _ => Ok(Test::Order(order, literal(comparison.value())?)),
    };
    let test = match comparison.operator() {
        O::Exists => match comparison.value() {
            Value::Boolean(expected) => Test::Exists(*expected),
            _ => return Err(Unresolved::NoField(field)),
        },
        O::Eq | O::Ne => Test::In(vec![literal(comparison.value())?]),
        O::In | O::NotIn => {
            // `not in nothing` would be every row.
            let values = comparison.value().as_array();
            let values = values.filter(|values| !values.is_empty());
            let values = values.ok_or_else(|| Unresolved::NoField(field.clone()))?;
            Test::In(values.iter().map(literal).collect::<Result<_, _>>()?)
        }
        O::Lt => order(OrderTest::Lt)?,
        O::Lte => order(OrderTest::Lte)?,
        O::Gt => order(OrderTest::Gt)?,
        O::Gte => order(OrderTest::Gte)?,
        O::Contains | O::NotContains => match column {
            ColumnType::Declared(FieldType::Scalar(ScalarType::String)) => {
                Test::Contains(Value::String(text()?))
            }
            ColumnType::Declared(found @ FieldType::Scalar(_)) => return Err(mismatch(found)),
            _ => Test::Contains(literal(comparison.value())?),
        },
        O::StartsWith => Test::StartsWith(text()?),
        O::EndsWith => Test::EndsWith(text()?),
        O::Regex => {
            Test::Regex(compile_regex(&text()?).map_err(|_| Unresolved::NoField(field.clone()))?)
        }
        O::Within => match column {
            ColumnType::Undeclared
            | ColumnType::Declared(FieldType::Array(ScalarType::Float64 | ScalarType::Float32)) => {
                let circle = Circle::parse(comparison.value());
                Test::Within(circle.ok_or_else(|| Unresolved::NoField(field.clone()))?)
            }
            ColumnType::Declared(found) => return Err(mismatch(found)),
        },
    };
    let leaf = Predicate::Leaf(Leaf {
        field,
        column,
        test,
    });
    let negative = matches!(comparison.operator(), O::Ne | O::NotIn | O::NotContains);
    Ok(if negative {
        Predicate::Not(Box::new(leaf))
    } else {
        leaf
    })
}

/// The literal in the field's type. Numbers stay as they are, since any two
/// numbers compare exactly; text is read as the field's type asks.
fn resolve_literal(value: &Value, column: ColumnType) -> Result<Value, FieldType> {
    let ColumnType::Declared(found) = column else {
        return Ok(value.clone());
    };
    let (FieldType::Scalar(scalar) | FieldType::Array(scalar)) = found;
    if scalar.is_numeric() && value.as_number().is_some() {
        return Ok(value.clone());
    }
    scalar.coerce(value.clone()).map_err(|_| found)
}

impl Test {
    /// The truth of the test for a field's value; `None` stands for a
    /// missing or null field.
    pub fn test(&self, value: Option<&Value>) -> Truth {
        let value = value.filter(|value| !value.is_null());
        if let Self::Exists(expected) = self {
            return Some(value.is_some() == *expected);
        }
        let value = value?;
        match self {
            Self::Exists(_) => None,
            Self::In(literals) => or(literals.iter().map(|literal| equals(value, literal))),
            Self::Order(order, literal) => {
                if matches!(value, Value::Boolean(_)) {
                    return None;
                }
                compare(value, literal).map(|ordering| order.admits(ordering))
            }
            Self::Contains(literal) => match (value, literal) {
                (Value::String(text), Value::String(part)) => Some(text.contains(part.as_str())),
                (Value::Array(_), literal) => equals(value, literal),
                _ => None,
            },
            Self::StartsWith(part) => value.as_str().map(|text| text.starts_with(part.as_str())),
            Self::EndsWith(part) => value.as_str().map(|text| text.ends_with(part.as_str())),
            Self::Regex(regex) => value.as_str().map(|text| regex.is_match(text)),
            Self::Within(circle) => within(circle, value),
        }
    }
}

/// Equality by meaning; of an array, of some element.
fn equals(value: &Value, literal: &Value) -> Truth {
    match value {
        Value::Array(elements) => or(elements.iter().map(|element| match element {
            Value::Array(_) => None,
            element => compare(element, literal).map(Ordering::is_eq),
        })),
        value => compare(value, literal).map(Ordering::is_eq),
    }
}
