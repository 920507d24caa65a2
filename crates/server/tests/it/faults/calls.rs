//! The n-th system call of a kind fails, once or for ever. Nothing that is
//! acknowledged is lost by it, and the next start finds everything in order.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::ledger::Ledger;
use crate::support::launch::{Ended, Launch, limits};
use crate::support::needs::{expect_strace, may_use, note};
use crate::support::upkeep::Upkeep;
use crate::support::{Server, cases};

/// The highest n of the long form.
const LAST: usize = 200;
/// After so many cases, or batches, the data is made anew, so that starts stay short.
const CASES_PER_HOME: usize = 12;
const BATCHES_PER_HOME: usize = 2_000;
/// Files of records that are there from the start.
const FILES: u64 = 9;
/// What the server ends with when its journal cannot be trusted any more.
const FATAL: i32 = 74;

/// A system call that is made to fail.
#[derive(Clone, Copy, Debug)]
struct Call {
    name: &'static str,
    error: &'static str,
    /// Whether calls on files must be let through that are not there before
    /// the server is, or are not its own.
    only_data: bool,
    /// Whether one for a file of records must fail as well.
    in_tables: bool,
}

const SYNC_DATA: Call = Call {
    name: "fdatasync",
    error: "EIO",
    only_data: false,
    in_tables: false,
};

/// What brings the bytes of a file of records and all names to stable storage.
const SYNC_ALL: Call = Call {
    name: "fsync",
    in_tables: true,
    ..SYNC_DATA
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
    fn command(&self, home: &Path) -> Vec<String> {
        let Call {
            name,
            error,
            only_data,
            ..
        } = self.call;
        let when = if self.for_ever { "+" } else { "" };
        let inject = format!("inject={name}:error={error}:when={}{when}", self.n);
        let trace = format!("trace={name}");
        let calls = calls_of(home).display().to_string();
        let mut command: Vec<String> = ["strace", "-D", "-f", "-y", "-qq", "--seccomp-bpf"]
            .map(str::to_owned)
            .into();
        command.extend(["-o", &calls, "-e", &trace, "-e", &inject].map(str::to_owned));
        if only_data {
            for path in data_paths(home) {
                command.extend(["-P".to_owned(), path.display().to_string()]);
            }
        }
        command
    }
}

/// Where strace writes what it saw.
fn calls_of(home: &Path) -> PathBuf {
    home.join("calls")
}

/// How many calls were made to fail in the last case, and how many of them
/// were for files of records.
fn failed_calls(home: &Path) -> (usize, usize) {
    let calls = std::fs::read(calls_of(home)).unwrap_or_default();
    let calls = String::from_utf8_lossy(&calls);
    let failed = || calls.lines().filter(|call| call.contains("(INJECTED)"));
    let in_tables = failed().filter(|call| call.contains("/data/tables"));
    (failed().count(), in_tables.count())
}

/// Every path of the server's own that is there or is known to come.
fn data_paths(home: &Path) -> Vec<PathBuf> {
    let data = home.join("data");
    let mut paths = vec![data.clone(), data.join("journal"), home.to_owned()];
    let known = [
        "data/lock",
        "data/control.sqlite",
        "data/control.sqlite-wal",
        "data/control.sqlite-journal",
        "data/control.ballast",
        "data/journal/lock",
        "data/journal/segment-00000000000000000001.log",
        "data/journal/segment-00000000000000000002.log",
        "data.pepper",
        "data.pepper.partial",
        "token",
        "token.partial",
    ];
    paths.extend(known.map(|name| home.join(name)));
    let mut directories = vec![data];
    while let Some(directory) = directories.pop() {
        let Ok(entries) = std::fs::read_dir(&directory) else {
            continue;
        };
        for entry in entries {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                directories.push(path.clone());
            }
            paths.push(path);
        }
    }
    paths.sort();
    paths.dedup();
    paths
}

/// Bytes that each record has more than it needs, so that a few batches fill a
/// segment of the journal.
const FILLS_SEGMENTS: usize = 900_000;
/// So that one or two batches are as much as is held in memory: upkeep writes
/// files all the time.
const FILLS_FILES: usize = 2_000;

/// Batches between two looks at whether a call failed, and after one did.
fn requests(padding: usize) -> usize {
    if padding < FILLS_SEGMENTS { 30 } else { 6 }
}

/// Data with a ledger of what must be in it.
struct Home {
    directory: tempfile::TempDir,
    ledger: Ledger,
    padding: usize,
}

