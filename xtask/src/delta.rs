//! The published Delta tables before readers that are not ours: a test of
//! `lake` makes tables of every form, and a server makes pools that change;
//! `xtask/delta/read.py` opens them, and what it finds must be what was
//! written, and what the API answered, to the last value.

mod comparison;
mod records;
mod served;

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::process::{self, Failure, Outcome};
use crate::repository::Repository;
use crate::workplace::Workplace;
use crate::{build, python};

/// The test that makes the tables in the folder that this variable names.
const MAKER: &str = "published::tests::tables";
const FOLDER: &str = "TIDEGATE_DELTA_TABLES";

/// Makes the tables and the pools, opens each, and compares.
///
/// # Errors
/// When the reader cannot be installed, the tables or pools cannot be made, or
/// the reader refuses one or finds something else.
pub(crate) fn run(repository: &Repository) -> Outcome {
    let reader = Reader::install(repository)?;
    made(repository, &reader)?;
    served::run(repository, &reader)
}

/// The tables that the test makes.
fn made(repository: &Repository, reader: &Reader) -> Outcome {
    let folder = Workplace::create("delta")?;
    let place = folder.path().to_string_lossy();
    build::test(repository, "ci", &[(FOLDER, &place)], &[MAKER.to_owned()])?;
    let cases = cases(folder.path())?;
    if cases.is_empty() {
        return Err(Failure::new(format!("the test {MAKER} made no table")));
    }
    for (name, case) in &cases {
        let table = folder
            .path()
            .join(case["table"].as_str().unwrap_or_default());
        let arguments = texts(&case["arguments"]);
        let found = reader.read(&table, &arguments)?;
        if let Some(difference) = difference("", &case["answer"], &found) {
            return Err(Failure::new(format!("{name}: {difference}")));
        }
        let rows = found["rows"].as_array().map_or(0, Vec::len);
        println!(
            "{name}: version {}, {rows} rows, as written",
            found["version"]
        );
    }
    Ok(())
}

/// `xtask/delta/read.py` with its packages.
#[derive(Debug)]
struct Reader {
    python: PathBuf,
    script: PathBuf,
}

impl Reader {
    fn install(repository: &Repository) -> Outcome<Self> {
        let requirements = "xtask/delta/requirements.txt";
        let programs = python::environment(repository, "delta", requirements, "python")?;
        Ok(Self {
            python: programs.join("python"),
            script: repository.root().join("xtask/delta/read.py"),
        })
    }

    fn read(&self, table: &Path, arguments: &[&str]) -> Outcome<Value> {
        let mut command = Command::new(&self.python);
        command
            .arg(&self.script)
            .arg(table)
            .args(arguments)
            .env("PYTHONDONTWRITEBYTECODE", "1");
        let answer = process::capture(&mut command)?;
        serde_json::from_str(&answer)
            .map_err(|error| Failure::new(format!("the reader answered no JSON: {error}")))
    }
}

/// The expectations that the test wrote, by name.
fn cases(folder: &Path) -> Outcome<Vec<(String, Value)>> {
    let told = |error: std::io::Error| Failure::new(format!("{}: {error}", folder.display()));
    let mut cases = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(told)? {
        let path = entry.map_err(told)?.path();
        if path.extension().is_some_and(|ending| ending == "json") {
            let bytes = std::fs::read(&path).map_err(told)?;
            let case = serde_json::from_slice(&bytes)
                .map_err(|error| Failure::new(format!("{}: {error}", path.display())))?;
            let name = path.file_stem().unwrap_or_default();
            cases.push((name.to_string_lossy().into_owned(), case));
        }
    }
    cases.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok(cases)
}

fn texts(value: &Value) -> Vec<&str> {
    let values = value.as_array().map_or(&[][..], Vec::as_slice);
    values.iter().filter_map(Value::as_str).collect()
}

/// The first place in which two values differ; the order of members does not count.
fn difference(place: &str, expected: &Value, found: &Value) -> Option<String> {
    match (expected, found) {
        (Value::Object(expected), Value::Object(found)) => {
            if let Some(extra) = found.keys().find(|name| !expected.contains_key(*name)) {
                return Some(format!("{place}/{extra} was found and not expected"));
            }
            expected.iter().find_map(|(name, value)| {
                let place = format!("{place}/{name}");
                match found.get(name) {
                    Some(other) => difference(&place, value, other),
                    None => Some(format!("{place} was not found")),
                }
            })
        }
        (Value::Array(expected), Value::Array(found)) if expected.len() == found.len() => {
            let mut pairs = expected.iter().zip(found).enumerate();
            pairs.find_map(|(at, (one, other))| difference(&format!("{place}/{at}"), one, other))
        }
        (Value::Array(expected), Value::Array(found)) => Some(format!(
            "{place} has {} elements, expected were {}",
            found.len(),
            expected.len()
        )),
        (expected, found) if expected == found => None,
        _ => Some(format!("{place} is {found}, expected was {expected}")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_difference_is_found_and_named() {
        let expected = json!({"version": 1, "rows": [{"a": 1, "b": null}, {"a": 2, "b": "x"}]});
        assert_eq!(difference("", &expected, &expected.clone()), None);
        let cases = [
            (json!({"version": 2}), "/version"),
            (json!({"rows": []}), "/rows has 0"),
            (
                json!({"rows": [{"a": 1, "b": null}, {"a": 2, "b": "y"}]}),
                "/rows/1/b",
            ),
            (
                json!({"rows": [{"a": 1}, {"a": 2, "b": "x"}]}),
                "/rows/0/b was not found",
            ),
            (
                json!({"rows": [{"a": 1.0, "b": null}, {"a": 2, "b": "x"}]}),
                "/rows/0/a",
            ),
            (json!({"more": 1}), "/more was found"),
        ];
        for (change, place) in cases {
            let mut found = expected.clone();
            for (name, value) in change.as_object().expect("an object") {
                found[name] = value.clone();
            }
            let told = difference("", &expected, &found).expect("they differ");
            assert!(told.contains(place), "{told}");
        }
    }
}
