//! Operations to bytes.

use std::collections::HashMap;
use std::sync::Arc;

use model::answers::AppendReceipt;
use model::filters::{Constraint, Filter};
use model::ids::{PoolId, RecordId};
use model::names::{FieldPath, ID};
use model::permit::{AdmittedBatch, ConstrainedDelete};
use model::records::{Record, RecordFault};
use model::time::Timestamp;
use model::uniqueness::TokenTag;

use super::bytes::{is_shallow, put_bytes, put_u32};
use super::{REPLACING, VERSION, WITH_TOKENS, weight};
use crate::error::{LakeError, Result};
use crate::manifest::by_columns;

pub(super) const APPEND: u8 = 1;
pub(super) const DELETE: u8 = 2;
pub(super) const DROP: u8 = 3;
// 4 to 7 are operations on files.
pub(super) const TOKENS: u8 = 8;
// 9 is a part of an operation.

/// Appends the payload of a batch. Names stand once; what all records of a
/// batch share (the key, the time) stands once. The names are those of the
/// columns, so that the payload means the same whatever fields are called later.
///
/// # Errors
/// [`LakeError::Internal`] when a record, as it is about to be stored, does
/// not hold a value that its key injects. This is the last check of that.
/// [`LakeError::LimitExceeded`] for a value that could not be read back.
pub(crate) fn encode_append(
    batch: &AdmittedBatch,
    receipt: &AppendReceipt,
    out: &mut Vec<u8>,
) -> Result<()> {
    // What is injected says what is replaced, where something may be.
    let injected: Vec<_> = match batch.records().first() {
        Some(record) if !batch.pool().draft.unique.is_empty() => {
            let paths = batch.injections().iter().map(|(path, _)| path);
            let paths = paths.filter(|path| !batch.pool().draft.unique.contains(path));
            let stored = record.paths().iter();
            stored
                .filter(|path| paths.clone().any(|p| p == *path))
                .collect()
        }
        _ => Vec::new(),
    };
    // How many were accepted is asked for again only under an idempotency key.
    let is_whole =
        batch.idempotency().is_none() || receipt.accepted == batch.records().len() as u64;
    let version = match (batch.tokens(), is_whole, injected.is_empty()) {
        ([], true, true) => VERSION,
        ([], true, false) => REPLACING,
        _ => WITH_TOKENS,
    };
    out.extend([version, APPEND]);
    out.extend(batch.pool().id.to_bytes());
    out.extend(batch.key().to_bytes());
    out.extend(batch.at().as_microsecond().to_le_bytes());
    match batch.idempotency() {
        None => out.push(0),
        Some(idempotency) => {
            out.push(1);
            put_bytes(out, idempotency.key.as_bytes());
            out.extend(idempotency.fingerprint);
            out.extend(receipt.rejected.to_le_bytes());
            if version == WITH_TOKENS {
                out.extend(receipt.accepted.to_le_bytes());
            }
            put_u32(out, receipt.faults.len());
            let faults = receipt.faults.iter();
            faults.for_each(|fault| encode_fault(fault, out));
        }
    }
    let mut names = Names::default();
    let bytes: usize = batch.records().iter().map(weight).sum();
    let mut rows = Vec::with_capacity(bytes / 2);
    for record in batch.records() {
        if !batch.holds_injections(record) {
            return Err(LakeError::Internal(
                "a record lost a value that its key injects".to_owned(),
            ));
        }
        encode_record(record, &mut names, &mut rows)?;
    }
    out.reserve(rows.len() + bytes / 64);
    put_u32(out, names.order.len());
    let schema = &batch.pool().draft.schema;
    names
        .order
        .iter()
        .for_each(|name| put_bytes(out, schema.column_path(name).as_str().as_bytes()));
    put_u32(out, batch.records().len());
    out.append(&mut rows);
    if version != VERSION {
        put_u32(out, injected.len());
        injected
            .iter()
            .for_each(|path| put_u32(out, names.numbers[path]));
    }
    if version == WITH_TOKENS {
        put_u32(out, batch.tokens().len());
        let tags = batch.tokens().iter();
        tags.for_each(|(_, tag)| out.extend(tag.to_bytes()));
    }
    Ok(())
}

/// The payload of tags that are carried on, each with the time at which it ends.
pub(crate) fn encode_tokens(tags: &[(TokenTag, Timestamp)]) -> Vec<u8> {
    let mut out = vec![WITH_TOKENS, TOKENS];
    put_u32(&mut out, tags.len());
    for (tag, ends) in tags {
        out.extend(tag.to_bytes());
        out.extend(ends.as_microsecond().to_le_bytes());
    }
    out
}

/// The names of a batch, each once.
#[derive(Debug, Default)]
struct Names<'a> {
    numbers: HashMap<&'a FieldPath, usize>,
    order: Vec<&'a FieldPath>,
    last: Option<Numbered<'a>>,
}

/// The fields of a record, and the number of each; `None` for those of the
/// system.
type Numbered<'a> = (&'a Arc<[FieldPath]>, Vec<Option<usize>>);

impl<'a> Names<'a> {
    fn number(&mut self, path: &'a FieldPath) -> usize {
        *self.numbers.entry(path).or_insert_with(|| {
            self.order.push(path);
            self.order.len() - 1
        })
    }

