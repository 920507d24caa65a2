//! Everything that the command line prints, and the one question it asks.
//!
//! Answers go to standard output, everything said to the person about the
//! work goes to standard error, so that `tidegate … > file` holds answers alone.

pub(crate) mod plot;
pub(crate) mod progress;
pub(crate) mod table;

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

/// Writes one line, or several, to standard output.
///
/// # Errors
/// When standard output cannot be written, a closed pipe included.
pub(crate) fn line(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.write_all(b"\n")?;
    out.flush()
}

/// Writes bytes to standard output as they are.
///
/// # Errors
/// As [`line()`].
pub(crate) fn raw(bytes: &[u8]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(bytes)?;
    out.flush()
}

/// Writes one line to standard error. There is nowhere left to say that this
/// failed, so a failure is not told.
pub(crate) fn note(text: &str) {
    let mut out = io::stderr().lock();
    let _unheard = writeln!(out, "{text}");
}

/// Whether standard output is a terminal.
pub(crate) fn is_terminal() -> bool {
    io::stdout().is_terminal()
}

/// Columns of the terminal, or of a page where output is none.
pub(crate) fn width() -> usize {
    const PAGE: u16 = 100;
    let table = comfy_table::Table::new();
    usize::from(table.width().filter(|_| is_terminal()).unwrap_or(PAGE))
}

/// Asks a person a question that yes answers; `None` when nobody is there to
/// answer, because standard input or standard error is no terminal.
///
/// # Errors
/// When the terminal cannot be read.
pub(crate) fn ask(question: &str) -> io::Result<Option<bool>> {
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Ok(None);
    }
    let mut err = io::stderr().lock();
    write!(err, "{question} [Y/n] ")?;
    err.flush()?;
    let mut answer = String::new();
    if io::stdin().lock().read_line(&mut answer)? == 0 {
        return Ok(Some(false));
    }
    Ok(Some(is_yes(&answer)))
}

fn is_yes(answer: &str) -> bool {
    ["", "y", "yes"].contains(&answer.trim().to_ascii_lowercase().as_str())
}

/// Text with control and bidirectional formatting characters made visible:
/// stored values must not be able to steer somebody's terminal.
pub(crate) fn printable(text: &str) -> String {
    let steers = |c: char| {
        c.is_control()
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if !text.chars().any(steers) {
        return text.to_owned();
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if steers(c) {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    shown
}

#[cfg(test)]
mod tests;
