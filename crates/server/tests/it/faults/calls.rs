//! The n-th system call of a kind fails, once or for ever. Nothing that is
//! acknowledged is lost by it, and the next start finds everything in order.

use std::path::{Path, PathBuf};

use super::ledger::Ledger;
use crate::support::launch::{Ended, Launch, SMALL_LIMITS};
use crate::support::needs::{expect_strace, may_use};
use crate::support::{Server, cases};

/// The highest n of the long form.
const LAST: usize = 200;
/// After so many cases the data is made anew, so that starts stay short.
const CASES_PER_HOME: usize = 12;
/// What the server ends with when its journal cannot be trusted any more.
const FATAL: i32 = 74;

/// A system call that is made to fail.
#[derive(Clone, Copy, Debug)]
struct Call {
    name: &'static str,
    error: &'static str,
    /// Whether calls on other files must be let through: sockets, libraries.
    only_data: bool,
}

const SYNC_DATA: Call = Call {
    name: "fdatasync",
    error: "EIO",
    only_data: false,
};

/// One way of failing.
#[derive(Clone, Copy, Debug)]
struct Case {
    call: Call,
    n: usize,
    for_ever: bool,
}

impl Case {
    /// The command that makes it so. strace counts the calls of each thread;
    /// with `-D` the process that is started becomes the server.
    fn command(&self, data: &Path) -> Vec<String> {
        let Call {
            name,
            error,
            only_data,
        } = self.call;
        let when = if self.for_ever { "+" } else { "" };
        let inject = format!("inject={name}:error={error}:when={}{when}", self.n);
        let trace = format!("trace={name}");
        let mut command: Vec<String> = ["strace", "-D", "-f", "-qq", "--seccomp-bpf"]
            .map(str::to_owned)
            .into();
        command.extend(["-o", "/dev/null", "-e", &trace, "-e", &inject].map(str::to_owned));
        if only_data {
            for path in data_paths(data) {
                command.extend(["-P".to_owned(), path.display().to_string()]);
            }
        }
        command
    }
}

/// Every path below the data directory that is there or is known to come.
fn data_paths(data: &Path) -> Vec<PathBuf> {
    let mut paths = Vec::new();
    let mut directories = vec![data.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(&directory).expect("a directory") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                directories.push(path);
            } else {
                paths.push(path);
            }
        }
        paths.push(directory);
    }
    for name in ["control.sqlite-wal", "control.sqlite-journal"] {
        paths.push(data.join(name));
    }
    paths.sort();
    paths.dedup();
    paths
}

/// How many requests reach the n-th call of the journal's thread for sure:
/// clients share syncs, and a start has some of its own.
fn requests(n: usize) -> usize {
    3 * n + 12
}

/// Data with a ledger of what must be in it.
struct Home {
    directory: tempfile::TempDir,
    ledger: Ledger,
}

impl Home {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let server = start(directory.path(), Vec::new()).expect("a start");
        let ledger = Ledger::begin(&server);
        ledger.work(&server.address, 6, &|| {});
        server.kill();
        Self { directory, ledger }
    }

    /// Works on a server whose calls fail; answers its exit code if it ended
    /// by itself.
    fn fail(&self, case: Case) -> Option<i32> {
        let home = self.directory.path();
        let ended = match start(home, case.command(&home.join("data"))) {
            Ok(server) => {
                self.ledger.work(&server.address, requests(case.n), &|| {});
                server.end()
            }
            Err(ended) => ended.code,
        };
        let server = start(home, Vec::new())
            .unwrap_or_else(|ended| panic!("no start after {case:?}: {}", ended.log));
        self.ledger
            .check(&server)
            .unwrap_or_else(|loss| panic!("after {case:?}: {loss}"));
        self.ledger.settle(&server);
        let settled = self.ledger.check(&server);
        settled.unwrap_or_else(|loss| panic!("settled after {case:?}: {loss}"));
        server.kill();
        ended
    }
}

fn start(home: &Path, under: Vec<String>) -> Result<Server, Ended> {
    Launch::at(home).options(SMALL_LIMITS).under(under).start()
}

/// Runs every n with both ways of failing, or the given sample of n.
fn prove(call: Call, sample: &[usize]) {
    if !may_use("strace") {
        return;
    }
    expect_strace();
    let chosen: Vec<usize> = (1..=LAST)
        .filter(|n| sample.contains(n) || cases(0, 1) == 1)
        .collect();
    let mut home = Home::new();
    let mut ran = 0;
    for (turn, n) in chosen.into_iter().enumerate() {
        // The short form takes turns; the long form has both.
        for for_ever in [false, true] {
            if cases(0, 1) == 0 && for_ever != (turn % 2 == 1) {
                continue;
            }
            if ran % CASES_PER_HOME == CASES_PER_HOME - 1 {
                home = Home::new();
            }
            home.fail(Case { call, n, for_ever });
            ran += 1;
        }
    }
    assert!(ran >= sample.len(), "{ran} cases");
}

#[test]
fn a_failing_fdatasync_loses_nothing() {
    prove(SYNC_DATA, &[2, 9]);
}

#[test]
fn a_failing_fsync_loses_nothing() {
    let call = Call {
        name: "fsync",
        ..SYNC_DATA
    };
    prove(call, &[1, 3, 8]);
}

#[test]
fn a_failing_write_loses_nothing() {
    let call = Call {
        name: "pwrite64",
        ..SYNC_DATA
    };
    prove(call, &[5, 14]);
    let call = Call {
        name: "write",
        only_data: true,
        ..SYNC_DATA
    };
    prove(call, &[2, 7]);
}

#[test]
fn a_write_without_room_loses_nothing() {
    let call = Call {
        name: "pwrite64",
        error: "ENOSPC",
        only_data: false,
    };
    prove(call, &[6, 11]);
    let call = Call {
        name: "write",
        error: "ENOSPC",
        only_data: true,
    };
    prove(call, &[3, 10]);
}

#[test]
fn a_failing_rename_loses_nothing() {
    let call = Call {
        name: "rename,renameat,renameat2",
        ..SYNC_DATA
    };
    prove(call, &[1, 2]);
}

#[test]
fn a_failing_open_loses_nothing() {
    let call = Call {
        name: "openat",
        only_data: true,
        ..SYNC_DATA
    };
    prove(call, &[2, 5]);
}

#[test]
fn a_failed_sync_of_the_journal_ends_the_process() {
    if !may_use("strace") {
        return;
    }
    expect_strace();
    let home = Home::new();
    for for_ever in [false, true] {
        let case = Case {
            call: SYNC_DATA,
            n: 12,
            for_ever,
        };
        assert_eq!(home.fail(case), Some(FATAL), "{case:?}");
    }
}

#[test]
fn the_check_finds_what_is_missing() {
    let home = Home::new();
    let server = start(home.directory.path(), Vec::new()).expect("a start");
    assert_eq!(home.ledger.check(&server), Ok(()));
    home.ledger.invent();
    let loss = home.ledger.check(&server).expect_err("it was never sent");
    assert!(loss.contains("is lost"), "{loss}");
}
