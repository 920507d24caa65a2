//! Python packages by exact version, in virtual environments in the user's
//! cache.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process::{self, Failure, Outcome};
use crate::repository::{self, Repository};

/// The virtual environment `name` with the packages of `requirements`, a file
/// of the checkout; made when it is not there or holds other versions.
///
/// # Errors
/// When Python, its venv module or the packages cannot be had.
pub(crate) fn environment(
    repository: &Repository,
    name: &str,
    requirements: &str,
) -> Outcome<PathBuf> {
    let wanted = repository.read(requirements)?;
    let home = repository::cache()?.join(name);
    let interpreter = home.join("bin").join("python");
    let installed = home.join("requirements.txt");
    let is_current = std::fs::read_to_string(&installed).is_ok_and(|text| text == wanted);
    if is_current && process::works(Command::new(&interpreter).arg("--version")) {
        return Ok(home);
    }
    python()?;
    process::run(
        Command::new("python3")
            .args(["-m", "venv", "--clear"])
            .arg(&home),
    )?;
    let mut install = Command::new(interpreter);
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
    Ok(home)
}

fn remember(path: &Path, text: &str) -> Outcome {
    std::fs::write(path, text)
        .map_err(|error| Failure::new(format!("{} cannot be written: {error}", path.display())))
}

/// Makes sure that Python can make virtual environments; installs the Debian
/// packages when this process may.
fn python() -> Outcome {
    if can_make_environments() {
        return Ok(());
    }
    let is_root = process::capture(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0");
    if !is_root || !process::works(Command::new("apt-get").arg("--version")) {
        return Err(Failure::new(
            "this needs Python 3 with its venv module: install the packages python3 and \
             python3-venv",
        ));
    }
    process::run(apt().arg("update"))?;
    process::run(
        apt()
            .args(["install", "-y", "--no-install-recommends"])
            .args(["python3", "python3-venv"]),
    )?;
    if can_make_environments() {
        return Ok(());
    }
    Err(Failure::new(
        "python3-venv is installed, and `python3 -m venv` still does not work",
    ))
}

fn apt() -> Command {
    let mut command = Command::new("apt-get");
    command.arg("-q").env("DEBIAN_FRONTEND", "noninteractive");
    command
}

fn can_make_environments() -> bool {
    process::works(Command::new("python3").args(["-c", "import ensurepip, venv"]))
}
