//! Events that were exported from Keen: an extraction, a JSON list, or one
//! event a line. Several such documents may follow each other.

use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::super::CommandError;
use super::is_stdin;
use super::lines::{LineReader, plain};
use super::scanner::{Scanner, broken};
use super::source::{Amount, RawRecord, Source, open_text, unreadable};
use crate::output::progress;

/// What an extraction has besides its events.
const BESIDES: [&[u8]; 2] = [b"\"query\"", b"\"execution_metadata\""];
/// How often a person sees how far the first reading came.
const EVENTS_PER_SIGN: u64 = 10_000;

/// Opens a file of exported events. A file that can be read twice is read to
/// its end first, so that nothing is sent of one that was cut off.
///
/// # Errors
/// When it cannot be read, or is not whole.
pub(super) fn open(path: &Path, are_lines: bool) -> Result<Source, CommandError> {
    let name = path.display().to_string();
    let told = |error: io::Error| unreadable(&name, &error);
    if !is_stdin(path) {
        let (input, amount) = open_text(path, &name)?;
        if let Amount::Bytes(bytes) = amount {
            look_through(input, bytes, are_lines).map_err(told)?;
        }
    }
    let (input, amount) = open_text(path, &name)?;
    let read = Arc::new(AtomicU64::new(0));
    let reader = EventReader::new(input, Arc::clone(&read), are_lines).map_err(told)?;
    Ok(Source::of_events(name, reader, amount, read))
}

/// Reads to the end.
fn look_through(input: Box<dyn Read>, bytes: u64, are_lines: bool) -> io::Result<()> {
    let bar = progress::bytes(bytes);
    bar.set_message("reading the file once, to see that it is whole");
    let read = Arc::new(AtomicU64::new(0));
    let mut reader = EventReader::new(input, Arc::clone(&read), are_lines)?;
    while reader.cut_out()?.is_some() {
        if reader.events.is_multiple_of(EVENTS_PER_SIGN) {
            bar.set_position(read.load(Ordering::Relaxed));
        }
    }
    bar.finish_and_clear();
    Ok(())
}

/// Reads events one by one; no more of the text is in memory than one of them
/// and what is read at once.
pub(super) struct EventReader {
    form: Form,
    /// The events that were read.
    events: u64,
}

enum Form {
    /// Lists, by themselves or in extractions.
    Lists(Scanner, Place),
    /// One event a line.
    Lines(LineReader),
}

/// Where in a document the scanner is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Between two documents.
    Between,
    /// In a list.
    List {
        /// Whether the list is a member of an extraction.
        of_extraction: bool,
        /// Whether none of its elements was read yet.
        is_first: bool,
    },
}

impl EventReader {
    /// A reader that adds to `read` the bytes that it takes from `input`.
    /// Without `are_lines` the text tells by its start what it is.
    ///
    /// # Errors
    /// When the input cannot be read.
    pub(super) fn new(
        input: Box<dyn Read>,
        read: Arc<AtomicU64>,
        are_lines: bool,
    ) -> io::Result<Self> {
        let form = match are_lines {
            true => Form::Lines(LineReader::new(input, read)?),
            false => Form::Lists(Scanner::new(plain(input, read)?), Place::Between),
        };
        Ok(Self { form, events: 0 })
    }

    /// The next event, by its number, or why it is none; `None` at the end.
    ///
    /// # Errors
    /// When the text cannot be read, or its form is broken so that nobody can
    /// tell where the next event starts.
    pub(super) fn next_event(&mut self) -> io::Result<Option<RawRecord>> {
        let Some((line, text)) = self.cut_out()? else {
            return Ok(None);
        };
        let text = match check(&text) {
            Ok(()) => Ok(text),
            Err(rule) => Err(format!("line {line}: {rule}")),
        };
        let line = self.events;
        Ok(Some(RawRecord { line, text }))
    }

    /// The next event's text with the line that it starts on.
    fn cut_out(&mut self) -> io::Result<Option<(u64, Vec<u8>)>> {
        loop {
            match &mut self.form {
                Form::Lines(reader) => {
                    let Some(record) = reader.ndjson_record()? else {
                        return Ok(None);
                    };
                    self.events += 1;
                    return Ok(Some((record.line, record.text.unwrap_or_default())));
                }
                Form::Lists(scanner, place @ Place::Between) => match scanner.peek()? {
                    None => return Ok(None),
                    Some(b'[') => *place = enter(scanner, false)?,
                    Some(b'{') => match in_extraction(scanner)? {
                        true => *place = enter(scanner, true)?,
                        false => self.go_on_by_lines(),
                    },
                    Some(_) => {
                        let line = scanner.line();
                        return Err(broken(format!(
                            "line {line}: neither an extraction nor a JSON list nor an event starts here"
                        )));
                    }
                },
                Form::Lists(scanner, place) => {
                    let element = next_element(scanner, place, self.events)?;
                    if let Some(element) = element {
                        self.events += 1;
                        return Ok(Some(element));
                    }
                }
            }
        }
    }

