//! The number of the interval that an instant lies in.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::TimestampMicrosecondType;
use arrow_array::{ArrayRef, RecordBatch, UInt32Array};
use arrow_schema::{DataType, Schema};
use datafusion_common::{Result, internal_err};
use datafusion_expr::ColumnarValue;
use datafusion_physical_expr::PhysicalExpr;
use model::time::{Buckets, Timestamp};

/// Interval numbers of a time column; null outside the range.
#[derive(Debug)]
pub(crate) struct BucketExpr {
    time: Arc<dyn PhysicalExpr>,
    buckets: Arc<Buckets>,
}

impl BucketExpr {
    pub(super) fn new(time: Arc<dyn PhysicalExpr>, buckets: Buckets) -> Self {
        Self {
            time,
            buckets: Arc::new(buckets),
        }
    }
}

impl PartialEq for BucketExpr {
    fn eq(&self, other: &Self) -> bool {
        self.time.as_ref() == other.time.as_ref() && self.buckets == other.buckets
    }
}

impl Eq for BucketExpr {}

impl Hash for BucketExpr {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.time.hash(state);
        self.buckets.hash(state);
    }
}

impl fmt::Display for BucketExpr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("bucket")
    }
}

impl PhysicalExpr for BucketExpr {
    fn data_type(&self, _: &Schema) -> Result<DataType> {
        Ok(DataType::UInt32)
    }

    fn nullable(&self, _: &Schema) -> Result<bool> {
        Ok(true)
    }

    fn evaluate(&self, batch: &RecordBatch) -> Result<ColumnarValue> {
        let times = self.time.evaluate(batch)?.into_array(batch.num_rows())?;
        let Some(times) = times.as_primitive_opt::<TimestampMicrosecondType>() else {
            return internal_err!("intervals are cut of a time column");
        };
        let number = |micros| {
            Timestamp::from_microsecond(micros).and_then(|instant| self.buckets.index_of(instant))
        };
        let numbers: UInt32Array = times.iter().map(|micros| micros.and_then(number)).collect();
        Ok(ColumnarValue::Array(Arc::new(numbers) as ArrayRef))
    }

    fn children(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
        vec![&self.time]
    }

    fn with_new_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn PhysicalExpr>>,
    ) -> Result<Arc<dyn PhysicalExpr>> {
        match (children.pop(), children.is_empty()) {
            (Some(time), true) => Ok(Arc::new(Self {
                time,
                buckets: self.buckets.clone(),
            })),
            _ => internal_err!("intervals are cut of one column"),
        }
    }

    fn fmt_sql(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
