//! The doors that only one place may open: keys, files, the clock; and what
//! a test must not do.

#[cfg(test)]
mod tests;

use super::Finding;
use super::source::{Source, is_word, words};

/// Where the clock of the machine may be read, each with its reason. A name
/// that ends in `/` is a folder.
const CLOCK_READERS: [(&str, &str); 4] = [
    (
        "crates/server/src/clock.rs",
        "implements the clock that everything else is given",
    ),
    (
        "crates/server/examples/",
        "measures wall time; nothing that it measures is stored",
    ),
    (
        "crates/server/tests/it/support/clock.rs",
        "makes codes and signatures for a running binary, which reads the machine's clock itself",
    ),
    ("xtask/src/process.rs", "measures the steps of the build"),
];

/// Where `lake` may name files of the machine: the implementation of its
/// disk trait.
const DISK: [&str; 2] = ["crates/lake/src/disk.rs", "crates/lake/src/disk/"];

/// Code that is built for tests alone and whose path does not say so.
const TEST_ONLY: [&str; 2] = ["crates/model/src/fixtures.rs", "fuzz/"];

/// What only `control` makes, because the rest of the house takes one for
/// something that is stored.
const RECORDS: [&str; 3] = ["KeyRecord", "PersonRecord", "SessionRecord"];

/// Every place outside `control` that makes a key, a person or a session: one
/// that is made elsewhere would let in whom nobody stored.
pub(crate) fn key_records(sources: &[Source]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in sources
        .iter()
        .filter(|source| !source.path.starts_with("crates/control/src/"))
        .filter(|source| !TEST_ONLY.iter().any(|path| source.path.starts_with(path)))
    {
        for (number, line) in source.product() {
            for record in RECORDS {
                let restore = format!("{record}::restore");
                let restored = words(line, &restore).next().is_some();
                // In `model` the types themselves stand.
                let written = !source.path.starts_with("crates/model/src/")
                    && words(line, record).any(|(before, after)| is_literal(before, after));
                if restored || written {
                    findings.push(Finding::at(
                        &source.path,
                        number,
                        format!("only `control` makes a `{record}`"),
                        "ask `control` for it; what is not stored must not exist",
                    ));
                }
            }
        }
    }
    findings
}

fn is_literal(before: &str, after: &str) -> bool {
    let before = before.trim_end();
    let expression = before.is_empty()
        || before.ends_with("=>")
        || before.ends_with(['=', '(', ',', '{', ';', '|', '&', '['])
        || before.ends_with("return");
    expression && after.trim_start().starts_with('{')
}

/// Every use of the machine's files in `lake` outside its disk trait: such a
/// use would be missing from every simulated power cut.
pub(crate) fn raw_files(sources: &[Source]) -> Vec<Finding> {
    let lake = |path: &str| {
        path.starts_with("crates/lake/src/") && !DISK.iter().any(|disk| path.starts_with(disk))
    };
    let names = [
        "std::fs",
        "tokio::fs",
        "fs::File",
        "File::open",
        "File::create",
        "OpenOptions",
    ];
    let mut findings = Vec::new();
    for source in sources.iter().filter(|source| lake(&source.path)) {
        for (number, line) in source.product() {
            let grouped =
                words(line, "use std::{").any(|(_, after)| words(after, "fs").count() > 0);
            if grouped || names.iter().any(|name| words(line, name).next().is_some()) {
                findings.push(Finding::at(
                    &source.path,
                    number,
                    "`lake` touches files only through its disk trait",
                    "take the disk as an argument; its one implementation is in \
                     crates/lake/src/disk.rs",
                ));
            }
        }
    }
    findings
}

/// Every reading of the machine's clock outside the listed places.
pub(crate) fn clocks(sources: &[Source]) -> Vec<Finding> {
    let names = [
        "SystemTime::now",
        "Instant::now",
        "Timestamp::now",
        "Zoned::now",
    ];
    let listed = |path: &str| {
        CLOCK_READERS
            .iter()
            .any(|(place, _)| path == *place || place.ends_with('/') && path.starts_with(place))
    };
    let mut findings = Vec::new();
    for source in sources.iter().filter(|source| !listed(&source.path)) {
        for (number, line) in source.numbered() {
            if let Some(name) = names.iter().find(|name| words(line, name).next().is_some()) {
                findings.push(Finding::at(
                    &source.path,
                    number,
                    format!("`{name}` reads the ambient clock"),
                    "take the clock as an argument, or add the file with its reason to \
                     CLOCK_READERS in xtask/src/tidy/doors.rs",
                ));
            }
        }
    }
    findings
}

/// Every test that is switched off.
pub(crate) fn ignored_tests(sources: &[Source]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in sources {
        for (number, line) in source.numbered() {
            let compact: String = line.split_whitespace().collect();
            let ignored = compact.starts_with("#[ignore]") || compact.starts_with("#[ignore=");
            let conditional = compact.starts_with("#[cfg_attr(")
                && words(&compact, "ignore").any(|(before, _)| before.ends_with(','));
            if ignored || conditional {
                findings.push(Finding::at(
                    &source.path,
                    number,
                    "an ignored test proves nothing",
                    "repair the test or delete it; a slow one reads TIDEGATE_PROOF for its number \
                     of cases",
                ));
            }
        }
    }
    findings
}

/// Every test that waits for time to pass.
pub(crate) fn sleeping_tests(sources: &[Source]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in sources {
        for (number, line) in source.tests() {
            let named = ["thread::sleep", "time::sleep", "time::sleep_until"]
                .iter()
                .any(|name| words(line, name).next().is_some());
            if named || calls_bare_sleep(line) {
                findings.push(Finding::at(
                    &source.path,
                    number,
                    "a test must not sleep",
                    "wait for the event itself, or move a simulated clock",
                ));
            }
        }
    }
    findings
}

/// Whether the line calls an imported `sleep`; a method and a definition of
/// that name are something else.
fn calls_bare_sleep(line: &str) -> bool {
    ["sleep", "sleep_until"].iter().any(|name| {
        words(line, name).any(|(before, after)| {
            let before = before.trim_end();
            let defined = before
                .strip_suffix("fn")
                .is_some_and(|rest| !rest.ends_with(is_word));
            after.starts_with('(') && !before.ends_with(['.', ':']) && !defined
        })
    })
}
