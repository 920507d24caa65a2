//! Tidegate beside its peers: `bench/run.py`, and what it needs.

use std::process::Command;

use crate::build;
use crate::process::{self, Outcome};
use crate::python;
use crate::repository::Repository;

const REQUIREMENTS: &str = "bench/requirements.txt";

/// Builds the server as it is shipped, installs the peers' packages and runs
/// the comparison. `arguments` go to it.
///
/// # Errors
/// When the server does not build, the packages cannot be had, or a part of
/// the comparison fails.
pub(crate) fn run(repository: &Repository, arguments: &[String]) -> Outcome {
    if !arguments.iter().any(|argument| argument == "--help") {
        build::measured(repository)?;
    }
    let binary = repository.target()?.join(build::MEASURED).join("tidegate");
    let programs = python::environment(repository, "bench", REQUIREMENTS, "python")?;
    let mut command = Command::new(programs.join("python"));
    command
        .arg(repository.root().join("bench").join("run.py"))
        .arg("--tidegate")
        .arg(binary)
        .args(arguments)
        .env("PYTHONDONTWRITEBYTECODE", "1");
    process::run(&mut command)
}
