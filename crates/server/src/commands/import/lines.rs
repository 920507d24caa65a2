//! Records of text files, compressed or not, with their lines.

use std::io::{self, BufRead, BufReader, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::read::MultiGzDecoder;

use super::csv;
use super::source::RawRecord;

/// The longest text of one record that is read; the server takes less.
pub(super) const RECORD_BYTES: usize = 16 << 20;
/// Bytes that are read at once.
pub(super) const BUFFER_BYTES: usize = 256 << 10;

/// Reads the records of a text.
pub(super) struct LineReader {
    reader: Box<dyn BufRead>,
    /// The line that the next byte is on.
    line: u64,
}

/// What tells compression and encoding: at most so many first bytes.
const MARK_BYTES: u64 = 3;

/// The first bytes of the input, and all of it. A pipe may give them one by one.
fn begun(mut input: Box<dyn Read>) -> io::Result<(Vec<u8>, Box<dyn Read>)> {
    let mut first = Vec::new();
    input.by_ref().take(MARK_BYTES).read_to_end(&mut first)?;
    let whole = io::Cursor::new(first.clone()).chain(input);
    Ok((first, Box::new(whole)))
}

/// The input without compression and byte order mark. The bytes that are taken
/// from it are added to `read`.
///
/// # Errors
/// When the input cannot be read.
pub(super) fn plain(input: Box<dyn Read>, read: Arc<AtomicU64>) -> io::Result<Box<dyn BufRead>> {
    let (first, mut input) = begun(Box::new(Counted { input, read }))?;
    if first.starts_with(&[0x1f, 0x8b]) {
        let packed = BufReader::with_capacity(BUFFER_BYTES, input);
        input = Box::new(MultiGzDecoder::new(packed));
    }
    let (first, input) = begun(input)?;
    let mut reader = BufReader::with_capacity(BUFFER_BYTES, input);
    if first == b"\xef\xbb\xbf" {
        io::copy(&mut reader.by_ref().take(MARK_BYTES), &mut io::sink())?;
    }
    Ok(Box::new(reader))
}

impl LineReader {
    /// A reader that adds to `read` the bytes that it takes from `input`.
    ///
    /// # Errors
    /// When the input cannot be read.
    pub(super) fn new(input: Box<dyn Read>, read: Arc<AtomicU64>) -> io::Result<Self> {
        let reader = plain(input, read)?;
        Ok(Self { reader, line: 1 })
    }

    /// A reader of a text whose next byte is on this line.
    pub(super) fn resume(reader: Box<dyn BufRead>, line: u64) -> Self {
        Self { reader, line }
    }

    /// The next line that holds something; `None` at the end.
    ///
    /// # Errors
    /// When the input cannot be read, or a line is too long.
    pub(super) fn ndjson_record(&mut self) -> io::Result<Option<RawRecord>> {
        loop {
            let mut text = Vec::new();
            let most = RECORD_BYTES as u64 + 1;
            if self
                .reader
                .by_ref()
                .take(most)
                .read_until(b'\n', &mut text)?
                == 0
            {
                return Ok(None);
            }
            let line = self.line;
            if text.len() > RECORD_BYTES {
                return Err(too_long(line, "the line does not end"));
            }
            self.line += 1;
            let end = text.len()
                - text
                    .iter()
                    .rev()
                    .take_while(|b| b"\r\n".contains(b))
                    .count();
            text.truncate(end);
            if !text.iter().all(|b| b" \t\r".contains(b)) {
                let text = Ok(text);
                return Ok(Some(RawRecord { line, text }));
            }
        }
    }

    /// The next CSV record; `None` at the end.
    ///
    /// # Errors
    /// When the input cannot be read, or a record is too long.
    pub(super) fn csv_record(&mut self) -> io::Result<Option<RawRecord>> {
        let mut text = Vec::new();
        let start = self.line;
        let lines =
            csv::read_record(&mut *self.reader, &mut text, RECORD_BYTES).map_err(|error| {
                match error.kind() {
                    io::ErrorKind::InvalidData => too_long(start, &error.to_string()),
                    _ => error,
                }
            })?;
        let line = start + lines.before;
        self.line = line + lines.within;
        Ok((!text.is_empty()).then_some(RawRecord {
            line,
            text: Ok(text),
        }))
    }
}

fn too_long(line: u64, reason: &str) -> io::Error {
    let text = format!("from line {line} on {RECORD_BYTES} bytes belong to one record: {reason}");
    io::Error::new(io::ErrorKind::InvalidData, text)
}

/// Counts the bytes of a file as they are read.
struct Counted {
    input: Box<dyn Read>,
    read: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(buffer)?;
        self.read.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}
