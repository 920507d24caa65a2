//! Python programs that judge the product from outside: packages by exact
//! version, in virtual environments in the user's cache.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::packages;
use crate::process::{self, Failure, Outcome};
use crate::repository::{self, Repository};

/// The folder of the programs of a virtual environment with the packages of
/// the file `requirements` (its path from the root), made when it is not there
/// or when that file was changed. `name` names the environment in the cache;
/// `probe` is a program in it that must know `--version`.
///
/// # Errors
/// When Python, its venv module or the packages cannot be had.
pub(crate) fn environment(
    repository: &Repository,
    name: &str,
    requirements: &str,
    probe: &str,
) -> Outcome<PathBuf> {
    let wanted = repository.read(requirements)?;
    let home = repository::cache()?.join(name);
    let programs = home.join("bin");
    let installed = home.join("requirements.txt");
    let is_current = std::fs::read_to_string(&installed).is_ok_and(|text| text == wanted);
    if is_current && process::works(Command::new(programs.join(probe)).arg("--version")) {
        return Ok(programs);
    }
    packages::need(
        "this step needs Python 3 with its venv module",
        &["python3", "python3-venv"],
        can_make_environments,
    )?;
    process::run(
        Command::new("python3")
            .args(["-m", "venv", "--clear"])
            .arg(&home),
    )?;
    let mut install = Command::new(programs.join("python"));
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
            .arg(repository.root().join(requirements)),
    )?;
    // Written last: an installation cut short is begun anew.
    remember(&installed, &wanted)?;
    Ok(programs)
}

fn remember(path: &Path, text: &str) -> Outcome {
    std::fs::write(path, text)
        .map_err(|error| Failure::new(format!("{} cannot be written: {error}", path.display())))
}

fn can_make_environments() -> bool {
    process::works(Command::new("python3").args(["-c", "import ensurepip, venv"]))
}
