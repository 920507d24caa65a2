//! A server under test: started on free ports, stopped in any case.

use std::fs::OpenOptions;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::process::{self, Failure, Outcome, Stopwatch};

/// How long the server may take until it answers.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running `tidegate serve`.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    address: SocketAddr,
    folder: PathBuf,
    token: String,
}

impl Server {
    /// Starts the binary below `folder`, where it may have run before; when this
    /// returns, it answers and its admin's token has been read.
    ///
    /// # Errors
    /// When it does not start, ends, or does not answer within a minute.
    pub(crate) fn start(binary: &Path, folder: &Path, options: &[&str]) -> Outcome<Self> {
        let told = |error: std::io::Error| Failure::new(format!("{}: {error}", binary.display()));
        let logs = folder.join("log");
        std::fs::create_dir_all(&logs).map_err(told)?;
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(logs.join("server.log"))
            .map_err(told)?;
        // Both are held until both are known, so that they differ.
        let free = [
            TcpListener::bind("127.0.0.1:0"),
            TcpListener::bind("127.0.0.1:0"),
        ];
        let [address, admin] = free.map(|port| port.and_then(|listener| listener.local_addr()));
        let (address, admin) = (address.map_err(told)?, admin.map_err(told)?);
        let token_file = folder.join("token");
        let mut command = Command::new(binary);
        for (name, _) in std::env::vars_os() {
            if name
                .to_str()
                .is_some_and(|name| name.starts_with("TIDEGATE_"))
            {
                command.env_remove(name);
            }
        }
        let is_first = !token_file.exists();
        let child = command
            .current_dir(folder)
            .args(["serve", "--data-dir", "data"])
            .args([
                "--listen",
                &address.to_string(),
                "--admin-listen",
                &admin.to_string(),
            ])
            .args(is_first.then(|| format!("--admin-token-file={}", token_file.display())))
            .args(options)
            .stdin(Stdio::null())
            .stdout(log.try_clone().map_err(told)?)
            .stderr(log)
            .spawn()
            .map_err(told)?;
        let folder = folder.to_path_buf();
        let mut server = Self {
            child,
            address,
            folder,
            token: String::new(),
        };
        server.wait_until_ready()?;
        server.token = std::fs::read_to_string(&token_file)
            .map_err(told)?
            .trim()
            .to_owned();
        if server.token.is_empty() {
            return Err(Failure::new("the server wrote an empty token"));
        }
        Ok(server)
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The folder that holds its data, its log and its token.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The token of its admin.
    pub(crate) fn token(&self) -> &str {
        &self.token
    }

    /// Sends JSON as the admin; answers the whole answer.
    ///
    /// # Errors
    /// When the answer is not a 2xx.
    pub(crate) fn post(&self, path: &str, body: &str) -> Outcome<String> {
        self.ask("POST", path, body)
    }

    /// Sends JSON as the admin; answers the JSON that comes back.
    ///
    /// # Errors
    /// When the answer is not a 2xx, or no JSON.
    pub(crate) fn call(&self, method: &str, path: &str, body: &Value) -> Outcome<Value> {
        let body = match body {
            Value::Null => String::new(),
            body => body.to_string(),
        };
        let answer = self.ask(method, path, &body)?;
        let (_, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
        if body.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_str(body).map_err(|error| {
            Failure::new(format!("{method} {path} was answered {body:?}: {error}"))
        })
    }

    /// Makes sure that the admin's key is still what it was.
    ///
    /// # Errors
    /// When a run spoiled its own credential, so that what it tried after that proved nothing.
    pub(crate) fn still_admin(&self) -> Outcome {
        self.ask("GET", "/v1/keys", "").map(|_| ())
    }

    fn ask(&self, method: &str, path: &str, body: &str) -> Outcome<String> {
        let told = |error: std::io::Error| Failure::new(format!("{method} {path}: {error}"));
        let mut stream = TcpStream::connect(self.address).map_err(told)?;
        stream.set_read_timeout(Some(PATIENCE)).map_err(told)?;
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            self.address,
            self.token,
            body.len()
        );
        stream.write_all(request.as_bytes()).map_err(told)?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).map_err(told)?;
        let text = String::from_utf8_lossy(&answer).into_owned();
        if answer.starts_with(b"HTTP/1.1 2") {
            return Ok(text);
        }
        Err(Failure::new(format!(
            "{method} {path} was answered:\n{text}"
        )))
    }

    /// Ends the server.
    ///
    /// # Errors
    /// When it had already ended by itself.
    pub(crate) fn stop(&mut self) -> Outcome {
        self.alive()?;
        let ended = self.child.kill().and_then(|()| self.child.wait());
        ended
            .map(|_| ())
            .map_err(|error| Failure::new(format!("the server cannot be stopped: {error}")))
    }

    /// Tells it to stop, as an operator does, and waits for its end.
    ///
    /// # Errors
    /// When it had ended by itself, or does not end well.
    pub(crate) fn terminate(mut self) -> Outcome {
        self.alive()?;
        let id = self.child.id().to_string();
        process::capture(Command::new("kill").args(["-TERM", &id]))?;
        let ended = self.child.wait();
        let ended = ended.map_err(|error| Failure::new(format!("the server: {error}")))?;
        match ended.success() {
            true => Ok(()),
            false => Err(Failure::new(format!(
                "the server was told to stop and ended with {ended}\n{}",
                self.log_end()
            ))),
        }
    }

    /// The last lines of its log.
    pub(crate) fn log_end(&self) -> String {
        let log = std::fs::read(self.folder.join("log").join("server.log")).unwrap_or_default();
        let text = String::from_utf8_lossy(&log);
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(30)..].join("\n")
    }

    fn alive(&mut self) -> Outcome {
        match self.child.try_wait() {
            Ok(None) => Ok(()),
            Ok(Some(status)) => {
                let log = self.log_end();
                Err(Failure::new(format!(
                    "the server ended by itself ({status})\n{log}"
                )))
            }
            Err(error) => Err(Failure::new(format!(
                "the server cannot be watched: {error}"
            ))),
        }
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "another process tells only by its port that it is ready"
    )]
    fn wait_until_ready(&mut self) -> Outcome {
        let watch = Stopwatch::start();
        while TcpStream::connect(self.address).is_err() {
            self.alive()?;
            if watch.elapsed() > PATIENCE {
                let log = self.log_end();
                return Err(Failure::new(format!("the server does not answer\n{log}")));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended; then there is nothing to stop.
        let _ended = self.child.kill().and_then(|()| self.child.wait());
    }
}
