//! Starting a server that may not come up, or under another program's eyes.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::{Address, BINARY, Server, last_lines, read_addresses};

/// Options that make a server write records to files, merge files and free the
/// journal so often that a short run has everything in it. The fault proofs
/// start every server with them.
pub(crate) const SMALL_LIMITS: &[&str] = &[
    "--flush-bytes",
    "16KiB",
    "--flush-after",
    "1ms",
    "--purge-after",
    "2s",
];

/// The same, but that records stay in memory until they are many: what upkeep
/// does first is to merge the files that servers with [`SMALL_LIMITS`] left.
pub(crate) const MERGING_LIMITS: &[&str] = &[
    "--flush-bytes",
    "16KiB",
    "--flush-after",
    "1h",
    "--purge-after",
    "2s",
];

/// The limits of a round: the ones and the others in turn.
pub(crate) fn limits(round: usize) -> &'static [&'static str] {
    [SMALL_LIMITS, MERGING_LIMITS][round % 2]
}

/// A server that ended before it listened.
#[derive(Debug)]
pub(crate) struct Ended {
    /// Its exit code; none after a signal.
    pub(crate) code: Option<i32>,
    /// Its log of this start and those before in the same home.
    pub(crate) log: String,
}

/// How a server is started.
#[derive(Clone, Debug)]
pub(crate) struct Launch<'a> {
    home: &'a Path,
    listen: &'a str,
    options: Vec<String>,
    under: Vec<String>,
}

impl<'a> Launch<'a> {
    /// A start in `home`, whose data, pepper, token and log lie there.
    pub(crate) fn at(home: &'a Path) -> Self {
        Self {
            home,
            listen: "127.0.0.1:0",
            options: Vec::new(),
            under: Vec::new(),
        }
    }

    /// On an address of the caller's choice.
    pub(crate) fn listen(mut self, listen: &'a str) -> Self {
        self.listen = listen;
        self
    }

    /// With further options.
    pub(crate) fn options(mut self, options: &[&str]) -> Self {
        self.options
            .extend(options.iter().map(|&option| option.to_owned()));
        self
    }

    /// By another program, which must become the server itself: the process
    /// that is started is the one that is killed.
    pub(crate) fn under(mut self, command: Vec<String>) -> Self {
        self.under = command;
        self
    }

    fn spawn(&self) -> Child {
        let mut command = match self.under.split_first() {
            None => Command::new(BINARY),
            Some((program, arguments)) => {
                let mut command = Command::new(program);
                command.args(arguments).arg(BINARY);
                command
            }
        };
        command
            .args(["serve", "--listen", self.listen])
            .args(["--admin-listen", "127.0.0.1:0"])
            .args(["--journal-segment-bytes", "32MiB", "--log-level", "debug"])
            .arg("--data-dir")
            .arg(self.home.join("data"))
            .args(&self.options)
            .env_clear()
            .current_dir(self.home)
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        if let (false, Some(path)) = (self.under.is_empty(), std::env::var_os("PATH")) {
            command.env("PATH", path);
        }
        // Else a tracer that is not root sees calls and not what they are about.
        if self
            .under
            .first()
            .is_some_and(|program| program == "strace")
        {
            command.args(["--core-dumps", "on"]);
        }
        if !self.home.join("token").exists() {
            command
                .arg("--admin-token-file")
                .arg(self.home.join("token"));
        }
        command.spawn().expect("the program starts")
    }

    /// Starts it; it answers when this returns a server.
    pub(crate) fn start(&self) -> Result<Server, Ended> {
        let mut child = self.spawn();
        match read_addresses(&mut child, self.home) {
            Some((api, operations)) => Ok(Server {
                child,
                address: Address(api),
                operations,
                home: self.home.to_path_buf(),
            }),
            None => Err(Ended {
                code: child.wait().expect("ended").code(),
                log: last_lines(self.home),
            }),
        }
    }
}
