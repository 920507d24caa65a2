//! The columns of a checkpoint: each action is one row with one column that is not null.

use std::sync::Arc;

use arrow_array::builder::{ListBuilder, MapBuilder, MapFieldNames, StringBuilder};
use arrow_array::{
    Array, ArrayRef, BooleanArray, Int32Array, Int64Array, StringArray, StructArray,
};
use arrow_buffer::NullBuffer;
use arrow_schema::{ArrowError, Field, Fields};

/// The rows in which one column is not null.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// The first.
    pub(super) first: usize,
    /// How many.
    pub(super) count: usize,
    /// All rows of the checkpoint.
    pub(super) rows: usize,
}

impl Place {
    /// The values at this place, nulls elsewhere.
    fn spread<T>(self, values: impl Iterator<Item = T>) -> impl Iterator<Item = Option<T>> {
        let after = self.rows - self.first - self.count;
        std::iter::repeat_with(|| None)
            .take(self.first)
            .chain(values.map(Some))
            .chain(std::iter::repeat_with(|| None).take(after))
    }

    fn valid(self) -> impl Iterator<Item = bool> {
        (0..self.rows).map(move |row| (self.first..self.first + self.count).contains(&row))
    }

    /// Texts.
    pub(super) fn strings<'a>(self, values: impl Iterator<Item = &'a str>) -> ArrayRef {
        Arc::new(self.spread(values).collect::<StringArray>())
    }

    /// 64-bit numbers.
    pub(super) fn longs(self, values: impl Iterator<Item = i64>) -> ArrayRef {
        Arc::new(self.spread(values).collect::<Int64Array>())
    }

    /// The same 32-bit number everywhere.
    pub(super) fn integer(self, value: i32) -> ArrayRef {
        let values = std::iter::repeat_n(value, self.count);
        Arc::new(self.spread(values).collect::<Int32Array>())
    }

    /// The same truth everywhere.
    pub(super) fn boolean(self, value: bool) -> ArrayRef {
        let values = std::iter::repeat_n(value, self.count);
        Arc::new(self.spread(values).collect::<BooleanArray>())
    }

    /// Maps from text to text with nothing in them.
    ///
    /// # Errors
    /// None that the types allow.
    pub(super) fn empty_maps(self) -> Result<ArrayRef, ArrowError> {
        let names = MapFieldNames {
            entry: "key_value".to_owned(),
            key: "key".to_owned(),
            value: "value".to_owned(),
        };
        let (keys, values) = (StringBuilder::new(), StringBuilder::new());
        let mut maps = MapBuilder::new(Some(names), keys, values);
        for valid in self.valid() {
            maps.append(valid)?;
        }
        Ok(Arc::new(maps.finish()))
    }

    /// Lists of text with nothing in them.
    pub(super) fn empty_lists(self) -> ArrayRef {
        let item = Field::new("element", arrow_schema::DataType::Utf8, true);
        let mut lists = ListBuilder::new(StringBuilder::new()).with_field(Arc::new(item));
        for valid in self.valid() {
            lists.append(valid);
        }
        Arc::new(lists.finish())
    }

    /// One column of these members.
    ///
    /// # Errors
    /// When the members are not of this place's length.
    pub(super) fn structs(self, members: Vec<(&str, ArrayRef)>) -> Result<ArrayRef, ArrowError> {
        let (fields, arrays): (Vec<Field>, Vec<ArrayRef>) = members
            .into_iter()
            .map(|(name, array)| (Field::new(name, array.data_type().clone(), true), array))
            .unzip();
        let nulls = NullBuffer::from_iter(self.valid());
        StructArray::try_new(Fields::from(fields), arrays, Some(nulls))
            .map(|column| Arc::new(column) as ArrayRef)
    }
}
