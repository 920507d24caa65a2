//! From a file to batches of records, each with the place of its records.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use lake::RecordFile;

use super::super::CommandError;
use super::events::EventReader;
use super::is_stdin;
use super::lines::LineReader;
use super::send::LineFault;
use crate::cli::FileFormat;

/// The largest body that is sent.
const BATCH_BYTES: usize = 8 << 20;

/// How much there is to send.
#[derive(Clone, Copy, Debug)]
pub(super) enum Amount {
    /// Bytes of the file.
    Bytes(u64),
    /// Records.
    Records(u64),
    /// Not known.
    Unknown,
}

/// One record as its file has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RawRecord {
    /// The line it starts on, or its row or its number, counted from 1.
    pub(super) line: u64,
    /// The text, or why there is none.
    pub(super) text: Result<Vec<u8>, String>,
}

/// A file of records.
pub(super) struct Source {
    name: String,
    kind: Kind,
    amount: Amount,
    read: Arc<AtomicU64>,
    /// Records that were read ahead.
    ahead: VecDeque<RawRecord>,
}

enum Kind {
    Ndjson(LineReader),
    Events(EventReader),
    Csv {
        reader: LineReader,
        header: Vec<u8>,
    },
    Parquet {
        file: RecordFile,
        rows: VecDeque<RawRecord>,
        row: u64,
    },
}

impl Source {
    /// Opens a file, compressed or not; `-` is standard input.
    ///
    /// # Errors
    /// When it cannot be read, or is not of the format.
    pub(super) fn open(path: &Path, format: FileFormat, batch: u32) -> Result<Self, CommandError> {
        let name = path.display().to_string();
        let read = Arc::new(AtomicU64::new(0));
        if format == FileFormat::Parquet {
            if is_stdin(path) {
                return Err(CommandError::Usage(
                    "Parquet is read from a file, not from standard input".to_owned(),
                ));
            }
            let told = |error: &dyn std::fmt::Display| {
                CommandError::File(format!("{}: {error}", path.display()))
            };
            let opened = std::fs::File::open(path).map_err(|error| told(&error))?;
            let file = RecordFile::new(opened, batch as usize).map_err(|error| told(&error))?;
            return Ok(Self {
                name,
                amount: Amount::Records(file.rows()),
                kind: Kind::Parquet {
                    file,
                    rows: VecDeque::new(),
                    row: 0,
                },
                read,
                ahead: VecDeque::new(),
            });
        }
        let (input, amount) = open_text(path, &name)?;
        let mut reader =
            LineReader::new(input, Arc::clone(&read)).map_err(|e| unreadable(&name, &e))?;
        let kind = match format {
            FileFormat::Csv => {
                let header = reader.csv_record().map_err(|e| unreadable(&name, &e))?;
                let header = header.and_then(|record| record.text.ok()).ok_or_else(|| {
                    CommandError::Usage(format!("{name} has no header line of field names"))
                })?;
                Kind::Csv { reader, header }
            }
            _ => Kind::Ndjson(reader),
        };
        Ok(Self {
            name,
            kind,
            amount,
            read,
            ahead: VecDeque::new(),
        })
    }

    /// Events that were exported from Keen.
    pub(super) fn of_events(
        name: String,
        reader: EventReader,
        amount: Amount,
        read: Arc<AtomicU64>,
    ) -> Self {
        Self {
            name,
            kind: Kind::Events(reader),
            amount,
            read,
            ahead: VecDeque::new(),
        }
    }

    /// How much there is to send.
    pub(super) fn amount(&self) -> Amount {
        self.amount
    }

    /// The Parquet file behind it, if it is one.
    pub(super) fn parquet(&self) -> Option<&RecordFile> {
        match &self.kind {
            Kind::Parquet { file, .. } => Some(file),
            _ => None,
        }
    }

    /// The line that every CSV body starts with.
    pub(super) fn header(&self) -> Option<&[u8]> {
        match &self.kind {
            Kind::Csv { header, .. } => Some(header),
            _ => None,
        }
    }

