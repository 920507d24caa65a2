//! JSON values cut out of a stream one after another: of a list of millions
//! one element is in memory.

use std::io::{self, BufRead};

use super::lines::{LineReader, RECORD_BYTES};

/// What JSON may have between its parts.
const SPACES: &[u8] = b" \t\r\n";

/// Cuts values out of a text. It matches brackets and quotes; whether a value
/// is JSON otherwise is for its reader to say.
pub(super) struct Scanner {
    reader: Box<dyn BufRead>,
    /// The line that the next byte is on, counted from 1.
    line: u64,
    /// What was passed since [`Scanner::remember`], and the line it starts on.
    seen: Option<(Vec<u8>, u64)>,
}

impl Scanner {
    /// A scanner at the start of a text.
    pub(super) fn new(reader: Box<dyn BufRead>) -> Self {
        Self {
            reader,
            line: 1,
            seen: None,
        }
    }

    /// The line that the next byte is on.
    pub(super) fn line(&self) -> u64 {
        self.line
    }

    /// The next byte that is no white space, which stays; `None` at the end.
    ///
    /// # Errors
    /// When the text cannot be read.
    pub(super) fn peek(&mut self) -> io::Result<Option<u8>> {
        loop {
            let piece = self.reader.fill_buf()?;
            let spaces = piece.iter().take_while(|byte| SPACES.contains(byte));
            let spaces = spaces.count();
            if let Some(byte) = piece.get(spaces) {
                let byte = *byte;
                self.pass(spaces)?;
                return Ok(Some(byte));
            }
            if spaces == 0 {
                return Ok(None);
            }
            self.pass(spaces)?;
        }
    }

    /// Whether this byte comes next, white space aside; then it is passed.
    ///
    /// # Errors
    /// When the text cannot be read.
    pub(super) fn take(&mut self, byte: u8) -> io::Result<bool> {
        let is_next = self.peek()? == Some(byte);
        if is_next {
            self.pass(1)?;
        }
        Ok(is_next)
    }

    /// The next value without the line ends between its parts. It is empty
    /// where something else comes next.
    ///
    /// # Errors
    /// When the text cannot be read, and [`io::ErrorKind::InvalidData`] when
    /// the value does not end, is too long, or closes a bracket by another.
    pub(super) fn value(&mut self) -> io::Result<Vec<u8>> {
        self.peek()?;
        let (mut cut, mut text) = (Cut::default(), Vec::new());
        loop {
            let piece = self.reader.fill_buf()?;
            if piece.is_empty() {
                return match cut.is_open() {
                    false => Ok(text),
                    true => Err(broken("the text ends within it; it was cut off".to_owned())),
                };
            }
            let (taken, is_over) = cut.take(piece, &mut text)?;
            self.pass(taken)?;
            if text.len() > RECORD_BYTES {
                return Err(broken(format!("it has more than {RECORD_BYTES} bytes")));
            }
            if is_over {
                return Ok(text);
            }
        }
    }

    fn pass(&mut self, count: usize) -> io::Result<()> {
        let piece = &self.reader.fill_buf()?[..count];
        self.line += piece.iter().filter(|byte| **byte == b'\n').count() as u64;
        if let Some((seen, _)) = &mut self.seen {
            seen.extend_from_slice(piece);
        }
        self.reader.consume(count);
        Ok(())
    }

    /// Keeps what is passed from here on, for [`Scanner::into_lines`].
    pub(super) fn remember(&mut self) {
        self.seen = Some((Vec::new(), self.line));
    }

    /// Keeps nothing any more.
    pub(super) fn forget(&mut self) {
        self.seen = None;
    }

    /// The lines of the text, from where it was last told to remember.
    pub(super) fn into_lines(self) -> LineReader {
        let (seen, line) = self.seen.unwrap_or((Vec::new(), self.line));
        let text = io::Read::chain(io::Cursor::new(seen), self.reader);
        LineReader::resume(Box::new(text), line)
    }
}

/// A value that is not whole.
pub(super) fn broken(reason: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}

/// How far a value was cut out.
#[derive(Default)]
struct Cut {
    /// What closes the brackets that are open, the innermost last.
    open: Vec<u8>,
    in_string: bool,
    is_escaped: bool,
}

impl Cut {
    fn is_open(&self) -> bool {
        self.in_string || !self.open.is_empty()
    }

    /// Takes what belongs to the value; answers how much of the piece was
    /// passed, and whether the value ends there.
    fn take(&mut self, piece: &[u8], text: &mut Vec<u8>) -> io::Result<(usize, bool)> {
        for (at, &byte) in piece.iter().enumerate() {
            if self.in_string {
                text.push(byte);
                if self.ends_string(byte) && self.open.is_empty() {
                    return Ok((at + 1, true));
                }
                continue;
            }
            match byte {
                b'"' => self.in_string = true,
                b'{' => self.open.push(b'}'),
                b'[' => self.open.push(b']'),
                b'}' | b']' => match self.open.pop() {
                    Some(closing) if closing == byte => {
                        text.push(byte);
                        if self.open.is_empty() {
                            return Ok((at + 1, true));
                        }
                        continue;
                    }
                    Some(closing) => {
                        let (closing, byte) = (char::from(closing), char::from(byte));
                        return Err(broken(format!("{byte} stands where {closing} is missing")));
                    }
                    None => return Ok((at, true)),
                },
                _ if self.open.is_empty() && (byte == b',' || SPACES.contains(&byte)) => {
                    return Ok((at, true));
                }
                b'\r' | b'\n' => continue,
                _ => {}
            }
            text.push(byte);
        }
        Ok((piece.len(), false))
    }

    fn ends_string(&mut self, byte: u8) -> bool {
        match byte {
            _ if self.is_escaped => self.is_escaped = false,
            b'\\' => self.is_escaped = true,
            b'"' => self.in_string = false,
            _ => {}
        }
        !self.in_string
    }
}
