//! Operations on files to bytes and back: version 2 of the format, and version
//! 3 where rows of files are replaced.
//!
//! ```text
//! commit   pool, manifest change
//! state    pool, manifest
//! answers  count u32, (tag, answer)*
//! dropped  count u32, pool*
//! ```

use std::sync::Arc;

use model::filters::Constraint;
use model::ids::{KeyId, PoolId, RawId};
use model::names::FieldPath;
use model::time::Timestamp;
use roaring::RoaringBitmap;

use super::bytes::{Reader, put_bytes, put_u32};
use super::decode::{column, filter, read_faults};
use super::encode::{encode_constraint, encode_fault, encode_optional_filter};
use super::{DecodeError, IdempotencyTag, SavedAnswer};
use crate::journal::Position;
use crate::manifest::{Manifest, ManifestChange, Removal};
use crate::tables::{
    FileEntry, FileId, IndexEntry, KeyRange, Lease, Leased, Replaced, SortedBy, TimeRange,
};

pub(super) const VERSION: u8 = 2;
/// As [`VERSION`]; behind each file, which of its rows are replaced.
pub(super) const WITH_REPLACED: u8 = 3;
pub(super) const COMMIT: u8 = 4;
pub(super) const STATE: u8 = 5;
pub(super) const ANSWERS: u8 = 6;
pub(super) const DROPPED: u8 = 7;

/// Appends the payload of a change of a pool's files.
pub(crate) fn encode_commit(pool: PoolId, change: &ManifestChange, out: &mut Vec<u8>) {
    let version = version_of(change.added.iter());
    out.extend([version, COMMIT]);
    out.extend(pool.to_bytes());
    put_mark(change.mark, out);
    put_ids(change.removed.iter(), out);
    put_u32(out, change.added.len());
    let files = change.added.iter();
    files.for_each(|file| put_file(file, version, out));
}

/// Appends the payload of all that a restart needs to know of a pool's files.
pub(crate) fn encode_state(pool: PoolId, manifest: &Manifest, out: &mut Vec<u8>) {
    let version = version_of(manifest.files.iter().map(AsRef::as_ref));
    out.extend([version, STATE]);
    out.extend(pool.to_bytes());
    put_mark(manifest.mark, out);
    put_ids(manifest.obsolete.keys(), out);
    put_u32(out, manifest.files.len());
    let files = manifest.files.iter();
    files.for_each(|file| put_file(file, version, out));
    put_u32(out, manifest.removals.len());
    for removal in manifest.removals.iter() {
        out.extend(removal.position.get().to_le_bytes());
        out.extend(removal.at.as_microsecond().to_le_bytes());
        encode_constraint(&removal.rows, out);
        encode_optional_filter(removal.filter.as_ref(), out);
    }
}

/// Appends the payload of saved answers that are carried on.
pub(crate) fn encode_answers(answers: &[(&IdempotencyTag, &SavedAnswer)], out: &mut Vec<u8>) {
    out.extend([VERSION, ANSWERS]);
    put_u32(out, answers.len());
    for (tag, answer) in answers {
        out.extend(tag.pool.to_bytes());
        out.extend(tag.key.to_bytes());
        put_bytes(out, tag.text.as_bytes());
        out.extend(answer.at.as_microsecond().to_le_bytes());
        out.extend(answer.fingerprint);
        out.extend(answer.accepted.to_le_bytes());
        out.extend(answer.rejected.to_le_bytes());
        put_u32(out, answer.faults.len());
        answer.faults.iter().for_each(|f| encode_fault(f, out));
    }
}

/// Appends the payload of pools that were dropped once.
pub(crate) fn encode_dropped(pools: &[PoolId], out: &mut Vec<u8>) {
    out.extend([VERSION, DROPPED]);
    put_u32(out, pools.len());
    pools.iter().for_each(|pool| out.extend(pool.to_bytes()));
}

fn put_mark(mark: Option<Position>, out: &mut Vec<u8>) {
    out.extend(mark.map_or(0, Position::get).to_le_bytes());
}

fn put_ids<'a>(ids: impl ExactSizeIterator<Item = &'a FileId>, out: &mut Vec<u8>) {
    put_u32(out, ids.len());
    ids.for_each(|id| out.extend(id.0.to_bytes()));
}

fn put_path(path: &FieldPath, out: &mut Vec<u8>) {
    put_bytes(out, path.as_str().as_bytes());
}

/// The least version that can say what is known of these files.
fn version_of<'a>(mut files: impl Iterator<Item = &'a FileEntry>) -> u8 {
    if files.any(|file| file.replaced.is_some()) {
        WITH_REPLACED
    } else {
        VERSION
    }
}

fn put_file(file: &FileEntry, version: u8, out: &mut Vec<u8>) {
    out.extend(file.id.0.to_bytes());
    out.push(file.level);
    out.extend(file.run.to_le_bytes());
    out.extend(file.rows.to_le_bytes());
    out.extend(file.bytes.to_le_bytes());
    out.extend(file.digest);
    out.extend(file.index.bytes.to_le_bytes());
    out.extend(file.index.digest);
    out.push(u8::from(file.sorted_by.isolation.is_some()));
    if let Some(isolation) = &file.sorted_by.isolation {
        put_path(isolation, out);
    }
    put_path(&file.sorted_by.time, out);
    out.push(u8::from(file.isolation.is_some()));
    if let Some(range) = &file.isolation {
        put_bytes(out, &range.min);
        put_bytes(out, &range.max);
    }
    out.push(u8::from(file.time.is_some()));
    if let Some(range) = &file.time {
        out.extend(range.min.to_le_bytes());
        out.extend(range.max.to_le_bytes());
        out.push(u8::from(range.missing));
    }
    out.extend(file.cleaned.get().to_le_bytes());
    if version == WITH_REPLACED {
        out.push(u8::from(file.replaced.is_some()));
        if let Some(replaced) = &file.replaced {
            out.extend(replaced.since.as_microsecond().to_le_bytes());
            put_rows(&replaced.rows, out);
        }
    }
}

