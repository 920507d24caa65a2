//! The dialect before the clients that are not ours: Keen's libraries for
//! Python, for Node and for the browser, as they are published, against a
//! running server. The programs of `xtask/keen` call them and compare every
//! answer. What this writes down of its own is where the server is and which
//! keys it gave.

mod namespace;

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::packages;
use crate::process::{self, Failure, Outcome};
use crate::repository::Repository;
use crate::server::Server;
use crate::workplace::Workplace;
use crate::{node, python};

const HOME: &str = "xtask/keen";

/// The name that the certificate of the server in its namespace is for.
const HOST: &str = "keen.test";

/// Under which of these names a browser is installed.
const BROWSERS: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

/// Runs every client against the server that the step `build` made.
///
/// # Errors
/// When the libraries, a browser or a network namespace cannot be had, or a
/// client is answered otherwise than it must be.
pub(crate) fn run(repository: &Repository) -> Outcome {
    let programs = Programs::install(repository)?;
    let namespace = namespace::Namespace::find()?;
    let binary = repository.target()?.join("debug").join("tidegate");
    let folder = Workplace::create("keen")?;
    let server = Server::start(&binary, folder.path(), &[])?;
    let project = Project::of(&server)?;
    let chart = repository.target()?.join("keen").join("charts.png");
    let chart = chart.to_string_lossy();
    let over_http = [
        programs.python("client.py"),
        programs.node("browser.cjs", &[&programs.browser, &chart]),
        programs.node("bundle.cjs", &[]),
        programs.node("tracking.cjs", &[]),
    ];
    for mut command in over_http {
        let origin = format!("http://{}", server.address());
        process::run(project.tell(&mut command, &origin)).map_err(|failure| {
            let log = server.log_end();
            Failure::new(format!("{failure}\nthe end of the server's log:\n{log}"))
        })?;
    }
    println!("the charts are in {chart}");
    server.terminate()?;

    let authority = namespace::authority(folder.path(), HOST)?;
    let place = folder.path().to_string_lossy();
    let inner = programs.node("analysis.cjs", &[&binary.to_string_lossy(), &place, HOST]);
    let mut command =
        namespace.enter(&repository.root().join(HOME), folder.path(), HOST, &inner)?;
    command.env("NODE_EXTRA_CA_CERTS", authority);
    process::run(project.tell(&mut command, &format!("https://{HOST}")))?;
    for (name, key) in &project.keys {
        folder.nowhere(&format!("the {name}"), key)?;
    }
    Ok(())
}

/// The programs of `xtask/keen` and what runs them.
#[derive(Debug)]
struct Programs {
    scripts: PathBuf,
    python: PathBuf,
    modules: PathBuf,
    browser: String,
}

impl Programs {
    fn install(repository: &Repository) -> Outcome<Self> {
        let requirements = format!("{HOME}/requirements.txt");
        let environment = python::environment(repository, "keen", &requirements, "python")?;
        let modules = node::modules(repository, "keen-node", HOME)?;
        packages::need("this step needs a browser", &["chromium"], || {
            browser().is_some()
        })?;
        let browser = browser().ok_or_else(|| Failure::new("there is no browser"))?;
        Ok(Self {
            scripts: repository.root().join(HOME),
            python: environment.join("python"),
            modules,
            browser: browser.to_owned(),
        })
    }

    fn python(&self, script: &str) -> Command {
        let mut command = Command::new(&self.python);
        command
            .arg(self.scripts.join(script))
            .env("PYTHONDONTWRITEBYTECODE", "1");
        command
    }

    fn node(&self, script: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new("node");
        command
            .arg(self.scripts.join(script))
            .args(arguments)
            .env("NODE_PATH", &self.modules);
        command
    }
}

/// A browser of this machine.
pub(crate) fn browser() -> Option<&'static str> {
    let works = |name: &&str| process::works(Command::new(name).arg("--version"));
    BROWSERS.into_iter().find(works)
}

/// The project's id and keys, as the libraries' own variables name them.
#[derive(Debug)]
struct Project {
    id: String,
    keys: Vec<(&'static str, String)>,
}

impl Project {
    /// Switches the dialect on for the project, scoped keys included.
    fn of(server: &Server) -> Outcome<Self> {
        let body = serde_json::json!({ "scoped_keys": true });
        let made = server.call("POST", "/v1/projects/default/keen", &body)?;
        let text = |member: &str| {
            let text = made[member].as_str().map(str::to_owned);
            text.ok_or_else(|| Failure::new(format!("the answer has no {member}: {made}")))
        };
        let mut keys = Vec::new();
        for name in ["write_key", "read_key", "master_key"] {
            keys.push((name, text(name)?));
        }
        Ok(Self {
            id: text("project_id")?,
            keys,
        })
    }

    /// Tells a program where the server is and what it may do there.
    fn tell<'a>(&self, command: &'a mut Command, origin: &str) -> &'a mut Command {
        command
            .env("KEEN_BASE_URL", origin)
            .env("KEEN_PROJECT_ID", &self.id);
        for (name, key) in &self.keys {
            command.env(format!("KEEN_{}", name.to_ascii_uppercase()), key);
        }
        command
    }
}

/// The text of a path that a shell's argument can hold.
fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
