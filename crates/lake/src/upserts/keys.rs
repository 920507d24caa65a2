//! The keys of rows: equal bytes for records of which one replaces the other.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, LazyLock};

use arrow_array::{BooleanArray, RecordBatch};
use model::names::FieldPath;
use model::pools::Pool;

use crate::columns::CellReader;
use crate::error::{LakeError, Result};
use crate::predicate::cell_index_key;
use crate::store::Customers;

/// The columns of the unique fields of a pool, if it has any.
pub(crate) fn unique_columns(pool: &Pool) -> Vec<FieldPath> {
    let unique = pool.draft.unique.iter();
    let column = |path| pool.draft.schema.column_path(path);
    unique.map(column).collect()
}

/// The columns in which two records agree when the newer replaces the older.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Sameness {
    /// The unique fields of the pool, the isolation field first, and then
    /// what the key of the newer record injects besides.
    fields: Arc<[FieldPath]>,
    unique: usize,
}

impl Sameness {
    /// How records of a pool with these unique fields replace others, when
    /// their key injects these; `None` when they never do.
    pub(crate) fn of<'a>(
        unique: &[FieldPath],
        injected: impl Iterator<Item = &'a FieldPath>,
    ) -> Option<Self> {
        let mut besides: Vec<_> = injected.filter(|path| !unique.contains(path)).collect();
        besides.sort_unstable();
        besides.dedup();
        (!unique.is_empty()).then(|| Self {
            fields: unique.iter().chain(besides).cloned().collect(),
            unique: unique.len(),
        })
    }

    /// All fields that must agree.
    pub(crate) fn fields(&self) -> &[FieldPath] {
        &self.fields
    }

    /// Those of the pool.
    pub(crate) fn unique(&self) -> &[FieldPath] {
        &self.fields[..self.unique]
    }

    /// Those that the key injects besides.
    pub(crate) fn injected(&self) -> &[FieldPath] {
        &self.fields[self.unique..]
    }
}

/// Reads the keys of the rows of a batch.
#[derive(Debug)]
pub(crate) struct RowKeys<'a>(Vec<CellReader<'a>>);

impl<'a> RowKeys<'a> {
    /// The keys that these fields, which the batch has, make.
    pub(crate) fn new(batch: &'a RecordBatch, fields: &[FieldPath]) -> Result<Self> {
        let column = |path: &FieldPath| {
            let column = batch.column_by_name(path.as_str());
            let column = column.ok_or_else(|| {
                LakeError::Internal(format!("rows are told apart by {path}, which is not read"))
            })?;
            Ok(CellReader::new(column.as_ref()))
        };
        fields.iter().map(column).collect::<Result<_>>().map(Self)
    }

    /// Appends the key of a row.
    pub(crate) fn append(&self, row: usize, out: &mut Vec<u8>) {
        let mut value = Vec::with_capacity(32);
        for reader in &self.0 {
            cell_index_key(&reader.cell(row), &mut value);
            let length = u32::try_from(value.len()).unwrap_or(u32::MAX);
            out.extend(length.to_be_bytes());
            out.extend(&value);
        }
    }
}

/// The canonical value of the first field of a key, the isolation field.
pub(super) fn customer_of(key: &[u8]) -> &[u8] {
    let Some((length, rest)) = key.split_first_chunk::<4>() else {
        return &[];
    };
    let length = u32::from_be_bytes(*length) as usize;
    rest.get(..length).unwrap_or(rest)
}

/// The hash by which rows in memory are found. It is another in each process.
pub(super) fn hash(unique: &[u8]) -> u64 {
    static STATE: LazyLock<RandomState> = LazyLock::new(RandomState::new);
    STATE.hash_one(unique)
}

/// What the records of a batch replace.
#[derive(Clone, Debug)]
pub(crate) struct Replacement {
    /// In what they agree with it.
    pub(crate) sameness: Sameness,
    /// The key of each record, no two alike, with the hash of its unique part.
    pub(crate) keys: Vec<(u64, Box<[u8]>)>,
}

impl Replacement {
    /// The keys of the rows of a batch, and which rows are left when each
    /// replaces those before it: `None` when all are.
    pub(crate) fn of(
        batch: &RecordBatch,
        sameness: Sameness,
    ) -> Result<(Self, Option<BooleanArray>)> {
        let unique = RowKeys::new(batch, sameness.unique())?;
        let injected = RowKeys::new(batch, sameness.injected())?;
        let mut keys = Vec::with_capacity(batch.num_rows());
        for row in 0..batch.num_rows() {
            let mut key = Vec::with_capacity(64);
            unique.append(row, &mut key);
            let hash = hash(&key);
            injected.append(row, &mut key);
            keys.push((hash, key.into_boxed_slice()));
        }
        let mut last: HashMap<&[u8], usize> = HashMap::with_capacity(keys.len());
        for (row, (_, key)) in keys.iter().enumerate() {
            last.insert(key, row);
        }
        if last.len() == keys.len() {
            return Ok((Self { sameness, keys }, None));
        }
        let left = keys.iter().enumerate();
        let left: BooleanArray = left
            .map(|(row, (_, key))| Some(last.get(&**key) == Some(&row)))
            .collect();
        drop(last);
        let mut row = 0;
        keys.retain(|_| {
            row += 1;
            left.value(row - 1)
        });
        Ok((Self { sameness, keys }, Some(left)))
    }

    /// Whose records are replaced.
    pub(crate) fn customers(&self) -> Customers {
        let mut all = Customers::new();
        for (_, key) in &self.keys {
            let customer = customer_of(key);
            if !all.contains(customer) {
                all.insert(customer.into());
            }
        }
        all
    }

    /// Bytes held.
    pub(crate) fn bytes(&self) -> u64 {
        let keys = self.keys.iter();
        keys.map(|(_, key)| super::ledger::key_bytes(key)).sum()
    }
}