    /// The number of each field of a record.
    fn of(&mut self, paths: &'a Arc<[FieldPath]>) -> &[Option<usize>] {
        let last = self.last.take();
        let last = last.filter(|(known, _)| Arc::ptr_eq(known, paths));
        let last = last.unwrap_or_else(|| {
            let clients = paths.iter();
            let numbers = clients.map(|path| (!path.is_system()).then(|| self.number(path)));
            (paths, numbers.collect())
        });
        &self.last.insert(last).1
    }
}

fn encode_record<'a>(record: &'a Record, names: &mut Names<'a>, out: &mut Vec<u8>) -> Result<()> {
    let id = record
        .get(ID)
        .and_then(|id| RecordId::parse(id.as_str()?).ok());
    let id = id.ok_or_else(|| LakeError::Internal("a record has no id".to_owned()))?;
    out.extend(id.to_bytes());
    let start = out.len();
    put_u32(out, 0);
    let mut count: u32 = 0;
    let numbers = names.of(record.paths());
    for ((path, value), number) in record.fields().zip(numbers) {
        let Some(number) = number else { continue };
        put_u32(out, *number);
        let length_at = out.len();
        put_u32(out, 0);
        model::canonical::encode(value, out);
        if !is_shallow(&out[length_at + 4..]) {
            return Err(LakeError::LimitExceeded(format!(
                "the value of {path} is nested deeper than records may be; send flatter records"
            )));
        }
        let length = u32::try_from(out.len() - length_at - 4).unwrap_or(u32::MAX);
        out[length_at..length_at + 4].copy_from_slice(&length.to_le_bytes());
        count += 1;
    }
    out[start..start + 4].copy_from_slice(&count.to_le_bytes());
    Ok(())
}

pub(super) fn encode_fault(fault: &RecordFault, out: &mut Vec<u8>) {
    put_u32(out, fault.index);
    out.push(fault_code_number(fault.code));
    match &fault.field {
        None => out.push(0),
        Some(field) => {
            out.push(1);
            put_bytes(out, field.as_bytes());
        }
    }
    put_bytes(out, fault.message.as_bytes());
}

/// The number of a fault's code in the journal; never given to another code.
pub(super) fn fault_code_number(code: model::records::RecordFaultCode) -> u8 {
    use model::records::RecordFaultCode as Code;
    match code {
        Code::MalformedRecord => 1,
        Code::NotAnObject => 2,
        Code::DuplicateMember => 3,
        Code::InvalidName => 4,
        Code::UnknownField => 5,
        Code::WrongType => 6,
        Code::MissingField => 7,
        Code::InjectionConflict => 8,
        Code::TooLarge => 9,
    }
}

/// Appends the payload of a delete; it names columns.
pub(crate) fn encode_delete(delete: &ConstrainedDelete, out: &mut Vec<u8>) {
    let (rows, filter) = by_columns(delete);
    encode_removal(delete.pool().id, &rows, filter.as_ref(), out);
}

/// The same of rows that no key deletes, told by columns.
pub(crate) fn encode_removal(
    pool: PoolId,
    rows: &Constraint,
    filter: Option<&Filter>,
    out: &mut Vec<u8>,
) {
    out.extend([VERSION, DELETE]);
    out.extend(pool.to_bytes());
    encode_constraint(rows, out);
    encode_optional_filter(filter, out);
}

/// Appends the rows of a constraint.
pub(super) fn encode_constraint(rows: &Constraint, out: &mut Vec<u8>) {
    encode_optional_filter(
        match rows {
            Constraint::AllRows => None,
            Constraint::Rows(rows) => Some(rows),
        },
        out,
    );
}

/// Appends a filter, or that there is none.
pub(super) fn encode_optional_filter(filter: Option<&Filter>, out: &mut Vec<u8>) {
    match filter {
        None => out.push(0),
        Some(filter) => {
            out.push(1);
            encode_filter(filter, out);
        }
    }
}

pub(super) const ALL: u8 = 1;
pub(super) const ANY: u8 = 2;
pub(super) const NOT: u8 = 3;
pub(super) const COMPARE: u8 = 4;

fn encode_filter(filter: &Filter, out: &mut Vec<u8>) {
    let mut group = |tag, parts: &[Filter]| {
        out.push(tag);
        put_u32(out, parts.len());
        parts.iter().for_each(|part| encode_filter(part, out));
    };
    match filter {
        Filter::All(parts) => group(ALL, parts),
        Filter::Any(parts) => group(ANY, parts),
        Filter::Not(part) => {
            out.push(NOT);
            encode_filter(part, out);
        }
        Filter::Compare(comparison) => {
            out.push(COMPARE);
            put_bytes(out, comparison.field().as_str().as_bytes());
            put_bytes(out, comparison.operator().name().as_bytes());
            put_bytes(out, &model::canonical::to_bytes(comparison.value()));
        }
    }
}

/// Appends the payload of a dropped pool.
pub(crate) fn encode_drop(pool: PoolId, out: &mut Vec<u8>) {
    out.extend([VERSION, DROP]);
    out.extend(pool.to_bytes());
}
