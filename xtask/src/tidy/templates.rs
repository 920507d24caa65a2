//! Pages show what they are given as text, and hold no script of their own.

#[cfg(test)]
mod tests;

use super::Finding;
use super::source::Source;

/// What takes the escaping away in a template.
const UNESCAPED: [&str; 6] = [
    "|safe",
    "filtersafe",
    "autoescape",
    "|escape(",
    "|e(",
    "|json",
];

/// What takes it away in the types of pages. Joined here, so that this file is
/// not its own finding.
const UNESCAPED_TYPES: [&str; 2] = [concat!("Html", "Safe"), concat!("filters::", "Safe")];

/// What the policy of pages forbids anyhow, and what nobody should try.
const INLINE: [&str; 4] = ["<script>", "<style", " style=", "javascript:"];

/// Every place of a template that shows a text unescaped, or that holds a
/// script or a style.
pub(crate) fn check(path: &str, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let dense: String = line.split_whitespace().collect();
        if UNESCAPED.iter().any(|word| dense.contains(word)) {
            findings.push(Finding::at(
                path,
                index + 1,
                "a page shows something unescaped",
                "hand the template the parts as text, and write the markup in the template",
            ));
        }
        let is_inline = INLINE.iter().any(|word| line.contains(word));
        if is_inline || handlers(line) {
            findings.push(Finding::at(
                path,
                index + 1,
                "a page holds a script, a style or an event handler",
                "put it into the console's script or stylesheet: the policy of pages forbids it here",
            ));
        }
    }
    findings
}

/// Whether a line has an attribute such as `onclick`.
fn handlers(line: &str) -> bool {
    line.match_indices(" on").any(|(at, _)| {
        let rest = &line[at + 3..];
        let name = rest.find(|c: char| !c.is_ascii_lowercase()).unwrap_or(0);
        name > 0 && rest[name..].starts_with('=')
    })
}

/// Every type that says of itself that it need not be escaped.
pub(crate) fn types(sources: &[Source]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in sources {
        for (index, line) in source.code.iter().enumerate() {
            // What stands in the code itself is in no template that is looked at.
            let is_own = line.contains("#[template") && !line.contains("path =");
            let is_other = line.contains("#[template") && line.contains("escape");
            if is_own || is_other || UNESCAPED_TYPES.iter().any(|word| line.contains(word)) {
                findings.push(Finding::at(
                    &source.path,
                    index + 1,
                    "a type is shown unescaped in pages",
                    "hand the template the parts as text, and write the markup in the template",
                ));
            }
        }
    }
    findings
}