impl Home {
    fn new(padding: usize) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let server = start(directory.path(), Vec::new(), 0).expect("a start");
        let ledger = Ledger::begin(&server).padded(padding);
        // As many files as are merged next; and their paths are known from now on.
        for flush in 1..=FILES {
            ledger.work(&server.address, 1, &|| {});
            Upkeep::wait_for(&server, |done| done.flushes >= flush && done.waiting == 0);
        }
        server.kill();
        Self {
            directory,
            ledger,
            padding,
        }
    }

    /// Works on a server whose calls fail, and checks what is left by it.
    fn fail(&self, case: Case, round: usize) -> Failed {
        let home = self.directory.path();
        let (code, started) = match start(home, case.command(home), round) {
            Ok(server) => {
                self.work_until_failed(&server, case.n);
                (server.end(), true)
            }
            Err(ended) => (ended.code, false),
        };
        let (calls, in_tables) = failed_calls(home);
        let server = start(home, Vec::new(), 0)
            .unwrap_or_else(|ended| panic!("no start after {case:?}: {}", ended.log));
        self.ledger
            .check(&server)
            .unwrap_or_else(|loss| panic!("after {case:?}: {loss}"));
        self.ledger.settle(&server);
        let settled = self.ledger.check(&server);
        settled.unwrap_or_else(|loss| panic!("settled after {case:?}: {loss}"));
        server.kill();
        Failed {
            calls,
            in_tables,
            started,
            code,
        }
    }

    /// Works until a thread came to its n-th call, and some more. How much that
    /// takes nobody can say: clients share syncs, and upkeep gathers what it writes.
    fn work_until_failed(&self, server: &Server, n: usize) {
        let requests = requests(self.padding);
        let work = || self.ledger.work(&server.address, requests, &|| {});
        for _ in 0..=n {
            work();
            if failed_calls(self.directory.path()).0 > 0 {
                break;
            }
        }
        work();
    }
}

/// What became of a server whose calls failed.
#[derive(Debug)]
struct Failed {
    calls: usize,
    /// Calls for files of records.
    in_tables: usize,
    started: bool,
    /// Its exit code, if it ended by itself.
    code: Option<i32>,
}

fn start(home: &Path, under: Vec<String>, round: usize) -> Result<Server, Ended> {
    Launch::at(home).options(limits(round)).under(under).start()
}

fn is_long() -> bool {
    cases(0, 1) == 1
}

/// The cases of a call: every n up to `last` in both ways, or in the short
/// form the sample of n, each in the one way or the other.
fn chosen(call: Call, sample: &[usize], last: usize) -> Vec<Case> {
    let both = |n| [false, true].map(|for_ever| Case { call, n, for_ever });
    if is_long() {
        return (1..=last).flat_map(both).collect();
    }
    let one = |(turn, n): (usize, &usize)| both(*n)[turn % 2];
    sample.iter().enumerate().map(one).collect()
}

/// Which limits the server of a case has: in the long form each n meets the
/// ones and the others, failing once and for ever.
fn round(case: Case, ran: usize) -> usize {
    if is_long() {
        case.n + usize::from(case.for_ever)
    } else {
        ran
    }
}

/// Runs the cases on data whose records have this padding. In every one of
/// them a call must fail: a workload that ends before the n-th call proves nothing.
fn prove(call: Call, sample: &[usize], last: usize, padding: usize) {
    if !may_use("strace") {
        return;
    }
    expect_strace();
    let mut home = Home::new(padding);
    let (mut calls, mut in_tables, mut started, mut ran) = (0, 0, 0, 0);
    let mut cases = VecDeque::from(chosen(call, sample, last));
    while let Some(case) = cases.pop_front() {
        let is_old = ran % CASES_PER_HOME == CASES_PER_HOME - 1;
        if is_old || home.ledger.acknowledged() > BATCHES_PER_HOME {
            home = Home::new(padding);
        }
        let failed = home.fail(case, round(case, ran));
        note(&format!("{case:?}: {failed:?}"));
        assert!(
            failed.calls > 0,
            "{case:?}: no thread came to its call of this number"
        );
        calls += failed.calls;
        in_tables += failed.in_tables;
        started += usize::from(failed.started);
        ran += 1;
        // Threads share the calls of a start, how is a matter of time: let through more of them.
        if cases.is_empty() && started == 0 && case.n < last {
            let n = (2 * case.n).min(last);
            cases.push_back(Case { n, ..case });
        }
    }
    assert!(
        started > 0,
        "not one server came up: nothing was asked of it"
    );
    note(&format!(
        "{}: {calls} failed in {ran} cases, {in_tables} for files of records",
        call.name
    ));
    // Which of few calls is for a file of records is a matter of time.
    assert!(
        in_tables > 0 || !call.in_tables || !is_long(),
        "{in_tables} of {calls}"
    );
}

#[test]
fn d4_a_failing_fdatasync_loses_nothing() {
    prove(SYNC_DATA, &[4, 9], LAST, 0);
}

#[test]
fn d4_a_failing_fsync_loses_nothing() {
    // Upkeep writes a file with the third and fourth of its own, names it with the sixth.
    prove(SYNC_ALL, &[8, 3, 6, 12, 4], LAST, 0);
}