    fn go_on_by_lines(&mut self) {
        let empty = Form::Lists(Scanner::new(Box::new(io::empty())), Place::Between);
        self.form = match std::mem::replace(&mut self.form, empty) {
            Form::Lists(scanner, _) => Form::Lines(scanner.into_lines()),
            lines @ Form::Lines(_) => lines,
        };
    }
}

/// An error of ours with its place, which is said by what the error is of.
fn located(error: io::Error, place: &str) -> io::Error {
    match error.kind() {
        io::ErrorKind::InvalidData => broken(format!("{place}: {error}")),
        _ => error,
    }
}

/// Passes the bracket of a list.
fn enter(scanner: &mut Scanner, of_extraction: bool) -> io::Result<Place> {
    scanner.take(b'[')?;
    Ok(Place::List {
        of_extraction,
        is_first: true,
    })
}

/// Whether the object that comes next is an extraction; then the scanner
/// stands before the list of its events. If not, or if it is broken, the
/// scanner remembers it from its start.
fn in_extraction(scanner: &mut Scanner) -> io::Result<bool> {
    scanner.remember();
    match finds_result(scanner) {
        Ok(true) => {
            scanner.forget();
            Ok(true)
        }
        Ok(false) => Ok(false),
        // What is broken there is told of the line, like any other.
        Err(error) if error.kind() == io::ErrorKind::InvalidData => Ok(false),
        Err(error) => Err(error),
    }
}

fn finds_result(scanner: &mut Scanner) -> io::Result<bool> {
    scanner.take(b'{')?;
    loop {
        let name = scanner.value()?;
        if !scanner.take(b':')? {
            return Ok(false);
        }
        if name == b"\"result\"" {
            return Ok(scanner.peek()? == Some(b'['));
        }
        if !BESIDES.contains(&&*name) {
            return Ok(false);
        }
        scanner.value()?;
        if !scanner.take(b',')? {
            return Ok(false);
        }
    }
}

/// The next element of the list that the scanner is in, with its line; `None`
/// when the document ended. So many events were `read` before.
fn next_element(
    scanner: &mut Scanner,
    place: &mut Place,
    read: u64,
) -> io::Result<Option<(u64, Vec<u8>)>> {
    let has_more = goes_on(scanner, place);
    let has_more = has_more.map_err(|error| {
        located(
            error,
            &format!("line {}, after event {read}", scanner.line()),
        )
    })?;
    if !has_more {
        return Ok(None);
    }
    scanner.peek()?;
    let line = scanner.line();
    let text = scanner.value().and_then(|text| match text.is_empty() {
        true => Err(broken("nothing stands where it should".to_owned())),
        false => Ok(text),
    });
    let at = || format!("event {}, from line {line} on", read + 1);
    let text = text.map_err(|error| located(error, &at()))?;
    Ok(Some((line, text)))
}

/// Whether another element follows in the list; if none does, its end and
/// that of its document are passed.
fn goes_on(scanner: &mut Scanner, place: &mut Place) -> io::Result<bool> {
    let Place::List {
        of_extraction,
        is_first,
    } = place
    else {
        return Ok(false);
    };
    let ends = match std::mem::take(is_first) {
        true => scanner.peek()? == Some(b']'),
        false => !scanner.take(b',')?,
    };
    if !ends {
        return Ok(true);
    }
    if !scanner.take(b']')? {
        let reason = "neither a comma nor the end of the list comes next";
        return Err(broken(reason.to_owned()));
    }
    if *of_extraction {
        end_extraction(scanner)?;
    }
    *place = Place::Between;
    Ok(false)
}

/// Passes what an extraction has behind its events.
fn end_extraction(scanner: &mut Scanner) -> io::Result<()> {
    while scanner.take(b',')? {
        let name = scanner.value()?;
        let is_known = BESIDES.contains(&&*name) && scanner.take(b':')?;
        if !is_known || scanner.value()?.is_empty() {
            let shown = crate::output::printable(&String::from_utf8_lossy(&name));
            return Err(broken(format!(
                "behind the list result stands {}, which no extraction has; for one event a line give --format ndjson",
                model::fault::shorten(&shown)
            )));
        }
    }
    match scanner.take(b'}')? {
        true => Ok(()),
        false => Err(broken(
            "the extraction does not end behind its list".to_owned(),
        )),
    }
}

/// What an event must have to be found again by its time.
#[derive(Deserialize)]
struct Exported {
    keen: Option<Namespace>,
}

#[derive(Deserialize)]
struct Namespace {
    timestamp: Option<IgnoredAny>,
}

/// Whether this is an event with its time; without one it would be stored
/// with none, and no question of the dialect would ever count it.
fn check(text: &[u8]) -> Result<(), String> {
    let event = serde_json::from_slice::<Exported>(text).map_err(|error| {
        let error = error.to_string();
        let reason = error.split(" at line ").next().unwrap_or_default();
        format!("this is no event in JSON: {reason}")
    })?;
    match event.keen.and_then(|keen| keen.timestamp) {
        Some(_) => Ok(()),
        None => Err(
            "the event has no keen.timestamp; export it without property_names, or with keen among them"
                .to_owned(),
        ),
    }
}

#[cfg(test)]
mod tests;
