//! What others' code we let in: licences, sources, checksums, versions and
//! build scripts, against `deny.toml` and `xtask/build-scripts.txt`.
//!
//! The rules are those of cargo-deny, which reads the same file; this is the
//! part of it that needs no installed tool.

mod advisories;
mod policy;
mod spdx;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use toml::Table;

use crate::process::{Failure, Outcome};
use crate::repository::Repository;
use policy::Policy;

const POLICY: &str = "deny.toml";
const BUILD_SCRIPTS: &str = "xtask/build-scripts.txt";
const LOCK: &str = "Cargo.lock";

/// One package from outside the house.
#[derive(Debug)]
struct Package<'a> {
    name: &'a str,
    version: &'a str,
    licence: Option<&'a str>,
    has_build_script: bool,
}

/// Checks every dependency on the platforms that `deny.toml` names, and
/// every package of the lock file.
///
/// # Errors
/// When a package is not allowed; each finding has been printed.
pub(crate) fn run(repository: &Repository) -> Outcome {
    let policy = Policy::parse(&repository.read(POLICY)?)
        .map_err(|reason| Failure::new(format!("{POLICY}: {reason}")))?;
    let mut arguments = vec!["--locked".to_owned()];
    for target in policy.targets() {
        arguments.extend(["--filter-platform".to_owned(), target.clone()]);
    }
    let metadata = repository.metadata(&arguments)?;
    let packages = outside(&metadata);
    let lock = repository.read(LOCK)?;
    let lock: Table = lock
        .parse()
        .map_err(|error| Failure::new(format!("{LOCK} is no TOML: {error}")))?;

    let mut findings = licences(&packages, &policy);
    findings.extend(banned(&packages, &policy));
    findings.extend(duplicates(&packages, &policy));
    findings.extend(build_scripts(&packages, &repository.read(BUILD_SCRIPTS)?));
    findings.extend(sources(&lock, &policy));
    for finding in &findings {
        println!("{finding}");
    }
    if !findings.is_empty() {
        return Err(Failure::new(format!(
            "licences: {} findings, listed above",
            findings.len()
        )));
    }
    println!("licences: {} packages, all allowed", packages.len());
    advisories::run(repository)
}

fn outside(metadata: &Value) -> Vec<Package<'_>> {
    let all = metadata["packages"]
        .as_array()
        .map_or(&[][..], Vec::as_slice);
    all.iter()
        .filter(|package| !package["source"].is_null())
        .map(|package| Package {
            name: package["name"].as_str().unwrap_or_default(),
            version: package["version"].as_str().unwrap_or_default(),
            licence: package["license"].as_str(),
            has_build_script: package["targets"].as_array().is_some_and(|targets| {
                targets
                    .iter()
                    .any(|target| target["kind"][0] == "custom-build")
            }),
        })
        .collect()
}

/// Every package whose licence is not on the list.
fn licences(packages: &[Package<'_>], policy: &Policy) -> Vec<String> {
    let mut findings = Vec::new();
    for Package {
        name,
        version,
        licence,
        ..
    } in packages
    {
        let problem = match licence.map(|text| (text, spdx::parse(text))) {
            None => "states no licence".to_owned(),
            Some((text, Err(reason))) => format!("states the licence `{text}`: {reason}"),
            Some((_, Ok(expression))) if expression.holds(&|id| policy.allows(name, id)) => {
                continue;
            }
            Some((text, Ok(_))) => format!("has the licence `{text}`, which is not allowed"),
        };
        findings.push(format!(
            "{name} {version} {problem}\n    take another crate, or read the licence and add it \
             to [licenses] in {POLICY}"
        ));
    }
    findings
}

/// Every package that `[bans] deny` names.
fn banned(packages: &[Package<'_>], policy: &Policy) -> Vec<String> {
    packages
        .iter()
        .filter_map(|package| {
            let reason = policy.ban(package.name)?;
            Some(format!(
                "{} {} is banned: {reason}\n    `cargo tree --invert {}` tells who brings it",
                package.name, package.version, package.name
            ))
        })
        .collect()
}

/// Every name with two versions that is no named exception, and every
/// exception that nothing needs any more.
fn duplicates(packages: &[Package<'_>], policy: &Policy) -> Vec<String> {
    let mut versions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for package in packages {
        versions
            .entry(package.name)
            .or_default()
            .insert(package.version);
    }
    let mut findings = Vec::new();
    for (name, all) in &versions {
        let counted: Vec<&str> = all
            .iter()
            .filter(|version| !policy.skips(name, version))
            .copied()
            .collect();
        if counted.len() > 1 {
            findings.push(format!(
                "{name} is here in the versions {}\n    bring it to one version, or name the old \
                 one with its cause under `skip` in {POLICY}",
                counted.join(", ")
            ));
        }
    }
    for (name, version) in policy.skipped() {
        if !versions
            .get(name)
            .is_some_and(|all| all.len() > 1 && all.contains(version))
        {
            findings.push(format!(
                "{name}@{version} is no duplicate any more\n    take its line out of `skip` in \
                 {POLICY}"
            ));
        }
    }
    findings
}

/// Every difference between the packages with a build script and the
/// committed list: a build script runs on our machines with our rights.
fn build_scripts(packages: &[Package<'_>], committed: &str) -> Vec<String> {
    let listed: BTreeSet<&str> = committed
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .collect();
    let present: BTreeSet<&str> = packages
        .iter()
        .filter(|package| package.has_build_script)
        .map(|package| package.name)
        .collect();
    let new = present.difference(&listed).map(|name| {
        format!(
            "{name} runs a build script and is not listed\n    read its build.rs in the package's \
             source, then add the name to {BUILD_SCRIPTS}"
        )
    });
    let gone = listed.difference(&present).map(|name| {
        format!(
            "{name} is listed and runs no build script any more\n    take its line out of \
             {BUILD_SCRIPTS}"
        )
    });
    new.chain(gone).collect()
}

/// Every package of the lock file from another place than the allowed
/// registries, or without a checksum. A package of the house has no source.
fn sources(lock: &Table, policy: &Policy) -> Vec<String> {
    let empty = Vec::new();
    let packages = lock
        .get("package")
        .and_then(toml::Value::as_array)
        .unwrap_or(&empty);
    let mut findings = Vec::new();
    if packages.is_empty() {
        findings.push(format!(
            "{LOCK} lists no package\n    run `cargo update --workspace`"
        ));
    }
    for package in packages {
        let text = |key: &str| package.get(key).and_then(toml::Value::as_str);
        let name = text("name").unwrap_or("a package without a name");
        let Some(source) = text("source") else {
            continue;
        };
        if !policy.trusts(source) {
            findings.push(format!(
                "{name} comes from {source}\n    only the registries under [sources] in {POLICY} \
                 are allowed"
            ));
        }
        let is_digest = |digest: &str| {
            digest.len() == 64 && digest.bytes().all(|byte| byte.is_ascii_hexdigit())
        };
        if !text("checksum").is_some_and(is_digest) {
            findings.push(format!(
                "{name} has no checksum in {LOCK}\n    delete its entry and let cargo write it \
                 anew"
            ));
        }
    }
    findings
}
