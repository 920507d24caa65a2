//! The bars of durability, of neighbours and of keys, and the tests that hold
//! them: a test says by the beginning of its name which bar it is of. The table in
//! the document names every one of them but those of keys, which are many.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use super::Finding;
use super::source::Source;

/// Where the table is.
pub(crate) const DOCUMENT: &str = "docs/durability.md";

/// The bars that must have a test of their name.
const BARS: [&str; 11] = [
    "d2", "d3", "d4", "d5", "d6", "d7", "d8", "d12", "d13", "l14", "l15",
];

/// Those of keys, of requests and of the console, which must have one, too.
const BARS_OF_KEYS: [&str; 24] = [
    "k1", "k2", "k3", "k4", "k5", "k6", "k7", "k8", "k9", "k10", "k11", "k12", "k13", "k14", "k15",
    "k16", "k17", "k19", "k20", "k21", "k22", "k23", "k24", "d10",
];

/// Every bar without a test, and every test that the table names and that is
/// not there, or that is there and that the table does not name.
pub(crate) fn check(document: &str, sources: &[Source]) -> Vec<Finding> {
    let (rows, there) = (rows(document), tests(sources));
    let mut findings = Vec::new();
    for bar in BARS.into_iter().chain(BARS_OF_KEYS) {
        if !there.keys().any(|name| is_of(name, bar)) {
            findings.push(Finding::in_file(
                DOCUMENT,
                format!("no test is of the bar {bar}"),
                format!("begin the name of the test that holds it with {bar}_"),
            ));
        }
    }
    for (number, bar, name) in &rows {
        if !is_of(name, bar) || !there.contains_key(*name) {
            findings.push(Finding::at(
                DOCUMENT,
                *number,
                format!("`{name}` is no test of the bar {bar}"),
                "correct the table in the change that renamed the test",
            ));
        }
    }
    let named: BTreeSet<&str> = rows.iter().map(|(_, _, name)| *name).collect();
    for (name, path) in &there {
        if !named.contains(name.as_str()) && BARS.iter().any(|bar| is_of(name, bar)) {
            findings.push(Finding::in_file(
                path,
                format!("{DOCUMENT} does not name the test `{name}`"),
                "add it to the table of bars",
            ));
        }
    }
    findings
}

fn is_of(name: &str, bar: &str) -> bool {
    name.strip_prefix(bar)
        .is_some_and(|rest| rest.starts_with('_'))
}

/// Of each row of the table its line, its bar, and the tests in backticks.
fn rows(document: &str) -> Vec<(usize, String, &str)> {
    let mut rows = Vec::new();
    for (index, line) in document.lines().enumerate() {
        let bar = line
            .strip_prefix("| ")
            .and_then(|rest| rest.split(" |").next());
        let bar = bar.unwrap_or_default().to_lowercase();
        if BARS.contains(&bar.as_str()) {
            let names = line.split('`').skip(1).step_by(2);
            rows.extend(names.map(|name| (index + 1, bar.clone(), name)));
        }
    }
    rows
}

/// The functions of test code by their names, and where they are.
fn tests(sources: &[Source]) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for source in sources {
        for (_, line) in source.tests() {
            let line = line.trim_start();
            let line = line.strip_prefix("async ").unwrap_or(line);
            if let Some(name) = line
                .strip_prefix("fn ")
                .and_then(|rest| rest.split('(').next())
            {
                found.insert(name.to_owned(), source.path.clone());
            }
        }
    }
    found
}
