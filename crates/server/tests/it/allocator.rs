//! How long a server keeps memory that nobody uses
//! (`docs/adr/042-memory-is-kept-for-ten-minutes.md`).

use crate::support::Server;
use crate::support::launch::Launch;

const SETTING: &str = "MIMALLOC_PURGE_DELAY=";

/// The setting in the environment of a server, which is that of the process that was started:
/// all that is asked of it is asked under its number.
fn setting(server: &Server) -> Option<String> {
    let path = format!("/proc/{}/environ", server.process());
    let environment = std::fs::read(path).expect("the environment of a running server");
    let environment = String::from_utf8(environment).expect("text");
    let mut all = environment.split('\0');
    all.find_map(|one| one.strip_prefix(SETTING))
        .map(str::to_owned)
}

fn start(under: &[&str]) -> (tempfile::TempDir, Server) {
    let home = tempfile::tempdir().expect("a directory");
    let under = under.iter().map(|&word| word.to_owned()).collect();
    let launch = Launch::at(home.path()).under(under);
    let started = launch.options(&["--core-dumps", "on"]).start();
    let server = started.unwrap_or_else(|ended| panic!("it ended at its start: {}", ended.log));
    (home, server)
}

#[test]
fn a_server_keeps_memory_for_ten_minutes() {
    let (_home, server) = start(&[]);
    assert_eq!(setting(&server).as_deref(), Some("600000"));
    server.get(&server.master(), "/v1/pools").expect(200);
}

#[test]
fn a_server_that_is_told_for_how_long_keeps_it_so_long() {
    let given = format!("{SETTING}1000");
    let (_home, server) = start(&["env", &given]);
    assert_eq!(setting(&server).as_deref(), Some("1000"));
    server.get(&server.master(), "/v1/pools").expect(200);
}
