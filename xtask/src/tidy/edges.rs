//! Which crate may depend on which: the picture in `ARCHITECTURE.md`.

#[cfg(test)]
mod tests;

use serde_json::Value;

use super::Finding;

/// What one crate of the house may and may not depend on.
#[derive(Debug)]
pub(crate) struct Room {
    /// The name of the crate and of its folder.
    pub(crate) name: &'static str,
    /// The crates of the house that it may depend on.
    pub(crate) edges: &'static [&'static str],
    /// The outside crates that it must never name, in `Cargo.toml` or in
    /// source; `x*` means `x` and everything that starts with `x-`.
    pub(crate) forbidden: &'static [&'static str],
}

/// The crates of the house.
pub(crate) const ROOMS: [Room; 6] = [
    Room {
        name: "model",
        edges: &[],
        forbidden: &[
            "tokio",
            "futures",
            "axum",
            "http",
            "hyper",
            "sqlx",
            "arrow*",
            "parquet",
            "datafusion*",
            "object_store",
        ],
    },
    Room {
        name: "control",
        edges: &["model"],
        forbidden: &["axum", "datafusion*", "arrow*", "parquet"],
    },
    Room {
        name: "lake",
        edges: &["model"],
        forbidden: &["sqlx", "axum", "hyper"],
    },
    Room {
        name: "web",
        edges: &["model", "control"],
        forbidden: &["datafusion*", "arrow*", "parquet", "sqlx"],
    },
    Room {
        name: "server",
        edges: &["model", "control", "lake", "web"],
        forbidden: &[],
    },
    Room {
        name: "xtask",
        edges: &[],
        forbidden: &[],
    },
];

/// The outside crates that only tests use, or that a crate uses in tests alone:
/// `aes` and `cbc` make the scoped keys that `model` reads.
const TEST_TOOLS: [&str; 15] = [
    "aes",
    "base64",
    "cbc",
    "crc32fast",
    "csv",
    "fuser",
    "h2",
    "html5gum",
    "insta",
    "proptest",
    "rcgen",
    "roxmltree",
    "sha2",
    "sqlx",
    "tempfile",
];

/// Whether `name` is one of the names that `pattern` stands for.
pub(crate) fn matches(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(stem) => name
            .strip_prefix(stem)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', '_'])),
        None => name.replace('-', "_") == pattern.replace('-', "_"),
    }
}

/// Every dependency of the workspace's crates that the picture does not have.
/// `metadata` is the answer of `cargo metadata --no-deps`.
pub(crate) fn check(metadata: &Value) -> Vec<Finding> {
    let root = metadata["workspace_root"].as_str().unwrap_or_default();
    let packages = list(&metadata["packages"]);
    let ours: Vec<&str> = packages
        .iter()
        .map(|package| text(&package["name"]))
        .collect();
    let mut findings = Vec::new();
    for package in packages {
        let name = text(&package["name"]);
        let path = text(&package["manifest_path"]);
        let path = path
            .strip_prefix(root)
            .unwrap_or(path)
            .trim_start_matches('/');
        match ROOMS.iter().find(|room| room.name == name) {
            Some(room) => findings.extend(check_room(room, path, package, &ours)),
            None => findings.push(Finding::in_file(
                path,
                format!("`{name}` is no crate of the house"),
                "put the code into the crate that docs/adr/001-house.md names, or write an ADR \
                 and add the crate to ROOMS in xtask/src/tidy/edges.rs",
            )),
        }
    }
    findings
}

fn check_room(room: &Room, path: &str, package: &Value, ours: &[&str]) -> Vec<Finding> {
    let dependencies = list(&package["dependencies"]);
    let product = |name: &str| {
        dependencies
            .iter()
            .any(|other| text(&other["name"]) == name && other["kind"].is_null())
    };
    let mut findings = Vec::new();
    for dependency in dependencies {
        let name = text(&dependency["name"]);
        if ours.contains(&name) {
            if !room.edges.contains(&name) {
                findings.push(Finding::in_file(
                    path,
                    format!("the edge {} → {name} is not in the picture", room.name),
                    "move the shared noun into `model`, or pass a trait that `server` implements",
                ));
            }
        } else if room.forbidden.iter().any(|pattern| matches(pattern, name)) {
            findings.push(Finding::in_file(
                path,
                format!("`{}` must never name `{name}`", room.name),
                "take the dependency out; ARCHITECTURE.md says what each crate must not know",
            ));
        } else if text(&dependency["kind"]) == "dev"
            && !TEST_TOOLS.contains(&name)
            && !product(name)
        {
            findings.push(Finding::in_file(
                path,
                format!("the dev-dependency `{name}` is no test tool"),
                "tests use what the crate uses and the tools listed in TEST_TOOLS in \
                 xtask/src/tidy/edges.rs",
            ));
        }
    }
    findings
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
