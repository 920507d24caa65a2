//! Node packages by exact version, in the user's cache.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::packages;
use crate::process::{self, Failure, Outcome};
use crate::repository::{self, Repository};

/// The folder `node_modules` with what the `package.json` and its lock file in
/// the folder `from` (its path from the root) name, made when it is not there
/// or when the lock file was changed. `name` names it in the cache. No script
/// of a package runs.
///
/// # Errors
/// When Node, npm or the packages cannot be had.
pub(crate) fn modules(repository: &Repository, name: &str, from: &str) -> Outcome<PathBuf> {
    let read = |file: &str| repository.read(&format!("{from}/{file}"));
    let (package, lock) = (read("package.json")?, read("package-lock.json")?);
    packages::need("this step needs Node 18", &["nodejs"], || {
        has_version("node", 18)
    })?;
    let home = repository::cache()?.join(name);
    let modules = home.join("node_modules");
    let installed = home.join("installed.json");
    let is_current = std::fs::read_to_string(&installed).is_ok_and(|text| text == lock);
    if is_current && modules.is_dir() {
        return Ok(modules);
    }
    packages::need("this step needs npm", &["npm"], || {
        process::works(Command::new("npm").arg("--version"))
    })?;
    std::fs::create_dir_all(&home)
        .map_err(|error| Failure::new(format!("{}: {error}", home.display())))?;
    write(&home.join("package.json"), &package)?;
    write(&home.join("package-lock.json"), &lock)?;
    let quietly = ["--ignore-scripts", "--no-audit", "--no-fund"];
    let mut install = Command::new("npm");
    process::run(install.current_dir(&home).arg("ci").args(quietly))?;
    // Written last: an installation cut short is begun anew.
    write(&installed, &lock)?;
    Ok(modules)
}

fn write(path: &Path, text: &str) -> Outcome {
    std::fs::write(path, text)
        .map_err(|error| Failure::new(format!("{} cannot be written: {error}", path.display())))
}

/// Whether `program` is there, in this major version or a newer one.
fn has_version(program: &str, major: u32) -> bool {
    let mut command = Command::new(program);
    let told = command.arg("--version").output();
    told.is_ok_and(|told| major_of(&String::from_utf8_lossy(&told.stdout)) >= Some(major))
}

/// The first number of a version such as `v20.1.0`.
fn major_of(version: &str) -> Option<u32> {
    let version = version.trim().trim_start_matches('v');
    version.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_major_version_is_a_number() {
        assert_eq!(major_of("v20.1.0\n"), Some(20));
        assert_eq!(major_of("9.5"), Some(9));
        assert_eq!(major_of(""), None);
        assert!(!has_version("no-such-program-anywhere", 0));
    }
}
