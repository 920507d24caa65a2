//! Known weaknesses of dependencies: checked where the data is at hand.

use std::path::Path;

use crate::process::{self, Failure, Outcome};
use crate::repository::Repository;

/// Checks the lock file against the advisory database in the folder that
/// `TIDEGATE_ADVISORY_DB` names, and says so clearly when it cannot.
///
/// # Errors
/// When an advisory applies, or the named folder does not exist.
pub(crate) fn run(repository: &Repository) -> Outcome {
    let Some(folder) = std::env::var_os("TIDEGATE_ADVISORY_DB") else {
        println!(
            "advisories: NOT CHECKED; set TIDEGATE_ADVISORY_DB to a clone of the RustSec \
             advisory database"
        );
        return Ok(());
    };
    let folder = Path::new(&folder);
    if !folder.is_dir() {
        let shown = folder.display();
        return Err(Failure::new(format!(
            "TIDEGATE_ADVISORY_DB is no folder: {shown}"
        )));
    }
    if !process::works(&mut process::cargo(
        repository.root(),
        &["audit", "--version"],
    )) {
        println!("advisories: NOT CHECKED; cargo-audit is not installed");
        return Ok(());
    }
    let mut audit = process::cargo(
        repository.root(),
        &["audit", "--no-fetch", "--stale", "--db"],
    );
    process::run(audit.arg(folder))
}
