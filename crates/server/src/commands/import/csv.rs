//! CSV records as the server tells them apart: a quoted cell may hold line
//! ends, a quote inside an unquoted cell is nothing special, empty lines are
//! no records.

use std::io::{self, BufRead};

/// Where the reader is within a record.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    CellStart,
    Plain,
    Quoted,
    /// Behind a quote inside a quoted cell: its end, or the first of two.
    Quote,
}

/// Reads the next record without its line end into `record`; answers how many
/// line ends were passed, those before and within the record included.
/// `record` stays empty at the end of the input. A record longer than `most`
/// bytes ends the reading with [`io::ErrorKind::InvalidData`].
///
/// # Errors
/// When the input cannot be read, or a record is too long.
pub(super) fn read_record(
    reader: &mut dyn BufRead,
    record: &mut Vec<u8>,
    most: usize,
) -> io::Result<Lines> {
    record.clear();
    let mut lines = Lines::default();
    let mut place = Place::CellStart;
    loop {
        let piece = reader.fill_buf()?;
        if piece.is_empty() {
            return Ok(lines);
        }
        let mut used = 0;
        for &byte in piece {
            used += 1;
            let is_end = matches!(byte, b'\n' | b'\r') && place != Place::Quoted;
            if byte == b'\n' {
                if record.is_empty() {
                    lines.before += 1;
                } else {
                    lines.within += 1;
                }
            }
            if is_end && record.is_empty() {
                continue;
            }
            if is_end {
                // After CR the LF of the same line end is passed with the next record.
                reader.consume(used);
                return Ok(lines);
            }
            record.push(byte);
            place = match (place, byte) {
                (Place::CellStart | Place::Quote, b'"') => Place::Quoted,
                (Place::Quoted, b'"') => Place::Quote,
                (Place::Quoted, _) => Place::Quoted,
                (_, b',') => Place::CellStart,
                _ => Place::Plain,
            };
        }
        reader.consume(used);
        if record.len() > most {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "a record does not end; is a quote left open?",
            ));
        }
    }
}

/// Line ends that were passed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Lines {
    /// Before the record.
    pub(super) before: u64,
    /// From its first byte to its end.
    pub(super) within: u64,
}

/// The cells of one record; `None` for an empty cell without quotes.
pub(super) fn cells(record: &[u8]) -> Vec<Option<String>> {
    let mut cells = Vec::new();
    let mut rest = record;
    loop {
        let (cell, after) = first_cell(rest);
        cells.push(cell);
        match after.split_first() {
            Some((b',', more)) => rest = more,
            _ => return cells,
        }
    }
}

fn first_cell(text: &[u8]) -> (Option<String>, &[u8]) {
    let plain_end = |text: &[u8]| text.iter().position(|b| *b == b',').unwrap_or(text.len());
    let Some(mut inside) = text.strip_prefix(b"\"") else {
        let end = plain_end(text);
        let cell = String::from_utf8_lossy(&text[..end]).into_owned();
        return (Some(cell).filter(|cell| !cell.is_empty()), &text[end..]);
    };
    let mut cell = Vec::new();
    while let Some(quote) = inside.iter().position(|b| *b == b'"') {
        cell.extend_from_slice(&inside[..quote]);
        inside = &inside[quote + 1..];
        match inside.strip_prefix(b"\"") {
            Some(more) => {
                cell.push(b'"');
                inside = more;
            }
            None => {
                let end = plain_end(inside);
                cell.extend_from_slice(&inside[..end]);
                return (
                    Some(String::from_utf8_lossy(&cell).into_owned()),
                    &inside[end..],
                );
            }
        }
    }
    cell.extend_from_slice(inside);
    (Some(String::from_utf8_lossy(&cell).into_owned()), b"")
}
