//! Debian packages that a step needs, installed when this process may.

use std::process::Command;

use crate::process::{self, Failure, Outcome};

/// Makes sure that what `works` looks for is there; installs `packages` when
/// it is not.
///
/// # Errors
/// When it is not there and cannot be installed: names `purpose`, and what a
/// person can do.
pub(crate) fn need(purpose: &str, packages: &[&str], works: impl Fn() -> bool) -> Outcome {
    if works() {
        return Ok(());
    }
    let list = packages.join(" ");
    let is_root = process::capture(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0");
    if !is_root || !process::works(Command::new("apt-get").arg("--version")) {
        return Err(Failure::new(format!(
            "{purpose}: install the packages {list}"
        )));
    }
    process::run(apt().arg("update"))?;
    process::run(
        apt()
            .args(["install", "-y", "--no-install-recommends"])
            .args(packages),
    )?;
    if works() {
        return Ok(());
    }
    Err(Failure::new(format!(
        "{purpose}: the packages {list} are installed, and it still does not work"
    )))
}

fn apt() -> Command {
    let mut command = Command::new("apt-get");
    command.arg("-q").env("DEBIAN_FRONTEND", "noninteractive");
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_installed_for_what_works() {
        assert!(need("a step", &["no-such-package"], || true).is_ok());
    }
}
