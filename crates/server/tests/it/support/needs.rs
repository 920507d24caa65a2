//! What some proofs need of the machine. A proof that cannot run is a failed
//! proof; a person may say that a machine lacks something, and then it is told.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::Command;

/// Writes a line to the output of the test.
pub(crate) fn note(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// Whether the proof runs here. It does, unless the variable
/// `TIDEGATE_WITHOUT` names what it needs (`strace`, `fuse`, `mount`, `cryptography`,
/// `faketime` or `netns`).
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

/// The library that shows a program another time; fails with what to do when it
/// is missing.
pub(crate) fn libfaketime() -> PathBuf {
    const LIBRARY: &str = "faketime/libfaketimeMT.so.1";
    let entries = std::fs::read_dir("/usr/lib").into_iter().flatten();
    let folders = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let folders = folders.chain([PathBuf::from("/usr/lib"), PathBuf::from("/usr/lib64")]);
    let mut found = folders.map(|folder| folder.join(LIBRARY));
    found.find(|library| library.exists()).expect(
        "install the package faketime, or set TIDEGATE_WITHOUT=faketime to go without this proof",
    )
}

/// The options by which `unshare` gives a network of one's own here, in which
/// loopback can be switched on; fails with what to do when it gives none.
pub(crate) fn own_network() -> &'static [&'static str] {
    const WAYS: [&[&str]; 2] = [&["--net"], &["--map-root-user", "--net"]];
    let works = |way: &&[&str]| {
        let mut unshare = Command::new("unshare");
        let up = ["ip", "link", "set", "lo", "up"];
        let ran = unshare.args(*way).args(up).output();
        ran.is_ok_and(|output| output.status.success())
    };
    let found = WAYS.into_iter().find(works);
    found.expect(
        "no network namespace can be made here; install the packages util-linux and iproute2 and run as \
         root (in a container: --cap-add SYS_ADMIN), or set TIDEGATE_WITHOUT=netns to go without this proof",
    )
}
