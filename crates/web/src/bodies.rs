//! Bodies on their way in: from bytes to records as they were sent.
//!
//! Nothing here knows what a key may write. A record that cannot be read is
//! reported in its place beside the good ones; a body whose records cannot be
//! told apart is refused whole.

mod compression;
mod csv;
mod json;

pub(crate) use compression::decompress;
pub(crate) use json::{lines, lists, one};

use model::answers::Columnar;
use model::fault::{Fault, FaultCode, shorten};
use model::limits::BATCH_RECORDS_MAX;
use model::pools::Schema;
use model::records::{Sent, SentRecord};

use crate::inference::{Inference, InferredField};

/// A format of records whose text is read here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TextFormat {
    /// One JSON object, or an array of them.
    Json,
    /// One JSON object on each line.
    Ndjson,
    /// RFC 4180 with a header line.
    Csv,
}

/// A format of records that the server takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RecordFormat {
    /// Read by [`read_records`].
    Text(TextFormat),
    /// Read by the data plane.
    Columnar(Columnar),
}

const MEDIA_TYPES: [(&str, RecordFormat); 7] = [
    ("application/json", RecordFormat::Text(TextFormat::Json)),
    (
        "application/x-ndjson",
        RecordFormat::Text(TextFormat::Ndjson),
    ),
    ("application/ndjson", RecordFormat::Text(TextFormat::Ndjson)),
    ("application/jsonl", RecordFormat::Text(TextFormat::Ndjson)),
    ("text/csv", RecordFormat::Text(TextFormat::Csv)),
    (
        "application/vnd.apache.parquet",
        RecordFormat::Columnar(Columnar::Parquet),
    ),
    (
        "application/vnd.apache.arrow.stream",
        RecordFormat::Columnar(Columnar::ArrowStream),
    ),
];

impl RecordFormat {
    /// The format that a `Content-Type` announces; JSON when there is none.
    /// Parameters are allowed; a `charset` other than UTF-8, and CSV that says it
    /// has no header, are not.
    ///
    /// # Errors
    /// [`FaultCode::InvalidValue`] for any other type; it lists the known ones.
    pub(crate) fn of(content_type: Option<&str>) -> Result<Self, Fault> {
        let Some(content_type) = content_type else {
            return Ok(Self::Text(TextFormat::Json));
        };
        let mut parts = content_type.split(';').map(str::trim);
        let essence = parts.next().unwrap_or_default();
        let format = MEDIA_TYPES
            .iter()
            .find(|(name, _)| essence.eq_ignore_ascii_case(name))
            .map(|(_, format)| *format)
            .ok_or_else(|| {
                Fault::new(
                    FaultCode::InvalidValue,
                    format!(
                        "records are not read from the content type {}; there are {}",
                        shorten(essence),
                        MEDIA_TYPES.map(|(name, _)| name).join(", ")
                    ),
                )
            })?;
        for parameter in parts {
            check_parameter(parameter)?;
        }
        Ok(format)
    }
}

fn check_parameter(parameter: &str) -> Result<(), Fault> {
    let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
    let value = value.trim().trim_matches('"');
    let is = |text: &str| value.eq_ignore_ascii_case(text);
    let detail = match name.trim().to_ascii_lowercase().as_str() {
        "charset" if !(is("utf-8") || is("utf8") || is("us-ascii")) => {
            "a body is encoded as UTF-8; send it so, with charset=utf-8 or without a charset"
        }
        "header" if is("absent") => {
            "a CSV body starts with a header line of field names; add one and leave out header=absent"
        }
        _ => return Ok(()),
    };
    Err(Fault::new(FaultCode::InvalidValue, detail))
}

/// The records of a body in the order they were sent, each with the index
/// that its fault would carry; `schema` is the pool's and gives CSV cells
/// their types, by these rules:
///
/// - an empty cell is a missing field; `""` is the empty text in fields of
///   type `String` and in undeclared ones, and missing in all others;
/// - a cell of a declared field is read as the field's type, `true` and
///   `false` in any letter case, arrays as JSON text;
/// - a cell of an undeclared field is a number where it is written exactly
///   as JSON writes that number, a boolean where it is `true` or `false`,
///   and text otherwise.
///
/// # Errors
/// A fault of the whole body: it is not of the format, or it has more than
/// [`BATCH_RECORDS_MAX`] records.
pub(crate) fn read_records(
    format: TextFormat,
    body: &[u8],
    schema: &Schema,
) -> Result<Vec<SentRecord>, Fault> {
    match format {
        TextFormat::Json => json::read(body),
        TextFormat::Ndjson => json::lines(body).map(|lines| lines.map(Sent::read).collect()),
        TextFormat::Csv => csv::read(body, schema),
    }
}

/// The fields that the first records of a body show, and how many records were
/// looked at: what an import of the same file would make of it.
///
/// # Errors
/// A fault of the whole body, and of one without any record.
pub(crate) fn infer(format: TextFormat, body: &[u8]) -> Result<(Vec<InferredField>, u64), Fault> {
    let mut inference = match format {
        TextFormat::Csv => {
            let (columns, lines) = csv::cells(body, SAMPLE)?;
            let mut inference = Inference::csv(&columns);
            lines.iter().for_each(|cells| inference.see_cells(cells));
            return Ok((inference.fields(), inference.records()));
        }
        TextFormat::Json | TextFormat::Ndjson => Inference::json(),
    };
    let records = match format {
        TextFormat::Json => json::read(body)?,
        _ => json::lines(body)?.take(SAMPLE).map(Sent::read).collect(),
    };
    for record in records.into_iter().take(SAMPLE).flatten() {
        inference.see_json(model::json::to_text(&record).as_bytes());
    }
    match inference.records() {
        0 => Err(Fault::new(
            FaultCode::MalformedBody,
            "there is no record in it that can be read",
        )),
        records => Ok((inference.fields(), records)),
    }
}

/// Records that fields are guessed from.
const SAMPLE: usize = 10_000;

/// Adds a record to those read before it.
fn push(records: &mut Vec<SentRecord>, record: SentRecord) -> Result<(), Fault> {
    if records.len() >= BATCH_RECORDS_MAX {
        return Err(too_many());
    }
    records.push(record);
    Ok(())
}

fn too_many() -> Fault {
    Fault::new(
        FaultCode::LimitExceeded,
        format!("a request has at most {BATCH_RECORDS_MAX} records; send several"),
    )
}

#[cfg(test)]
mod tests;
