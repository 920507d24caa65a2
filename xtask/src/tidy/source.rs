//! A Rust file as the rules read it: without comments and literals, and with
//! its test code told apart.

#[cfg(test)]
mod tests;

/// A Rust file of the checkout.
#[derive(Debug)]
pub(crate) struct Source {
    /// The path from the root of the checkout.
    pub(crate) path: String,
    /// The code, line by line; comments, strings and character literals are
    /// blanked.
    pub(crate) code: Vec<String>,
    /// Whether the whole file is test code.
    pub(crate) is_test: bool,
    /// The lines of the last `#[cfg(test)]` module written inside the file,
    /// as first and one past the last, counted from 0.
    tail: Option<(usize, usize)>,
}

impl Source {
    /// The file at `path` with the given text.
    pub(crate) fn new(path: &str, text: &str) -> Self {
        let code: Vec<String> = blank(text).lines().map(str::to_owned).collect();
        let is_test =
            path.ends_with("/tests.rs") || path.split('/').any(|folder| folder == "tests");
        let tail = test_module(&code);
        Self {
            path: path.to_owned(),
            code,
            is_test,
            tail,
        }
    }

    /// How many lines count towards the length of the file.
    pub(crate) fn length(&self) -> usize {
        self.code.len() - self.tail.map_or(0, |(first, end)| end - first)
    }

    /// Whether the line, counted from 0, is test code.
    pub(crate) fn in_test(&self, line: usize) -> bool {
        self.is_test
            || self
                .tail
                .is_some_and(|(first, end)| (first..end).contains(&line))
    }

    /// The lines outside test code, counted from 1.
    pub(crate) fn product(&self) -> impl Iterator<Item = (usize, &str)> {
        self.numbered()
            .filter(|(number, _)| !self.in_test(number - 1))
    }

    /// The lines of test code, counted from 1.
    pub(crate) fn tests(&self) -> impl Iterator<Item = (usize, &str)> {
        self.numbered()
            .filter(|(number, _)| self.in_test(number - 1))
    }

    /// Every line, counted from 1.
    pub(crate) fn numbered(&self) -> impl Iterator<Item = (usize, &str)> {
        self.code
            .iter()
            .enumerate()
            .map(|(index, line)| (index + 1, line.as_str()))
    }
}

/// Whether `c` may stand in an identifier.
pub(crate) fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The places in `line` where `needle` stands as whole words, as what is
/// before and what is after it.
pub(crate) fn words<'a>(
    line: &'a str,
    needle: &'a str,
) -> impl Iterator<Item = (&'a str, &'a str)> {
    line.match_indices(needle).filter_map(move |(at, _)| {
        let (before, after) = (&line[..at], &line[at + needle.len()..]);
        let open = needle.starts_with(is_word) && before.ends_with(is_word);
        let closed = needle.ends_with(is_word) && after.starts_with(is_word);
        (!open && !closed).then_some((before, after))
    })
}

/// The last module under `#[cfg(test)]` that is written out in the file.
fn test_module(code: &[String]) -> Option<(usize, usize)> {
    let first = code
        .iter()
        .rposition(|line| line.trim_end() == "#[cfg(test)]")?;
    let head = (first + 1..code.len()).find(|&at| !code[at].trim_start().starts_with("#["))?;
    let line = code[head].trim_end();
    if !(line.starts_with("mod ") || line.starts_with("pub(crate) mod ")) || !line.ends_with('{') {
        return None;
    }
    let last = (head..code.len()).find(|&at| code[at].starts_with('}'))?;
    Some((first, last + 1))
}

/// The text with every comment and literal turned into spaces, line breaks
/// kept.
fn blank(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let end = match bytes[at] {
            b'/' if bytes[at..].starts_with(b"//") => line_end(bytes, at),
            b'/' if bytes[at..].starts_with(b"/*") => comment_end(bytes, at),
            b'"' => string_end(bytes, at),
            b'\'' => character_end(text, at),
            b'r' if !follows_word(bytes, at) => raw_end(bytes, at),
            _ => at,
        };
        for byte in &mut out[at..end] {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
        at = end.max(at + 1);
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn line_end(bytes: &[u8], at: usize) -> usize {
    bytes[at..]
        .iter()
        .position(|&byte| byte == b'\n')
        .map_or(bytes.len(), |length| at + length)
}

fn comment_end(bytes: &[u8], at: usize) -> usize {
    let (mut depth, mut place) = (0_usize, at);
    while place < bytes.len() {
        if bytes[place..].starts_with(b"/*") {
            depth += 1;
            place += 2;
        } else if bytes[place..].starts_with(b"*/") {
            depth -= 1;
            place += 2;
            if depth == 0 {
                return place;
            }
        } else {
            place += 1;
        }
    }
    bytes.len()
}

fn string_end(bytes: &[u8], at: usize) -> usize {
    let mut place = at + 1;
    while place < bytes.len() {
        match bytes[place] {
            b'\\' => place += 2,
            b'"' => return place + 1,
            _ => place += 1,
        }
    }
    bytes.len()
}

/// The end of a character literal; `at` itself for a lifetime.
fn character_end(text: &str, at: usize) -> usize {
    let rest = &text[at + 1..];
    let mut characters = rest.chars();
    match characters.next() {
        Some('\\') => {
            let escaped = characters.next().map_or(0, char::len_utf8);
            let body = 1 + escaped;
            rest[body..]
                .find('\'')
                .map_or(at, |length| at + 1 + body + length + 1)
        }
        Some(c) if characters.next() == Some('\'') => at + 1 + c.len_utf8() + 1,
        _ => at,
    }
}

/// Whether the byte before `at` continues a word; `b` and `c` alone are the
/// prefixes of a literal.
fn follows_word(bytes: &[u8], at: usize) -> bool {
    let word = |place: usize| bytes[place] == b'_' || bytes[place].is_ascii_alphanumeric();
    match at.checked_sub(1) {
        Some(before) if matches!(bytes[before], b'b' | b'c') => before > 0 && word(before - 1),
        Some(before) => word(before),
        None => false,
    }
}

/// The end of a raw string; `at` itself when none starts there.
fn raw_end(bytes: &[u8], at: usize) -> usize {
    let hashes = bytes[at + 1..]
        .iter()
        .take_while(|&&byte| byte == b'#')
        .count();
    let open = at + 1 + hashes;
    if bytes.get(open) != Some(&b'"') {
        return at;
    }
    let mut close = vec![b'"'];
    close.resize(1 + hashes, b'#');
    let body = &bytes[open + 1..];
    body.windows(close.len())
        .position(|window| window == close)
        .map_or(bytes.len(), |length| open + 1 + length + close.len())
}
