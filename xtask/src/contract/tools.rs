//! What the fuzzer needs: Python packages by exact version, in a virtual
//! environment in the user's cache.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::packages;
use crate::process::{self, Failure, Outcome};
use crate::repository::{self, Repository};

const REQUIREMENTS: &str = "xtask/contract/requirements.txt";

/// The program `schemathesis` in the versions of
/// `xtask/contract/requirements.txt`, installed when it is not there.
///
/// # Errors
/// When Python, its venv module or the packages cannot be had.
pub(crate) fn schemathesis(repository: &Repository) -> Outcome<PathBuf> {
    let requirements = repository.read(REQUIREMENTS)?;
    let home = repository::cache()?.join("schemathesis");
    let program = home.join("bin").join("schemathesis");
    let installed = home.join("requirements.txt");
    let is_current = std::fs::read_to_string(&installed).is_ok_and(|text| text == requirements);
    if is_current && process::works(Command::new(&program).arg("--version")) {
        return Ok(program);
    }
    packages::need(
        "the step `contract` needs Python 3 with its venv module",
        &["python3", "python3-venv"],
        can_make_environments,
    )?;
    process::run(
        Command::new("python3")
            .args(["-m", "venv", "--clear"])
            .arg(&home),
    )?;
    let mut install = Command::new(home.join("bin").join("python"));
    install.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--no-input",
    ]);
    process::run(
        install
            .arg("--requirement")
            .arg(repository.root().join(REQUIREMENTS)),
    )?;
    // Written last: an installation cut short is begun anew.
    remember(&installed, &requirements)?;
    Ok(program)
}

fn remember(path: &Path, text: &str) -> Outcome {
    std::fs::write(path, text)
        .map_err(|error| Failure::new(format!("{} cannot be written: {error}", path.display())))
}

fn can_make_environments() -> bool {
    process::works(Command::new("python3").args(["-c", "import ensurepip, venv"]))
}
