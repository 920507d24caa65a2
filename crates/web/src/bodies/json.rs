//! Records as JSON: an object, an array, or lines.
//!
//! The elements of an array are told apart first and read one by one, so that
//! a record with a duplicate member does not take its neighbours with it.

use model::fault::{Fault, FaultCode, shorten};
use model::limits::{BATCH_RECORDS_MAX, RECORD_BYTES_MAX};
use model::records::{RecordFault, RecordFaultCode, Sent, SentRecord};
use serde::de::IgnoredAny;

use super::{push, too_many};

/// Bytes of the text of one record. No text beyond it means a record of at
/// most [`RECORD_BYTES_MAX`], unless it is mostly white space: the longest
/// escape of one byte has six.
const RECORD_TEXT_BYTES_MAX: usize = 8 * RECORD_BYTES_MAX;

/// The records of one object or of an array of them.
pub(super) fn read(body: &[u8]) -> Result<Vec<SentRecord>, Fault> {
    let mut scanner = Scanner { text: body, at: 0 };
    scanner.skip_space();
    let mut records = Vec::new();
    if !scanner.take(b'[') {
        push(&mut records, read_in_body(0, body)?)?;
        return Ok(records);
    }
    scanner.skip_space();
    if !scanner.take(b']') {
        loop {
            scanner.skip_space();
            let text = scanner.element();
            let index = records.len();
            push(&mut records, read_in_body(index, text)?)?;
            if scanner.take(b']') {
                break;
            }
            if !scanner.take(b',') {
                return Err(malformed(format!(
                    "the array of records is not closed after record {index}"
                )));
            }
        }
    }
    scanner.skip_space();
    if scanner.at < body.len() {
        return Err(malformed("there is text after the array of records"));
    }
    Ok(records)
}

/// The lists of records of a JSON object, in their order, each under its name.
/// The text of one record has at most `most` bytes.
///
/// # Errors
/// A fault of the whole body: it is no object of lists, one of them stands
/// twice, or they have more than [`BATCH_RECORDS_MAX`] records together.
pub(crate) fn lists(body: &[u8], most: usize) -> Result<Vec<(String, Vec<SentRecord>)>, Fault> {
    let mut scanner = Scanner { text: body, at: 0 };
    let mut lists: Vec<(String, Vec<SentRecord>)> = Vec::new();
    let mut count = 0;
    scanner.expect(b'{', "the body is an object of lists")?;
    scanner.skip_space();
    while !scanner.take(b'}') {
        if !lists.is_empty() {
            scanner.expect(b',', "the body is not closed after a list")?;
        }
        let name = scanner.name()?;
        if lists.iter().any(|(known, _)| *known == name) {
            let detail = format!("the list {} stands twice; send one", shorten(&name));
            return Err(Fault::new(FaultCode::DuplicateMember, detail));
        }
        scanner.expect(b':', "a name is not followed by its list")?;
        scanner.expect(b'[', "the body is an object of lists")?;
        let mut records = Vec::new();
        scanner.skip_space();
        while !scanner.take(b']') {
            if !records.is_empty() {
                scanner.expect(b',', "a list is not closed after a record")?;
                scanner.skip_space();
            }
            let (index, text) = (records.len(), scanner.element());
            count += 1;
            if count > BATCH_RECORDS_MAX {
                return Err(too_many());
            }
            records.push(match text.len() > most {
                true => Err(too_long(index, most)),
                false => read_in_body(index, text)?,
            });
            scanner.skip_space();
        }
        lists.push((name, records));
        scanner.skip_space();
    }
    scanner.skip_space();
    match scanner.at < body.len() {
        true => Err(malformed("there is text after the object of lists")),
        false => Ok(lists),
    }
}

/// The one record of a body.
///
/// # Errors
/// The body is no JSON at all.
pub(crate) fn one(body: &[u8]) -> Result<SentRecord, Fault> {
    read_in_body(0, body)
}

/// The records of lines, each read when it is asked for. A line that is empty
/// or white space is none.
pub(crate) fn lines(body: &[u8]) -> Result<impl Iterator<Item = Line<'_>>, Fault> {
    let ends = memchr::memchr_iter(b'\n', body).count();
    let lines = Lines {
        rest: body,
        most: ends + 1,
    };
    if ends >= BATCH_RECORDS_MAX && lines.clone().nth(BATCH_RECORDS_MAX).is_some() {
        return Err(too_many());
    }
    let records = lines.enumerate();
    Ok(records.map(|(index, text)| Line { index, text }))
}

/// The text of a record.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Line<'a> {
    index: usize,
    text: &'a [u8],
}