fn put_rows(rows: &RoaringBitmap, out: &mut Vec<u8>) {
    let mut bytes = Vec::with_capacity(rows.serialized_size());
    rows.serialize_into(&mut bytes)
        .expect("a vector takes all bytes");
    put_bytes(out, &bytes);
}

fn rows(reader: &mut Reader<'_>) -> Result<RoaringBitmap, DecodeError> {
    let broken = DecodeError::Malformed("numbers of rows cannot be read");
    let mut bytes = reader.bytes()?;
    match RoaringBitmap::deserialize_from(&mut bytes) {
        Ok(rows) if bytes.is_empty() => Ok(rows),
        _ => Err(broken),
    }
}

/// Reads a change of a pool's files.
pub(super) fn commit(reader: &mut Reader<'_>, version: u8) -> Result<ManifestChange, DecodeError> {
    Ok(ManifestChange {
        mark: mark(reader)?,
        removed: ids(reader)?,
        added: many(reader, |reader| file(reader, version))?,
    })
}

/// Reads a pool's manifest.
pub(super) fn state(reader: &mut Reader<'_>, version: u8) -> Result<Manifest, DecodeError> {
    Ok(Manifest {
        mark: mark(reader)?,
        obsolete: many(reader, |reader| Ok((id(reader)?, Leased::default())))?,
        files: {
            let files: Vec<_> = many(reader, |reader| file(reader, version).map(Arc::new))?;
            Arc::new(files.into_iter().collect())
        },
        removals: Arc::new(many(reader, |reader| removal(reader).map(Arc::new))?),
    })
}

/// Reads saved answers that were carried on.
pub(super) fn answers(
    reader: &mut Reader<'_>,
) -> Result<Vec<(IdempotencyTag, SavedAnswer)>, DecodeError> {
    many(reader, |reader| {
        let tag = IdempotencyTag {
            pool: PoolId::from_bytes(reader.array()?),
            key: KeyId::from_bytes(reader.array()?),
            text: reader.text()?.to_owned(),
        };
        let answer = SavedAnswer {
            at: time(reader)?,
            fingerprint: reader.array()?,
            accepted: reader.u64()?,
            rejected: reader.u64()?,
            faults: read_faults(reader)?,
        };
        Ok((tag, answer))
    })
}

/// Reads pools that were dropped once.
pub(super) fn dropped(reader: &mut Reader<'_>) -> Result<Vec<PoolId>, DecodeError> {
    many(reader, |reader| Ok(PoolId::from_bytes(reader.array()?)))
}

fn many<T, C: FromIterator<T>>(
    reader: &mut Reader<'_>,
    read: impl Fn(&mut Reader<'_>) -> Result<T, DecodeError>,
) -> Result<C, DecodeError> {
    (0..reader.u32()?).map(|_| read(reader)).collect()
}

fn mark(reader: &mut Reader<'_>) -> Result<Option<Position>, DecodeError> {
    let number = reader.u64()?;
    Ok((number > 0).then(|| Position::new(number)))
}

fn ids<C: FromIterator<FileId>>(reader: &mut Reader<'_>) -> Result<C, DecodeError> {
    many(reader, id)
}

fn id(reader: &mut Reader<'_>) -> Result<FileId, DecodeError> {
    Ok(FileId(RawId::from_bytes(reader.array()?)))
}

pub(super) fn time(reader: &mut Reader<'_>) -> Result<Timestamp, DecodeError> {
    Timestamp::from_microsecond(i64::from_le_bytes(reader.array()?))
        .ok_or(DecodeError::Malformed("its time is out of range"))
}

fn optional<T>(
    reader: &mut Reader<'_>,
    read: impl Fn(&mut Reader<'_>) -> Result<T, DecodeError>,
) -> Result<Option<T>, DecodeError> {
    if reader.flag()? {
        read(reader).map(Some)
    } else {
        Ok(None)
    }
}

fn removal(reader: &mut Reader<'_>) -> Result<Removal, DecodeError> {
    Ok(Removal::new(
        Position::new(reader.u64()?),
        time(reader)?,
        filter(reader)?.map_or(Constraint::AllRows, Constraint::Rows),
        filter(reader)?,
    ))
}

fn file(reader: &mut Reader<'_>, version: u8) -> Result<FileEntry, DecodeError> {
    Ok(FileEntry {
        id: id(reader)?,
        level: reader.u8()?,
        run: reader.u64()?,
        rows: reader.u64()?,
        bytes: reader.u64()?,
        digest: reader.array()?,
        index: IndexEntry {
            bytes: reader.u64()?,
            digest: reader.array()?,
        },
        sorted_by: SortedBy {
            isolation: optional(reader, column)?,
            time: column(reader)?,
        },
        isolation: optional(reader, |reader| {
            Ok(KeyRange {
                min: reader.bytes()?.into(),
                max: reader.bytes()?.into(),
            })
        })?,
        time: optional(reader, |reader| {
            Ok(TimeRange {
                min: i64::from_le_bytes(reader.array()?),
                max: i64::from_le_bytes(reader.array()?),
                missing: reader.flag()?,
            })
        })?,
        cleaned: Position::new(reader.u64()?),
        replaced: match version {
            WITH_REPLACED => optional(reader, |reader| {
                Ok(Replaced {
                    since: time(reader)?,
                    rows: Arc::new(rows(reader)?),
                })
            })?,
            _ => None,
        },
        lease: Lease::default(),
    })
}
