//! Values: what a field of a record holds, and what an answer gives back.

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};

use crate::time::{Date, Timestamp};

/// One value. `Null` stands for a missing value inside answers, arrays and
/// objects; a record never stores it at the top of a field.
///
/// Equality is exact and total: two floats are equal when their bits are,
/// which is sound because a [`Value::Float`] is finite and never `-0.0`.
/// Comparison *by meaning* (`1` against `1.0`) is [`compare`].
#[derive(Clone, Debug)]
pub enum Value {
    /// No value.
    Null,
    /// True or false.
    Boolean(bool),
    /// A whole number; wide enough for sums of every stored integer.
    Integer(i128),
    /// A finite number that is not `-0.0`; see [`Value::float`].
    Float(f64),
    /// Text.
    String(String),
    /// A day of the calendar.
    Date(Date),
    /// An instant, in microseconds.
    DateTime(Timestamp),
    /// A UUID.
    Uuid(uuid::Uuid),
    /// Values in order.
    Array(Vec<Value>),
    /// Members, each name once.
    Object(Object),
}

/// The members of an object, in the order they were written; no name occurs
/// twice.
#[derive(Clone, Debug, Default)]
pub struct Object(Vec<(String, Value)>);

impl Value {
    /// A float value: `None` for NaN and infinities, `0.0` for `-0.0`.
    pub fn float(number: f64) -> Option<Self> {
        number.is_finite().then_some(Self::Float(number + 0.0))
    }

    /// Text as a value.
    pub fn text(text: impl Into<String>) -> Self {
        Self::String(text.into())
    }

    /// Whether this is no value.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// The text of a string value.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// The members of an object value.
    pub fn as_object(&self) -> Option<&Object> {
        match self {
            Self::Object(object) => Some(object),
            _ => None,
        }
    }

    /// The elements of an array value.
    pub fn as_array(&self) -> Option<&[Value]> {
        match self {
            Self::Array(elements) => Some(elements),
            _ => None,
        }
    }

    /// The number of a numeric value.
    pub fn as_number(&self) -> Option<Number> {
        match self {
            Self::Integer(number) => Some(Number::Integer(*number)),
            Self::Float(number) => Some(Number::Float(*number)),
            _ => None,
        }
    }

    /// The word for this kind of value in messages.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean(_) => "a boolean",
            Self::Integer(_) => "an integer",
            Self::Float(_) => "a number",
            Self::String(_) => "a string",
            Self::Date(_) => "a date",
            Self::DateTime(_) => "a date-time",
            Self::Uuid(_) => "a UUID",
            Self::Array(_) => "an array",
            Self::Object(_) => "an object",
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::String(text)
    }
}

impl From<bool> for Value {
    fn from(truth: bool) -> Self {
        Self::Boolean(truth)
    }
}

macro_rules! from_integers {
    ($($type:ty)+) => {$(
        impl From<$type> for Value {
            fn from(number: $type) -> Self {
                Self::Integer(i128::from(number))
            }
        }
    )+};
}
from_integers!(i32 i64 u32 u64 i128);

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Value::Null, Into::into)
    }
}

impl<T: Into<Value>> From<Vec<T>> for Value {
    fn from(values: Vec<T>) -> Self {
        Self::Array(values.into_iter().map(Into::into).collect())
    }
}

impl From<Object> for Value {
    fn from(object: Object) -> Self {
        Self::Object(object)
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Null, Self::Null) => true,
            (Self::Boolean(a), Self::Boolean(b)) => a == b,
            (Self::Integer(a), Self::Integer(b)) => a == b,
            (Self::Float(a), Self::Float(b)) => a.to_bits() == b.to_bits(),
            (Self::String(a), Self::String(b)) => a == b,
            (Self::Date(a), Self::Date(b)) => a == b,
            (Self::DateTime(a), Self::DateTime(b)) => a == b,
            (Self::Uuid(a), Self::Uuid(b)) => a == b,
            (Self::Array(a), Self::Array(b)) => a == b,
            (Self::Object(a), Self::Object(b)) => a == b,
            _ => false,
        }
    }
}

impl Eq for Value {}

impl Hash for Value {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let mut bytes = Vec::new();
        crate::canonical::encode(self, &mut bytes);
        bytes.hash(state);
    }
}

impl Object {
    /// An object without members.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a member; refuses (returns `false`) a name that is there already.
    pub fn insert(&mut self, name: impl Into<String>, value: impl Into<Value>) -> bool {
        let name = name.into();
        if self.get(&name).is_some() {
            return false;
        }
        self.0.push((name, value.into()));
        true
    }

