//! Bytes to operations.

mod records;

use model::filters::{Comparison, Constraint, Filter, Operator};
use model::ids::{KeyId, PoolId};
use model::names::{ColumnName, FieldPath};
use model::records::{RecordFault, RecordFaultCode};
use model::time::Timestamp;
use model::uniqueness::TokenTag;
use model::value::Value;

use super::bytes::{Reader, is_shallow};
use super::encode::{ALL, ANY, APPEND, COMPARE, DELETE, DROP, NOT, TOKENS, fault_code_number};
use super::{
    DecodeError, IdempotencyTag, REPLACING, SavedAnswer, Stored, VERSION, WITH_TOKENS, manifest,
    parts,
};
use records::Records;

/// The operation of a payload.
pub(crate) fn decode(payload: &[u8]) -> Result<Stored, DecodeError> {
    let mut reader = Reader(payload);
    let version = reader.u8()?;
    if version == 0 {
        return Err(DecodeError::Malformed("there is no version 0"));
    }
    if version > parts::VERSION {
        return Err(DecodeError::Newer(version));
    }
    let kind = reader.u8()?;
    let stored = match (version, kind) {
        (VERSION | REPLACING | WITH_TOKENS, APPEND) => append(&mut reader, version)?,
        (VERSION, DELETE) => delete(&mut reader)?,
        (VERSION, DROP) => Stored::Drop {
            pool: PoolId::from_bytes(reader.array()?),
        },
        (manifest::VERSION, manifest::ANSWERS) => Stored::Answers(manifest::answers(&mut reader)?),
        (manifest::VERSION, manifest::DROPPED) => Stored::Dropped(manifest::dropped(&mut reader)?),
        (manifest::VERSION | manifest::WITH_REPLACED, manifest::COMMIT) => Stored::Commit {
            pool: PoolId::from_bytes(reader.array()?),
            change: manifest::commit(&mut reader, version)?,
        },
        (manifest::VERSION | manifest::WITH_REPLACED, manifest::STATE) => Stored::State {
            pool: PoolId::from_bytes(reader.array()?),
            manifest: manifest::state(&mut reader, version)?,
        },
        (parts::VERSION, parts::PART) => Stored::Part(parts::part(&mut reader)?),
        (WITH_TOKENS, TOKENS) => Stored::Tokens(tokens(&mut reader)?),
        _ => return Err(DecodeError::Malformed("its kind is unknown")),
    };
    reader.end()?;
    Ok(stored)
}

/// Whether the payload adds, deletes or forgets records: all that decoding it
/// whole is not worth when only the files are asked for.
pub(crate) fn is_of_records(payload: &[u8]) -> bool {
    matches!(
        payload,
        [VERSION | WITH_TOKENS, ..] | [REPLACING, APPEND | DELETE | DROP, ..]
    )
}

fn delete(reader: &mut Reader<'_>) -> Result<Stored, DecodeError> {
    let pool = PoolId::from_bytes(reader.array()?);
    let rows = filter(reader)?.map_or(Constraint::AllRows, Constraint::Rows);
    Ok(Stored::Delete {
        pool,
        rows,
        filter: filter(reader)?,
    })
}

pub(super) fn filter(reader: &mut Reader<'_>) -> Result<Option<Filter>, DecodeError> {
    if reader.flag()? {
        one_filter(reader, 0).map(Some)
    } else {
        Ok(None)
    }
}

/// The filter of a grant is no deeper than [`model::limits::FILTER_DEPTH_MAX`]; a union of grants
/// and the like put a few levels round it. This is far above, and far from the end of the stack.
pub(super) const DEPTH_MAX: usize = 8 * model::limits::FILTER_DEPTH_MAX;

fn one_filter(reader: &mut Reader<'_>, depth: usize) -> Result<Filter, DecodeError> {
    if depth > DEPTH_MAX {
        return Err(DecodeError::Malformed("a filter is nested too deep"));
    }
    let parts = |reader: &mut Reader<'_>| {
        (0..reader.u32()?)
            .map(|_| one_filter(reader, depth + 1))
            .collect::<Result<Vec<_>, _>>()
    };
    Ok(match reader.u8()? {
        ALL => Filter::All(parts(reader)?),
        ANY => Filter::Any(parts(reader)?),
        NOT => Filter::Not(Box::new(one_filter(reader, depth + 1)?)),
        COMPARE => {
            let field = column(reader)?;
            let operator = Operator::parse(reader.text()?)
                .ok_or(DecodeError::Malformed("an operator is unknown"))?;
            let value = value(reader)?;
            Filter::Compare(Comparison::restore(field, operator, value))
        }
        _ => return Err(DecodeError::Malformed("a filter's kind is unknown")),
    })
}

