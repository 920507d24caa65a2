//! Answers as CSV.

use super::layout::RowShape;
use super::{Layout, encode};
use crate::plane::{Answer, ByteStream};

/// RFC 4180: a header line, then one line for each row.
///
/// A null is an empty cell and an empty text is `""`, so that the two read
/// back as they were; alone on its line a null is `""` too, since readers
/// skip empty lines. Arrays and objects are JSON text.
pub(crate) fn csv(answer: Answer, layout: Layout) -> ByteStream {
    let mut head = Vec::new();
    let names = layout.members().iter().map(|member| Some(&*member.name));
    write_line(names, &mut head);
    encode(answer.rows, head, move |row, out| {
        let (values, _) = layout.split(row)?;
        let texts: Vec<_> = layout
            .members()
            .iter()
            .map(|member| layout.text(&values[member.column]))
            .collect();
        write_line(texts.iter().map(Option::as_deref), out);
        Ok(())
    })
}

fn write_line<'a>(cells: impl ExactSizeIterator<Item = Option<&'a str>>, out: &mut Vec<u8>) {
    let is_alone = cells.len() == 1;
    for (at, cell) in cells.enumerate() {
        if at > 0 {
            out.push(b',');
        }
        match cell {
            Some(text) => write_cell(text, out),
            None if is_alone => write_cell("", out),
            None => {}
        }
    }
    out.extend(b"\r\n");
}

fn write_cell(text: &str, out: &mut Vec<u8>) {
    let is_plain = |byte: u8| !matches!(byte, b'"' | b',' | b'\r' | b'\n');
    // Some readers cut white space at the ends of a cell without quotes.
    let has_edges = text.trim().len() != text.len();
    if !text.is_empty() && !has_edges && text.bytes().all(is_plain) {
        out.extend(text.as_bytes());
        return;
    }
    out.push(b'"');
    out.extend(text.replace('"', "\"\"").as_bytes());
    out.push(b'"');
}