    /// Adds a member that the caller knows to be new; for builders of answers.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        let name = name.into();
        self.0.retain(|(present, _)| *present != name);
        self.0.push((name, value.into()));
        self
    }

    /// The object of these members, when no name occurs twice; else the
    /// repeated name.
    pub fn from_members(members: Vec<(String, Value)>) -> Result<Self, String> {
        const LINEAR_MEMBERS_MAX: usize = 32;
        let repeated = if members.len() <= LINEAR_MEMBERS_MAX {
            members
                .iter()
                .enumerate()
                .find(|(i, (name, _))| members[..*i].iter().any(|(earlier, _)| earlier == name))
                .map(|(i, _)| i)
        } else {
            let mut seen = std::collections::HashSet::with_capacity(members.len());
            members
                .iter()
                .position(|(name, _)| !seen.insert(name.as_str()))
        };
        match repeated {
            Some(index) => Err(members[index].0.clone()),
            None => Ok(Self(members)),
        }
    }

    /// The value of a member.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0
            .iter()
            .find(|(member, _)| member == name)
            .map(|(_, value)| value)
    }

    /// The members in written order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Value)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// The members in written order, owned.
    pub fn into_members(self) -> Vec<(String, Value)> {
        self.0
    }

    /// How many members there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no member.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl PartialEq for Object {
    /// The same members with the same values, in whatever order.
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len()
            && self
                .0
                .iter()
                .all(|(name, value)| other.get(name) == Some(value))
    }
}

impl Eq for Object {}

/// A number, whole or not.
#[derive(Clone, Copy, Debug)]
pub enum Number {
    /// A whole number.
    Integer(i128),
    /// A finite number.
    Float(f64),
}

impl Number {
    /// The nearest double.
    #[expect(
        clippy::cast_precision_loss,
        reason = "the nearest double is what is asked for"
    )]
    pub fn to_f64(self) -> f64 {
        match self {
            Self::Integer(number) => number as f64,
            Self::Float(number) => number,
        }
    }

    /// Compares the exact numbers, never through rounding.
    pub fn compare(self, other: Self) -> Ordering {
        match (self, other) {
            (Self::Integer(a), Self::Integer(b)) => a.cmp(&b),
            (Self::Float(a), Self::Float(b)) => a.total_cmp(&b),
            (Self::Integer(a), Self::Float(b)) => compare_integer_with_float(a, b),
            (Self::Float(a), Self::Integer(b)) => compare_integer_with_float(b, a).reverse(),
        }
    }
}

/// Exact comparison of a whole number with a finite double.
pub fn compare_integer_with_float(integer: i128, float: f64) -> Ordering {
    const TWO_TO_127: f64 = 170_141_183_460_469_231_731_687_303_715_884_105_728.0;
    if float >= TWO_TO_127 {
        return Ordering::Less;
    }
    if float < -TWO_TO_127 {
        return Ordering::Greater;
    }
    let floor = float.floor();
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the range was checked above"
    )]
    let whole = floor as i128;
    integer.cmp(&whole).then(if float > floor {
        Ordering::Less
    } else {
        Ordering::Equal
    })
}

/// Compares two values by meaning: numbers exactly whether whole or not,
/// text by bytes, times by instant. `None` across kinds, and for null,
/// arrays and objects: such a comparison is unknown.
pub fn compare(a: &Value, b: &Value) -> Option<Ordering> {
    match (a, b) {
        (Value::Boolean(a), Value::Boolean(b)) => Some(a.cmp(b)),
        (Value::String(a), Value::String(b)) => Some(a.cmp(b)),
        (Value::Date(a), Value::Date(b)) => Some(a.cmp(b)),
        (Value::DateTime(a), Value::DateTime(b)) => Some(a.cmp(b)),
        (Value::Uuid(a), Value::Uuid(b)) => Some(a.cmp(b)),
        _ => Some(a.as_number()?.compare(b.as_number()?)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_compare_exactly_beyond_the_reach_of_doubles() {
        let big = (1_i128 << 53) + 1;
        let float = 9_007_199_254_740_992.0; // 2^53
        assert_eq!(
            compare(&Value::Integer(big), &Value::Float(float)),
            Some(Ordering::Greater)
        );
        assert_eq!(
            compare(&Value::Float(float), &Value::Integer(big)),
            Some(Ordering::Less)
        );
        assert_eq!(
            compare(&Value::Integer(1), &Value::Float(1.0)),
            Some(Ordering::Equal)
        );
        assert_eq!(
            compare(&Value::Integer(-1), &Value::Float(-1.5)),
            Some(Ordering::Greater)
        );
        assert_eq!(
            compare(&Value::Integer(i128::MAX), &Value::Float(1e300)),
            Some(Ordering::Less)
        );
        assert_eq!(
            compare(&Value::Integer(i128::MIN), &Value::Float(-1e300)),
            Some(Ordering::Greater)
        );
    }

    #[test]
    fn kinds_do_not_compare() {
        assert_eq!(compare(&Value::from("1"), &Value::Integer(1)), None);
        assert_eq!(compare(&Value::Null, &Value::Null), None);
        assert_eq!(compare(&Value::Array(vec![]), &Value::Array(vec![])), None);
    }

    #[test]
    fn minus_zero_and_not_a_number_cannot_be_made() {
        assert_eq!(Value::float(-0.0), Some(Value::Float(0.0)));
        assert_eq!(Value::float(f64::NAN), None);
        assert_eq!(Value::float(f64::INFINITY), None);
    }

    #[test]
    fn objects_refuse_a_second_member_of_one_name() {
        let members = |n: usize| {
            (0..n)
                .map(|i| (format!("m{i}"), Value::Null))
                .collect::<Vec<_>>()
        };
        for n in [2, 40] {
            let mut twice = members(n);
            twice.push(("m1".to_owned(), Value::from(true)));
            assert_eq!(Object::from_members(twice), Err("m1".to_owned()));
            assert_eq!(Object::from_members(members(n)).expect("distinct").len(), n);
        }
    }
}
