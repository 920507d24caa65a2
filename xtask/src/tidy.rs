//! The rules of the house that no compiler checks. Each rule is a function
//! from what it reads to its findings, with a test that shows it failing.

mod bars;
mod documents;
mod doors;
mod edges;
mod names;
mod shape;
mod source;
mod templates;

use std::fmt;

use crate::process::{Failure, Outcome};
use crate::repository::Repository;
use source::Source;

/// One broken rule at one place.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Finding {
    path: String,
    line: usize,
    rule: String,
    remedy: String,
}

impl Finding {
    /// A finding at a line of a file, counted from 1.
    pub(crate) fn at(
        path: &str,
        line: usize,
        rule: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self {
            path: path.to_owned(),
            line,
            rule: rule.into(),
            remedy: remedy.into(),
        }
    }

    /// A finding about a whole file.
    pub(crate) fn in_file(path: &str, rule: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::at(path, 1, rule, remedy)
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}:{}: {}\n    {}",
            self.path, self.line, self.rule, self.remedy
        )
    }
}

/// Checks every rule on the checkout.
///
/// # Errors
/// When a rule is broken; each finding has been printed.
pub(crate) fn run(repository: &Repository) -> Outcome {
    let files = repository.files()?;
    let metadata = repository.metadata(&["--no-deps".to_owned()])?;
    let mut sources = Vec::new();
    for path in files.iter().filter(|path| path.ends_with(".rs")) {
        sources.push(Source::new(path, &repository.read(path)?));
    }

    let mut findings = edges::check(&metadata);
    findings.extend(names::check(&sources));
    findings.extend(shape::length(&sources));
    findings.extend(shape::safety(&manifests(repository, &files)?, &sources));
    findings.extend(doors::key_records(&sources));
    findings.extend(doors::raw_files(&sources));
    findings.extend(doors::clocks(&sources));
    findings.extend(doors::ignored_tests(&sources));
    findings.extend(doors::sleeping_tests(&sources));
    findings.extend(templates::types(&sources));
    for path in files.iter().filter(|path| is_template(path)) {
        findings.extend(templates::check(path, &repository.read(path)?));
    }
    findings.extend(documents::present(&files));
    if let Ok(architecture) = repository.read(documents::ARCHITECTURE) {
        let exists = |path: &str| repository.root().join(path).exists();
        findings.extend(documents::architecture(&architecture, &exists));
    }
    if let Ok(document) = repository.read(bars::DOCUMENT) {
        findings.extend(bars::check(&document, &sources));
    }
    for path in &files {
        // What is not text cannot be read as text; that is no fault.
        if let Ok(text) = std::fs::read_to_string(repository.root().join(path)) {
            findings.extend(documents::machine_paths(path, &text));
        }
    }
    report(findings, files.len())
}

fn is_template(path: &str) -> bool {
    path.contains("/templates/") && path.ends_with(".html")
}

fn manifests(repository: &Repository, files: &[String]) -> Outcome<Vec<(String, String)>> {
    let ours = |path: &str| path == "Cargo.toml" || path.ends_with("/Cargo.toml");
    let mut manifests = Vec::new();
    for path in files.iter().filter(|path| ours(path)) {
        manifests.push((path.clone(), repository.read(path)?));
    }
    Ok(manifests)
}

fn report(mut findings: Vec<Finding>, files: usize) -> Outcome {
    findings.sort();
    findings.dedup();
    for finding in &findings {
        println!("{finding}");
    }
    if findings.is_empty() {
        println!("tidy: {files} files, every rule holds");
        return Ok(());
    }
    Err(Failure::new(format!(
        "tidy: {} rules are broken, listed above",
        findings.len()
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_names_file_line_rule_and_what_to_do() {
        let finding = Finding::at("crates/model/src/lib.rs", 7, "a rule", "do this");
        assert_eq!(
            finding.to_string(),
            "crates/model/src/lib.rs:7: a rule\n    do this"
        );
    }

    #[test]
    fn any_finding_fails_the_command() {
        assert!(report(Vec::new(), 3).is_ok());
        assert!(report(vec![Finding::in_file("README.md", "rule", "remedy")], 3).is_err());
    }
}
