//! The shape of files and crates: length, and the ban on unsafe code.

#[cfg(test)]
mod tests;

use toml::Table;

use super::Finding;
use super::source::Source;

/// The most lines of a file, test code left out.
const LONGEST: usize = 400;

/// Whether the file belongs to a crate of the house. Fuzz targets do not: the
/// entry that their macro writes needs unsafe code.
fn ours(path: &str) -> bool {
    path.starts_with("crates/") || path.starts_with("xtask/")
}

/// Every file of the house that is too long.
pub(crate) fn length(sources: &[Source]) -> Vec<Finding> {
    sources
        .iter()
        .filter(|source| ours(&source.path) && !source.is_test && source.length() > LONGEST)
        .map(|source| {
            Finding::at(
                &source.path,
                LONGEST + 1,
                format!("{} lines, the limit is {LONGEST}", source.length()),
                "split it by noun or by verb, and move its tests to a sibling file",
            )
        })
        .collect()
}

/// Every crate that neither inherits the workspace's ban on unsafe code nor
/// forbids it at its own root. `manifests` are all `Cargo.toml` files with
/// their texts.
pub(crate) fn safety(manifests: &[(String, String)], sources: &[Source]) -> Vec<Finding> {
    let parsed: Vec<(&str, Table)> = manifests
        .iter()
        .map(|(path, text)| (path.as_str(), text.parse().unwrap_or_default()))
        .collect();
    let inheritable = parsed.iter().any(|(path, manifest)| {
        *path == "Cargo.toml"
            && at(manifest, &["workspace", "lints", "rust", "unsafe_code"])
                .and_then(toml::Value::as_str)
                == Some("forbid")
    });
    let mut findings = Vec::new();
    for (path, manifest) in parsed
        .iter()
        .filter(|(path, manifest)| ours(path) && manifest.contains_key("package"))
    {
        let folder = path.strip_suffix("Cargo.toml").unwrap_or(path);
        let inherits =
            at(manifest, &["lints", "workspace"]).and_then(toml::Value::as_bool) == Some(true);
        if !(inherits && inheritable || every_root_forbids(folder, sources)) {
            findings.push(Finding::in_file(
                path,
                "the crate does not forbid unsafe code",
                "write `[lints] workspace = true` (the workspace says `unsafe_code = \"forbid\"`), \
                 or `#![forbid(unsafe_code)]` at the top of every root file",
            ));
        }
    }
    findings
}

fn every_root_forbids(folder: &str, sources: &[Source]) -> bool {
    let is_root = |path: &str| {
        path.strip_prefix(folder).is_some_and(|rest| {
            ["src/lib.rs", "src/main.rs", "build.rs"].contains(&rest)
                || ["src/bin/", "fuzz_targets/"]
                    .iter()
                    .any(|home| rest.starts_with(home))
        })
    };
    let mut roots = sources
        .iter()
        .filter(|source| is_root(&source.path))
        .peekable();
    roots.peek().is_some()
        && roots.all(|root| {
            root.code
                .iter()
                .any(|line| line.trim() == "#![forbid(unsafe_code)]")
        })
}

fn at<'a>(table: &'a Table, path: &[&str]) -> Option<&'a toml::Value> {
    let (first, rest) = path.split_first()?;
    let start = table.get(*first)?;
    rest.iter().try_fold(start, |value, key| value.get(*key))
}
