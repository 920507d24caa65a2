//! Columns that are made of others, over visible rows alone: the bins of
//! numbers, and the steps of a funnel in which a row counts; and the rows of a
//! tally of such steps.

use std::sync::Arc;

use arrow_array::builder::BinaryBuilder;
use arrow_array::cast::AsArray;
use arrow_array::types::UInt64Type;
use arrow_array::{Array, ArrayRef, BooleanArray, RecordBatch, UInt64Array};
use arrow_schema::{DataType, Field, Schema};
use arrow_select::filter::filter_record_batch;
use datafusion_common::{DataFusionError, Result, internal_err};
use datafusion_physical_plan::{ExecutionPlan, PlanProperties};
use model::analyses::Bins;
use model::canonical;
use model::filters::Predicate;

use super::node::{one_input_node, plain_properties};
use crate::columns::{CellReader, Encoded};
use crate::error::LakeError;
use crate::predicate::admitted;

/// A column that is made of others.
#[derive(Clone, Debug)]
pub(crate) enum Derived {
    /// The keys of the bins in which the numbers of the column at this place lie.
    Bins(usize, Bins),
    /// A bit for each of these steps whose rows have this one among them.
    Steps(Vec<(u32, Predicate)>, Others),
}

/// What becomes of rows of no step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Others {
    /// They are left out.
    Go,
    /// They stay, for who passes them by: to copy the others costs more.
    Stay,
}

impl Derived {
    fn data_type(&self) -> DataType {
        match self {
            Self::Bins(..) => DataType::Binary,
            Self::Steps(..) => DataType::UInt64,
        }
    }
}

/// Adds columns behind those of its input.
#[derive(Debug)]
pub(crate) struct DerivedExec {
    input: Arc<dyn ExecutionPlan>,
    work: Arc<Work>,
    properties: Arc<PlanProperties>,
}

#[derive(Debug)]
struct Work {
    columns: Vec<Derived>,
    /// What they are called.
    fields: Vec<Arc<Field>>,
}

impl DerivedExec {
    /// The columns with their names.
    pub(super) fn new(input: Arc<dyn ExecutionPlan>, columns: Vec<(String, Derived)>) -> Self {
        let added = columns
            .iter()
            .map(|(name, derived)| Arc::new(Field::new(name, derived.data_type(), true)));
        let work = Work {
            fields: added.collect(),
            columns: columns.into_iter().map(|(_, derived)| derived).collect(),
        };
        let properties = plain_properties(Arc::new(work.beside(&input.schema())));
        Self {
            input,
            work: Arc::new(work),
            properties,
        }
    }

    fn work(&self) -> Arc<Work> {
        self.work.clone()
    }
}

impl Work {
    /// The columns behind others, which batches may hold in another form than their plan says.
    fn beside(&self, before: &Schema) -> Schema {
        let fields = before.fields().iter().chain(&self.fields).cloned();
        Schema::new(fields.collect::<Vec<_>>())
    }

    fn batch(&self, batch: RecordBatch) -> Result<Option<RecordBatch>> {
        let mut columns = batch.columns().to_vec();
        let mut wanted = None;
        for derived in &self.columns {
            columns.push(match derived {
                Derived::Bins(at, bins) => keys(batch.column(*at), bins),
                Derived::Steps(steps, others) => {
                    let bits = bits(&batch, steps)?;
                    if *others == Others::Go {
                        wanted = Some(BooleanArray::from_unary(&bits, |bits| bits != 0));
                    }
                    Arc::new(bits)
                }
            });
        }
        let schema = Arc::new(self.beside(&batch.schema()));
        let batch = RecordBatch::try_new(schema, columns)?;
        Ok(match wanted {
            Some(wanted) if wanted.true_count() == 0 => None,
            Some(wanted) if wanted.true_count() < batch.num_rows() => {
                Some(filter_record_batch(&batch, &wanted)?)
            }
            _ => Some(batch),
        })
    }
}

/// The key of each number's bin, in canonical form.
fn keys(column: &ArrayRef, bins: &Bins) -> ArrayRef {
    let key = |reader: &CellReader<'_>, at: usize| {
        let key = bins.key(&reader.cell(at).into_value());
        (!key.is_null()).then(|| canonical::to_bytes(&key))
    };
    let mut out = BinaryBuilder::with_capacity(column.len(), 9 * column.len());
    match Encoded::of(column.as_ref()) {
        Some(encoded) => {
            let values = encoded.values();
            let reader = CellReader::new(values.as_ref());
            // Each value of a dictionary once, and only when a row has it.
            let mut known: Vec<Option<Option<Vec<u8>>>> = vec![None; values.len()];
            let codes = encoded.codes();
            for row in 0..codes.len() {
                let code = usize::try_from(codes.value(row)).unwrap_or(usize::MAX);
                match known.get_mut(code).filter(|_| codes.is_valid(row)) {
                    Some(slot) => {
                        out.append_option(slot.get_or_insert_with(|| key(&reader, code)).as_ref());
                    }
                    None => out.append_null(),
                }
            }
        }
        None => {
            let reader = CellReader::new(column.as_ref());
            (0..column.len()).for_each(|row| out.append_option(key(&reader, row)));
        }
    }
    Arc::new(out.finish())
}

/// From a list of bits and counts, one after the other, to a row for each.
#[derive(Debug)]
pub(crate) struct TallyExec {
    input: Arc<dyn ExecutionPlan>,
    properties: Arc<PlanProperties>,
}

/// Counting keeps nothing from one batch for the next.
struct Counting;

impl TallyExec {
    /// Over one batch with the tally of a funnel's steps.
    pub(super) fn new(input: Arc<dyn ExecutionPlan>) -> Self {
        let properties = plain_properties(Arc::new(counted()));
        Self { input, properties }
    }

    fn work(&self) -> Counting {
        Counting
    }
}

fn counted() -> Schema {
    let column = |name| Field::new(name, DataType::UInt64, false);
    Schema::new(vec![column("_steps"), column("_actors")])
}

impl Counting {
    fn batch(&self, batch: RecordBatch) -> Result<Option<RecordBatch>> {
        let Some(list) = batch
            .columns()
            .first()
            .and_then(|list| list.as_list_opt::<i32>())
        else {
            return internal_err!("a tally is a list");
        };
        let Some(tally) = list.values().as_primitive_opt::<UInt64Type>() else {
            return internal_err!("bits and counts are words of 64 bits");
        };
        let (pairs, _) = tally.values().as_chunks();
        let (bits, counts): (Vec<u64>, Vec<u64>) = pairs.iter().map(|[a, b]| (*a, *b)).unzip();
        if bits.is_empty() {
            return Ok(None);
        }
        let columns: Vec<ArrayRef> = vec![
            Arc::new(UInt64Array::from(bits)),
            Arc::new(UInt64Array::from(counts)),
        ];
        Ok(Some(RecordBatch::try_new(Arc::new(counted()), columns)?))
    }
}

/// The bits of each row.
fn bits(batch: &RecordBatch, steps: &[(u32, Predicate)]) -> Result<UInt64Array> {
    let mut bits = vec![0_u64; batch.num_rows()];
    for (bit, predicate) in steps {
        let of_step = admitted(predicate, batch).map_err(external)?;
        for row in of_step.values().set_indices() {
            bits[row] |= 1 << bit;
        }
    }
    Ok(UInt64Array::from(bits))
}

fn external(error: LakeError) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

one_input_node!(DerivedExec);
one_input_node!(TallyExec);
