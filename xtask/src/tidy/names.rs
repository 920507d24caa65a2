//! The names that a crate's source must not contain: a dependency that comes
//! in through another crate is still one.

#[cfg(test)]
mod tests;

use super::Finding;
use super::edges::{ROOMS, matches};
use super::source::{Source, is_word};

/// Every line in `crates/<room>/` that names a crate forbidden to the room.
pub(crate) fn check(sources: &[Source]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for room in ROOMS.iter().filter(|room| !room.forbidden.is_empty()) {
        let folder = format!("crates/{}/", room.name);
        for source in sources
            .iter()
            .filter(|source| source.path.starts_with(&folder))
        {
            for (number, line) in source.numbered() {
                let named = crates_named(line)
                    .find(|name| room.forbidden.iter().any(|pattern| matches(pattern, name)));
                if let Some(name) = named {
                    findings.push(Finding::at(
                        &source.path,
                        number,
                        format!("`{}` must never name `{name}`", room.name),
                        "move the code to the crate that owns this library, behind a type of \
                         `model`",
                    ));
                }
            }
        }
    }
    findings
}

/// The first words of all paths in a line: `x` in `x::y`, `use x;` and
/// `extern crate x`.
fn crates_named(line: &str) -> impl Iterator<Item = &str> {
    let starts = line
        .char_indices()
        .filter(|&(at, c)| is_word(c) && !line[..at].ends_with(is_word));
    starts.filter_map(move |(at, _)| {
        let before = line[..at].trim_end();
        let rest = &line[at..];
        let name = &rest[..rest.find(|c| !is_word(c)).unwrap_or(rest.len())];
        let after = rest[name.len()..].trim_start();
        let inner = before.ends_with("::") && !absolute(before);
        let imported = ["use", "crate"].iter().any(|word| before.ends_with(word))
            && (after.starts_with(';') || after.starts_with("as "));
        ((after.starts_with("::") && !inner) || imported).then_some(name)
    })
}

/// Whether the `::` at the end of `before` opens a path, as in `::tokio::x`.
fn absolute(before: &str) -> bool {
    let before = before.strip_suffix("::").unwrap_or(before);
    !before.ends_with(is_word) && !before.ends_with('>')
}
