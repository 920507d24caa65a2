//! The binary is killed (`kill -9`) right after it acknowledged something, or
//! in the midst of many acknowledgements, and started again on the same files:
//! what has ended stays ended, what was used up stays used up, and the audit
//! is whole. Other tests of the same promises hold open files of a process
//! that lives on (`crates/control`); this is the process itself.

mod batches;
mod codes;
mod credits;
mod faked;
mod keys;
pub(crate) mod nonces;
mod replies;
mod usage;

use std::path::Path;
use std::sync::mpsc;

use serde_json::Value;

use crate::support::{Address, Server};

/// Lets `clients` work at once until `until` acknowledgements were told, then
/// kills the server, and starts another one on the same files once the clients
/// have noticed. Between the two the audit is looked at, as the kill left it.
///
/// A client works until it gets no answer.
fn killed_at_work<F>(home: &Path, server: Server, clients: Vec<F>, until: usize) -> Server
where
    F: FnOnce(Address, mpsc::Sender<()>) + Send,
{
    killed_at_work_with(home, server, clients, until, &[])
}

/// The same, where the other server has further options.
fn killed_at_work_with<F>(
    home: &Path,
    server: Server,
    clients: Vec<F>,
    until: usize,
    options: &[&str],
) -> Server
where
    F: FnOnce(Address, mpsc::Sender<()>) + Send,
{
    std::thread::scope(|scope| {
        let (told, acknowledgements) = mpsc::channel();
        let clients: Vec<_> = clients
            .into_iter()
            .map(|client| {
                let (address, told) = (server.address.clone(), told.clone());
                scope.spawn(move || client(address, told))
            })
            .collect();
        drop(told);
        // All clients may be done before.
        let _counted = acknowledgements.iter().take(until).count();
        server.kill();
        clients
            .into_iter()
            .for_each(|client| client.join().expect("a client"));
    });
    verify_audit(home);
    Server::start_with(home, options)
}

/// Lets the binary verify the audit of a server that does not run (K20).
fn verify_audit(home: &Path) {
    let mut verify = std::process::Command::new(crate::support::BINARY);
    verify
        .args(["audit", "verify", "--data-dir", "data", "--json"])
        .current_dir(home)
        .env_clear();
    let output = verify.output().expect("it runs");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(0), "{said}");
    let report: Value = serde_json::from_str(&said).expect("a report");
    assert_eq!(report["sound"], true, "{said}");
}
