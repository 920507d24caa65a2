//! What the documents promise, and what no file may tell.

#[cfg(test)]
mod tests;

use super::Finding;
use super::edges::ROOMS;

/// The map of the house.
pub(crate) const ARCHITECTURE: &str = "ARCHITECTURE.md";

/// The documents that must be there.
const DOCUMENTS: [&str; 4] = ["README.md", ARCHITECTURE, "CONTRIBUTING.md", "LICENSE"];

/// The first folders of a path that `ARCHITECTURE.md` may name.
const HOMES: [&str; 6] = ["crates/", "docs/", "xtask/", "demo/", "fuzz/", ".ci/"];

/// Every document that is missing from `files`.
pub(crate) fn present(files: &[String]) -> Vec<Finding> {
    DOCUMENTS
        .iter()
        .filter(|document| !files.iter().any(|file| file == *document))
        .map(|document| {
            Finding::in_file(document, "the document is missing", "write it at the root")
        })
        .collect()
}

/// Every path in backticks that does not exist, and every crate that the
/// text does not name.
pub(crate) fn architecture(text: &str, exists: &dyn Fn(&str) -> bool) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut fenced = false;
    let mut spans = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if !fenced {
            spans.extend(
                line.split('`')
                    .skip(1)
                    .step_by(2)
                    .map(|span| (index + 1, span)),
            );
        }
    }
    for (number, span) in &spans {
        if !HOMES.iter().any(|home| span.starts_with(home)) || span.contains(' ') {
            continue;
        }
        for path in alternatives(span) {
            // A star stands for names; the folder before it must be there.
            let fixed = match path.find('*') {
                Some(star) => path[..star]
                    .rsplit_once('/')
                    .map_or("", |(folder, _)| folder),
                None => path.as_str(),
            };
            if !exists(fixed) {
                findings.push(Finding::at(
                    ARCHITECTURE,
                    *number,
                    format!("`{fixed}` does not exist"),
                    "correct the path in the change that moved the file",
                ));
            }
        }
    }
    for room in &ROOMS {
        let path = format!("crates/{}", room.name);
        if !spans
            .iter()
            .any(|(_, span)| *span == room.name || span.starts_with(&path))
        {
            findings.push(Finding::in_file(
                ARCHITECTURE,
                format!("the crate `{}` is not named", room.name),
                "say what it holds and what it must not know",
            ));
        }
    }
    findings
}

/// `a/{b,c}` as `a/b` and `a/c`.
fn alternatives(path: &str) -> Vec<String> {
    let parts = path.split_once('{').and_then(|(before, rest)| {
        let (choices, after) = rest.split_once('}')?;
        Some((before, choices, after))
    });
    match parts {
        Some((before, choices, after)) => choices
            .split(',')
            .flat_map(|choice| alternatives(&format!("{before}{}{after}", choice.trim())))
            .collect(),
        None => vec![path.to_owned()],
    }
}

/// Every line that names a folder of the machine on which it was written.
pub(crate) fn machine_paths(path: &str, text: &str) -> Vec<Finding> {
    // Joined here, so that this file is not its own finding.
    let folders = [
        concat!("/", "work/"),
        concat!("/", "root/"),
        concat!("/", "home/"),
    ];
    let mut findings = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if folders.iter().any(|folder| names_folder(line, folder)) {
            findings.push(Finding::at(
                path,
                index + 1,
                "a folder of one machine is named",
                "write a path from the root of the checkout, or a variable such as $HOME",
            ));
        }
    }
    findings
}

/// Whether `folder` stands in the line as the start of a path; below the
/// folder of all homes, a name must follow.
fn names_folder(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(at, _)| {
        let begins = !line[..at].ends_with(|c: char| c.is_alphanumeric() || "._-~}>)".contains(c));
        let rest = &line[at + folder.len()..];
        let is_home = folder.ends_with("home/");
        let named = rest.split_once('/').is_some_and(|(name, _)| {
            !name.is_empty()
                && name
                    .chars()
                    .all(|c| c.is_alphanumeric() || "._-".contains(c))
        });
        begins && (named || !is_home)
    })
}
