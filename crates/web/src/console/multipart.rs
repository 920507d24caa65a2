//! Forms with files: `multipart/form-data` as browsers write it (RFC 7578).

use bytes::Bytes;
use memchr::memmem;

/// Bytes of the head of a part.
const HEAD_BYTES_MAX: usize = 4 << 10;
/// Parts of a form.
const PARTS_MAX: usize = 256;
/// Characters of a boundary, as RFC 2046 has it.
const BOUNDARY_CHARS_MAX: usize = 70;

/// One field of a form.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Part {
    /// The name of the field.
    pub(super) name: String,
    /// What the file is called, when it is one.
    pub(super) file: Option<String>,
    /// What was typed, or what is in the file.
    pub(super) bytes: Bytes,
}

/// What stands between the parts of a body of this type; `None` for one of
/// another type.
pub(super) fn boundary(content_type: &str) -> Option<String> {
    let (essence, parameters) = content_type.split_once(';')?;
    if !essence.trim().eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    let boundary = parameter(parameters, "boundary")?;
    let is_legal = (1..=BOUNDARY_CHARS_MAX).contains(&boundary.len()) && boundary.is_ascii();
    is_legal.then_some(boundary)
}

/// The parts of a body.
///
/// # Errors
/// The rule that it breaks.
pub(super) fn read(boundary: &str, body: &Bytes) -> Result<Vec<Part>, &'static str> {
    let rule = "a form with files is written as multipart/form-data, to its last boundary";
    let delimiter = format!("\r\n--{boundary}");
    let finder = memmem::Finder::new(delimiter.as_bytes());
    // The first one may stand at the very beginning.
    let mut at = match body.starts_with(&delimiter.as_bytes()[2..]) {
        true => delimiter.len() - 2,
        false => finder.find(body).ok_or(rule)? + delimiter.len(),
    };
    let mut parts = Vec::new();
    loop {
        let rest = &body[at..];
        if rest.starts_with(b"--") {
            return Ok(parts);
        }
        if parts.len() == PARTS_MAX {
            return Err("a form has at most 256 fields");
        }
        let rest = rest.strip_prefix(b"\r\n").ok_or(rule)?;
        let start = at + 2;
        let head = memmem::find(&rest[..rest.len().min(HEAD_BYTES_MAX)], b"\r\n\r\n");
        let head = head.ok_or(rule)?;
        let content = start + head + 4;
        // A part without content ends with the line end of its head.
        let end = finder.find(&body[content - 2..]).ok_or(rule)? + content - 2;
        let (name, file) = disposition(&rest[..head]).ok_or(rule)?;
        parts.push(Part {
            name,
            file,
            bytes: body.slice(content.min(end)..end),
        });
        at = end + delimiter.len();
    }
}

/// The name of a field, and of its file.
fn disposition(head: &[u8]) -> Option<(String, Option<String>)> {
    let head = String::from_utf8_lossy(head);
    let mut lines = head.split("\r\n").filter_map(|line| line.split_once(':'));
    let is_it = |name: &str| name.trim().eq_ignore_ascii_case("content-disposition");
    let (_, value) = lines.find(|(name, _)| is_it(name))?;
    let (kind, parameters) = value.split_once(';')?;
    if !kind.trim().eq_ignore_ascii_case("form-data") {
        return None;
    }
    Some((
        parameter(parameters, "name")?,
        parameter(parameters, "filename"),
    ))
}

/// The value of a parameter; browsers write `"` in a name as `%22`.
fn parameter(parameters: &str, wanted: &str) -> Option<String> {
    let mut rest = parameters;
    while !rest.is_empty() {
        let (name, after) = rest.split_once('=')?;
        let after = after.trim_start();
        let (value, behind) = match after.strip_prefix('"') {
            Some(quoted) => {
                let (value, behind) = quoted.split_once('"')?;
                (value, behind.split_once(';').map_or("", |(_, rest)| rest))
            }
            None => after.split_once(';').unwrap_or((after, "")),
        };
        if name.trim().eq_ignore_ascii_case(wanted) {
            return Some(value.trim().replace("%22", "\""));
        }
        rest = behind;
    }
    None
}

#[cfg(test)]
mod tests;
