//! What the fuzzer needs: Python packages by exact version.

use std::path::PathBuf;
use std::process::Command;

use crate::process::{self, Failure, Outcome};
use crate::python;
use crate::repository::Repository;

const REQUIREMENTS: &str = "xtask/contract/requirements.txt";

/// The program `schemathesis` in the versions of
/// `xtask/contract/requirements.txt`, installed when it is not there.
///
/// # Errors
/// When Python, its venv module or the packages cannot be had.
pub(crate) fn schemathesis(repository: &Repository) -> Outcome<PathBuf> {
    let home = python::environment(repository, "schemathesis", REQUIREMENTS)?;
    let program = home.join("bin").join("schemathesis");
    if process::works(Command::new(&program).arg("--version")) {
        return Ok(program);
    }
    Err(Failure::new(format!(
        "{} does not run: remove {} and run this again",
        program.display(),
        home.display()
    )))
}