/// The name of a column. Those of version 1 that were written before fields
/// could be renamed are names of fields, which are the same.
pub(super) fn column(reader: &mut Reader<'_>) -> Result<FieldPath, DecodeError> {
    let column = ColumnName::parse(reader.text()?);
    let column = column.map_err(|_| DecodeError::Malformed("a name is not one"))?;
    Ok(column.to_path())
}

fn value(reader: &mut Reader<'_>) -> Result<Value, DecodeError> {
    let bytes = reader.bytes()?;
    let shallow = Some(bytes).filter(|bytes| is_shallow(bytes));
    shallow
        .and_then(model::canonical::decode)
        .ok_or(DecodeError::Malformed("a value is not one"))
}

fn append(reader: &mut Reader<'_>, version: u8) -> Result<Stored, DecodeError> {
    let pool = PoolId::from_bytes(reader.array()?);
    let key = KeyId::from_bytes(reader.array()?);
    let at = Timestamp::from_microsecond(i64::from_le_bytes(reader.array()?))
        .ok_or(DecodeError::Malformed("its time is out of range"))?;
    let mut saved = if reader.flag()? {
        Some(saved_answer(reader, (pool, key, at), version)?)
    } else {
        None
    };
    let names = (0..reader.u32()?)
        .map(|_| column(reader))
        .collect::<Result<Vec<_>, _>>()?;
    let count = reader.u32()?;
    let records = Records::of(&names, at, key).read(reader, count)?;
    if let Some((_, answer)) = &mut saved
        && version != WITH_TOKENS
    {
        answer.accepted = records.len() as u64;
    }
    let injected = match version {
        VERSION => Vec::new(),
        _ => (0..reader.u32()?)
            .map(|_| named(&names, reader.u32()?).cloned())
            .collect::<Result<_, _>>()?,
    };
    let tokens = match version {
        WITH_TOKENS => (0..reader.u32()?)
            .map(|_| reader.array().map(TokenTag::from_bytes))
            .collect::<Result<_, _>>()?,
        _ => Vec::new(),
    };
    Ok(Stored::Append {
        pool,
        records,
        injected,
        saved,
        at,
        tokens,
    })
}

fn tokens(reader: &mut Reader<'_>) -> Result<Vec<(TokenTag, Timestamp)>, DecodeError> {
    let token = |reader: &mut Reader<'_>| {
        let tag = TokenTag::from_bytes(reader.array()?);
        Ok((tag, manifest::time(reader)?))
    };
    (0..reader.u32()?).map(|_| token(reader)).collect()
}

/// The name of this number.
fn named(names: &[FieldPath], number: usize) -> Result<&FieldPath, DecodeError> {
    let name = names.get(number);
    name.ok_or(DecodeError::Malformed("a name's number is too high"))
}

fn saved_answer(
    reader: &mut Reader<'_>,
    (pool, key, at): (PoolId, KeyId, Timestamp),
    version: u8,
) -> Result<(IdempotencyTag, SavedAnswer), DecodeError> {
    let text = reader.text()?.to_owned();
    let fingerprint = reader.array()?;
    let rejected = reader.u64()?;
    let accepted = match version {
        WITH_TOKENS => reader.u64()?,
        _ => 0,
    };
    let faults = read_faults(reader)?;
    let tag = IdempotencyTag { pool, key, text };
    Ok((
        tag,
        SavedAnswer {
            fingerprint,
            at,
            accepted,
            rejected,
            faults,
        },
    ))
}

pub(super) fn read_faults(reader: &mut Reader<'_>) -> Result<Vec<RecordFault>, DecodeError> {
    (0..reader.u32()?).map(|_| fault(reader)).collect()
}

fn fault(reader: &mut Reader<'_>) -> Result<RecordFault, DecodeError> {
    let index = reader.u32()?;
    let number = reader.u8()?;
    let code = CODES
        .into_iter()
        .find(|code| fault_code_number(*code) == number)
        .ok_or(DecodeError::Malformed("a fault's code is unknown"))?;
    let field = if reader.flag()? {
        Some(reader.text()?.to_owned())
    } else {
        None
    };
    let message = reader.text()?.to_owned();
    Ok(RecordFault {
        index,
        code,
        field,
        message,
    })
}

const CODES: [RecordFaultCode; 9] = [
    RecordFaultCode::MalformedRecord,
    RecordFaultCode::NotAnObject,
    RecordFaultCode::DuplicateMember,
    RecordFaultCode::InvalidName,
    RecordFaultCode::UnknownField,
    RecordFaultCode::WrongType,
    RecordFaultCode::MissingField,
    RecordFaultCode::InjectionConflict,
    RecordFaultCode::TooLarge,
];