    /// The first `count` records, which will be read again.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(super) fn peek(&mut self, count: usize) -> Result<&VecDeque<RawRecord>, CommandError> {
        while self.ahead.len() < count {
            match self.read()? {
                Some(record) => self.ahead.push_back(record),
                None => break,
            }
        }
        Ok(&self.ahead)
    }

    fn next(&mut self) -> Result<Option<RawRecord>, CommandError> {
        match self.ahead.pop_front() {
            Some(record) => Ok(Some(record)),
            None => self.read(),
        }
    }

    fn read(&mut self) -> Result<Option<RawRecord>, CommandError> {
        let read = match &mut self.kind {
            Kind::Ndjson(reader) => reader.ndjson_record(),
            Kind::Csv { reader, .. } => reader.csv_record(),
            Kind::Events(reader) => reader.next_event(),
            Kind::Parquet { file, rows, row } => next_row(file, rows, row),
        };
        read.map_err(|error| unreadable(&self.name, &error))
    }

    fn media_type(&self) -> &'static str {
        match self.kind {
            Kind::Csv { .. } => "text/csv",
            _ => "application/x-ndjson",
        }
    }
}

/// The bytes of a file, or of standard input, and how many there are.
///
/// # Errors
/// When it cannot be opened.
pub(super) fn open_text(path: &Path, name: &str) -> Result<(Box<dyn Read>, Amount), CommandError> {
    if is_stdin(path) {
        return Ok((Box::new(io::stdin()), Amount::Unknown));
    }
    let file = File::open(path).map_err(|e| unreadable(name, &e))?;
    let metadata = file.metadata().map_err(|e| unreadable(name, &e))?;
    let amount = match metadata.is_file() {
        true => Amount::Bytes(metadata.len()),
        false => Amount::Unknown,
    };
    Ok((Box::new(file), amount))
}

/// The error of a file that cannot be read.
pub(super) fn unreadable(name: &str, error: &io::Error) -> CommandError {
    CommandError::File(format!("{name} cannot be read: {error}"))
}

fn next_row(
    file: &mut RecordFile,
    rows: &mut VecDeque<RawRecord>,
    row: &mut u64,
) -> io::Result<Option<RawRecord>> {
    while rows.is_empty() {
        let Some(batch) = file.next() else {
            return Ok(None);
        };
        for sent in batch.map_err(io::Error::other)? {
            *row += 1;
            let text = match sent {
                Ok(value) => Ok(model::json::to_text(&value).into_bytes()),
                Err(fault) => Err(fault.message),
            };
            rows.push_back(RawRecord { line: *row, text });
        }
    }
    Ok(rows.pop_front())
}

/// Records that are sent in one request.
#[derive(Debug)]
pub(super) struct Batch {
    /// The media type of the body.
    pub(super) media_type: &'static str,
    /// The body.
    pub(super) body: Vec<u8>,
    /// The line of each record of the body.
    pub(super) lines: Vec<u64>,
    /// Records that cannot be sent.
    pub(super) faults: Vec<LineFault>,
    /// How far the source was read, in the unit of its [`Amount`].
    pub(super) position: u64,
}

/// The batches of a source. Where they are cut depends on the content and the
/// size alone.
pub(super) struct Batches {
    source: Source,
    size: usize,
    records: u64,
    /// After an error nothing more is read.
    has_failed: bool,
}

impl Batches {
    /// The batches of at most `size` records.
    pub(super) fn new(source: Source, size: usize) -> Self {
        Self {
            source,
            size,
            records: 0,
            has_failed: false,
        }
    }

    fn fill(&mut self) -> Result<Option<Batch>, CommandError> {
        let mut body = Vec::new();
        if let Some(header) = self.source.header() {
            body.extend_from_slice(header);
            body.push(b'\n');
        }
        let (mut lines, mut faults) = (Vec::new(), Vec::new());
        while lines.len() + faults.len() < self.size && body.len() < BATCH_BYTES {
            let Some(record) = self.source.next()? else {
                break;
            };
            self.records += 1;
            match record.text {
                Ok(text) => {
                    body.extend_from_slice(&text);
                    body.push(b'\n');
                    lines.push(record.line);
                }
                Err(message) => faults.push(LineFault::local(record.line, message)),
            }
        }
        if lines.is_empty() && faults.is_empty() {
            return Ok(None);
        }
        let position = match self.source.amount {
            Amount::Records(_) => self.records,
            _ => self.source.read.load(Ordering::Relaxed),
        };
        Ok(Some(Batch {
            media_type: self.source.media_type(),
            body,
            lines,
            faults,
            position,
        }))
    }
}

impl Iterator for Batches {
    type Item = Result<Batch, CommandError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.has_failed {
            return None;
        }
        let batch = self.fill();
        self.has_failed = batch.is_err();
        batch.transpose()
    }
}
