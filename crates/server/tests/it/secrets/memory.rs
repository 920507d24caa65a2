//! What the memory of a server gives away (K4): a core of the process, and what
//! other programs read of it while it runs. By default it gives nothing; what it
//! would give is told, since nobody can promise that it is nothing
//! (`docs/adr/041-memory-is-written-to-no-file.md`).

use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::os::unix::process::ExitStatusExt as _;
use std::process::Command;

use super::*;
use crate::support::cases;
use crate::support::launch::Launch;
use crate::support::needs::note;

const SIGABRT: i32 = 6;
const PAGE: usize = 4 << 10;
const PART: usize = 256 * PAGE;

/// What starts a program that may not read the memory of every process, as root may.
fn as_any_user() -> Vec<String> {
    let own = std::fs::metadata("/proc/self").expect("this process");
    match own.uid() {
        0 => ["setpriv", "--bounding-set=-sys_ptrace"]
            .map(str::to_owned)
            .to_vec(),
        _ => Vec::new(),
    }
}

/// Whether another program of the same user may open this of the process.
fn opens(process: u32, what: &str) -> bool {
    let mut command = as_any_user();
    let open = format!("exec 3</proc/{process}/{what}");
    command.extend(["sh", "-c", &open].map(str::to_owned));
    let opened = Command::new(&command[0]).args(&command[1..]).output();
    opened.expect("it runs").status.success()
}

/// Lets cores of the process be as large as they like, where this may be said from outside.
fn allow_cores(process: u32) -> bool {
    let of = process.to_string();
    let raised = Command::new("prlimit")
        .args(["--pid", &of, "--core=unlimited"])
        .output();
    raised.expect("prlimit runs").status.success()
}

fn start(home: &Path, options: &[&str]) -> Server {
    let launch = Launch::at(home).under(as_any_user()).options(options);
    let started = launch.start();
    started.unwrap_or_else(|ended| panic!("the server ended at its start: {}", ended.log))
}

/// The names of what is in a home.
fn names(home: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(home).expect("a directory");
    let names = entries.map(|entry| entry.expect("an entry").file_name());
    let mut names: Vec<_> = names
        .map(|name| name.to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn k4_the_memory_of_a_server_goes_to_no_file_and_to_no_other_program() {
    let home = tempfile::tempdir().expect("a directory");
    let server = start(home.path(), &[]);
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", server.process()));
    let limits = limits.expect("limits");
    let cores = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max core file size"));
    let cores: Vec<&str> = cores.expect("a limit").split_whitespace().collect();
    assert_eq!(cores, ["0", "0", "bytes"]);
    assert!(!opens(server.process(), "mem"));
    // Where root takes the limit away there is still no core: what collects
    // cores by a program of its own is asked by no limit.
    let _ = allow_cores(server.process());
    let ended = server.abort();
    assert_eq!(ended.signal(), Some(SIGABRT));
    assert!(!ended.core_dumped());
    let all = ["data", "data.pepper", "log", "token"];
    assert_eq!(names(home.path()), all, "and no core");
}

/// What would be found, where it is allowed.
#[test]
fn k4_a_core_is_written_and_memory_is_read_where_the_operator_wants_it() {
    let home = tempfile::tempdir().expect("a directory");
    let server = start(home.path(), &["--core-dumps", "on"]);
    assert!(opens(server.process(), "mem"));
    let is_allowed = allow_cores(server.process());
    let ended = server.abort();
    assert_eq!(ended.signal(), Some(SIGABRT));
    let pattern = std::fs::read_to_string("/proc/sys/kernel/core_pattern");
    let pattern = pattern.expect("where cores go");
    if is_allowed && pattern.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        assert!(ended.core_dumped());
        assert_eq!(names(home.path()).len(), 5, "a core is there");
    } else {
        note(&format!("cores go to {} here", pattern.trim()));
    }
}

/// What a core of a process would hold: its own memory that is not empty.
fn memory(process: u32) -> Vec<u8> {
    let maps = std::fs::read_to_string(format!("/proc/{process}/maps")).expect("maps");
    let memory = std::fs::File::open(format!("/proc/{process}/mem")).expect("memory");
    let (empty, mut part) = (vec![0_u8; PAGE], vec![0_u8; PART]);
    let mut found = Vec::new();
    for line in maps.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        // Addresses, rights, offset, device, and the file that it is of.
        let (range, is_own) = (words[0], words[1].starts_with("rw") && words[4] == "0");
        let address = |text: &str| u64::from_str_radix(text, 16).expect("an address");
        let (start, end) = range.split_once('-').expect("a range");
        let (mut at, end) = (address(start), address(end));
        while is_own && at < end {
            let length = usize::try_from(end - at).expect("a length").min(PART);
            if memory.read_exact_at(&mut part[..length], at).is_ok() {
                let pages = part[..length].chunks(PAGE);
                let pages = pages.filter(|page| **page != empty[..page.len()]);
                pages.for_each(|page| found.extend_from_slice(page));
            }
            at += length as u64;
        }
    }
    found
}

fn count(bytes: &[u8], needle: &[u8]) -> usize {
    let first = needle[0];
    let places = bytes.iter().enumerate().filter(|(_, byte)| **byte == first);
    places
        .filter(|(at, _)| bytes[*at..].starts_with(needle))
        .count()
}

/// A measurement beside the promise. Its scan is shown to work by what must be there.
#[test]
fn k4_what_memory_holds_of_tokens_is_told() {
    let home = tempfile::tempdir().expect("a directory");
    let launch = Launch::at(home.path()).options(&["--core-dumps", "on"]);
    let server = launch.start();
    let server = server.unwrap_or_else(|ended| panic!("{}", ended.log));
    let master = server.master();
    let (given, _) = every_token(&server, &master);
    let pepper = std::fs::read_to_string(home.path().join("data.pepper")).expect("a pepper");
    let pepper = pepper.trim().as_bytes().chunks(2).map(|digits| {
        let digits = std::str::from_utf8(digits).expect("digits");
        u8::from_str_radix(digits, 16).expect("a byte")
    });
    let pepper: Vec<u8> = pepper.collect();
    // One of them where the others would take long.
    let told = &given.0[..cases(1, given.0.len())];
    for further in [0, 500] {
        for _ in 0..further {
            server.get(&master, "/v1/whoami").expect(200);
        }
        let memory = memory(server.process());
        assert!(count(&memory, &pepper) > 0, "the pepper is there");
        for (name, token) in told {
            let hits = count(&memory, token.as_bytes());
            note(&format!(
                "{name}: {hits} times in {} KiB, {further} requests later",
                memory.len() >> 10
            ));
        }
    }
}
