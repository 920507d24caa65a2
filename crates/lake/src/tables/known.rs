//! Cells of a file that need no reading: they are kept, or the file's index
//! tells them.

use arrow_array::{ArrayRef, new_null_array};
use model::fields::{ColumnType, FieldType, ScalarType};
use model::names::FieldPath;
use model::value::Value;

use super::cache::{Cached, CellSource};
use super::read::TableFile;
use crate::columns::{array_of, column_type, constant};
use crate::error::Result;

impl TableFile {
    /// Whether these columns of a block need no reading.
    pub(crate) fn is_known(&self, block: usize, columns: &[(FieldPath, ColumnType)]) -> bool {
        let mut columns = columns.iter();
        columns.all(|(path, column)| {
            let source = self.source(path, *column);
            matches!(source, CellSource::Missing)
                || self.cache.holds(self.entry.id, block, &source)
                || self.constant(block, *column, &source).is_some()
        })
    }

    /// Cells that need no reading.
    pub(super) fn known(
        &self,
        block: usize,
        column: ColumnType,
        source: &CellSource,
        cached: Cached,
    ) -> Result<Option<ArrayRef>> {
        if matches!(source, CellSource::Missing) {
            let rows = self.block_rows(block);
            return Ok(Some(new_null_array(&column_type(column), rows)));
        }
        if let Some(array) = self.cache.get(cached, self.entry.id, block, source) {
            return Ok(Some(array));
        }
        let Some(array) = self.constant(block, column, source) else {
            return Ok(None);
        };
        self.cache.put(cached, self.entry.id, block, source, &array);
        Ok(Some(array))
    }

    /// The isolation values of a block whose rows all have the same, of a type
    /// that its canonical form gives back exactly.
    fn constant(&self, block: usize, column: ColumnType, source: &CellSource) -> Option<ArrayRef> {
        let isolation = self.entry.sorted_by.isolation.as_ref()?;
        let (min, max) = self.block_isolation(block);
        let ColumnType::Declared(FieldType::Scalar(scalar)) = column else {
            return None;
        };
        let is_float = matches!(scalar, ScalarType::Float32 | ScalarType::Float64);
        let CellSource::Stored(at) = source else {
            return None;
        };
        if min != max || is_float || self.columns.get(isolation.as_str()) != Some(at) {
            return None;
        }
        let value = model::canonical::decode(min)?;
        let rows = self.block_rows(block);
        let is_text = scalar == ScalarType::String && !matches!(value, Value::Null);
        if is_text {
            let value = array_of(column, std::iter::once(Some(&value))).ok()?;
            return constant(value, rows).ok();
        }
        let value = Some(&value).filter(|value| !matches!(value, Value::Null));
        array_of(column, std::iter::repeat_n(value, rows)).ok()
    }
}