impl Sent for Line<'_> {
    fn json(&self) -> Option<&[u8]> {
        Some(self.text).filter(|text| text.len() <= RECORD_TEXT_BYTES_MAX)
    }

    fn read(self) -> SentRecord {
        read_one(self.index, self.text)
    }
}

/// Lines that hold something.
#[derive(Clone)]
struct Lines<'a> {
    rest: &'a [u8],
    /// How many there are at most.
    most: usize,
}

impl<'a> Iterator for Lines<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        while !self.rest.is_empty() {
            let end = memchr::memchr(b'\n', self.rest);
            let (line, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
            self.rest = rest.get(1..).unwrap_or_default();
            self.most -= 1;
            if !line.iter().all(is_space) {
                return Some(line);
            }
        }
        None
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, Some(self.most))
    }
}

/// A record of a JSON body: what breaks the grammar breaks the whole body.
fn read_in_body(index: usize, text: &[u8]) -> Result<SentRecord, Fault> {
    let record = read_one(index, text);
    if record.is_err()
        && let Err(error) = serde_json::from_slice::<IgnoredAny>(text)
    {
        return Err(malformed(format!(
            "the text of record {index} is not JSON, at its line {}, column {}",
            error.line(),
            error.column()
        )));
    }
    Ok(record)
}

fn read_one(index: usize, text: &[u8]) -> SentRecord {
    if text.len() > RECORD_TEXT_BYTES_MAX {
        return Err(too_long(index, RECORD_TEXT_BYTES_MAX));
    }
    model::json::parse(text).map_err(|fault| {
        let (code, message) = match fault.code {
            FaultCode::DuplicateMember => (RecordFaultCode::DuplicateMember, fault.detail),
            FaultCode::LimitExceeded => (RecordFaultCode::TooLarge, fault.detail),
            _ => (
                RecordFaultCode::MalformedRecord,
                format!("{} of the record", fault.detail),
            ),
        };
        // Of a member that stands twice, the last step of its place is its name.
        let name = fault.pointer.rsplit_once('/').map(|(_, name)| name);
        RecordFault {
            field: name.map(|name| name.replace("~1", "/").replace("~0", "~")),
            ..RecordFault::new(index, code, message)
        }
    })
}

fn too_long(index: usize, most: usize) -> RecordFault {
    let message = format!("the text of a record has at most {most} bytes");
    RecordFault::new(index, RecordFaultCode::TooLarge, message)
}

fn malformed(detail: impl Into<String>) -> Fault {
    Fault::new(FaultCode::MalformedBody, detail)
}

fn is_space(byte: &u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

/// Finds where the elements of an array end. It decides nothing about what is
/// between: each element is read by the one reader of JSON.
struct Scanner<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Scanner<'a> {
    fn skip_space(&mut self) {
        let space = self.text[self.at..]
            .iter()
            .take_while(|byte| is_space(byte));
        self.at += space.count();
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.text.get(self.at) == Some(&byte);
        self.at += usize::from(found);
        found
    }

    /// Passes over white space and one byte.
    fn expect(&mut self, byte: u8, otherwise: &str) -> Result<(), Fault> {
        self.skip_space();
        match self.take(byte) {
            true => Ok(()),
            false => Err(malformed(format!("{otherwise}, at byte {}", self.at))),
        }
    }

    /// The name of a member.
    fn name(&mut self) -> Result<String, Fault> {
        self.skip_space();
        let start = self.at;
        if self.text.get(start) == Some(&b'"') {
            self.skip_string();
            self.at = (self.at + 1).min(self.text.len());
        }
        let name = serde_json::from_slice(&self.text[start..self.at]);
        name.map_err(|_| malformed(format!("a name is expected at byte {start}")))
    }

    /// The text up to the comma or the bracket that ends the element, or up
    /// to the end.
    fn element(&mut self) -> &'a [u8] {
        let start = self.at;
        let mut depth = 0_usize;
        while let Some(byte) = self.text.get(self.at) {
            match byte {
                b',' | b']' | b'}' if depth == 0 => break,
                b'[' | b'{' => depth += 1,
                b']' | b'}' => depth -= 1,
                b'"' => self.skip_string(),
                _ => {}
            }
            self.at += 1;
        }
        self.at = self.at.min(self.text.len());
        &self.text[start..self.at]
    }

    /// From the quote that opens a string to the one that closes it.
    fn skip_string(&mut self) {
        self.at += 1;
        while let Some(byte) = self.text.get(self.at) {
            match byte {
                b'"' => return,
                b'\\' => self.at += 2,
                _ => self.at += 1,
            }
        }
    }
}

#[cfg(test)]
mod tests;
