//! The checkout: where it is and which files belong to it.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::process::{self, Failure, Outcome};

/// The checkout that xtask works on.
#[derive(Debug)]
pub(crate) struct Repository {
    root: PathBuf,
}

impl Repository {
    /// The checkout that xtask was built from.
    ///
    /// # Errors
    /// When neither cargo nor the current folder tells where it is.
    pub(crate) fn find() -> Outcome<Self> {
        let start = match std::env::var_os("CARGO_MANIFEST_DIR") {
            Some(manifest) => PathBuf::from(manifest),
            None => std::env::current_dir()
                .map_err(|error| Failure::new(format!("no current folder: {error}")))?,
        };
        start
            .ancestors()
            .find(|folder| folder.join("Cargo.lock").is_file() && folder.join("xtask").is_dir())
            .map(|root| Self {
                root: root.to_path_buf(),
            })
            .ok_or_else(|| Failure::new("run xtask inside the checkout: no Cargo.lock above"))
    }

    /// The root folder.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The text of a file, by its path from the root.
    ///
    /// # Errors
    /// When it is missing or not UTF-8.
    pub(crate) fn read(&self, path: &str) -> Outcome<String> {
        std::fs::read_to_string(self.root.join(path))
            .map_err(|error| Failure::new(format!("{path} cannot be read: {error}")))
    }

    /// Every file of the checkout that git tracks or would track, as paths
    /// from the root, sorted; files deleted in the work tree are left out.
    ///
    /// # Errors
    /// When git is missing or this is no git checkout.
    pub(crate) fn files(&self) -> Outcome<Vec<String>> {
        let arguments = [
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ];
        let listing =
            process::capture(Command::new("git").current_dir(&self.root).args(arguments))?;
        let mut files: Vec<String> = listing
            .split('\0')
            .filter(|path| !path.is_empty() && self.root.join(path).is_file())
            .map(str::to_owned)
            .collect();
        files.sort();
        files.dedup();
        Ok(files)
    }

    /// What `cargo metadata` says, with `arguments` added.
    ///
    /// # Errors
    /// When cargo fails, for example because the lock file is out of date.
    pub(crate) fn metadata(&self, arguments: &[String]) -> Outcome<Value> {
        let mut command = process::cargo(&self.root, &["metadata", "--format-version", "1"]);
        let text = process::capture(command.args(arguments))?;
        serde_json::from_str(&text)
            .map_err(|error| Failure::new(format!("cargo metadata gave no JSON: {error}")))
    }

    /// The folder that cargo builds into.
    ///
    /// # Errors
    /// When cargo does not tell.
    pub(crate) fn target(&self) -> Outcome<PathBuf> {
        let metadata = self.metadata(&["--no-deps".to_owned()])?;
        metadata["target_directory"]
            .as_str()
            .map(PathBuf::from)
            .ok_or_else(|| Failure::new("cargo metadata names no target directory"))
    }
}

/// Tidegate's folder in the user's cache.
///
/// # Errors
/// When neither `XDG_CACHE_HOME` nor `HOME` is set.
pub(crate) fn cache() -> Outcome<PathBuf> {
    let given = |name| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    given("XDG_CACHE_HOME")
        .or_else(|| given("HOME").map(|home| home.join(".cache")))
        .map(|cache| cache.join("tidegate"))
        .ok_or_else(|| Failure::new("set HOME or XDG_CACHE_HOME: the tools go to a cache folder"))
}
