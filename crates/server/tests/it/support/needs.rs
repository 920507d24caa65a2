//! What some proofs need of the machine. A proof that cannot run is a failed
//! proof; a person may say that a machine lacks something, and then it is told.

use std::io::Write as _;
use std::process::Command;

/// Writes a line to the output of the test.
pub(crate) fn note(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// Whether the proof runs here. It does, unless the variable
/// `TIDEGATE_WITHOUT` names what it needs (`strace`, `fuse`, `mount` or `cryptography`).
pub(crate) fn may_use(need: &str) -> bool {
    let without = std::env::var("TIDEGATE_WITHOUT").unwrap_or_default();
    let named = without.split([',', ' ']).any(|word| word == need);
    if named {
        note(&format!(
            "NOT PROVEN: TIDEGATE_WITHOUT says that this machine has no {need}"
        ));
    }
    !named
}

/// Fails with what to do when strace is missing or may not trace.
pub(crate) fn expect_strace() {
    let traced = Command::new("strace")
        .args(["-qq", "-f", "-o", "/dev/null", "-e", "trace=fsync", "true"])
        .output();
    let remedy = "install the package strace and allow ptrace (in a container: \
                  --cap-add SYS_PTRACE), or set TIDEGATE_WITHOUT=strace to go without this proof";
    match traced {
        Err(error) => panic!("strace does not start ({error}); {remedy}"),
        Ok(output) if !output.status.success() => {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            panic!("strace may not trace here ({}); {remedy}", said.trim());
        }
        Ok(_) => {}
    }
}

/// Fails with what to do when Python or its library `cryptography` is missing.
pub(crate) fn expect_cryptography() {
    let found = Command::new("python3")
        .args(["-c", "import cryptography"])
        .output();
    assert!(
        found.is_ok_and(|output| output.status.success()),
        "install Python 3 with its library cryptography (the package python3-cryptography), \
         or set TIDEGATE_WITHOUT=cryptography to go without this proof"
    );
}

/// Fails with what to do: `reason` keeps a file system from being mounted.
pub(crate) fn cannot_mount(need: &str, reason: &str) -> ! {
    panic!(
        "no file system can be mounted here ({reason}); run as root (in a container: \
         --privileged), or set TIDEGATE_WITHOUT={need} to go without this proof"
    );
}
