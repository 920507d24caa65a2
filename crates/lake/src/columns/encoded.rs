//! Columns of texts as codes into a dictionary: a column in which values come
//! again takes a few bytes a row, and work on its values is done once for each.
//!
//! Only a scan hands such columns on, where it was asked to, and only for
//! columns whose plain type is `Utf8` or `Binary`. Whoever reads one asks
//! [`Encoded::of`], or makes it [`plain`] first.

use std::sync::{Arc, LazyLock};

use arrow_array::cast::AsArray;
use arrow_array::types::Int32Type;
use arrow_array::{Array, ArrayRef, DictionaryArray, PrimitiveArray};
use arrow_schema::DataType;
use arrow_select::dictionary::garbage_collect_dictionary;
use arrow_select::take::take;

use crate::error::Result;
use crate::tables::BLOCK_ROWS;

/// The form in which a scan hands on columns of texts and of undeclared fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// Every column in its own type.
    Plain,
    /// In codes where files hold codes.
    Encoded,
}

/// The type of an encoded column whose plain type is `values`.
pub(crate) fn encoded_type(values: &DataType) -> DataType {
    DataType::Dictionary(Box::new(DataType::Int32), Box::new(values.clone()))
}

/// An encoded column.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Encoded<'a>(&'a DictionaryArray<Int32Type>);

impl<'a> Encoded<'a> {
    /// The column, if it is encoded.
    pub(crate) fn of(column: &'a dyn Array) -> Option<Self> {
        column.as_dictionary_opt::<Int32Type>().map(Self)
    }

    /// The value that each code stands for. Some may stand in no row.
    pub(crate) fn values(&self) -> &'a ArrayRef {
        self.0.values()
    }

    /// The code of each row; that of a missing cell means nothing.
    pub(crate) fn codes(&self) -> &'a PrimitiveArray<Int32Type> {
        self.0.keys()
    }

    /// The same rows over those values alone that stand in some row. The other
    /// values of a dictionary are those of rows that were left out on the way,
    /// hidden ones among them: nothing of a caller's is asked of them.
    pub(crate) fn in_use(&self) -> Result<DictionaryArray<Int32Type>> {
        match self.only_code() {
            Some(code) => one_value(self.values().slice(code, 1), self.0.len()),
            None => Ok(garbage_collect_dictionary(self.0)?),
        }
    }

    /// The code of all rows, as in the rows of one customer that are read.
    fn only_code(&self) -> Option<usize> {
        let codes = self.codes();
        let (first, rest) = codes.values().split_first()?;
        let is_only = codes.null_count() == 0 && rest.iter().all(|code| code == first);
        let code = usize::try_from(*first).ok().filter(|_| is_only)?;
        (code < self.values().len()).then_some(code)
    }

    /// The value of all rows, when the dictionary has one alone and no cell is missing.
    pub(crate) fn is_constant(&self) -> bool {
        self.values().len() == 1 && self.0.null_count() == 0
    }
}

/// A column of one value, given as an array of one.
pub(crate) fn constant(value: ArrayRef, rows: usize) -> Result<ArrayRef> {
    Ok(Arc::new(one_value(value, rows)?))
}

fn one_value(value: ArrayRef, rows: usize) -> Result<DictionaryArray<Int32Type>> {
    // Made once: every code of a new array is held against its values.
    static ONE: LazyLock<DictionaryArray<Int32Type>> =
        LazyLock::new(|| std::iter::repeat_n("", BLOCK_ROWS).collect());
    if rows <= BLOCK_ROWS && value.len() == 1 {
        return Ok(ONE.slice(0, rows).with_values(value));
    }
    let codes = PrimitiveArray::<Int32Type>::new(vec![0; rows].into(), None);
    Ok(DictionaryArray::try_new(codes, value)?)
}

/// The column in its plain type.
pub(crate) fn plain(column: &ArrayRef) -> Result<ArrayRef> {
    match Encoded::of(column.as_ref()) {
        None => Ok(column.clone()),
        Some(encoded) => Ok(take(encoded.values().as_ref(), encoded.codes(), None)?),
    }
}