#[test]
fn d4_a_failing_write_loses_nothing() {
    // One of the journal's ends the process, mostly before upkeep has come so far.
    let call = Call {
        name: "pwrite64",
        ..SYNC_DATA
    };
    prove(call, &[14, 5, 30], LAST, 0);
}

#[test]
fn d4_a_write_without_room_loses_nothing() {
    let call = Call {
        name: "pwrite64",
        error: "ENOSPC",
        ..SYNC_ALL
    };
    prove(call, &[11, 6, 25, 2], LAST, 0);
}

/// Every way to a new name.
const NAMES: &str = "rename,renameat,renameat2,link,linkat";

#[test]
fn d4_a_failing_rename_of_a_segment_loses_nothing() {
    let call = Call {
        name: NAMES,
        ..SYNC_ALL
    };
    // Segments begin with a rename, and take this much to be filled: a hundred
    // of them would take many gigabytes a case.
    prove(call, &[1, 2, 3], 12, FILLS_SEGMENTS);
}

#[test]
fn d4_a_failing_rename_of_files_loses_nothing() {
    let call = Call {
        name: NAMES,
        ..SYNC_ALL
    };
    // Files of records get their names by two, and versions of the Delta log by one.
    prove(call, &[5, 24, LAST], LAST, FILLS_FILES);
}

#[test]
fn d4_a_failing_open_loses_nothing() {
    let call = Call {
        name: "openat",
        ..SYNC_ALL
    };
    // The first ones are of libraries and settings, later ones of files that
    // come and go.
    prove(call, &[30, 12, 80, LAST], LAST, FILLS_FILES);
}

#[test]
fn d4_a_failing_open_of_what_is_there_loses_nothing() {
    let call = Call {
        name: "openat",
        only_data: true,
        ..SYNC_ALL
    };
    prove(call, &[10, 3, 6, 2], 40, 0);
}

#[test]
fn d4_a_failed_sync_of_the_journal_ends_the_process() {
    if !may_use("strace") {
        return;
    }
    expect_strace();
    let home = Home::new(0);
    for for_ever in [false, true] {
        let case = Case {
            call: SYNC_DATA,
            n: 12,
            for_ever,
        };
        assert_eq!(home.fail(case, 0).code, Some(FATAL), "{case:?}");
    }
}

#[test]
fn d4_a_first_start_that_fails_can_be_begun_again() {
    if !may_use("strace") {
        return;
    }
    expect_strace();
    let calls: [(&'static str, &[usize], usize); 5] = [
        ("write", &[1, 2], 4),
        ("fsync", &[1, 2, 9], 30),
        ("fdatasync", &[1], 4),
        ("rename,renameat,renameat2", &[1, 2, 3], 4),
        ("openat", &[3, 8, 13, 17], 40),
    ];
    let mut failed = 0;
    for (name, sample, last) in calls {
        for error in ["EIO", "ENOSPC"] {
            let call = Call {
                name,
                error,
                only_data: true,
                in_tables: false,
            };
            for case in chosen(call, sample, last) {
                failed += begin_twice(case);
            }
        }
    }
    assert!(failed > 0, "not one call was made to fail");
}

/// A first start whose calls fail, and a second one; answers how many failed.
fn begin_twice(case: Case) -> usize {
    let directory = tempfile::tempdir().expect("a directory");
    let home = directory.path();
    if let Ok(server) = start(home, case.command(home), 0) {
        server.kill();
    }
    let (calls, _) = failed_calls(home);
    let server = start(home, Vec::new(), 0)
        .unwrap_or_else(|ended| panic!("no start after {case:?}: {}", ended.log));
    let mut token = home.join("token");
    if !token.exists() {
        // The master key was made and its token was not handed over.
        server.kill();
        token = home.join("recovered");
        recover(home, &token);
        let server = start(home, Vec::new(), 0).expect("a start");
        expect_master(&server, &token);
    } else {
        expect_master(&server, &token);
    }
    calls
}

fn recover(home: &Path, token: &Path) {
    let recovered = Command::new(crate::support::BINARY)
        .args(["keys", "recover", "--data-dir"])
        .arg(home.join("data"))
        .arg("--admin-token-file")
        .arg(token)
        .output()
        .expect("it runs");
    let said = String::from_utf8_lossy(&recovered.stderr);
    assert!(recovered.status.success(), "{said}");
}

fn expect_master(server: &Server, token: &Path) {
    let token = std::fs::read_to_string(token).expect("a token");
    server.get(token.trim(), "/v1/whoami").expect(200);
}

#[test]
fn the_check_finds_what_is_missing() {
    let home = Home::new(0);
    let server = start(home.directory.path(), Vec::new(), 0).expect("a start");
    assert_eq!(home.ledger.check(&server), Ok(()));
    home.ledger.invent();
    let loss = home.ledger.check(&server).expect_err("it was never sent");
    assert!(loss.contains("is lost"), "{loss}");
}
