//! What a body of a columnar format may claim and unpack to. The readers of
//! these formats believe a file's own numbers; these are looked at first.

use arrow_array::Array;
use arrow_array::cast::AsArray;
use arrow_ipc::{RecordBatch, root_as_message};
use arrow_schema::DataType;
use model::fault::{Fault, FaultCode};
use model::limits::BODY_BYTES_MAX;
use parquet::basic::Compression;
use parquet::file::metadata::ParquetMetaData;

/// How much more a body may unpack to, in bytes.
#[derive(Debug)]
pub(super) struct Budget(usize);

/// What a value costs whatever it is: a value of its own in memory is no smaller.
const VALUE_BYTES: usize = 16;

impl Budget {
    /// As much as any body may hold once it is decompressed.
    pub(super) fn of_body() -> Self {
        Self(BODY_BYTES_MAX)
    }

    /// No bound, for a file that the reader chose.
    pub(super) fn unlimited() -> Self {
        Self(usize::MAX)
    }

    fn spend(&mut self, bytes: usize) -> Result<(), Fault> {
        self.0 = self.0.checked_sub(bytes).ok_or_else(too_large)?;
        Ok(())
    }

    /// Takes what the values of a column unpack to, before they are unpacked.
    pub(super) fn spend_on(&mut self, array: &dyn Array) -> Result<(), Fault> {
        self.spend(array.len().saturating_mul(VALUE_BYTES))?;
        self.spend(text_bytes(array))
    }
}

/// Refuses, before anything is unpacked, a Parquet body that says it unpacks to
/// more than a body may hold, or whose compression the reader unpacks without
/// any bound.
pub(super) fn check_parquet(metadata: &ParquetMetaData) -> Result<(), Fault> {
    let mut bytes: i64 = 0;
    for column in metadata
        .row_groups()
        .iter()
        .flat_map(|group| group.columns())
    {
        if let Compression::GZIP(_) | Compression::BROTLI(_) | Compression::LZ4 =
            column.compression()
        {
            return Err(Fault::new(
                FaultCode::InvalidValue,
                "the columns of a Parquet body are plain or compressed with zstd, snappy or lz4_raw; write the file anew with one of these",
            ));
        }
        bytes = bytes.saturating_add(column.uncompressed_size().max(0));
    }
    if bytes > BODY_BYTES_MAX as i64 {
        return Err(too_large());
    }
    Ok(())
}

/// The bytes of a column's texts, counted as often as they are referred to.
fn text_bytes(array: &dyn Array) -> usize {
    match array.data_type() {
        DataType::Utf8 => array
            .as_string::<i32>()
            .iter()
            .flatten()
            .map(str::len)
            .sum(),
        DataType::LargeUtf8 => array
            .as_string::<i64>()
            .iter()
            .flatten()
            .map(str::len)
            .sum(),
        DataType::Utf8View => array.as_string_view().iter().flatten().map(str::len).sum(),
        DataType::Dictionary(..) => {
            let dictionary = array.as_any_dictionary();
            let values = dictionary.values();
            let length = |at: usize| text_bytes(values.slice(at, 1).as_ref());
            let lengths: Vec<usize> = (0..values.len()).map(length).collect();
            let keys = dictionary.normalized_keys();
            keys.into_iter().filter_map(|key| lengths.get(key)).sum()
        }
        _ => 0,
    }
}

fn too_large() -> Fault {
    Fault::new(
        FaultCode::LimitExceeded,
        format!(
            "a body holds at most {BODY_BYTES_MAX} bytes once it is unpacked; send it in several requests"
        ),
    )
}

/// Refuses an Arrow stream that claims more bytes than it has, or that would
/// unpack to more than a body may hold.
pub(super) fn check_stream(mut body: &[u8]) -> Result<(), Fault> {
    let mut budget = Budget::of_body();
    while let Some(metadata) = take_metadata(&mut body)? {
        let message = root_as_message(metadata).map_err(|_| malformed())?;
        let length = usize::try_from(message.bodyLength()).map_err(|_| malformed())?;
        let (content, rest) = body.split_at_checked(length).ok_or_else(malformed)?;
        body = rest;
        let batch = message
            .header_as_record_batch()
            .or_else(|| message.header_as_dictionary_batch()?.data());
        if let Some(batch) = batch {
            budget.spend(unpacked(&batch, content)?)?;
        }
    }
    Ok(())
}

/// The metadata of the next message; `None` at the end.
fn take_metadata<'a>(body: &mut &'a [u8]) -> Result<Option<&'a [u8]>, Fault> {
    const CONTINUATION: [u8; 4] = [0xff; 4];
    let mut take_four = || {
        let (four, rest) = body.split_first_chunk::<4>()?;
        *body = rest;
        Some(*four)
    };
    let length = match take_four() {
        Some(CONTINUATION) => take_four().ok_or_else(malformed)?,
        Some(length) => length,
        None => return Ok(None),
    };
    match usize::try_from(i32::from_le_bytes(length)) {
        Ok(0) => Ok(None),
        Ok(length) => {
            let (metadata, rest) = body.split_at_checked(length).ok_or_else(malformed)?;
            *body = rest;
            Ok(Some(metadata))
        }
        Err(_) => Err(malformed()),
    }
}

/// The bytes that a batch's buffers claim to be once they are decompressed.
fn unpacked(batch: &RecordBatch<'_>, content: &[u8]) -> Result<usize, Fault> {
    if batch.compression().is_none() {
        return Ok(0);
    }
    let mut all = 0_usize;
    for buffer in batch.buffers().into_iter().flatten() {
        let start = usize::try_from(buffer.offset()).map_err(|_| malformed())?;
        let length = usize::try_from(buffer.length()).map_err(|_| malformed())?;
        let end = start.checked_add(length).ok_or_else(malformed)?;
        let bytes = content.get(start..end).ok_or_else(malformed)?;
        let Some(claimed) = bytes.first_chunk::<8>() else {
            continue;
        };
        // -1 says that the buffer is not compressed after all.
        let claimed = i64::from_le_bytes(*claimed).max(0);
        all = all.saturating_add(usize::try_from(claimed).unwrap_or(usize::MAX));
    }
    Ok(all)
}

pub(super) fn malformed() -> Fault {
    Fault::new(
        FaultCode::MalformedBody,
        "the body is not a whole file of its announced format",
    )
}
